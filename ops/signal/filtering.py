"""Recursive filters: y[n] = u[n] - a[0] y[n-1] - a[1] y[n-2] - ...

In matrix form T(a) y = u, with a lower triangular Toeplitz matrix of unit diagonal. So
dy = T⁻¹ (du - T(da) y), and the transpose of the filter is the filter run backward in time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.kinds import structured
from .._types import Array
from ..indexing.index import index
from ..shape.rearranging import flip, pad_zeros
from .convolution import full, valid

_DIRECT: Any = {"rank": 1, "method": "direct"}  # the values of a filter may grow over many decades


def _filtered(u: Array, a: Array) -> Array:
    u, a = np.asarray(u), np.asarray(a)
    dtype = np.result_type(u, a)
    lead = np.broadcast_shapes(u.shape[:-1], a.shape[:-1])
    out = np.empty((*lead, u.shape[-1]), dtype)
    if not out.size:
        return out
    from scipy.signal import lfilter  # imported where it is needed: it is slow to load

    one = np.ones(1, dtype)
    u = np.broadcast_to(u, out.shape)
    if a.ndim == 1:
        out[...] = lfilter(one, np.concatenate([one, a]), u)
        return out
    a = np.broadcast_to(a, (*lead, a.shape[-1]))
    for i in np.ndindex(lead):
        out[i] = lfilter(one, np.concatenate([one, a[i]]), u[i])
    return out


def _delayed(y: Array, by: int, keep: int) -> Array:
    """``keep`` elements of y after ``by`` zeros."""
    width = ((0, 0),) * (len(y.shape) - 1) + ((by, 0),)
    return index(pad_zeros(y, width=width), (Ellipsis, slice(0, keep)))


def _jvp(tangents: Any, y: Array, u: Array, a: Array) -> Array:
    tu, ta = tangents
    if ta is not None:
        n = y.shape[-1]
        fed_back = index(full(_delayed(y, 1, n), ta, **_DIRECT), (Ellipsis, slice(0, n)))
        tu = -fed_back if tu is None else tu - fed_back
    return recursive(tu, a)


def _to_input(g: Array, y: Array, u: Array, a: Array) -> Array:
    return flip(recursive(flip(g, -1), a), -1)


def _to_coefficients(g: Array, y: Array, u: Array, a: Array) -> Array:
    """ā[k] = -Σ ū[n] y[n - k - 1]."""
    n, k = y.shape[-1], a.shape[-1]
    back = recursive(flip(g, -1), a)
    return -flip(valid(_delayed(y, k, n + k - 1), back, **_DIRECT), -1)


recursive: Any = structured(
    "recursive_filter",
    _filtered,
    jvp=_jvp,
    vjp=(_to_input, _to_coefficients),
    signature="(n),(k)->(n)",
    analytic=True,
    flops=lambda y, u, a: 2 * int(np.size(y)) * int(np.shape(a)[-1]),
    cases=[
        ([(6,), (2,)], {}),
        ([(2,), (3,)], {}),
        ([(2, 4), (1,)], {}),
        ([(2, 4), (2, 2)], {}),
    ],
    doc="y[..., n] = u[..., n] - Σ a[..., k] y[..., n - 1 - k], leading axes broadcasting.",
)
