"""Libraries that only some functions need: imported there, and asked for by the extra's name."""

from __future__ import annotations

import importlib
from typing import Any


def require(who: str, module: str, *, extra: str = "", package: str = "") -> Any:
    """The module, imported; where it is not installed, an error that says how to install it.

    Examples
    --------
    >>> require("from_tables", "no_such_library", extra="tables")
    Traceback (most recent call last):
    ...
    ImportError: from_tables needs no_such_library: pip install "tinygrad-hess[tables]"
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        root = module.partition(".")[0]
        if (error.name or "").partition(".")[0] != root:
            raise  # it is there, and lacks something of its own
        name = package or root
        what = f'"tinygrad-hess[{extra}]"' if extra else name
        raise ImportError(f"{who} needs {name}: pip install {what}") from None
