"""Sparse Jacobians and Hessians: few sweeps, each along many columns at once.

    pattern -> colours -> one direction a colour -> products -> entries

Columns of one colour share a direction, the sum of their unit vectors; the pattern says which
entry of which product is which entry of the matrix.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from ...core import arguments, modes
from ...core.boundary import named
from ...core.errors import NonDifferentiableError
from ...core.tape import Tape
from ...core.tensor import Batched
from ...ops.elementwise.identity import astype
from ...ops.shape.broadcasting import reshape
from ...ops.shape.rearranging import concatenate_along, index
from ..batched_sweeps import Sweeps
from ..gradients import Argnums, gradients_on_tape
from ..hessian_by_symmetry import is_symmetric
from ..recording import Recording
from .coloring import color_columns, color_symmetric
from .entries import Entries, is_same_pattern, matrix_of
from .pattern import dependences
from .structure import structure


@dataclass(frozen=True)
class Plan:
    """How a matrix of one pattern is compressed and recovered.

    Attributes
    ----------
    pattern : (m, n) boolean csr_array
    forward : bool
        Whether directions are made of columns (products J s) or of rows (products Jᵀ s).
    colors : int array
        The colour of each column, or row; -1 where it has no entry.
    product, index : int arrays
        For each entry of the pattern: the colour whose product contains it, and its index there.
    """

    pattern: Any
    forward: bool
    colors: Any
    product: Any
    index: Any

    @property
    def count(self) -> int:
        """How many products are needed."""
        return int(self.colors.max(initial=-1)) + 1

    def entries(
        self,
        sweep: Callable[[list[Any]], list[Any]],
        over: Sequence[Any],
        results: Sequence[Any],
        sweeps: Sweeps,
        recorded: bool = False,
    ) -> Any:
        """The entries of the pattern, in its order, from products that ``sweep`` makes of
        directions ``over`` some leaves; on the outer tape if the sweeps are ``recorded``."""
        kinds = [x.dtype for x in (*over, *results)]
        dtype = np.result_type(*kinds) if kinds else np.dtype(float)
        cuts = list(sweeps.cut(self.count))
        parts = []
        for colors, found in sweeps.along(sweep, over, self.colors, cuts, recorded):
            count = colors.stop - colors.start
            rows = [_as_rows(t, y, count) for t, y in zip(found, results, strict=True)]
            chosen: Any = slice(None)
            if len(cuts) > 1:
                chosen = self._by_product[self._bounds[colors.start] : self._bounds[colors.stop]]
            at = self.product[chosen] - colors.start, self.index[chosen]
            parts.append(index(joined(rows, axis=-1), at))
        if not parts:
            return np.zeros(0, dtype)
        data = parts[0] if len(parts) == 1 else index(joined(parts, axis=-1), self._in_order)
        return data if data.dtype == dtype else astype(data, dtype)

    @functools.cached_property
    def _by_product(self) -> Any:
        """Entries in the order of the products that contain them."""
        return np.argsort(self.product, kind="stable")

    @functools.cached_property
    def _in_order(self) -> Any:
        """Where each entry stands in that order."""
        return np.argsort(self._by_product, kind="stable")

    @functools.cached_property
    def _bounds(self) -> Any:
        """Where the entries of each product begin in that order."""
        return np.searchsorted(self.product[self._by_product], np.arange(self.count + 1))


def joined(arrays: Sequence[Any], axis: int) -> Any:
    """Arrays one after the other; a single one as it is."""
    return arrays[0] if len(arrays) == 1 else concatenate_along(*arrays, axis=axis)


def _as_rows(tangents: Any, like: Any, count: int) -> Any:
    """One product a row."""
    shape = (count, math.prod(like.shape))
    return np.zeros(shape, like.dtype) if tangents is None else reshape(tangents, shape=shape)


class Part(NamedTuple):
    """A block of a pattern, and which of all entries are its own, in its order."""

    pattern: Any
    chosen: Any


def blocks_of(pattern: Any, rows: Sequence[Any], columns: Sequence[Any]) -> list[list[Part]]:
    """A pattern cut into the blocks of its outputs and inputs."""
    if len(rows) == len(columns) == 1:
        return [[Part(pattern, slice(None))]]
    numbers = (np.arange(pattern.nnz), pattern.indices, pattern.indptr)
    numbered = sparse.csr_array(numbers, shape=pattern.shape)
    return [[_part(numbered[i, j]) for j in _slices(columns)] for i in _slices(rows)]


def _part(numbered: Any) -> Part:
    marks = (np.ones(numbered.nnz, bool), numbered.indices, numbered.indptr)
    return Part(sparse.csr_array(marks, shape=numbered.shape), numbered.data)


def _slices(arrays: Sequence[Any]) -> list[slice]:
    """Which elements of all are those of each array."""
    ends = list(itertools.accumulate([math.prod(x.shape) for x in arrays], initial=0))
    return [slice(*span) for span in itertools.pairwise(ends)]


def plan_jacobian(pattern: Any, mode: str) -> Plan:
    """Columns or rows: as ``mode`` says, or whichever needs fewer colours."""
    columns = rows = None
    if mode in ("auto", "forward"):
        columns = color_columns(pattern)
    if mode in ("auto", "reverse"):
        # a colour each for all entries of a column: no colouring of rows can do with fewer
        least = int(np.bincount(pattern.indices).max(initial=0))
        if columns is None or least < columns.max(initial=-1) + 1:
            rows = color_columns(pattern.T.tocsr())
    forward = rows is None or (
        columns is not None and columns.max(initial=-1) <= rows.max(initial=-1)
    )
    at_row, at_column = _row_of_entries(pattern), pattern.indices
    if forward:
        assert columns is not None
        return Plan(pattern, True, columns, columns[at_column], at_row)
    assert rows is not None
    return Plan(pattern, False, rows, rows[at_row], at_column)


def plan_hessian(pattern: Any) -> Plan:
    """By a star colouring: an entry is read off its own column, or its mirror image's.

    Where blocks are small and dense, as on a grid of nine points, columns alone need fewer colours.
    """
    pattern = _canonical(pattern + pattern.T)  # a pattern is a bound, and one side's may be tighter
    colors = color_symmetric(pattern)
    if colors.max(initial=-1) + 1 > np.diff(pattern.indptr).max(initial=0):
        colors = min(color_columns(pattern), colors, key=lambda colors: colors.max())
    row, column = _row_of_entries(pattern), pattern.indices
    key = row * (int(colors.max(initial=0)) + 1) + colors[column]
    _, which, times = np.unique(key, return_inverse=True, return_counts=True)
    unique = times[which] == 1  # no other entry of this row has a column of this colour
    product = np.where(unique, colors[column], colors[row])
    return Plan(pattern, True, colors, product, np.where(unique, row, column))


def _row_of_entries(pattern: Any) -> Any:
    return np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))


def _canonical(pattern: Any) -> Any:
    pattern.sum_duplicates()
    return pattern


class Planner:
    """What a sparse transform keeps from call to call: the pattern it was given, the last plan.

    A tape of the same structure as the last one has the same pattern.

    Parameters
    ----------
    given : True, or a matrix
        Detect the pattern, anew where a tape has another structure; or take this one.
    who : str
        The transform, for errors.
    """

    def __init__(self, given: Any, who: str):
        self.given = None if given is True else _as_pattern(given, who)
        self.who = who
        self.last: tuple[Any, str, Plan] | None = None
        self._key: Any = None  # of the tape that the last plan is of, where it has one

    def plan(self, run: Recording, tape: Tape, outputs: Sequence[Any], mode: str) -> Plan:
        """The plan for this recording; colours are found anew only if the pattern is new."""
        _refuse_outer_transforms(run, tape, outputs, self.who)
        key, last = None, self.last
        if self.given is None:
            # a key takes indices for constants, which arguments of a replayed function are not
            key = None if modes.is_tracing() else structure(tape, run.starts, outputs)
            if key is not None and key == self._key and last is not None and last[1] == mode:
                return last[2]
            pattern = dependences(tape, run.starts, outputs)
        else:
            pattern = self.given
            want = tuple(sum(math.prod(x.shape) for x in xs) for xs in (outputs, run.starts))
            if pattern.shape != want:
                raise ValueError(
                    f"{self.who}: a sparsity pattern of shape {pattern.shape} was given, but the "
                    f"matrix has shape {want}. Give sparse=True to detect it, or one made by "
                    "sparsity(...) at arguments of these shapes."
                )
        if last is None or last[1] != mode or not is_same_pattern(last[0], pattern):
            made = plan_hessian(pattern) if mode == "symmetric" else plan_jacobian(pattern, mode)
            self.last = last = (pattern, mode, made)
        self._key = key
        return last[2]

    def jacobian(
        self, run: Recording, tape: Tape, outputs: Sequence[Any], mode: str, sweeps: Sweeps
    ) -> list[list[Any]]:
        """``blocks[output][input]`` of the Jacobian, as csr_arrays."""
        plan = self.plan(run, tape, outputs, mode)
        recorded = run.is_tracked(tape)
        with modes.recording():
            if plan.forward:
                push = lambda seeds: run.push(tape, outputs, seeds, recorded)
                data = plan.entries(push, run.starts, outputs, sweeps, recorded)
            else:
                pull = lambda seeds: run.pull(tape, seeds, recorded)
                data = plan.entries(pull, outputs, run.starts, sweeps, recorded)
            return _matrices(data, plan.pattern, outputs, run.starts)

    def hessian(self, run: Recording, sweeps: Callable[[Tape], Sweeps]) -> list[list[Any]]:
        """``blocks[a][b]`` of the Hessian of a scalar, as csr_arrays."""
        gradients, tape = gradients_on_tape(run)
        mode = "symmetric" if is_symmetric(run.tape()) else "forward"
        plan = self.plan(run, tape, gradients, mode)
        recorded = run.is_tracked(tape)
        with modes.recording():
            push = lambda seeds: run.push(tape, gradients, seeds, recorded)
            data = plan.entries(push, run.starts, gradients, sweeps(tape), recorded)
            return _matrices(data, plan.pattern, run.starts, run.starts)


def _as_pattern(given: Any, who: str) -> Any:
    """A pattern that a user gave: any matrix, sparse (its stored entries count) or dense."""
    if sparse.issparse(given):
        found = sparse.csr_array(given)
        found = sparse.csr_array(
            (np.ones(found.nnz, bool), found.indices, found.indptr), shape=found.shape
        )
    else:
        dense = np.asarray(given)
        if dense.ndim != 2 or dense.dtype.kind not in "biuf":
            raise ValueError(
                f"{who}: sparse is True, False or a matrix whose entries mark what can be other "
                f"than zero, not {given!r}"
            )
        found = sparse.csr_array(dense != 0)
    return _canonical(found.copy())


def _refuse_outer_transforms(run: Recording, tape: Tape, outputs: Any, who: str) -> None:
    """A replay fills the matrix with numbers (as does a jitted function that is not replayed while
    NaNs are looked for); other transforms would go on with it."""
    replayed = modes.is_tracing() or modes.is_debugging_nans()
    batched = any(type(x) is Batched for x in (*run.starts, *outputs))
    if batched or (run.is_tracked(tape) and not replayed):
        raise NonDifferentiableError(
            f"{who}: sparse=True inside another transform (grad, vmap, ...): a scipy.sparse array "
            "holds numbers alone, so no derivative can flow through it. Use sparse=False there."
        )


def _matrices(
    data: Any, pattern: Any, rows: Sequence[Any], columns: Sequence[Any]
) -> list[list[Any]]:
    """Cut into outputs and inputs, each in the type of its input."""
    made = Entries if modes.is_tracing() else matrix_of  # entries may be constants of a plan, too
    return [
        [
            made(_in_type(data, part.chosen, x.dtype), part.pattern)
            for part, x in zip(row, columns, strict=True)
        ]
        for row in blocks_of(pattern, rows, columns)
    ]


def _in_type(data: Any, chosen: Any, dtype: Any) -> Any:
    found = data if isinstance(chosen, slice) else index(data, chosen)
    return found if found.dtype == dtype else astype(found, dtype)


@named
def sparsity(
    f: Callable[..., Any], *args: Any, argnums: Argnums = 0, order: int = 1, **kwargs: Any
) -> Any:
    """Which entries of a Jacobian, or of a Hessian, can be other than zero.

    Parameters
    ----------
    f : callable
        From pytrees of floating arrays to a pytree of arrays; a scalar for ``order=2``.
    *args, **kwargs
        Where to record it.
    argnums : int or sequence of int
        Which arguments to differentiate.
    order : {1, 2}
        1 for the Jacobian, 2 for the Hessian.

    Returns
    -------
    (m, n) csr_array of bool
        All elements of the outputs by all elements of the inputs, leaf after leaf. Give it to
        ``jacobian(f, sparse=pattern)`` or ``hessian(f, sparse=pattern)``, which then skip the
        detection: right as long as ``f`` runs the same operations, with the same constant indices,
        at every point (no branch on values).

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.transforms.sparse.plan import sparsity
    >>> sparsity(lambda x: x[1:] * x[0], np.ones(4)).toarray().astype(int)
    array([[1, 1, 0, 0],
           [1, 0, 1, 0],
           [1, 0, 0, 1]])
    """
    arguments.function("sparsity", "f", f, "Write tg.sparsity(f, x).")
    if arguments.integer("sparsity", "order", order) not in (1, 2):
        raise ValueError(f"sparsity: order={order!r} is neither 1 (Jacobian) nor 2 (Hessian)")
    run = Recording(f, args, kwargs, arguments.argument_numbers("sparsity", argnums)[0], "sparsity")
    if order == 1:
        outputs = [y if hasattr(y, "shape") else np.asarray(y, float) for y in run.outputs]
        return dependences(run.tape(), run.starts, outputs)
    gradients, tape = gradients_on_tape(run)
    pattern = dependences(tape, run.starts, gradients)
    return _canonical(pattern + pattern.T)
