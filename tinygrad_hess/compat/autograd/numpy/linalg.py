"""``autograd.numpy.linalg``."""

from typing import Any

from ....numpy import linalg as _linalg
from ....numpy.linalg import *  # noqa: F403
from ....numpy.linalg import __all__ as __all__
from ....numpy.linalg import matmul as _dot
from ....numpy.linalg import matrix_transpose as T


def __getattr__(name: str) -> Any:
    return getattr(_linalg, name)
