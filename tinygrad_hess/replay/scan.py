"""``scan``: a loop whose body is recorded and planned once, as one node of the tape.

scan : body, carry, xs -> carry, ys
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import arguments, modes, trees
from ..core.errors import NonDifferentiableError, call_of, describe
from ..core.tensor import Tensor, constant, tensor_or_array
from ..ops.shape.rearranging import stack
from .loops import Leaves, Step, run

OBJECTS = 2**13
"""Bytes of a carry from which it is worthwhile to look at each step of a loop by itself."""

_CALL = "Write tg.scan(body, carry, xs), with body(carry, x) -> (carry, y)."


def scan(
    body: Callable[[Any, Any], tuple[Any, Any]],
    carry: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    checkpoint: int | bool = False,
) -> tuple[Any, Any]:
    """Loop ``carry, y = body(carry, x)`` over the leading axis of ``xs``; stack the ``y``.

    The body is recorded and planned once, whatever the number of steps, and the loop is one node of
    the tape. JAX's ``lax.scan``.

    Parameters
    ----------
    body : callable
        ``body(carry, x) -> (carry, y)``, on pytrees. It returns a carry with the structure, shapes
        and types that it was given. It may use arrays and tensors from outside, which are
        differentiated too.
    carry : pytree
        The first carry.
    xs : pytree, optional
        Arrays of shape (n, ...); the body gets one step of each. None where it needs none.
    length : int, optional
        The number of steps, needed where ``xs`` has no arrays.
    reverse : bool
        Run from the last step to the first; ``y`` stand at the places of their ``x``.
    checkpoint : int or bool
        Store every so many carries for derivatives, and compute those in between again; True is
        the square root of the number of steps.

    Returns
    -------
    carry : pytree
        The last carry.
    ys : pytree
        Arrays of shape (n, ...).

    Raises
    ------
    TypeError
        When the body returns no pair, or a carry of another structure, shape or type.
    ValueError
        When arrays of ``xs`` differ in length, or there is no length.
    TracingError
        When the body looks at a value (``if carry > 0``); use ``where``.

    Notes
    -----
    The body is called for one step, not for each: a random number that it draws would be the same
    in all steps. Draw before, and give the draws as ``xs``.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> def total(rate):
    ...     def body(c, x):
    ...         c = rate * c + x
    ...         return c, c
    ...     return tg.scan(body, 0.0, np.ones(4))[0]
    >>> total(0.5), tg.grad(total)(0.5)
    (np.float64(1.875), np.float64(2.75))
    """
    arguments.function("scan", "body", body, _CALL)
    arguments.flag("scan", "reverse", reverse)
    given, spec = trees.flatten_every(carry)
    names = trees.paths(carry, every=True)
    given = [_array(c, f"carry{p}") for c, p in zip(given, names, strict=True)]
    inputs, x_spec = trees.flatten_every(xs)
    inputs = [_array(x, f"xs{p}") for x, p in zip(inputs, trees.paths(xs, every=True), strict=True)]
    n = _length(xs, inputs, length)
    y_spec: Any = None

    def step(fixed: Leaves, c: Leaves, x: Leaves) -> tuple[Leaves, Leaves]:
        nonlocal y_spec
        args = trees.unflatten(spec, c), trees.unflatten(x_spec, x)
        out = call_of("scan", body, args, {})
        if not isinstance(out, tuple) or len(out) != 2:
            raise TypeError(
                f"scan: body must return a pair (carry, y), but returned {_told(out)}. {_CALL}"
            )
        after, after_spec = trees.flatten_every(out[0])
        if after_spec != spec:
            raise TypeError(
                f"scan: body was given a carry of structure {spec}, and returned {after_spec}. "
                "Return what the next step is to be given."
            )
        after = [tensor_or_array(y) for y in after]
        for a, b, path in zip(c, after, trees.paths(carry, every=True), strict=True):
            if (a.shape, a.dtype) != (b.shape, b.dtype):
                raise TypeError(
                    f"scan: carry{path} came into body as {describe(a)}, and left it as "
                    f"{describe(b)}. Begin with an array of that shape and type, or convert it."
                )
        ys, y_spec = trees.flatten_every(out[1])
        return after, [tensor_or_array(y) for y in ys]

    size = _segment(checkpoint, n)
    if n and modes.are_shapes_alone() and sum(c.nbytes for c in given) < OBJECTS:
        raise NonDifferentiableError(
            "scan: its steps take less memory than objects that stand for each of their operations"
        )
    if n and (modes.is_debugging_nans() or modes.are_shapes_alone()):
        after, ys = _one_by_one(step, given, inputs, n, reverse)
    elif size is None:
        after, ys = run(step, (), (), [], given, inputs, n, reverse)
    else:
        after, ys = _in_segments(step, given, inputs, n, reverse, size)
    if not any(isinstance(x, Tensor) for x in (*given, *inputs)):
        after, ys = ([_unboxed(y) for y in part] for part in (after, ys))
    return trees.unflatten(spec, after), trees.unflatten(y_spec, ys)


# ---- arguments ----------------------------------------------------------------------------------


def _array(x: Any, what: str) -> Any:
    x = tensor_or_array(x)
    if x.dtype.kind not in "biufc":
        raise TypeError(f"scan: {what} must be an array of numbers, but has dtype {x.dtype}")
    return x


def _told(x: Any) -> str:
    return f"a tuple of {len(x)}" if isinstance(x, tuple) else f"a {type(x).__name__}"


def _length(xs: Any, inputs: Leaves, length: Any) -> int:
    if length is not None:
        length = arguments.integer("scan", "length", length, least=0, advice=_CALL)
    elif not inputs:
        raise ValueError("scan: xs has no arrays, so give length=, the number of steps")
    sizes = {}
    for x, path in zip(inputs, trees.paths(xs, every=True), strict=True):
        if not x.shape:
            raise ValueError(f"scan: xs{path} is a scalar; it must have an axis of steps in front")
        sizes[f"xs{path} of shape {x.shape}"] = x.shape[0]
    if length is not None:
        sizes[f"length={length}"] = length
    if len(set(sizes.values())) > 1:
        raise ValueError(f"scan: the numbers of steps differ: {', '.join(sizes)}")
    return int(next(iter(sizes.values())))


def _segment(checkpoint: Any, n: int) -> int | None:
    """Steps from one stored carry to the next; None where all are stored."""
    if checkpoint is False or n < 2:
        return None
    if checkpoint is True:
        return math.isqrt(n)
    return arguments.integer("scan", "checkpoint", checkpoint, least=1, advice=_CALL)


def _unboxed(y: Any) -> Any:
    return y.value if type(y) is Tensor and y.prim is None else y


def _one_by_one(
    step: Step, carry: Leaves, xs: Leaves, n: int, backward: bool
) -> tuple[Leaves, Leaves]:
    """Each step recorded by itself: each of its operations is looked at, or may end a segment."""
    boxed = lambda leaves: [x if isinstance(x, Tensor) else constant(x) for x in leaves]
    carry, xs = boxed(carry), boxed(xs)
    ys: list[Leaves] = [[]] * n
    for t in range(n)[::-1] if backward else range(n):
        carry, ys[t] = step([], carry, [x[t] for x in xs])
        carry = boxed(carry)
    return carry, [stack(column) for column in zip(*map(boxed, ys), strict=True)]


def _in_segments(
    step: Step, carry: Leaves, xs: Leaves, n: int, backward: bool, size: int
) -> tuple[Leaves, Leaves]:
    """A scan over segments, each a scan that a derivative runs again."""
    count = n // size
    whole = count * size

    def segment(fixed: Leaves, c: Leaves, x: Leaves) -> tuple[Leaves, Leaves]:
        return run(step, (), (), [], c, x, size, backward)

    def whole_segments(c: Leaves) -> tuple[Leaves, Leaves]:
        cut = [x[:whole].reshape((count, size, *x.shape[1:])) for x in xs]
        c, ys = run(segment, (), (), [], c, cut, count, backward)
        return c, [y.reshape((whole, *y.shape[2:])) for y in ys]

    def rest(c: Leaves) -> tuple[Leaves, Leaves]:
        return run(step, (), (), [], c, [x[whole:] for x in xs], n - whole, backward)

    if whole == n:
        return whole_segments(carry)
    if backward:
        carry, last = rest(carry)
        carry, first = whole_segments(carry)
    else:
        carry, first = whole_segments(carry)
        carry, last = rest(carry)
    return carry, [np.concatenate([a, b]) for a, b in zip(first, last, strict=True)]
