"""What the distributions share: their operands, and their values outside the support."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.errors import describe
from ...ops import astype, equal, floor, where


def operands(who: str, names: Sequence[str], *given: Any) -> list[Any]:
    """Arrays and tensors as they are, lists as arrays, Python numbers in the type of the others.

    Raises
    ------
    TypeError
        When one is complex, or wider than float64: SciPy's special functions are not.
    """
    found = [x if hasattr(x, "dtype") or is_number(x) else np.asarray(x) for x in given]
    for name, x in zip(names, found, strict=True):
        dtype = getattr(x, "dtype", None)
        if dtype is not None and (dtype.kind not in "biuf" or dtype.itemsize > 8):
            raise TypeError(
                f"{who}: {name} must be real numbers of at most 64 bits, got {describe(x)}; "
                f"write {name}.real, or {name}.astype(float)"
            )
    types = [x.dtype for x in found if not is_number(x) and x.dtype.kind == "f"]
    number = np.result_type(*types).type if types else np.float64
    return [number(x) if is_number(x) else x for x in found]


def is_number(x: Any) -> bool:
    return type(x) in (int, float, bool)


def nan_unless(condition: Any, x: Any) -> Any:
    """``x`` where the condition holds; elsewhere it is NaN, and so are its derivatives."""
    if x.dtype.kind != "f":
        return where(condition, x, np.nan)
    return x * astype(where(condition, 1.0, np.nan), x.dtype)


def positive(x: Any) -> Any:
    """A scale or a shape, or NaN where it cannot be one."""
    return nan_unless(x > 0, x)


def limited(out: Any, inside: Any, valid: Any) -> Any:
    """``out``, with minus infinity outside the support, and NaN for invalid parameters."""
    return nan_unless(valid, where(inside, out, -np.inf))


def counts(k: Any, *parameters: Any) -> Any:
    """Counts in the floating type of the parameters: integers do not widen float32."""
    types = [p.dtype for p in parameters if hasattr(p, "dtype") and p.dtype.kind == "f"]
    if types and hasattr(k, "dtype") and k.dtype.kind in "iub":
        return astype(k, np.result_type(*types))
    return k


def is_count(k: Any) -> Any:
    return equal(k, floor(k)) & (k >= 0)


def is_share(p: Any) -> Any:
    return (p >= 0) & (p <= 1)
