"""Tensors from nothing: ``Tensor.zeros(2, 3)``, ``Tensor.arange(5)``, ``Tensor.randn(3, seed=0)``.

As users of tinygrad type them. (``tinygrad_hess.numpy`` has NumPy's own functions, which give
arrays: those work everywhere as well.) All take ``dtype`` and ``requires_grad``. A shape is given
as a tuple or one by one. Random ones need a ``seed``: they don't depend on what ran before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.boundary import named
from ..core.tensor import Tensor
from ..ops.shape.axes import canonical_shape

Seed = int | np.random.Generator


def _shape(given: tuple[Any, ...], who: str) -> tuple[int, ...]:
    nested = len(given) == 1 and np.iterable(given[0])
    return canonical_shape(given[0] if nested else given, who)


def _tensor(x: Any, requires_grad: bool) -> Tensor:
    """A tensor of an array; one that is recorded is kept, with its gradient."""
    is_recorded = isinstance(x, Tensor) and x.requires_grad
    return x if is_recorded else Tensor(x, requires_grad=requires_grad)


@named
def zeros(*shape: Any, dtype: Any = np.float64, requires_grad: bool = False) -> Tensor:
    """A tensor of zeros.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> tg.Tensor.zeros(2)
    tensor([0., 0.])
    """
    return Tensor(np.zeros(_shape(shape, "zeros"), dtype), requires_grad=requires_grad)


@named
def ones(*shape: Any, dtype: Any = np.float64, requires_grad: bool = False) -> Tensor:
    """A tensor of ones."""
    return Tensor(np.ones(_shape(shape, "ones"), dtype), requires_grad=requires_grad)


@named
def full(shape: Any, value: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of one number."""
    return _tensor(np.full(shape, value, dtype), requires_grad)


@named
def arange(*bounds: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Numbers from start (0) to stop, excluded, by a step (1): NumPy's ``arange``.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> tg.Tensor.arange(1, 4)
    tensor([1, 2, 3])
    """
    return Tensor(np.arange(*bounds, dtype=dtype), requires_grad=requires_grad)


@named
def linspace(
    start: Any, stop: Any, steps: int = 50, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """``steps`` evenly spaced numbers, both ends included."""
    return _tensor(np.linspace(start, stop, steps, dtype=dtype), requires_grad)


@named
def eye(
    rows: int, columns: int | None = None, dtype: Any = np.float64, requires_grad: bool = False
) -> Tensor:
    """An identity matrix."""
    return Tensor(np.eye(rows, columns, dtype=dtype), requires_grad=requires_grad)


@named
def rand(*shape: Any, seed: Seed, dtype: Any = np.float64, requires_grad: bool = False) -> Tensor:
    """Random numbers, uniform on [0, 1).

    Parameters
    ----------
    *shape : int
    seed : int or numpy.random.Generator
        A generator goes on from call to call; a number gives the same tensor each time.
    dtype : {float64, float32}
    requires_grad : bool
    """
    return _random(np.random.Generator.random, shape, seed, dtype, requires_grad, "rand")


@named
def randn(*shape: Any, seed: Seed, dtype: Any = np.float64, requires_grad: bool = False) -> Tensor:
    """Random numbers of the standard normal distribution; see :func:`rand`."""
    return _random(np.random.Generator.standard_normal, shape, seed, dtype, requires_grad, "randn")


def _random(
    draw: Callable[..., Any], shape: Any, seed: Seed, dtype: Any, requires_grad: bool, who: str
) -> Tensor:
    drawn = draw(np.random.default_rng(seed), _shape(shape, who), dtype=dtype)
    return Tensor(drawn, requires_grad=requires_grad)
