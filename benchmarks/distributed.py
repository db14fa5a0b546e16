"""A Hessian-vector product by workers: what it costs, and what it would cost with many more.

Measures the constants of this machine, real products by one and two workers beside the model's and
a simulation's, and says what those expect of many workers:

    python -m benchmarks.distributed --write    # the measured part of docs/scaling.md, anew
    python -m benchmarks.distributed --tiles 2  # printed, with a tenth of the data, to try it out

Times are medians of alternating calls. Run it on a quiet machine; Dask is measured where it is
installed.
"""

from __future__ import annotations

import argparse
import contextlib
import heapq
import importlib.util
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
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
PAGE = Path(__file__).parents[1] / "docs" / "scaling.md"
BEGIN, END = "<!-- measured -->", "<!-- end of what was measured -->"


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
    latencies : tuple of float
        Of calls that do nothing: from the call until its answer is known, as measured one by one.
    """

    example: float
    message: float
    byte: float
    latencies: tuple[float, ...]

    @property
    def latency(self) -> float:
        """The median."""
        return statistics.median(self.latencies)

    def product(self, examples: float, workers: int, shards: int, vector: int) -> float:
        """Seconds of a product, as docs/scaling.md derives it."""
        rounds = -(-shards // workers)
        compute = rounds * (examples / shards) * self.example
        serial = shards * (self.message + vector * self.byte)
        return self.latency + vector * self.byte + max(compute + serial / shards, serial)

    def simulated(self, examples: float, workers: int, shards: int, vector: int) -> float:
        """The same by events: calls go out one by one, and answers are added up in order.

        Each call has one of the latencies that were measured, and its work a spread of 5%.
        """
        free = [0.0] * min(workers, shards)
        heapq.heapify(free)
        sent, ends = vector * self.byte, []
        rng = np.random.default_rng(0)
        for _ in range(shards):
            sent += self.message / 2
            latency = rng.choice(self.latencies)
            begin = max(sent + latency / 2, heapq.heappop(free))
            work = (examples / shards) * self.example * rng.lognormal(0, 0.05)
            heapq.heappush(free, begin + work)
            ends.append(begin + work + latency / 2)
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


VECTOR = 200_000
"""Parameters of the loss that costs nothing."""


def nothing(w: Any, batch: Any) -> Any:
    """A loss that costs nothing."""
    return (w * w).sum() / 2


def costless(executors: Any, shards: int, size: int) -> Callable[[], Any]:
    """A product by the Hessian of a loss that costs nothing: messages and vectors are left."""
    data = ShardedData(np.zeros((64, 1)), executors, shards=shards)
    op = HessianOperator(nothing, np.ones(size), data, check=False)
    return partial(op.matvec, np.ones(size))


def measured_costs(repeats: int) -> Costs:
    """What messages cost here, without the work: from few and many shards, short and long."""
    with one_process() as executor:
        times = {}
        for size in (1, VECTOR):
            calls = {str(n): costless(executor, n, size) for n in (1, 33)}
            found = medians(calls, repeats)
            times[size] = (found["33"] - found["1"]) / 32
        latencies = []
        for _ in range(20 * repeats):
            begin = time.perf_counter()
            executor.submit(int).result()
            latencies.append(time.perf_counter() - begin)
    byte = max(times[VECTOR] - times[1], 0.0) / (8 * VECTOR)
    return Costs(0.0, times[1], byte, tuple(latencies))


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


@contextlib.contextmanager
def dask_client() -> Iterator[Any]:
    """Of a cluster of two processes on this machine; None where Dask is not installed."""
    if importlib.util.find_spec("distributed") is None:
        yield None
        return
    from dask.distributed import Client, LocalCluster

    options: dict[str, Any] = {"processes": True, "dashboard_address": ":0"}
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, **options) as cluster,
        Client(cluster) as client,
    ):
        yield client


def table(head: str, rows: Sequence[Sequence[str]]) -> str:
    """In Markdown."""
    line = "| " + " | ".join("---" for _ in head.split("|")) + " |"
    return "\n".join([f"| {head} |", line, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def shown(x: float) -> str:
    """With two or three digits."""
    return f"{x:,.0f}" if x >= 99.5 else f"{x:.2g}"


def measured(tiles: int, repeats: int) -> str:
    """The measured part of the page."""
    model, data = problem(tiles)
    n, load = len(data[1]), os.getloadavg()[0]
    kwargs: dict[str, Any] = {"check": False, "tape_memory": 4 * 2**30}
    by = lambda workers: HessianOperator(
        loss, model, ShardedData(data, workers, shards=SHARDS), **kwargs
    )
    here = HessianOperator(loss, model, data, **kwargs)
    size = here.shape[0]
    v = np.random.default_rng(0).standard_normal(size)

    def alone() -> None:
        with one_blas_thread:
            here.matvec(v)

    one, two = by([one_process]), by([one_process] * 2)
    with dask_client() as client:
        calls: dict[str, Callable[[], Any]] = {
            "one worker (a process, one BLAS thread)": lambda: one.matvec(v),
            "two workers": lambda: two.matvec(v),
        }
        answers = [one @ v, two @ v]
        if client is not None:
            dask = by(client.get_executor(pure=False))
            calls["two workers of a Dask `LocalCluster`"] = lambda: dask.matvec(v)
            answers.append(dask @ v)
        calls["this process, one thread, no shards"] = alone
        calls["this process, its own threads, no shards"] = lambda: here.matvec(v)
        times = medians(calls, repeats)
    first, second = list(times.values())[:2]
    same = all(np.array_equal(x, answers[0]) for x in answers)
    costs = measured_costs(5 * repeats)
    vector = 8 * size
    overhead = costs.product(0, 1, 1, vector)  # the model, solved for c
    costs = replace(costs, example=(first - overhead) / n)
    free = replace(costs, example=0.0)
    many = medians({str(w): costless([one_process] * w, 64, VECTOR) for w in (1, 2)}, 3 * repeats)
    rows: list[tuple[str, Costs, float, int, int, int, str]] = [
        (f"{n:,}", costs, n, 1, SHARDS, vector, f"{first:.3g} (c is from this)"),
        (f"{n:,}", costs, n, 2, SHARDS, vector, f"{second:.3g}"),
        *[("64, of no cost", free, 64, w, 64, 8 * VECTOR, f"{many[str(w)]:.3g}") for w in (1, 2)],
        *[
            (f"10{power}", costs, number, w, w, vector, "")
            for power, number in (("⁶", 1e6), ("⁹", 1e9))
            for w in (10, 100, 1000)
        ],
    ]
    predictions = [
        (
            name, f"{w:,}", f"{shards:,}", shown(of.product(number, w, shards, length)),
            shown(of.simulated(number, w, shards, length)), found,
            shown(of.product(number, 1, 1, length) / of.product(number, w, shards, length)),
        )
        for name, of, number, w, shards, length, found in rows
    ]  # fmt: skip
    constants = [
        ("c, a product for one example", f"{1e6 * costs.example:.3g} µs"),
        ("m, a call and its answer", f"{1e3 * costs.message:.3g} ms"),
        ("β, a vector's byte", f"{1e9 * costs.byte:.3g} ns"),
        ("ℓ, the latency: median, and 99% below", f"{1e3 * costs.latency:.3g} ms, "
         f"{1e3 * np.quantile(costs.latencies, 0.99):.3g} ms"),
        (f"a vector of {vector / 1e6:.2f} MB as a file, written and read",
         f"{1e3 * file_seconds(vector, 5 * repeats):.3g} ms"),
    ]  # fmt: skip
    agree = "gave the same bits" if same else "**did not give the same bits**"
    busy = " **The machine was busy: ratios are rough.**" if load > 0.7 else ""
    return "\n".join(
        [
            f"Measured on {os.cpu_count()} cores at a load of {load:.1f}, with the net "
            f"{'-'.join(map(str, SIZES))} ({size:,} parameters) on {n:,} digits in {SHARDS} "
            f"shards. All workers {agree}.{busy}\n",
            table(
                "product | seconds | of one worker",
                [(name, f"{t:.3g}", f"{t / first:.2f}") for name, t in times.items()],
            ),
            table("constant | here", constants),
            "What the model and the simulation expect, and what real runs took:\n",
            table(
                "examples | workers | shards | model, s | simulation, s | measured, s | speedup by "
                "the model",
                predictions,
            ),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiles", type=int, default=20, help="copies of the 1797 digits")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--write", action="store_true", help="into docs/scaling.md")
    given = parser.parse_args()
    found = measured(given.tiles, given.repeats)
    print(found)
    if given.write:
        before, rest = PAGE.read_text().split(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{found}\n{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    main()
