"""examples/sequences_transformer.py in Keras, which has no curvature."""

import os

import keras
import numpy as np
from keras import layers

QUICK = bool(os.environ.get("TINYGRAD_HESS_QUICK"))
EPOCHS, LENGTH, WIDTH, SIZE = (1 if QUICK else 10), 8, 32, 64


class Positions(layers.Layer):
    def build(self, shape):
        self.table = self.add_weight(shape=shape[1:], initializer="random_normal")

    def call(self, x):
        return x + self.table


def block(x):
    h = layers.LayerNormalization()(x)
    x = x + layers.MultiHeadAttention(num_heads=4, key_dim=WIDTH // 4)(h, h)
    h = layers.Dense(2 * WIDTH, activation="gelu")(layers.LayerNormalization()(x))
    return x + layers.Dense(WIDTH)(h)


def sequences(n, rng):
    digits = rng.integers(0, 10, (n, LENGTH))
    return digits, np.sort(digits, axis=1)


def main():
    keras.utils.set_random_seed(0)
    keras.config.set_floatx("float64")
    rng = np.random.default_rng(0)
    (x, y), new = sequences(1280, rng), sequences(300, rng)
    digits = keras.Input((LENGTH,), dtype="int64")
    h = block(block(Positions()(layers.Embedding(10, WIDTH)(digits))))
    model = keras.Model(digits, layers.Dense(10)(h))
    rate = keras.optimizers.schedules.CosineDecay(1e-2, EPOCHS * len(x) // SIZE)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate, global_clipnorm=1.0), loss, metrics=["accuracy"])
    history = model.fit(x, y, SIZE, EPOCHS, validation_data=new).history
    print(f"{history['val_accuracy'][-1]:.1%} of the digits of new sequences are right")


if __name__ == "__main__":
    main()
