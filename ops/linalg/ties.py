"""Repeated eigenvalues, where eigenvectors are not determined.

Numbers w that coincide to rounding are *tied*. Within a group of ties any rotation of the
eigenvectors serves as well. So an in-group entry of a rate of change M (in the basis of the
eigenvectors) either vanishes, or says that the basis had to be another one.

    groups(w)             a number for each group
    phase_free(M)         M; an error unless its diagonal is real
    reciprocal_gaps(w)    1 / (w_j - w_i), and 0 where tied
    untied(M, numbers)    M without its in-group entries; an error unless they vanish
    alignment(M, w, g)    the rotation within groups that makes M diagonal there
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.kinds import linear, zero
from ..elementwise.arithmetic import where
from ..elementwise.comparison import equal
from ..shape.axes import shape_of
from ..shape.broadcasting import reshape

TIED = 16
"""Numbers closer than this many roundings of the largest one are the same number."""
VANISHING = 1e4
"""Entries smaller than this many roundings of the largest one are zero."""


def tied_groups(w: Any) -> Any:
    """The number of the group to which each number along the last axis belongs, from below.

    Groups of complex numbers are numbered by their first member.
    """
    w = np.asarray(w)
    if w.dtype.kind == "c":
        return _complex_groups(w)
    order = np.argsort(w, axis=-1, kind="stable")
    ordered = np.take_along_axis(w, order, -1)
    size = np.abs(w).max(-1, keepdims=True, initial=0)
    apart = np.diff(ordered, axis=-1) > TIED * np.finfo(w.dtype).eps * size
    first = np.zeros((*w.shape[:-1], min(w.shape[-1], 1)), int)
    numbers = np.concatenate([first, np.cumsum(apart, -1)], -1)
    groups = np.empty_like(numbers)
    np.put_along_axis(groups, order, numbers, -1)
    return groups


def _complex_groups(w: Any) -> Any:
    if not w.shape[-1]:
        return np.zeros(w.shape, int)
    size = np.abs(w).max(-1)[..., None, None]
    near = np.abs(w[..., :, None] - w[..., None, :]) <= TIED * np.finfo(w.dtype).eps * size
    first = near.argmax(-1)
    return np.take_along_axis(first, first, -1)  # what is near a member belongs to its group


groups = zero(
    "tied_groups",
    tied_groups,
    along=True,
    on_complex=True,
    signature="(n)->(n)",
    cases=[([(3,)], {}), ([(2, 3)], {}), ([(1,)], {}), ([(0,)], {})],
    doc="The number of the group of ties that each number along the last axis belongs to.",
)


def _tied(numbers: Any) -> Any:
    """Which pairs have the same number: (..., n) to (..., n, n)."""
    shape = shape_of(numbers)
    return equal(
        reshape(numbers, shape=(*shape, 1)), reshape(numbers, shape=(*shape[:-1], 1, shape[-1]))
    )


def reciprocal_gaps(w: Any) -> Any:
    """1 / (w_j - w_i) at (i, j), and 0 where both are tied: (..., n) to (..., n, n)."""
    shape = shape_of(w)
    gaps = reshape(w, shape=(*shape[:-1], 1, shape[-1])) - reshape(w, shape=(*shape, 1))
    same, one = _tied(groups(w)), np.ones((), w.dtype)
    return where(same, 0 * one, one / where(same, one, gaps))


def _vanishing(m: Any) -> Any:
    size = np.abs(m).max((-2, -1), keepdims=True, initial=0)
    return VANISHING * np.finfo(m.dtype).eps * size


def _is_chosen(m: Any, same: Any, ascending: bool) -> bool:
    """Whether an entry between tied numbers says that other vectors had to be chosen."""
    small = _vanishing(m)
    chosen = (same & (np.abs(m) > small)).any()
    if ascending and not chosen:
        rates = np.diagonal(m, 0, -2, -1).real
        falls = rates[..., :, None] - rates[..., None, :] > small
        chosen = (falls & same & np.triu(np.ones(m.shape[-2:], bool))).any()
    return bool(chosen)


def _untied(m: Any, numbers: Any, *, ascending: bool) -> Any:
    m = np.asarray(m)
    same = _tied(np.asarray(numbers)) & ~np.eye(m.shape[-1], dtype=bool)
    if same.any() and _is_chosen(m, same, ascending):
        raise np.linalg.LinAlgError(
            "eigenvalues or singular values coincide to rounding, and this derivative depends on "
            "the choice of vectors among them. If only the values matter, use eigvalsh or svdvals, "
            "with tg.hvp for second derivatives; for a function of a matrix use expm, sqrtm or "
            "logm; where the tied vectors do not matter, take the gradient instead of the jvp."
        )
    return np.where(same, np.zeros((), m.dtype), m)


untied: Any = linear(
    "untied",
    _untied,
    lambda g, y, m, numbers, ascending: untied(g, numbers, ascending=ascending),
    others=1,
    signature="(n,n),(n)->(n,n)",
    on_complex=True,
    cases=[
        lambda rng, lead=lead: (
            (rng.uniform(-1, 1, (*lead, 3, 3)), np.broadcast_to(np.arange(3), (*lead, 3))),
            {"ascending": False},
        )
        for lead in ((), (2,))
    ],
    doc="M without entries between tied numbers; a LinAlgError where one of them is not zero, or, "
    "with ascending=True, where the diagonal descends among them.",
)


def _phase_free(m: Any) -> Any:
    m = np.asarray(m)
    turns = np.abs(np.diagonal(m, 0, -2, -1).imag)
    if (turns > _vanishing(m)[..., 0]).any():
        raise np.linalg.LinAlgError(
            "the function depends on the phases of complex vectors, which are not determined, so "
            "it has no gradient. Use what does not depend on them, such as abs(v) or the outer "
            "product of v and v.conj(), or make an element real first: v / np.sign(v[0])."
        )
    return m.copy()  # a view would be made once for all replays, and so checked once


phase_free: Any = linear(
    "phase_free",
    _phase_free,
    lambda g, y, m: g,
    signature="(n,n)->(n,n)",
    on_complex=True,
    cases=[lambda rng: (((m := rng.normal(size=(3, 3)) * (1 + 1j)) + m.conj().T,), {})],
    doc="V^H times the gradient in complex vectors V, which must not turn them; a LinAlgError "
    "where it would.",
)
phase_free.primitive.pushforward = lambda tangents, y, args, params: tangents[0]


def _blocks(numbers: Any) -> Any:
    """The indices of each group of two or more."""
    for number in np.unique(numbers):
        indices = np.flatnonzero(numbers == number)
        if len(indices) > 1:
            yield indices


def _alignment(m: Any, w: Any, g: Any) -> Any:
    m = np.asarray(m)
    lead = np.broadcast_shapes(m.shape[:-2], np.shape(w)[:-1], np.shape(g)[:-1])
    n = m.shape[-1]
    out = np.broadcast_to(np.eye(n, dtype=m.dtype), (*lead, n, n)).copy()
    numbers = tied_groups(w)
    if n == 0 or (numbers[..., -1] == n - 1).all():  # ascending, so the last has the last number
        return out
    numbers, g = (np.broadcast_to(x, (*lead, n)) for x in (numbers, g))
    m, small = (np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (m, _vanishing(m)))
    for i in np.ndindex(*lead):
        for indices in _blocks(numbers[i]):
            at = np.ix_(indices, indices)
            block, weights = m[i][at], g[i][indices]
            rates = np.diagonal(block).real
            off = np.abs(block - np.diag(rates)).max()
            if off <= small[i] and (np.diff(rates) >= -small[i]).all():
                continue
            difference = np.ptp(weights)
            if difference > VANISHING * np.finfo(m.dtype).eps * max(1, np.abs(g[i]).max()):
                raise np.linalg.LinAlgError(
                    f"{len(indices)} eigenvalues or singular values coincide to rounding and enter "
                    "the function in different ways, so that it has no second derivative here"
                )
            out[i][at] = np.linalg.eigh((block + block.T.conj()) / 2)[1]
    return out


alignment = zero(
    "alignment",
    _alignment,
    operands=3,
    along=True,
    on_complex=True,
    signature="(n,n),(n),(n)->(n,n)",
    cases=[([(3, 3), (3,), (3,)], {}), ([(2, 3, 3), (2, 3), (2, 3)], {})],
    doc="The rotation among tied eigenvectors after which M is diagonal and ascending there.",
)
