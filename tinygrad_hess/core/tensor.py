"""Tensors that remember how they were made.

    record : (primitive, inputs, static parameters) -> Tensor

A :class:`Tensor` *is* its node on the tape. It holds the value, the primitive that made it,
the raw operands (what a derivative rule reads), the operands that are themselves on the tape
(where a cotangent goes), and a time. Times grow with every record, so the order of a tape is
the order of its times and no topological sort is needed. A tape is never stored as a whole:
it is what can be reached from its outputs, and it goes when they go.

:class:`Batched` is a tensor with leading batch axes, each named by a :class:`Axis` token.
Operations see the logical shape without them; that is how ``vmap`` and sweeps in many
directions at once work.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakValueDictionary

import numpy as np

from . import modes
from .errors import (
    NonDifferentiableError,
    TapeReleasedError,
    TracingError,
    add_context,
    describe,
    refuse_subclass,
    why_no_gradient,
)
from .views import View, note_view, one_element

if TYPE_CHECKING:
    from ..tensor_methods._stubs import TensorMethods
else:
    TensorMethods = object  # `methods` binds them later, from the primitives' rows

tick = itertools.count(1).__next__
"""The time of the next record. One C call, so safe across threads."""


class NodePrimitive(Protocol):
    """What a node says of how it was made.

    Leaves and composites are no primitives, and say no more: a sweep asks for rules only where
    there are parents.
    """

    name: str
    label: str


class Axis:
    """The name of one batch axis: its size, and the time when it came up (its order)."""

    __slots__ = ("size", "time")

    def __init__(self, size: int):
        self.size = size
        self.time = tick()

    def __repr__(self) -> str:
        return f"Axis({self.size})"


class Tensor(TensorMethods):
    """An array that records the operations on it, so that they can be differentiated.

    Parameters
    ----------
    data : array_like
        Copied. Lists of Python floats become float64; integers and booleans stay what they are
        and carry no gradient.
    dtype : dtype, optional
        Convert the data to this type.
    requires_grad : bool
        Make the tensor a leaf of the tape, so that ``backward`` fills its ``grad``.

    Raises
    ------
    NonDifferentiableError
        When a gradient is asked of integers or booleans.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> x = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> (x**2).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    # value: the array. prim, args, parents, params: how it was made; prim is None when the
    # tensor is a constant. args are raw operands, parents the same operands where they are on
    # the tape and None elsewhere. The underscored slots stay unset until somebody needs them.
    __slots__ = (
        "__weakref__",
        "_earlier",
        "_frozen",
        "_grad", "_hooks",
        "_moved",
        "_name",
        "_scope",
        "_view",
        "_views",
        "_where",
        "args",
        "params",
        "parents",
        "prim",
        "time",
        "value",
    )  # fmt: skip

    value: Any
    prim: NodePrimitive | None
    args: tuple[Any, ...]
    parents: tuple[Tensor | None, ...]
    params: dict[str, Any] | None
    time: int
    _earlier: Tensor
    _hooks: Any
    _moved: tuple[int, Any]
    _view: View | None
    _views: WeakValueDictionary[int, Tensor]
    _where: str

    def __init__(self, data: Any, dtype: Any = None, requires_grad: bool = False):
        if isinstance(data, Tensor):
            data._refuse_while_traced("a copy", "Use tg.stop_gradient(x), or x itself.")
            if isinstance(data, Batched):
                data._refuse("a copy", "Use tg.stop_gradient(x), or x itself.")
            if not (requires_grad and data.is_leaf):
                data._refuse_to_lose_gradient("tensor()")
            data = data.value
        refuse_subclass(data, "tensor")
        try:
            self.value = np.array(data, dtype=dtype)
            requires_grad = bool(requires_grad)
        except Exception as error:
            options = {"dtype": dtype, "requires_grad": requires_grad}
            raise add_context(error, "tensor", (data,), options) from error
        if self.value.dtype.kind not in "biufc":
            raise TypeError(f"tensor: a tensor holds numbers, got {describe(data)}")
        self.prim = None
        self.args = self.parents = ()
        self.params = None
        self.time = 0
        if requires_grad:
            self.requires_grad_()

    # ---- what it is -------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self.value.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type, as in NumPy."""
        return self.value.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.value.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        n = 1
        for length in self.shape:
            n *= length
        return n

    @property
    def requires_grad(self) -> bool:
        """Whether the tensor is on the tape: a leaf, or computed from one."""
        return self.prim is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(bool(value))

    @property
    def is_leaf(self) -> bool:
        """Whether the tensor starts a tape rather than being computed on it."""
        return self.prim is None or not self.parents

    @property
    def grad(self) -> Tensor | None:
        """The gradient accumulated by ``backward``; None before the first."""
        return getattr(self, "_grad", None)

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        self._grad = value if value is None or isinstance(value, Tensor) else Tensor(value)

    @property
    def name(self) -> str | None:
        """A name to show in pictures of the graph."""
        return getattr(self, "_name", None)

    @name.setter
    def name(self, value: str | None) -> None:
        self._name = value

    # ---- leaving and entering the tape --------------------------------------------------------

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Make this constant a leaf of the tape (or a leaf a constant again), in place."""
        if not isinstance(requires_grad, (bool, np.bool, int)):
            what = describe(requires_grad)
            raise TypeError(f"requires_grad_: give True or False, not a {what}")
        if not self.is_leaf:
            raise NonDifferentiableError(
                "requires_grad of a computed tensor: only a leaf can start a tape, or leave it. "
                "Call .detach() for a constant, .detach().requires_grad_() for a new leaf with the "
                "same value."
            )
        if requires_grad:
            require_float(self.value, "a tensor with requires_grad=True")
        self.prim, self.time = (LEAF, tick()) if requires_grad else (None, 0)
        self._frozen = not requires_grad  # a model has it as no parameter then
        return self

    @property
    def data(self) -> Tensor:
        """The value as a constant; what is assigned to it or to its elements, a leaf takes."""
        out = self.detach()
        note_view(out, View(self, None, (), {}))
        return out

    @data.setter
    def data(self, value: Any) -> None:
        raw = np.array(value.value if isinstance(value, Tensor) else value, dtype=self.dtype)
        if raw.shape != self.shape or not self.is_leaf:
            raise ValueError(
                f"data of a {'leaf' if self.is_leaf else 'computed'} {describe(self)} tensor "
                f"cannot become {describe(raw)}: only a leaf takes a new value, of its own shape"
            )
        self.value = raw[()]

    def detach(self) -> Tensor:
        """The same value as a constant: no derivative flows through it."""
        self._refuse_while_traced("detach()", "Use tg.stop_gradient(x).")
        return constant(self.value)

    def numpy(self) -> np.ndarray[Any, Any]:
        """A copy of the value as a NumPy array. Gradients do not flow through the copy."""
        self._refuse_while_traced("numpy()")
        return np.array(self.value)

    def item(self) -> float | int | bool | complex:
        """The only element as a Python number."""
        if self.size != 1:
            raise ValueError(f"item() needs one element, but the tensor is {describe(self)}")
        self._refuse_while_traced("item()")
        return self.value.item()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        self._refuse_to_lose_gradient("np.asarray()")
        if copy is None and (dtype is None or dtype == self.dtype):
            view = np.asarray(self.value).view()  # a tape may still read it: look, don't touch
            view.flags.writeable = False
            return view
        return np.array(self.value, dtype=dtype, copy=copy)

    def __bool__(self) -> bool:
        self._refuse_while_traced("the truth value")
        return bool(self.value)

    def __float__(self) -> float:
        self._refuse_to_lose_gradient("float()")
        return float(self.value)

    def __complex__(self) -> complex:
        self._refuse_to_lose_gradient("complex()")
        return complex(self.value)

    def __int__(self) -> int:
        self._refuse_while_traced("int()")
        return int(self.value)

    def __index__(self) -> int:
        self._refuse_while_traced("an integer index")
        try:
            return operator.index(self.value)
        except TypeError:
            raise TypeError(
                f"a {describe(self)} tensor is no integer; convert one element with int(x)"
            ) from None

    def _refuse_while_traced(self, what: str, instead: str = "") -> None:
        """A look at a value is a promise that jit cannot keep: the next call has another."""
        if self.prim is not None and modes.is_tracing():
            raise TracingError(
                f"{what} of a {describe(self)} tensor inside jit: the recorded program is replayed "
                "on other values, which might take another way. "
                + (instead or "Use where(condition, a, b), make the argument static ")
                + ("" if instead else "(static_argnums), or keep this part outside jit.")
            )

    def _refuse_to_lose_gradient(self, what: str) -> None:
        self._refuse_while_traced(what)
        recorded = self.prim is not None and not isinstance(self.prim, _Released)
        if recorded and self.dtype.kind in "fc":
            raise NonDifferentiableError(
                f"{what} of a {describe(self)} tensor that is being recorded would lose its "
                "gradient. Where none should flow, write x.numpy(), x.item() or x.detach(); for a "
                "copy through which it flows, x.copy(). For y = np.zeros(2); y[0] = x, write "
                "y = tg.tensor(np.zeros(2)); for np.array([x[0], x[1]]) or sum of a list, "
                "np.stack([x[0], x[1]]); for math.sin(x), np.sin(x); for frame @ x, "
                "frame.to_numpy() @ x; for a loss, return x itself."
            )

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a tensor without axes")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, item: Any) -> bool:
        self._refuse_while_traced("membership")
        return bool(item in self.value)

    def __hash__(self) -> int:
        self._refuse_while_traced("the hash", _HASHING)
        return object.__hash__(self)

    def __reduce__(self) -> Any:
        self._refuse_while_traced("a copy", "Use tg.stop_gradient(x), or x itself.")
        if not self.is_leaf or self.prim is START:
            raise TypeError(
                f"cannot pickle a recorded {describe(self)} tensor with its tape; "
                "pickle x.detach() (the value) instead"
            )
        state = None, {n: getattr(self, n) for n in ("_name", "_frozen") if hasattr(self, n)}
        return Tensor, (self.value, self.dtype, self.requires_grad), state

    def __deepcopy__(self, memo: Any) -> Tensor:
        return self.__copy__()

    def __repr__(self) -> str:
        self._refuse_while_traced("the text", _PRINTING)
        most = min(np.get_printoptions()["threshold"], 200)
        value, cut = np.asarray(self.value), f", shape={self.shape}" if self.size > most else ""
        text = np.array2string(value, separator=", ", prefix="tensor(", threshold=most) + cut
        dtype = f", dtype={self.dtype}" if self.dtype not in _DEFAULTS else ""
        made = ""
        if self.prim is not None:
            made = f", op={self.prim.name}" if self.parents else ", requires_grad=True"
        return f"tensor({text}{dtype}{made})"

    def __format__(self, spec: str) -> str:
        if not spec or self.size != 1:
            return str(self)
        self._refuse_while_traced("the text", _PRINTING)
        return format(self.value.item(), spec)


class Batched(Tensor):
    """A tensor whose value has leading batch axes, one for each token in ``axes``."""

    __slots__ = ("axes",)
    axes: tuple[Axis, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape[len(self.axes) :]

    @property
    def ndim(self) -> int:
        return self.value.ndim - len(self.axes)

    def _refuse(self, what: str, instead: str) -> Any:
        raise NonDifferentiableError(
            f"{what} of a {describe(self)} tensor inside vmap: it has a different value for each "
            f"of {self.axes[-1].size} examples. {instead}"
        )

    def detach(self) -> Tensor:
        self._refuse_while_traced("detach()", "Use tg.stop_gradient(x).")
        return batched(self.value, self.axes)

    def numpy(self) -> np.ndarray[Any, Any]:
        return self._refuse("numpy()", "Return the tensor from the mapped function instead.")

    def item(self) -> float | int | bool | complex:
        return self._refuse("item()", "Return the tensor from the mapped function instead.")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return self._refuse("np.asarray()", "Use functions of tinygrad_hess.numpy.")

    def __bool__(self) -> bool:
        return self._refuse("the truth value", "Use where(condition, a, b).")

    def __float__(self) -> float:
        return self._refuse("float()", "Return the tensor from the mapped function instead.")

    def __complex__(self) -> complex:
        return self._refuse("complex()", "Return the tensor from the mapped function instead.")

    def __int__(self) -> int:
        return self._refuse("int()", "Return the tensor from the mapped function instead.")

    def __index__(self) -> int:
        return self._refuse("an integer index", "Use x[index] or take_along_axis.")

    def __contains__(self, item: Any) -> bool:
        return self._refuse("membership", "Compare elementwise and use any().")

    def __reduce__(self) -> Any:
        return self._refuse("a pickle", "Return the tensor from the mapped function instead.")

    def __repr__(self) -> str:
        sizes = ", ".join(str(a.size) for a in self.axes)
        return f"batched(over {sizes}, each {describe(self)})"


class Parts(tuple):
    """The value, or the cotangent, of a node with several outputs; None is a missing part.

    ``shape`` is that of the loop axes, which all parts have in front.
    """

    shape: tuple[int, ...]
    ndim: int
    dtype = None

    def __new__(cls, items: Iterable[Any], shape: tuple[int, ...] = ()) -> Parts:
        self = super().__new__(cls, items)
        self.shape, self.ndim = shape, len(shape)
        return self

    def __add__(self, other: Any) -> Parts:
        pairs = zip(self, other, strict=True)
        return Parts(b if a is None else a if b is None else a + b for a, b in pairs)


_PRINTING = (
    "To print a value, return it and print it outside, or call the function without jit; x.shape "
    "and x.dtype can be printed inside. Make an argument static (static_argnums) to use its text."
)
_HASHING = "To tell tensors apart, use id(x); to use a value, static_argnums."
"""What to write for the text and the hash of a traced value."""

_DEFAULTS = tuple(map(np.dtype, (float, int, bool, complex)))
"""Types that a repr leaves out, as NumPy's does."""


