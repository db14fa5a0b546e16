"""KFAC: the natural gradient with a Kronecker-factored Fisher information."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Unpack

import numpy as np

from ..core import arguments
from ..curvature.operators.flattening import Flattening
from ..curvature.operators.kfac.layer_taps import LayerTaps
from ..curvature.operators.kfac.operator import EXPECTATIONS, KroneckerFactors
from ..replay import Replayed
from .eigenvectors import eigh
from .groups import Rate
from .kfac_adaptation import Adaptation, adapted, damped_solution
from .model_curvature import ModelCurvature, gauss_newton_product
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
    optimization using Kronecker-factored approximations, section 5, for κ.

    With ``adaptive=True``, rate, momentum and damping are found as in sections 6.3 to 7 of the
    first, at two products with the exact Fisher information F of the batch an update, and at four
    where γ is chosen::

        d = (A + π γ I)⁻¹ G (B + γ/π I)⁻¹,    π² = (mean eigenvalue of A) / (that of B)
        M(s) = sᵀ (F + λ I) s / 2 + s · G
        s = α d + μ (last s),    α and μ minimise M,    p = p + s
        every 5 updates:   λ = λ / ω⁵ where ρ < 1/4, λ ω⁵ where ρ > 3/4,   ω = 19/20,
                           ρ = (loss(p + s) - loss(p)) / M(s)
        every 20 updates:  γ is the one of γ, γ ω¹⁰, γ / ω¹⁰ whose M(s) is least

    Parameters
    ----------
    predict, criterion
        ``predict(model, x)`` and ``criterion(outputs, y)``, convex in the outputs.
    lr : float or callable
    momentum : float in [0, 1)
        μ.
    damping : float
        λ; with ``adaptive``, at the start, where γ is its root.
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
    adaptive : bool
        Whether to find rate, momentum and damping in each update. Then ``lr`` and ``momentum`` are
        not read, and there is no ``max_kl``, ``max_norm``, ``weight_decay`` or ``groups``: what is
        to decay belongs in the loss.
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

    shown: tuple[str, ...] = ("lr", "momentum", "damping", "decay", "every", "weight_decay")

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
        adaptive: bool = False,
        weight_decay: float = 0.0,
        **options: Unpack[Options],
    ):
        self.adaptive = arguments.flag("KFAC", "adaptive", adaptive)
        fixed = {"max_kl": max_kl, "weight_decay": weight_decay, **options}
        given = [name for name, value in fixed.items() if value]
        if adaptive and given:
            raise ValueError(
                f"KFAC: {given[0]} is for steps that are not adaptive, got {given[0]}="
                f"{fixed[given[0]]!r} with adaptive=True; leave it out"
            )
        super().__init__(
            predict, criterion, lr, momentum=0.0 if adaptive else momentum,
            weight_decay=weight_decay, **options,
        )  # fmt: skip
        self.damping = self._number("damping", damping, above=0)
        self.decay = self._number("decay", decay, least=0, below=1)
        self.every = arguments.integer("KFAC", "every", every, least=1)
        self.max_kl = None if max_kl is None else self._number("max_kl", max_kl, above=0)
        self.expectation = arguments.choice("KFAC", "expectation", expectation, EXPECTATIONS)
        self.seed = arguments.integer("KFAC", "seed", seed, least=0)
        if adaptive:
            self.shown = ("damping", "decay", "every", "adaptive")

    def init(self, params: Any) -> State:
        """Factors of zeros, six arrays a layer: A, B, and their eigenvalues and eigenvectors.

        With ``adaptive``, behind them λ, γ, and the last step as a vector.
        """
        at = Flattening(params, "KFAC")
        shared = []
        for layer in LayerTaps(at).layers:
            d, o = layer.index.shape
            A, B = np.zeros((d, d), at.dtype), np.zeros((o, o), at.dtype)
            shared += [A, B, np.zeros(d, at.dtype), np.eye(d), np.zeros(o, at.dtype), np.eye(o)]
        if self.adaptive:
            start = Adaptation(self.damping, self.damping**0.5, np.zeros(at.size))
            shared += map(np.asarray, start)
        return super().init(params)._replace(shared=tuple(x.astype(at.dtype) for x in shared))

    def stepper(
        self, loss: Callable[..., Any], *, jit: bool = True
    ) -> Callable[..., tuple[Any, Any, State]]:
        if self.adaptive:
            return self._adaptive_stepper(loss, jit)

        def direction(params: Any, grads: Any, state: State, x: Any, y: Any) -> Any:
            at, step = Flattening(params, "KFAC"), int(state.step)
            shared = self._factors_at(params, (x, y), state.shared, step)
            g = at.flatten(grads)
            d = self._solved(at, shared, g, _solve, self.damping)
            if self.max_kl is not None:
                moved = self.rate(step) ** 2 * float(d @ g)
                d *= min(1.0, (self.max_kl / moved) ** 0.5) if moved > 0 else 1.0
            return at.unflatten(d), shared

        return self._preconditioned_stepper(loss, jit, direction)

    def _adaptive_stepper(
        self, loss: Callable[..., Any], jit: bool
    ) -> Callable[..., tuple[Any, Any, State]]:
        evaluate = self._evaluation(loss, jit)
        product = gauss_newton_product(self.predict, self.criterion)
        value_of = loss
        if jit:
            product, value_of = Replayed(product), Replayed(loss)

        def step(params: Any, state: State, batch: Any) -> tuple[Any, Any, State]:
            x, y = self._pair(batch)
            before, grads, noted = evaluate(params, batch)
            at, count = Flattening(params, "KFAC"), int(state.step)
            p, g = at.flatten(params), at.flatten(grads)
            *factors, damping, gamma, last = state.shared
            shared = self._factors_at(params, (x, y), tuple(factors), count)
            found = adapted(
                count + 1,
                g,
                lambda gamma: self._solved(at, shared, g, damped_solution, gamma),
                Adaptation(float(damping), float(gamma), last),
                lambda v: at.flatten(product(params, at.unflatten(v), x, y)),
                lambda d: float(value_of(at.unflatten(p + d), batch)) - float(before),
            )
            moved = noted.kept_in(at.unflatten((p + found.step).astype(p.dtype)))
            kept = tuple(np.asarray(part, p.dtype) for part in found)
            return before, moved, State(state.step + 1, state.slots, (*shared, *kept))

        return step

    def _factors_at(
        self, params: Any, batch: Any, shared: tuple[Any, ...], step: int
    ) -> tuple[Any, ...]:
        """The factors of this update, which are those of the last where they are not due."""
        if step % self.every:
            return shared
        return self._with_factors_of(params, batch, shared, step // self.every)

    def _solved(
        self, at: Flattening, shared: Any, g: Array, solve: Callable[..., Array], damping: float
    ) -> Array:
        """The gradient times the inverse of the factors, layer by layer."""
        d = np.empty_like(g)
        for layer, factors in zip(LayerTaps(at).layers, _by_layer(shared), strict=True):
            d[layer.index] = solve(factors, g[layer.index], damping)
        return d

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
            found += [A, B, *eigh(A), *eigh(B)]
        return tuple(found)


def _by_layer(shared: tuple[Array, ...]) -> Iterator[tuple[Array, ...]]:
    return zip(*[iter(shared)] * 6, strict=True)


def _solve(factors: tuple[Array, ...], G: Array, damping: float) -> Array:
    """``(A ⊗ B + λ I)⁻¹ G``, for G of inputs by outputs."""
    _, _, a, U, b, V = factors
    inside = (U.T @ G @ V) / (np.outer(np.maximum(a, 0), np.maximum(b, 0)) + damping)
    found: Array = U @ inside @ V.T
    return found
