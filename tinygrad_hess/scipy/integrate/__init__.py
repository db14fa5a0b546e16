"""``scipy.integrate``, differentiable: differential equations, integrals of functions and samples.

Values come from SciPy's solvers; derivatives, of any order, from equations of their own that are
solved to the same tolerances. Functions take arrays and tensors alike.

Examples
--------
>>> import numpy as np, tinygrad_hess as tg
>>> from tinygrad_hess.scipy import integrate
>>> decay = lambda rate: integrate.odeint(lambda y, t, k: -k * y, 1.0, [0.0, 2.0], (rate,))[-1, 0]
>>> print(tg.grad(decay)(0.5).round(6), round(-2 * np.exp(-1.0), 6))
-0.735759 -0.735759
"""

from __future__ import annotations

from ...core.boundary import all_named as _all_named
from ...ops.signal.calculus import trapezoid
from .equations import Solution, odeint, solve_ivp
from .integrals import fixed_quad, quad
from .samples import cumulative_trapezoid, simpson

__all__ = [
    "Solution", "cumulative_trapezoid", "fixed_quad", "odeint", "quad", "simpson", "solve_ivp",
    "trapezoid",
]  # fmt: skip

globals().update(_all_named(globals()))
