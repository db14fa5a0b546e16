"""Dispatch between NumPy's own function and a composition of operations.

nothing recorded : NumPy's function of the values, of any element type
recorded, mapped : the composition, which can be differentiated, batched and replayed
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from ..core import modes, trees
from ..core.boundary import bare as bare_of
from ..core.boundary import checked, checks_of, raise_named
from ..core.composite import opaque
from ..core.tensor import Batched, Tensor, constant, is_tracked
from ..core.trees import refuse_container, stacked
from ._types import Array, ArrayLike
from .shape.batch_axes import axes_of, entered, left

Function = TypeVar("Function", bound=Callable[..., Any])


def on_tensors(
    original: Callable[..., Any],
    lists: Callable[[Any], Any] | None = None,
    constants: bool = True,
    narrow: bool = False,
) -> Callable[[Function], Function]:
    """Decorate what a function of NumPy's is on recorded tensors; other calls go to ``original``.

    So arrays have NumPy's answer to the last bit, in its type and with all its options, and so
    have tensors that nothing is to be derived from; a composition of operations serves the rest.

    Parameters
    ----------
    original : callable
        NumPy's or SciPy's function.
    lists : callable, optional
        What the composition gets for a list that contains tensors; by default their stack.
    constants : bool
        Whether ``original`` serves constant tensors as well: not where it would write to them or
        hand them to a function of the user's.
    narrow : bool
        Whether float32 and float16 operands give no wider result, as they do here and not in SciPy.
    """
    prepare = lists or as_array

    def decorate(function: Function) -> Function:
        theirs, ours = Parameters(original), Parameters(function)
        shared = ours.shared_with(theirs)
        simple = shared > 0 and constants and not narrow
        who = getattr(original, "__name__", function.__name__)
        flags = checks_of(function, bool)
        integers = checks_of(function, int)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                if len(args) > shared:
                    args, kwargs = theirs.further_by_name(who, shared, args, kwargs)
                if kwargs and flags:
                    _, kwargs = checked(who, flags, (), kwargs)
                if simple and not kwargs and len(args) == 1 and type(args[0]) is np.ndarray:
                    try:
                        return original(args[0])
                    except _CAUGHT as refusal:
                        return refused(refusal, args, kwargs)
                boxed = False
                for x in args:
                    kind = type(x)
                    if kind is Tensor and x.prim is None:
                        boxed = True
                    elif kind is Tensor or kind is Batched:
                        return composed(args, kwargs)
                    elif kind is list or kind is tuple:
                        if is_recorded(x):
                            return composed(args, kwargs)
                        boxed = boxed or contains_tensor(x)
                if kwargs:
                    given = tuple(kwargs.values())
                    if is_recorded(given) or not theirs.accept(kwargs):
                        return composed(args, kwargs)
                    boxed = boxed or contains_tensor(given)
                if boxed and not constants:
                    return composed(args, kwargs)
                plain, options = theirs.arguments(ours, shared, args, kwargs)
                if not constants:
                    return original(*plain, **options)
                if boxed:
                    plain, options = values(plain), values(options)
                try:
                    result = original(*plain, **options)
                except _CAUGHT as refusal:
                    if not boxed:
                        return refused(refusal, args, kwargs)
                else:
                    if narrow:
                        result = _narrowed(result, [*args, *kwargs.values()])
                    if not boxed:
                        return result
                    if not any(isinstance(x, Tensor) and _is_view(result, x.value) for x in args):
                        return as_constants(result)
                return composed(args, kwargs)  # of a view, too: it knows its base, for assignments
            except Exception as error:
                raise_named(error, who, args, kwargs, integers)

        def refused(refusal: Exception, args: Any, kwargs: Any) -> Any:
            """What NumPy refuses, the composition refuses in its own words, if it has any."""
            with np.errstate(all="ignore"):
                composed(args, kwargs)
            raise refusal

        def composed(args: Any, kwargs: Any) -> Any:
            if kwargs and not ours.accept(kwargs):
                args, kwargs = theirs.by_position(args, kwargs)
            kinds = [type(x) for x in args]
            if list in kinds or tuple in kinds:
                args = [prepare(x) if holds_in_list(x) else x for x in args]
            if kwargs:
                kwargs = {k: prepare(x) if holds_in_list(x) else x for k, x in kwargs.items()}
            unlike = Batched in kinds or (modes.special[0] and modes.is_tracing())
            if not (unlike and _is_of_integers((args, kwargs))):
                return function(*args, **kwargs)
            plain, options = theirs.arguments(ours, shared, args, kwargs)
            return _in_numpys_types(original, function, (args, kwargs), (plain, options))

        call.shared = shared  # type: ignore[attr-defined]
        return call  # type: ignore[return-value]

    return decorate


def takes_as_given(function: Any, args: Sequence[Any]) -> bool:
    """Whether arguments of NumPy's function, by position, are those of what stands for it here."""
    return len(args) <= getattr(function, "shared", 1)


