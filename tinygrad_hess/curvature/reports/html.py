"""A report as one page that needs nothing else: in words, in figures, and how it was computed.

page : Report -> HTML
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ...core.text import visible
from .figures import figures
from .text import NAMES, unfinished

STYLE = """
:root { --ink: #1c2024; --soft: #5c6670; --line: #dfe3e6; --paper: #ffffff; --tint: #f4f6f8;
  --blue: #0072b2; --orange: #d55e00; color-scheme: light dark }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e7ea; --soft: #9aa4ad; --line: #343b42; --paper: #15191d; --tint: #1d2328;
    --blue: #56b4e9; --orange: #f0883e } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 62rem; background: var(--paper);
  color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Helvetica, Arial,
  sans-serif; -webkit-text-size-adjust: 100% }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .3rem; letter-spacing: -.01em }
h2 { font-size: 1.2rem; margin: 2.8rem 0 .9rem; padding-bottom: .35rem;
  border-bottom: 1px solid var(--line) }
h3 { font-size: .95rem; margin: 0 0 .4rem }
p { margin: .4rem 0 }
.facts, figcaption, .note { color: var(--soft); font-size: .88rem }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.4rem, 1fr)); gap: .8rem;
  margin: 1.6rem 0 }
.tile { background: var(--tint); border-radius: .6rem; padding: .8rem 1rem }
.tile b { display: block; font-size: 1.45rem; font-weight: 600; line-height: 1.25;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
.tile span { color: var(--soft); font-size: .82rem; display: block; line-height: 1.35 }
dl { display: grid; grid-template-columns: 8rem 1fr; gap: .55rem 1.2rem; margin: 0 }
dt { font-weight: 600; color: var(--blue) }
dd { margin: 0 }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr));
  gap: 2rem 2rem }
figure { margin: 0; min-width: 0 }
figure svg { width: 100%; height: auto; display: block }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: .9rem;
  font-variant-numeric: tabular-nums }
th, td { text-align: right; padding: .35rem .7rem; border-bottom: 1px solid var(--line);
  white-space: nowrap }
th { font-weight: 600; color: var(--soft) }
th:first-child, td:first-child { text-align: left; padding-left: 0 }
td.wide { white-space: normal; text-align: left; min-width: 14rem }
code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .88em }
@media (max-width: 36rem) {
  body { padding: 1.4rem 1rem 3rem }
  dl { grid-template-columns: 1fr; gap: .1rem }
  dd { margin-bottom: .7rem } }
