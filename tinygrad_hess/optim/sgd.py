"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any, Unpack

from .groups import Rate
from .optimizer import Array, Dynamics, Moments, Numbers, Optimizer, Options, Updated


class SGD(Optimizer):
    """Gradient descent, with momentum where asked.

    With d = g + weight_decay · p and momentum μ::

        v = μ v + d
        p = p - lr · v              (Nesterov: p - lr · (d + μ v))

    These are PyTorch's equations: the velocity does not include the learning rate
    (Sutskever et al. 2013 put it inside, which differs only when the rate changes).

    Parameters
    ----------
    parameters : Module or list of Tensor, optional
        See :class:`Optimizer`.
    lr : float or callable
    momentum : float in [0, 1)
    nesterov : bool
        Needs momentum.
    weight_decay : float
        Adds weight_decay · p to the gradient.
    groups, max_norm
        See :class:`Optimizer`.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess import optim
    >>> opt = optim.SGD(lr=0.1)
    >>> params = {"w": np.array([1.0, 2.0])}
    >>> state = opt.init(params)
    >>> params, state = opt.update(params, tg.grad(lambda p: (p["w"] ** 2).sum())(params), state)
    >>> params
    {'w': array([0.8, 1.6])}
    """

    shown: tuple[str, ...] = ("lr", "momentum", "nesterov", "weight_decay")

    def __init__(
        self,
        parameters: Any = None,
        lr: Rate = 1e-2,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        **options: Unpack[Options],
    ):
        super().__init__(parameters, lr, weight_decay=weight_decay, **options)
        self.momentum = self._number("momentum", momentum, least=0, below=1)
        if nesterov and not momentum:
            raise ValueError(f"SGD: momentum must be positive for nesterov, got {momentum}")
        self.nesterov = nesterov
        self.moments = 1 if momentum else 0

    @property
    def dynamics(self) -> Dynamics:
        method = "nesterov" if self.nesterov else "momentum" if self.momentum else "sgd"
        return Dynamics(method, self.momentum)

    def _rule(
        self, p: Array, g: Array, moments: Moments, numbers: Numbers, *observed: Array
    ) -> Updated:
        (rate,) = numbers
        if not self.momentum:
            return p - rate * g, ()
        velocity = self.momentum * moments[0] + g
        d = g + self.momentum * velocity if self.nesterov else velocity
        return p - rate * d, (velocity,)
