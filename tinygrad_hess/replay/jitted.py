"""``jit``: record a function once for each kind of argument, and replay the planned program."""

from __future__ import annotations

import enum
import functools
import inspect
import sys
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core import arguments, modes, trees
from ..core.display import card
from ..core.errors import NonDifferentiableError, TracingError, call_of, refuse_subclass
from ..core.interchange import is_foreign, to_array
from ..core.locks import module_lock
from ..core.tape import Tape
from ..core.tensor import Axis, Tensor, is_tracked, leaf, leaves_at, unrecorded
from ..ops.elementwise.complexes import complex_dtype, real_dtype
from ..transforms.recording import owned
from .arguments import Reader, reader_of
from .compiled import Traced
from .loops import native_loops
from .program import Program
from .record import SurroundedError, read

CACHE_SIZE = 128
"""How many kinds of arguments a jitted function remembers; the least recently used goes first."""


READERS = 4
"""How many kinds of arguments are tried by generated checks before the general way is taken."""


_lock = module_lock()
"""Held while what jitted functions remember changes."""


class Jitted:
    """A function that records itself once for each kind of argument, and then replays.

    Made by :func:`jit`.
    """

    # not in __dict__, which functools.wraps copies: recordings neither live on there nor travel
    __slots__ = (
        "__dict__", "__weakref__", "_known", "_name", "_native", "_pure", "_recent", "f",
        "static_argnums",
    )  # fmt: skip
    __name__: str

    def __init__(
        self,
        f: Callable[..., Any],
        static_argnums: tuple[int, ...] = (),
        pure: bool = False,
        native: bool = True,
    ):
        functools.update_wrapper(self, f, updated=())
        self._pure = pure  # the library's own: it need not be recorded twice to compare
        self._native = native
        self.f = f
        self.static_argnums = static_argnums
        self._name = f"jit {getattr(f, '__name__', repr(f))}"
        self._known: OrderedDict[Any, Traced] = OrderedDict()
        self._recent: tuple[tuple[Reader, Traced], ...] = ()  # the latest kinds, read quickly

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __reduce__(self) -> Any:
        """A copy begins without recordings. One that was made as a decorator has its name."""
        found: Any = sys.modules.get(self.__module__)
        name = getattr(self, "__qualname__", "")
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is self:
            return name
        return Jitted, (self.f, self.static_argnums, self._pure, self._native)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not kwargs and not modes.special[0]:
            for read, traced in self._recent:
                values = read(args)
                if values is not None:
                    return traced.replay(values)
        call = self._read(args, kwargs)
        if call is None:  # another recording, or a batch, goes through us
            return self.f(*args, **kwargs)
        if modes.is_debugging_nans():
            return self._recorded_once(call, args)
        try:
            traced = self._find(call) or self._trace(call, args, kwargs)
        except SurroundedError:
            return self.f(*args, **kwargs)
        return traced.replay(call.values)

    def cache_clear(self) -> None:
        """Forget all recordings."""
        with _lock:
            self._known.clear()
            self._recent = ()

    def _find(self, call: _Call) -> Traced | None:
        """The recording of this kind of call, which is now the most recently used."""
        try:
            traced = self._known.get(call.key)
        except TypeError:
            raise TypeError(
                f"{self._name}: a static argument cannot be hashed; what changes from call to call "
                "must be arrays"
            ) from None
        if traced is not None and len(self._known) > CACHE_SIZE // 2:
            with _lock:
                if call.key in self._known:
                    self._known.move_to_end(call.key)
        return traced

    def __repr__(self) -> str:
        known = len(self._known)
        latest = f"; latest: {next(reversed(self._known.values())).described}" if known else ""
        plans = f"{known} plan{'' if known == 1 else 's'}" if known else "not called yet"
        return f"<{self._name}{_signature(self.f)}: {plans}{latest}>"

    def _repr_html_(self) -> str:
        rows = [[_kinds_of(key), plan.described] for key, plan in list(self._known.items())[-10:]]
        plans = {"plans": len(self._known)} if rows else {"plans": "none: it was not called yet"}
        return card(f"{self._name}{_signature(self.f)}", plans, ("arguments", "plan"), rows)

    # ---- looking at it --------------------------------------------------------------------------

    def _traced(self, args: Any, kwargs: Any) -> tuple[Traced, _Call]:
        call = self._read(args, kwargs)
        if call is None:
            raise NonDifferentiableError(
                f"{self._name}: give plain arrays, not tensors that are recorded"
            )
        return self._find(call) or self._trace(call, args, kwargs), call

    def plan_for(self, *args: Any, **kwargs: Any) -> tuple[Traced, Sequence[Any]]:
        """The recording that these arguments replay, and the values that it takes."""
        traced, call = self._traced(args, kwargs)
        return traced, call.values

    def source(self, *args: Any, **kwargs: Any) -> str:
        """The straight-line program that these arguments replay."""
        return self._traced(args, kwargs)[0].source

    def explain(self, *args: Any, repeats: int = 0, **kwargs: Any) -> str:
        """Describe the plan for these arguments: operations after each pass, buffers, shards.

        With ``repeats``, each line of the source is also timed by itself on one thread, the best
        of ``repeats`` runs.
        """
        traced, call = self._traced(args, kwargs)
        return traced.explained(call.values, repeats)

    # ---- recording ------------------------------------------------------------------------------

    def _read(self, args: Any, kwargs: Any) -> _Call | None:
        """The dynamic values of a call and the key of its kind; None when it must be inlined."""
        if modes.is_tracing():
            return None
        static = [i for i in self.static_argnums if i < len(args)]
        dynamic = tuple([a for i, a in enumerate(args) if i not in static]) if static else args
        leaves, spec = trees.flatten_every((dynamic, kwargs))
        fixed = (_orders(dynamic), _orders(kwargs), *[_typed(args[i]) for i in static])
        if all([type(x) is np.ndarray for x in leaves]):
            kinds: Any = tuple([(x.shape, x.dtype) for x in leaves])
            key = (spec, kinds, fixed, _modes())
            return _Call(leaves, key, range(len(leaves)), leaves, spec, static, float)
        leaves = [to_array(self._name, "an argument", x) if is_foreign(x) else x for x in leaves]
        kinds, moving = [], []
        widths = {real_dtype(x.dtype) for x in leaves if _is_array(x) and x.dtype.kind in "fc"}
        for i, x in enumerate(leaves):
            if isinstance(x, Tensor) and (is_tracked(x) or type(x) is not Tensor):
                return None
            if _is_array(x):
                refuse_subclass(x, self._name)
                kinds.append((type(x), x.shape, x.dtype))
                moving.append(i)
            elif type(x) in (float, complex) and len(widths) <= 1:
                kinds.append(type(x))
                moving.append(i)
            else:
                kinds.append(_typed(x))  # an integer, a string, ...: static
        scalar = next(iter(widths), np.dtype(float)).type
        values = [_raw(leaves[i], scalar) for i in moving]
        key = (spec, tuple(kinds), fixed, _modes())
        return _Call(values, key, moving, leaves, spec, static, scalar)

    def _trace(self, call: _Call, args: Any, kwargs: Any) -> Traced:
        first, out_spec, boxed = self._record(call, args)
        if not self._pure:
            second, _, _ = self._record(call, args)
            self._compare(first, second)
        traced = Traced(first, out_spec, boxed, self._native)
        with _lock:
            self._known[call.key] = traced
            while len(self._known) > CACHE_SIZE:
                self._known.popitem(last=False)
            if not kwargs and not call.static and not modes.special[0]:
                read = reader_of(args, call.scalar, call.values)
                if read is not None:
                    self._recent = ((read, traced), *self._recent[: READERS - 1])
        return traced

    def _call_on_tape(self, call: _Call, args: Any) -> tuple[list[Tensor], Any]:
        """Call the function on starts of a tape in place of the dynamic values."""
        starts = leaves_at([np.asarray(v) for v in call.values])
        for s, v in zip(starts, call.values, strict=True):
            s.value = v if not isinstance(v, np.ndarray) else s.value
        leaves = trees.replaced(call.leaves, call.moving, starts)
        dynamic, named = trees.unflatten(call.spec, leaves)
        supply = iter(dynamic)
        full = [a if i in call.static else next(supply) for i, a in enumerate(args)]
        return starts, call_of(self._name, self.f, full, named)

    def _recorded_once(self, call: _Call, args: Any) -> Any:
        """Without any replay: so that every operation of this call is looked at."""
        _, out = self._call_on_tape(call, args)
        outputs, out_spec = trees.flatten_every(out)
        raw = [owned(unrecorded(y)) if isinstance(y, Tensor) else y for y in outputs]
        return trees.unflatten(out_spec, raw)

    def _record(self, call: _Call, args: Any) -> tuple[Program, Any, list[bool]]:
        began = leaf(np.float64(0))  # bounds the tape also where nothing is dynamic
        quiet = np.errstate(all="ignore")
        with modes.recording(), modes.tracing(), native_loops(self._native), quiet:
            starts, out = self._call_on_tape(call, args)
        outputs, out_spec = trees.flatten_every(out)
        for y in outputs:
            if not isinstance(y, (Tensor, np.ndarray, *_SIMPLE)):
                raise TracingError(
                    f"{self._name}: the function returns a {type(y).__name__}, which may hold "
                    "results that a replay cannot make anew. Return arrays in tuples, lists, dicts "
                    "or modules, or register the type with optree."
                )
        tape = Tape([y for y in outputs if isinstance(y, Tensor)], [began, *starts])
        if tape.outside:
            raise NonDifferentiableError(
                f"{self._name}: the function closes over a tensor that is being recorded, whose "
                "derivative would be lost. Pass it as an argument."
            )
        boxes = any(isinstance(call.leaves[i], Tensor) for i in call.moving)
        boxed = [isinstance(y, Tensor) and boxes for y in outputs]
        with np.errstate(all="ignore"):  # bodies of checkpoints run there
            return read(tape, starts, outputs, began.time), out_spec, boxed

    def _compare(self, first: Program, second: Program) -> None:
        """Two recordings must agree: a draw of random numbers inside would be frozen otherwise."""
        same = [_shown(i) for i in first.instructions] == [_shown(i) for i in second.instructions]
        pairs = zip(first.constants.values(), second.constants.values(), strict=False)
        equal = len(first.constants) == len(second.constants) and all(
            _equal(a, b) for a, b in pairs
        )
        if not (same and equal):
            raise TracingError(
                f"{self._name}: two recordings of the function differ, so it is no function of its "
                "arguments alone (does it draw random numbers, or count its calls?). Pass what "
                "changes as an argument."
            )


