"""``autograd.numpy``: NumPy's names, differentiable, and a few that autograd adds."""

from typing import Any

from ....numpy import __getattr__ as _elsewhere
from . import fft, linalg, numpy_boxes, numpy_vjps, numpy_vspaces, numpy_wrapper, random
from .numpy_wrapper import *  # noqa: F403
from .numpy_wrapper import _astype as _astype
from .numpy_wrapper import _original_where as _original_where
from .numpy_wrapper import _parse_einsum_input as _parse_einsum_input
from .numpy_wrapper import numpy_version as __version__


def __getattr__(name: str) -> Any:
    return _elsewhere(name)
