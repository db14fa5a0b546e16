"""examples/messy_table.py in Keras, which has no curvature, with scikit-learn for the table."""

import os
import tempfile

import keras
import numpy as np
import pandas as pd
from keras import layers
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

QUICK = bool(os.environ.get("TINYGRAD_HESS_QUICK"))
ROWS, EPOCHS = (400, 5) if QUICK else (2000, 30)


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
train_x = prepare.fit_transform(train).astype(float)
test_x = prepare.transform(test).astype(float)
keras.utils.set_random_seed(0)
keras.config.set_floatx("float64")
model = keras.Sequential([layers.Dense(16, activation="tanh"), layers.Dense(2)])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.AdamW(5e-3), loss, metrics=["accuracy"])
history = model.fit(train_x, train_y, 64, EPOCHS).history
print(
    f"{train_x.shape[1]} features, {len(train)} + {len(test)} rows, loss {history['loss'][-1]:.3g}"
)
print(f"test accuracy {model.evaluate(test_x, test_y)[1]:.1%} of {len(test)} rows")
new = pd.DataFrame(
    {"age": [30], "plan": ["pro"], "city": ["Bonn"], "paperless": [True], "bill": [20.0]}
)
chance = keras.ops.softmax(model(prepare.transform(new).astype(float)))[0, 1].item()
print(f"chance of renewal for someone of a city that was never seen: {chance:.2f}")
