"""The same functions written another way: what the battery holds values and derivatives against.

A row that carries a name of NumPy or scipy.special is compared with it; the others have an entry
in :data:`REFERENCES`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special
from references_complex import COMPLEX
from references_linalg import LINALG
from references_numpy import NUMPY
from references_signal import SIGNAL
from references_solvers import SOLVERS
from references_special import SPECIAL

from tinygrad_hess.core.primitive import Primitive
from tinygrad_hess.ops.indexing.keys import ARRAY


def _filled(pattern: Any, arrays: Any) -> tuple[Any, ...]:
    supply = iter(arrays)
    return tuple(next(supply) if e is ARRAY else e for e in pattern)


def _scatter(g: Any, *arrays: Any, pattern: Any, shape: Any) -> Any:
    out = np.zeros(shape, g.dtype)
    places = np.arange(out.size).reshape(shape)[_filled(pattern, arrays)]
    for place, v in zip(np.ravel(places), np.ravel(g), strict=True):
        out.flat[place] += v
    return out


def _scatter_all(*gs: Any, patterns: Any, shape: Any) -> Any:
    return sum(_scatter(g, pattern=p, shape=shape) for g, p in zip(gs, patterns, strict=True))


def _written(x: Any, v: Any, *arrays: Any, pattern: Any) -> Any:
    out = x.copy()
    places = np.arange(out.size).reshape(x.shape)[_filled(pattern, arrays)]
    for place, value in zip(np.ravel(places), np.ravel(v), strict=True):
        out.flat[place] = value
    return out


def _last_largest(x: Any, *, axis: int) -> Any:
    def along(line: Any) -> Any:
        return [max(range(n + 1), key=lambda i: (line[i], i)) for n in range(line.size)]

    return np.apply_along_axis(along, axis, x)


def _windows(x: Any, *, size: Any, stride: Any, dilation: Any) -> Any:
    rank = len(size)
    reach = tuple((k - 1) * d + 1 for k, d in zip(size, dilation, strict=True))
    seen = np.lib.stride_tricks.sliding_window_view(x, reach, axis=tuple(range(-rank, 0)))
    every = tuple(slice(None, None, s) for s in (*stride, *dilation))
    return seen[(Ellipsis, *every)]


def _fold(g: Any, *, space: Any, size: Any, stride: Any, dilation: Any) -> Any:
    rank = len(size)
    out = np.zeros((*g.shape[: -2 * rank], *space), g.dtype)
    for place in np.ndindex(g.shape[-2 * rank :]):
        at = tuple(
            p * s + o * d
            for p, o, s, d in zip(place[:rank], place[rank:], stride, dilation, strict=True)
        )
        out[(Ellipsis, *at)] += g[(Ellipsis, *place)]
    return out


def _sinc(x: Any, *, order: int) -> Any:
    """The power series of sin(πx)/(πx), differentiated term by term."""
    total = np.zeros_like(x, dtype=np.float64)
    for k in range((order + 1) // 2, 40):
        falling = scipy.special.poch(2 * k - order + 1, order)  # (2k)! / (2k - order)!
        coefficient = (-1) ** k * np.pi ** (2 * k) / scipy.special.factorial(2 * k + 1)
        total = total + coefficient * falling * np.asarray(x, np.float64) ** (2 * k - order)
    return np.asarray(total, x.dtype)


def _tie_share(x: Any, *, axis: Any) -> Any:
    selected = x == np.max(x, axis, keepdims=True)
    return (selected / np.sum(selected, axis, keepdims=True)).astype(x.dtype)


def _greater_share(a: Any, b: Any) -> Any:
    return ((1 + np.sign(a - b)) / 2).astype(np.result_type(a, b))


def _identity(x: Any, **note: Any) -> Any:
    return x


def _add_along(g: Any, positions: Any, *, axis: int, length: int) -> Any:
    shape = list(g.shape)
    shape[axis] = length
    out, where = np.zeros(shape, g.dtype), np.broadcast_to(positions, g.shape)
    for place in np.ndindex(g.shape):
        at = list(place)
        at[axis] = where[place]
        out[tuple(at)] += g[place]
    return out


REFERENCES: dict[str, Callable[..., Any]] = {
    "take_along": lambda x, positions, axis: np.take_along_axis(x, positions, axis),
    "add_along": _add_along,
    "shift": np.subtract,
    "scatter": _written,
    "assign": lambda x, v, pattern: _written(x.astype(np.result_type(x, v)), v, pattern=pattern),
    "argcummax": _last_largest,
    "power_scalar": lambda x, exponent: x**exponent,
    "log_of_base": np.log,
    "greater_share": _greater_share,
    "tie_share": _tie_share,
    "sigmoid": scipy.special.expit,
    "softplus": lambda x: np.log1p(np.exp(x)),
    "relu": lambda x: x * (x > 0),
    "sinc": _sinc,
    "matmul_nt": lambda a, b: np.einsum("...ik,...jk->...ij", a, b),
    "matmul_tn": lambda a, b: np.einsum("...ki,...kj->...ij", a, b),
    "norm": lambda x, axis, keepdims: np.sum(x * x, axis=axis, keepdims=keepdims) ** 0.5,
    "logsumexp": scipy.special.logsumexp,
    "softmax": scipy.special.softmax,
    "log_softmax": scipy.special.log_softmax,
    "concatenate": lambda *xs, axis: np.concatenate(xs, axis=axis),
    "pad": lambda x, width: np.pad(x, pad_width=width),
    "index": lambda x, *arrays, pattern, shape: x[_filled(pattern, arrays)],
    "scatter_add": _scatter,
    "scatter_unique": _scatter,
    "scatter_all": _scatter_all,
    "yn": scipy.special.yv,  # whose types are not those of C integers
    "windows": _windows,
    "fold": _fold,
    "one_minus_square": lambda x: 1 - x * x,
    "hyperbola": lambda x: np.sqrt(x * x - 1),
    "tanh_slope": lambda g, y: g * (1 - y * y),
    "sigmoid_slope": lambda g, y: g * y * (1 - y),
    "normal_density": lambda x: np.exp(-x * x / 2) / (2 * np.pi) ** 0.5,
    "astype": np.asarray,
    "astype_integer": np.asarray,
    "alias": _identity,
    "checked": _identity,
    "seed": _identity,
    "stop_gradient": _identity,
    "enter": lambda x, axis: x,
    "leave": lambda x, axis: np.stack([x] * axis.size),
    **COMPLEX,
    **LINALG,
    **NUMPY,
    **SIGNAL,
    **SOLVERS,
    **SPECIAL,
}


def reference(row: Primitive) -> Callable[..., Any]:
    """The function that a row's value is held against."""
    for found in (REFERENCES.get(row.name), getattr(np, row.name, None)):
        if found is not None:
            return found
    found = getattr(scipy.special, row.name, None)
    assert found is not None, (
        f"{row.name}: neither NumPy nor scipy.special has this name; add it to tests/support/references.py"
    )
    return found
