"""KFAC: the natural gradient with a Kronecker-factored Fisher information."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Unpack

import numpy as np

from ..core import arguments
from ..curvature.operators.flattening import Flattening
from ..curvature.operators.kfac.layer_taps import LayerTaps
from ..curvature.operators.kfac.operator import EXPECTATIONS, KroneckerFactors
from .groups import Rate
from .model_curvature import ModelCurvature
from .optimizer import Array, Options, State


class KFAC(ModelCurvature):
    """Each layer's gradient times the inverse of its damped Kronecker factors.

    For a layer with inputs a (with a 1 where it has a bias), and cotangents b of its outputs, both
    of the batch, at update t, and for its gradient as a matrix G of inputs by outputs::

        ε = min(1 - 1/n, decay)                     (at the n-th update of the factors)
        A = ε A + (1 - ε) mean(a aᵀ),    B = ε B + (1 - ε) mean(b bᵀ)
        (A ⊗ B + λ I) d = G                         (exactly, by eigendecompositions)
        v = μ v + d · min(1, sqrt(κ / (lr² Σ d · G)))
        p = p - lr · (v + weight_decay · p)

    The factors are those of :class:`~tinygrad_hess.curvature.KroneckerFactors`: every parameter
    belongs to a ``Linear``, ``Conv1d`` or ``Conv2d``.

    Martens and Grosse (2015), Optimizing neural networks with Kronecker-factored approximate
    curvature, sections 3 and 5; Ba, Grosse and Martens (2017), Distributed second-order
    optimization using Kronecker-factored approximations, section 5, for κ. Rate, momentum and
    damping are yours to set: the adaptation of section 6 of the first is not done.

    Parameters
    ----------
    predict, criterion
        ``predict(model, x)`` and ``criterion(outputs, y)``, convex in the outputs.
    lr : float or callable
    momentum : float in [0, 1)
        μ.
    damping : float
        λ.
    decay : float in [0, 1)
        Of the running means of the factors.
    every : int
        Updates from one batch's factors, and their eigendecompositions, to the next.
    max_kl : float, optional
        κ, which bounds the change of the predictions in a step; without it d is not scaled.
    expectation : {"exact", "monte_carlo", "empirical"}
        Over which labels b bᵀ is taken; see :class:`~tinygrad_hess.curvature.KroneckerFactors`.
    seed : int
        Of the Monte Carlo passes.
    weight_decay, groups
        See :class:`SGD`.
    max_norm
        Bounds d.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn, optim
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(50, 3)), rng.integers(0, 2, 50)
    >>> model = nn.MLP([3, 8, 2], nn.tanh, seed=0)
    >>> predict = lambda model, x: model(x)
    >>> opt = optim.KFAC(predict, nn.cross_entropy, lr=0.5, damping=0.01)
    >>> loss = lambda model, batch: nn.cross_entropy(model(batch[0]), batch[1])
    >>> found = optim.fit(loss, model, (x, y), opt, epochs=30)
    >>> bool(found.losses[-1] < 0.5 * found.losses[0])
    True
    """

    shown = ("lr", "momentum", "damping", "decay", "every", "weight_decay")

    def __init__(
        self,
        predict: Callable[..., Any],
        criterion: Callable[..., Any],
        lr: Rate = 1e-1,
        *,
        momentum: float = 0.9,
        damping: float = 1e-2,
        decay: float = 0.95,
        every: int = 1,
        max_kl: float | None = None,
        expectation: str = "monte_carlo",
        seed: int = 0,
        weight_decay: float = 0.0,
        **options: Unpack[Options],
    ):
        super().__init__(
            predict, criterion, lr, momentum=momentum, weight_decay=weight_decay, **options
        )
        self.damping = self._number("damping", damping, above=0)
        self.decay = self._number("decay", decay, least=0, below=1)
        self.every = arguments.integer("KFAC", "every", every, least=1)
        self.max_kl = None if max_kl is None else self._number("max_kl", max_kl, above=0)
        self.expectation = arguments.choice("KFAC", "expectation", expectation, EXPECTATIONS)
        self.seed = arguments.integer("KFAC", "seed", seed, least=0)

    def init(self, params: Any) -> State:
        """Factors of zeros, six arrays a layer: A, B, and their eigenvalues and eigenvectors."""
        at = Flattening(params, "KFAC")
        shared = []
        for layer in LayerTaps(at).layers:
            d, o = layer.index.shape
            A, B = np.zeros((d, d), at.dtype), np.zeros((o, o), at.dtype)
            shared += [A, B, np.zeros(d, at.dtype), np.eye(d), np.zeros(o, at.dtype), np.eye(o)]
        return super().init(params)._replace(shared=tuple(x.astype(at.dtype) for x in shared))

    def stepper(
        self, loss: Callable[..., Any], *, jit: bool = True
    ) -> Callable[..., tuple[Any, Any, State]]:
        def direction(params: Any, grads: Any, state: State, x: Any, y: Any) -> Any:
            at, step = Flattening(params, "KFAC"), int(state.step)
            shared = state.shared
            if step % self.every == 0:
                shared = self._with_factors_of(params, (x, y), shared, step // self.every)
            g = at.flatten(grads)
            d = np.empty_like(g)
            for layer, factors in zip(LayerTaps(at).layers, _by_layer(shared), strict=True):
                d[layer.index] = _solve(factors, g[layer.index], self.damping)
            if self.max_kl is not None:
                moved = self.rate(step) ** 2 * float(d @ g)
                d *= min(1.0, (self.max_kl / moved) ** 0.5) if moved > 0 else 1.0
            return at.unflatten(d), shared

        return self._preconditioned_stepper(loss, jit, direction)

    def _with_factors_of(
        self, params: Any, batch: Any, shared: tuple[Any, ...], number: int
    ) -> tuple[Array, ...]:
        """The running means, with those of this batch, and their eigendecompositions."""
        K = KroneckerFactors(
            self.predict, self.criterion, params, batch,
            expectation=self.expectation, seed=self.seed + number,
        )  # fmt: skip
        decay = min(1 - 1 / (number + 1), self.decay)
        found: list[Array] = []
        for block, (A, B, *_) in zip(K.blocks.values(), _by_layer(shared), strict=True):
            A, B = decay * A + (1 - decay) * block.A, decay * B + (1 - decay) * block.B
            found += [A, B, *np.linalg.eigh(A), *np.linalg.eigh(B)]
        return tuple(found)


def _by_layer(shared: tuple[Array, ...]) -> Iterator[tuple[Array, ...]]:
    return zip(*[iter(shared)] * 6, strict=True)


def _solve(factors: tuple[Array, ...], G: Array, damping: float) -> Array:
    """``(A ⊗ B + λ I)⁻¹ G``, for G of inputs by outputs."""
    _, _, a, U, b, V = factors
    inside = (U.T @ G @ V) / (np.outer(np.maximum(a, 0), np.maximum(b, 0)) + damping)
    found: Array = U @ inside @ V.T
    return found
