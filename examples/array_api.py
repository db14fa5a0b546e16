"""Programs written for the array API standard, none of them for this library, differentiated twice.

SciPy's skewness, t test and soft maximum, and a pooling written with einops. Each line has the
slope along a direction, the curvature along it, and both from differences.
"""

import os

os.environ["SCIPY_ARRAY_API"] = "1"  # before SciPy is imported

import numpy as np
from einops import array_api as einops
from scipy import special, stats

import tinygrad_hess as tg


def pooled_energy(x):
    image = einops.rearrange(x, "(h w) -> h w", h=4)
    pooled = einops.reduce(image, "(h a) (w b) -> h w", "mean", a=2, b=2)
    return (pooled**4).sum()


PROGRAMS = {
    "scipy.stats.skew": stats.skew,
    "scipy.stats.ttest_1samp": lambda x: stats.ttest_1samp(x, 0.2).statistic,
    "scipy.special.logsumexp": special.logsumexp,
    "einops.rearrange, reduce": pooled_energy,
}


def main():
    rng = np.random.default_rng(0)
    x, v, h = rng.gamma(2.0, size=16), rng.normal(size=16), 1e-4
    print(f"{'':<26}{'slope':>14}{'differences':>14}{'curvature':>14}{'differences':>14}")
    for name, f in PROGRAMS.items():
        gradient = tg.grad(f)
        slope, curvature = gradient(x) @ v, v @ tg.hvp(f, x, v)
        slope_by_differences = (f(x + h * v) - f(x - h * v)) / (2 * h)
        curvature_by_differences = (gradient(x + h * v) - gradient(x - h * v)) @ v / (2 * h)
        numbers = (slope, slope_by_differences, curvature, curvature_by_differences)
        print(f"{name:<26}" + "".join(f"{float(n):>14.8f}" for n in numbers))


if __name__ == "__main__":
    main()