@media print { body { max-width: none } figure { break-inside: avoid } }
"""


def escape(text: str) -> str:
    """Text for a page, with control characters as Python writes them."""
    return html.escape(visible(text))


def page(report: Any) -> str:
    """One HTML page, with nothing to load."""
    try:
        drawn = "".join(
            f"<figure><h3>{escape(title)}</h3>{svg}<figcaption>{escape(caption)}</figcaption>"
            "</figure>"
            for title, svg, caption in figures(report)
        )
    except ImportError:
        drawn = (
            '<p class="note">No figures: matplotlib is not installed. '
            "<code>pip install 'tinygrad-hess[viz]'</code></p>"
        )
    words = "".join(f"<dt>{escape(n)}</dt><dd>{escape(said)}</dd>" for n, said in report.findings)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(report.title)}</title><style>{STYLE}</style></head><body>\n"
        f"<header><h1>{escape(report.title)}</h1>"
        f'<p class="facts">{escape(_facts(report))}</p></header>\n'
        f'<section class="tiles">{"".join(_tiles(report))}</section>\n'
        f"<section><h2>In words</h2><dl>{words}</dl></section>\n"
        f'<section><h2>In figures</h2><div class="figures">{drawn}</div></section>\n'
        f"{_eigenvalue_table(report)}{_layer_table(report)}{_method_section(report)}\n</body></html>\n"
    )


def _facts(report: Any) -> str:
    layers = len(report.layers)
    return (
        f"{report.parameters:,} parameters in {layers} layer{'' if layers == 1 else 's'}, "
        f"{report.dtype}; {report.reduction} over {report.data}"
        if report.data != "no data"
        else f"{report.parameters:,} parameters, {report.dtype}; no data"
    )


def _tiles(report: Any) -> Iterable[str]:
    def tile(value: str, what: str) -> str:
        return f'<div class="tile"><b>{value}</b><span>{what}</span></div>'  # ours alone

    yield tile(f"{report.loss:.4g}", "loss")
    yield tile(f"{report.gradient_norm:.3g}", "gradient norm")
    top = report["eigenpairs"]
    if top is not None and len(top.values):
        largest = float(top.values[0])
        yield tile(f"{largest:.4g}", "largest eigenvalue λ")
        if largest > 0:
            yield tile(f"{2 / largest:.3g}", "largest stable rate, 2/\u2060λ")
        if largest > 0 and report.rate:
            yield tile(f"{report.rate * largest / 2:.2f}", "rate in use, in units of 2/\u2060λ")
    if report["traces"] is not None:
        yield tile(f"{report['traces'].total.value:.4g}", "trace")


def _eigenvalue_table(report: Any) -> str:
    top, alignment = report["eigenpairs"], report["alignment"]
    if top is None:
        return ""
    rows = []
    for i, value in enumerate(top.values):
        low, high = top.intervals[i]
        share = "" if alignment is None else f"{alignment.shares[i]:.2%}"
        rows.append([
            str(i + 1), f"{value:.8g}", f"{top.residuals[i]:.1e}", f"[{low:.6g}, {high:.6g}]",
            f"{2 / value:.4g}" if value > 0 else "", share,
        ])  # fmt: skip
    head = ("", "eigenvalue", "residual", "certain interval", "2/λ", "share of gradient")
    return f"<section><h2>Largest eigenvalues</h2>{_table(head, rows)}</section>\n"


def _layer_table(report: Any) -> str:
    traces, shares = report["traces"], report["layers"]
    if len(report.layers) < 2 or (traces is None and shares is None):
        return ""
    rows = []
    for name, size in report.layers.items():
        row = [name or "all", f"{size:,}", f"{size / report.parameters:.1%}"]
        if traces is not None:
            found, total = traces.layers[name], traces.total.value
            half = (found.interval[1] - found.interval[0]) / 2
            error = f" ± {half:.2g}" if half else ""
            row += [f"{found.value:.4g}{error}", f"{found.value / total:.1%}" if total else ""]
            row.append(f"{found.value / size:.3g}")
        if shares is not None:
            row.append(f"{shares.shares[shares.names.index(name), 0]:.1%}")
        rows.append(row)
    head = ["layer", "parameters", "share"]
    if traces is not None:
        head += ["trace (95%)", "share of trace", "mean curvature"]
    if shares is not None:
        head.append("of top eigenvector")
    note = '<p class="note">Mean curvature is the trace over the number of parameters.</p>'
    return f"<section><h2>Layers</h2>{_table(head, rows)}{note}</section>\n"


def _method_section(report: Any) -> str:
    rows = []
    reasons = dict(unfinished(report))
    for name, part in report.parts.items():
        rows.append([
            NAMES[name], f"{part.matvecs:,}", f"{part.seconds:.2f}", _describe_method(part.result),
            reasons.get(NAMES[name], "done"),
        ])  # fmt: skip
    table = _table(("part", "products", "seconds", "method", "state"), rows, wide=(3, 4))
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    largest = "" if report["point"] is None else (
        f" An eigenvalue counts as zero up to {report['point'].zero:.2g}."
    )  # fmt: skip
    return (
        "<section><h2>How it was computed</h2>"
        f"<p>Hessian-vector products by forward over reverse differentiation, exact to rounding; "
        f"{report.matvecs:,} of them in {report.seconds:.3g} s, of {report.budget:g} s allowed. "
        f"All random probes and starting vectors have seed {report.seed}.{largest}</p>{table}"
        f'<p class="note">{escape(versions)}</p></section>'
    )


def _describe_method(result: Any) -> str:
    if result is None:
        return ""
    if isinstance(result, tuple):
        return f"{sum(r.evaluations for r in result)} evaluations of the loss"
    of_whole = getattr(result, "total", result)
    method = str(getattr(of_whole, "method", "") or type(result).__name__)
    for name in ("probes", "steps"):
        if isinstance(getattr(result, name, None), int | np.integer) and getattr(result, name):
            method += f", {getattr(result, name)} {name}"
    return method


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], wide: Sequence[int] = ()) -> str:
    def cell(i: int, content: str) -> str:
        kind = ' class="wide"' if i in wide else ""
        return f"<td{kind}>{escape(content)}</td>"

    top = "".join(
        f"<th{' style=text-align:left' if i in wide else ''}>{escape(h)}</th>"
        for i, h in enumerate(head)
    )
    body = "".join(f"<tr>{''.join(cell(i, c) for i, c in enumerate(row))}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'
        "</div>"
    )
