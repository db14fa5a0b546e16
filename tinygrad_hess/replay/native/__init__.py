"""Runs of lines without Python between them, where the C extension is there: optional.

    lower    : lines of a plan -> fewer lines, some of them runs; or None, and why_python() says why
    repeated : a plan that is one run -> the body of a loop in C
    fuses    : type -> whether elementwise operations in a row are one loop of machine code

A run is a list of inner loops of NumPy's own ufuncs, with pointers and strides: what a line of
Python would have NumPy call. So the results are the same, bit by bit, in a fraction of the time for
small arrays. All else stays a line of Python, and a run has its lines for arguments that do not lie
in memory as was planned for.
"""

from typing import Any

import numpy as np

from . import fused
from .library import why_python as why_python
from .repeating import Repeated as Repeated
from .repeating import repeated as repeated
from .runs import Lowered as Lowered
from .runs import lower as lower


def fuses(dtype: Any = float) -> bool:
    """Whether elementwise operations in a row on such numbers are one loop of machine code."""
    return np.dtype(dtype).char in "df" and why_python() is None and fused.why_not() is None
