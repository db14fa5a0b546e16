"""One drawn call: a right one with arguments replaced, dropped or added, in a context.

A call is determined by the seed and its number, so that ``fuzz_run.py --seed S --call I`` repeats it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field, is_dataclass
from typing import Any
from zlib import crc32

import numpy as np
from fuzz_malformed import malformed, written
from fuzz_right_calls import copied, right_calls
from fuzz_targets import Target, targets

import tinygrad_hess as tg

CONTEXTS = ("plain", "plain", "recorded", "vmap", "jit")
Path = tuple[Any, ...]


@dataclass
class Drawn:
    """A target, its arguments, what replaced right ones, and the context of the call."""

    target: Target
    args: list[Any]
    kwargs: dict[str, Any]
    context: str
    malformed: int = 0
    words: dict[Path, str] = field(default_factory=dict)
    at: Path | None = None
    """Where the array is that is recorded, batched or jitted."""

    def __str__(self) -> str:
        own = self.args[1:] if self.target.kind != "function" else self.args
        first = len(self.args) - len(own)
        given = [self._written(a, (0, i + first)) for i, a in enumerate(own)]
        given += [f"{k}={self._written(v, (1, k))}" for k, v in self.kwargs.items()]
        name = self.target.name
        if self.target.kind != "function":
            on = self._written(self.args[0], (0, 0)) if self.args else ""
            name = f"{on}.{self.target.last}" if on.startswith("tg.") else name
        text = name if self.target.kind == "property" else f"{name}({', '.join(given)})"
        return (
            text if self.context == "plain" else f"{text}  # {self.context}, in argument {self.at}"
        )

    def _written(self, x: Any, path: Path) -> str:
        inner = [(p[2:], w) for p, w in self.words.items() if p[:2] == path]
        if not inner:
            return written(x)
        rest, word = inner[-1]
        return word if not rest else f"{written(x)} with {list(rest)}: {word}"

    def fresh(self, x: Any = None) -> tuple[list[Any], dict[str, Any]]:
        """Arguments of their own, with ``x`` at ``at`` if given."""
        args, kwargs = copied(self.args), copied(self.kwargs)
        if x is not None and self.at is not None:
            args, kwargs = replaced([args, kwargs], self.at, x)
        return args, kwargs

    def __call__(self, x: Any = None) -> Any:
        args, kwargs = self.fresh(x)
        return self.target.call(*args, **kwargs)


def replaced(tree: Any, path: Path, x: Any) -> Any:
    """``tree`` with ``x`` at ``path``."""
    if not path:
        return x
    if isinstance(tree, dict):
        return {k: replaced(v, path[1:], x) if k == path[0] else v for k, v in tree.items()}
    return type(tree)(replaced(v, path[1:], x) if i == path[0] else v for i, v in enumerate(tree))


def places(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """All of nested lists, tuples and dicts, the containers themselves first."""
    yield path, tree
    if type(tree) in (list, tuple):
        for i, x in enumerate(tree):
            yield from places(x, (*path, i))
    elif type(tree) is dict:
        for k, x in tree.items():
            yield from places(x, (*path, k))


def is_moving(x: Any) -> bool:
    """Whether a derivative can be taken with respect to ``x``."""
    if isinstance(x, tg.Tensor):
        return type(x) is tg.Tensor and x.prim is None and is_moving(x.value)
    if type(x) is np.ndarray:
        return x.dtype.kind == "f" and 0 < x.size < 3000
    return type(x) is float


@functools.cache
def order(seed: int) -> tuple[Target, ...]:
    """All targets, mixed; a new name changes neither the order nor the calls of the others."""
    return tuple(sorted(targets(), key=lambda t: crc32(f"{seed} {t.name}".encode())))


def draw(seed: int, number: int) -> Drawn:
    """The call of this number."""
    every = order(seed)
    target = every[number % len(every)]
    rng = np.random.default_rng([seed, number // len(every), crc32(target.name.encode())])
    known = right_calls().get(target.name) or [((), {})]
    args, kwargs = known[rng.integers(len(known))]
    call = Drawn(target, list(copied(args)), dict(copied(kwargs)), "plain")
    change = rng.random()
    if change < 0.76:
        for _ in range(1 if change < 0.64 else 2):
            replace(call, rng)
    elif change < 0.88:
        drop_or_add(call, rng)
    found = [p for p, x in places([call.args, call.kwargs]) if is_moving(x)]
    context = CONTEXTS[rng.integers(len(CONTEXTS))]
    if found and context != "plain":
        call.context, call.at = context, found[rng.integers(len(found))]
    return call


def replace(call: Drawn, rng: np.random.Generator) -> None:
    """Put something malformed in the place of an argument, or of an element of one."""
    first = int(call.target.kind != "function")
    slots: list[Path] = [(0, i) for i in range(first, len(call.args))]
    slots += [(1, k) for k in call.kwargs]
    slots += [(1, p) for p in optional(call) if p not in call.kwargs]
    if not slots:
        return
    path = slots[rng.integers(len(slots))]
    before = call.args[path[1]] if path[0] == 0 else call.kwargs.get(path[1])
    if type(before) in (list, tuple, dict) and before and rng.random() < 0.4:
        inner = [(p, x) for p, x in places(before) if p]
        rest, before = inner[rng.integers(len(inner))]
        path = (*path, *rest)
    word, value = malformed(rng, before)
    if path[0] == 1 and len(path) == 2:
        call.kwargs[path[1]] = value
    else:
        call.args, call.kwargs = replaced([call.args, call.kwargs], path, value)
    call.words[path] = word
    call.malformed += 1


def optional(call: Drawn) -> list[str]:
    """Parameters with a default that the call does not give by position."""
    try:
        given = [*inspect.signature(call.target.call).parameters.values()]
    except (TypeError, ValueError):
        return []
    return [
        p.name
        for i, p in enumerate(given)
        if p.default is not p.empty
        and (
            p.kind == p.KEYWORD_ONLY or (p.kind == p.POSITIONAL_OR_KEYWORD and i >= len(call.args))
        )
    ]


def drop_or_add(call: Drawn, rng: np.random.Generator) -> None:
    """An argument too few, one too many, or a keyword that does not exist."""
    if call.target.kind == "property":
        return
    way = rng.integers(3)
    if way == 0 and len(call.args) > int(call.target.kind == "method"):
        call.args.pop()
    elif way == 1:
        word, value = malformed(rng, None)
        call.words[(0, len(call.args))] = word
        call.args.append(value)
    else:
        call.kwargs["no_such_keyword"] = 1
    call.malformed += 1


# ---- what comes of a call -----------------------------------------------------------------------


def leaves(x: Any, depth: int = 0) -> Iterator[Any]:
    """Arrays, tensors and numbers in a result."""
    if isinstance(x, (np.ndarray, np.generic, tg.Tensor, int, float, complex)):
        yield x
    elif depth < 4 and isinstance(x, (list, tuple)):
        for e in x:
            yield from leaves(e, depth + 1)
    elif depth < 4 and isinstance(x, dict):
        for e in x.values():
            yield from leaves(e, depth + 1)
    elif depth < 4 and is_dataclass(x) and not isinstance(x, type):
        for name in x.__dataclass_fields__:
            yield from leaves(getattr(x, name, None), depth + 1)


def array(x: Any) -> Any:
    return np.asarray(x.detach().numpy() if isinstance(x, tg.Tensor) else x)


def is_floating(x: Any) -> bool:
    return (
        isinstance(x, (float, complex)) or getattr(getattr(x, "dtype", None), "kind", "-") in "fc"
    )


def weighed(parts: list[Any]) -> Any:
    """A scalar of several results, in which every element has a weight of its own."""
    total: Any = 0.0
    for x in parts:
        w = 1.0 + 0.5 * np.cos(np.arange(np.size(array(x)))).reshape(np.shape(array(x)))
        y = tg.numpy.real(x) if array(x).dtype.kind == "c" else x
        total = total + (y * w).sum()
    return total


def start(call: Drawn) -> Any:
    """The array that is recorded, batched or jitted."""
    tree: Any = [call.args, call.kwargs]
    for key in call.at or ():
        tree = tree[key]
    return array(tree)
