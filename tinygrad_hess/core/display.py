"""What notebooks show: a title, facts, a table.

card  : title, facts, table -> HTML
frame : page, title         -> HTML

It takes the notebook's own colours, so it is legible in light and dark ones.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import describe
from .text import visible

_STYLE = (
    "<style>.tg-card{font:.9em/1.45 system-ui,sans-serif;color:inherit;max-width:60rem;"
    "overflow-wrap:break-word}.tg-card table{border-collapse:collapse;margin:.3em 0;color:inherit}"
    ".tg-card th,.tg-card td{padding:.15em .7em;text-align:left;vertical-align:top;"
    "background:transparent;color:inherit;border-bottom:1px solid color-mix(in srgb,currentColor "
    "20%,transparent)}.tg-card th{font-weight:600;white-space:nowrap}"
    ".tg-card .s{overflow-x:auto}.tg-card summary{cursor:pointer}.tg-card .n{text-align:right;"
    "font-variant-numeric:tabular-nums}</style>"
)

LONGEST = 300
"""Characters of a fact; what is longer is cut."""


def card(
    title: str,
    facts: Mapping[str, Any] | None = None,
    head: Sequence[str] = (),
    rows: Sequence[Sequence[Any]] = (),
    folded: bool = False,
) -> str:
    """A title, names with their values, and a table, as HTML for a notebook.

    Arrays are described, not shown. Numbers of the table are aligned to the right. ``folded`` facts
    show when they are asked for.

    Examples
    --------
    >>> shown = card("An <estimate>", {"value": 2.5, "products": 10})
    >>> "An &lt;estimate&gt;" in shown, "<td>2.5</td>" in shown
    (True, True)
    """
    facts = {name: value for name, value in (facts or {}).items() if value is not None}
    listed = "".join(
        f'<tr><th scope="row">{_text(name)}</th><td>{_text(value)}</td></tr>'
        for name, value in facts.items()
    )
    listed = f"<table>{listed}</table>" if listed else ""
    if folded and listed:
        listed = f"<details><summary>{len(facts)} fields</summary>{listed}</details>"
    top = "".join(f'<th scope="col">{_text(name)}</th>' for name in head)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    table = f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    scroll = f'<div class="s" tabindex="0" role="group" aria-label="{_text(title)}">{table}</div>'
    table = scroll if rows else ""
    return f'<div class="tg-card">{_STYLE}<b>{_text(title)}</b>{listed}{table}</div>'


def frame(page: str, title: str, height: int) -> str:
    """A whole page in a frame of its own, so that its styles and the notebook's do not mix.

    Examples
    --------
    >>> frame("<p>", "a < b", 100)
    '<iframe srcdoc="&lt;p&gt;" style="width:100%;height:100px;border:0" title="a &lt; b"></iframe>'
    """
    return (
        f'<iframe srcdoc="{html.escape(page)}" style="width:100%;height:{height}px;border:0" '
        f'title="{html.escape(visible(title))}"></iframe>'
    )


def short(value: Any) -> str:
    """A value in a few characters: numbers to six digits, arrays by dtype and shape.

    Examples
    --------
    >>> import numpy as np
    >>> short(1 / 3), short(1234567), short(np.zeros((2, 3))), short((1.0, 2.0))
    ('0.333333', '1,234,567', 'float64(2, 3)', '(1, 2)')
    """
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: ""}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str):
        return visible(value)
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return short(value.item()) if value.shape == () else describe(value)
    if isinstance(value, tuple | list) and len(value) <= 6:
        return f"({', '.join(map(short, value))})"
    if isinstance(value, Mapping | tuple | list):
        return f"{len(value):,} items"
    if callable(value) and hasattr(value, "__qualname__"):
        return visible(value.__qualname__)
    return visible(repr(value))


def _text(value: Any) -> str:
    text = short(value)
    return html.escape(text if len(text) <= LONGEST else f"{text[:LONGEST]}…")


def _cell(value: Any) -> str:
    kind = ' class="n"' if isinstance(value, int | float) else ""
    return f"<td{kind}>{_text(value)}</td>"
