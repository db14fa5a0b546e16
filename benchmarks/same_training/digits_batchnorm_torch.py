"""examples/digits_batchnorm.py in PyTorch."""

import os

import numpy as np
import torch
from curvlinops import HessianLinearOperator, hutchinson_trace
from scipy.sparse.linalg import eigsh
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

QUICK = bool(os.environ.get("TINYGRAD_HESS_QUICK"))
EPOCHS, SEEDS, SIZE, PROBES = (1, 1, 64, 2) if QUICK else (30, 5, 64, 60)


def net():
    conv = lambda a, b: (nn.Conv2d(a, b, 3, padding="same"), nn.BatchNorm2d(b), nn.ReLU())
    return nn.Sequential(
        *conv(1, 24),
        *conv(24, 24),
        nn.MaxPool2d(2),
        nn.Dropout(0.2),
        *conv(24, 48),
        nn.MaxPool2d(2),
        nn.Dropout(0.3),
        nn.Flatten(),
        nn.Linear(192, 10),
    )


def main():
    x, y = load_digits(return_X_y=True)
    x = (x.reshape(-1, 1, 8, 8) / 16).astype(np.float32)
    train_x, test_x, train_y, test_y = map(
        torch.from_numpy, train_test_split(x, y, test_size=0.2, stratify=y, random_state=0)
    )
    loss, accuracies = nn.CrossEntropyLoss(label_smoothing=0.1), []
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        model, batches = net(), DataLoader(TensorDataset(train_x, train_y), SIZE, shuffle=True)
        opt = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS * len(batches))
        for _ in range(EPOCHS):
            model.train()
            for images, labels in batches:
                opt.zero_grad()
                value = loss(model(images), labels)
                value.backward()
                opt.step()
                schedule.step()
            model.eval()
            with torch.no_grad():
                outputs = model(test_x)
                test_loss = loss(outputs, test_y).item()
        accuracies.append(100 * (outputs.argmax(1) == test_y).float().mean().item())
        print(f"{EPOCHS} epochs, loss {value.item():.3g}, test loss {test_loss:.3g}", flush=True)
    low, mean, high = min(accuracies), np.mean(accuracies), max(accuracies)
    print(f"test accuracy {mean:.2f}%, mean of {SEEDS} seeds ({low:.2f}% to {high:.2f}%)")
    H = HessianLinearOperator(model, loss, list(model.parameters()), [(test_x, test_y)])
    top = eigsh(H.to_scipy(), k=3, which="LA", return_eigenvectors=False, tol=1e-2)
    print(f"largest eigenvalues {top[::-1]}, trace {hutchinson_trace(H, PROBES).item():.4g}")


if __name__ == "__main__":
    main()
