"""``autograd.scipy.special``."""

from typing import Any

import scipy.special as _scipy

from ....scipy.special import *  # noqa: F403


def __getattr__(name: str) -> Any:
    return getattr(_scipy, name)
