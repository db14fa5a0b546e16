"""A report in words.

findings : Report -> headings and sentences        text : Report -> a dozen lines
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.text import visible
from .numbers import count, estimate, half_width, large, percent, rounding

WIDTH = 100

UNKNOWN = 1e6
"""An upper bound this many times the lower one says nothing."""

KINDS = {"degenerate": "degenerate point", "undecided": "critical point of undecided kind"}
"""Of points, where the word needs a noun."""

NAMES = {
    "eigenpairs": "Largest eigenvalues",
    "alignment": "Gradient and top eigenvectors",
    "layers": "Layers of the eigenvectors",
    "model": "Quadratic model",
    "point": "Kind of point",
    "traces": "Traces by layer",
    "slices": "Slices of the loss",
    "density": "Spectral density",
    "condition": "Condition number",
    "blocks": "Blocks between layers",
    "sharpness": "Measures of sharpness",
    "data": "Error from the data",
}
"""What the parts are called."""


def findings(report: Any) -> list[tuple[str, str]]:
    """What was found: headings and sentences, in the order of their worth."""
    tellers: dict[str, Callable[[Any], str]] = {
        "The point": _point,
        "Sharpness": _sharpness,
        "Conditioning": _conditioning,
        "Safe rate": _learning_rate,
        "Gradient": _gradient,
        "Layers": _layers,
        "How sure": _reliability,
        "The model": _model,
        "Cost": _cost,
    }
    return [(name, said) for name, tell in tellers.items() if (said := tell(report))]


def text(report: Any) -> str:
    """A dozen lines for the terminal."""
    lines = [f"{report.title}: {report.parameters:,} parameters, loss {report.loss:.5g}"]
    for name, said in report.findings:
        lines += textwrap.wrap(
            said, WIDTH, initial_indent=f"  {name:<14}", subsequent_indent=" " * 16
        )
    return "\n".join(lines)


def unfinished(report: Any) -> list[tuple[str, str]]:
    """What was left out, failed or did not converge: names and reasons."""
    out = []
    for name, part in report.parts.items():
        if part.result is None:
            out.append((NAMES[name], f"{'failed: ' if part.failed else ''}{part.why}"))
        elif not getattr(part.result, "converged", True):
            found = part.result.total if name == "traces" else part.result
            out.append((NAMES[name], f"not to full accuracy: {found.reason}"))
    return out


# ---- sentences -----------------------------------------------------------------------------------


def _model(report: Any) -> str:
    """What of it was measured, where that is not all, or depends on the mode."""
    said = []
    if report.frozen:
        frozen = count(report.frozen, "parameter is", "parameters are")
        said.append(f"{frozen} frozen, and {report.parameters:,} trained: these alone are measured")
    if report.mode:
        said.append(f"the model is in {report.mode} mode")
    sentence = "; ".join(said)
    return f"{sentence[:1].upper()}{sentence[1:]}." if sentence else ""


def _point(report: Any) -> str:
    found = report["point"]
    norm = f"gradient norm {report.gradient_norm:.3g}"
    if found is None:
        return f"The loss is {report.loss:.5g}, {norm}; its kind was not looked into."
    low, high = found.index
    directions = f"of {found.parameters:,} directions"
    signs = f"{_format_bounds(found.index)} {directions} curve{'s' * (high == 1)} down"
    if low == 0:
        signs = f"none {directions} {'is known to curve' if high else 'curves'} down"
    if found.kind == "not critical":
        return f"Not a critical point ({norm}); {signs}."
    proof = "" if found.proved else ", as far as is known"
    return f"A {KINDS.get(found.kind, found.kind)}{proof}: {found.reason} ({norm}; {signs})."


def _sharpness(report: Any) -> str:
    top = report["eigenpairs"]
    if top is None or not len(top.values):
        return ""
    if _is_lower_bound(top):  # the interval holds an eigenvalue, but hardly the largest
        return f"The largest eigenvalue is at least {top.values[0]:.3g}; {top.reason}."
    said = f"The largest eigenvalue is {top.values[0]:.5g}{_format_residual(top)}"
    if len(top.values) > 1:
        said += f", the next {top.values[1]:.5g}"
    density = report["density"]
    if density is not None and density.outliers:
        n = density.outliers
        stand = count(n, "direction stands", "directions stand")
        which = "it" if n == 1 else "the least of them"
        said += f"; {stand} out from the rest ({which} is {density.gap:.2g} times the next)"
    other = report["sharpness"]
    if other is not None:
        said += (
            f". Within distance {other.rho:g} the loss rises by {other.sam:.3g} (SAM); where layers"
            f" may be rescaled, the adaptive eigenvalue is {other.adaptive_eigenvalue:.3g}"
        )
    return said + "."


def _conditioning(report: Any) -> str:
    found = report["condition"]
    if found is None:
        return ""
    negative, zero = (getattr(found.inertia, s) for s in ("negative", "zero"))
    counts = (
        f"{_format_count(negative)} negative and {_format_count(zero)} numerically zero eigenvalues"
    )
    low, high = found.interval
    if np.isfinite(low) and np.isfinite(found.value) and (found.exact or found.converged):
        exact = ", exact" if found.exact else ""
        return (
            f"The largest eigenvalue is {large(found.value)} times the smallest positive one "
            f"(condition number{exact}); beside {counts}."
        )
    if np.isfinite(low):
        at_most = f" and at most {large(high)}" if high < UNKNOWN * low else ""
        return (
            f"The largest eigenvalue is at least {large(low)}{at_most} times the smallest positive "
            f"one (condition number); beside {counts}."
        )
    return f"No condition number: {found.reason}; {counts}."


def _learning_rate(report: Any) -> str:
    top, model = report["eigenpairs"], report["model"]
    if top is None or not len(top.values):
        return ""
    largest = float(top.values[0])
    if largest <= 0:
        return "No curvature is positive, so the quadratic model bounds no rate."
    if _is_lower_bound(top):
        return (
            f"Plain gradient descent is unstable above {2 / largest:.3g}, and perhaps below, as "
            "the largest eigenvalue was not found."
        )
    said = (
        f"Plain gradient descent is stable below 2/λ = {2 / largest:.4g} and does not oscillate "
        f"below 1/λ = {1 / largest:.4g}"
    )
    if model is not None and model.gradient_curvature > 0:
        said += f"; along the gradient {1 / model.gradient_curvature:.3g} is best"
    if report.rate:
        relative = report.rate * largest / 2
        where = "above" if relative > 1.02 else "below" if relative < 0.98 else "at"
        said += f". The rate in use, {report.rate:g}, is {relative:.2f} × 2/λ, {where} the edge"
        if _threshold_is_other(report):
            said += " of plain descent"
    return said + "."


def _threshold_is_other(report: Any) -> bool:
    """Whether the training's own threshold is not 2/rate."""
    records = report.monitor
    last = records.records[-1] if records is not None and len(records) else {}
    threshold = last.get("threshold")
    return bool(last) and (threshold is None or abs(threshold * report.rate / 2 - 1) > 1e-6)


