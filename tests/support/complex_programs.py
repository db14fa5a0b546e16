"""Random programs on complex vectors: steps that read any earlier values, and a real loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

RNG = np.random.default_rng(6)
A = RNG.normal(size=(4, 4)) + 1j * RNG.normal(size=(4, 4)) + 4 * np.eye(4)
X = RNG.uniform(0.3, 0.8, 4)


def weighed(np_: Any, y: Any) -> Any:
    """A real number that depends on real and imaginary parts in different ways."""
    y = np_.reshape(y, (-1,))
    weights = np.cos(np.arange(y.shape[0]))
    return np_.sum(np_.real(y) * weights) + np_.sum(np_.imag(y) ** 2)


STEPS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "times": lambda n, a, b: a * b,
    "plus": lambda n, a, b: a + 0.5 * b,
    "over": lambda n, a, b: a / (2 + n.abs(b)),
    "conj": lambda n, a, b: n.conj(a) + b,
    "abs": lambda n, a, b: n.abs(a + 1.5) * b,
    "exp": lambda n, a, b: n.exp(0.3 * a - n.abs(b)),
    "sin": lambda n, a, b: n.sin(0.3 * a) * b,
    "real": lambda n, a, b: n.real(a) * b + 1j * n.imag(b),
    "angle": lambda n, a, b: n.angle(a + 3) + b,
    "fft": lambda n, a, b: n.fft.fft(a, norm="ortho") * 0.5 + b,
    "rfft": lambda n, a, b: n.fft.irfft(n.fft.rfft(n.real(a) + 0.1, norm="ortho"), n=4) * b,
    "matmul": lambda n, a, b: (A / 8) @ a + b,
    "sqrt": lambda n, a, b: n.sqrt(a * a + 4 + b * n.conj(b)),
    "where": lambda n, a, b: n.where(X > 0.5, a, n.conj(b)),
    "mean": lambda n, a, b: a - n.mean(b),
    "norm": lambda n, a, b: a / (1 + n.linalg.norm(b)),
    "phase": lambda n, a, b: (a + 2) / n.abs(a + 2) * b,
    "roll": lambda n, a, b: n.roll(a, 1) + b[::-1] * 0.5,
    "outer": lambda n, a, b: n.sum(n.outer(a, b), 0) * 0.3,
    "solve": lambda n, a, b: n.linalg.solve(A + 0.1 * n.outer(a, b) / (1 + n.abs(n.vdot(a, b))), b),
}

PROGRAMS = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 9), st.integers(0, 9)),
    min_size=2,
    max_size=8,
)


def program(np_: Any, steps: Sequence[tuple[str, int, int]], z: Any) -> Any:
    """Run the steps, each on two of the values before it (counted from either end)."""
    values = [z]
    for name, i, j in steps:
        first, second = values[-1 - i % len(values)], values[j % len(values)]
        values.append(STEPS[name](np_, first, second))
    return weighed(np_, values[-1] * 0.1)
