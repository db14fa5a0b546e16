"""``numpy.fft`` on tensors: values as NumPy's, derivatives against differences of NumPy's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from complex_checks import checked
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_hess as tg
import tinygrad_hess.numpy as tnp
from tinygrad_hess.core.registry import REGISTRY

RNG = np.random.default_rng(2)
X = RNG.normal(size=(3, 4))
Z = X + 1j * RNG.normal(size=(3, 4))
CUBE = RNG.normal(size=(2, 3, 4)) + 1j * RNG.normal(size=(2, 3, 4))

ALONG = ["fft", "ifft", "irfft", "hfft"]
OF_REAL = ["fft", "ifft", "rfft", "ihfft"]
OVER = ["fft2", "ifft2", "irfft2", "fftn", "ifftn", "irfftn"]
OVER_REAL = ["rfft2", "rfftn", "fftn"]
NORMS = [None, "backward", "ortho", "forward"]
MOST = [pytest.param(n, marks=pytest.mark.slow if n in (None, "forward") else []) for n in NORMS]
LENGTHS = [None, 3, 5, 1, pytest.param(6, marks=pytest.mark.slow)]


@pytest.mark.parametrize("name", ALONG)
@pytest.mark.parametrize("norm", MOST)
@pytest.mark.parametrize("n", LENGTHS)
def test_along_an_axis(name: str, norm: str | None, n: int | None) -> None:
    f = getattr(np.fft, name)
    checked(lambda z: f(z, n=n, norm=norm), Z[:2], second=False)
    checked(lambda z: f(z, n, 0, norm), Z[:, :2], second=False)


@pytest.mark.parametrize("name", OF_REAL)
@pytest.mark.parametrize("norm", MOST)
@pytest.mark.parametrize("n", LENGTHS)
def test_of_real_numbers(name: str, norm: str | None, n: int | None) -> None:
    f = getattr(np.fft, name)
    checked(lambda x: f(x, n=n, norm=norm), X[:2], second=False)
    checked(lambda x: f(x, n, 0, norm), X[:, :2], second=False)


@pytest.mark.parametrize("name", OVER)
@pytest.mark.parametrize(
    "options",
    [{}, {"norm": "ortho"}, {"s": (3, 5), "axes": (-2, -1)}, {"s": (2, 4), "axes": (0, 2)},
     {"axes": (2, 0), "norm": "forward"}],
    ids=str,
)  # fmt: skip
def test_over_axes(name: str, options: dict[str, Any]) -> None:
    f = getattr(np.fft, name)
    checked(lambda z: f(z, **options), CUBE, second=False)


@pytest.mark.parametrize("name", OVER_REAL)
@pytest.mark.parametrize(
    "options", [{}, {"norm": "ortho"}, {"s": (3, 5), "axes": (0, 1)}, {"axes": (1, 0)}], ids=str
)
def test_over_axes_of_real_numbers(name: str, options: dict[str, Any]) -> None:
    f = getattr(np.fft, name)
    checked(lambda x: f(x, **options), X, second=False)


def test_an_axis_named_twice_is_transformed_twice() -> None:
    checked(lambda z: np.fft.fftn(z, axes=(1, 1)), Z)
    checked(lambda z: np.fft.irfftn(z, axes=(0, 0, 1)), Z)


def test_nonlinear_functions_to_second_order() -> None:
    checked(lambda x: np.abs(np.fft.rfft(x)) ** 2, X + 2)
    checked(lambda z: np.fft.ifft(np.fft.fft(z) ** 2), Z)
    checked(lambda x: np.fft.irfft(np.fft.rfft(x) * np.exp(-np.arange(3.0)), 4), X)


@pytest.mark.parametrize("name", ["fftshift", "ifftshift"])
@pytest.mark.parametrize("axes", [None, 0, (1, 0), [1]])
def test_shifts(name: str, axes: Any) -> None:
    f = getattr(np.fft, name)
    checked(lambda z: f(z, axes=axes), Z)
    checked(lambda x: f(x, axes=axes), X)


def test_frequencies_are_constants() -> None:
    np.testing.assert_array_equal(tnp.fft.fftfreq(5), np.fft.fftfreq(5))
    np.testing.assert_array_equal(tnp.fft.rfftfreq(5), np.fft.rfftfreq(5))


@pytest.mark.parametrize("name", sorted({*ALONG, *OF_REAL, *OVER, *OVER_REAL}))
def test_both_namespaces(name: str) -> None:
    given = X if name in OF_REAL or name in OVER_REAL else Z
    ours, numpys = getattr(tnp.fft, name), getattr(np.fft, name)
    np.testing.assert_allclose(ours(given), numpys(given), atol=1e-14)
    assert isinstance(ours(given), np.ndarray)
    assert isinstance(numpys(tg.tensor(given)), tg.Tensor)


def test_every_name_of_numpy_fft_is_here() -> None:
    assert set(tnp.fft.__all__) == set(np.fft.__all__)


def test_parseval() -> None:
    """The energy is the same on both sides, so its gradient is that of the sum of squares."""
    energy = lambda x: (np.abs(np.fft.fft(x, norm="ortho")) ** 2).sum()
    np.testing.assert_allclose(tg.grad(energy)(X), 2 * X, atol=1e-13)
    np.testing.assert_allclose(tg.hessian(energy)(X[0]), 2 * np.eye(4), atol=1e-13)
    np.testing.assert_allclose(tg.grad(energy)(Z), 2 * Z.conj(), atol=1e-13)


def test_jacobian_is_the_matrix_of_the_transform() -> None:
    k = np.arange(5)
    matrix = np.exp(-2j * np.pi * np.outer(k, k) / 5)
    np.testing.assert_allclose(tg.jacobian(np.fft.fft)(np.zeros(5)), matrix, atol=1e-14)
    found = tg.jacobian(np.fft.fft, holomorphic=True)(np.zeros(5, complex))
    np.testing.assert_allclose(found, matrix, atol=1e-14)


def test_the_second_derivative_is_zero() -> None:
    """They are linear, and a tape of linear maps has no second derivative to compute."""
    for name in ("fft", "ifft", "rfft", "irfft"):
        assert REGISTRY[name].kind == "linear"
    bent = lambda x: np.real(np.fft.fft(x)).sum()
    np.testing.assert_array_equal(tg.hvp(bent, X[0], X[1]), np.zeros(4))


REFUSED: list[tuple[Callable[[Any], Any], str]] = [
    (lambda x: np.fft.fft(x, norm="unitary"), "norm='unitary'"),
    (lambda x: np.fft.fft(x, n=0), "positive"),
    (lambda x: np.fft.irfft(x[:, :1]), "positive"),
    (lambda x: np.fft.fft(x, axis=2), "no axis 2"),
    (lambda x: np.fft.fftn(x, s=(2,), axes=(0, 1)), "differ in length"),
    (lambda x: np.fft.rfft(1j * x), "use fft"),
    (lambda x: np.fft.fftn(x, axes=()), "at least one axis"),
]


@pytest.mark.parametrize(("f", "message"), REFUSED)
def test_refused_with_a_reason(f: Callable[[Any], Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        f(tg.tensor(X, requires_grad=True))


@given(data=st.data())
@settings(max_examples=40, deadline=None, derandomize=True)
def test_random_arguments(data: Any) -> None:
    """Any shape, lengths, axes and norm: value, and <u, F v> = <Fᵀu, v>."""
    name = data.draw(st.sampled_from(sorted({*OVER, *OVER_REAL})))
    shape = tuple(data.draw(st.lists(st.integers(2, 5), min_size=2, max_size=3)))
    axes = data.draw(st.permutations(range(len(shape))))[: data.draw(st.integers(1, 2))]
    if name.endswith("2"):
        axes = data.draw(st.permutations(range(len(shape))))[:2]
    s = data.draw(st.none() | st.tuples(*(st.integers(1, 6) for _ in axes)))
    norm = data.draw(st.sampled_from(NORMS))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    x = rng.normal(size=shape)
    if name.startswith(("f", "i")) and not name.startswith("rfft"):
        x = x + 1j * rng.normal(size=shape)
    f = lambda x: getattr(np.fft, name)(x, s=s, axes=tuple(axes), norm=norm)
    want = f(x)
    y, pull = tg.vjp(f, x)
    np.testing.assert_allclose(y, want, atol=1e-12)
    u = rng.normal(size=want.shape)
    u = u + 1j * rng.normal(size=want.shape) if np.iscomplexobj(want) else u
    v = rng.normal(size=shape) * (1 + 1j if np.iscomplexobj(x) else 1)
    left, right = np.sum(u * f(v)).real, np.sum(pull(u)[0] * v).real
    np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-11)
