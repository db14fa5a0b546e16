"""Modules: pytrees with a ``__call__``.

    flatten   : module -> (children, layout)     children are what is trained, the layout the rest
    unflatten : (layout, children) -> module     without running ``__init__``

A field is a child when its value is, or contains, a floating-point array, a tensor or another
module; everything else is static configuration, compared by equality. So a model of arrays is an
ordinary argument of :func:`tg.grad`, and its gradient is a model too.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, Self, dataclass_transform

import numpy as np
import optree
from optree.registry import __GLOBAL_NAMESPACE as GLOBAL_NAMESPACE

from ..core import trees
from ..core.tensor import Tensor, tick

CHILD_NAMES = "_children"
"""Where an unflattened module keeps the names of its children, whatever the leaves are now."""

CONTAINERS: Any = (list, tuple, dict)
"""In these, children and static values may be mixed."""

_register: Any = optree.register_pytree_node


@dataclass_transform(eq_default=False)
class Module:
    """A layer or a model: its arrays are the leaves of a pytree, the rest is configuration.

    Derive a class from it, with an ``__init__`` of its own or with annotated fields (it then
    becomes a dataclass by itself), and give it a ``__call__``.

    Fields that are, or contain (in lists, tuples, dicts), floating-point arrays, tensors or
    modules are children. All other fields are static: numbers, strings, functions, integer
    arrays, None. Functions, strings and integers inside a list of modules are static too.

    Two ways to train it:

    - functional: the leaves are arrays, ``tg.grad(loss)(model, batch)`` is a model of gradients;
    - define by run: :meth:`parameters` turns the leaves into tensors that collect gradients.

    Notes
    -----
    Modules can be copied and pickled. ``pickle`` finds functions by their names, so an activation
    that is a lambda needs a ``def`` in a file of yours, or ``cloudpickle`` in its place.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess import nn
    >>> class Scale(nn.Module):
    ...     factor: np.ndarray
    ...     power: int = 2
    ...
    ...     def __call__(self, x):
    ...         return self.factor * x**self.power
    >>> model = Scale(np.array([1.0, 2.0]))
    >>> tg.grad(lambda m, x: m(x).sum())(model, np.array([3.0, 4.0]))
    Scale(factor=float64(2,), power=2)  # 2 parameters
    """

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if cls.__dict__.get("__slots__"):
            raise TypeError(
                f"{cls.__name__}: a Module keeps its fields in __dict__; drop __slots__"
            )
        for base in reversed(cls.__mro__[1:]):
            _make_dataclass(base)
        if "forward" in cls.__dict__ and "__call__" not in cls.__dict__:
            cls.__call__ = cls.forward  # type: ignore[method-assign,attr-defined]  # PyTorch's name
        if "__call__" in cls.__dict__:
            cls.__call__ = _with_scope(cls.__call__)  # type: ignore[method-assign]
        _register(
            cls,
            _flatten,
            functools.partial(_unflatten, cls),
            path_entry_type=optree.GetAttrEntry,
            namespace=GLOBAL_NAMESPACE,
        )
        trees.CHILDREN[cls] = lambda module: _flatten(module)[2]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        _make_dataclass(cls)
        return object.__new__(cls)

    def parameters(self) -> list[Tensor]:
        """Leaves as tensors with ``requires_grad=True``, for the define-by-run loop.

        The first call replaces the model's floating-point arrays, in place, by tensors; later
        calls return the same tensors, so model and optimiser share them. An array that occurs
        twice becomes one tensor, listed once. Tensors that carry no gradient (set by the
        user to freeze them) stay and are not listed.

        Examples
        --------
        >>> from tinygrad_hess import nn
        >>> model = nn.Linear(3, 2)
        >>> [p.shape for p in model.parameters()]
        [(3, 2), (2,)]
        >>> model.parameters()[0] is model.weight
        True
        """
        return list(self.named_parameters().values())

    def named_parameters(self) -> dict[str, Tensor]:
        """:meth:`parameters` by name, such as ``layers[0].weight``.

        Examples
        --------
        >>> from tinygrad_hess import nn
        >>> list(nn.MLP([3, 4, 2]).named_parameters())
        ['layers[0].weight', 'layers[0].bias', 'layers[1].weight', 'layers[1].bias']
        """
        _to_tensors(self, {})
        tree: Any = self
        named: dict[str, Tensor] = {}
        seen: set[int] = set()
        for path, leaf in zip(trees.paths(tree), trees.leaves(tree), strict=True):
            if isinstance(leaf, Tensor) and leaf.requires_grad and id(leaf) not in seen:
                seen.add(id(leaf))
                named[path.removeprefix(".")] = leaf
                if leaf.name is None:
                    leaf.name = path.removeprefix(".")
        return named

    def arrays(self) -> Self:
        """A copy of the model with plain NumPy arrays as leaves, for functional work.

        Examples
        --------
        >>> from tinygrad_hess import nn
        >>> model = nn.Linear(3, 2)
        >>> _ = model.parameters()
        >>> type(model.weight).__name__, type(model.arrays().weight).__name__
        ('Tensor', 'ndarray')
        """
        tree: Any = self
        copy: Any = trees.map(lambda x: x.numpy() if isinstance(x, Tensor) else np.array(x), tree)
        return copy

    def _label(self) -> str:
        """What pictures call it."""
        return type(self).__name__

    def __repr__(self) -> str:
        n = count_parameters(self)
        return f"{_show(self)}  # {n:,} parameter{'' if n == 1 else 's'}"


def count_parameters(model: Any) -> int:
    """Number of floating-point elements in a model (or any pytree); shared leaves count once.

    Examples
    --------
    >>> from tinygrad_hess import nn
    >>> nn.count_parameters(nn.MLP([64, 32, 10]))
    2410
    """
    leaves = {id(x): x for x in trees.leaves(model)}.values()
    return sum(int(np.prod(np.shape(x), dtype=int)) for x in leaves if _is_leaf(x))


def _make_dataclass(cls: type) -> None:
    """Make a dataclass of a class with annotated fields and no ``__init__`` of its own.

    Done as late as possible, so that an explicit ``@dataclass`` comes first and is left alone.
    """
    if not issubclass(cls, Module) or "__dataclass_fields__" in vars(cls):
        return
    author = next(base for base in cls.__mro__ if "__init__" in vars(base))
    inherits = author is object or "__dataclass_fields__" in vars(author)
    if inherits and inspect.get_annotations(cls):
        dataclasses.dataclass(repr=False, eq=False)(cls)


# ---- marks for pictures ----------------------------------------------------------------------


def _with_scope(call: Callable[..., Any]) -> Callable[..., Any]:
    """Note on each output that this module made it, and between which times of the tape."""

    @functools.wraps(call)
    def with_scope(self: Module, *args: Any, **kwargs: Any) -> Any:
        first = tick()
        out: Any = call(self, *args, **kwargs)
        if isinstance(out, Tensor):
            _note_scope(out, self, first)
        elif isinstance(out, CONTAINERS):
            for y in trees.leaves(out):
                _note_scope(y, self, first)
        return out

    return with_scope


def _note_scope(y: Any, module: Module, first: int) -> None:
    # what is older than the call was passed through, not made here
    if isinstance(y, Tensor) and y.prim is not None and y.time > first:
        out: Any = y
        out._scope = (*getattr(y, "_scope", ()), (module._label(), first, tick()))


# ---- flatten and unflatten -------------------------------------------------------------------


class _Static:
    """A static value between the children of a list: a node of the tree without leaves."""

    def __init__(self, value: Any):
        self.value = value


_register(
    _Static,
    lambda s: ((), _Layout((), {"": s.value}), ()),
    lambda layout, _: _Static(layout.static[""]),
    namespace=GLOBAL_NAMESPACE,
)


class _Layout:
    """What a module is besides its children. Equal layouts make equal tree structures."""

    __slots__ = ("fields", "static")

    def __init__(self, fields: tuple[str, ...], static: dict[str, Any]):
        self.fields, self.static = fields, static

    def children(self) -> list[str]:
        return [name for name in self.fields if name not in self.static]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Layout):
            return NotImplemented
        return (
            self.children() == other.children()
            and self.static.keys() == other.static.keys()
            and all(_equal(v, other.static[k]) for k, v in self.static.items())
        )

    def __hash__(self) -> int:
        return hash((tuple(self.children()), tuple(sorted(self.static))))

    def __repr__(self) -> str:
        return ", ".join(f"{k}={_show(v)}" for k, v in self.static.items())


def _equal(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return type(a) is type(b) and a.dtype == b.dtype and np.array_equal(a, b)
    return type(a) is type(b) and bool(a == b)


def _flatten(module: Module) -> tuple[list[Any], _Layout, list[str]]:
    known = module.__dict__.get(CHILD_NAMES, ())
    fields, names, children, static = [], [], [], {}
    for name, value in module.__dict__.items():
        if name == CHILD_NAMES:
            continue
        fields.append(name)
        if name in known or _contains_leaves(value):
            names.append(name)
            children.append(_wrap_static(value))
        else:
            static[name] = value
    return children, _Layout(tuple(fields), static), names


def _unflatten(cls: type[Module], layout: _Layout, children: Any) -> Module:
    module = object.__new__(cls)
    supply = iter(children)
    fields = module.__dict__
    for name in layout.fields:
        static = name in layout.static
        fields[name] = layout.static[name] if static else _unwrap_static(next(supply))
    fields[CHILD_NAMES] = tuple(layout.children())
    return module


def _is_leaf(x: Any) -> bool:
    """Whether a value is an array or number that can carry a gradient."""
    return isinstance(x, (np.ndarray, np.inexact, Tensor)) and x.dtype.kind in "fc"


def _is_module(x: Any) -> bool:
    return isinstance(x, Module)


def _all_modules(x: Any) -> bool:
    """Whether it is a plain list or tuple of modules: common, and nothing in it is static."""
    return type(x) in (list, tuple) and len(x) > 0 and all(isinstance(item, Module) for item in x)


def _contains_leaves(value: Any) -> bool:
    if _is_leaf(value) or _is_module(value) or _all_modules(value):
        return True
    if value is None or isinstance(value, (str, int, float, np.ndarray, Tensor)):
        return False
    found = trees.leaves(value, is_leaf=_is_module)
    return any(_is_leaf(x) or _is_module(x) for x in found if x is not value)


def _wrap_static(value: Any) -> Any:
    """A child field's value, with what is static in its containers wrapped."""
    if not isinstance(value, CONTAINERS) or _all_modules(value):
        return value
    return trees.map(_wrap_if_static, value, is_leaf=_is_module)


