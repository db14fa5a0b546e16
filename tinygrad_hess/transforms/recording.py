"""A function recorded at a point: what every transform starts from and ends with.

Arrays in, arrays out: what leaves a transform is raw when raw came in, unless another recording
around it still needs the tape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import modes, trees
from ..core.deferring import unwrapped
from ..core.errors import NonDifferentiableError, describe, failed_call, refuse_subclass
from ..core.primitive import snapshot
from ..core.tape import Tape
from ..core.tensor import (
    START,
    Batched,
    Tensor,
    constant,
    leaf,
    leaves_at,
    require_float,
    unrecorded,
)
from ..ops.elementwise.identity import alias
from .holomorphic import refuse_complex_output, require_holomorphic
from .sweeps import Cotangents, forward, reverse


def start(x: Any, who: str) -> Tensor:
    """A start of the tape at ``x``, with ``x`` as its parent if that is on a tape."""
    if isinstance(x, Tensor):
        require_float(x, who)
        on_tape = x.prim is not None and modes.is_recording()
        return alias(x) if on_tape else leaf(unrecorded(x))
    value = x if isinstance(x, (np.ndarray, np.generic)) else _from_python(x, who)
    refuse_subclass(value, who)
    require_float(value, who)
    return leaf(snapshot(value))


def is_start(x: Tensor) -> bool:
    """Whether it is an argument of a function that a transform records, as :func:`start` makes."""
    return x.prim is START or x.prim is alias.primitive


def starts_at(values: Sequence[Any], who: str) -> list[Tensor]:
    """Starts at all of ``values``, oldest first."""
    if all([type(x) is np.ndarray and x.dtype.kind == "f" for x in values]):
        return leaves_at(values)
    return [start(x, who) for x in values]


def _from_python(x: Any, who: str) -> Any:
    if isinstance(x, float):
        return np.float64(x)
    if isinstance(x, complex):
        return np.complex128(x)
    try:
        return np.asarray(x)[()]
    except (TypeError, ValueError):
        raise NonDifferentiableError(f"{who} is a {type(x).__name__}, not an array") from None


def owned(x: Any) -> Any:
    """A result that the caller may keep and change: never a view of a value on the tape."""
    if isinstance(x, np.ndarray) and (x.base is not None or not x.ndim or not x.flags.writeable):
        return x.copy()[()]
    return x


class Recording:
    """``f`` recorded at ``args``, with those of ``argnums`` as starts of the tape.

    Parameters
    ----------
    f : callable
        Any function of pytrees.
    args, kwargs
        Where to record it. Keyword arguments are constants.
    argnums : tuple of int
        Which arguments to differentiate.
    who : str
        The transform, for errors.
    has_aux : bool
        Whether ``f`` returns ``(output, aux)``.
    advice : str
        What to write where ``f`` takes other arguments.

    Attributes
    ----------
    specs, derivative_specs : list
        Structures of the arguments in ``argnums``, and of derivatives in them.
    trackable : bool
        Whether a recording around this one may differentiate the results (not under ``no_grad``).
    """

    def __init__(
        self,
        f: Callable[..., Any],
        args: Sequence[Any],
        kwargs: dict[str, Any] | None = None,
        argnums: tuple[int, ...] = (0,),
        who: str = "grad",
        has_aux: bool = False,
        advice: str = "",
    ):
        self.who = who
        self.trackable = modes.is_recording()
        self.inputs: list[Any] = []
        self.starts: list[Tensor] = []
        self.specs: list[Any] = []
        self.derivative_specs: list[Any] = []
        call = list(args)
        for i in _checked(argnums, len(call), who):
            given, spec, derivative = trees.flatten_for_derivatives(call[i])
            try:
                starts = starts_at(given, who)
            except NonDifferentiableError:
                raise self._located(given, i, call[i]) from None
            self.inputs += given
            self.starts += starts
            self.specs.append(spec)
            self.derivative_specs.append(derivative)
            call[i] = trees.unflatten(spec, starts)
        with modes.recording():
            try:
                out = f(*call, **(kwargs or {}))
            except (AttributeError, TypeError, ValueError) as error:
                told = failed_call(error, who, f, call, kwargs or {}, advice)
                missing = [i for i, x in enumerate(call) if x is None]
                if told is error and missing and not self.starts:
                    told = NonDifferentiableError(
                        f"{who}: argument {missing[0]} is None, of which f made: {error}. Give an "
                        "array, a number, or a tree of them."
                    )
                if told is error:
                    raise
                raise told from error
        self.aux = None
        if has_aux:
            if not (isinstance(out, tuple) and len(out) == 2):
                raise TypeError(f"{who}: with has_aux=True, f must return (output, aux)")
            out, self.aux = out
        outputs, self.out_spec = trees.flatten(out)
        self.outputs = [unwrapped(y) for y in outputs]
        self.boxed = any([isinstance(x, Tensor) for x in self.inputs])

    def _located(self, given: Sequence[Any], argument: int, tree: Any) -> Exception:
        """The error of the leaf that has no derivative, naming where it stands."""
        for x, path in zip(given, trees.paths(tree), strict=True):
            try:
                start(x, f"{self.who}: argument {argument}{path}")
            except NonDifferentiableError as error:
                return error
        raise AssertionError("every leaf is differentiable after all")

    def tape(self) -> Tape:
        """The tape between the starts and the outputs."""
        return Tape([y for y in self.outputs if isinstance(y, Tensor)], self.starts)

    def is_tracked(self, tape: Tape) -> bool:
        """Whether a recording around this one can differentiate a sweep over its tape."""
        return self.trackable and tape.outside

    def scalar(self, holomorphic: bool = False) -> Any:
        """The only output, checked to be a real floating-point scalar (or a complex one)."""
        y: Any = self.outputs[0] if len(self.outputs) == 1 else None
        number = isinstance(y, (int, float, complex))
        shape = y.shape if hasattr(y, "shape") else () if number else None
        if y is None or shape != ():
            got = [describe(o) for o in self.outputs]
            raise ValueError(
                f"{self.who}: f must return a scalar, but returned {', '.join(got) or 'nothing'}. "
                "Reduce it, as in .sum() or .mean(), or use tg.jacobian for all its derivatives."
            )
        if isinstance(y, Tensor):
            require_float(y, f"{self.who}: the output of f")
        if holomorphic:
            require_holomorphic(self.starts, self.outputs, self.who)
        elif isinstance(y, complex) or (hasattr(y, "dtype") and y.dtype.kind == "c"):
            refuse_complex_output(y, self.who)
        return y

    # ---- sweeps --------------------------------------------------------------------------------

    def pull(self, tape: Tape, cotangents: Sequence[Any], recorded: bool = False) -> list[Any]:
        """Cotangents of the starts from those of the outputs; None is zero."""
        seeds: Cotangents = {}
        for y, c in zip(self.outputs, cotangents, strict=True):
            if isinstance(y, Tensor) and y.prim is not None and c is not None:
                seeds[y.time] = seeds[y.time] + c if y.time in seeds else c
        found = reverse(tape, seeds, recorded)
        return [found.get(s.time) for s in self.starts]

    def push(
        self, tape: Tape, outputs: Sequence[Any], tangents: Sequence[Any], recorded: bool = False
    ) -> list[Any]:
        """Tangents of ``outputs`` from those of the starts; None is zero."""
        seeds = {s.time: t for s, t in zip(self.starts, tangents, strict=True) if t is not None}
        roots = {y.time for y in outputs if isinstance(y, Tensor) and y.prim is not None}
        found = forward(tape, seeds, roots, recorded)
        return [found.get(y.time) if isinstance(y, Tensor) else None for y in outputs]

    # ---- what leaves ---------------------------------------------------------------------------

    def result(self, x: Any, like: Any, tracked: bool) -> Any:
        """A derivative as the caller gets it; ``like`` gives shape and type where it is zero."""
        if type(x) is np.ndarray and not tracked and not self.boxed:
            return owned(x)
        if x is None:
            like = like if hasattr(like, "shape") else np.asarray(like) * 1.0
            x = np.zeros(like.shape, like.dtype)[()]
        if tracked:
            return x if isinstance(x, Tensor) else constant(x)
        if type(x) is Tensor:
            x = x.value
        if isinstance(x, Tensor):  # batched: a vmap around us goes on with it
            return x
        return constant(x) if self.boxed else owned(x)

    def value(self, y: Any, tracked: bool) -> Any:
        """An output of f as the caller gets it."""
        if not isinstance(y, Tensor) or tracked:
            return y
        if isinstance(y, Batched):
            return unrecorded(y)
        return constant(y.value) if self.boxed else owned(y.value)

    def values(self, outputs: Sequence[Any], tracked: bool) -> Any:
        """All outputs, in their tree."""
        return trees.unflatten(self.out_spec, distinct([self.value(y, tracked) for y in outputs]))

    def auxiliary(self) -> Any:
        """The auxiliary output, off this tape unless an outer recording needs it."""
        found, spec = trees.flatten_every(self.aux)
        tracked = self.is_tracked(Tape([a for a in found if isinstance(a, Tensor)], self.starts))
        return trees.unflatten(spec, distinct([self.value(a, tracked) for a in found]))

    def split(self, results: Sequence[Any], single: bool) -> Any:
        """Results for all starts as one tree an argument (or just the tree, when single)."""
        out, at = [], 0
        for spec in self.derivative_specs:
            out.append(trees.unflatten(spec, results[at : at + spec.num_leaves]))
            at += spec.num_leaves
        return out[0] if single else tuple(out)


def _checked(argnums: Sequence[int], count: int, who: str) -> list[int]:
    """Argument numbers, none negative; a ValueError where one is missing or named twice."""
    for i in argnums:
        if not -count <= i < count:
            raise ValueError(f"{who}: argnums names argument {i}, but {count} were given")
    nums = [i % count for i in argnums]
    if len(set(nums)) != len(nums):
        raise ValueError(f"{who}: argnums={tuple(argnums)} names an argument twice")
    return nums


def distinct(results: list[Any], given: Sequence[Any] = ()) -> list[Any]:
    """Copy an array that stands twice among the results (``a + b`` has one cotangent for both),
    or that the caller gave."""
    if not given and len({id(x) for x in results}) == len(results):
        return results
    seen = set(map(id, given))
    for i, x in enumerate(results):
        if isinstance(x, np.ndarray):
            if id(x) in seen:
                results[i] = x.copy()
            seen.add(id(x))
    return results
