"""Training runs that are killed go on bit for bit; files that are no checkpoints are told apart."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import textwrap
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_hess import data, nn, optim
from tinygrad_hess.core import pace, trees
from tinygrad_hess.core.archives import read_npz, write_npz

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(26, 3)), RNG.normal(size=(26, 1))
LAST = "checkpoint.npz"


def net() -> Any:
    """Dropout's random state and the running statistics are buffers."""
    return nn.Sequential(
        nn.Linear(3, 6, seed=1), nn.BatchNorm1d(6), nn.Dropout(0.3, seed=2), nn.Linear(6, 1, seed=3)
    )


def loss(model: Any, batch: Any) -> Any:
    return nn.mse(model(batch[0]), batch[1])


def run(folder: Any = None, **given: Any) -> Any:
    """Everything that a checkpoint has to keep is in it."""
    batches = data.batches(X, Y, 4, seed=np.random.default_rng(5))
    options: dict[str, Any] = {
        "epochs": 6, "validation": (X[:9] + 1, Y[:9]), "patience": 50, "accumulate": 2,
        "metrics": {"distance": lambda m, b: abs(m(b[0]) - b[1]).mean()},
    }  # fmt: skip
    opt = optim.Adam(lr=optim.cosine(0.05, 24), max_norm=1.0)
    return optim.fit(loss, net(), batches, opt, checkpoint=folder, **{**options, **given})


def same(a: Any, b: Any) -> None:
    """Results that are equal bit for bit."""
    for x, y in ((a.params, b.params), (a.state, b.state), (a.best, b.best)):
        for p, q in zip(trees.leaves_every(x), trees.leaves_every(y), strict=True):
            assert np.asarray(p).dtype == np.asarray(q).dtype
            assert np.asarray(p).tobytes() == np.asarray(q).tobytes()
    assert list(a.history) == list(b.history)
    for name, column in a.history.items():
        np.testing.assert_array_equal(column, b.history[name])
    assert (a.best_loss, a.best_step, a.stopped) == (b.best_loss, b.best_step, b.stopped)


class DiedError(Exception):
    pass


def dying(after: int) -> Any:
    def call(step: int, *_: Any) -> None:
        if step == after:
            raise DiedError

    return call


@functools.cache
def whole_run(jit: bool = False, epochs: int = 6) -> Any:
    return run(jit=jit, epochs=epochs)


@pytest.mark.parametrize("after, jit", [(1, False), (3, True), (4, False), (5, False), (13, False)])
def test_a_run_that_ended_anywhere_goes_on_bit_for_bit(
    after: int, jit: bool, tmp_path: Path
) -> None:
    with pytest.raises(DiedError):
        run(tmp_path, every=1, callback=dying(after), jit=jit)
    assert len(read_npz(tmp_path / LAST)["history.loss"]) == after
    same(run(tmp_path, resume=True, jit=jit), whole_run(jit))
    same(run(tmp_path, resume=True, jit=jit), whole_run(jit))  # it is over, and stays what it was
    if not jit:
        same(run(tmp_path, resume=True, epochs=8, jit=False), whole_run(jit, epochs=8))


@pytest.mark.parametrize("kind", ["MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"])
def test_the_order_of_batches_is_resumed_for_every_generator(kind: str, tmp_path: Path) -> None:
    def go(folder: Any = None, **given: Any) -> Any:
        rng = np.random.Generator(getattr(np.random, kind)(3))
        rng.random(dtype=np.float32)  # half of a draw is left in some
        batches = data.batches(X, Y, 9, seed=rng)
        return optim.fit(
            lambda w, b: ((b[0] @ w - b[1]) ** 2).mean(), np.zeros((3, 1)), batches,
            optim.SGD(lr=0.1), epochs=4, checkpoint=folder, **given,
        )  # fmt: skip

    whole = go()
    orders = whole.losses.reshape(4, 3)
    assert len({tuple(row) for row in orders}) == 4
    with pytest.raises(DiedError):
        go(tmp_path, every=1, callback=dying(5))
    same(go(tmp_path, resume=True), whole)


def test_data_with_a_state_of_its_own_and_generators(tmp_path: Path) -> None:
    class Drawing:
        def __init__(self) -> None:
            self.seed = 0

        def state_dict(self) -> dict[str, int]:
            return {"seed": self.seed}

        def load_state_dict(self, state: dict[str, int]) -> None:
            self.seed = state["seed"]

        def __iter__(self) -> Any:
            self.seed += 1
            yield from np.random.default_rng(self.seed).normal(size=(4, 2))

    far = lambda w, b: ((w - b) ** 2).sum()
    go = lambda data, **given: optim.fit(far, np.zeros(2), data, optim.SGD(lr=0.1), **given)
    whole = go(Drawing(), epochs=3)
    with pytest.raises(DiedError):
        go(Drawing(), epochs=3, checkpoint=tmp_path / "a", every=1, callback=dying(6))
    same(go(Drawing(), epochs=3, checkpoint=tmp_path / "a", resume=True), whole)

    once = lambda: (np.full(2, float(i)) for i in range(7))
    with pytest.raises(DiedError):
        go(once(), checkpoint=tmp_path / "b", every=1, callback=dying(4))
    same(go(once(), checkpoint=tmp_path / "b", resume=True), go(once()))
    with pytest.raises(DiedError):
        go(once(), checkpoint=tmp_path / "c", every=1, callback=dying(4))
    with pytest.raises(ValueError, match="had taken 4 batches of its epoch, but data holds fewer"):
        go([np.ones(2)], checkpoint=tmp_path / "c", resume=True)


