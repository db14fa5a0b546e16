"""examples/sequences_lstm.py in PyTorch."""

import os

import torch
from curvlinops import HessianLinearOperator, hutchinson_trace
from scipy.sparse.linalg import eigsh
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

QUICK = bool(os.environ.get("TINYGRAD_HESS_QUICK"))
EPOCHS, LENGTH, SIZE, PROBES = (1 if QUICK else 20), 20, 64, (2 if QUICK else 60)


class Predictor(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(1, 16, batch_first=True), nn.Linear(16, 1)

    def forward(self, x):
        outputs, _ = self.lstm(x)
        return self.head(outputs)


def waves(n):
    frequency, phase = torch.empty(n, 1, 1).uniform_(0.2, 1.5), 2 * torch.pi * torch.rand(n, 1, 1)
    wave = torch.sin(frequency * torch.arange(LENGTH + 1)[:, None] + phase)
    return wave[:, :-1], wave[:, 1:]


def main():
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    batches, (new_x, new_y) = DataLoader(TensorDataset(*waves(640)), SIZE, shuffle=True), waves(300)
    model, loss = Predictor(), nn.MSELoss()
    adam = torch.optim.Adam(model.parameters(), lr=0.03)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, EPOCHS * len(batches))
    for epoch in range(EPOCHS):
        for x, y in batches:
            adam.zero_grad()
            value = loss(model(x), y)
            value.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            adam.step()
            schedule.step()
        with torch.no_grad():
            error = loss(model(new_x), new_y).item()
        print(f"epoch {epoch + 1}, loss {value.item():.3g}, on new waves {error:.3g}", flush=True)
    print(f"mean square error {error:.3f} on new waves")
    H = HessianLinearOperator(model, loss, list(model.parameters()), [(new_x, new_y)])
    top = eigsh(H.to_scipy(), k=3, which="LA", return_eigenvectors=False, tol=1e-2)
    print(f"largest eigenvalues {top[::-1]}, trace {hutchinson_trace(H, PROBES).item():.4g}")


if __name__ == "__main__":
    main()
