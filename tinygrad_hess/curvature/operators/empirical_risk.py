"""A symmetric operator that is a weighted sum over batches: what Hessian and Fisher share."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import numpy as np

from ...core import arguments
from ...replay.program import Program
from ...replay.recomputation import bounds
from . import checks, memory
from .batches import Batches
from .blocks import BlockDiagonalOperator, subparameters
from .flattening import Array, Flattening, converted
from .linearization import Recorded
from .operator import DENSE_BLOCK, SymmetricOperator
from .passes import TAPE_MEMORY, Owner, Passes, Visit
from .per_example.forms import ExampleForms, Layout, RecordedCopies
from .pickling import picklable, restore
from .sharded import as_batches


class StreamedOperator(SymmetricOperator):
    """The mean or sum of one symmetric matrix for each batch of some data.

    A subclass says what is recorded for a batch (:meth:`_record`), how its value is found without
    recording (:meth:`_evaluate`), and how to make the like of itself for other parameters
    (:meth:`_rebuild`). What these need is there before this class is initialised.
    """

    def __init__(
        self,
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
        who = type(self).__name__
        arguments.choice(who, "reduction", reduction, ("mean", "sum"))
        if chunk_size is not None:
            chunk_size = arguments.integer(who, "chunk_size", chunk_size, least=1)
        dtype = None if dtype is None else arguments.floating(who, dtype)
        self._converted = converted(dtype)
        super().__init__(Flattening(params, who, dtype=dtype))
        self.reduction = reduction
        self.chunk_size = chunk_size
        self.tape_memory = tape_memory
        self.check = check
        self.matvecs = 0
        self._batches = as_batches(data, who, executor, shards)
        self._unchecked = check
        self._precision = dtype
        self._measured: tuple[Any, Array] | None = None
        self._program: Any = None  # that all batches replay
        self._plans_once = False  # whether there is one
        self._budget: float | None = None  # of its sweeps, where they compute values again
        self.memory_limit: int | None = None
        self.vector_memory: memory.VectorMemory | None = None
        if memory_limit is not None:
            self._fit(memory.in_bytes(who, memory_limit))
        self._passes = self._make_passes(self)
        if self._batches.single:  # now, so that errors come early and the point is fixed
            self._measure()

    # Tapes and plans are not copied: they are made again with the next product.

    def __getstate__(self) -> dict[str, Any]:
        return picklable(self, ("_passes", "_converted", "_program"))

    def __setstate__(self, state: dict[str, Any]) -> None:
        restore(self, state)
        self._converted, self._program = converted(self._precision), None
        if self._plans_once:
            self._plan_once()
        self._passes = self._make_passes(self)

    def _fit(self, limit: int) -> None:
        """Read the data in pieces, and keep tapes, such that products fit."""
        who, batches = self._at.who, self._batches
        if batches.workers is not None:
            raise ValueError(
                f"{who}: memory_limit is for products in this process; with an executor, give "
                "shard_size= to ShardedData and tape_memory= (of each worker) instead"
            )
        self.memory_limit = limit
        if self.chunk_size is None:
            self.chunk_size = 1  # side by side, sweeps take the memory of each
        with memory.Traced() as traced:
            plan = memory.fit(who, _Trials(self, traced), batches, limit)
        self.tape_memory, self._budget = plan.tape_memory, plan.budget
        self.vector_memory = memory.VectorMemory(limit, plan.vectors, plan.tape)
        self._plans_once = plan.planned
        if plan.planned:
            self._plan_once()
        if plan.piece is not None:
            self._batches = batches.in_pieces(plan.piece)

    def _by_shapes(self, batch: Any) -> Program | None:
        """What a product records of a batch, at no memory; None where that cannot be known."""
        return None

    def _plan_once(self) -> bool:
        """Have all batches replay one program from now on; whether there is one."""
        return False

    def to_dense(self) -> Array:
        """The matrix, by products with the unit vectors.

        Raises
        ------
        ValueError
            When it does not fit in ``memory_limit``.
        """
        if self.memory_limit is not None:
            size = self.dtype.itemsize * self.shape[0]
            what = f"the matrix of {self.shape[0]} parameters"
            columns = min(self.shape[0], max(1, DENSE_BLOCK // self.shape[0]))
            memory.refuse(
                f"{self._at.who}.to_dense",
                what,
                self.memory_limit,
                size * (self.shape[0] + 3 * columns),
            )
        return super().to_dense()

    def _make_passes(self, owner: Owner) -> Passes:
        return Passes(
            owner,
            self._at,
            self._batches,
            weighted=self.reduction == "mean",
            tape_memory=self.tape_memory,
            plan_all=self.memory_limit is None,
        )

    def _without_data(self) -> Self:
        made = copy.copy(self)
        made._batches = self._batches.without_data()
        made._passes = made._make_passes(made)
        return made

    def _record(self, batch: Any, number: int) -> Recorded:
        raise NotImplementedError

    def _record_copies(self, batch: Any, number: int, layout: Layout | None) -> RecordedCopies:
        raise NotImplementedError

    def _evaluate(self, batch: Any) -> Any:
        raise NotImplementedError

    def _rebuild(self, params: Any, fill: Callable[[Any], Any], options: dict[str, Any]) -> Self:
        raise NotImplementedError

    # ---- products --------------------------------------------------------------------------------

    def _matvec(self, x: Any) -> Array:
        self.matvecs += 1
        return self._apply(np.asarray(x).reshape(-1), "product")

    def _matmat(self, X: Any) -> Array:
        X = np.asarray(X)
        self.matvecs += X.shape[1]
        if self.vector_memory is None:
            return self._apply(X, "products", self.chunk_size)
        width = self.vector_memory.width(self.shape[0] * self.dtype.itemsize)
        blocks = [X[:, i : i + width] for i in range(0, X.shape[1], width)] or [X]
        return np.concatenate([self._apply(B, "products", self.chunk_size) for B in blocks], axis=1)

    def _apply(self, v: Array, product: str, *args: Any) -> Array:
        if np.iscomplexobj(v):
            return self._apply(v.real, product, *args) + 1j * self._apply(v.imag, product, *args)
        total = np.zeros(v.shape, self.dtype)
        for visit in self._visits(product, v, *args):
            part = visit.result
            if self._batches.single:
                total = part
            else:
                total += part * visit.weight if self._passes.weighted else part
        if self._unchecked:
            self._passes.check()
            self._unchecked = False
        return total / self._passes.total if self._passes.weighted else total

    def _why_not_finite(self, number: int) -> str:
        """Whether the loss on a batch overflowed, in a sentence; empty where that is not known."""
        return ""

    def _check(self, number: int, batch: Recorded) -> None:
        why = functools.partial(self._why_not_finite, number)
        checks.check_finite(self._at.who, number, batch.value, batch.gradient, why)
        if number == 0:
            products = lambda V: batch.products(V, self.chunk_size)
            checks.check_symmetric(self._at.who, products, batch.gradient, self.dtype)

    def _check_cut(self, batch: Any, recorded: Recorded) -> None:
        checks.check_cut(self._at.who, self._evaluate, batch, recorded.value, self.reduction)

    def example_forms(self) -> ExampleForms:
        """Quadratic forms with random signs that differ from example to example.

        Where examples are independent, their mean for each leaf is the trace of its block, and
        they vary less than ``zᵀ A z``. :func:`~tinygrad_hess.curvature.trace` uses them.

        Returns
        -------
        ExampleForms
            A function of a range of probes and a seed, to forms of shape (leaves, probes). It
            raises UncopiedError where examples interact.

        Examples
        --------
        >>> from tinygrad_hess.curvature import HessianOperator
        >>> x = np.array([[1.0, 2.0], [3.0, 1.0]])
        >>> H = HessianOperator(lambda w, x: ((x @ w) ** 2).sum(), np.zeros(2), x)
        >>> H.example_forms()(range(3), seed=0).round(12), np.trace(H.to_dense())
        (array([[30., 30., 30.]]), np.float64(30.0))
        """
        return ExampleForms(self)

    # ---- parts -----------------------------------------------------------------------------------

    def block(self, *paths: str) -> Self:
        """The operator in some of the parameters alone, with the others fixed.

        Parameters
        ----------
        *paths : str
            Which leaves: ``"layers[0]"``, ``"layers[1].bias"``, ``"['w']"``; a path to a container
            takes all that is in it.

        Returns
        -------
        operator
            Of the same class: a principal submatrix of this one, cheaper than it since nothing
            is differentiated in the other parameters. With one path its trees are like what
            stands there; with several, dicts from path to that.

        Raises
        ------
        ValueError
            For a path that leads nowhere (the error lists what there is), or paths that overlap.
        """
        params, fill = subparameters(self._at, paths, f"{self._at.who}.block")
        self.make_room()
        return self._rebuild(params, fill, self._options)

    def astype(self, dtype: Any) -> Self:
        """The same operator, computed in another precision."""
        options = self._options | {"dtype": dtype}
        self.make_room()
        return self._rebuild(self._at.tree(), lambda params: params, options)

    def make_room(self) -> None:
        """Forget tapes, where memory is limited: for another operator within the same limit.

        They are recorded again when a product asks for them.
        """
        if self.memory_limit is not None and not self._batches.single:
            self._passes.tapes.clear()

    @property
    def _options(self) -> dict[str, Any]:
        return {
            "reduction": self.reduction,
            "chunk_size": self.chunk_size,
            "tape_memory": self.tape_memory,
            "check": self._unchecked,  # once is enough for one function and one set of data
            "dtype": self._precision,
            "memory_limit": self.memory_limit,
        }

    def block_diagonal(
        self, blocks: Sequence[str | Sequence[str]] | None = None
    ) -> BlockDiagonalOperator:
        """This operator with zeros between blocks of parameters.

        Parameters
        ----------
        blocks : sequence of paths, optional
            One path for each block, or several; by default one block for each layer. What no
            block holds is a block of its own, named ``rest``.

        Raises
        ------
        ValueError
            For paths that lead nowhere or overlap.
        """
        who, at = f"{self._at.who}.block_diagonal", self._at
        names = at.paths.names
        if blocks is None:
            layers = at.paths.by_layer()
            chosen = {layer: [names[i] for i in leaves] for layer, leaves in layers.items()}
        else:
            what = "a list of paths, or of lists of them"
            arguments.instance(who, "blocks", blocks, (list, tuple), what)
            given: list[Any] = [list(b) if isinstance(b, list | tuple) else [b] for b in blocks]
            for path in (path for paths in given for path in paths):
                at.paths.under(path, who)
            chosen = {", ".join(paths): paths for paths in given}
            taken = [i for paths in given for path in paths for i in at.paths.under(path, who)]
            if len(set(taken)) < len(taken) or len(chosen) < len(given):
                raise ValueError(f"{who}: the blocks {blocks!r} overlap")
            if rest := [name for i, name in enumerate(names) if i not in set(taken)]:
                chosen["rest"] = rest
        made = {}
        for name, paths in chosen.items():
            leaves = [i for path in sorted(paths) for i in at.paths.under(path, who)]
            if at.indices(leaves).size:
                made[name] = (at.indices(leaves), self.block(*paths))
        return BlockDiagonalOperator(at, made)

    # ---- what comes for free ---------------------------------------------------------------------

    @property
    def value(self) -> Any:
        """The loss at this point."""
        return self._measure()[0]

    @property
    def gradient(self) -> Array:
        """The gradient of the loss at this point, shape (P,)."""
        return self._measure()[1].copy()

    def _measure(self) -> tuple[Any, Array]:
        if self._measured is None:
            for _ in self._visits():
                pass
        assert self._measured is not None
        return self._measured

    def _visits(self, method: str = "", *args: Any) -> Iterator[Visit]:
        """All batches, with what a method of what is recorded gives; the first time the loss is
        added up, too."""
        measure, unchecked = self._measured is None, self._unchecked and bool(method)
        value, gradient = 0.0, np.zeros(self._at.size, self.dtype)
        for visit in self._passes.each(method, *args, unchecked=unchecked, measure=measure):
            if measure:
                value += float(visit.value) * visit.weight
                part = visit.gradient
                gradient += part * visit.weight if self._passes.weighted else part
            yield visit
        if measure:
            total = self._passes.total
            self._measured = self.dtype.type(value / total), gradient / self.dtype.type(total)

    def facts(self) -> dict[str, Any]:
        """The loss and the data too."""
        name = getattr(self.loss, "__qualname__", type(self.loss).__name__)
        n = len(self._passes.sizes)
        batches = "one batch" if self._batches.single else n or "batches, unread as yet"
        value = f" = {self._measured[0]:.6g}" if self._measured is not None else ""
        return {
            "loss": f"{name}{value}", "reduction": self.reduction, "batches": batches,
        } | super().facts()  # fmt: skip

    def __repr__(self) -> str:
        n = len(self._passes.sizes)
        batches = "one batch" if self._batches.single else f"{n} batches" if n else "batches unread"
        loss = f", loss {self._measured[0]:.6g}" if self._measured is not None else ""
        return (
            f"<{type(self).__name__}: {self._at.described}, {self.dtype}, {self.reduction} "
            f"over {batches}{loss}, {self.matvecs} products>"
        )


class _Trials:
    """First products with a few examples, of which the memory is measured."""

    def __init__(self, op: StreamedOperator, traced: memory.Traced):
        self._op, self._traced = op, traced
        self.vector = op.shape[0] * op.dtype.itemsize

    def shapes(self, batch: Any) -> memory.Shapes | None:
        program = self._op._by_shapes(batch)
        if program is None:
            return None
        whole, least = bounds(program)
        return memory.Shapes(whole, least, self._traced.peak)

    def __call__(self, data: Any, planned: bool = False) -> memory.Taken | None:
        made = copy.copy(self._op)
        if planned and not made._plan_once():
            return None
        made.tape_memory, made._batches = 0, Batches(data, made._at.who)
        made._passes = made._make_passes(made)
        vector = np.ones(made.shape[0], made.dtype)

        def products() -> Passes:
            for _ in range(2):
                made.matvec(vector)
            return made._passes

        return self._traced.taken(products)
