"""Workers that are lost, and executors that are broken: an answer or an error, and an end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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