def _gradient(report: Any) -> str:
    found = report["alignment"]
    if found is None or not np.isfinite(found.share):
        return ""
    share, baseline = percent(found.share), percent(found.baseline)
    return (
        f"{share} of the gradient's square lies in the top {len(found.values)} eigenvectors; of a "
        f"random direction's, {baseline}."
    )


def _layers(report: Any) -> str:
    traces, shares, blocks = report["traces"], report["layers"], report["blocks"]
    said = []
    if traces is not None and len(traces.layers) > 1 and traces.total.value > 0:
        name, most = max(traces.layers.items(), key=lambda item: item[1].value)
        said.append(
            f"Of the trace {estimate(traces.total)}, {visible(name)} carries "
            f"{most.value / traces.total.value:.0%}, with "
            f"{traces.sizes[name] / report.parameters:.0%} of the parameters"
        )
    elif traces is not None:
        said.append(f"The trace is {estimate(traces.total)}")
    if shares is not None and len(shares.names) > 1:
        i = int(shares.shares[:, 0].argmax())
        said.append(
            f"{'the' if said else 'The'} top eigenvector lies to {shares.shares[i, 0]:.0%} in "
            f"{visible(shares.names[i])}"
        )
    if blocks is not None and len(blocks.names) > 1:
        said.append(f"{blocks.between:.0%} of ‖H‖² lies between layers")
    return "; ".join(said) + "." if said else ""


def _reliability(report: Any) -> str:
    top, traces, data = report["eigenpairs"], report["traces"], report["data"]
    said = []
    if top is not None and len(top.values) and top.values[0] and not _is_lower_bound(top):
        said.append(f"the largest eigenvalue{_format_residual(top)}, by its residual")
    if traces is not None and not traces.total.exact and traces.total.value:
        half = half_width(traces.total.interval)
        said.append(f"the trace ± {percent(half / abs(traces.total.value))} (95%)")
    if data is not None:
        said.append(
            f"with other data of this size, the largest eigenvalue would vary by "
            f"{data.standard_error:.2g} (standard error, jackknife)"
        )
    sentence = "; ".join(said)
    return f"{sentence[:1].upper()}{sentence[1:]}." if sentence else ""


def _cost(report: Any) -> str:
    said = (
        f"{report.matvecs:,} Hessian-vector products, {report.seconds:.3g} s of "
        f"{report.budget:g} s allowed"
    )
    missing = [NAMES[n].lower() for n, part in report.parts.items() if part.result is None]
    return said + (f"; without: {', '.join(missing)}." if missing else ".")


# ---- numbers -------------------------------------------------------------------------------------


def _format_bounds(bounds: tuple[int, int]) -> str:
    low, high = bounds
    return f"{low:,}" if low == high else f"at least {low:,}"


def _format_count(estimate: Any) -> str:
    low, high = estimate.interval
    if estimate.exact or round(low) == round(high):
        return f"{estimate.value:,.0f}" if round(estimate.value) else "no"
    return f"{low:,.0f} to {high:,.0f}" if low else f"up to {high:,.0f}"


def _is_lower_bound(top: Any) -> bool:
    """Whether the largest eigenvalue is known from below only."""
    return bool(top.residuals[0] > 0.02 * abs(top.values[0]) and not top.converged)


def _format_residual(top: Any) -> str:
    """Of the largest eigenvalue, but no less than rounding."""
    half = max(float(top.residuals[0]), rounding(top.values[0], top.values.dtype))
    return f" ± {half:.1g}" if half else ", exact"
