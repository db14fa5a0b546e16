"""The derivative of an operation in a formula and in words, read off its row.

    partials : node, names -> for each operand, a formula of these names

A row's rule is called on tensors, so that it leaves a tape; what ``jit`` makes of it, formulas
spelled out and constants folded, is written as an expression. So a user's own row has formulas too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core import modes
from ..core.composite import Composite
from ..core.primitive import Primitive
from ..core.tape import Tape
from ..core.tensor import Batched, Parts, Tensor, leaf
from ..ops.elementwise.arithmetic import multiply, negative
from ..replay.passes import PASSES
from ..replay.program import Program
from ..replay.record import read
from .labels import inline, params_text

_NEGATIVE: Any = vars(negative)["primitive"]
_MULTIPLY: Any = vars(multiply)["primitive"]

LONGEST = 90
"""Longer formulas say nothing at a glance."""


class Partial(NamedTuple):
    """What a rule says of one operand.

    Attributes
    ----------
    operand : int
        Its number.
    formula : str
        Of an elementwise operation the partial derivative; of others the cotangent of the operand
        from the ``cotangent`` of the result. Empty where there is none to be shown.
    """

    operand: int
    formula: str


def partials(node: Tensor, names: Sequence[str], result: str, cotangent: str) -> list[Partial]:
    """Formulas for those operands of a node that are on the tape.

    Parameters
    ----------
    node : Tensor
        On a tape.
    names : sequence of str
        What its operands are called.
    result, cotangent : str
        What its value is called, and the derivative by it.
    """
    prim: Any = node.prim
    on_tape = [i for i, p in enumerate(node.parents) if p is not None]
    if not isinstance(prim, Primitive) or isinstance(prim, Composite):
        return [Partial(i, "") for i in on_tape]
    elementwise = prim.kind == "elementwise"
    found = _formulas(node, prim, names, result, "1" if elementwise else cotangent, on_tape)
    return [Partial(i, found.get(i, "")) for i in on_tape]


def words(node: Tensor) -> str:
    """The rule in a sentence, by the kind of the operation."""
    prim: Any = node.prim
    if isinstance(prim, Composite) or not isinstance(prim, Primitive):
        return f"{prim.name} brings a derivative of its own."
    return _SENTENCES[prim.kind]


_SENTENCES = {
    "elementwise": "Element by element: the derivative of the result times the partial derivative.",
    "zero": "Piecewise constant: its derivative is zero, so nothing goes back.",
    "linear": "A linear operation: the derivative goes back through its transpose.",
    "bilinear": "Linear in each operand: the derivative of one is made with the other.",
    "variadic": "Linear in all operands: each gets its part of the derivative.",
    "structured": "Its row has a rule of its own.",
}
"""By the kind of a row."""


def _formulas(
    node: Tensor,
    prim: Primitive,
    names: Sequence[str],
    result: str,
    cotangent: str,
    wanted: Sequence[int],
) -> dict[int, str]:
    if isinstance(node.value, Parts) or any(isinstance(a, (Batched, Parts)) for a in node.args):
        return {}
    params = node.params or {}
    with modes.recording(), np.errstate(all="ignore"):
        y = leaf(np.asarray(node.value)[()])
        operands: list[Any] = [
            leaf(np.asarray(arg)[()]) if i in wanted or inline(arg) is None else arg
            for i, arg in enumerate(node.args)
        ]
        symbols = [(result, y)]
        symbols += [(n, x) for n, x in zip(names, operands, strict=True) if isinstance(x, Tensor)]
        g: Any = node.dtype.type(1)
        if cotangent != "1":
            g = leaf(np.ones(np.shape(node.value), node.dtype)[()])
            symbols.append((cotangent, g))
        try:
            rules: Any = prim.vjps or prim.pullback(g, y, tuple(operands), params)  # type: ignore[misc]
            out = {
                i: rules[i](g, y, *operands, **params) if prim.vjps else rules[i]
                for i in wanted
                if rules[i] is not None
            }
        except Exception:  # a rule that needs raw arrays has no formula
            return {}
    formulas = {i: _expression(c, symbols) for i, c in out.items()}
    return {i: f for i, f in formulas.items() if 0 < len(f) <= LONGEST}


def _expression(c: Any, symbols: list[tuple[str, Tensor]]) -> str:
    """What was computed, of the names of what it was computed from."""
    if not isinstance(c, Tensor) or c.prim is None:
        return inline(c) or ""
    symbols = sorted(symbols, key=lambda symbol: symbol[1].time)
    starts = [x for _, x in symbols]
    try:
        program = read(Tape([c], starts), starts, [c], since=starts[0].time)
        for rewrite in PASSES:
            program = rewrite(program)
    except Exception:  # what no program can be made of has no formula
        return ""
    return _written(program, [name for name, _ in symbols])


class _Text(NamedTuple):
    text: str
    atom: bool  # whether it needs no brackets inside another expression

    def inside(self) -> str:
        return self.text if self.atom else f"({self.text})"


def _written(program: Program, names: Sequence[str]) -> str:
    said: dict[int, _Text] = {
        slot: _Text(name, True) for slot, name in zip(program.inputs, names, strict=True)
    }
    for slot, value in program.constants.items():
        number = inline(value)
        said[slot] = _Text(number or _constant(value), number is None or not number.startswith("-"))
    for i in program.instructions:
        operands = [said[a] for a in i.args]
        label = getattr(i.prim, "label", i.name)
        if i.prim is _MULTIPLY and operands[0].text == "-1":
            said[i.out] = _Text(f"-{operands[1].inside()}", False)
        elif i.prim is _NEGATIVE:
            said[i.out] = _Text(f"-{operands[0].inside()}", False)
        elif i.prim is not None and i.prim.product and len(operands) == 2:
            a, b = (
                f"{x.inside()}{'ᵀ' if turned else ''}"
                for x, turned in zip(operands, i.prim.product, strict=True)
            )
            said[i.out] = _Text(f"{a} @ {b}", False)
        elif len(operands) == 2 and not label[0].isalnum():
            said[i.out] = _Text(f"{operands[0].inside()} {label} {operands[1].inside()}", False)
        else:
            options = params_text(i.params)
            inner = ", ".join([*(x.text for x in operands), *([options] if options else [])])
            said[i.out] = _Text(f"{label}({inner})", True)
    return said[program.outputs[0]].text


def _constant(value: Any) -> str:
    value = np.asarray(value)
    if value.size and (value == value.flat[0]).all():
        return inline(value.flat[0]) or "constant"
    return "constant"


def expression(node: Tensor, names: Sequence[str]) -> str:
    """The operation as it is written, of the names of its operands."""
    prim: Any = node.prim
    label = getattr(prim, "label", prim.name)
    options = params_text(node.params)
    if len(names) == 2 and not label[0].isalnum():
        return f"{names[0]} {label} {names[1]}"
    if prim is _NEGATIVE:
        return f"-{names[0]}"
    return f"{label}({', '.join([*names, *([options] if options else [])])})"
