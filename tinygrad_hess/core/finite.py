"""Numbers that are not finite: where they are, and whether their type is too narrow for them.

check_finite  : tree -> the same tree, or an error that names the leaf and the element
not_finite    : tree -> what such an error says, or nothing
why_not       : function, arguments -> whether its value overflowed, in words
refuse_nan    : the value of an operation -> an error, if it made a NaN
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from . import trees
from .callers import user_line
from .errors import NanError, describe, operands
from .interchange import to_arrays
from .modes import no_grad
from .tensor import Parts, Tensor, unrecorded

Tree = TypeVar("Tree")

SHOWN = 4
"""Leaves that an error lists, at most."""

HUGE = np.finfo(float).max
"""The largest float64."""

RISE = 10.0
"""A loss that is this many times the largest before it diverges, whatever its type."""


def check_finite(tree: Tree, name: str = "tree") -> Tree:
    """The tree as it is given, if all its numbers are finite.

    Parameters
    ----------
    tree : pytree
        Arrays, tensors and numbers, models of :mod:`tinygrad_hess.nn` among them; fixed arrays are
        looked at, too. Integers are always finite.
    name : str
        What the error calls the tree.

    Returns
    -------
    pytree
        ``tree`` itself.

    Raises
    ------
    FloatingPointError
        Where a number is NaN or infinite: each leaf with its shape, how many of its elements are
        NaN, inf and -inf, and the index of the first.

    Notes
    -----
    What is recorded for replays, as in :func:`jit`, is refused: the replays would not look.

    See Also
    --------
    debug_nans : names the operation that makes a NaN.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.check_finite({"w": np.ones(2)})
    {'w': array([1., 1.])}
    >>> tg.check_finite({"w": np.array([[1.0, np.inf], [np.nan, -np.inf]])}, "params")
    Traceback (most recent call last):
    ...
    FloatingPointError: check_finite: params['w'], float64(2, 2), holds 1 NaN, 1 inf, 1 -inf, the
    first at [0, 1]. tg.debug_nans() finds the operation that makes a NaN.
    """
    if not isinstance(name, str):
        raise TypeError(f"check_finite: name must be a string, got {describe(name)}")
    if told := not_finite(to_arrays("check_finite", name, tree), name):
        raise FloatingPointError(
            f"check_finite: {told}. tg.debug_nans() finds the operation that makes a NaN."
        )
    return tree


def not_finite(tree: Any, name: str, every: bool = True) -> str:
    """The leaves that are not finite, fixed ones where ``every``, in words; empty where all are.

    Examples
    --------
    >>> not_finite([1.0, np.array([0.0, np.nan])], "x")
    'x[1], float64(2,), holds 1 NaN, the first at [1]'
    """
    found = trees.leaves_every(tree) if every else trees.leaves(tree)
    leaves = zip(trees.paths(tree, every=every), found, strict=True)
    told = [words for path, x in leaves if (words := _told(f"{name}{path}", x))]
    more = f"; and {len(told) - SHOWN} leaves more" if len(told) > SHOWN else ""
    return "; ".join(told[:SHOWN]) + more


def _told(name: str, leaf: Any) -> str:
    """What in a leaf is not finite; empty where all is."""
    if isinstance(leaf, Tensor):  # a replay would not look
        leaf._refuse_while_traced("check_finite()", "Check arguments before, or results after.")
    x = np.asarray(unrecorded(leaf))
    if x.dtype.kind not in "fc" or np.isfinite(x).all():
        return ""
    parts = (x.real, x.imag) if x.dtype.kind == "c" else (x,)
    isnan = np.isnan(x)
    counts = {
        "NaN": int(isnan.sum()),
        "inf": int((~isnan & np.logical_or.reduce([p == np.inf for p in parts])).sum()),
        "-inf": int((~isnan & np.logical_or.reduce([p == -np.inf for p in parts])).sum()),
    }
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    if x.ndim == 0:
        return f"{name} is {x[()]}"
    first = [int(i) for i in np.argwhere(~np.isfinite(x))[0]]
    most = np.finfo(x.dtype).max
    narrow = f" ({x.dtype} ends at {most:.2g})" if np.isinf(x).any() and most < HUGE else ""
    return f"{name}, {x.dtype}{x.shape}, holds {kinds}, the first at {first}{narrow}"


def why_not(f: Callable[..., Any], args: Sequence[Any], before: Sequence[float] = ()) -> str:
    """Whether the value of ``f`` is not finite because of its type, in a sentence.

    Parameters
    ----------
    f : callable
        It gives a number, and is called once, with floats of ``args`` in float64.
    args : sequence of pytrees
    before : sequence of float
        Finite values of steps before, to which that in float64 is compared.

    Returns
    -------
    str
        Empty where ``args`` hold no floats narrower than float64, or ``f`` does not take wider
        ones.

    Examples
    --------
    >>> why_not(lambda x: (x * x).sum(), [np.full(2, 1e30, np.float32)])
    'float32 overflows (beyond 3.4e+38): in float64 the value is 2e+60. Compute in float64. '
    """
    floats = [np.asarray(unrecorded(x)).dtype for x in trees.leaves_every(list(args))]
    narrow = [d for d in floats if _is_narrow(d)]
    if not narrow:
        return ""
    kind = min(narrow, key=lambda d: float(np.finfo(d).max))
    try:
        with no_grad(), np.errstate(all="ignore"):
            wide = float(unrecorded(f(*[trees.map_every(_widened, a) for a in args])))
    except Exception:  # whatever a user's function raises on other types
        return ""
    if not np.isfinite(wide):
        return f"In float64 it is {wide}, too: {kind} is not the reason. "
    if len(before) and wide > RISE * max(map(abs, before)):
        return f"In float64 it is {wide:.6g}, far above the values before: it diverges. "
    return (
        f"{kind} overflows (beyond {np.finfo(kind).max:.2g}): in float64 the value is {wide:.6g}. "
        "Compute in float64. "
    )


def _widened(x: Any) -> Any:
    value = unrecorded(x)
    return np.asarray(value, float)[()] if _is_narrow(np.asarray(value).dtype) else value


def _is_narrow(dtype: np.dtype[Any]) -> bool:
    """Whether floats of float64 have a wider range."""
    return dtype.kind == "f" and dtype.itemsize < 8


def has_nan(x: Any) -> bool:
    """Whether there is a NaN in an array, a tensor, or the parts of either."""
    raw = x.value if isinstance(x, Tensor) else x
    if isinstance(raw, Parts):
        return any(map(has_nan, raw))
    raw = np.asarray(raw)
    return raw.dtype.kind in "fc" and bool(np.isnan(raw).any())


def refuse_nan(name: str, value: Any, args: Sequence[Any], params: dict[str, Any] | None) -> None:
    """Refuse the value of an operation with a NaN that none of its operands has."""
    if has_nan(value) and not any(map(has_nan, args)):
        raise NanError(f"{name}({operands(args, params)}) made a NaN; called at {user_line()}")
