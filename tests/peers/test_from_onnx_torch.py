"""Nets that PyTorch writes as ONNX: the same outputs as ONNX Runtime, the same Hessian as PyTorch."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_from_torch import convolutional, draw, our_eigenvalues, randomised, top_eigenvalues

from tinygrad_hess import io

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytestmark = pytest.mark.peers
T = torch.nn


class Recurrent(T.Module):
    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.rnn = kind(3, 3, batch_first=True, bidirectional=True)
        self.out = T.Linear(6, 3)

    def forward(self, x: Any) -> Any:
        return self.out(self.rnn(x)[0][:, -1])


class Mixed(T.Module):
    """What no layer of ours does: a residual branch, gates, and indexing."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = T.Linear(6, 6), T.Linear(6, 6), T.Linear(3, 3)

    def forward(self, x: Any) -> Any:
        h = x + torch.nn.functional.silu(self.a(x)) * torch.sigmoid(self.b(x))
        first, second = h.chunk(2, dim=-1)
        return self.c(torch.where(first > 0, first * second, second.pow(2)).clamp(-3, 3))


def transformer() -> Any:
    layer = T.TransformerEncoderLayer(8, 2, 8, dropout=0.0, batch_first=True, activation="gelu")
    return T.Sequential(layer, T.Flatten(), T.Linear(40, 3))


NETS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "convolution": (convolutional, (6, 1, 8, 8)),
    "RNN": (lambda: Recurrent(T.RNN), (6, 5, 3)),
    "LSTM": (lambda: Recurrent(T.LSTM), (6, 5, 3)),
    "GRU": (lambda: Recurrent(T.GRU), (6, 5, 3)),
    "transformer": (transformer, (6, 5, 8)),
    "mixed": (Mixed, (6, 6)),
}


def export(net: Any, x: Any, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net, (torch.tensor(x, dtype=next(net.parameters()).dtype),), path, dynamo=False,
            input_names=["x"], dynamic_axes={"x": {0: "n"}},
            # else batch normalisation is folded into the convolution before it: other parameters
            training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
        )  # fmt: skip


@pytest.mark.parametrize("name", NETS)
def test_outputs_and_top_eigenvalues(name: str, tmp_path: Path) -> None:
    make, shape = NETS[name]
    net = randomised(make()).eval()
    x, y = draw(shape), np.arange(shape[0]) % 3
    export(net, x[:2], tmp_path / "net.onnx")
    ours = io.from_onnx(tmp_path / "net.onnx")
    want = net(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(ours(x), want, rtol=1e-9, atol=1e-9)
    if name in ("RNN", "LSTM", "GRU"):  # of which cuDNN's rule has derivatives in training only
        net.train()
    want = top_eigenvalues(copy.deepcopy(net), x, y, 1)
    np.testing.assert_allclose(our_eigenvalues(ours, x, y, 1), want, rtol=1e-6)


@pytest.mark.parametrize("name", NETS)
def test_float32_as_in_onnx_runtime(name: str, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    make, shape = NETS[name]
    net = randomised(make()).eval().float()
    x = draw(shape).astype(np.float32)
    export(net, x[:2], tmp_path / "net.onnx")
    (want,) = runtime.InferenceSession(tmp_path / "net.onnx").run(None, {"x": x})
    found = io.from_onnx(tmp_path / "net.onnx")(x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-5)
