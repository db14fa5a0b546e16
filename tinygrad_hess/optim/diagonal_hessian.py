"""Rules that take a diagonal of the Hessian: how it is drawn from the loss.

z random signs:  E[z ⊙ H z] = diag(H)      one Hessian-vector product, beside the gradient
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

import numpy as np

from ..core import arguments, modes, trees
from ..core.composite import opaque
from ..core.tensor import is_tracked
from ..transforms import jvp, value_and_grad
from .groups import Rate
from .optimizer import Optimizer, Options, State


class DiagonalHessianOptimizer(Optimizer):
    """The base of rules that take, beside the gradient, the diagonal of the Hessian.

    In a step of a loss it is estimated by one product with random signs, without bias (Bekas,
    Kokiopoulou and Saad 2007; it is exact where the Hessian is diagonal). Another one may be given
    to :meth:`update`, as in ``opt.update(params, grads, state, diagonal)``: an exact one, or that
    of a Gauss-Newton matrix.

    Parameters
    ----------
    parameters, lr, weight_decay, groups, max_norm
        See :class:`Optimizer`.
    seed : int
        Of the random signs, which are those of the seed and the number of the update.
    """

    observes = "the diagonal of the Hessian"
    every = 1  # updates from one diagonal to the next; in between, the rule is given none

    def __init__(
        self,
        parameters: Any,
        lr: Rate,
        *,
        seed: int = 0,
        weight_decay: float = 0.0,
        **options: Unpack[Options],
    ):
        super().__init__(parameters, lr, weight_decay=weight_decay, **options)
        self.seed = arguments.integer(type(self).__name__, "seed", seed, least=0)

    def update(self, params: Any, grads: Any, state: Any, *observed: Any) -> Any:
        if len(observed) != 1 and (observed or self.every == 1):
            who = type(self).__name__
            raise TypeError(
                f"{who}.update: it needs {self.observes} too: write opt.update(params, grads, "
                "state, diagonal), or step = opt.stepper(loss), which estimates it"
            )
        return super().update(params, grads, state, *observed)

    def stepper(
        self, loss: Callable[..., Any], *, jit: bool = True
    ) -> Callable[..., tuple[Any, Any, State]]:
        with_diagonal = self._stepper(loss, self._with_diagonal, jit)
        without = self._stepper(loss, super()._observe, jit)

        def step(params: Any, state: State, *args: Any) -> tuple[Any, Any, State]:
            way = without if int(state.step) % self.every else with_diagonal
            return way(params, state, *args)

        return with_diagonal if self.every == 1 else step

    def _observe(
        self, loss: Callable[..., Any], params: Any, count: Any, *args: Any
    ) -> tuple[Any, ...]:
        if self.every > 1 and count % self.every:
            return super()._observe(loss, params, count, *args)
        return self._with_diagonal(loss, params, count, *args)

    def _with_diagonal(
        self, loss: Callable[..., Any], params: Any, count: Any, *args: Any
    ) -> tuple[Any, ...]:
        probe = random_signs(params, self.seed, count)
        both = lambda at: value_and_grad(loss)(at, *args)
        (value, grads), (_, product) = jvp(both, (params,), (probe,))
        return value, grads, trees.map(lambda z, Hz: z * Hz, probe, product)


def random_signs(params: Any, seed: int, count: Any) -> Any:
    """A tree like ``params`` of independent signs, drawn anew for each count.

    Examples
    --------
    >>> first, again = (random_signs({"w": np.zeros(8)}, 0, 3)["w"] for _ in range(2))
    >>> bool((first == again).all()), sorted(set(np.abs(first).tolist()))
    (True, [1.0])
    """
    leaves, spec = trees.flatten(params)
    kinds = [(np.shape(x), getattr(x, "dtype", np.dtype(float))) for x in leaves]

    def draw(count: Any) -> tuple[Any, ...]:
        rng = np.random.default_rng((seed, int(count)))
        return tuple(
            (2 * rng.integers(0, 2, shape) - 1).astype(dtype)
            if shape
            else dtype.type(2 * rng.integers(0, 2) - 1)
            for shape, dtype in kinds
        )

    recorded = modes.is_tracing() and is_tracked(count)
    drawn = opaque("random_signs", draw, (count,)) if recorded else draw(count)
    return trees.unflatten(spec, drawn)
