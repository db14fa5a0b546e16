"""The losses, written once over the few functions in which the libraries' namespaces differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


def unrolled(step: Callable[[Any, Any], Any], state: Any, inputs: Any) -> Any:
    """The last state of a recurrence, by a Python loop."""
    for x in inputs:
        state = step(state, x)
    return state


def runge_kutta(f: Callable[[Any, Any], Any], h: float) -> Callable[[Any, Any], Any]:
    """``step(y, t)`` of the classical method for dy/dt = f(t, y)."""

    def step(y: Any, t: Any) -> Any:
        a = f(t, y)
        b = f(t + h / 2, y + h / 2 * a)
        c = f(t + h / 2, y + h / 2 * b)
        d = f(t + h, y + h * c)
        return y + h / 6 * (a + 2 * b + 2 * c + d)

    return step


def integrated(f: Callable[[Any, Any], Any], start: Any, times: Any, h: float) -> Any:
    """The last state of an equation, by a Python loop over steps from all times but the last."""
    return unrolled(runge_kutta(f, h), start, times[:-1])


@dataclass(frozen=True)
class Functions:
    """A library's own functions.

    Attributes
    ----------
    numpy : module
        With tanh, sin, exp, log, sqrt, where, sum(x, axis), mean(x, axis), matmul, swapaxes, stack.
    dot, logsumexp, largest, softplus, conv, cholesky : callable
        Products of matrices; over the last axis; the maximum over it, which keeps the axis;
        log(1 + exp(x)); cross-correlation of (N, C, H, W) with (O, C, h, w) without padding; the
        lower factor.
    diagonal : callable
        Of a matrix.
    solve_lower : callable
        ``solve_lower(L, b)`` with a lower triangular matrix.
    scan : callable
        ``scan(step, state, inputs)``: the last state of ``state = step(state, input)``.
    integrate : callable
        ``integrate(f, start, times, h)``: the last state of dy/dt = f(t, y), by steps of
        the classical Runge-Kutta method.
    """

    numpy: Any
    dot: Callable[[Any, Any], Any]
    logsumexp: Callable[[Any], Any]
    largest: Callable[[Any], Any]
    softplus: Callable[[Any], Any]
    conv: Callable[[Any, Any], Any]
    cholesky: Callable[[Any], Any]
    diagonal: Callable[[Any], Any]
    solve_lower: Callable[[Any, Any], Any]
    scan: Callable[..., Any] = unrolled
    integrate: Callable[..., Any] = integrated


@dataclass(frozen=True)
class Model:
    """A loss in one library, and what it is a loss of where there is such a thing."""

    loss: Callable[..., Any]
    outputs: Callable[..., Any] | None = None


def _cross_entropy(f: Functions, outputs: Callable[..., Any]) -> Model:
    def loss(params: Any, x: Any, labels: Any, *more: Any) -> Any:
        z = outputs(params, x, *more)
        return f.numpy.mean(f.logsumexp(z) - f.numpy.sum(z * labels, -1))

    return Model(loss, outputs)


def net(f: Functions) -> Model:
    return _cross_entropy(f, _layers(f, lambda f, x: f.numpy.tanh(x)))


def _layers(f: Functions, between: Callable[[Functions, Any], Any]) -> Callable[[Any, Any], Any]:
    """Outputs of a dense net with ``between`` after each layer but the last."""

    def outputs(params: Any, x: Any) -> Any:
        for i in range(0, len(params), 2):
            x = f.dot(x, params[i]) + params[i + 1]
            if i + 2 < len(params):
                x = between(f, x)
        return x

    return outputs


def _silu(f: Functions, x: Any) -> Any:
    return x / (1.0 + f.numpy.exp(-x))


def _relu(f: Functions, x: Any) -> Any:
    return f.numpy.where(x > 0, x, 0.0)


def _gelu(f: Functions, x: Any) -> Any:
    return 0.5 * x * (1.0 + f.numpy.tanh(0.7978845608028654 * (x + 0.044715 * x**3)))


def _standardized(f: Functions, x: Any) -> Any:
    """Over the last axis."""
    x = x - f.numpy.mean(x, -1)[..., None]
    return x / f.numpy.sqrt(f.numpy.mean(x * x, -1)[..., None] + 1e-5)


def _over_examples(f: Functions, x: Any) -> Any:
    x = x - f.numpy.mean(x, 0)
    return x / f.numpy.sqrt(f.numpy.mean(x * x, 0) + 1e-5)


def _softmax(f: Functions, x: Any) -> Any:
    e = f.numpy.exp(x - f.largest(x))
    return e / f.numpy.sum(e, -1)[..., None]


def _loss_by_hand(f: Functions, outputs: Callable[[Any, Any], Any]) -> Model:
    def loss(params: Any, x: Any, labels: Any) -> Any:
        p = _softmax(f, outputs(params, x))
        return -f.numpy.mean(f.numpy.sum(labels * f.numpy.log(p), -1))

    return Model(loss)


def one_hot(f: Functions) -> Model:
    return _loss_by_hand(f, _layers(f, _silu))


def labels(f: Functions) -> Model:
    outputs = _layers(f, _silu)

    def loss(params: Any, x: Any, rows: Any, classes: Any) -> Any:
        z = outputs(params, x)
        z = z - f.largest(z)
        logs = z - f.numpy.log(f.numpy.sum(f.numpy.exp(z), -1))[..., None]
        return -f.numpy.mean(logs[rows, classes])

    return Model(loss)


def relu(f: Functions) -> Model:
    return _loss_by_hand(f, _layers(f, _relu))


def gelu(f: Functions) -> Model:
    return _loss_by_hand(f, _layers(f, _gelu))


def layer_norm(f: Functions) -> Model:
    return _loss_by_hand(f, _layers(f, lambda f, x: _relu(f, _standardized(f, x))))


def batch_norm(f: Functions) -> Model:
    return _loss_by_hand(f, _layers(f, lambda f, x: _relu(f, _over_examples(f, x))))


def transformer(f: Functions) -> Model:
    """One block of one head, and the mean over positions."""

    def outputs(params: Any, x: Any) -> Any:
        q, k, v, out, w1, b1, w2, b2, w, b = params
        matmul, y = f.numpy.matmul, _standardized(f, x)
        scores = matmul(matmul(y, q), f.numpy.swapaxes(matmul(y, k), -1, -2))
        mixed = matmul(_softmax(f, scores / q.shape[1] ** 0.5), matmul(y, v))
        x = x + matmul(mixed, out)
        hidden = _gelu(f, matmul(_standardized(f, x), w1) + b1)
        x = x + matmul(hidden, w2) + b2
        return f.dot(f.numpy.mean(x, 1), w) + b

    return _loss_by_hand(f, outputs)


def lstm(f: Functions) -> Model:
    def loss(params: Any, x: Any, labels: Any, start: Any) -> Any:
        inward, across, bias, out, b = params
        sigmoid = lambda z: 1.0 / (1.0 + f.numpy.exp(-z))
        n = start.shape[1]

        def step(state: Any, x: Any) -> Any:
            h, c = state
            z = f.dot(x, inward) + f.dot(h, across) + bias
            c = sigmoid(z[:, :n]) * c + sigmoid(z[:, n : 2 * n]) * f.numpy.tanh(z[:, 2 * n : 3 * n])
            return sigmoid(z[:, 3 * n :]) * f.numpy.tanh(c), c

        p = _softmax(f, f.dot(f.scan(step, (start, start), x)[0], out) + b)
        return -f.numpy.mean(f.numpy.sum(labels * f.numpy.log(p), -1))

    return Model(loss)


def pairs(f: Functions) -> Model:
    def loss(params: Any, charges: Any) -> Any:
        """Energy of points in space: attraction, repulsion, and a trap."""
        (x,) = params
        d = x[:, None, :] - x[None, :, :]
        squares = f.numpy.sum(d * d, -1)
        energy = charges * f.numpy.exp(-squares) + 1.0 / (1.0 + squares)
        return f.numpy.sum(energy) + f.numpy.sum(x * x)

    return Model(loss)


def one_vector(f: Functions) -> Model:
    """The net, its parameters taken from one vector; ``like`` has their shapes."""
    loss = net(f).loss

    def from_vector(params: Any, x: Any, labels: Any, *like: Any) -> Any:
        (vector,), arrays, at = params, [], 0
        for a in like:
            size = math.prod(a.shape)
            arrays.append(vector[at : at + size].reshape(tuple(a.shape)))
            at += size
        return loss(arrays, x, labels)

    return Model(from_vector)


def joined(f: Functions) -> Model:
    def loss(params: Any) -> Any:
        """One operation of as many operands as there are variables."""
        (x,) = params
        products = [x[i] * x[i + 1] for i in range(x.shape[0] - 1)]
        return f.numpy.sum(f.numpy.tanh(f.numpy.stack(products)))

    return Model(loss)


def logistic(f: Functions) -> Model:
    def loss(params: Any, x: Any, signs: Any) -> Any:
        w, b = params
        margins = signs * (f.dot(x, w) + b)
        return f.numpy.mean(f.softplus(-margins)) + 0.01 * f.numpy.sum(w * w)

    return Model(loss)


def conv(f: Functions) -> Model:
    def outputs(params: Any, x: Any) -> Any:
        k1, b1, k2, b2, w, b = params
        x = f.numpy.tanh(f.conv(x, k1) + b1)
        x = f.numpy.tanh(f.conv(x, k2) + b2)
        return f.dot(x.reshape((x.shape[0], w.shape[0])), w) + b

    return _cross_entropy(f, outputs)


def recurrent(f: Functions) -> Model:
    def outputs(params: Any, x: Any, start: Any) -> Any:
        inward, across, bias, out, b = params
        step = lambda h, x: f.numpy.tanh(f.dot(x, inward) + f.dot(h, across) + bias)
        return f.dot(f.scan(step, start, x), out) + b

    return _cross_entropy(f, outputs)


def predators(f: Functions) -> Model:
    def loss(params: Any, start: Any, times: Any) -> Any:
        """Distance of the last state of Lotka and Volterra's equations from the first."""
        rates, meetings = params
        h = 0.05
        slope = lambda t, y: y * (rates + f.dot(meetings, y))
        end = f.integrate(slope, start, times, h)
        return f.numpy.sum((end - start) ** 2)

    return Model(loss)


