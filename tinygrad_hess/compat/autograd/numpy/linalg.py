"""``autograd.numpy.linalg``."""

from typing import Any

from ....numpy import linalg as _linalg
from ....numpy.linalg import *  # noqa: F403

T, _dot = _linalg.matrix_transpose, _linalg.matmul  # helpers of autograd's that are in use


def __getattr__(name: str) -> Any:
    return getattr(_linalg, name)
