"""Indexing of every kind: values as NumPy's, derivatives that add up where positions repeat."""

from __future__ import annotations

from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_hess as tg
import tinygrad_hess.numpy as tnp

X = np.arange(60.0).reshape(3, 4, 5)
MASK = X % 3 == 0
ALL = slice(None)

KEYS: list[Any] = [
    # basic
    1, -1, (0, 2), (1, 2, 3), ALL, slice(1, None), slice(None, None, -1), slice(10, None, -2),
    slice(2, 1), slice(-2, None), (ALL, slice(None, None, 2)), (ALL, slice(3, 0, -1), slice(1, 4)),
    None, Ellipsis, (Ellipsis, 1), (1, Ellipsis), (None, 1, None, Ellipsis, None),
    (Ellipsis, slice(None, None, -3)), (), (0, Ellipsis, 1), (slice(0, 0), 1), np.int64(1),
    # one integer array
    [0, 0, 2], np.array([-1, 0]), [[0, 1], [2, 2]], np.array(1), [], (ALL, [1, 1, 3]),
    (Ellipsis, [4, 0]), ([2], ALL, slice(1, 3)), (None, [0, 2]), (ALL, [[0], [3]], None),
    (slice(1, None), [2, 2], slice(None, None, -1)), (np.array([], int), 1),
    # several arrays side by side
    ([0, 1, 1], [3, 0, 0]), (ALL, [0, 1, 1], [3, 0, 0]), ([0, 1, 1], [3, 0, 0], ALL),
    ([[0], [1]], [1, 2, 2]), ([0, 2], [1, 1], [4, 0]), (1, [0, 1]), ([0, 1], 2), (ALL, 1, [0, 4]),
    (Ellipsis, [0, 1], 2), ([0, 1], np.array(2)), (None, 1, [0, 0]), ([0, 1], 1, [2, 3]),
    # arrays kept apart: their axes come first
    ([0, 1], ALL, [2, 3]), (0, ALL, [1, 1]), ([0, 0], ALL, 1), ([[0, 1]], ALL, [[2], [3]]),
    ([0, 1], None, [2, 3]), (ALL, [0, 1], None, [2, 2]), ([0, 1], Ellipsis, [1, 1]),
    (0, None, [1, 2]), ([1, 1], slice(None, None, -1), 0), (1, Ellipsis, [0, 0]),
    # masks
    MASK, (Ellipsis, *MASK[0, 0].nonzero()), (ALL, MASK[0]), (MASK[:, 0, 0],), (MASK[:, :, 0], 1),
    (ALL, MASK[0, :, 0], [0]), (0, MASK[0]), np.zeros((3, 4, 5), bool), (Ellipsis, MASK[0, 0]),
    ([True, False, True],), (MASK[:, 0, 0], ALL, [1]), True, False, np.bool(True),
    (ALL, True), (0, True), (Ellipsis, False), (1, Ellipsis, True, 2), (True, [0, 1]), (None, True),
    (Ellipsis, MASK[0], None), (None, Ellipsis, True, None), (np.array(True), MASK[:, 0, 0]),
]  # fmt: skip


def scattered(x: Any, key: Any, g: Any) -> Any:
    """The transpose, element by element."""
    out = np.zeros(x.shape)
    places = np.arange(x.size).reshape(x.shape)[key]
    for place, v in zip(np.ravel(places), np.ravel(g), strict=True):
        out.flat[place] += v
    return out


