"""The spectral density of a symmetric operator, by stochastic Lanczos quadrature.

spectral_density : operator -> SpectralDensity
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from ..estimates.budget import Budget
from ..estimates.dense import all_eigenvalues
from ..estimates.estimate import Estimate
from ..estimates.operands import Array, Counted, check_positive, over_unit
from ..estimates.run import Run
from .density_result import SpectralDensity
from .drawn import Drawn
from .inertia import count_signs
from .spectral_sample import SpectralSample
from .spectrum import Spectrum


def spectral_density(
    op: Any,
    *,
    probes: int = 10,
    steps: int = 100,
    rtol: float | None = None,
    atol: float | None = None,
    max_matvecs: int | None = None,
    seconds: float | None = None,
    bandwidth: float | None = None,
    grid: Any = None,
    zero: float | None = None,
    method: str = "auto",
    seed: int = 0,
    progress: bool = False,
    checkpoint: Any = None,
) -> SpectralDensity:
    """The distribution of the eigenvalues, from products with the operator alone.

    Parameters
    ----------
    op : LinearOperator, ndarray or sparse matrix, shape (P, P)
        Real and symmetric, such as a :class:`HessianOperator`.
    probes : int
        Random vectors to begin with, at least 4. They run side by side.
    steps : int
        Lanczos steps from each: the resolution. Detail finer than about 1/steps of the extent
        of the spectrum shows only near its ends.
    rtol, atol : float, optional
        Go on until the area of half the band, ``∫ (upper - lower) / 2``, is at most
        ``max(atol, rtol * bulk)``.
    max_matvecs : int, optional
        Products to spend at most; by default ``probes * steps``, or with an accuracy 20 times
        that.
    seconds : float, optional
        Time to spend at most.
    bandwidth : float, optional
        Standard deviation of the Gaussians that smooth the bulk; by default each is as wide as
        the nodes around it are apart.
    grid : array_like, shape (G,), optional
        Where to give the density; ascending.
    zero : float, optional
        What counts as zero; by default ``max(10, √P) eps`` times the largest magnitude.
    method : {"auto", "dense", "lanczos"}
        Whether to form the matrix; "auto" does for P up to 3,000 where the budget allows.
    seed : int
        Of the probes.
    progress : bool
        Show a progress bar.
    checkpoint : path-like, optional
        A file that keeps what was done; a run that finds it goes on.

    Returns
    -------
    SpectralDensity

    Raises
    ------
    ValueError
        For a bad shape, a matrix that is not symmetric, fewer than 4 probes or 2 steps, options
        that are not positive, or products that are not finite.

    Notes
    -----
    Eigenvalues that all of the first probes resolve are counted, not sampled. Those beyond the
    largest gap at either end, and those that occur many times, are atoms. The rest is the bulk:
    the mean over probes of their Gauss rules, smoothed. Where no bulk node is negative, the
    density has no mass below zero. The band is over probes; what smoothing hides it does not
    cover, and where few eigenvalues make the density, as at the edge of a bulk, it covers less
    than 95% (83 to 90% were measured). ``cumulative_bounds`` do not smooth; they hold for certain,
    but for chance over probes.

    References
    ----------
    Lin, Saad and Yang (2016), Approximating spectral densities of large matrices. Ghorbani,
    Krishnan and Xiao (2019), An investigation into neural net optimization via Hessian eigenvalue
    density. Golub and Meurant (2010), Matrices, Moments and Quadrature.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import spectral_density
    >>> spectrum = spectral_density(np.diag(np.r_[np.zeros(5), np.linspace(1, 2, 14), 9.0]))
    >>> spectrum
    SpectralDensity(20 eigenvalues in [0, 9], 1 outlier (gap 4.5x), 25.00% zero, 20 products,
    exact)
    >>> [atom.value for atom in spectrum.atoms]
    [9.0]
    >>> round(float(np.trapezoid(spectrum.density, spectrum.grid)), 2), round(spectrum.bulk, 2)
    (0.7, 0.7)
    """
    check_positive("spectral_density", rtol=rtol, atol=atol, bandwidth=bandwidth, zero=zero)
    with Run(
        op, "spectral_density", rtol=rtol, atol=atol, max_matvecs=max_matvecs, seconds=seconds,
        progress=progress, checkpoint=checkpoint, seed=seed, defaults=(None, 20 * probes * steps),
    ) as budget:  # fmt: skip
        A, target = budget.A, budget.target
        eigenvalues = all_eigenvalues(A, budget, method)
        points = None if grid is None else np.asarray(grid, float)

        def over_units(A: Counted) -> tuple[float | None, Array | None]:
            return (
                None if bandwidth is None else over_unit(bandwidth, A),
                None if points is None else points / A.unit,
            )

        if eigenvalues is not None:
            spectrum = Spectrum.of_all(A, eigenvalues, zero)
            drawn = Drawn(spectrum, *over_units(A))
            return _result(A, drawn, budget, seed=seed, eigenvalues=eigenvalues)
        sample = SpectralSample(budget, probes=probes, steps=steps, seed=seed)
        reason = sample.draw(probes)
        while True:
            drawn = Drawn(Spectrum.of_sample(sample, zero), *over_units(A))
            result = _result(A, drawn, budget, seed=seed, sample=sample, reason=reason)
            if not target.asked or reason:
                return result
            half = float(np.trapezoid(np.diff(drawn.band)[:, 0] / 2, drawn.grid))
            allowed = target.allowed(result.bulk)
            if half <= allowed:
                return result
            k = result.probes
            needed = k * (half / allowed) ** 2 if allowed > 0 else math.inf
            reason = sample.draw(math.ceil(min(max(needed, k + 1), 2 * k)))
            if sample.count == k:
                return dataclasses.replace(result, converged=False, reason=reason)


def _result(
    A: Counted,
    drawn: Drawn,
    budget: Budget,
    *,
    seed: int,
    eigenvalues: Array | None = None,
    sample: SpectralSample | None = None,
    reason: str = "",
) -> SpectralDensity:
    cumulative, bounds = drawn.cumulative()
    signs = count_signs(drawn.spectrum, A.matvecs, budget.seconds, seed=seed, reason=reason)
    unit, low, high = A.unit, *drawn.spectrum.extent
    nodes, weights = drawn.spectrum.quadrature()
    exponents, *parts = drawn.magnitudes()
    return SpectralDensity(
        grid=unit * drawn.grid,
        density=drawn.density / unit,
        band=drawn.band / unit,
        cumulative=cumulative,
        cumulative_bounds=bounds,
        atoms=tuple(
            dataclasses.replace(
                a, value=unit * a.value, interval=(unit * a.interval[0], unit * a.interval[1])
            )
            for a in drawn.atoms
        ),
        zero_mass=_as_share(signs.zero, A.size),
        bulk=drawn.bulk,
        outliers=drawn.outliers,
        gap=drawn.gap,
        extent=(unit * low, unit * high),
        eigenvalues=None if eigenvalues is None else unit * eigenvalues,
        probes=0 if sample is None else len(sample.rules),
        steps=0 if sample is None else sample.steps,
        size=A.size,
        zero=unit * drawn.spectrum.zero,
        resolution=unit * drawn.spectrum.resolution,
        matvecs=A.matvecs,
        converged=not reason,
        exact=drawn.spectrum.exact,
        seconds=budget.seconds,
        seed=seed,
        method="dense" if sample is None else "stochastic Lanczos quadrature",
        reason=reason,
        quadrature=(unit * nodes, weights),
        magnitudes=(exponents + math.log10(unit), parts[0], parts[1]),
    )


def _as_share(count: Estimate, P: int) -> Estimate:
    low, high = count.interval
    return dataclasses.replace(
        count, value=count.value / P, standard_error=count.standard_error / P,
        interval=(low / P, high / P),
    )  # fmt: skip
