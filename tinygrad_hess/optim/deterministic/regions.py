"""Methods that minimise a model within a region, or with a penalty, and adapt its size.

model at a point : radius -> Proposal

A radius is divided by 4 where the loss falls by less than a quarter of what the model predicts, and
doubled where it falls by more than three quarters and the radius was what bounded the step: Conn,
Gould and Toint, Trust-Region Methods (2000), chapters 6 and 17. Cubic regularisation and the method
of Levenberg and Marquardt follow the same rule, with the inverse of their penalties for the radius.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg
from scipy import sparse

from ...core import arguments
from .descent import Method, Step
from .krylov import lanczos, to_border, truncated_cg
from .line_searches import EPS, Stalled
from .newton import factor, forcing
from .objective import DENSE, Array, Objective, Point, Residuals
from .secular import Model

TRIALS = 200
"""Regions that are tried at most from one point."""

LARGEST = 1e20
"""A radius that bounds nothing any more."""

SMALLEST = 1e-150
"""A radius within which there is nothing: its square underflows."""


class Proposal(NamedTuple):
    """A step that a model proposes.

    Attributes
    ----------
    step : ndarray, shape (n,)
    decrease : float
        That the model predicts.
    reach : float
        The radius that would have bounded it; the radius itself where that did.
    """

    step: Array
    decrease: float
    reach: float


class Regional(Method):
    """The acceptance of steps, and the adaptation of the radius."""

    def __init__(self, objective: Objective, radius: float):
        super().__init__(objective)
        self.radius = arguments.number(objective.who, "radius", radius, above=0)

    def model(self, point: Point) -> Callable[[float], Proposal]:
        """The model at a point, as what it proposes for a radius."""
        raise NotImplementedError

    def observe(self, before: Point, trial: Point) -> bool:
        """Take in what a trial showed; whether the model changed."""
        return False

    def step(self, point: Point) -> Step:
        propose = self.model(point)
        slack = (
            10 * self.objective.eps * abs(point.loss)
        )  # within rounding, a step is taken as good
        for _ in range(TRIALS):
            if self.radius < SMALLEST:
                break
            proposal = propose(self.radius)
            if (np.abs(proposal.step) <= EPS * np.abs(point.x)).all():
                break
            trial = self.objective.at(point.x + proposal.step)
            finite = math.isfinite(trial.loss) and bool(np.isfinite(trial.gradient).all())
            fall = point.loss - trial.loss if finite else -math.inf
            predicted = proposal.decrease + slack
            ratio = (fall + slack) / predicted if predicted > 0 else -math.inf
            if ratio < 0.25:
                self.radius = proposal.reach / 4
            elif ratio > 0.75 and proposal.reach >= self.radius:
                self.radius = min(2 * self.radius, LARGEST)
            changed = finite and self.observe(point, trial)
            if ratio > 1e-4:
                return Step(trial, self.radius)
            if changed:
                propose = self.model(point)
        raise Stalled("no step within a region, however small, reduces the loss")


def _within(model: Model) -> Callable[[float], Proposal]:
    def propose(radius: float) -> Proposal:
        step, decrease, at_border = model.within(radius)
        return Proposal(step, decrease, radius if at_border else float(np.linalg.norm(step)))

    return propose


def _within_by_products(
    product: Callable[[Array], Array], gradient: Array
) -> Callable[[float], Proposal]:
    def propose(radius: float) -> Proposal:
        step, decrease, at_border = truncated_cg(product, gradient, radius, forcing(gradient))
        return Proposal(step, decrease, radius if at_border else float(np.linalg.norm(step)))

    return propose


def _within_sparse(H: Any, gradient: Array) -> Callable[[float], Proposal]:
    """Powell's dogleg where H is positive definite, truncated gradients where it is not."""
    found = factor(H)
    if found is None:
        return _within_by_products(lambda v: H @ v, gradient)
    newton = found.solve(-gradient)
    length = float(np.linalg.norm(newton))
    steepest = -gradient * float(gradient @ gradient) / float(gradient @ (H @ gradient))

    def propose(radius: float) -> Proposal:
        if length <= radius:
            return Proposal(newton, -float(gradient @ newton) / 2, length)
        if np.linalg.norm(steepest) >= radius:
            step = steepest * (radius / float(np.linalg.norm(steepest)))
        else:
            rest = newton - steepest
            step = steepest + to_border(steepest, rest, radius) * rest
        return Proposal(step, -float(gradient @ step + step @ (H @ step) / 2), radius)

    return propose


def _finite(H: Array) -> Array:
    if not np.isfinite(H).all():
        raise Stalled("the Hessian is not finite")
    return H


class TrustRegion(Regional):
    """The quadratic model within a ball.

    Exactly, by the eigenvalues of the Hessian (Moré and Sorensen 1983), up to 300 variables; by
    truncated conjugate gradients (Steihaug 1983) above. A sparse Hessian is factorised,
    and where it is positive definite the step is Powell's dogleg (1970).
    """

    leaves_saddles = True

    def __init__(self, objective: Objective, *, radius: float = 1.0):
        super().__init__(objective, radius)
        self.is_exact = objective.size <= DENSE

    def model(self, point: Point) -> Callable[[float], Proposal]:
        if self.is_exact:
            return _within(Model(_finite(self.objective.hessian(point.x)), point.gradient))
        if self.objective.structure == "sparse":
            return _within_sparse(self.objective.hessian(point.x), point.gradient)
        return _within_by_products(lambda v: self.objective.product(point.x, v), point.gradient)


