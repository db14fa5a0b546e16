"""Names and titles as text that a terminal, a page or a picture can show."""

from __future__ import annotations

from collections.abc import Iterable


def visible(text: str, keep: str = "") -> str:
    """Text without characters that have no picture: spaces for white space, else escapes.

    Examples
    --------
    >>> visible("tab\\tbell\\a")
    'tab bell\\\\x07'
    """
    return "".join([c if c.isprintable() or c in keep else _shown(c) for c in text])


def first_of(words: Iterable[str], most: int, noun: str = "") -> str:
    """The first words of a list, with commas, and how many more there are.

    Examples
    --------
    >>> first_of(["a", "b", "c"], most=3), first_of("abcdef", most=2, noun="letters")
    ('a, b, c', 'a, b and 4 more letters')
    """
    words = list(words)
    more = f" and {len(words) - most:,} more {noun}".rstrip() if len(words) > most else ""
    return ", ".join(words[:most]) + more


def _shown(character: str) -> str:
    return " " if character.isspace() else character.encode("unicode_escape").decode()
