"""Statistics over examples with shards: workers take the sums, and the answers are those of here."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from test_distributed import W, X, Y, hessian, logistic

from tinygrad_hess import curvature, nn
from tinygrad_hess.core import blas_threads
from tinygrad_hess.curvature import KroneckerFactors, ShardedData, laplace

BCE = nn.binary_cross_entropy_with_logits
MODEL = nn.MLP([4, 3, 2], seed=0)
LABELS = Y.astype(int)


def call(model: Any, x: Any) -> Any:
    assert blas_threads.available() == 1  # it runs with a worker
    return model(x)


def alone(w: Any, batch: Any) -> Any:
    assert blas_threads.available() == 1
    return logistic(w, batch)


def factors(data: Any, predict: Any, **options: Any) -> Any:
    K = KroneckerFactors(predict, nn.cross_entropy, MODEL, data, **options)
    return [K.to_dense(), K.eigenvalues(), K.examples]


def posterior(data: Any, predict: Any, structure: str) -> Any:
    la = laplace(predict, nn.cross_entropy, MODEL, data, structure=structure)
    x = X[:2] if structure == "kfac" else X[:3]
    return [la.log_marginal_likelihood, la.negative_log_likelihood, la.predict(x).variance]


STATISTICS: dict[str, Callable[[Any, Any], Any]] = {
    "influence": lambda data, loss: (
        curvature.influence(loss, W, data, (X[:5], Y[:5]), test_loss=logistic, damping=0.1).scores
    ),
    "noise scale": lambda data, loss: [
        getattr(curvature.gradient_noise_scale(loss, W, data), name)
        for name in ("value", "trace_covariance", "gradient_norm_squared", "interval", "examples")
    ],
    "information": lambda data, loss: (
        curvature.observed_information(
            lambda w, batch: loss(w, batch) + 0.1 * w @ w, W, data, robust=True
        ).covariance
    ),
    "sharpness": lambda data, loss: curvature.sharpness(loss, W, data).fisher_rao,
}
OF_NETS: dict[str, Callable[[Any, Any], Any]] = {
    "exact": factors,
    "monte carlo, corrected": lambda data, predict: factors(
        data, predict, expectation="monte_carlo", samples=2, corrected=True
    ),
    "empirical": lambda data, predict: factors(data, predict, expectation="empirical"),
    **{
        f"laplace {s}": lambda data, predict, s=s: posterior(data, predict, s)
        for s in ("full", "block", "diagonal", "kfac")
    },
}


def flat(answer: Any) -> Any:
    return np.concatenate([np.ravel(x) for x in (answer if isinstance(answer, list) else [answer])])


@pytest.mark.parametrize("name", [*STATISTICS, *OF_NETS])
def test_the_same_bits_for_any_workers_and_the_answer_of_here(
    name: str, processes: Executor
) -> None:
    of_net = name in OF_NETS
    statistic = OF_NETS[name] if of_net else STATISTICS[name]
    data, function = ((X, LABELS), call) if of_net else ((X, Y), alone)
    here = [(data[0][i:j], data[1][i:j]) for i, j in ((0, 14), (14, 27), (27, 40), (40, 53))]
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(2) as two:
        found = [
            flat(statistic(ShardedData(data, executor, shards=4), function))
            for executor in (one, two, processes)
        ]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    with blas_threads.one_blas_thread:
        expected = flat(statistic(here, function))
    np.testing.assert_allclose(found[0], expected, rtol=1e-9, atol=1e-14)


def test_the_jackknife_leaves_out_shards(processes: Executor) -> None:
    answer = lambda op: np.linalg.eigvalsh(op.to_dense())
    found = [
        curvature.jackknife(answer, alone, W, ShardedData((X, Y), executor, shards=4))
        for executor in (processes, ThreadPoolExecutor(2))
    ]
    np.testing.assert_array_equal(found[0].without, found[1].without)
    np.testing.assert_allclose(found[0].value, np.linalg.eigvalsh(hessian(W)), rtol=1e-10)
    assert found[0].sizes == (14, 13, 13, 13)
    p = 1 / (1 + np.exp(-X @ W))
    kept = np.arange(53) >= 14
    exact = (X[kept].T * (p * (1 - p))[kept]) @ X[kept] / 39
    np.testing.assert_allclose(found[0].without[0], np.linalg.eigvalsh(exact), rtol=1e-10)


def test_the_noise_scale_of_tiny_gradients_and_zeros() -> None:
    loss = lambda w, x: ((w - x) ** 2).sum() / 2  # the gradient of an example is w - x
    x = np.random.default_rng(0).normal(size=(40, 2)) + 2
    plain = curvature.gradient_noise_scale(loss, np.zeros(2), x)
    for scale in (1e-180, 1e150):
        batches = [np.zeros((0, 2)), *(scale * x).reshape(4, 10, 2)]
        found = curvature.gradient_noise_scale(loss, np.zeros(2), batches)
        np.testing.assert_allclose(found.value, plain.value, rtol=1e-12)
    g = -x - -x.mean(0)
    S = (g**2).sum() / 39
    np.testing.assert_allclose(plain.value, S / ((x.mean(0) ** 2).sum() - S / 40), rtol=1e-12)


def test_gradients_of_examples_are_not_asked_of_workers() -> None:
    with ThreadPoolExecutor(1) as executor:
        data = ShardedData((X, Y), executor)
        with pytest.raises(TypeError, match="per_example_gradients: the gradients of all examples"):
            curvature.per_example_gradients(logistic, W, data)
