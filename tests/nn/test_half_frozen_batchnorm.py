"""A half-frozen net with batch norm: as the same function with the frozen arrays closed over.

The function is written out in NumPy's operations, and the factors of the last layer in closed form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import curvature, nn, optim

RNG = np.random.default_rng(0)
BATCH = (RNG.normal(size=(12, 3)) + 2, RNG.integers(0, 2, 12))
HALF = ["layers[0].weight", "layers[1].bias", "layers[3].bias", "layers[4].weight"]
"""Half of each kind: of a linear layer before a norm and one after it, and of both norms."""
LAYERS = ["layers[1]", "layers[3].weight", "layers[3].bias", "layers[4]"]
"""All but two whole linear layers, for which Kronecker factors are defined."""
PRIOR = 0.7


def net(frozen: list[str], mode: str) -> nn.Sequential:
    """Its running statistics are those of two steps; then it is frozen, and set to a mode."""
    model = nn.Sequential(
        nn.Linear(3, 4, seed=0), nn.BatchNorm1d(4), nn.tanh, nn.BatchNorm1d(4),
        nn.Linear(4, 4, seed=1), nn.tanh, nn.Linear(4, 2, seed=2),
    )  # fmt: skip
    for layer in (model[1], model[3]):
        layer.weight, layer.bias = RNG.uniform(0.5, 1.5, 4), RNG.normal(size=4)
    model = optim.fit(loss, model, BATCH, optim.SGD(lr=0.1), epochs=2, jit=False).params
    assert model[1].running_mean.any() and model[1].batches == 2
    return getattr(nn.freeze(model, frozen), mode)()


def loss(model: Any, batch: Any) -> Any:
    return nn.cross_entropy(model(batch[0]), batch[1])


def predict(model: Any, x: Any) -> Any:
    return model(x)


def trained(model: Any) -> dict[str, Any]:
    names = model.arrays().named_parameters()
    arrays = model.state_dict()
    return {name: arrays[name] for name in names}


def closed_over(model: Any) -> Callable[[Any, Any], Any]:
    """Its outputs, of the trained arrays by name; all others are constants."""
    arrays, training = model.state_dict(), model.training

    def outputs(params: Any, x: Any) -> Any:
        w = arrays | params
        x = norm(affine(x, w, "layers[0]"), w, "layers[1]", training)
        x = affine(norm(np.tanh(x), w, "layers[3]", training), w, "layers[4]")
        return affine(np.tanh(x), w, "layers[6]")

    return outputs


def affine(x: Any, w: Any, at: str) -> Any:
    return x @ w[f"{at}.weight"] + w[f"{at}.bias"]


def norm(x: Any, w: Any, at: str, training: bool) -> Any:
    mean, variance = w[f"{at}.running_mean"], w[f"{at}.running_var"]
    if training:
        mean = x.mean(axis=0)
        variance = ((x - mean) ** 2).mean(axis=0)
    return (x - mean) / (variance + 1e-5) ** 0.5 * w[f"{at}.weight"] + w[f"{at}.bias"]


def loss_of(outputs: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Cross entropy, written out: of two classes."""

    def function(params: Any, batch: Any) -> Any:
        z = outputs(params, batch[0])
        right = z[np.arange(len(z)), batch[1]]
        return (np.log(np.exp(z).sum(axis=1)) - right).mean()

    return function


def in_order(model: Any, dense: Any) -> Any:
    """A matrix over the model's vector in the order of sorted names, as a dict has them."""
    sizes = {name: np.size(x) for name, x in trained(model).items()}
    starts = dict(zip(sizes, np.cumsum([0, *sizes.values()]).tolist(), strict=False))
    rows = np.concatenate([np.arange(starts[n], starts[n] + sizes[n]) for n in sorted(sizes)])
    return dense[np.ix_(rows, rows)]


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("frozen", [HALF, LAYERS], ids=["half", "layers"])
def test_count_gradient_and_curvature(frozen: list[str], mode: str) -> None:
    model = net(frozen, mode)
    outputs, params = closed_over(model), trained(model)
    size = sum(map(np.size, params.values()))
    assert nn.count_parameters(model) == size == 26
    np.testing.assert_allclose(model(BATCH[0]), outputs(params, BATCH[0]), rtol=1e-12)
    want = tg.grad(loss_of(outputs))(params, BATCH)
    for gradient in (tg.grad(loss), tg.jit(tg.grad(loss))):
        found = gradient(model, BATCH)
        got = {name: _at(found, name) for name in model.state_dict()}
        for name, g in got.items():
            if name in params:
                np.testing.assert_allclose(g, want[name], rtol=1e-9, atol=1e-14)
            else:
                assert g is None
    H = curvature.HessianOperator(loss, model, BATCH)
    dense = curvature.HessianOperator(loss_of(outputs), params, BATCH).to_dense()
    assert H.shape == (size, size)
    np.testing.assert_allclose(in_order(model, H.to_dense()), dense, rtol=1e-8, atol=1e-13)
    G = curvature.GGNOperator(predict, nn.cross_entropy, model, BATCH).to_dense()
    want = curvature.GGNOperator(outputs, nn.cross_entropy, params, BATCH).to_dense()
    np.testing.assert_allclose(in_order(model, G), want, rtol=1e-8, atol=1e-13)


