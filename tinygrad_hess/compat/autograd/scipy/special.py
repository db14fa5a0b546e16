"""``autograd.scipy.special``."""

from typing import Any

import scipy.special as _scipy

from ....scipy.special import *  # noqa: F403
from ....scipy.special import __all__ as __all__


def __getattr__(name: str) -> Any:
    return getattr(_scipy, name)
