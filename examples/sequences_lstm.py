"""An LSTM learns to predict sine waves whose frequency it is not told, and its curvature.

At each step it sees one value and predicts the next, so it has to find out the frequency by what it
remembers. To repeat the last value is off by 0.39 in mean square, the best linear map of the last
two values by 0.15; the net should be below 0.05 (0.03 with this seed), most of it at the first two
values, when nobody can know.
"""

import os

import numpy as np

import tinygrad_hess as tg
from tinygrad_hess import nn

QUICK = bool(os.environ.get("TINYGRAD_HESS_QUICK"))
EPOCHS, LENGTH, SIZE = (1 if QUICK else 20), 20, 64


def loss(model, batch):
    return nn.mse(model(batch[0]), batch[1])


def waves(n, rng):
    frequency, phase = rng.uniform(0.2, 1.5, (n, 1, 1)), rng.uniform(0, 2 * np.pi, (n, 1, 1))
    wave = np.sin(frequency * np.arange(LENGTH + 1)[:, None] + phase)
    return wave[:, :-1], wave[:, 1:]


def main():
    rng = np.random.default_rng(0)
    batches, new = tg.data.batches(*waves(640, rng), SIZE, seed=rng), waves(300, rng)
    # of outputs (n, length, 16) and the last state, the head reads the outputs
    model = nn.Sequential(nn.LSTM(1, 16, seed=rng), lambda x: x[0], nn.Linear(16, 1, seed=rng))
    adam = tg.optim.Adam(lr=tg.optim.cosine(0.03, EPOCHS * len(batches)), max_norm=1.0)
    fitted = tg.optim.fit(loss, model, batches, adam, epochs=EPOCHS, validation=new)
    print(f"{fitted}\nmean square error {fitted.history['val_loss'][-1]:.3f} on new waves")
    print(tg.curvature.report(loss, fitted.params, new, budget=1 if QUICK else 30).text)


if __name__ == "__main__":
    main()
