"""Agreement with curvlinops in float64: products of the same nets on the same data."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import pytest

from tinygrad_hess import nn
from tinygrad_hess.curvature import (
    EmpiricalFisherOperator,
    FisherOperator,
    GGNOperator,
    HessianOperator,
    JacobianOperator,
)

pytestmark = [
    pytest.mark.peers,
    # PyTorch and curvlinops warn of what is no concern here (deprecated corners of PyTorch).
    pytest.mark.filterwarnings("ignore"),
]

SIZES = [5, 7, 6, 3]


def in_torch(torch: Any, net: nn.MLP) -> Any:
    """The same net with the same weights."""
    layers = []
    for ours, (n, m) in zip(net.layers, itertools.pairwise(SIZES), strict=True):
        layer = torch.nn.Linear(n, m).double()
        layer.weight.data = torch.tensor(np.ascontiguousarray(ours.weight.T))
        layer.bias.data = torch.tensor(ours.bias)
        layers += [layer, torch.nn.Tanh()]
    return torch.nn.Sequential(*layers[:-1])


def to_theirs(torch: Any, net: nn.MLP) -> list[Any]:
    """A tree like the net, as tensors in the order of PyTorch's parameters."""
    parts = [x for layer in net.layers for x in (layer.weight.T, layer.bias)]
    return [torch.tensor(np.ascontiguousarray(x)) for x in parts]


LOSSES = {
    "cross_entropy": (nn.cross_entropy, "CrossEntropyLoss"),
    "mse": (nn.mse, "MSELoss"),
    "binary": (nn.binary_cross_entropy_with_logits, "BCEWithLogitsLoss"),
}


def targets(name: str, rng: np.random.Generator) -> Any:
    if name == "cross_entropy":
        return rng.integers(0, 3, 11)
    return rng.normal(size=(11, 3)) if name == "mse" else rng.integers(0, 2, (11, 3)).astype(float)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_products(torch: Any, curvlinops: Any, name: str, reduction: str) -> None:
    """Hessian, Gauss-Newton, Fisher and empirical Fisher, over a ragged list of batches."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(11, 5)), targets(name, rng)
    net = nn.MLP(SIZES, seed=0)
    function, theirs = LOSSES[name]
    loss = functools.partial(function, reduction=reduction)
    data = [(x[:7], y[:7]), (x[7:], y[7:])]
    peer = in_torch(torch, net)
    given = [(torch.tensor(a), torch.tensor(b)) for a, b in data]
    predict = lambda model, x: model(x)
    whole = lambda model, batch: loss(predict(model, batch[0]), batch[1])
    cases = {
        "HessianLinearOperator": HessianOperator(whole, net, data, reduction=reduction),
        "GGNLinearOperator": GGNOperator(predict, loss, net, data, reduction=reduction),
        "FisherLinearOperator": FisherOperator(predict, loss, net, data, reduction=reduction),
        "EFLinearOperator": EmpiricalFisherOperator(predict, loss, net, data, reduction=reduction),
    }
    for kind, op in cases.items():
        # For these losses the Fisher information is the Gauss-Newton matrix, for them as for us.
        made = getattr(curvlinops, kind.replace("Fisher", "GGN"))
        criterion = getattr(torch.nn, theirs)(reduction=reduction)
        other = made(peer, criterion, list(peer.parameters()), given, check_deterministic=False)
        v = op.unflatten(rng.normal(size=op.shape[0]))
        expected = other @ to_theirs(torch, v)
        # For a mean over elements, their empirical Fisher averages over elements too, and ours
        # over examples, of the gradients of the examples' own means.
        scale = 3 if kind == "EFLinearOperator" and name != "cross_entropy" else 1
        scale = scale if reduction == "mean" else 1
        for ours, their in zip(to_theirs(torch, op(v)), expected, strict=True):
            torch.testing.assert_close(scale * ours, their, rtol=1e-8, atol=1e-12)


def test_jacobian(torch: Any, curvlinops: Any) -> None:
    rng = np.random.default_rng(1)
    x, net = rng.normal(size=(11, 5)), nn.MLP(SIZES, seed=0)
    peer = in_torch(torch, net)
    J = JacobianOperator(lambda model, x: model(x), net, [x[:7], x[7:]])
    given = [(torch.tensor(part), torch.zeros(len(part))) for part in (x[:7], x[7:])]
    other = curvlinops.JacobianLinearOperator(
        peer, list(peer.parameters()), given, check_deterministic=False, num_data=11
    )
    v = J.unflatten(rng.normal(size=J.shape[1]))
    expected = other @ to_theirs(torch, v)
    expected = expected[0] if isinstance(expected, (list, tuple)) else expected
    np.testing.assert_allclose(J(v), expected.detach().numpy(), rtol=1e-9, atol=1e-12)
