"""Random probes of a spectrum: what the density, trace functions and counts are made from.

SpectralSample : operator, budget -> eigenvalues that are known + a quadrature rule for each probe

The first probes find the eigenvalues that Lanczos resolves (the outliers, mostly). Those are then
known, with their multiplicities; only the rest of the spectrum is left to chance. Their part is
taken out of the rules of the first probes, and later probes are drawn orthogonal to their vectors.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core import arguments
from ..estimates.budget import INTERRUPTED
from ..estimates.operands import Array
from ..estimates.probes import gaussians
from ..estimates.run import Run
from .quadrature import Recurrences, Rule, gauss
from .resolved import FEWEST, Candidates, Resolved, rounding

BASIS_MEMORY = 2**30
"""Bytes of Lanczos vectors in memory; it limits how many probes run side by side."""

LEAST = 9
"""Lanczos vectors of a probe that there is always room for."""

Tridiagonals = Sequence[tuple[Array, Array]]


class SpectralSample:
    """Probes of the spectrum of a symmetric operator, drawn as they are needed.

    A probe is a random direction (uniform on the sphere), so the mean of its spectral measure is
    the density of eigenvalues, each of weight 1/P.

    Parameters
    ----------
    budget : Run
        The operator, and what may be spent on it.
    probes : int
        How many to begin with, at least 4.
    steps : int
        Lanczos steps for each, at most.
    seed : int
        Probe i depends on the seed and on i alone.
    checkpoint : path-like, optional
        A file that keeps what was done, the Krylov basis included; a run that finds it goes on.
    settled : callable, optional
        ``settled(tridiagonals) -> bool``, asked at times while the first probes run: whether
        these steps are enough.

    Attributes
    ----------
    known : list of Resolved
        Ascending. The counted ones are taken out of the rules.
    rules : list of Rule
        One for each probe, for the rest of the spectrum. Their weights sum to its share.
    tridiagonals : list of (alpha, beta)
        One for each probe, as run.
    reason : str
        Why there are fewer probes or steps than asked for; otherwise empty.
    """

    def __init__(
        self,
        budget: Run,
        *,
        probes: int,
        steps: int,
        seed: int,
        settled: Callable[[Tridiagonals], bool] | None = None,
    ):
        A = budget.A
        probes = arguments.integer(A.who, "probes", probes)
        steps = arguments.integer(A.who, "steps", steps)
        if probes < FEWEST or steps < 2:
            raise ValueError(
                f"{A.who}: at least {FEWEST} probes and 2 steps are needed, got {probes} probes "
                f"and {steps} steps"
            )
        self.A, self.budget, self.seed, self.settled = A, budget, seed, settled
        self.reason = ""
        self.known: list[Resolved] = []
        self.rules: list[Rule] = []
        self.tridiagonals: list[tuple[Array, Array]] = []
        self._basis: Array | None = None  # of the counted eigenvalues
        self._found: tuple[list[Resolved], Array] | None = None
        self._fixed = False  # whether `steps` is what the first block settled on
        self._running: dict[str, Array] | None = None
        self._checkpoint = budget.checkpoint({"seed": seed, "steps": steps, "probes": probes})
        state = self._checkpoint.load()
        room = A.columns(BASIS_MEMORY, min(LEAST, A.size))
        self.steps, self.scouts = (
            self._fit_to_budget(probes, steps, room) if state is None else map(int, state["plan"])
        )
        self._cut = self.reason  # why the plan is less than was asked for
        self.width = max(1, room // (self.steps + 1))
        self._candidates = Candidates(most=max(1, room // (4 * self.scouts)))
        if state is not None:
            self._restore(state)

    def _fit_to_budget(self, probes: int, steps: int, room: int) -> tuple[int, int]:
        """Steps and first probes that the budget and room for so many vectors allow."""
        A = self.A
        steps = min(steps, A.size, max(2, room - 1))
        left = self.budget.left
        if probes * steps > left:
            probes = int(max(min(probes, left // steps), FEWEST))
            steps = int(min(steps, left // probes))
            self.reason = (
                f"max_matvecs={self.budget.max_matvecs} allowed {probes} probes of {steps} steps; "
                "give more"
            )
        if steps < min(2, A.size):
            raise ValueError(
                f"{A.who}: max_matvecs={self.budget.max_matvecs} is too few; give at least "
                f"{2 * probes}"
            )
        return steps, probes

    # ---- drawing ---------------------------------------------------------------------------------

    def draw(self, probes: int) -> str:
        """Draw until there are ``probes`` of them. Returns why not, or an empty string."""
        probes = max(probes, self.scouts)
        try:
            while len(self.tridiagonals) < probes:
                why = self._draw_block(probes)
                if why:
                    self.reason = why
                    break
        except KeyboardInterrupt:
            if len(self.tridiagonals) < 2:
                raise
            self.reason = INTERRUPTED
        self._update_rules()
        return self.reason

    def _draw_block(self, probes: int) -> str:
        first = len(self.tridiagonals)
        scouting = first < self.scouts
        last = min(first + self.width, self.scouts if scouting else probes)
        if not scouting and not self._found:
            self._resolve()
        Z = gaussians(self.A.size, range(first, last), self.seed, self.A.dtype)
        run = Recurrences(self.A, Z, self.steps, None if scouting else self._counted_vectors())
        if self._running is not None:
            run.restore(self._running)
            self._running = None
        try:
            why = self._advance(run, probes)
        except KeyboardInterrupt:
            why = INTERRUPTED
        if why and (first > 0 or run.steps < 2):
            if first == 0 or (first < 2 and scouting):
                if why == INTERRUPTED:
                    raise KeyboardInterrupt
                raise ValueError(f"{self.A.who}: nothing can be said yet: {why}")
            self._save(run)  # a later call, with more to spend, goes on from here
            return why
        if why:
            self._save(run)
        self.steps, self._fixed = run.steps, True
        for i in range(last - first):
            self.tridiagonals.append(tuple(x.copy() for x in run.tridiagonal(i)))  # type: ignore[arg-type]
            if scouting:
                self._candidates.add(run, i)
        if not why:
            self._save(None)
        return why

    def _advance(self, run: Recurrences, probes: int) -> str:
        """Run a block to its end; or say why not."""
        count = len(run.basis)
        while run.steps < self.steps and len(run.live):
            why = self.budget.over(len(run.live))
            if why:
                return why
            run.advance()
            ahead = (self.steps - run.steps) * len(run.live)
            ahead += self.steps * (probes - len(self.tridiagonals) - count)
            self.budget.show(self.A.matvecs + ahead, f"step {run.steps} of {self.steps}")
            if self._steps_suffice(run):
                break
            if self._checkpoint.due():
                self._save(run)
        return ""

    def _steps_suffice(self, run: Recurrences) -> bool:
        """Whether the first block may stop here."""
        if self._fixed or self.settled is None or run.steps not in STAGES:
            return False
        return self.settled([run.tridiagonal(i) for i in range(len(run.basis))])

    # ---- what the probes show --------------------------------------------------------------------

    def _resolve(self) -> None:
        known, bases = self._candidates.resolve()
        empty = np.zeros((self.A.size, 0), self.A.dtype)
        vectors = np.linalg.qr(np.concatenate([empty, *bases], axis=1))[0]
        self._found = known, vectors
        self._candidates.vectors = []

    def _counted_vectors(self) -> Array:
        assert self._found is not None
        return self._found[1]

    def _update_rules(self) -> None:
        """The rules of all probes so far, without what is known."""
        if not self._found:
            self._resolve()
        assert self._found is not None
        self.known = self._found[0]
        self.rules = []
        for i, (alpha, beta) in enumerate(self.tridiagonals):
            rule, _ = gauss(alpha, beta)
            removed = np.zeros(len(rule.nodes), bool)
            if i < self.scouts:
                for e in self.known:
                    if e.counted:
                        margin = e.high - e.low
                        removed |= (rule.nodes >= e.low - margin) & (rule.nodes <= e.high + margin)
            self.rules.append(rule.without(removed, self.rest))

    @property
    def counted(self) -> list[Resolved]:
        """The eigenvalues whose multiplicities are known."""
        return [e for e in self.known if e.counted]

    @property
    def count(self) -> int:
        """Probes drawn so far."""
        return len(self.tridiagonals)

    @property
    def rest(self) -> float:
        """The share of the spectrum that is left to chance."""
        return 1 - sum(e.multiplicity for e in self.counted) / self.A.size

    @property
    def largest(self) -> float:
        """The largest magnitude of a Ritz value."""
        found = [abs(e.value) for e in self.known]
        found += [float(np.abs(r.nodes).max()) for r in self.rules if len(r.nodes)]
        return max(found, default=0.0)

    def point_masses(self, rule: Rule) -> Array:
        """Which nodes of a rule are eigenvalues, to rounding: shape (m,), booleans."""
        margin = rounding(rule, self.A.eps)
        gaps = np.diff(rule.nodes, prepend=-np.inf, append=np.inf)
        nearest = np.minimum(gaps[:-1], gaps[1:])
        return (rule.residuals + margin) * 1e3 <= nearest

    # ---- saved and restored ----------------------------------------------------------------------

    def _save(self, run: Recurrences | None) -> None:
        if self._checkpoint.path is None:
            return
        lengths = np.array([len(alpha) for alpha, _ in self.tridiagonals], int)
        padded = np.zeros((2, len(lengths), max(lengths, default=0)))
        for i, pair in enumerate(self.tridiagonals):
            padded[:, i, : lengths[i]] = pair
        candidates, empty = self._candidates, np.zeros((0, self.A.size), self.A.dtype)
        state: dict[str, Any] = {
            "lengths": lengths,
            "tridiagonals": padded,
            "plan": np.array([self.steps, self.scouts]),
            "cut": np.array(self._cut),
            "fixed": np.array(self._fixed),
            "held_values": np.array(candidates.values),
            "held_residuals": np.array(candidates.residuals),
            "held_runs": np.array(candidates.runs, int),
            "held_vectors": np.array(candidates.vectors) if candidates.vectors else empty,
            "spent": np.array([self.budget.seconds, self.A.matvecs]),
        }
        if self._found:
            known, vectors = self._found
            state["known"] = np.array([dataclasses.astuple(e) for e in known]).reshape(-1, 5)
            state["vectors"] = vectors
        if run is not None:
            state |= {f"running_{name}": value for name, value in run.state().items()}
        self._checkpoint.save(state)

    def _restore(self, state: dict[str, Array]) -> None:
        seconds, matvecs = state["spent"]
        self.budget.restore({"seconds": seconds, "matvecs": matvecs})
        self._fixed = bool(state["fixed"])
        cut = str(state.get("cut", ""))
        if cut.startswith(f"max_matvecs={self.budget.max_matvecs} "):  # and it is not more now
            self.reason = self._cut = cut
        for i, length in enumerate(state["lengths"]):
            alpha, beta = state["tridiagonals"][:, i, :length]
            self.tridiagonals.append((alpha, beta))
            if i < self.scouts:
                self._candidates.rules.append(gauss(alpha, beta)[0])
        candidates = self._candidates
        candidates.values, candidates.residuals = (
            state["held_values"].tolist(),
            state["held_residuals"].tolist(),
        )
        candidates.runs, candidates.vectors = (
            state["held_runs"].tolist(),
            list(state["held_vectors"]),
        )
        if "known" in state:
            known = [
                Resolved(v, low, high, int(m), bool(c)) for v, low, high, m, c in state["known"]
            ]
            self._found = known, state["vectors"]
        running = {k.removeprefix("running_"): v for k, v in state.items() if "running_" in k}
        self._running = running or None


def _geometric_steps() -> frozenset[int]:
    stages, n = [], 12.0
    while n < 1e5:
        stages.append(int(n))
        n *= 1.25
    return frozenset(stages)


STAGES = _geometric_steps()
"""After how many steps it is asked whether they are enough."""
