"""``autograd.numpy.random``: draws carry no derivative, so NumPy's own."""

from typing import Any

from numpy import random as _random
from numpy.random import *  # noqa: F403
from numpy.random import __all__ as __all__


def __getattr__(name: str) -> Any:
    return getattr(_random, name)
