"""What an operation does along each axis of its operands, as data.

    signature : "(m,n),(n,p)->(m,p)", or (params, shapes, shape) -> Axes

A signature is written as for NumPy's generalised ufuncs: the core axes come last, and every axis in
front of them is a loop axis, along which the operation is done once for each index. Whatever asks
where an axis goes (batching, replay on several cores, sparsity patterns, copies for each example)
reads that, and no part has to know the operation's name.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

Shape = tuple[int, ...]
Label = Any
"""Names an axis. Axes with one label are indexed together."""


class _Core:
    """Equal to nothing else, whatever a row calls its axes."""

    def __repr__(self) -> str:
        return "CORE"


CORE: Label = _Core()
"""The label of an axis that the operation needs as a whole."""


class Axes(NamedTuple):
    """A label for each axis of each operand, and of the result.

    - A label that an operand and the result have: an index of the result along that axis depends on
      that index of the operand alone, and in the same way for each index.
    - A label of operands alone: parts of the operands along it give results that are to be added.
    - A label of the result alone: every index along it is the same function of the operands.
    - ``CORE``: all of the axis is needed for any result.
    - None: an axis of length 1 that is repeated along one of the result.

    Examples
    --------
    >>> parsed("(m,n),(n,p)->(m,p)").axes([(5, 2, 3), (3, 4)], (5, 2, 4), partial="sum")
    Axes(operands=((-1, 'm', 'n'), ('n', 'p')), result=(-1, 'm', 'p'))
    """

    operands: tuple[tuple[Label, ...], ...]
    result: tuple[Label, ...]


Rule = Callable[[dict[str, Any], list[Shape], Shape], Axes]
"""From static parameters, the shapes of the operands, and the result's, to the axes."""


@dataclass(frozen=True)
class Signature:
    """A signature as it was written: the names of core axes."""

    operands: tuple[tuple[str, ...], ...]
    results: tuple[tuple[str, ...], ...]

    @property
    def result(self) -> tuple[str, ...]:
        """Core axes of the result; a bundle of several has none."""
        return self.results[0] if len(self.results) == 1 else ()

    @property
    def ranks(self) -> tuple[int, ...]:
        """The number of core axes of each operand."""
        return tuple(map(len, self.operands))

    def axes(self, shapes: list[Shape], shape: Shape, partial: str | None = None) -> Axes:
        """The axes of operands of these shapes; loop axes broadcast against each other.

        With ``partial="sum"`` the operation is a sum of products: core axes that the result keeps
        are indexed like loop axes, and the others are summed.
        """
        loops = shape[: len(shape) - len(self.result)]
        written = (*self.operands, self.result)
        repeated = {name for names in written for name in names if names.count(name) > 1}

        def core(names: tuple[str, ...]) -> tuple[Label, ...]:
            if partial is None:
                return (CORE,) * len(names)
            return tuple(CORE if name in repeated else name for name in names)

        operands = tuple(
            broadcast_labels(s[: len(s) - len(names)], loops) + core(names)
            for s, names in zip(shapes, self.operands, strict=True)
        )
        return Axes(operands, broadcast_labels(loops, loops) + core(self.result))


@functools.cache
def parsed(text: str) -> Signature:
    """Read a signature.

    Raises
    ------
    ValueError
        When the text is no signature.

    Examples
    --------
    >>> parsed("(n,n),(n)->()").operands
    (('n', 'n'), ('n',))
    """
    group = r"\(\s*(?:\w+\s*(?:,\s*\w+\s*)*)?\)"
    several = rf"\s*{group}\s*(?:,\s*{group}\s*)*"
    if not re.fullmatch(f"{several}->{several}", text):
        raise ValueError(
            f"{text!r} is no signature: write the core axes of each operand and of the result, as "
            'in "(m,n),(n,p)->(m,p)" for a product of matrices or "(n)->()" for a reduction'
        )
    sides = [re.findall(group, side) for side in text.split("->")]
    return Signature(*(tuple(tuple(re.findall(r"\w+", g)) for g in side) for side in sides))


def broadcast_labels(shape: Shape, wide: Shape) -> tuple[Label, ...]:
    """Labels of axes that broadcast to ``wide``: each the number of its axis, from the last."""
    labels = range(-len(shape), 0)
    return tuple(None if n == 1 != wide[k] else k for k, n in zip(labels, shape, strict=True))


# ---- rules that rows share ----------------------------------------------------------------------


def elementwise(params: dict[str, Any], shapes: list[Shape], shape: Shape) -> Axes:
    """Every axis is a loop axis."""
    return Axes(tuple(broadcast_labels(s, shape) for s in shapes), broadcast_labels(shape, shape))


def _named_axes(params: dict[str, Any], rank: int) -> tuple[int, ...]:
    """Axes that a parameter names, as negative numbers."""
    given = params["axis"] if "axis" in params else params["axes"]
    named = (given,) if isinstance(given, int) else tuple(given)
    return tuple(a if a < 0 else a - rank for a in named)


def along_axis(params: dict[str, Any], shapes: list[Shape], shape: Shape) -> Axes:
    """Operands and result have one rank, and the axes that a parameter names are core axes."""
    named = _named_axes(params, len(shape))

    def labels(own: Shape) -> tuple[Label, ...]:
        found = list(broadcast_labels(own, shape))
        for a in named:
            found[a] = CORE
        return tuple(found)

    return Axes(tuple(map(labels, shapes)), labels(shape))


