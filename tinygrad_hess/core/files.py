"""Writing a file so that nobody ever reads half of one, also when the writer is killed."""

from __future__ import annotations

import glob
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any


def replace_whole(path: Path, data: bytes | Callable[[Any], Any]) -> Path:
    """Write a file beside ``path`` and rename it.

    ``data`` is the content, or a function that writes it to the open file. What killed processes
    left beside it, in an earlier attempt, is removed.
    """
    before = f".{path.name}."
    for other in path.parent.glob(f"{glob.escape(before)}*"):
        process = other.name.removeprefix(before).split(".")[0]
        if process.isdigit() and not is_running(int(process)):
            other.unlink(missing_ok=True)
    beside = path.with_name(f"{before}{os.getpid()}.{threading.get_ident()}")
    try:
        if callable(data):
            with beside.open("wb") as file:
                data(file)
        else:
            beside.write_bytes(data)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    return path


def is_running(process: int) -> bool:
    """Whether there is a process of this number; True where that cannot be told."""
    if os.name != "posix":  # there, a signal of 0 would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's
        return True
    return True
