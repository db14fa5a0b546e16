"""The way into a replayed program and out of it, as generated Python too.

    reader_of  : (arguments) -> function: arguments of this kind -> list of values, others -> None
    builder_of : (tree)      -> function: values -> tree

Walking a tree of a few arrays costs as much as some products of small matrices. For plain
containers and modules, a straight line of checks does the same at a fraction of that.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import trees

Reader = Callable[[tuple[Any, ...]], "list[Any] | None"]


_TOO_DEEP = (SyntaxError, RecursionError, MemoryError)
"""What Python says of source that is nested too deeply."""


_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, np.ufunc, type)
"""What is known by its identity."""


class _NotPlainError(Exception):
    """A container or leaf that needs the general way."""


def reader_of(args: tuple[Any, ...], scalar: Any, want: Sequence[Any]) -> Reader | None:
    """Generate the reader of calls like this one; None where the general way is needed.

    ``scalar`` is the type that Python floats are given, ``want`` what the general way reads here.
    """
    known: dict[str, Any] = {"ndarray": np.ndarray, "scalar": scalar}
    lines: list[str] = []
    values: list[str] = []

    def require(condition: str) -> None:
        lines.append(f"if not ({condition}):")
        lines.append("    return None")

    def guard(x: Any, name: str) -> None:
        """What is part of the recording must be what it was."""
        if x is None or type(x) in _FUNCTIONS:
            known[f"s{len(known)}"] = x
            require(f"{name} is s{len(known) - 1}")
        elif _is_literal(x):
            kept = f"s{len(known)}"
            known[kept] = x
            require(f"type({name}) is {type(x).__name__} and {name} == {kept}")
            if type(x) is tuple:
                require(f"[*map(type, {name})] == [*map(type, {kept})]")
        else:
            raise _NotPlainError

    def visit(x: Any, name: str) -> None:
        kind = type(x)
        if kind in (list, tuple) or _is_named_tuple(kind):
            known[f"c{len(known)}"] = kind
            require(f"type({name}) is c{len(known) - 1} and len({name}) == {len(x)}")
            if x:
                inner = [f"{name}_{n}" for n in range(len(x))]
                lines.append(f"{', '.join(inner)}, = {name}")
                for item, n in zip(x, inner, strict=True):
                    visit(item, n)
        elif kind is dict:
            keys = [_key(key) for key in x]  # in their order: the function may walk them
            require(f"type({name}) is dict and [*{name}] == [{', '.join(keys)}]")
            for position, key in enumerate(_sorted(x)):
                lines.append(f"{name}_{position} = {name}[{key!r}]")
                visit(x[key], f"{name}_{position}")
        elif kind is np.ndarray:
            known[f"d{len(values)}"] = x.dtype
            require(
                f"type({name}) is ndarray and {name}.dtype is d{len(values)} "
                f"and {name}.shape == {x.shape}"
            )
            values.append(name)
        elif kind is float:
            require(f"type({name}) is float")
            values.append(f"scalar({name})")
        elif isinstance(x, np.generic):
            known[f"k{len(values)}"] = kind
            require(f"type({name}) is k{len(values)}")
            values.append(name)
        elif kind in trees.CHILDREN:
            known[f"c{len(known)}"] = kind
            fields, children = f"{name}_f", trees.CHILDREN[kind](x)
            require(f"type({name}) is c{len(known) - 1}")
            lines.append(f"{fields} = {name}.__dict__")
            require(f"[*{fields}] == {[*x.__dict__]}")
            for position, (field, value) in enumerate(x.__dict__.items()):
                lines.append(f"{name}_{position} = {fields}[{field!r}]")
                (visit if field in children else guard)(value, f"{name}_{position}")
        else:
            guard(x, name)

    try:
        visit(args, "args")
        lines.append(f"return [{', '.join(values)}]")
        read: Reader = _compiled("read", "args", lines, known)
        return read if _agree(read(args), want) else None
    except (_NotPlainError, *_TOO_DEEP):
        return None


def _agree(got: Sequence[Any] | None, want: Sequence[Any]) -> bool:
    return (
        got is not None
        and len(got) == len(want)
        and all(a is b or type(a) is type(b) is not np.ndarray for a, b in zip(got, want))
    )


def builder_of(spec: Any, count: int) -> Callable[[Sequence[Any]], Any] | None:
    """Generate what puts results into their tree; None where the general way is needed."""
    names = [f"y{n}" for n in range(count)]
    known: dict[str, Any] = {}

    def literal(tree: Any) -> str:
        kind = type(tree)
        if kind is str:
            return str(tree)
        if kind is list:
            return f"[{', '.join(map(literal, tree))}]"
        if kind is tuple:
            return f"({''.join(literal(x) + ', ' for x in tree)})"
        if _is_named_tuple(kind):
            known[f"c{len(known)}"] = kind
            name = f"c{len(known) - 1}"
            return f"{name}({', '.join(map(literal, tree))})"
        if kind is dict:
            return "{" + ", ".join(f"{_key(k)}: {literal(v)}" for k, v in tree.items()) + "}"
        if tree is None:
            return "None"
        raise _NotPlainError

    try:
        text = literal(trees.unflatten(spec, names))
        lines = [f"{', '.join(names)}, = results"] if names else []
        return _compiled("build", "results", [*lines, f"return {text}"], known)
    except (_NotPlainError, *_TOO_DEEP):
        return None


def _is_named_tuple(kind: type) -> bool:
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


def _is_literal(x: Any) -> bool:
    """Whether it cannot change in place, and compares by value."""
    if type(x) is tuple:
        return all(type(item) in (bool, int, float, str) for item in x)
    return type(x) in (bool, int, float, str)


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
