"""Laplace's approximation: how sure a net is of its weights and of its outputs.

laplace : predict, loss, params, data -> Laplace
"""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...core import arguments
from ...distributed.shards import raw
from ..operators import checks
from ..operators.batches import Batches
from ..operators.flattening import Array, Flattening
from ..operators.ggn.output_hessians import check_reduction, counting
from ..operators.ggn.output_roots import output_roots
from ..operators.kfac.layer_taps import LayerTaps
from ..operators.kfac.operator import KroneckerFactors, check_model, loss_value, pair
from .per_example import output_jacobians, parts_of_batches, steps_at
from .posterior import Blocks, Curvature, Diagonal, Kronecker, Laplace, check_dense, check_precision

STRUCTURES = ("full", "block", "diagonal", "kfac", "last_layer")


def laplace(
    predict: Callable[..., Any],
    loss: Callable[..., Any],
    params: Any,
    data: Any,
    *,
    structure: str = "full",
    prior_precision: float | str = 1.0,
    reduction: str = "mean",
    progress: bool = False,
    checkpoint: Any = None,
) -> Laplace:
    """Laplace's approximation of the posterior of a net's parameters, at trained parameters.

    The posterior is taken as a Gaussian around ``params`` with precision ``H + α I``: H the
    Gauss-Newton matrix of the total negative log-likelihood, α the precision of the prior.

    Parameters
    ----------
    predict : callable
        ``predict(params, x)``, outputs of shape (n, ...), each of its own example.
    loss : callable
        ``loss(outputs, y)``: the negative log-likelihood as a mean or a sum over examples, such as
        :func:`nn.cross_entropy`. For Gaussian noise of variance s it is the squared error over
        2s, and ``log(2πs)/2`` for each output, which moves the log marginal likelihood only.
    params : pytree
        The optimum; P elements.
    data
        One batch ``(x, y)``, or a list or another iterable of them, or :class:`ShardedData`.
    structure : {"full", "block", "diagonal", "kfac", "last_layer"}
        What is kept of H: all, a block for each layer (of at most 5,000 parameters), its diagonal,
        a Kronecker product for each layer, or all of the layer that is called last (the other
        parameters are then fixed).
    prior_precision : float or "marginal_likelihood"
        α > 0; or the one that maximises the log marginal likelihood with H and ``params`` as they
        are.
    reduction : {"mean", "sum"}
        What ``loss`` does over the examples of a batch.
    progress : bool
        Show a progress bar.
    checkpoint : path-like, optional
        A file that keeps what was done, the sums over batches (but no factors of ``"kfac"``); a run
        that finds it goes on with the same numbers, after a kill as after Ctrl-C.

    Returns
    -------
    Laplace
        With ``.predict``, ``.sample``, ``.log_marginal_likelihood``, ``.with_prior_precision``.

    Raises
    ------
    ValueError
        For an unknown structure, a prior precision that is not positive (or that has no optimum),
        a loss that is not convex in the outputs, a model too large for a full matrix, or layers
        that a structure does not know (see :class:`KroneckerFactors`).

    Notes
    -----
    The slope of the log marginal likelihood in log α is ``(γ - α‖θ‖²) / 2``, γ the effective
    dimension. γ falls with α and ``α‖θ‖²`` rises, so there is one maximum, where they meet.

    References
    ----------
    MacKay (1992), A practical Bayesian framework for backpropagation networks. Daxberger et al.
    (2021), Laplace redux. Immer et al. (2021), Scalable marginal likelihood estimation.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import laplace
    >>> x, y = np.array([[1.0], [2.0], [3.0]]), np.array([[1.1], [1.9], [3.2]])
    >>> gaussian = lambda f, y: ((f - y) ** 2).mean() / 2      # noise of variance 1
    >>> la = laplace(lambda w, x: x * w, gaussian, np.array([1.0]), (x, y))
    >>> la.covariance()                    # 1 / (1 + 4 + 9 + prior precision)
    array([[0.06666667]])
    >>> la.predict(np.array([[3.0]])).variance
    array([[0.6]])
    """
    who = "laplace"
    begin = time.perf_counter()
    checks.check_functions(who, predict=predict, loss=loss)
    check_reduction(loss, reduction, who)
    arguments.choice(who, "structure", structure, STRUCTURES)
    arguments.choice(who, "reduction", reduction, ("mean", "sum"))
    check_precision(prior_precision)
    at, whole, layer = Flattening(params, who), _same, ""
    batches = Batches(data, who)
    if structure == "last_layer":
        at, predict, whole, layer = _last_layer(at, predict, batches)
    indices = _block_indices(structure, at)
    for index in indices:
        check_dense(len(index), who)
    on_batch = _OnBatch(predict, loss, at, indices, structure == "diagonal", reduction)
    nothing = (0.0, 0, np.zeros(at.size), [np.zeros((len(i), len(i))) for i in indices])
    of_batch = functools.partial(_loss_of, predict, loss)
    options = {"structure": structure, "reduction": reduction}
    with steps_at(checkpoint, at, batches, of_batch, options, progress) as steps:
        parts = parts_of_batches(batches, on_batch, weighted=True)
        total, examples, diagonal, blocks = steps.fold("sums", nothing, parts, _added)
    if structure != "kfac":  # the factors read the data themselves
        batches.reread()
    if examples == 0:
        raise ValueError(f"{who}: data holds no example")
    curvature: Curvature
    if structure == "kfac":
        factors = KroneckerFactors(predict, loss, params, batches, reduction=reduction)
        curvature = Kronecker(factors, float(examples) if reduction == "mean" else 1.0)
    elif structure == "diagonal":
        curvature = Diagonal(diagonal)
    else:
        curvature = Blocks(list(zip(indices, blocks, strict=True)))
    found = Laplace(
        log_marginal_likelihood=math.nan,
        prior_precision=math.nan,
        effective_dimension=math.nan,
        negative_log_likelihood=total,
        structure=structure,
        parameters=at.size,
        examples=examples,
        layer=layer,
        seconds=0.0,
        _curvature=curvature,
        _at=at,
        _predict=predict,
        _whole=whole,
    ).with_prior_precision(prior_precision)
    return dataclasses.replace(found, seconds=time.perf_counter() - begin)


