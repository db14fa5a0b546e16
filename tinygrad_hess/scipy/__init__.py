"""SciPy's names, differentiable: ``integrate``, ``linalg``, ``signal``, ``special``, ``stats``.

The ufuncs of ``scipy.special`` take tensors themselves. The rest of SciPy does not ask its operands
as NumPy does, so a tensor given to it is refused.
"""

from . import integrate as integrate
from . import linalg as linalg
from . import signal as signal
from . import special as special
from . import stats as stats
