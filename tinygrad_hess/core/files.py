"""Writing a file so that nobody ever reads half of one, also when the writer is killed."""

from __future__ import annotations

import os
import threading
from pathlib import Path


def replace_whole(path: Path, data: bytes) -> Path:
    """Write a file beside ``path`` and rename it.

    What killed processes left beside it, in an earlier attempt, is removed.
    """
    before = f".{path.name}."
    for other in path.parent.glob(f"{_literal(before)}*"):
        process = other.name.removeprefix(before).split(".")[0]
        if process.isdigit() and not _is_running(int(process)):
            other.unlink(missing_ok=True)
    beside = path.with_name(f"{before}{os.getpid()}.{threading.get_ident()}")
    try:
        beside.write_bytes(data)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    return path


def _literal(name: str) -> str:
    """A name as a pattern that matches itself alone."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _is_running(process: int) -> bool:
    if os.name != "posix":  # there, a signal of 0 would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's
        return True
    return True
