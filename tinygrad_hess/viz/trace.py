"""The tape that is to be drawn: of tensors as they are, or of a function recorded at a point."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core import arguments, modes, trees
from ..core.errors import call_of, describe, misfit_of
from ..core.tensor import Tensor, leaf, unrecorded
from .reading import Given, content


class Leaf(NamedTuple):
    """Where an argument starts the tape."""

    time: int
    argument: int
    value: Any


class Traced(NamedTuple):
    """Outputs by name, what the leaves of their tape are, and arguments that are not on it."""

    roots: list[tuple[str, Tensor]]
    starts: dict[int, Given]
    arrays: dict[Any, str]
    leaves: list[Leaf]


def trace(
    who: str, f_or_tensor: Any, args: tuple[Any, ...], argnums: int | Sequence[int] | None
) -> Traced:
    """Record a function at ``args``, or take the tape of tensors; ``who`` is named in errors."""
    numbers = None if argnums is None else arguments.argument_numbers(who, argnums)[0]
    starts: dict[int, Given] = {}
    arrays: dict[Any, str] = {}
    leaves: list[Leaf] = []
    if callable(f_or_tensor) and not isinstance(f_or_tensor, Tensor):
        if misfit := misfit_of(f_or_tensor, args, {}):
            raise TypeError(f"{who}: {misfit}. Write tg.viz.{who}(f, *arguments of f)")
        f, args, names, what, numbers = _function_and_arguments(who, f_or_tensor, args, numbers)
        out = _record(who, f, list(zip(names, args, strict=True)), numbers, starts, arrays, leaves)
    elif args:
        raise TypeError(
            f"{who}: arguments were given, but {type(f_or_tensor).__name__} is not a function"
        )
    else:
        out, what = f_or_tensor, "the tensor"
    roots = _roots(out)
    if not roots:
        got = ", ".join(describe(x) for x in trees.leaves(out)) or "nothing"
        raise ValueError(
            f"{who}: nothing to draw: {what} gave {got}, which no floating argument was used to "
            "compute. Give tensors with requires_grad=True, or a function and its arguments."
        )
    return Traced(roots, starts, arrays, leaves)


def _function_and_arguments(
    who: str, f: Any, args: tuple[Any, ...], numbers: tuple[int, ...] | None
) -> tuple[Callable[..., Any], tuple[Any, ...], list[str], str, tuple[int, ...] | None]:
    """A function, its arguments and their names; a module becomes its own first argument."""
    leaves = trees.leaves(f)
    for n in numbers or ():
        if not -len(args) <= n < len(args):
            raise ValueError(f"{who}: argnums names argument {n}, but {len(args)} were given")
    if len(leaves) != 1 or leaves[0] is not f:
        what = type(f).__name__
        names = argument_names(f, len(args))
        shifted = None if numbers is None else (0, *(n % len(args) + 1 for n in numbers))
        return (lambda model, *xs: model(*xs)), (f, *args), [what.lower(), *names], what, shifted
    shifted = None if numbers is None else tuple(n % len(args) for n in numbers)
    return f, args, argument_names(f, len(args)), getattr(f, "__name__", "the function"), shifted


def _record(
    who: str,
    f: Callable[..., Any],
    named: list[tuple[str, Any]],
    numbers: tuple[int, ...] | None,
    starts: dict[int, Given],
    arrays: dict[Any, str],
    leaves: list[Leaf],
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
                given_name = x.name if isinstance(x, Tensor) else None
                starts[start.time] = Given(kind, given_name or name + path, numbers is not None)
                leaves.append(Leaf(start.time, i, start.value))
                changed.append(start)
            else:
                if isinstance(x, np.ndarray):
                    arrays.setdefault(content(x), name + path)
                changed.append(x)
        call.append(trees.unflatten(spec, changed))
    with modes.recording(), modes.noting_lines():
        return call_of(who, f, call, {})


def _roots(out: Any) -> list[tuple[str, Tensor]]:
    """Names of the outputs that are on a tape, by their path, and the outputs."""
    pairs = zip(trees.paths(out), trees.leaves(out), strict=True)
    return [
        (f"output{path}", x) for path, x in pairs if isinstance(x, Tensor) and x.prim is not None
    ]


def argument_names(f: Any, count: int) -> list[str]:
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


def title_of(f_or_tensor: Any) -> str:
    """What a page about a function, a module or tensors is called by itself."""
    given = callable(f_or_tensor) and not isinstance(f_or_tensor, Tensor)
    name = getattr(f_or_tensor, "__name__", type(f_or_tensor).__name__) if given else "<lambda>"
    return "Computation graph" if name == "<lambda>" else str(name)


def _is_floating(x: Any) -> bool:
    return isinstance(x, (float, complex)) or getattr(getattr(x, "dtype", None), "kind", "") in (
        "f",
        "c",
    )


def _value(x: Any) -> Any:
    x = unrecorded(x)
    return np.asarray(x)[()] if isinstance(x, (float, complex)) else x