class _Call(NamedTuple):
    """A call's dynamic values, the key of its kind, and how to replace them by other leaves."""

    values: Sequence[Any]
    key: Any
    moving: Sequence[int]  # which leaves are dynamic
    leaves: Sequence[Any]
    spec: Any
    static: Sequence[int]
    scalar: Any  # the type that Python floats are given


def _signature(f: Callable[..., Any]) -> str:
    try:
        return f"({', '.join(inspect.signature(f).parameters)})"
    except (TypeError, ValueError):  # a built-in
        return "(...)"


def _kinds_of(key: Any) -> str:
    """What a key of :meth:`Jitted._read` says of the arguments' arrays and numbers."""
    found = []
    for kind in key[1]:
        if isinstance(kind, tuple) and isinstance(kind[-1], np.dtype):
            found.append(f"{kind[-1]}{kind[-2]}")
        else:
            found.append(kind.__name__ if isinstance(kind, type) else str(kind[-1]))
    return ", ".join(found)


_SIMPLE = (
    np.generic, int, float, complex, str, bytes, enum.Enum, np.dtype, type, slice, range, frozenset,
)  # fmt: skip
"""Besides tensors and arrays, what a function may return: it contains none of them."""


def _is_array(x: Any) -> bool:
    return isinstance(x, (np.ndarray, np.generic, Tensor))


