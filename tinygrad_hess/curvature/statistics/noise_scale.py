"""How noisy a gradient over a few examples is: the batch size beyond which more examples help less.

gradient_noise_scale : loss, params, data -> GradientNoiseScale
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...core.plotting import BLUE, GREY, axes
from ..estimates import scaling
from ..estimates.estimate import student
from ..estimates.result import Result
from ..estimates.steps import Steps
from ..operators import checks
from ..operators.batches import Batches
from ..operators.flattening import Array, Flattening
from .per_example import over_gradient_rows, steps_at


@dataclass(frozen=True)
class GradientNoiseScale(Result):
    """The simple gradient noise scale, in examples.

    Attributes
    ----------
    value : float
        ``tr Σ / |G|²``; infinity where the estimate of ``|G|²`` is not positive.
    standard_error : float
        By the jackknife and the delta method.
    interval : (float, float)
        95%, by Fieller's method: it has no upper end where the data cannot tell the gradient from
        zero.
    trace_covariance : float
        ``tr Σ``, the variance of one example's gradient, summed over parameters.
    gradient_norm_squared : float
        ``|G|²``, free of bias, so that it may be negative.
    examples : int
    converged : bool
        Whether the interval is bounded.
    seconds : float
    reason : str
        Why not, and what to do.
    """

    value: float
    standard_error: float
    interval: tuple[float, float]
    trace_covariance: float
    gradient_norm_squared: float
    examples: int
    converged: bool
    seconds: float = field(default=0.0, compare=False)
    reason: str = ""

    def __repr__(self) -> str:
        low, high = self.interval
        state = "" if self.converged else f"; {self.reason}"
        return (
            f"GradientNoiseScale({self.value:.4g} examples, 95% in [{low:.4g}, {high:.4g}], from "
            f"{self.examples} examples{state})"
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw the progress of a step against the batch size, ``1 / (1 + B_noise / B)`` of what the
        full gradient makes (equation 2.7), with the interval as a band; return the axes."""
        ax = axes(ax)
        low, high = self.interval
        middle = self.value if math.isfinite(self.value) else max(low, 1.0)
        size = np.logspace(
            min(0.0, math.log10(max(middle, 1e-2)) - 1), math.log10(middle + 1) + 2, 200
        )
        ax.fill_between(size, 1 / (1 + high / size), 1 / (1 + low / size), color=BLUE, alpha=0.2)
        ax.plot(size, 1 / (1 + self.value / size), color=BLUE)
        if math.isfinite(self.value):
            ax.axvline(self.value, color=GREY, linestyle=":")
        ax.set_xscale("log")
        ax.set_ylim(0, 1)
        ax.set_xlabel("batch size (examples)")
        ax.set_ylabel("progress of a step, relative to\nthat with the full gradient")
        ax.set_title(f"gradient noise scale {self.value:.3g}", fontsize=10)
        return ax


def gradient_noise_scale(
    loss: Callable[..., Any],
    params: Any,
    data: Any,
    *,
    chunk_size: int | None = None,
    progress: bool = False,
    checkpoint: Any = None,
) -> GradientNoiseScale:
    """The batch size at which a gradient's noise is as large as the gradient itself.

    ``B_simple = tr Σ / |G|²``, with G the mean and Σ the covariance of the gradients of single
    examples. Much smaller batches make steps that are mostly noise, so that doubling the batch
    nearly halves the number of steps; much larger ones hardly make better steps.

    Parameters
    ----------
    loss : callable
        ``loss(params, batch)``, a mean or a sum over examples. It is given single examples.
    params : pytree
        Real floating-point arrays, or a model of :mod:`tinygrad_hess.nn`.
    data
        One batch, or a list or another iterable of batches, or :class:`ShardedData`, whose workers
        then take the gradients: n examples in all, at least 3, taken as independent draws from the
        population that the answer is about. Read twice.
    chunk_size : int, optional
        Examples in one sweep; by default as many as keep their gradients below 64 MiB.
    progress : bool
        Show a progress bar.
    checkpoint : path-like, optional
        A file that keeps what was done, batch by batch; a run that finds it goes on with the same
        numbers, after a kill as after Ctrl-C.

    Returns
    -------
    GradientNoiseScale

    Raises
    ------
    ValueError
        For fewer than 3 examples, gradients that are not finite, or other data on the second pass.

    Notes
    -----
    Both parts of the ratio are free of bias: ``tr Σ`` with n - 1 in its denominator, ``|G|²`` as
    ``|ḡ|² - tr Σ / n``. Their covariance comes from the jackknife over examples, which needs the
    norms of the examples' gradients and their products with the mean only. On normal gradients
    the interval covers in 93 to 98% of samples; in 87 to 93% where all that matters are one or
    two parameters whose gradient is hardly larger than its standard error.

    References
    ----------
    McCandlish, Kaplan, Amodei et al. (2018), An empirical model of large-batch training, equation
    2.9. Fieller (1954), Some problems in interval estimation.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import gradient_noise_scale
    >>> loss = lambda w, x: ((w - x) ** 2).sum() / 2     # the gradient of an example is w - x
    >>> x = np.random.default_rng(0).normal(size=(1000, 1))
    >>> gradient_noise_scale(loss, np.array([0.5]), x)    # tr Σ = 1, G = 0.5
    GradientNoiseScale(3.19 examples, 95% in [2.56, 4.145], from 1000 examples)
    """
    who = "gradient_noise_scale"
    begin = time.perf_counter()
    checks.check_functions(who, loss=loss)
    at = Flattening(params, who)
    batches = Batches(data, who)
    options = {"chunk_size": chunk_size}
    with steps_at(checkpoint, at, batches, loss, options, progress) as steps:
        total, unit, norms = _norms(loss, at, batches, chunk_size, steps)
        n = sum(map(len, norms))
        if n < 3:
            raise ValueError(f"{who}: at least 3 examples are needed, got {n}")
        mean = total / n
        products = [
            *over_gradient_rows(
                _products, loss, at, batches, chunk_size, unit, mean, steps=steps, name="products"
            )
        ]
    a, b = np.concatenate(norms), np.concatenate(products)
    q = float(mean @ mean)
    S, G2, covariance = _jackknife(a, b, q)
    t = student(n - 1)
    interval = _fieller(S, G2, covariance, t)
    ratio = S / G2 if G2 > 0 else math.inf
    gradient = np.array([1.0, -ratio])
    error = math.sqrt(gradient @ covariance @ gradient) / G2 if G2 > 0 else math.inf
    bounded = math.isfinite(interval[1])
    return GradientNoiseScale(
        value=ratio,
        standard_error=error,
        interval=interval,
        trace_covariance=S * unit * unit,
        gradient_norm_squared=G2 * unit * unit,
        examples=n,
        converged=bounded,
        seconds=time.perf_counter() - begin,
        reason=""
        if bounded
        else f"{n} examples cannot tell the gradient from zero; give more of them",
    )


