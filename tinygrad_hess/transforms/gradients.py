"""Gradients, products with Jacobians from either side, and Hessian-vector products."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import arguments, modes, trees
from ..core.boundary import named
from ..core.tape import Tape
from ..core.tensor import Tensor, is_tracked, unrecorded
from .recording import Recording, distinct

Argnums = int | Sequence[int]


def _require_function(f: Any, who: str) -> None:
    arguments.function(who, "f", f, f"It makes another function of it: write tg.{who}(f)(x).")


def value_and_grad(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """Make a function that returns ``(f(...), gradient)``, by one reverse sweep.

    Parameters
    ----------
    f : callable
        Returns a real scalar (or ``(scalar, aux)`` with ``has_aux``).
    argnums : int or sequence of int
        Which positional arguments to differentiate. Each may be any pytree of floating arrays.
    has_aux : bool
        ``f`` returns something beside the scalar, to be passed on: the result is then
        ``((value, aux), gradient)``.
    holomorphic : bool
        ``f`` is a holomorphic function of complex arguments, which returns a complex scalar: the
        result is its complex derivative. That it is holomorphic is not checked.

    Returns
    -------
    callable
        Its gradients have the structure, shapes and types of the arguments: arrays for arrays,
        tensors for tensors. A tuple of them when ``argnums`` is a sequence. In a complex
        argument x + iy it is df/dx - i df/dy, as in JAX; its conjugate is the direction of
        steepest ascent.

    Raises
    ------
    ValueError
        When ``f`` does not return a scalar.
    NonDifferentiableError
        When an argument to differentiate has integers or booleans, or the scalar is complex.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.value_and_grad(lambda x: (x**2).sum())(np.array([1.0, 2.0]))
    (np.float64(5.0), array([2., 4.]))
    """
    _require_function(f, "value_and_grad")
    nums, single = arguments.argument_numbers("value_and_grad", argnums)

    @functools.wraps(f)
    def value_and_grad_f(*args: Any, **kwargs: Any) -> Any:
        value, aux, gradient = _value_and_grad(f, args, kwargs, nums, single, has_aux, holomorphic)
        return ((value, aux) if has_aux else value), gradient

    return value_and_grad_f


def grad(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """Make a function that returns the gradient of ``f``; see :func:`value_and_grad`.

    Parameters
    ----------
    f : callable
        Returns a real scalar (or ``(scalar, aux)`` with ``has_aux``).
    argnums : int or sequence of int
        Which positional arguments to differentiate: pytrees of floating arrays.
    has_aux : bool
        ``f`` returns something beside the scalar; the result is then ``(gradient, aux)``.
    holomorphic : bool
        ``f`` is a complex function of complex arguments; see :func:`value_and_grad`.

    Returns
    -------
    callable
        Its gradients have the structure, shapes and types of the arguments.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(np.tanh)(0.0)
    np.float64(1.0)
    >>> tg.grad(tg.grad(lambda x: x**3))(2.0)
    np.float64(12.0)
    >>> tg.grad(lambda z: np.real(z * np.conj(z)))(3 + 4j)
    np.complex128(6-8j)
    >>> tg.grad(lambda z: z**2, holomorphic=True)(3 + 4j)
    np.complex128(6+8j)
    """
    _require_function(f, "grad")
    nums, single = arguments.argument_numbers("grad", argnums)

    @functools.wraps(f)
    def grad_f(*args: Any, **kwargs: Any) -> Any:
        _, aux, gradient = _value_and_grad(f, args, kwargs, nums, single, has_aux, holomorphic)
        return (gradient, aux) if has_aux else gradient

    return grad_f


def _value_and_grad(
    f: Any, args: Any, kwargs: Any, argnums: Any, single: bool, has_aux: bool, holomorphic: bool
) -> tuple[Any, Any, Any]:
    run = Recording(f, args, kwargs, argnums, "grad", has_aux)
    y = run.scalar(holomorphic)
    tape = run.tape()
    tracked = run.is_tracked(tape)
    with modes.recording():
        found = run.pull(tape, [_unit_cotangent(y)], tracked)
    results = [run.result(c, x, tracked) for c, x in zip(found, run.inputs, strict=True)]
    gradient = run.split(distinct(results), single)
    aux = run.auxiliary() if has_aux else None
    return run.value(y, tracked), aux, gradient


def _unit_cotangent(y: Any) -> Any:
    return y.dtype.type(1) if isinstance(y, Tensor) else None


_VJP = "Write tg.vjp(f, x)"
_LINEARIZE = "Write tg.linearize(f, x)"


def vjp(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Record ``f`` and return ``(f(*primals), pullback)``.

    ``pullback(cotangent)`` takes the structure of the output and returns a tuple with one
    cotangent for each primal. It can be called again; each call is one reverse sweep. The primals
    are copied, so changing them later does not change the pullback.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> y, pullback = tg.vjp(lambda x: x**2, np.array([1.0, 2.0]))
    >>> pullback(np.array([1.0, 10.0]))
    (array([ 2., 40.]),)
    """
    arguments.function("vjp", "f", f, _VJP)
    run = Recording(f, primals, None, tuple(range(len(primals))), "vjp", advice=_VJP)
    tape = run.tape()

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        given = trees.match(
            cotangent, run.outputs, run.out_spec, "vjp", "the cotangent", "the output of f"
        )
        given, tracked = _seeds(given, run)
        with modes.recording():
            found = run.pull(tape, given, run.is_tracked(tape))
        tracked = tracked or run.is_tracked(tape)
        results = [run.result(c, x, tracked) for c, x in zip(found, run.inputs, strict=True)]
        return run.split(distinct(results, given), single=False)

    return run.values(run.outputs, run.is_tracked(tape)), pullback


