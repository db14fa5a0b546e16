"""A user's program under ``mypy --strict``: it passes, and each line marked as wrong is reported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tinygrad_hess as tg

Array = NDArray[np.float64]


def loss(w: Array, x: Array) -> Any:
    return np.logaddexp(0, x @ w).mean()


class Net(tg.nn.Module):
    weight: Array

    def __call__(self, x: Array) -> Any:
        return x @ self.weight


def train(net: Net, batch: tuple[Array, Array], steps: int) -> Net:
    optimizer = tg.optim.Adam(lr=1e-2)

    def error(net: Net, batch: tuple[Array, Array]) -> Any:
        return ((net(batch[0]) - batch[1]) ** 2).mean()

    fitted = tg.optim.fit(error, net, batch, optimizer, epochs=steps)
    params: Net = fitted.params
    return params


def main() -> None:
    w, x = np.zeros(2), np.ones((3, 2))
    gradient: Callable[..., Any] = tg.grad(loss)
    product: Array = tg.hvp(loss, w, np.ones(2), x)
    print(gradient(w, x), product, tg.hessian(loss)(w, x))

    t = tg.tensor([1.0, 2.0], requires_grad=True)
    y: tg.Tensor = (t * t).sum()
    y.backward()
    print(y.shape, t.grad)

    op = tg.curvature.HessianOperator(lambda w: loss(w, x), w)
    pairs: tg.curvature.Eigenpairs = tg.curvature.top_eigenpairs(op, k=1)
    estimate: tg.curvature.Estimate = tg.curvature.trace(op)
    print(pairs.values, estimate.value)
    print(train(Net(np.zeros((2, 1))), (x, np.ones((3, 1))), steps=3).weight)


def wrong() -> None:
    tg.grad(3)  # type: ignore[arg-type]
    tg.hvp(loss)  # type: ignore[call-arg]
    tg.curvature.trace(np.eye(2), sample=3)  # type: ignore[call-arg]
    tg.curvature.top_eigenpairs(np.eye(2), k="one")  # type: ignore[arg-type]
    tg.nn.Linear("2", 3)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
