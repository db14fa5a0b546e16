"""All that a budget allows to say about the curvature at a point, in one call.

report : loss, params, data, budget -> Report
"""

from __future__ import annotations

import platform
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy

from ..._version import __version__
from ...core import arguments, trees
from ...nn.module import modules
from ..analysis.total_loss import as_hessian
from ..estimates import scaling
from ..operators import checks
from ..operators.hessian import HessianOperator
from ..training.monitor import Monitor
from ..training.records import Records
from .comparison import Comparison
from .contents import contents
from .document import Document
from .documented import Documented
from .parts import Part, Run
from .text import findings, text

UNITS = {"": 1.0, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, eq=False)
class Report(Documented, derived=("parameters", "findings")):
    """What was found out about the curvature at a point.

    Attributes
    ----------
    title : str
    parts : dict of str to Part
        In the order in which they were run: ``eigenpairs``, ``alignment``, ``layers``, ``model``,
        ``point``, ``traces``, ``slices``, ``density``, ``condition``, ``blocks``, ``sharpness``,
        ``data``.
    loss : float
    gradient_norm : float
    layers : dict of str to int
        Parameters in each layer.
    frozen : int
        Parameters beside them that are frozen, and so not counted.
    mode : str
        That the model was in: "training", "evaluation", "training in part", or empty where
        ``params`` hold no module.
    dtype, reduction : str
    data : str
        What the data are, in words.
    monitor : Records or None
        Of the training run before.
    rate : float or None
        The learning rate in use.
    seed : int
    budget, seconds : float
        Allowed and spent, in seconds.
    matvecs : int
        Products spent in all.
    versions : dict of str to str
    """

    title: str
    parts: dict[str, Part]
    loss: float
    gradient_norm: float
    layers: dict[str, int]
    frozen: int
    mode: str
    dtype: str
    reduction: str
    data: str
    monitor: Records | None
    rate: float | None
    seed: int
    budget: float
    seconds: float
    matvecs: int
    versions: dict[str, str]

    _frame_title = "Curvature report"

    @property
    def parameters(self) -> int:
        """P."""
        return sum(self.layers.values())

    def __getitem__(self, name: str) -> Any:
        """The result of a part; None where it was left out or failed."""
        return self.parts[name].result

    @cached_property
    def findings(self) -> list[tuple[str, str]]:
        """What was found, in words: headings and sentences."""
        return findings(self)

    @cached_property
    def text(self) -> str:
        """A dozen lines for the terminal."""
        return text(self)

    def __repr__(self) -> str:
        done = sum(part.result is not None for part in self.parts.values())
        return (
            f"<Report: {self.title}; {done} of {len(self.parts)} parts, {self.matvecs} products, "
            f"{self.seconds:.3g} s; print(report.text), report.save_html(path)>"
        )

    @cached_property
    def document(self) -> Document:
        """What the page and the Markdown are made of; its figures are drawn when asked for."""
        return contents(self)

    def compare(self, other: Report, names: tuple[str, str] = ("before", "after")) -> Comparison:
        """This report beside another one: two points of a run, two runs, or two models.

        Parameters
        ----------
        other : Report
            The later one, or the other one.
        names : (str, str)
            What to call the two.

        Returns
        -------
        Comparison
            ``print(found.text)``, ``found.save_html(path)``, ``found.to_markdown()``.

        Examples
        --------
        >>> import numpy as np
        >>> from tinygrad_hess.curvature import report
        >>> loss = lambda w: (w**2 * np.array([4.0, 1.0])).sum() / 2
        >>> one, two = (report(f, np.ones(2), budget=10) for f in (loss, lambda w: 3 * loss(w)))
        >>> print(one.compare(two).text.splitlines()[3])
          Sharpness     The largest eigenvalue rises from 4 to 12 (3 times).
        """
        arguments.instance("Report.compare", "other", other, Report, "another report")
        if not isinstance(names, tuple | list) or len(names) != 2 or names[0] == names[1]:
            raise ValueError(
                f"Report.compare: names={arguments.shown(names)} must be two different names, "
                "such as ('before', 'after')"
            )
        return Comparison(self, other, (str(names[0]), str(names[1])))


