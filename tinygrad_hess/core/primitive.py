"""Primitives: one declaration each, from which everything else is derived.

    elementwise : value, one rule an argument        zero      : value alone
    linear      : value, transpose                   bilinear  : value, two transposes
    variadic    : value, transpose to all operands   structured: value, jvp, vjp

A rule is called as ``rule(g, y, *args, **params)``: the cotangent (or, for an elementwise
primitive, just as well the tangent), the output, the operands. It is written in the library's
own operations, so the same text runs on raw arrays, extends the tape when the sweep is being
recorded, and carries a batch. Arrays are positional, static parameters are keywords. Axes are
canonical when they reach a primitive: negative, so that leading batch axes do not shift them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import modes, signatures
from .batching import broadcast_batch, full_lead, line_up, line_up_loops
from .callers import declaring_module, user_line
from .errors import NonDifferentiableError, add_context, operands, refuse_subclass
from .finite import refuse_nan
from .interchange import to_array
from .registry import REGISTRY
from .tensor import Axis, Batched, Parts, Tensor, batched, constant, record, tick, unrecorded
from .trees import refuse_container, stacked
from .views import View, note_view, read_only, shares_memory

Rule = Callable[..., Any]

_PACKAGE = __name__.partition(".")[0] + "."
_OPS = _PACKAGE + "ops"


class Primitive:
    """One row: what it computes, how it is derived and batched, and how it is tested.

    Parameters
    ----------
    name, kind : str
        The NumPy name where there is one; one of the kinds above.
    fn : callable
        The value on raw arrays, ``fn(*arrays, **params)``. A ufunc, or one that takes ``out=``, is
        replayed into buffers, and block by block where it is elementwise.
    vjps : tuple of rules, optional
        One for each operand; None where an operand carries no derivative.
    pullback : callable, optional
        ``pullback(g, y, args, params) -> cotangents`` where one computation serves all operands.
    pushforward : callable
        ``pushforward(tangents, y, args, params) -> tangent``, None standing for zero.
    batch : callable, optional
        ``batch(values, ndims, lead, params) -> array``: the value when some operands have the
        leading axes ``lead``; ``ndims[i]`` is the logical rank of such an operand, else None. It
        follows from the signature, and from the kind where there is none: by default, ``fn`` is
        called on operands that all have the leading axes.
    domain, cases, edges
        Test data. A domain is an open interval for an operand (elementwise primitives need no
        more); a case is ``(shapes, params)`` or a function of a random generator that gives
        ``(args, params)``; an edge is ``(args, rule answers)``.
    analytic : bool
        Whether NumPy evaluates it on complex numbers, so that the complex step applies.
    on_complex : bool, optional
        Whether its rules hold for complex operands; by default those of analytic ones do. Others
        refuse complex tensors by name.

    Other Parameters
    ----------------
    signature : str or callable, optional
        Core axes, as of a generalised ufunc, over whose loop axes ``fn`` broadcasts (of several
        results, where a structured one has those); or a function
        of parameters and shapes that gives :class:`~tinygrad_hess.core.signatures.Axes`.
    partial : {None, "sum"}
        With "sum", a signature is that of a sum of products: core axes that the result keeps may be
        cut, and parts along one that it loses give parts of a sum.
    moves : bool
        Whether it puts elements of the operands that carry a derivative in other places, repeats or
        drops them, and fills with zeros; ``fn`` does the same with integers.
    aliases : bool, optional
        Whether the value is a view of its first operand wherever NumPy has a view, or that operand
        itself; False where it is always an array of its own; None where nobody knows.
    identity : bool
        Whether the value is the first operand as it is, whenever it has that one's shape and type.
    commutative : bool
        Whether its two operands may be exchanged, but for the sign of a zero.
    neutral : dict
        By operand: the number with which the value is the other operand.
    resized : callable, optional
        ``resized(params, shapes, shape) -> params``, of the same operation on operands and result
        of these shapes, where parameters depend on shapes.
    cut : callable, optional
        ``cut(old, new, part, length) -> part``: where a slice of an axis goes, in which labels do
        not tell it; see :mod:`tinygrad_hess.core.cuts`.
    lowered : callable, optional
        ``lowered(emit, *operands, **params) -> operand``: the same by simpler operations, each made
        by ``emit(operation, *operands, **params)``; None where it stays as it is.
    lowered_batch : callable, optional
        ``lowered_batch(emit, operands, ndims, lead, params) -> operand``: what ``batch`` does, made
        of operations on arrays; where the axes of ``batch`` cannot be told from the signature.
    reduction : ufunc, optional
        The value is its ``reduce`` over the parameters ``axis`` and ``keepdims``.
    product : (bool, bool), optional
        The value is a matrix product of two operands; whether each is transposed for it.
    parts : callable, optional
        ``parts(params, shapes) -> indices``, or functions that give views: each operand, of these
        shapes, is moved as it is to this part of the result, and zeros are where there is no part.
    positions : str, optional
        The operands after the first are positions, by the parameter ``pattern`` of an index or
        along ``axis``; the elements there are a "take", or a "put" or an "add" into zeros.
    added : callable, optional
        ``added(params, shapes) -> pairs of indices``, of the operand's shape: the value is a sum,
        at the first part of the result, of the second part of the operand.
    write : str, optional
        Statements that fill ``{out}`` from operands ``{0}``, ``{1}``, ... elementwise.
    blas : int, optional
        Floating-point operations from which BLAS would use several threads for it.
    accumulate : callable, optional
        ``accumulate(parts, x) -> cotangent``: the sum of the transposes of several calls on one
        ``x``, the only operand with a derivative; from the cotangent, the other operands and the
        parameters of each, where that costs less than a cotangent as large as ``x`` for each.
    effects : bool
        Whether calling ``fn`` runs a function that the user gave.
    """

    __slots__ = (
        "_ranks", "accumulate", "added", "aliases", "analytic", "batch", "blas", "call", "cases",
        "commutative", "cut", "doc", "domain", "edges", "effects", "flops", "fn", "identity",
        "kind", "label", "lowered", "lowered_batch", "makes_views", "module", "moves", "name",
        "neutral", "on_complex", "partial", "parts", "positions", "product", "pullback",
        "pushforward", "reduction", "resized", "signature", "vjps", "write",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        kind: str,
        fn: Callable[..., Any],
        *,
        vjps: tuple[Rule | None, ...] | None,
        pushforward: Callable[..., Any],
        batch: Callable[..., Any] | None = None,
        pullback: Callable[..., Any] | None = None,
        domain: Any = None,
        cases: Sequence[Any] = (),
        edges: Sequence[Any] = (),
        analytic: bool = False,
        on_complex: bool | None = None,
        label: str | None = None,
        doc: str = "",
        flops: Callable[..., int] | None = None,
        signature: str | signatures.Rule | None = None,
        partial: str | None = None,
        moves: bool = False,
        aliases: bool | None = None,
        identity: bool = False,
        commutative: bool = False,
        neutral: dict[int, float] | None = None,
        resized: Callable[..., dict[str, Any]] | None = None,
        cut: Callable[..., Any] | None = None,
        lowered: Callable[..., Any] | None = None,
        lowered_batch: Callable[..., Any] | None = None,
        reduction: np.ufunc | None = None,
        product: tuple[bool, bool] | None = None,
        parts: Callable[..., Any] | None = None,
        added: Callable[..., Any] | None = None,
        positions: str | None = None,
        write: str | None = None,
        blas: int | None = None,
        accumulate: Callable[..., Any] | None = None,
        effects: bool = False,
    ):
        if not isinstance(name, str) or not callable(fn):
            raise TypeError(f"{kind}: a row has a name and a function, got {name!r} and {fn!r}")
        self.name, self.kind, self.fn = name, kind, fn
        self.vjps, self.pushforward, self.pullback = vjps, pushforward, pullback
        self.domain, self.cases, self.edges, self.analytic = domain, cases, edges, analytic
        self.on_complex = analytic if on_complex is None else on_complex
        self.label, self.doc = label or name, doc
        self.flops = flops or (lambda y, *args, **params: int(np.size(y)))
        self.module = declaring_module()
        if isinstance(signature, str):
            results = signatures.parsed(signature).results  # raises for one that cannot be read
            if len(results) > 1 and kind != "structured":
                raise ValueError(
                    f"{name}: {signature!r} has several results: declare it structured"
                )
        self.signature, self.partial = signature, partial
        self.batch = batch or self._batch
        self.moves, self.identity, self.commutative = moves, identity, commutative
        self.aliases = aliases if aliases is not None or not self.is_ours else False
        self.makes_views = moves and bool(aliases)  # what NumPy copies, as astype, moves nothing
        self.neutral, self.resized, self.cut = neutral or {}, resized, cut
        self.lowered, self.lowered_batch = lowered, lowered_batch
        self.reduction, self.product, self.write, self.parts = reduction, product, write, parts
        self.added, self.positions, self.accumulate, self.blas = added, positions, accumulate, blas
        self.effects = effects or not self.is_ours
        self._ranks: tuple[int, ...] | None = None
        self.call: Callable[..., Any] = _general(self)
        if name in REGISTRY:
            raise ValueError(f"{kind}: a primitive named {name!r} is already declared")
        REGISTRY[name] = self

    @property
    def is_ours(self) -> bool:
        """Whether the library declares it."""
        return self.module.startswith(_PACKAGE)

    @property
    def is_broadcasting(self) -> bool:
        """Whether all axes of all operands are loop axes, which broadcast."""
        return self.signature is signatures.elementwise

    @property
    def takes_leading_axes(self) -> bool:
        """Whether ``fn`` itself does what ``batch`` does, given a batch as leading axes."""
        return self.batch == self._batch

    @property
    def ranks(self) -> tuple[int, ...] | None:
        """The number of core axes of each operand, where ``fn`` broadcasts over the others."""
        if self.is_broadcasting:
            return (0,) * len(self.vjps or ())
        if isinstance(self.signature, str):
            return signatures.parsed(self.signature).ranks
        return None

    def axes(
        self, params: dict[str, Any], shapes: list[tuple[int, ...]], shape: tuple[int, ...]
    ) -> signatures.Axes:
        """The axes of operands and result of these shapes.

        A row that declares nothing is linear in its operands, so that a trial tells; or its cases
        do, since ``fn`` accepts axes in front of theirs.
        """
        if isinstance(self.signature, str):
            return signatures.parsed(self.signature).axes(shapes, shape, self.partial)
        if self.signature is not None:
            return self.signature(params, shapes, shape)
        if self.kind in ("linear", "bilinear", "variadic"):
            fn = functools.partial(self.fn, **params)
            return signatures.by_trial(fn, shapes, shape, self.on_complex)
        return signatures.by_rank(self._ranks_of_cases(), shapes, shape)

    def _ranks_of_cases(self) -> tuple[int, ...]:
        """The smallest rank that each operand has in a case."""
        if self._ranks is None:
            rng = np.random.default_rng(0)
            cases = [c(rng)[0] if callable(c) else map(np.zeros, c[0]) for c in self.cases]
            found = [tuple(map(np.ndim, args)) for args in cases]
            self._ranks = min(found, key=sum) if found else ()
        return self._ranks

    def _batch(self, values: Any, ndims: Any, lead: Any, params: Any) -> Any:
        """The value for a batch, by the signature."""
        fn = functools.partial(self.fn, **params) if params else self.fn
        if self.is_broadcasting:
            return broadcast_batch(values, ndims, lead, fn)
        if (ranks := self.ranks) is not None:
            return fn(*line_up_loops(values, ndims, lead, ranks))
        return fn(*full_lead(values, ndims, lead))

    def __repr__(self) -> str:
        return f"<{self.kind} primitive {self.name}>"


# ---- calling a primitive ------------------------------------------------------------------------

_new = object.__new__
_ndarray = np.ndarray
_special = modes.special
_FLOAT = np.dtype(float)
_KNOWN = (_ndarray, Parts, float, int, complex, np.generic)


def bind(prim: Primitive, args: tuple[Any, ...], params: dict[str, Any] | None) -> Any:
    """Call a primitive on any mix of arrays, constants, tape tensors and batched tensors.

    Raw operands give a raw result. The fast paths below do the same for their common cases.
    """
    on_tape = boxed = has_batch = foreign = unlike = False
    values = []
    try:
        for a in args:
            if isinstance(a, Tensor):
                boxed = True
                on_tape = on_tape or a.prim is not None
                has_batch = has_batch or type(a) is Batched
                values.append(a.value)
            elif isinstance(a, _KNOWN):
                unlike = unlike or (isinstance(a, _ndarray) and type(a) is not _ndarray)
                values.append(a)
            elif isinstance(stack := stacked(a), Tensor):  # a list that contains tensors
                return bind(prim, tuple(stack if x is a else x for x in args), params)
            else:
                foreign = True
                values.append(a)
        if foreign and (boxed or not isinstance(prim.fn, np.ufunc)):  # a ufunc asks them itself
            values = [
                v if isinstance(v, _KNOWN) else to_array(prim.name, "an operand", v) for v in values
            ]
            for a in args:
                if not isinstance(a, (Tensor, _KNOWN)):
                    refuse_container(a)
        if boxed and unlike:
            for v in values:
                refuse_subclass(v)
        if boxed and not prim.on_complex and any(map(_is_complex, values)):
            refuse_complex(prim, args, params)
        if has_batch:
            value = _bind_batched(prim, args, values, params or {})
        else:
            value = prim.fn(*values, **params) if params else prim.fn(*values)
    except Exception as error:
        if prim.effects and prim.is_ours:  # of a function that the user gave
            raise
        raise add_context(error, prim.name, args, params) from error
    if modes.is_debugging_nans():
        refuse_nan(prim.name, value, args, params)
    if not boxed:
        return value
    raw = value.value if has_batch else value
    if isinstance(raw, _ndarray) and raw.dtype.kind == "O":
        refuse_objects(prim.name, args)
    if not on_tape or not (modes.is_recording() or modes.is_tracing()):
        out = value if has_batch else constant(value)
        return _as_view(out, prim, args, params) if prim.makes_views else out
    kept = tuple(
        unrecorded(a) if isinstance(a, Tensor) else snapshot(v, prim.name)
        for a, v in zip(args, values, strict=True)
    )
    parents = tuple(a if isinstance(a, Tensor) and a.prim is not None else None for a in args)
    out = record(prim, value, kept, parents, params)
    if modes.is_noting_lines():
        out._where = user_line()
    if modes.is_recording():
        return out
    return _as_view(cut(out), prim, args, params) if prim.makes_views else cut(out)


def _as_view(out: Tensor, prim: Primitive, args: tuple[Any, ...], params: Any) -> Tensor:
    """``out``, which is not recorded as what it is, noted as the view that NumPy would give."""
    base = args[0]
    if isinstance(base, Tensor) and shares_memory(out, base):
        note_view(out, View(base, prim, args[1:], params or {}))
    elif isinstance(base, Tensor) and out.size > base.size:  # it repeats elements
        read_only(out, base)
    return out


def _is_complex(x: Any) -> bool:
    return isinstance(x, complex) or getattr(x, "dtype", _FLOAT).kind == "c"


def refuse_complex(prim: Primitive, args: Any, params: dict[str, Any] | None) -> None:
    """Say that a primitive does not work on complex numbers."""
    raise NonDifferentiableError(
        f"{prim.name}({operands(args, params)}): {prim.name} has no meaning or no derivative for "
        "complex numbers here. Take the real part, the imaginary part or the absolute value first "
        "(np.real, np.imag, np.abs)."
    )


def refuse_objects(who: str, args: Any) -> None:
    """Say that tensors are not combined with arrays of Python objects."""
    raise TypeError(
        f"{who}({operands(args)}): a tensor holds numbers, and is not combined with an array of "
        "objects. Convert it to numbers first, as in x.astype(float)."
    )


def cut(x: Tensor) -> Tensor:
    """What ``no_grad`` makes of a result while a program is traced: on the tape, underivable."""
    value = unrecorded(x)
    return record(STOP, value, (value,), (x,))


def snapshot(x: Any, who: str = "an operation") -> Any:
    """A copy of a captured array that its owner could still change; anything else as it is.

    The tape keeps operands until a sweep reads them. A program that reuses a buffer in between
    would otherwise change the derivative silently.
    """
    if isinstance(x, _ndarray) and (x.flags.writeable or x.base is not None):
        if x.dtype.kind == "O":
            refuse_objects(who, (x,))
        x = x.copy()
        x.flags.writeable = False  # a recorded sweep that meets it again need not copy it again
    return x


def _bind_batched(
    prim: Primitive, args: tuple[Any, ...], values: list[Any], params: dict[str, Any]
) -> Batched:
    """Line up the batch axes of all operands in order of age, and call the batch rule."""
    axes: dict[Axis, None] = {}
    for a in args:
        if type(a) is Batched:
            axes.update(dict.fromkeys(a.axes))
    order = tuple(sorted(axes, key=lambda axis: axis.time))
    lead = tuple(axis.size for axis in order)
    ndims: list[int | None] = [None] * len(args)
    for i, a in enumerate(args):
        if type(a) is Batched:
            ndims[i] = values[i].ndim - len(a.axes)
            values[i] = line_up(values[i], a.axes, order)
    return batched(prim.batch(values, ndims, lead, params), order)


# ---- fast paths ---------------------------------------------------------------------------------

_SCALARS = frozenset((float, int, complex, np.float64, np.float32, np.complex128, np.complex64))
_PLAIN = _SCALARS | {Tensor, _ndarray}


def _general(prim: Primitive) -> Callable[..., Any]:
    """The fast path of any number of operands, with static parameters or without."""
    fn, real_only = prim.fn, not prim.on_complex

    def call(*args: Any, **params: Any) -> Any:
        kinds = set(map(type, args))
        if _special[0] or not kinds <= _PLAIN:
            return bind(prim, args, params)
        values = args
        if Tensor in kinds:
            values = tuple([a.value if type(a) is Tensor else snapshot(a, prim.name) for a in args])
            parents = tuple([a if type(a) is Tensor and a.prim is not None else None for a in args])
            on_tape = any([p is not None for p in parents])
            if not on_tape or (real_only and any(map(_is_complex, values))):
                return bind(prim, args, params)
        try:
            made = fn(*values, **params)
        except Exception as error:
            if prim.effects and prim.is_ours:  # of a function that the user gave
                raise
            raise add_context(error, prim.name, args, params) from error
        if values is args:
            return made
        out = _new(Tensor)
        out.value = made
        out.prim = prim
        out.args = values
        out.parents = parents
        out.params = params
        out.time = tick()
        return out

    return named(call, prim)


def unary(prim: Primitive) -> Callable[[Any], Any]:
    """The fast path of one operand without parameters."""
    fn, real_only = prim.fn, not prim.on_complex

    def call(x: Any) -> Any:
        if type(x) is Tensor and x.prim is not None and not _special[0]:
            value = x.value
            if real_only and value.dtype is not _FLOAT and value.dtype.kind == "c":
                refuse_complex(prim, (x,), None)
            out = _new(Tensor)
            out.value = fn(value)
            out.prim = prim
            out.args = (value,)
            out.parents = (x,)
            out.params = None
            out.time = tick()
            return out
        if type(x) is _ndarray and not _special[0]:
            try:
                return fn(x)
            except Exception as error:
                raise add_context(error, prim.name, (x,), None) from error
        return bind(prim, (x,), None)

    return named(call, prim)


def unary_with_params(prim: Primitive) -> Callable[..., Any]:
    """The fast path of one operand with static parameters."""
    fn, real_only = prim.fn, not prim.on_complex

    def call(x: Any, **params: Any) -> Any:
        if type(x) is Tensor and x.prim is not None and not _special[0]:
            value = x.value
            if real_only and value.dtype is not _FLOAT and value.dtype.kind == "c":
                refuse_complex(prim, (x,), params)
            try:
                made = fn(value, **params)
            except Exception as error:
                raise add_context(error, prim.name, (x,), params) from error
            out = _new(Tensor)
            out.value = made
            out.prim = prim
            out.args = (value,)
            out.parents = (x,)
            out.params = params
            out.time = tick()
            return out
        if type(x) is _ndarray and not _special[0]:
            try:
                return fn(x, **params)
            except Exception as error:
                raise add_context(error, prim.name, (x,), params) from error
        return bind(prim, (x,), params)

    return named(call, prim)


def binary(prim: Primitive, fallback: Callable[..., Any] = bind) -> Callable[[Any, Any], Any]:
    """The fast path of two operands without parameters; all other cases take ``fallback``."""
    fn, real_only, scalars = prim.fn, not prim.on_complex, _SCALARS

    def call(a: Any, b: Any) -> Any:
        ta, tb = type(a), type(b)
        if _special[0]:
            return fallback(prim, (a, b), None)
        if ta is Tensor and a.prim is not None:
            x = a.value
            if tb is Tensor:
                y = b.value
                parents = (a, b if b.prim is not None else None)
            elif tb in scalars:
                y = b
                parents = (a, None)
            elif tb is _ndarray:
                y = snapshot(b, prim.name)
                parents = (a, None)
            else:
                return fallback(prim, (a, b), None)
        elif tb is Tensor and b.prim is not None:
            y = b.value
            parents = (None, b)
            if ta is Tensor:
                x = a.value
            elif ta in scalars:
                x = a
            elif ta is _ndarray:
                x = snapshot(a, prim.name)
            else:
                return fallback(prim, (a, b), None)
        elif ta is _ndarray and (tb is _ndarray or tb in scalars):
            try:
                return fn(a, b)
            except Exception as error:
                raise add_context(error, prim.name, (a, b), None) from error
        else:
            return fallback(prim, (a, b), None)
        try:
            value = fn(x, y)
        except Exception as error:
            raise add_context(error, prim.name, (a, b), None) from error
        if real_only and value.dtype is not _FLOAT and value.dtype.kind == "c":
            refuse_complex(prim, (a, b), None)
        out = _new(Tensor)
        out.value = value
        out.prim = prim
        out.args = (x, y)
        out.parents = parents
        out.params = None
        out.time = tick()
        return out

    return named(call, prim)


def named(call: Callable[..., Any], prim: Primitive) -> Callable[..., Any]:
    call.__name__ = call.__qualname__ = prim.name
    # pickle finds those of the library there, whatever their file
    call.__module__ = _OPS if prim.module.startswith(_OPS) else prim.module
    call.__doc__ = prim.doc or f"The {prim.kind} primitive ``{prim.name}``."
    call.primitive = prim  # type: ignore[attr-defined]
    return call


# ---- the one primitive that the engine itself puts on a tape ------------------------------------

STOP = Primitive(
    "stop_gradient",
    "zero",
    lambda x: x,
    vjps=(None,),
    pushforward=lambda tangents, y, args, params: None,
    signature=signatures.elementwise,
    identity=True,
    aliases=True,
    domain=(-2, 2),
    on_complex=True,
    doc="""The same value, through which no derivative flows.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> tg.grad(lambda x: x * tg.stop_gradient(x))(3.0)
    np.float64(3.0)
    """,
)
STOP.module = __name__
STOP.call = unary(STOP)
