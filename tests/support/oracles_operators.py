"""What Hessian, Gauss-Newton and Fisher matrices of any model must satisfy."""

from __future__ import annotations

from typing import Any

import numpy as np
from oracle_rows import off, oracle, rng
from oracles_closed_forms import softmax_regression

import tinygrad_hess as tg
from tinygrad_hess import curvature as c
from tinygrad_hess import nn

# ---- Gauss-Newton and Fisher ---------------------------------------------------------------------

CURVATURES = "Gauss-Newton and Fisher"


@oracle(CURVATURES, "GGN = Hessian where the model is linear in its parameters", 1e-14)
def _() -> float:
    w, data, true = softmax_regression()
    return off(c.GGNOperator(lambda w, x: x @ w, nn.cross_entropy, w, data).to_dense(), true)


@oracle(CURVATURES, "Fisher = GGN for cross entropy", 1e-13)
def _() -> float:
    net, (x, y) = small_net()
    given = (lambda net, x: net(x)), nn.cross_entropy, net, (x, y)
    return off(c.FisherOperator(*given).to_dense(), c.GGNOperator(*given).to_dense())


@oracle(
    CURVATURES, "Monte Carlo Fisher: 100 times the samples, a tenth of the error (factor off)", 2
)
def _() -> float:
    net, data = small_net()
    given = (lambda net, x: net(x)), nn.cross_entropy, net, data
    true = c.GGNOperator(*given).to_dense()
    few, many = (
        np.mean([np.linalg.norm(c.FisherOperator(*given, samples=s, seed=seed).to_dense() - true)
                 for seed in range(3)])
        for s in (5, 500)
    )  # fmt: skip
    return max(few / many / 10, 10 * many / few)


@oracle(CURVATURES, "GGN = Hessian at zero residual", 1e-12)
def _() -> float:
    net, (x, _) = small_net()
    half = lambda f, y: nn.mse(f, y, half=True)
    data = x, net(x)
    ggn = c.GGNOperator(lambda net, x: net(x), half, net, data).to_dense()
    return off(c.HessianOperator(lambda net, b: half(net(b[0]), b[1]), net, data).to_dense(), ggn)


# ---- symmetries ----------------------------------------------------------------------------------

SYMMETRIES = "Symmetries: gᵀAθ = 0 and H Aθ = -Aᵀg"


def small_net(activation: Any = nn.tanh) -> tuple[Any, Any]:
    net = nn.MLP([4, 6, 3], activation, bias_init=nn.init.normal, seed=0)
    return net, (rng().normal(size=(51, 4)), rng(1).integers(0, 3, 51))


def net_loss(net: Any, batch: Any) -> Any:
    return nn.cross_entropy(net(batch[0]), batch[1])


@oracle(SYMMETRIES, "rescaling of a ReLU layer", 1e-14)
def _() -> float:
    net, data = small_net(nn.relu)
    H = c.HessianOperator(net_loss, net, data)
    sign = np.zeros(H.shape[0])
    sign[H._at.indices([0, 1])] = 1  # weight and bias of the first layer
    sign[H._at.indices([2])] = -1
    theta = H.flatten(net)
    return max(off(H @ (sign * theta), -sign * H.gradient), abs(H.gradient @ (sign * theta)))


@oracle(SYMMETRIES, "the same added to all logits: H 1 = 0 on the output's bias", 1e-15)
def _() -> float:
    net, data = small_net()
    H = c.HessianOperator(net_loss, net, data)
    shift = np.zeros(H.shape[0])
    shift[H._at.indices([3])] = 1
    return float(abs(H @ shift).max())


@oracle(SYMMETRIES, "normalised inputs of a layer: H w = -g where scale is lost", 1e-12)
def _() -> float:
    x, y = rng().normal(size=(51, 4)), rng(1).normal(size=51)

    def loss(w: Any, batch: Any) -> Any:
        z = batch[0] @ w
        z = z - z.mean()
        return nn.mse(np.tanh(z / np.sqrt((z * z).mean())), batch[1])

    w = rng(2).normal(size=4)
    H = c.HessianOperator(loss, w, (x, y))
    return off(H @ w, -H.gradient)


