"""``autograd.scipy.linalg``."""

from typing import Any

import scipy.linalg as _scipy

from ....scipy.linalg import *  # noqa: F403
from ....scipy.linalg import __all__ as __all__


def __getattr__(name: str) -> Any:
    return getattr(_scipy, name)
