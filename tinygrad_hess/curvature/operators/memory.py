"""Products within a memory limit: how many examples go on a tape at a time, and what is kept.

in_bytes : "2GB" -> bytes
fit      : operator, bytes -> Plan
"""

from __future__ import annotations

import gc
import re
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import trees
from ...distributed.shards import batch_size, examples
from .batches import Batches

UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}

SAMPLE = 64
"""Examples on which memory is measured, and twice as many."""

VECTORS = 8
"""Vectors of the size of the parameters that are at hand in a product with one."""

MARGIN = 1.25
"""For what is not measured: allocation that is rounded up, fragments."""

ONCE = 2**20
"""Bytes of what is made once: code of plans, and what the library caches."""

RECORDED = 5
"""What a gradient on a tape and the plan of its products take, over one sweep for a product."""

READ = 3
"""Batches of a stream that are there at once: one in use, and the next with what it is made of."""


def in_bytes(who: str, limit: Any) -> int:
    """A number of bytes, or text such as ``"2GB"`` or ``"512MiB"``.

    Examples
    --------
    >>> in_bytes("example", "2GB"), in_bytes("example", "0.5 KiB"), in_bytes("example", 100)
    (2000000000, 512, 100)
    """
    found = re.fullmatch(r"\s*([\d.]+(?:e\+?\d+)?)\s*([a-zA-Z]*)\s*", str(limit))
    try:
        size = float(found[1]) * UNITS[found[2].upper() or "B"] if found else 0.0
    except (ValueError, KeyError):
        size = 0.0
    if isinstance(limit, bool) or not 0 < size < float("inf"):
        raise ValueError(
            f"{who}: memory_limit={limit!r} is not a size; write '2GB', '512MiB', or bytes"
        )
    return int(size)


def shown(size: float) -> str:
    """Bytes as one writes a limit, rounded up.

    Examples
    --------
    >>> shown(1234567), shown(12), shown(2.01e9)
    ('1.3MB', '12B', '2.1GB')
    """
    for unit in ("GB", "MB", "KB"):
        if size >= UNITS[unit]:
            return f"{-(-size * 10 // UNITS[unit]) / 10:g}{unit}"
    return f"{int(-(-size // 1))}B"


def refuse(who: str, what: str, limit: int, least: float, advice: str = "") -> None:
    """Refuse beforehand what does not fit, and name the smallest limit that would do."""
    if least > limit:
        raise ValueError(
            f"{who}: memory_limit={shown(limit)} is too small for {what}. The smallest limit that "
            f"would do is {shown(least)}{advice}"
        )


@dataclass(frozen=True)
class VectorMemory:
    """The share of a limit that is left to estimates, for the vectors that they keep.

    Attributes
    ----------
    limit : int
        The whole of it, in bytes.
    share : int
        Half of what the least of products leaves.
    tape : int
        Bytes that the tape takes which a larger limit would hold.
    """

    limit: int
    share: int
    tape: int = 0

    def columns(self, who: str, size: int, least: int) -> int:
        """Vectors of so many bytes that an estimate may keep; as many again are at work.

        Raises
        ------
        ValueError
            When they are fewer than it needs.
        """
        more = 2 * least * size - self.share
        refuse(
            who, f"the {least} vectors that it keeps", self.limit, self.limit + 2 * more + self.tape
        )
        return self.share // 2 // size


@dataclass(frozen=True)
class Plan:
    """What fits.

    Attributes
    ----------
    piece : int or None
        Examples on a tape at a time; None is whole batches.
    tape_memory : int
        Bytes of tapes to keep.
    vectors : int
        Bytes for what estimates keep.
    """

    piece: int | None
    tape_memory: int
    vectors: int


def fit(
    who: str,
    record: Callable[[Any], Any],
    batches: Batches,
    size: int,
    itemsize: int,
    limit: int,
    *,
    keeps_tapes: bool = True,
    sample: int = SAMPLE,
) -> Plan:
    """Plan passes over some data.

    Parameters
    ----------
    who : str
    record : callable
        Records a batch; what is recorded has ``product`` and ``nbytes``.
    batches : Batches
    size, itemsize : int
        Parameters, and bytes of each.
    limit : int
        Bytes, beside the data that are in memory already.
    keeps_tapes : bool
        Whether what is recorded is worth keeping; else it has buffers for each shape of batches.
    sample : int
        Examples on which memory is measured.

    Raises
    ------
    ValueError
        When not even one example at a time fits.

    Notes
    -----
    What is kept and the peak are measured (:mod:`tracemalloc`) while a product is taken on a few
    examples, and on twice as many: both are linear in their number.
    """
    batch = next(iter(batches))
    beside = fixed(batches, batch, size * itemsize)
    if batch is None:
        _, peak, _ = _measure(record, None, size)
        least = MARGIN * peak + beside
        refuse(who, "a product", limit, least)
        return Plan(None, limit, int((limit - least) / 2))
    n = batch_size(batch, who, 0)
    few, more = max(1, min(sample, n // 2)), max(1, min(2 * sample, n))
    _measure(record, examples(batch, 0, few), size)  # what is made once, for all time
    a = _measure(record, examples(batch, 0, few), size)
    b = _measure(record, examples(batch, 0, more), size)
    kept, each, tape = ((y - x) / max(more - few, 1) for x, y in zip(a, b, strict=True))
    beside += MARGIN * max(a[1] - each * few, 0)
    refuse(
        who, "a product with one example at a time", limit, beside + MARGIN * each,
        "" if batches.holds_data else "; or give smaller batches",
    )  # fmt: skip
    estimates = int((limit - beside - MARGIN * each) / 2)
    left = limit - beside - estimates
    if batches.single and keeps_tapes and MARGIN * each * n <= left:
        return Plan(None, limit, estimates)
    # Half of it is for the piece at work, the rest for tapes that are kept, or another shape.
    piece = max(1, min(n, int(left / 2 / (MARGIN * max(each, 1)))))
    if not keeps_tapes:
        return Plan(piece, 0, estimates)
    left -= MARGIN * each * piece
    tapes = int(left * tape / (MARGIN * max(kept, tape, 1)))
    return Plan(piece, max(tapes, 0), estimates)


def fixed(batches: Batches, batch: Any, vector: int) -> float:
    """Bytes beside tapes: vectors of so many bytes, batches that are read, what is made once."""
    leaves = [] if batches.holds_data else trees.leaves(batch)
    return VECTORS * vector + ONCE + READ * sum(np.asarray(x).nbytes for x in leaves)


def _measure(record: Callable[[Any], Any], batch: Any, size: int) -> tuple[int, int, int]:
    """Bytes that are kept after a product, at its peak, and on the tape."""
    gc.collect()
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        recorded = record(batch)
        recorded.product(np.ones(size))
        kept, peak = tracemalloc.get_traced_memory()
        return kept - before, peak - before, recorded.nbytes
    finally:
        if not tracing:
            tracemalloc.stop()
