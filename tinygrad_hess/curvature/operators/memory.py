"""Products within a memory limit: how many examples go on a tape at a time, and what is kept.

in_bytes : "2GB" -> bytes
fit      : trials of products, data, bytes -> Plan
"""

from __future__ import annotations

import gc
import math
import re
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ...distributed.shards import examples
from ...replay.loops import forget_plans
from .batches import Batches, nbytes

UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}

SAMPLE = 128
"""Examples on which memory is measured, at most."""

STEP = 8
"""Times as many examples in a trial as in the one before, at most."""

MARGIN = 1.25
"""Of what an example takes, for sizes that were not tried."""

NAMED = 1.1
"""Of what was measured, in the limit that a refusal names."""

ONCE = 2**20
"""Bytes of what is made once, and of lists with an item for each piece."""

RECORDED = 2
"""What a gradient on a tape and its products take, over one sweep for a product."""

CODE = 13
"""Times the memory of a program's objects that it takes to plan it, at most."""

SWEPT = 3
"""Vectors of the size of the parameters that are at hand while such objects are made."""

RECORDING = 4
"""Times that it takes to record a piece and to sweep over it, over replaying a program on it; and
memory of an example in a program's buffers, over that on one tape, at most."""

VECTORS = 14
"""Vectors of the size of the parameters that are at hand in a product, its checks included."""

AT_WORK = 4
"""Times a block of vectors that a product with it takes: it, its products, and their sum."""

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
        raise too_small(who, what, limit, least, advice)


