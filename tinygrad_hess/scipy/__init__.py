"""SciPy's names, differentiable: ``import tinygrad_hess.scipy.linalg``.

SciPy does not ask its operands as NumPy does, so a tensor given to SciPy itself is refused.
"""

from . import linalg as linalg
