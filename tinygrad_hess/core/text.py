"""Names and titles as text that a terminal, a page or a picture can show."""

from __future__ import annotations


def visible(text: str, keep: str = "") -> str:
    """Text without characters that have no picture: spaces for white space, else escapes.

    Examples
    --------
    >>> visible("tab\\tbell\\a")
    'tab bell\\\\x07'
    """
    return "".join([c if c.isprintable() or c in keep else _shown(c) for c in text])


def _shown(character: str) -> str:
    return " " if character.isspace() else character.encode("unicode_escape").decode()
