"""Modules: pytrees with a ``__call__``.

    flatten   : module -> (children, layout)     children are what is trained, the layout the rest
    unflatten : (layout, children) -> module     without running ``__init__``

A field is a child when its value is, or contains, a floating-point array, a tensor or another
module; everything else is static configuration, compared by equality. So a model of arrays is an
ordinary argument of :func:`tg.grad`, and its gradient is a model too.

Which children are frozen or buffers, a module notes by their names; flattened, each is then a
:class:`~tinygrad_hess.core.trees.Fixed` node of its own.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, dataclass_transform

import numpy as np
import optree
from optree.registry import __GLOBAL_NAMESPACE as GLOBAL_NAMESPACE

from ..core import arguments, modes, trees
from ..core.boundary import named_methods
from ..core.errors import TracingError
from ..core.named_arrays import Unmatched
from ..core.tensor import LEAF, Batched, Tensor, tick
from .advice import Advising
from .fixed import Buffer, Frozen, assigned
from .layer_table import Summarized, watcher
from .state_dict import load_state_dict, state_dict

CHILD_NAMES = "_children"
"""Where an unflattened module keeps the names of its children, whatever the leaves are now."""

BUFFERS, FROZEN = "_buffers", "_frozen"
"""Where a module notes which fields are buffers, and the paths from it of what is frozen."""

_NOTES = (CHILD_NAMES, BUFFERS, FROZEN)

CONTAINERS: Any = (list, tuple, dict)
"""In these, children and static values may be mixed."""

_register: Any = optree.register_pytree_node


@named_methods
@dataclass_transform(eq_default=False)
class Module(Summarized, Advising):
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
    An array that two layers share is one parameter define by run. Trees have each leaf by itself:
    there, keep it in one place, and use it from there in ``__call__``.

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

    training = True

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if cls.__dict__.get("__slots__"):
            raise TypeError(
                f"{cls.__name__}: a Module keeps its fields in __dict__; drop __slots__"
            )
        for base in reversed(cls.__mro__[1:]):
            _make_dataclass(base)
        named_methods(cls)
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

    def __setattr__(self, name: str, value: Any) -> None:
        fields = self.__dict__
        if isinstance(value, Buffer):
            fields[BUFFERS] = (*(n for n in fields.get(BUFFERS, ()) if n != name), name)
            fields[name] = value.value
        elif isinstance(value, Frozen):
            fields[FROZEN] = (*(n for n in fields.get(FROZEN, ()) if n != name), name)
            fields[name] = value.value
        elif name in fields.get(BUFFERS, ()):
            fields[name] = assigned(fields[name], value, f"{type(self).__name__}: self.{name}")
        else:
            if CHILD_NAMES in fields and _contains_leaves(value) and _is_transformed(self, value):
                raise TracingError(
                    f"{type(self).__name__}: self.{name} is assigned an array while a transform "
                    "runs the model, which has a copy of it: what is assigned would be lost. "
                    f"Declare a buffer in __init__, self.{name} = nn.Buffer(array), or keep it in "
                    "a variable of the function."
                )
            object.__setattr__(self, name, value)

    def train(self, mode: bool = True) -> Self:
        """Set this module and all in it to training, in place: ``self.training`` is what layers
        look at that behave differently then.

        Examples
        --------
        >>> from tinygrad_hess import nn
        >>> net = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2)).eval()
        >>> net.training, net[1].training, net.train()[1].training
        (False, False, True)
        """
        mode = arguments.flag(f"{type(self).__name__}.train", "mode", mode)
        for module in modules(self):
            module.__dict__.pop("training", None)
            if not mode:
                module.__dict__["training"] = False
        return self

    def eval(self) -> Self:
        """Set this module and all in it to evaluation, in place; see :meth:`train`."""
        return self.train(False)

    def parameters(self) -> list[Tensor]:
        """Leaves as tensors with ``requires_grad=True``, for the define-by-run loop.

        The first call replaces the model's floating-point arrays, in place, by tensors; later
        calls return the same tensors, so model and optimiser share them. An array that occurs
        twice becomes one tensor, listed once. What is frozen (by :func:`freeze`, or by
        ``requires_grad_(False)``) and buffers stay what they are and are not listed.

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
        to_array = lambda x: x.numpy() if isinstance(x, Tensor) else np.array(x)
        copy: Any = trees.map_every(to_array, tree)
        return copy

    def state_dict(self) -> dict[str, Any]:
        """Copies of all arrays by name, frozen ones and buffers too; ``tg.io.save`` writes them.

        Examples
        --------
        >>> from tinygrad_hess import nn
        >>> list(nn.BatchNorm1d(2).state_dict())
        ['weight', 'bias', 'running_mean', 'running_var', 'batches']
        """
        return state_dict(self)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> Unmatched:
        """Give the model other arrays, in place and in the types that it has.

        Returns names that it lacks or does not have, which are an error if ``strict``.

        Raises
        ------
        ValueError
            For such names, and always for shapes and kinds that do not fit: it names all of them,
            and the model is as it was.

        Examples
        --------
        >>> import numpy as np
        >>> from tinygrad_hess import nn
        >>> model = nn.Linear(3, 2)
        >>> model.load_state_dict({"bias": np.ones(2), "scale": np.ones(2)}, strict=False)
        Unmatched(missing=('weight',), unexpected=('scale',))
        >>> model.bias
        array([1., 1.])
        """
        return load_state_dict(self, state_dict, strict)

    def _label(self) -> str:
        """What pictures call it."""
        return type(self).__name__

    def __repr__(self) -> str:
        n = count_parameters(self)
        frozen = sum(_size(node.value) for node in trees.fixed(self) if not node.is_buffer)
        also = f", {frozen:,} frozen" if frozen else ""
        return f"{_show(self)}  # {n:,} parameter{'' if n == 1 else 's'}{also}"


