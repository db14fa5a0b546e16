"""SAM and ASAM: the gradient at the worst point nearby, for any optimiser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import arguments, trees
from ..transforms import value_and_grad
from .optimizer import Array, Dynamics, Moments, Numbers, Optimizer, State, Updated


class SAM(Optimizer):
    """Sharpness-aware minimisation: an optimiser given the gradient at a point uphill.

    With the gradient g of all parameters together, and the optimiser's own rule::

        ε = ρ g / ‖g‖
        p = rule(p, ∇loss(p + ε))

    A step takes two gradients. Foret, Kleiner, Mobahi and Neyshabur (2021), Sharpness-aware
    minimization for efficiently improving generalization, algorithm 1.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rule is used, with its rate, decay, groups and state.
    rho : float
        The distance ρ.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import optim
    >>> opt = optim.SAM(optim.SGD(lr=0.1), rho=0.5)
    >>> step = opt.stepper(lambda w, scale: (scale * w**2).sum() / 2)
    >>> w = np.array([1.0])
    >>> value, w, state = step(w, opt.init(w), np.array([2.0]))
    >>> float(value), w  # the gradient at 1.5 is 3
    (1.0, array([0.7]))
    """

    observes = "a gradient at another point"
    linear_in_loss = False
    unknown_stability = "its threshold depends on the norm of the gradient"

    def __init__(self, optimizer: Optimizer, rho: float = 0.05):
        who, what = type(self).__name__, "an optimiser, such as optim.SGD(lr=0.1)"
        arguments.instance(who, "optimizer", optimizer, Optimizer, what)
        if optimizer.observes:
            raise ValueError(
                f"{who}: optimizer must step by gradients alone, got {optimizer!r}, which takes "
                f"{optimizer.observes}"
            )
        self.optimizer = optimizer
        self.rho = self._number("rho", rho, least=0)
        super().__init__(
            optimizer._model, optimizer.lr, weight_decay=optimizer.weight_decay,
            max_norm=optimizer.max_norm,
        )  # fmt: skip
        self.groups, self.elementwise = optimizer.groups, optimizer.elementwise
        self.decoupled = optimizer.decoupled

    @property
    def dynamics(self) -> Dynamics | None:
        return None if self.rho else self.optimizer.dynamics

    def init(self, params: Any) -> State:
        return self.optimizer.init(params)

    def _fresh(self, p: Array) -> tuple[Array, ...]:
        return self.optimizer._fresh(p)

    def _numbers(self, rate: float, count: int) -> Numbers:
        return self.optimizer._numbers(rate, count)

    def _rule(
        self, p: Array, g: Array, moments: Moments, numbers: Numbers, *observed: Array
    ) -> Updated:
        return self.optimizer._rule(p, g, moments, numbers, *observed)

    def _observe(
        self, loss: Callable[..., Any], params: Any, count: Any, *args: Any
    ) -> tuple[Any, ...]:
        value, grads = value_and_grad(loss)(params, *args)
        uphill = trees.map(lambda p, e: p + e, params, self._uphill(params, grads))
        return value, value_and_grad(loss)(uphill, *args)[1]

    def _uphill(self, params: Any, grads: Any) -> Any:
        """The perturbation ε, a tree like the parameters."""
        scale = self.rho / (_norm(grads) + 1e-12)
        return trees.map(lambda g: scale * g, grads)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.optimizer!r}, rho={self.rho})"


class ASAM(SAM):
    """Adaptive SAM: the point uphill does not depend on how weights are scaled against each other.

    With T = diag(|p| + η)::

        ε = ρ T² g / ‖T g‖
        p = rule(p, ∇loss(p + ε))

    Kwon, Kim, Park and Choi (2021), ASAM: adaptive sharpness-aware minimization for scale-invariant
    learning of deep neural networks, algorithm 1 with elementwise normalisation.

    Parameters
    ----------
    optimizer : Optimizer
    rho : float
    eta : float
        Keeps weights of zero from standing still.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import optim
    >>> opt = optim.ASAM(optim.SGD(lr=0.1), rho=0.5, eta=0.0)
    >>> step = opt.stepper(lambda w, scale: (scale * w**2).sum() / 2)
    >>> step(np.array([2.0]), opt.init(np.array([2.0])), np.array([1.0]))[1]  # the gradient is 3
    array([1.7])
    """

    def __init__(self, optimizer: Optimizer, rho: float = 0.5, eta: float = 0.01):
        super().__init__(optimizer, rho)
        self.eta = self._number("eta", eta, least=0)

    def _uphill(self, params: Any, grads: Any) -> Any:
        T = trees.map(lambda p: abs(p) + self.eta, params)
        Tg = trees.map(lambda t, g: t * g, T, grads)
        scale = self.rho / (_norm(Tg) + 1e-12)
        return trees.map(lambda t, g: scale * t * g, T, Tg)


def _norm(tree: Any) -> Any:
    return np.sqrt(sum((x * x).sum() for x in trees.leaves(tree)))
