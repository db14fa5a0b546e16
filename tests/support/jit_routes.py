"""Ways through a replay: limits lowered, so that small programs are cut, blocked and threaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import pytest
from comparing import close
from replayed import arrays

import tinygrad_hess as tg
from tinygrad_hess.core import blas_threads as threads
from tinygrad_hess.replay import compiled as traced
from tinygrad_hess.replay.codegen import cache_blocking as blocking
from tinygrad_hess.replay.codegen import plan as planning
from tinygrad_hess.replay.codegen import writers
from tinygrad_hess.replay.shard import run as sharded
from tinygrad_hess.replay.shard import split as shards
from tinygrad_hess.replay.shard.run import Sharded
from tinygrad_hess.replay.shard.split import Split


@contextmanager
def route(
    count: int = 1, cache: int = 64, large: int = 1, block: int = 64, tall: int = 48
) -> Iterator[None]:
    """Cut whatever can be cut, into pieces of ``cache`` bytes or one for each of ``count`` threads.

    Runs of arrays from ``large`` bytes on are worked off in blocks of ``block`` bytes, and products
    of ``tall`` rows and more are laid out by columns.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traced, "CUT", 0)
        patch.setattr(traced, "SHARED", 0)
        patch.setattr(traced, "WOKEN", 0)
        patch.setattr(sharded, "CACHE", cache)
        patch.setattr(sharded, "ADDITIONS", 1e9)
        patch.setattr(threads, "available", lambda: count)
        patch.setattr(blocking, "LARGE", large)
        patch.setattr(planning, "LARGE", large)
        patch.setattr(blocking, "BLOCK", block)
        patch.setattr(writers, "TALL", tall)
        yield


NEVER = 10**12
ROUTES: dict[str, dict[str, int]] = {
    "one thread, chunks and blocks": {},
    "one thread, chunks": {"large": NEVER, "tall": NEVER},
    "two threads": {"count": 2, "cache": NEVER, "block": 8, "tall": 1},
    "three threads, chunks": {"count": 3, "block": 24, "tall": NEVER},
    "five threads": {"count": 5, "cache": NEVER, "block": 1, "tall": 1},
}
"""Options of :func:`route`."""

MAIN = ("two threads", "three threads, chunks")
PATHS = [pytest.param(p, marks=[] if p in MAIN else pytest.mark.slow) for p in ROUTES]
"""Names of routes, the others in the extended suite alone."""


def along(path: str | None) -> Any:
    """One of the routes by name, or the library as it is."""
    return nullcontext() if path is None else route(**ROUTES[path])


def steady(f: Callable[..., Any], *calls: Sequence[Any], what: str = "", ulps: float = 512) -> None:
    """Each call gives what ``f`` gives, other calls between; results stay, arguments too."""
    jitted, kept = tg.jit(f), []
    with np.errstate(all="ignore"):
        for args in [*calls, *calls]:
            before = [a.copy() for a in arrays(args)]
            got, want = jitted(*args), f(*args)
            close(got, want, ulps=ulps, strict=True, what=what)
            close(
                arrays(args), before, ulps=0, strict=True, what=f"{what}: an input was written to"
            )
            kept.append((got, [y.copy() for y in arrays(got)]))
    for got, copies in kept:
        close(
            arrays(got), copies, ulps=0, strict=True, what=f"{what}: a later call changed results"
        )


def recorded(f: Callable[..., Any], *args: Any) -> Any:
    """The recording that ``jit(f)`` replays: its ``program`` and ``plan``."""
    return tg.jit(f)._traced(args, {})[0]


def every_split(program: Any, least: int = 2) -> Iterator[tuple[str, Split]]:
    """The program cut along each axis of each array that comes in, wherever that leaves shards."""
    shapes = program.shapes()
    for slot in (*program.inputs, *program.constants):
        shape = shapes.get(slot, ((),))[0]
        for axis in range(-len(shape), 0):
            if shape[axis] >= least:
                found = shards._whole_split(program, shapes, {}, slot, axis)
                if found.shard.instructions:
                    yield f"axis {axis} of t{slot} {shape}", found


def every_cut(
    f: Callable[..., Any],
    *points: Sequence[Any],
    counts: Sequence[int] = (1, 2, 3),
    ulps: Any = 512,
) -> int:
    """Run all splits of ``f``'s program on so many threads, at each point twice; how many there are.

    Interpreting the program as it was recorded is what each must agree with.
    """
    found = 0
    whole = recorded(f, *points[0])
    with np.errstate(all="ignore"):
        wanted = [whole.recorded.run(*values) for values in points]
        for where, split in every_split(whole.program):
            found += 1
            for count in counts:
                run: Any = Sharded(split, min(count, split.length)).instance()
                for values, want in [*zip(points, wanted, strict=True)] * 2:
                    close(
                        list(run(*values)),
                        want,
                        ulps=ulps,
                        strict=True,
                        what=f"{where}, {count} threads",
                    )
    return found
