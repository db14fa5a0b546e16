"""Convolution and filters against SciPy's, their derivatives against differences and closed forms."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.signal
from differencing import differences

import tinygrad_hess as tg
from tinygrad_hess.scipy import signal

MODES = ("full", "valid", "same")


def operands(*shapes: tuple[int, ...], seed: int = 0) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=s) for s in shapes]


def check_derivatives(f: Callable[..., Any], reference: Callable[..., Any], *args: Any) -> None:
    """jvp against differences of SciPy, second order, a batch against a loop, and replay."""
    directions = operands(*(a.shape for a in args), seed=1)
    t = tg.jvp(f, args, tuple(directions))[1]
    np.testing.assert_allclose(t, differences(reference, args, directions), rtol=1e-7, atol=1e-8)
    weighted = lambda *a: (np.cos(np.arange(t.size).reshape(t.shape)) * f(*a)).sum()
    tg.check_grads(weighted, args, order=2, rtol=1e-5, atol=1e-6)
    which = tuple(range(len(args)))
    found = tg.grad(weighted, which)(*args)
    for a, b in zip(tg.jit(tg.grad(weighted, which))(*args), found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
    for i in which:
        stack = np.stack([args[i], 2 * args[i], args[i] - 1])
        axes = tuple(0 if i == j else None for j in which)
        given = [stack if i == j else a for j, a in enumerate(args)]
        got = tg.vmap(tg.grad(weighted, which), axes)(*given)
        for k in range(3):
            one = tg.grad(weighted, which)(*(s[k] if i == j else s for j, s in enumerate(given)))
            for a, b in zip(got, one, strict=True):
                np.testing.assert_allclose(a[k], b, rtol=1e-11, atol=1e-12)


# ---- convolution --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["convolve", "correlate"])
def test_values_in_one_dimension(name: str) -> None:
    f, theirs = getattr(signal, name), getattr(scipy.signal, name)
    for n, m in itertools.product(range(1, 7), repeat=2):
        a, b = operands((n,), (m,))
        for mode, method in itertools.product(MODES, ("auto", "direct", "fft")):
            np.testing.assert_allclose(f(a, b, mode, method), theirs(a, b, mode), atol=1e-13)
        np.testing.assert_allclose(f(a, b + 1j * b**2), theirs(a, b + 1j * b**2), atol=1e-13)


@pytest.mark.parametrize("name", ["convolve", "correlate", "fftconvolve", "oaconvolve"])
def test_values_in_several_dimensions(name: str) -> None:
    f, theirs = getattr(signal, name), getattr(scipy.signal, name)
    for n, m in [((3, 4), (2, 2)), ((2, 3), (3, 4)), ((4, 3, 2), (1, 2, 2)), ((), ())]:
        a, b = operands(n, m)
        for mode in MODES:
            np.testing.assert_allclose(f(a, b, mode), theirs(a, b, mode), atol=1e-13)


def test_long_signals_go_by_fft_and_stay_in_their_type() -> None:
    a, b = (x.astype(np.float32) for x in operands((3000,), (2000,)))
    got = signal.convolve(a, b)
    assert got.dtype == np.float32
    want = np.convolve(a.astype(float), b.astype(float))
    np.testing.assert_allclose(got, want, atol=1e-5 * np.abs(want).max())
    whole = signal.convolve(np.arange(5), np.arange(3))
    assert whole.dtype.kind == "i" and whole.tolist() == [0, 0, 1, 4, 7, 10, 8]


def test_a_batch_goes_tap_by_tap_or_example_by_example() -> None:
    for count, n, m in ((7, 5, 3), (2, 5, 4), (2, 3, 9)):
        a, b = operands((count, n), (count, m))
        for method in ("direct", "fft", "auto"):
            got = tg.vmap(lambda a, b, k=method: signal.convolve(a, b, method=k))(a, b)
            want = np.stack([np.convolve(x, y) for x, y in zip(a, b, strict=True)])
            np.testing.assert_allclose(got, want, atol=1e-13)


@pytest.mark.parametrize("mode", MODES)
def test_large_images_by_every_way(mode: str) -> None:
    """Few taps, few windows, neither; alone and in batches."""
    for n, m in (((20, 20), (3, 3)), ((20, 20), (18, 19)), ((20, 20), (12, 11))):
        a, b = operands(n, m)
        want = scipy.signal.convolve(a, b, mode, "direct")
        for method in ("auto", "direct", "fft"):
            np.testing.assert_allclose(signal.convolve(a, b, mode, method), want, atol=1e-11)
            each = tg.vmap(lambda a, b, k=method: signal.convolve(a, b, mode, k))
            got = each(np.stack([a, 2 * a]), np.stack([b, b]))
            np.testing.assert_allclose(got, np.stack([want, 2 * want]), atol=1e-11)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["convolve", "correlate"])
def test_derivatives(name: str, mode: str) -> None:
    f, theirs = getattr(signal, name), getattr(scipy.signal, name)
    for n, m in [((5,), (3,)), ((2,), (4,)), ((3, 4), (2, 3))]:
        a, b = operands(n, m)
        check_derivatives(lambda a, b: f(a, b, mode), lambda a, b: theirs(a, b, mode), a, b)


@pytest.mark.parametrize("name", ["fftconvolve", "oaconvolve"])
def test_along_some_axes(name: str) -> None:
    f, theirs = getattr(signal, name), getattr(scipy.signal, name)
    a, b = operands((3, 5, 2), (3, 2, 1))
    for axes, mode in itertools.product((1, [1], (1, 2), (-1, -2)), MODES):
        np.testing.assert_allclose(f(a, b, mode, axes), theirs(a, b, mode, axes), atol=1e-13)
    check_derivatives(lambda a, b: f(a, b, "same", 1), lambda a, b: theirs(a, b, "same", 1), a, b)


@pytest.mark.parametrize("boundary", ["fill", "wrap", "symm"])
@pytest.mark.parametrize("name", ["convolve2d", "correlate2d"])
def test_planar(name: str, boundary: str) -> None:
    f, theirs = getattr(signal, name), getattr(scipy.signal, name)
    for n, m in [((3, 4), (2, 3)), ((4, 4), (3, 2)), ((2, 3), (4, 6)), ((1, 1), (2, 2))]:
        a, b = operands(n, m)
        for mode, fill in itertools.product(MODES, (0, 1.5)):
            got, want = (g(a, b, mode, boundary, fill) for g in (f, theirs))
            np.testing.assert_allclose(got, want, atol=1e-13, err_msg=f"{n} {m} {mode} {fill}")
    a, b = operands((3, 4), (2, 3))
    how = ("same", boundary, 0.5)
    check_derivatives(lambda a, b: f(a, b, *how), lambda a, b: theirs(a, b, *how), a, b)


def test_least_squares_deconvolution_has_the_closed_form_hessian() -> None:
    """||x * k - y||² in k has the Hessian 2 Xᵀ X, with the Toeplitz matrix X of x."""
    x, y, k = operands((9,), (11,), (3,))
    matrix = np.stack([np.concatenate([np.zeros(i), x, np.zeros(2 - i)]) for i in range(3)], 1)
    found = tg.hessian(lambda k: ((signal.convolve(x, k) - y) ** 2).sum())(k)
    np.testing.assert_allclose(found, 2 * matrix.T @ matrix, rtol=1e-12)


def test_wrong_operands_are_named() -> None:
    a, b = operands((3, 4), (3,))
    for call, words in (
        (lambda: signal.convolve(a, b), "signal.convolve.*as many axes"),
        (lambda: signal.correlate(a[0], b, "half"), "mode='half'"),
        (lambda: signal.convolve(a[0], b, method="slow"), "method='slow'"),
        (lambda: signal.convolve(b, b[:0]), "none empty"),
        (lambda: signal.convolve(a, a.T, "valid"), "at least as long"),
        (lambda: signal.fftconvolve(a, b, axes=0), "as many axes"),
        (lambda: signal.fftconvolve(a, a, axes=2), "no axis 2"),
        (lambda: signal.convolve2d(a, b), "matrices"),
        (lambda: signal.convolve2d(a, a, boundary="mirror"), "boundary='mirror'"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


# ---- filters ------------------------------------------------------------------------------------

FILTERS = [((3,), (3,)), ((1,), (3,)), ((4,), (1,)), ((2,), (4,)), ((1,), (1,))]


def coefficients(n: Any, m: Any) -> list[Any]:
    b, a = operands(n, m, seed=5)
    return [b, 0.4 * a + 1.7 * (np.arange(m[0]) == 0)]


@pytest.mark.parametrize(("n", "m"), FILTERS)
def test_filter_values_and_states(n: Any, m: Any) -> None:
    b, a = coefficients(n, m)
    order = max(n[0], m[0]) - 1
    for length in (6, 2):
        x, state, wide = operands((2, length), (2, order), (1, order))
        np.testing.assert_allclose(
            signal.lfilter(b, a, x), scipy.signal.lfilter(b, a, x), rtol=1e-12
        )
        got = signal.lfilter(b, a, x.T, axis=0)
        np.testing.assert_allclose(got, scipy.signal.lfilter(b, a, x.T, axis=0), rtol=1e-12)
        for zi in (state, wide):
            got, want = (g.lfilter(b, a, x, zi=zi) for g in (signal, scipy.signal))
            for p, q in zip(got, want, strict=True):
                np.testing.assert_allclose(p, q, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("n", "m"), FILTERS)
def test_filter_derivatives(n: Any, m: Any) -> None:
    (x,) = operands((2, 5))
    check_derivatives(signal.lfilter, scipy.signal.lfilter, *coefficients(n, m), x)


def test_derivatives_through_the_state() -> None:
    b, a = coefficients((3,), (3,))
    x, zi = operands((6,), (2,))

    def both(g: Any) -> Any:
        return lambda b, a, x, zi: np.concatenate(g.lfilter(b, a, x, zi=zi))

    check_derivatives(both(signal), both(scipy.signal), b, a, x, zi)
    first, state = signal.lfilter(b, a, x[:3], zi=zi)
    second, end = signal.lfilter(b, a, x[3:], zi=state)
    whole, last = signal.lfilter(b, a, x, zi=zi)
    np.testing.assert_allclose(np.concatenate([first, second]), whole, rtol=1e-12)
    np.testing.assert_allclose(end, last, rtol=1e-12)


def test_an_exponential_average_has_closed_form_derivatives() -> None:
    """y[n] = Σ r^(n - k) x[k], so dy/dr = Σ (n - k) r^(n - k - 1) x[k]."""
    (x,) = operands((8,))
    lag = np.subtract.outer(np.arange(8), np.arange(8))
    f = lambda r: signal.lfilter([1.0], np.stack([1.0, -r]), x)
    first = np.where(lag > 0, lag * 0.7 ** np.maximum(lag - 1, 0), 0) @ x
    second = np.where(lag > 1, lag * (lag - 1) * 0.7 ** np.maximum(lag - 2, 0), 0) @ x
    np.testing.assert_allclose(tg.jacobian(f)(0.7), first, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(tg.jacobian(tg.jacobian(f))(0.7), second, rtol=1e-11, atol=1e-12)


def test_empty_signals_and_wrong_filters() -> None:
    zi = np.array([1.0, 2.0])
    y, zf = signal.lfilter(np.ones(3), np.ones(2), np.zeros(0), zi=zi)
    assert y.shape == (0,) and zf.tolist() == [1.0, 2.0]
    assert signal.lfilter([1.0], [1.0, 1.0], np.zeros((2, 0))).shape == (2, 0)
    x = np.ones(4)
    for call, words in (
        (lambda: signal.lfilter(np.ones((2, 2)), [1.0], x), "must be vectors"),
        (lambda: signal.lfilter([1.0], [0.0, 1.0], x), r"a\[0\] is 0"),
        (lambda: signal.lfilter([1.0], [1.0], 2.0), "a scalar"),
        (lambda: signal.lfilter([1.0, 2.0], [1.0], x, zi=np.ones(2)), r"zi is .* shape \(1,\)"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