@pytest.mark.parametrize("key", KEYS, ids=lambda k: f"{k!r:.50}".replace("\n", ""))
def test_key(key: Any) -> None:
    want = X[key]
    y = tg.tensor(X)[key]
    np.testing.assert_array_equal(y.numpy(), want)
    assert y.shape == want.shape
    g = np.cos(np.arange(want.size)).reshape(want.shape)
    value, pull = tg.vjp(lambda x: x[key], X)
    np.testing.assert_array_equal(value, want)
    np.testing.assert_allclose(pull(g)[0], scattered(X, key, g), atol=1e-15)
    np.testing.assert_array_equal(tg.jvp(lambda x: x[key], (X,), (2 * X,))[1], 2 * want)
    # Second order, where the slope depends on x: of Σ g x³ along ones it is 6 g x.
    curve = tg.hvp(lambda x: (x[key] ** 3 * g).sum(), X, np.ones_like(X))
    np.testing.assert_allclose(curve, scattered(X, key, 6 * g * want), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("key", KEYS, ids=lambda k: f"{k!r:.50}".replace("\n", ""))
def test_key_under_vmap(key: Any) -> None:
    xs = np.stack([X, X[::-1] + 0.5, -X])
    want = np.stack([x[key] for x in xs])
    np.testing.assert_array_equal(tg.vmap(lambda x: x[key])(xs), want)
    gs = np.cos(np.arange(want.size)).reshape(want.shape)
    pulled = tg.vmap(lambda x, g: tg.vjp(lambda x: x[key] ** 2, x)[1](g)[0])(xs, gs)
    each = [scattered(x, key, 2 * g * x[key]) for x, g in zip(xs, gs, strict=True)]
    np.testing.assert_allclose(pulled, np.stack(each), rtol=1e-12, atol=1e-12)
    # The derivative of the mapped function.
    back = tg.vjp(tg.vmap(lambda x: x[key] ** 2), xs)[1](gs)[0]
    np.testing.assert_allclose(back, np.stack(each), rtol=1e-12, atol=1e-12)
    twice = tg.vmap(tg.vmap(lambda x: x[key]))(np.stack([xs, -xs]))
    np.testing.assert_array_equal(twice, np.stack([want, -want]))


# ---- positions that differ from example to example ----------------------------------------------

ROWS, COLUMNS = np.array([0, 2, 1]), np.array([3, 3, 0])
BY_ARRAYS: list[Any] = [
    (lambda x, i, j: x[i]), (lambda x, i, j: x[i, j]), (lambda x, i, j: x[:, j]),
    (lambda x, i, j: x[..., j]), (lambda x, i, j: x[i, :, j]), (lambda x, i, j: x[i, None, j]),
    (lambda x, i, j: x[1, j]), (lambda x, i, j: x[i, 1]), (lambda x, i, j: x[1, :, j]),
    (lambda x, i, j: x[i, :, 0]), (lambda x, i, j: x[:, j, 2]), (lambda x, i, j: x[::-1, j, 1:]),
    (lambda x, i, j: x[:, 1, j]), (lambda x, i, j: x[i, j, i]),
    (lambda x, i, j: x[None, i, ..., j]),
    (lambda x, i, j: x[i, [0, 1, 1]]), (lambda x, i, j: x[i, :, [0, 1, 1]]),
    (lambda x, i, j: x[i[:, None], j]), (lambda x, i, j: x[:, i[:, None], j]),
    (lambda x, i, j: x[i[0]]), (lambda x, i, j: x[i[0], j]), (lambda x, i, j: x[:, j[1], i]),
    (lambda x, i, j: tnp.take(x, i, axis=1)), (lambda x, i, j: tnp.take(x, j)),
    (lambda x, i, j: tnp.take_along_axis(x, i[:, None, None] + 0 * j[:1], axis=1)),
]  # fmt: skip


@pytest.mark.parametrize("f", BY_ARRAYS)
@pytest.mark.parametrize("mapped", [(0, 0, 0), (None, 0, 0), (0, None, 0), (None, 0, None),
                                    (None, None, 0), (0, 0, None)])  # fmt: skip
def test_mapped_positions(f: Any, mapped: Any) -> None:
    def g(x: Any, i: Any, j: Any) -> Any:  # an array that is not mapped cannot look at a tensor
        return f(tg.tensor(x) if isinstance(x, np.ndarray) else x, i, j)

    _check_mapped_positions(lambda *args: _raw(g(*args)), mapped)


def _raw(y: Any) -> Any:
    return y.numpy() if type(y) is tg.Tensor and not y.requires_grad else y


def _check_mapped_positions(f: Any, mapped: Any) -> None:
    stacks = [
        np.stack([X, -X, X + 1]),
        np.stack([ROWS, (ROWS + 1) % 3, ROWS * 0]),
        np.stack([COLUMNS, ROWS, -COLUMNS]),
    ]
    given = [s if m == 0 else s[0] for s, m in zip(stacks, mapped, strict=True)]
    each = [[g[k] if m == 0 else g for g, m in zip(given, mapped, strict=True)] for k in range(3)]
    want = np.stack([f(*args) for args in each])
    np.testing.assert_array_equal(tg.vmap(f, mapped)(*given), want)
    gs = np.cos(np.arange(want.size)).reshape(want.shape)

    def pull(x: Any, i: Any, j: Any, g: Any) -> Any:
        return tg.vjp(lambda x: f(x, i, j) ** 2, x)[1](g)[0]

    pulled = np.stack([pull(*args, g) for args, g in zip(each, gs, strict=True)])
    np.testing.assert_allclose(tg.vmap(pull, (*mapped, 0))(*given, gs), pulled, atol=1e-12)
    one = np.stack([pull(*args, gs[0]) for args in each])
    np.testing.assert_allclose(tg.vmap(pull, (*mapped, None))(*given, gs[0]), one, atol=1e-12)


def test_positions_do_not_need_a_gradient() -> None:
    order = np.argsort(tg.tensor(X[0, 0], requires_grad=True))
    y = tg.tensor(X, requires_grad=True)[..., order]
    assert y.shape == X.shape and y.requires_grad


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        ((0, 0, 0, 0), IndexError, r"4 indices for an array of shape \(3, 4, 5\)"),
        (3, IndexError, "3"),
        ([0, 5], IndexError, "5"),
        (1.5, IndexError, "float64"),
        ((Ellipsis, Ellipsis), IndexError, "one Ellipsis"),
        (np.ones((2, 2), bool), IndexError, r"mask of shape \(2, 2\) for axes of lengths \(3, 4\)"),
        (
            (Ellipsis, np.ones(4, bool)),
            IndexError,
            r"mask of shape \(4,\) for axes of lengths \(5,\)",
        ),
        (([0, 1], [0, 1, 2]), IndexError, "broadcast"),
    ],
)
def test_bad_keys(key: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error):
        X[key]
    for x in (tg.tensor(X), tg.tensor(X, requires_grad=True)):
        with pytest.raises(error, match=message):
            x[key]