def _reduced(params: dict[str, Any], shapes: list[Shape], shape: Shape, lost: bool) -> Axes:
    (own,) = shapes
    named = _named_axes(params, len(own))
    kept = [k for k in range(-len(own), 0) if k not in named]
    operand = tuple(k if k in kept or lost else CORE for k in range(-len(own), 0))
    if len(shape) == len(own):
        return Axes((operand,), tuple(k if k in kept else None for k in range(-len(own), 0)))
    return Axes((operand,), tuple(kept))


def over_axis(params: dict[str, Any], shapes: list[Shape], shape: Shape) -> Axes:
    """The axes that a parameter names are reduced; each is needed as a whole."""
    return _reduced(params, shapes, shape, lost=False)


def summed_over_axis(params: dict[str, Any], shapes: list[Shape], shape: Shape) -> Axes:
    """The axes that a parameter names are summed."""
    return _reduced(params, shapes, shape, lost=True)


def opaque(shapes: list[Shape], shape: Shape) -> Axes:
    """Nothing is known of any axis."""
    return Axes(tuple((CORE,) * len(s) for s in shapes), (CORE,) * len(shape))


def by_rank(ranks: tuple[int, ...], shapes: list[Shape], shape: Shape) -> Axes:
    """The last ``ranks[i]`` axes of operand i are core axes; all have the same axes before them."""
    if len(ranks) != len(shapes) or any(len(s) < r for s, r in zip(shapes, ranks, strict=True)):
        return opaque(shapes, shape)
    loops = {s[: len(s) - r] for s, r in zip(shapes, ranks, strict=True)}
    lead = next(iter(loops), ())
    if len(loops) != 1 or shape[: len(lead)] != lead:
        return opaque(shapes, shape)
    own = tuple(("loop", k) for k in range(len(lead)))
    operands = tuple(own + (CORE,) * r for r in ranks)
    return Axes(operands, own + (CORE,) * (len(shape) - len(lead)))


def unknown(params: dict[str, Any], shapes: list[Shape], shape: Shape) -> Axes:
    """Nothing is known of any axis."""
    return opaque(shapes, shape)


def last_axes(ranks: Sequence[int], rank: int, shapes: list[Shape], shape: Shape) -> Axes:
    """So many last axes of each operand, and of the result, are core axes; the others broadcast."""
    core = Signature(tuple(("",) * n for n in ranks), (("",) * rank,))
    return core.axes(shapes, shape)


# ---- rows that declare nothing ------------------------------------------------------------------


def by_trial(
    fn: Callable[..., Any], shapes: list[Shape], shape: Shape, is_complex: bool = False
) -> Axes:
    """The axes of a function that is linear in each operand, found by calling it.

    A label is given where the function of parts is the part of the function, or where the functions
    of two parts add up to it, to rounding, for random operands. That decides it for a function
    that is linear in each of them: two such functions that differ do so at almost all operands.
    """
    rng = np.random.default_rng(0)
    whole = [rng.standard_normal(s) for s in shapes]
    if is_complex:  # it may look at one part alone
        whole = [x + 1j * rng.standard_normal(x.shape) for x in whole]
    try:
        value = np.asarray(fn(*whole))
        found = _tried(fn, whole, value, rng) if value.shape == shape and value.any() else None
    except Exception:  # it takes no floating numbers, or no other lengths than these
        found = None
    return found or opaque(shapes, shape)


def _tried(fn: Callable[..., Any], whole: list[Any], value: Any, rng: Any) -> Axes:
    operands: list[list[Label]] = [[CORE] * x.ndim for x in whole]
    result: list[Label] = [CORE] * value.ndim

    def same(chosen: list[int | None], axis: int | None) -> bool:
        n = next(x.shape[k] for x, k in zip(whole, chosen, strict=True) if k is not None)
        order = rng.permutation(n)
        parts = [np.arange(n)[: n // 2], np.arange(n)[n // 2 :], order, order[: -(-n // 2)]]
        try:
            found = [
                fn(*(x if k is None else x.take(p, k) for x, k in zip(whole, chosen, strict=True)))
                for p in (parts if axis is not None else parts[:2])
            ]
            if axis is None:
                found = [found[0] + found[1]]
        except Exception:  # lengths that do not fit each other
            return False
        wanted = [value] if axis is None else [value.take(p, axis) for p in parts]
        return all(
            np.shape(f) == w.shape and np.allclose(f, w, rtol=1e-9, atol=1e-9)
            for f, w in zip(found, wanted, strict=True)
        )

    def free(n: int) -> list[list[int | None]]:
        """Axes of that length without a label, at most one of each operand; more of them first."""
        choices = [
            [*(k for k in range(-x.ndim, 0) if x.shape[k] == n and operands[i][k] is CORE), None]
            for i, x in enumerate(whole)
        ]
        several = [list(c) for c in itertools.product(*choices) if any(k is not None for k in c)]
        return sorted(several, key=lambda c: sum(k is None for k in c))

    label = itertools.count()
    for axis in (*range(-value.ndim, 0), None):
        lengths = {n for x in whole for n in x.shape} if axis is None else {value.shape[axis]}
        for n in sorted(lengths - {0, 1}):
            for chosen in free(n):
                if all(k is None or operands[i][k] is CORE for i, k in enumerate(chosen)) and same(
                    chosen, axis
                ):
                    name = f"axis {next(label)}"
                    for i, k in enumerate(chosen):
                        if k is not None:
                            operands[i][k] = name
                    if axis is not None:
                        result[axis] = name
                        break
    return Axes(tuple(map(tuple, operands)), tuple(result))
