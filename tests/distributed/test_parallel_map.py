"""One function of many inputs, by workers: what a loop gives, whatever happens on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from process_pools import process_pool

import tinygrad_hess as tg
from tinygrad_hess import nn, optim
from tinygrad_hess.core import progress

two_processes = partial(process_pool, 2, __name__)


def square(x: float) -> float:
    return x * x


def losses_of(seed: int) -> Any:
    """The losses of a small net from one seed."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(30, 5)), rng.integers(0, 2, 30)
    loss = lambda model, batch: nn.cross_entropy(model(batch[0]), batch[1])
    fitted = optim.fit(loss, nn.MLP([5, 8, 2], seed=seed), (x, y), optim.Adam(lr=0.05), epochs=6)
    return fitted.losses


def test_results_are_in_order_and_the_same_bits_for_any_workers(processes: Executor) -> None:
    assert tg.parallel_map(square, [3.0, 1.0, 2.0]) == [9.0, 1.0, 4.0]
    assert tg.parallel_map(square, [], executor=processes) == []
    late = lambda k: (time.sleep(0.1 * (k == 0)), k)[1]
    seeds = range(3)
    expected = np.array([losses_of(seed) for seed in seeds])  # nets too small for BLAS threads
    with ThreadPoolExecutor(3) as threads:
        assert tg.parallel_map(late, range(5), executor=threads) == [0, 1, 2, 3, 4]
        for executor in (threads, processes):
            found = tg.parallel_map(losses_of, seeds, executor=executor)
            np.testing.assert_array_equal(np.array(found), expected)
    rows = tg.parallel_map(np.sum, np.arange(6.0).reshape(3, 2), executor=processes)
    assert rows == [1.0, 5.0, 9.0]
    functions = tg.parallel_map(lambda f: f(2.0), [square, abs], executor=processes)
    assert functions == [4.0, 2.0]  # an input that can be called is still an input


def logged(x: Any, log: str, fails_at: Any = None) -> Any:
    if x == fails_at:
        raise ValueError("on purpose")
    with Path(log).open("a") as file:
        file.write(f"{x}\n")
    return {"x": x, "values": np.array([x, np.nan]), "pair": (np.float32(x), None)}


def test_it_goes_on_where_it_stopped(tmp_path: Path, processes: Executor) -> None:
    log, folder = str(tmp_path / "log"), tmp_path / "run"
    of = partial(tg.parallel_map, inputs=[0, 1, 2, 3], checkpoint=folder, executor=processes)
    with pytest.raises(ValueError, match="on purpose") as found:
        of(partial(logged, log=log, fails_at=3))
    assert "parallel_map: on a worker, in call 3 of 4" in found.value.__notes__
    done = found.value.results  # type: ignore[attr-defined]
    assert f"error.results has the results of {len(done)} of 4 calls" in found.value.__notes__[-1]
    results = of(partial(logged, log=log))
    assert sorted(Path(log).read_text().split()) == ["0", "1", "2", "3"] or len(done) < 3
    again = of(partial(logged, log=log, fails_at=0))  # nothing is called
    for a, b in zip(results, again, strict=True):
        assert a["x"] == b["x"] and a["pair"] == b["pair"] and type(a["pair"][0]) is np.float32
        np.testing.assert_array_equal(a["values"], b["values"])


def test_another_run_is_refused(tmp_path: Path) -> None:
    tg.parallel_map(square, [1.0, 2.0], checkpoint=tmp_path)
    with pytest.raises(ValueError, match=r"000001.npz is the result of another input, 2.0, not of"):
        tg.parallel_map(square, [1.0, 2.5], checkpoint=tmp_path)
    with pytest.raises(ValueError, match="is a result of square, not of abs"):
        tg.parallel_map(abs, [1.0, 2.0], checkpoint=tmp_path)
    changed = lambda x: x**3
    changed.__qualname__ = square.__qualname__  # as of an edited file
    with pytest.raises(ValueError, match="is a result of square before its code was changed"):
        tg.parallel_map(changed, [1.0, 2.0], checkpoint=tmp_path)
    (tmp_path / "000000.npz").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="is no result of it"):
        tg.parallel_map(square, [1.0, 2.0], checkpoint=tmp_path)
    with pytest.raises(TypeError, match=r"keeps inputs that are numbers, .*; input 0: a "):
        tg.parallel_map(abs, [square], checkpoint=tmp_path / "other")
    with pytest.raises(TypeError, match=r"keeps results that are .*; that of call 0: .*MLP"):
        tg.parallel_map(lambda s: nn.MLP([2, 2]), [0], checkpoint=tmp_path / "other")
    with pytest.raises(TypeError, match="inputs must be a sequence of what f is called with"):
        tg.parallel_map(square, 3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="executor must be an executor, got 3"):
        tg.parallel_map(square, [1.0], executor=3)


def dies(x: int, flags: str) -> int:
    for flag in Path(flags).iterdir():
        try:
            flag.unlink()
        except FileNotFoundError:  # another worker has just taken it
            continue
        os.kill(os.getpid(), signal.SIGKILL)
    return x + 1


def test_a_killed_worker_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "flag").touch()
    f = partial(dies, flags=str(tmp_path))
    assert tg.parallel_map(f, range(6), executor=two_processes) == [1, 2, 3, 4, 5, 6]
    (tmp_path / "flag").touch()
    with (
        two_processes() as executor,
        pytest.raises(RuntimeError, match=r"no worker is left for call \d of 6"),
    ):
        tg.parallel_map(f, range(6), executor=executor)


INTERRUPTED = """
import time, tinygrad_hess as tg
from concurrent.futures import ThreadPoolExecutor
def f(k):
    if k:
        print("waiting", flush=True)
        time.sleep({seconds})
    return k
with ThreadPoolExecutor(1) as executor:
    try:
        tg.parallel_map(f, [0, 1], executor={executor})
    except KeyboardInterrupt as error:
        print(error.results, flush=True)
"""


@pytest.mark.parametrize("executor", ["None", "executor"])
def test_what_is_done_is_given_on_ctrl_c(executor: str) -> None:
    program = INTERRUPTED.format(executor=executor, seconds=2)
    run = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    assert run.stdout.readline() == "waiting\n"
    time.sleep(0.1)
    run.send_signal(signal.SIGINT)
    assert run.communicate(timeout=60)[0] == "{0: 0}\n"


def slow_square(k: int, seconds: float) -> Any:
    time.sleep(seconds)
    return np.sin(np.arange(3.0) + k)


def test_a_bar_counts_calls(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LOGGED", 0.1)
    f = partial(slow_square, seconds=0.2)
    tg.parallel_map(f, [1, 2], progress=True, checkpoint=tmp_path)
    assert "parallel_map:  50%" in capsys.readouterr().err
    tg.parallel_map(f, [1, 2, 3], progress=True, checkpoint=tmp_path)
    shown = capsys.readouterr().err
    assert "parallel_map:  67%" in shown and " 50%" not in shown  # what was there counts
