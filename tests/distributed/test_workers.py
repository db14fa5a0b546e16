"""Workers that are lost, and executors that are broken: an answer or an error, and an end."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import optim
from tinygrad_hess.curvature import HessianOperator
from tinygrad_hess.distributed.transport import SendingError

X, W = np.random.default_rng(0).normal(size=(12, 3)), np.ones(3)


def quadratic(w: Any, x: Any) -> Any:
    """Whose Hessian is X'X / n."""
    return ((x @ w) ** 2).mean() / 2


def test_what_cannot_be_sent_is_named(processes: Executor, threads: Executor) -> None:
    """The function, the data, or what it gave: before a worker has it, or on its way back."""
    lock = threading.Lock()
    locked = lambda w, x: quadratic(w, x) if lock else None
    message = r"the function cannot be sent to another process \(TypeError: .*lock.* make locks,"
    with pytest.raises(SendingError, match=message) as error:
        HessianOperator(locked, W, X, executor=processes) @ W
    assert error.value.__notes__ == ["HessianOperator: in shard 0 of 8"]
    with pytest.raises(SendingError, match=message):
        optim.fit(locked, W, X, optim.SGD(lr=0.1), executor=processes)
    for given, gives in ((lock, "the data cannot be sent"), (None, "the function gave cannot be")):
        f = len if given else _gives_a_lock
        with pytest.raises(SendingError, match=gives):
            tg.parallel_map(f, [given], executor=processes)
    np.testing.assert_allclose(
        HessianOperator(locked, W, X, executor=threads) @ W, X.T @ (X @ W) / 12, rtol=1e-12
    )
    assert tg.parallel_map(abs, [-1, 2], executor=processes) == [1, 2]


def _gives_a_lock(x: Any) -> Any:
    return threading.Lock()


def test_threads_that_ask_their_own_executor_do_not_wait_for_themselves() -> None:
    with ThreadPoolExecutor(1) as executor:
        product = lambda s: HessianOperator(quadratic, W, s * X, executor=executor, shards=3) @ W
        found = tg.parallel_map(product, [1.0, 2.0], executor=executor)
    for s, answer in zip((1.0, 2.0), found, strict=True):
        np.testing.assert_allclose(answer, s * s * X.T @ (X @ W) / 12, rtol=1e-12)


def test_a_class_makes_an_executor_and_what_takes_arguments_makes_none() -> None:
    H = HessianOperator(quadratic, W, X, executor=ThreadPoolExecutor)
    np.testing.assert_allclose(H @ W, X.T @ (X @ W) / 12, rtol=1e-12)
    with pytest.raises(TypeError, match=r"executor is called to make one, but the function .*x"):
        HessianOperator(quadratic, W, X, executor=lambda x: ThreadPoolExecutor(x))


BREAKS_WHILE_IT_STARTS = """
import multiprocessing, multiprocessing.popen_forkserver as forkserver, os, signal, time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
import tinygrad_hess as tg

folder = Path({folder!r})

class Slow(ProcessPoolExecutor):
    '''Starts its third worker while another dies: between the parts of what that is sent, or after.'''

    def _spawn_process(self):
        dump, others = forkserver.reduction.dump, list(self._processes.values())
        def late(x, file):
            dump(x, file)
            first = len(others) == 2 and not (folder / "died").exists()
            if first and isinstance(x, dict) == {between}:
                while all(p.is_alive() for p in others):
                    time.sleep(0.01)
                time.sleep(0.3)  # the pool notices
        forkserver.reduction.dump = late
        try:
            super()._spawn_process()
        finally:
            forkserver.reduction.dump = dump

def slow_pool():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tinygrad_hess.distributed.workers"])
    made = Slow(3, mp_context=context)
    for future in [made.submit(time.sleep, 0.3) for _ in range(2)]:
        future.result()
    time.sleep(0.1)  # now both are idle
    return made

def f(k):
    if k == 0 and not (folder / "died").exists():
        while not (folder / "2").exists():
            time.sleep(0.01)
        time.sleep(0.3)  # now the other one is idle, and holds the lock of the queue
        (folder / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    (folder / str(k)).touch()
    return k * k

if __name__ == "__main__":
    print(tg.parallel_map(f, range(4), executor=slow_pool))
"""


@pytest.mark.slow
@pytest.mark.parametrize("between", [True, False])
def test_a_pool_that_breaks_while_it_starts_a_worker(tmp_path: Path, between: bool) -> None:
    """Before Python 3.12, that worker waits for a lock for ever, and the pool for it, at exit."""
    program = tmp_path / "program.py"
    program.write_text(BREAKS_WHILE_IT_STARTS.format(folder=str(tmp_path), between=between))
    run = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.stdout == "[0, 1, 4, 9]\n", run.stderr
    assert (tmp_path / "died").exists()
