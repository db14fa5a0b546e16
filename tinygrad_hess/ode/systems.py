"""A right-hand side on leaves: what a user's function is given, and what it must return."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core import trees
from ..core.errors import NonDifferentiableError, TracingError, call_of, describe
from ..core.tensor import Tensor, tensor_or_array
from ..ops import astype
from .tableaus import Leaves, Rates

CALL = "Write tg.ode.solve(f, y0, ts, *args), with f(t, y, *args) -> dy/dt."

_MOVING = (np.ndarray, np.generic, Tensor, float, complex)


class System(NamedTuple):
    """y' = rates(fixed)(t, y), from y0.

    ``fixed`` are the leaves of its arguments that may change from call to call.
    """

    rates: Callable[[Leaves], Rates]
    fixed: Leaves
    y0: Leaves


def system(f: Callable[..., Any], y0: Any, args: Sequence[Any]) -> tuple[System, Any]:
    """A user's function on leaves, and the structure of ``y0``.

    Arrays, tensors and floats among the leaves of ``args`` are fixed ones; others, such as integers
    and words, belong to the function.
    """
    leaves, spec = trees.flatten(y0)
    paths = trees.paths(y0)
    if not leaves:
        raise ValueError(f"solve: y0 is {describe(y0)} without arrays. {CALL}")
    start = [_floating(x, f"y0{path}") for x, path in zip(leaves, paths, strict=True)]
    given, args_spec = trees.flatten_every(tuple(args))
    moving = [i for i, x in enumerate(given) if isinstance(x, _MOVING)]

    def rates_with(fixed: Leaves) -> Rates:
        more = trees.unflatten(args_spec, trees.replaced(given, moving, fixed))

        def rates(t: Any, y: Leaves) -> Leaves:
            try:
                found = call_of("solve", f, (t, trees.unflatten(spec, y), *more), {}, CALL)
            except TracingError as error:
                raise TracingError(f"solve: f is recorded once, for all steps: {error}") from error
            if spec.is_leaf() and type(found) in (list, tuple):  # as SciPy's users write it
                found = tensor_or_array(trees.stacked(found))
            slopes, other = trees.flatten(found)
            if other != spec:
                raise TypeError(
                    f"solve: f must return dy/dt in the structure of y0, {spec}, but returned "
                    f"{other}. {CALL}"
                )
            return [_like(k, a, path) for k, a, path in zip(slopes, y, paths, strict=True)]

        return rates

    return System(rates_with, [tensor_or_array(given[i]) for i in moving], start), spec


def _floating(x: Any, what: str) -> Any:
    x = tensor_or_array(x)
    if x.dtype.kind in "biu":
        return astype(x, np.float64)
    if x.dtype.kind not in "fc":
        raise TypeError(f"solve: {what} must be an array of numbers, but has dtype {x.dtype}")
    return x


def _like(slope: Any, y: Any, path: str) -> Any:
    """A slope in the type of what it is the slope of."""
    slope = tensor_or_array(slope)
    said = f"solve: f returned {describe(slope)} as dy{path}/dt, and y0{path} is {describe(y)}. "
    if slope.shape != y.shape:
        raise ValueError(f"{said}Both must have the same shape.")
    if slope.dtype == y.dtype:
        return slope
    if slope.dtype.kind == "c" and y.dtype.kind == "f":
        raise NonDifferentiableError(f"{said}Begin with a complex y0.")
    return astype(slope, y.dtype)
