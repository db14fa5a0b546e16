"""examples/digits_batchnorm.py in Keras, which has no curvature."""

import os

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

QUICK = bool(os.environ.get("TINYGRAD_HESS_QUICK"))
EPOCHS, SEEDS, SIZE = (1, 1, 64) if QUICK else (30, 5, 64)


def net():
    conv = lambda n: (
        layers.Conv2D(n, 3, padding="same"),
        layers.BatchNormalization(),
        layers.ReLU(),
    )
    return keras.Sequential(
        [
            *conv(24),
            *conv(24),
            layers.MaxPooling2D(),
            layers.Dropout(0.2),
            *conv(48),
            layers.MaxPooling2D(),
            layers.Dropout(0.3),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )


def main():
    x, y = load_digits(return_X_y=True)
    x, y = x.reshape(-1, 8, 8, 1) / 16, np.eye(10)[y]
    train_x, test_x, train_y, test_y = train_test_split(
        x, y, test_size=0.2, stratify=y, random_state=0
    )
    loss, accuracies = keras.losses.CategoricalCrossentropy(True, label_smoothing=0.1), []
    for seed in range(SEEDS):
        keras.utils.set_random_seed(seed)
        model, steps = net(), EPOCHS * -(-len(train_x) // SIZE)
        rate = keras.optimizers.schedules.CosineDecay(1e-2, steps)
        model.compile(keras.optimizers.AdamW(rate, weight_decay=0.1), loss, metrics=["accuracy"])
        new = (test_x, test_y)
        history = model.fit(train_x, train_y, SIZE, EPOCHS, validation_data=new).history
        accuracies.append(100 * history["val_accuracy"][-1])
    low, mean, high = min(accuracies), np.mean(accuracies), max(accuracies)
    print(f"test accuracy {mean:.2f}%, mean of {SEEDS} seeds ({low:.2f}% to {high:.2f}%)")


if __name__ == "__main__":
    main()
