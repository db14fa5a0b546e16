"""Statistics over batches: interrupted at any batch they go on to the same bits, batch by batch."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_hess import curvature, nn
from tinygrad_hess.core import pace
from tinygrad_hess.core.tensor import Tensor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = X @ np.array([1.0, -2.0, 0.5]) + RNG.normal(size=40) / 3
FITTED = np.linalg.lstsq(X, Y, rcond=None)[0]
BATCHES = [(X[i : i + 10], Y[i : i + 10]) for i in range(0, 40, 10)]


def predict(w: Any, x: Any) -> Any:
    return x @ w


def half(outputs: Any, y: Any) -> Any:
    return nn.mse(outputs, y) / 2


class Loss:
    """Half a mean square; a batch with ``stop`` as its first number interrupts."""

    def __init__(self, stop: float | None = None, calls: int = 0):
        self.stop, self.calls = stop, calls

    def predict(self, w: Any, x: Any) -> Any:
        value = np.ravel(x.value if isinstance(x, Tensor) else x)
        if self.stop is not None and np.any(value == self.stop):
            self.calls -= 1
            if self.calls < 0:
                raise KeyboardInterrupt
        return predict(w, x)

    def __call__(self, w: Any, batch: Any) -> Any:
        return half(self.predict(w, batch[0]), batch[1])


RUNS: dict[str, Callable[..., Any]] = {
    "gradient_noise_scale": lambda loss, **k: curvature.gradient_noise_scale(
        loss, FITTED + 0.1, BATCHES, **k
    ),
    "influence": lambda loss, **k: curvature.influence(loss, FITTED, BATCHES, BATCHES[0], op=OP, **k),
    "observed_information": lambda loss, **k: curvature.observed_information(
        loss, FITTED, BATCHES, robust=True, **k
    ),
    "laplace": lambda loss, **k: curvature.laplace(loss.predict, half, FITTED, BATCHES, **k),
    "laplace, diagonal": lambda loss, **k: curvature.laplace(
        loss.predict, half, FITTED, BATCHES, structure="diagonal", **k
    ),
}  # fmt: skip
OP = X.T @ X / 40


def told(result: Any) -> Any:
    out = result.to_dict(vectors=True) | {
        "arrays": np.asarray(getattr(result, "scores", 0)).tolist()
    }
    out.pop("seconds")
    return out


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("batch", [1, 3])
def test_goes_on_with_the_same_bits(
    name: str, batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "SECONDS", 0.0)
    monkeypatch.setattr(pace, "SHARE", 1e9)
    run, path = RUNS[name], tmp_path / "run.npz"
    expected = run(Loss(), checkpoint=tmp_path / "whole.npz")
    assert told(run(Loss())) | {"matvecs": 0} == told(expected) | {"matvecs": 0}
    stops = 0
    for calls in range(2):
        try:
            partial = run(Loss(BATCHES[batch][0][0, 0], calls), checkpoint=path)
        except KeyboardInterrupt:
            stops += 1
            continue
        if partial.reason:
            stops += 1
            assert "interrupted" in partial.reason and not partial.converged
            np.testing.assert_array_equal(partial.scores, expected.scores[: 10 * batch])
    assert stops
    assert path.exists()
    assert told(run(Loss(), checkpoint=path)) == told(expected)
    if name != "observed_information":  # of a run that is done, no batch but the first is taken
        assert told(run(Loss(BATCHES[batch][0][0, 0]), checkpoint=path)) == told(expected)
    with pytest.raises(ValueError, match="checkpoint"):
        RUNS[name](_Doubled(), checkpoint=path)
    x, y = BATCHES[3]
    other = BATCHES[:3], [*BATCHES[:3], (x, y + 1)], [*BATCHES, BATCHES[0]]
    for batches in other:  # which begin with the same batch
        monkeypatch.setattr(sys.modules[__name__], "BATCHES", batches)
        with pytest.raises(ValueError, match=r"made with (another|scale)"):
            run(Loss(), checkpoint=path)


class _Doubled(Loss):
    """Of another model."""

    def predict(self, w: Any, x: Any) -> Any:
        return 2 * super().predict(w, x)


def test_a_step_is_explained_again(tmp_path: Path) -> None:
    loss = lambda w: (np.array([1.0, 30.0]) * w**2).sum() / 2
    args = (loss, np.ones(2), np.array([0.9, -2.0]))
    expected = curvature.explain_step(*args, k=1)
    for _ in range(2):
        found = curvature.explain_step(*args, k=1, checkpoint=tmp_path / "run.npz")
        assert found.to_dict() == expected.to_dict()


def test_workers_tell_other_data_and_another_loss(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    with ThreadPoolExecutor(2) as executor:

        def scale(loss: Any, batches: Any) -> Any:
            data = curvature.ShardedData(batches, executor)
            return curvature.gradient_noise_scale(loss, FITTED, data, checkpoint=path)

        expected = scale(Loss(), BATCHES)
        assert told(scale(Loss(), BATCHES)) == told(expected)
        with pytest.raises(ValueError, match="with another set of data"):
            scale(Loss(), BATCHES[:3])
        with pytest.raises(ValueError, match="with other parameters or another loss"):
            scale(_Doubled(), BATCHES)


def test_the_jackknife_of_another_answer_is_refused(tmp_path: Path) -> None:
    run = lambda answer: curvature.jackknife(
        answer, Loss(), FITTED, BATCHES, checkpoint=tmp_path / "run.npz"
    )
    run(lambda op: curvature.trace(op).value)
    with pytest.raises(ValueError, match=r"run\.npz was made with another answer"):
        run(lambda op: curvature.trace(op).value ** 2)
