"""What goes into the document of a report: its numbers, tables, and how they were computed.

contents : Report -> Document
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .document import Document, Table
from .figures import figures
from .numbers import count, estimate, percent, rounding, with_error
from .text import NAMES, unfinished

METHODS = {
    "alignment": "projection on the eigenvectors",
    "layers": "squared norms of the eigenvectors' parts",
    "model": "one product with the gradient",
    "point": "both ends of the spectrum",
    "blocks": "random signs on each layer",
    "sharpness": "gradients at moved parameters",
    "data": "leaving out parts of the data in turn",
}
"""Of the parts whose results do not name one."""


def contents(report: Any) -> Document:
    """The document."""
    tables = (_eigenvalues(report), _layers(report), _computed(report))
    return Document(
        title=report.title,
        facts=facts(report),
        numbers=list(_numbers(report)),
        words=report.findings,
        figures=figures(report),
        tables=[table for table in tables if table is not None],
    )


def facts(report: Any) -> str:
    """What was measured, in a line."""
    said = f"{report.parameters:,} parameters"
    if len(report.layers) > 1:
        said += f" in {len(report.layers)} layers"
    if report.frozen:
        said += f", {report.frozen:,} more frozen"
    said += f"; {report.dtype}"
    if report.mode:
        said += f"; model in {report.mode}"
    over = "no data" if report.data == "no data" else f"{report.reduction} over {report.data}"
    return f"{said}; {over}"


def _numbers(report: Any) -> Iterator[tuple[str, str]]:
    yield f"{report.loss:.4g}", "loss"
    yield f"{report.gradient_norm:.3g}", "gradient norm"
    top = report["eigenpairs"]
    if top is not None and len(top.values):
        largest = float(top.values[0])
        yield f"{largest:.4g}", "largest eigenvalue λ"
        if largest > 0:
            yield f"{2 / largest:.3g}", "largest stable rate, 2/\u2060λ"
        if largest > 0 and report.rate:
            yield f"{report.rate * largest / 2:.2f}", "rate in use, in units of 2/\u2060λ"
    if report["traces"] is not None:
        yield f"{report['traces'].total.value:.4g}", "trace"


def _eigenvalues(report: Any) -> Table | None:
    top, alignment = report["eigenpairs"], report["alignment"]
    if top is None or not len(top.values):
        return None
    rows = []
    for i, value in enumerate(top.values):
        half = max(float(top.residuals[i]), rounding(value, top.values.dtype))
        share = "" if alignment is None else percent(float(alignment.shares[i]))
        rate = f"{2 / value:.4g}" if value > 0 else ""
        rows.append([str(i + 1), with_error(float(value), half), rate, share])
    return Table(
        "Largest eigenvalues",
        ("rank", "eigenvalue, certain to", "2/λ", "share of gradient"),
        rows,
    )


def _layers(report: Any) -> Table | None:
    traces, shares = report["traces"], report["layers"]
    if len(report.layers) < 2 or (traces is None and shares is None):
        return None
    rows = []
    for name, size in report.layers.items():
        row = [name or "all", f"{size:,}", percent(size / report.parameters)]
        if traces is not None:
            found, total = traces.layers[name], traces.total.value
            row += [estimate(found), percent(found.value / total) if total else ""]
            row.append(f"{found.value / size:.3g}")
        if shares is not None:
            row.append(percent(float(shares.shares[shares.names.index(name), 0])))
        rows.append(row)
    head = ["layer", "parameters", "of all"]
    if traces is not None:
        head += ["trace (95%)", "of all", "mean curvature"]
    if shares is not None:
        head.append("of top eigenvector")
    after = "" if traces is None else "Mean curvature: the trace over the number of parameters."
    return Table("Layers", head, rows, after=after)


def _computed(report: Any) -> Table:
    reasons = dict(unfinished(report))
    rows = [
        [
            NAMES[name], f"{part.matvecs:,}", f"{part.seconds:.2f}", _method(name, part.result),
            reasons.get(NAMES[name], "done"),
        ]
        for name, part in report.parts.items()
    ]  # fmt: skip
    zero = "" if report["point"] is None else (
        f" An eigenvalue counts as zero up to {report['point'].zero:.2g}."
    )  # fmt: skip
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    return Table(
        "How it was computed",
        ("part", "products", "seconds", "method", "state"),
        rows,
        prose=(3, 4),
        before="Hessian-vector products by forward over reverse differentiation, exact to "
        f"rounding; {count(report.matvecs, 'product')} in {report.seconds:.3g} s, of "
        f"{report.budget:g} s allowed. All random probes and starting vectors have seed "
        f"{report.seed}.{zero}",
        after=versions,
    )


def _method(name: str, result: Any) -> str:
    if result is None:
        return ""
    if isinstance(result, tuple):
        return f"{sum(r.evaluations for r in result)} evaluations of the loss"
    method = str(getattr(getattr(result, "total", result), "method", "") or METHODS.get(name, ""))
    for what in ("probes", "steps"):
        if isinstance(getattr(result, what, None), int | np.integer) and getattr(result, what):
            method += f", {getattr(result, what)} {what}"
    return method