def count_parameters(model: Any) -> int:
    """Number of trained elements in a model (or any pytree); shared leaves count once.

    What is frozen does not count, and buffers do not.

    Examples
    --------
    >>> from tinygrad_hess import nn
    >>> nn.count_parameters(nn.MLP([64, 32, 10]))
    2410
    """
    leaves = {id(x): x for x in trees.leaves(model)}.values()
    return sum(_size(x) for x in leaves if is_array(x))


def _size(x: Any) -> int:
    return 0 if x is None else math.prod(np.shape(x))


def modules(tree: Any) -> Iterator[Module]:
    """All modules in a tree, each before those in it."""
    if isinstance(tree, Module):
        yield tree
        for name in children_of(tree):
            yield from modules(tree.__dict__[name])
    elif isinstance(tree, CONTAINERS):
        for item in trees.leaves(tree, is_leaf=is_module):
            if is_module(item):
                yield from modules(item)


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
        _note(out, self, first)  # all the rest, since the code here is sent with a user's class
        return out

    return with_scope


def _note(out: Any, module: Module, first: int) -> None:
    """What a module gave, that was called at a time of the tape."""
    for y in trees.leaves(out) if isinstance(out, CONTAINERS) else (out,):
        # what is older than the call was passed through, not made here
        if isinstance(y, Tensor) and y.prim is not None and y.time > first:
            made: Any = y
            made._scope = (*getattr(y, "_scope", ()), (module._label(), first, tick()))
    if (watch := watcher.get()) is not None:
        watch(module, out)


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
    if isinstance(a, functools.partial) and type(a) is type(b):  # Python compares their identity
        told = [[p.func, len(p.args), *p.args, *p.keywords, *p.keywords.values()] for p in (a, b)]
        return len(told[0]) == len(told[1]) and all(map(_equal, *told))
    return type(a) is type(b) and bool(a == b)


def children_of(module: Module) -> list[str]:
    """The names of its fields that are children."""
    return _flatten(module)[2]


