"""Long runs that are killed, and go on with the same answer."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator

from tinygrad_hess.core import pace
from tinygrad_hess.curvature import (
    diagonal,
    frobenius_norm,
    layer_traces,
    top_eigenpairs,
    trace,
)
from tinygrad_hess.curvature.estimates import checkpoints

P = 400
A = np.random.default_rng(0).normal(size=(P, P)) / P**0.5
A = A + A.T + np.diag(np.r_[6, 5, 5, 4, np.zeros(P - 4)])
LAYERS = {"a": np.arange(100), "b": np.arange(100, P)}

RUNS = {
    "top_eigenpairs": lambda op, **k: top_eigenpairs(op, 6, "BE", **k),
    "near a shift": lambda op, **k: top_eigenpairs(op, 2, sigma=5.5, method="lanczos", **k),
    "warm": lambda op, **k: top_eigenpairs(op, 3, v0=np.eye(P)[:, :3], **k),
    "trace": lambda op, **k: trace(op, rtol=0.02, **k),
    "hutchinson": lambda op, **k: trace(op, 200, **k),
    "xtrace": lambda op, **k: trace(op, method="xtrace", atol=3.0, **k),
    "diagonal": lambda op, **k: diagonal(op, 200, **k),
    "frobenius_norm": lambda op, **k: frobenius_norm(op, rtol=0.01, **k),
    "layer_traces": lambda op, **k: layer_traces(op, LAYERS, max_matvecs=200, **k),
}


def plain(result):
    out = result.to_dict()
    for part in (out, out.get("total", {}), *out.get("layers", {}).values()):
        part.pop("seconds", None)
    return out


class KilledError(Exception):
    pass


def dying(after):
    """The operator, of which the product after so many fails."""
    calls = []

    def product(X):
        calls.append(1)
        if len(calls) > after:
            raise KilledError
        return A @ X

    return LinearOperator((P, P), matvec=product, matmat=product, dtype=float)


@pytest.mark.parametrize("name", RUNS)
def test_goes_on_with_the_same_answer(name, tmp_path, monkeypatch):
    monkeypatch.setattr(pace, "SECONDS", 0.0)
    monkeypatch.setattr(pace, "SHARE", 1e9)
    run = RUNS[name]
    whole = dying(10**9)  # the same calls of BLAS for both
    expected = run(whole, checkpoint=tmp_path / "whole.npz")
    path, deaths = tmp_path / "run.npz", 0
    for after in (3, 5, 4, 9, 17, 6):
        try:
            run(dying(after), checkpoint=path)
        except KilledError:
            deaths += 1
    assert deaths >= 2
    found = run(whole, checkpoint=path)
    assert plain(found) == plain(expected)
    if hasattr(found, "vectors"):
        np.testing.assert_array_equal(found.vectors, expected.vectors)
    assert plain(run(whole, checkpoint=path)) == plain(expected)  # a finished run costs one product


def test_a_killed_process(tmp_path):
    """SIGKILL in the middle; nothing but the file is left."""
    script = f"""
import os, signal, numpy as np
from scipy.sparse.linalg import LinearOperator
from tinygrad_hess.curvature import top_eigenpairs
from tinygrad_hess.core import pace
pace.SECONDS, pace.SHARE = 0.0, 1e9
P = {P}
A = np.random.default_rng(0).normal(size=(P, P)) / P**0.5
A = A + A.T + np.diag(np.r_[6, 5, 5, 4, np.zeros(P - 4)])
calls = []
def product(x):
    calls.append(1)
    if len(calls) == 30:
        os.kill(os.getpid(), signal.SIGKILL)
    return A @ x
