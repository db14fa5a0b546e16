"""Random programs as NumPy users write them: mixed types, masks, ties, slices, in-place updates.

    Program : shapes and types of three arrays that come in, operations on earlier results, and what
              is made of the program: its values, or derivatives of a sum of them

Unlike :mod:`random_programs`, these need not be smooth, well conditioned or finite: they are for
comparing two ways to compute the same bits. An operation that is not for what it is given (a number
has no axis, a mask no sign) is left out.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import tinygrad_hess as tg
from tinygrad_hess import nn

Function = Callable[..., Any]

NUMBERS = (2.0, 0.5, -1.0, 3.0, 0.1, 0.0, -0.0, 1.0, 1e300, 1e-300, -8.0, 7)
POWERS = (2, 3, 0.5, 1, 0, -1, -2, 1.5, -0.5)
UFUNCS = (
    "sin tanh exp log sqrt abs negative square reciprocal sign floor rint isnan isfinite log1p "
    "arctan logical_not cbrt"
)
PAIRS = (
    "add subtract multiply divide maximum minimum fmax fmin arctan2 hypot copysign less less_equal "
    "greater equal not_equal logical_and logical_or logical_xor power remainder"
)
REDUCTIONS = "sum mean max min prod var"


def _of_one(f: Function) -> Function:
    return lambda x, k: f(x)


def _reduced(f: Function) -> Function:
    return lambda x, k: f(x, axis=_axes(x, k), keepdims=bool(k % 2))


UNARY: dict[str, Function] = {
    **{name: _of_one(getattr(np, name)) for name in UFUNCS.split()},
    "times a number": lambda x, k: x * NUMBERS[k % 12],
    "plus a number": lambda x, k: x + NUMBERS[k % 12],
    "number minus": lambda x, k: NUMBERS[k % 12] - x,
    "by a number": lambda x, k: x / NUMBERS[k % 5],
    "number by": lambda x, k: NUMBERS[k % 12] / x,
    "power": lambda x, k: x ** POWERS[k % 9],
    "clip": lambda x, k: np.clip(x, *((-0.5, 0.7), (None, 0.3))[k % 2]),
    "chosen": lambda x, k: np.where(x > 0, x, 0.0),
    "chosen by isnan": lambda x, k: np.where(np.isnan(x), 1.5, x * 2),
    "masked": lambda x, k: (x > 0.1) * x,
    "mask": lambda x, k: ((x > 0) & (x < 1)) | ~(x >= -1),
    "mask as numbers": lambda x, k: np.where(x > 0, x > 1, x),
    "float32": lambda x, k: np.real(x).astype(np.float32),
    "bool": lambda x, k: x.astype(bool),
    "complex": lambda x, k: x * 1j + x,
    "part": lambda x, k: (np.real, np.imag, np.conj)[k % 3](x),
    "activation": lambda x, k: (nn.relu, nn.elu, nn.silu, nn.gelu, nn.softplus)[k % 5](x),
    "checkpoint": lambda x, k: tg.checkpoint(lambda a: np.sin(a) * a)(x),
    "gradient": lambda x, k: tg.grad(lambda a: (np.sin(a) * a).sum())(x),
    "jitted": lambda x, k: tg.jit(lambda a: np.exp(-a * a) * a)(x),
}
SHAPED: dict[str, Function] = {
    **{name: _reduced(getattr(np, name)) for name in REDUCTIONS.split()},
    "any": lambda x, k: np.any(x > 0, axis=_axes(x, k)),
    "count": lambda x, k: np.sum(x > 0, axis=_axes(x, k)),
    "softmax": lambda x, k: nn.softmax(x, axis=k % x.ndim),
    "softmax by hand": lambda x, k: _shares(np.exp(x - x.max(axis=-1, keepdims=True))),
    "norm": lambda x, k: (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5),
    "cumsum": lambda x, k: np.cumsum(x, axis=k % x.ndim),
    "sort": lambda x, k: np.sort(x, axis=k % x.ndim),
    "transpose": lambda x, k: (x.T, x.mT, np.moveaxis(x, k % x.ndim, 0))[k % 3],
    "reshape": lambda x, k: x.reshape(((-1,), x.shape[::-1], (*x.shape, 1))[k % 3]),
    "part": lambda x, k: x[(np.s_[::-1], np.s_[1:], np.s_[..., ::-2], np.s_[..., 1:-1], 0)[k % 5]],
    "new axis": lambda x, k: x[(np.s_[None], np.s_[:, None], np.s_[..., None])[k % 3]],
    "index": lambda x, k: x[[0, -1, k % x.shape[0], 0]],
    "index of two": lambda x, k: x[[0, -1, 0], [k % x.shape[1], 0, -1]],
    "sorted": lambda x, k: np.take_along_axis(x, np.argsort(x, axis=-1), axis=-1),
    "diagonal": lambda x, k: np.diagonal(x, k % 3 - 1),
    "neighbours": lambda x, k: x[..., 2:] - 2 * x[..., 1:-1] + x[..., :-2],
    "windows": lambda x, k: np.stack([x[..., n : x.shape[-1] - 2 + n] for n in range(3)], -1),
    "broadcast": lambda x, k: np.broadcast_to(x, (3, *x.shape)),
    "broadcast and sum": lambda x, k: np.broadcast_to(x, (3, *x.shape)).sum(axis=0),
    "moved": lambda x, k: (np.roll(x, 1), np.pad(x, 1), np.repeat(x, 2, axis=-1))[k % 3],
    "set": lambda x, k: _updated(x, k),
    "gram": lambda x, k: x @ x.mT,
    "mapped": lambda x, k: tg.vmap(lambda a: np.sin(a) * a - a.sum())(x),
    "scan": lambda x, k: tg.scan(lambda c, a: (np.tanh(c * 0.5 + a), c * a), x[0] * 0, x)[1],
}
BINARY: dict[str, Function] = {
    **{name: getattr(np, name) for name in PAIRS.split()},
    "chosen of two": lambda x, y: np.where(x > y, x, y),
    "chosen where equal": lambda x, y: np.where(x == y, x * 2, np.sin(y)),
    "chosen thrice": lambda x, y: np.where((x > 0) & (y > 0), x, np.where(x < y, y, -x)),
    "multiplied and added": lambda x, y: x * y + x,
    "squared difference": lambda x, y: (x - y) ** 2,
    "safely divided": lambda x, y: x / (1 + y * y),
    "clipped": lambda x, y: np.clip(x, y, y + 1),
    "product": lambda x, y: x.reshape(-1, x.shape[-1]) @ _like(y, (x.shape[-1], 3)),
    "outer": lambda x, y: np.outer(x.reshape(-1)[:30], y.reshape(-1)[:30]),
    "concatenated": lambda x, y: np.concatenate([x.reshape(-1), y.reshape(-1)]),
    "stacked": lambda x, y: np.stack([x, _like(y, x.shape)], axis=-1),
}
LIMIT = 5000
"""Elements of a result; of larger ones, the first part goes on."""


def _axes(x: Any, k: int) -> Any:
    return (None, -1, 0, tuple(range(x.ndim)[-2:]))[k % 4] if x.ndim else None


def _shares(x: Any) -> Any:
    return x / x.sum(axis=-1, keepdims=True)


def _updated(x: Any, k: int) -> Any:
    y = x * 1
    if k % 4 == 0:
        y[0] = 2.0
    elif k % 4 == 1:
        y[..., ::2] *= 3
    elif k % 4 == 2:
        y[1:] = y[:-1] * 2
    else:
        y += x
    return y


def _like(x: Any, shape: tuple[int, ...]) -> Any:
    """As many elements as the shape needs, repeated where there are fewer."""
    return x.reshape(-1)[np.arange(math.prod(shape)) % max(x.size, 1)].reshape(shape)


class Step(NamedTuple):
    kind: str
    name: str
    first: int
    second: int
    variant: int


class Program(NamedTuple):
    """Three arrays come in; of the results, the last ones go out."""

    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...]
    steps: tuple[Step, ...]
    outputs: int
    way: str

    def values(self, *inputs: Any) -> list[Any]:
        found = list(inputs)
        for step in self.steps:
            x, y = (found[-1 - pick % len(found)] for pick in (step.first, step.second))
            with contextlib.suppress(TypeError, ValueError, IndexError, ZeroDivisionError):
                found.append(_cut(self._result(step, x, y)))
        return found[3:][-self.outputs :]

    def _result(self, step: Step, x: Any, y: Any) -> Any:
        if step.kind == "binary":
            if _broadcast_size(x.shape, y.shape) > LIMIT:
                y = _like(y, x.shape)
            return BINARY[step.name](x, y)
        return (UNARY if step.kind == "unary" else SHAPED)[step.name](x, step.variant)

    def loss(self, *inputs: Any) -> Any:
        """A weighted sum of the results, and of what comes in, so that it depends on all."""
        total = sum(x.sum() for x in inputs) * 0.25
        for y in self.values(*inputs):
            real = np.real(y) - np.imag(y) if y.dtype.kind == "c" else y * 1.0
            weights = np.cos(1.0 + 2.0 * np.arange(y.size)).reshape(y.shape)
            total = total + (real * weights.astype(real.dtype)).sum()
        return total

    def function(self) -> Function:
        """What is jitted."""
        if self.way == "gradient":
            return tg.value_and_grad(self.loss, argnums=(0, 1, 2))
        if self.way == "product":
            return lambda x, y, z: tg.hvp(lambda x: self.loss(x, y, z), x, x * 0.5 + 1)
        if self.way == "tangent":
            return lambda x, y, z: tg.jvp(lambda x: self.values(x, y, z), (x,), (x * 0.5 + 1,))
        if self.way == "mapped":
            gradient = tg.vmap(tg.grad(self.loss, argnums=(0, 1)))
            return lambda *xs: gradient(*[np.stack([x, x[..., ::-1] * 2]) for x in xs])
        return self.values

    def point(self, seed: int) -> list[Any]:
        """Of each type, generic numbers."""
        rng = np.random.default_rng([seed, len(self.steps)])
        found = []
        for shape, dtype in zip(self.shapes, self.dtypes, strict=True):
            x = np.asarray(rng.normal(size=shape))
            if dtype == "bool":
                x = x > 0
            elif dtype == "int64":
                x = np.floor(x * 3)
            elif dtype == "complex128":
                x = x + 1j * rng.normal(size=shape)
            found.append(np.asarray(x).astype(dtype))
        return found


def _cut(x: Any) -> Any:
    while (x.size > LIMIT or x.ndim > 4) and x.ndim:
        x = x[0]
    return x


def _broadcast_size(*shapes: tuple[int, ...]) -> float:
    """Elements of arrays together; infinitely many where they do not fit."""
    try:
        return math.prod(np.broadcast_shapes(*shapes))
    except ValueError:
        return math.inf


LENGTHS = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 70)
WAYS = ("values", "gradient", "product", "tangent", "mapped")
OFTEN = 4
"""How much more often there is arithmetic than anything else."""

_KINDS = [("unary", name) for name in UNARY] + [("shaped", name) for name in SHAPED]
_KINDS += [("binary", name) for name in BINARY]
_COMMON = {"add", "subtract", "multiply", "divide", "chosen of two", "times a number", "sum"}


def drawn(seed: int) -> Program:
    """A program by its seed."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.choice(LENGTHS)), int(rng.integers(1, 8))
    shapes: Any = [(n,), (m, n), (m, 1), (1, n), (n, m), (), (2, m, n), (n, 3)]
    shapes += [(0, n), (m, 0)] if rng.random() < 0.1 else []
    way = str(rng.choice(WAYS, p=(0.4, 0.25, 0.15, 0.1, 0.1)))
    real = [["float64"] * 3, ["float32"] * 3, ["float64", "float32", "float64"]]
    mixed = rng.choice(["float64", "float32", "bool", "int64", "complex128"], 3).tolist()
    dtypes = [*real, mixed][rng.integers(4 if way == "values" else 3)]
    weights = np.array([OFTEN if name in _COMMON else 1.0 for _, name in _KINDS])
    steps = []
    for _ in range(int(rng.integers(2, 16))):
        kind, name = _KINDS[rng.choice(len(_KINDS), p=weights / weights.sum())]
        steps.append(Step(kind, name, *rng.integers(0, 6, 2).tolist(), int(rng.integers(60))))
    chosen = tuple([shapes[k] for k in rng.integers(len(shapes), size=3)])
    return Program(chosen, tuple(dtypes), tuple(steps), int(rng.choice([1, 3, 5])), way)
