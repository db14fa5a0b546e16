"""The generalised Gauss-Newton matrix of a loss over data, as a SciPy linear operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from ....core.tensor import unrecorded
from ....transforms.recording import Recording
from .. import checks
from ..empirical_risk import StreamedOperator
from ..flattening import Array, Flattening
from ..linearization import OutputProducts, RecordedGaussNewton, RecordedGradient, RecordedModel
from ..passes import TAPE_MEMORY
from ..per_example.forms import Layout, RecordedCopies, recorded_copies
from ..sharded import as_batches
from .output_hessians import check_reduction, output_hessian


class OutputCurvatureOperator(StreamedOperator):
    """``Jᵀ M J``: J the Jacobian of a model's outputs, M a matrix on the outputs of a batch.

    A subclass says what M is (:meth:`_output_products`).
    """

    def __init__(
        self,
        predict: Callable[..., Any],
        loss: Callable[..., Any],
        params: Any,
        data: Any,
        *,
        reduction: str = "mean",
        chunk_size: int | None = None,
        tape_memory: int = TAPE_MEMORY,
        check: bool = True,
        dtype: Any = None,
        executor: Any = None,
        shards: int | None = None,
        memory_limit: str | int | None = None,
    ):
        checks.check_functions(type(self).__name__, predict=predict, loss=loss)
        check_reduction(loss, reduction, type(self).__name__)
        self.predict, self.loss = predict, loss
        data = as_batches(data, type(self).__name__, executor, shards)
        super().__init__(
            params,
            data,
            reduction=reduction,
            chunk_size=chunk_size,
            tape_memory=tape_memory,
            check=check,
            dtype=dtype,
            memory_limit=memory_limit,
        )

    def _output_products(
        self, model: RecordedModel, target: Any, slope: RecordedGradient, number: int
    ) -> OutputProducts:
        raise NotImplementedError

    def _record(self, batch: Any, number: int) -> RecordedGaussNewton:
        x, y = self._pair(batch)
        return self._gauss_newton(RecordedModel(self.predict, self._at, (x,)), y, number)

    def _record_copies(self, batch: Any, number: int, layout: Layout | None) -> RecordedCopies:
        x, y = self._pair(batch)
        run = Recording(self.predict, (self._at.tree(), x), None, (0,), self._at.who)
        record = lambda copies, at: self._gauss_newton(RecordedModel(copies, at, ()), y, number)
        return recorded_copies(run, record, layout)

    def _gauss_newton(self, model: RecordedModel, target: Any, number: int) -> RecordedGaussNewton:
        slope = RecordedGradient(self.loss, model.outputs, (target,))
        return RecordedGaussNewton(
            model, self._output_products(model, target, slope, number), slope
        )

    def _evaluate(self, batch: Any) -> Any:
        x, y = self._pair(batch)
        return np.asarray(unrecorded(self.loss(self.predict(self._at.tensors(), x), y)))[()]

    def _rebuild(self, params: Any, fill: Callable[[Any], Any], options: dict[str, Any]) -> Self:
        predict = lambda part, x: self.predict(fill(part), x)
        return type(self)(predict, self.loss, params, self._batches, **options)

    def _pair(self, batch: Any) -> tuple[Any, Any]:
        if not isinstance(batch, (tuple, list)) or len(batch) != 2:
            raise ValueError(
                f"{self._at.who}: a batch must be a pair (x, y) for predict(params, x) and "
                f"loss(outputs, y), but is {_describe_batch(batch)}"
            )
        return self._converted(batch[0]), self._converted(batch[1])

    def _single_output(self, outputs: Flattening) -> Array:
        """The outputs as one array with an axis of examples."""
        if len(outputs.values) != 1 or not outputs.values[0].ndim:
            raise ValueError(
                f"{self._at.who}: predict must return one array with a first axis of examples, "
                f"but returned {[v.shape for v in outputs.values]}; concatenate the outputs"
            )
        return outputs.values[0]


def _describe_batch(batch: Any) -> str:
    if isinstance(batch, (tuple, list)):
        return f"a {type(batch).__name__} of {len(batch)}"
    return f"of type {type(batch).__name__}"


class GGNOperator(OutputCurvatureOperator):
    """The generalised Gauss-Newton matrix ``Jᵀ (∂²loss/∂f²) J``, by products.

    The Hessian of the loss is that plus ``Σ ∂loss/∂f · ∂²f``, curvature of the model itself, which
    vanishes where the model is linear in the parameters or the residuals are zero. With a loss
    convex in the outputs f, it is positive semidefinite. For cross entropy and squared error it is
    the Fisher information too (Martens 2020).

    The model is recorded once at this point. A product is one forward and one reverse sweep over
    it, with the Hessian of the loss between them in closed form (for ``mse``, ``huber``,
    ``cross_entropy``, ``kl_div``, ``binary_cross_entropy_with_logits`` of
    :mod:`tinygrad_hess.nn`, also behind :func:`functools.partial`); any other loss is
    differentiated twice by itself, never through the model.

    Parameters
    ----------
    predict : callable
        ``predict(params, x)`` gives outputs: an array, or a pytree of arrays.
    loss : callable
        ``loss(outputs, y)`` gives a real scalar.
    params : pytree
        As for :class:`HessianOperator`.
    data
        One batch ``(x, y)``, or an iterable of them; see :class:`HessianOperator`.
    reduction, chunk_size, tape_memory, check, dtype, executor, shards, memory_limit
        As for :class:`HessianOperator`.

    Attributes
    ----------
    value, gradient, layers, matvecs, shape, dtype
        As for :class:`HessianOperator`; value and gradient are those of
        ``loss(predict(params, x), y)``.

    Raises
    ------
    ValueError
        For batches that are not pairs, for a loss whose own ``reduction`` is another than that
        given here, and as for :class:`HessianOperator`.

    References
    ----------
    Schraudolph (2002), Fast curvature matrix-vector products for second-order gradient descent.
    Martens (2020), New insights and perspectives on the natural gradient method.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> from tinygrad_hess.curvature import GGNOperator
    >>> x, y = np.array([[1.0], [2.0]]), np.array([[3.0], [5.0]])
    >>> predict = lambda w, x: np.tanh(x * w)
    >>> GGNOperator(predict, nn.mse, np.zeros(1), (x, y))
    <GGNOperator: 1 parameters, float64, mean over one batch, loss 17, 0 products>
    >>> GGNOperator(predict, nn.mse, np.zeros(1), (x, y)).to_dense()
    array([[5.]])
    """

    def _output_products(
        self, model: RecordedModel, target: Any, slope: RecordedGradient, number: int
    ) -> OutputProducts:
        return output_hessian(self.loss, model.outputs.values, target, slope)