op = LinearOperator((P, P), matvec=product, dtype=float)
top_eigenpairs(op, 6, "BE", checkpoint={str(tmp_path / "run.npz")!r})
"""
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
    assert done.returncode == -9, done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]
    calls = []

    def product(x):
        calls.append(1)
        return A @ x

    op = LinearOperator((P, P), matvec=product, dtype=float)
    found = RUNS["top_eigenpairs"](op, checkpoint=tmp_path / "run.npz")
    expected = RUNS["top_eigenpairs"](dying(10**9), checkpoint=tmp_path / "whole.npz")
    np.testing.assert_array_equal(found.vectors, expected.vectors)
    assert found.matvecs == expected.matvecs == len(calls) + 30 - 2


def test_interrupted_runs_save_what_they_have(tmp_path):
    path = tmp_path / "run.npz"
    calls = []

    def product(x):
        calls.append(1)
        if len(calls) == 25:
            raise KeyboardInterrupt
        return A @ x

    op = LinearOperator((P, P), matvec=product, dtype=float)
    partial = RUNS["top_eigenpairs"](op, checkpoint=path)
    assert not partial.converged and path.exists()
    found = RUNS["top_eigenpairs"](op, checkpoint=path)
    expected = RUNS["top_eigenpairs"](dying(10**9), checkpoint=tmp_path / "whole.npz")
    assert found.converged
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-12)


def test_more_budget_goes_on(tmp_path):
    path = tmp_path / "run.npz"
    cut = top_eigenpairs(A, 6, "BE", max_matvecs=20, checkpoint=path)
    assert not cut.converged and cut.matvecs <= 20
    calls = []

    def product(x):
        calls.append(1)
        return A @ x

    op = LinearOperator((P, P), matvec=product, dtype=float)
    full = top_eigenpairs(op, 6, "BE", checkpoint=path)
    assert full.converged and len(calls) <= full.matvecs - 18


@pytest.mark.parametrize("name", ["trace", "hutchinson", "diagonal", "layer_traces", "xtrace"])
def test_more_budget_is_spent(name, tmp_path):
    run = {
        "trace": trace,
        "hutchinson": lambda A, **k: trace(A, method="hutchinson", **k),
        "diagonal": diagonal,
        "layer_traces": lambda A, **k: layer_traces(A, LAYERS, **k).total,
        "xtrace": lambda A, **k: trace(A, method="xtrace", **k),
    }[name]
    spent = [
        run(A, max_matvecs=m, checkpoint=tmp_path / "run.npz").matvecs for m in (150, 301, 150)
    ]
    assert spent[0] in (149, 150) and spent[1:] == [301, 301]


def test_checkpoints_of_another_problem_are_refused(tmp_path):
    path = tmp_path / "run.npz"
    top_eigenpairs(A, 3, checkpoint=path)
    for match, call in {
        "with seed 0, not 1": lambda: top_eigenpairs(A, 3, seed=1, checkpoint=path),
        "with k 3, not 4": lambda: top_eigenpairs(A, 4, checkpoint=path),
        "with estimate top_eigenpairs, not trace": lambda: trace(A, checkpoint=path),
        "with size 400, not 300": lambda: top_eigenpairs(A[:300, :300], 3, checkpoint=path),
        "dtype float64, not float32": lambda: top_eigenpairs(A.astype("f4"), 3, checkpoint=path),
        "another operator": lambda: top_eigenpairs(A + 1e-3 * np.eye(P), 3, checkpoint=path),
    }.items():
        with pytest.raises(ValueError, match=match) as error:
            call()
        assert "delete the file to begin anew" in str(error.value)


def test_files_that_are_no_checkpoints(tmp_path):
    for name, content in {"text.npz": b"hello", "empty.npz": b""}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match="is not a checkpoint"):
            trace(A, checkpoint=tmp_path / name)
    np.savez(tmp_path / "other.npz", x=np.ones(2))
    with pytest.raises(ValueError, match="is not a checkpoint"):
        trace(A, checkpoint=tmp_path / "other.npz")
    np.savez(tmp_path / "pickle.npz", identity=np.array([{}], object))
    with pytest.raises(ValueError, match="is not a checkpoint"):
        trace(A, checkpoint=tmp_path / "pickle.npz")
    with pytest.raises(FileNotFoundError, match="no folder"):
        trace(A, checkpoint=tmp_path / "nowhere" / "run.npz")


def test_saving_takes_a_small_share_of_the_time(tmp_path, monkeypatch):
    """Not more often than every few seconds, and then in proportion to what saving costs."""
    saves = []
    real = checkpoints.Checkpoint.save
    monkeypatch.setattr(
        checkpoints.Checkpoint, "save", lambda self, state: (saves.append(1), real(self, state))
    )
    top_eigenpairs(A, 6, "BE", checkpoint=tmp_path / "run.npz")
    assert len(saves) == 1  # at the end


def damaged(path):
    """A checkpoint, and what may have become of it."""
    trace(A, max_matvecs=20, checkpoint=path)
    whole = path.read_bytes()
    at = whole.index(b"product.npy") + 60
    np.save(path.with_suffix(".npy"), np.ones(3))
    np.savez(path.with_suffix(".foreign.npz"), x=np.ones(3))
    return {
        "empty": b"",
        "text": b"no archive",
        "an array": path.with_suffix(".npy").read_bytes(),
        "another archive": path.with_suffix(".foreign.npz").read_bytes(),
        "cut off": whole[: len(whole) // 2],
        "flipped": whole[:at] + bytes(255 - b for b in whole[at : at + 40]) + whole[at + 40 :],
    }


@pytest.mark.parametrize("what", [
    "empty", "text", "an array", "another archive", "cut off", "flipped",
])  # fmt: skip
def test_a_damaged_file_is_named(what, tmp_path):
    path = tmp_path / "run.npz"
    content = damaged(path)[what]
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"trace: run.npz is not a checkpoint \(.*; give another"):
        trace(A, max_matvecs=20, checkpoint=str(path))
    assert path.read_bytes() == content


def test_leftovers_of_killed_writes_are_removed(tmp_path):
    killed = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                            capture_output=True, text=True, check=True)  # fmt: skip
    for name in (f".run.npz.{int(killed.stdout)}", ".run.npz.notes", ".other.npz.1"):
        (tmp_path / name).write_bytes(b"partial")
    trace(A, max_matvecs=20, checkpoint=tmp_path / "run.npz")
    left = sorted(f.name for f in tmp_path.iterdir())
    assert left == [".other.npz.1", ".run.npz.notes", "run.npz"]
