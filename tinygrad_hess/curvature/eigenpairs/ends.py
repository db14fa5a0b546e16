"""Which eigenvalues are asked for, in which order, and how well they are known."""

from __future__ import annotations

from typing import Any

import numpy as np

ENDS = ("LA", "SA", "LM", "BE")


def order(values: Any, k: int, which: str) -> Any:
    """The indices of the k values that ``which`` asks for, in the order it asks for.

    Examples
    --------
    >>> import numpy as np
    >>> values = np.array([-3.0, 0.0, 1.0, 2.0])
    >>> [values[order(values, 3, which)].tolist() for which in ENDS]
    [[2.0, 1.0, 0.0], [-3.0, 0.0, 1.0], [-3.0, 2.0, 1.0], [-3.0, 1.0, 2.0]]
    """
    k = min(k, len(values))
    ascending = np.argsort(values, kind="stable")
    if which == "LM":
        return np.argsort(-np.abs(values), kind="stable")[:k]
    if which == "LA":
        return ascending[::-1][:k]
    if which == "SA":
        return ascending[:k]
    low, high = k // 2, k - k // 2
    return np.r_[ascending[:low], ascending[len(values) - high :]]


def edges(values: Any, which: str) -> tuple[float | None, float | None]:
    """Beyond which values another eigenvalue would belong among the ``values`` found.

    The lower and the upper edge; None where a copy of what was found would change nothing.

    Examples
    --------
    >>> import numpy as np
    >>> edges(np.array([5.0, 4.0]), "LA"), edges(np.array([5.0]), "LA")
    ((None, 4.0), (None, None))
    """
    k = len(values)
    if k < 2:
        return None, None
    if which == "LA":
        return None, float(values.min())
    if which == "SA":
        return float(values.max()), None
    if which == "LM":
        edge = float(np.abs(values).min())
        return -edge, edge
    ascending, low = np.sort(values), k // 2
    return (
        float(ascending[low - 1]) if low > 1 else None,
        float(ascending[low]) if k - low > 1 else None,
    )


def gap_intervals(values: Any, residuals: Any) -> Any:
    """Bounds of Temple and Kato for ascending Ritz values, shape (n, 2).

    Where (a, b) holds one eigenvalue λ, and a Ritz value θ with residual r, then
    ``θ - r²/(b - θ) <= λ <= θ + r²/(θ - a)``. Here a and b are the ends of the residual intervals
    of the neighbours. Where these overlap, ``θ ± r`` stays. At the ends, ``λ >= θ`` of the largest
    and ``λ <= θ`` of the smallest, by the principle of Rayleigh.

    References
    ----------
    Kato (1949), On the upper and lower bounds of eigenvalues. Parlett (1998), chapter 10.

    Examples
    --------
    >>> import numpy as np
    >>> gap_intervals(np.array([0.0, 1.0]), np.array([0.0, 0.1])).round(3).tolist()
    [[0.0, 0.0], [1.0, 1.01]]
    """
    values, r = np.asarray(values, float), np.asarray(residuals, float)
    if len(values) < 2:
        return np.stack([values - r, values + r], axis=1)
    below = np.r_[-np.inf, np.maximum.accumulate(values + r)[:-1]]
    above = np.r_[np.minimum.accumulate((values - r)[::-1])[::-1][1:], np.inf]

    def error(gap: Any) -> Any:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return np.where(gap > r, r * (r / gap), r)

    # An infinite gap, at an end, leaves no error: these are the bounds of Rayleigh.
    return np.stack([values - error(above - values), values + error(values - below)], axis=1)
