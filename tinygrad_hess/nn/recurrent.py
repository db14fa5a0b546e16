"""Recurrent layers: cells, and cells scanned along a sequence.

    cell     : x, state -> state
    sequence : xs, state -> outputs, state     one node of the tape, by ``scan``

A state is the hidden vector h; that of long short-term memory the pair (h, c).
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from .. import ops
from ..core import arguments
from ..core.errors import describe
from ..core.tensor import tensor_or_array
from ..ops.shape.axes import shape_of
from ..replay import scan
from .dropout import Dropout
from .init import Seed, generator, uniform
from .module import Module
from .weights import positive

State = Any

MOST_LAYERS = 2**16
"""More are a slip, and would be drawn until the memory is full."""


class _Cell(Module):
    """What the cells share: weights of so many gates side by side, from input and from state."""

    gates = 1
    states = 1
    input_weight: Any
    hidden_weight: Any
    input_bias: Any
    hidden_bias: Any

    def __init__(
        self,
        inputs: int,
        hidden: int,
        bias: bool = True,
        *,
        seed: Seed = None,
        dtype: Any = np.float64,
    ):
        who = type(self).__name__
        positive(who, inputs=inputs, hidden=hidden)
        rng, dtype = generator(seed, who), arguments.floating(who, dtype)
        self.inputs, self.hidden = inputs, hidden
        width, bound = self.gates * hidden, 1 / math.sqrt(hidden)
        draw = lambda *shape: uniform(shape, rng, bound).astype(dtype, copy=False)
        self.input_weight, self.hidden_weight = draw(inputs, width), draw(hidden, width)
        self.input_bias, self.hidden_bias = (draw(width), draw(width)) if bias else (None, None)

    def project(self, x: Any) -> Any:
        """What the gates get from the input: (..., inputs) to (..., gates · hidden)."""
        shape = shape_of(x)
        if not shape or shape[-1] != self.inputs:
            raise ValueError(
                f"{type(self).__name__}: the last axis of the input must have length "
                f"{self.inputs}, got {describe(x)}"
            )
        out = ops.matmul(x, self.input_weight)
        return out if self.input_bias is None else out + self.input_bias

    def step(self, projected: Any, state: State) -> State:
        """The next state from :meth:`project` of an input."""
        raise NotImplementedError

    def start(self, lead: tuple[int, ...]) -> State:
        """A state of zeros."""
        zeros = np.zeros((*lead, self.hidden), self.hidden_weight.dtype)
        return zeros if self.states == 1 else (zeros,) * self.states

    def __call__(self, x: Any, state: State = None) -> State:
        """(..., inputs) and a state (..., hidden), zeros without it, to the next state."""
        state = self.start(shape_of(x)[:-1]) if state is None else state
        return self.step(self.project(x), state)

    def _from_state(self, h: Any) -> Any:
        out = ops.matmul(h, self.hidden_weight)
        return out if self.hidden_bias is None else out + self.hidden_bias

    def _gate(self, gates: Any, number: int, count: int = 1) -> Any:
        part = slice(number * self.hidden, (number + count) * self.hidden)
        return ops.index(gates, (Ellipsis, part))


class RNNCell(_Cell):
    """One step of a simple recurrent net: ``tanh(x W + b + h U + d)`` (Elman 1990).

    Parameters
    ----------
    inputs, hidden : int
    bias : bool
    seed, dtype
        As for :class:`Linear`. All weights are uniform on ±1/sqrt(hidden), as in PyTorch.

    Attributes
    ----------
    input_weight, hidden_weight : (inputs, gates · hidden), (hidden, gates · hidden)
    input_bias, hidden_bias : (gates · hidden,) or None

    Raises
    ------
    ValueError
        For an input of another width.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> cell = nn.RNNCell(3, 4, seed=0)
    >>> cell(np.ones((2, 3)), cell(np.ones((2, 3)))).shape
    (2, 4)
    """

    def step(self, projected: Any, state: State) -> State:
        """The next hidden state."""
        return ops.tanh(projected + self._from_state(state))


class GRUCell(_Cell):
    """One step of a gated recurrent unit (Cho et al. 2014), in PyTorch's form.

    ``r = σ(.), z = σ(.), n = tanh(x W + b + r (h U + d)), h' = (1 - z) n + z h``; the gates stand
    in the order r, z, n. See :class:`RNNCell`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> nn.GRUCell(3, 4, seed=0)(np.ones((2, 3))).shape
    (2, 4)
    """

    gates = 3

    def step(self, projected: Any, state: State) -> State:
        """The next hidden state."""
        own = self._from_state(state)
        both = ops.sigmoid(self._gate(projected, 0, 2) + self._gate(own, 0, 2))
        r, z = self._gate(both, 0), self._gate(both, 1)
        n = ops.tanh(self._gate(projected, 2) + r * self._gate(own, 2))
        return n + z * (state - n)


class LSTMCell(_Cell):
    """One step of long short-term memory (Hochreiter and Schmidhuber 1997; Gers et al. 2000).

    ``i, f, o = σ(.), g = tanh(.), c' = f c + i g, h' = o tanh(c')``; the gates stand in the order
    i, f, g, o. The state is the pair (h, c). See :class:`RNNCell`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> h, c = nn.LSTMCell(3, 4, seed=0)(np.ones((2, 3)))
    >>> h.shape, c.shape
    ((2, 4), (2, 4))
    """

    gates, states = 4, 2

    def step(self, projected: Any, state: State) -> State:
        """The next pair (h, c)."""
        h, c = state
        gates = projected + self._from_state(h)
        both, o = ops.sigmoid(self._gate(gates, 0, 2)), ops.sigmoid(self._gate(gates, 3))
        i, f = self._gate(both, 0), self._gate(both, 1)
        c = f * c + i * ops.tanh(self._gate(gates, 2))
        return o * ops.tanh(c), c


class _Recurrent(Module):
    """What the sequences share."""

    cell: ClassVar[type[_Cell]]

    def __init__(
        self,
        inputs: int,
        hidden: int,
        layers: int = 1,
        *,
        bidirectional: bool = False,
        batch_first: bool = True,
        bias: bool = True,
        dropout: float = 0.0,
        seed: Seed = None,
        dtype: Any = np.float64,
    ):
        who = type(self).__name__
        positive(who, inputs=inputs, hidden=hidden)
        arguments.integer(who, "layers", layers, least=1, most=MOST_LAYERS)
        rng = generator(seed, who)
        self.batch_first = arguments.flag(who, "batch_first", batch_first)
        self.bidirectional = arguments.flag(who, "bidirectional", bidirectional)
        ways = 1 + self.bidirectional
        options: dict[str, Any] = {"seed": rng, "dtype": dtype}
        self.cells = [
            [
                self.cell(inputs if n == 0 else ways * hidden, hidden, bias, **options)
                for _ in range(ways)
            ]
            for n in range(layers)
        ]
        drops = arguments.number(who, "dropout", dropout, least=0, below=1) > 0 and layers > 1
        self.dropout = Dropout(dropout, seed=rng) if drops else None

    def __call__(self, x: Any, state: State = None) -> tuple[Any, State]:
        """(N, T, inputs) to outputs (N, T, hidden · ways), and the last state of each cell.

        ``batch_first=False`` has (T, N, ...) in both; (T, inputs) is one sequence. A state is
        (layers · ways, N, hidden), for an LSTM a pair of these; zeros without it.
        """
        x, swaps = tensor_or_array(x), False
        if len(shape_of(x)) not in (2, 3):
            raise ValueError(
                f"{type(self).__name__}: input must be (N, T, inputs) or (T, inputs), got "
                f"{describe(x)}"
            )
        if self.batch_first and len(shape_of(x)) == 3:
            x, swaps = ops.swapaxes(x, 0, 1), True
        lead, parts = shape_of(x)[1:-1], []
        if state is not None:
            state = self._checked(state, lead)
        for n, cells in enumerate(self.cells):
            if n and self.dropout is not None:
                x = self.dropout(x)
            outputs = []
            for way, cell in enumerate(cells):
                number = n * len(cells) + way
                first = cell.start(lead) if state is None else _of_cell(cell, state, number)
                last, ys = _scanned(cell, cell.project(x), first, reverse=way == 1)
                outputs.append(ys)
                parts.append(last)
            x = outputs[0] if len(outputs) == 1 else ops.concatenate(outputs, axis=-1)
        x = ops.swapaxes(x, 0, 1) if swaps else x
        if self.cell.states == 1:
            return x, ops.stack(parts)
        return x, tuple(ops.stack(part) for part in zip(*parts, strict=True))

    def _checked(self, state: State, lead: tuple[int, ...]) -> State:
        """The state, if it has the shape of one for all cells."""
        shape = (len(self.cells) * len(self.cells[0]), *lead, self.cells[0][0].hidden)
        pair = isinstance(state, (tuple, list)) and len(state) == 2
        parts = list(state) if self.cell.states == 2 and pair else [state]
        if len(parts) != self.cell.states or any(np.shape(p) != shape for p in parts):
            what = "a pair (h, c) of arrays" if self.cell.states == 2 else "an array"
            raise ValueError(
                f"{type(self).__name__}: state must be {what} of shape {shape}, (layers · ways, "
                f"examples, hidden), got {_told(state)}"
            )
        return state


def _told(state: State) -> str:
    parts = state if isinstance(state, (tuple, list)) else [state]
    return ", ".join(map(describe, parts))


def _of_cell(cell: _Cell, state: State, number: int) -> State:
    if cell.states == 1:
        return ops.index(state, number)
    return tuple(ops.index(part, number) for part in state)


def _scanned(cell: _Cell, projected: Any, first: State, reverse: bool) -> tuple[State, Any]:
    def body(state: State, x: Any) -> tuple[State, Any]:
        state = cell.step(x, state)
        return state, state if cell.states == 1 else state[0]

    return scan(body, first, projected, reverse=reverse)


class RNN(_Recurrent):
    """A simple recurrent net over sequences (Elman 1990); see :class:`RNNCell`.

    Parameters
    ----------
    inputs, hidden : int
    layers : int
        Each runs over the outputs of the one before.
    bidirectional : bool
        A second cell in each layer runs from the end; outputs stand side by side.
    batch_first : bool
        Whether examples are the first axis, or the steps.
    bias : bool
    dropout : float
        Between the layers, in training; see :class:`Dropout`.
    seed, dtype
        As for :class:`Linear`.

    Attributes
    ----------
    cells : list of lists
        Of each layer, the cell that runs forward, and the one that runs backward.

    Raises
    ------
    ValueError
        For an input of another shape.

    Notes
    -----
    The steps are one node of the tape, whose body is recorded once (:func:`tinygrad_hess.scan`);
    what inputs give to the gates is computed for all steps at once.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> outputs, last = nn.RNN(3, 4, layers=2, seed=0)(np.ones((5, 7, 3)))
    >>> outputs.shape, last.shape
    ((5, 7, 4), (2, 5, 4))
    """

    cell = RNNCell


class GRU(_Recurrent):
    """Gated recurrent units over sequences; see :class:`GRUCell`, and :class:`RNN` for arguments.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> nn.GRU(3, 4, bidirectional=True, seed=0)(np.ones((5, 7, 3)))[0].shape
    (5, 7, 8)
    """

    cell = GRUCell


class LSTM(_Recurrent):
    """Long short-term memory over sequences; see :class:`LSTMCell`, and :class:`RNN` for arguments.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> outputs, (h, c) = nn.LSTM(3, 4, seed=0)(np.ones((5, 7, 3)))
    >>> outputs.shape, h.shape, c.shape
    ((5, 7, 4), (1, 5, 4), (1, 5, 4))
    """

    cell = LSTMCell
