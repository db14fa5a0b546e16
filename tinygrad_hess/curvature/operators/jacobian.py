"""The Jacobian of a model's outputs over data, as a SciPy linear operator."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core import arguments, trees
from ...distributed.shards import batch_size, examples, raw
from . import checks
from .blocks import subparameters
from .flattening import Array, Flattening
from .linearization import RecordedModel, total_of
from .operator import DENSE_BLOCK, OnParameters
from .passes import TAPE_MEMORY, Passes
from .pickling import picklable, restore
from .sharded import as_batches, check_arguments


class JacobianOperator(OnParameters):
    """The Jacobian J of ``predict`` in ``params``: rows are outputs, columns parameters.

    The model is recorded once at this point. ``matvec`` is one forward sweep over it (J v),
    ``rmatvec`` one reverse sweep (Jᵀ u); with k vectors, one batched sweep.

    Parameters
    ----------
    predict : callable
        ``predict(params)`` without data, else ``predict(params, x, *args)``; returns an array, or
        a pytree of arrays.
    params : pytree
        P elements in all; as for :class:`HessianOperator`.
    data : optional
        One batch of inputs, or an iterable of them; the outputs of all, M elements, lie one after
        the other. The data are read at once, for M is not known before.
    *args
        Further arguments of ``predict``, fixed.
    chunk_size, tape_memory, check
        As for :class:`HessianOperator`. What is checked: a model that is random or changes itself,
        a loader that changes, outputs that are not finite, and ``uᵀ(J v) = (Jᵀu)ᵀ v``.

    Attributes
    ----------
    shape : (M, P)
    dtype : dtype
    outputs : array or pytree
        What ``predict`` returned, for all data (batches concatenated along the first axis).
    matvecs : int
        Products spent, with J or its transpose.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import JacobianOperator
    >>> x = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> J = JacobianOperator(lambda w, x: x @ w, np.zeros(2), x)
    >>> J
    <JacobianOperator: 3 outputs, 2 parameters, float64, one batch, 0 products>
    >>> J @ np.array([1.0, 0.0]), J.rmatvec(np.array([1.0, 0.0, 0.0]))
    (array([1., 3., 5.]), array([1., 2.]))
    """

    def __init__(
        self,
        predict: Callable[..., Any],
        params: Any,
        data: Any = None,
        *args: Any,
        chunk_size: int | None = None,
        tape_memory: int = TAPE_MEMORY,
        check: bool = True,
        executor: Any = None,
        shards: int | None = None,
    ):
        who = "JacobianOperator"
        if chunk_size is not None:
            chunk_size = arguments.integer(who, "chunk_size", chunk_size, least=1)
        checks.check_functions(who, predict=predict)
        at = Flattening(params, who)
        self.predict = predict
        self.chunk_size, self.tape_memory, self.check = chunk_size, tape_memory, check
        self.matvecs = 0
        self._args = args if data is not None or args else None
        self._at = at
        self._batches = as_batches(data, who, executor, shards)
        check_arguments(self._batches, args, who)
        self._passes = self._make_passes()
        self._unchecked = check
        self._parts = [visit.result for visit in self._passes.each("outputs_alone")]
        self.outputs = _concatenate_outputs([part.tree() for part in self._parts])
        sizes = [part.size for part in self._parts]
        ends = np.cumsum(sizes).tolist()
        self._rows = [slice(end - n, end) for end, n in zip(ends, sizes, strict=True)]
        dtype = np.result_type(at.dtype, *(part.dtype for part in self._parts))
        super().__init__(at, ends[-1], dtype)

    def _make_passes(self) -> Passes:
        return Passes(
            self,
            self._at,
            self._batches,
            weighted=False,
            tape_memory=self.tape_memory,
        )

    def __getstate__(self) -> dict[str, Any]:
        return picklable(self, ("_passes",))

    def __setstate__(self, state: dict[str, Any]) -> None:
        restore(self, state)
        self._passes = self._make_passes()

    def _without_data(self) -> JacobianOperator:
        made = copy.copy(self)
        made._batches = self._batches.without_data()
        made._passes = made._make_passes()
        return made

    def _record(self, batch: Any, number: int) -> RecordedModel:
        return RecordedModel(self.predict, self._at, self._arguments(batch))

    def _evaluate(self, batch: Any) -> Any:
        outputs = self.predict(self._at.tensors(), *self._arguments(batch))
        return total_of([raw(y) for y in trees.leaves(outputs)])

    def _arguments(self, batch: Any) -> tuple[Any, ...]:
        return () if self._args is None else (batch, *self._args)

    # ---- products --------------------------------------------------------------------------------

    def _matvec(self, x: Any) -> Array:
        return self._forward(np.asarray(x).reshape(-1), 1, "product")

    def _matmat(self, X: Any) -> Array:
        X = np.asarray(X)
        return self._forward(X, X.shape[1], "products", self.chunk_size)

    def _rmatvec(self, x: Any) -> Array:
        return self._reverse(np.asarray(x).reshape(-1), 1, "transposed")

    def _rmatmat(self, X: Any) -> Array:
        X = np.asarray(X)
        return self._reverse(X, X.shape[1], "transposeds", self.chunk_size)

    def _forward(self, v: Array, count: int, product: str, *args: Any) -> Array:
        if np.iscomplexobj(v):
            parts = [self._forward(x, c, product, *args) for x, c in ((v.real, count), (v.imag, 0))]
            return parts[0] + 1j * parts[1]
        out = np.empty((self.shape[0], *v.shape[1:]), self.dtype)
        for visit in self._passes.each(product, v, *args, unchecked=self._unchecked):
            out[self._rows[visit.number]] = visit.result
        self._checked(count)
        return out

    def _reverse(self, u: Array, count: int, product: str, *args: Any) -> Array:
        if np.iscomplexobj(u):
            parts = [self._reverse(x, c, product, *args) for x, c in ((u.real, count), (u.imag, 0))]
            return parts[0] + 1j * parts[1]
        out = np.zeros((self.shape[1], *u.shape[1:]), self.dtype)
        passes, rows = self._passes, self._rows
        for visit in passes.each(product, u, *args, unchecked=self._unchecked, rows=rows):
            out += visit.result
        self._checked(count)
        return out

    def _checked(self, count: int) -> None:
        if self._unchecked:
            self._passes.check()
            self._unchecked = False
        self.matvecs += count

    def _check(self, number: int, run: RecordedModel) -> None:
        who = self._at.who
        f = run.outputs.join(run.outputs.values)
        checks.check_finite(who, number, run.value, f)
        if number == 0:
            rng = np.random.default_rng(0)
            v = rng.choice([-1.0, 1.0], run.at.size).astype(run.at.dtype)
            u = rng.choice([-1.0, 1.0], run.outputs.size).astype(run.outputs.dtype)
            pushed, pulled = run.product(v).astype(float), run.transposed(u).astype(float)
            size = float(np.linalg.norm(pushed) + np.linalg.norm(pulled))
            dtype = np.result_type(run.at.dtype, run.outputs.dtype)
            checks.check_transposed(who, float(u @ pushed), float(pulled @ v), size, dtype)

    def _check_cut(self, batch: Any, run: RecordedModel) -> None:
        n = batch_size(batch, self._at.who, 0)
        parts = [examples(batch, i, j) for i, j in ((0, n // 2), (n // 2, n)) if i < j]
        outputs = [self.predict(self._at.tensors(), *self._arguments(part)) for part in parts]
        found = trees.leaves(_concatenate_outputs([trees.map(raw, y) for y in outputs]))
        eps = float(np.finfo(run.outputs.dtype).eps) ** 0.5
        if not all(
            x.shape == y.shape and np.allclose(x, y, eps, eps * np.abs(y).max(initial=0.0))
            for x, y in zip(found, run.outputs.values, strict=True)
        ):
            raise ValueError(
                f"{self._at.who}: the outputs for {n} examples are not those for the first "
                f"{n // 2} and those for the others, but the data were cut into shards. Give a "
                "list of batches for a model whose examples depend on each other, or leave out "
                "executor=."
            )

    # ---- trees, parts ----------------------------------------------------------------------------

    def __call__(self, v: Any) -> Any:
        """``J v`` with v a tree like the parameters: a tree like the outputs; or with an array."""
        if not self._at.holds(v) and isinstance(v, np.ndarray):
            return self @ v
        product = self.matvec(self._at.flatten(v))
        return _concatenate_outputs(
            [
                part.unflatten(product[rows])
                for part, rows in zip(self._parts, self._rows, strict=True)
            ]
        )

    def to_dense(self) -> Array:
        """The matrix, shape (M, P), by products with the unit vectors of the shorter side."""
        rows, columns = self.shape
        if columns <= rows:
            return super().to_dense()
        out = np.empty(self.shape, self.dtype)
        width = max(1, DENSE_BLOCK // columns)
        for first in range(0, rows, width):
            unit = np.eye(rows, min(width, rows - first), -first, dtype=self.dtype)
            out[first : first + width] = self.rmatmat(unit).T
        return out

    def block(self, *paths: str) -> JacobianOperator:
        """The columns of some of the parameters; see :meth:`HessianOperator.block`."""
        params, fill = subparameters(self._at, paths, f"{self._at.who}.block")
        predict = lambda part, *batch: self.predict(fill(part), *batch)
        data = None if self._args is None else self._batches
        return JacobianOperator(
            predict,
            params,
            data,
            *(self._args or ()),
            chunk_size=self.chunk_size,
            tape_memory=self.tape_memory,
            check=self.check,
        )

    def __repr__(self) -> str:
        n = len(self._passes.sizes)
        batches = "one batch" if self._batches.single else f"{n} batches"
        return (
            f"<JacobianOperator: {self.shape[0]} outputs, {self.shape[1]} parameters, "
            f"{self.dtype}, {batches}, {self.matvecs} products>"
        )


def _concatenate_outputs(outputs: list[Any]) -> Any:
    """The outputs of all batches as one tree, concatenated along the first axis."""
    if len(outputs) == 1:
        return outputs[0]
    return trees.map(lambda *parts: np.concatenate([np.atleast_1d(x) for x in parts]), *outputs)
