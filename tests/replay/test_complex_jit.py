"""Replaying complex programs: algebra that holds for real numbers only must leave them alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from comparing import close
from jit_routes import PATHS, along, every_cut, recorded, steady

import tinygrad_hess as tg

RNG = np.random.default_rng(9)


def _complex(*shape: int) -> Any:
    return RNG.normal(size=shape) + 1j * RNG.normal(size=shape)


Z, W, M = _complex(8, 4), _complex(8, 4), _complex(4, 4)


def _net(z: Any, m: Any) -> Any:
    """Layers with a modulus between them, as in complex nets, and a real loss."""
    h = z @ m
    h = h * np.exp(-np.abs(h)) + np.conj(h)
    h = np.tanh(0.3 * (h @ np.conj(m).T)) - 2.0 * h
    return np.mean(np.abs(h) ** 2) + np.sum(np.real(h[:, 0]) * np.imag(h[:, 1]))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "loss": _net,
    "gradient": lambda z, m: tg.grad(_net, (0, 1))(z, m),
    "hvp": lambda z, m: tg.hvp(_net, z, z * 1j, m),
    "spectrum": lambda z, m: np.fft.ifft(np.fft.fft(z, axis=0) * np.abs(z), axis=0) @ m,
    "gradient of a spectrum": lambda z, m: tg.grad(
        lambda z: (np.abs(np.fft.fft2(z) * 2) ** 2).sum()
    )(z) @ m,
    "per example": lambda z, m: tg.vmap(tg.grad(lambda z: _net(z[None], m)))(z),
    "real from complex": lambda z, m: np.sqrt(np.real(z) ** 2 + np.imag(z) ** 2) + 0 * abs(m[0]),
    "complex from real": lambda z, m: np.real(z) * 1j + np.exp(1j * np.imag(z)) - m[0],
    "assignment": lambda z, m: z.at[:, 1].set(np.conj(z[:, 0]) * 2) @ m
    if isinstance(z, tg.Tensor)
    else np.concatenate([z[:, :1], 2 * np.conj(z[:, :1]), z[:, 2:]], 1) @ m,
    "chain": lambda z, m: -(-(z * 1.0 + 0.0) * 2.0 * 0.5 / 1.0) + (-z) - (-(z * 1j)) + 0 * m[0],
    "statistics": lambda z, m: (np.var(z, 0) * np.std(z), np.prod(z, 1), np.cumsum(z, 0) @ m),
}  # fmt: skip


@pytest.mark.parametrize("path", [None, *PATHS])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_replayed_as_recorded(name: str, path: str | None) -> None:
    """At several points, other calls between, whole, cut into chunks, and on threads."""
    f = FUNCTIONS[name]
    with along(path):
        steady(f, (Z, M), (W, 0.5 * M), (Z[::-1], M.T), what=name)


@pytest.mark.parametrize("name", ["loss", "gradient", "spectrum", "statistics"])
def test_cut_along_every_axis(name: str) -> None:
    f = FUNCTIONS[name]
    assert every_cut(f, (Z, M), (W, 0.5 * M), counts=(2,)) > 0


@pytest.mark.parametrize("name", FUNCTIONS)
def test_single_precision_stays(name: str) -> None:
    f, args = FUNCTIONS[name], (Z.astype(np.complex64), M.astype(np.complex64))
    got, want = tg.jit(f)(*args), f(*args)
    close(got, want, ulps=2e3, strict=True, what=name)


def test_infinite_parts_and_signs_of_zeros_are_kept() -> None:
    """1.0 z is not z bit for bit: infinity times the zero imaginary part of 1 is no number."""
    odd = np.array([complex(np.inf, 1), complex(-0.0, -0.0), complex(1, -0.0), complex(np.nan, 0)])
    for f in (
        lambda z: z * 1.0, lambda z: z / 1.0, lambda z: z - 0.0, lambda z: z + -0.0,
        lambda z: np.negative(-z), lambda z: np.conj(z) + 0.0, lambda z: z * (1 + 0j), lambda z: 2.0 * (-z),
        lambda z: z + (-z.conj()),
    ):  # fmt: skip
        with np.errstate(all="ignore"):
            want, got = f(odd), tg.jit(f)(odd)
        np.testing.assert_array_equal(got, want)
        for part in (np.real, np.imag):
            np.testing.assert_array_equal(np.signbit(part(got)), np.signbit(part(want)))


def test_complex_python_numbers_change_from_call_to_call() -> None:
    seen: list[Any] = []

    def f(z: Any, c: Any) -> Any:
        seen.append(c)
        return z * c

    jitted = tg.jit(f)
    for c in (1j, 2 + 1j, -1j, 0.5):
        np.testing.assert_array_equal(jitted(Z, c), Z * c)
    assert len(seen) == 4  # recorded twice for a complex number, twice for a real one


def test_equal_numbers_of_different_types_are_kept_apart() -> None:
    f = lambda z: (z * 2, z * 2.0, z * (2 + 0j), np.real(z) * 2.0)
    close(tg.jit(f)(Z), f(Z), strict=True, what="numbers")


def test_buffers_are_reused_by_type() -> None:
    """A real array of as many bytes is no place for a complex one."""
    f = lambda z: np.exp(np.abs(z * 2) - 1) * np.conj(z + 1) + np.cos(np.abs(z) * 0.5)
    plan = recorded(f, Z).plan
    assert {np.dtype(b.dtype).kind for b in plan.buffers} == {"c", "f"}
    steady(f, (Z,), (W,))
