"""Custom derivatives, in either direction. The other direction follows by transposition.

    forward : arguments -> output, residuals      backward : residuals, cotangent -> cotangents
    rule    : primals, tangents -> output, tangent

A call whose arguments are on a tape is one node there. ``forward`` runs once, off the tape: the
node has the residuals among its outputs, and all sweeps read those. Only where a second derivative
goes through a residual that is neither an argument nor an output does ``forward`` run again.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..core import arguments, composite, modes, trees
from ..core.errors import NonDifferentiableError, TracingError
from ..core.tensor import Batched, Parts, Tensor, batched, is_tracked, unrecorded
from .gradients import jvp, vjp

FORWARD = "It is forward(*args) -> (output, residuals)."
BACKWARD = "It is backward(residuals, cotangent) -> cotangents, one for each argument."
RULE = "It is rule(primals, tangents) -> (output, tangent)."

_replaying: ContextVar[bool] = ContextVar("replaying", default=False)
"""Whether functions are called without their rules: what is replayed is not differentiated."""

_tangents: ContextVar[frozenset[int]] = ContextVar("tangents", default=frozenset())
"""The times of the tangents in which a rule is being transposed."""


@contextmanager
def _set(variable: ContextVar[Any], value: Any) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


class _Custom:
    """A function with rules of its own."""

    forward: Callable[..., Any] | None = None
    backward: Callable[..., Any] | None = None
    rule: Callable[..., Any] | None = None
    __name__: str

    def __init__(self, f: Callable[..., Any], nondiff_argnums: Sequence[int] = ()):
        who = type(self).__name__
        arguments.function(who, "f", f, f"Write @tg.{who} above its definition.")
        static = arguments.sequence(who, "nondiff_argnums", nondiff_argnums, "argument numbers")
        self.__name__ = type(f).__name__  # a callable object has no name of its own
        functools.update_wrapper(self, f, updated=())
        self.f = f
        self.nondiff_argnums = tuple(
            arguments.integer(who, "a number in nondiff_argnums", n, least=0) for n in static
        )

    @property
    def who(self) -> str:
        """What errors call it."""
        return f"{type(self).__name__} {self.__name__}"

    def __repr__(self) -> str:
        has = [n for n, r in (("vjp", self.backward), ("jvp", self.rule)) if r is not None]
        return f"<{self.who}: {' and '.join(has) or 'no rule yet'}>"

    def defvjp(self, forward: Callable[..., Any], backward: Callable[..., Any]) -> None:
        """Set the reverse rule, as of :class:`custom_vjp`."""
        who = f"{self.who}.defvjp"
        self.forward = arguments.function(who, "forward", forward, FORWARD)
        self.backward = arguments.function(who, "backward", backward, BACKWARD)

    def defjvp(self, rule: Callable[..., Any]) -> None:
        """Set the forward rule, as of :class:`custom_jvp`."""
        self.rule = arguments.function(f"{self.who}.defjvp", "rule", rule, RULE)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.rule is None and self.backward is None:
            raise TypeError(
                f"{self.who}: no rule yet; call {self.__name__}.defvjp(forward, backward) or "
                f"{self.__name__}.defjvp(rule) before using it"
            )
        if kwargs:
            args = self._by_position(args, kwargs)
        for x in args:
            if type(x) not in _CONSTANT and any(map(is_tracked, trees.leaves(x))):
                break
        else:
            try:
                return self.f(*args)
            except NonDifferentiableError:
                return _Call(self, args).each_example()
        if not modes.is_recording() or _replaying.get() or self._is_transposed(args):
            return self.f(*args)
        return _Call(self, args).record()

    def _by_position(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """All arguments in order, with the defaults of those that are not given."""
        bound = inspect.signature(self.f).bind(*args, **kwargs)
        bound.apply_defaults()
        if bound.kwargs:
            raise TypeError(
                f"{self.who}: rules take their arguments by position, and "
                f"{next(iter(bound.kwargs))!r} has none. Declare it without the *."
            )
        return bound.args

    def _is_transposed(self, args: Any) -> bool:
        """Whether the arguments depend on tangents in which a rule is being transposed.

        The function is linear in them, and what it computes is transposed; to transpose its own
        rule, which may call it, would have no end.
        """
        tangents = _tangents.get()
        if not tangents or self.backward is not None:
            return False
        first, seen = min(tangents), set()
        stack = [x for x in trees.leaves(args) if is_tracked(x)]
        while stack:
            x = stack.pop()
            if x.time in tangents:
                return True
            if x.time > first and x.time not in seen:
                seen.add(x.time)
                stack += [p for p in x.parents if p is not None]
        return False


_CONSTANT = frozenset((np.ndarray, np.float64, np.float32, float, int, bool, str, type(None)))
"""Types of arguments that are on no tape."""


class custom_vjp(_Custom):
    """Give a function a reverse rule of your own.

    Call ``f.defvjp(forward, backward)``: ``forward(*args)`` returns ``(output, residuals)``, and
    ``backward(residuals, cotangent)`` a tuple with one cotangent for each argument; None stands
    for zero. Arguments named in ``nondiff_argnums`` are static: they come first in ``backward``,
    and get none.

    Parameters
    ----------
    f : callable
        The function, of pytrees of arrays. What it returns is a pytree of arrays or numbers.
    nondiff_argnums : sequence of int
        Arguments that are static: no derivative is taken in them.

    Raises
    ------
    TypeError, ValueError
        When a rule gives other than it should, naming the function.
    NonDifferentiableError
        When a sweep has to differentiate or transpose a rule that leaves the tape, as one with
        compiled code inside does.

    Notes
    -----
    ``forward`` runs once for each call that is differentiated, and ``backward`` gets these
    residuals in every reverse sweep. A second derivative differentiates ``backward``. A forward
    sweep takes the rule given by ``f.defjvp``, see :class:`custom_jvp`, if there is one; otherwise
    it transposes ``backward``, which must be linear in the cotangent. ``tg.jacobian`` then goes
    by rows. Keyword arguments are taken by position.

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


