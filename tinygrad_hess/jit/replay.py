"""``jit``: record a function once for each kind of argument, and replay the planned program."""

from __future__ import annotations

import functools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import modes, trees
from ..errors import NonDifferentiableError, TracingError
from ..tape import Tape
from ..tensors import LEAF, Tensor, constant, record
from ..transforms.recording import distinct, is_tracked, owned
from .passes import PASSES
from .planning import Plan
from .program import Program, read

CACHE_SIZE = 128
"""How many kinds of arguments a jitted function remembers; the least recently used goes first."""


class _Traced:
    """One recording: its program, its plan, and the functions that replay it."""

    def __init__(self, program: Program, out_spec: Any, boxed: bool):
        self.recorded = program
        self.sizes = [("recorded", len(program.instructions))]
        for simplify in PASSES:
            program = simplify(program)
            self.sizes.append((simplify.__name__, len(program.instructions)))
        self.program, self.plan = program, Plan(program)
        self.out_spec, self.boxed = out_spec, boxed
        self._idle: list[Callable[..., Any]] = []

    def replay(self, values: Sequence[Any]) -> list[Any]:
        """Run on an idle function, or a new one where all are busy in other threads."""
        try:
            function = self._idle.pop()
        except IndexError:
            function = self.plan.instance()
        with np.errstate(all="ignore"):
            results = function(*values)
        self._idle.append(function)  # not after an exception: its buffers are half-written
        return [self._result(y, values) for y in results]

    def _result(self, y: Any, values: Sequence[Any]) -> Any:
        """What the caller may keep: no view, and none of its own arrays or the plan's constants."""
        if isinstance(y, np.ndarray):
            mine = any(y is v for v in values) or any(
                y is c for c in self.program.constants.values()
            )
            y = y.copy()[()] if mine else owned(y)
        return y


class Jitted:
    """A function that records itself once for each kind of argument, and then replays.

    Made by :func:`jit`.
    """

    def __init__(self, f: Callable[..., Any], static_argnums: tuple[int, ...] = ()):
        self.f = f
        self.static_argnums = static_argnums
        self._known: OrderedDict[Any, _Traced] = OrderedDict()
        self._lock = threading.Lock()
        functools.update_wrapper(self, f)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, key = self._read(args, kwargs)
        if leaves is None:  # another recording, or a batch, goes through us
            return self.f(*args, **kwargs)
        traced = self._known.get(key)
        if traced is None:
            traced = self._trace(key, args, kwargs)
        results = distinct(traced.replay(leaves))
        if traced.boxed:
            results = [constant(np.asarray(y)[()]) for y in results]
        return trees.unflatten(traced.out_spec, results)

    def cache_clear(self) -> None:
        """Forget all recordings."""
        with self._lock:
            self._known.clear()

    # ---- looking at it --------------------------------------------------------------------------

    def _traced(self, args: Any, kwargs: Any) -> _Traced:
        leaves, key = self._read(args, kwargs)
        if leaves is None:
            raise NonDifferentiableError("jit: give plain arrays, not tensors that are recorded")
        return self._known.get(key) or self._trace(key, args, kwargs)

    def source(self, *args: Any, **kwargs: Any) -> str:
        """The straight-line program that these arguments replay."""
        return self._traced(args, kwargs).plan.source

    def explain(self, *args: Any, repeats: int = 0, **kwargs: Any) -> str:
        """Describe the plan for these arguments: operations after each pass, buffers, flops.

        With ``repeats``, every operation is also timed by itself, best of so many.
        """
        traced = self._traced(args, kwargs)
        plan, program = traced.plan, traced.program
        nbytes = sum(b.nbytes for b in plan.buffers)
        flops = sum(i.flops for i in program.instructions)
        lines = ["operations after each pass"]
        lines += [f"  {name:<16} {count:>6}" for name, count in traced.sizes]
        lines += [
            f"{len(plan.buffers)} buffers of {nbytes:,} bytes, {len(plan.views)} views made once, "
            f"{flops:,} floating-point operations",
        ]
        if repeats:
            lines += ["microseconds by operation, slowest first"]
            lines += _timed(program, self._read(args, kwargs)[0], repeats)
        return "\n".join(lines)

    # ---- recording ------------------------------------------------------------------------------

    def _read(self, args: Any, kwargs: Any) -> tuple[list[Any] | None, Any]:
        """The dynamic leaves of a call, and the key of its kind; None when it must be inlined."""
        static = self.static_argnums
        dynamic = tuple(a for i, a in enumerate(args) if i not in static) if static else args
        leaves, spec = trees.flatten((dynamic, kwargs))
        fixed = tuple([args[i] for i in static])
        if all([type(x) is np.ndarray for x in leaves]):
            shapes = tuple([x.shape for x in leaves])
            return leaves, (spec, shapes, tuple([x.dtype for x in leaves]), fixed, _modes())
        values: list[Any] = []
        kinds: list[Any] = []
        boxed = False
        for x in leaves:
            if type(x) is np.ndarray:
                values.append(x)
                kinds.append((x.shape, x.dtype))
            elif isinstance(x, Tensor):
                if is_tracked(x) or type(x) is not Tensor:
                    return None, None
                boxed = True
                values.append(x.value)
                kinds.append((x.shape, x.dtype, "tensor"))
            elif isinstance(x, np.generic):
                values.append(x)
                kinds.append(((), x.dtype))
            elif type(x) is float:
                values.append(x)
                kinds.append(float)
            else:
                kinds.append((type(x), x))  # integers, strings, ...: static
        if float in kinds:
            values = _weak(values)
        return values, (spec, tuple(kinds), fixed, boxed, _modes())

    def _trace(self, key: Any, args: Any, kwargs: Any) -> _Traced:
        try:
            hash(key)
        except TypeError:
            raise TypeError(
                f"jit {self.__name__}: a static argument cannot be hashed; arguments that "  # type: ignore[attr-defined]
                "change from call to call must be arrays"
            ) from None
        first, out_spec, boxed = self._record(args, kwargs)
        second, _, _ = self._record(args, kwargs)
        self._compare(first, second)
        traced = _Traced(first, out_spec, boxed)
        with self._lock:
            self._known[key] = traced
            while len(self._known) > CACHE_SIZE:
                self._known.popitem(last=False)
        return traced

    def _record(self, args: Any, kwargs: Any) -> tuple[Program, Any, bool]:
        dynamic = tuple(a for i, a in enumerate(args) if i not in self.static_argnums)
        leaves, spec = trees.flatten((dynamic, kwargs))
        boxed = any(isinstance(x, Tensor) for x in leaves)
        moving = [i for i, x in enumerate(leaves) if _is_dynamic(x)]
        values = [leaves[i].value if isinstance(leaves[i], Tensor) else leaves[i] for i in moving]
        starts = [record(LEAF, v, (), ()) for v in _weak(values)]
        for i, s in zip(moving, starts, strict=True):
            leaves[i] = s
        dynamic, named = trees.unflatten(spec, leaves)
        supply = iter(dynamic)
        full = [a if i in self.static_argnums else next(supply) for i, a in enumerate(args)]
        with modes.recording(), modes.tracing():
            out = self.f(*full, **named)
        outputs, out_spec = trees.flatten(out)
        tape = Tape([y for y in outputs if isinstance(y, Tensor)], starts)
        if tape.outside:
            raise NonDifferentiableError(
                f"jit {self.__name__}: the function closes over a tensor that is being recorded, "  # type: ignore[attr-defined]
                "whose derivative would be lost. Pass it as an argument."
            )
        return read(tape.nodes, starts, outputs), out_spec, boxed

    def _compare(self, first: Program, second: Program) -> None:
        """Two recordings must agree: a draw of random numbers inside would be frozen otherwise."""
        same = [str(i) for i in first.instructions] == [str(i) for i in second.instructions]
        pairs = zip(first.constants.values(), second.constants.values(), strict=False)
        equal = len(first.constants) == len(second.constants) and all(
            _equal(a, b) for a, b in pairs
        )
        if not (same and equal):
            raise TracingError(
                f"jit {self.__name__}: two recordings of the function differ, so it is no function "  # type: ignore[attr-defined]
                "of its arguments alone (does it draw random numbers, or count its calls?). Pass "
                "what changes as an argument."
            )


