"""Ways to differentiate one loss: modes, and compositions of them, which must all agree.

    MODES : name -> (loss, x, v) -> what it gives of (value, gradient, Hessian-vector product)

``x`` and ``v`` are lists of arrays, and ``loss`` takes the arrays one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import tinygrad_hess as tg
from tinygrad_hess.core import trees


class Found(NamedTuple):
    """What a mode gives; None where it gives no such thing."""

    value: Any = None
    gradient: Any = None
    product: Any = None


Loss = Callable[..., Any]
Mode = Callable[[Loss, Sequence[Any], Sequence[Any]], Found]


def _dot(a: Sequence[Any], b: Sequence[Any]) -> Any:
    return sum((p * q).sum() for p, q in zip(a, b, strict=True))


def _one(loss: Loss) -> Loss:
    """The loss as a function of the list."""
    return lambda x: loss(*x)


def _hvp(loss: Loss, x: Any, v: Any) -> Any:
    return tg.hvp(_one(loss), x, v)


def _forward_over_reverse(loss: Loss, x: Any, v: Any) -> Found:
    gradient, product = tg.jvp(tg.grad(_one(loss)), (x,), (v,))
    return Found(None, gradient, product)


def _reverse_over_reverse(loss: Loss, x: Any, v: Any) -> Found:
    gradient, pull = tg.vjp(tg.grad(_one(loss)), x)
    return Found(None, gradient, pull(v)[0])


def _reverse_over_forward(loss: Loss, x: Any, v: Any) -> Found:
    slope = lambda x: tg.jvp(_one(loss), (x,), (v,))[1]
    return Found(product=tg.grad(slope)(x))


def _gradient_of_product(loss: Loss, x: Any, v: Any) -> Found:
    return Found(product=tg.grad(lambda x: _dot(tg.grad(_one(loss))(x), v))(x))


def _along_a_line(loss: Loss, x: Any, v: Any) -> Found:
    """d/dt of the gradient at x + t v."""
    at = lambda t: [a + t * b for a, b in zip(x, v, strict=True)]
    return Found(product=tg.jvp(lambda t: tg.grad(_one(loss))(at(t)), (0.0,), (1.0,))[1])


def _linearized(loss: Loss, x: Any, v: Any) -> Found:
    gradient, push = tg.linearize(tg.grad(_one(loss)), x)
    push(x)
    return Found(None, gradient, push(v))


def _define_by_run(loss: Loss, x: Any, v: Any) -> Found:
    leaves = [tg.tensor(a, requires_grad=True) for a in x]
    value = loss(*leaves)
    value.backward()
    zeros = (np.zeros_like(a) for a in x)  # of what the loss does not depend on, None
    gradient = [z if t.grad is None else t.grad.numpy() for t, z in zip(leaves, zeros, strict=True)]
    return Found(value.numpy(), gradient)


def _jacobian_of_gradient(jacobian: Callable[..., Any]) -> Mode:
    def mode(loss: Loss, x: Any, v: Any) -> Found:
        rows = jacobian(tg.grad(_one(loss)))(x)
        along = lambda row: sum(
            np.tensordot(block, b, np.ndim(b)) for block, b in zip(row, v, strict=True)
        )
        return Found(product=[along(row) for row in rows])

    return mode


def _value_and_both(loss: Loss, x: Any, v: Any) -> Found:
    value, gradient = tg.value_and_grad(_one(loss))(x)
    return Found(value, gradient, _hvp(loss, x, v))


def _of(change: Callable[[Loss], Loss], mode: Mode = _value_and_both) -> Mode:
    """A mode of the loss changed to another that computes the same."""
    return lambda loss, x, v: mode(change(loss), x, v)


def _jitted(mode: Mode) -> Mode:
    """The mode replayed: planned at another point, and replayed at this one."""

    def replayed(loss: Loss, x: Any, v: Any) -> Found:
        f = tg.jit(lambda x, v: tuple(mode(loss, x, v)))
        f([0.7 * a + 0.1 for a in x], v)
        return Found(*f(list(x), list(v)))

    return replayed


def _mapped(mode: Mode) -> Mode:
    """The mode at three points at once, of which this is the second."""

    def second(loss: Loss, x: Any, v: Any) -> Found:
        points = [np.stack([0.7 * a + 0.1, a, 0.5 * a]) for a in x]
        directions = [np.stack([b, b, -b]) for b in v]
        found = tg.vmap(lambda x, v: tuple(mode(loss, x, v)))(points, directions)
        take = lambda part: None if part is None else trees.map(lambda y: y[1], part)
        return Found(*map(take, found))

    return second


def _directions(loss: Loss, x: Any, v: Any) -> Found:
    """Two directions at one point, in one sweep."""
    gradient, push = tg.linearize(tg.grad(_one(loss)), x)
    found = tg.vmap(push)([np.stack([2 * b, b]) for b in v])
    return Found(None, gradient, [p[1] for p in found])


def _as_custom(loss: Loss) -> Loss:
    """The loss behind a custom rule that is its own derivative's: its jvp calls jvp."""
    custom = tg.custom_jvp(lambda *x: loss(*x))
    custom.defjvp(lambda primals, tangents: tg.jvp(loss, primals, tangents))
    return custom


def _under(context: Callable[[], Any], mode: Mode = _value_and_both) -> Mode:
    def inside(loss: Loss, x: Any, v: Any) -> Found:
        with context():
            return mode(loss, x, v)

    return inside


_SECOND: dict[str, Mode] = {
    "hvp": _value_and_both,
    "forward over reverse": _forward_over_reverse,
    "reverse over reverse": _reverse_over_reverse,
    "reverse over forward": _reverse_over_forward,
    "gradient of a product with the gradient": _gradient_of_product,
    "along a line": _along_a_line,
    "linearized": _linearized,
}

MODES: dict[str, Mode] = {
    **_SECOND,
    "define by run": _define_by_run,
    "columns of a Jacobian": _jacobian_of_gradient(tg.jacfwd),
    "rows of a Jacobian": _jacobian_of_gradient(tg.jacrev),
    "directions at once": _directions,
    **{f"jit of {name}": _jitted(mode) for name, mode in _SECOND.items() if name != "linearized"},
    **{f"vmap of {name}": _mapped(mode) for name, mode in _SECOND.items() if name != "linearized"},
    "jit of vmap": _jitted(_mapped(_value_and_both)),
    "vmap of jit": _mapped(_of(tg.jit)),
    "checkpoint": _of(tg.checkpoint),
    "reverse over reverse of checkpoint": _of(tg.checkpoint, _reverse_over_reverse),
    "jit of checkpoint": _jitted(_of(tg.checkpoint)),
    "vmap of checkpoint": _mapped(_of(tg.checkpoint)),
    "checkpoint of jit": _of(lambda loss: tg.checkpoint(tg.jit(loss))),
    "jit of the loss": _of(tg.jit),
    "jit of vmap of checkpoint": _jitted(_mapped(_of(tg.checkpoint))),
    "vmap of jit of checkpoint": _mapped(_of(lambda loss: tg.jit(tg.checkpoint(loss)))),
    "a custom rule": _of(_as_custom),
    "jit of a custom rule": _jitted(_of(_as_custom)),
    "nan-safe": _under(tg.nan_safe),
    "debugging NaNs": _under(tg.debug_nans),
    "without replay": _under(tg.no_replay),
}
