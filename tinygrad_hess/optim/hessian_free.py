"""Hessian-free optimisation: Gauss-Newton steps by truncated conjugate gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..core import arguments, trees
from ..replay import Replayed
from ..transforms import grad, ravel, vmap
from .groups import Rate
from .model_curvature import ModelCurvature, gauss_newton_product
from .optimizer import Array, State

GROWTH = 1.3
"""Of the iterates that are kept to go back to, each has so many times the number of the last."""


class HessianFree(ModelCurvature):
    """Steps that minimise a damped quadratic model, and a damping that follows how good it was.

    On a batch, with the gradient g and G = Jᵀ H J for the Jacobian J of the outputs and the Hessian
    H of the criterion in them::

        A = G + λ I,    q(d) = gᵀ d + ½ dᵀ A d
        d₁, d₂, ...  conjugate gradients on A d = -g, from ``decay`` times the last ones' end,
                     preconditioned by (mean of squared gradients of examples + λ)^¾,
                     until (q(d_i) - q(d_{i-k})) / q(d_i) < ``tolerance`` · k,  k = max(10, i/10)
        d            the last of some kept iterates from which going back raises the loss
        ρ = (loss(p + d) - loss(p)) / (gᵀ d + ½ dᵀ G d)
        λ = 3/2 λ where ρ < 1/4,  2/3 λ where ρ > 3/4
        p = p + α d,    α = lr · 0.8ʲ, the first with loss(p + α d) ≤ loss(p) + 0.01 α gᵀ d

    Martens (2010), Deep learning via Hessian-free optimization; Martens and Sutskever (2012),
    Training deep and recurrent networks with Hessian-free optimization, for ρ without damping.

    Parameters
    ----------
    predict, criterion
        ``predict(params, x)`` and ``criterion(outputs, y)``, convex in the outputs; batches are
        pairs ``(x, y)`` with a first axis of examples, and large.
    lr : float or callable
        Where the line search starts.
    damping : float
        λ at the start.
    decay : float in [0, 1)
    tolerance : float
    iterations : int
        Of conjugate gradients, at most.
    preconditioned : bool
        Whether to precondition, by the gradients of single examples; not for a model whose layers
        need several, such as batch normalisation.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn, optim
    >>> predict = lambda w, x: np.tanh(x @ w)
    >>> x = np.random.default_rng(0).normal(size=(50, 3))
    >>> y = np.tanh(x @ np.array([1.0, -2.0, 0.5]))
    >>> loss = lambda w, batch: nn.mse(predict(w, batch[0]), batch[1])
    >>> opt = optim.HessianFree(predict, nn.mse, damping=0.1)
    >>> optim.fit(loss, np.zeros(3), (x, y), opt, epochs=12).params.round(3)
    array([ 1. , -2. ,  0.5])
    """

    shown = ("lr", "damping", "decay", "iterations")
    unknown_stability = "its steps are damped as the quadratic model proves right or wrong"

    def __init__(
        self,
        predict: Callable[..., Any],
        criterion: Callable[..., Any],
        lr: Rate = 1.0,
        *,
        damping: float = 1.0,
        decay: float = 0.95,
        tolerance: float = 5e-4,
        iterations: int = 250,
        preconditioned: bool = True,
    ):
        super().__init__(predict, criterion, lr)
        self.damping = self._number("damping", damping, above=0)
        self.decay = self._number("decay", decay, least=0, below=1)
        self.tolerance = self._number("tolerance", tolerance, above=0)
        self.iterations = arguments.integer("HessianFree", "iterations", iterations, least=1)
        self.preconditioned = preconditioned
        self.moments = 1  # where the next conjugate gradients start

    def init(self, params: Any) -> State:
        """No last step, and the damping, which is shared."""
        return super().init(params)._replace(shared=(np.float64(self.damping),))

    def stepper(
        self, loss: Callable[..., Any], *, jit: bool = True
    ) -> Callable[..., tuple[Any, Any, State]]:
        evaluate = self._evaluation(loss, jit)
        replayed: Callable[..., Any] = Replayed if jit else lambda f: f
        value_of = replayed(loss)
        product = replayed(gauss_newton_product(self.predict, self.criterion))
        squares = replayed(_squared_gradients(loss))

        def step(params: Any, state: State, batch: Any) -> tuple[Any, Any, State]:
            x, y = self._pair(batch)
            before, grads, noted = evaluate(params, batch)
            (p, unravel), g, damping = ravel(params), ravel(grads)[0], float(state.shared[0])
            value_at = lambda d: float(value_of(unravel(p + d), batch))
            start = self.decay * np.concatenate([np.ravel(slot) for (slot,) in state.slots])

            def damped(v: Array) -> Array:
                product_v: Array = ravel(product(params, unravel(v), x, y))[0]
                return product_v + damping * v

            scale = np.ones_like(p)
            if self.preconditioned:
                scale = (ravel(squares(params, x, y))[0] + damping) ** 0.75
            path = truncated_conjugate_gradients(
                damped, -g, start.astype(p.dtype), scale, self.iterations, self.tolerance
            )
            chosen, after = _go_back(path, value_at)
            d = chosen.at
            foretold = chosen.model - damping * float(d @ d) / 2
            ratio = (after - float(before)) / foretold if foretold else 0.0
            factor = 1.5 if not ratio >= 0.25 else 2 / 3 if ratio > 0.75 else 1.0
            alpha = self._line_search(value_at, d, float(before), float(g @ d), int(state.step))
            slots = tuple((np.asarray(leaf),) for leaf in trees.leaves(unravel(path[-1].at)))
            new = State(state.step + 1, slots, (np.float64(damping * factor),))
            moved = unravel((p + alpha * d).astype(p.dtype))
            return before, noted.kept_in(moved), new

        return step

    def _line_search(
        self, value_at: Callable[[Array], float], d: Array, before: float, slope: float, step: int
    ) -> float:
        alpha = self.rate(step)
        for _ in range(60):
            if value_at(alpha * d) <= before + 0.01 * alpha * slope:
                return alpha
            alpha *= 0.8
        return 0.0


class Iterate(NamedTuple):
    """A point of conjugate gradients, and the quadratic model there."""

    at: Array
    model: float


def truncated_conjugate_gradients(
    A: Callable[[Array], Array],
    b: Array,
    start: Array,
    scale: Array,
    iterations: int,
    tolerance: float,
) -> list[Iterate]:
    """Iterates of conjugate gradients on A x = b, kept at growing distances, the last one always.

    Parameters
    ----------
    A : callable
        Products of a positive definite matrix.
    b, start, scale : ndarray, shape (P,)
        ``scale`` is the diagonal of the preconditioner.
    iterations : int
    tolerance : float
        It stops when the model ``½ xᵀ A x - bᵀ x`` has fallen by less than this share an iteration,
        over the last tenth of them (Martens 2010, section 4.4).

    Examples
    --------
    >>> A = np.diag([1.0, 2.0, 3.0])
    >>> path = truncated_conjugate_gradients(
    ...     lambda v: A @ v, np.ones(3), np.zeros(3), np.ones(3), 3, 1e-9)
    >>> path[-1].at.round(6)
    array([1.      , 0.5     , 0.333333])
    """
    x, r = start, b - A(start)
    z = r / scale
    d, rho = z, float(r @ z)
    models, kept, following = [-float(x @ (r + b)) / 2], [], 1
    for i in range(1, iterations + 1):
        if rho <= 0:  # solved exactly
            break
        Ad = A(d)
        curvature = float(d @ Ad)
        if not curvature > 0:
            break
        x, r = x + (rho / curvature) * d, r - (rho / curvature) * Ad
        models.append(-float(x @ (r + b)) / 2)
        k = max(10, i // 10)
        flat = i > k and models[-1] < 0 and models[-1] - models[-1 - k] > k * tolerance * models[-1]
        if i in (following, iterations) or flat:
            kept.append(Iterate(x, models[-1]))
            while following <= i:
                following = math.ceil(max(following * GROWTH, following + 1e-9))
        if flat:
            break
        z = r / scale
        before, rho = rho, float(r @ z)
        d = z + (rho / before) * d
    if not kept or kept[-1].at is not x:
        kept.append(Iterate(x, models[-1]))
    return kept


def _go_back(path: list[Iterate], value_at: Callable[[Array], float]) -> tuple[Iterate, float]:
    """From the last iterate back as long as the loss falls."""
    chosen = path[-1]
    value = value_at(chosen.at)
    for earlier in reversed(path[:-1]):
        other = value_at(earlier.at)
        if other >= value:
            break
        chosen, value = earlier, other
    return chosen, value


def _squared_gradients(loss: Callable[..., Any]) -> Callable[..., Any]:
    """The mean over examples of the squares of their gradients."""

    def squares(params: Any, x: Any, y: Any) -> Any:
        one = lambda a: trees.map(lambda leaf: leaf[None], a)
        of = vmap(lambda x, y: grad(loss)(params, (one(x), one(y))))
        return trees.map(lambda g: (g**2).mean(axis=0), of(x, y))

    return squares
