"""Extreme eigenvalues of a symmetric operator, each with a proof: its residual.

top_eigenpairs : operator -> Eigenpairs
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import arguments
from ..estimates.budget import INTERRUPTED
from ..estimates.operands import Array, Counted, check_positive, over_unit
from ..estimates.run import Run
from .arpack import arpack_vectors, ncv
from .ends import ENDS, gap_intervals, order
from .pairs import Assembly, Eigenpairs
from .restarted import Accuracy, RestartedLanczos
from .shifted import LEAST_NEAR, SPARE, nearest_vectors

DENSE = 64
"""Up to this many parameters, LAPACK on the dense matrix is cheaper than iterating."""

DENSE_LIMIT = 3000
"""Up to this many, the dense matrix is a way out when iterating has cost as many products."""

METHODS = ("auto", "lanczos", "dense", "eigsh")


def top_eigenpairs(
    op: Any,
    k: int = 5,
    which: str = "LA",
    *,
    tol: float = 1e-6,
    rtol: float | None = None,
    atol: float | None = None,
    sigma: float | None = None,
    v0: Any = None,
    block_size: int = 1,
    method: str = "auto",
    max_matvecs: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    progress: bool = False,
    checkpoint: Any = None,
) -> Eigenpairs:
    """Extreme eigenpairs of a symmetric operator, with their residuals.

    Parameters
    ----------
    op : LinearOperator, ndarray or sparse matrix, shape (P, P)
        Real and symmetric, such as a :class:`HessianOperator`.
    k : int
        How many pairs; at most P are returned.
    which : {"LA", "SA", "LM", "BE"}
        Largest or smallest by value, largest by magnitude, or both ends (half of them from each,
        one more from the top when k is odd). Values come in descending order for LA, in
        descending order of magnitude for LM, ascending for SA and BE.
    tol : float
        A pair has converged when ``‖H v - λ v‖ <= tol * max(|λ|, s)``, where s is the root mean
        square eigenvalue, estimated from one product. The error of λ is about the square of that
        where its neighbours are apart. In float32, tol is taken as at least 1.2e-5.
    rtol, atol : float, optional
        When one is given, stop as soon as the values are known to
        ``max(atol, rtol * max(|λ|, s))`` by their gap intervals, rather than on ``tol``. That
        takes about half the products; the vectors are then good to about ``√rtol``.
    sigma : float, optional
        Find the k eigenvalues nearest to sigma instead, in the order of their distance; ``which``
        is not used. Up to 3,000 parameters by the dense matrix. Beyond, by Lanczos on
        ``(H - σ)²``, two products a step: for eigenvalues inside a dense part of the spectrum
        that takes some ``(λmax - λmin) / spacing`` steps, thousands where a Hessian's bulk is.
    v0 : ndarray, shape (P,) or (P, j), optional
        Where to start: vectors of an earlier, similar operator, best ``Eigenpairs.start``. When
        they are still right, this takes one product for each and one more; then it goes on for
        those pairs alone that are not accurate. Eigenvalues that have come to the end from
        elsewhere are found when the iteration goes on, but copies are not looked for.
    block_size : int
        Random vectors to begin with. More take more products in all, but in blocks, which are
        cheaper a column for most operators, and see repeated eigenvalues at once.
    method : {"auto", "lanczos", "dense", "eigsh"}
        Auto is dense where P is at most ``max(64, 6 * k)``, else Lanczos; and dense, too, when
        Lanczos has spent P products in vain and P is at most 3,000. ``eigsh`` is SciPy's ARPACK,
        to check against; it looks for no copies, and takes no seconds, progress or checkpoint.
    max_matvecs : int, optional
        Products to spend at most; by default ``max(2000, 100 * k)``.
    seconds : float, optional
        Time to spend at most.
    seed : int
        Of the random starting vectors. The same seed gives the same answer.
    progress : bool
        Show a bar with the time expected.
    checkpoint : path-like, optional
        A file (.npz) that keeps the basis while it grows. Called again after a kill, with the same
        arguments, it goes on from there, and gives the same answer. Costs one product.

    Returns
    -------
    Eigenpairs
        With ``converged=False`` and a reason when the budget ran out, or on Ctrl-C; the pairs are
        then as good as their residuals say.

    Raises
    ------
    ValueError
        For an unknown ``which`` or ``method``, a bad shape, a matrix that is not symmetric,
        products that are not finite, or a checkpoint of another problem.

    Notes
    -----
    Lanczos with full reorthogonalisation, by blocks, with thick restarts (Wu and Simon). Lanczos
    from one vector can miss copies of a repeated eigenvalue. For ``k > 1`` the complement of what
    was found is therefore searched too, for some 5 to 30 products, until a copy would have shown
    with probability 99.9% (by the bound of Kuczyński and Woźniakowski, or by the moments found,
    Akhiezer). As exact copies are rare and products dear, ``k=1`` does without: a copy would not
    change the answer.

    References
    ----------
    Wu and Simon (2000), Thick-restart Lanczos method for large symmetric eigenvalue problems.
    Parlett (1998), The Symmetric Eigenvalue Problem, theorem 4.5.1 (the residual interval).
    Kato (1949), On the upper and lower bounds of eigenvalues. Kuczyński and Woźniakowski (1992),
    Estimating the largest eigenvalue by the power and Lanczos algorithms with a random start.
    Akhiezer (1965), The Classical Moment Problem, section 2.5.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import top_eigenpairs
    >>> top = top_eigenpairs(np.diag([3.0, -4.0, 1.0]), k=2)
    >>> top.values
    array([3., 1.])
    >>> top_eigenpairs(np.diag([3.0, -4.0, 1.0]), k=1, which="LM").values
    array([-4.])
    """
    who = "top_eigenpairs"
    arguments.choice(who, "which", which, ENDS)
    arguments.choice(who, "method", method, METHODS)
    k = arguments.integer(who, "k", k, least=1)
    block_size = arguments.integer(who, "block_size", block_size, least=1)
    sigma = None if sigma is None else arguments.number(who, "sigma", sigma)
    check_positive(who, tol=tol, rtol=rtol, atol=atol)
    A = Counted(op, "top_eigenpairs")
    P, k = A.size, min(k, A.size)
    start = _starting_vectors(v0, P)
    limit = max(2000, 100 * k) if max_matvecs is None else max_matvecs
    least = 100 * A.eps  # what rounding leaves
    asked = Accuracy(max(tol, least), None if rtol is None else max(rtol, least), atol, A)
    with Run(
        A,
        A.who,
        max_matvecs=limit,
        seconds=seconds,
        progress=progress,
        checkpoint=checkpoint,
        seed=seed,
    ) as budget:
        found = Assembly(A, k, which, sigma, budget, seed)
        small = max(DENSE, 6 * k) >= P or (sigma is not None and P <= DENSE_LIMIT)
        if max_matvecs is not None and method in ("dense", "eigsh"):
            least = P if method == "dense" else ncv(k, P) + k + 2
            arguments.number(who, "max_matvecs", max_matvecs, least=least, infinite=True)
        if method == "dense" or (method == "auto" and small and limit >= P and A.holds_matrix):
            return found.of_dense()
        if sigma is not None and max_matvecs is not None:
            least = LEAST_NEAR + 4 * (k + SPARE) + (checkpoint is not None)
            arguments.number(who, "max_matvecs", max_matvecs, least=least, infinite=True)
        if method == "eigsh":
            if sigma is not None:
                raise ValueError("top_eigenpairs: method='eigsh' takes no sigma; use 'lanczos'")
            scale = A.scale(seed)
            vectors = arpack_vectors(A, k, which, scale, asked.tol, start, limit, seed)
            return found.of_vectors(vectors, "eigsh", asked, scale)
        options = {
            "k": k,
            "which": which,
            "sigma": sigma,
            "seed": seed,
            "block_size": block_size,
            "v0": None if start is None else float(np.abs(start).sum()),
        }
        save = budget.checkpoint(options)
        if sigma is not None:
            scale = A.scale(seed)
            near = over_unit(sigma, A)
            vectors, reason = nearest_vectors(A, k, near, scale, asked, budget, save, start, seed)
            return found.of_vectors(vectors, "folded Lanczos", asked, scale, reason)
        few = method == "auto" and P <= DENSE_LIMIT and limit >= 2 * P and not seconds
        dense_later = few and A.vector_memory is None
        if dense_later:
            budget.max_matvecs = P
        iteration = RestartedLanczos(
            A, k, which, accuracy=asked, budget=budget, checkpoint=save, start=start,
            block=min(block_size, P), seed=seed,
        )  # fmt: skip
        ritz = iteration.run()
        if dense_later and iteration.reason not in ("", INTERRUPTED):
            budget.max_matvecs = limit
            return found.of_dense()
        chosen = order(ritz.values, k, which)
        beyond = sorted(set(order(ritz.values, k + 1, which)) - set(chosen))
        return found.assemble(
            ritz.values[chosen],
            iteration.space.vectors(ritz.coefficients[:, chosen]),
            ritz.residuals[chosen],
            gap_intervals(ritz.values, ritz.residuals)[chosen],
            method="Lanczos",
            reason=iteration.reason,
            beyond=iteration.space.vectors(ritz.coefficients[:, beyond]),
        )


def _starting_vectors(v0: Any, P: int) -> Array | None:
    if v0 is None:
        return None
    v = np.asarray(v0, float)
    if v.ndim not in (1, 2) or v.shape[0] != P or not np.isfinite(v).all():
        raise ValueError(
            f"top_eigenpairs: v0 of shape {v.shape} must be finite and of shape ({P},) or ({P}, j)"
        )
    v = v.reshape(P, -1)
    v = v[:, np.abs(v).max(axis=0) > 0]
    return v if v.shape[1] else None
