"""What optimisers share that take curvature from a model: its outputs, and a loss of those.

gauss_newton_product : predict, criterion -> (params, v, x, y) ↦ Jᵀ H J v
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

from ..core import arguments
from ..nn.assignments import Assignments
from ..replay import Replayed
from ..transforms import hvp, jvp, value_and_grad, vjp
from .groups import Rate
from .optimizer import Options, State
from .sgd import SGD

Direction = Callable[[Any, Any, State, Any, Any], tuple[Any, tuple[Any, ...]]]
"""From params, gradient, state and a batch's x and y: what to step along, and the new shared part
of the state."""


class ModelCurvature(SGD):
    """The base of optimisers that precondition the gradient by curvature of the model's outputs.

    The preconditioned gradient goes through :class:`SGD`'s rule, with its momentum, decay (so
    decoupled), schedules and groups; ``max_norm`` bounds it. Batches are pairs ``(x, y)``.

    Parameters
    ----------
    predict : callable
        ``predict(params, x)`` gives outputs.
    criterion : callable
        ``criterion(outputs, y)`` gives a scalar, convex in the outputs. The loss that is trained
        may add to it what does not depend on the data.
    lr, momentum, weight_decay, groups, max_norm
        See :class:`SGD`.
    """

    observes = "the curvature of the model"
    unknown_stability = "its preconditioner is no diagonal matrix"

    def __init__(
        self,
        predict: Callable[..., Any],
        criterion: Callable[..., Any],
        lr: Rate,
        *,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        **options: Unpack[Options],
    ):
        who = type(self).__name__
        form = "It is called as"
        arguments.function(who, "predict", predict, f"{form} predict(params, x).")
        arguments.function(who, "criterion", criterion, f"{form} criterion(outputs, y).")
        super().__init__(None, lr, momentum=momentum, weight_decay=weight_decay, **options)
        self.predict, self.criterion = predict, criterion

    @property
    def dynamics(self) -> Any:
        return None

    def update(self, params: Any, grads: Any, state: State, *observed: Any) -> tuple[Any, State]:
        """Not possible: gradients alone do not tell the curvature."""
        who = type(self).__name__
        raise TypeError(
            f"{who}.update: it needs {self.observes}; write step = opt.stepper(loss), and then "
            "value, params, state = step(params, state, (x, y))"
        )

    def _preconditioned_stepper(
        self, loss: Callable[..., Any], jit: bool, direction: Direction
    ) -> Callable[..., tuple[Any, Any, State]]:
        evaluate = self._evaluation(loss, jit)

        def step(params: Any, state: State, batch: Any) -> tuple[Any, Any, State]:
            x, y = self._pair(batch)
            value, grads, noted = evaluate(params, batch)
            along, shared = direction(params, grads, state, x, y)
            params, new = super(ModelCurvature, self).update(params, along, state)
            return value, noted.kept_in(params), new._replace(shared=shared)

        return step

    def _evaluation(
        self, loss: Callable[..., Any], jit: bool
    ) -> Callable[[Any, Any], tuple[Any, Any, Assignments]]:
        """The loss, its gradient, and what the model assigned to its buffers."""
        arguments.function(f"{type(self).__name__}.stepper", "loss", loss)

        def gradient(params: Any, batch: Any) -> tuple[Any, Any, list[Any]]:
            noted = Assignments(loss)
            value, grads = value_and_grad(noted)(params, batch)
            return value, grads, noted.values or []

        run = Replayed(gradient) if jit else gradient

        def evaluate(params: Any, batch: Any) -> tuple[Any, Any, Assignments]:
            value, grads, values = run(params, batch)
            noted = Assignments(loss)
            noted.values = values
            return value, grads, noted

        return evaluate

    def _pair(self, batch: Any) -> tuple[Any, Any]:
        if not isinstance(batch, (tuple, list)) or len(batch) != 2:
            raise ValueError(
                f"{type(self).__name__}: a batch must be a pair (x, y), got "
                f"{arguments.shown(batch)}"
            )
        return batch[0], batch[1]


def gauss_newton_product(
    predict: Callable[..., Any], criterion: Callable[..., Any]
) -> Callable[..., Any]:
    """Products with the generalised Gauss-Newton matrix: a sweep forward, one back.

    Schraudolph (2002), Fast curvature matrix-vector products for second-order gradient descent. For
    cross entropy and squared error this is the Fisher information (Martens 2020).

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> product = gauss_newton_product(lambda w, x: x @ w, nn.mse)
    >>> x, y = np.array([[1.0, 0.0], [0.0, 3.0]]), np.zeros(2)
    >>> product(np.zeros(2), np.ones(2), x, y)
    array([1., 9.])
    """

    def product(params: Any, v: Any, x: Any, y: Any) -> Any:
        outputs = lambda at: predict(at, x)
        f, Jv = jvp(outputs, (params,), (v,))
        HJv = hvp(lambda f: criterion(f, y), f, Jv)
        return vjp(outputs, params)[1](HJv)[0]

    return product
