"""Derivatives against differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import arguments, trees
from ..core.boundary import named
from ..core.errors import CheckError
from ..ops.elementwise.complexes import is_complex
from .gradients import jvp, vjp

_WRITE = "Write tg.check_grads(f, (x,))"


@named
def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = ("forward", "reverse"),
    rtol: float = 1e-6,
    atol: float = 1e-6,
    step: float = 1e-3,
    seed: int = 0,
) -> None:
    """Compare derivatives of ``f`` at ``args`` with differences, along random directions.

    The forward derivative is compared with central differences, extrapolated once
    (Richardson), and the reverse one against the forward one by <c, J t> = <Jᵀc, t>. For order
    two the same is done to the derivatives, and so on. Complex arguments move in complex
    directions, and pairs are the real parts of sums of products: nothing need be holomorphic.

    Raises
    ------
    CheckError
        Naming the order, the mode, and both numbers.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.check_grads(lambda x: np.tanh(x).sum(), (np.array([0.3, -1.0]),), order=2)
    """
    who = "check_grads"
    arguments.function(who, "f", f, _WRITE)
    arguments.instance(who, "args", args, (tuple, list), f"a tuple of arguments of f. {_WRITE}")
    arguments.integer(who, "order", order, least=1)
    modes = (modes,) if isinstance(modes, str) else modes
    modes = arguments.sequence(who, "modes", modes, "'forward' and 'reverse'")
    for mode in modes:
        arguments.choice(who, "modes", mode, ("forward", "reverse"))
    for name, value in (("rtol", rtol), ("atol", atol)):
        arguments.number(who, name, value, least=0)
    arguments.number(who, "step", step, above=0)
    args = tuple(trees.map(_in_double, tuple(args)))
    _check(f, args, order, modes, rtol, atol, step, arguments.generator(who, seed), "")


def _check(
    f: Any, args: Any, order: int, modes: Any, rtol: float, atol: float, step: float, rng: Any,
    path: str,
) -> None:  # fmt: skip
    if order == 0:
        return
    tangents = _random(args, rng)
    y, t = jvp(f, args, tangents) if "forward" in modes else (vjp(f, *args)[0], None)
    differences = _differences(f, args, tangents, step)
    cotangents = _random(y, rng)
    expected = _inner(cotangents, differences)
    if "forward" in modes:
        _compare(_inner(cotangents, t), expected, rtol, atol, f"{path}forward", differences)
    if "reverse" in modes:
        pulled = vjp(f, *args)[1](cotangents)
        _compare(_inner(pulled, tangents), expected, rtol, atol, f"{path}reverse", differences)
    nested = {
        "forward": lambda *xs: jvp(f, xs, tangents)[1],
        "reverse": lambda *xs: vjp(f, *xs)[1](cotangents),
    }
    for mode in modes:
        _check(
            nested[mode],
            args,
            order - 1,
            modes,
            rtol * 10,
            atol * 10,
            step,
            rng,
            f"{mode} of {path}",
        )


def _in_double(x: Any) -> Any:
    x = arguments.array("check_grads", "args", x)
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)


def _random(tree: Any, rng: Any) -> Any:
    def direction(x: Any) -> Any:
        size = max(1.0, np.size(x)) ** 0.5
        drawn = rng.normal(size=np.shape(x)) / size
        if is_complex(x):
            drawn = drawn + 1j * rng.normal(size=np.shape(x)) / size
        return drawn

    return trees.map(direction, tree)


def _inner(a: Any, b: Any) -> float:
    pairs = zip(trees.leaves(a), trees.leaves(b), strict=True)
    return float(sum(np.sum(np.real(np.asarray(x) * np.asarray(y))) for x, y in pairs))


def _differences(f: Any, args: Any, tangents: Any, step: float) -> Any:
    def central(h: float) -> Any:
        ends = [f(*trees.map(lambda x, t, s=s: x + s * h * t, args, tangents)) for s in (1, -1)]
        return trees.map(lambda a, b: (np.asarray(a) - np.asarray(b)) / (2 * h), *ends)

    return trees.map(lambda d, e: (4 * e - d) / 3, central(step), central(step / 2))


def _compare(got: float, want: float, rtol: float, atol: float, what: str, scale: Any) -> None:
    size = max((float(np.max(np.abs(x), initial=0.0)) for x in trees.leaves(scale)), default=0.0)
    if not abs(got - want) <= atol * max(1.0, size) + rtol * abs(want):
        raise CheckError(f"check_grads: {what} derivative is {got!r}, differences give {want!r}")
