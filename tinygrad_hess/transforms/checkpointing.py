"""Trading time for memory: forget a function's intermediates, and compute them again."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..core import arguments, composite, trees
from ..core.tensor import is_tracked
from .gradients import jvp, vjp


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """Record a call of ``f`` as one node; a sweep that reaches it runs ``f`` again.

    Only the inputs stay on the tape, not what ``f`` computes on the way. ``f`` must be a
    function of its positional arguments alone, and give the same result each time.

    References
    ----------
    Chen et al. (2016), Training deep nets with sublinear memory cost.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> block = tg.checkpoint(lambda x: np.tanh(np.sin(x)))
    >>> bool(np.isclose(tg.grad(block)(0.3), tg.grad(lambda x: np.tanh(np.sin(x)))(0.3)))
    True
    """

    arguments.function("checkpoint", "f", f, "Write tg.checkpoint(f)(x).")

    @functools.wraps(f)
    def checkpointed(*args: Any) -> Any:
        leaves, spec = trees.flatten_every(tuple(args))
        tracked = [i for i, x in enumerate(leaves) if is_tracked(x) and x.dtype.kind in "fc"]
        buffers = trees.buffers(args)

        def recompute(operands: Any) -> Callable[..., Any]:
            """f as a function of the leaves that are on the tape, to a list of leaves."""

            def g(*changed: Any) -> list[Any]:
                filled = trees.replaced(operands, tracked, changed)
                return trees.leaves_every(f(*trees.unflatten(spec, filled)))

            return g

        def call(*args: Any) -> Any:
            """f, and the buffers of its arguments as it leaves them."""
            out = f(*args)
            return out, [node.value for node in trees.buffers(args)]

        def pullback(cotangents: Any, operands: Any) -> list[Any]:
            out, pull = vjp(recompute(operands), *[operands[i] for i in tracked])
            given = cotangents[: len(out)]
            found = pull([composite.or_zeros(c, y) for c, y in zip(given, out, strict=True)])
            return trees.replaced([None] * len(operands), tracked, found)

        def pushforward(tangents: Any, operands: Any) -> list[Any]:
            primals = [operands[i] for i in tracked]
            given = [composite.or_zeros(tangents[i], operands[i]) for i in tracked]
            return [*jvp(recompute(operands), primals, given)[1], *[None] * len(buffers)]

        name = getattr(f, "__name__", "checkpoint")
        out, after = composite.call(name, call, args, pullback, pushforward)
        for node, value in zip(buffers, after, strict=True):
            if value is not node.value:
                node.assign(value)
        return out

    return checkpointed