@oracle(SYMMETRIES, "permuted hidden units: the same spectrum", 1e-13)
def _() -> float:
    net, data = small_net()
    order = rng().permutation(6)
    (w1, b1), (w2, b2) = ((layer.weight, layer.bias) for layer in net.layers)
    predict = lambda p, b: nn.cross_entropy(np.tanh(b[0] @ p[0] + p[1]) @ p[2] + p[3], b[1])
    dense = [
        c.HessianOperator(predict, p, data).to_dense()
        for p in ((w1[:, order], b1[order], w2[order], b2), (w1, b1, w2, b2))
    ]
    return off(*map(np.linalg.eigvalsh, dense))


# ---- an operator with itself ---------------------------------------------------------------------

CONSISTENCY = "One operator, several ways"


@oracle(CONSISTENCY, "uᵀ H v = vᵀ H u", 1e-14)
def _() -> float:
    net, data = small_net()
    H = c.HessianOperator(net_loss, net, data)
    u, v = rng(1).normal(size=(2, H.shape[0]))
    return abs(u @ (H @ v) - v @ (H @ u)) / (np.linalg.norm(u) * np.linalg.norm(H @ v))


@oracle(CONSISTENCY, "matmat = stacked products", 1e-14)
def _() -> float:
    net, data = small_net()
    H = c.HessianOperator(net_loss, net, data)
    V = rng(1).normal(size=(H.shape[0], 5))
    return off(H @ V, np.stack([H @ v for v in V.T], axis=1))


@oracle(CONSISTENCY, "batches of 25, 25 and 1 = the whole data", 1e-14)
def _() -> float:
    net, (x, y) = small_net()
    parts = [(x[a:b], y[a:b]) for a, b in ((0, 25), (25, 50), (50, 51))]
    return off(
        c.HessianOperator(net_loss, net, parts).to_dense(),
        c.HessianOperator(net_loss, net, (x, y)).to_dense(),
    )


@oracle(CONSISTENCY, "a sum = n times a mean, over ragged batches", 1e-14)
def _() -> float:
    net, (x, y) = small_net()
    parts = [(x[a:b], y[a:b]) for a, b in ((0, 25), (25, 50), (50, 51))]
    total = lambda net, b: nn.cross_entropy(net(b[0]), b[1], reduction="sum")
    return off(
        c.HessianOperator(total, net, parts, reduction="sum").to_dense(),
        51 * c.HessianOperator(net_loss, net, (x, y)).to_dense(),
    )


@oracle(CONSISTENCY, "a layer's block = the sub-matrix", 1e-14)
def _() -> float:
    net, data = small_net()
    H = c.HessianOperator(net_loss, net, data)
    dense, errors = H.to_dense(), []
    for name, places in H.layers.items():
        errors.append(off(H.block(name).to_dense(), dense[np.ix_(places, places)]))
    return max(errors)


@oracle(CONSISTENCY, "four nestings of two derivatives", 1e-12)
def _() -> float:
    f = lambda x: (np.tanh(x[:-1] * x[1:]) ** 2).sum() + np.exp(x).sum()
    x, forward, reverse = rng().normal(size=5), tg.jacfwd, tg.jacrev
    dense = [a(b(f))(x) for a in (forward, reverse) for b in (forward, reverse)]
    return max(off(d, dense[0]) for d in dense)


@oracle(CONSISTENCY, "central differences: order of the error in the step (from 2)", 0.01)
def _() -> float:
    f = lambda x: (np.tanh(x[:-1] * x[1:]) ** 2).sum() + np.exp(x).sum()
    x, v = rng(1).normal(size=(2, 5))
    true, gradient = tg.hvp(f, x, v), tg.grad(f)
    errors = [
        np.linalg.norm((gradient(x + h * v) - gradient(x - h * v)) / (2 * h) - true)
        for h in (2e-3, 1e-3)
    ]
    return abs(np.log2(errors[0] / errors[1]) - 2)
