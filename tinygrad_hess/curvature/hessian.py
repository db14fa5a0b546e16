"""The Hessian of a loss over data, as a SciPy linear operator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator

from .. import trees
from ..tensors import Tensor
from .batches import Batches, batch_size
from .flattening import Flattening
from .recorded import Array, RecordedGradient

TAPE_MEMORY = 512 * 2**20
"""Bytes of tapes that an operator keeps; batches beyond it are recorded again in each pass."""


class HessianOperator(LinearOperator):
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
        all. An array that stands in two places counts twice, as in :func:`tinygrad_hess.grad`.
    data : optional
        One batch: an array, or a tuple or dict of arrays. Or many: a list or another iterable of
        batches, where a batch counts by its number of examples, so that a ragged last one is
        right. A loader is iterated again in each pass and must then give the same batches.
    *args
        Further arguments of ``loss``, held fixed; ``HessianOperator(loss, params, x, y)`` serves
        ``loss(params, x, y)``.
    reduction : {"mean", "sum"}
        Whether ``loss`` is a mean or a sum over the examples of a batch; the operator is the
        Hessian of the mean, or the sum, over all batches. With one batch they are the same.
    chunk_size : int, optional
        Vectors in one batched sweep; by default as many as keep its memory below 64 MiB.
    tape_memory : int
        Bytes of tapes to keep. Batches beyond it are recorded again in each pass, which makes
        their products about three times as expensive.

    Attributes
    ----------
    shape : (P, P)
    dtype : dtype
        That of the parameters: float32 parameters make a float32 operator.
    value : numpy scalar
        The loss at this point.
    gradient : ndarray, shape (P,)
    matvecs : int
        Products with the Hessian of the whole data spent so far; k of them in a ``matmat``.

    Raises
    ------
    ValueError
        When ``loss`` is not scalar, or when a second pass over the data finds other batches or
        another loss (a loader that shuffles, or a loss with dropout).
    NonDifferentiableError
        When a parameter is not real floating point.

    See Also
    --------
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
    <HessianOperator: 3 parameters, float64, one batch, loss 5, 0 products>
    >>> H @ np.array([1.0, 0.0, 0.0])
    array([2., 1., 2.])
    >>> H({"b": 1.0, "w": np.zeros(2)})
    {'b': np.float64(2.0), 'w': array([1., 2.])}
    >>> H.gradient
    array([-4., -1., -6.])
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
    ):
        if reduction not in ("mean", "sum"):
            raise ValueError(f"HessianOperator: reduction={reduction!r} is not 'mean' or 'sum'")
        if chunk_size is not None and chunk_size < 1:
            raise ValueError(f"HessianOperator: chunk_size must be at least 1, got {chunk_size}")
        self._at = Flattening(params, "HessianOperator")
        super().__init__(dtype=self._at.dtype, shape=(self._at.size, self._at.size))
        self.loss = loss
        self.reduction = reduction
        self.chunk_size = chunk_size
        self.tape_memory = tape_memory
        self.matvecs = 0
        self._batches = Batches(data, "HessianOperator")
        self._args = args if data is not None or args else None
        self._tapes: dict[int, RecordedGradient] = {}
        self._seen: list[tuple[int, Any]] = []  # number of examples and loss of each batch
        self._measured: tuple[Any, Array] | None = None
        if self._batches.single:  # now, so that errors come early and the point is fixed
            self._measure()

    # ---- products --------------------------------------------------------------------------------

    def _matvec(self, x: Any) -> Array:
        self.matvecs += 1
        return self._apply(np.asarray(x).reshape(-1), lambda batch, v: batch.product(v))

    def _matmat(self, X: Any) -> Array:
        X = np.asarray(X)
        self.matvecs += X.shape[1]
        return self._apply(X, lambda batch, V: batch.products(V, self.chunk_size))

    _rmatvec, _rmatmat = _matvec, _matmat  # symmetric

    def _adjoint(self) -> HessianOperator:
        return self

    def _transpose(self) -> HessianOperator:
        return self

    def _apply(self, v: Array, product: Callable[[RecordedGradient, Array], Array]) -> Array:
        if np.iscomplexobj(v):
            return self._apply(v.real, product) + 1j * self._apply(v.imag, product)
        total = np.zeros(v.shape, self.dtype)
        for weight, batch in self._recorded():
            part = product(batch, v)
            if weight is None:
                return part
            total += part * weight
        return total / self._denominator()

    def __call__(self, v: Any) -> Any:
        """``H v`` with v a tree like the parameters, which gives such a tree; or an array."""
        if not self._at.holds(v):
            if isinstance(v, (np.ndarray, LinearOperator)):
                return self @ v
            self._at.flatten(v)  # says what does not fit
        boxed = [isinstance(x, Tensor) for x in trees.leaves(v)]
        return self._at.unflatten(self.matvec(self._at.flatten(v)), boxed)

    def to_dense(self) -> Array:
        """The matrix, shape (P, P), by products with the unit vectors (P products)."""
        P = self._at.size
        out = np.empty((P, P), self.dtype)
        width = max(1, 2**23 // P)  # identity columns at a time, 64 MiB
        for first in range(0, P, width):
            unit = np.eye(P, min(width, P - first), -first, dtype=self.dtype)
            out[:, first : first + width] = self.matmat(unit)
        return out

    # ---- vectors and trees -----------------------------------------------------------------------

    def flatten(self, tree: Any) -> Array:
        """A tree like the parameters as a vector of shape (P,)."""
        return self._at.flatten(tree)

    def unflatten(self, vector: Any) -> Any:
        """A vector of shape (P,) as a tree like the parameters."""
        return self._at.unflatten(vector)

    # ---- what comes for free ---------------------------------------------------------------------

    @property
    def value(self) -> Any:
        """The loss at this point."""
        return self._measure()[0]

    @property
    def gradient(self) -> Array:
        """The gradient at this point, shape (P,)."""
        return self._measure()[1].copy()

    def _measure(self) -> tuple[Any, Array]:
        if self._measured is None:
            for _ in self._recorded():
                pass
        assert self._measured is not None
        return self._measured

    def __repr__(self) -> str:
        n = len(self._seen)
        batches = "one batch" if self._batches.single else f"{n} batches" if n else "batches unread"
        loss = f", loss {self._measured[0]:.6g}" if self._measured is not None else ""
        return (
            f"<HessianOperator: {self._at.size} parameters, {self.dtype}, {batches}{loss}, "
            f"{self.matvecs} products>"
        )

    # ---- passes over the data --------------------------------------------------------------------

    def _recorded(self) -> Iterator[tuple[float | None, RecordedGradient]]:
        """All batches as (weight, recorded gradient); the weight of a single batch is None."""
        if self._measured is not None and len(self._tapes) == len(self._seen):
            for i, tape in self._tapes.items():
                yield self._weight(i), tape
            return
        value = 0.0
        gradient = np.zeros(self._at.size, self.dtype)
        number = -1
        for place, batch in enumerate(self._batches):
            size = self._size(batch, place)
            if size == 0:  # a mean over nothing would be NaN
                continue
            number += 1
            tape = self._tapes.get(number) or self._record(batch, number, size)
            weight = self._weight(number)
            if self._measured is None:
                scale = 1.0 if weight is None else weight
                value += float(tape.value) * scale
                gradient += tape.gradient * scale
            yield weight, tape
        if number < 0:
            raise ValueError("HessianOperator: data holds no example")
        if number + 1 != len(self._seen):
            self._refuse_batches(number + 1)
        if self._measured is None:
            count = self._denominator()
            self._measured = self.dtype.type(value / count), gradient / count

    def _size(self, batch: Any, place: int) -> int:
        weighted = not self._batches.single and self.reduction == "mean"
        return batch_size(batch, "HessianOperator", place) if weighted else 1

    def _record(self, batch: Any, number: int, size: int) -> RecordedGradient:
        if self._measured is not None and number == len(self._seen):
            self._refuse_batches(number + 1)
        tape = RecordedGradient(self.loss, self._at, self._arguments(batch))
        if number == len(self._seen):
            self._seen.append((size, tape.value))
        else:
            self._check_same(number, size, tape.value)
        kept = sum(t.nbytes for t in self._tapes.values())
        if self._batches.single or kept + tape.nbytes <= self.tape_memory:
            self._tapes[number] = tape
        return tape

    def _arguments(self, batch: Any) -> tuple[Any, ...]:
        return () if self._args is None else (batch, *self._args)

    def _refuse_batches(self, found: int) -> None:
        raise ValueError(
            f"HessianOperator: this pass over the data found {found} batches, an earlier "
            f"one {len(self._seen)}. Give a list of batches, as in list(loader)."
        )

    def _check_same(self, number: int, size: int, value: Any) -> None:
        before, loss = self._seen[number]
        close = np.isclose(value, loss, rtol=np.finfo(self.dtype).eps ** 0.5, equal_nan=True)
        if size != before or not close:
            raise ValueError(
                f"HessianOperator: batch {number} had {before} examples and loss {loss:.8g}, and "
                f"now has {size} and {value:.8g} at the same parameters. If the data loader "
                "shuffles or augments, give list(loader) instead; if the loss is random "
                "(dropout), switch that off."
            )

    def _weight(self, number: int) -> float | None:
        return None if self._batches.single else self._seen[number][0]

    def _denominator(self) -> float:
        if self._batches.single or self.reduction == "sum":
            return 1
        return sum(size for size, _ in self._seen)
