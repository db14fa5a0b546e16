"""What options may be: each turns text into a value, or says what it must be."""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Callable
from pathlib import Path


def integer(least: int) -> Callable[[str], int]:
    """An integer that is not below ``least``."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"must be an integer >= {least}, got {text!r}")
        return value

    return parse


def positive(text: str) -> float:
    """A positive number.

    Examples
    --------
    >>> positive("1e-3")
    0.001
    """
    value = _float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a positive number, got {text!r}")
    return value


def fraction(text: str) -> float:
    """A number from 0 up to, but not, 1."""
    value = _float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 0 and below 1, got {text!r}")
    return value


def _float(text: str) -> float:
    """A number; nan, which lies in no range, for other text."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def duration(text: str) -> str:
    """A time, as the report takes it."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|m|h)?", text.strip())
    if not found or not float(found[1]):
        raise argparse.ArgumentTypeError(f"must be a time, such as 30s or 2min, got {text!r}")
    return text


def widths(text: str) -> list[int]:
    """Widths of layers.

    Examples
    --------
    >>> widths("64,32"), widths("")
    ([64, 32], [])
    """
    found = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdecimal() and int(part) for part in found):
        raise argparse.ArgumentTypeError(f"must be widths such as 64,32, got {text!r}")
    return [int(part) for part in found]


def folder(text: str) -> Path:
    """A folder, which need not be there."""
    path = Path(text)
    if any(p.exists() and not p.is_dir() for p in (path, *path.parents)):
        raise argparse.ArgumentTypeError(f"must be a folder, but {text!r} is, or is in, a file")
    return path


def output(*suffixes: str) -> Callable[[str], Path]:
    """A file to write, whose suffix says how; its folder is there."""

    def parse(text: str) -> Path:
        path = Path(text)
        if suffixes and path.suffix.lower() not in suffixes:
            raise argparse.ArgumentTypeError(f"must end in {' or '.join(suffixes)}, got {text!r}")
        if not path.parent.is_dir():
            raise argparse.ArgumentTypeError(f"there is no folder {str(path.parent)!r} to write to")
        if path.is_dir():
            raise argparse.ArgumentTypeError(f"must be a file, but {text!r} is a folder")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise argparse.ArgumentTypeError(f"{text!r} cannot be written: permission denied")
        return path

    return parse