def _flatten(module: Module) -> tuple[list[Any], _Layout, list[str]]:
    known = module.__dict__.get(CHILD_NAMES, ())
    buffers, frozen = module.__dict__.get(BUFFERS, ()), _frozen_paths(module)
    fields, names, children, static = [], [], [], {}
    for name, value in module.__dict__.items():
        if name in _NOTES:
            continue
        fields.append(name)
        if name in buffers:
            names.append(name)
            children.append(Buffer(value, module, name))
        elif name in known or _contains_leaves(value):
            names.append(name)
            marked = frozen and any(path.startswith(name) for path in frozen)
            children.append(_wrap_frozen(name, value, frozen) if marked else _wrap_static(value))
        else:
            static[name] = value
    for note, marked in ((BUFFERS, buffers), (FROZEN, frozen)):
        if marked:
            fields.append(note)
            static[note] = marked
    return children, _Layout(tuple(fields), static), names


def _frozen_paths(module: Module) -> tuple[str, ...]:
    """Those that are noted, and tensors of which ``requires_grad_(False)`` said so."""
    noted = module.__dict__.get(FROZEN, ())
    more = []
    for name, value in module.__dict__.items():
        if isinstance(value, Tensor):
            if _is_frozen(value):
                more.append(name)
        elif isinstance(value, CONTAINERS) and name not in _NOTES and not _all_modules(value):
            frozen = [isinstance(x, Tensor) and _is_frozen(x) for x in trees.leaves(value)]
            if any(frozen):
                more += [name + p for p, x in zip(trees.paths(value), frozen, strict=True) if x]
    return (*noted, *(path for path in more if path not in noted)) if more else noted


def _is_frozen(x: Tensor) -> bool:
    return getattr(x, "_frozen", False)


def _unflatten(cls: type[Module], layout: _Layout, children: Any) -> Module:
    module = object.__new__(cls)
    supply = iter(children)
    fields = module.__dict__
    for name in layout.fields:
        static = name in layout.static
        fields[name] = layout.static[name] if static else _unwrap_static(next(supply))
    fields[CHILD_NAMES] = tuple(layout.children())
    return module


def is_array(x: Any) -> bool:
    """Whether a value is an array or number that can carry a gradient."""
    return isinstance(x, (np.ndarray, np.inexact, Tensor)) and x.dtype.kind in "fc"


def is_module(x: Any) -> bool:
    return isinstance(x, Module)


def _all_modules(x: Any) -> bool:
    """Whether it is a plain list or tuple of modules: common, and nothing in it is static."""
    return type(x) in (list, tuple) and len(x) > 0 and all(isinstance(item, Module) for item in x)


def _is_transformed(module: Module, value: Any) -> bool:
    """Whether a transform has made this copy of a module, and runs it."""
    if modes.is_tracing():
        return True
    own, new = ([x for x in trees.leaves(t) if isinstance(x, Tensor)] for t in (module, value))
    if any(isinstance(x, Batched) for x in own + new):
        return True
    if any(x.prim is LEAF for x in own):  # define by run: there is one model
        return False
    return any(x.prim is not None for x in own + new)


def _contains_leaves(value: Any) -> bool:
    if is_array(value) or is_module(value) or _all_modules(value):
        return True
    if value is None or isinstance(value, (str, int, float, np.ndarray, Tensor)):
        return False
    found = trees.leaves(value, is_leaf=_is_item)
    return any(is_array(x) or _is_item(x) for x in found if x is not value)


def _wrap_static(value: Any) -> Any:
    """A child field's value, with what is static in its containers wrapped."""
    if not isinstance(value, CONTAINERS) or _all_modules(value):
        return value
    return trees.map(_wrap_if_static, value, is_leaf=_is_item)


def _is_item(x: Any) -> bool:
    """Whether it is a module, or a buffer that stands in a container and stays what it is."""
    return isinstance(x, (Module, trees.Fixed))


