"""The Hessian at a point that moves: planned once, replayed wherever training has got to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core import arguments, trees
from ...core.tensor import unrecorded
from ...replay import Replayed
from ...transforms.gradients import hvp, value_and_grad
from ...transforms.vectorize import vmap
from ..operators import checks
from ..operators.batches import Batches, OnBatch, weighs_means
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
        arguments.choice("MovingHessian", "reduction", reduction, ("mean", "sum"))
        self.loss, self.reduction = loss, reduction
        self._precision, self._cast = dtype, converted(dtype)
        self._batches = Batches(data, "MovingHessian")
        if self._batches.holds_data:
            self._batches.data = [self._cast(b) for b in self._batches.data]  # once
        self._args = None if data is None and not args else tuple(map(self._cast, args))
        sweeps = _Sweeps(loss, dtype, self._args)
        weighed = reduction == "mean" and not self._batches.single
        refusing = weighs_means("MovingHessian") if weighed else None
        self._gradient = OnBatch(sweeps.value_and_gradient, refusing)
        self._product = OnBatch(sweeps.products, refusing)
        super().__init__(Flattening(params, "MovingHessian", dtype=dtype))
        self._measured: tuple[Any, Array] | None = None

    def move(self, params: Any) -> None:
        """Go to another point; the old operator is no more.

        Raises
        ------
        ValueError
            When the parameters are not built like the first ones.
        """
        at = Flattening(params, "MovingHessian", dtype=self._precision)
        if at.spec != self._at.spec or at.sizes != self._at.sizes:
            raise ValueError(
                f"MovingHessian.move: parameters {at.spec} of sizes {at.sizes}; the first ones "
                f"were {self._at.spec} of sizes {self._at.sizes}"
            )
        self._at, self._measured = at, None

    def check(self) -> None:
        """Refuse a loss that is random, that changes the model, or that data cut would change.

        Raises
        ------
        ValueError
        """
        batch = next(iter(self._batches.sized("MovingHessian", False)))[2]
        value = checks.check_evaluation(self._at, self._evaluate, batch)
        if self._batches.are_cut:
            checks.check_cut("MovingHessian", self._evaluate, batch, value, self.reduction)

    def _evaluate(self, batch: Any) -> Any:
        more = () if self._args is None else (self._cast(batch), *self._args)
        return np.asarray(unrecorded(self.loss(self._at.tensors(), *more)))[()]

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
            value, gradient = self._over_batches(self._gradient, self._at)
            self._measured = value, gradient
        return self._measured

    def _matvec(self, x: Any) -> Array:
        return self._matmat(np.reshape(x, (-1, 1)))[:, 0]

    def _matmat(self, X: Any) -> Array:
        return np.asarray(self._over_batches(self._product, self._at, np.asarray(X))[0])

    def _over_batches(self, evaluate: OnBatch, *args: Any) -> list[Any]:
        """The mean or sum over batches of what ``evaluate(batch, *args)`` gives."""
        return self._batches.risk(evaluate, self.reduction, "MovingHessian", *args)

    def __repr__(self) -> str:
        return f"<MovingHessian: {self._at.size} parameters, {self.dtype}, {self.reduction}>"


class _Sweeps:
    """What is planned once: the gradient and products on a batch, at any point."""

    def __init__(self, loss: Callable[..., Any], dtype: Any, args: tuple[Any, ...] | None):
        self._made_of = loss, dtype, args
        self._cast, self._args = converted(dtype), args
        self._gradient = Replayed(value_and_grad(loss))

        def product(at: Any, stacks: list[Any], *batch: Any) -> list[Any]:
            spec = trees.structure(at)  # its frozen arrays have no stack
            one = lambda v: trees.leaves(hvp(loss, at, trees.unflatten(spec, v), *batch))
            return vmap(one)(stacks)

        self._product = Replayed(product)

    def __reduce__(self) -> Any:
        return _Sweeps, self._made_of  # a copy plans for itself

    def value_and_gradient(self, batch: Any, at: Flattening) -> tuple[float, Array]:
        """Of the loss."""
        value, gradient = self._gradient(at.tree(), *self._arguments(batch))
        return float(value), at.join(trees.leaves(gradient))

    def products(self, batch: Any, at: Flattening, X: Array) -> tuple[Array]:
        """With vectors of shape (P, k)."""
        found = self._product(at.tree(), at.leaves(X), *self._arguments(batch))
        return (at.join(found, X.shape[1]),)

    def _arguments(self, batch: Any) -> tuple[Any, ...]:
        """What the loss takes beside the parameters."""
        return () if self._args is None else (self._cast(batch), *self._args)
