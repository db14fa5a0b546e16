"""Numerical solvers, which work on raw arrays, as nodes of a tape.

solved : (vector of all operands, solver) -> vector

A node is computed when it is recorded, anew in each replay, and for one example after the other
under ``vmap``. Its derivatives are in the custom rules around it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core import modes, signatures
from ...core.errors import NonDifferentiableError
from ...core.primitive import Primitive
from ...core.registry import REGISTRY
from ...core.tensor import Tensor
from ...ops import astype, concatenate, ravel


class Solver:
    """A function of arrays to a vector, with the shapes of its arguments.

    Parameters
    ----------
    name : str
        Who solves: for errors, and the same whenever the call is recorded again.
    f : callable
        From arrays to an array of shape (size,).
    size : int
    shapes : sequence of tuple
        Of the arguments.
    """

    def __init__(
        self, name: str, f: Callable[..., Any], size: int, shapes: Sequence[tuple[int, ...]]
    ):
        self.name, self.f, self.size, self.shapes = name, f, size, tuple(shapes)

    def __repr__(self) -> str:
        return f"<solver of {self.name}>"

    def __call__(self, vector: Any) -> Any:
        arguments, at = [], 0
        for shape in self.shapes:
            count = int(np.prod(shape))
            arguments.append(np.reshape(vector[at : at + count], shape))
            at += count
        with modes.untraced():
            return np.asarray(self.f(*arguments), np.float64)


def _value(vector: Any, *, solver: Solver) -> Any:
    return solver(np.asarray(vector))


def _batch(values: Any, ndims: Any, lead: Any, params: Any) -> Any:
    """Each example by itself."""
    (vectors,), solver = values, params["solver"]
    out = np.empty((*lead, solver.size))
    for i in np.ndindex(lead):
        out[i] = solver(vectors[i])
    return out


def _refuse(*args: Any) -> Any:
    raise NonDifferentiableError("a solver is differentiated by its implicit rule alone")


_solved = Primitive(
    "solved",
    "structured",
    _value,
    vjps=None,
    pullback=_refuse,
    pushforward=_refuse,
    batch=_batch,
    signature=signatures.unknown,
    effects=True,
    doc="What a numerical solver makes of its operands.",
)
del REGISTRY[_solved.name]  # nobody calls it by name


def call_off_tape(name: str, f: Callable[..., Any], operands: Sequence[Any], size: int) -> Any:
    """``f(*operands)``, from floating arrays to a vector of so many elements.

    Parameters
    ----------
    name : str
    f : callable
        It is given float64 arrays.
    operands : sequence of arrays, tensors and numbers
    size : int
    """
    if not any(isinstance(x, Tensor) for x in operands):
        return np.asarray(f(*[np.asarray(x, np.float64) for x in operands]), np.float64)
    shapes = [x.shape if hasattr(x, "shape") else () for x in operands]
    parts = [ravel(x) for x in operands]
    parts = [x if x.dtype == np.float64 else astype(x, np.float64) for x in parts]
    solver = Solver(name, f, size, shapes)
    return _solved.call(concatenate(parts) if len(parts) > 1 else parts[0], solver=solver)