_NESTED = (list, tuple)
_CAUGHT = (TypeError, ValueError, IndexError, AttributeError, ArithmeticError)


def _is_of_integers(x: Any) -> bool:
    """Whether all that is recorded in it are integers or booleans."""
    kinds = {leaf.dtype.kind for leaf in trees.leaves(x) if _is_involved(leaf)}
    return bool(kinds) and kinds <= set("iub")


def _is_involved(x: Any) -> bool:
    """Whether it is on a tape, or has another value for each example."""
    return is_tracked(x) or isinstance(x, Batched)


def _is_real(x: Any) -> bool:
    return isinstance(x, float) or getattr(getattr(x, "dtype", None), "kind", "i") in "fc"


def _in_numpys_types(original: Any, function: Any, given: Any, plain: Any) -> Any:
    """What a composition gives of recorded integers; in NumPy's type, by NumPy, where it differs.

    Nothing is to be derived from integers, but a composition may convert them to real numbers.
    Under ``vmap``, NumPy is asked for each example then.
    """
    leaves, spec = trees.flatten(plain)
    inputs = [x for x in leaves if _is_involved(x)]
    axes = axes_of(inputs)
    lead = tuple(axis.size for axis in axes)

    def filled(supply: Iterator[Any]) -> Any:
        return trees.unflatten(spec, [next(supply) if _is_involved(x) else x for x in leaves])

    def numpys(*arrays: Any) -> tuple[Any, ...]:
        args, kwargs = filled(iter(arrays))
        return tuple(trees.leaves(original(*values(args), **values(kwargs))))

    def mapped(*arrays: Any) -> tuple[Any, ...]:
        examples = [numpys(*(x[i] for x in arrays)) for i in np.ndindex(*lead)]
        return tuple(
            np.stack(part).reshape(lead + np.shape(part[0])) for part in zip(*examples, strict=True)
        )

    out = wanted = refused = None
    try:
        out = function(*given[0], **given[1])
    except TypeError as error:
        if type(error) is not TypeError:  # we refuse: NumPy is not asked
            raise
        refused = error
    inputs = [left(x, axes) for x in inputs]
    if 0 not in lead:
        args, kwargs = filled(x[(0,) * len(lead)] for x in values(inputs))
        with contextlib.suppress(*_CAUGHT):
            wanted = original(*values(args), **values(kwargs))
    if wanted is None:  # NumPy has no answer either
        if refused is not None:
            raise refused
        return out
    parts, shape = trees.flatten(wanted)
    types = [getattr(x, "dtype", None) for x in parts]
    same = [x.dtype for x in trees.leaves(out) if hasattr(x, "dtype")] == types
    # sums and differences of small ones may overflow there, where those of real numbers do not
    small = any(x.dtype.itemsize < 8 for x in inputs)
    if same and not (small and any(map(_is_real, parts))):
        return out
    if not axes:
        return trees.unflatten(shape, opaque(function.__name__, numpys, inputs, True))
    found = (
        opaque(function.__name__, mapped, inputs, True)
        if any(map(is_tracked, inputs))
        else mapped(*values(inputs))
    )
    return trees.unflatten(shape, [entered(y, axes) for y in found])