def rosenbrock(f: Functions) -> Model:
    def loss(params: Any) -> Any:
        (x,) = params
        return f.numpy.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    return Model(loss)


def gaussian(f: Functions) -> Model:
    def loss(params: Any, x: Any, y: Any, identity: Any) -> Any:
        """The parameters: log inverse length scales, log signal and noise variances."""
        (theta,) = params
        n = x.shape[1]
        x = x * f.numpy.exp(theta[:n])
        squares = f.numpy.sum(x * x, 1)
        distances = squares[:, None] + squares[None, :] - 2.0 * f.dot(x, x.T)
        noise = f.numpy.exp(theta[n + 1]) * identity
        lower = f.cholesky(f.numpy.exp(theta[n] - 0.5 * distances) + noise)
        whitened = f.solve_lower(lower, y)
        log_determinant = 2.0 * f.numpy.sum(f.numpy.log(f.diagonal(lower)), -1)
        return 0.5 * (f.numpy.sum(whitened * whitened) + log_determinant)

    return Model(loss)


def chain(f: Functions) -> Model:
    def loss(params: Any, rounds: Any) -> Any:
        (x,) = params
        for _ in range(rounds.shape[0]):
            x = f.numpy.tanh(f.numpy.sin(x) * 1.01 + 0.1)
        return f.numpy.sum(x)

    return Model(loss)


