"""Break complex rules on purpose, a conjugate forgotten or too many: the battery must notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import complex_battery
import numpy as np
import pytest

from tinygrad_hess.core.composite import parts
from tinygrad_hess.core.registry import REGISTRY
from tinygrad_hess.core.tensor import Parts
from tinygrad_hess.ops.elementwise.complexes import conj

ROWS = [
    "absolute", "conjugate", "imag", "angle", "multiply", "matmul", "exp", "norm", "fft", "rfft",
    "irfft", "cholesky", "qr", "eigvalsh", "svdvals", "pinv", "solve", "inv", "det", "eig",
    "log_determinant", "symmetrize", "eigenvalue_gradient", "cofactor",
]  # fmt: skip


def _conjugated_cotangents(row: Any) -> dict[str, Any]:
    if row.vjps is None:
        pull = row.pullback
        return {"pullback": lambda *a: [None if c is None else conj(c) for c in pull(*a)]}

    def turned(rule: Any) -> Any:
        def wrong(*args: Any, **params: Any) -> Any:
            c = rule(*args, **params)
            return None if c is None else conj(c) * (1 if c.dtype.kind == "c" else 1 + 1e-3)

        return rule and wrong

    return {"vjps": tuple(map(turned, row.vjps))}


def _conjugated_tangent(row: Any) -> dict[str, Any]:
    push = row.pushforward

    def wrong(tangents: Any, *rest: Any) -> Any:
        return push([None if t is None else conj(t) for t in tangents], *rest)

    return {"pushforward": wrong}


def _conjugated(y: Any) -> Any:
    """The conjugate of an output, or of each of several."""
    several = isinstance(getattr(y, "value", y), Parts)
    return Parts(map(conj, parts(y)), y.shape) if several else conj(y)


def _conjugated_operands(row: Any) -> dict[str, Any]:
    """Rules that take the conjugate where they should not, or the other way round."""
    if row.vjps is None:
        pull = row.pullback
        return {"pullback": lambda g, y, args, p: pull(g, np.conj(y), [conj(a) for a in args], p)}

    def turned(rule: Any) -> Any:
        return rule and (
            lambda g, y, *args, **params: rule(
                g, _conjugated(y), *[conj(a) for a in args], **params
            )
        )

    return {"vjps": tuple(map(turned, row.vjps))}


MUTATIONS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "conjugated cotangents": _conjugated_cotangents,
    "conjugated tangent": _conjugated_tangent,
    "conjugated operands": _conjugated_operands,
}
LINEAR = ("conjugate", "imag", "fft", "rfft", "irfft", "symmetrize")
"""Their rules do not read operands."""


PAIRS = [
    (name, mutation)
    for name in ROWS
    for mutation in MUTATIONS
    if not (name in LINEAR and mutation == "conjugated operands")
    if not (name == "rfft" and mutation == "conjugated tangent")  # a real one
]


@pytest.mark.parametrize(("name", "mutation"), PAIRS)
def test_a_wrong_conjugate_is_noticed(
    name: str, mutation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = REGISTRY[name]
    for attribute, value in MUTATIONS[mutation](row).items():
        monkeypatch.setattr(row, attribute, value)
    with pytest.raises(AssertionError):
        for check in ("transpose", "forward"):
            complex_battery.run(check, row)
