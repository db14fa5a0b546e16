"""A messy table, with text, booleans and gaps, to a net that predicts a column, and its curvature.

The script writes the table: 2,000 people, of whom age, plan, city, a habit and a bill tell, through
noise, who will renew. A tenth of ages and plans is missing. Of the test rows some 87% should come
out right, where always the more frequent answer makes it 54%.
"""

import os
import tempfile

import numpy as np
import pandas as pd

import tinygrad_hess as tg

QUICK = bool(os.environ.get("TINYGRAD_HESS_QUICK"))
ROWS, EPOCHS, BUDGET = (400, 5, "2s") if QUICK else (2000, 30, "10s")


def people(rng):
    table = pd.DataFrame({"age": rng.integers(18, 80, ROWS), "bill": rng.gamma(2.0, 30.0, ROWS)})
    for name, values in ("plan", ["basic", "plus", "pro"]), ("city", ["Bern", "Oslo", "Rome"]):
        table[name] = rng.choice(values, ROWS)
    table["paperless"] = rng.random(ROWS) < 0.4
    likes = (table.age - 48) / 15 - table.bill / 90 + table.paperless + 2 * (table.plan == "pro")
    likes -= 1.5 * (table.plan == "basic") * (table.city == "Rome") + rng.normal(0, 0.7, ROWS)
    table["renews"] = np.where(likes > 0, "yes", "no")
    return table.assign(**{k: table[k].where(rng.random(ROWS) > 0.1) for k in ("age", "plan")})


def loss(model, batch):
    return tg.nn.cross_entropy(model(batch[0]), batch[1])


with tempfile.TemporaryDirectory() as folder:
    people(np.random.default_rng(0)).to_csv(f"{folder}/people.csv", index_label="number")
    table = tg.data.from_frame(f"{folder}/people.csv", "renews", missing="median", drop=["number"])
train, test = table
model = tg.nn.MLP([train.x.shape[1], 16, 2], seed=0)
batches = tg.data.batches(train.x, train.y, 64, seed=np.random.default_rng(0))
fitted = tg.optim.fit(loss, model, batches, tg.optim.AdamW(lr=5e-3), epochs=EPOCHS, progress=False)
print(f"{table}\n{fitted}")
print(f"test accuracy {tg.nn.accuracy(fitted.params(test.x), test.y):.1%} of {len(test)} rows")
new = {"age": [30], "plan": ["pro"], "city": ["Bonn"], "paperless": [True], "bill": [20.0]}
chance = tg.nn.softmax(fitted.params(table.transform(new)))[0, 1]
print(f"chance of renewal for someone of a city that was never seen: {chance:.2f}\n")
print(tg.curvature.report(loss, fitted.params, (train.x, train.y), budget=BUDGET).text)
