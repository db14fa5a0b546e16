"""examples/sequences_lstm.py in Keras, which has no curvature."""

import os

import keras
import numpy as np
from keras import layers

QUICK = bool(os.environ.get("TINYGRAD_HESS_QUICK"))
EPOCHS, LENGTH, SIZE = (1 if QUICK else 20), 20, 64


def waves(n, rng):
    frequency, phase = rng.uniform(0.2, 1.5, (n, 1, 1)), rng.uniform(0, 2 * np.pi, (n, 1, 1))
    wave = np.sin(frequency * np.arange(LENGTH + 1)[:, None] + phase)
    return wave[:, :-1], wave[:, 1:]


def main():
    keras.utils.set_random_seed(0)
    keras.config.set_floatx("float64")
    rng = np.random.default_rng(0)
    (x, y), new = waves(640, rng), waves(300, rng)
    model = keras.Sequential([layers.LSTM(16, return_sequences=True), layers.Dense(1)])
    rate = keras.optimizers.schedules.CosineDecay(0.03, EPOCHS * len(x) // SIZE)
    model.compile(keras.optimizers.Adam(rate, global_clipnorm=1.0), "mse")
    history = model.fit(x, y, SIZE, EPOCHS, validation_data=new).history
    print(f"mean square error {history['val_loss'][-1]:.3f} on new waves")


if __name__ == "__main__":
    main()
