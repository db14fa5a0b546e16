"""A mixture of Gaussians, fitted without EM: by gradients, and by Newton steps with exact products.

Points along five arms in the plane; each component has a weight, a mean and a triangular factor of
its precision, and all are fitted at once. One should see Newton-CG, which uses gradients and
Hessian-vector products, settle in thirty steps, where L-BFGS has not after three hundred; and the
eigenvalues of the Hessian, all positive, prove that the end is a minimum.
"""

import numpy as np
from scipy.optimize import minimize

import tinygrad_hess as tg
from tinygrad_hess.scipy.special import logsumexp

ARMS = 5


def loss(theta, points):
    """Mean negative log-likelihood of points, shape (n, 2).

    ``theta`` contains, for k components: k - 1 log-weights against the last, then a mean and the
    triangle (log a, log c, b) of the factor [[a, 0], [b, c]] of the precision, for each.
    """
    k = (len(theta) + 1) // 6
    weights = np.concatenate([theta[: k - 1], np.zeros(1)])
    means, log_a, log_c, b = theta[k - 1 : 3 * k - 1], *np.split(theta[3 * k - 1 :], 3)
    x = points[:, :1] - means[:k]
    y = points[:, 1:] - means[k:]
    squares = (np.exp(log_a) * x) ** 2 + (b * x + np.exp(log_c) * y) ** 2
    each = weights - logsumexp(weights) + log_a + log_c - 0.5 * squares
    return np.log(2 * np.pi) - np.mean(logsumexp(each, axis=1))


def pinwheel(n=60, seed=0):
    """``n`` points on each of five bent arms."""
    rng = np.random.default_rng(seed)
    along, across = 1 + 0.3 * rng.normal(size=(ARMS, n)), 0.07 * rng.normal(size=(ARMS, n))
    angle = 0.5 * np.exp(along) + 2 * np.pi * np.arange(ARMS)[:, None] / ARMS
    points = [along * np.cos(angle) - across * np.sin(angle)]
    points += [along * np.sin(angle) + across * np.cos(angle)]
    return np.stack(points, axis=-1).reshape(-1, 2)


def start(points):
    """Round components, each at a point of another arm."""
    means = points[:: len(points) // ARMS].T.ravel()
    return np.concatenate([np.zeros(ARMS - 1), means, np.ones(2 * ARMS), np.zeros(ARMS)])


def main():
    points = pinwheel()
    theta = start(points)
    gradient = tg.jit(tg.value_and_grad(loss))
    product = tg.jit(lambda theta, v, points: tg.hvp(loss, theta, v, points))
    how = {"args": (points,), "jac": True}
    print(f"{'':10s} {'loss':>9s} {'|gradient|':>11s} {'steps':>6s} {'gradients':>10s} products")
    fits = {}
    for method, more in (
        ("L-BFGS-B", {"options": {"maxiter": 300, "ftol": 0, "gtol": 1e-9}}),
        ("Newton-CG", {"hessp": product, "options": {"xtol": 1e-12}}),
    ):
        fit = minimize(gradient, theta, method=method, **how, **more)
        norm = np.linalg.norm(fit.jac)
        products = fit.get("nhev", 0)
        print(f"{method:10s} {fit.fun:9.6f} {norm:11.0e} {fit.nit:6} {fit.nfev:10} {products:8}")
        fits[method] = fit
    op = tg.curvature.HessianOperator(loss, fits["Newton-CG"].x, points)
    kind = tg.curvature.classify_critical_point(op)
    print(kind)
    return {"fits": fits, "kind": kind}


if __name__ == "__main__":
    main()
