"""Writing a file so that nobody ever reads half of one, also when the writer is killed."""

from __future__ import annotations

import glob
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def replace_whole(path: Path, data: bytes | Callable[[Any], Any]) -> Path:
    """Write a file beside ``path`` and rename it.

    ``data`` is the content, or a function that writes it to the open file. What killed processes
    left beside it, in an earlier attempt, is removed.

    Raises
    ------
    OSError
        When it cannot be written, as on a full disk; what was there before is still there.
    """
    before = f".{path.name}."
    for other in left_behind(path.parent, before):
        other.unlink(missing_ok=True)
    beside = path.with_name(f"{before}{os.getpid()}.{threading.get_ident()}")
    try:
        if callable(data):
            with beside.open("wb") as file:
                data(file)
        else:
            beside.write_bytes(data)
        os.replace(beside, path)
    except OSError as error:
        reason = error.strerror or error
        why = f"{path.name} could not be written ({reason}); what was there is unchanged"
        raise OSError(error.errno, why, str(path)) from error
    finally:
        beside.unlink(missing_ok=True)
    return path


def left_behind(folder: Path, prefix: str) -> Iterator[Path]:
    """What killed processes left in a folder under this prefix, followed by their number."""
    for path in folder.glob(f"{glob.escape(prefix)}*"):
        process = path.name.removeprefix(prefix).split(".")[0]
        if process.isdigit() and not _is_running(int(process)):
            yield path


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