@pytest.mark.parametrize("structure", ["full", "diagonal"])
@pytest.mark.parametrize("frozen", [HALF, LAYERS], ids=["half", "layers"])
def test_laplace(frozen: list[str], structure: str) -> None:
    model = net(frozen, "eval")
    outputs, params = closed_over(model), trained(model)
    options: Any = {"structure": structure, "prior_precision": PRIOR}
    got = curvature.laplace(predict, nn.cross_entropy, model, BATCH, **options)
    want = curvature.laplace(outputs, nn.cross_entropy, params, BATCH, **options)
    np.testing.assert_allclose(
        got.log_marginal_likelihood, want.log_marginal_likelihood, rtol=1e-10
    )
    if structure == "full":  # MacKay (1992), with the Gauss-Newton matrix that the test above has
        G = curvature.GGNOperator(outputs, nn.cross_entropy, params, BATCH).to_dense()
        total = len(BATCH[0]) * G + PRIOR * np.eye(len(G))
        squares = sum((x**2).sum() for x in params.values())
        evidence = (
            -len(BATCH[0]) * loss_of(outputs)(params, BATCH) - 0.5 * PRIOR * squares
            + 0.5 * len(G) * np.log(PRIOR) - 0.5 * np.linalg.slogdet(total)[1]
        )  # fmt: skip
        np.testing.assert_allclose(got.log_marginal_likelihood, evidence, rtol=1e-10)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_kronecker_factors(mode: str) -> None:
    model = net(LAYERS, mode)
    layers, arrays = {"first": model[0], "last": model[6]}, model.state_dict()
    outputs = closed_over(model)

    def of_layers(layers: Any, x: Any) -> Any:
        """The net, with everything but the trained layers written out."""
        h = np.tanh(norm(layers["first"](x), arrays, "layers[1]", model.training))
        h = affine(norm(h, arrays, "layers[3]", model.training), arrays, "layers[4]")
        return layers["last"](np.tanh(h))

    np.testing.assert_allclose(of_layers(layers, BATCH[0]), outputs({}, BATCH[0]), rtol=1e-12)
    options: Any = {"expectation": "empirical" if mode == "train" else "exact"}
    got = curvature.KroneckerFactors(predict, nn.cross_entropy, model, BATCH, **options)
    want = curvature.KroneckerFactors(of_layers, nn.cross_entropy, layers, BATCH, **options)
    assert got.shape == (26, 26) and list(got.blocks) == ["layers[0]", "layers[6]"]
    np.testing.assert_allclose(got.to_dense(), want.to_dense(), rtol=1e-9, atol=1e-15)
    if mode == "train":
        with pytest.raises(ValueError, match="depend on others of its batch, as batch norm"):
            curvature.KroneckerFactors(predict, nn.cross_entropy, model, BATCH)
        return
    # the last layer's B is the mean of the loss's Hessian in its outputs, diag(p) - p pᵀ
    z = outputs({}, BATCH[0])
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    B = np.mean([np.diag(q) - np.outer(q, q) for q in p], axis=0)
    np.testing.assert_allclose(got.blocks["layers[6]"].B, B, rtol=1e-9)
    options = {"structure": "kfac", "prior_precision": PRIOR}
    a = curvature.laplace(predict, nn.cross_entropy, model, BATCH, **options)
    b = curvature.laplace(of_layers, nn.cross_entropy, layers, BATCH, **options)
    np.testing.assert_allclose(a.log_marginal_likelihood, b.log_marginal_likelihood, rtol=1e-10)


@pytest.mark.parametrize("jit", [True, False])
def test_fit_moves_as_if_they_were_closed_over(jit: bool) -> None:
    model = net(HALF, "train")
    step: Any = {"optimizer": optim.AdamW(lr=0.05, weight_decay=0.1), "epochs": 5, "jit": jit}
    got = optim.fit(loss, model, BATCH, **step).params.state_dict()
    want = optim.fit(loss_of(closed_over(model)), trained(model), BATCH, **step).params
    before = model.state_dict()
    for name, x in got.items():
        if name in want:
            np.testing.assert_allclose(x, want[name], rtol=1e-8, atol=1e-12)
        elif "running" not in name and "batches" not in name:
            np.testing.assert_array_equal(x, before[name])
    assert got["layers[1].batches"] == before["layers[1].batches"] + 5


def test_operators_say_what_is_frozen() -> None:
    H = curvature.HessianOperator(loss, net(HALF, "eval"), BATCH)
    assert "26 parameters (36 frozen) in evaluation" in repr(H)


def _at(model: Any, name: str) -> Any:
    layer, field = name.removeprefix("layers[").split("].")
    return getattr(model[int(layer)], field)
