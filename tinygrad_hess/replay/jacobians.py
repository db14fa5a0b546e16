"""Full Jacobians and Hessians, whose sweeps are planned and replayed where there are many.

They stand here and not with the other transforms because they need both: a derivative is recorded
by the transforms, and its sweeps over the tape are replayed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..transforms.batched_sweeps import Sweep
from ..transforms.gradients import Argnums
from ..transforms.jacobians import hessian_of, jacobian_of
from .fallback import Replayed


def _replayed(sweep: Sweep) -> Sweep:
    """A plan for each kind of directions, as they repeat."""
    return Replayed(sweep, sweep=True)


def jacrev(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    chunk_size: int | None = None,
    sparse: Any = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """Jacobian by reverse sweeps, one direction for each element of the output.

    Best with fewer outputs than inputs. See :func:`jacobian`.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.jacrev(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return jacobian_of(f, argnums, has_aux, "reverse", chunk_size, sparse, holomorphic, _replayed)


def jacfwd(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    chunk_size: int | None = None,
    sparse: Any = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """Jacobian by forward sweeps, one direction for each element of the input.

    Best with fewer inputs than outputs. See :func:`jacobian`.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.jacfwd(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return jacobian_of(f, argnums, has_aux, "forward", chunk_size, sparse, holomorphic, _replayed)


def jacobian(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    mode: str = "auto",
    chunk_size: int | None = None,
    sparse: Any = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """Make a function that returns the Jacobian of ``f``.

    Parameters
    ----------
    f : callable
        From pytrees of floating arrays to a pytree of arrays.
    argnums : int or sequence of int
        Which arguments to differentiate.
    has_aux : bool
        ``f`` returns ``(output, aux)``; the result is then ``(jacobian, aux)``.
    mode : {"auto", "forward", "reverse"}
        ``auto`` takes the direction with fewer sweeps.
    chunk_size : int, optional
        Directions in one batched sweep; by default about as many as keep it in cache, and never
        more than 64 MiB of them.
    sparse : bool or matrix
        True: detect which entries can be other than zero, and find them by few sweeps, each along
        many columns (or rows) that share no row (or column). A matrix: take its entries for these,
        as ``sparsity`` makes it; an entry that it lacks makes others wrong.
    holomorphic : bool
        ``f`` is a holomorphic function of complex arguments (not checked), and the result its
        complex Jacobian. Without it, complex outputs of real arguments (by forward sweeps) or real
        outputs of complex arguments x + iy (by reverse sweeps: df/dx - i df/dy) are possible.

    Returns
    -------
    callable
        For an output of shape ``m`` and an input of shape ``n``, an array of shape ``m + n``;
        for pytrees, a tree of outputs whose leaves are trees of inputs. With ``sparse``, a
        ``scipy.sparse.csr_array`` of as many rows as the output has elements and as many columns
        as the input has, of whatever shape they are; entries that happen to be zero are kept.

    Raises
    ------
    NonDifferentiableError
        With ``sparse`` inside another transform than :func:`jit`: a scipy.sparse array cannot be
        derived. Where arguments and outputs are complex, and ``f`` is not said to be holomorphic.
    ValueError
        When a given pattern has another shape than the matrix.

    References
    ----------
    Curtis, Powell & Reid (1974), On the estimation of sparse Jacobian matrices.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.jacobian(lambda x: {"sum": x.sum(), "twice": 2 * x})(np.ones(2))
    {'sum': array([1., 1.]), 'twice': array([[2., 0.],
           [0., 2.]])}
    >>> tg.jacobian(lambda x: x[1:] - x[:-1], sparse=True)(np.ones(1000)).nnz
    1998
    """
    return jacobian_of(f, argnums, has_aux, mode, chunk_size, sparse, holomorphic, _replayed)


def hessian(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    chunk_size: int | None = None,
    sparse: Any = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """Make a function that returns the Hessian of ``f``, by batched forward over reverse.

    Of two mirrored blocks or entries one is computed, unless ``f`` calls a function with rules of
    its own (``custom_vjp``, say), which need not make a symmetric Hessian.

    Parameters
    ----------
    f : callable
        Usually returns a scalar. For an output of shape ``m`` the result is of order three:
        one Hessian for each of its elements.
    argnums, has_aux, chunk_size
        As in :func:`jacobian`.
    sparse : bool or matrix
        As in :func:`jacobian`, for a scalar output. Directions are fewer still, since an entry is
        read off its mirror image too.
    holomorphic : bool
        As in :func:`jacobian`: the second complex derivatives. Of other functions of complex
        arguments there is no complex Hessian; :func:`hvp` gives its products.

    Returns
    -------
    callable
        For an input of shape ``n``, an array of shape ``m + n + n``; for a pytree, nested blocks
        ``H[a][b]`` of shape ``shape(a) + shape(b)``. With ``sparse``, csr_arrays of as many rows
        and columns as the leaves have elements.

    References
    ----------
    Coleman & Moré (1984), Estimation of sparse Hessian matrices and graph coloring problems.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    >>> def rosenbrock(x):
    ...     return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    >>> tg.hessian(rosenbrock, sparse=True)(np.zeros(10_000)).nnz  # by three products
    29998
    """
    return hessian_of(f, argnums, has_aux, chunk_size, sparse, holomorphic, _replayed)
