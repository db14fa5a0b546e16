"""The trace of a symmetric operator, from random probes.

trace        : operator -> Estimate
layer_traces : operator -> {layer: Estimate}      (layers.py)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import arguments
from ..eigenpairs.deflation import BLOCK, SKETCH_MEMORY, Deflation
from ..estimates.budget import INTERRUPTED, Budget
from ..estimates.checkpoints import Checkpoint
from ..estimates.estimate import Estimate, student
from ..estimates.exact import exact_trace
from ..estimates.operands import Array, Counted
from ..estimates.probes import signs
from ..estimates.probing import Running, Target, run_probes, unpack
from ..estimates.run import Run
from . import by_example
from .xtrace import XTrace

METHODS = ("auto", "hutchinson", "xtrace", "exact")

PILOT = 12
"""Probes that decide how far to deflate; and of XTrace to begin with."""

WORTH = 1.5
"""Probes that a column of the basis must save: it costs a product, and a pass over the basis. The
number of products is about the same from 1 to 3."""

FEWEST = 24
"""Probes that tell when an accuracy is met, at least; fewer see an error too small too often."""

MANY = 4 * FEWEST
"""Probes with signs by example from which it is worth a look whether deflation needs fewer."""

SAMPLES = 128
"""Products that are spent when neither an accuracy nor a budget is given."""


def trace(
    op: Any,
    samples: int | None = None,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    method: str = "auto",
    max_matvecs: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    progress: bool = False,
    checkpoint: Any = None,
) -> Estimate:
    """An estimate of the trace, with its 95% interval.

    Parameters
    ----------
    op : LinearOperator, ndarray or sparse matrix, shape (P, P)
        Real and symmetric, such as a :class:`HessianOperator`.
    samples : int, optional
        Probes of Hutchinson's method, at least 2; with an accuracy, how many to begin with. By
        default the method is chosen (see ``method``).
    rtol, atol : float, optional
        Go on until half the width of the 95% interval is at most ``max(atol, rtol * |value|)``.
        When P products turn out to be the cheaper way, the trace is computed exactly.
    method : {"auto", "hutchinson", "xtrace", "exact"}
        - ``auto``: for an operator of a loss over data, random signs that differ from example to
          example, where examples are independent (that is checked, by two products; parameters
          used other than in matrix products or by broadcasting get the same signs for all). The
          errors then average out over the examples too. Otherwise Hutch++ with a Krylov basis. The
          trace on a Krylov space is known exactly; probes estimate the rest. The space grows while
          that saves more probes than it costs, as a few probes tell; where it never does, this is
          Hutchinson's method. Exact where P is small. Holds the basis in memory, 512 MiB at most.
        - ``hutchinson``: the mean of ``zᵀ A z`` over random signs z. No bias; variance with m
          probes ``2 (‖A‖_F² - Σ a_ii²) / m``: zero for a diagonal matrix.
        - ``xtrace``: every vector serves for both, at two products. Its leave-one-out error is
          widened until the interval covers.
        - ``exact``: P products.
    max_matvecs : int, optional
        Products to spend at most; by default 128, or with an accuracy 10,000.
    seconds : float, optional
        Time to spend at most.
    seed : int
        Of the probes.
    progress : bool
        Show a bar with the time expected.
    checkpoint : path-like, optional
        A file (.npz) that keeps the probes' sums. Called again after a kill, with the same
        arguments, it goes on from there and gives the same answer. Costs one product.

    Returns
    -------
    Estimate
        With ``converged=False`` and a reason when the budget ran out before the accuracy was
        reached, or on Ctrl-C. The interval of means over probes is Student's with their skewness
        transformed away, so the value need not be in its middle. Measured over many seeds, it
        covers in 93.5 to 96% with a fixed budget of 10 products or more, and in 93 to 95% when it
        stops at an accuracy, for it stops sooner where the error happens to look small. It covers
        less with few probes of a matrix that two eigenvalues of opposite signs make up: 90% with
        10, 94% with 50.

    Raises
    ------
    ValueError
        For fewer than 2 samples, accuracies that are not positive, a bad shape, products that are
        not finite, or a checkpoint of another problem.

    References
    ----------
    Hutchinson (1990), A stochastic estimator of the trace of the influence matrix. Avron and
    Toledo (2011), Randomized algorithms for estimating the trace, for the variance. Meyer, Musco,
    Musco and Woodruff (2021), Hutch++. Chen and Hallman (2023), Krylov-aware stochastic trace
    estimation. Epperly, Tropp and Webber (2024), XTrace. Hall (1992), On the removal of skewness by
    transformation, for the interval.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import trace
    >>> trace(np.array([[2.0, 1.0], [1.0, 3.0]]))
    Estimate(5, exact, 2 products)
    >>> estimate = trace(np.diag(np.arange(200.0)))
    >>> estimate.value, estimate.standard_error
    (19900.0, 0.0)
    """
    if samples is not None:
        samples = arguments.integer("trace", "samples", samples, least=2)
    arguments.choice("trace", "method", method, METHODS)
    if method == "auto" and samples is not None:
        method = "hutchinson"
    with Run(
        op, "trace", rtol=rtol, atol=atol, max_matvecs=max_matvecs, seconds=seconds,
        progress=progress, checkpoint=checkpoint, seed=seed, defaults=(samples or SAMPLES, 10_000),
        of_operator=True,
    ) as budget:  # fmt: skip
        A, target, limit = budget.A, budget.target, int(budget.left)
        if max_matvecs is not None:
            least = {"exact": A.size, "xtrace": 4}.get(method, 2) + (checkpoint is not None)
            arguments.number("trace", "max_matvecs", max_matvecs, least=least, infinite=True)
        first = samples or (FEWEST if target.asked else limit)
        options = {"method": method, "samples": samples, "seed": seed}
        save = budget.checkpoint(options, free=not target.asked)
        few = 2 * PILOT if samples is None and target.asked else min(first, limit)
        if method == "exact" or (min(few, limit) >= A.size and method in ("auto", "hutchinson")):
            return exact_trace(A, budget)
        estimator = _Trace(A, target, budget, save, seed)
        if method == "hutchinson":
            return estimator.hutchinson(first)
        if method == "xtrace":
            return estimator.xtrace()
        return estimator.auto(first)


@dataclass
class _Trace:
    A: Counted
    target: Target
    budget: Budget
    save: Checkpoint
    seed: int
    interrupted: bool = False

    def hutchinson(self, first: int) -> Estimate:
        A, running = self.A, Running()

        def forms(columns: range) -> Array:
            z = signs(A.size, columns, self.seed, A.dtype)
            return np.einsum("ij,ij->j", z, A.matmat(z), dtype=np.float64)[None]

        saved = self.save.load()
        if saved is not None:
            running, first = unpack(saved, self.budget, None if self.target.asked else first)
        return self._run_probes(forms, running, first, 0.0, "Hutchinson", {})

    def auto(self, first: int) -> Estimate:
        """Signs that differ from example to example, or deflation where that takes fewer probes."""
        A, budget, saved = self.A, self.budget, self.save.load()
        running, probing = Running(), saved is not None and "count" in saved
        count = 0 if probing else int(min(PILOT, budget.left - by_example.CHECKS))
        other = saved is not None and probing and "by_example" not in saved
        begun = (
            None if other or (count < 2 and not probing) else by_example.begin(A, self.seed, count)
        )
        if begun is None:
            found = self.deflated(saved)
            assert found is not None
            return found
        if saved is not None and probing:
            running, first = unpack(saved, budget, None if self.target.asked else first)
        else:
            running.add(begun.pilot.sum(axis=0, keepdims=True))
            half, value = float(running.half_width[0]), float(running.mean[0])
            needed = running.count * self.target.ratio(half, value) ** 2
            if half <= 100 * A.eps * abs(value):
                first = 0
            elif needed > MANY and (found := self.deflated(saved, needed)) is not None:
                return found
        totals = lambda columns: begun(columns).sum(axis=0, keepdims=True)
        return self._run_probes(totals, running, first, 0.0, by_example.METHOD, {"by_example": 1})

    def deflated(self, saved: dict[str, Array] | None, rival: float = math.inf) -> Estimate | None:
        """Grow a Krylov space as long as it pays, then probe what is outside.

        None where more probes would be left than ``rival``.
        """
        A, budget = self.A, self.budget
        split = Deflation(A, int(min(budget.left // 2, A.size // 2)), self.seed)
        if saved is not None:
            split.restore(saved)
        if saved is not None and "count" in saved:
            running, first = unpack(saved, budget, None if self.target.asked else math.inf)
            begin = int(saved["begin"])
        else:
            running, needed = self._grow_space(split, saved, rival)
            if needed > rival:
                return None
            few = math.ceil(min(needed, 2 * PILOT + split.columns))
            first = max(FEWEST, few) if needed else 0
            if not self.interrupted and 2 * split.columns >= A.size and budget.has_room(A.size):
                return exact_trace(A, budget)
            begin = 0
            # The space was chosen by how well the pilot did: the error is told by other probes.
            if self.target.asked and split.columns and budget.left >= 2 and first > 0:
                begin, running = running.count, Running()
            if not self.target.asked:
                first = running.count + int(budget.left)

        def forms(columns: range) -> Array:
            columns = range(columns.start + begin, columns.stop + begin)
            z = signs(A.size, columns, self.seed, A.dtype)
            z = split.outside(z)
            return np.einsum("ij,ij->j", z, A.matmat(z), dtype=np.float64)[None]

        method = f"Hutch++ ({split.columns} deflated)" if split.columns else "Hutchinson"
        return self._run_probes(
            forms, running, first, float(split.trace), method, {**split.state(), "begin": begin}
        )

    def _grow_space(
        self, split: Deflation, saved: dict[str, Array] | None, rival: float
    ) -> tuple[Running, float]:
        """Let the space grow as long as a pilot says that it pays, and it costs less than a rival.

        Returns what the pilot's probes see outside of it, and how many would be needed.
        """
        A, budget = self.A, self.budget
        z = signs(A.size, range(int(min(PILOT, max(budget.left, 2)))), self.seed, A.dtype)
        if saved is None:
            Az, history = A.matmat(z), list[tuple[int, float]]()
        else:
            Az, history = saved["Az"], [(int(r), float(e)) for r, e in saved["history"]]
            budget.restore(saved)
        while True:
            running = Running()
            running.add(split.remaining_forms(z, Az)[None])
            half, value = float(running.half_width[0]), float(split.trace + running.mean[0])
            ratio = self.target.ratio(half, value)
            # Probes that this space would need in the end, or leave.
            probes = running.count * ratio**2 if self.target.asked else running.count + budget.left
            square = split.remaining_square(Az)
            history.append((split.columns, math.log(max(square, 1e-300))))
            budget.show(A.matvecs + probes - running.count if self.target.asked else None)
            known = half <= 100 * A.eps * abs(value)
            if known:
                return running, 0
            cost = 2 * split.next
            dear = 2 * split.columns + cost > rival or not _growth_pays(history, probes)
            if not cost or dear or budget.over(cost):
                return running, probes
            past = np.array(history[:-1]).reshape(-1, 2)
            state = lambda past=past: {**split.state(), **budget.state(), "Az": Az, "history": past}
            if self.save.due():
                self.save.save(state())
            try:
                split.grow()
            except KeyboardInterrupt:
                self.save.save(state())
                self.interrupted = True
                return running, 0

    def _run_probes(
        self,
        forms: Any,
        running: Running,
        first: int,
        known: float,
        method: str,
        state: dict[str, Any],
    ) -> Estimate:
        A, budget = self.A, self.budget
        reason = (
            INTERRUPTED
            if self.interrupted
            else run_probes(
                forms,
                running,
                first=first,
                ratio=lambda r: self.target.ratio(float(r.half_width[0]), known + float(r.mean[0])),
                budget=budget,
                checkpoint=self.save,
                state=state,
            )
        )
        if reason == "exact":
            return exact_trace(A, budget)
        value, error = known + float(running.mean[0]), float(running.standard_error[0])
        low, high = (known + float(end[0]) for end in running.interval)
        return self._result(value, error, (low, high), method, reason)

    def xtrace(self) -> Estimate:
        A, budget, target = self.A, self.budget, self.target
        x, saved, reason = XTrace(A, self.seed), self.save.load(), ""
        history: list[tuple[float, float]] = []
        if saved is not None:
            x.restore(saved)
            history = [(float(m), float(e)) for m, e in saved["history"]]
            budget.restore(saved)
        room = A.columns(SKETCH_MEMORY, PILOT)
        most = min(int(min(budget.left + 2 * x.count, A.size)) // 2, room)
        whole = budget.state()
        try:
            while not x.count or not x.exact:
                goal, whole = min(PILOT, most), budget.state()
                if x.count:
                    value, error = x.estimate()
                    ratio = target.ratio(student(x.count - 1) * error, value)
                    expected = 2 * (x.count * ratio if target.asked else most)
                    budget.show(expected, f"{ratio:.2g} × allowed" if target.asked else "")
                    if target.asked and ratio <= 1:
                        break
                    history.append((math.log(x.count), math.log(max(error, 1e-300))))
                    goal = min(_next_count(history, ratio), most) if target.asked else most
                    if goal <= x.count:
                        break
                    reason = budget.over(2 * (goal - x.count))
                    if reason:
                        break
                    if self.save.due():
                        self.save.save(self._state(x, history[:-1]))
                x.sketch(goal)
                x.project()
        except KeyboardInterrupt:
            if x.count < 2:
                raise
            reason = INTERRUPTED
            x.forget_sketch()
            # what the lost block took is not counted, so that a second call comes to the same
            self.save.save(self._state(x, history[:-1]) | whole)
        else:
            self.save.save(self._state(x, history))
        value, error = x.estimate()
        half = student(x.count - 1) * error
        if target.ratio(half, value) > 1 and not reason:
            if budget.has_room(A.size):
                return exact_trace(A, budget)
            reason = budget.exhausted
        return self._result(value, error, (value - half, value + half), "XTrace", reason)

    def _state(self, x: XTrace, history: list[tuple[float, float]]) -> dict[str, Any]:
        past = np.array(history).reshape(-1, 2)
        return {**x.state(), **self.budget.state(), "history": past}

    def _result(
        self, value: float, error: float, interval: tuple[float, float], method: str, why: str
    ) -> Estimate:
        half = (interval[1] - interval[0]) / 2
        if self.target.asked and self.target.ratio(half, value) <= 1:
            why = ""
        return Estimate(
            value,
            error,
            interval,
            self.A.matvecs,
            converged=not why,
            seconds=self.budget.seconds,
            seed=self.seed,
            method=method,
            reason=why,
        ).times(self.A.unit)


def _next_count(history: list[tuple[float, float]], ratio: float) -> int:
    """How many vectors XTrace needs, if the error goes on to fall as it did; half more at most."""
    (m1, e1), power = history[-1], 1.0
    if len(history) > 1:
        m0, e0 = history[-2]
        power = min(max((e0 - e1) / (m1 - m0), 0.5), 3.0)
    grown = min(max(ratio, 1.0) ** (1 / power), 1.5)
    return math.ceil(math.exp(m1) * max(grown, 1.03) - 1e-9)


def _growth_pays(history: list[tuple[int, float]], probes: float) -> bool:
    """Whether another column saves more than WORTH of ``probes``.

    Their number goes as the squared norm outside the space, of which the logarithm falls by a
    slope that the last half of the columns tells.
    """
    columns, now = history[-1]
    if columns < 3 * BLOCK:
        return probes > 2 * PILOT
    before, then = [h for h in history if h[0] <= columns / 2][-1]
    return probes * (then - now) / (columns - before) > WORTH
