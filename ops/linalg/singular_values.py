"""Singular values alone: their derivatives need no choice of vectors.

    svdvals(A)                        s, descending
    singular_value_gradient(g, A)     U diag(g) Vᴴ     its conjugate is the pullback

Second derivatives go by way of the symmetric matrix [[0, A], [Aᴴ, 0]], whose largest eigenvalues
are the singular values: so repeated and zero singular values are treated as in :mod:`spectral`.
They cost as much as the eigenvalues of that larger matrix. Where a singular value is 0 it has a
kink, as an absolute value has; its derivative there is 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.kinds import structured, zero
from ...core.primitive import Primitive
from ..elementwise.complexes import adjoint, conjugated
from ..indexing.index import index
from ..shape.rearranging import concatenate_along
from .solving import matrices
from .spectral import eigenvalue_gradient, eigenvalue_slopes, gradient_along, weights_in
from .ties import TIED

SHAPES: tuple[tuple[int, ...], ...] = (
    (3, 3), (4, 2), (2, 3), (2, 3, 2), (1, 1), (3, 0), (0, 2, 3),
)  # fmt: skip


def distinct(*shape: int) -> Any:
    """A test case: matrices with singular values about 1, 2, 3, ..."""

    def case(rng: Any, shape: Any = shape) -> Any:
        (*lead, m, n), k = shape, min(shape[-2:])
        u, v = (np.linalg.qr(rng.normal(size=(*lead, size, k)))[0] for size in (m, n))
        s = np.arange(k) + rng.uniform(0.8, 1.2, (*lead, k))
        return ((u * s[..., None, :]) @ v.swapaxes(-1, -2),), {}

    return case


_cases = [distinct(*shape) for shape in SHAPES]


def _positive(s: Any) -> Any:
    """Which singular values are not zero to rounding."""
    return s > TIED * np.finfo(s.dtype).eps * s.max(-1, keepdims=True, initial=0)


def _hermitian_embedding(x: Any) -> Any:
    """[[0, A], [Aᴴ, 0]], whose eigenvalues are ± the singular values of A, and zeros."""
    m, n = x.shape[-2:]
    top = concatenate_along(np.zeros((*x.shape[:-2], m, m), x.dtype), x, axis=-1)
    below = np.zeros((*x.shape[:-2], n, n), x.dtype)
    return concatenate_along(top, concatenate_along(adjoint(x), below, axis=-1), axis=-2)


def _upper_block(x: Any, m: int) -> Any:
    """Twice the block that holds A in [[., A], [., .]]."""
    return 2 * index(x, (Ellipsis, slice(0, m), slice(m, None)))


def _largest(w: Any, k: int) -> Any:
    """The k last of ascending numbers, descending."""
    n = w.shape[-1]
    return index(w, (Ellipsis, slice(n - k, n)))[..., ::-1]


def _padded(s: Any, x: Any) -> Any:
    """Numbers for singular values, descending, as those for the eigenvalues of the embedding."""
    n = sum(x.shape[-2:]) - s.shape[-1]
    return concatenate_along(np.zeros((*s.shape[:-1], n), s.dtype), s[..., ::-1], axis=-1)


positive: Any = zero(
    "positive_values",
    _positive,
    along=True,
    signature="(n)->(n)",
    cases=[([(3,)], {}), ([(2, 3)], {}), ([(0,)], {})],
    doc="Which singular values, along the last axis, are not zero to rounding.",
)


def _gradient(g: Any, x: Any) -> Any:
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    return (u * (np.asarray(g) * _positive(s))[..., None, :]) @ vh


def _weights(g: Any, x: Any) -> Any:
    """What stands for g at the eigenvalues of the joined matrix; 0 for a singular value of 0."""
    return _padded(g * positive(singular_values(x)), x)


def _gradient_pushforward(tangents: Any, y: Any, args: Any, params: Any) -> Any:
    (tg, tx), (g, x) = tangents, args
    given = (
        None if tg is None else _padded(tg, x),
        None if tx is None else _hermitian_embedding(tx),
    )
    rule = eigenvalue_gradient.primitive.pushforward
    return _upper_block(
        rule(given, None, (_weights(g, x), _hermitian_embedding(x)), {}), x.shape[-2]
    )


def _gradient_of_weights(u: Any, y: Any, g: Any, x: Any) -> Any:
    return _largest(
        weights_in(_hermitian_embedding(conjugated(u)), _hermitian_embedding(x)), g.shape[-1]
    )


def _gradient_of_matrix(u: Any, y: Any, g: Any, x: Any) -> Any:
    turned = gradient_along(
        _hermitian_embedding(conjugated(u)), _weights(g, x), _hermitian_embedding(x)
    )
    return conjugated(_upper_block(turned, x.shape[-2]))


singular_value_gradient: Any = Primitive(
    "singular_value_gradient",
    "structured",
    _gradient,
    vjps=(_gradient_of_weights, _gradient_of_matrix),
    on_complex=True,
    pushforward=_gradient_pushforward,
    signature="(k),(m,n)->(m,n)",
    cases=[
        lambda rng, case=case: (
            (rng.uniform(-1, 1, (*(a := case(rng)[0][0]).shape[:-2], min(a.shape[-2:]))), a),
            {},
        )
        for case in (distinct(*shape) for shape in SHAPES if shape[-1] == shape[-2])
    ],
    doc="U diag(g) Vᴴ, with the singular vectors U and V of a matrix; 0 for a singular value of 0.",
).call

singular_values: Any = structured(
    "svdvals",
    lambda x: np.linalg.svd(x, compute_uv=False),
    jvp=lambda t, y, x: _largest(
        eigenvalue_slopes(_hermitian_embedding(x), _hermitian_embedding(t)), y.shape[-1]
    ),
    vjp=lambda g, y, x: conjugated(singular_value_gradient(g, x)),
    on_complex=True,
    signature="(m,n)->(k)",
    flops=lambda y, x: 3 * int(np.size(x)) * min(np.shape(x)[-2:]),
    cases=_cases,
    edges=[((np.eye(3), {}), (np.eye(3),))],
)


def svdvals(a: Any) -> Any:
    """Singular values, descending: shape (..., m, n) to (..., min(m, n)).

    Symmetric functions of them have the right first derivative, and the right Hessian-vector
    product by :func:`tinygrad_hess.hvp`, where singular values are repeated too. The derivative
    of a singular value that is 0 is 0.

    Raises
    ------
    numpy.linalg.LinAlgError
        When a second derivative at repeated singular values is not determined, or is taken in
        another nesting than forward over reverse.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda a: np.linalg.svdvals(a).sum())(np.array([[0.0, 2.0], [2.0, 0.0]])).round(12)
    array([[0., 1.],
           [1., 0.]])
    """
    matrices(a, "svdvals", square=False)
    return singular_values(a)
