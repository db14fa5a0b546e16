"""``graph``: the computation graph of a tensor, or of a function at a point."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import graphviz
import numpy as np

from ..core import arguments, modes, trees
from ..core.errors import call_of, describe, misfit_of
from ..core.tensor import Tensor, leaf, unrecorded
from .collapse import collapse
from .drawing import draw
from .reading import Given, content, read


def graph(
    f_or_tensor: Any,
    *args: Any,
    argnums: int | Sequence[int] | None = None,
    max_nodes: int = 300,
    constants: bool = True,
    legend: bool = True,
    rankdir: str = "TB",
    title: str = "",
) -> graphviz.Digraph:
    """Draw the tape of a tensor, or of a function recorded at ``args``.

    Each operation is a box with its shape and type. Colours distinguish forward, reverse and
    tangent parts, so the graph of a gradient or of a Hessian-vector product can be read; modules
    of :mod:`tinygrad_hess.nn` are frames around what they recorded.

    Parameters
    ----------
    f_or_tensor : callable, module, tensor or pytree of tensors
        A function is recorded at ``args``. A module is recorded with its own arrays as
        parameters. Tensors are drawn back to their leaves.
    *args : pytrees
        Where to record the function. Floating arrays in them are put on the tape, all others are
        passed as they are.
    argnums : int or sequence of int, optional
        Which arguments are parameters; other arguments are inputs, and are not put on the tape.
        By default all arguments are put on the tape, and all but the first count as inputs.
    max_nodes : int
        Above this number of boxes, modules are collapsed to one box each, then runs of
        operations, then all operations of one kind; a note in the picture says so.
    constants : bool
        Draw arrays that are neither parameters nor inputs. Numbers are always written in the
        operation that uses them.
    legend : bool
        Add the key of colours.
    rankdir : {"TB", "LR", "BT", "RL"}
        Direction of the edges: downwards, or to the right, ...
    title : str
        A line above the picture.

    Returns
    -------
    graphviz.Digraph
        Its ``source`` is the same on every run. :func:`render` writes it as a picture.

    Raises
    ------
    ValueError
        When nothing was recorded, or an option is not one of those above.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> picture = tg.viz.graph(lambda x: np.tanh(2 * x).sum(), np.ones(3))
    >>> [line for line in picture.source.splitlines() if "->" in line and "n0" in line]
    ['\\tn0 -> n1 [color="#9A9A9A"]']
    """
    arguments.choice("graph", "rankdir", rankdir, ("TB", "LR", "BT", "RL"))
    arguments.integer("graph", "max_nodes", max_nodes, least=1)
    arguments.instance("graph", "title", title, str, "text")
    numbers = None if argnums is None else arguments.argument_numbers("graph", argnums)[0]
    starts: dict[int, Given] = {}
    arrays: dict[Any, str] = {}
    if callable(f_or_tensor) and not isinstance(f_or_tensor, Tensor):
        if misfit := misfit_of(f_or_tensor, args, {}):
            raise TypeError(f"graph: {misfit}. Write tg.viz.graph(f, *arguments of f)")
        f, args, names, who, numbers = _function_and_arguments(f_or_tensor, args, numbers)
        out = _record(f, list(zip(names, args, strict=True)), numbers, starts, arrays)
    elif args:
        raise TypeError(
            f"graph: arguments were given, but {type(f_or_tensor).__name__} is not a function"
        )
    else:
        out, who = f_or_tensor, "the tensor"
    roots = _roots(out)
    if not roots:
        got = ", ".join(describe(x) for x in trees.leaves(out)) or "nothing"
        raise ValueError(
            f"graph: nothing to draw: {who} gave {got}, which no floating argument was used to "
            "compute. Give tensors with requires_grad=True, or a function and its arguments."
        )
    picture = collapse(read(roots, starts, arrays, constants), max_nodes)
    return draw(picture, title, rankdir, legend)


def _function_and_arguments(
    f: Any, args: tuple[Any, ...], numbers: tuple[int, ...] | None
) -> tuple[Callable[..., Any], tuple[Any, ...], list[str], str, tuple[int, ...] | None]:
    """A function, its arguments and their names; a module becomes its own first argument."""
    leaves = trees.leaves(f)
    for n in numbers or ():
        if not -len(args) <= n < len(args):
            raise ValueError(f"graph: argnums names argument {n}, but {len(args)} were given")
    if len(leaves) != 1 or leaves[0] is not f:
        who = type(f).__name__
        names = _argument_names(f, len(args))
        shifted = None if numbers is None else (0, *(n % len(args) + 1 for n in numbers))
        return (lambda model, *xs: model(*xs)), (f, *args), [who.lower(), *names], who, shifted
    shifted = None if numbers is None else tuple(n % len(args) for n in numbers)
    return f, args, _argument_names(f, len(args)), getattr(f, "__name__", "the function"), shifted


def _record(
    f: Callable[..., Any],
    named: list[tuple[str, Any]],
    numbers: tuple[int, ...] | None,
    starts: dict[int, Given],
    arrays: dict[Any, str],
) -> Any:
    """Run ``f`` on a tape that starts at its arguments; note what each start is."""
    call = []
    for i, (name, arg) in enumerate(named):
        given, spec = trees.flatten(arg)
        changed = []
        for x, path in zip(given, trees.paths(arg), strict=True):
            if _is_floating(x) and (numbers is None or i in numbers):
                start = leaf(_value(x))
                kind = "parameter" if numbers is not None or i == 0 else "input"
                starts[start.time] = Given(kind, name + path)
                changed.append(start)
            else:
                if isinstance(x, np.ndarray):
                    arrays.setdefault(content(x), name + path)
                changed.append(x)
        call.append(trees.unflatten(spec, changed))
    with modes.recording():
        return call_of("graph", f, call, {})


def _roots(out: Any) -> list[tuple[str, Tensor]]:
    """Names of the outputs that are on a tape, by their path, and the outputs."""
    pairs = zip(trees.paths(out), trees.leaves(out), strict=True)
    return [
        (f"output{path}", x) for path, x in pairs if isinstance(x, Tensor) and x.prim is not None
    ]


def _argument_names(f: Any, count: int) -> list[str]:
    """Names of the first ``count`` positional arguments, as in the signature."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):  # a built-in or a ufunc
        parameters = []
    names: list[str] = []
    for p in parameters:
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            names.append(p.name)
        elif p.kind == p.VAR_POSITIONAL:
            names += [f"{p.name}[{i}]" for i in range(count - len(names))]
    names += [f"x{i}" for i in range(len(names), count)]
    return names[:count]


def _is_floating(x: Any) -> bool:
    return isinstance(x, (float, complex)) or getattr(getattr(x, "dtype", None), "kind", "") in (
        "f",
        "c",
    )


def _value(x: Any) -> Any:
    x = unrecorded(x)
    return np.asarray(x)[()] if isinstance(x, (float, complex)) else x
