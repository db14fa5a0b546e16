"""The natural gradient: steepest descent in the distance between predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

from scipy.sparse.linalg import LinearOperator, cg

from ..core import arguments
from ..replay import Replayed
from ..transforms import ravel
from .groups import Rate
from .model_curvature import ModelCurvature, gauss_newton_product
from .optimizer import Options, State


class NaturalGradient(ModelCurvature):
    """The gradient times the inverse of the damped Fisher information of the batch.

    With the gradient g and F = Jᵀ H J for the Jacobian J of the outputs and the Hessian H of the
    criterion in them (the Fisher information for cross entropy and squared error)::

        (F + λ I) d = g,    by conjugate gradients
        v = μ v + d
        p = p - lr · (v + weight_decay · p)

    Amari (1998), Natural gradient works efficiently in learning. Martens (2020), New insights and
    perspectives on the natural gradient method.

    Parameters
    ----------
    predict, criterion
        ``predict(params, x)`` and ``criterion(outputs, y)``, convex in the outputs.
    lr : float or callable
    damping : float
        λ.
    rtol : float
        Of the residual of the system.
    iterations : int
        At most so many products a step.
    momentum, weight_decay, groups
        See :class:`SGD`.
    max_norm
        Bounds d.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn, optim
    >>> predict = lambda w, x: x @ w
    >>> x, y = np.array([[1.0, 0.0], [0.0, 100.0]]), np.array([1.0, 100.0])
    >>> opt = optim.NaturalGradient(predict, nn.mse, lr=1.0, damping=1e-9)
    >>> step = opt.stepper(lambda w, batch: nn.mse(predict(w, batch[0]), batch[1]))
    >>> w = np.zeros(2)
    >>> step(w, opt.init(w), (x, y))[1].round(6)  # the minimum, whatever the scales are
    array([1., 1.])
    """

    shown = ("lr", "damping", "momentum", "weight_decay")

    def __init__(
        self,
        predict: Callable[..., Any],
        criterion: Callable[..., Any],
        lr: Rate = 1.0,
        *,
        damping: float = 1e-3,
        rtol: float = 1e-6,
        iterations: int = 100,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        **options: Unpack[Options],
    ):
        super().__init__(
            predict, criterion, lr, momentum=momentum, weight_decay=weight_decay, **options
        )
        self.damping = self._number("damping", damping, above=0)
        self.rtol = self._number("rtol", rtol, above=0)
        who = "NaturalGradient"
        self.iterations = arguments.integer(who, "iterations", iterations, least=1)

    def stepper(
        self, loss: Callable[..., Any], *, jit: bool = True
    ) -> Callable[..., tuple[Any, Any, State]]:
        product = gauss_newton_product(self.predict, self.criterion)
        if jit:
            product = Replayed(product)

        def direction(params: Any, grads: Any, state: State, x: Any, y: Any) -> Any:
            g, unravel = ravel(grads)

            def damped(v: Any) -> Any:
                return ravel(product(params, unravel(v), x, y))[0] + self.damping * v

            system = LinearOperator((g.size, g.size), matvec=damped, dtype=g.dtype)
            found = cg(system, g, rtol=self.rtol, maxiter=self.iterations)[0]
            return unravel(found), state.shared

        return self._preconditioned_stepper(loss, jit, direction)
