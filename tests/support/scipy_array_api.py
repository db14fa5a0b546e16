"""SciPy's functions for any array, on tensors, to second order: run with ``SCIPY_ARRAY_API=1``."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy import fft, integrate, signal, special, stats

import tinygrad_hess as tg

X = np.array([0.3, 1.2, 0.7, 2.1])
FUNCTIONS: dict[str, Any] = {
    "special.logsumexp": special.logsumexp,
    "special.softmax": special.softmax,
    "special.log_softmax": special.log_softmax,
    "special.gammaln": special.gammaln,
    "special.expit": special.expit,
    "special.xlogy": lambda x: special.xlogy(x, x + 1),
    "stats.zscore": stats.zscore,
    "stats.skew": stats.skew,
    "stats.kurtosis": stats.kurtosis,
    "stats.gmean": stats.gmean,
    "stats.hmean": stats.hmean,
    "stats.pmean": lambda x: stats.pmean(x, 3),
    "stats.entropy": stats.entropy,
    "stats.moment": lambda x: stats.moment(x, 3),
    "stats.variation": stats.variation,
    "stats.sem": stats.sem,
    "stats.pearsonr": lambda x: stats.pearsonr(x, x**2).statistic,
    "stats.ttest_1samp": lambda x: stats.ttest_1samp(x, 0.5).statistic,
    "stats.ttest_ind": lambda x: stats.ttest_ind(x, x**2).statistic,
    "stats.tmean": stats.tmean,
    "stats.circmean": stats.circmean,
    "stats.jarque_bera": lambda x: stats.jarque_bera(x).statistic,
    "stats.power_divergence": lambda x: stats.power_divergence(x).statistic,
    "stats.directional_stats": lambda x: stats.directional_stats(x.reshape(2, 2)).mean_direction,
    "stats.bartlett": lambda x: stats.bartlett(x, x**2).statistic,
    "integrate.trapezoid": integrate.trapezoid,
    "integrate.cumulative_trapezoid": integrate.cumulative_trapezoid,
    "fft.rfft": lambda x: abs(fft.rfft(x)),
    "fft.fht": lambda x: fft.fht(x, 0.1, 0.2),
    "signal.freqz": lambda x: abs(signal.freqz(x)[1]),
    "signal.hilbert": lambda x: abs(signal.hilbert(x)),
}


def main() -> None:
    w = np.cos(np.arange(X.size))
    total = lambda f: lambda x: (f(x) * np.float64(0.7)).sum()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, f in FUNCTIONS.items():
            f = total(f)
            gradient, step = tg.grad(f), 1e-5
            slope = (f(X + step * w) - f(X - step * w)) / (2 * step)
            np.testing.assert_allclose(gradient(X) @ w, slope, 1e-4, 1e-6, err_msg=name)
            moved = (gradient(X + step * w) - gradient(X - step * w)) / (2 * step)
            np.testing.assert_allclose(tg.hvp(f, X, w), moved, 1e-4, 1e-5, err_msg=name)
    print(f"{len(FUNCTIONS)} right")


if __name__ == "__main__":
    main()
