"""The Hessian of a loss over data, as a SciPy linear operator."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core import arguments
from ...core.finite import why_not
from ...core.tensor import unrecorded
from ...replay.program import Program
from ...transforms.recording import Recording
from . import checks
from .empirical_risk import StreamedOperator
from .linearization import Recorded, RecordedGradient
from .passes import TAPE_MEMORY
from .per_example.forms import Layout, RecordedCopies, recorded_copies
from .recomputed import RecomputedProgram, product_by_shapes
from .replayed import GradientProgram, ReplayedGradient
from .sharded import check_arguments


class HessianOperator(StreamedOperator):
    """The Hessian of ``loss`` in ``params``, by products.

    The loss and its gradient are recorded once at this point. A product then repeats the tangent
    sweep alone (forward over reverse, Pearlmutter 1994), and a product with k vectors is one
    batched sweep. Parameters are copied: the operator stays at this point while training goes on,
    and the model is left as it was found.

    Parameters
    ----------
    loss : callable
        ``loss(params)`` without data, else ``loss(params, batch, *args)``; returns a real scalar.
    params : pytree
        Real floating-point arrays, tensors, or a model of :mod:`tinygrad_hess.nn`; P elements in
        all. An array that occurs twice counts twice, as in :func:`tinygrad_hess.grad`.
    data : optional
        One batch: an array, or a tuple or dict of arrays. Or many: a list or another iterable of
        batches, where a batch counts by its number of examples, so that a ragged last one is
        right. A loader is iterated again in each pass and must then give the same batches.
    *args
        Further arguments of ``loss``, fixed; ``HessianOperator(loss, params, x, y)`` serves
        ``loss(params, x, y)``.
    reduction : {"mean", "sum"}
        Whether ``loss`` is a mean or a sum over the examples of a batch; the operator is the
        Hessian of the mean, or the sum, over all batches. With one batch they are the same.
    chunk_size : int, optional
        Vectors in one batched sweep; by default as many as keep its memory below 64 MiB.
    tape_memory : int
        Bytes of tapes to keep. Batches beyond it are recorded again in each pass, which makes
        their products about three times as expensive.
    check : bool
        With the first product, check what would make a long run worthless: the loss evaluated
        twice, a model that evaluation changes, a loader whose second pass differs, loss and
        gradient that are not finite, products that are not symmetric. It costs one more loss and
        two more products on the first batch, and reading a loader's data once more.
    dtype : dtype, optional
        What to compute in: parameters and floating-point data are converted. In float32 products
        of large nets take half the time, and are good to about 1e-6 of the largest eigenvalue. By
        default that of the parameters.
    executor : Executor, callable, or list of them, optional
        Who computes the products, a shard of the data at a time: threads, processes, Dask; see
        :class:`ShardedData`. Give such data instead to several operators on the same data.
    shards : int, optional
        Into how many shards one batch is cut for them; by default 8.
    memory_limit : str or int, optional
        Bytes that products and estimates may take beyond data in memory, such as ``"2GB"``. It
        says how many examples of a batch are read at a time, by products with a few examples of
        which the memory is measured; half of what the least of these leave is for vectors that
        estimates keep. Where not all fit at once, loss and gradient are computed again with each
        product, by a program that is planned once and replayed on all; where not even one example
        fits (or a loss without data), sweeps keep some of the values and compute others again, in
        the fewest steps (Griewank and Walther 2000, Revolve). ``loss`` must then be a
        mean (or sum) over examples also with one batch. Traces take plain probes, which need no
        copies.

    Attributes
    ----------
    shape : (P, P)
    dtype : dtype
        That of the parameters: float32 parameters make a float32 operator.
    value : numpy scalar
        The loss at this point.
    gradient : ndarray, shape (P,)
    layers : dict of str to ndarray
        Where each layer's parameters lie in a vector.
    matvecs : int
        Products with the Hessian of the whole data spent so far; k of them in a ``matmat``.

    Raises
    ------
    ValueError
        When ``loss`` is not scalar, when a check fails, when ``memory_limit`` is too small (the
        error names the smallest that would do), or when a later pass over the data finds other
        batches or another loss (a loader that shuffles, or a loss with dropout).
    NonDifferentiableError
        When a parameter is not real floating point.

    See Also
    --------
    GGNOperator : its positive semidefinite part, cheaper.
    tinygrad_hess.hvp : one product, without an operator.
    tinygrad_hess.hessian : the dense Hessian, as nested blocks.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess.curvature import HessianOperator
    >>> def loss(params, batch):
    ...     x, y = batch
    ...     return ((x @ params["w"] + params["b"] - y) ** 2).mean()
    >>> x, y = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([1.0, 3.0])
    >>> H = HessianOperator(loss, {"b": 0.0, "w": np.zeros(2)}, (x, y))
    >>> H
    <HessianOperator: 3 parameters, float64, mean over one batch, loss 5, 0 products>
    >>> H @ np.array([1.0, 0.0, 0.0])
    array([2., 1., 2.])
    >>> H({"b": 1.0, "w": np.zeros(2)})
    {'b': np.float64(2.0), 'w': array([1., 2.])}
    >>> H.gradient
    array([-4., -1., -6.])
    >>> H.block("w").to_dense()
    array([[1., 0.],
           [0., 4.]])
    """

    def __init__(
        self,
        loss: Callable[..., Any],
        params: Any,
        data: Any = None,
        *args: Any,
        reduction: str = "mean",
        chunk_size: int | None = None,
        tape_memory: int = TAPE_MEMORY,
        check: bool = True,
        dtype: Any = None,
        executor: Any = None,
        shards: int | None = None,
        memory_limit: str | int | None = None,
    ):
        checks.check_functions("HessianOperator", loss=loss)
        arguments.of_params("HessianOperator", "loss", loss, params)
        self.loss = loss
        self._args = args if data is not None or args else None
        super().__init__(
            params,
            data,
            reduction=reduction,
            chunk_size=chunk_size,
            tape_memory=tape_memory,
            check=check,
            dtype=dtype,
            executor=executor,
            shards=shards,
            memory_limit=memory_limit,
        )
        check_arguments(self._batches, args, "HessianOperator")

    def _record(self, batch: Any, number: int) -> Recorded:
        if self._program is not None:
            return ReplayedGradient(self._program, self._arguments(batch))
        return RecordedGradient(self.loss, self._at, self._arguments(batch))

    def _plan_once(self) -> bool:
        if self._budget is None:
            self._program = GradientProgram(self.loss, self._at)
        else:
            self._program = RecomputedProgram(self.loss, self._at, self._budget)
        return True

    def _by_shapes(self, batch: Any) -> Program | None:
        return product_by_shapes(self.loss, self._at, self._arguments(batch))

    def _record_copies(self, batch: Any, number: int, layout: Layout | None) -> RecordedCopies:
        arguments = (self._at.tree(), *self._arguments(batch))
        run = Recording(self.loss, arguments, None, (0,), self._at.who)
        record = lambda copies, at: RecordedGradient(copies, at, ())
        return recorded_copies(run, record, layout)

    def _evaluate(self, batch: Any) -> Any:
        return np.asarray(unrecorded(self.loss(self._at.tensors(), *self._arguments(batch))))[()]

    def _rebuild(
        self, params: Any, fill: Callable[[Any], Any], options: dict[str, Any]
    ) -> HessianOperator:
        loss = lambda part, *batch: self.loss(fill(part), *batch)
        data = None if self._args is None else self._batches
        return HessianOperator(loss, params, data, *(self._args or ()), **options)

    def _why_not_finite(self, number: int) -> str:
        batch = next(itertools.islice(self._batches, number, None), None)
        return why_not(self.loss, (self._at.tree(), *self._arguments(batch)))

    def _arguments(self, batch: Any) -> tuple[Any, ...]:
        return () if self._args is None else self._converted((batch, *self._args))
