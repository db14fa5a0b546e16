"""Identities: a new node with the same value, for what the node says rather than computes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core import modes, signatures
from ...core.errors import NonDifferentiableError, describe
from ...core.kinds import elementwise, linear, zero
from ...core.primitive import STOP
from ...core.tensor import Tensor
from .._types import Array, ArrayLike


def _identity(x: Array, **note: Any) -> Array:
    return x


_IS_IDENTITY: dict[str, Any] = {"identity": True, "aliases": True}
_ELEMENTWISE: dict[str, Any] = {"signature": signatures.elementwise}

alias: Any = linear(
    "alias",
    _identity,
    lambda g, y, x: g,
    cases=[([(2, 3)], {})],
    on_complex=True,
    **_ELEMENTWISE,
    **_IS_IDENTITY,
    moves=True,
    doc="A new start on the tape, with a reference to where the value came from.",
)

seed: Any = linear(
    "seed",
    _identity,
    lambda g, y, x, **note: g,
    cases=[([(2, 3)], {"sweep": "reverse", "until": 0})],
    on_complex=True,
    **_ELEMENTWISE,
    **_IS_IDENTITY,
    moves=True,
    doc="The cotangent or tangent that starts a recorded sweep; it notes which, and its end.",
)


def _cast(x: Array, *, dtype: Any) -> Array:
    x = np.asarray(x)
    if x.dtype.kind == "c" and dtype.kind != "c":
        x = x.real
    return x.astype(dtype, copy=False)[()]


cast: Any = linear(
    "astype",
    _cast,
    lambda g, y, x, dtype: cast(g, dtype=x.dtype),
    cases=[([(2, 3)], {"dtype": np.dtype(np.float64)})],
    on_complex=True,
    **_ELEMENTWISE,
    **_IS_IDENTITY,
    label="cast",
    doc="Convert to another floating type; the cotangent is converted back. Of a complex number a "
    "real type keeps the real part, whose cotangent is real.",
)

conjugate: Any = linear(
    "conjugate",
    np.conjugate,
    lambda g, y, x: conjugate(g),
    domain=(-2, 2),
    cases=[([(2, 3)], {}), ([()], {}), ([(0, 3)], {})],
    on_complex=True,
    **_ELEMENTWISE,
    label="conj",
    doc="The complex conjugate. It is linear over the real numbers, and its own transpose.",
)


def _run_check(x: Array, *, check: Callable[[Any], None]) -> Array:
    if not modes.are_shapes_alone():  # then values are made up
        check(x)
    return x


def _accept(x: Array) -> None:
    """A check that every array passes."""


_checked: Any = elementwise(
    "checked",
    _run_check,
    lambda g, y, x, check: g,
    parametric=True,
    aliases=True,
    effects=True,
    cases=[([(2, 3)], {"check": _accept})],
    doc="The same value, once ``check`` of it has raised no error.",
)


def checked(x: ArrayLike, check: Callable[[Any], None]) -> Array:
    """``x``, if ``check`` of its numbers raises no error: now, and at each replay.

    Parameters
    ----------
    x : array or tensor
    check : callable
        Takes an array (with batch axes in front, inside vmap). Equal checks count as one.
    """
    if isinstance(x, Tensor):
        if modes.is_tracing() and x.prim is not None:
            return _checked(x, check=check)
        x._refuse_while_traced("a look at the values")
        check(np.asarray(x.value))
    else:
        check(x)
    return x


stop_gradient = STOP.call


def astype(x: ArrayLike, dtype: Any) -> Array:
    """Convert to ``dtype``. To an integer or boolean type, no derivative flows.

    From complex to real numbers it keeps the real part, with NumPy's warning.
    """
    dtype = np.dtype(dtype)
    if dtype.kind not in "biufc" and isinstance(x, Tensor):
        raise NonDifferentiableError(
            f"astype: a {describe(x)} tensor as {dtype} would hide its numbers, and lose their "
            "gradient. Keep it as it is; where no gradient should flow, write x.numpy() first."
        )
    if dtype.kind not in "fc":
        return truncate(x, dtype=dtype)
    if dtype.kind == "f" and getattr(x, "dtype", dtype).kind == "c":
        message = "Casting complex values to real discards the imaginary part"
        warnings.warn(message, np.exceptions.ComplexWarning, stacklevel=2)
    return cast(x, dtype=dtype)


def copied(x: Any) -> Any:
    """The same values as a new array, where NumPy copies too: a write to it does not change x."""
    return astype(x, x.dtype) if isinstance(x, Tensor) else np.array(x)


truncate = zero(
    "astype_integer",
    lambda x, *, dtype: np.asarray(x).astype(dtype)[()],
    along=True,
    **_ELEMENTWISE,
    **_IS_IDENTITY,
    cases=[([(2, 3)], {"dtype": np.dtype(np.int64)})],
    label="cast",
    doc="Convert to an integer or boolean type: piecewise constant.",
)