def _wrap_frozen(name: str, value: Any, frozen: tuple[str, ...]) -> Any:
    """A child field's value, with what is frozen in it wrapped, and what is static."""
    if not isinstance(value, CONTAINERS):
        return trees.Fixed(_raw(value)) if name in frozen and not is_module(value) else value
    leaves, spec = trees.flatten(value, is_leaf=_is_item, none_is_leaf=True)
    accessors = optree.treespec_accessors(spec)
    return trees.unflatten(
        spec,
        [
            trees.Fixed(_raw(x)) if a.codify(name) in frozen else _wrap_if_static(x)
            for a, x in zip(accessors, leaves, strict=True)
        ],
    )


def _raw(x: Any) -> Any:
    return x.value if type(x) is Tensor and x.prim is None else x


def replace_item(tree: Any, path: str, value: Any) -> Any:
    """A tree of plain containers with another item where a path leads to."""
    leaves, spec = trees.flatten(tree, is_leaf=trees.is_module_or_fixed)
    for i, accessor in enumerate(optree.treespec_accessors(spec)):
        if accessor.codify("") == path:
            leaves[i] = value
    return trees.unflatten(spec, leaves)


def _wrap_if_static(x: Any) -> Any:
    if _is_item(x) or is_array(x):
        return x
    fixed = (str, bytes, int, np.integer, np.bool, np.ndarray, Tensor)
    return _Static(x) if callable(x) or isinstance(x, fixed) else x


def _unwrap_static(value: Any) -> Any:
    if isinstance(value, trees.Fixed):
        return value.value
    if not isinstance(value, CONTAINERS) or _all_modules(value):
        return value
    return trees.map(
        lambda x: x.value if isinstance(x, _Static) or type(x) is trees.Fixed else x,
        value,
        is_leaf=lambda x: isinstance(x, (_Static, Module, trees.Fixed)),
    )


def _to_tensors(module: Module, made: dict[int, tuple[Any, Tensor]]) -> None:
    """Replace the floating arrays of a module by tensors on the tape, each array once."""

    buffers, frozen = module.__dict__.get(BUFFERS, ()), module.__dict__.get(FROZEN, ())

    def convert(path: Any, x: Any) -> Any:
        if path.codify(name) in frozen:
            return x
        if isinstance(x, Module):
            _to_tensors(x, made)
        elif is_array(x) and not isinstance(x, Tensor):
            if id(x) not in made:
                made[id(x)] = (x, Tensor(x, requires_grad=True))  # x is kept, so its id is too
            return made[id(x)][1]
        return x

    for name in children_of(module):
        if name not in buffers:
            value = module.__dict__[name]
            made_of: Any = optree.tree_map_with_accessor(convert, value, is_leaf=is_module)
            module.__dict__[name] = made_of


# ---- how it prints -----------------------------------------------------------------------------


def _show(x: Any, training: bool = True) -> str:
    """``training`` is the mode of what it is in: only another one is shown."""
    if isinstance(x, Module):
        hidden = (*_NOTES, "training") if x.training == training else _NOTES
        fields = ((k, v) for k, v in x.__dict__.items() if k not in hidden)
        buffers = x.__dict__.get(BUFFERS, ())
        marks = dict.fromkeys(buffers, "buffer ") | dict.fromkeys(_frozen_paths(x), "frozen ")
        arrays = lambda k, v: np.asarray(v) if k in buffers and isinstance(v, np.generic) else v
        shown = [f"{k}={marks.get(k, '')}{_show(arrays(k, v), x.training)}" for k, v in fields]
        if "training" not in hidden and x.training:
            shown.append("training=True")
        return _bracketed(f"{type(x).__name__}(", shown, ")")
    if isinstance(x, (np.ndarray, Tensor)):
        return f"{x.dtype}{x.shape}".replace(" ", "")
    if type(x) is list:
        return _bracketed("[", [_show(v, training) for v in x], "]")
    if type(x) is dict:
        return _bracketed("{", [f"{k!r}: {_show(v, training)}" for k, v in x.items()], "}")
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
