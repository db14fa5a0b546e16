"""Custom derivatives, in either direction. The other direction follows by transposition."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import composite, trees
from .gradients import vjp


def _zeros(like: Any) -> Any:
    like = like if hasattr(like, "shape") else np.asarray(like, float)
    return np.zeros(like.shape, like.dtype if like.dtype.kind in "fc" else float)


def _zeros_for_none(given: Any, like: Any) -> list[Any]:
    return [_zeros(x) if g is None else g for g, x in zip(given, like, strict=True)]


class _Custom:
    """What both decorators share: a function, its static arguments, and a rule set later."""

    _rule_name = ""

    def __init__(self, f: Callable[..., Any], nondiff_argnums: tuple[int, ...] = ()):
        functools.update_wrapper(self, f, updated=())  # type: ignore[arg-type]
        self.f = f
        self.nondiff_argnums = tuple(nondiff_argnums)

    def _require_rule(self, rule: Any) -> None:
        if rule is None:
            raise TypeError(
                f"{type(self).__name__} {self.__name__}: no rule yet; call "  # type: ignore[attr-defined]
                f"{self.__name__}.{self._rule_name} before using it"  # type: ignore[attr-defined]
            )

    def _split(self, args: tuple[Any, ...]) -> tuple[list[Any], list[Any], Callable[..., Any]]:
        """Static arguments, the others, and how new values of these join the static ones."""
        static = [args[i] for i in self.nondiff_argnums]
        dynamic = [a for i, a in enumerate(args) if i not in self.nondiff_argnums]

        def merge(changed: Any) -> list[Any]:
            supply = iter(changed)
            return [a if i in self.nondiff_argnums else next(supply) for i, a in enumerate(args)]

        return static, dynamic, merge

    def _record(self, dynamic: Any, merge: Any, pullback: Any, pushforward: Any) -> Any:
        f = lambda *changed: self.f(*merge(changed))
        return composite.call(self.__name__, f, dynamic, pullback, pushforward)  # type: ignore[attr-defined]


class custom_vjp(_Custom):
    """Give a function a reverse rule of your own.

    Call ``f.defvjp(forward, backward)``: ``forward(*args)`` returns ``(output, residuals)``, and
    ``backward(residuals, cotangent)`` a tuple with one cotangent for each argument. Arguments
    named in ``nondiff_argnums`` are static: they come first in ``backward``, and get none. A
    forward sweep uses the transpose of ``backward``, which must be linear in the cotangent.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> @tg.custom_vjp
    ... def log1pexp(x):
    ...     return np.log1p(np.exp(x))
    >>> log1pexp.defvjp(
    ...     lambda x: (log1pexp(x), x), lambda x, g: (g * (1 - 1 / (1 + np.exp(x))),))
    >>> tg.grad(log1pexp)(100.0)
    np.float64(1.0)
    """

    _rule_name = "defvjp(forward, backward)"
    forward: Callable[..., Any] | None = None
    backward: Callable[..., Any] | None = None

    def defvjp(self, forward: Callable[..., Any], backward: Callable[..., Any]) -> None:
        """Set the rule."""
        self.forward, self.backward = forward, backward

    def __call__(self, *args: Any) -> Any:
        self._require_rule(self.backward)
        static, dynamic, merge = self._split(args)
        leaves, spec = trees.flatten(tuple(dynamic))
        who = f"custom_vjp {self.__name__}"  # type: ignore[attr-defined]

        def call_forward(operands: Any) -> tuple[Any, Any]:
            result = self.forward(*merge(trees.unflatten(spec, operands)))  # type: ignore[misc]
            if not isinstance(result, tuple) or len(result) != 2:
                raise TypeError(f"{who}: forward must return a tuple (output, residuals)")
            return result

        def call_backward(residuals: Any, cotangents: Any, out: Any) -> list[Any]:
            like, out_spec = trees.flatten(out)
            tree = trees.unflatten(out_spec, _zeros_for_none(cotangents, like))
            found = self.backward(*static, residuals, tree)  # type: ignore[misc]
            if not isinstance(found, (tuple, list)) or len(found) != len(dynamic):
                raise TypeError(
                    f"{who}: backward must return a tuple of {len(dynamic)} cotangents, one for "
                    "each argument"
                )
            flat: list[Any] = []
            for i, (c, a) in enumerate(zip(found, dynamic, strict=True)):
                like, a_spec = trees.flatten(a)
                what, of = f"the cotangent of argument {i}", "the argument"
                flat += (
                    [None] * len(like) if c is None else trees.match(c, like, a_spec, who, what, of)
                )
            return flat

        def pullback(cotangents: Any, operands: Any) -> list[Any]:
            out, residuals = call_forward(operands)
            return call_backward(residuals, cotangents, out)

        def pushforward(tangents: Any, operands: Any) -> list[Any]:
            out, residuals = call_forward(operands)
            zeros = [_zeros(y) for y in trees.leaves(out)]
            used = [i for i, t in enumerate(tangents) if t is not None]

            def transpose(*cotangents: Any) -> list[Any]:
                found = call_backward(residuals, cotangents, out)
                return [_zeros(leaves[i]) if found[i] is None else found[i] for i in used]

            _, pull = vjp(transpose, *zeros)
            return list(pull([tangents[i] for i in used]))

        return self._record(dynamic, merge, pullback, pushforward)


class custom_jvp(_Custom):
    """Give a function a forward rule of your own.

    Call ``f.defjvp(rule)``: ``rule(primals, tangents)`` returns ``(output, tangent)``, linear in
    the tangents; static arguments come first. A reverse sweep uses its transpose.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> @tg.custom_jvp
    ... def cube(x):
    ...     return x**3
    >>> cube.defjvp(lambda x, t: (cube(*x), 3 * x[0] ** 2 * t[0]))
    >>> tg.grad(cube)(2.0), tg.grad(tg.grad(cube))(2.0)
    (np.float64(12.0), np.float64(12.0))
    """

    _rule_name = "defjvp(rule)"
    rule: Callable[..., Any] | None = None

    def defjvp(self, rule: Callable[..., Any]) -> None:
        """Set the rule."""
        self.rule = rule

    def __call__(self, *args: Any) -> Any:
        self._require_rule(self.rule)
        static, dynamic, merge = self._split(args)
        _, spec = trees.flatten(tuple(dynamic))
        who = f"custom_jvp {self.__name__}"  # type: ignore[attr-defined]

        def call_rule(operands: Any, tangents: Any) -> list[Any]:
            trees_of = [trees.unflatten(spec, list(x)) for x in (operands, tangents)]
            result = self.rule(*static, *trees_of)  # type: ignore[misc]
            if not isinstance(result, tuple) or len(result) != 2:
                raise TypeError(f"{who}: the rule must return a tuple (output, tangent)")
            like, out_spec = trees.flatten(result[0])
            return trees.match(result[1], like, out_spec, who, "the tangent", "the output")

        def pushforward(tangents: Any, operands: Any) -> list[Any]:
            return call_rule(operands, _zeros_for_none(tangents, operands))

        def pullback(cotangents: Any, operands: Any) -> list[Any]:
            zeros = [_zeros(x) for x in operands]
            out_tangents, pull = vjp(lambda *ts: call_rule(operands, ts), *zeros)
            return list(pull(_zeros_for_none(cotangents, out_tangents)))

        return self._record(dynamic, merge, pullback, pushforward)
