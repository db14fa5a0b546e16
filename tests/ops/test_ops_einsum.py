"""einsum: every kind of subscript, in value and derivative."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_hess as tg
import tinygrad_hess.numpy as tnp

SPECS: list[tuple[str, tuple[tuple[int, ...], ...]]] = [
    # one operand
    ("ii", ((3, 3),)), ("ii->i", ((3, 3),)), ("ij->ji", ((2, 3),)), ("ij->", ((2, 3),)),
    ("ij->j", ((2, 3),)), ("ba", ((2, 3),)), ("i", ((3,),)), ("...i->...", ((2, 3, 4),)),
    ("i...->...i", ((2, 3, 4),)), ("iij->j", ((3, 3, 2),)), ("iii", ((2, 2, 2),)),
    ("iii->i", ((2, 2, 2),)), ("ijij->ij", ((2, 3, 2, 3),)), ("ijji", ((2, 3, 3, 2),)),
    ("...ii->...i", ((2, 3, 3),)), ("->", ((),)), ("...", ((2, 3),)), (" i j -> j i ", ((2, 3),)),
    # two operands
    ("i,i", ((3,), (3,))), ("i,i", ((1,), (3,))), ("i,i->i", ((3,), (1,))), ("i,j", ((2,), (3,))),
    ("i,j->ji", ((2,), (3,))), ("ij,jk", ((2, 3), (3, 4))), ("ij,jk->ki", ((2, 3), (3, 4))),
    ("ij,kj", ((2, 3), (4, 3))), ("ij,ij->", ((2, 3), (2, 3))), ("ij,ij->ij", ((2, 3), (2, 3))),
    ("...ij,jk", ((5, 2, 3), (3, 4))), ("...ij,...jk", ((5, 2, 3), (5, 3, 4))),
    ("...ij,...jk->...ik", ((5, 1, 2, 3), (6, 3, 4))), ("i...,i...", ((2, 3), (2, 3))),
    ("...,...", ((2, 3), (3,))), ("...,i->i...", ((2,), (3,))),
    ("bij,bjk->bik", ((5, 2, 3), (5, 3, 4))),
    ("ij,jk->", ((2, 3), (3, 4))), ("ij,kl->iklj", ((2, 3), (4, 5))), ("ii,i->i", ((3, 3), (3,))),
    ("ii,jj", ((2, 2), (3, 3))), ("ij,ji", ((2, 3), (3, 2))),
    ("ijk,kjl->il", ((2, 3, 4), (4, 3, 5))),
    (",i", ((), (3,))), (",", ((), ())), ("ij,j->i", ((2, 1), (3,))), ("i,i", ((0,), (0,))),
    ("ij,jk", ((2, 0), (0, 3))), ("aij,bij->ab", ((2, 3, 4), (5, 3, 4))),
    ("ij,i", ((2, 3), (2,))), ("...a,...b->...ab", ((2, 3), (2, 4))),
    ("...ii,i...->...", ((2, 3, 3), (3, 2))),
    # three and four operands
    ("i,ij,j", ((2,), (2, 3), (3,))), ("ij,jk,kl->il", ((2, 3), (3, 4), (4, 5))),
    ("ij,jk,ki", ((2, 3), (3, 4), (4, 2))), ("i,i,i->i", ((3,), (3,), (3,))),
    ("...i,...j,...k->...ijk", ((2, 2), (2, 3), (2, 2))),
    ("ij,kj,lj->ikl", ((2, 4), (3, 4), (2, 4))),
    ("a,ab,bc,c", ((2,), (2, 3), (3, 4), (4,))), ("ii,ij,j...->...", ((2, 2), (2, 3), (3, 2))),
    ("i,j,k->kij", ((2,), (3,), (4,))),
]  # fmt: skip


def made(shapes: Any) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.uniform(-1, 1, s) for s in shapes]


@pytest.mark.parametrize(("spec", "shapes"), SPECS)
def test_spec(spec: str, shapes: Any) -> None:
    args = made(shapes)
    want = np.einsum(spec, *args)
    close = {"rtol": 1e-12, "atol": 1e-13}
    np.testing.assert_allclose(tnp.einsum(spec, *args), want, **close)
    y = np.einsum(spec, *(tg.tensor(a, requires_grad=True) for a in args))
    assert y.shape == want.shape
    np.testing.assert_allclose(y.numpy(), want, **close)
    narrow = [a.astype(np.float32) for a in args]
    assert tnp.einsum(spec, *narrow).dtype == np.float32

    # In one operand the function is linear: its gradient is its value at the unit arrays.
    u = np.cos(np.arange(want.size)).reshape(want.shape)
    found = tg.vjp(lambda *xs: tnp.einsum(spec, *xs), *args)[1](u)
    for i, (a, g) in enumerate(zip(args, found, strict=True)):
        assert g.shape == a.shape and g.dtype == a.dtype
        for place in np.ndindex(a.shape):
            unit = np.zeros_like(a)
            unit[place] = 1
            value = np.sum(u * np.einsum(spec, *args[:i], unit, *args[i + 1 :]))
            np.testing.assert_allclose(g[place], value, **close)
    if all(0 not in s for s in shapes):
        tg.check_grads(lambda *xs: tnp.einsum(spec, *xs), args, order=2)


@pytest.mark.parametrize(("spec", "shapes"), [s for s in SPECS if len(s[1]) > 1])
def test_batched(spec: str, shapes: Any) -> None:
    args = made(shapes)
    for i in range(len(args)):
        axes = tuple(0 if j == i else None for j in range(len(args)))
        stack = np.stack([args[i], -args[i], 2 * args[i]])
        given = [stack if j == i else a for j, a in enumerate(args)]
        y = np.einsum(spec, *args)
        got = tg.vmap(lambda *xs: tnp.einsum(spec, *xs), axes)(*given)
        np.testing.assert_allclose(got, np.stack([y, -y, 2 * y]), rtol=1e-12, atol=1e-13)


@given(st.data())
@settings(max_examples=80)
def test_random_spec(data: Any) -> None:
    """Random letters over random shapes, repeated ones and all."""
    sizes = {c: data.draw(st.integers(1, 3), label=c) for c in "abcd"}
    letters = st.text("abcd", min_size=0, max_size=3)
    terms = data.draw(st.lists(letters, min_size=1, max_size=3))
    seen = sorted(set("".join(terms)))
    out = data.draw(st.lists(st.sampled_from(seen), unique=True) if seen else st.just([]))
    spec = ",".join(terms) + "->" + "".join(out)
    args = made([tuple(sizes[c] for c in t) for t in terms])
    want = np.einsum(spec, *args)
    np.testing.assert_allclose(tnp.einsum(spec, *args), want, rtol=1e-12, atol=1e-12)
    u = np.ones_like(want)
    found = tg.vjp(lambda *xs: tnp.einsum(spec, *xs), *args)[1](u)
    total = math.fsum(np.ravel(want))
    for a, g in zip(args, found, strict=True):  # Euler: linear in each operand
        np.testing.assert_allclose(np.sum(a * g), total, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("spec", "shapes", "message"),
    [
        ("ij,jk", ((2, 3),), "2 terms for 1 operands"),
        ("ij", ((2, 3, 4),), r"'ij' does not fit shape \(2, 3, 4\)"),
        ("ij,jk", ((2, 3), (4, 5)), "lengths 3 and 4"),
        ("ii", ((2, 3),), "lengths 2 and 3"),
        ("i->j", ((2,),), "repeats or invents"),
        ("i->ii", ((2,),), "repeats or invents"),
    ],
)
def test_bad_specs(spec: str, shapes: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"einsum.*{message}"):
        tnp.einsum(spec, *(tg.tensor(a, requires_grad=True) for a in made(shapes)))
