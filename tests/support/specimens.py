"""Calls of NumPy's and SciPy's functions on an array: how each name is tried in the walk.

A call is ``call(f, x)``. Most names are tried in the general ways below, of which NumPy accepts
some; the others have their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Call = Callable[[Any, Any], Any]

V = np.array([0.31, 0.77, 0.52, 0.68])
M = np.array([[1.41, 0.33, 0.62], [0.27, 1.73, 0.44], [0.57, 0.36, 1.58]])
LABELS = np.array([0, 2, 1, 0])

UNARY: list[Call] = [lambda f, x: f(x)]
BINARY: list[Call] = [
    lambda f, x: f(x, x),
    lambda f, x: f(x, 1.7),
    lambda f, x: f(1.7, x),
    lambda f, x: f(np.full(x.shape, 1.3), x),
    lambda f, x: f(x, np.float64(1.7)),
]
REDUCTION: list[Call] = [
    *UNARY,
    lambda f, x: f(x, 0),
    lambda f, x: f(x, axis=-1, keepdims=True),
    lambda f, x: f(x, axis=None),
]
WITH_NAN: list[Call] = [
    *REDUCTION,
    lambda f, x: f(np.where(x > 0.6, x, np.nan), axis=0),
]
ANY: list[Call] = [
    *UNARY,
    lambda f, x: f(x, x),
    lambda f, x: f(x, 1),
    lambda f, x: f(1, x),
    lambda f, x: f([x, x]),
    lambda f, x: f((x, x), axis=-1),
    lambda f, x: f(x, [0, 1]),
    lambda f, x: f(x > 0.5, x, x),
    lambda f, x: f(x, x, x),
    lambda f, x: f(x, (1, 9)),
]
"""Forms for a function that nothing is known of."""


def written(*args: Any, **kwargs: Any) -> Call:
    """A call of a function that writes to its first argument, a copy of ``x``."""

    def call(f: Any, x: Any) -> Any:
        target = x * 1.0
        given = (a(x) if callable(a) else a for a in args)
        f(target, *given, **{k: v(x) if callable(v) else v for k, v in kwargs.items()})
        return target

    return call


_QUANTILES: list[Call] = [
    lambda f, x: f(x, 0.3),
    lambda f, x: f(x, np.array([0.1, 0.7]), axis=0),
    lambda f, x: f(np.array([1.0, 4.0, 9.0]), x / 2, method="hazen") if x.ndim == 1 else f(x, 0.5),
    lambda f, x: f(x, 0.4, axis=-1, method="median_unbiased", keepdims=True),
    lambda f, x: f(x, 0.4, method="closest_observation"),
]
_SQUARE_GRID = np.array([0.0, 0.3, 0.9, 2.0])

OWN: dict[str, list[Call]] = {
    "acosh": [lambda f, x: f(x + 1)],
    "arccosh": [lambda f, x: f(x + 1)],
    "append": [lambda f, x: f(x, x), lambda f, x: f(x, 2 * x, axis=0)],
    "apply_along_axis": [
        lambda f, x: f(np.sum, 0, x),
        lambda f, x: f(lambda line: line * line[0], -1, x),
    ],
    "apply_over_axes": [lambda f, x: f(np.sum, x, [0])],
    "argpartition": [lambda f, x: f(x, 1)],
    "array": [*UNARY, lambda f, x: f([x, x])],
    "array_split": [lambda f, x: f(x, 2)],
    "astype": [lambda f, x: f(x, np.float32)],
    "average": [
        *UNARY,
        lambda f, x: f(x, axis=0, weights=np.arange(1.0, x.shape[0] + 1)),
        lambda f, x: f(x, 0),
        lambda f, x: f(x, weights=x),
    ],
    "bincount": [lambda f, x: f(LABELS, x), lambda f, x: f(LABELS, weights=x, minlength=5)],
    "block": [lambda f, x: f([[x, 2 * x], [x, np.ones(x.shape)]]), lambda f, x: f([x, x])],
    "broadcast_to": [lambda f, x: f(x, (2, *x.shape))],
    "can_cast": [lambda f, x: f(np.float32, np.float64)],
    "choose": [lambda f, x: f((x > 0.6).astype(int) if hasattr(x, "astype") else x, [x, 2 * x])],
    "clip": [lambda f, x: f(x, 0.4, 0.6), lambda f, x: f(x, None, 0.6), lambda f, x: f(x, x, 2 * x)],
    "compress": [lambda f, x: f([True, False, True], x, axis=0), lambda f, x: f([True, True], x)],
    "convolve": [
        lambda f, x: f(x, np.array([1.0, -2.0, 0.5])),
        lambda f, x: f(np.arange(6.0), x, "same"),
        lambda f, x: f(x, x, mode="valid"),
    ],
    "copyto": [written(0.0), written(lambda x: x * x, where=lambda x: np.ones(x.shape, bool))],
    "corrcoef": [lambda f, x: f(x, x * x), lambda f, x: f(x, np.arange(x.size).reshape(x.shape))],
    "correlate": [
        lambda f, x: f(x, np.array([1.0, -2.0, 0.5])),
        lambda f, x: f(np.arange(6.0), x, "full"),
        lambda f, x: f(x, np.arange(6.0), "same"),
    ],
    "cov": [
        *UNARY,
        lambda f, x: f(x, x * x),
        lambda f, x: f(x, rowvar=False, bias=True),
        lambda f, x: f(np.arange(4.0), aweights=x),
    ],
    "cross": [lambda f, x: f(x, np.arange(3.0)), lambda f, x: f(x[..., :3], x[..., :3] ** 2)],
    "cumulative_sum": [lambda f, x: f(x, axis=0), lambda f, x: f(x, axis=-1, include_initial=True)],
    "cumulative_prod": [lambda f, x: f(x, axis=0), lambda f, x: f(x, axis=-1, include_initial=True)],
    "delete": [lambda f, x: f(x, 1), lambda f, x: f(x, [0, 1], axis=0)],
    "diagonal": [*UNARY, lambda f, x: f(x, 1), lambda f, x: f(x, 0, 1, 0)],
    "digitize": [lambda f, x: f(x, np.sort(V))],
    "divmod": BINARY,
    "dsplit": [lambda f, x: f(x.reshape(1, 1, -1), 1)],
    "ediff1d": [*UNARY, lambda f, x: f(x, to_end=x, to_begin=0.5)],
    "einsum": [
        lambda f, x: f("i->", x) if x.ndim == 1 else f("ij->ji", x),
        lambda f, x: f("...i,...i", x, x),
        lambda f, x: f(x, list(range(x.ndim)), [0]),
    ],
    "einsum_path": [lambda f, x: f("...i,...i", x, x)],
    "expand_dims": [lambda f, x: f(x, 0), lambda f, x: f(x, (0, -1))],
    "extract": [lambda f, x: f(np.ones(x.shape, bool), x)],
    "fill_diagonal": [written(0.0), written(lambda x: x[0] * x[0])],
    "full": [lambda f, x: f((2, *x.shape), x), lambda f, x: f(3, x[..., 0] ** 2) if x.shape[0] == 3 else f(4, x)],
    "full_like": [lambda f, x: f(np.zeros((2, *x.shape)), x * x)],
    "geomspace": [lambda f, x: f(x, 2.0, 4), lambda f, x: f(0.2, x, 3, endpoint=False)],
    "gcd": [lambda f, x: f(4, 6)],
    "lcm": [lambda f, x: f(4, 6)],
    "gradient": [
        *UNARY,
        lambda f, x: f(x, 0.5, axis=0, edge_order=2),
        lambda f, x: f(x, _SQUARE_GRID[: x.shape[0]], axis=0),
        lambda f, x: f(_SQUARE_GRID, np.cumsum(x), edge_order=2),
    ],
    "hsplit": [lambda f, x: f(x, 1)],
    "insert": [lambda f, x: f(x, 1, 0.5), lambda f, x: f(np.zeros(3), [0, 2], x[..., 0])],
    "interp": [
        lambda f, x: f(x, np.arange(3.0), np.arange(3.0) ** 2),
        lambda f, x: f(np.array([-1.0, 0.4, 5.0]), np.cumsum(x), x * x),
        lambda f, x: f(x, np.arange(3.0), np.arange(3.0) ** 2, period=0.7),
    ],
    "invert": [lambda f, x: f(x > 0.5)],
    "isdtype": [],
    "isin": [lambda f, x: f(x, V)],
    "ix_": [lambda f, x: f(LABELS, LABELS)],
    "ldexp": [lambda f, x: f(x, 2), lambda f, x: f(x, np.arange(x.shape[-1]))],
    "lexsort": [lambda f, x: f((x, x)), *UNARY],
    "linspace": [lambda f, x: f(x, 2.0, 3), lambda f, x: f(0.0, x, 3, endpoint=False, axis=-1)],
    "logspace": [lambda f, x: f(x, 2.0, 3), lambda f, x: f(0.0, 1.0, 3, base=x)],
    "matrix_transpose": UNARY,
    "median": [*REDUCTION, lambda f, x: f(x, axis=(0, -1)) if x.ndim > 1 else f(x)],
    "moveaxis": [lambda f, x: f(x, 0, -1)],
    "nan_to_num": [*UNARY, lambda f, x: f(x, True), lambda f, x: f(np.where(x > 0.6, np.inf, x))],
    "norm": [
        *UNARY,
        lambda f, x: f(x, axis=0),
        lambda f, x: f(x, 1, 0),
        lambda f, x: f(x, 2),
        lambda f, x: f(x, 3, -1),
        lambda f, x: f(x, np.inf, 0, True),
    ],
    "pad": [
        lambda f, x: f(x, 1),
        lambda f, x: f(x, 1, constant_values=2.0),
        lambda f, x: f(x, 1, mode="reflect"),
        lambda f, x: f(x, 1, mode="linear_ramp"),
    ],
    "partition": [lambda f, x: f(x, 1)[..., 1], lambda f, x: f(x, -1, axis=0)[-1]],
    "percentile": [lambda f, x: f(x, 30.0), lambda f, x: f(x, [25, 75], axis=0)],
    "nanpercentile": [
        lambda f, x: f(x, 30.0),
        lambda f, x: f(np.where(x > 0.6, x, np.nan), [25, 75], axis=-1),
    ],
    "quantile": _QUANTILES,
    "nanquantile": [*_QUANTILES, lambda f, x: f(np.where(x > 0.6, x, np.nan), 0.3, axis=0)],
    "piecewise": [
        lambda f, x: f(x, [x > 0.6], [np.square, np.sin]),
        lambda f, x: f(x, [x < 0.4, x > 0.6], [lambda v: 3 * v, 2.0]),
    ],
    "place": [written(lambda x: np.ones(x.shape, bool), [1.0]), written(lambda x: x > 0.6, [1.0, 2.0])],
    "poly": [lambda f, x: f(x) if x.ndim == 1 else f(x + x.T)],
    "polydiv": [lambda f, x: f(x, np.concatenate([[1.0], x[:1]])), lambda f, x: f(np.array([1.0, 2.0]), x[:3])],
    "polyfit": [
        lambda f, x: f(np.arange(4.0), x, 1),
        lambda f, x: f(x, np.arange(4.0) ** 2, 2, w=np.arange(1.0, 5.0)),
    ],
    "polyval": [lambda f, x: f(np.arange(3.0), x), lambda f, x: f(x, 1.7)],
    "polyint": [*UNARY, lambda f, x: f(x, 2, x[:2])],
    "polyder": [*UNARY, lambda f, x: f(x, 2)],
    "put": [written(0, 1.0), written([0, -1], lambda x: x.ravel()[:2] ** 2)],
    "put_along_axis": [
        written(lambda x: np.zeros((1,) * x.ndim, int), 1.0, axis=0),
        written(lambda x: np.argsort(V)[:1].reshape((1,) * x.ndim), lambda x: x[:1] ** 2, axis=-1),
    ],
    "putmask": [written(lambda x: np.ones(x.shape, bool), 1.0), written(lambda x: x > 0.6, lambda x: x**2)],
    "ravel_multi_index": [lambda f, x: f((1, 1), (3, 3))],
    "repeat": [lambda f, x: f(x, 2), lambda f, x: f(x, 2, axis=0)],
    "reshape": [lambda f, x: f(x, -1), lambda f, x: f(x, (1, x.size))],
    "resize": [lambda f, x: f(x, (2, 2)), lambda f, x: f(x, (5, 3))],
    "roll": [lambda f, x: f(x, 1), lambda f, x: f(x, -1, axis=0)],
    "roots": [lambda f, x: f(np.cumprod(np.concatenate([[1.0], -10.0 * (1 + x[..., :2].ravel()[:2])])))],
    "rot90": [*UNARY, lambda f, x: f(x, 3), lambda f, x: f(x, 2, (1, 0))],
    "round": [*UNARY, lambda f, x: f(x, -1)],
    "searchsorted": [lambda f, x: f(np.sort(V), x)],
    "select": [
        lambda f, x: f([x > 0.6, x > 0.4], [x * x, 3 * x], 1.0),
        lambda f, x: f([np.ones(x.shape, bool)], [np.sin(x)]),
    ],
    "split": [lambda f, x: f(x, [1]), lambda f, x: f(x, x.shape[0])],
    "swapaxes": [lambda f, x: f(x, 0, -1)],
    "take": [lambda f, x: f(x, [0, 0, 1]), lambda f, x: f(x, [1], axis=-1)],
    "take_along_axis": [lambda f, x: f(x, np.zeros((1,) * x.ndim, int), axis=0)],
    "tensordot": [lambda f, x: f(x, x, axes=1), lambda f, x: f(x, x, axes=((0,), (0,)))],
    "tile": [lambda f, x: f(x, 2), lambda f, x: f(x, (2, 1))],
    "trace": [*UNARY, lambda f, x: f(x, 1)],
    "transpose": [*UNARY, lambda f, x: f(x, (1, 0))],
    "trapezoid": [
        *UNARY,
        lambda f, x: f(x, dx=0.5, axis=0),
        lambda f, x: f(x, np.cumsum(x) if x.ndim == 1 else np.cumsum(x, 0), axis=0),
    ],
    "trim_zeros": [lambda f, x: f(np.concatenate([[0.0], x.ravel(), [0.0]]))],
    "unravel_index": [lambda f, x: f(3, (2, 2))],
    "unstack": [lambda f, x: f(x), lambda f, x: f(x, axis=-1)],
    "unwrap": [lambda f, x: f(5 * x), lambda f, x: f(x, period=0.7, axis=0)],
    "vander": [*UNARY, lambda f, x: f(x, 3, increasing=True)],
    "vsplit": [lambda f, x: f(x, 1)],
    "where": [
        lambda f, x: f(x > 0.5, x, 0.0),
        lambda f, x: f(x > 0.5),
        lambda f, x: f(np.ones(x.shape, bool), x, x * x),
    ],
    # numpy.linalg
    "lstsq": [lambda f, x: f(x, np.ones(3))],
    "matrix_power": [lambda f, x: f(x, 2), lambda f, x: f(x, -1)],
    "multi_dot": [lambda f, x: f([x, x, x])],
    "solve": [lambda f, x: f(x, np.ones(3)), lambda f, x: f(M, x)],
    "tensorinv": [lambda f, x: f(x, ind=1)],
    "tensorsolve": [lambda f, x: f(x, np.ones(3))],
    # These take their input to be symmetric, so they are asked about a symmetric one.
    "cholesky": [lambda f, x: f(x @ x.conj().mT)],
    "eigh": [lambda f, x: f(x + x.conj().mT)],
    "eigvalsh": [lambda f, x: f(x + x.conj().mT)],
}  # fmt: skip
for _name in ("sum", "prod", "mean", "var", "std", "max", "min", "amax", "amin"):
    OWN[_name] = [
        *REDUCTION,
        lambda f, x: f(x, axis=0, where=x > 0.3, **_initial(f)),
    ]
for _name in ("any", "all", "ptp", "argmax", "argmin"):
    OWN[_name] = REDUCTION
for _name in ("sum", "prod", "mean", "cumsum", "cumprod"):
    OWN[_name] = [*OWN.get(_name, UNARY), lambda f, x: f(x, 0, np.float32)]
for _name in ("max", "min", "mean", "sum", "prod", "std", "var", "argmax", "argmin"):
    OWN[f"nan{_name}"] = WITH_NAN
OWN["nanmedian"] = WITH_NAN
for _name in ("nancumsum", "nancumprod"):
    OWN[_name] = [*UNARY, lambda f, x: f(np.where(x > 0.6, x, np.nan), axis=0)]
for _name in ("bitwise_and", "bitwise_or", "bitwise_xor"):
    OWN[_name] = [lambda f, x: f(x > 0.5, x > 0.6)]
for _name in ("bitwise_not", "bitwise_invert"):
    OWN[_name] = OWN["invert"]
OWN["around"] = OWN["round"]
OWN["bitwise_count"] = [lambda f, x: f(LABELS)]
for _name in ("left_shift", "right_shift", "bitwise_left_shift", "bitwise_right_shift"):
    OWN[_name] = [lambda f, x: f(4, 1)]
for _name in ("packbits", "unpackbits"):
    OWN[_name] = [lambda f, x: f(np.ones(8, np.uint8))]
for _name in ("intersect1d", "union1d", "setdiff1d", "setxor1d"):
    OWN[_name] = [lambda f, x: f(x, V)]


def _polar(u: Any, s: Any, vh: Any) -> Any:
    return u @ vh


OF_COMPLEX: dict[str, list[Call]] = {
    # Vectors of complex matrices are determined up to a phase; these are free of it.
    "eig": [lambda f, x: f(x)[0], lambda f, x: abs(f(x)[1])],
    "eigh": [lambda f, x: f(x + x.conj().mT)[0], lambda f, x: abs(f(x + x.conj().mT)[1])],
    "svd": [
        lambda f, x: f(x, compute_uv=False),
        lambda f, x: _polar(*f(x)),
        lambda f, x: abs(f(x)[0]),
    ],
}
"""How to try a function on complex numbers, where that is another way."""
OF_COMPLEX["interp"] = [lambda f, x: f([0.3, 1.2, 1.0], np.arange(3.0), x.ravel()[:3])]


def _initial(f: Any) -> dict[str, float]:
    return {"initial": 0.5} if f.__name__ in ("max", "min", "amax", "amin", "sum", "prod") else {}


def calls(name: str, f: Any) -> list[Call]:
    """How to try a function of this name."""
    if name in OWN:
        return OWN[name]
    if isinstance(f, np.ufunc):  # not ANY: a ufunc takes one operand too many as out=
        return UNARY if f.nin == 1 else BINARY if f.nin == 2 else []
    return ANY
