"""Models of second order in Krylov subspaces, by Hessian-vector products alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .objective import Array

Product = Callable[[Array], Array]


class Truncated(NamedTuple):
    """A step of truncated conjugate gradients.

    Attributes
    ----------
    step : ndarray, shape (n,)
    decrease : float
        Of the model g's + s'Hs/2, by this step.
    at_border : bool
        Whether the step ends at the radius.
    """

    step: Array
    decrease: float
    at_border: bool


def truncated_cg(product: Product, gradient: Array, radius: float, rtol: float) -> Truncated:
    """Minimise the model within a radius by conjugate gradients, to a relative residual.

    Along a direction of negative curvature it goes to the border; where the radius is infinite it
    stops there, with the step so far, or with steepest descent if there is none.

    Steihaug, SIAM Journal on Numerical Analysis 20 (1983), 626-637; Nocedal and Wright (2006),
    algorithms 7.1 and 7.2.
    """
    s, r = np.zeros_like(gradient), gradient
    d, Hs = -r, np.zeros_like(gradient)
    rr = float(r @ r)
    target = rtol * math.sqrt(rr)

    def made(s: Array, Hs: Array, at_border: bool) -> Truncated:
        return Truncated(s, -float(gradient @ s + s @ Hs / 2), at_border)

    for i in range(2 * len(gradient) + 10):
        Hd = product(d)
        curvature = float(d @ Hd)
        # below rounding, the sign of a curvature says nothing
        negative = not curvature > 1e-15 * float(d @ d)
        if negative and math.isinf(radius):
            return made(s, Hs, False) if i else Truncated(d, rr, False)
        length = math.inf if negative else rr / curvature
        if negative or np.linalg.norm(s + length * d) >= radius:
            length = to_border(s, d, radius)
            return made(s + length * d, Hs + length * Hd, True)
        s, Hs, r = s + length * d, Hs + length * Hd, r + length * Hd
        before, rr = rr, float(r @ r)
        if math.sqrt(rr) <= target:
            break
        d = -r + rr / before * d
    return made(s, Hs, False)


def to_border(s: Array, d: Array, radius: float) -> float:
    """The positive t at which ``s + t d`` has the length of the radius."""
    dd, sd, ss = float(d @ d), float(s @ d), float(s @ s)
    root = math.sqrt(max(sd * sd + dd * (radius * radius - ss), 0.0))
    return (radius * radius - ss) / (sd + root) if sd > 0 else (root - sd) / dd


def lanczos(product: Product, gradient: Array, steps: int) -> tuple[Array, Array]:
    """An orthonormal basis Q, which begins with the gradient, and the tridiagonal Q'HQ.

    All vectors are orthogonalised against all before. It ends where the space is invariant.

    Returns
    -------
    Q : ndarray, shape (n, k)
    T : ndarray, shape (k, k)
    """
    Q = [gradient / np.linalg.norm(gradient)]
    alphas: list[float] = []
    betas: list[float] = []
    for _ in range(min(steps, len(gradient))):
        w = product(Q[-1])
        alphas.append(float(Q[-1] @ w))
        basis = np.stack(Q, 1)
        for _ in range(2):
            w = w - basis @ (basis.T @ w)
        betas.append(float(np.linalg.norm(w)))
        if betas[-1] <= 1e-12 * max(map(abs, (*alphas, *betas))):
            break
        Q.append(w / betas[-1])
    k = len(alphas)
    T = np.diag(alphas) + np.diag(betas[: k - 1], 1) + np.diag(betas[: k - 1], -1)
    return np.stack(Q[:k], 1), T