def _norms(
    loss: Callable[..., Any], at: Flattening, batches: Batches, chunk_size: int | None, steps: Steps
) -> tuple[Array, float, list[Array]]:
    """The sum of all gradients and their squared norms, over the unit in between."""
    total, unit = np.zeros(at.size), 0.0
    norms: list[Array] = []
    rows = over_gradient_rows(_sums, loss, at, batches, chunk_size, steps=steps, name="norms")
    for other, sums, squares in rows:
        if other > unit:
            ratio, unit = unit / other, other
            total *= ratio
            norms = [ratio**2 * x for x in norms]
        ratio = other / (unit or 1.0)
        total += ratio * sums
        norms.append(ratio**2 * squares)
    return total, unit or 1.0, norms


def _sums(g: Array) -> tuple[float, Array, Array]:
    """Of some gradients, over their unit: the unit (0 of zeros), the sum and the squared norms."""
    unit = scaling.power_of_two(g) if g.any() else 0.0
    g = g / g.dtype.type(unit or 1.0)
    return unit, g.sum(axis=0, dtype=float), np.einsum("ij,ij->i", g, g, dtype=float)


def _products(g: Array, unit: float, mean: Array) -> Array:
    return np.asarray((g / g.dtype.type(unit)) @ mean)


def _unbiased_parts(n: Any, a: Any, q: Any) -> tuple[Any, Any]:
    """``tr Σ`` and ``|G|²`` without bias, from the sum of squared norms and that of the mean."""
    S = (a - n * q) / (n - 1)
    return S, q - S / n


def _jackknife(a: Array, b: Array, q: float) -> tuple[float, float, Array]:
    """The two parts and their covariance matrix.

    ``a`` are the squared norms of n gradients, ``b`` their products with the mean, ``q`` its
    squared norm. Without example i, the mean is ``(n ḡ - g_i) / (n - 1)``.
    """
    n = len(a)
    S, G2 = _unbiased_parts(n, a.sum(), q)
    without = (n**2 * q - 2 * n * b + a) / (n - 1) ** 2
    left = np.stack(_unbiased_parts(n - 1, a.sum() - a, without))
    deviations = left - left.mean(axis=1, keepdims=True)
    return float(S), float(G2), deviations @ deviations.T * (n - 1) / n


def _fieller(S: float, G2: float, covariance: Array, t: float) -> tuple[float, float]:
    """Ratios r >= 0 for which ``S - r G2`` is within t of its standard errors of zero."""
    (ss, sg), (_, gg) = covariance * t**2
    a, half_b, c = G2**2 - gg, S * G2 - sg, S**2 - ss
    discriminant = half_b**2 - a * c
    if a > 0 and G2 > 0:
        root = math.sqrt(max(discriminant, 0.0))
        return max((half_b - root) / a, 0.0), (half_b + root) / a
    if a == 0 or discriminant <= 0:
        return 0.0, math.inf
    root = math.sqrt(discriminant)
    low, high = sorted([(half_b - root) / a, (half_b + root) / a])
    # the set is all but (low, high): of the ratios r >= 0 one piece, or two, then their hull
    return (max(high, 0.0) if low < 0 else 0.0), math.inf
