"""examples/messy_table.py in PyTorch, with pandas and scikit-learn for the table."""

import os
import tempfile

import numpy as np
import pandas as pd
import torch
from curvlinops import HessianLinearOperator, hutchinson_trace
from scipy.sparse.linalg import eigsh
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

QUICK = bool(os.environ.get("TINYGRAD_HESS_QUICK"))
ROWS, EPOCHS, PROBES = (400, 5, 2) if QUICK else (2000, 30, 60)


def people(rng):
    table = pd.DataFrame({"age": rng.integers(18, 80, ROWS), "bill": rng.gamma(2.0, 30.0, ROWS)})
    for name, values in ("plan", ["basic", "plus", "pro"]), ("city", ["Bern", "Oslo", "Rome"]):
        table[name] = rng.choice(values, ROWS)
    table["paperless"] = rng.random(ROWS) < 0.4
    likes = (table.age - 48) / 15 - table.bill / 90 + table.paperless + 2 * (table.plan == "pro")
    likes -= 1.5 * (table.plan == "basic") * (table.city == "Rome") + rng.normal(0, 0.7, ROWS)
    table["renews"] = np.where(likes > 0, "yes", "no")
    return table.assign(**{k: table[k].where(rng.random(ROWS) > 0.1) for k in ("age", "plan")})


with tempfile.TemporaryDirectory() as folder:
    people(np.random.default_rng(0)).to_csv(f"{folder}/people.csv", index_label="number")
    table = pd.read_csv(f"{folder}/people.csv").drop(columns="number")
prepare = make_column_transformer(
    (
        make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()),
        ["age", "bill"],
    ),
    (
        make_pipeline(
            SimpleImputer(strategy="constant", fill_value="missing"),
            OneHotEncoder(sparse_output=False, handle_unknown="ignore"),
        ),
        ["plan", "city"],
    ),
    ("passthrough", ["paperless"]),
)
x, y = table.drop(columns="renews"), (table.renews == "yes").astype(int).to_numpy()
train, test, train_y, test_y = train_test_split(x, y, test_size=0.2, stratify=y, random_state=0)
train_x = torch.from_numpy(prepare.fit_transform(train).astype(float))
test_x = torch.from_numpy(prepare.transform(test).astype(float))
train_y, test_y = torch.from_numpy(train_y), torch.from_numpy(test_y)
torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
model = nn.Sequential(nn.Linear(train_x.shape[1], 16), nn.Tanh(), nn.Linear(16, 2))
loss, opt = nn.CrossEntropyLoss(), torch.optim.AdamW(model.parameters(), lr=5e-3)
for _ in range(EPOCHS):
    for features, labels in DataLoader(TensorDataset(train_x, train_y), 64, shuffle=True):
        opt.zero_grad()
        value = loss(model(features), labels)
        value.backward()
        opt.step()
print(f"{train_x.shape[1]} features, {len(train)} + {len(test)} rows, loss {value.item():.3g}")
accuracy = (model(test_x).argmax(1) == test_y).double().mean().item()
print(f"test accuracy {accuracy:.1%} of {len(test)} rows")
new = pd.DataFrame(
    {"age": [30], "plan": ["pro"], "city": ["Bonn"], "paperless": [True], "bill": [20.0]}
)
logits = model(torch.from_numpy(prepare.transform(new).astype(float)))
chance = torch.softmax(logits, 1)[0, 1].item()
print(f"chance of renewal for someone of a city that was never seen: {chance:.2f}\n")
H = HessianLinearOperator(model, loss, list(model.parameters()), [(train_x, train_y)])
top = eigsh(H.to_scipy(), k=3, which="LA", return_eigenvectors=False, tol=1e-2)
print(f"largest eigenvalues {top[::-1]}, trace {hutchinson_trace(H, PROBES).item():.4g}")
