"""The loss over all data as a function of one vector of parameters.

value : (P,) -> float      values : (n, P) -> (n,)      gradient : (P,) -> (P,)
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core import arguments, trees
from ...core.errors import call_of
from ...core.modes import no_grad
from ...core.tensor import constant, unrecorded
from ...transforms.gradients import value_and_grad
from ...transforms.vectorize import vmap
from ..estimates.operands import Array
from ..operators import checks
from ..operators.batches import Batches
from ..operators.flattening import Flattening
from ..operators.hessian import HessianOperator
from ..operators.pickling import picklable, restore

STACKED_MEMORY = 4 * 2**20
"""Bytes of parameters and data of the points that are evaluated together: what stays in cache."""

ADVICE = "Write loss(params, batch), or loss(params) without data."
"""What is said of a loss that does not take the arguments that it is given."""

WORTHWHILE = 8
"""Fewer points together are no faster than one after the other."""


class TotalLoss:
    """A loss over data that can be evaluated anywhere, with counts of what was spent.

    Parameters
    ----------
    loss : HessianOperator or callable
        An operator brings its loss, its point, its data and its reduction along. Otherwise as for
        :class:`HessianOperator`.
    params, data, args, reduction
        As for :class:`HessianOperator`; not given with an operator.
    who : str
        The caller, for errors.

    Attributes
    ----------
    start : ndarray, shape (P,)
        The parameters that were given.
    values_spent, gradients_spent : int
        Evaluations of the loss, and of the loss with its gradient, over all data.

    Raises
    ------
    TypeError
        When the first argument is neither an operator nor a function, or parameters are missing.

    Examples
    --------
    >>> total = TotalLoss(lambda x: (x**2).sum(), np.array([1.0, 2.0]), who="example")
    >>> total.value(total.start), total.gradient(total.start)
    (5.0, array([2., 4.]))
    """

    def __init__(
        self,
        loss: Any,
        params: Any = None,
        data: Any = None,
        args: tuple[Any, ...] = (),
        *,
        reduction: str = "mean",
        who: str,
    ):
        self.who = who
        if isinstance(loss, HessianOperator):
            if params is not None or data is not None or args:
                raise TypeError(f"{who}: an operator brings its parameters and data; give no other")
            self._operator: HessianOperator | None = loss
            self.loss, self.reduction = loss.loss, loss.reduction
            self.at, self.batches, self._args = loss._at, loss._batches, loss._args
        else:
            if not callable(loss) or params is None:
                raise TypeError(
                    f"{who} takes a HessianOperator, or loss, params and data; got "
                    f"{type(loss).__name__} with params of type {type(params).__name__}"
                )
            arguments.choice(who, "reduction", reduction, ("mean", "sum"))
            self._operator = None
            self.loss, self.reduction = loss, reduction
            self.at, self.batches = Flattening(params, who), Batches(data, who)
            self._args = args if data is not None or args else None
        self.start = self.at.join(self.at.values)
        self.values_spent = self.gradients_spent = 0
        self._together = True

    def __getstate__(self) -> dict[str, Any]:
        return picklable(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        restore(self, state)

    def check(self) -> None:
        """Refuse a loss that is random, or not finite at the start, with its gradient."""
        batch = next(iter(self.batches.sized(self.who, False)))[2]
        evaluate = lambda batch: self._loss_value(self.at.tensors(), self.arguments(batch))
        value = checks.check_evaluation(self.at, evaluate, batch)
        if self.batches.are_cut:
            checks.check_cut(self.who, evaluate, batch, value, self.reduction)
        checks.check_finite(self.who, 0, *self.value_and_gradient(self.start))
        self.gradients_spent = 0

    # ---- the loss ------------------------------------------------------------------------------

    def value(self, theta: Array) -> float:
        """The loss at one point."""
        self.values_spent += 1
        params = self._as_tensors(theta)
        return self.over_batches(lambda args: self._loss_value(params, args))

    def values(self, points: Array) -> Array:
        """The loss at each row of ``points``, shape (n, P); several rows in one call where it pays.

        Where ``loss`` cannot be mapped (it branches on values), one after the other.
        """
        out = np.empty(len(points))
        width = self.together
        for first in range(0, len(points), width):
            block = points[first : first + width]
            out[first : first + width] = self._values_together(block)
        return out

    def _values_together(self, block: Array) -> Array:
        if len(block) > 1 and self._together:
            try:
                found = self.over_batches(lambda args: self._vmapped_values(block, args))
            except Exception:  # whatever a user's loss raises under vmap; its own errors come below
                self._together = False
            else:
                self.values_spent += len(block)
                return np.asarray(found)
        return np.array([self.value(theta) for theta in block])

    def _vmapped_values(self, block: Array, args: tuple[Any, ...]) -> Array:
        leaves = [
            block[:, columns].reshape(len(block), *value.shape).astype(value.dtype)
            for value, columns in zip(self.at.values, self.at.slices, strict=True)
        ]
        stacked = trees.unflatten(self.at.spec, [constant(x) for x in leaves])
        with no_grad():
            found = vmap(lambda params: self.loss(params, *args))(stacked)
        found = np.asarray(unrecorded(found))
        if found.shape != (len(block),):
            raise ValueError("not a scalar")
        return found.astype(np.float64)

    def _loss_value(self, params: Any, args: tuple[Any, ...]) -> float:
        with no_grad():
            found = unrecorded(call_of(self.who, self.loss, (params, *args), {}, ADVICE))
        found = arguments.array(self.who, "what loss returns", found)
        if found.size != 1:
            raise ValueError(f"{self.who}: loss must return a scalar, got shape {found.shape}")
        return float(found.reshape(()))

    def _as_tensors(self, theta: Array) -> Any:
        """A vector as a tree of tensors, which is what a loss sees when it is differentiated."""
        return self.at.unflatten(theta, boxed=[True] * len(self.at.values))

    @property
    def together(self) -> int:
        """How many points :meth:`values` evaluates in one call."""
        limited = self._operator is not None and self._operator.memory_limit is not None
        return 1 if limited or not self._together else self._most_together

    @functools.cached_property
    def _most_together(self) -> int:
        """As many as :data:`STACKED_MEMORY` holds; the first batch is read for it, once."""
        batch = next(iter(self.batches), None)
        data = sum(np.asarray(unrecorded(x)).nbytes for x in trees.leaves((batch, self._args)))
        width = STACKED_MEMORY // (data + self.at.size * self.at.dtype.itemsize)
        return int(width) if width >= WORTHWHILE else 1

    # ---- its derivatives -----------------------------------------------------------------------

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """The loss and its gradient, shape (P,), at one point."""
        self.gradients_spent += 1
        measured = self._measured_at(theta)

        def both(args: tuple[Any, ...]) -> Array:
            value, gradient = measured(args)
            return np.concatenate([[float(value)], gradient])

        found = self.over_batches(both)
        return float(found[0]), found[1:].astype(self.at.dtype)

    def _measured_at(self, theta: Array) -> Callable[[tuple[Any, ...]], tuple[Any, Array]]:
        """The loss and its gradient at a point, as a function of a batch's arguments."""
        op = self._operator
        if op is not None and (program := op._program) is not None:  # within its memory limit
            point = self.at.leaves(theta)
            return lambda args: program.measured(op._converted(args), point)
        params = self.at.unflatten(theta, boxed=[False] * len(self.at.values))
        recorded = value_and_grad(self.loss)

        def measured(args: tuple[Any, ...]) -> tuple[Any, Array]:
            value, gradient = recorded(params, *args)
            return value, self.at.flatten(gradient)

        return measured

    def gradient(self, theta: Array) -> Array:
        """The gradient at one point, shape (P,)."""
        return self.value_and_gradient(theta)[1]

    def hessian(self, theta: Array | None = None) -> HessianOperator:
        """The Hessian at a point; without one at the start, that of the operator if one was given.

        Elsewhere it is not self-checked: a search makes many for a few products each.
        """
        if theta is None and self._operator is not None:
            return self._operator
        params = self.at.unflatten(self.start if theta is None else theta)
        data = None if self._args is None else self.batches
        limit = None if self._operator is None else self._operator.memory_limit
        if self._operator is not None:
            self._operator.make_room()
        return HessianOperator(
            self.loss, params, data, *(self._args or ()),
            reduction=self.reduction, check=theta is None, memory_limit=limit,
        )  # fmt: skip

    # ---- passes over the data --------------------------------------------------------------------

    def arguments(self, batch: Any) -> tuple[Any, ...]:
        """The arguments of ``loss`` after the parameters."""
        return () if self._args is None else (batch, *self._args)

    def over_batches(self, evaluate: Callable[[tuple[Any, ...]], Any]) -> Any:
        """The weighted mean, or the sum, of what ``evaluate(arguments)`` gives for each batch."""
        one = lambda batch: (evaluate(self.arguments(batch)),)
        return self.batches.risk(one, self.reduction, self.who)[0]

    def flat(self, tree: Any, who: str = "") -> Array:
        """A direction or a point, given as a vector or as a tree like the parameters, as (P,)."""
        who = who or self.who
        if (
            isinstance(tree, np.ndarray)
            and tree.shape == (self.at.size,)
            and not self.at.holds(tree)
        ):
            tree = arguments.array(who, "a vector", tree)
            if tree.dtype.kind == "c":
                raise TypeError(f"{who}: a vector is complex ({tree.dtype}); it must be real")
            if not np.isfinite(tree).all():
                raise ValueError(f"{who}: a vector holds NaN or infinity")
            return tree.astype(self.at.dtype)
        return self.at.flatten(tree, who)


def as_hessian(
    loss: Any, params: Any, data: Any, args: tuple[Any, ...], reduction: str, who: str
) -> tuple[TotalLoss, HessianOperator]:
    """The total loss and the Hessian at its point, from an operator or from loss and data."""
    total = TotalLoss(loss, params, data, args, reduction=reduction, who=who)
    return total, total.hessian()
