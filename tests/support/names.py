"""Every public name of NumPy's namespaces and of scipy.special, and what kind of thing it is.

Functions that take no array of numbers have no derivative to speak of: they are listed here by
what they are for. Everything else is called.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import scipy.special

MODULES: dict[str, ModuleType] = {
    "numpy": np,
    "numpy.linalg": np.linalg,
    "numpy.fft": np.fft,
    "scipy.special": scipy.special,
}

WITHOUT_OPERANDS: dict[str, str] = {
    "files and buffers": """frombuffer fromfile fromregex fromstring genfromtxt load loadtxt save
        savetxt savez savez_compressed from_dlpack""",
    "printing and numbers as text": """base_repr binary_repr format_float_positional
        format_float_scientific get_printoptions printoptions set_printoptions""",
    "settings and information": """get_include getbufsize geterr geterrcall info setbufsize seterr
        seterrcall show_config show_runtime test""",
    "types of elements": """isdtype issubdtype mintypecode promote_types typename""",
    "dates": """busday_count busday_offset datetime_as_string datetime_data is_busday isnat""",
    "makes arrays from lengths, types or functions": """arange bartlett blackman diag_indices empty
        eye fftfreq fromfunction fromiter hamming hanning identity indices kaiser mask_indices
        ones rfftfreq tri tril_indices triu_indices zeros""",
    "takes a shape or type after an example": "empty_like ones_like zeros_like",
    "looks at memory or shapes": "broadcast_shapes isfortran nested_iters",
    "wraps a Python function": "frompyfunc",
    "matrix objects": "asmatrix bmat",
    "gone from newer NumPy": "in1d row_stack trapz",
}  # fmt: skip
REASON: dict[str, str] = {
    name: reason for reason, names in WITHOUT_OPERANDS.items() for name in names.split()
}


def public_names(module: ModuleType) -> list[str]:
    """All names without a leading underscore; of modules, those that are told as public.

    (Others appear only once something has imported them.)
    """
    told = getattr(module, "__all__", ())
    names = sorted(n for n in dir(module) if not n.startswith("_"))
    return [n for n in names if n in told or not isinstance(getattr(module, n), ModuleType)]


def not_called(name: str, x: Any) -> str | None:
    """Why a name is not called: what it is instead of a function of arrays."""
    if isinstance(x, ModuleType):
        return "module"
    if isinstance(x, type):
        return "exception" if issubclass(x, BaseException) else "type or class"
    if not callable(x):
        return "constant or indexing object"
    return REASON.get(name)
