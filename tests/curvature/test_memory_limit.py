"""Within a limit of memory: the same answers, or a refusal that names the limit that would do."""

from __future__ import annotations

import itertools
import json
import pickle
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import peak_within_limit
import pytest
from figures import note

import tinygrad_hess as tg
from tinygrad_hess import curvature, nn
from tinygrad_hess.curvature import GGNOperator, HessianOperator
from tinygrad_hess.curvature.analysis.total_loss import TotalLoss
from tinygrad_hess.curvature.operators.memory import in_bytes, shown
from tinygrad_hess.replay.recomputation import by_shapes

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(600, 20)), RNG.integers(0, 2, 600).astype(float)
W = RNG.normal(size=20) / 5
V = RNG.normal(size=(20, 2))
P = 1 / (1 + np.exp(-X @ W))
EXACT = (X.T * (P * (1 - P))) @ X / len(X)


def logistic(w: Any, batch: Any) -> Any:
    return nn.binary_cross_entropy_with_logits(batch[0] @ w, batch[1])


def smallest(message: str) -> str:
    found = re.search(r"smallest limit that would do is ([\d.]+\w+)", message)
    assert found
    return found[1]


@pytest.mark.slow
def test_the_closed_form_in_pieces() -> None:
    few = (X[:240], Y[:240])
    with pytest.raises(ValueError, match=r"memory_limit=1KB is too small for .* one example") as e:
        HessianOperator(logistic, W, few, memory_limit="1kB")
    H = HessianOperator(logistic, W, few, memory_limit=smallest(str(e.value)))
    p = P[:240]
    exact = (X[:240].T * (p * (1 - p))) @ X[:240] / 240
    np.testing.assert_allclose(H @ V, exact @ V, rtol=1e-11)
    np.testing.assert_allclose(H.gradient, X[:240].T @ (p - Y[:240]) / 240, rtol=1e-11, atol=1e-14)
    assert len(H._passes.sizes) > 1  # it was cut
    bce = nn.binary_cross_entropy_with_logits
    G = GGNOperator(lambda w, x: x @ w, bce, W, (X, Y), memory_limit="2MB")
    np.testing.assert_allclose(G @ V, EXACT @ V, rtol=1e-11)


class Picture(nn.Module):
    """A net of which one example takes more on a tape than all its parameters."""

    def __init__(self) -> None:
        self.first, self.second = nn.Conv2d(1, 4, 3, seed=0), nn.Linear(4 * 22 * 22, 3, seed=1)

    def __call__(self, x: Any) -> Any:
        return self.second(np.tanh(self.first(x)).reshape(len(x), -1))


def layers(w: Any, batch: Any) -> Any:
    x = batch[0]
    for i in range(40):
        x = np.sin(w[i % 20] * x + i)
    return (x**2).mean()


def loop(w: Any) -> Any:
    x = np.linspace(-1.0, 1.0, 5000)
    for i in range(100):
        x = np.sin(w[i % 20] * x + i)
    return (x**2).mean()


def recurrence(w: Any) -> Any:
    step = lambda c, _: (np.tanh(w * c + 0.1), None)
    return (tg.scan(step, np.ones(20), length=2000)[0] ** 2).sum()


def shard(first: int) -> Any:
    return X[first : first + 20], Y[first : first + 20]


