"""A transformer of two blocks learns to sort eight digits, and its curvature.

Each position looks at all others and says which digit belongs there. Guessing gets 10% of the
positions right; the net should get 99% on sequences that it has not seen (99.9% with this seed).
"""

import os

import numpy as np

import tinygrad_hess as tg
from tinygrad_hess import nn

QUICK = bool(os.environ.get("TINYGRAD_HESS_QUICK"))
EPOCHS, LENGTH, WIDTH, SIZE = (1 if QUICK else 10), 8, 32, 64


def loss(model, batch):
    return nn.cross_entropy(model(batch[0]), batch[1])


def accuracy(model, batch):
    return nn.accuracy(model(batch[0]), batch[1])


def sequences(n, rng):
    digits = rng.integers(0, 10, (n, LENGTH))
    return digits, np.sort(digits, axis=1)


def main():
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Embedding(10, WIDTH, seed=rng),
        nn.LearnedPositions(LENGTH, WIDTH, seed=rng),
        *(nn.TransformerBlock(WIDTH, heads=4, hidden=2 * WIDTH, seed=rng) for _ in range(2)),
        nn.Linear(WIDTH, 10, seed=rng),
    )
    batches, new = tg.data.batches(*sequences(1280, rng), SIZE, seed=rng), sequences(300, rng)
    adam = tg.optim.Adam(lr=tg.optim.cosine(1e-2, EPOCHS * len(batches)), max_norm=1.0)
    measures = {"validation": new, "metrics": {"accuracy": accuracy}}
    fitted = tg.optim.fit(loss, model, batches, adam, epochs=EPOCHS, **measures)
    right = fitted.history["accuracy"][-1]
    print(f"{fitted}\n{right:.1%} of the digits of new sequences are right")
    print(tg.curvature.report(loss, fitted.params, new, budget=1 if QUICK else 30).text)


if __name__ == "__main__":
    main()
