"""JAX's derivatives without XLA's compilation: a jaxpr evaluated by NumPy.

    evaluate : (function, arguments) -> the leaves of function(arguments), as arrays

JAX traces a function of a thousand small operations in a tenth of a second, all transforms
applied by its own rules, but compiling them takes seconds. Here arithmetic, comparisons, sums and
rearrangements of the jaxpr are NumPy calls. All else (special functions, factorizations,
convolutions, gathers and scatters, sorting, loops) is still computed by JAX, one primitive at a
time; elementwise ones at a fixed size, so that each is compiled once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

FIXED = 24
"""Length at which elementwise primitives of JAX are compiled; longer arrays go in pieces."""


def evaluate(f: Callable[..., Any], *args: Any) -> list[np.ndarray]:
    """The leaves of what ``f`` returns."""
    import jax

    closed = jax.make_jaxpr(f)(*args)
    leaves = [np.asarray(x) for x in jax.tree.leaves(args)]
    return [np.asarray(y) for y in _run(closed.jaxpr, closed.consts, leaves)]


def _run(jaxpr: Any, consts: Sequence[Any], args: Sequence[Any]) -> list[Any]:
    known: dict[Any, Any] = {}
    read = lambda v: v.val if hasattr(v, "val") else known[v]
    known.update(zip(jaxpr.constvars, map(np.asarray, consts), strict=True))
    known.update(zip(jaxpr.invars, args, strict=True))
    for eqn in jaxpr.eqns:
        name, values = eqn.primitive.name, [read(v) for v in eqn.invars]
        if name in INNER:
            inner = eqn.params[INNER[name]]
            closed = hasattr(inner, "consts")
            jaxpr_inside = inner.jaxpr if closed else inner
            results = _run(jaxpr_inside, inner.consts if closed else (), values)
        elif name in NUMPY:
            results = NUMPY[name](*values, **eqn.params)
            results = results if eqn.primitive.multiple_results else [results]
        elif name in SPECIAL:
            results = [_padded(eqn, values)]
        else:
            results = _bound(eqn, values)
        for v, y in zip(eqn.outvars, results, strict=True):
            known[v] = y
    return [read(v) for v in jaxpr.outvars]


INNER = {
    "jit": "jaxpr", "pjit": "jaxpr", "closed_call": "call_jaxpr", "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr", "remat2": "jaxpr", "checkpoint": "jaxpr",
}  # fmt: skip
"""Primitives that call another jaxpr, and the parameter that holds it."""

SPECIAL = frozenset(
    [
        "lgamma",
        "digamma",
        "polygamma",
        "zeta",
        "erf",
        "erfc",
        "erf_inv",
        "igamma",
        "igammac",
        "igamma_grad_a",
        "bessel_i0e",
        "bessel_i1e",
        "regularized_incomplete_beta",
        "atan2",
        "logistic",
    ]
)
"""Elementwise, and JAX's own: their values are compared, too."""


def _bound(eqn: Any, values: Sequence[Any]) -> list[Any]:
    """One primitive by JAX."""
    import jax.numpy as jnp

    given = [jnp.asarray(x, v.aval.dtype) for x, v in zip(values, eqn.invars, strict=True)]
    results = eqn.primitive.bind(*given, **eqn.params)
    results = results if eqn.primitive.multiple_results else [results]
    return [np.asarray(y) for y in results]


