"""Which arrays of a model are trained: ``freeze`` and ``unfreeze``, by name or by predicate."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import optree

from ..core import arguments, trees
from ..core.errors import call_of
from ..core.tensor import Tensor
from .fixed import Frozen
from .module import BUFFERS, FROZEN, Module, children_of, is_array, is_module, replace_item

Which = str | Sequence[str] | Callable[[str, Any], bool]


class _Place(NamedTuple):
    """Where an array stands: the module that has it (or None), its path there, its full name."""

    owner: Module | None
    path: str
    name: str
    value: Any


def freeze(model: Any, which: Which | None = None) -> Any:
    """Mark arrays as not trained: they are constants to every transform, optimiser and curvature.

    Parameters
    ----------
    model : Module or pytree
        A module is marked in place, as by ``eval()``, and is returned. Of any other tree a new one
        is made, with :class:`Frozen` in place of the arrays.
    which : str, sequence of str, or callable, optional
        Names as in ``named_parameters()``, of arrays or of whole layers: ``"layers[0].weight"``,
        ``"layers[0]"``; or ``(name, array) -> bool``. Keys of dictionaries may be written like
        attributes, ``"layers.head"`` for ``"layers['head']"``. All arrays without it.

    Raises
    ------
    ValueError
        For a name that no array has.

    See Also
    --------
    unfreeze : train them again.
    Buffer : arrays that a forward pass assigns.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess import nn
    >>> model = nn.freeze(nn.MLP([3, 4, 2]), "layers[0]")
    >>> list(model.named_parameters()), nn.count_parameters(model)
    (['layers[1].weight', 'layers[1].bias'], 10)
    >>> print(tg.grad(lambda m, x: m(x).sum())(model.arrays(), np.ones(3)).layers[0].weight)
    None
    """
    return _marked("freeze", model, which, True)


def unfreeze(model: Any, which: Which | None = None) -> Any:
    """Undo :func:`freeze`, for all frozen arrays or for some; buffers stay what they are.

    Examples
    --------
    >>> from tinygrad_hess import nn
    >>> model = nn.freeze(nn.MLP([3, 4, 2]))
    >>> nn.count_parameters(nn.unfreeze(model, lambda name, array: name.endswith("bias")))
    6
    """
    return _marked("unfreeze", model, which, False)


def _marked(who: str, model: Any, which: Any, frozen: bool) -> Any:
    if not isinstance(model, Module):
        model = trees.map_every(lambda x: x, model)  # new containers
    places = list(_places(model))
    chosen = _chosen(who, which, [(p.name, _value(p.value)) for p in places])
    for place in places:
        if place.name not in chosen:
            continue
        if place.owner is not None:
            _mark(place.owner, place.path, place.value, frozen)
        else:
            value = _value(place.value)
            model = replace_item(model, place.path, Frozen(value) if frozen else value)
    return model


def _mark(owner: Module, path: str, value: Any, frozen: bool) -> None:
    if isinstance(value, Frozen):  # in a container, where it says so itself
        if not frozen:
            field = re.split(r"[.[]", path, maxsplit=1)[0]
            inner = path.removeprefix(field)
            owner.__dict__[field] = replace_item(owner.__dict__[field], inner, value.value)
        return
    marks = [p for p in owner.__dict__.get(FROZEN, ()) if p != path]
    marks += [path] * frozen
    owner.__dict__.pop(FROZEN, None)
    if marks:
        owner.__dict__[FROZEN] = tuple(marks)
    if isinstance(value, Tensor):
        value.requires_grad_(not frozen)


def _value(x: Any) -> Any:
    x = x.value if isinstance(x, Frozen) else x
    return np.asarray(x) if isinstance(x, (float, int)) else x


def dotted(name: str) -> str:
    """A name with the keys of dictionaries read like attributes.

    Examples
    --------
    >>> dotted("layers['head'].weight"), dotted("['w'][0]")
    ('layers.head.weight', 'w[0]')
    """
    return re.sub(r"\['([^']*)'\]", r".\1", name).removeprefix(".")


def _places(tree: Any) -> Iterator[_Place]:
    """All arrays that are trained or frozen, buffers left out."""
    for path, item in _items(tree):
        if is_module(item):
            yield from _places_in(item, path)
        elif is_array(_value(item)):
            yield _Place(None, path, path, item)


def _places_in(module: Module, prefix: str) -> Iterator[_Place]:
    buffers = module.__dict__.get(BUFFERS, ())
    for field in children_of(module):
        if field in buffers:
            continue
        for path, item in _items(module.__dict__[field]):
            name = f"{prefix}.{field}{path}".removeprefix(".")
            if is_module(item):
                yield from _places_in(item, name)
            elif is_array(_value(item)):
                yield _Place(module, field + path, name, item)


def _items(tree: Any) -> Iterator[tuple[str, Any]]:
    """Arrays and modules in plain containers, with how to reach them."""
    stop = trees.is_module_or_fixed
    accessors = optree.tree_accessors(tree, is_leaf=stop)
    for accessor, item in zip(accessors, optree.tree_leaves(tree, is_leaf=stop), strict=True):
        yield accessor.codify(""), item


def _chosen(who: str, which: Any, found: list[tuple[str, Any]]) -> set[str]:
    names = [name for name, _ in found]
    if which is None:
        return set(names)
    if callable(which):
        advice = f"Write {who}(model, lambda name, array: ...)."
        return {
            name
            for name, array in found
            if call_of(f"{who}: which", which, (name, array), {}, advice)
        }
    given = [which] if isinstance(which, str) else which
    arguments.instance(who, "which", given, (list, tuple, set), "a name, or a list of names")
    chosen: set[str] = set()
    for one in given:
        key = dotted(str(one))
        inside = {n for n in names if f"{dotted(n)}.".startswith((f"{key}.", f"{key}["))}
        if not inside:
            layers = [n[: found.start()] for n in names for found in re.finditer(r"[.[]", n)]
            near = difflib.get_close_matches(str(one), names + layers, n=1, cutoff=0) or ["none"]
            raise ValueError(
                f"{who}: no array is called {one!r}; the nearest name is {near[0]!r}. "
                "model.named_parameters() lists them."
            )
        chosen |= inside
    return chosen