def _wrap_if_static(x: Any) -> Any:
    if _is_module(x) or _is_leaf(x):
        return x
    fixed = (str, bytes, int, np.integer, np.bool, np.ndarray, Tensor)
    return _Static(x) if callable(x) or isinstance(x, fixed) else x


def _unwrap_static(value: Any) -> Any:
    if not isinstance(value, CONTAINERS) or _all_modules(value):
        return value
    return trees.map(
        lambda x: x.value if isinstance(x, _Static) else x,
        value,
        is_leaf=lambda x: isinstance(x, (_Static, Module)),
    )


def _to_tensors(module: Module, made: dict[int, tuple[Any, Tensor]]) -> None:
    """Replace the floating arrays of a module by tensors on the tape, each array once."""

    def convert(x: Any) -> Any:
        if isinstance(x, Module):
            _to_tensors(x, made)
        elif _is_leaf(x) and not isinstance(x, Tensor):
            if id(x) not in made:
                made[id(x)] = (x, Tensor(x, requires_grad=True))  # x is kept, so its id is too
            return made[id(x)][1]
        return x

    for name in _flatten(module)[2]:
        module.__dict__[name] = trees.map(convert, module.__dict__[name], is_leaf=_is_module)


# ---- how it prints -----------------------------------------------------------------------------


def _show(x: Any) -> str:
    if isinstance(x, Module):
        fields = ((k, v) for k, v in x.__dict__.items() if k != CHILD_NAMES)
        return _bracketed(f"{type(x).__name__}(", [f"{k}={_show(v)}" for k, v in fields], ")")
    if isinstance(x, (np.ndarray, Tensor)):
        return f"{x.dtype}{x.shape}".replace(" ", "")
    if type(x) is list:
        return _bracketed("[", [_show(v) for v in x], "]")
    if type(x) is dict:
        return _bracketed("{", [f"{k!r}: {_show(v)}" for k, v in x.items()], "}")
    if callable(x):
        return getattr(x, "__qualname__", None) or repr(x)
    return repr(x)


def _bracketed(before: str, items: list[str], after: str) -> str:
    """On one line where that is short, else one item a line."""
    line = before + ", ".join(items) + after
    if len(line) <= 80 and "\n" not in line:
        return line
    inner = "".join(f"\n  {item}," for item in (i.replace("\n", "\n  ") for i in items))
    return f"{before}{inner}\n{after}"
