"""``autograd.scipy.integrate``."""

from ....scipy.integrate import *  # noqa: F403
from ....scipy.integrate import __all__ as __all__
