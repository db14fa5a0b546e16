"""The figures of a report: what each shows, in words, as a drawing and as columns of numbers.

figures : Report -> [Figure]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...core.text import visible
from .document import Figure
from .numbers import percent


def figures(report: Any) -> list[Figure]:
    """Those that there is something to show in."""
    return [
        figure
        for drawn in (_training, _spectrum, _gradient, _slices, _layers, _blocks)
        for figure in drawn(report)
    ]


def _training(report: Any) -> Iterator[Figure]:
    records = report.monitor
    if records is None or not any("top_eigenvalues" in r for r in records):
        return
    values = np.reshape(records.series("top_eigenvalues"), (len(records), -1))
    threshold = records.series("threshold")
    last = records.records[-1]
    caption = f"{len(records)} measurements, the last at step {last['step']:,}."
    if last.get("threshold"):
        caption += f" Dashed: the optimiser is stable below {last['threshold']:.4g}."
    yield Figure(
        "training",
        "Eigenvalues over training",
        caption,
        f"the largest eigenvalue is {values[0, 0]:.3g} at step {records.steps[0]:,} and "
        f"{values[-1, 0]:.3g} at step {records.steps[-1]:,}",
        records.plot,
        {
            "step": records.steps,
            **{f"eigenvalue_{i + 1}": column for i, column in enumerate(values.T)},
            "threshold": threshold,
        },
    )


def _spectrum(report: Any) -> Iterator[Figure]:
    density = report["density"]
    if density is None:
        return
    low, high = density.extent
    how = (
        "from all of them" if density.exact
        else f"by stochastic Lanczos quadrature, {density.probes} probes of {density.steps} steps"
    )  # fmt: skip
    exponents, positive, negative = density.magnitudes
    if len(exponents):
        yield Figure(
            "spectrum_by_magnitude",
            "Spectrum by magnitude",
            f"Share of the eigenvalues in each decade of |λ|, {how}. Zeros are left out.",
            f"eigenvalues from {low:.3g} to {high:.3g}",
            lambda ax: density.plot(ax, scale="log"),
            {
                "magnitude": 10.0**exponents,
                "positive_per_decade": positive,
                "negative_per_decade": negative,
            },
        )
    atoms = [a for a in density.atoms if abs(a.value) > density.zero]
    has_bulk = len(density.grid) > 1
    yield Figure(
        "spectrum",
        "Spectrum",
        "Density of the eigenvalues, on a logarithmic axis; stems mark those that stand out or "
        f"occur many times; {how}." if has_bulk
        else f"Each eigenvalue, as high as its share of all; {how}.",
        f"{len(atoms)} eigenvalues that stand out or occur many times, the largest {high:.3g}"
        if atoms else f"eigenvalues from {low:.3g} to {high:.3g}",
        density.plot,
        _spectrum_columns(density, atoms),
    )  # fmt: skip


def _spectrum_columns(density: Any, atoms: Any) -> dict[str, Any]:
    """The bulk's density and band, then eigenvalues by themselves with their shares of all."""
    n, alone = len(density.grid), len(atoms) + 1
    unknown = lambda count: np.full(count, np.nan)
    return {
        "kind": ["bulk"] * n + ["stands out"] * len(atoms) + ["zero"],
        "eigenvalue": np.r_[density.grid, [a.value for a in atoms], 0.0],
        "density": np.r_[density.density, unknown(alone)],
        "density_low": np.r_[density.band[:, 0], unknown(alone)],
        "density_high": np.r_[density.band[:, 1], unknown(alone)],
        "share": np.r_[unknown(n), [a.weight for a in atoms], density.zero_mass.value],
    }


def _gradient(report: Any) -> Iterator[Figure]:
    found = report["alignment"]
    if found is None or not np.isfinite(found.share):
        return
    k = len(found.values)
    number = np.arange(1, k + 1)
    yield Figure(
        "gradient",
        "Where the gradient points",
        f"Share of the squared gradient in each of the top {k} eigenvectors; dashed: the running "
        "sum for a random direction.",
        f"together {percent(found.share)}, of a random direction {percent(found.baseline)}; most "
        f"in eigenvector {1 + int(found.shares.argmax())}",
        found.plot,
        {
            "eigenvector": number,
            "eigenvalue": found.values,
            "share": found.shares,
            "running_sum": np.cumsum(found.shares),
            "random_direction": number / found.parameters,
        },
    )


def _slices(report: Any) -> Iterator[Figure]:
    for i, found in enumerate(report["slices"] or ()):
        by_eigenvector = i == 0
        label = "distance along the top eigenvector" if by_eigenvector else "learning rate"
        what = (
            "the top eigenvector; the unit is the length of the parameters' step" if by_eigenvector
            else "the negative gradient; the unit is the learning rate of the step"
        )  # fmt: skip
        (where,) = found.coordinates
        known = found.values[np.isfinite(found.values)]
        yield Figure(
            "loss_along_eigenvector" if by_eigenvector else "loss_along_gradient",
            "Loss along the top eigenvector" if by_eigenvector else "Loss along the gradient",
            f"The loss and its quadratic model along {what}.",
            f"loss {found.value:.4g} at the point, up to {known.max(initial=found.value):.4g} "
            f"within {abs(where).max():.3g}",
            _slice_on(found, label),
            {label.replace(" ", "_"): where, "loss": found.values, "quadratic": found.quadratic},
        )


def _slice_on(found: Any, label: str) -> Callable[[Any], Any]:
    def draw(ax: Any) -> None:
        found.plot(ax).set_xlabel(label)

    return draw


def _layers(report: Any) -> Iterator[Figure]:
    found = report["layers"]
    if found is None or len(found.names) < 2:
        return
    most = int(found.shares[:, 0].argmax())
    yield Figure(
        "layers",
        "Layers of the top eigenvectors",
        "Share in % of each eigenvector that lies in each layer; last column: the layer's share "
        "of the parameters.",
        f"the top eigenvector lies to {found.shares[most, 0]:.0%} in {visible(found.names[most])}",
        found.plot,
        {
            "layer": found.names,
            **{f"eigenvector_{i + 1}": column for i, column in enumerate(found.shares.T)},
            "parameters": found.baseline,
        },
    )


def _blocks(report: Any) -> Iterator[Figure]:
    found = report["blocks"]
    if found is None or len(found.names) < 2:
        return
    norms = np.sqrt(found.squares)
    i, j = np.unravel_index(norms.argmax(), norms.shape)
    yield Figure(
        "blocks",
        "Hessian by blocks of layers",
        f"Frobenius norms of the blocks between layers; {found.between:.0%} of ‖H‖² lies off the "
        "diagonal.",
        f"the largest block, {norms[i, j]:.3g}, is that of {visible(found.names[i])} and "
        f"{visible(found.names[j])}",
        found.plot,
        {
            "layer": found.names,
            **{f"block_{name}": column for name, column in zip(found.names, norms.T, strict=True)},
        },
    )
