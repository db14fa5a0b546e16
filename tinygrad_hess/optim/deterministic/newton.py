"""Newton's method, and what makes its direction one of descent where the Hessian is indefinite."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.linalg
from scipy import sparse
from scipy.linalg import lapack
from scipy.sparse.linalg import splu

from ...core import arguments
from ..eigenvectors import eigh
from .descent import Descent, Step
from .krylov import lanczos, truncated_cg
from .line_searches import EPS, Stalled
from .objective import Array, Objective, Point


class Newton(Descent):
    """d = -(H + E)⁻¹ g, with E = 0 where H is sufficiently positive definite.

    A dense H has a Cholesky factor then; else it is factorised as ``P'L D L'P`` (Bunch and
    Kaufman), and the eigenvalues of D, blocks
    of one or two rows, are replaced by their magnitudes, not below n eps ‖H‖: Cheng and Higham, "A
    modified Cholesky algorithm based on a symmetric indefinite factorization", SIAM Journal on
    Matrix Analysis 19 (1998), 1097-1110. To a sparse H a multiple of the identity is added until
    all pivots are positive (Nocedal and Wright 2006, algorithm 3.3). Where there are only products,
    truncated conjugate gradients take its place.

    With ``modify=False`` it is the plain iteration ``x ← x - H⁻¹ g``, which goes to the stationary
    point nearby, of whatever kind.
    """

    def __init__(
        self,
        objective: Objective,
        *,
        modify: bool = True,
        line_search: str = "strong-wolfe",
        c1: float | None = None,
        c2: float | None = None,
    ):
        super().__init__(objective, line_search, c1=c1, c2=c2)
        self.modify = arguments.flag(objective.who, "modify", modify)

    def step(self, point: Point) -> Step:
        if self.modify:
            return super().step(point)
        if self.objective.structure == "products":
            raise Stalled("modify=False needs the Hessian as a matrix, and it is too large")
        H = self.objective.hessian(point.x)
        try:
            step = splu(H.tocsc()).solve(point.gradient) if sparse.issparse(H) else np.linalg.solve(
                H, point.gradient
            )  # fmt: skip
        except (np.linalg.LinAlgError, RuntimeError):
            raise Stalled("the Hessian is singular") from None
        return Step(self.objective.at(point.x - step))

    def direction(self, point: Point) -> Array:
        g = point.gradient
        if self.objective.structure == "products":
            return _newton_cg(self.objective, point)
        H = self.objective.hessian(point.x)
        if sparse.issparse(H):
            return _shifted_solve(H, -g)
        if not np.isfinite(H).all():
            raise Stalled("the Hessian is not finite")
        floor = len(g) * EPS * max(float(np.abs(H).max()), EPS)
        C, failed = lapack.dpotrf(H, lower=True)
        if not failed and C.diagonal().min() ** 2 > floor:  # E = 0
            return np.asarray(lapack.dpotrs(C, -g, lower=True)[0])
        L, D, order = scipy.linalg.ldl(H)
        L = L[order]
        values, vectors = scipy.linalg.eigh(D)  # blocks: the vectors do not mix them
        values = np.maximum(np.abs(values), floor)
        half = scipy.linalg.solve_triangular(L, -g[order], lower=True, unit_diagonal=True)
        half = vectors @ ((vectors.T @ half) / values)
        out = np.empty_like(g)
        out[order] = scipy.linalg.solve_triangular(L.T, half, unit_diagonal=True)
        return out


def factor(H: Any) -> Any:
    """A factorisation of a sparse matrix if it is positive definite, else None.

    Pivots stay on the diagonal, in an order that keeps the factors sparse; all are positive just
    where the matrix is positive definite.
    """
    options = {"SymmetricMode": True}
    try:
        found = splu(H.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
    except RuntimeError:  # an exact zero on the diagonal
        return None
    stayed = np.array_equal(found.perm_r, found.perm_c)
    return found if stayed and (found.U.diagonal() > 0).all() else None


def _shifted_solve(H: Any, b: Array) -> Array:
    largest = max(float(np.abs(H.data).max(initial=0.0)), EPS)
    if not math.isfinite(largest):
        raise Stalled("the Hessian is not finite")
    least = float(H.diagonal().min())
    shift = 0.0 if least > 0 else 1e-3 * largest - least
    identity = sparse.eye_array(H.shape[0], format="csr")
    while True:
        found = factor(H + shift * identity if shift else H)
        if found is not None:
            return np.asarray(found.solve(b))
        shift = max(2 * shift, 1e-3 * largest)


class NewtonCG(Descent):
    """Newton's direction by conjugate gradients on products, which stop early far from a minimum.

    The residual is reduced by min(1/2, √‖g‖), so that convergence is superlinear; a direction of
    negative curvature ends the iteration. Nocedal and Wright (2006), algorithm 7.1.
    """

    def __init__(
        self,
        objective: Objective,
        *,
        line_search: str = "strong-wolfe",
        c1: float | None = None,
        c2: float | None = None,
    ):
        super().__init__(objective, line_search, c1=c1, c2=c2)

    def direction(self, point: Point) -> Array:
        return _newton_cg(self.objective, point)


def forcing(gradient: Array) -> float:
    """The relative residual to which a Newton step is solved: Dembo and Steihaug (1983)."""
    return min(0.5, math.sqrt(float(np.linalg.norm(gradient))))


def _newton_cg(objective: Objective, point: Point) -> Array:
    product = lambda v: objective.product(point.x, v)
    return truncated_cg(product, point.gradient, math.inf, forcing(point.gradient)).step


class SaddleFreeNewton(Descent):
    """d = -|H|⁻¹ g: the eigenvalues are replaced by their magnitudes, and saddles repel.

    Dauphin et al., "Identifying and attacking the saddle point problem in high-dimensional
    non-convex optimization" (2014). A Hessian that is at hand by products alone is replaced by its
    part in a Krylov space of ``krylov`` dimensions, which contains the gradient.
    """

    def __init__(
        self,
        objective: Objective,
        *,
        krylov: int = 100,
        line_search: str = "strong-wolfe",
        c1: float | None = None,
        c2: float | None = None,
    ):
        super().__init__(objective, line_search, c1=c1, c2=c2)
        self.krylov = arguments.integer(objective.who, "krylov", krylov, least=1)

    def direction(self, point: Point) -> Array:
        g = point.gradient
        if self.objective.structure == "dense":
            H, basis = self.objective.hessian(point.x), None
        else:
            product = lambda v: self.objective.product(point.x, v)
            basis, H = lanczos(product, g, self.krylov)
            g = basis.T @ g
        if not np.isfinite(H).all():
            raise Stalled("the Hessian is not finite")
        values, vectors = eigh(H)
        magnitudes = np.abs(values)
        floor = len(g) * EPS * max(float(magnitudes.max()), EPS)
        d = -vectors @ ((vectors.T @ g) / np.maximum(magnitudes, floor))
        return d if basis is None else basis @ d
