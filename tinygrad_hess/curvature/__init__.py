"""Curvature of a loss: Hessians as linear operators, their extreme eigenpairs, their trace.

Everything here works with products ``H v`` and never forms the matrix unless asked to. Every
estimate comes with its error: residuals beside eigenvalues, a standard error beside a trace.
"""

from .eigenpairs import Eigenpairs as Eigenpairs
from .eigenpairs import top_eigenpairs as top_eigenpairs
from .estimate import Estimate as Estimate
from .hessian import HessianOperator as HessianOperator
from .trace import trace as trace

__all__ = ["Eigenpairs", "Estimate", "HessianOperator", "top_eigenpairs", "trace"]
