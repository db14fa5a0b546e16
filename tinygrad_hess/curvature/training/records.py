"""What a monitor has measured: a list of records, in memory and as lines of a file."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...core import arguments
from ...core.display import card
from ...core.plotting import BLUE, GREY, ORANGE, axes, legend
from ..estimates.result import plain

NUMBERS = ("gradient_norm", "top_eigenvalues", "trace", "alignment")
"""Quantities that a table has room for: of eigenvalues the largest."""

FORMAT = "tinygrad_hess.curvature.Monitor, 1"


class Records:
    """Measurements along a training run, in the order of the steps.

    Attributes
    ----------
    records : list of dict
        One for each measurement: ``step``, ``loss``, ``rate``, ``threshold``, ``seconds`` (spent on
        it), and one entry for each quantity. None stands for what is unknown or not finite;
        ``failed``, where there, says why by the name of the quantity, or of the ``path`` that
        could not be written; ``unknown_threshold`` says why ``threshold`` is None.
        ``preconditioned`` says whether ``top_eigenvalues``, ``trace`` and
        ``alignment`` are of the preconditioned Hessian.
    about : dict
        What was followed, and how.
    """

    def __init__(self, about: dict[str, Any] | None = None):
        self.about = about or {}
        self.records: list[dict[str, Any]] = []

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.records)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.records[index]

    def __repr__(self) -> str:
        count = len(self)
        if not count:
            return "<Records: nothing measured yet>"
        first, last = self.records[0], self.records[-1]
        ends = [
            f"{name.replace('_', ' ')} {_number(first.get(name))} -> {_number(last.get(name))}"
            for name in ("loss", "top_eigenvalues")
            if name in last
        ]
        plural = "" if count == 1 else "s"
        where = f"at step {last['step']:,}"
        if count > 1:
            where = f"at steps {first['step']:,} to {last['step']:,}"
        return f"<Records: {', '.join([f'{count} measurement{plural} {where}', *ends])}>"

    def _repr_html_(self) -> str:
        """For notebooks: the latest measurements as a table."""
        names = ["step", "loss", "rate", "threshold"]
        more = {n for r in self.records for n in r} - {*names, "seconds", "failed"}
        names += [n for n in NUMBERS if n in more]
        rows = [[_number(r.get(name)) for name in names] for r in self.records[-8:]]
        shown = {"shown": f"the last {len(rows)}"} if len(self) > len(rows) else {}
        return card(repr(self)[1:-1], shown, [n.replace("_", " ") for n in names], rows)

    @property
    def steps(self) -> Any:
        """Where measurements were made, shape (n,)."""
        return np.array([r["step"] for r in self.records], int)

    def series(self, name: str) -> Any:
        """One quantity over the measurements: shape (n,), or (n, k) for eigenvalues.

        Of an estimate, or another result with a value, the value; of an alignment, the share. NaN
        where it is unknown.

        Raises
        ------
        KeyError
            For a quantity that was not followed.
        """
        if self.records and not any(name in r for r in self.records):
            known = ", ".join(self.records[0])
            raise KeyError(f"{name!r} was not followed; there is {known}")
        found = [_numeric_value(r.get(name)) for r in self.records]
        width = max([np.size(x) for x in found], default=1)
        if all(np.ndim(x) == 0 for x in found):
            return np.array(found, float)
        out = np.full((len(found), width), np.nan)
        for row, x in zip(out, found, strict=True):
            row[: np.size(x)] = x
        return out

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, for JSON."""
        return {"about": self.about, "records": self.records}

    @classmethod
    def read(cls, path: str | Path) -> Records:
        """The records in a file, also while it is being written.

        A last line that has no end yet is left out.

        Raises
        ------
        ValueError
            For a file that no monitor wrote.
        """
        what = "a path to a file, as Monitor(path=...) writes it"
        arguments.instance("Monitor.read", "path", path, (str, os.PathLike), what)
        refused = f"Monitor.read: {path} is no file that a Monitor with path= wrote: "
        try:
            lines = Path(path).read_text(encoding="utf-8").split("\n")[:-1]
        except UnicodeDecodeError:
            raise ValueError(f"{refused}it is not text") from None
        parsed = []
        for number, line in enumerate(lines, 1):
            try:
                parsed.append(json.loads(line))
            except json.JSONDecodeError:
                parsed.append(None)
            if not isinstance(parsed[-1], dict):
                raise ValueError(f"{refused}line {number} is no JSON object: {line[:40]!r}")
            if number > 1 and not isinstance(parsed[-1].get("step"), int):
                raise ValueError(f"{refused}line {number} has no step: {line[:40]!r}")
        if parsed and parsed[0].get("format") != FORMAT:
            raise ValueError(f"{refused}it does not begin with the format {FORMAT!r}")
        out = cls(parsed[0] if parsed else None)
        out.records = parsed[1:]
        return out

    def plot(self, ax: Any = None) -> Any:
        """Draw the eigenvalues over training, and the threshold of stability.

        Returns the matplotlib axes.
        """
        if not len(self):
            raise ValueError("Monitor.plot: nothing was measured yet")
        if not any("top_eigenvalues" in r for r in self.records):
            raise ValueError("Monitor.plot: 'top_eigenvalues' are not among the quantities")
        ax = axes(ax, (7.0, 3.8))
        values = np.reshape(self.series("top_eigenvalues"), (len(self), -1))
        few = "o-" if len(self) <= 60 else "-"
        scaled = np.array([bool(r.get("preconditioned")) for r in self.records])
        both = scaled.any() and not scaled.all()
        for kind, style in ((True, few), (False, "s:" if both else few)):
            chosen = np.where((scaled == kind)[:, None], values, np.nan)
            if not (scaled == kind).any():
                continue
            of = (", preconditioned" if kind else ", plain") if both else ""
            for i, column in enumerate(chosen.T):
                color, alpha = (ORANGE, 1.0) if i == 0 else (BLUE, max(0.25, 0.9 - 0.15 * i))
                label = "largest" if i == 0 else f"next {values.shape[1] - 1}" if i == 1 else None
                ax.plot(self.steps, column, style, color=color, alpha=alpha,
                        label=label and label + of,
                        markersize=3, linewidth=1.6 if i == 0 else 1.1)  # fmt: skip
        threshold = self.series("threshold")
        if np.isfinite(threshold).any():
            ax.plot(self.steps, threshold, "--", color=GREY, linewidth=1.4,
                    label=f"stable below {threshold[np.isfinite(threshold)][-1]:.4g}")  # fmt: skip
        largest = np.nanmax(np.abs(values)) if np.isfinite(values).any() else 1.0
        ax.set_ylim(min(0.0, 1.1 * float(np.nanmin(values, initial=0.0))), None)
        if np.isfinite(threshold).any() and np.nanmin(threshold) > 20 * largest:
            ax.set_ylim(top=1.3 * largest)  # a threshold far away would flatten what is drawn
        ax.set_xlabel("step")
        ax.set_ylabel("preconditioned eigenvalues" if scaled.all() else "eigenvalues")
        legend(ax)
        return ax


def for_json(x: Any) -> Any:
    """As :func:`plain`, with None for NaN and infinity, which JSON does not have."""
    return _for_json(plain(x))


def _for_json(x: Any) -> Any:
    if isinstance(x, dict):
        return {str(k): _for_json(v) for k, v in x.items()}
    if isinstance(x, list):
        return [_for_json(v) for v in x]
    if isinstance(x, float):
        return x if math.isfinite(x) else None
    if x is None or isinstance(x, (bool, int, str)):
        return x
    raise TypeError(
        f"a quantity gave {type(x).__name__}, which cannot be recorded; give a number, an array, a "
        "dict or a result with to_dict()"
    )


def _number(x: Any) -> str:
    """The largest of the numbers of a quantity, or its value, in six digits."""
    found = np.ravel(_numeric_value(x))
    largest = np.nanmax(found) if np.isfinite(found).any() else np.nan
    return f"{largest:.6g}" if np.isfinite(largest) else "unknown"


def _numeric_value(x: Any) -> Any:
    if isinstance(x, dict):
        x = next((x[name] for name in ("share", "values", "value") if name in x), None)
    if x is None or isinstance(x, (str, dict)):
        return np.nan
    return np.array(x, float) if isinstance(x, list) else float(x)
