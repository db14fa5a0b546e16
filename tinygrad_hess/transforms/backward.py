"""Define by run: ``loss.backward()`` fills ``grad`` of every leaf the loss was computed from."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import modes
from ..core.errors import NonDifferentiableError, describe
from ..core.tape import Tape
from ..core.tensor import Tensor, constant, tensor_or_array
from ..ops.elementwise.complexes import is_complex
from .hooks import visit_of
from .sweeps import Cotangents, reverse


def backward(
    self: Tensor,
    gradient: Any = None,
    *,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> None:
    """Add the gradient of this tensor to ``grad`` of each leaf.

    Parameters
    ----------
    gradient : array_like, optional
        The cotangent of this tensor; needed unless it is a scalar.
    retain_graph : bool
        Keep the tape for another backward, and for ``tg.viz.graph``. By default it is released,
        so that keeping a loss around does not keep the whole computation.
    create_graph : bool
        Record the sweep too, so that the gradients can be differentiated (implies
        ``retain_graph``).

    Raises
    ------
    NonDifferentiableError
        When the tensor is not on a tape.
    ValueError
        When it is no scalar and no ``gradient`` is given, or that has another shape.
    TapeReleasedError
        When the tape was released by an earlier backward.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> w.grad
    tensor([2., 4.])

    Notes
    -----
    Of a real loss in complex numbers x + iy the gradient is dL/dx - i dL/dy, as in JAX; that of
    PyTorch is its conjugate.

    See Also
    --------
    register_hook : call a function with the gradient of a tensor
    retain_grad : keep the gradient of a computed tensor
    """
    if self.prim is None:
        raise NonDifferentiableError(
            f"backward() on a {describe(self)} tensor that is not on any tape: nothing it was "
            "computed from has requires_grad=True (or it was made under no_grad)."
        )
    self._refuse_while_traced("backward()", "Use tg.grad(f)(x), which returns the gradient.")
    if gradient is None:
        if self.shape != ():
            raise ValueError(
                f"backward() on a {describe(self)} tensor: only a scalar has a gradient. "
                "Reduce it, as in .sum() or .mean(), or pass backward(gradient) of the same shape."
            )
        if self.dtype.kind == "c":
            raise ValueError(
                f"backward() on a {describe(self)} tensor: only a real number has a gradient. Take "
                "its real part or its absolute value, or pass backward(gradient)."
            )
        gradient = self.dtype.type(1)
    elif self.dtype.kind != "c" and _holds_complex(gradient):
        raise TypeError(f"backward(): a complex gradient of a {describe(self)} tensor")
    elif not isinstance(gradient, Tensor):
        gradient = np.asarray(gradient, self.dtype)
    elif not create_graph:
        gradient = gradient.value
    if gradient.shape != self.shape:
        raise ValueError(f"backward(): gradient {describe(gradient)} of a {describe(self)} tensor")
    tape = Tape([self])
    kept: Cotangents = {}
    visit = visit_of(tape.nodes, kept, create_graph)
    with modes.recording():
        found = reverse(tape, {self.time: gradient}, create_graph, visit) | kept
    leaves = [node for node in tape.nodes if not node.parents or node.time in kept]
    with modes.recording() if create_graph else modes.no_grad():
        for leaf in leaves:
            g = found.get(leaf.time)
            if g is None:
                g = np.zeros(leaf.shape, leaf.dtype)
            if not isinstance(g, Tensor):
                g = constant(np.array(g))
            leaf.grad = g if leaf.grad is None else leaf.grad + g
    if not (retain_graph or create_graph):
        tape.release()


def _holds_complex(x: Any) -> bool:
    return is_complex(tensor_or_array(x))