class Parameters:
    """What a function calls its arguments."""

    def __init__(self, function: Callable[..., Any]):
        self.signature = _signature_of(function)
        self.all = dict(self.signature.parameters) if self.signature else {}
        self.defaults = {p.name: p.default for p in self.all.values()}
        ordinary = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self.positional = [p.name for p in self.all.values() if p.kind in ordinary]
        self.unnamed = [p.name for p in self.all.values() if p.kind is ordinary[0]]
        self.required = [name for name, default in self.defaults.items() if default is _EMPTY]
        self.is_ordered = self.required == self.positional[: len(self.required)]
        self.any_number = not self.all or any(
            p.kind is inspect.Parameter.VAR_POSITIONAL for p in self.all.values()
        )
        self.any_name = not self.all or any(
            p.kind is inspect.Parameter.VAR_KEYWORD for p in self.all.values()
        )

    def accept(self, names: Iterable[str]) -> bool:
        """Whether these are names of arguments."""
        return self.any_name or self.all.keys() >= set(names)

    def shared_with(self, other: Parameters) -> int:
        """How many arguments mean the same by position in both functions."""
        if self.any_number or other.any_number:
            return 1 << 30
        n = 0
        for mine, name in zip(self.positional, other.positional, strict=False):
            if mine != name and other.defaults[name] is not _EMPTY:
                break
            n += 1
        return n

    def further_by_name(
        self, who: str, shared: int, args: Any, kwargs: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """A call whose arguments behind the first ``shared`` are given by name.

        Those that are the default, such as NumPy's ``out=None``, are left out.
        """
        if len(args) > len(self.positional):
            return args, kwargs
        named = dict(zip(self.positional[shared:], args[shared:], strict=False))
        if twice := named.keys() & kwargs.keys():
            raise TypeError(f"{who}: got several values for {min(twice)}")
        given = {n: x for n, x in named.items() if x is not self.defaults[n]}
        return args[:shared], {**given, **kwargs}

    def arguments(
        self, other: Parameters, shared: int, args: Any, kwargs: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """Arguments that were given to the other function as this one takes them."""
        if shared < len(args) <= len(other.positional):
            extra = zip(other.positional[shared:], args[shared:], strict=False)
            args, kwargs = args[:shared], {**dict(extra), **kwargs}
        for name in self.unnamed[len(args) :] if kwargs else ():
            if name in kwargs:
                kwargs = {**kwargs}
                args = (*args, kwargs.pop(name))
        return args, kwargs

    def by_position(self, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The arguments of a call, the required ones by position."""
        if self.any_number or self.any_name:
            return args, kwargs
        required, options = [], {}
        for name, value in self._bound(args, kwargs).items():
            default = self.defaults[name]
            if default is _EMPTY:
                required.append(value)
            elif value is not default:
                options[name] = value
        return required, options

    def _bound(self, args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments by name, those that are required first and in order."""
        names = self.positional
        if len(self.required) <= len(args) <= len(names) and self.is_ordered:
            given = {**dict(zip(names, args, strict=False)), **kwargs}
            known = given.keys() <= self.all.keys() and kwargs.keys().isdisjoint(self.unnamed)
            if known and len(given) == len(args) + len(kwargs):
                return given
        assert self.signature is not None
        return self.signature.bind(*args, **kwargs).arguments  # slower; says what does not fit


_EMPTY = inspect.Parameter.empty


def _signature_of(function: Any) -> inspect.Signature | None:
    """The signature of a function, or None where Python cannot tell."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def dispatched(
    namespace: dict[str, Any],
    theirs: Any,
    keep: Sequence[Callable[..., Any]] = (),
    lists: Mapping[Callable[..., Any], Callable[[Any], Any]] | None = None,
    narrow: bool = False,
) -> dict[str, Any]:
    """The compositions of a namespace as :func:`on_tensors` of NumPy's functions of their names.

    Most primitives compute by these functions anyway; those to ``keep`` mean something else, and
    stay as they are. ``lists`` says of some functions what they get for a list.
    """
    prepared = lists or {}
    made = {}
    for name, f in namespace.items():
        original = getattr(theirs, name, None)
        bare = bare_of(f)  # whoever wraps it names its errors
        ours = inspect.isfunction(f) and f.__module__.startswith(_PACKAGE)
        row = getattr(f, "primitive", None)
        if not ours or not callable(original) or f in keep or hasattr(bare, "__wrapped__"):
            continue
        if row is not None and row.fn is original:
            continue
        call = on_tensors(original, prepared.get(f), narrow=narrow)(bare)
        call.__module__, call.__name__ = namespace["__name__"], name  # where pickle finds it
        call.__qualname__ = name
        made[name] = call
    return made


_PACKAGE = __name__.partition(".")[0]


# ---- what a call contains ------------------------------------------------------------------------


def contains_tensor(x: ArrayLike) -> bool:
    """Whether it is a tensor, or a list or another container with one in it."""
    return any(isinstance(leaf, Tensor) for leaf in trees.leaves(x))


def holds_in_list(x: Any) -> bool:
    """Whether it is a list or tuple that contains a tensor."""
    return type(x) in _NESTED and contains_tensor(x)


def is_recorded(x: Any) -> bool:
    """Whether it is a tensor on a tape or inside vmap, or a container with one in it."""
    return any(is_tracked(leaf) or isinstance(leaf, Batched) for leaf in trees.leaves(x))


def values(x: Any) -> Any:
    """Constants by their values, in containers as well."""
    return trees.map(lambda leaf: leaf.value if isinstance(leaf, Tensor) else leaf, x)


def _is_view(y: Any, x: Any) -> bool:
    """Whether a result, or a part of it, shares its memory with ``x``."""
    if isinstance(y, (list, tuple)):
        return any(_is_view(part, x) for part in y)
    return isinstance(y, np.ndarray) and np.may_share_memory(y, x)


def _narrowed(y: Any, operands: list[Any]) -> Any:
    """Results no wider than the widest floating operand."""
    arrays = [x.dtype for x in operands if hasattr(x, "dtype") and x.dtype.kind in "iufc"]
    wide = np.result_type(*arrays) if arrays else np.dtype(float)
    if wide.kind not in "fc" or wide.itemsize >= (8 if wide.kind == "f" else 16):
        return y
    narrow = {"f": np.empty(0, wide).real.dtype, "c": np.result_type(wide, np.complex64)}

    def part(x: Any) -> Any:
        if not isinstance(x, (np.ndarray, np.generic)) or x.dtype.kind not in narrow:
            return x
        kept = narrow[x.dtype.kind]
        return x.astype(kept) if x.dtype.itemsize > kept.itemsize else x

    return trees.map(part, y)


def as_constants(y: Any) -> Any:
    """Arrays of numbers as constant tensors, in lists, tuples and named tuples as well."""
    is_numbers = lambda x: isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "biufc"
    return trees.map(lambda x: constant(x) if is_numbers(x) else x, y)


def as_array(x: ArrayLike) -> Array:
    """A tensor as it is, a list that contains tensors as their stack, anything else as an array."""
    x = stacked(x)
    if isinstance(x, Tensor):
        return x
    found = np.asarray(x)
    if found.dtype.kind == "O":
        refuse_container(x)
    return found


def items_as_arrays(x: Any) -> Any:
    """A sequence of arrays, of which some are given as lists that contain tensors."""
    return [as_array(item) if holds_in_list(item) else item for item in x]


def as_it_is(x: Any) -> Any:
    """Lists that mean something themselves, such as those of ``np.block``."""
    return x


def as_floating(x: ArrayLike) -> Array:
    """As :func:`as_array`; integers and booleans become float64, as in NumPy."""
    x = as_array(x)
    return x if x.dtype.kind in "fc" else x.astype(np.float64)


def concrete(x: ArrayLike, what: str) -> Any:
    """The concrete values, for what depends on them; an error if a replay may have others."""
    x = as_array(x)
    if not isinstance(x, Tensor):
        return x
    x._refuse_while_traced(what)
    return x.numpy()
