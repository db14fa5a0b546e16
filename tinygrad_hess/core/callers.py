"""Where a call comes from: the user's line, and the module in which a row is declared."""

from __future__ import annotations

import sys

_PACKAGE = __name__.partition(".")[0]


def declaring_module() -> str:
    """The module that a row stands in."""
    frame = sys._getframe(1)
    while frame.f_globals.get("__package__") == __package__ and frame.f_back is not None:
        frame = frame.f_back
    return str(frame.f_globals.get("__name__", __name__))


def user_line() -> str:
    """The file and line of the innermost caller outside this library."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        module = frame.f_globals.get("__name__", "")
        if not (module == _PACKAGE or module.startswith(_PACKAGE + ".")):
            break
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
