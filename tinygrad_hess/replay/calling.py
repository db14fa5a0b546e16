"""The way into a replayed program and out of it, as generated Python too.

    reader_of  : (arguments) -> function: arguments of this kind -> list of values, others -> None
    builder_of : (tree)      -> function: values -> tree

Walking a tree of a few arrays costs as much as some products of small matrices. For plain
containers of arrays and floats, a straight line of checks does the same at a fraction of that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import trees

Reader = Callable[[tuple[Any, ...]], "list[Any] | None"]


_TOO_DEEP = (SyntaxError, RecursionError, MemoryError)
"""What Python says of source that is nested too deeply."""


class _NotPlainError(Exception):
    """A container or leaf that needs the general way."""


def reader_of(args: tuple[Any, ...], scalar: Any) -> Reader | None:
    """Generate the reader of calls like this one; None where the general way is needed.

    ``scalar`` is the type that Python floats are given.
    """
    known: dict[str, Any] = {"ndarray": np.ndarray, "scalar": scalar}
    lines: list[str] = []
    values: list[str] = []

    def visit(x: Any, name: str) -> None:
        kind = type(x)
        if kind in (list, tuple):
            lines.append(f"if type({name}) is not {kind.__name__} or len({name}) != {len(x)}:")
            lines.append("    return None")
            if x:
                inner = [f"{name}_{n}" for n in range(len(x))]
                lines.append(f"{', '.join(inner)}, = {name}")
                for item, n in zip(x, inner, strict=True):
                    visit(item, n)
        elif kind is dict:
            keys = [_key(key) for key in x]  # in their order: the function may walk them
            lines.append(f"if type({name}) is not dict or [*{name}] != [{', '.join(keys)}]:")
            lines.append("    return None")
            for place, key in enumerate(_sorted(x)):
                lines.append(f"{name}_{place} = {name}[{key!r}]")
                visit(x[key], f"{name}_{place}")
        elif kind is np.ndarray:
            known[f"d{len(values)}"] = x.dtype
            lines.append(
                f"if type({name}) is not ndarray or {name}.dtype is not d{len(values)} "
                f"or {name}.shape != {x.shape}:"
            )
            lines.append("    return None")
            values.append(name)
        elif kind is float:
            lines.append(f"if type({name}) is not float:")
            lines.append("    return None")
            values.append(f"scalar({name})")
        elif isinstance(x, np.floating):
            known[f"k{len(values)}"] = kind
            lines.append(f"if type({name}) is not k{len(values)}:")
            lines.append("    return None")
            values.append(name)
        elif x is None:
            lines.append(f"if {name} is not None:")
            lines.append("    return None")
        else:
            raise _NotPlainError

    try:
        visit(args, "args")
        lines.append(f"return [{', '.join(values)}]")
        return _compiled("read", "args", lines, known)
    except (_NotPlainError, *_TOO_DEEP):
        return None


def builder_of(spec: Any, count: int) -> Callable[[Sequence[Any]], Any] | None:
    """Generate what puts results into their tree; None where the general way is needed."""
    names = [f"y{n}" for n in range(count)]
    try:
        text = _literal(trees.unflatten(spec, names))
        lines = [f"{', '.join(names)}, = results"] if names else []
        return _compiled("build", "results", [*lines, f"return {text}"], {})
    except (_NotPlainError, *_TOO_DEEP):
        return None


def _literal(tree: Any) -> str:
    if type(tree) is str:
        return tree
    if type(tree) is list:
        return f"[{', '.join(map(_literal, tree))}]"
    if type(tree) is tuple:
        return f"({''.join(_literal(x) + ', ' for x in tree)})"
    if type(tree) is dict:
        return "{" + ", ".join(f"{_key(k)}: {_literal(v)}" for k, v in tree.items()) + "}"
    if tree is None:
        return "None"
    raise _NotPlainError


def _key(key: Any) -> str:
    if type(key) not in (str, int):
        raise _NotPlainError
    return repr(key)


def _sorted(tree: dict[Any, Any]) -> list[Any]:
    """Keys in the order in which a tree is flattened."""
    for key in tree:
        _key(key)
    if len({type(key) for key in tree}) > 1:
        raise _NotPlainError
    return sorted(tree)


def _compiled(name: str, argument: str, lines: list[str], known: dict[str, Any]) -> Any:
    source = "\n".join([f"def {name}({argument}):", *(f"    {line}" for line in lines)])
    exec(compile(source, f"<jit {name}>", "exec"), known)
    return known[name]
