"""examples/sequences_transformer.py in PyTorch."""

import os

import torch
from curvlinops import HessianLinearOperator, hutchinson_trace
from scipy.sparse.linalg import eigsh
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.data import DataLoader, TensorDataset

QUICK = bool(os.environ.get("TINYGRAD_HESS_QUICK"))
EPOCHS, LENGTH, WIDTH, SIZE, PROBES = (1 if QUICK else 10), 8, 32, 64, (2 if QUICK else 60)


class Sorter(nn.Module):
    def __init__(self):
        super().__init__()
        block = lambda: nn.TransformerEncoderLayer(
            WIDTH, 4, 2 * WIDTH, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.embedding = nn.Embedding(10, WIDTH)
        self.positions = nn.Parameter(0.02 * torch.randn(LENGTH, WIDTH))
        self.blocks, self.head = nn.Sequential(block(), block()), nn.Linear(WIDTH, 10)

    def forward(self, digits):
        outputs = self.head(self.blocks(self.embedding(digits) + self.positions))
        return outputs.transpose(1, 2)  # CrossEntropyLoss has the classes on axis 1


def sequences(n):
    digits = torch.randint(0, 10, (n, LENGTH))
    return digits, digits.sort(dim=1).values


def main():
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    batches = DataLoader(TensorDataset(*sequences(1280)), SIZE, shuffle=True)
    new_x, new_y = sequences(20 if QUICK else 300)
    model, loss = Sorter(), nn.CrossEntropyLoss()
    adam = torch.optim.Adam(model.parameters(), lr=1e-2)
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
            right = (model(new_x).argmax(1) == new_y).double().mean().item()
        print(f"epoch {epoch + 1}, loss {value.item():.3g}, {right:.1%} right", flush=True)
    print(f"{right:.1%} of the digits of new sequences are right")
    with sdpa_kernel(SDPBackend.MATH):  # the others have no second derivative
        H = HessianLinearOperator(model, loss, list(model.parameters()), [(new_x, new_y)])
        top = eigsh(H.to_scipy(), k=3, which="LA", return_eigenvectors=False, tol=1e-2)
        print(f"largest eigenvalues {top[::-1]}, trace {hutchinson_trace(H, PROBES).item():.4g}")


if __name__ == "__main__":
    main()
