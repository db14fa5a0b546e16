"""How much an answer would vary with the data: the jackknife over batches.

jackknife : answer of an operator, loss and data -> Jackknife
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import arguments, trees
from ...core.hashing import code_of
from ...core.plotting import BLUE, GREY, ORANGE, axes, legend
from ...distributed.shards import batch_size
from ..estimates import scaling
from ..estimates.budget import INTERRUPTED, finished
from ..estimates.estimate import student
from ..estimates.operands import Array, Counted
from ..estimates.result import Result
from ..estimates.steps import Steps
from ..operators import checks
from ..operators.batches import Batches
from ..operators.hessian import HessianOperator


@dataclass(frozen=True, eq=False)
class Jackknife(Result):
    """An answer with its data error.

    Attributes
    ----------
    value : float or ndarray
        The answer on all data.
    standard_error : float or ndarray
        How much it would vary between data sets of this size, from leaving out one batch at a
        time. Beside it the answer has its own error, such as that of random probes, which the
        same seed leaves out of this one.
    interval : (lo, hi)
        95%, by Student's t with one degree of freedom less than there are batches, around the
        value.
    bias : float or ndarray
        What the value exceeds that of endless data by, estimated to first order; not subtracted.
    without : ndarray, shape (batches, ...)
        The answers without each batch.
    sizes : tuple of int
        Examples in each batch.
    seconds : float
    converged : bool
        Whether each batch was left out. Of an interrupted run, errors are told by those that were.
    reason : str
        Why not.
    """

    value: Any
    standard_error: Any
    interval: tuple[Any, Any]
    bias: Any
    without: Array
    sizes: tuple[int, ...]
    seconds: float
    converged: bool = True
    reason: str = ""

    def __repr__(self) -> str:
        count = f"{len(self.sizes)} batches of {sum(self.sizes)} examples"
        count += "" if self.converged else f", NOT converged: {self.reason}"
        if np.ndim(self.value):
            pairs = ", ".join(
                f"{v:.6g} ± {e:.2g}"
                for v, e in zip(self.value.ravel()[:8], self.standard_error.ravel(), strict=False)
            )
            return f"Jackknife([{pairs}{', ...' if self.value.size > 8 else ''}] over {count})"
        low, high = self.interval
        return (
            f"Jackknife({self.value:.6g} ± {self.standard_error:.2g}, 95% in [{low:.6g}, "
            f"{high:.6g}] over {count})"
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw the answer with its interval, and the answers without each batch.

        Returns the matplotlib axes.
        """
        ax = axes(ax, (6.0, 3.2))
        value, low, high = (np.ravel(x) for x in (self.value, *self.interval))
        number = np.arange(value.size)
        columns = self.without.reshape(len(self.without), -1)
        ax.errorbar(
            number, value, yerr=[value - low, high - value],
            fmt="o", color=BLUE, capsize=5, label="all data, 95%",
        )  # fmt: skip
        for i, row in enumerate(columns):
            label = "without one batch" if i == 0 else None
            ax.plot(number + 0.15, row, "_", color=ORANGE, markersize=9, label=label)
        ax.set_xticks(number[:: max(1, value.size // 10)])
        ax.set_xlim(-0.6, value.size - 0.4)
        ax.set_xlabel("answer")
        ax.tick_params(colors=GREY)
        legend(ax)
        return ax


def jackknife(
    answer: Callable[[HessianOperator], Any],
    loss: Callable[..., Any],
    params: Any,
    data: Any,
    *args: Any,
    reduction: str = "mean",
    groups: int = 10,
    seed: int = 0,
    progress: bool = False,
    checkpoint: Any = None,
) -> Jackknife:
    """The data error of an answer: how it varies when batches are left out.

    Parameters
    ----------
    answer : callable
        ``answer(op)`` of a :class:`HessianOperator`: a number, an array of the same shape each
        time, or a result with ``.value`` or ``.values``, as from :func:`trace` and
        :func:`top_eigenpairs`. Use fixed seeds in it.
    loss, params, data, *args, reduction
        As for :class:`HessianOperator`. Under "sum" what is left of the data is scaled up to all
        of it. Of :class:`ShardedData`, each shard is a batch, in the order of the data.
    groups : int
        One batch is split into this many parts, after a random permutation.
    seed : int
        Of that permutation.
    progress : bool
        Show a progress bar.
    checkpoint : path-like, optional
        A file that keeps the answers; a run that finds it goes on. It does not know ``answer``.

    Returns
    -------
    Jackknife

    Raises
    ------
    ValueError
        For fewer than two batches, batches of unclear size, or answers that differ in shape.

    Notes
    -----
    Right for answers that depend smoothly on the data: a simple eigenvalue or a trace, but not a
    count or a rank. The parameters stay: this is not how the answer would vary if the net were
    trained again. Costs one more answer for each batch.

    References
    ----------
    Busing, Meijer and van der Leeden (1999), Delete-m jackknife for unequal m, which for batches
    of equal size is that of Quenouille (1956) and Tukey (1958).

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import jackknife, trace
    >>> loss = lambda w, x: 0.5 * ((x @ w) ** 2).mean()  # its Hessian is xᵀx / n
    >>> x = np.array([[1.0], [2.0], [3.0], [4.0]])
    >>> jackknife(trace, loss, np.zeros(1), x, groups=4)
    Jackknife(7.5 ± 3.3, 95% in [-2.93435, 17.9343] over 4 batches of 4 examples)
    """
    who = "jackknife"
    checks.check_functions(who, loss=loss)
    arguments.function(who, "answer", answer, "Write answer(op) of a HessianOperator.")
    started = time.perf_counter()
    given = Batches(data, who)
    if given.single:
        batches = Batches(_split_batch(given.data[0], groups, seed), who)
    else:
        batches = given if given.in_memory else Batches(list(given), who)
    sizes = np.array(batches.sizes())
    batches = batches.only(np.flatnonzero(sizes).tolist())
    sizes = sizes[sizes > 0]
    if len(sizes) < 2:
        raise ValueError(
            f"{who}: {len(sizes)} batch with examples; to leave one out takes two or more"
        )

    def on(kept: list[int], scale: float) -> HessianOperator:
        part = loss if scale == 1 else lambda *given: scale * loss(*given)
        check = len(kept) == len(sizes)  # once is enough
        some = batches.only(kept)
        return HessianOperator(part, params, some, *args, reduction=reduction, check=check)

    def without_batch(i: int) -> Array:
        kept = [j for j in range(len(sizes)) if j != i]
        scale = total / (total - int(sizes[i])) if reduction == "sum" else 1.0
        return _as_array(answer(on(kept, scale)))

    total, g = int(sizes.sum()), len(sizes)
    whole, left_out, reason = on(list(range(g)), 1.0), [], ""
    options = {
        "reduction": reduction,
        "sizes": sizes.tolist(),
        "seed": seed,
        "answer": [code_of(answer)],
    }
    with Steps(
        checkpoint, Counted(whole, who), options, progress=progress, total=g + 1, unit="answers"
    ) as steps:
        value = steps("whole", lambda: _as_array(answer(whole)))
        try:
            for i in range(g):
                steps.advance(i + 1)
                left_out.append(steps(f"without {i}", functools.partial(without_batch, i)))
                if left_out[-1].shape != value.shape:
                    raise ValueError(
                        f"{who}: the answer has shape {value.shape} on all data and "
                        f"{left_out[-1].shape} without batch {i}"
                    )
        except KeyboardInterrupt:
            if len(left_out) < 2:
                raise
            reason = INTERRUPTED
    without, m = np.stack(left_out), len(left_out)
    h = (total / sizes[:m]).reshape(-1, *[1] * value.ndim)
    pseudo = h * value - (h - 1) * without
    unbiased = g * (value - ((1 - 1 / h) * without).mean(axis=0))
    if m == g:
        unbiased = g * value - ((1 - 1 / h) * without).sum(axis=0)
    unit = scaling.power_of_two(without)
    error = unit * np.sqrt((np.square((pseudo - unbiased) / unit) / (h - 1)).mean(axis=0))
    half = student(m - 1) * error
    return Jackknife(
        value=value[()],
        standard_error=error[()],
        interval=((value - half)[()], (value + half)[()]),
        bias=(value - unbiased)[()],
        without=without,
        sizes=tuple(int(n) for n in sizes),
        seconds=time.perf_counter() - started,
        converged=not reason,
        reason=reason,
    )


def _as_array(found: Any) -> Array:
    found = finished(found)
    for name in ("value", "values"):
        if hasattr(found, name):
            found = getattr(found, name)
            break
    return np.asarray(found, float)


def _split_batch(batch: Any, groups: int, seed: int) -> list[Any]:
    """One batch as several, of nearly equal size, after a permutation of its examples."""
    size = 0 if batch is None else batch_size(batch, "jackknife", 0)
    if not 2 <= arguments.integer("jackknife", "groups", groups) <= size:
        raise ValueError(
            f"jackknife: one batch of {size} examples cannot be cut into groups={groups}; at least "
            "2 groups, and no more than examples"
        )
    order = arguments.generator("jackknife", seed).permutation(size)
    return [
        trees.map(lambda x, rows=rows: x[rows] if np.ndim(x) else x, batch)
        for rows in np.array_split(order, groups)
    ]