def _modes() -> Any:
    """What else decides what is recorded."""
    return modes.special[0] and (modes.is_nan_safe(), modes.is_recording())


def _is_dynamic(x: Any) -> bool:
    return isinstance(x, (np.ndarray, np.generic, Tensor)) or type(x) is float


def _weak(values: Sequence[Any]) -> list[Any]:
    """Python floats in the widest floating type of the arrays beside them, as NumPy takes them."""
    kinds = [v.dtype for v in values if type(v) is not float and v.dtype.kind in "fc"]
    scalar = (np.result_type(*kinds) if kinds else np.dtype(float)).type
    return [scalar(v) if type(v) is float else v for v in values]


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) and a.dtype.kind in "fc":
        return np.array_equal(a, b, equal_nan=True)
    return bool(np.all(a == b)) or bool(np.isnan(a) and np.isnan(b))


def _timed(program: Program, values: Any, repeats: int) -> list[str]:
    slots = dict(zip(program.inputs, values, strict=True)) | program.constants
    rows = []
    for i in program.instructions:
        args, best = [slots[a] for a in i.args], float("inf")
        for _ in range(repeats):
            begin = time.perf_counter()
            with np.errstate(all="ignore"):
                slots[i.out] = i.fn(*args)
            best = min(best, time.perf_counter() - begin)
        rows.append((best, f"{i.name} {'×'.join(map(str, i.shape)) or 'scalar'}"))
    return [f"  {seconds * 1e6:>10.1f}  {what}" for seconds, what in sorted(rows, reverse=True)]


def jit(f: Callable[..., Any], static_argnums: int | Sequence[int] = ()) -> Jitted:
    """Make a function that is recorded once for each kind of argument and then replayed.

    The recording is planned (dead and repeated operations removed, constants folded, buffers and
    views made once) and becomes a straight line of NumPy calls. Transforms may stand inside:
    ``jit(grad(f))``, ``jit(lambda p, v: hvp(f, p, v))``; and outside: then the call is recorded
    anew as part of what surrounds it.

    Parameters
    ----------
    f : callable
        A function of its arguments alone, from pytrees to pytrees. Arrays and Python floats may
        change from call to call; shapes, types, integers, strings and the like are part of what is
        recorded, and another one is recorded anew. Arrays that it closes over are constants.
    static_argnums : int or sequence of int
        Arguments to take as they are; they must be hashable.

    Raises
    ------
    TracingError
        When the function looks at a value (``if x > 0``), or is not the same function twice.

    Notes
    -----
    A jitted function may be called from several threads; each running call has its own buffers.
    What it returns is never overwritten by a later call.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> step = tg.jit(lambda x, rate: x - rate * tg.grad(lambda x: (x**4).sum())(x))
    >>> step(np.array([1.0, 2.0]), 0.1)
    array([ 0.6, -1.2])
    """
    nums = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
    return Jitted(f, nums)
