"""The trace of each diagonal block of an operator, in one pass.

layer_traces : operator -> LayerTraces
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import arguments
from ...core.plotting import BLUE, axes, literal
from ...core.text import visible
from ..eigenpairs.deflation import SKETCH, Deflation
from ..estimates.budget import Budget
from ..estimates.estimate import Estimate
from ..estimates.exact import exact_diagonal
from ..estimates.operands import Array, Counted
from ..estimates.probes import signs
from ..estimates.probing import Running, run_probes, unpack
from ..estimates.result import Result
from ..estimates.run import Run
from . import by_example
from .trace import FEWEST, SAMPLES


@dataclass(frozen=True)
class LayerTraces(Result):
    """The trace of each layer's own block, and of the whole.

    Attributes
    ----------
    layers : dict of str to Estimate
        In the order of the parameters. Their values sum to that of ``total``.
    total : Estimate
        The trace, from the same probes.
    sizes : dict of str to int
        Parameters of each layer.
    """

    layers: dict[str, Estimate]
    total: Estimate
    sizes: dict[str, int]

    @property
    def converged(self) -> bool:
        return self.total.converged

    def __repr__(self) -> str:
        width = max(len(visible(name)) for name in self.layers)
        lines = [
            f"  {visible(name):<{width}}  {e.value:.6g} ± {e.standard_error:.2g}"
            f"  ({self.sizes[name]} parameters)"
            for name, e in self.layers.items()
        ]
        return "\n".join([f"LayerTraces(total {self.total!r})", *lines])

    def plot(self, ax: Any = None) -> Any:
        """Draw a bar for each layer with its interval; return the matplotlib axes."""
        ax = axes(ax)
        values = [e.value for e in self.layers.values()]
        halves = [(e.interval[1] - e.interval[0]) / 2 for e in self.layers.values()]
        ax.barh(range(len(values)), values, xerr=halves, color=BLUE, ecolor="#333333", capsize=3)
        ax.set_yticks(range(len(values)), [literal(name) for name in self.layers])
        ax.invert_yaxis()
        ax.set_xlabel("trace of the layer's block (95%)")
        return ax


def layer_traces(
    op: Any,
    layers: Mapping[str, Any] | None = None,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    max_matvecs: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    progress: bool = False,
    checkpoint: Any = None,
) -> LayerTraces:
    """Traces of the diagonal blocks of a symmetric operator, one for each layer.

    Every product serves all layers: a probe's share ``Σ z_i (A z)_i`` over a layer's parameters has
    that layer's trace as its mean. Where the examples of a loss are independent, signs differ from
    example to example (see :func:`~tinygrad_hess.curvature.trace`). Otherwise a Krylov space of up
    to 48 vectors first takes out the largest eigenvalues (Hutch++), which leaves less variance.

    Parameters
    ----------
    op : LinearOperator, ndarray or sparse matrix, shape (P, P)
    layers : mapping of str to integer array, optional
        Which parameters belong to which layer; each to one. By default ``op.layers``, which
        operators of a loss have.
    rtol, atol : float, optional
        Go on until half the width of each layer's 95% interval is at most
        ``max(atol, rtol * |trace of the whole|)``.
    max_matvecs : int, optional
        Products to spend at most; by default 128, or with an accuracy 10,000. When P is no more,
        and no cheaper way is found, the traces are computed exactly.
    seconds, seed, progress, checkpoint
        As in :func:`~tinygrad_hess.curvature.trace`.

    Returns
    -------
    LayerTraces

    Raises
    ------
    ValueError
        When the layers don't name each parameter once, and as in ``trace``.

    References
    ----------
    Meyer, Musco, Musco and Woodruff (2021), Hutch++: optimal stochastic trace estimation.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import layer_traces
    >>> layer_traces(np.diag([1.0, 2.0, 4.0]), {"first": [0, 1], "second": [2]})
    LayerTraces(total Estimate(7, exact, 3 products))
      first   3 ± 0  (2 parameters)
      second  4 ± 0  (1 parameters)
    """
    with Run(
        op, "layer_traces", rtol=rtol, atol=atol, max_matvecs=max_matvecs, seconds=seconds,
        progress=progress, checkpoint=checkpoint, seed=seed, defaults=(SAMPLES, 10_000), least=2,
        of_operator=True,
    ) as budget:  # fmt: skip
        A, target, limit = budget.A, budget.target, int(budget.left)
        names, starts, order = _layer_order(
            A, layers if layers is not None else _operator_layers(op)
        )
        save = budget.checkpoint({"seed": seed, "layers": names})
        if (min(limit, SAMPLES) if target.asked else limit) >= A.size:
            diagonal = exact_diagonal(A, budget)
            return _exact_traces(names, starts, order, diagonal, A, budget)

        running, saved = Running(), save.load()
        by_example_first = saved is not None or budget.left >= 2 + by_example.CHECKS
        probes = (by_example_first and _by_example(A, seed, starts, order, saved)) or _deflated(
            A, seed, starts, order, saved, limit
        )
        if saved is not None:
            running, first = unpack(saved, budget, None if target.asked else limit)
        else:
            first = probes.first if target.asked else max(2, limit - A.matvecs)
        known = probes.known

        def ratio(running: Running) -> float:
            return target.ratio(float(running.half_width.max()), float((known + running.mean)[-1]))

        reason = run_probes(
            probes.statistic, running, first=first, ratio=ratio, budget=budget, checkpoint=save,
            state=probes.state,
        )  # fmt: skip
        if reason == "exact":
            return _exact_traces(names, starts, order, exact_diagonal(A, budget), A, budget)
        ends = [known + end for end in running.interval]
        values = zip(known + running.mean, running.standard_error, *ends, strict=True)
        estimates = [
            Estimate(
                float(v), float(e), (float(low), float(high)), A.matvecs, not reason,
                seconds=budget.seconds, seed=seed, method=probes.method, reason=reason,
            ).times(A.unit)
            for v, e, low, high in values
        ]  # fmt: skip
    return _make_result(names, starts, order, estimates)


@dataclass(frozen=True)
class _Probes:
    """A statistic, shape (layers + 1, probes), and what is to be added to its mean."""

    statistic: Callable[[range], Array]
    known: Array
    first: int
    method: str
    state: dict[str, Any]


def _with_total(parts: Array) -> Array:
    return np.concatenate([parts, parts.sum(axis=0, keepdims=True)])


def _by_example(
    A: Counted, seed: int, starts: Array, order: Array, saved: Mapping[str, Any] | None
) -> _Probes | None:
    """Signs that differ from example to example, if there are examples and layers are leaves."""
    if saved is not None and "by_example" not in saved:
        return None
    layer_of = np.empty(A.size, int)
    layer_of[order] = np.repeat(np.arange(len(starts)), np.diff([*starts, A.size]))
    leaves = A.op.leaf_places if hasattr(A.op, "example_forms") else []
    if not leaves or any(np.ptp(layer_of[p]) for p in leaves if p.stop > p.start):
        return None
    begun = by_example.begin(A, seed, 0)
    if begun is None:
        return None
    belongs = np.zeros((len(starts), len(leaves)))
    for leaf, columns in enumerate(leaves):
        if columns.stop > columns.start:
            belongs[layer_of[columns.start], leaf] = 1
    known = np.zeros(len(starts) + 1)
    statistic = lambda probes: _with_total(belongs @ begun(probes))
    return _Probes(statistic, known, FEWEST, by_example.METHOD, {"by_example": 1})


def _deflated(
    A: Counted, seed: int, starts: Array, order: Array, saved: Mapping[str, Any] | None, limit: int
) -> _Probes:
    """Signs for all, outside of a Krylov space that holds the largest eigenvalues."""
    split = Deflation(A, SKETCH, seed)
    if saved is not None:
        split.restore(saved)
    else:
        while split.next and split.columns + split.next <= min(SKETCH, limit // 2):
            split.grow()

    def sums(values: Array) -> Array:
        return _with_total(np.add.reduceat(values[order], starts, axis=0, dtype=np.float64))

    def statistic(columns: range) -> Array:
        z = signs(A.size, columns, seed, A.dtype)
        return sums(z * split.remainder(z))

    known = sums(split.diagonal()[:, None])[:, 0]
    return _Probes(statistic, known, SKETCH, "Hutch++", split.state())


def _operator_layers(op: Any) -> Mapping[str, Any]:
    layers = getattr(op, "layers", None)
    if layers is None:
        raise ValueError(
            f"layer_traces: {type(op).__name__} does not name its layers; give layers={{name: "
            "positions in the vector}"
        )
    return dict(layers)


def _layer_order(A: Counted, layers: Mapping[str, Any]) -> tuple[list[str], Array, Array]:
    """Names, where each begins, and all positions, layer after layer; empty layers left out."""
    if not isinstance(layers, Mapping):
        what = "a dict of positions by name, as op.layers gives them"
        arguments.instance("layer_traces", "layers", layers, Mapping, what)
    indices = {
        name: arguments.array("layer_traces", f"layers[{name!r}]", p).astype(int).ravel()
        for name, p in layers.items()
    }
    indices = {name: p for name, p in indices.items() if p.size}
    order = np.concatenate([np.zeros(0, int), *indices.values()])
    if not np.array_equal(np.sort(order), np.arange(A.size)):
        raise ValueError(
            f"layer_traces: layers must hold each of the {A.size} parameters once; they hold "
            f"{order.size} positions, {np.unique(order).size} of them different"
        )
    sizes = [p.size for p in indices.values()]
    return list(indices), np.cumsum([0, *sizes[:-1]]), order


def _exact_traces(
    names: list[str], starts: Array, order: Array, diagonal: Array, A: Counted, budget: Budget
) -> LayerTraces:
    parts = A.unit * np.add.reduceat(diagonal[order], starts, dtype=np.float64)
    estimates = [
        Estimate.of_exact(float(v), A.matvecs, seconds=budget.seconds, method="exact")
        for v in [*parts, parts.sum()]
    ]
    return _make_result(names, starts, order, estimates)


def _make_result(
    names: list[str], starts: Array, order: Array, estimates: list[Estimate]
) -> LayerTraces:
    sizes = np.diff([*starts, order.size])
    return LayerTraces(
        dict(zip(names, estimates[:-1], strict=True)),
        estimates[-1],
        {name: int(n) for name, n in zip(names, sizes, strict=True)},
    )
