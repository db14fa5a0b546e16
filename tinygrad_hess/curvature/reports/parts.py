"""The parts of a report, in the order of their worth, within a budget of seconds.

run_parts : operator, seconds -> parts
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..analysis.alignment import gradient_alignment
from ..analysis.critical_points import classify_critical_point
from ..analysis.jackknife import jackknife
from ..analysis.landscape import landscape
from ..analysis.layer_blocks import layer_blocks
from ..analysis.layer_shares import layer_shares
from ..analysis.quadratic import quadratic_model
from ..analysis.sharpness import sharpness
from ..analysis.total_loss import TotalLoss
from ..eigenpairs.eigenpairs import top_eigenpairs
from ..estimates.budget import INTERRUPTED, finished, was_interrupted
from ..estimates.dense import matrix_once
from ..estimates.operands import Counted
from ..estimates.result import Result
from ..estimates.steps import Steps
from ..operators.hessian import HessianOperator
from ..spectra.conditioning import condition_number
from ..spectra.density import spectral_density
from ..traces.layers import layer_traces

TOP = 10
"""Eigenpairs to find."""

DENSE = 600
"""Up to this many parameters all eigenvalues are computed: a second or so each time."""

POINTS = 31
"""Of each slice."""

RECOMPUTED = ("alignment", "layers", "model")
"""Parts that cost a product at most, and are not saved."""


@dataclass(frozen=True, eq=False)
class Part(Result, omitted=("name",)):
    """One part of a report.

    Attributes
    ----------
    name : str
    result : object or None
        What was found; None when it was left out or failed.
    why : str
        Why there is no result; otherwise empty.
    failed : bool
    seconds : float
    matvecs : int
        Products spent on it.
    """

    name: str
    result: Any = None
    why: str = ""
    failed: bool = False
    seconds: float = 0.0
    matvecs: int = 0


@dataclass(frozen=True)
class Pace:
    """What things cost here, in seconds."""

    product: float
    evaluation: float

    @property
    def gradient(self) -> float:
        """Recorded anew: about three evaluations and the recording."""
        return 5 * self.evaluation


class Run:
    """The parts of one report, one after the other.

    Parameters
    ----------
    op : HessianOperator
    seconds : float
        For all of them.
    seed : int
    begun : float, optional
        When it began, by ``time.perf_counter``.
    progress : bool
        Show a bar.
    checkpoint : path-like, optional
        A file that keeps what was done: parts, and what was decided by the clock.
    """

    def __init__(
        self,
        op: HessianOperator,
        seconds: float,
        seed: int,
        begun: float | None = None,
        *,
        progress: bool = False,
        checkpoint: Any = None,
    ):
        self.op, self.seconds, self.seed = op, seconds, seed
        self.begun = time.perf_counter() if begun is None else begun
        self.parts: dict[str, Part] = {}
        self.pace = Pace(0.0, 0.0)
        self.interrupted = False
        self.few = op.shape[0] <= DENSE and Counted(op, "report").holds_matrix
        before = op.matvecs
        self.steps = Steps(
            checkpoint, Counted(op, "report"), {"seed": seed}, progress=progress, total=seconds,
            unit="s",
        )  # fmt: skip
        self.matvecs = op.matvecs - before  # spent here, or in an earlier run

    @property
    def left(self) -> float:
        """Seconds left."""
        return self.seconds - (time.perf_counter() - self.begun)

    def found(self, name: str) -> Any:
        """The result of an earlier part, or None."""
        part = self.parts.get(name)
        return None if part is None else part.result

    def all(self) -> dict[str, Part]:
        """Run what the budget allows."""
        with self.steps, matrix_once(self.op) if self.few else contextlib.nullcontext():
            self._all()
        return self.parts

    def _all(self) -> None:
        product, evaluation, products = self.steps("pace", self._measured_pace)
        self.pace = Pace(product, evaluation)
        self.matvecs += products
        P, share, beside = self.op.shape[0], self._seconds_for, self.steps.beside
        few = self.few
        self._run_part(
            "eigenpairs",
            lambda: self._eigenpairs(share("eigenpairs", 0.3)),
            (TOP + 1) * product,
        )
        top = self.found("eigenpairs")
        usable = top is not None and len(top.values) > 0
        missing = "" if usable else "there are no eigenpairs"
        self._run_part("alignment", lambda: gradient_alignment(self.op, top), 0.0, missing)
        self._run_part("layers", lambda: layer_shares(self.op, top), 0.0, missing)
        cost = product + self.pace.gradient
        self._run_part("model", lambda: quadratic_model(self.op), cost)
        # Where all eigenvalues take too long, both ends alone, in a share of what is left.
        allowed = share("point", 0.15) / product
        end = 2 * P if few and allowed >= P else int(np.clip(allowed, 24, max(P - 1, 24)))
        self._run_part(
            "point",
            lambda: classify_critical_point(
                self.op, max_matvecs=end, seed=self.seed, checkpoint=beside("point")
            ),
            24 * product,
        )
        self._run_part("traces", lambda: self._traces(share("traces", 0.15)), 20 * product)
        cost = 2 * (POINTS * self.pace.evaluation + 3 * self.pace.gradient)
        self._run_part("slices", self._slices, cost, missing)
        self._run_part("density", lambda: self._density(share("density", 0.3)), 80 * product)
        self._run_part("condition", lambda: self._condition(share("condition", 0.4)), 80 * product)
        blocks = len(self.op.layers) * 8
        self._run_part(
            "blocks",
            lambda: layer_blocks(self.op, seed=self.seed, checkpoint=beside("blocks")),
            blocks * product,
        )
        cost = 150 * product + 250 * self.pace.gradient
        self._run_part(
            "sharpness",
            lambda: sharpness(self.op, tol=1e-3, seed=self.seed, checkpoint=beside("sharpness")),
            cost,
        )
        groups = self._jackknife_groups()
        cost = groups * (20 * product + 2 * self.pace.gradient)
        missing = "" if groups else "there are no data at hand to leave out"
        if self.op.memory_limit is not None:
            missing = "it takes more operators than memory_limit holds; see jackknife"
        self._run_part("data", self._data_error, cost, missing)

    # ---- what bounds a part ----------------------------------------------------------------------

    def _run_part(self, name: str, part: Callable[[], Any], cost: float, missing: str = "") -> None:
        """Run one part when ``cost`` seconds are there; whatever it raises stays its own."""
        if self.interrupted:
            self.parts[name] = Part(name, why="interrupted (Ctrl-C)")
            return
        compute = lambda: self._computed(name, part, cost, missing)
        try:
            if name in RECOMPUTED:
                found = compute()
            else:
                found, earlier = self.steps(name, lambda: (compute(), self._spent()))
                self.begun = min(self.begun, time.perf_counter() - earlier)
        except KeyboardInterrupt:
            self.interrupted = True
            found = Part(name, why="interrupted (Ctrl-C)")
        self.parts[name] = found
        self.matvecs += found.matvecs
        self.steps.advance(min(self._spent(), self.seconds), name)

    def _computed(self, name: str, part: Callable[[], Any], cost: float, missing: str) -> Part:
        if not missing and cost > self.left:
            missing = (
                f"it takes about {max(cost, 0.1):.2g} s, and {max(self.left, 0):.2g} s were left "
                f"of the budget of {self.seconds:g} s"
            )
        if missing:
            return Part(name, why=missing)
        begin, before = time.perf_counter(), self.op.matvecs
        result, why, failed = None, "", False
        try:
            result = part()
            if was_interrupted(result):
                self.interrupted, why = True, INTERRUPTED
        except Exception as error:  # a part that fails must not take the others with it
            failed, why = True, f"{type(error).__name__}: {error}"
        products = _products(result, self.op.matvecs - before)
        return Part(name, result, why, failed, time.perf_counter() - begin, products)

    def _spent(self) -> float:
        return time.perf_counter() - self.begun

    def _seconds_for(self, name: str, share: float) -> float:
        """Seconds for one part: at most this share of what is left; the same in a later run."""
        return self.steps(f"{name} seconds", lambda: max(share * self.left, 0.05))

    def _measured_pace(self) -> tuple[float, float, int]:
        """One block of products, which also makes the checks, then what one and a loss cost."""
        op, total = self.op, TotalLoss(self.op, who="report")
        before = op.matvecs
        v = np.random.default_rng(self.seed).standard_normal(op.shape[0]).astype(op.dtype)
        op.matvec(v)
        product = _time_warm(lambda: op.matvec(v))
        return product, _time_warm(lambda: total.value(total.start)), op.matvecs - before

    # ---- parts -----------------------------------------------------------------------------------

    def _eigenpairs(self, seconds: float) -> Any:
        return top_eigenpairs(
            self.op, TOP, tol=1e-4, seconds=seconds, seed=self.seed,
            checkpoint=self.steps.beside("eigenpairs"),
        )  # fmt: skip

    def _traces(self, seconds: float) -> Any:
        options: dict[str, Any] = {"rtol": 0.02, "max_matvecs": max(self.op.shape[0], 2000)}
        return layer_traces(
            self.op,
            seconds=seconds,
            seed=self.seed,
            checkpoint=self.steps.beside("traces"),
            **options,
        )

    def _spectrum_method(self) -> str:
        return "auto" if self.few else "lanczos"

    def _density(self, seconds: float) -> Any:
        """As many steps as there is time for."""
        steps = int(np.clip(seconds / (10 * self.pace.product), 8, 100))
        return spectral_density(
            self.op, steps=steps, seconds=seconds, method=self._spectrum_method(), seed=self.seed,
            checkpoint=self.steps.beside("density"),
        )  # fmt: skip

    def _condition(self, seconds: float) -> Any:
        steps = int(np.clip(seconds / (4 * self.pace.product), 8, 150))
        return condition_number(
            self.op,
            probes=4,
            steps=steps,
            seconds=seconds,
            method=self._spectrum_method(),
            seed=self.seed,
            checkpoint=self.steps.beside("condition"),
        )

    def _slices(self) -> Any:
        """Along the top eigenvector, to twice the loss by the model; and along the gradient."""
        top, model = self.found("eigenpairs"), self.found("model")
        value, largest = abs(float(self.op.value)), float(top.values[0])
        length = (2 * value / largest) ** 0.5 if value > 0 and largest > 0 else 0.5
        along = [(top.vectors[:, 0], length)]
        if model is not None and model.gradient.any():
            bent, norm = model.gradient_curvature, float(np.linalg.norm(model.gradient))
            # steps of steepest descent: twice the best one, or to the same distance
            along.append((-model.gradient, 2 / bent if bent > 0 else length / norm))
        found: list[Any] = []
        for i, (d, r) in enumerate(along):
            path = self.steps.beside(f"slices.{i}")
            found.append(
                landscape(self.op, directions=[d], radius=float(r), points=POINTS, checkpoint=path)
            )
            if was_interrupted(found[-1]):
                break
        return tuple(found)

    def _jackknife_groups(self) -> int:
        """Parts of the data that the jackknife leaves out in turn; 0 where it cannot."""
        batches = self.op._batches
        if batches.data[0] is None or not batches.in_memory:
            return 0
        return 10 if batches.single else len(batches.data)

    def _data_error(self) -> Any:
        """The error of the largest eigenvalue that the data make."""
        op, start = self.op, self.found("eigenpairs")
        v0 = None if start is None else start.vectors[:, :3]
        data = op._batches.data[0] if op._batches.single else op._batches.data
        pair = lambda h: finished(top_eigenpairs(h, 1, rtol=1e-3, v0=v0, seed=self.seed))
        answer = lambda h: float(pair(h).values[0])
        return jackknife(
            answer, op.loss, op._at.tree(), data, *(op._args or ()),
            reduction=op.reduction, seed=self.seed, checkpoint=self.steps.beside("data"),
        )  # fmt: skip


def _products(result: Any, here: int) -> int:
    """What a part spent, also in an earlier run; ``here`` where its result does not say."""
    results = result if isinstance(result, tuple) else (result,)
    counts = [getattr(one, "matvecs", None) for one in results]
    return sum(counts) if None not in counts else here  # type: ignore[arg-type]


def _time_warm(call: Callable[[], Any]) -> float:
    call()
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin
