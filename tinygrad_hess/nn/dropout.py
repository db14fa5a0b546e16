"""Dropout: in training, activations are set to zero at random."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..core import arguments
from ..core.tensor import tensor_or_array
from .fixed import Buffer
from .init import Seed
from .module import Module
from .random import after, new_state, uniform_like


class Dropout(Module):
    """Set each element to zero with probability p, and divide the others by 1 - p; in training.

    (Srivastava et al. 2014.) In evaluation (:meth:`~Module.eval`) it does nothing.

    Parameters
    ----------
    p : float
        In [0, 1).
    seed : int or numpy.random.Generator, optional
        Where the key is drawn from; as for :class:`Linear`.

    Attributes
    ----------
    state : buffer (2,)
        Key and counter of a counter-based generator. A call counts on, so that the next one draws
        another mask; the same state gives the same mask.

    Notes
    -----
    :func:`tinygrad_hess.optim.fit` and the define-by-run loop keep the counter, so each step has a
    mask of its own, under ``jit`` too. A functional loop returns the model from the loss
    (``has_aux=True``); if it does not, all its steps have the same mask. ``checkpoint`` computes
    with the same mask again; inside ``vmap`` each example has its own. Curvature in training is
    that of the loss with one mask.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> layer = nn.Dropout(0.5, seed=0)
    >>> layer(np.ones(6)), layer(np.ones(6))
    (array([0., 0., 2., 0., 2., 2.]), array([0., 2., 2., 0., 2., 2.]))
    >>> layer.eval()(np.ones(6))
    array([1., 1., 1., 1., 1., 1.])
    """

    def __init__(self, p: float = 0.5, *, seed: Seed = None):
        self.p = arguments.number("Dropout", "p", p, least=0, below=1)
        self.state = Buffer(new_state(seed, "Dropout"))

    def __call__(self, x: Any) -> Any:
        """The same shape out as in."""
        if not self.training or not self.p:
            return x
        x = tensor_or_array(x)
        drawn = uniform_like(self.state, x)
        self.state = after(self.state)
        dtype = x.dtype if x.dtype.kind in "fc" else float
        kept = ops.astype(ops.greater_equal(drawn, self.p), dtype)
        return x * (kept / (1 - self.p))
