"""Agreement with curvlinops in float64: Kronecker factors of the same nets on the same data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_hess import nn
from tinygrad_hess.curvature import KroneckerFactors

pytestmark = [
    pytest.mark.peers,
    # PyTorch and curvlinops warn of what is no concern here (deprecated corners of PyTorch).
    pytest.mark.filterwarnings("ignore"),
]


def dense_net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(5, 4, seed=0), nn.tanh, nn.Linear(4, 3, seed=1))


def convolutional_net() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(2, 3, 3, stride=2, padding=1, seed=0),
        nn.tanh,
        nn.Flatten(),
        nn.Linear(27, 3, seed=1),
    )


def in_torch(torch: Any, net: nn.Sequential) -> Any:
    """The same net with the same weights."""
    layers = []
    for layer in net:
        if isinstance(layer, nn.Linear):
            made = torch.nn.Linear(*layer.weight.shape)
            weight = layer.weight.T
        elif isinstance(layer, nn.Conv2d):
            made = torch.nn.Conv2d(2, 3, 3, stride=2, padding=1)
            weight = layer.weight
        else:
            layers.append(torch.nn.Flatten() if isinstance(layer, nn.Flatten) else torch.nn.Tanh())
            continue
        made = made.double()
        made.weight.data = torch.tensor(np.ascontiguousarray(weight))
        made.bias.data = torch.tensor(layer.bias)
        layers.append(made)
    return torch.nn.Sequential(*layers)


def problem(torch: Any, name: str, reduction: str) -> tuple[Any, Any, Any, Any, Any]:
    """Two losses that mean the same, and (x, y) for each library."""
    rng = np.random.default_rng(2)
    y: Any
    if name == "cross_entropy":
        y = rng.integers(0, 3, 11)
        ours: Any = lambda f, y: nn.cross_entropy(f, y, reduction=reduction)
        theirs = torch.nn.CrossEntropyLoss(reduction=reduction)
    elif name == "mse":
        y = rng.normal(size=(11, 3))
        ours = lambda f, y: nn.mse(f, y, reduction)
        theirs = torch.nn.MSELoss(reduction=reduction)
    else:
        y = rng.integers(0, 2, (11, 3)).astype(float)
        ours = lambda f, y: nn.binary_cross_entropy_with_logits(f, y, reduction)
        theirs = torch.nn.BCEWithLogitsLoss(reduction=reduction)
    return ours, theirs, rng, y, torch.tensor(y)


@pytest.mark.parametrize("net", [dense_net, convolutional_net])
@pytest.mark.parametrize("name", ["cross_entropy", "mse", "binary"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("expectation", ["exact", "empirical"])
@pytest.mark.parametrize("corrected", [False, True])
def test_kronecker_factors(
    torch: Any,
    curvlinops: Any,
    net: Any,
    name: str,
    reduction: str,
    expectation: str,
    corrected: bool,
) -> None:
    """Their products with a vector, and (for KFAC) the factors, over a ragged list of batches."""
    model = net()
    ours, theirs, rng, y, ty = problem(torch, name, reduction)
    x = rng.normal(size=(11, 5) if net is dense_net else (11, 2, 5, 5))
    tx, peer = torch.tensor(x), in_torch(torch, model)
    K = KroneckerFactors(
        lambda m, x: m(x),
        ours,
        model,
        [(x[:7], y[:7]), (x[7:], y[7:])],
        expectation=expectation,
        corrected=corrected,
        reduction=reduction,
    )
    kind = curvlinops.EKFACLinearOperator if corrected else curvlinops.KFACLinearOperator
    params = list(peer.parameters())
    other = kind(
        peer,
        theirs,
        params,
        [(tx[:7], ty[:7]), (tx[7:], ty[7:])],
        fisher_type="type-2" if expectation == "exact" else "empirical",
        separate_weight_and_bias=False,
        check_deterministic=False,
    )
    v = rng.normal(size=K.shape[0])
    tree = K.unflatten(v)
    given, got = [], []
    for layer, image in zip(tree, K(tree)):
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            for t, out in ((layer, given), (image, got)):
                w = t.weight.T if isinstance(t, nn.Linear) else t.weight
                out += [torch.tensor(np.ascontiguousarray(w)), torch.tensor(t.bias)]
    want = other @ given
    # Of a loss that is a mean over C outputs too, curvlinops takes gradients before that mean and
    # divides their outer product by C once; the mean of outer products of the loss's own gradients
    # has C twice.
    outputs = (
        3 if expectation == "empirical" and reduction == "mean" and name != "cross_entropy" else 1
    )
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(
            outputs * a, b.detach(), rtol=1e-8, atol=1e-8 * float(b.abs().max())
        )
    if not corrected:
        for block, key in zip(K.blocks.values(), other._mapping, strict=True):
            A, B = other._input_covariances[key], other._gradient_covariances[key]
            np.testing.assert_allclose(block.A, A, rtol=1e-8, atol=1e-12)
            np.testing.assert_allclose(outputs * block.B, B, rtol=1e-8, atol=1e-12)