Sums = tuple[float, int, Array, list[Array]]
"""Loss, examples, diagonal and blocks of the matrix."""


def _loss_of(predict: Callable[..., Any], loss: Callable[..., Any], params: Any, batch: Any) -> Any:
    return loss(predict(params, batch[0]), batch[1])


def _added(total: Sums, part: list[tuple[int, int, Any]]) -> Sums:
    """The sums with some batches more."""
    value, examples, diagonal, blocks = total
    for _, size, (more, on_diagonal, in_blocks) in part:
        value, examples, diagonal = value + more, examples + size, diagonal + on_diagonal
        blocks = [block + own for block, own in zip(blocks, in_blocks, strict=True)]
    return value, examples, diagonal, blocks


class _OnBatch:
    """What a batch adds, as :meth:`Batches.each` calls it: loss, diagonal and blocks of the matrix.

    Without blocks and without the diagonal, the loss alone.
    """

    def __init__(
        self,
        predict: Callable[..., Any],
        loss: Callable[..., Any],
        at: Flattening,
        indices: list[Array],
        diagonal: bool,
        reduction: str,
    ):
        self.predict, self.loss, self.at = predict, loss, at
        self.indices, self.diagonal, self.reduction = indices, diagonal, reduction

    def __call__(self, read: Callable[[], Any], number: int) -> tuple[float, Array, list[Array]]:
        with counting(self.at.who, self.reduction):
            return self._of_batch(read(), number)

    def _of_batch(self, batch: Any, number: int) -> tuple[float, Array, list[Array]]:
        at, indices = self.at, self.indices
        x, y, size = pair(batch, at.who, number)
        if not number:
            check_model(self.predict, self.loss, at, x, y)
        outputs = np.asarray(raw(self.predict(at.tensors(), x)))
        weight = float(size) if self.reduction == "mean" else 1.0
        value = loss_value(self.loss, outputs, y)
        checks.check_finite(at.who, number, value)
        diagonal = np.zeros(at.size)
        blocks = [np.zeros((len(index), len(index))) for index in indices]
        if indices or self.diagonal:
            for rows in _root_rows(self.predict, self.loss, at, x, y, outputs):
                if self.diagonal:
                    diagonal += np.einsum("ip,ip->p", rows, rows) * weight
                for index, block in zip(indices, blocks, strict=True):
                    part = rows[:, index] if len(indices) > 1 else rows
                    block += part.T @ part * weight
        return value * weight, diagonal, blocks


def _same(tree: Any) -> Any:
    return tree


def _block_indices(structure: str, at: Flattening) -> list[Array]:
    """Which parameters have a matrix of their own."""
    if structure == "block":
        return [at.indices(leaves) for leaves in at.paths.by_layer().values()]
    return [np.arange(at.size)] if structure in ("full", "last_layer") else []


def _root_rows(
    predict: Callable[..., Any],
    loss: Callable[..., Any],
    at: Flattening,
    x: Any,
    y: Any,
    outputs: Array,
) -> Iterator[Array]:
    """Rows whose outer products sum to the Gauss-Newton matrix of a batch, some at a time."""
    roots = output_roots(loss, outputs, y, at.who)
    first = 0
    for J in output_jacobians(predict, at, x):
        m, K, P = J.shape
        some = np.ascontiguousarray(roots[:, first : first + m].reshape(-1, m, K).swapaxes(0, 1))
        yield (some @ J).reshape(-1, P).astype(float, copy=False)
        first += m


def _last_layer(at: Flattening, predict: Callable[..., Any], batches: Batches) -> Any:
    """The layer called last as parameters of its own, and the net as a function of it."""
    taps = LayerTaps(at)
    if not taps.names:
        raise ValueError(
            "laplace: structure='last_layer' looks for a Linear, Conv1d or Conv2d of "
            "tinygrad_hess.nn in params, and there is none. Give the parameters that shall be "
            "uncertain as params, with structure='full', and let predict close over the rest."
        )
    x = pair(next(batches.sized("laplace", True))[2], "laplace", 0)[0]
    number = taps.run(predict, x).last
    layers = [taps.items[i] for i in taps.indices]

    def whole(layer: Any) -> Any:
        return taps.with_layers([*layers[:number], layer, *layers[number + 1 :]])

    last = Flattening(layers[number], "laplace")
    return last, lambda layer, x: predict(whole(layer), x), whole, taps.names[number]
