"""Sums over data that workers compute: the same to the last bit whoever they are, or an error."""

from __future__ import annotations

import contextlib
import copy
import functools
import os
import pickle
import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from figures import note
from process_pools import process_pool

from tinygrad_hess import curvature, nn
from tinygrad_hess.core import blas_threads
from tinygrad_hess.curvature import HessianOperator, JacobianOperator, ShardedData
from tinygrad_hess.curvature.analysis.total_loss import TotalLoss
from tinygrad_hess.curvature.training.moving import MovingHessian
from tinygrad_hess.distributed.transport import Folder, Result, Sent, Stored, read, write

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(53, 4)), RNG.integers(0, 2, 53).astype(float)
W = RNG.normal(size=4)
V = RNG.normal(size=(4, 3))

one_process = functools.partial(process_pool, 1, __name__)


def logits(w: Any, x: Any) -> Any:
    return x @ w


def logistic(w: Any, batch: Any) -> Any:
    """Logistic regression, of which all derivatives are known."""
    return nn.binary_cross_entropy_with_logits(batch[0] @ w, batch[1])


def gradient(w: Any) -> Any:
    return X.T @ (1 / (1 + np.exp(-X @ w)) - Y) / len(X)


def hessian(w: Any) -> Any:
    p = 1 / (1 + np.exp(-X @ w))
    return (X.T * (p * (1 - p))) @ X / len(X)


def answers(executor: Any) -> list[Any]:
    """What operators and estimates find, with these workers."""
    data = ShardedData((X, Y), executor, shards=7)
    H = HessianOperator(logistic, W, data)
    G = curvature.GGNOperator(logits, nn.binary_cross_entropy_with_logits, W, data)
    F = curvature.EmpiricalFisherOperator(logits, nn.binary_cross_entropy_with_logits, W, data)
    J = curvature.JacobianOperator(logits, W, X, executor=executor, shards=3)
    moving = MovingHessian(logistic, np.zeros(4), data)
    before = moving @ V
    moving.move(W)
    total = TotalLoss(logistic, W, data, who="test")
    found = [H.value, H.gradient, H @ V[:, 0], H @ V, G @ V, F @ V, J @ V, J.T @ np.ones(53)]
    found += [J.T @ RNG_ROWS, before, moving @ V, moving.gradient]
    found += [total.value(W), total.gradient(W), total.values(V.T), H.example_forms()(range(3), 0)]
    return found


RNG_ROWS = np.random.default_rng(1).normal(size=(53, 2))


@pytest.mark.slow
def test_the_same_bits_for_any_workers_and_the_closed_forms(processes: Executor) -> None:
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(2) as two, ThreadPoolExecutor(4) as four:
        expected = answers(one)
        others = {"2 threads": answers(two), "4 threads": answers(four)}
        others["list of threads"] = answers([one, two, four])
    others["2 processes"] = answers(processes)
    for who, found in others.items():
        for i, (a, b) in enumerate(zip(expected, found, strict=True)):
            np.testing.assert_array_equal(a, b, err_msg=f"{who}: answer {i}")
    p = 1 / (1 + np.exp(-X @ W))
    scores = X * (p - Y)[:, None]
    closed = {
        1: gradient(W), 2: hessian(W) @ V[:, 0], 3: hessian(W) @ V, 4: hessian(W) @ V,
        5: scores.T @ scores @ V / 53, 6: X @ V, 7: X.sum(0), 8: X.T @ RNG_ROWS,
        9: hessian(np.zeros(4)) @ V, 10: hessian(W) @ V, 11: gradient(W), 13: gradient(W),
    }  # fmt: skip
    for i, exact in closed.items():
        np.testing.assert_allclose(expected[i], exact, rtol=1e-12, atol=1e-14)
    loss = -np.mean(Y * np.log(p) + (1 - Y) * np.log1p(-p))
    np.testing.assert_allclose([expected[0], expected[12]], loss, rtol=1e-13)


def test_estimates_and_a_report(processes: Executor) -> None:
    H = HessianOperator(logistic, W, (X, Y), executor=processes)
    exact = np.linalg.eigvalsh(hessian(W))[::-1]
    np.testing.assert_allclose(curvature.top_eigenpairs(H, 2).values, exact[:2], rtol=1e-8)
    assert abs(curvature.trace(H, rtol=0.01).value - exact.sum()) < 0.1 * exact.sum()
    with ThreadPoolExecutor(2) as executor:
        found = curvature.report(logistic, W, (X, Y), budget=30, executor=executor, shards=3)
    np.testing.assert_allclose(found["eigenpairs"].values, exact, rtol=1e-8)
    assert not [part.why for part in found.parts.values() if part.failed]


