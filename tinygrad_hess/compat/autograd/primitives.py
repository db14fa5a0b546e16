"""A function with rules in autograd's form: ``rule(ans, *args) -> (g -> cotangent)``."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import optree

from ... import NonDifferentiableError, Tensor, custom_jvp, custom_vjp
from ... import numpy as tnp
from .wrap_util import get_name, wraps

_sweep = ContextVar("sweep", default="reverse")


@contextmanager
def sweeping(how: str) -> Iterator[None]:
    """Say which sweep will go over what is recorded: "reverse", "forward", or "both".

    A rule may look at the values of its cotangent, and so need not be differentiable in it: then
    its transpose is no rule for the other sweep.
    """
    token = _sweep.set(how)
    try:
        yield
    finally:
        _sweep.reset(token)


class Primitive:
    """A function on plain values, with its rules; see ``primitive``.

    Attributes
    ----------
    vjp : callable or None
        ``vjp(argnums, ans, args, kwargs)`` gives a function from the cotangent of the result to
        those of these arguments.
    jvp : callable or None
        ``jvp(argnums, tangents, ans, args, kwargs)`` gives the tangent of the result.
    """

    vjp: Callable[..., Any] | None = None
    jvp: Callable[..., Any] | None = None
    traced = True

    def __init__(self, fun: Callable[..., Any]):
        self.fun = fun
        wraps(fun)(self)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Bind as a method, as a plain function would."""
        if instance is None:
            return self
        return wraps(self)(lambda *args, **kwargs: self(instance, *args, **kwargs))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        recorded = [i for i, x in enumerate(args) if _is_recorded(x)] if self.traced else []
        plain = [x if i in recorded else _value(x) for i, x in enumerate(args)]
        if not recorded:
            return self.fun(*plain, **kwargs)

        def full(given: Sequence[Any]) -> list[Any]:
            supply = iter(given)
            return [next(supply) if i in recorded else x for i, x in enumerate(plain)]

        def forward(*given: Any) -> Any:
            ans = self(*full(given), **kwargs)
            return ans, (ans, given)

        def backward(residuals: Any, g: Any) -> Any:
            ans, given = residuals
            vjp = self._required("VJP", self.vjp, recorded)
            pull = vjp(tuple(recorded), ans, tuple(full(given)), kwargs)
            return tuple(map(_fit, pull(g), given))

        def push(primals: Any, tangents: Any) -> Any:
            ans, operands = self(*full(primals), **kwargs), tuple(full(primals))
            jvp = self._required("JVP", self.jvp, recorded)
            tangent = jvp(tuple(recorded), tangents, ans, operands, kwargs)
            return ans, optree.tree_map(lambda y, t: _fit(t, y), ans, tangent)

        body = wraps(self)(lambda *given: _floats(self.fun(*full(given), **kwargs)))
        call: Any
        if _sweep.get() == "both":
            raise NonDifferentiableError(f"{get_name(self)} has rules for one sweep at a time")
        if _sweep.get() == "forward":
            call = custom_jvp(body)
            call.defjvp(push)
        else:
            call = custom_vjp(body)
            call.defvjp(forward, backward)
        return call(*[args[i] for i in recorded])

    def _required(self, what: str, rule: Any, argnums: Any) -> Callable[..., Any]:
        if rule is None:
            raise NotImplementedError(
                f"{what} of {get_name(self)} wrt argnums {tuple(argnums)} not defined"
            )
        return rule


def _is_recorded(x: Any) -> bool:
    if builtins.isinstance(x, Tensor):
        return x.requires_grad or type(x) is not Tensor
    return type(x) in (list, tuple, dict) and any(map(_is_recorded, optree.tree_leaves(x)))


def _value(x: Any) -> Any:
    return x.value if builtins.isinstance(x, Tensor) else x


def _floats(ans: Any) -> Any:
    """Numbers as arrays, so that they have a shape and a type."""
    return optree.tree_map(lambda x: np.float64(x) if type(x) is float else x, ans)


def _fit(c: Any, like: Any) -> Any:
    """A cotangent with the shape of its primal: what was broadcast is summed, and conversely."""
    if builtins.isinstance(c, SparseObject):
        c = c.mut_add(c.vs.zeros())
    if c is None or not hasattr(like, "shape"):
        return c
    shape = np.shape(c) if not hasattr(c, "shape") else c.shape
    if shape == like.shape:
        return c
    while len(shape) > len(like.shape):
        c = tnp.sum(c, axis=0)
        shape = shape[1:]
    if len(shape) == len(like.shape):
        wide = tuple(i for i, (m, n) in enumerate(zip(shape, like.shape)) if n == 1 != m)
        c = tnp.sum(c, axis=wide, keepdims=True) if wide else c
    return tnp.broadcast_to(c, like.shape)