class custom_jvp(_Custom):
    """Give a function a forward rule of your own.

    Call ``f.defjvp(rule)``: ``rule(primals, tangents)`` returns ``(output, tangent)``, linear in
    the tangents; static arguments come first. A reverse sweep takes the rule given by
    ``f.defvjp``, see :class:`custom_vjp`, if there is one, otherwise the transpose. A rule may
    call its own function: of primals, that has its rule again; of tangents, what it computes is
    transposed.

    Parameters
    ----------
    f : callable
        The function, of pytrees of arrays. What it returns is a pytree of arrays or numbers.
    nondiff_argnums : sequence of int
        Arguments that are static: no derivative is taken in them.

    Raises
    ------
    TypeError, ValueError
        When a rule gives other than it should, naming the function.
    NonDifferentiableError
        When a sweep has to differentiate or transpose a rule that leaves the tape.

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


class _Call:
    """One call on a tape: the rules as functions of leaves, with what forward left."""

    def __init__(self, custom: _Custom, args: tuple[Any, ...]):
        self.custom, self.who, self.args = custom, custom.who, args
        self.static = [args[i] for i in custom.nondiff_argnums]
        self.dynamic = [a for i, a in enumerate(args) if i not in custom.nondiff_argnums]
        self.leaves, self.spec = trees.flatten(tuple(self.dynamic))
        if any(is_tracked(node.value) for node in trees.fixed(self.dynamic)):
            raise TracingError(
                f"{self.who}: a frozen array or a buffer in an argument changes from call to call, "
                "which a replay would not see. Pass the arrays that the function needs, one by one."
            )
        self.is_residual_on_tape = False

    # ---- the call -------------------------------------------------------------------------------

    def record(self) -> Any:
        """Run the function off the tape, and append the node."""
        held = [unrecorded(x) for x in self.leaves]
        out, residuals = self._each_example(self._forward, held)
        self.out, self.out_spec = trees.flatten(out)
        self.residuals, self.residual_spec = trees.flatten(residuals)
        if any(map(is_tracked, (*self.out, *self.residuals))):
            raise NonDifferentiableError(
                f"{self.who}: the function captured a recorded tensor, whose derivative would be "
                "lost. Pass it as an argument."
            )
        # other residuals, such as functions, are the same whenever the call is replayed
        self.arrays = [i for i, r in enumerate(self.residuals) if _kind(r)]
        self.is_float = [_kind(self.residuals[i]) in "fc" for i in self.arrays]
        self.known = {id(x): i for i, x in enumerate((*held, *self.out))}
        prim = composite.Composite(
            self.custom.__name__,
            self._replay,
            self._pullback,
            self._pushforward,
            reverse_only=self.custom.rule is None,
        )
        outputs = [*self.out, *(self.residuals[i] for i in self.arrays)]
        found = composite.append(prim, self.leaves, outputs)
        return trees.unflatten(self.out_spec, found[: len(self.out)])

    def each_example(self) -> Any:
        """The function of the examples of a vmap, one after the other."""
        return self._each_example(lambda xs: self.custom.f(*self._arguments(xs)), self.leaves)

    def _arguments(self, leaves: Sequence[Any]) -> list[Any]:
        supply = iter(trees.unflatten(self.spec, leaves))
        static = self.custom.nondiff_argnums
        return [a if i in static else next(supply) for i, a in enumerate(self.args)]

    def _forward(self, leaves: Sequence[Any]) -> tuple[Any, Any]:
        """Output and residuals."""
        args = self._arguments(leaves)
        if self.custom.backward is None:
            return self.custom.f(*args), ()
        result = self.custom.forward(*args)  # type: ignore[misc]
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(f"{self.who}: forward must return a tuple (output, residuals)")
        return result

    def _replay(self, *operands: Any) -> list[Any]:
        with _set(_replaying, True), self._told("its call"):
            out, residuals = self._forward(operands)
        found = trees.leaves(residuals)
        return [*trees.leaves(out), *(found[i] for i in self.arrays)]

    # ---- its derivatives ------------------------------------------------------------------------

    def _pullback(self, g: Parts, y: Any, operands: Any, params: Any) -> list[Any]:
        n = len(self.out)
        found: list[Any] = [None] * len(operands)
        if any(c is not None for c in g[:n]):
            if self.custom.backward is None:
                with self._told("a reverse sweep transposes the rule", "defvjp(forward, backward)"):
                    found = self._transposed_rule(operands, g[:n])
            else:
                with self._told("a derivative of a derivative goes through backward"):
                    found = self._backward(self._residuals_at(y, operands), g[:n])
        given = [c for c, is_float in zip(g[n:], self.is_float, strict=True) if is_float]
        if any(c is not None for c in given):
            tracked, function = self._residuals_of(operands)
            with self._told("a derivative of a derivative goes through the residuals of forward"):
                like, pull = vjp(function, *[operands[i] for i in tracked])
            for i, c in zip(tracked, pull(_zeros_for_none(given, like)), strict=True):
                found[i] = c if found[i] is None else found[i] + c
        return found

    def _pushforward(self, ts: Any, y: Any, operands: Any, params: Any) -> Parts:
        if self.custom.rule is None:
            with self._told("a forward sweep transposes backward", "defjvp(rule)"):
                out = self._transposed_backward(ts, self._residuals_at(y, operands))
        else:
            with self._told("a derivative of a derivative goes through the rule"):
                out = self._rule(operands, _zeros_for_none(ts, operands))
        if not self.is_residual_on_tape:
            return Parts([*out, *(None for _ in self.arrays)])
        tracked, function = self._residuals_of(operands)
        primals = [operands[i] for i in tracked]
        with self._told("a derivative of a derivative goes through the residuals of forward"):
            found = jvp(function, primals, _zeros_for_none([ts[i] for i in tracked], primals))[1]
        supply = iter(found)
        return Parts([*out, *(next(supply) if is_float else None for is_float in self.is_float)])

    def _residuals_at(self, y: Any, operands: Any) -> Any:
        """The residuals, on the tape where the sweep is being recorded."""
        leaves = list(self.residuals)
        if isinstance(y, Tensor):
            parts = composite.parts(y)
            on_tape = (*operands, *parts)
            for i, part in zip(self.arrays, parts[len(self.out) :], strict=True):
                at = self.known.get(id(leaves[i]))
                self.is_residual_on_tape |= at is None
                leaves[i] = part if at is None else on_tape[at]
        return trees.unflatten(self.residual_spec, leaves)

    def _residuals_of(self, operands: Any) -> tuple[list[int], Callable[..., Any]]:
        """The operands on the tape, and the floating residuals as a function of them."""
        tracked = [i for i, x in enumerate(self.leaves) if is_tracked(x) and x.dtype.kind in "fc"]

        def function(*changed: Any) -> list[Any]:
            filled = trees.replaced(operands, tracked, changed)
            found = trees.leaves(self._forward(filled)[1])
            floats = zip(self.arrays, self.is_float, strict=True)
            return [found[i] for i, is_float in floats if is_float]

        return tracked, function

    def _backward(self, residuals: Any, cotangents: Any) -> list[Any]:
        """The cotangents of all operands."""
        like, spec = trees.flatten(residuals)

        def call(leaves: Sequence[Any]) -> list[Any]:
            return self._checked_backward(
                trees.unflatten(spec, leaves[: len(like)]), leaves[len(like) :]
            )

        return self._each_example(call, [*like, *_zeros_for_none(cotangents, self.out)])

    def _checked_backward(self, residuals: Any, cotangents: Any) -> list[Any]:
        tree = trees.unflatten(self.out_spec, cotangents)
        found = self.custom.backward(*self.static, residuals, tree)  # type: ignore[misc]
        if not isinstance(found, (tuple, list)) or len(found) != len(self.dynamic):
            raise TypeError(
                f"{self.who}: backward must return a tuple of {len(self.dynamic)} cotangents, one "
                "for each argument"
            )
        flat: list[Any] = []
        for i, (c, a) in enumerate(zip(found, self.dynamic, strict=True)):
            like, spec = trees.flatten(a)
            what, of = f"the cotangent of argument {i}", "the argument"
            none = [None] * len(like)
            flat += none if c is None else trees.match(c, like, spec, self.who, what, of)
        return flat

    def _rule(self, operands: Any, tangents: Any) -> list[Any]:
        """The tangents of all outputs."""

        def call(leaves: Sequence[Any]) -> list[Any]:
            n = len(leaves) // 2
            both = [trees.unflatten(self.spec, x) for x in (leaves[:n], leaves[n:])]
            result = self.custom.rule(*self.static, *both)  # type: ignore[misc]
            if not isinstance(result, tuple) or len(result) != 2:
                raise TypeError(f"{self.who}: the rule must return a tuple (output, tangent)")
            like, spec = trees.flatten(result[0])
            return trees.match(result[1], like, spec, self.who, "the tangent", "the output")

        return self._each_example(call, [*operands, *tangents])

    def _transposed_rule(self, operands: Any, cotangents: Any) -> list[Any]:
        def linear(*tangents: Any) -> list[Any]:
            times = {t.time for t in tangents if is_tracked(t)}
            with _set(_tangents, _tangents.get() | times):
                return self._rule(operands, tangents)

        out, pull = vjp(linear, *map(_zeros, operands))
        return list(pull(_zeros_for_none(cotangents, out)))

    def _transposed_backward(self, tangents: Any, residuals: Any) -> list[Any]:
        used = [i for i, t in enumerate(tangents) if t is not None]

        def linear(*cotangents: Any) -> list[Any]:
            found = self._backward(residuals, cotangents)
            return [_zeros(self.leaves[i]) if found[i] is None else found[i] for i in used]

        _, pull = vjp(linear, *map(_zeros, self.out))
        return list(pull([tangents[i] for i in used]))

    @contextmanager
    def _told(self, what: str, missing: str = "") -> Iterator[None]:
        """Say of a rule that leaves the tape what it was called for, and what to give."""
        try:
            yield
        except (NonDifferentiableError, TracingError) as error:
            if modes.is_tracing():
                raise TracingError(
                    f"{self.who}: jit cannot replay the function or its rule, which leaves the "
                    f"tape ({_first_sentence(error)}). Keep the call outside jit."
                ) from error
            name = self.custom.__name__
            advice = f"Give {name}.{missing} too, or write" if missing else "Write"
            raise NonDifferentiableError(
                f"{self.who}: {what}, which leaves the tape ({_first_sentence(error)}). {advice} "
                "it in NumPy's functions of tensors, or with calls of functions that have rules."
            ) from error

    def _each_example(self, call: Callable[[Sequence[Any]], Any], leaves: Sequence[Any]) -> Any:
        """``call(leaves)``; example by example where it cannot take them together."""
        try:
            return call(leaves)
        except NonDifferentiableError:
            axes = {axis for x in leaves if isinstance(x, Batched) for axis in x.axes}
            if not all(axis.size for axis in axes) or not axes or any(map(is_tracked, leaves)):
                raise
        axis = min(axes, key=lambda axis: axis.time)

        def example(x: Any, i: int) -> Any:
            if not isinstance(x, Batched) or axis not in x.axes:
                return x
            at = x.axes.index(axis)
            rest, value = x.axes[:at] + x.axes[at + 1 :], x.value.take(i, at)
            return batched(value, rest) if rest else value

        def together(*rows: Any) -> Any:
            if not isinstance(rows[0], (Tensor, np.ndarray, np.generic, float, int)):
                return rows[0]
            rest = rows[0].axes if isinstance(rows[0], Batched) else ()
            return batched(np.stack([getattr(x, "value", x) for x in rows]), (axis, *rest))

        examples = ([example(x, i) for x in leaves] for i in range(axis.size))
        return trees.map(together, *[self._each_example(call, x) for x in examples])


def _kind(x: Any) -> str:
    """The kind of numbers in a residual; none of what is no array, and of Python's integers."""
    if isinstance(x, (np.ndarray, np.generic, Tensor)):
        return x.dtype.kind if x.dtype.kind in "biufc" else ""
    return "f" if isinstance(x, (float, complex)) else ""


def _first_sentence(error: Exception) -> str:
    return str(error).partition(". ")[0]


def _zeros(like: Any) -> Any:
    like = like if hasattr(like, "shape") else np.asarray(like, float)
    return np.zeros(like.shape, like.dtype if like.dtype.kind in "fc" else float)


def _zeros_for_none(given: Any, like: Any) -> list[Any]:
    return [_zeros(x) if g is None else g for g, x in zip(given, like, strict=True)]
