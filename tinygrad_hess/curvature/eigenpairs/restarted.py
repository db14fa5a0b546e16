"""Thick-restart block Lanczos: from a Krylov space to the eigenpairs that were asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.blas_threads import one_blas_thread
from ..estimates.budget import INTERRUPTED, Budget
from ..estimates.checkpoints import Checkpoint
from ..estimates.operands import Counted, over_unit
from ..estimates.probes import gaussians
from .ends import edges, gap_intervals, order
from .lanczos import KrylovSpace, Ritz

BASIS_MEMORY = 256 * 2**20
"""Bytes of the basis, beyond the least that the pairs asked for need."""

DOUBT = 1e-3
"""Probability, at most, with which a copy of a repeated eigenvalue goes unnoticed."""

SETTLED, TIGHTER = 1e-3, 1e-2
"""Residuals, relative to the scale, with which a search may begin, which goes on with the wanted
vectors alone; and by how much smaller they must be where that turned out to be too little."""


HASTE, SLOW = 0.5, 0.4
"""Part of the columns until a look at which accuracy is expected, if errors fall at the last rate,
but by ``exp(-SLOW)`` with each column at least: they fall faster and faster."""


@dataclass(frozen=True)
class Accuracy:
    """What is asked of each pair: a small residual, or, where rtol or atol is given, a sure value.

    ``tol`` and ``rtol`` are relative to the larger of the value's magnitude and the scale; ``tol``
    bounds the residual norm, ``rtol`` and ``atol`` half the width of the gap interval.
    """

    tol: float
    rtol: float | None = None
    atol: float | None = None
    A: Counted | None = None  # values are over its unit

    @property
    def of_values(self) -> bool:
        return self.rtol is not None or self.atol is not None

    @property
    def numbers(self) -> tuple[float, ...]:
        """All of it; 0 stands for what is not given."""
        return self.tol, self.rtol or 0.0, self.atol or 0.0

    def allowed(self, values: Any, scale: float) -> Any:
        size = np.maximum(np.abs(values), scale)
        if self.of_values:
            return np.maximum(over_unit(self.atol or 0.0, self.A), (self.rtol or 0.0) * size)
        return self.tol * size

    def errors(self, ritz: Ritz, chosen: Any, scale: float) -> Any:
        """The error of each chosen pair over what is allowed; 1 or less is accurate."""
        found = ritz.residuals
        if self.of_values:
            intervals = gap_intervals(ritz.values, found)
            found = (intervals[:, 1] - intervals[:, 0]) / 2
        found, allowed = found[chosen], self.allowed(ritz.values[chosen], scale)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(found > 0, found / allowed, 0.0)


class RestartedLanczos:
    """The iteration behind :func:`~tinygrad_hess.curvature.top_eigenpairs`.

    It has two phases. *Converge*: expand, look, restart when the basis is full, until the wanted
    Ritz pairs are accurate. *Look for copies*: a Krylov space of one vector holds one vector of
    each eigenspace, so copies of repeated eigenvalues are missing. The wanted pairs are kept, what
    is pending is dropped, and a random vector orthogonal to all is added. Its Krylov space is that
    of the operator on the complement, where a copy is the largest eigenvalue; two bounds tell when
    it would have shown. A copy that is found takes its place among
    the wanted, and the search begins again with twice as many vectors.

    Parameters
    ----------
    A : operator, as KrylovSpace takes it
    k, which : as in top_eigenpairs
    accuracy : Accuracy, or another with its methods
    budget : Budget
    checkpoint : Checkpoint
    start : ndarray, shape (P, j), optional
        Vectors of an earlier, similar operator. They are taken to be complete: no copies are
        looked for.
    block : int
        Random vectors to begin with.
    seed : int
    cost : int
        Products counted for one of ``A``.
    reserve : int
        Products to leave for the caller.

    Attributes
    ----------
    space : KrylovSpace
    scale : float
        The root mean square eigenvalue, estimated from the product of one random vector.
    reason : str
        Why the pairs asked for are not all found; empty when they are.
    """

    def __init__(
        self,
        A: Any,
        k: int,
        which: str,
        *,
        accuracy: Any,
        budget: Budget,
        checkpoint: Checkpoint,
        start: Any = None,
        block: int = 1,
        seed: int = 0,
        cost: int = 1,
        reserve: int = 0,
    ):
        self.A, self.k, self.which, self.accuracy = A, k, which, accuracy
        self.budget, self.checkpoint, self.seed = budget, checkpoint, seed
        self.start, self.block, self.cost, self.reserve = start, block, cost, reserve
        width = block if start is None else start.shape[1] + 1
        least = 2 * k + 4 * width + 8
        room = A.columns(BASIS_MEMORY, min(least, A.size))
        capacity = min(A.size, max(least, min(room, 4 * k + 100)))
        self.space = KrylovSpace(A, capacity)
        self.scale = 0.0
        self.drawn = 0  # random vectors so far
        self.reason = ""
        self.done = False
        self.searching = False
        self.kept = 0  # columns that the search is orthogonal to
        self.settled = SETTLED  # residuals with which the search may begin
        self.depth = 0  # of the Krylov space of the search
        self.width = 1  # random vectors of the search
        self.before = np.zeros(0)  # the wanted values when the search began
        self.unlooked = 0  # columns since the Ritz pairs were looked at
        self.wait = k if start is None else 1  # columns until they are looked at again
        self.error = math.inf  # logarithm of the largest error then, over what is allowed
        self.next = 0  # pending columns to multiply alone
        self._history: list[tuple[int, float]] = []

    def run(self) -> Ritz:
        """Iterate until the pairs are found or the budget is spent; return all Ritz pairs."""
        saved = self.checkpoint.load()
        try:
            if saved is None:
                self._start_basis()
            else:
                self._restore(saved)
            self.done = self.done or self._iterate()
        except KeyboardInterrupt:
            if self.space.known == 0 or not self.space.whole:
                if self.space.whole and self.scale:  # what was known is to be multiplied again
                    self.checkpoint.save(self._state())
                raise
            self.reason = INTERRUPTED
        self.checkpoint.save(self._state())
        return self.space.ritz()

    # ---- phases ----------------------------------------------------------------------------------

    def _start_basis(self) -> None:
        left = max(1, (self.budget.left - self.reserve) // self.cost)
        if self.start is not None:
            self.space.add(self.start[:, : int(max(1, min(left - 1, self.start.shape[1])))])
            left -= self.space.pending
        self._add_random(int(min(self.block if self.start is None else 1, left)))
        self.scale = float(self._expand()[-1])  # a random vector stands last

    def _expand(self) -> Any:
        count = self.next or self.space.pending
        norms = self.space.expand(count)
        self.next = 0
        self.depth += 1
        self.unlooked += count
        return norms

    def _budget_reason(self, columns: int) -> str:
        return self.budget.over(columns * self.cost + self.reserve)

    def _iterate(self) -> bool:
        """Go on until all are found; False where the budget is spent before."""
        space = self.space
        while True:
            stop = self._budget_reason(max(self.next or space.pending, 1))
            due = self.unlooked >= self.wait
            if self.unlooked and (due or stop or not space.pending):
                columns, self.unlooked = self.unlooked, 0
                if self._check_convergence(columns):
                    self.reason = ""
                    return True
            if not space.pending and self._add_random(1) == 0:
                self.reason = ""
                return True  # the basis spans everything
            self.reason = self._budget_reason(self.next or space.pending)
            if self.reason:
                return False
            if self.checkpoint.due():
                self.checkpoint.save(self._state())
            self._make_room()
            self._expand()

    def _check_convergence(self, columns: int) -> bool:
        """Look at the Ritz pairs, so many columns after the last time; go on to the search, or on
        with it, when they are accurate."""
        ritz = self.space.ritz()
        chosen = order(ritz.values, self.k, self.which)
        errors = self.accuracy.errors(ritz, chosen, self.scale)
        error = float(errors.max(initial=0.0))
        self._show_progress(error)
        self._plan_next_look(math.log(max(error, 1e-300)), columns)
        if len(chosen) < self.k or (errors > 1).any():
            again = self.searching and not self._budget_reason(self.k + self.space.pending)
            if again and self._dropped_too_much(ritz.coefficients[:, chosen], errors):
                self.space.reopen(ritz.coefficients[:, chosen])
                self.searching = False
                self.settled *= TIGHTER
            elif self.start is not None and self.space.pending and len(chosen) == self.k:
                self.next = self.space.turn(ritz.coefficients[:, chosen[errors > 1]])
            return False
        lower, upper = edges(ritz.values[chosen], self.which)
        if self.start is not None or (lower is None and upper is None):
            return True
        if self.space.known == self.A.size:
            return True
        if not self.searching:
            if (ritz.residuals[chosen] <= self.settled * self.scale).all():
                self._begin_search(ritz, chosen)
            return False
        values = np.sort(ritz.values[chosen])
        slack = float(self.accuracy.allowed(values, self.scale).max())
        if not self._search_suffices(ritz.values, lower, upper, slack):
            return False
        if np.abs(values - self.before).max() <= slack:
            return True
        self.width = min(2 * self.width, self.k)
        self._begin_search(ritz, chosen)
        return False

    def _plan_next_look(self, error: float, columns: int) -> None:
        """To look takes the time of many small products: wait until it may pay."""
        known = self.space.known
        if error > 0 and self.start is None:
            rate = (self.error - error) / columns if math.isfinite(self.error) else 0.0
            wait = int(min(HASTE * error / max(rate, SLOW), known // 6 + 1))
            wait = max(wait, known // 24, self.k - known)
        else:
            wait = known // 16 if known > 24 else 1
        self.wait, self.error = max(wait, 1), error

    def _begin_search(self, ritz: Ritz, chosen: Any) -> None:
        """Begin to look for copies of what was found."""
        space = self.space
        space.drop_pending()
        space.compress(ritz.coefficients[:, chosen])
        self.kept, self.depth, self.searching = space.known, 0, True
        self.before = np.sort(ritz.values[chosen])
        self._add_random(self.width)

    def _dropped_too_much(self, S: Any, errors: Any) -> bool:
        """Whether going on cannot help a pair, as its error is in what was dropped."""
        s = S[:, [int(errors.argmax())]]
        _, B, D = self.space.at
        return bool(np.linalg.norm(D @ s) > 10 * np.linalg.norm(B @ s))

    def _search_suffices(
        self, every: Any, lower: float | None, upper: float | None, slack: float
    ) -> bool:
        """Whether an eigenvalue beyond the edges would have shown in the space of the search."""
        space, first = self.space, self.kept
        if space.known == first:
            return not space.pending
        with one_blas_thread:
            values, S = np.linalg.eigh(space.at.T[first:, first:])
            residuals = space.residuals(S, first)
        small = 1e-2 * np.maximum(np.abs(values), self.scale)
        for edge, sign, at in ((upper, 1.0, -1), (lower, -1.0, 0)):
            if edge is None or residuals[at] <= small[at]:
                continue
            missing = sign * (edge - values[at]) + slack
            extent = sign * (edge - every[0 if sign > 0 else -1]) + slack
            if missing <= 0:
                return False
            at_edge = edge + sign * slack
            missed = self._probability_missed(missing / extent)
            if min(missed, self._probability_invisible(at_edge)) > DOUBT:
                return False
        return True

    def _probability_missed(self, gap: float) -> float:
        """A bound of the probability that the search has missed an eigenvalue.

        The eigenvalue lies further out than the search has reached, by this part of the extent of
        the spectrum (Kuczyński and Woźniakowski 1992, theorem 4.1, for random starts).
        """
        one = 1.648 * math.sqrt(self.A.size) * math.exp(-math.sqrt(gap) * (2 * self.depth - 1))
        return one**self.width

    def _probability_invisible(self, x: float) -> float:
        """A bound of the same, for eigenvalues from x on, by what the search has found.

        With the orthonormal polynomials p of a Lanczos recurrence from the vector w, and x outside
        of its Ritz values, at most ``1 / Σ p(x)²`` of ``|w|²`` lies in the eigenspaces from x on
        (Akhiezer 1965, section 2.5). It would take chance to make a random w so nearly orthogonal
        to one. This knows the spectrum, where the bound above assumes the worst.
        """
        first = self.kept
        if self.width > 1 or self.space.known - first != self.depth:
            return 1.0  # no recurrence of one vector, or one that a restart has cut
        T = self.space.at.T[first:, first:]
        before, p, total = 0.0, 1.0, 1.0
        for j in range(self.depth - 1):
            if T[j, j + 1] == 0:
                return 0.0  # an invariant subspace, and x is not in it
            step = (x - T[j, j]) * p - (T[j - 1, j] * before if j else 0.0)
            before, p = p, step / T[j, j + 1]
            total += p**2
        return math.sqrt(2 * self.A.size / (math.pi * total))

    # ---- the basis -------------------------------------------------------------------------------

    def _add_random(self, count: int) -> int:
        """Add random columns, but no more than there is room for; return how many."""
        count = min(count, self.A.size - self.space.total)
        if self.space.total + count > self.space.capacity:
            self._restart()
        columns = range(self.drawn, self.drawn + count)
        self.drawn += count
        return self.space.add(gaussians(self.A.size, columns, self.seed, self.A.dtype))

    def _make_room(self) -> None:
        space = self.space
        if space.total + space.pending > space.capacity and space.capacity < self.A.size:
            self._restart()

    def _restart(self) -> None:
        ritz, space = self.space.ritz(), self.space
        room = space.capacity - 2 * space.pending
        count = min(self.k + (room - self.k) // 2, room - 1)
        # What the search is orthogonal to stays in front. What it has found is in the rest.
        first = order(ritz.values, max(self.k, min(self.kept, count)), self.which)
        rest = order(ritz.values, count, self.which)
        keep = np.r_[first, rest[~np.isin(rest, first)]]
        space.compress(ritz.coefficients[:, keep])
        self.kept = min(self.kept, len(first))

    # ---- progress and checkpoints ----------------------------------------------------------------

    def _show_progress(self, error: float) -> None:
        """The error falls by about the same factor with each product."""
        self._history.append((self.A.matvecs, math.log(max(error, 1e-300))))
        (m0, e0), (m1, e1) = self._history[-min(len(self._history), 8)], self._history[-1]
        remaining = e1 * (m1 - m0) / (e0 - e1) if e1 > 0 and e0 > e1 else 0.0
        known = math.isfinite(e1) and (e1 <= 0 or remaining > 0)
        self.budget.show(m1 + remaining if known else None, f"error {error:.1e} × allowed")

    def _state(self) -> dict[str, Any]:
        small = {name: getattr(self, name) for name in _STATE}
        asked = {"asked": np.array(self.accuracy.numbers)}
        return {**self.space.state(), **small, **asked, **self.budget.state()}

    def _restore(self, saved: dict[str, Any]) -> None:
        self.space.restore(saved)
        for name, kind in _STATE.items():
            setattr(self, name, kind(saved[name]))
        self.budget.restore(saved)
        if not np.array_equal(saved["asked"], self.accuracy.numbers):
            self.done = False
            if self.unlooked == 0 and self.next == 0:
                self.unlooked = self.space.known  # it may be done to this accuracy


_STATE: dict[str, Any] = {
    "scale": float,
    "drawn": int,
    "done": bool,
    "searching": bool,
    "settled": float,
    "kept": int,
    "depth": int,
    "width": int,
    "before": np.asarray,
    "unlooked": int,
    "wait": int,
    "error": float,
    "next": int,
}
