"""Which call of a module recorded a node, read off the notes that modules leave on their outputs.

A module's output carries ``_scope``, a tuple of entries ``(name, first, last)``, one for each
module that returned this tensor. Forward nodes recorded in that interval from which the output
was computed belong to that call. Calls nest as their intervals do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..core.tensor import Tensor
from .phases import FORWARD, Sweep


class Scope(NamedTuple):
    """One call of a module: its name, the call around it (-1 for none), and its depth.

    Or a body that is drawn once, with the number of its steps.
    """

    name: str
    outer: int
    depth: int
    steps: int = 1


def scopes(nodes: Sequence[Tensor], phases: Sequence[Sweep]) -> tuple[list[Scope], list[int]]:
    """All calls, outermost first, and the innermost call of each node (-1 for none)."""
    calls: dict[tuple[int, str, int], tuple[int, list[Tensor]]] = {}
    for node in nodes:
        for order, (name, first, last) in enumerate(getattr(node, "_scope", ())):
            # A call with several outputs left a mark on each, with the same first time. Of two
            # calls that began together, the inner one marked first and ended first.
            known_last, outputs = calls.get((first, name, order), (last, []))
            calls[first, name, order] = max(last, known_last), [*outputs, node]
    ordered = sorted(calls.items(), key=lambda call: (call[0][0], -call[1][0], -call[0][2]))
    forward = {n.time: i for i, n in enumerate(nodes) if phases[i] == FORWARD and n.parents}
    found: list[Scope] = []
    inside = [-1] * len(nodes)
    around: list[tuple[int, int]] = []  # (last time, number) of the calls that are open
    for (first, name, _), (last, outputs) in ordered:
        while around and around[-1][0] < last:
            around.pop()
        outer = around[-1][1] if around else -1
        number = len(found)
        found.append(Scope(str(name), outer, found[outer].depth + 1 if outer >= 0 else 1))
        around.append((last, number))
        for time in _ancestors(outputs, first, last):
            if time in forward:
                inside[forward[time]] = number
    return found, inside


def _ancestors(outputs: Sequence[Tensor], first: int, last: int) -> set[int]:
    """Times of the nodes recorded in the interval from which ``outputs`` were computed."""
    seen = {y.time for y in outputs if first <= y.time <= last}
    stack = list(outputs)
    while stack:
        for parent in stack.pop().parents:
            if parent is not None and first <= parent.time <= last and parent.time not in seen:
                seen.add(parent.time)
                stack.append(parent)
    return seen
