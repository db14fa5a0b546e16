"""What a report consists of, before it becomes a page or Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A figure that is drawn when it is asked for.

    Attributes
    ----------
    name : str
        Of its files.
    title, caption : str
    seen : str
        What there is to see, in words and numbers, for those who cannot see it.
    draw : callable
        Draws on matplotlib axes.
    columns : dict of str to sequence or 1-d array
        The data that are drawn; all of one length.
    """

    name: str
    title: str
    caption: str
    seen: str
    draw: Callable[[Any], Any]
    columns: dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes
    ----------
    title : str
    head : sequence of str
    rows : sequence of sequences of str
    prose : sequence of int
        Columns of words rather than numbers, besides the first.
    before, after : str
        A paragraph before, a note after.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    prose: Sequence[int] = ()
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Document:
    """All that a page shows, in its order.

    Attributes
    ----------
    title, facts : str
    numbers : sequence of (str, str)
        The most important ones, each with what it is.
    words : sequence of (str, str)
        Headings and sentences.
    figures : sequence of Figure
    tables : sequence of Table
    """

    title: str
    facts: str
    numbers: Sequence[tuple[str, str]]
    words: Sequence[tuple[str, str]]
    figures: Sequence[Figure]
    tables: Sequence[Table] = field(default=())
