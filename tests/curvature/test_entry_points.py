"""What every entry point of curvature refuses alike: random losses, data that change, NaN."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_hess import curvature, nn

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 3)), RNG.normal(size=(12, 2))
MODEL = nn.MLP([3, 4, 2], seed=0)

Predict = Callable[[Any, Any], Any]


def _of_loss(make: Callable[..., Any]) -> Callable[[Predict, Any], Any]:
    """An entry point ``make(loss, params, data)``."""
    return lambda predict, data: make(lambda m, b: nn.mse(predict(m, b[0]), b[1]), MODEL, data)


def _of_model(make: Callable[..., Any]) -> Callable[[Predict, Any], Any]:
    """An entry point ``make(predict, loss, params, data)``."""
    return lambda predict, data: make(predict, nn.mse, MODEL, data)


def _one(data: Any) -> Any:
    """The first batch, for what takes one."""
    return data if isinstance(data, tuple) else next(iter(data))


def _used(op: Any) -> Any:
    return op @ np.ones(op.shape[1])


def _followed(loss: Any, params: Any, data: Any) -> None:
    record = curvature.Monitor(loss, data, every=1, k=1).measure(0, params)
    if "failed" in record:
        raise ValueError(record["failed"]["top_eigenvalues"])


ENTRY_POINTS = {
    "HessianOperator": _of_loss(lambda *a: _used(curvature.HessianOperator(*a))),
    "GGNOperator": _of_model(lambda *a: _used(curvature.GGNOperator(*a))),
    "FisherOperator": _of_model(lambda *a: _used(curvature.FisherOperator(*a))),
    "EmpiricalFisherOperator": _of_model(lambda *a: _used(curvature.EmpiricalFisherOperator(*a))),
    "JacobianOperator": lambda predict, data: _used(
        curvature.JacobianOperator(lambda m, b: predict(m, b[0]), MODEL, data)
    ),
    "KroneckerFactors": _of_model(curvature.KroneckerFactors),
    "Monitor": _of_loss(_followed),
    "gradient_noise_scale": _of_loss(curvature.gradient_noise_scale),
    "influence": _of_loss(
        lambda f, m, d: curvature.influence(f, m, d, _one(d), op=np.eye(26), damping=1.0)
    ),
    "influence, its own operator": _of_loss(
        lambda f, m, d: curvature.influence(f, m, d, _one(d), damping=100.0)
    ),
    "explain_step": _of_loss(lambda f, m, d: curvature.explain_step(f, m, m, d, k=1)),
    "is_convex_on": _of_loss(
        lambda *a: curvature.is_convex_on(*a, region=curvature.Ball(0.1), samples=1)
    ),
    "jackknife": _of_loss(
        lambda f, m, d: curvature.jackknife(lambda op: curvature.trace(op, 2), f, m, d, groups=2)
    ),
    "landscape": _of_loss(lambda *a: curvature.landscape(*a, dimensions=1, points=3)),
    "laplace": _of_model(lambda *a: curvature.laplace(*a, structure="diagonal")),
    "laplace, kfac": _of_model(lambda *a: curvature.laplace(*a, structure="kfac")),
    "lipschitz_of_gradient": _of_loss(
        lambda *a: curvature.lipschitz_of_gradient(*a, region=curvature.Ball(0.1), samples=1)
    ),
    "per_example_gradients": _of_loss(
        lambda f, m, d: curvature.per_example_gradients(f, m, _one(d))
    ),
    "quadratic_model": _of_loss(curvature.quadratic_model),
    "report": _of_loss(lambda *a: curvature.report(*a, budget=0.5)),
    "sharpness": _of_loss(curvature.sharpness),
}
ONE_BATCH = {"per_example_gradients"}
READ_ONCE = {"KroneckerFactors", "influence", "jackknife", "laplace"}


def predict(model: Any, x: Any) -> Any:
    return model(x)


def test_every_entry_point_is_listed() -> None:
    """What takes a loss and data is in the table above."""
    takes_an_operator = {
        "BlockDiagonalOperator", "InverseOperator", "classify_critical_point", "condition_number",
        "contraction", "diagonal", "effective_dimension", "effective_rank", "filter_normalized",
        "frobenius_norm", "gradient_alignment", "inertia", "layer_blocks", "layer_shares",
        "layer_traces", "log_determinant", "no_replay", "spectral_density", "stability_threshold",
        "step_size", "subspace_overlap", "top_eigenpairs", "trace", "trace_function",
        "trajectory_directions", "KroneckerBlock",
    }  # fmt: skip
    by_itself = {name.partition(",")[0] for name in ENTRY_POINTS} | {"observed_information"}
    regions = {"Ball", "Box"}
    data = {"ShardedData"}
    results = {
        name
        for name in curvature.__all__
        if hasattr(getattr(curvature, name), "__dataclass_fields__")
    } | {"TrajectoryDirections"}
    left = set(curvature.__all__) - takes_an_operator - by_itself - regions - data - results
    assert not left


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_a_loss_that_draws_random_numbers(name: str) -> None:
    rng = np.random.default_rng(5)

    def noisy(m: Any, x: Any) -> Any:
        hidden = np.tanh(m.layers[0](x))
        return m.layers[1](hidden * (1 + 0.1 * rng.random(hidden.shape)))

    with pytest.raises(ValueError, match=r"two evaluations on the same batch gave .* is random"):
        ENTRY_POINTS[name](noisy, (X, Y))


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_a_loss_that_is_not_finite(name: str) -> None:
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="on batch 0 the value is nan"):
        ENTRY_POINTS[name](lambda m, x: model_with_nan(m, x), (X, Y))


def model_with_nan(m: Any, x: Any) -> Any:
    return m(x) + np.log(-np.ones(1))


@pytest.mark.parametrize("name", sorted(set(ENTRY_POINTS) - ONE_BATCH - READ_ONCE))
def test_data_that_differ_from_pass_to_pass(name: str) -> None:
    class Shuffling:
        rng = np.random.default_rng(0)

        def __iter__(self) -> Any:
            order = self.rng.permutation(12)
            return iter([(X[order[:6]], Y[order[:6]]), (X[order[6:]], Y[order[6:]])])

    with pytest.raises(ValueError, match="batch 0 of a second pass over the data differs"):
        ENTRY_POINTS[name](predict, Shuffling())


@pytest.mark.parametrize("name", sorted(set(ENTRY_POINTS) - ONE_BATCH - READ_ONCE))
def test_data_that_end(name: str) -> None:
    class Once:
        batches = iter([(X[:6], Y[:6]), (X[6:], Y[6:])])

        def __iter__(self) -> Any:
            return (batch for batch in self.batches)

    with pytest.raises(
        ValueError, match=r"this pass over the data found 0 batches|batch 0 of a second"
    ):
        ENTRY_POINTS[name](predict, Once())


@pytest.mark.parametrize("name", ["HessianOperator", "KroneckerFactors", "gradient_noise_scale"])
def test_a_generator_is_read_into_a_list(name: str) -> None:
    ENTRY_POINTS[name](predict, (batch for batch in [(X[:6], Y[:6]), (X[6:], Y[6:])]))


@pytest.mark.parametrize("name", sorted(set(ENTRY_POINTS) - {"Monitor"}))
def test_a_loss_or_a_model_that_is_no_function(name: str) -> None:
    calls = {
        "HessianOperator": lambda: curvature.HessianOperator(np.eye(2), np.ones(2), np.ones(2)),
        "GGNOperator": lambda: curvature.GGNOperator(3.0, nn.mse, MODEL, (X, Y)),
        "KroneckerFactors": lambda: curvature.KroneckerFactors(predict, 3.0, MODEL, (X, Y)),
        "per_example_gradients": lambda: curvature.per_example_gradients(3.0, MODEL, (X, Y)),
        "laplace": lambda: curvature.laplace(predict, "mse", MODEL, (X, Y)),
    }
    if name in calls:
        with pytest.raises(TypeError, match=f"{name}: (loss|predict) must be a function, got"):
            calls[name]()


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: curvature.top_eigenpairs(np.eye(4), k=1.5), "top_eigenpairs: k must be an integ"),
        (lambda: curvature.top_eigenpairs("A"), "top_eigenpairs: op must be a LinearOperator"),
        (lambda: curvature.trace(np.eye(3), samples=2.5), "trace: samples must be an integer"),
        (lambda: curvature.trace_function(np.eye(3), 3.0), "trace_function: f must be a function"),
        (lambda: curvature.inertia(np.eye(3), probes="a", method="lanczos"), "probes must be an"),
    ],
)
def test_wrong_arguments(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()
