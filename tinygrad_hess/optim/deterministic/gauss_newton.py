"""The Gauss-Newton method: each step solves the linear least-squares problem at hand."""

from __future__ import annotations

import numpy as np
import scipy.linalg
from scipy import sparse

from .descent import Descent
from .line_searches import Stalled
from .newton import factor
from .objective import Array, Objective, Point, Residuals


class GaussNewton(Descent):
    """d = -J⁺ r, the shortest step that solves min ‖J d + r‖, and a search along it.

    Gauss (1809); Nocedal and Wright (2006), section 10.3. Where J is sparse it is solved by the
    normal equations.
    """

    needs_residuals = True

    def __init__(
        self,
        objective: Objective,
        *,
        line_search: str = "armijo",
        c1: float | None = None,
        c2: float | None = None,
    ):
        super().__init__(objective, line_search, c1=c1, c2=c2)

    def direction(self, point: Point) -> Array:
        objective = self.objective
        assert isinstance(objective, Residuals)
        J, r = objective.jacobian(point.x), objective.residuals(point.x)
        if sparse.issparse(J):
            found = factor(J.T @ J)
            if found is None:
                raise Stalled("J'J is singular: levenberg-marquardt needs no full rank")
            return np.asarray(found.solve(-point.gradient))
        if not np.isfinite(J).all():
            raise Stalled("the Jacobian is not finite")
        return np.asarray(scipy.linalg.lstsq(J, -r)[0])
