"""Readers of files that are cut short, or in which bits are flipped: one clear error, or a result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from figures import note

from tinygrad_hess import curvature, io, nn, optim

CUTS, FLIPS = 100, 200
W, X = np.ones(3), np.random.default_rng(0).normal(size=(8, 3))
DIAGONAL = np.diag(np.arange(1.0, 301.0))

pytestmark = pytest.mark.hard


def loss(w: Any, x: Any) -> Any:
    return ((x @ w) ** 2).mean()


def safetensors(path: Path) -> Callable[[], Any]:
    pytest.importorskip("safetensors")
    file = io.save(path / "a.safetensors", nn.MLP([3, 4, 1]))
    return lambda: io.load(file)


def npz(path: Path) -> Callable[[], Any]:
    file = io.save(path / "a.npz", nn.MLP([3, 4, 1]))
    return lambda: io.load(file)


def onnx(path: Path) -> Callable[[], Any]:
    onnx = pytest.importorskip("onnx")
    inputs, outputs = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, [2, 3]) for name in "xy"
    )
    w = onnx.numpy_helper.from_array(np.arange(9.0).reshape(3, 3), "w")
    nodes = [
        onnx.helper.make_node("MatMul", ["x", "w"], ["h"]),
        onnx.helper.make_node("Tanh", ["h"], ["y"]),
    ]
    graph = onnx.helper.make_graph(nodes, "net", [inputs], [outputs], [w])
    opset = onnx.helper.make_opsetid("", 17)
    file = path / "a.onnx"
    file.write_bytes(onnx.helper.make_model(graph, opset_imports=[opset]).SerializeToString())
    return lambda: io.from_onnx(file)


def checkpoint_of_fit(path: Path) -> Callable[[], Any]:
    run = lambda **k: optim.fit(
        loss, W, X, optim.Adam(lr=0.1), jit=False, progress=False, checkpoint=path, **k
    )
    run(epochs=1)
    return lambda: run(epochs=1, resume=True)


def checkpoint_of_an_estimate(path: Path) -> Callable[[], Any]:
    run = lambda: curvature.trace(DIAGONAL, max_matvecs=8, checkpoint=path / "a.npz")
    run()
    return run


def checkpoint_of_steps(path: Path) -> Callable[[], Any]:
    run = lambda: curvature.landscape(
        loss, W, X, directions=[W], points=5, checkpoint=path / "a.npz"
    )
    run()
    return run


def records(path: Path) -> Callable[[], Any]:
    monitor = curvature.Monitor(loss, X, k=1, every=1, path=path / "a.jsonl")
    optim.fit(loss, W, X, optim.SGD(lr=0.01), epochs=4, progress=False, callback=monitor)
    return lambda: curvature.Monitor.read(path / "a.jsonl")


READERS = {
    f.__name__: f
    for f in (safetensors, npz, onnx, checkpoint_of_fit, checkpoint_of_an_estimate, checkpoint_of_steps, records)
}  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_damage_is_one_clear_error(name: str, tmp_path: Path) -> None:
    read = READERS[name](tmp_path)
    (file,) = [p for p in tmp_path.iterdir() if p.is_file()]
    good, rng = file.read_bytes(), np.random.default_rng(0)
    read()
    found: Counter[str] = Counter()
    for i in range(CUTS + FLIPS):
        damaged = bytearray(good)
        if i < CUTS:
            del damaged[int(rng.integers(len(good))) :]
        else:
            for place in rng.integers(len(good), size=rng.integers(1, 4)):
                damaged[place] ^= 1 << int(rng.integers(8))
        file.write_bytes(damaged)
        try:
            with np.errstate(all="ignore"):
                read()
            found["read"] += 1
        except (ValueError, NotImplementedError) as error:
            assert file.name in str(error) or str(error).startswith("from_onnx: "), error
            found["refused"] += 1
        file.write_bytes(good)
    note(f"reading {name.replace('_', ' ')}", cut=CUTS, flipped=FLIPS, **found)
    assert found["refused"] > CUTS // 2
    read()
