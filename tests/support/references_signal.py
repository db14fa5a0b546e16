"""The primitives of signal processing written another way, for the battery: loops over elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_hess.scipy.signal  # noqa: F401  (declares the rows)


def _full(a: Any, b: Any, *, rank: int, method: str) -> Any:
    n, m = a.shape[-rank:], b.shape[-rank:]
    lead = np.broadcast_shapes(a.shape[:-rank], b.shape[:-rank])
    out = np.zeros((*lead, *(i + j - 1 for i, j in zip(n, m, strict=True))), np.result_type(a, b))
    for p in np.ndindex(n):
        for q in np.ndindex(m):
            at = tuple(i + j for i, j in zip(p, q, strict=True))
            out[(Ellipsis, *at)] += a[(Ellipsis, *p)] * b[(Ellipsis, *q)]
    return out


def _valid(a: Any, b: Any, *, rank: int, method: str) -> Any:
    inner = (slice(j - 1, i) for i, j in zip(a.shape[-rank:], b.shape[-rank:], strict=True))
    return _full(a, b, rank=rank, method=method)[(Ellipsis, *inner)]


def _recursive(u: Any, a: Any) -> Any:
    lead = np.broadcast_shapes(u.shape[:-1], a.shape[:-1])
    y = np.zeros((*lead, u.shape[-1]), np.result_type(u, a))
    for n in range(u.shape[-1]):
        y[..., n] = u[..., n]
        for k in range(min(n, a.shape[-1])):
            y[..., n] -= a[..., k] * y[..., n - 1 - k]
    return y


SIGNAL: dict[str, Callable[..., Any]] = {
    "convolve_full": _full,
    "convolve_valid": _valid,
    "recursive_filter": _recursive,
}