def _padded(eqn: Any, values: Sequence[Any]) -> Any:
    values = np.broadcast_arrays(*values)
    shape, size = values[0].shape, values[0].size
    flat = [np.resize(x, max(1, -(-size // FIXED)) * FIXED) for x in values]
    pieces = [
        _bound(eqn, [x[i : i + FIXED] for x in flat])[0] for i in range(0, len(flat[0]), FIXED)
    ]
    return np.concatenate(pieces)[:size].reshape(shape)


# ---- primitives of JAX as NumPy calls -----------------------------------------------------------


def _plain(ufunc: Any) -> Callable[..., Any]:
    return lambda *args, **params: ufunc(*args)


def _power(x: Any, *, y: int) -> Any:
    """By repeated products, as XLA does."""
    if y < 0:
        return 1.0 / _power(x, y=-y)
    found = np.ones_like(x)
    for _ in range(y):
        found = found * x
    return found


def _broadcast(x: Any, *_: Any, shape: Any, broadcast_dimensions: Any, **params: Any) -> Any:
    lengths = [1] * len(shape)
    for n, i in zip(np.shape(x), broadcast_dimensions, strict=True):
        lengths[i] = n
    return np.broadcast_to(np.reshape(x, lengths), shape)


def _dot(a: Any, b: Any, *, dimension_numbers: Any, **params: Any) -> Any:
    (ca, cb), (ba, bb) = dimension_numbers
    free_a = [i for i in range(np.ndim(a)) if i not in (*ca, *ba)]
    free_b = [i for i in range(np.ndim(b)) if i not in (*cb, *bb)]
    lead = tuple(np.shape(a)[i] for i in ba)
    rows, columns = (tuple(np.shape(x)[i] for i in f) for x, f in ((a, free_a), (b, free_b)))
    inner = int(np.prod([np.shape(a)[i] for i in ca]))
    left = np.transpose(a, (*ba, *free_a, *ca)).reshape(*lead, -1, inner)
    right = np.transpose(b, (*bb, *cb, *free_b)).reshape(*lead, inner, -1)
    return (left @ right).reshape((*lead, *rows, *columns))


def _pad(x: Any, value: Any, *, padding_config: Any) -> Any:
    spread = [n + max(n - 1, 0) * gap for n, (_, _, gap) in zip(x.shape, padding_config)]
    wide = np.full(
        [n + max(lo, 0) + max(hi, 0) for n, (lo, hi, _) in zip(spread, padding_config)], value
    )
    ends = list(zip(spread, padding_config))
    wide[tuple(slice(max(lo, 0), max(lo, 0) + n, gap + 1) for n, (lo, _, gap) in ends)] = x
    return wide[
        tuple(
            slice(max(-lo, 0), n - max(-hi, 0))
            for n, (lo, hi, _) in zip(wide.shape, padding_config)
        )
    ]


def _slice(x: Any, *, start_indices: Any, limit_indices: Any, strides: Any) -> Any:
    steps = strides or (1,) * len(start_indices)
    return x[tuple(map(slice, start_indices, limit_indices, steps))]


def _iota(*, dtype: Any, shape: Any, dimension: int, **params: Any) -> Any:
    lengths = [n if i == dimension else 1 for i, n in enumerate(shape)]
    return np.broadcast_to(np.arange(shape[dimension], dtype=dtype).reshape(lengths), shape)


def _reshape(x: Any, *, new_sizes: Any, dimensions: Any, **params: Any) -> Any:
    return np.reshape(x if dimensions is None else np.transpose(x, dimensions), new_sizes)


def _split(x: Any, *, sizes: Any, axis: int) -> list[Any]:
    return np.split(x, np.cumsum(sizes)[:-1], axis=axis)


def _accumulated(ufunc: Any) -> Callable[..., Any]:
    def run(x: Any, *, axis: int, reverse: bool) -> Any:
        x = np.flip(x, axis) if reverse else x
        y = ufunc.accumulate(x, axis=axis)
        return np.flip(y, axis) if reverse else y

    return run


def _joined(ufunc: Any) -> Callable[..., Any]:
    return lambda x, *, axes, **params: ufunc.reduce(x, axis=tuple(axes))


def _converted(x: Any, *, new_dtype: Any, **params: Any) -> Any:
    return np.asarray(x).astype(new_dtype)


NUMPY: dict[str, Callable[..., Any]] = {
    **{name: _plain(getattr(np, name)) for name in ["square", "sin", "cos", "tan", "sqrt", "log", "exp", "exp2", "tanh", "log1p", "expm1", "abs", "sign", "floor", "ceil", "cosh", "sinh", "cbrt"]},
    **{name: _plain(getattr(np, "arc" + name[1:])) for name in ["asin", "acos", "atan", "asinh", "acosh", "atanh"]},
    "add": _plain(np.add), "add_any": _plain(np.add), "sub": _plain(np.subtract),
    "mul": _plain(np.multiply), "neg": _plain(np.negative), "pow": _plain(np.power),
    "div": lambda a, b: a / b if np.asarray(a).dtype.kind == "f" else np.trunc(a / b).astype(a.dtype),
    "rem": _plain(np.fmod), "max": _plain(np.maximum), "min": _plain(np.minimum),
    "eq": _plain(np.equal), "ne": _plain(np.not_equal), "lt": _plain(np.less),
    "le": _plain(np.less_equal), "gt": _plain(np.greater), "ge": _plain(np.greater_equal),
    "and": _plain(np.bitwise_and), "or": _plain(np.bitwise_or), "not": _plain(np.invert),
    "rsqrt": lambda x, **params: 1.0 / np.sqrt(x), "is_finite": np.isfinite,
    "clamp": lambda low, x, high: np.minimum(np.maximum(x, low), high),
    "copy": lambda x: x, "stop_gradient": lambda x, **params: x,
    "select_n": lambda which, *cases: np.choose(np.asarray(which, int), cases),
    "integer_pow": _power, "broadcast_in_dim": _broadcast, "dot_general": _dot, "pad": _pad,
    "reshape": _reshape,
    "squeeze": lambda x, *, dimensions: np.squeeze(x, tuple(dimensions)),
    "transpose": lambda x, *, permutation: np.transpose(x, permutation),
    "rev": lambda x, *, dimensions: np.flip(x, tuple(dimensions)),
    "concatenate": lambda *xs, dimension: np.concatenate(xs, axis=dimension),
    "convert_element_type": _converted, "iota": _iota, "slice": _slice, "split": _split,
    "reduce_sum": _joined(np.add), "reduce_prod": _joined(np.multiply),
    "reduce_max": _joined(np.maximum), "reduce_min": _joined(np.minimum),
    "reduce_or": _joined(np.logical_or), "reduce_and": _joined(np.logical_and),
    "cumsum": _accumulated(np.add), "cumprod": _accumulated(np.multiply),
    "cummax": _accumulated(np.maximum), "cummin": _accumulated(np.minimum),
}  # fmt: skip
