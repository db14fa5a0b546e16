"""A recurrent net learns to write, one character after the other.

A tanh recurrence over one-hot characters of the text below, trained by Adam with each step
replayed. One should see the bits a character fall from 4.7 to 0.2, the net write the text's own
words, and the largest curvatures among its 2,681 directions at the end.
"""

import os

import numpy as np

import tinygrad_hess as tg
from tinygrad_hess.scipy.special import logsumexp

TEXT = (
    "a river begins as a thread of water under a stone. it takes the short way down, and where "
    "there is none it waits until there is. it carries sand from one bank to the other and calls "
    "that a bend. in spring it is loud and brown, in autumn it is thin and clear, and in winter it "
    "goes on under the ice, where nobody sees it and it does not mind. "
)
LETTERS = sorted(set(TEXT))
QUICK = bool(os.environ.get("TINYGRAD_HESS_QUICK"))
HIDDEN, LENGTH, EPOCHS = 32, *((12, 40) if QUICK else (30, 200))


def outputs(params, inputs):
    """Log-odds of the next character, after each of a sequence of shape (steps, n, letters)."""
    inward, across, bias, outward, offset = params
    state = np.zeros((inputs.shape[1], bias.shape[0]))
    written = []
    for letter in inputs:
        state = np.tanh(np.dot(letter, inward) + np.dot(state, across) + bias)
        written.append(np.dot(state, outward) + offset)
    return np.stack(written)


def loss(params, inputs, targets):
    """Bits a character."""
    z = outputs(params, inputs)
    return np.mean(logsumexp(z, axis=-1) - np.sum(z * targets, axis=-1)) / np.log(2)


def data():
    """All windows of the text, four characters apart: one-hot, and the same one later."""
    codes = np.array([LETTERS.index(letter) for letter in TEXT])
    windows = np.arange(0, len(codes) - LENGTH - 1, 4) + np.arange(LENGTH + 1)[:, None]
    hot = np.eye(len(LETTERS))[codes[windows]]
    return hot[:-1], hot[1:]


def start(seed=0):
    rng, n = np.random.default_rng(seed), len(LETTERS)
    dense = lambda rows, columns: rng.normal(size=(rows, columns)) / np.sqrt(rows)
    return [
        dense(n, HIDDEN), dense(HIDDEN, HIDDEN), np.zeros(HIDDEN), dense(HIDDEN, n), np.zeros(n),
    ]  # fmt: skip


def write(params, first, length):
    """The likeliest next character, again and again."""
    text = first
    for _ in range(length):
        hot = np.eye(len(LETTERS))[[LETTERS.index(letter) for letter in text]]
        text += LETTERS[int(outputs(params, hot[:, None])[-1, 0].argmax())]
    return text


def main():
    inputs, targets = data()
    objective = lambda params, batch: loss(params, *batch)
    adam = tg.optim.Adam(lr=1e-2)
    fit = tg.optim.fit(objective, start(), (inputs, targets), adam, epochs=EPOCHS)
    print(f"{fit.losses[0]:.2f} bits a character before, {fit.losses[-1]:.2f} after {EPOCHS} steps")
    written = write(fit.params, "a river ", 60)
    print(f"it writes: {written}")
    op = tg.curvature.HessianOperator(objective, fit.params, (inputs, targets))
    top = tg.curvature.top_eigenpairs(op, k=3, tol=1e-2)
    print(f"of {op.shape[0]:,} curvatures the largest are", np.round(top.values, 2))
    return {"losses": fit.losses, "written": written, "curvatures": top.values}


if __name__ == "__main__":
    main()