def test_each_operator_answers_for_its_own_point(processes: Executor) -> None:
    data = ShardedData((X, Y), processes, shards=4)
    points = [W, -W, 2 * W]
    ops = [HessianOperator(logistic, w, data) for w in points]
    for _ in range(2):
        for w, op in zip(points, ops, strict=True):
            np.testing.assert_allclose(op @ V, hessian(w) @ V, rtol=1e-12)


def test_sums_and_blocks_and_copies(threads: Executor) -> None:
    tree = {"a": W[:1], "b": W[1:]}
    loss = lambda p, batch: len(batch[1]) * logistic(np.concatenate([p["a"], p["b"]]), batch)
    H = HessianOperator(loss, tree, (X, Y), executor=threads, shards=3, reduction="sum")
    whole = 53 * hessian(W)
    np.testing.assert_allclose(H.to_dense(), whole, rtol=1e-12)
    np.testing.assert_allclose(H.block("['b']").to_dense(), whole[1:, 1:], rtol=1e-12)
    here = pickle.loads(pickle.dumps(HessianOperator(logistic, W, (X, Y), executor=threads)))
    np.testing.assert_allclose(here @ V, hessian(W) @ V, rtol=1e-12)
    np.testing.assert_allclose(copy.deepcopy(here) @ V, hessian(W) @ V, rtol=1e-12)


# ---- where the data are --------------------------------------------------------------------------


def rows(first: int, last: int) -> Any:
    return X[first:last], Y[first:last]


class Loader:
    """Gives batches of 20; counts how often."""

    passes = 0

    def __iter__(self) -> Iterator[Any]:
        self.passes += 1
        return (rows(i, min(i + 20, 53)) for i in range(0, 53, 20))


def test_data_that_workers_open_and_a_loader_that_is_read_once(processes: Executor) -> None:
    openers = [functools.partial(rows, i, min(i + 20, 53)) for i in range(0, 53, 20)]
    loader = Loader()
    for data in (
        ShardedData(openers, processes),
        ShardedData(loader, processes),
        ShardedData((X, Y), processes, shard_size=20),
        openers,  # here
    ):
        H = HessianOperator(logistic, W, data)
        np.testing.assert_allclose(H @ V, hessian(W) @ V, rtol=1e-12)
        np.testing.assert_allclose(H.gradient, gradient(W), rtol=1e-12, atol=1e-15)
    assert loader.passes == 1
    whole = functools.partial(rows, 0, 53)
    H, here = (HessianOperator(logistic, W, ShardedData(d, processes)) for d in (whole, (X, Y)))
    np.testing.assert_array_equal(H @ V, here @ V)
    with pytest.raises(ValueError, match="is known when it is called, so shard_size= cannot"):
        ShardedData(whole, processes, shard_size=20)
    unlike = ShardedData([openers[0], functools.partial(np.ones, (4, 4))], processes)
    with pytest.raises(ValueError, match="batch 1 is not built like batch 0"):
        HessianOperator(logistic, W, unlike) @ V


def test_an_empty_shard_counts_for_nothing(processes: Executor) -> None:
    data = [(X[:0], Y[:0]), (X, Y)]
    H = HessianOperator(logistic, W, data, executor=processes)
    np.testing.assert_allclose(H @ V, hessian(W) @ V, rtol=1e-12)


def test_files_go_with_what_they_hold(tmp_path: Path, processes: Executor) -> None:
    data = ShardedData((X, Y), processes, shards=3, folder=tmp_path)
    H = HessianOperator(logistic, W, data)
    H @ V
    (folder,) = tmp_path.iterdir()
    count = len(list(folder.iterdir()))
    assert count == 4  # three shards, and the operator, once for products and for checks
    for _ in range(3):
        H @ V
        np.testing.assert_allclose(H @ V, hessian(W) @ V)
    assert len(list(folder.iterdir())) == count  # no vectors
    other = HessianOperator(logistic, -W, data)
    other @ V
    del other
    assert len(list(folder.iterdir())) == count
    del H, data
    assert not list(tmp_path.iterdir())


def test_folders_of_killed_processes_are_removed(tmp_path: Path) -> None:
    gone = Folder(tmp_path)
    left = Path(gone.path).with_name(Path(gone.path).name.replace(f".{os.getpid()}.", ".4194305."))
    left.mkdir()  # no process has a number above 2**22
    Folder(tmp_path).path  # noqa: B018 - it is made now
    assert not left.exists() and Path(gone.path).exists()