def test_a_mask_that_differs_between_examples_is_refused() -> None:
    with pytest.raises(tg.NonDifferentiableError, match="vmap"):
        tg.vmap(lambda x: x[x > 0])(X)


# ---- random keys --------------------------------------------------------------------------------


@st.composite
def keyed(draw: Any) -> tuple[tuple[int, ...], Any]:
    """A shape and a key for it: basic, of arrays, or mixed."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4))
    kind = draw(st.sampled_from(["basic", "arrays", "mixed"]))
    if kind == "basic":
        return shape, draw(hnp.basic_indices(shape, allow_newaxis=True, max_dims=5))
    if kind == "arrays":
        return shape, draw(hnp.integer_array_indices(shape))
    length = draw(st.integers(0, 3))
    entries: list[Any] = []
    for n in shape:
        whole = st.just(ALL)
        array = st.lists(st.integers(-n, n - 1), min_size=length, max_size=length)
        entries.append(draw(st.one_of(whole, st.slices(n), st.integers(-n, n - 1),
                                      array.map(lambda a: np.array(a, int)))))  # fmt: skip
        if draw(st.integers(0, 4)) == 0:
            entries.append(None)
    return shape, tuple(entries)


@given(keyed())
@settings(max_examples=150)
def test_random_key(case: Any) -> None:
    shape, key = case
    x = np.arange(float(np.prod(shape))).reshape(shape)
    want = x[key]
    value, pull = tg.vjp(lambda x: x[key], x)
    np.testing.assert_array_equal(value, want)
    g = np.cos(np.arange(np.size(want))).reshape(np.shape(want))
    np.testing.assert_allclose(pull(g)[0], scattered(x, key, g), atol=1e-14)
    xs = np.stack([x, -x])
    np.testing.assert_array_equal(tg.vmap(lambda x: x[key])(xs), np.stack([want, -want]))
    pulled = tg.vmap(lambda x: tg.vjp(lambda x: x[key] ** 2, x)[1](g)[0])(xs)
    once = scattered(x, key, 2 * g * want)
    np.testing.assert_allclose(pulled, np.stack([once, -once]), atol=1e-12)
