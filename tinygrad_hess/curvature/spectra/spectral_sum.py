"""Sums of functions over a spectrum, and what is made of several such sums.

spectral_sum : operator, functions -> Estimate
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core import arguments
from ..estimates import scaling
from ..estimates.dense import all_eigenvalues
from ..estimates.estimate import Estimate, student
from ..estimates.operands import Array, Counted, check_positive
from ..estimates.run import Run
from .quadrature import gauss
from .spectral_sample import SpectralSample, Tridiagonals

Function = Callable[[Array], Array]
Combine = Callable[[Array, float], float]

STEPS = 300
"""Lanczos steps for each probe, at most."""

POWERS = np.linspace(0.25, 12.0, 200)
RATES = ((4 / 3) ** POWERS - 1) / (2**POWERS - (4 / 3) ** POWERS)
"""Of errors that shrink as 1 / m**power: how the change from 3m/4 steps to m compares with that
from m/2 to 3m/4."""


def _only_sum(sums: Array, largest: float) -> float:
    return float(sums[0])


def spectral_sum(
    A: Counted,
    functions: Sequence[Function],
    combine: Combine = _only_sum,
    *,
    probes: int = 10,
    rtol: float | None = None,
    atol: float | None = None,
    max_matvecs: int | None = None,
    seconds: float | None = None,
    method: str = "auto",
    seed: int = 0,
    progress: bool = False,
    checkpoint: Any = None,
) -> Estimate:
    """``combine(sums, largest)`` with its 95% interval.

    Parameters
    ----------
    A : Counted
    functions : sequence of callable
        Real and elementwise, of eigenvalues over ``A.unit``; their sums are estimated together.
    combine : callable
        ``combine(sums, largest)``, smooth in the sums of shape (number of functions,); largest
        is the largest magnitude of an eigenvalue. By default the only sum.

    Other parameters, and what is raised, are those of :func:`trace_function`.

    Notes
    -----
    The error over probes is the jackknife's, which for a single sum is the usual standard error.
    """
    check_positive(A.who, rtol=rtol, atol=atol)
    functions = [_check_function(f, A) for f in functions]
    with Run(
        A, A.who, rtol=rtol, atol=atol, max_matvecs=max_matvecs, seconds=seconds,
        progress=progress, checkpoint=checkpoint, seed=seed, defaults=(None, 10_000),
    ) as budget:  # fmt: skip
        target = budget.target
        eigenvalues = all_eigenvalues(A, budget, method)
        if eigenvalues is not None:
            sums = np.array([f(eigenvalues).sum() for f in functions])
            value = combine(sums, float(np.abs(eigenvalues).max()))
            return Estimate.of_exact(value, A.matvecs, seconds=budget.seconds, method="dense")

        def settled(tridiagonals: Tridiagonals) -> bool:
            largest = max(float(np.abs(gauss(*pair)[0].nodes).max()) for pair in tridiagonals)
            sums = [_quadratures(tridiagonals, f, A.size) for f in functions]
            errors = np.array([error for _, error in sums])
            found = _Combined(np.array([values for values, _ in sums]), errors, largest, combine)
            chance = found.half - found.quadrature
            return found.quadrature <= 0.05 * max(chance, target.allowed(found.value))

        sample = SpectralSample(budget, probes=probes, steps=STEPS, seed=seed, settled=settled)
        reason = sample.draw(probes)
        while True:
            sums = np.array([_sums(sample, f) for f in functions])
            errors = np.array([_quadratures(sample.tridiagonals, f, A.size)[1] for f in functions])
            found = _Combined(sums, errors, sample.largest, combine, looks=sums.shape[1] > probes)
            value, half, k = found.value, found.half, sums.shape[1]
            wanted = target.allowed(value) if target.asked else math.inf
            fixed = found.quadrature  # of the half width, what more probes cannot take away
            resolved = fixed <= max(0.5 * half, 1e-12 * abs(value)) or half <= wanted < math.inf
            if half > wanted and resolved and not reason:
                ratio = (half - fixed) / max(wanted - fixed, 0.1 * wanted)
                reason = sample.draw(math.ceil(min(max(k * ratio**2, k + 1), 2 * k)))
                if sample.count > k:
                    continue
            if not resolved and not reason:
                reason = (
                    f"{sample.steps} Lanczos steps do not resolve the function on this spectrum; "
                    "a smoother one (a larger shift or damping) needs fewer"
                )
            met = half <= wanted and resolved and (target.asked or not reason)
            return Estimate(
                value=value,
                standard_error=found.error,
                interval=(value - half, value + half),
                matvecs=A.matvecs,
                converged=met,
                seconds=budget.seconds,
                seed=seed,
                method="stochastic Lanczos quadrature",
                reason="" if met else reason,
            )


class _Combined:
    """A combination of sums of which each probe gives an estimate.

    Parameters
    ----------
    sums : ndarray, shape (number of functions, k)
    errors : ndarray, shape (number of functions,)
        Of quadrature.
    largest : float
    combine : callable
    looks : bool
        Whether it was looked at before and more was drawn, until the error was small enough.
        Stopping favours errors that are too small, so they are widened by 2/k (measured: without,
        95% intervals cover 93%).

    Attributes
    ----------
    value : float
    error : float
        Standard error over probes.
    quadrature : float
        What the errors of quadrature may amount to.
    half : float
        Half the width of the 95% interval.
    """

    def __init__(
        self, sums: Array, errors: Array, largest: float, combine: Combine, looks: bool = False
    ):
        k = sums.shape[1]
        mean = sums.mean(axis=1)
        self.value = combine(mean, largest)
        without = (k * mean[:, None] - sums) / (k - 1)
        left_out = np.array([combine(column, largest) for column in without.T])
        self.error = scaling.std(left_out) * math.sqrt(k - 1) * (1 + 2 / k if looks else 1)
        shifts = [combine(mean + step, largest) - self.value for step in np.diag(errors)]
        self.quadrature = float(np.abs(shifts).sum())
        self.half = student(k - 1) * self.error + self.quadrature


def _check_function(f: Function, A: Counted) -> Function:
    arguments.function(A.who, "f", f, "Write a function of an array of eigenvalues.")

    def checked(x: Array) -> Array:
        y = np.asarray(f(x))
        if y.shape != x.shape or y.dtype.kind not in "fiu":
            raise ValueError(
                f"{A.who}: f must be elementwise and real: of an array of shape {x.shape} it made "
                f"one of shape {y.shape} and dtype {y.dtype}"
            )
        if not np.isfinite(y).all():
            where = A.unit * x[~np.isfinite(y)][0]
            raise ValueError(
                f"{A.who}: f is not finite at {where:.6g}, which is an eigenvalue or lies between "
                "eigenvalues"
            )
        return y.astype(np.float64)

    return checked


def _sums(sample: SpectralSample, f: Function) -> Array:
    """What each probe makes of the sum of f, shape (k,)."""
    P = sample.A.size
    counted = np.array([e.value for e in sample.counted])
    times = np.array([e.multiplicity for e in sample.counted])
    known = float(times @ f(counted)) if len(counted) else 0.0
    rest = [float(r.weights @ f(r.nodes)) if len(r.nodes) else 0.0 for r in sample.rules]
    return known + P * np.array(rest)


def _quadratures(run: Tridiagonals, f: Function, P: int) -> tuple[Array, float]:
    """The sums by the full rules, shape (k,), and an estimate of the error of their mean.

    The errors of rules with half, three quarters and all of the steps are taken to shrink as a
    power of the steps, the slowest way that is usual; a smooth function's shrink faster.
    """
    values = np.empty((3, len(run)))
    for i, (alpha, beta) in enumerate(run):
        m = len(alpha)
        for j, n in enumerate((-(-m // 2), -(-3 * m // 4), m)):
            rule, _ = gauss(alpha[:n], beta[:n])
            values[j, i] = P * float(rule.weights @ f(rule.nodes))
    if all(beta[-1] == 0 for _, beta in run):  # invariant subspaces: the rules are exact
        return values[2], 0.0
    first, last = np.abs(np.diff(values, axis=0).mean(axis=1))
    power = np.interp(-last / first, -RATES, POWERS) if first > 0 else POWERS[-1]
    return values[2], float(last) * max(1.0, 1 / ((4 / 3) ** power - 1))