def test_what_is_sent_arrives_and_messages_are_short(tmp_path: Path) -> None:
    value = {
        "big": np.arange(300_000.0).reshape(2, -1), "F": np.asfortranarray(np.ones((3, 2))),
        "none": np.zeros((0, 3)), "strided": np.arange(10.0)[::2], "f": np.float32(1.5),
        "words": ["a", None],
    }  # fmt: skip
    path = str(tmp_path / "file")
    write(path, value)
    found = read(path)
    assert found["words"] == value["words"] and found["F"].flags.f_contiguous
    for name in ("big", "F", "none", "strided", "f"):
        np.testing.assert_array_equal(found[name], value[name])
    with pytest.raises(ValueError, match="read-only"):
        found["big"][0] = 1
    folder = Folder(tmp_path)
    message = pickle.dumps(Sent(value, Stored(folder)))
    assert len(message) < 512
    result = pickle.dumps(Result(value, folder.path).packed())
    assert len(result) < 512
    np.testing.assert_array_equal(pickle.loads(result).get()["big"], value["big"])
    assert pickle.loads(pickle.dumps(Result(1.5, folder.path).packed())).get() == 1.5


# ---- workers -------------------------------------------------------------------------------------


def one_thread(w: Any, batch: Any) -> Any:
    assert blas_threads.available() == 1
    return logistic(w, batch)


def test_workers_have_one_blas_thread(processes: Executor, threads: Executor) -> None:
    for executor in (processes, threads):
        H = HessianOperator(one_thread, W, (X, Y), executor=executor)
        np.testing.assert_allclose(H @ V, hessian(W) @ V, rtol=1e-12)


class StrangeError(Exception):
    """One that pickles, but does not unpickle."""

    def __init__(self, a: int, b: int):
        super().__init__(f"strange {a}")


def fails(w: Any, batch: Any) -> Any:
    if len(batch[0]) == 13:
        raise StrangeError(1, 2)
    return logistic(w, batch)


def test_an_error_names_the_shard(processes: Executor, threads: Executor) -> None:
    for executor, kind in ((threads, StrangeError), (processes, RuntimeError)):
        H = HessianOperator(fails, W, (X, Y), executor=executor, shards=4)  # 14, 13, 13, 13
        with pytest.raises(kind, match="strange 1") as found:
            H @ V
        assert "in shard 1 of 4" in found.value.__notes__[0]
        np.testing.assert_allclose(
            HessianOperator(logistic, W, (X, Y), executor=executor) @ V, hessian(W) @ V
        )


def dies(w: Any, batch: Any, flags: str) -> Any:
    """Kills its process, for each file in a folder once."""
    for flag in Path(flags).iterdir():
        try:
            flag.unlink()
        except FileNotFoundError:  # another worker has just taken it
            continue
        os.kill(os.getpid(), signal.SIGKILL)
    return logistic(w, batch)


def test_a_killed_worker_is_replaced_or_the_error_says_what_to_write(tmp_path: Path) -> None:
    exact = hessian(W) @ V
    for executor in (one_process, [one_process, one_process]):
        (tmp_path / "flag").touch()
        H = HessianOperator(dies, W, (X, Y), str(tmp_path), executor=executor, shards=4)
        np.testing.assert_allclose(H @ V, exact, rtol=1e-12)
        assert not list(tmp_path.iterdir())
    (tmp_path / "flag").touch()
    with one_process() as executor:
        H = HessianOperator(dies, W, (X, Y), str(tmp_path), executor=executor, shards=4)
        with pytest.raises(RuntimeError, match=r"no worker is left for shard 0 .*lambda: Process"):
            H @ V
    with pytest.raises(RuntimeError, match="no worker is left for shard 0"):
        H @ V


