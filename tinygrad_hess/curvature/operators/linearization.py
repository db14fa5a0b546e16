"""What is recorded once at a point and a batch, so that products repeat sweeps alone.

    RecordedGradient    : loss  -> value, gradient, H v
    RecordedModel       : predict -> outputs, J v, Jᵀ u
    RecordedGaussNewton : predict, and a curvature M of the outputs -> value, gradient, Jᵀ M J v

A product is a function of the tape and of vectors: one of shape (P,), or k of them, (P, k).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from ...core import trees
from ...core.tape import Tape
from ...core.tensor import unrecorded
from ...replay import Replayed
from ...transforms.batched_sweeps import Leaves, Sweep, swept
from ...transforms.gradients import gradients_on_tape
from ...transforms.jacobians import chunks
from ...transforms.recording import Recording
from .flattening import Array, Flattening

LARGE = 2**23
"""Bytes of a tape from which columns are taken one at a time."""


class Recorded(Protocol):
    """What a sum over batches needs of each."""

    @property
    def value(self) -> Any:
        """The loss."""

    @property
    def gradient(self) -> Array:
        """Shape (P,)."""

    @property
    def nbytes(self) -> int:
        """Bytes of the values on the tape."""

    def product(self, vector: Array) -> Array:
        """For a vector of shape (P,)."""

    def products(self, vectors: Array, chunk_size: int | None) -> Array:
        """For vectors of shape (P, k), in sweeps of bounded memory."""


class RecordedGradient:
    """``loss`` and its gradient on one tape, at the flattened parameters.

    Attributes
    ----------
    sweep : callable
        Tangents of the gradient from those of the parameters.
    """

    def __init__(self, loss: Callable[..., Any], at: Flattening, args: Any):
        self.at = at
        self.run = Recording(loss, (at.tree(), *args), None, (0,), at.who)
        self.gradients, self.tape = gradients_on_tape(self.run)
        self.sweep = _forward_sweep(self.run, self.tape, self.gradients)
        self._replayed = Replayed(self.sweep, sweep=True)
        self.tape.freeze()
        self.value = np.asarray(unrecorded(self.run.outputs[0]))[()]
        self.gradient = at.join([unrecorded(g) for g in self.gradients])
        self.nbytes = self.tape.nbytes

    def product(self, vector: Array) -> Array:
        """``H v`` by one tangent sweep."""
        return self.at.join(self._replayed(self.at.part(vector), None))

    def products(self, vectors: Array, chunk_size: int | None = None) -> Array:
        """``H V`` by batched tangent sweeps."""
        return _in_chunks(self._replayed, vectors, self.at, self.at, self.nbytes, chunk_size)


class RecordedModel:
    """``predict`` on one tape, at the flattened parameters.

    Attributes
    ----------
    outputs : Flattening
        Of what ``predict`` returned: its values, and how they lie in a vector of M elements.
    value : float
        The sum of the outputs, by which the same model on the same data is known again.
    push, pull : callable
        ``J v`` by one forward sweep, ``Jᵀ u`` by one reverse sweep, on leaves.
    """

    def __init__(self, predict: Callable[..., Any], at: Flattening, args: Any):
        self.at = at
        self.run = Recording(predict, (at.tree(), *args), None, (0,), at.who)
        self.tape = self.run.tape()
        found = [unrecorded(y) for y in self.run.outputs]
        self.outputs = Flattening(trees.unflatten(self.run.out_spec, found), at.who, "outputs")
        self.value, self.gradient = total_of(found), None
        self.nbytes = self.tape.nbytes
        self.push = _forward_sweep(self.run, self.tape, self.run.outputs)
        self.pull = _reverse_sweep(self.run, self.tape)
        self._pushed, self._pulled = (
            Replayed(self.push, sweep=True),
            Replayed(self.pull, sweep=True),
        )
        self.tape.freeze()

    def outputs_alone(self) -> Flattening:
        """The outputs, without the tape."""
        return self.outputs

    def product(self, vector: Array) -> Array:
        """``J v``, shape (M,), for v of shape (P,)."""
        return self.outputs.join(self._pushed(self.at.part(vector), None))

    def products(self, vectors: Array, chunk_size: int | None = None) -> Array:
        """``J V``, shape (M, k), for V of shape (P, k)."""
        return _in_chunks(self._pushed, vectors, self.at, self.outputs, self.nbytes, chunk_size)

    def transposed(self, vector: Array) -> Array:
        """``Jᵀ u``, shape (P,), for u of shape (M,)."""
        return self.at.join(self._pulled(self.outputs.part(vector), None))

    def transposeds(self, vectors: Array, chunk_size: int | None = None) -> Array:
        """``Jᵀ U``, shape (P, k), for U of shape (M, k)."""
        return _in_chunks(self._pulled, vectors, self.outputs, self.at, self.nbytes, chunk_size)


def total_of(outputs: Sequence[Any]) -> float:
    """The sum of all elements of the outputs."""
    return sum(float(np.sum(y, dtype=np.float64)) for y in outputs)


OutputProducts = Callable[[list[Array], int | None], Leaves]
"""A symmetric matrix on the outputs: leaves, or stacks of as many columns, to their products."""


class RecordedGaussNewton:
    """``Jᵀ M J`` for the Jacobian J of a recorded model.

    Parameters
    ----------
    model : RecordedModel
    middle : OutputProducts
        ``M``.
    slope : RecordedGradient
        The loss, recorded in the outputs.
    """

    def __init__(self, model: RecordedModel, middle: OutputProducts, slope: RecordedGradient):
        self.at, self.value = model.at, slope.value
        self.gradient = model.transposed(slope.gradient)
        self.nbytes = model.nbytes
        self._replayed = Replayed(_gauss_newton_sweep(model, middle), sweep=True)

    def product(self, vector: Array) -> Array:
        """``Jᵀ M J v`` by one forward and one reverse sweep."""
        return self.at.join(self._replayed(self.at.part(vector), None))

    def products(self, vectors: Array, chunk_size: int | None = None) -> Array:
        """``Jᵀ M J V`` by batched sweeps."""
        return _in_chunks(self._replayed, vectors, self.at, self.at, self.nbytes, chunk_size)


# Sweeps hold what they need and not their owner: a cycle would keep tapes and buffers in memory
# until the garbage collector happens to run.


def _forward_sweep(run: Recording, tape: Tape, outputs: Sequence[Any]) -> Sweep:
    push = functools.partial(run.push, tape, outputs)
    return lambda tangents, columns: swept(push, tangents, columns)


def _reverse_sweep(run: Recording, tape: Tape) -> Sweep:
    pull = functools.partial(run.pull, tape)
    return lambda cotangents, columns: swept(pull, cotangents, columns)


def _gauss_newton_sweep(model: RecordedModel, middle: OutputProducts) -> Sweep:
    def sweep(tangents: Leaves, columns: int | None) -> Leaves:
        pushed = model.push(tangents, columns)
        if all([u is None for u in pushed]):
            return [None] * len(tangents)
        lead = () if columns is None else (columns,)
        filled = [
            np.zeros((*lead, *y.shape), y.dtype) if u is None else u
            for u, y in zip(pushed, model.outputs.values, strict=True)
        ]
        return model.pull(middle(filled, columns), columns)

    return sweep


def _in_chunks(
    sweep: Callable[[Leaves, int | None], Leaves],
    vectors: Array,
    start: Flattening,
    end: Flattening,
    nbytes: int,
    chunk_size: int | None,
) -> Array:
    """A sweep on the columns of ``vectors``, as many at a time as fit in bounded memory.

    Where one sweep alone fills the cache, side by side is no faster: then it is one at a time.
    """
    out = np.empty((end.size, vectors.shape[1]), end.dtype, order="F")  # columns are written
    if chunk_size is None and nbytes > LARGE:
        for k in range(vectors.shape[1]):
            out[:, k] = end.join(sweep(start.part(vectors[:, k]), None))
        return out
    for columns in chunks(vectors.shape[1], nbytes, chunk_size):
        count = columns.stop - columns.start
        out[:, columns] = end.join(sweep(start.part(vectors[:, columns]), count), count)
    return out