class SR1(Regional):
    """A Hessian learnt from gradients by symmetric updates of rank one, which may be indefinite.

    ``B ← B + r r'/r's`` with ``r = y - B s``, in a trust region: Conn, Gould and Toint,
    Mathematical Programming 50 (1991), 177-195; Nocedal and Wright (2006), algorithm 6.2.
    """

    def __init__(self, objective: Objective, *, radius: float = 1.0):
        super().__init__(objective, radius)
        self.hessian = np.eye(objective.size)
        self.started = False

    def model(self, point: Point) -> Callable[[float], Proposal]:
        if len(point.x) <= DENSE:
            return _within(Model(self.hessian, point.gradient))
        return _within_by_products(lambda v: self.hessian @ v, point.gradient)

    def observe(self, before: Point, trial: Point) -> bool:
        s, y = trial.x - before.x, trial.gradient - before.gradient
        if not self.started:
            if trial.loss >= before.loss:  # too far to say what the curvature is here
                return False
            if s @ y > 0:
                self.hessian *= float(y @ y) / float(s @ y)
            self.started = True
        r = y - self.hessian @ s
        rs = float(r @ s)
        if abs(rs) < 1e-8 * np.linalg.norm(r) * np.linalg.norm(s) or rs == 0:
            return False
        self.hessian = self.hessian + np.outer(r, r / rs)
        return True


class CubicRegularization(Regional):
    """The quadratic model with ``σ‖s‖³/3`` added, minimised globally; the radius is 1/σ.

    Cartis, Gould and Toint, "Adaptive cubic regularisation methods", Mathematical Programming 127
    (2011), 245-295. Exactly up to 300 variables; above, in a Krylov space that grows until the
    gradient of the model is below min(1, ‖s‖)/10 of the gradient, or has ``krylov`` dimensions.
    """

    leaves_saddles = True

    def __init__(self, objective: Objective, *, radius: float = 1.0, krylov: int = 100):
        super().__init__(objective, radius)
        self.krylov = arguments.integer(objective.who, "krylov", krylov, least=1)
        self.is_exact = objective.size <= DENSE

    def model(self, point: Point) -> Callable[[float], Proposal]:
        g = point.gradient
        if self.is_exact:
            model = Model(_finite(self.objective.hessian(point.x)), g)
            return lambda radius: Proposal(*model.cubic(1 / radius), radius)
        product = lambda v: self.objective.product(point.x, v)

        def propose(radius: float) -> Proposal:
            size = 10
            while True:
                Q, T = lanczos(product, g, size)
                first = np.zeros(len(T))
                first[0] = np.linalg.norm(g)
                s, decrease = Model(_finite(T), first).cubic(1 / radius)
                step = Q @ s
                if len(T) < size or size >= self.krylov:
                    return Proposal(step, decrease, radius)
                length = float(np.linalg.norm(step))
                residual = g + product(step) + length / radius * step
                if np.linalg.norm(residual) <= 0.1 * min(1.0, length) * first[0]:
                    return Proposal(step, decrease, radius)
                size = min(2 * size, self.krylov)

        return propose


class LevenbergMarquardt(Regional):
    """``(J'J + μ D²) s = -J'r``, with the largest norms of columns so far for D; the radius is 1/μ.

    Levenberg (1944), Marquardt (1963); the scaling is Moré's, "The Levenberg-Marquardt algorithm:
    implementation and theory" (1978). Solved as a least-squares problem by QR, and by a Cholesky
    factor where J is sparse.
    """

    needs_residuals = True

    def __init__(self, objective: Residuals, *, radius: float = 1e3):
        super().__init__(objective, radius)
        self.scale = np.zeros(objective.size)

    def model(self, point: Point) -> Callable[[float], Proposal]:
        objective = self.objective
        assert isinstance(objective, Residuals)
        J, r = objective.jacobian(point.x), objective.residuals(point.x)
        norms = np.sqrt((J * J).sum(0)) if not sparse.issparse(J) else np.sqrt((J**2).sum(0))
        self.scale = np.maximum(self.scale, norms)
        D = np.where(self.scale > 0, self.scale, 1.0)

        def propose(radius: float) -> Proposal:
            if sparse.issparse(J):
                found = factor(J.T @ J + sparse.diags_array(D**2 / radius))
                if found is None:
                    raise Stalled("J'J is singular to working precision")
                step = found.solve(-point.gradient)
            else:
                rows = np.vstack([_finite(J), np.diag(D / math.sqrt(radius))])
                right = np.concatenate([-r, np.zeros(len(D))])
                step = scipy.linalg.lstsq(rows, right, lapack_driver="gelsy")[0]
            Js = J @ step
            decrease = -float(Js @ r + Js @ Js / 2)
            return Proposal(step, decrease, radius)

        return propose
