"""How a command fails: with one line on standard error, and an exit status.

0 done    1 the run failed    2 wrong usage    130 interrupted
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NoReturn

REFUSALS = (ValueError, TypeError, IndexError, OSError, ImportError, NotImplementedError)
"""What the library raises about what it was given."""

FAILED, USAGE, INTERRUPTED = 1, 2, 130


class CommandError(Exception):
    """Ends a command with a line and a status.

    Examples
    --------
    >>> str(CommandError("no file\\n  'a.csv'", USAGE))
    "no file 'a.csv'"
    """

    def __init__(self, message: str, status: int):
        super().__init__(" ".join(message.split()))
        self.status = status


def refuse(message: str) -> NoReturn:
    """What the user gave cannot be used."""
    raise CommandError(message, USAGE)


@contextmanager
def refusing() -> Iterator[None]:
    """Inside, what the library refuses is about what the user gave: files, names, numbers.

    Examples
    --------
    >>> with refusing():
    ...     raise ValueError("from_frame: the table has no rows")
    Traceback (most recent call last):
    ...
    tinygrad_hess.cli.errors.CommandError: the table has no rows
    """
    try:
        yield
    except REFUSALS as error:
        raise CommandError(told(error), USAGE) from error


def near(word: str, known: Iterable[str]) -> str:
    """Which of the known words is meant, to be said after another one; empty if none is near.

    Examples
    --------
    >>> near("adm", ["sgd", "adam"]), near("dance", ["sgd", "adam"])
    (' (do you mean adam?)', '')
    """
    found = difflib.get_close_matches(word, list(known), 1)
    return f" (do you mean {found[0]}?)" if found else ""


def told(error: BaseException) -> str:
    """The message, without the function's name that it begins with.

    Examples
    --------
    >>> told(ValueError("fit: the loss is nan")), told(ZeroDivisionError())
    ('the loss is nan', 'ZeroDivisionError')
    """
    return re.sub(r"^[A-Za-z_.]+: ", "", str(error)) or type(error).__name__
