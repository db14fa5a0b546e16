"""Ctrl-C in any estimate gives what is done so far, and a second call goes on to the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator

from tinygrad_hess import curvature
from tinygrad_hess.core import pace

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