def test_patience_goes_on_being_lost(tmp_path: Path) -> None:
    rising = lambda m, b: loss(m, b) * 0 + b[0].sum() * 0 + 1.0
    flat = lambda **given: optim.fit(
        rising, net(), (X, Y), optim.SGD(lr=0.0), epochs=20, patience=4, jit=False, **given
    )
    whole = flat()
    assert (whole.stopped, len(whole.losses)) == ("patience", 5)
    with pytest.raises(DiedError):
        flat(checkpoint=tmp_path, every=1, callback=dying(3))
    same(flat(checkpoint=tmp_path, resume=True), whole)
    same(flat(checkpoint=tmp_path, resume=True), whole)


@pytest.mark.parametrize(
    "make",
    [
        lambda: optim.KFAC(lambda m, x: m(x), nn.mse, lr=0.05, every=2),
        lambda: optim.HessianFree(lambda m, x: m(x), nn.mse),
        lambda: optim.Sophia(lr=0.01),
        lambda: optim.Shampoo(lr=0.01),
        lambda: optim.SAM(optim.SGD(lr=0.05, momentum=0.9)),
    ],
)
def test_what_an_optimiser_remembers_is_in_it(make: Any, tmp_path: Path) -> None:
    go = lambda **given: optim.fit(
        loss, nn.MLP([3, 4, 1], nn.tanh, seed=0), (X, Y), make(), epochs=5, **given
    )
    whole = go()
    with pytest.raises(DiedError):
        go(checkpoint=tmp_path, every=1, callback=dying(3))
    same(go(checkpoint=tmp_path, resume=True), whole)


def test_when_checkpoints_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    real = optim.training.checkpoints.Checkpoints.save
    monkeypatch.setattr(
        optim.training.checkpoints.Checkpoints, "save",
        lambda self, at, history: (written.append(at.steps), real(self, at, history)),
    )  # fmt: skip
    run(tmp_path / "a", epochs=3, every=5, jit=False)
    assert written == [5, 10, 12]
    written.clear()
    run(tmp_path / "b", epochs=3, jit=False)
    assert written == [12], "sooner than after some seconds"
    written.clear()
    monkeypatch.setattr(pace, "SECONDS", 0.0)
    monkeypatch.setattr(pace, "SHARE", 1e9)
    run(tmp_path / "c", epochs=3, jit=False)
    assert written == [*range(1, 13), 12]
    written.clear()
    monkeypatch.setattr(pace, "SECONDS", 1e9)

    def interrupt(step: int, *_: Any) -> None:
        if step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "d", epochs=3, callback=interrupt, jit=False)
    assert written == [7]
    same(run(tmp_path / "d", epochs=3, resume=True, jit=False), whole_run(epochs=3))
    assert not [p for p in (tmp_path / "a").iterdir() if p.name != LAST]


# ---- what is refused -----------------------------------------------------------------------------


def test_an_earlier_run_is_not_overwritten_unasked(tmp_path: Path) -> None:
    run(tmp_path, epochs=1, jit=False)
    with pytest.raises(FileExistsError, match="resume=True"):
        run(tmp_path)
    with pytest.raises(ValueError, match="resume is of checkpoints"):
        run(resume=True)
    with pytest.raises(ValueError, match="every is of checkpoints"):
        run(every=3)
    with pytest.raises(ValueError, match="every must be an integer of at least 1"):
        run(tmp_path, every=0)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(NotADirectoryError, match="must be a folder"):
        run(file)
    with pytest.raises(TypeError, match="path to a folder"):
        run(3)


def read_npz_of(content: bytes, folder: Path) -> Any:
    path = folder / "other.npz"
    path.write_bytes(content)
    return read_npz(path)


