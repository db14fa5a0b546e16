"""Which call of a module recorded a node, read off the notes that modules leave on their outputs.

A module's output carries ``_scope``, a tuple of entries ``(name, first, last)``, one for each
module that returned this tensor. Forward nodes recorded in that interval from which the output
was computed belong to that call. Calls nest as their intervals do.

What a sweep recorded by the rules of these nodes belongs to a scope of its own: the call, in that
sweep. Sweeps note which rules they called where a function is recorded for a picture.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..core.tensor import Tensor
from .phases import FORWARD, Sweep, is_seed


class Scope(NamedTuple):
    """One call of a module: its name, the call around it (-1 for none), and its depth.

    Or a body that is drawn once, with the number of its steps; or what a sweep recorded of another
    scope, the primal, which has a lower number.
    """

    name: str
    outer: int
    depth: int
    steps: int = 1
    primal: int = -1


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
    _add_sweeps(nodes, phases, found, inside)
    return found, inside


def with_primals(nodes: Iterable[Tensor]) -> list[Tensor]:
    """The nodes, with those whose rules their sweeps called, in the order of their recording.

    A gradient need not read what a module gave, as that of a sum does not; but its scope is noted
    there.
    """
    found = {node.time: node for node in nodes}
    stack = list(found.values())
    while stack:
        node = stack.pop()
        for _, primal in _rules(node):
            if primal.time not in found:
                found[primal.time] = primal
                stack.append(primal)
    return [found[time] for time in sorted(found)]


def _rules(node: Tensor) -> Sequence[tuple[int, Tensor]]:
    return getattr(node.params, "rules", None) or () if is_seed(node) else ()


def _add_sweeps(
    nodes: Sequence[Tensor], phases: Sequence[Sweep], found: list[Scope], inside: list[int]
) -> None:
    """Scopes of what each sweep recorded by the rules of nodes that are in one."""
    rules: dict[Sweep, Sequence[tuple[int, Tensor]]] = {}
    number_of = {node.time: i for i, node in enumerate(nodes)}
    made: dict[tuple[Sweep, int], int] = {}

    def scope_of(sweep: Sweep, primal: int) -> int:
        if primal < 0 or (sweep, primal) in made:
            return made.get((sweep, primal), -1)
        outer = scope_of(sweep, found[primal].outer)
        depth = found[outer].depth + 1 if outer >= 0 else 1
        made[sweep, primal] = number = len(found)
        found.append(Scope(sweep.kind, outer, depth, primal=primal))
        return number

    for i, (node, sweep) in enumerate(zip(nodes, phases, strict=True)):
        if is_seed(node):
            rules.setdefault(sweep, _rules(node))
        elif sweep != FORWARD and (begun := rules.get(sweep)):
            last = bisect(begun, node.time, key=lambda rule: rule[0]) - 1
            if last >= 0:
                inside[i] = scope_of(sweep, inside[number_of[begun[last][1].time]])


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
