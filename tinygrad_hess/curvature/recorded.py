"""The gradient of a loss recorded at one point: products with the Hessian repeat one sweep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import modes
from ..ops.hidden_axes import enter, leave
from ..tensors import Axis, Tensor, unrecorded
from ..transforms.gradients import gradients_on_tape
from ..transforms.jacobians import chunks
from ..transforms.recording import Recording
from .flattening import Flattening

Array = np.ndarray[Any, Any]


class RecordedGradient:
    """``loss`` and its gradient on one tape, at the flattened parameters.

    Attributes
    ----------
    value : numpy scalar
        The loss.
    gradient : ndarray, shape (P,)
    nbytes : int
        Bytes of the values on the tape.
    """

    def __init__(self, loss: Callable[..., Any], at: Flattening, args: Any):
        self.at = at
        self.run = Recording(loss, (at.tree(), *args), None, (0,), at.who)
        self.gradients, self.tape = gradients_on_tape(self.run)
        self.value = np.asarray(unrecorded(self.run.outputs[0]))[()]
        self.gradient = at.join([unrecorded(g) for g in self.gradients])
        self.nbytes = self.tape.nbytes

    def product(self, vector: Array) -> Array:
        """``H v`` for v of shape (P,), by one tangent sweep."""
        return self.at.join(self._sweep(self.at.part(vector)))

    def products(self, vectors: Array, chunk_size: int | None) -> Array:
        """``H V`` for V of shape (P, k), by batched tangent sweeps of bounded memory."""
        out = np.empty(vectors.shape, self.at.dtype)
        for columns in chunks(vectors.shape[1], self.nbytes, chunk_size):
            axis = Axis(columns.stop - columns.start)
            blocks = self.at.part(vectors[:, columns])
            seeds = [None if b is None else enter(b, axis=axis) for b in blocks]
            found = [None if t is None else leave(t, axis=axis) for t in self._sweep(seeds)]
            out[:, columns] = self.at.join(found, axis.size)
        return out

    def _sweep(self, seeds: list[Any]) -> list[Any]:
        with modes.recording():
            found = self.run.push(self.tape, self.gradients, seeds)
        return [t.value if type(t) is Tensor else t for t in found]
