"""``np.r_`` and ``np.c_``: arrays joined by an index expression, also those that hold tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops import concatenate, reshape, transpose
from ..ops._dispatch import as_array, contains_tensor


class Concatenator:
    """Joins what stands in brackets, as NumPy's object of the same name does.

    A leading string ``"axis,ndmin,first"`` says along which axis, to how many axes arrays are
    raised before, and where their own axes then start.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda x: (tg.numpy.r_[x, 0, x[0]] ** 2).sum())(np.array([1.0, 2.0]))
    array([4., 4.])
    >>> tg.numpy.c_[np.arange(2), np.arange(2)]
    array([[0, 0],
           [1, 1]])
    """

    def __init__(self, original: Any, axis: int, ndmin: int, first: int):
        self.original, self.directive = original, (axis, ndmin, first)
        self.__doc__ = type(self).__doc__

    def __getitem__(self, key: Any) -> Any:
        items = list(key) if isinstance(key, tuple) else [key]
        if not contains_tensor(items):
            return self.original[key]
        axis, ndmin, first = self.directive
        if isinstance(items[0], str):
            axis, ndmin, first = self._directive(items.pop(0))
        if any(isinstance(item, str) for item in items):
            raise ValueError("r_: a string comes first")
        return concatenate([_raised(item, ndmin, first) for item in items], axis)

    def _directive(self, text: str) -> tuple[int, int, int]:
        try:
            numbers = [int(n) for n in text.split(",")]
        except ValueError:
            raise ValueError(
                f"r_: {text!r} is no 'axis', 'axis,ndmin' or 'axis,ndmin,first' of integers "
                "(matrices, as of 'r' and 'c', are not for tensors)"
            ) from None
        return (*numbers, *self.directive[len(numbers) :])  # type: ignore[return-value]

    def __len__(self) -> int:
        return 0


def _raised(item: Any, ndmin: int, first: int) -> Any:
    """An array with ``ndmin`` axes or more, its own from ``first`` on."""
    x = np.r_[item] if isinstance(item, slice) else as_array(item)
    ndim = len(x.shape)
    new = ndmin - ndim
    if new <= 0:
        return x
    x = reshape(x, (*(1,) * new, *x.shape))
    if first == -1 or ndim == 0:
        return x
    start = first if first >= 0 else first + new + 1
    order = list(range(ndmin))
    return transpose(x, order[:start] + order[new:] + order[start:new])


r_ = Concatenator(np.r_, 0, 1, -1)
c_ = Concatenator(np.c_, -1, 2, 0)
