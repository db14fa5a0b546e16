"""The kinds of primitive: a constructor each, which derives what it can from what a row gives.

elementwise : value, one rule an argument        zero      : value alone
linear      : value, transpose                   bilinear  : value, two transposes
variadic    : value, transpose to all operands   structured: value, jvp, vjp
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import signatures
from .boundary import named as named_errors
from .composite import parts
from .primitive import Primitive, Rule, binary, bind, named, unary, unary_with_params
from .signatures import parsed
from .tensor import Parts


def plus(a: Any, b: Any) -> Any:
    """a + b, None standing for zero."""
    return b if a is None else a if b is None else a + b


@named_errors
def elementwise(
    name: str,
    fn: Callable[..., Any],
    *rules: Rule | None,
    parametric: bool = False,
    **row: Any,
) -> Callable[..., Any]:
    """Declare a broadcasting function of one or more operands, by its value and its partials.

    Each rule is ``rule(g, y, *args)``: ``g`` times the partial derivative. Since the Jacobian is
    diagonal, the same rule carries cotangents backward and tangents forward. With
    ``parametric=True`` it takes static keyword parameters too.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> double = tg.elementwise("double", lambda x: 2 * x, lambda g, y, x: 2 * g, domain=(-1, 1))
    >>> tg.grad(double)(3.0)
    np.float64(2.0)
    """

    def pushforward(tangents: Any, y: Any, args: Any, params: Any) -> Any:
        total = None
        for rule, t in zip(rules, tangents, strict=True):
            if t is not None and rule is not None:
                term = rule(t, y, *args, **params) if params else rule(t, y, *args)
                total = term if total is None else plus(total, term)
        return total

    prim = Primitive(
        name,
        "elementwise",
        fn,
        vjps=rules,
        pushforward=pushforward,
        signature=signatures.elementwise,
        **row,
    )
    if len(rules) == 1:
        prim.call = (unary_with_params if parametric else unary)(prim)
    elif len(rules) == 2 and not parametric:
        prim.call = binary(prim)
    return prim.call


@named_errors
def zero(
    name: str, fn: Callable[..., Any], operands: int = 1, *, along: bool = False, **row: Any
) -> Callable[..., Any]:
    """Declare a piecewise constant function: its derivative is zero, said here and not by absence.

    With ``along=True`` it works along axes named by negative parameters instead of elementwise.
    """
    if not along:
        row["signature"] = signatures.elementwise
    prim = Primitive(
        name,
        "zero",
        fn,
        vjps=(None,) * operands,
        pushforward=lambda tangents, y, args, params: None,
        **row,
    )
    if operands == 1:
        prim.call = (unary_with_params if along else unary)(prim)
    elif operands == 2 and not along:
        prim.call = binary(prim)
    return prim.call


@named_errors
def linear(
    name: str,
    fn: Callable[..., Any],
    transpose: Rule,
    *,
    others: int = 0,
    **row: Any,
) -> Callable[..., Any]:
    """Declare a function linear in its first operand, by its value and its transpose.

    The tangent goes through the same operation. ``others`` counts further operands that carry
    no derivative (such as index arrays). Without ``batch``, the function must accept leading axes.
    """

    def pushforward(tangents: Any, y: Any, args: Any, params: Any) -> Any:
        return prim.call(tangents[0], *args[1:], **(params or {}))

    prim = Primitive(
        name,
        "linear",
        fn,
        vjps=(transpose, *(None,) * others),
        pushforward=pushforward,
        **row,
    )
    alone, with_others = unary_with_params(prim), prim.call
    call = lambda x, *rest, **params: (
        with_others(x, *rest, **params) if rest else alone(x, **params)
    )
    prim.call = named(call, prim) if others else alone
    return prim.call


@named_errors
def bilinear(
    name: str,
    fn: Callable[..., Any],
    transpose_a: Rule,
    transpose_b: Rule,
    **row: Any,
) -> Callable[..., Any]:
    """Declare a function linear in each of two operands, by its value and its two transposes."""

    def pushforward(tangents: Any, y: Any, args: Any, params: Any) -> Any:
        ta, tb = tangents
        a, b = args
        first = None if ta is None else prim.call(ta, b)
        second = None if tb is None else prim.call(a, tb)
        if type(first) is np.ndarray and type(second) is np.ndarray and first.shape == second.shape:
            return np.add(first, second, out=first)  # both are fresh: spare a buffer
        return plus(first, second)

    prim = Primitive(
        name,
        "bilinear",
        fn,
        vjps=(transpose_a, transpose_b),
        pushforward=pushforward,
        **row,
    )
    prim.call = binary(prim)
    return prim.call


@named_errors
def variadic(
    name: str, fn: Callable[..., Any], transpose: Callable[..., Any], **row: Any
) -> Callable[..., Any]:
    """Declare a linear function of any number of operands, such as a concatenation.

    ``transpose(g, y, args, params)`` gives the cotangents of all operands.
    """

    def pushforward(tangents: Any, y: Any, args: Any, params: Any) -> Any:
        filled = [
            np.zeros(a.shape, a.dtype) if t is None else t
            for t, a in zip(tangents, args, strict=True)
        ]
        return prim.call(*filled, **(params or {}))

    prim = Primitive(
        name,
        "variadic",
        fn,
        vjps=None,
        pullback=transpose,
        pushforward=pushforward,
        **row,
    )
    return prim.call


@named_errors
def structured(
    name: str,
    fn: Callable[..., Any],
    *,
    jvp: Callable[..., Any],
    vjp: Rule | tuple[Rule | None, ...],
    **row: Any,
) -> Callable[..., Any]:
    """Declare a function by its value, jvp and vjp; it must accept leading axes.

    ``jvp(tangents, y, *args, **params)`` takes one tangent an operand, None standing for zero;
    with one operand, ``jvp(t, y, x, **params)``. A signature of several results, such as
    ``"(n,n)->(n),(n,n)"``, makes ``y`` a tuple of them, as are the value, tangents and cotangents;
    a cotangent may be None.
    """
    vjps = vjp if isinstance(vjp, tuple) else (vjp,)
    results = parsed(row["signature"]).results if isinstance(row.get("signature"), str) else ()
    if len(results) > 1:
        fn, jvp, vjps = _bundling(fn, jvp, vjps, len(results[0]))

    def pushforward(tangents: Any, y: Any, args: Any, params: Any) -> Any:
        given = tangents[0] if len(vjps) == 1 else tangents
        return jvp(given, y, *args, **(params or {}))

    prim = Primitive(name, "structured", fn, vjps=vjps, pushforward=pushforward, **row)
    if len(results) > 1:
        prim.call = named(lambda *args, **params: parts(bind(prim, args, params)), prim)
    elif len(vjps) == 1:
        prim.call = unary_with_params(prim)
    return prim.call


def _bundling(fn: Any, jvp: Any, vjps: Any, rank: int) -> tuple[Any, Any, Any]:
    """Functions of tuples as functions of bundles, whose first part has so many core axes."""

    def bundle(*args: Any, **params: Any) -> Parts:
        values = fn(*args, **params)
        return Parts(values, values[0].shape[: values[0].ndim - rank])

    def push(t: Any, y: Any, *args: Any, **params: Any) -> Parts:
        return Parts(jvp(t, parts(y), *args, **params), y.shape)

    def pull(rule: Any) -> Any:
        return rule and (lambda g, y, *args, **params: rule(g, parts(y), *args, **params))

    return bundle, push, tuple(map(pull, vjps))
