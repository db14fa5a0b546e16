"""Functions of NumPy and SciPy with faster loops that give the same bits, where the C extension has
them.

    exp, tanh : NumPy's own, or such ufuncs in their place
    of_scipy  : name -> the function of ``scipy.special``, or one in its place: erf, ndtr

``exp`` and ``tanh`` gain a factor of three to four on a processor without AVX-512, ``erf`` and
``ndtr`` one of two on any. ``TINYGRAD_HESS_NATIVE=0``, set before the library is imported, keeps
those of NumPy and SciPy.
"""

from __future__ import annotations

import functools
from importlib import import_module
from typing import Any

import numpy as np

from .. import extensions

_loops, _ = extensions.loaded("._loops", __package__)


def _samples() -> Any:
    """Numbers of every size and sign, and those at which functions have another branch."""
    special = [0.0, np.inf, np.nan, 5e-324, 2.0**-54, 0.125, 19.0625, 22.0, 512.0, 709.78, 746.0]
    special += [1.0, 1.4142135623730951, 6.0, 8.0, 11.31370849898476, 26.64, 37.6774]
    sizes = np.exp2(np.linspace(-1074, 1023.9, 2048))
    usual = np.linspace(0, 40, 2049)
    found = np.concatenate([special, sizes, usual])
    return np.concatenate([found, -found])


def _faster(ufunc: np.ufunc) -> np.ufunc:
    """The same function with a faster loop, if it has one that gives the same bits."""
    found = None if _loops is None else _loops.faster(ufunc)
    if found is None:
        return ufunc
    x = _samples()
    with np.errstate(all="ignore"):
        same = all(found(part).tobytes() == ufunc(part).tobytes() for part in (x, x[::3], x[:3]))
    return found if same else ufunc


exp: np.ufunc = np.exp
tanh: np.ufunc = np.tanh
if extensions.switched_off() is None:
    exp, tanh = _faster(np.exp), _faster(np.tanh)


@functools.cache
def of_scipy(name: str) -> Any:
    """A function of ``scipy.special``, which is loaded when one is first asked for."""
    found = getattr(import_module("scipy.special"), name)
    is_plain = isinstance(found, np.ufunc)  # with SCIPY_ARRAY_API=1, SciPy wraps its ufuncs
    return _faster(found) if is_plain and not extensions.switched_off() else found
