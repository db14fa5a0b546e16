"""A Hessian-vector product by workers: what it costs, and what it would cost with many more.

Writes the constants of this machine, the times of one and two processes beside the model's, and
what the model and a simulation of it say for many workers:

    python -m benchmarks.distributed            # the table of docs/scaling.md
    python -m benchmarks.distributed --tiles 2  # a twentieth of the data, to try it out

Times are medians of alternating calls. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import heapq
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.core.blas_threads import one_blas_thread
from tinygrad_hess.curvature import HessianOperator, ShardedData
from tinygrad_hess.distributed.transport import read, write

SIZES = (64, 256, 256, 10)
SHARDS = 16


def loss(model: Any, batch: Any) -> Any:
    """Of the net of the benchmark."""
    x, y = batch
    return nn.cross_entropy(model(x), y)


def problem(tiles: int) -> tuple[Any, tuple[Any, Any]]:
    """The net, and the digits, tiled."""
    digits = tg.data.digits()
    x, y = np.tile(digits.x, (tiles, 1)), np.tile(digits.y, tiles)
    return nn.MLP(list(SIZES), seed=0), (x.reshape(len(x), -1), y)


def one_process() -> ProcessPoolExecutor:
    """Started afresh, so that nothing of this one is shared."""
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


# ---- the model -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Costs:
    """Constants of a machine, in seconds.

    Attributes
    ----------
    example : float
        A product, for one example, by one worker.
    message : float
        A call and its answer, without what they carry: for the process that asks.
    byte : float
        Of a vector, to write it, read it or add it up: for the process that asks.
    latency : float
        From a call until it begins, and from its end until the answer is known.
    """

    example: float
    message: float
    byte: float
    latency: float

    def product(self, examples: float, workers: int, shards: int, vector: int) -> float:
        """Seconds of a product, as docs/scaling.md derives it."""
        rounds = -(-shards // workers)
        compute = rounds * (examples / shards) * self.example
        serial = shards * (self.message + vector * self.byte)
        return self.latency + vector * self.byte + max(compute + serial / shards, serial)

    def simulated(self, examples: float, workers: int, shards: int, vector: int) -> float:
        """The same by events: calls go out one by one, and answers are added up in order."""
        free = [0.0] * min(workers, shards)
        heapq.heapify(free)
        sent, ends = vector * self.byte, []
        rng = np.random.default_rng(0)
        for _ in range(shards):
            sent += self.message / 2
            begin = max(sent + self.latency / 2, heapq.heappop(free))
            work = (examples / shards) * self.example * rng.lognormal(0, 0.05)
            heapq.heappush(free, begin + work)
            ends.append(begin + work + self.latency / 2)
        now = sent
        for end in ends:
            now = max(now, end) + self.message / 2 + vector * self.byte
        return now


# ---- measurements ------------------------------------------------------------------------------


def medians(calls: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Seconds of each call, taken in turn so that all see the same machine."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(repeats):
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(found) for name, found in times.items()}


def nothing(w: Any, batch: Any) -> Any:
    """A loss that costs nothing."""
    return (w * w).sum() / 2


def measured_costs(example: float, repeats: int) -> Costs:
    """What messages cost here: products of a loss that costs nothing, with few and many shards."""
    with one_process() as executor:
        times = {}
        for size in (1, 200_000):
            for shards in (1, 33):
                data = ShardedData(np.zeros((33, 1)), executor, shards=shards)
                op = HessianOperator(nothing, np.ones(size), data, check=False)
                v = np.ones(size)
                times[size, shards] = medians({"": partial(op.matvec, v)}, repeats)[""]
    message = (times[1, 33] - times[1, 1]) / 32
    large = (times[200_000, 33] - times[200_000, 1]) / 32
    byte = max(large - message, 0.0) / (8 * 200_000)
    return Costs(example, message, byte, max(times[1, 1] - message, 0.0))


def file_seconds(size: int, repeats: int) -> float:
    """To write a vector as a file and read it: what it costs to send it once."""
    x = np.ones(size // 8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"

        def there_and_back() -> None:
            write(str(path), x)
            read(str(path)).sum()
            path.unlink()

        return medians({"": there_and_back}, repeats)[""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiles", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=7)
    given = parser.parse_args()
    model, data = problem(given.tiles)
    n, load = len(data[1]), os.getloadavg()[0]
    slots = [one_process, one_process]
    kwargs: dict[str, Any] = {"check": False, "tape_memory": 4 * 2**30}
    one = HessianOperator(loss, model, ShardedData(data, slots[:1], shards=SHARDS), **kwargs)
    two = HessianOperator(loss, model, ShardedData(data, slots, shards=SHARDS), **kwargs)
    here = HessianOperator(loss, model, data, **kwargs)
    v = np.random.default_rng(0).standard_normal(one.shape[0])
    same = bool(np.array_equal(one @ v, two @ v))

    def alone() -> None:
        with one_blas_thread:
            here.matvec(v)

    calls: dict[str, Callable[[], Any]] = {
        "one worker": lambda: one.matvec(v), "two workers": lambda: two.matvec(v),
        "this process, one thread": alone, "this process, its threads": lambda: here.matvec(v),
    }  # fmt: skip
    times = medians(calls, given.repeats)
    vector = 8 * one.shape[0]
    costs = measured_costs(0.0, 5 * given.repeats)
    overhead = costs.product(0, 1, SHARDS, vector)
    costs = Costs((times["one worker"] - overhead) / n, costs.message, costs.byte, costs.latency)
    print(f"{n} examples, {one.shape[0]} parameters, {SHARDS} shards; load {load:.1f} on")
    print(f"{os.cpu_count()} cores; one and two workers agree to the last bit: {same}\n")
    print("| product | seconds | of one worker |\n| --- | --- | --- |")
    for name, seconds in times.items():
        print(f"| {name} | {seconds:.3f} | {seconds / times['one worker']:.2f} |")
    print("\n| constant | here |\n| --- | --- |")
    print(f"| a product, for one example | {1e6 * costs.example:.1f} µs |")
    print(f"| a call and its answer | {1e3 * costs.message:.2f} ms |")
    print(f"| a vector's byte | {1e9 * costs.byte:.2f} ns |")
    print(f"| latency | {1e3 * costs.latency:.2f} ms |")
    print(f"| a vector of {vector} bytes, written and read | ", end="")
    print(f"{1e3 * file_seconds(vector, 5 * given.repeats):.2f} ms |")
    print("\n| examples | workers | shards | model, s | simulation, s | measured, s | speedup |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    rows: list[tuple[float, int, int, str]] = [
        (n, 1, SHARDS, f"{times['one worker']:.3f}"),
        (n, 2, SHARDS, f"{times['two workers']:.3f}"),
    ]
    rows += [(examples, w, w, "") for examples in (1e6, 1e9) for w in (10, 100, 1000)]
    for examples, workers, shards, found in rows:
        whole = costs.product(examples, 1, 1, vector)
        by_model = costs.product(examples, workers, shards, vector)
        by_events = costs.simulated(examples, workers, shards, vector)
        print(
            f"| {examples:.3g} | {workers} | {shards} | {by_model:.3g} | {by_events:.3g} | {found} "
            f"| {whole / by_model:.1f} |"
        )


if __name__ == "__main__":
    main()