def too_small(who: str, what: str, limit: int, least: float, advice: str = "") -> ValueError:
    """The error for a limit."""
    return ValueError(
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

    def width(self, size: int) -> int:
        """Vectors of so many bytes that are multiplied at a time."""
        return max(1, self.share // AT_WORK // size)


@dataclass(frozen=True)
class Plan:
    """What fits.

    Attributes
    ----------
    piece : int or None
        Examples on a tape at a time; None is whole batches.
    vectors : int
        Bytes for what estimates keep.
    tape_memory : int
        Bytes of tapes to keep.
    planned : bool
        Whether all batches replay one program.
    budget : float or None
        Bytes of a sweep that computes values again.
    tape : int
        Bytes of the tape that a larger limit would hold.
    """

    piece: int | None
    vectors: int
    tape_memory: int = 0
    planned: bool = False
    budget: float | None = None
    tape: int = 0


@dataclass(frozen=True)
class Taken:
    """Bytes that products took: at most, what is kept afterwards, and of that on tapes."""

    peak: float
    kept: float
    tape: float


@dataclass(frozen=True)
class Shapes:
    """What one sweep for a product records.

    Attributes
    ----------
    whole, least : int
        Bytes of a sweep, and of one in as many segments as there may be.
    peak : int
        Bytes that it took to find that out: of a program, whose operations are objects.
    """

    whole: int
    least: int
    peak: int


class Trials(Protocol):
    """What :func:`fit` asks of an operator."""

    vector: int
    """Bytes of a vector of the size of the parameters."""

    def shapes(self, batch: Any) -> Shapes | None:
        """What a product with a batch records; None where that is not known beforehand."""

    def __call__(self, data: Any, planned: bool = False) -> Taken | None:
        """What first products take; None where all batches cannot replay one program."""


class Traced:
    """Measures memory inside the block, from its beginning on (:mod:`tracemalloc`)."""

    def __enter__(self) -> Traced:
        gc.collect()
        self._tracing = tracemalloc.is_tracing()
        if not self._tracing:
            tracemalloc.start()
        self._before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        return self

    def __exit__(self, *_: Any) -> None:
        forget_plans()
        if not self._tracing:
            tracemalloc.stop()

    @property
    def peak(self) -> int:
        """Bytes at most, since the block began or :meth:`taken` was called."""
        return tracemalloc.get_traced_memory()[1] - self._before

    def taken(self, run: Callable[[], Any]) -> Taken:
        """What it takes to run; what is returned may have tapes."""
        forget_plans()  # loops in it have plans of their own for each shape
        gc.collect()
        tracemalloc.reset_peak()
        made = run()
        kept = tracemalloc.get_traced_memory()[0] - self._before
        tapes = getattr(made, "tapes", {}).values()
        return Taken(self.peak, kept, sum(t.nbytes for t in tapes))


def fit(who: str, trials: Trials, batches: Batches, limit: int) -> Plan:
    """Plan passes over some data.

    Parameters
    ----------
    who : str
    trials : Trials
    batches : Batches
    limit : int
        Bytes, beside the data that are in memory already.

    Raises
    ------
    ValueError
        When not even one example at a time fits.

    Notes
    -----
    Memory is linear in the number of examples. It is measured (:mod:`tracemalloc`) on one, and then
    on as many as are sure to fit.
    """
    search = _Search(trials, batches, limit)
    found = search.on_tapes() or search.in_segments()
    if found is None:
        raise search.refusal(who, limit)
    return found


class _Search:
    """For passes that fit into a limit; notes the least that each way would take."""

    def __init__(self, trials: Trials, batches: Batches, limit: int):
        self.trials, self.batches = trials, batches
        self.batch, self.n = batches.largest()
        self.room = limit - ONCE - (0 if batches.holds_data else READ * nbytes(self.batch))
        self.shapes = trials.shapes(None if self.batch is None else self._some(1))
        self.objects = 0 if self.shapes is None else self.shapes.peak
        self.beside = self.objects + VECTORS * trials.vector
        self.least_on_tapes = self.least_in_segments = math.inf

    def _some(self, count: int) -> Any:
        return examples(self.batch, 0, count)

    def on_tapes(self) -> Plan | None:
        """All that a sweep records is kept until its end."""
        if self.shapes is not None and RECORDED * self.shapes.whole + self.beside > self.room:
            return None
        return self._whole() if self.batch is None else self._in_pieces()

    def _whole(self) -> Plan | None:
        """A loss without data on one tape."""
        if self.objects and not self._may_plan(
            VECTORS * self.trials.vector, self.objects, self.room
        ):
            return None  # in segments, then; where objects are not known, they cannot be
        taken = self.trials(None)
        assert taken is not None
        self.least_on_tapes = taken.peak
        return Plan(None, int((self.room - taken.peak) / 2)) if taken.peak <= self.room else None

    def _in_pieces(self) -> Plan | None:
        """All batches on tapes that are kept, or pieces of them on one after the other."""
        trials, batches, some, n = self.trials, self.batches, self._some, self.n
        alone = Line(lambda k: trials([some(k)]), n, self.room)
        assert alone.first is not None
        self.least_on_tapes = first = alone.first.peak
        if first > self.room:
            return None
        left = self.room - (estimates := (self.room - first) / 2)
        if not self._may_plan(first, self.objects or first, left):
            return Plan(alone.most(left), int(estimates))
        kept = Line(lambda k: trials(some(k)), n, left)
        assert kept.last is not None
        count = len(batches.data) if batches.in_memory else math.inf
        if kept.at(n) + (count - 1) * kept.at(n, "kept") <= left:
            return Plan(None, int(estimates), int(left))
        # Half of it is for the piece at work, the rest for tapes that are kept.
        piece = alone.most((left + first) / 2)
        second = lambda more: alone.most(first + (more - first) / RECORDING)
        anew = lambda k: trials([some(k), some(max(k - 1, 1))], planned=True)
        planned = Line(anew, n, left, second)
        if planned.first is not None and RECORDING * planned.most(left) >= piece:
            return Plan(planned.most(left), int(estimates), planned=True)
        tapes = (left - alone.at(piece)) * kept.last.tape / max(MARGIN * kept.last.kept, 1.0)
        return Plan(piece, int(estimates), int(max(tapes, 0.0)))

    def _may_plan(self, recorded: float, objects: float, room: float) -> bool:
        """Whether a plan of so many bytes of objects is sure to fit beside what is recorded."""
        return recorded + CODE * max(objects - SWEPT * self.trials.vector, 0) <= room

    def in_segments(self) -> Plan | None:
        """Sweeps compute values again, over one example at a time."""
        if self.shapes is None:
            return None
        self.least_in_segments = least = self.beside + MARGIN * self.shapes.least
        if least > self.room:
            return None
        estimates = (self.room - least) / 2
        budget = (self.room - estimates - self.beside) / MARGIN
        tape = int(RECORDED * self.shapes.whole)
        piece = None if self.batch is None else 1
        return Plan(piece, int(estimates), planned=True, budget=budget, tape=tape)

    def refusal(self, who: str, limit: int) -> ValueError:
        """Which names the smallest limit that would do."""
        least = min(self.least_on_tapes, self.least_in_segments)
        segments = " in segments" if least == self.least_in_segments else ""
        one = "" if self.batch is None else " with one example at a time"
        advice = "" if self.batches.holds_data else "; or give smaller batches"
        smallest = limit - self.room + NAMED * least
        return too_small(who, f"a product{segments}{one}", limit, smallest, advice)


class Line:
    """What products take by the number of examples, from trials with one, and with more.

    Parameters
    ----------
    trial : callable
        Of a number of examples.
    most : int
        Of them that there are.
    room : float
        Bytes.
    second : callable, optional
        With how many the second trial is sure to fit into so many bytes more than the first.

    Attributes
    ----------
    first, last : Taken or None
        None where there are no such products.
    """

    def __init__(
        self,
        trial: Callable[[int], Taken | None],
        most: int,
        room: float,
        second: Callable[[float], int] = lambda room: 2,
    ):
        self.first = self.last = self._before = trial(1)
        self._counts = 0, 1  # of the last two
        if self.first is None:
            return
        k = min(second(room - self.first.peak), SAMPLE) if self.first.peak <= room else 1
        while self._counts[1] < (k := min(k, most)):
            self._before, self.last = self.last, trial(k)
            self._counts = self._counts[1], k
            k = min(STEP * k, SAMPLE, self.most(room))

    def at(self, n: float, of: str = "peak") -> float:
        """Bytes with n examples."""
        return getattr(self.last, of) + self._each(of) * (n - self._counts[1])

    def most(self, room: float) -> int:
        """Examples that fit, at least one."""
        assert self.last is not None
        more = (room - self.last.peak) / max(self._each("peak"), 1.0)
        return max(1, int(self._counts[1] + more))

    def _each(self, of: str) -> float:
        j, k = self._counts
        before = getattr(self._before, of) if j else 0.0
        return MARGIN * max(getattr(self.last, of) - before, 0.0) / (k - j)
