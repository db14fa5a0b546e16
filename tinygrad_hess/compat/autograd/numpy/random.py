"""``autograd.numpy.random``: draws carry no derivative, so NumPy's own."""

from typing import Any

from numpy import random as _random
from numpy.random import *  # noqa: F403


def __getattr__(name: str) -> Any:
    return getattr(_random, name)
