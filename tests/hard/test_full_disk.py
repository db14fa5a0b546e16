"""A disk that is full when something is written: one clear error, and the file before is whole."""

from __future__ import annotations

import errno
import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from figures import note

from tinygrad_hess import curvature, io, nn, optim

pytestmark = [
    pytest.mark.hard,
    pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="limits of POSIX"),
]
W, X = np.ones(3), np.random.default_rng(0).normal(size=(8, 3))
DIAGONAL = np.diag(np.arange(1.0, 301.0))


@contextmanager
def full(nbytes: int) -> Iterator[None]:
    """No file may become longer, as on a disk without space: the write fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (nbytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def loss(w: Any, x: Any) -> Any:
    return ((x @ w) ** 2).mean()


def fit(path: Path) -> Any:
    return optim.fit(
        loss,
        W,
        X,
        optim.Adam(lr=0.1),
        epochs=2,
        jit=False,
        progress=False,
        checkpoint=path,
        resume=True,
    )


WRITERS: dict[str, Callable[[Path], Any]] = {
    "npz": lambda path: io.save(path / "a.npz", nn.MLP([3, 40, 1])),
    "safetensors": lambda path: io.save(path / "a.safetensors", nn.MLP([3, 40, 1])),
    "checkpoint of fit": fit,
    "checkpoint of an estimate": lambda path: curvature.trace(DIAGONAL, max_matvecs=8, checkpoint=path / "a.npz"),
    "checkpoint of steps": lambda path: curvature.landscape(loss, W, X, points=31, checkpoint=path / "a.npz"),
    "report": lambda path: curvature.report(loss, W, X, budget=5).save_json(path / "a.json"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
def test_the_error_is_clear_and_nothing_is_lost(name: str, tmp_path: Path) -> None:
    write = WRITERS[name]
    fresh, old = tmp_path / "fresh", tmp_path / "old"
    fresh.mkdir()
    old.mkdir()
    tried = 0
    for room in (0, 1, 100, 300):
        with full(room), pytest.raises(OSError) as caught:
            write(fresh)
        assert caught.value.errno in (errno.EFBIG, errno.ENOSPC)
        assert "could not be written" in str(caught.value), str(caught.value)
        assert list(fresh.iterdir()) == []
        tried += 1
    if "checkpoint" not in name:  # one that is whole would end the run at once
        write(old)
        before = {p.name: p.read_bytes() for p in old.iterdir()}
        with full(100), pytest.raises(OSError):
            write(old)
        assert {p.name: p.read_bytes() for p in old.iterdir()} == before
        tried += 1
    note(f"full disk, {name}", tried=tried)
    write(fresh)
    assert os.listdir(fresh)


def test_a_small_file_system(tmp_path: Path) -> None:
    """The same where a file system of 64 KiB is full, if one can be mounted."""
    if os.system(f"mount -t tmpfs -o size=64k tmpfs {tmp_path} 2>/dev/null"):
        pytest.skip("no right to mount a tmpfs")
    try:
        with pytest.raises(OSError, match="could not be written") as caught:
            io.save(tmp_path / "a.npz", {"w": np.ones(100_000)})
        assert caught.value.errno == errno.ENOSPC and not list(tmp_path.iterdir())
        note("full disk, a file system of 64 KiB", tried=1)
        assert io.load(io.save(tmp_path / "a.npz", {"w": np.ones(10)}))
    finally:
        os.system(f"umount {tmp_path}")