# ---- making tensors ----------------------------------------------------------------------------

_new = object.__new__


def constant(value: Any) -> Tensor:
    """A tensor that is not on any tape."""
    out = _new(Tensor)
    out.value = value
    out.prim = out.params = None
    out.args = out.parents = ()
    out.time = 0
    return out


def tensor(
    data: Any, dtype: Any = None, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """Make a :class:`Tensor` from anything array-like (copied); pictures show its ``name``.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> tg.tensor([1.0, 2.0]) * 3
    tensor([3., 6.])
    """
    made = Tensor(data, dtype, requires_grad)
    made.name = name
    return made


def tensor_or_array(x: Any) -> Any:
    """A tensor as it is, anything else as an array."""
    return x if isinstance(x, Tensor) else np.asarray(x)


def batched(value: Any, axes: tuple[Axis, ...]) -> Batched:
    """A constant with leading batch axes."""
    out = _new(Batched)
    out.value, out.axes = value, axes
    out.prim = out.params = None
    out.args = out.parents = ()
    out.time = 0
    return out


def unrecorded(x: Any) -> Any:
    """The value of ``x`` as rules read it off the tape: a raw array, or a batched constant."""
    if isinstance(x, Batched):
        return x if x.prim is None else batched(x.value, x.axes)
    return x.value if isinstance(x, Tensor) else x


def is_tracked(x: Any) -> bool:
    """Whether ``x`` is on a tape."""
    return isinstance(x, Tensor) and x.prim is not None


def record(
    prim: NodePrimitive,
    value: Any,
    args: tuple[Any, ...],
    parents: tuple[Tensor | None, ...],
    params: dict[str, Any] | None = None,
) -> Tensor:
    """Append one node. ``value`` may be a batched constant; then the node is batched too."""
    if type(value) is Batched:
        out: Tensor = _new(Batched)
        out.value, out.axes = value.value, value.axes  # type: ignore[attr-defined]
    else:
        out = _new(Tensor)
        out.value = value
    if modes.special[0] and modes.are_shapes_alone():
        out.value = one_element(out.value)
    out.prim, out.args, out.parents, out.params, out.time = prim, args, parents, params, tick()
    return out


class _Leaf:
    """The primitive of tensors that start a tape: it has a name and nothing to derive."""

    name = label = "leaf"


class _Released:
    """Stands in for the primitive of a node whose tape was released: to derive it is an error."""

    vjps = accumulate = None
    label = "released"

    def __init__(self, name: str):
        self.name = name

    def _refuse(self, *args: Any) -> Any:
        raise TapeReleasedError(
            f"a derivative through {self.name!r} was asked, but an earlier backward() released "
            "its tape. Call backward(retain_graph=True) the first time, or compute the loss again."
        )

    pullback = pushforward = _refuse


LEAF: Any = _Leaf()
"""Of a user's tensors with ``requires_grad=True``."""

START: Any = _Leaf()
"""Of the arguments that a transform differentiates."""


def released(node: Tensor) -> None:
    """Free what rules would have read of a node; a later derivative through it is an error."""
    assert node.prim is not None
    node.prim = _Released(node.prim.name)
    node.args = ()
    node.parents = (None,)


def leaf(value: Any) -> Tensor:
    """A new start of a tape at this value (raw, or a batched constant)."""
    return record(START, value, (), ())


def leaves_at(values: Iterable[np.ndarray[Any, Any]]) -> list[Tensor]:
    """Starts of a tape at copies of raw arrays, in one go (this runs once for every parameter)."""
    made = []
    for value in values:
        out = _new(Tensor)
        out.value = value.copy()  # the function may change its own input while it runs
        out.prim = START
        out.args = out.parents = ()
        out.params = None
        out.time = tick()
        made.append(out)
    return made


def require_float(value: Any, who: str) -> None:
    """Refuse a derivative with respect to something that is no real or complex floating point."""
    dtype = None if isinstance(value, type) else getattr(value, "dtype", None)
    if dtype is None or dtype.kind not in "fc":
        raise NonDifferentiableError(f"{who} {why_no_gradient(value)}")