def _seeds(given: Sequence[Any], run: Recording) -> tuple[list[Any], bool]:
    """Cotangents or tangents as a sweep takes them, and whether one of them is on a tape.

    Those on a tape stay: the sweep then records what becomes of them. Constants go in raw.
    """
    on_tape = run.trackable and any(map(is_tracked, given))
    if on_tape:
        return list(given), True
    return [c.value if type(c) is Tensor else unrecorded(c) for c in given], False


def _tangents(run: Recording, given: Any, who: str) -> list[Any]:
    """Leaves of the tangents of all differentiated arguments, checked against them."""
    if len(given) != len(run.specs):
        raise ValueError(f"{who}: {len(given)} tangents for {len(run.specs)} primals")
    out, at = [], 0
    for tree, spec in zip(given, run.specs, strict=True):
        like = run.starts[at : at + spec.num_leaves]
        out += trees.match(tree, like, spec, who, "the tangent", "the primal")
        at += spec.num_leaves
    return out


class Push:
    """Products with a Jacobian at one point: each call is a forward sweep over the same tape."""

    def __init__(self, f: Callable[..., Any], primals: Sequence[Any]):
        arguments.function("linearize", "f", f, _LINEARIZE)
        numbers = tuple(range(len(primals)))
        self.run = Recording(f, primals, None, numbers, "linearize", advice=_LINEARIZE)
        self.tape = self.run.tape()

    @property
    def value(self) -> Any:
        """What ``f`` gave."""
        return self.run.values(self.run.outputs, self.run.is_tracked(self.tape))

    def leaves(self, tangents: Sequence[Any]) -> list[Any]:
        """The leaves of the tangents of all arguments, checked against these."""
        return _tangents(self.run, tangents, "linearize")

    def __call__(self, *tangents: Any) -> Any:
        run, given = self.run, self.leaves(tangents)
        return _push(run, self.tape, run.outputs, given, run.out_spec)

    def sweep(self, tangents: Sequence[Any]) -> list[Any]:
        """Leaves of the result from leaves of the tangents, which may themselves be recorded."""
        with modes.recording():
            found = self.run.push(self.tape, self.run.outputs, tangents)
        return [
            np.zeros(np.shape(y), getattr(y, "dtype", float)) if t is None else t
            for t, y in zip(found, self.run.outputs, strict=True)
        ]


def _push(run: Recording, tape: Tape, outputs: Any, given: Any, spec: Any) -> Any:
    given, tracked = _seeds(given, run)
    with modes.recording():
        found = run.push(tape, outputs, given, run.is_tracked(tape))
    tracked = tracked or run.is_tracked(tape)
    results = [run.result(t, y, tracked) for t, y in zip(found, outputs, strict=True)]
    return trees.unflatten(spec, distinct(results, given))


_JVP = "Write tg.jvp(f, (x,), (tangent,))"


@named
def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Return ``(f(*primals), tangent)``: the directional derivative along ``tangents``.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.jvp(np.sin, (0.0,), (2.0,))
    (np.float64(0.0), np.float64(2.0))
    """
    arguments.function("jvp", "f", f, _JVP)
    for name, args in (("primals", primals), ("tangents", tangents)):
        arguments.instance("jvp", name, args, (tuple, list), f"a tuple of arguments of f. {_JVP}")
    run = Recording(f, primals, None, tuple(range(len(primals))), "jvp", advice=_JVP)
    given = _tangents(run, tangents, "jvp")
    tape = run.tape()
    tangent = _push(run, tape, run.outputs, given, run.out_spec)
    return run.values(run.outputs, run.is_tracked(tape)), tangent


_HVP = (
    "Further arguments, which stay fixed, come after the direction: tg.hvp(f, x, v, y). For the "
    "Hessian in all of them, make them one: tg.hvp(lambda p: f(*p), (x, y), (v, w))."
)


@named
def hvp(f: Callable[..., Any], x: Any, v: Any, *args: Any) -> Any:
    """Hessian-vector product of ``f(x, *args)`` in x along v, forward over reverse.

    Parameters
    ----------
    f : callable
        Returns a real scalar.
    x, v : pytree
        The point and the direction, of the same structure and shapes.
    *args
        Further arguments of ``f``, which stay fixed.

    Returns
    -------
    pytree
        ``H v``, with the structure of ``x``: how fast the gradient changes along ``v``, also in
        complex numbers. It costs about as much as three gradients; for
        many directions at one point use ``linearize(grad(f), x)``.

    References
    ----------
    Pearlmutter (1994), Fast exact multiplication by the Hessian.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.hvp(lambda x: (x**3).sum(), np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([ 6., 12.])
    """
    arguments.function("hvp", "f", f, "Write tg.hvp(f, x, v).")
    run = Recording(f, (x, *args), None, (0,), "hvp", advice=_HVP)
    given = _tangents(run, (v,), "hvp")
    gradients, tape = gradients_on_tape(run)
    return _push(run, tape, gradients, given, run.derivative_specs[0])


def gradients_on_tape(run: Recording, holomorphic: bool = False) -> tuple[list[Any], Tape]:
    """Record the reverse sweep too: gradients that can be differentiated, and the whole tape."""
    y = run.scalar(holomorphic)
    with modes.recording():
        found = run.pull(run.tape(), [_unit_cotangent(y)], recorded=True)
    gradients = [
        np.zeros(s.shape, s.dtype) if g is None else g
        for g, s in zip(found, run.starts, strict=True)
    ]
    return gradients, Tape([g for g in gradients if isinstance(g, Tensor)], run.starts)
