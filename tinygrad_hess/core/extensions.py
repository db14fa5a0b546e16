"""The package's own C extensions: optional, and switched off by ``TINYGRAD_HESS_NATIVE=0``.

loaded       : name of an extension -> its module, or None, and why there is none
switched_off : () -> what switches them off, or None
"""

from __future__ import annotations

import importlib
import os
from typing import Any

_SWITCH = "TINYGRAD_HESS_NATIVE"


def loaded(name: str, package: str) -> tuple[Any, str]:
    """An extension, and an empty reason; or None, and why it is not there.

    Examples
    --------
    >>> loaded("._of_another_package", "tinygrad_hess.core")
    (None, 'the C extension was not built')
    """
    try:
        return importlib.import_module(name, package), ""
    except ModuleNotFoundError:
        return None, "the C extension was not built"
    except ImportError as error:
        return None, f"the C extension cannot be loaded ({error})"


def switched_off() -> str | None:
    """The setting that switches extensions off; None where they may be used."""
    return f"{_SWITCH}=0" if os.environ.get(_SWITCH) == "0" else None
