"""A document as one page that needs nothing else.

page : Document -> HTML
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence

from ...core.text import visible
from .document import Document, Figure, Table
from .svg import PALETTE, svg

STYLE = """
:root { color-scheme: light dark }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 62rem; background: var(--paper);
  color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Helvetica, Arial,
  sans-serif; -webkit-text-size-adjust: 100% }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .3rem; letter-spacing: -.01em }
h2 { font-size: 1.2rem; margin: 2.8rem 0 .9rem; padding-bottom: .35rem;
  border-bottom: 1px solid var(--line) }
h3 { font-size: .95rem; margin: 0 0 .4rem }
h1, h3, dd, dt, td, th { overflow-wrap: anywhere; unicode-bidi: isolate }
p { margin: .4rem 0 }
.facts, figcaption, .note { color: var(--soft); font-size: .88rem }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.4rem, 1fr)); gap: .8rem;
  margin: 1.6rem 0; padding: 0; list-style: none }
.tiles li { background: var(--tint); border-radius: .6rem; padding: .8rem 1rem }
.tiles b { display: block; font-size: 1.45rem; font-weight: 600; line-height: 1.25;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
.tiles span { color: var(--soft); font-size: .82rem; display: block; line-height: 1.35 }
dl { display: grid; grid-template-columns: 8rem 1fr; gap: .55rem 1.2rem; margin: 0 }
dt { font-weight: 600; color: var(--blue) }
dd { margin: 0 }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr));
  gap: 2rem 2rem }
figure { margin: 0; min-width: 0 }
figure svg { width: 100%; height: auto; display: block }
.scroll { overflow-x: auto; background:
  linear-gradient(90deg, var(--paper) 30%, transparent) left / 2.5rem 100% no-repeat local,
  linear-gradient(270deg, var(--paper) 30%, transparent) right / 2.5rem 100% no-repeat local,
  linear-gradient(90deg, var(--line), transparent) left / .9rem 100% no-repeat scroll,
  linear-gradient(270deg, var(--line), transparent) right / .9rem 100% no-repeat scroll }
.scroll:focus-visible { outline: 2px solid var(--blue); outline-offset: 3px }
table { border-collapse: collapse; width: 100%; font-size: .9rem;
  font-variant-numeric: tabular-nums }
th, td { text-align: right; padding: .35rem .7rem; border-bottom: 1px solid var(--line);
  white-space: nowrap }
th { font-weight: 600; color: var(--soft) }
tbody th { font-weight: 400; color: var(--ink) }
th:first-child { text-align: left; padding-left: 0 }
.words { text-align: left }
td.words { white-space: normal; min-width: 12rem }
code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .88em }
@media (max-width: 36rem) {
  body { padding: 1.4rem 1rem 3rem }
  .tiles { grid-template-columns: repeat(auto-fit, minmax(7rem, 1fr)); gap: .6rem }
  .tiles li { padding: .6rem .8rem }
  .tiles b { font-size: 1.2rem }
  dl { grid-template-columns: 1fr; gap: .1rem }
  dd { margin-bottom: .7rem }
  th, td { padding: .35rem .45rem }
  td.words { min-width: 18rem }
  table { font-size: .84rem } }
@media print { body { max-width: none } figure { break-inside: avoid } }
"""


def escape(text: str) -> str:
    """Text for a page, without characters that have no picture."""
    return html.escape(visible(text, keep="\u2060"))


def page(document: Document) -> str:
    """One HTML page, with nothing to load."""
    numbers = "".join(
        f"<li><b>{escape(value)}</b><span>{escape(what)}</span></li>"
        for value, what in document.numbers
    )
    numbers = f'<ul class="tiles">{numbers}</ul>' if numbers else ""
    words = "".join(f"<dt>{escape(n)}</dt><dd>{escape(said)}</dd>" for n, said in document.words)
    try:
        drawn = f'<div class="figures">{"".join(map(_figure, document.figures))}</div>'
    except ImportError:
        drawn = (
            '<p class="note">No figures: matplotlib is not installed. '
            "<code>pip install 'tinygrad-hess[viz]'</code></p>"
        )
    title = escape(document.title)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{PALETTE}{STYLE}</style></head><body><main>\n"
        f'<header><h1>{title}</h1><p class="facts">{escape(document.facts)}</p></header>\n'
        f"{numbers}\n"
        f"<section><h2>In words</h2><dl>{words}</dl></section>\n"
        f"<section><h2>In figures</h2>{drawn}</section>\n"
        f"{''.join(_section(table) for table in document.tables)}</main></body></html>\n"
    )


def _figure(figure: Figure) -> str:
    try:
        drawn, caption = svg(figure), figure.caption
    except ImportError:
        raise
    except Exception as error:  # one figure that fails must not take the page with it
        drawn, caption = "", f"Could not be drawn: {type(error).__name__}: {error}"
    return (
        f"<figure><h3>{escape(figure.title)}</h3>{drawn}"
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _section(table: Table) -> str:
    before = f"<p>{escape(table.before)}</p>" if table.before else ""
    after = f'<p class="note">{escape(table.after)}</p>' if table.after else ""
    head = "".join(
        f'<th scope="col"{_kind(table, i)}>{escape(h)}</th>' for i, h in enumerate(table.head)
    )
    rows = "".join(f"<tr>{''.join(_cells(table, row))}</tr>" for row in table.rows)
    return (
        f"<section><h2>{escape(table.title)}</h2>{before}"
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(table.title)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{after}</section>\n"
    )


def _cells(table: Table, row: Sequence[str]) -> Iterator[str]:
    for i, content in enumerate(row):
        tag, scope = ("th", ' scope="row"') if i == 0 else ("td", "")
        yield f"<{tag}{scope}{_kind(table, i)}>{escape(content)}</{tag}>"


def _kind(table: Table, column: int) -> str:
    return ' class="words"' if column in table.prose else ""
