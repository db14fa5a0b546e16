"""How many eigenvalues stand apart from the bulk.

outliers : descending values -> number, ratio
"""

from __future__ import annotations

import numpy as np

from ..estimates.operands import Array

STANDS_OUT = 2.0
"""How much wider than any gap below it the outliers' gap must be, as a difference of logarithms."""

ENOUGH = 5
"""Gaps below that are enough to compare with; with fewer, those above count too."""

ALONE = np.log(2)
"""What a gap must exceed that has none to be compared with."""


def outliers(values: Array, typical: float) -> tuple[int, float]:
    """The number of outliers by the largest gap, and the gap.

    The gap after the k-th value is the ratio of the k-th to the next. The largest counts if it
    is, in logarithms, at least twice as wide as any gap below it: then that bulk does not look as
    if it had such gaps of its own.

    Parameters
    ----------
    values : ndarray, shape (n,)
        The largest eigenvalues, in descending order, copies included; the last one is only
        compared with.
    typical : float
        The mean magnitude of all eigenvalues. What is smaller is no outlier, and values below a
        thousandth of it are not told apart.

    Returns
    -------
    count : int
        0 when no gap stands out.
    ratio : float
        The largest gap.

    Examples
    --------
    >>> outliers(np.array([9.0, 8.0, 7.0, 1.0, 0.9, 0.8]), 1.5)
    (3, 7.0)
    >>> outliers(np.array([5.0, 4.0, 3.0, 2.0]), 3.0)[0]
    0
    """
    floor = 1e-3 * typical
    values = np.maximum(values, floor)
    candidates = int((values[:-1] >= typical).sum())
    if typical == 0 or candidates == 0:
        return 0, 1.0
    gaps = np.log(values[:-1] / values[1:])
    k = int(gaps[:candidates].argmax())
    # Where the spectrum ends below, at nothing, is no gap to compare with.
    others = gaps[k + 1 :][values[k + 2 :] > floor]
    if len(others) < ENOUGH:
        others = np.append(others, gaps[:k])
    widest = others.max() if len(others) else ALONE / STANDS_OUT
    stands_out = gaps[k] > STANDS_OUT * widest
    return (k + 1 if stands_out else 0), float(values[k] / values[k + 1])
