"""Samples: operands made from a row's declared domain and cases, and directions at them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from references import reference

import tinygrad_hess as tg
from tinygrad_hess.core.primitive import Primitive
from tinygrad_hess.core.registry import REGISTRY
from tinygrad_hess.core.signatures import parsed
from tinygrad_hess.ops.shape.batch_axes import enter, leave
from tinygrad_hess.ops.shape.broadcasting import reshape
from tinygrad_hess.ops.shape.rearranging import concatenate_along

CALLS: dict[str, Callable[..., Any]] = {
    # Hiding an axis gives a batch, which a function of arrays cannot return: so it is shown again.
    "enter": lambda x, axis: leave(enter(x, axis=axis), axis=axis),
}
"""Rows that are checked through another function than their own call."""


def joined(row: Primitive) -> Primitive:
    """The row; for one of several outputs, a row of one: all parts side by side on a last axis."""
    if not isinstance(row.signature, str) or len(parsed(row.signature).results) == 1:
        return row
    made = copy.copy(row)
    made.fn = lambda *args, **params: join(row.name, row.fn(*args, **params))
    made.call = lambda *args, **params: join(row.name, row.call(*args, **params))
    made.vjps = (lambda g, y, x, **params: tg.vjp(lambda x: made.call(x, **params), x)[1](g)[0],)
    made.signature = f"{row.signature.partition('->')[0]}->(joined)"
    made.batch = made._batch
    return made


def join(name: str, outputs: Any) -> Any:
    """One array of several outputs, whose core axes are joined."""
    if not isinstance(outputs, (list, tuple)):
        return outputs
    results = parsed(str(REGISTRY[name].signature)).results
    loops = [x.ndim - len(core) for x, core in zip(outputs, results, strict=True)]
    flat = [
        reshape(x, shape=(*x.shape[:n], math.prod(x.shape[n:])))
        for x, n in zip(outputs, loops, strict=True)
    ]
    return concatenate_along(*flat, axis=-1)


Values = tuple[Any, ...]
Maker = Callable[[np.random.Generator], tuple[Values, dict[str, Any]]]

_SHAPES: dict[int, list[tuple[tuple[int, ...], ...]]] = {
    1: [((),), ((3,),), ((2, 3),), ((0, 3),)],
    2: [
        ((), ()), ((2, 3), (2, 3)), ((1, 3), (2, 1)), ((), (3,)), ((3,), ()), ((2, 3), (3,)),
        ((0,), (1,)), ((0, 3), (3,)),
    ],
    3: [
        ((3,), (3,), (3,)), ((1, 3), (2, 1), ()), ((), (3,), (2, 1)), ((2, 3), (3,), (2, 1)),
        ((0,), (1,), ()),
    ],
}  # fmt: skip
"""Shapes for elementwise rows, by their number of operands."""


@dataclass
class Sample:
    """Where a row is tried: operands made from a random generator, and its parameters."""

    label: str
    make: Maker

    def args(self, seed: int = 0) -> tuple[Values, dict[str, Any]]:
        """Operands for this seed."""
        return self.make(np.random.default_rng(seed))


def spaced(rng: np.random.Generator, shape: tuple[int, ...], domain: Any = None) -> Any:
    """Values in an open interval of which no two are close, so that differences meet no ties."""
    if domain == "bool":
        return rng.random(shape) > 0.5
    low, high = (-2.0, 2.0) if domain is None else domain
    n = int(np.prod(shape))
    places = rng.permutation(n) + rng.uniform(0.3, 0.7, n)
    return (low + (high - low) * places / max(n, 1)).reshape(shape)


def samples(row: Primitive) -> list[Sample]:
    """Every point at which a row is tried; an AssertionError if it declares none."""
    found: list[Sample] = []
    simple = row.kind in ("elementwise", "zero") and row.domain is not None
    if simple:
        count = len(row.vjps or ())
        intervals = domains(row.domain, count)
        for params in [case[1] for case in row.cases] or [{}]:
            found += [_shaped(shapes, params, intervals) for shapes in _SHAPES[count]]
    else:
        for i, case in enumerate(row.cases):
            if callable(case):
                found.append(Sample(f"case {i}", case))
            else:
                shapes, params = case
                found.append(_shaped(shapes, params, domains(row.domain, len(shapes))))
    assert found, f"{row.name}: the row has neither a domain nor cases, so nothing tests it"
    return found


def domains(domain: Any, count: int) -> list[Any]:
    several = isinstance(domain, tuple) and not isinstance(domain[0], (int, float))
    return list(domain) if several else [domain] * count


def _shaped(shapes: Any, params: dict[str, Any], domains: list[Any]) -> Sample:
    def make(rng: np.random.Generator) -> tuple[Values, dict[str, Any]]:
        return tuple(spaced(rng, s, d) for s, d in zip(shapes, domains, strict=True)), params

    label = " ".join(str(s).replace(" ", "") for s in shapes)
    return Sample(f"{label} {params}" if params else label, make)


def _is_float(x: Any) -> bool:
    return np.asarray(x).dtype.kind == "f"


class Point:
    """A row at one sample: its function of the floating operands alone, and directions."""

    def __init__(self, row: Primitive, sample: Sample, dtype: Any = np.float64, seed: int = 0):
        args, self.params = sample.args(seed)
        self.row, self.seed = row, seed
        self.args = tuple(np.asarray(a, dtype) if _is_float(a) else a for a in args)
        self.moving = [i for i, a in enumerate(self.args) if _is_float(a)]
        self.xs = tuple(self.args[i] for i in self.moving)
        rng = np.random.default_rng(seed + 1000)
        self.tangents, self.others = (
            tuple(rng.uniform(-1, 1, np.shape(x)).astype(dtype) for x in self.xs) for _ in range(2)
        )
        self.call = CALLS.get(row.name, row.call)
        with np.errstate(all="ignore"):
            self.y = self.f(*self.xs)
        self.cotangent = rng.uniform(-1, 1, np.shape(self.y)).astype(self.y.dtype)

    def filled(self, xs: Values) -> list[Any]:
        """All operands, the floating ones replaced."""
        args = list(self.args)
        for i, x in zip(self.moving, xs, strict=True):
            args[i] = x
        return args

    def f(self, *xs: Any) -> Any:
        """The primitive itself."""
        return self.call(*self.filled(xs), **self.params)

    def expected(self, *xs: Any) -> Any:
        """The reference."""
        return join(self.row.name, reference(self.row)(*self.filled(xs), **self.params))


def points(row: Primitive, dtype: Any = np.float64) -> Iterator[tuple[str, Point]]:
    """A row at each of its samples."""
    for sample in samples(row):
        yield f"{row.name} at {sample.label}", Point(row, sample, dtype)
