"""Numbers that are not finite: found early, and told by what they come from."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import curvature, nn, optim

NAN, INF = np.nan, np.inf
X = np.array([0.0, 1.0])


def test_finite_trees_come_back_as_they_are() -> None:
    model = nn.Linear(2, 3)
    for tree in ({"a": np.ones(3), "n": np.array([1, 2])}, [1.0, (2, None)], model, tg.tensor(X)):
        assert tg.check_finite(tree) is tree


@pytest.mark.parametrize(
    ("leaf", "says"),
    [
        (np.array([[1.0, NAN], [INF, NAN]]), "float64(2, 2), holds 2 NaN, 1 inf, the first at [0, 1]"),
        (np.array([1, -INF, -INF], np.float32), "float32(3,), holds 2 -inf, the first at [1]"),
        (np.array([1 + 1j, complex(NAN, INF)]), "complex128(2,), holds 1 NaN, the first at [1]"),
        (np.array([complex(1, -INF)]), "complex64(1,), holds 1 -inf"),
        (NAN, " is nan"),
        (tg.tensor([NAN]), "holds 1 NaN"),
    ],
)  # fmt: skip
def test_leaf_index_and_kind_are_named(leaf: Any, says: str) -> None:
    if "complex64" in says:
        leaf = leaf.astype(np.complex64)
    with pytest.raises(FloatingPointError) as caught:
        tg.check_finite({"fine": 1.0, "net": [np.zeros(2), leaf]}, "params")
    message = str(caught.value)
    assert message.startswith("check_finite: params['net'][1]") and says in message, message
    assert "fine" not in message


def test_many_leaves_are_counted() -> None:
    with pytest.raises(FloatingPointError, match=r"and 6 leaves more\. tg\.debug_nans"):
        tg.check_finite([np.array(NAN)] * 10)
    model = nn.Linear(2, 3)
    model.weight = np.full((3, 2), INF)
    with pytest.raises(FloatingPointError, match=r"weight, .*6 inf"):
        tg.check_finite(model)
    with pytest.raises(TypeError, match="name must be a string"):
        tg.check_finite(1.0, 3)  # type: ignore[arg-type]
    with pytest.raises(FloatingPointError, match=r"first at \[0\] \(float32 ends at 3.4e\+38\)"):
        tg.check_finite(np.array([INF], np.float32))


def test_what_replays_would_not_look_at_is_refused() -> None:
    f = lambda x: tg.check_finite(x * 2).sum()
    assert tg.grad(f)(np.ones(2)).tolist() == [2, 2]
    for call in (lambda: tg.jit(f)(np.ones(2)), lambda: tg.jit(tg.grad(f))(np.ones(2))):
        with pytest.raises(tg.TracingError, match="Check arguments before, or results after"):
            call()


# ---- overflow, or divergence ---------------------------------------------------------------------


def test_fit_tells_an_overflow_from_divergence() -> None:
    """exp(100) is beyond float32 and 2.7e43 in float64; a rate of 10 on w² multiplies w by 19."""
    too_large = np.array([100.0], np.float32)
    with np.errstate(over="ignore"), pytest.raises(FloatingPointError) as caught:
        tg.optim.fit(lambda w, b: np.exp(w).sum() * b.mean(), too_large, np.ones((4, 1), np.float32),
                     optimizer=optim.SGD(lr=1e-3), progress=False)  # fmt: skip
    assert "float32 overflows (beyond 3.4e+38): in float64 the value is 2.68812e+43" in str(
        caught.value
    )
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError) as caught:
        tg.optim.fit(lambda w, b: (w**2).sum() * b.mean(), np.ones(1, np.float32),
                     np.ones((4, 1), np.float32), optimizer=optim.SGD(lr=10.0), epochs=100, progress=False)  # fmt: skip
    assert "far above the values before: it diverges" in str(caught.value)
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError) as caught:
        tg.optim.fit(lambda w, b: np.log(w).sum() * b.mean(), -np.ones(1, np.float32),
                     np.ones((4, 1), np.float32), optimizer=optim.SGD(lr=1.0), progress=False)  # fmt: skip
    assert "In float64 it is nan, too: float32 is not the reason" in str(caught.value)


def test_operators_tell_an_overflow() -> None:
    w = np.array([100.0], np.float32)
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="float32 overflows"):
        curvature.trace(curvature.HessianOperator(lambda w: np.exp(w).sum(), w))
    with np.errstate(all="ignore"), pytest.raises(ValueError) as caught:
        curvature.trace(curvature.HessianOperator(lambda w: np.exp(w).sum(), np.array([1000.0])))
    assert "overflow" not in str(caught.value)
    huge = np.diag(np.full(3, INF, np.float32))
    with pytest.raises(ValueError, match=r"float32 end at 3\.4e\+38"):
        curvature.trace(_operator(huge))


def _operator(A: Any) -> Any:
    from scipy.sparse.linalg import LinearOperator

    return LinearOperator(A.shape, matvec=lambda x: np.full(3, INF, A.dtype), dtype=A.dtype)


# ---- debug_nans: scans, sweeps, workers ------------------------------------------------------------


def root_of_difference(c: Any, x: Any) -> Any:
    c = np.sqrt(c - x)  # NaN in the second step
    return c, c


LINE = f"{__file__}:{root_of_difference.__code__.co_firstlineno + 1}"
scanned = lambda c: tg.scan(root_of_difference, c, np.ones(3))[0]


@pytest.mark.parametrize("way", [
    scanned, tg.jit(scanned), tg.grad(scanned), tg.jit(tg.grad(scanned)),
    lambda c: tg.jvp(scanned, (c,), (1.0,)), lambda c: tg.scan(root_of_difference, c, np.ones(3), checkpoint=True),
    lambda c: tg.scan(root_of_difference, c, np.ones(3), reverse=True),
])  # fmt: skip
def test_steps_of_a_scan_are_looked_at(way: Any) -> None:
    with np.errstate(all="ignore"), tg.debug_nans(), pytest.raises(tg.NanError) as caught:
        way(1.5)
    assert "sqrt(float64" in str(caught.value) and LINE in str(caught.value)
    with np.errstate(all="ignore"):
        assert np.isnan(scanned(1.5))


def test_a_scan_that_makes_no_nan_gives_the_same() -> None:
    body = lambda c, x: (np.tanh(c) * x, {"y": c + x})
    xs = np.linspace(0.5, 1, 5)
    f = lambda c: tg.scan(body, c, xs, reverse=True)
    want, g = f(0.3), tg.grad(lambda c: f(c)[0])(0.3)
    with tg.debug_nans():
        found, h = f(0.3), tg.grad(lambda c: f(c)[0])(0.3)
    np.testing.assert_allclose(found[0], want[0], rtol=1e-15)
    np.testing.assert_allclose(found[1]["y"], want[1]["y"], rtol=1e-15)
    np.testing.assert_allclose(h, g, rtol=1e-14)
    assert type(found[0]) is type(want[0]) and type(found[1]["y"]) is np.ndarray


def test_the_sweep_is_named() -> None:
    f = lambda x: (np.sqrt(x) ** 2).sum()
    with np.errstate(all="ignore"), tg.debug_nans():
        with pytest.raises(tg.NanError, match=r"in the reverse sweep \(cotangents\)"):
            tg.grad(f)(X)
        with pytest.raises(tg.NanError, match=r"in the forward sweep \(tangents\)"):
            tg.jvp(f, (X,), (np.ones(2),))


def bad_loss(w: Any, batch: Any) -> Any:
    return ((np.sqrt(w) * batch) ** 2).sum()


BAD_LINE = f"{__file__}:{bad_loss.__code__.co_firstlineno + 1}"


def nameless() -> Any:
    """The same as one that is sent by its code."""
    return lambda w, batch: ((np.sqrt(w) * batch) ** 2).sum()


NAMELESS_LINE = f"{__file__}:{nameless.__code__.co_firstlineno + 2}"


@pytest.mark.parametrize("kind", ["threads", "processes"])
@pytest.mark.parametrize(("loss", "line"), [(bad_loss, BAD_LINE), (nameless(), NAMELESS_LINE)])
def test_workers_look_too(kind: str, loss: Any, line: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    made = ThreadPoolExecutor(1) if kind == "threads" else ProcessPoolExecutor(1, mp_context=spawn)
    with made as executor:
        data = curvature.ShardedData(np.ones((4, 2)), executor, shards=2)
        op = curvature.HessianOperator(loss, X, data, check=False)
        with np.errstate(all="ignore"), tg.debug_nans(), pytest.raises(tg.NanError) as caught:
            op.matvec(np.ones(2))
    assert line in str(caught.value) and "float64(2,)" in str(caught.value)
    assert "in shard 0 of 2" in "".join(caught.value.__notes__)


def mean_square(w: Any, batch: Any) -> Any:
    return ((batch[0] @ w - batch[1]) ** 2).mean()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_fit_says_what_was_not_finite_before() -> None:
    x, y = np.ones((4, 2)), np.zeros(4)
    fit = lambda loss, w, x, **k: optim.fit(loss, w, (x, y), optim.SGD(lr=0.1), **k)
    with pytest.raises(FloatingPointError, match=r"nan at step 0. Before it, batch\[0\], .* 1 NaN"):
        fit(mean_square, np.ones(2), np.where(np.eye(4, 2) * [1, 0], NAN, x))
    flat = lambda w, batch: (w**2).sum() + 0 * np.sqrt(w).sum()  # at 0 the gradient is NaN
    for epochs, told in ((1, "after the last step, params, .* 2 NaN"), (2, "1. Before it, params")):
        with pytest.raises(FloatingPointError, match=told) as caught:
            fit(flat, np.zeros(2), x, epochs=epochs)
        assert len(caught.value.fitted.losses) == 1  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_minimize_tells_overflow_too() -> None:
    loss = lambda w, a: (a * np.exp(w)).sum()
    with pytest.raises(
        ValueError, match=r"at x0 the loss is inf, .* float32 overflows .* 5.37623e\+43"
    ):
        optim.minimize(loss, np.full(2, 100.0, np.float32), (np.ones(2, np.float32),))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_workers_tell_overflow_too() -> None:
    x, y = np.full((8, 2), 1e25, np.float32), np.zeros(8, np.float32)
    with (
        ThreadPoolExecutor(2) as executor,
        pytest.raises(FloatingPointError, match=r"float32 overflows .* the value is 4e\+50"),
    ):
        optim.fit(mean_square, np.ones(2, "f4"), (x, y), optim.SGD(lr=0.1), executor=executor)
