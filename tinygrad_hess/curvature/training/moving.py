"""The Hessian at a point that moves: planned once, replayed wherever training has got to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...core import trees
from ...replay import Replayed
from ...transforms.gradients import hvp, value_and_grad
from ...transforms.vectorize import vmap
from ..operators.batches import Batches, batch_size
from ..operators.flattening import Array, Flattening, converted
from ..operators.operator import SymmetricOperator


class MovingHessian(SymmetricOperator):
    """The Hessian of a loss, for a few products at each of many points.

    A :class:`HessianOperator` records the gradient at its point, which pays off from some products
    on. Here one plan, with the parameters among its arguments, serves all points.

    Parameters
    ----------
    loss, params, data, *args, reduction
        As for :class:`HessianOperator`; ``params`` is the first point.
    dtype : dtype, optional
        What to compute in: parameters and floating-point data are converted. By default that of
        the parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature.training.moving import MovingHessian
    >>> H = MovingHessian(lambda x: (x**3).sum(), np.array([1.0, 2.0]))
    >>> H @ np.ones(2)
    array([ 6., 12.])
    >>> H.move(np.array([2.0, 2.0]))
    >>> H @ np.ones(2), float(H.value)
    (array([12., 12.]), 16.0)
    """

    def __init__(
        self,
        loss: Callable[..., Any],
        params: Any,
        data: Any = None,
        *args: Any,
        reduction: str = "mean",
        dtype: Any = None,
    ):
        if reduction not in ("mean", "sum"):
            raise ValueError(f"MovingHessian: reduction={reduction!r} is not 'mean' or 'sum'")
        self.loss, self.reduction = loss, reduction
        self._cast = converted(dtype)
        self._batches = Batches(data, "MovingHessian")
        if self._batches.held:  # converted once
            self._batches.data = [self._cast(b) for b in self._batches.data]
        self._args = None if data is None and not args else tuple(map(self._cast, args))
        self._gradient = Replayed(value_and_grad(loss))
        self._product = Replayed(
            lambda at, stack, *batch: vmap(lambda v: hvp(loss, at, v, *batch))(stack)
        )
        super().__init__(Flattening(self._cast(params), "MovingHessian"))
        self._measured: tuple[Any, Array] | None = None

    def move(self, params: Any) -> None:
        """Go to another point; the old operator is no more.

        Raises
        ------
        ValueError
            When the parameters are not built like the first ones.
        """
        at = Flattening(self._cast(params), "MovingHessian")
        if at.spec != self._at.spec or at.sizes != self._at.sizes:
            raise ValueError(
                f"MovingHessian.move: parameters {at.spec} of sizes {at.sizes}; the first ones "
                f"were {self._at.spec} of sizes {self._at.sizes}"
            )
        self._at, self._measured = at, None

    @property
    def value(self) -> Any:
        """The loss at this point."""
        return self._measure()[0]

    @property
    def gradient(self) -> Array:
        """Its gradient, shape (P,)."""
        return self._measure()[1].copy()

    def _measure(self) -> tuple[Any, Array]:
        if self._measured is None:
            value, gradient, total = 0.0, np.zeros(self._at.size, self.dtype), 0
            for weight, batch in self._weighted():
                found, slope = self._gradient(self._at.tree(), *batch)
                value += weight * float(found)
                gradient += weight * self._at.join(trees.leaves(slope))
                total += weight
            total = total if self.reduction == "mean" else 1
            self._measured = value / total, gradient / self.dtype.type(total)
        return self._measured

    def _matvec(self, x: Any) -> Array:
        return self._matmat(np.reshape(x, (-1, 1)))[:, 0]

    def _matmat(self, X: Any) -> Array:
        at, columns, total = self._at, X.shape[1], 0
        stack = trees.unflatten(at.spec, at.leaves(X))
        out = np.zeros((at.size, columns), self.dtype)
        for weight, batch in self._weighted():
            out += weight * at.join(trees.leaves(self._product(at.tree(), stack, *batch)), columns)
            total += weight
        return out / self.dtype.type(total) if self.reduction == "mean" else out

    def _weighted(self) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """What a batch counts by, and the arguments of the loss."""
        one = self._batches.single or self.reduction == "sum"
        for number, batch in enumerate(self._batches):
            weight = 1 if one else batch_size(batch, "MovingHessian", number)
            if weight:
                given = batch if self._batches.held else self._cast(batch)
                yield weight, () if self._args is None else (given, *self._args)

    def __repr__(self) -> str:
        return f"<MovingHessian: {self._at.size} parameters, {self.dtype}, {self.reduction}>"
