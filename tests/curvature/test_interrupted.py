"""Ctrl-C in any estimate gives what is done so far, and a second call goes on to the same numbers."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator

from tinygrad_hess import curvature
from tinygrad_hess.core import pace
from tinygrad_hess.curvature.analysis.curvature_search import ExtremeCurvature
from tinygrad_hess.curvature.training import steps

P = 120
A = np.random.default_rng(0).normal(size=(P, P)) / P**0.5
A = A + A.T + np.diag(np.r_[6.0, 5.0, -5.0, np.zeros(P - 3)])
LAYERS = {"a": np.arange(40), "b": np.arange(40, P)}
LANCZOS = {"probes": 4, "steps": 15, "method": "lanczos"}

ESTIMATES: dict[str, Callable[..., Any]] = {
    "top_eigenpairs": lambda op, **k: curvature.top_eigenpairs(op, 4, method="lanczos", **k),
    "trace": lambda op, **k: curvature.trace(op, 60, **k),
    "xtrace": lambda op, **k: curvature.trace(op, method="xtrace", max_matvecs=60, **k),
    "diagonal": lambda op, **k: curvature.diagonal(op, 60, **k),
    "frobenius_norm": lambda op, **k: curvature.frobenius_norm(op, max_matvecs=60, **k),
    "layer_traces": lambda op, **k: curvature.layer_traces(op, LAYERS, max_matvecs=60, **k),
    "spectral_density": lambda op, **k: curvature.spectral_density(op, **LANCZOS, **k),
    "condition_number": lambda op, **k: curvature.condition_number(op, **LANCZOS, **k),
    "inertia": lambda op, **k: curvature.inertia(op, **LANCZOS, **k),
    "trace_function": lambda op, **k: curvature.trace_function(
        op, np.tanh, probes=6, method="lanczos", max_matvecs=90, **k
    ),
}


def interrupting(at: float) -> LinearOperator:
    """The operator, of which product number ``at`` is interrupted; block products take turns."""
    done = 0

    def product(X: Any) -> Any:
        nonlocal done
        done += np.shape(X)[1] if np.ndim(X) > 1 else 1
        if done > at:
            raise KeyboardInterrupt
        return A @ X

    return LinearOperator((P, P), matvec=product, matmat=product, dtype=float)


def told(result: Any) -> Any:
    """All but times."""
    strip = lambda x: (
        {k: strip(v) for k, v in x.items() if k != "seconds"} if isinstance(x, dict) else x
    )
    return strip(result.to_dict(vectors=True))


@pytest.mark.parametrize("name", ESTIMATES)
def test_gives_what_is_done_and_goes_on(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "SECONDS", 0.0)
    monkeypatch.setattr(pace, "SHARE", 1e9)
    monkeypatch.setattr(curvature.estimates.operands, "BLOCK_MEMORY", 8 * 8 * P)
    estimate, path = ESTIMATES[name], tmp_path / "run.npz"
    expected = told(estimate(interrupting(np.inf), checkpoint=tmp_path / "whole.npz"))
    results = 0
    for at in (1, 45, 10):
        try:
            found = estimate(interrupting(at), checkpoint=path)
        except KeyboardInterrupt:  # nothing of worth was there
            continue
        results += 1
        assert "interrupted (Ctrl-C)" in str(told(found))
    assert results
    assert told(estimate(interrupting(np.inf), checkpoint=path)) == expected


def with_signal(at: int, run: Callable[[], Any]) -> tuple[Any, int]:
    """The result of a run in which Ctrl-C is pressed at call number ``at`` of any function."""
    calls = 0

    def count(frame: Any, event: str, arg: Any) -> None:
        nonlocal calls
        calls += event == "call"
        if event == "call" and calls == at:
            signal.raise_signal(signal.SIGINT)

    sys.setprofile(count)
    try:
        return run(), calls
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize("name", ESTIMATES)
def test_at_any_moment(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curvature.estimates.operands, "BLOCK_MEMORY", 8 * 8 * P)
    run = lambda path: ESTIMATES[name](interrupting(np.inf), checkpoint=tmp_path / path)
    whole, calls = with_signal(0, lambda: run("whole.npz"))
    moments = np.random.default_rng(0).integers(calls // 10, calls, 6)
    handler = signal.getsignal(signal.SIGINT)
    for at in map(int, moments):
        path = f"{at}.npz"
        with contextlib.suppress(KeyboardInterrupt):
            with_signal(at, lambda path=path: run(path))
        assert signal.getsignal(signal.SIGINT) is handler
        assert told(run(path)) == told(whole)


def test_the_part_of_deflation_that_is_done_is_saved(tmp_path: Path) -> None:
    for at in (30, 60):
        found = curvature.trace(interrupting(at), max_matvecs=100, checkpoint=tmp_path / "run.npz")
        assert "interrupted" in found.reason and found.matvecs <= at + 1
    again = curvature.trace(interrupting(60), max_matvecs=100, checkpoint=tmp_path / "run.npz")
    assert again.matvecs > 60  # goes on where it was


@pytest.mark.parametrize("name", ["lipschitz_of_gradient", "is_convex_on"])
def test_a_search_says_that_it_was_interrupted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    search, climb = getattr(curvature, name), ExtremeCurvature.from_sample
    taken = iter(range(9))

    def interrupted(self: Any, start: Any) -> Any:
        if next(taken) == 2:
            raise KeyboardInterrupt
        return climb(self, start)

    monkeypatch.setattr(ExtremeCurvature, "from_sample", interrupted)
    found = search(lambda x: (x**4).sum(), np.ones(2), region=curvature.Ball(0.5), samples=5)
    assert len(found.sampled) == 2
    assert found.reason.startswith("interrupted") and "NOT complete: interrupted" in repr(found)


def test_an_explained_step_says_why_its_eigenvalues_have_not_converged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        steps,
        "top_eigenpairs",
        lambda *a, **k: curvature.top_eigenpairs(interrupting(9), 3, method="lanczos"),
    )
    w = np.linspace(0.0, 1.0, P)
    found = curvature.explain_step(lambda w: (w**4).sum(), w, 0.9 * w)
    assert not found.converged and "NOT converged: interrupted (Ctrl-C)" in repr(found)


@pytest.mark.parametrize("name", ESTIMATES)
def test_a_bar_in_a_log_is_drawn_seldom(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    ESTIMATES[name](interrupting(np.inf), progress=True)
    assert 1 <= capsys.readouterr().err.count("\r") <= 4  # at first, and to wipe it


def test_the_time_left_is_told_by_what_this_run_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars: list[Any] = []

    def shown(who: str, progress: Any, **k: Any) -> Any:
        bars.append(SimpleNamespace(n=0, initial=0, total=0, set_postfix_str=lambda *a, **k: None))
        bars[-1].update = lambda count, bar=bars[-1]: setattr(bar, "n", bar.n + count)
        bars[-1].close = lambda: None
        return bars[-1] if progress else None

    monkeypatch.setattr("tinygrad_hess.curvature.estimates.budget.progress_bar", shown)
    monkeypatch.setattr("tinygrad_hess.curvature.estimates.steps.progress_bar", shown)
    run = {"checkpoint": tmp_path / "run.npz", "progress": True}
    curvature.trace(A, max_matvecs=40, **run)
    curvature.trace(A, max_matvecs=80, **run)
    assert (bars[-1].initial, bars[-1].n) == (40, 80)
    w = np.linspace(0.0, 1.0, P)
    for _ in range(2):
        curvature.landscape(
            lambda w: (w**4).sum(), w, points=9, checkpoint=tmp_path / "l.npz", progress=True
        )
    assert bars[-1].initial == bars[-1].n == 9
