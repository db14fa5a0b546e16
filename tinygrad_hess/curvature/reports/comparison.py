"""Two reports side by side: two points of a run, two runs, or two models.

Comparison : Report, Report -> words, tables, figures
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...core.plotting import BLUE, GREY, ORANGE, axes, legend
from ..estimates.result import Result
from .contents import facts
from .document import Document, Figure, Table
from .documented import Documented
from .numbers import half_width, percent, rounding, with_error
from .text import WIDTH


@dataclass(frozen=True)
class Change(Result, derived=("ratio", "differs")):
    """One quantity of two reports.

    Attributes
    ----------
    quantity : str
    before, after : float
    errors : (float, float)
        Half the width of each one's interval; 0 where it is exact, or its error unknown.
    ratio : float
        After over before.
    differs : bool
        Whether they are further apart than both errors together.
    """

    quantity: str
    before: float
    after: float
    errors: tuple[float, float] = (0.0, 0.0)

    @property
    def ratio(self) -> float:
        return self.after / self.before if self.before else float("nan")

    @property
    def differs(self) -> bool:
        return abs(self.after - self.before) > sum(self.errors)

    def said(self) -> str:
        """In words: that it rises or falls, or that the errors do not let one tell."""
        from_to = f"from {self.before:.4g} to {self.after:.4g}"
        if not self.differs:
            if self.before == self.after:
                return f"stays at {self.before:.4g}"
            return f"goes {from_to}, no more than its error"
        how_much = f" ({self.ratio:.3g} times)" if self.ratio > 0 else ""
        return f"{'rises' if self.after > self.before else 'falls'} {from_to}{how_much}"


@dataclass(frozen=True, eq=False)
class Comparison(Documented, derived=("changes",), omitted=("before", "after")):
    """What differs between two reports.

    Attributes
    ----------
    before, after : Report
    names : (str, str)
        What the two are called.
    changes : list of Change
        The quantities that both have.
    """

    before: Any
    after: Any
    names: tuple[str, str]

    _frame_title = "Two curvature reports"

    @cached_property
    def changes(self) -> list[Change]:
        """Quantity by quantity, of those that both reports have."""
        return list(_changes(self.before, self.after))

    @cached_property
    def findings(self) -> list[tuple[str, str]]:
        """What differs, in words: headings and sentences."""
        return list(_findings(self))

    @property
    def text(self) -> str:
        """Some lines for the terminal."""
        lines = [self.document.title]
        for name, said in self.findings:
            lines += textwrap.wrap(
                said, WIDTH, initial_indent=f"  {name:<14}", subsequent_indent=" " * 16
            )
        return "\n".join(lines)

    @cached_property
    def document(self) -> Document:
        """What the page and the Markdown are made of."""
        one, two = self.names
        return Document(
            title=f"{_title(self.before, self.after)}: {one} and {two}",
            facts=_both(facts(self.before), facts(self.after), self.names),
            numbers=[],
            words=self.findings,
            figures=list(_figures(self)),
            tables=[t for t in (_changes_table(self), _layers_table(self)) if t is not None],
        )

    def __repr__(self) -> str:
        changed = sum(change.differs for change in self.changes)
        return (
            f"<Comparison of {self.names[0]} and {self.names[1]}: {changed} of "
            f"{len(self.changes)} quantities differ; print(found.text), found.save_html(path)>"
        )


def _title(before: Any, after: Any) -> str:
    return before.title if before.title == after.title else f"{before.title} / {after.title}"


def _both(one: str, two: str, names: tuple[str, str]) -> str:
    return one if one == two else f"{names[0]}: {one}. {names[1]}: {two}"


# ---- quantities ----------------------------------------------------------------------------------


def _changes(before: Any, after: Any) -> Iterator[Change]:
    yield Change("loss", before.loss, after.loss)
    yield Change("gradient norm", before.gradient_norm, after.gradient_norm)
    for quantity, measure in MEASURES.items():
        one, two = measure(before), measure(after)
        if one and two and np.isfinite([one[0], two[0]]).all():
            yield Change(quantity, one[0], two[0], (one[1], two[1]))


def _largest(report: Any) -> Any:
    top = report["eigenpairs"]
    if top is None or not len(top.values):
        return None
    value = float(top.values[0])
    return value, max(float(top.residuals[0]), rounding(value, top.values.dtype))


def _trace(report: Any) -> Any:
    found = report["traces"]
    return found and (found.total.value, half_width(found.total.interval))


def _standing_out(report: Any) -> Any:
    found = report["density"]
    return found and (float(found.outliers), 0.0)


def _zeros(report: Any) -> Any:
    found = report["density"]
    return found and (found.zero_mass.value, half_width(found.zero_mass.interval))


def _aligned(report: Any) -> Any:
    found = report["alignment"]
    return found and (float(found.share), 0.0)


def _between(report: Any) -> Any:
    found = report["blocks"]
    return found and len(found.names) > 1 and (found.between, 0.0)


MEASURES: dict[str, Callable[[Any], Any]] = {
    "largest eigenvalue": _largest,
    "trace": _trace,
    "directions that stand out": _standing_out,
    "share of zero eigenvalues": _zeros,
    "share of the gradient in the top eigenvectors": _aligned,
    "share of ‖H‖² between layers": _between,
}
"""By quantity: of a report, the value and half its interval, or nothing."""


# ---- words and tables ----------------------------------------------------------------------------


def _findings(found: Comparison) -> Iterator[tuple[str, str]]:
    by_name = {change.quantity: change for change in found.changes}
    yield "Loss", f"The loss {by_name['loss'].said()}."
    yield "Gradient", f"Its norm {by_name['gradient norm'].said()}."
    if largest := by_name.get("largest eigenvalue"):
        yield "Sharpness", f"The largest eigenvalue {largest.said()}."
        if min(largest.before, largest.after) > 0:
            yield "Safe rate", f"2/λ {Change('', 2 / largest.before, 2 / largest.after).said()}."
    if trace := by_name.get("trace"):
        yield "Trace", f"The trace {trace.said()}."
    if out := by_name.get("directions that stand out"):
        yield "Outliers", f"The number of directions that stand out {out.said()}."
    kinds = [report["point"] and report["point"].kind for report in (found.before, found.after)]
    if all(kinds) and kinds[0] != kinds[1]:
        yield "The point", f"{kinds[0].capitalize()} becomes {kinds[1]}."
    modes = [report.mode for report in (found.before, found.after)]
    if modes[0] != modes[1]:
        one, two = (mode or "no mode" for mode in modes)
        yield "The model", f"Measured in {one} and in {two}: part of the difference may be that."


def _changes_table(found: Comparison) -> Table:
    rows = []
    for change in found.changes:
        one, two = (
            with_error(value, error) if error else f"{value:.6g}"
            for value, error in zip((change.before, change.after), change.errors, strict=True)
        )
        ratio = f"{change.ratio:.4g}" if np.isfinite(change.ratio) else ""
        rows.append([change.quantity, one, two, ratio, "yes" if change.differs else "no"])
    return Table(
        "Quantity by quantity",
        ("quantity", *found.names, "ratio", "differ"),
        rows,
        after="Two differ where they are further apart than their errors together.",
    )


def _layers_table(found: Comparison) -> Table | None:
    before, after = found.before["traces"], found.after["traces"]
    if before is None or after is None:
        return None
    shared = [name for name in before.layers if name in after.layers]
    if len(shared) < 2:
        return None
    rows = []
    for name in shared:
        one, two = before.layers[name], after.layers[name]
        change = Change(
            name, one.value, two.value, (half_width(one.interval), half_width(two.interval))
        )
        rows.append([
            name, with_error(change.before, change.errors[0]),
            with_error(change.after, change.errors[1]),
            percent(change.before / before.total.value) if before.total.value else "",
            percent(change.after / after.total.value) if after.total.value else "",
            "yes" if change.differs else "no",
        ])  # fmt: skip
    one, two = found.names
    head = ("layer", f"trace {one}", f"trace {two}", f"share {one}", f"share {two}", "differ")
    return Table("Traces by layer", head, rows)


# ---- figures -------------------------------------------------------------------------------------


def _figures(found: Comparison) -> Iterator[Figure]:
    for figure in (_eigenvalues(found), _spectra(found), _runs(found)):
        if figure is not None:
            yield figure


def _pair(found: Comparison, part: str) -> Any:
    pair = found.before[part], found.after[part]
    return None if any(x is None for x in pair) else pair


def _eigenvalues(found: Comparison) -> Figure | None:
    pair = _pair(found, "eigenpairs")
    if pair is None or not all(len(top.values) for top in pair):
        return None

    def draw(ax: Any) -> None:
        ax = axes(ax)
        for top, name, style in zip(pair, found.names, (("o", BLUE), ("s", ORANGE)), strict=True):
            rank = np.arange(1, len(top.values) + 1)
            ax.plot(rank, top.values, style[0], color=style[1], markersize=5, label=name)
        ax.axhline(0, color=GREY, linewidth=0.8)
        ax.set_xlabel("rank")
        ax.set_ylabel("eigenvalue")
        legend(ax)

    shared = min(len(top.values) for top in pair)
    one, two = (float(top.values[0]) for top in pair)
    return Figure(
        "largest_eigenvalues",
        "Largest eigenvalues",
        "In their order; errors are in the table.",
        f"the largest is {one:.4g} {found.names[0]} and {two:.4g} {found.names[1]}",
        draw,
        {
            "rank": np.arange(1, shared + 1),
            **{name: top.values[:shared] for name, top in zip(found.names, pair, strict=True)},
        },
    )


def _spectra(found: Comparison) -> Figure | None:
    pair = _pair(found, "density")
    if pair is None or not all(len(density.magnitudes[0]) for density in pair):
        return None
    low = min(density.magnitudes[0][0] for density in pair)
    high = max(density.magnitudes[0][-1] for density in pair)
    where = np.linspace(low, high, 512)
    curves: dict[str, Any] = {"magnitude": 10.0**where}
    for density, name in zip(pair, found.names, strict=True):
        exponents, positive, negative = density.magnitudes
        for part, values in (("positive", positive), ("negative", negative)):
            curves[f"{name}_{part}"] = np.interp(where, exponents, values, left=0.0, right=0.0)

    def draw(ax: Any) -> None:
        ax = axes(ax)
        for name, colour in zip(found.names, (BLUE, ORANGE), strict=True):
            for part, style in (("positive", "-"), ("negative", "--")):
                values = curves[f"{name}_{part}"]
                if values.any():
                    ax.plot(10.0**where, values, style, color=colour, label=f"{name}, {part}")
        ax.set_xscale("log")
        ax.set_xlabel("magnitude of the eigenvalue")
        ax.set_ylabel("share of eigenvalues a decade")
        legend(ax)

    return Figure(
        "spectra",
        "Spectra by magnitude",
        "Share of the eigenvalues in each decade of |λ|. Zeros are left out.",
        f"eigenvalues up to {pair[0].extent[1]:.3g} {found.names[0]} and up to "
        f"{pair[1].extent[1]:.3g} {found.names[1]}",
        draw,
        curves,
    )


def _runs(found: Comparison) -> Figure | None:
    """The largest eigenvalue over training, where two runs were followed."""
    runs = found.before.monitor, found.after.monitor
    if any(r is None or not any("top_eigenvalues" in x for x in r) for r in runs):
        return None
    if runs[0] is runs[1]:
        return None
    kinds = {bool(r.get("preconditioned")) for run in runs for r in run}
    if len(kinds) > 1:  # a preconditioned eigenvalue and a plain one are not to be compared
        return None
    series = [np.reshape(run.series("top_eigenvalues"), (len(run), -1))[:, 0] for run in runs]

    def draw(ax: Any) -> None:
        ax = axes(ax)
        for run, values, name, style in zip(
            runs, series, found.names, (("o-", BLUE), ("s-", ORANGE)), strict=True
        ):
            ax.plot(run.steps, values, style[0], color=style[1], markersize=3, label=name)
        ax.set_xlabel("step")
        ax.set_ylabel(f"largest {'preconditioned ' if kinds == {True} else ''}eigenvalue")
        legend(ax)

    return Figure(
        "runs",
        "The largest eigenvalue over training",
        "Of both runs.",
        f"it ends at {series[0][-1]:.3g} {found.names[0]} and at {series[1][-1]:.3g} "
        f"{found.names[1]}",
        draw,
        {
            "run": [name for name, run in zip(found.names, runs, strict=True) for _ in run],
            "step": np.concatenate([run.steps for run in runs]),
            "largest_eigenvalue": np.concatenate(series),
        },
    )