pictures = np.random.default_rng(1).normal(size=(30, 1, 24, 24)), np.arange(30) % 3
PROGRAMS: dict[str, tuple[Any, ...]] = {
    "logistic": (logistic, W, (X, Y)),
    "layers": (layers, W + 1, (X[:60], Y[:60])),
    "pictures": (lambda m, b: nn.cross_entropy(m(b[0]), b[1]), Picture(), pictures),
    "shards": (layers, W + 1, [partial(shard, 0), partial(shard, 20)]),
    "loop": (loop, W + 1),
    "scan": (recurrence, W),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_smallest_limit_that_is_named_does_and_is_kept(name: str) -> None:
    program = PROGRAMS[name]
    whole = HessianOperator(*program)
    v = np.cos(np.arange(whole.shape[0]))
    expected, gradient = whole @ v, whole.gradient
    del whole
    with pytest.raises(ValueError, match="smallest limit") as e:
        HessianOperator(*program, memory_limit="1kB")
    least = in_bytes("test", smallest(str(e.value)))
    for limit in (least, 2 * least):
        tracemalloc.start()
        try:
            H = HessianOperator(*program, memory_limit=limit)
            product, slope = H @ v, H.gradient
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak <= limit
        np.testing.assert_allclose(product, expected, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(slope, gradient, rtol=1e-9, atol=1e-12)
        del H


@pytest.mark.slow
@pytest.mark.parametrize("name", ["loop", "layers"])
def test_gradients_at_other_points_are_within_the_limit_too(name: str) -> None:
    loss, w, *data = PROGRAMS[name]
    elsewhere = w + 0.1
    H = HessianOperator(loss, w, *data, memory_limit="5MB")
    gradient = TotalLoss(HessianOperator(loss, w, *data), who="test").gradient(elsewhere)
    total = TotalLoss(H, who="test")
    tracemalloc.start()
    try:
        found = total.gradient(elsewhere)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 5_000_000  # a tape of the loop takes 8 MB
    np.testing.assert_allclose(found, gradient, rtol=1e-9, atol=1e-12)


def test_what_is_checked_on_made_up_values_is_checked_when_they_are_there() -> None:
    # sizes are found with values that are not those of the arrays: they do not add up to 1
    def divergence(w: Any, x: Any) -> Any:
        return nn.kl_div(x @ w, nn.softmax(2 * x, axis=-1))

    x, w, v = X[:6, :4], np.eye(4), np.cos(np.arange(16.0))
    assert any(i.effects for i in by_shapes(divergence, [w, x]).instructions)
    limited = HessianOperator(divergence, w, x, memory_limit="20MB")
    np.testing.assert_allclose(limited @ v, HessianOperator(divergence, w, x) @ v, rtol=1e-12)
    with pytest.raises(ValueError, match="kl_div"):
        HessianOperator(lambda w, x: nn.kl_div(x @ w, x), w, x, memory_limit="20MB") @ v


@pytest.mark.slow
def test_a_loss_that_looks_at_values_and_batches_of_many_lengths() -> None:
    def looking(w: Any, batch: Any) -> Any:
        return logistic(w, batch) * (1.0 if float(batch[0][0, 0]) < np.inf else 0.0)

    ends = [0, 7, 30, 200, 600]
    data = [(X[a:b], Y[a:b]) for a, b in itertools.pairwise(ends)]
    for loss in (logistic, looking):
        H = HessianOperator(loss, W, data, memory_limit="3MB")
        np.testing.assert_allclose(H @ V, EXACT @ V, rtol=1e-11)
        np.testing.assert_allclose(H.gradient, X.T @ (P - Y) / 600, rtol=1e-11, atol=1e-14)
        again = pickle.loads(pickle.dumps(H)) if loss is logistic else H
        np.testing.assert_array_equal(again @ V, H @ V)


@pytest.mark.slow
def test_whole_where_there_is_room_and_blocks() -> None:
    H = HessianOperator(logistic, W, (X, Y), memory_limit="1GB")
    assert H._batches.single
    np.testing.assert_allclose(H.to_dense(), EXACT, rtol=1e-11)


@pytest.mark.slow
def test_data_that_are_opened_again() -> None:
    opened = []

    def shard(first: int) -> Any:
        opened.append(first)
        return X[first : first + 200], Y[first : first + 200]

    data = [lambda first=first: shard(first) for first in (0, 200, 400)]
    H = HessianOperator(logistic, W, data, memory_limit="2MB")
    np.testing.assert_allclose(H @ V, EXACT @ V, rtol=1e-11)
    assert opened.count(400) >= 1


def test_refusals() -> None:
    big = HessianOperator(lambda w: (w**2).sum() / 2, np.ones(3000), memory_limit="2MB")
    with pytest.raises(ValueError, match=r"small for the matrix of 3000 parameters. .* 27\d"):
        big.to_dense()
    np.testing.assert_allclose(big @ np.ones(3000), 1.0)
    for limit in ("2 parsecs", "", 0, -1, True, "GB"):
        with pytest.raises(ValueError, match="is not a size; write '2GB'"):
            HessianOperator(logistic, W, (X, Y), memory_limit=limit)


def test_gradients_of_each_example() -> None:
    gradients = curvature.per_example_gradients
    with pytest.raises(ValueError, match="small for the gradients of 600 examples") as e:
        gradients(logistic, W, (X, Y), memory_limit="100kB")
    limit = in_bytes("test", smallest(str(e.value)))
    tracemalloc.start()
    try:
        found = gradients(logistic, W, (X, Y), memory_limit=limit)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= limit < 1_500_000  # the gradients take 96 kB
    np.testing.assert_allclose(found, X * (P - Y)[:, None], rtol=1e-11, atol=1e-15)


def test_sizes() -> None:
    assert [in_bytes("test", x) for x in ("1.5MB", "2KiB", 7, "3e3")] == [1500000, 2048, 7, 3000]
    for size in (1, 999, 1001, 123456, 10**9 - 1, 7.77e12):
        assert size <= in_bytes("test", shown(size)) <= 1.11 * size + 1


class Stream:
    """Data that are never all there: they are drawn again on each pass."""

    def __init__(self, batches: int, size: int):
        self.batches, self.size = batches, size

    def __iter__(self) -> Iterator[Any]:
        for i in range(self.batches):
            rng = np.random.default_rng(i)
            yield rng.normal(size=(self.size, 64)), rng.integers(0, 10, self.size)


@pytest.mark.slow
def test_the_peak_is_within_the_limit_on_data_that_are_larger() -> None:
    model = nn.MLP([64, 32, 10], seed=0)
    loss = lambda model, batch: nn.cross_entropy(model(batch[0]), batch[1])
    data, limit = Stream(20, 1000), 4_000_000  # 10.4 MB of data, more on tapes
    tracemalloc.start()
    try:
        H = HessianOperator(loss, model, data, memory_limit=limit)
        H @ np.ones(H.shape[0])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= limit
    assert len(H._passes.sizes) > 20  # in pieces


@pytest.mark.slow
def test_estimates_keep_what_fits_or_refuse_beforehand() -> None:
    diagonal = np.linspace(1, 50, 3000)
    loss = lambda w: (diagonal * w**2).sum() / 2
    H = HessianOperator(loss, np.zeros(3000), memory_limit="6MB")
    tracemalloc.start()
    try:
        found = curvature.top_eigenpairs(H, 2, tol=1e-3, max_matvecs=60)
        traced = curvature.trace(H, max_matvecs=60)
        density = curvature.spectral_density(H, steps=30, probes=4, method="lanczos")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 6_000_000  # unlimited, the basis of 108 vectors alone takes 2.6 MB
    assert abs(found.values[0] - 50) < 0.1 and density.band is not None
    np.testing.assert_allclose(traced.value, diagonal.sum(), rtol=0.1)
    small = HessianOperator(loss, np.zeros(3000), memory_limit="2MB")
    with pytest.raises(ValueError, match=r"top_eigenpairs: .* the 52 vectors that it keeps") as e:
        curvature.top_eigenpairs(small, 20)
    enough = HessianOperator(loss, np.zeros(3000), memory_limit=smallest(str(e.value)))
    assert len(curvature.top_eigenpairs(enough, 20, max_matvecs=30).values) == 20
    with pytest.raises(ValueError, match=r"top_eigenpairs: .* the 52 vectors"):
        curvature.top_eigenpairs(HessianOperator(loss, np.zeros(3000), memory_limit="2.2MB"), 20)


@pytest.mark.slow
def test_no_matrix_is_formed_that_does_not_fit() -> None:
    diagonal = np.linspace(1, 50, 500)  # 2 MB as a matrix, and more for LAPACK
    loss = lambda w: (diagonal * w**2).sum() / 2
    H = HessianOperator(loss, np.zeros(500), memory_limit="4MB")
    assert curvature.spectral_density(HessianOperator(loss, np.zeros(500))).matvecs == 500
    tracemalloc.start()
    try:
        density = curvature.spectral_density(H, steps=20, probes=4)
        point = curvature.classify_critical_point(H, max_matvecs=600)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 4_000_000
    assert density.matvecs < 500 and point.kind == "minimum"


@pytest.mark.hard
def test_estimates_and_a_report_on_data_ten_times_the_limit(tmp_path: Path) -> None:
    rng, n = np.random.default_rng(0), 78_000
    files = [tmp_path / "x.npy", tmp_path / "y.npy"]
    np.save(files[0], rng.normal(size=(n, 64)))
    np.save(files[1], rng.integers(0, 4, n))
    data = sum(path.stat().st_size for path in files)
    assert data > 10 * peak_within_limit.LIMIT
    program = [sys.executable, peak_within_limit.__file__, *map(str, files), "3000"]
    run = subprocess.run(program, capture_output=True, text=True, check=True)
    told = {line["step"]: line for line in map(json.loads, run.stdout.splitlines())}
    peaks = {f"peak_of_{name}": step["peak"] for name, step in told.items()}
    left_out = sum(bool(why) for why in told["report"]["answer"].values())  # with the reason said
    note(
        "data ten times the limit", bytes_of_data=data, limit=peak_within_limit.LIMIT, **peaks,
        parts_of_report=len(told["report"]["answer"]) - left_out, left_out=left_out,
    )  # fmt: skip
    assert max(peaks.values()) <= peak_within_limit.LIMIT, told
    x, y = (np.load(path) for path in files)
    model = nn.MLP([64, 8, 4], seed=0)
    whole = HessianOperator(peak_within_limit.loss, model, (x, y)).to_dense()
    exact = np.linalg.eigvalsh(whole)
    np.testing.assert_allclose(told["eigenvalues"]["answer"], exact[::-1][:2], rtol=1e-4)
    low, high = told["trace"]["answer"]
    assert low - (high - low) < exact.sum() < high + (high - low)
    assert not told["report"]["answer"]["eigenpairs"]  # not even for want of time