def report(
    loss: Callable[..., Any] | HessianOperator,
    params: Any = None,
    data: Any = None,
    *args: Any,
    budget: str | float = "30s",
    reduction: str = "mean",
    monitor: Monitor | Records | None = None,
    rate: float | None = None,
    title: str = "Curvature of the training loss",
    seed: int = 0,
    executor: Any = None,
    shards: int | None = None,
    memory_limit: str | int | None = None,
    progress: bool = False,
    checkpoint: Any = None,
) -> Report:
    """All that a budget allows to say about the curvature of a loss at a point.

    Parts are run in the order of their worth, each within its share of what is left; what there is
    no time for is named. A part that fails says so and leaves the others be.

    Parameters
    ----------
    loss, params, data, *args, reduction
        As for :class:`HessianOperator`; or such an operator alone.
    budget : str or float
        Time: ``"30s"``, ``"2min"``, ``"1h"``, or seconds. It is kept to within about a fifth, but
        for the first products, without which nothing can be said. Drawing the figures of a page
        comes on top, some seconds.
    monitor : Monitor or Records, optional
        Of the training before, for the figure of eigenvalues over training.
    rate : float, optional
        The learning rate in use, to set beside the safe one; by default the monitor's last.
    title : str
    seed : int
        Of all probes and starting vectors.
    executor, shards, memory_limit
        As for :class:`HessianOperator`. Within a limit, what the data leave uncertain is left out,
        and so is a part whose vectors do not fit; each says so.
    progress : bool
        Show a bar with the time left.
    checkpoint : path-like, optional
        A file that keeps what was done; a run that finds it goes on. What the clock decided before
        stays decided. The part at work has files of its own beside it.

    Returns
    -------
    Report
        ``print(report.text)``, ``report.save_html(path)``, ``report.save_markdown(path)``,
        ``report.save_json(path)``, ``report.to_dict()``, ``report["eigenpairs"]``,
        ``report.compare(other)``; in a notebook it shows itself.

    Raises
    ------
    ValueError
        For a budget that cannot be read, and for what :class:`HessianOperator` refuses: a loss
        that is not scalar, that is random, or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import report
    >>> found = report(lambda w: (w**2 * np.array([4.0, 1.0])).sum() / 2, np.zeros(2), budget=10)
    >>> found["point"].kind, found["eigenpairs"].values
    ('minimum', array([4., 1.]))
    >>> print(found.text.splitlines()[0])
    Curvature of the training loss: 2 parameters, loss 0
    """
    begun = time.perf_counter()
    seconds = seconds_of(budget)
    seed = arguments.integer("report", "seed", seed, least=0)
    if executor is not None or shards is not None or memory_limit is not None:
        if isinstance(loss, HessianOperator):
            raise TypeError("report: give executor, shards or memory_limit to the operator instead")
        loss = HessianOperator(
            loss, params, data, *args, reduction=reduction,
            executor=executor, shards=shards, memory_limit=memory_limit,
        )  # fmt: skip
        params, data, args = None, None, ()
    _, op = as_hessian(loss, params, data, args, reduction, "report")
    value, norm = float(op.value), scaling.norm(op.gradient)
    checks.check_finite("report", 0, value, op.gradient)
    run = Run(op, seconds, seed, begun, progress=progress, checkpoint=checkpoint)
    parts = run.all()
    records = monitor.records if isinstance(monitor, Monitor) else monitor
    if records is not None:
        arguments.instance("report", "monitor", records, Records, "a Monitor, or its records")
    if rate is None and records is not None and len(records):
        rate = records.records[-1]["rate"]
    tree = op._at.tree()
    return Report(
        title=title,
        parts=parts,
        loss=value,
        gradient_norm=norm,
        layers={name: len(indices) for name, indices in op.layers.items() if len(indices)},
        frozen=sum(np.size(node.value) for node in trees.fixed(tree) if not node.is_buffer),
        mode=_mode_of(tree),
        dtype=str(op.dtype),
        reduction=op.reduction,
        data=_describe_data(op),
        monitor=records,
        rate=rate,
        seed=seed,
        budget=seconds,
        seconds=time.perf_counter() - run.begun,
        matvecs=run.matvecs,
        versions={
            "tinygrad_hess": __version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "python": platform.python_version(),
        },
    )


def seconds_of(budget: str | float) -> float:
    """``"30s"``, ``"2min"``, ``"1.5h"`` or a number, in seconds.

    Examples
    --------
    >>> seconds_of("2min"), seconds_of(5)
    (120.0, 5.0)
    """
    found = re.fullmatch(r"\s*([\d.]+(?:e[+-]?\d+)?)\s*([a-z]*)\s*", str(budget))
    try:
        seconds = float(found[1]) * UNITS[found[2]] if found else 0.0
    except (ValueError, KeyError):
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ValueError(
            f"report: budget={budget!r} is not a time; write '30s', '2min', '1h', or seconds"
        )
    return seconds


def _mode_of(tree: Any) -> str:
    found = {module.training for module in modules(tree)}
    if len(found) == 2:
        return "training in part"
    return {True: "training", False: "evaluation"}[found.pop()] if found else ""


def _describe_data(op: HessianOperator) -> str:
    batches = op._batches
    if op._args is None:
        return "no data"
    if batches.single:
        return "one batch"
    return f"{len(op._passes.sizes)} batches"