def test_truncated_and_foreign_files_are_one_clear_error(tmp_path: Path) -> None:
    run(tmp_path, epochs=1, jit=False)
    file = tmp_path / LAST
    good = file.read_bytes()
    rng = np.random.default_rng(0)
    cuts = [0, 1, 4, len(good) // 2, len(good) - 1, *rng.integers(0, len(good), 20)]
    for cut in cuts:
        file.write_bytes(good[:cut])
        with pytest.raises(ValueError, match=r"is no checkpoint of fit \(.*give another folder"):
            run(tmp_path, resume=True)
    foreign = [b"text", b"\x80\x04K\x01.", b"\x93NUMPY\x01\x00", bytes(1000)]
    for content in foreign:
        file.write_bytes(content)
        with pytest.raises(ValueError, match="is no checkpoint of fit"):
            run(tmp_path, resume=True)
    write_npz(file, {"w": np.ones(2)})
    with pytest.raises(ValueError, match="is no checkpoint of fit"):
        run(tmp_path, resume=True)
    write_npz(file, {"run": read_npz_of(good, tmp_path)["run"]})
    with pytest.raises(ValueError, match="is no checkpoint of fit"):
        run(tmp_path, resume=True)
    write_npz(file, {"run": np.array('{"format": "other"}')})
    with pytest.raises(ValueError, match="its format is 'other'"):
        run(tmp_path, resume=True)


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    run(tmp_path, epochs=1, jit=False)
    file = tmp_path / LAST
    good = bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as archive:
        largest = max(archive.infolist(), key=lambda entry: entry.file_size)
    good[largest.header_offset + 250] ^= 4
    file.write_bytes(bytes(good))
    with pytest.raises(ValueError, match="is no checkpoint of fit"):
        run(tmp_path, resume=True)


def test_the_checkpoint_of_another_model_or_optimiser(tmp_path: Path) -> None:
    run(tmp_path, epochs=1, jit=False)
    go = lambda model, opt: optim.fit(loss, model, (X, Y), opt, checkpoint=tmp_path, resume=True)
    with pytest.raises(ValueError, match=r"(?s)unexpected: .*misshapen: .*checkpoint\.npz"):
        go(nn.MLP([3, 6, 1]), optim.Adam(lr=0.05))
    for other in (optim.SGD(lr=0.05), optim.Sophia(), optim.SAM(optim.Adam(lr=0.05))):
        told = r"holds the state of Adam, not of (SGD|Sophia|SAM\(Adam\)); give another folder"
        with pytest.raises(ValueError, match=told):  # moments of the same shapes, too
            go(net(), other)
    single = nn.Sequential(
        nn.Linear(3, 6, dtype=np.float32), nn.BatchNorm1d(6), nn.Dropout(0.3), nn.Linear(6, 1)
    )
    with pytest.raises(ValueError, match="is float64, not float32"):
        go(single, optim.Adam(lr=0.05))


# ---- killed processes ----------------------------------------------------------------------------

SCRIPT = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
from test_checkpoints import run
print("go", flush=True)
run({folder!r}, every=1, epochs={epochs}, resume=True)
"""


def ended(folder: Path, after: float, epochs: int) -> float | None:
    """After how many seconds a run ended; None where it was killed ``after`` so many."""
    script = textwrap.dedent(SCRIPT).format(
        root=str(ROOT), tests=str(Path(__file__).parent), folder=str(folder), epochs=epochs
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT, env=environment
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"go\n"
        begin = time.perf_counter()
        try:
            assert process.wait(after) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            return None
        return time.perf_counter() - begin


def resume_after_kills(folder: Path, kills: int, seed: int) -> None:
    """A run is killed so many times at random moments, and after each its file is whole."""
    rng, epochs, deaths = np.random.default_rng(seed), 30, 0
    seconds = ended(folder.with_name("whole"), 600.0, epochs)
    assert seconds is not None
    for _ in range(kills):
        deaths += ended(folder, float(rng.uniform(0.0, 0.9)) * seconds, epochs) is None
        if (folder / LAST).exists():
            arrays = read_npz(folder / LAST)
            assert len(arrays["history.loss"]) <= 4 * epochs
    assert deaths, "none was killed before its end"
    same(run(folder, resume=True, epochs=epochs), whole_run(jit=True, epochs=epochs))


@pytest.mark.skipif(os.name != "posix", reason="sends SIGKILL")
def test_killed_processes_go_on_bit_for_bit(tmp_path: Path) -> None:
    resume_after_kills(tmp_path / "run", 3, seed=0)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends SIGKILL")
@pytest.mark.parametrize("seed", range(1, 11))
def test_processes_killed_at_many_moments_go_on_bit_for_bit(seed: int, tmp_path: Path) -> None:
    resume_after_kills(tmp_path / "run", 5, seed)


def test_a_best_of_other_data_is_not_kept(tmp_path: Path) -> None:
    options: dict[str, Any] = {"metrics": None, "patience": None, "jit": False}
    run(tmp_path, epochs=3, validation=None, **options)
    judged = run(tmp_path, epochs=5, resume=True, **options)
    measured = judged.history["val_loss"]
    assert np.isfinite(measured).sum() == 2
    assert judged.best_loss == np.nanmin(measured)
    again = run(tmp_path, epochs=6, validation=None, resume=True, **options)
    assert again.best_step > judged.best_step and "val_loss" not in again.history


def test_data_that_cannot_have_drawn_what_is_resumed(tmp_path: Path) -> None:
    run(tmp_path, epochs=1)
    with pytest.raises(ValueError, match="drew the order of its batches from a generator, which"):
        optim.fit(
            loss, net(), [(X, Y)], optim.Adam(lr=0.1), epochs=4, validation=(X, Y),
            metrics={"distance": lambda m, b: 0.0}, checkpoint=tmp_path, resume=True,
        )  # fmt: skip