def always_dies(w: Any, batch: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_shard_that_kills_all_workers_is_named() -> None:
    H = HessianOperator(always_dies, W, (X, Y), executor=one_process, shards=3)
    with pytest.raises(RuntimeError, match=r"5 workers in a row .* shard 0 of 3; .*memory"):
        H @ V


class TestRefusals:
    def test_arguments(self, threads: Executor) -> None:
        with pytest.raises(TypeError, match=r"executor must be an executor, got 3. Give a conc"):
            HessianOperator(logistic, W, (X, Y), executor=3)
        with pytest.raises(TypeError, match="executor makes 3, which is no executor"):
            HessianOperator(logistic, W, (X, Y), executor=lambda: 3) @ V
        with pytest.raises(ValueError, match="executor is an empty list"):
            ShardedData(X, [])
        with pytest.raises(ValueError, match="an executor shares out data, but data=None"):
            HessianOperator(lambda w: w @ w, W, executor=threads)
        with pytest.raises(ValueError, match="shards=3 are for an executor"):
            HessianOperator(logistic, W, (X, Y), shards=3)
        with pytest.raises(ValueError, match="have an executor already"):
            HessianOperator(logistic, W, ShardedData((X, Y), threads), executor=threads)
        with pytest.raises(ValueError, match="give shards or shard_size, not both"):
            ShardedData(X, threads, shards=2, shard_size=3)
        with pytest.raises(ValueError, match="shards must be an integer of at least 1, got 0"):
            ShardedData(X, threads, shards=0)
        with pytest.raises(ValueError, match="each of which is a shard; shards= and"):
            ShardedData([X, X], threads, shards=2)
        with pytest.raises(FileNotFoundError, match=r"there is no folder 'nowhere'. Make it"):
            ShardedData(X, threads, folder="nowhere")

    def test_arguments_that_were_not_cut(self, threads: Executor) -> None:
        with pytest.raises(ValueError, match=r"a further argument of shape \(53,\) was not. Give"):
            HessianOperator(lambda w, x, y: logistic(w, (x, y)), W, X, Y, executor=threads)

    def test_a_loss_that_is_not_made_of_those_of_shards(self, threads: Executor) -> None:
        """Cut, it would be another loss: here a mean by what a mask keeps, in a later shard."""
        kept = np.arange(53) % 40 > 5
        error = lambda w, b: (b[0] @ w - b[1]) ** 2
        masked = lambda w, b: (error(w, b) * b[2]).sum() / b[2].sum()
        penalised = lambda w, b: error(w, b).sum() + w @ w
        data, cut = (X[::-1], Y, kept[::-1].astype(float)), {"executor": threads, "shards": 3}
        with pytest.raises(ValueError, match=r"but the mean of those of its first \d+ and .* cut"):
            HessianOperator(masked, W, data, **cut) @ V
        with pytest.raises(ValueError, match="but the mean of those of its first"):
            HessianOperator(masked, W, data, **cut).value  # noqa: B018 - computed now
        with pytest.raises(ValueError, match="reduction='sum' the loss must be a sum over"):
            HessianOperator(penalised, W, data, reduction="sum", **cut) @ V
        H = HessianOperator(lambda w, b: (error(w, b) * b[2]).mean() + w @ w, W, data, **cut)
        exact = 2 * (X[::-1].T * data[2]) @ X[::-1] / 53 + 2 * np.eye(4)
        np.testing.assert_allclose(H @ V, exact @ V, rtol=1e-10)
        rng = np.random.default_rng(0)
        many = rng.normal(size=(50_000, 4)), rng.normal(size=50_000), rng.random(50_000)
        with pytest.raises(ValueError, match="memory_limit=, so with reduction='mean' the"):
            HessianOperator(masked, W, many, memory_limit="2MB") @ V
        total = TotalLoss(masked, W, ShardedData(data, threads, shards=2), who="test")
        with pytest.raises(ValueError, match="test: the loss of 27 examples is"):
            total.check()
        listed = [(X[:20], Y[:20], kept[:20]), (X[20:], Y[20:], kept[20:])]  # each is one term
        assert np.isfinite(HessianOperator(masked, W, listed, executor=threads) @ V).all()

    def test_a_model_whose_examples_depend_on_each_other(self, threads: Executor) -> None:
        centred = lambda w, x: (x - x.mean(0)) @ w
        with pytest.raises(ValueError, match="the outputs for 18 examples are not those for the"):
            JacobianOperator(centred, W, X, executor=threads, shards=3) @ V
        J = JacobianOperator(logits, W, X, executor=threads, shards=53)
        np.testing.assert_allclose(J @ V, X @ V, rtol=1e-12)

    def test_a_random_loss(self, threads: Executor) -> None:
        rng = np.random.default_rng(0)
        noisy = lambda w, x: ((x @ w + rng.normal()) ** 2).mean()
        with pytest.raises(ValueError, match="the function is random"):
            HessianOperator(noisy, W, X, executor=threads) @ V


# ---- hard cases ----------------------------------------------------------------------------------


class Killing:
    """Kills one worker or another at random moments, while the block runs.

    Parameters
    ----------
    pids : callable
        Gives the numbers of the processes there are.
    times : int
        How often.
    seconds : float
        Between two kills, at most: of such a size that some answers arrive.
    """

    def __init__(self, pids: Any, times: int, seconds: float):
        self.count, self._pids, self._times, self._seconds = 0, pids, times, seconds
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(1)

    def _run(self) -> None:
        rng = random.Random(0)
        while self.count < self._times and not self._stop.wait(rng.uniform(0.01, self._seconds)):
            if pids := self._pids():
                with contextlib.suppress(ProcessLookupError):  # it has ended just now
                    os.kill(rng.choice(pids), signal.SIGKILL)
                    self.count += 1

    @property
    def goes_on(self) -> bool:
        """Whether there will be more."""
        return not self._done.done()

    def __enter__(self) -> Killing:
        self._done = self._pool.submit(self._run)
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._done.result()
        self._pool.shutdown()


WIDE = np.random.default_rng(0).normal(size=(2000, 300)), np.arange(2000) % 2 * 1.0
AT, ALONG = np.linspace(-1, 1, 300) / 30, np.ones(300)


def survives(executor: Any, pids: Any, kills: int) -> dict[str, int]:
    """Kills at random moments change no product; what happened."""
    with ThreadPoolExecutor(2) as threads:
        expected = HessianOperator(logistic, AT, WIDE, executor=threads) @ ALONG
    data = ShardedData(WIDE, executor)
    begin = time.monotonic()
    np.testing.assert_array_equal(HessianOperator(logistic, AT, data) @ ALONG, expected)
    first = time.monotonic() - begin  # a worker that has just been started imports the library
    products = refused = 0
    begin = time.monotonic()
    with Killing(pids, kills, min(max(0.4, 2 * first), 4.0)) as killing:
        while killing.goes_on:
            try:
                found = HessianOperator(logistic, AT, data) @ ALONG
            except RuntimeError as error:  # five kills in a row; never a partial sum
                assert "workers in a row" in str(error)
                refused += 1
                continue
            np.testing.assert_array_equal(found, expected)
            products += 1
    np.testing.assert_array_equal(HessianOperator(logistic, AT, data) @ ALONG, expected)
    assert killing.count == kills
    return {
        "kills": kills,
        "products_of_the_same_bits": products,
        "refused_after_five_losses": refused,
        "seconds": round(time.monotonic() - begin),
    }


def processes_survive(kills: int) -> dict[str, int]:
    pools: list[ProcessPoolExecutor] = []

    def make() -> ProcessPoolExecutor:
        pools.append(process_pool(2, __name__))
        return pools[-1]

    return survives(make, lambda: list(pools[-1]._processes or {}) if pools else [], kills)


@pytest.mark.slow
def test_kills_change_no_result() -> None:
    processes_survive(10)


@pytest.mark.hard
def test_a_hundred_kills_change_no_result() -> None:
    found = processes_survive(100)
    note("killed workers, processes", **found)
    assert found["products_of_the_same_bits"] > 0


@contextlib.contextmanager
def dask_cluster() -> Iterator[tuple[Any, Any]]:
    """Two workers of Dask that are processes, and a client of theirs."""
    distributed = pytest.importorskip("dask.distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield cluster, client


@pytest.mark.slow
def test_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadPoolExecutor(2) as executor:
        expected = answers(executor)
    with dask_cluster() as (cluster, client):
        executor = client.get_executor()  # its calls are pure by default
        for a, b in zip(expected, answers(executor), strict=True):
            np.testing.assert_array_equal(a, b)
        H = HessianOperator(logistic, W, (X, Y), executor=executor, shards=7)
        before = H @ V
        for worker in list(cluster.workers.values())[:1]:
            os.kill(worker.process.pid, signal.SIGKILL)
        np.testing.assert_array_equal(H @ V, before)
        monkeypatch.setattr("tinygrad_hess.distributed.workers.PATIENCE", 0.2)
        monkeypatch.setattr("tinygrad_hess.distributed.workers.DESERTED", 1.0)
        cluster.scale(0)
        with pytest.raises(
            RuntimeError, match=r"the Dask cluster has had no worker, and shard \d of"
        ):
            H @ V


@pytest.mark.hard
def test_a_hundred_kills_of_dask_workers_change_no_result() -> None:
    dask = pytest.importorskip("dask")
    # a worker that happens to be starting so long after one of its deaths is otherwise given up
    patient = dask.config.set({"distributed.deploy.lost-worker-timeout": "1h"})
    with patient, dask_cluster() as (cluster, client):

        def pids() -> list[int]:  # of those that work: Dask gives up one that ends as it starts
            found = [nanny.process for nanny in list(cluster.workers.values())]
            pids = [p.pid for p in found if p and p.status.name == "running"]
            return [pid for pid in pids if pid]  # none of one that has ended

        found = survives(client, pids, 100)
    note("killed workers, Dask", **found)
    assert found["products_of_the_same_bits"] > 0
