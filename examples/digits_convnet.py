"""A small convolutional net on the 8x8 digits, written in the functional style, in float32.

Two convolutions with pooling and a linear layer, 1,898 parameters, should reach at least 97% on the
test fifth within ten seconds (98.9% with these seeds, 96.9% to 98.1% with eight others). Nothing is
changed in place: a model is a tree of arrays, its gradient is another, and an update returns the
next model.
"""

import os

import numpy as np

import tinygrad_hess as tg
from tinygrad_hess import nn

EPOCHS, SIZE, RATE = (2 if os.environ.get("TINYGRAD_HESS_QUICK") else 12), 32, 1e-2


def loss(model, images, labels):
    return nn.cross_entropy(model(images), labels)


def main():
    train, test = tg.data.split(tg.data.digits(images=True, dtype=np.float32), test=0.2, seed=0)
    mean = train.x.mean()
    x, test_x = (train.x - mean) / 16, (test.x - mean) / 16

    draw = {"seed": np.random.default_rng(0), "dtype": np.float32}
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding="same", **draw),  # (n, 1, 8, 8) to (n, 8, 8, 8)
        nn.relu,
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding="same", **draw),  # to (n, 16, 4, 4)
        nn.relu,
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 10, **draw),
    )
    print(f"{nn.count_parameters(model):,} parameters, {len(train):,} images to train on")

    batches = tg.data.batches(x, train.y, SIZE, seed=np.random.default_rng(0))
    schedule = tg.optim.schedules.cosine(RATE, EPOCHS * len(batches), warmup=len(batches))
    opt = tg.optim.Adam(lr=schedule)
    state = opt.init(model)
    value_and_grad = tg.value_and_grad(loss)
    for epoch in range(1, EPOCHS + 1):
        values = []
        for images, labels in batches:
            value, gradient = value_and_grad(model, images, labels)
            model, state = opt.update(model, gradient, state)
            values.append(value)
        accuracy = nn.accuracy(model(test_x), test.y)
        print(f"epoch {epoch:>2}  training loss {np.mean(values):.4f}  test {accuracy:.1%}")
    print(f"test accuracy {accuracy:.1%} on {len(test)} images, in {model(test_x).dtype}")


if __name__ == "__main__":
    main()
