"""SciPy's names, differentiable: ``import tinygrad_hess.scipy.linalg``, ``special``, ``stats``.

The ufuncs of ``scipy.special`` take tensors themselves. The rest of SciPy does not ask its operands
as NumPy does, so a tensor given to it is refused.
"""

from . import linalg as linalg
from . import special as special
from . import stats as stats