def _raw(x: Any, scalar: Any) -> Any:
    """The raw value of a dynamic leaf; Python numbers in the floating type of the arrays, as NumPy
    would take them."""
    if type(x) is float:
        return scalar(x)
    if type(x) is complex:
        return complex_dtype(scalar).type(x)
    x = x.value if isinstance(x, Tensor) else x
    return np.asarray(x) if isinstance(x, np.ndarray) else x


def _typed(x: Any) -> Any:
    """A static value as part of a key that tells 1, 1.0 and True apart, also inside others."""
    if isinstance(x, (int, float, complex)):
        return type(x), repr(x)  # NaN is not equal to itself
    plain = x is None or isinstance(x, (str, bytes)) or callable(x)
    return (type(x), x) if plain else (type(x), x, repr(x))


def _orders(tree: Any) -> Any:
    """The order of the keys of all dictionaries: a function may walk them in it."""
    if type(tree) is dict:
        return tuple([(key, _orders(x)) for key, x in tree.items()])
    if type(tree) in (list, tuple):
        return tuple([found for x in tree if (found := _orders(x))])
    return ()


def _modes() -> Any:
    """What else decides what is recorded."""
    return modes.is_nan_safe(), modes.is_recording()


def _shown(i: Any) -> Any:
    """What of an instruction two recordings share: batch axes have names of their own in each."""
    params = {k: v for k, v in i.params.items() if k != "axis" or not isinstance(v, Axis)}
    return i.name, i.args, i.out, i.shape, i.dtype, repr(params)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        kinds = a.dtype == b.dtype and a.dtype.kind in "fc"
        return a.dtype == b.dtype and bool(np.array_equal(a, b, equal_nan=kinds))
    return type(a) is type(b) and repr(a) == repr(b)


