"""Losses with weights of classes and examples: against their definition, and as curvature."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import curvature, nn, optim
from tinygrad_hess.curvature.training.moving import MovingHessian

RNG = np.random.default_rng(0)
LOGITS, LABELS = RNG.normal(size=(7, 3)), np.array([0, 2, 1, 1, 0, 2, 2])
CLASSES, EXAMPLES = np.array([0.5, 1.0, 3.0]), RNG.uniform(0.5, 2, 7)
LOG_P = LOGITS - np.log(np.exp(LOGITS).sum(1, keepdims=True))
Y = RNG.normal(size=(7, 3))


def test_class_weights_multiply_and_divide() -> None:
    each = -LOG_P[np.arange(7), LABELS] * CLASSES[LABELS]
    np.testing.assert_allclose(
        nn.cross_entropy(LOGITS, LABELS, weight=CLASSES), each.sum() / CLASSES[LABELS].sum()
    )
    np.testing.assert_allclose(
        nn.cross_entropy(LOGITS, LABELS, weight=CLASSES, reduction="none"), each
    )
    counted = CLASSES[LABELS] * EXAMPLES
    np.testing.assert_allclose(
        nn.cross_entropy(LOGITS, LABELS, weight=CLASSES, example_weight=EXAMPLES),
        (each * EXAMPLES).sum() / counted.sum(),
    )


@pytest.mark.parametrize("ignored", [2, -100])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_ignored_examples_are_as_if_they_were_not_there(ignored: int, smoothing: float) -> None:
    labels = np.where(LABELS == 2, ignored, LABELS)
    rest = LABELS != 2
    loss = lambda f: nn.cross_entropy(f, labels, ignore_index=ignored, label_smoothing=smoothing)
    want = lambda f: nn.cross_entropy(f[rest], labels[rest], label_smoothing=smoothing)
    np.testing.assert_allclose(loss(LOGITS), want(LOGITS), rtol=1e-13)
    for derivative in (tg.grad, tg.hessian, lambda f: tg.jit(tg.grad(f))):
        np.testing.assert_allclose(derivative(loss)(LOGITS), derivative(want)(LOGITS), atol=1e-14)


@pytest.mark.parametrize("name", ["mse", "l1", "huber", "binary_cross_entropy_with_logits"])
def test_integer_weights_are_repetitions(name: str) -> None:
    loss, times = getattr(nn, name), np.array([1, 0, 2, 3, 1, 1, 2])
    target = (Y > 0).astype(float)
    many = lambda x: np.repeat(x, times, axis=0)
    got = loss(LOGITS, target, example_weight=times)
    np.testing.assert_allclose(got, loss(many(LOGITS), many(target)), rtol=1e-13)
    by_element = np.repeat(times[:, None], 3, axis=1)
    np.testing.assert_allclose(loss(LOGITS, target, example_weight=by_element), got, rtol=1e-13)


def test_pos_weight_multiplies_positive_terms() -> None:
    target = RNG.uniform(size=(7, 3))
    p = 1 / (1 + np.exp(-LOGITS))
    want = -(CLASSES * target * np.log(p) + (1 - target) * np.log(1 - p))
    loss = functools.partial(nn.binary_cross_entropy_with_logits, pos_weight=CLASSES)
    np.testing.assert_allclose(loss(LOGITS, target, "none"), want)
    assert np.isfinite(tg.grad(lambda f: loss(f, target))(LOGITS * 1e3)).all()
    with pytest.raises(ValueError, match=r"pos_weight .* does not broadcast"):
        nn.binary_cross_entropy_with_logits(LOGITS[0], target[0], pos_weight=np.ones((2, 3)))


def test_weights_are_differentiated_too() -> None:
    loss = lambda w: nn.mse(LOGITS, Y, example_weight=w)
    tg.check_grads(loss, (EXAMPLES,), order=2)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"example_weight": np.ones(6)}, r"example_weight float64\(6,\) must have the shape"),
        ({"example_weight": -np.ones(7)}, "weights must not be negative"),
        ({"example_weight": np.zeros(7)}, "the weights of these examples sum to 0"),
        ({"weight": np.ones(2)}, r"weight float64\(2,\) must have shape \(3,\)"),
    ],
)
def test_weights_that_do_not_fit_are_refused(options: Any, match: str) -> None:
    with pytest.raises(ValueError, match=f"cross_entropy: {match}"):
        nn.cross_entropy(LOGITS, LABELS, **options)
    with pytest.raises(ValueError, match="ignore_index=0 is for class numbers alone"):
        nn.cross_entropy(LOGITS, np.full((7, 3), 1 / 3), ignore_index=0)


# ---- curvature ----------------------------------------------------------------------------------

X = RNG.normal(size=(7, 4))
MODEL = nn.Linear(4, 3, seed=0)
PARTIALS: dict[str, dict[str, Any]] = {
    "weight": {"weight": CLASSES},
    "ignore_index": {"ignore_index": 2},
    "example_weight": {"example_weight": EXAMPLES},
    "all": {"weight": CLASSES, "ignore_index": 1, "label_smoothing": 0.1},
}


def predict(model: Any, x: Any) -> Any:
    return model(x)


@pytest.mark.parametrize("name", PARTIALS)
def test_gauss_newton_of_a_linear_model_is_its_hessian(name: str) -> None:
    loss = functools.partial(nn.cross_entropy, **PARTIALS[name])
    want = curvature.HessianOperator(lambda m, b: loss(m(b[0]), b[1]), MODEL, (X, LABELS))
    got = curvature.GGNOperator(predict, loss, MODEL, (X, LABELS))
    np.testing.assert_allclose(got.to_dense(), want.to_dense(), atol=1e-13)
    if "weight" not in PARTIALS[name]:  # then it is a likelihood
        fisher = curvature.FisherOperator(predict, loss, MODEL, (X, LABELS))
        np.testing.assert_allclose(fisher.to_dense(), want.to_dense(), atol=1e-13)


def _read(operator: Any) -> None:
    """The data of several batches are read with the first product."""
    operator @ np.ones(operator.shape[1])


@pytest.mark.parametrize("name", PARTIALS)
def test_a_mean_over_several_batches_is_refused_and_a_sum_is_right(name: str) -> None:
    options = PARTIALS[name]
    loss = functools.partial(nn.cross_entropy, **options)
    batches = [(X[:4], LABELS[:4]), (X[4:], LABELS[4:])]
    draw = lambda f, rng: rng.integers(0, 3, len(f))
    of_draws = functools.partial(curvature.FisherOperator, samples=2, draw=draw)
    own = functools.partial(curvature.KroneckerFactors, expectation="empirical")
    in_any_case = (curvature.laplace, curvature.EmpiricalFisherOperator, of_draws, own)
    for hidden in (loss, lambda outputs, target: loss(outputs, target)):
        for make in in_any_case:
            if make is of_draws and hidden is loss and "weight" in options:
                continue  # it is no likelihood
            with pytest.raises(ValueError, match=r"counts all examples the same.*reduction='sum'"):
                _read(make(predict, hidden, MODEL, (X, LABELS)))
        if "example_weight" in options:
            continue  # it has the length of one batch
        for make in (curvature.GGNOperator, curvature.KroneckerFactors):
            with pytest.raises(ValueError, match=r"number of examples.*reduction='sum'.*one batch"):
                _read(make(predict, hidden, MODEL, batches))
    if "example_weight" in options:
        return
    total = functools.partial(loss, reduction="sum")
    whole = curvature.GGNOperator(predict, total, MODEL, (X, LABELS), reduction="sum")
    parts = curvature.GGNOperator(predict, total, MODEL, batches, reduction="sum")
    np.testing.assert_allclose(parts.to_dense(), whole.to_dense(), atol=1e-12)


def test_a_fisher_of_what_is_no_likelihood_is_refused() -> None:
    loss = functools.partial(nn.cross_entropy, weight=CLASSES)
    with pytest.raises(ValueError, match=r"no negative log likelihood.*GGNOperator"):
        curvature.FisherOperator(predict, loss, MODEL, (X, LABELS))
    weighed = functools.partial(nn.cross_entropy, example_weight=EXAMPLES)
    with pytest.raises(ValueError, match="targets are not drawn for a loss with weights"):
        curvature.FisherOperator(predict, weighed, MODEL, (X, LABELS), samples=2)


def test_a_hessian_of_several_batches_refuses_means_that_divide_by_weights() -> None:
    """Batches count by their examples there, and these means by the sum of weights."""
    rng = np.random.default_rng(0)
    model, x, y = nn.MLP([3, 4, 2], seed=0), rng.normal(size=(10, 3)), rng.integers(0, 2, 10)
    cut = [(x[:4], y[:4]), (x[4:], y[4:])]
    weighted = lambda reduction, **given: (
        lambda m, b: nn.cross_entropy(m(b[0]), b[1], reduction=reduction, **given)
    )
    for given in ({"weight": np.array([1.0, 5.0])}, {"ignore_index": 1}):
        mean, total = (weighted(reduction, **given) for reduction in ("mean", "sum"))
        with pytest.raises(ValueError, match="HessianOperator weighs the means of several batches"):
            tg.curvature.HessianOperator(mean, model, cut).to_dense()
        whole = tg.curvature.HessianOperator(mean, model, (x, y)).to_dense()
        sums = tg.curvature.HessianOperator(total, model, cut, reduction="sum").to_dense()
        counts = np.where(y == 1, 5.0, 1.0).sum() if "weight" in given else (y != 1).sum()
        np.testing.assert_allclose(sums / counts, whole, rtol=1e-10, atol=1e-14)


WEIGHED = {
    "class weights": lambda m, b: nn.cross_entropy(m(b[0]), b[1], weight=CLASSES),
    "ignored labels": lambda m, b: nn.cross_entropy(m(b[0]), b[1], ignore_index=0),
    "jitted": tg.jit(lambda m, b: nn.cross_entropy(m(b[0]), b[1], weight=CLASSES)),
}


@pytest.mark.parametrize("loss", WEIGHED.values(), ids=list(WEIGHED))
def test_means_that_divide_by_weights_are_refused_where_examples_count(loss: Any) -> None:
    """Accumulated and data-parallel steps, products along a run, single examples."""
    data = [(X[:4], LABELS[:4]), (X[4:], LABELS[4:])]
    loss(MODEL, data[0])
    fit = functools.partial(optim.fit, loss, MODEL, optimizer=optim.SGD(lr=0.1))
    with ThreadPoolExecutor(1) as executor:
        for options in ({"accumulate": 2}, {"executor": executor, "shards": 1}):
            with pytest.raises(ValueError, match=r"but fit weighs the parts of a step, .* / len"):
                fit(data=data, **options)
    with pytest.raises(ValueError, match="but MovingHessian weighs the means of several batches"):
        MovingHessian(loss, MODEL, data).gradient  # noqa: B018 - computed now
    with pytest.raises(ValueError, match="would cancel in the single examples that gradient_noise"):
        curvature.gradient_noise_scale(loss, MODEL, data)


def test_accumulated_steps_with_weights_that_divide_by_the_count_are_those_of_the_whole() -> None:
    loss = lambda m, b: nn.cross_entropy(m(b[0]), b[1], weight=CLASSES, reduction="sum") / len(b[1])
    fit = functools.partial(optim.fit, loss, MODEL, optimizer=optim.SGD(lr=0.1))
    parts = fit(data=[(X[:4], LABELS[:4]), (X[4:], LABELS[4:])], accumulate=2)
    whole = fit(data=(X, LABELS))
    np.testing.assert_allclose(
        tg.ravel(parts.params)[0], tg.ravel(whole.params)[0], rtol=1e-12, atol=1e-15
    )
