"""A picture with fewer boxes, when there are more than one can read, or an engine lay out.

    repeats : equal steps are drawn once (:mod:`.repeats`)
    modules : each call of a module is one box, the innermost first
    runs    : nodes of one sweep with a single reader there join that reader
    kinds   : all nodes of one sweep with the same operation are one box

But for repeats, each step is tried only when the one before left too many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import replace

from .picture import COMPUTED, SOURCES, Picture, Vertex, tally, targets_of
from .repeats import fold

MANY = 40
"""Pictures of more boxes than this have their repetition drawn once."""


def collapse(
    picture: Picture, max_nodes: int, depth: int | None = None, repeats: bool = True
) -> Picture:
    """The picture itself when it is small enough, else a coarser one.

    Small enough are ``max_nodes`` boxes and twice as many edges. The note of a coarser picture says
    what was done.
    """
    before, note = len(picture.vertices), picture.note
    how = []
    if depth is not None and any(s.depth > depth for s in picture.scopes):
        picture = by_module(picture, depth + 1)
        how.append(f"modules deeper than {depth} collapsed")
    if repeats and len(picture.vertices) > MANY:
        folded = fold(picture)
        if folded is not picture:
            picture = folded
            how.append("equal steps drawn once")
    if _is_large(picture, max_nodes):
        picture, what = _coarser(picture, max_nodes)
        how.append(f"{what} collapsed to stay within max_nodes={max_nodes:,}")
    if how:
        what = f"{before:,} nodes drawn as {len(picture.vertices):,}: {'; '.join(how)}"
        picture.note = f"{note}; {what}" if note else what
    return picture


def _is_large(picture: Picture, max_nodes: int) -> bool:
    return len(picture.vertices) > max_nodes or len(picture.edges) > 2 * max_nodes


def _coarser(picture: Picture, max_nodes: int) -> tuple[Picture, str]:
    """The first coarser picture that is small enough, and what was collapsed for it."""
    coarser = picture
    for depth in range(max((s.depth for s in picture.scopes), default=0), 0, -1):
        coarser = by_module(picture, depth)
        if not _is_large(coarser, max_nodes):
            return coarser, "modules"
    runs = by_run(coarser)
    if not _is_large(runs, max_nodes):
        return runs, "modules and runs of operations" if picture.scopes else "runs of operations"
    kinds = by_kind(coarser)
    if not _is_large(kinds, max_nodes):
        return kinds, "operations of one kind and sweep"
    return by_sweep(coarser), "whole sweeps"


def by_module(picture: Picture, depth: int) -> Picture:
    """Every call of a module at ``depth`` as one box, with all that is inside."""
    scopes = picture.scopes
    at: list[int] = []  # the enclosing call at this depth, or -1
    for number, scope in enumerate(scopes):
        at.append(number if scope.depth == depth else -1 if scope.outer < 0 else at[scope.outer])
    first: dict[int, int] = {}
    block = []
    for i, v in enumerate(picture.vertices):
        call = at[v.scope] if v.scope >= 0 else -1
        block.append(i if call < 0 else first.setdefault(call, i))

    def join(members: Sequence[Vertex]) -> Vertex:
        call = at[members[0].scope]
        ops, sources = tally(members)
        total = ops.total()
        words = [_plural(total, "op")] if total else []
        words += [_plural(n, kind) for kind, n in sources.items()]
        scope = scopes[call]
        last = next((v for v in reversed(members) if v.kind in COMPUTED), members[-1])
        return Vertex(
            "module", scope.name, ", ".join(words), members[0].phase, scope.outer, ops, sources,
            last.value, last.grad, last.tangent,
            tuple(v.key for v in members if v.kind in COMPUTED), last.node,
        )  # fmt: skip

    return picture.merge(block, join)


def by_run(picture: Picture) -> Picture:
    """Runs of nodes as one box each, and sources with the same readers as one."""
    vertices = picture.vertices
    readers = targets_of(picture)
    block = list(range(len(vertices)))
    for i in range(len(vertices) - 1, -1, -1):  # the block of a reader is known by then
        v = vertices[i]
        if v.kind in COMPUTED:
            in_sweep = [
                j
                for j in readers[i]
                if vertices[j].kind in COMPUTED
                and vertices[j].phase == v.phase
                and vertices[j].scope == v.scope
            ]
            if len(in_sweep) == 1 and in_sweep[0] > i:
                block[i] = block[in_sweep[0]]
    return _join_sources(picture.merge(_blocks_by(block), _merge_run))


def _join_sources(picture: Picture) -> Picture:
    """Fold constants into their only reader if that is a group; join the rest by readers."""
    vertices, readers = picture.vertices, targets_of(picture)
    keys: list[Hashable] = []
    for i, v in enumerate(vertices):
        only = next(iter(readers[i])) if len(readers[i]) == 1 else None
        if v.kind == "constant" and only is not None and vertices[only].kind == "group":
            keys.append(only)
        elif v.kind in (*SOURCES, "seed"):
            keys.append((v.kind, v.phase, v.scope, frozenset(readers[i])))
        else:
            keys.append(i)
    return picture.merge(_blocks_by(keys), _merge_run)


def by_kind(picture: Picture) -> Picture:
    """All nodes of one sweep with the same operation as one box; all sources of one kind too."""
    flat = Picture([replace(v, scope=-1) for v in picture.vertices], picture.edges, [])
    return flat.merge(
        _blocks_by([(v.kind, v.phase, _label(v)) for v in flat.vertices]), _merge_alike
    )


def by_sweep(picture: Picture) -> Picture:
    """One box for each sweep, and one for each kind of source."""
    keys = [
        v.phase.kind if v.kind in COMPUTED else (v.kind, v.phase.kind) for v in picture.vertices
    ]
    flat = Picture([replace(v, scope=-1) for v in picture.vertices], picture.edges, [])
    return flat.merge(_blocks_by(keys), _merge_run)


# ---- blocks and their labels --------------------------------------------------------------------


def _blocks_by(keys: Sequence[Hashable]) -> list[int]:
    """Number of the first vertex with the same key."""
    first: dict[Hashable, int] = {}
    return [first.setdefault(key, i) for i, key in enumerate(keys)]


def _label(v: Vertex) -> str:
    return next(iter(v.ops), "") if v.kind == "op" else ""


def _any_computed(members: Sequence[Vertex]) -> bool:
    return any(v.kind in COMPUTED for v in members)


def _merge_run(members: Sequence[Vertex]) -> Vertex:
    """A run of operations with what only it reads, or a bunch of sources."""
    ops, sources = tally(members)
    if not _any_computed(members):
        return _merge_alike(members)
    first = next(v for v in members if v.kind in COMPUTED)
    lines = counts_text(ops), counts_text(sources, plural=True)
    detail = "\n".join(line for line in lines if line)
    return Vertex(
        "group", _plural(ops.total(), "op"), detail, first.phase, first.scope, ops, sources
    )


def _merge_alike(members: Sequence[Vertex]) -> Vertex:
    """Vertices of one kind as one."""
    first = members[0]
    ops, sources = tally(members)
    if first.kind == "op":
        title = f"{_label(first)}  ({ops.total():,})"
    else:
        title = _plural(sources.total(), first.kind)
    return Vertex(first.kind, title, "", first.phase, first.scope, ops, sources)


def _plural(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def counts_text(counts: Counter[str], plural: bool = False, most: int = 4) -> str:
    """The commonest, with their numbers."""
    shown = counts.most_common(most)
    words = [_plural(n, k) if plural else f"{k} ({n:,})" for k, n in shown]
    return ", ".join(words) + (", ..." if len(counts) > most else "")