class SparseObject:
    """A cotangent as a function that adds it to an array."""

    __slots__ = ["mut_add", "vs"]

    def __init__(self, vs: Any, mut_add: Callable[[Any], Any]):
        self.vs, self.mut_add = vs, mut_add


# ---- giving rules ------------------------------------------------------------------------------


def _set(fun: Any, **rules: Any) -> None:
    """Set rules of a primitive; other functions are the library's, and keep their own."""
    if builtins.isinstance(fun, Primitive):
        for name, rule in rules.items():
            setattr(fun, name, rule)


def defvjp_argnums(fun: Any, vjpmaker: Callable[..., Any]) -> None:
    """Give a primitive ``vjpmaker(argnums, ans, args, kwargs)``."""
    _set(fun, vjp=vjpmaker)


def defvjp_argnum(fun: Any, vjpmaker: Callable[..., Any]) -> None:
    """Give a primitive ``vjpmaker(argnum, ans, args, kwargs)``."""

    def vjp(argnums: Any, *rest: Any) -> Any:
        pulls = [vjpmaker(i, *rest) for i in argnums]
        return lambda g: [pull(g) for pull in pulls]

    _set(fun, vjp=vjp)


def defvjp(fun: Any, *vjpmakers: Any, argnums: Any = None) -> None:
    """Give a primitive a rule ``vjpmaker(ans, *args, **kwargs)`` for each argument.

    None stands for the derivative zero.
    """
    rules = _numbered(fun, vjpmakers, argnums, "VJP")

    def vjp(nums: Any, ans: Any, args: Any, kwargs: Any) -> Any:
        missing = [i for i in nums if i not in rules]
        if missing:
            raise NotImplementedError(f"VJP of {get_name(fun)} wrt argnums {missing} not defined")
        pulls = [rules[i] and rules[i](ans, *args, **kwargs) for i in nums]
        return lambda g: [pull and pull(g) for pull in pulls]

    _set(fun, vjp=vjp)


def _numbered(fun: Any, rules: Any, argnums: Any, what: str) -> dict[int, Any]:
    for rule in rules:
        if rule is not None and not callable(rule) and not (rule == "same" and what == "JVP"):
            raise Exception(f"Bad {what} '{rule}' for '{get_name(fun)}'")
    return dict(zip(range(len(rules)) if argnums is None else argnums, rules))


def defjvp_argnums(fun: Any, jvpmaker: Callable[..., Any]) -> None:
    """Give a primitive ``jvpmaker(argnums, tangents, ans, args, kwargs)``."""
    _set(fun, jvp=jvpmaker)


def defjvp_argnum(fun: Any, jvpmaker: Callable[..., Any]) -> None:
    """Give a primitive ``jvpmaker(argnum, tangent, ans, args, kwargs)``."""

    def jvp(argnums: Any, tangents: Any, *rest: Any) -> Any:
        return _sum(jvpmaker(i, t, *rest) for i, t in zip(argnums, tangents, strict=True))

    _set(fun, jvp=jvp)


def defjvp(fun: Any, *jvpfuns: Any, argnums: Any = None) -> None:
    """Give a primitive a rule ``jvpfun(tangent, ans, *args, **kwargs)`` for each argument.

    None stands for zero, and ``"same"`` for a function that is linear in the argument.
    """
    rules = _numbered(fun, jvpfuns, argnums, "JVP")

    def jvp(nums: Any, tangents: Any, ans: Any, args: Any, kwargs: Any) -> Any:
        missing = [i for i in nums if i not in rules]
        if missing:
            raise NotImplementedError(f"JVP of {get_name(fun)} wrt argnums {missing} not defined")

        def term(i: int, t: Any) -> Any:
            if rules[i] == "same":
                return fun(*args[:i], t, *args[i + 1 :], **kwargs)
            return rules[i](t, ans, *args, **kwargs)

        terms = [term(i, t) for i, t in zip(nums, tangents, strict=True) if rules[i] is not None]
        return _sum(terms) if terms else optree.tree_map(lambda y: 0.0 * y, ans)

    _set(fun, jvp=jvp)


def def_linear(fun: Any) -> None:
    """Say that a primitive is linear in each argument."""
    defjvp_argnum(fun, lambda i, t, ans, args, kwargs: fun(*args[:i], t, *args[i + 1 :], **kwargs))


def _sum(terms: Any) -> Any:
    first, *others = terms
    for other in others:
        first = optree.tree_map(lambda a, b: a + b, first, other)
    return first
