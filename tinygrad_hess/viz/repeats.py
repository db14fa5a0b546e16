"""Repetition: operations that recur step by step, as one body that is drawn once.

    fold : picture -> picture     the same when nothing repeats

Loops, equal layers and unrolled recurrences are sequences of operations with a period. They are
found by comparing the sequence with itself, shifted; then each step must also be wired as the last
one is: to the same places of its own step and of earlier ones, or, before there are any, to what
lies outside. Of the bodies inside bodies, the outer are found first.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from .picture import CARRIED, COMPUTED, SOURCES, Edge, Picture, Vertex, tally
from .scopes import Scope

LEAST = 4
"""So many equal steps are a repetition."""

LONGEST = 2000
"""Operations of the longest body that is looked for."""

_ALONE = 4
"""Operations of the shortest body whose steps need not hand anything on."""

_ENDS = (*SOURCES, "output", "seed")

_DEEPEST = 4
"""Bodies inside bodies."""

_COUNT = re.compile(r" \d+(?=$|,)")
"""The number after the name of a module that is called more than once."""


class Repeat(NamedTuple):
    """A body of ``period`` operations, ``steps`` times, from ``first`` on among the operations.

    The ``rest`` after them are like the first ones of a step.
    """

    first: int
    period: int
    steps: int
    rest: int = 0

    @property
    def end(self) -> int:
        return self.first + self.period * self.steps

    def place(self, at: int) -> tuple[int, int] | None:
        """Step, and place in the body, of an operation; None outside."""
        return divmod(at - self.first, self.period) if self.first <= at < self.end else None


def fold(picture: Picture) -> Picture:
    """The picture with each repetition drawn once, in a frame that says how many steps it has."""
    for _ in range(_DEEPEST):
        ops = [i for i, v in enumerate(picture.vertices) if v.kind in COMPUTED]
        found = list(_repeats(picture, ops))
        if not found:
            break
        picture = _folded(picture, ops, found)
    return picture


# ---- finding ------------------------------------------------------------------------------------


def _repeats(picture: Picture, ops: Sequence[int]) -> Iterator[Repeat]:
    """Repetitions that do not overlap, those that save most first."""
    vertices = picture.vertices
    known: dict[Hashable, int] = {}
    keys = [known.setdefault(_key(vertices[i]), len(known)) for i in ops]
    codes = np.array(keys, np.int64)
    wires = _Wires(picture, ops)
    free = np.ones(len(ops), bool)
    for run in sorted(_runs(codes), key=lambda r: (-r.period * (r.steps - 1), r.period, r.first)):
        for repeat in _aligned(picture, ops, run, free, wires):
            steps = wires.equal_steps(repeat)
            if steps is None or (steps.period < _ALONE and not wires.cut(steps, 0)[0]):
                continue
            if free[steps.first : steps.end].all():
                free[steps.first : steps.end] = False
                yield steps
                break


def _key(v: Vertex) -> Hashable:
    return v.kind, v.phase.kind, v.key


def _runs(codes: np.ndarray) -> Iterator[Repeat]:
    """For each period, the longest stretches in which the sequence equals itself, shifted."""
    n = len(codes)
    for period in range(1, min(n // LEAST, LONGEST) + 1):
        least = period * (LEAST - 1)
        every = max(1, least // _SAMPLES)  # a long stretch shows in a few samples
        sampled = _stretches(codes[: n - period : every] == codes[period:n:every])
        if not any(end - begin >= least // every - 1 for begin, end in sampled):
            continue
        for begin, end in _stretches(codes[:-period] == codes[period:]):
            steps, rest = divmod(end - begin + period, period)
            if steps >= LEAST:
                yield Repeat(begin, period, steps, rest)


_SAMPLES = 8


def _stretches(equal: np.ndarray) -> list[tuple[int, int]]:
    """Where it is true without a break: beginnings and ends."""
    turns = np.flatnonzero(np.diff(equal, prepend=False, append=False)).tolist()
    return list(zip(turns[::2], turns[1::2], strict=True))


def _aligned(
    picture: Picture, ops: Sequence[int], run: Repeat, free: np.ndarray, wires: _Wires
) -> Iterator[Repeat]:
    """The run from where its steps begin: where fewest module calls, and fewest values, are cut."""
    while run.steps >= LEAST and not free[run.first]:  # its head is part of another repetition
        run = Repeat(run.first + 1, run.period, run.steps - 1, run.rest)
    if run.steps < LEAST:
        return
    scopes, vertices = picture.scopes, picture.vertices

    def border(shift: int) -> int:
        """Calls that would be cut between two steps, in the middle of the run."""
        at = run.first + (run.steps // 2) * run.period + shift
        a, b = vertices[ops[at - 1]].scope, vertices[ops[at]].scope
        return _depth(scopes, _around(scopes, a, b))

    total = run.steps * run.period + run.rest

    def rank(shift: int) -> tuple[int, ...]:
        handed, is_read = wires.cut(run, shift)
        return border(shift), handed, -((total - shift) // run.period), is_read, shift

    shifts = sorted(range(min(run.period, 64)), key=rank)
    for shift in shifts[:4]:
        yield Repeat(run.first + shift, run.period, (total - shift) // run.period)


class _Wires:
    """What each operation reads, by the numbers of operations; sources are -1."""

    def __init__(self, picture: Picture, ops: Sequence[int]):
        number = {i: n for n, i in enumerate(ops)}
        self.read: list[list[tuple[str, int]]] = [[] for _ in ops]
        for a, b, slot in picture.edges:
            if b in number and slot != CARRIED:
                self.read[number[b]].append((slot, number.get(a, -1)))

    def equal_steps(self, r: Repeat) -> Repeat | None:
        """As many steps as are wired alike, the latest; None for too few."""
        last = r.steps - 1
        model = [self._relative(r, last, j) for j in range(r.period)]
        step = last
        while step > 0 and all(
            self._is_like(self._relative(r, step - 1, j), model[j], step - 1)
            for j in range(r.period)
        ):
            step -= 1
        # What came before the first equal step is "outside" for the steps after it.
        steps = r.steps - step
        if steps < LEAST:
            if r.steps - 1 < LEAST:
                return None
            # the last step alone may differ: what reads the result is not part of it
            return self.equal_steps(r._replace(steps=r.steps - 1)) if step == last else None
        return Repeat(r.first + step * r.period, r.period, steps)

    def cut(self, r: Repeat, shift: int) -> tuple[int, bool]:
        """How many values one step hands to the next, if steps begin at ``shift``, and whether its
        first operation reads one of them: loops begin with what is new in a step."""
        border = r.first + (r.steps // 2) * r.period + shift
        before = range(border - r.period, border)
        after = range(border, min(border + r.period, len(self.read)))
        handed = len({a for b in after for _, a in self.read[b] if a in before})
        return handed, any(a in before for _, a in self.read[border])

    def _relative(self, r: Repeat, step: int, j: int) -> list[tuple[str, int, int]]:
        out = []
        for slot, a in self.read[r.first + step * r.period + j]:
            place = r.place(a) if a >= 0 else None
            out.append((slot, step - place[0], place[1]) if place else (slot, -1, -1))
        return sorted(out)

    @staticmethod
    def _is_like(
        found: list[tuple[str, int, int]], model: list[tuple[str, int, int]], step: int
    ) -> bool:
        if len(found) != len(model):
            return False
        inside = [w for w in model if 0 <= w[1] <= step]
        beyond = len(model) - len(inside)
        return [w for w in found if w[1] >= 0] == inside and beyond == sum(w[1] < 0 for w in found)


# ---- drawing once -------------------------------------------------------------------------------


def _folded(picture: Picture, ops: Sequence[int], repeats: Sequence[Repeat]) -> Picture:
    vertices = picture.vertices
    step_of: dict[int, tuple[int, int]] = {}  # repetition and step of each operation in one
    block = list(range(len(vertices)))
    for number, r in enumerate(repeats):
        for at in range(r.first, r.end):
            step, j = divmod(at - r.first, r.period)
            step_of[ops[at]] = number, step
            block[ops[at]] = ops[r.first + j]
    _join_sources(picture, step_of, block)
    scopes, scope_of = _framed(picture, ops, repeats)
    merged = picture.merge(block, _one_of, keep_slots=True)
    place = {b: n for n, b in enumerate(dict.fromkeys(block))}
    carried: dict[Edge, None] = {}
    between = set()  # edges inside one step, or from outside
    for a, b, slot in picture.edges:
        edge = place[block[a]], place[block[b]]
        (p, p_step), (q, q_step) = step_of.get(a, (-1, 0)), step_of.get(b, (-1, 0))
        if slot == CARRIED or (p == q and p_step != q_step):
            carried[(*edge, CARRIED)] = None
        else:
            between.add((*edge, slot))
    edges = [e for e in merged.edges if e in between]
    beside: dict[int, int] = {}  # sources of one step alone that stand beside their reader stay so
    sizes = Counter(block)
    for a, b, _ in picture.edges:
        own = vertices[a].kind in SOURCES and sizes[block[a]] > 1
        if own and b in step_of and vertices[a].scope == vertices[b].scope:
            beside[block[a]] = scope_of[block[b]]
    for i, n in place.items():
        merged.vertices[n] = replace(merged.vertices[n], scope=beside.get(i, scope_of[i]))
    return Picture(merged.vertices, [*edges, *carried], scopes, picture.note)


def _join_sources(picture: Picture, step_of: dict[int, tuple[int, int]], block: list[int]) -> None:
    """Sources that one step alone reads are one with those in their place in other steps; outputs
    that they compute too."""
    reads: dict[int, list[tuple[int, str]]] = {}
    for a, b, slot in picture.edges:
        if picture.vertices[a].kind in (*SOURCES, "seed"):
            reads.setdefault(a, []).append((b, slot))
        if picture.vertices[b].kind == "output":
            reads.setdefault(b, []).append((a, slot))
    first: dict[Hashable, int] = {}
    for a, targets in sorted(reads.items()):
        steps = {step_of.get(b) for b, _ in targets}
        # a gradient reads a parameter in the forward step and in the reverse step of its own
        if None not in steps and len({s[0] for s in steps if s}) == len(steps):
            v = picture.vertices[a]
            where = frozenset((block[b], slot) for b, slot in targets)
            block[a] = first.setdefault((v.kind, v.phase.kind, where), a)


def _one_of(members: Sequence[Vertex]) -> Vertex:
    """Equal steps as one vertex: the last, which knows the first."""
    first, last = members[0], members[-1]
    ops, sources = tally(members)
    title = last.title
    if first.kind in _ENDS:
        title = f"{sources.total():,} {first.kind}s"
        named = first.kind != "constant"
        detail = f"{first.title} … {last.title}\n{last.detail}" if named else last.detail
    else:
        title = title if title == first.title else f"{_start(first)} … {title}"
        detail = last.detail
        if detail != first.detail:
            detail = _span(first.detail, last.detail)
    return replace(
        last, title=title, detail=detail, phase=first.phase, scope=first.scope,
        ops=ops, sources=sources if first.kind in _ENDS else last.sources,
        first=first.first or first,
    )  # fmt: skip


def _start(v: Vertex) -> str:
    return (v.first or v).title


def _span(first: str, last: str) -> str:
    """Lines of the first step and the last, where they differ."""
    a, b = first.split("\n"), last.split("\n")
    if len(a) != len(b):
        return last
    return "\n".join(x if x == y else f"{x} … {y}" for x, y in zip(a, b, strict=True))


# ---- frames -------------------------------------------------------------------------------------


def _framed(
    picture: Picture, ops: Sequence[int], repeats: Sequence[Repeat]
) -> tuple[list[Scope], dict[int, int]]:
    """Scopes with a frame around each body, and the scope of each vertex (as numbered now)."""
    vertices, scopes = picture.vertices, list(picture.scopes)
    frame: dict[int, int] = {}  # by vertex of a first step that stands directly in the frame
    renamed: dict[int, str] = {}
    for r in repeats:
        members = [ops[at] for at in range(r.first, r.end)]
        outer = vertices[members[0]].scope
        for i in members:
            outer = _around(scopes, outer, vertices[i].scope)
        body = members[: r.period]
        differing = set()  # calls of modules of their own in each step
        for i, j in zip(body, members[-r.period :], strict=True):
            a, b = vertices[i].scope, vertices[j].scope
            while outer not in (a, b) and min(a, b) >= 0:
                if _COUNT.sub("", scopes[a].name) != _COUNT.sub("", scopes[b].name):
                    differing.add(a)
                if scopes[a].name != scopes[b].name:
                    renamed[a] = f"{scopes[a].name} … {scopes[b].name}"
                a, b = scopes[a].outer, scopes[b].outer
        inside = [_child_of(scopes, vertices[i].scope, outer) for i in body]
        called = {c for c in inside if c >= 0}
        layers = len(called) == 1 and -1 not in inside and called & differing
        word = "layers" if layers else "steps"
        scopes.append(
            Scope(f"{r.steps:,} {word} × this body", outer, 1 + _depth(scopes, outer), r.steps)
        )
        number = len(scopes) - 1
        for i, child in zip(body, inside, strict=True):
            if child < 0:
                frame[i] = number
            else:
                scopes[child] = scopes[child]._replace(outer=number)
    for scope, name in renamed.items():
        scopes[scope] = scopes[scope]._replace(name=name)
    return _sorted_scopes(vertices, scopes, frame)


def _sorted_scopes(
    vertices: Sequence[Vertex], scopes: list[Scope], frame: dict[int, int]
) -> tuple[list[Scope], dict[int, int]]:
    """Outer scopes before inner ones again, with their depths."""
    depth = [0] * len(scopes)
    for n in range(len(scopes)):
        at, steps = n, 0
        while at >= 0:
            at, steps = scopes[at].outer, steps + 1
        depth[n] = steps
    order = sorted(range(len(scopes)), key=lambda n: (depth[n], n))
    new = {-1: -1} | {old: n for n, old in enumerate(order)}
    out = [scopes[n]._replace(outer=new[scopes[n].outer], depth=depth[n]) for n in order]
    return out, {i: new[frame.get(i, v.scope)] for i, v in enumerate(vertices)}


def _depth(scopes: Sequence[Scope], scope: int) -> int:
    return scopes[scope].depth if scope >= 0 else 0


def _around(scopes: Sequence[Scope], a: int, b: int) -> int:
    """The innermost scope that holds both; -1 for none."""
    while a != b:
        if a < 0 or b < 0:
            return -1
        if scopes[a].depth >= scopes[b].depth:
            a = scopes[a].outer
        else:
            b = scopes[b].outer
    return a


def _child_of(scopes: Sequence[Scope], scope: int, outer: int) -> int:
    """Of the scopes from ``scope`` outwards, the one that stands directly in ``outer``."""
    while scope >= 0 and scope != outer:
        if scopes[scope].outer == outer:
            return scope
        scope = scopes[scope].outer
    return -1