MODELS: dict[str, Callable[[Functions], Model]] = {
    "net": net,
    "one-hot": one_hot,
    "labels": labels,
    "relu": relu,
    "gelu": gelu,
    "layer-norm": layer_norm,
    "batch-norm": batch_norm,
    "transformer": transformer,
    "lstm": lstm,
    "pairs": pairs,
    "one-vector": one_vector,
    "joined": joined,
    "logistic": logistic,
    "conv": conv,
    "recurrent": recurrent,
    "predators": predators,
    "rosenbrock": rosenbrock,
    "gaussian": gaussian,
    "chain": chain,
}


def adam(
    sqrt: Callable[[Any], Any], params: Sequence[Any], count: Any, m: Any, v: Any, grads: Any
) -> tuple[Any, Any, Any, Any]:
    """One update by Kingma and Ba's algorithm 1, for libraries that bring none: the new state."""
    count = count + 1
    m = [0.9 * a + 0.1 * g for a, g in zip(m, grads, strict=True)]
    v = [0.999 * a + 0.001 * g * g for a, g in zip(v, grads, strict=True)]
    small, large = 1 - 0.9**count, 1 - 0.999**count
    params = [
        p - 1e-3 * (a / small) / (sqrt(b / large) + 1e-8)
        for p, a, b in zip(params, m, v, strict=True)
    ]
    return params, count, m, v