def jit(
    f: Callable[..., Any], static_argnums: int | Sequence[int] = (), *, native: bool = True
) -> Jitted:
    """Make a function that is recorded once for each kind of argument and then replayed.

    The recording is planned (dead and repeated operations removed, constants folded, buffers and
    views made once) and becomes a straight line of NumPy calls. Transforms may stand inside:
    ``jit(grad(f))``, ``jit(lambda p, v: hvp(f, p, v))``; and outside: then the call is recorded
    anew as part of what surrounds it.

    Parameters
    ----------
    f : callable
        A function of its arguments alone, from pytrees to pytrees. Arrays and Python floats (and
        complex numbers) may change from call to call; shapes, types, integers, strings and the like
        are part of what is recorded, and another one is recorded anew. Arrays that it closes over
        are constants, also those of a module that it closes over (or is): pass the module as an
        argument.
    static_argnums : int or sequence of int
        Positional arguments to take as they are; they must be hashable. Negative numbers count from
        the last parameter.
    native : bool
        Whether lines of the plan that are plain calls of NumPy on small arrays may run in C, with
        no Python between them, those of scans' bodies too. They are the same inner loops of NumPy's
        ufuncs, and so give the same bits (but for the sign of a NaN where two of them meet, which
        is either one's). Where the C extension was not built, or ``TINYGRAD_HESS_NATIVE=0`` is set
        when the function is recorded, all lines are Python; ``explain`` says so, and why.
        A large batch is then cut into other chunks, which are added in another order; by
        ``native=False`` alone it is not.

    Raises
    ------
    TracingError
        When the function looks at a value (``if x > 0``), or is not the same function twice.

    Notes
    -----
    A jitted function may be called from several threads; each running call has its own buffers.
    What it returns is never overwritten by a later call. Replay gives no floating-point warnings.
    Losses check their labels at each replay; a check of your own does so with ``ops.checked``.

    What the function stores elsewhere (an attribute, a list) while it is recorded belongs to that
    recording: replays don't store it again. The static arguments of the latest 128 kinds of calls
    are kept alive, a method's ``self`` among them.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> step = tg.jit(lambda x, rate: x - rate * tg.grad(lambda x: (x**4).sum())(x))
    >>> step(np.array([1.0, 2.0]), 0.1)
    array([ 0.6, -1.2])
    """
    arguments.function("jit", "f", f, "It makes another function of it: write tg.jit(f)(x).")
    advice = "It says which arguments are static; write tg.jit(f)(x)."
    given: Any = static_argnums if isinstance(static_argnums, (tuple, list)) else (static_argnums,)
    nums = tuple(arguments.integer("jit", "static_argnums", n, advice=advice) for n in given)
    if any(n < 0 for n in nums):
        count = _positional(f)
        if min(nums) < -count:
            raise ValueError(f"jit: static_argnums names argument {min(nums)} of {count}")
        nums = tuple(n + count if n < 0 else n for n in nums)
    return Jitted(f, nums, native=arguments.flag("jit", "native", native))


def _positional(f: Callable[..., Any]) -> int:
    """How many positional parameters a function has, to count from the last."""
    try:
        kinds = [p.kind for p in inspect.signature(f).parameters.values()]
    except ValueError:
        kinds = [inspect.Parameter.VAR_POSITIONAL]
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        raise ValueError(
            f"jit: static_argnums counts from the last parameter of {f!r}, which takes any number "
            "of them. Count from the first."
        )
    named = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(kind in named for kind in kinds)
