"""A document as Markdown, in the dialect of GitHub.

markdown : Document -> text
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ...core.text import visible
from .document import Document, Table


def markdown(document: Document, pictures: Mapping[str, str] | None = None) -> str:
    """The whole as text; figures where ``pictures`` has their paths by name."""
    lines = [f"# {_plain(document.title)}", "", _plain(document.facts), ""]
    if document.numbers:
        lines += _rows([what for _, what in document.numbers], [[v for v, _ in document.numbers]])
    lines += ["## In words", ""]
    lines += [f"- **{_plain(name)}**: {_plain(said)}" for name, said in document.words]
    if pictures:
        lines += ["", "## In figures"]
    for figure in document.figures if pictures else ():
        if path := (pictures or {}).get(figure.name):
            seen = _plain(f"{figure.title}: {figure.seen}")
            lines += ["", f"### {_plain(figure.title)}", "", f"![{seen}](<{path}.svg>)", ""]
            lines.append(
                f"{_plain(figure.caption)} Data: [CSV](<{path}.csv>), [JSON](<{path}.json>)."
            )
    for table in document.tables:
        lines += ["", *_table(table)]
    return "\n".join(lines).rstrip() + "\n"


def _table(table: Table) -> list[str]:
    lines = [f"## {_plain(table.title)}", ""]
    if table.before:
        lines += [_plain(table.before), ""]
    lines += _rows(table.head, table.rows, (0, *table.prose))
    return lines + ([_plain(table.after), ""] if table.after else [])


def _rows(
    head: Sequence[str], rows: Sequence[Sequence[str]], prose: Sequence[int] = ()
) -> list[str]:
    line = lambda cells: f"| {' | '.join(map(_plain, cells))} |"
    rule = "|".join(" --- " if i in prose else " ---: " for i in range(len(head)))
    return [line(head), f"|{rule}|", *map(line, rows), ""]


def _plain(text: str) -> str:
    """Text that nothing in it makes more of: no formatting, no elements, no cells."""
    return re.sub(r"([\\`*_\[\]<>|#$~&])", r"\\\1", visible(text, keep="\u2060"))
