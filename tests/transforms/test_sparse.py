"""Sparse Jacobians and Hessians: patterns, colourings, and recovery."""

from __future__ import annotations

from typing import Any

import battery
import numpy as np
import pytest
import sympy
from figures import noted
from hypothesis import given, settings
from hypothesis import strategies as st
from sampling import points
from scipy import sparse

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.core.registry import REGISTRY
from tinygrad_hess.transforms.batched_sweeps import Sweeps
from tinygrad_hess.transforms.sparse.coloring import color_columns, color_symmetric
from tinygrad_hess.transforms.sparse.entries import matrix_of
from tinygrad_hess.transforms.sparse.plan import plan_hessian, plan_jacobian, sparsity

RNG = np.random.default_rng(0)
X = RNG.normal(size=6)


def rosenbrock(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def marks(pattern: Any) -> Any:
    """A pattern as a dense boolean matrix."""
    assert pattern.dtype == bool
    return pattern.toarray()


# ---- patterns -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "rows"),
    [
        (lambda x: x * 2 + 1, ["100000", "010000", "001000", "000100", "000010", "000001"]),
        (lambda x: x[::-2], ["000001", "000100", "010000"]),
        (lambda x: x[1:3] * x[0], ["110000", "101000"]),
        (lambda x: x.reshape(2, 3).sum(axis=0), ["100100", "010010", "001001"]),
        (lambda x: x.reshape(2, 3).T[0], ["100000", "000100"]),
        (lambda x: np.max(x[:3]), ["111000"]),
        (lambda x: np.where(x[:2] > x[2:4], x[0], x[4:]), ["100010", "100001"]),
        (lambda x: np.concatenate([x[4:], np.ones(1), x[:1]]), ["000010", "000001", "0" * 6, "100000"]),
        (lambda x: np.pad(x[:2], 1), ["0" * 6, "100000", "010000", "0" * 6]),
        (lambda x: x.reshape(2, 3) @ np.eye(3)[:, :2], ["111000"] * 2 + ["000111"] * 2),
        (lambda x: np.eye(2) @ x.reshape(2, 3), ["100100", "010010", "001001"] * 2),
        (lambda x: tg.ops.softmax(x.reshape(3, 2), axis=1)[1], ["001100"] * 2),
        (lambda x: np.cumsum(x.reshape(3, 2), axis=1)[2], ["000010", "000011"]),
        (lambda x: np.sign(x) + tg.stop_gradient(x) * x[0], ["100000"] * 6),
        (lambda x: x * 0.0, ["100000", "010000", "001000", "000100", "000010", "000001"]),
        (lambda x: tg.vmap(lambda a: a[0] * a)(x.reshape(3, 2)).ravel(),
         ["100000", "110000", "001000", "001100", "000010", "000011"]),
        (lambda x: np.einsum("ij,kj->ik", x[:4].reshape(2, 2), x[2:].reshape(2, 2)).ravel(),
         ["111100", "110011", "001100", "001111"]),
        (lambda x: np.ones(2), ["0" * 6] * 2),
        (lambda x: x.sum() + x, ["1" * 6] * 6),
        (lambda x: (x * x.sum())[:1] ** 2, ["1" * 6]),
        (lambda x: np.sort(x[1:4]), ["011100"] * 3),
    ],
)  # fmt: skip
def test_patterns_by_hand(f: Any, rows: list[str]) -> None:
    want = np.array([[c == "1" for c in row] for row in rows])
    np.testing.assert_array_equal(marks(sparsity(f, X)), want)
    np.testing.assert_array_equal(marks(sparsity(f, np.zeros(6))), want)  # never from values


@pytest.mark.parametrize(
    ("f", "rows"),
    [
        (lambda x: x[0] * x[1] + np.sin(x[2]), ["0100", "1000", "0010", "0000"]),
        (lambda x: x[0] ** 2 * x[3], ["1001", "0000", "0000", "1000"]),
        (lambda x: x.sum(), ["0000"] * 4),
        (lambda x: np.abs(x).sum() + np.maximum(x, 0).sum(), ["0000"] * 4),
        (lambda x: np.sum(x[:2]) ** 2, ["1100", "1100", "0000", "0000"]),
        (lambda x: np.exp(x[1:] - x[:-1]).sum(), ["1100", "1110", "0111", "0011"]),
        (lambda x: (x[[0, 0, 1]] * x[[1, 2, 3]]).sum(), ["0110", "1001", "1000", "0100"]),
        (lambda x: 3.0, ["0000"] * 4),
    ],
)
def test_hessian_patterns_by_hand(f: Any, rows: list[str]) -> None:
    want = np.array([[c == "1" for c in row] for row in rows])
    np.testing.assert_array_equal(marks(sparsity(f, np.zeros(4), order=2)), want)


@pytest.mark.parametrize("row", battery.ROWS, ids=lambda row: row.name)
def test_every_primitive_stays_inside_its_pattern(row: Any) -> None:
    """Alone and mapped over a batch, at every sample: all that is not zero is in the pattern."""
    for label, p in points(row):
        if not p.xs:
            continue
        f = lambda *xs: p.call(*p.filled(xs), **p.params)
        nums = tuple(range(len(p.xs)))
        _check_inside(f, p.xs, nums, label)
        if row.name in ("enter", "leave"):
            continue
        twice = tuple(np.stack([x, x]) for x in p.xs)
        _check_inside(tg.vmap(f), twice, nums, f"{label}, mapped")
        axes = (0,) + (None,) * (len(p.xs) - 1)
        _check_inside(tg.vmap(f, in_axes=axes), (twice[0], *p.xs[1:]), nums, f"{label}, one mapped")


def _check_inside(f: Any, xs: Any, nums: Any, label: str) -> None:
    with np.errstate(all="ignore"):
        pattern = marks(sparsity(f, *xs, argnums=nums))
        blocks = tg.core.trees.leaves(tg.jacobian(f, argnums=nums)(*xs))
    size = np.size(f(*xs))
    dense = np.concatenate([np.reshape(b, (size, np.size(x))) for b, x in zip(blocks, xs)], axis=1)
    assert pattern.shape == dense.shape, label
    assert not (dense != 0)[~pattern].any(), label


def test_a_function_named_like_a_primitive_is_no_primitive() -> None:
    @tg.custom_vjp
    def sum(x: Any) -> Any:
        return x[::-1] * 2

    sum.defvjp(lambda x: (x[::-1] * 2, None), lambda _, g: (g[::-1] * 2,))
    got = tg.jacobian(lambda x: sum(x), sparse=True, mode="reverse")(X)
    np.testing.assert_allclose(got.toarray(), 2 * np.eye(6)[::-1])


# ---- a user's own operations --------------------------------------------------------------------

FOUR: list[Any] = [([(4,)], {})]
PAIR: list[Any] = [([(4,), (4,)], {})]


def _own() -> dict[str, Any]:
    """Rows that declare nothing but their kind, by name."""
    return {
        "triple": tg.linear("triple", lambda x: 3 * x, lambda g, y, x: 3 * g, cases=FOUR),
        "backward": tg.linear(
            "backward", lambda x: 2 * x[..., ::-1], lambda g, y, x: 2 * g[..., ::-1], cases=FOUR
        ),
        "backward for arrays": tg.linear(
            "backward_for_arrays",
            lambda x: 2 * x[..., ::-1],
            lambda g, y, x: 2 * np.asarray(g)[..., ::-1],
            cases=FOUR,
        ),
        "differences": tg.linear(
            "differences",
            lambda x: x[..., 1:] - x[..., :-1],
            lambda g, y, x: tg.ops.pad(g, _before(g)) - tg.ops.pad(g, _behind(g)),
            cases=FOUR,
        ),
        "without mean": tg.linear(
            "without_mean", _centred, lambda g, y, x: _centred(g), cases=FOUR
        ),
        "masked": tg.linear(
            "masked",
            lambda x, mask: np.where(mask, x, 0),
            lambda g, y, x, mask: tg.ops.where(mask, g, 0.0),
            others=1,
            cases=[lambda rng: ((rng.normal(size=4), rng.random(4) > 0.5), {})],
        ),
        "times": tg.bilinear(
            "times", np.multiply, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a, cases=PAIR
        ),
        "times backward": tg.bilinear(
            "times_backward",
            lambda a, b: a * b[..., ::-1],
            lambda g, y, a, b: g * b[..., ::-1],
            lambda g, y, a, b: (g * a)[..., ::-1],
            cases=PAIR,
        ),
        "outer": tg.bilinear(
            "outer",
            lambda a, b: a[..., :, None] * b[..., None, :],
            lambda g, y, a, b: (g * b[..., None, :]).sum(-1),
            lambda g, y, a, b: (g * a[..., :, None]).sum(-2),
            cases=PAIR,
        ),
        "sum backward": tg.variadic(
            "sum_backward",
            lambda *xs: sum(x[..., ::-1] for x in xs),
            lambda g, y, args, params: [g[..., ::-1] for _ in args],
            cases=PAIR,
        ),
        "cube": tg.structured(
            "cube",
            lambda x: x**3,
            jvp=lambda t, y, x: 3 * t * x**2,
            vjp=lambda g, y, x: 3 * g * x**2,
            cases=[([()], {})],
        ),
        "length": tg.structured(
            "length",
            lambda x: np.sqrt((x * x).sum(-1)),
            jvp=lambda t, y, x: (t * x).sum(-1) / y,
            vjp=lambda g, y, x: g[..., None] * x / y[..., None],
            cases=[([(4,)], {})],
        ),
    }  # fmt: skip


def _centred(x: Any) -> Any:
    return x - x.mean(-1, keepdims=True)


def _before(g: Any) -> Any:
    return [(0, 0)] * (len(g.shape) - 1) + [(1, 0)]


def _behind(g: Any) -> Any:
    return [(0, 0)] * (len(g.shape) - 1) + [(0, 1)]


@pytest.fixture
def own() -> Any:
    before = dict(REGISTRY)
    yield _own()
    for name in set(REGISTRY) - set(before):
        REGISTRY.pop(name)


DIAGONAL = ["1000", "0100", "0010", "0001"]
OWN: dict[str, tuple[Any, list[str]]] = {
    "triple": (lambda f, x: f(x), DIAGONAL),
    "backward": (lambda f, x: f(x), DIAGONAL[::-1]),
    "backward for arrays": (lambda f, x: f(x), DIAGONAL[::-1]),
    "differences": (lambda f, x: f(x), ["1100", "0110", "0011"]),
    "without mean": (lambda f, x: f(x), ["1111"] * 4),
    "masked": (lambda f, x: f(x, np.arange(4) > 1), DIAGONAL),
    "times": (lambda f, x: f(x[:2], x[2:]), ["1010", "0101"]),
    "times backward": (lambda f, x: f(x[:2], x[2:]), ["1001", "0110"]),
    "outer": (lambda f, x: f(x[:2], x[2:]).ravel(), ["1010", "1001", "0110", "0101"]),
    "sum backward": (lambda f, x: f(x[:2], np.ones(2), x[2:]), ["0101", "1010"]),
    "cube": (lambda f, x: f(x), DIAGONAL),
    "length": (lambda f, x: f(x.reshape(2, 2)), ["1100", "0011"]),
}


@pytest.mark.parametrize("name", OWN)
def test_patterns_of_ones_own_operations(name: str, own: Any) -> None:
    f, rows = OWN[name]
    x = np.arange(1.0, 5.0)
    want = np.array([[c == "1" for c in row] for row in rows])
    np.testing.assert_array_equal(marks(sparsity(lambda x: f(own[name], x), x)), want)
    mapped = tg.vmap(lambda x: f(own[name], x))
    both = marks(sparsity(mapped, np.stack([x, x + 1])))
    np.testing.assert_array_equal(both, np.kron(np.eye(2, dtype=bool), want))


def test_ones_own_operations_of_many_numbers(own: Any) -> None:
    """By the axes, or by the transpose: too many numbers for unit vectors."""
    x = np.ones(100_000)
    for name, count in [("triple", 100_000), ("backward", 100_000), ("differences", 199_998)]:
        assert sparsity(own[name], x).nnz == count
    h = tg.hessian(lambda x: np.sum(own["differences"](x) ** 4), sparse=True)(X)
    want = tg.hessian(lambda x: np.sum(np.diff(x) ** 4))(X)
    np.testing.assert_allclose(h.toarray(), want, rtol=1e-12)


def test_positions_computed_on_the_tape_may_be_any(own: Any) -> None:
    """What sorts keeps to its lines; a mask is not looked at."""
    sorted_ = sparsity(lambda x: np.sort(x.reshape(2, 2), axis=1).ravel(), np.arange(4.0))
    np.testing.assert_array_equal(marks(sorted_), np.kron(np.eye(2), np.ones((2, 2))))
    masked = sparsity(lambda x: own["masked"](x, x > 0), np.zeros(4))
    np.testing.assert_array_equal(marks(masked), np.eye(4))


def test_complex_numbers_with_a_real_result() -> None:
    """Unit vectors are complex too: the imaginary part of a real one is zero."""
    part = tg.linear(
        "imaginary_part_backward",
        lambda x: np.imag(x)[..., ::-1],
        lambda g, y, x: 1j * np.asarray(g)[..., ::-1],
        cases=FOUR,
        on_complex=True,
        signature="(n)->(n)",
    )
    try:
        f = lambda x: part(tg.ops.exp(1j * x))
        np.testing.assert_array_equal(marks(sparsity(f, X[:3])), np.eye(3)[::-1])
    finally:
        REGISTRY.pop("imaginary_part_backward")


# ---- colourings ---------------------------------------------------------------------------------


def random_pattern(rng: np.random.Generator, m: int, n: int, share: float) -> Any:
    return sparse.csr_array(rng.random((m, n)) < share)


@given(st.integers(0, 2**32 - 1), st.integers(0, 12), st.integers(0, 12), st.floats(0, 1))
@settings(max_examples=150)
def test_columns_of_one_color_share_no_row(seed: int, m: int, n: int, share: float) -> None:
    pattern = random_pattern(np.random.default_rng(seed), m, n, share)
    colors, dense = color_columns(pattern), pattern.toarray()
    np.testing.assert_array_equal(colors == -1, ~dense.any(axis=0))
    for c in range(colors.max(initial=-1) + 1):
        assert (colors == c).any()  # none is left out
        assert dense[:, colors == c].sum(axis=1).max(initial=0) <= 1


@given(st.integers(0, 2**32 - 1), st.integers(0, 14), st.floats(0, 0.6))
@settings(max_examples=80)
def test_star_colorings(seed: int, n: int, share: float) -> None:
    dense = random_pattern(np.random.default_rng(seed), n, n, share).toarray()
    dense |= dense.T
    colors = color_symmetric(sparse.csr_array(dense))
    np.testing.assert_array_equal(colors == -1, ~dense.any(axis=0))
    edges = dense & ~np.eye(n, dtype=bool)
    for i, j in np.argwhere(edges):
        assert colors[i] != colors[j]
        for k in np.flatnonzero(edges[j]):
            for last in np.flatnonzero(edges[k]):
                path = [i, j, k, last]
                if len(set(path)) == 4:
                    assert len(set(colors[path].tolist())) >= 3


@given(st.integers(0, 2**32 - 1), st.integers(0, 12), st.integers(0, 12), st.floats(0, 1))
@settings(max_examples=100)
def test_entries_are_recovered_from_products(seed: int, m: int, n: int, share: float) -> None:
    """By dense products with NumPy: every plan gives back the matrix that it compresses."""
    rng = np.random.default_rng(seed)
    pattern = random_pattern(rng, m, n, share)
    dense = pattern.toarray() * rng.normal(size=(m, n))
    for mode in ("forward", "reverse", "auto"):
        plan = plan_jacobian(pattern, mode)
        over, results, product = (n, m, dense) if plan.forward else (m, n, dense.T)
        _check_recovered(plan, over, results, product, dense)
    square = pattern[: min(m, n), : min(m, n)]
    dense = dense[: min(m, n), : min(m, n)]
    plan = plan_hessian(square)
    _check_recovered(plan, min(m, n), min(m, n), dense + dense.T, dense + dense.T)


def _check_recovered(plan: Any, over: int, results: int, product: Any, want: Any) -> None:
    def sweep(seeds: Any) -> Any:
        return [None if seeds[0] is None else tg.ops.matmul(product, seeds[0])]

    sweeps = Sweeps(lambda n: iter([slice(0, n)] if n else []), replayed=lambda sweep: sweep)
    entries = plan.entries(sweep, [np.zeros(over)], [np.zeros(results)], sweeps)
    found = matrix_of(entries, plan.pattern)
    assert found.shape == want.shape
    np.testing.assert_allclose(found.toarray(), want, atol=1e-14)


def test_numbers_of_colors() -> None:
    n = 40
    band = lambda k: sparse.diags_array(
        [np.ones(n - abs(i)) for i in range(-k, k + 1)], offsets=range(-k, k + 1)
    ).tocsr()
    for k in (0, 1, 2, 5):
        assert color_columns(band(k)).max() == 2 * k
    assert color_symmetric(band(0)).max() == 0
    assert color_symmetric(band(1)).max() == 2
    arrow = np.eye(n, dtype=bool)
    arrow[0] = arrow[:, 0] = True
    for turned in (arrow, arrow[::-1, ::-1]):
        assert color_symmetric(sparse.csr_array(turned)).max() == 1
        assert color_columns(sparse.csr_array(turned)).max() == n - 1
    blocks = sparse.csr_array(np.kron(np.eye(10), np.ones((4, 4))))
    assert color_columns(blocks).max() == color_symmetric(blocks).max() == 3
    assert color_symmetric(sparse.csr_array(np.ones((n, n)))).max() == n - 1


def test_a_hessian_takes_columns_where_they_need_fewer_colors() -> None:
    line = np.eye(12) + np.eye(12, k=1) + np.eye(12, k=-1)
    nine_points = sparse.csr_array(np.kron(line, line))
    assert color_columns(nine_points).max() + 1 == 9  # a window of 3 by 3 has no two alike
    assert color_symmetric(nine_points).max() + 1 > 9
    assert plan_hessian(nine_points != 0).count == 9


def test_a_worse_order_is_not_kept() -> None:
    """A crown: coloured in pairs, column by column, it would take a colour a pair."""
    k = 6
    rows = [(2 * i, 2 * j + 1) for i in range(k) for j in range(k) if i != j]
    pattern = np.zeros((len(rows), 2 * k), bool)
    for r, (i, j) in enumerate(rows):
        pattern[r, [i, j]] = True
    assert color_columns(sparse.csr_array(pattern)).max() + 1 <= k
    assert plan_jacobian(sparse.csr_array(pattern), "auto").count <= k


def test_auto_takes_the_direction_with_fewer_colors() -> None:
    tall = np.zeros((9, 5), bool)
    tall[:, 0] = True  # a full column: rows would need nine colours
    tall[np.arange(5), np.arange(5)] = True
    assert plan_jacobian(sparse.csr_array(tall), "auto").forward
    assert plan_jacobian(sparse.csr_array(tall), "auto").count == 2
    wide = plan_jacobian(sparse.csr_array(tall.T), "auto")
    assert not wide.forward
    assert wide.count == 2
    assert plan_jacobian(sparse.csr_array(tall.T), "forward").count == 9


# ---- Jacobians and Hessians ---------------------------------------------------------------------

WEIGHTS = RNG.normal(size=(6, 6))
HESSIANS: dict[str, tuple[Any, Any]] = {
    "rosenbrock": (rosenbrock, X),
    "arrow": (lambda x: np.sum(x[1:] ** 3) * 1.0 + np.sum(np.sin(x[0] * x[1:])), X),
    "blocks": (lambda x: np.sum(np.prod(np.sin(x.reshape(2, 3)), axis=1)), X),
    "dense": (lambda x: np.sum(np.tanh(WEIGHTS @ x) ** 2), X),
    "quadratic form": (lambda x: x @ (WEIGHTS @ x), X),
    "linear": (lambda x: 3 * np.sum(x), X),
    "constant": (lambda x: 4.0, X),
    "one": (lambda x: np.sin(x) * x, 0.7),
    "matrix": (lambda x: np.sum(np.exp(x[1:] * x[:-1])), X.reshape(3, 2)),
    "grid": (lambda u: np.sum(np.diff(u, axis=0) ** 4) + np.sum(np.diff(u, axis=1) ** 4), RNG.normal(size=(4, 5))),
    "powers": (lambda x: np.sum(np.abs(x[1:]) ** x[:-1]), X),
    "norms": (lambda x: np.sum(np.linalg.norm(x.reshape(3, 2), axis=1)), X),
    "entropy": (lambda x: nn.cross_entropy(x.reshape(2, 3), np.array([0, 2])), X),
    "checkpointed": (lambda x: np.sum(tg.checkpoint(lambda a: a**3)(x[1:]) * x[:-1]), X),
    "convolution": (lambda x: np.sum(tg.ops.conv1d(x[None, None] ** 2, np.ones((1, 1, 2))) ** 2), X),
}  # fmt: skip


def as_matrix(h: Any) -> Any:
    h = np.asarray(h)
    n = int(np.sqrt(h.size))
    return h.reshape(n, n)


@pytest.mark.parametrize("name", HESSIANS)
@pytest.mark.parametrize("size", [None, 1, 2])
def test_hessian_against_dense(name: str, size: Any) -> None:
    f, x = HESSIANS[name]
    h = tg.hessian(f, chunk_size=size, sparse=True)(x)
    assert isinstance(h, sparse.csr_array)
    assert h.dtype == np.float64
    assert h.has_canonical_format
    np.testing.assert_allclose(h.toarray(), as_matrix(tg.hessian(f)(x)), rtol=1e-13, atol=1e-13)


def test_hessian_against_sympy() -> None:
    names = sympy.symbols("x0:5")
    expression = names[0] * sympy.sin(names[1]) + sympy.exp(names[2] * names[1]) + names[4] ** 3
    f = lambda x: x[0] * np.sin(x[1]) + np.exp(x[2] * x[1]) + x[4] ** 3
    want = sympy.hessian(expression, names)
    at = dict(zip(names, X[:5].tolist(), strict=True))
    h = tg.hessian(f, sparse=True)(X[:5])
    np.testing.assert_allclose(h.toarray(), np.array(want.subs(at), float), rtol=1e-13)
    marked = np.array(want.applyfunc(lambda e: 0 if e == 0 else 1)).astype(bool)
    np.testing.assert_array_equal(marks(sparsity(f, np.zeros(5), order=2)), marked)


def test_hessian_of_rosenbrock_in_closed_form() -> None:
    x = RNG.normal(size=1000)
    h = tg.hessian(rosenbrock, sparse=True)(x)
    diagonal = np.r_[1200 * x[:-1] ** 2 - 400 * x[1:] + 2, 0] + np.r_[0, np.full(999, 200.0)]
    want = sparse.diags_array([-400 * x[:-1], diagonal, -400 * x[:-1]], offsets=[-1, 0, 1])
    assert abs(h - want).max() < 1e-10
    assert h.nnz == 2998


@pytest.mark.parametrize("n", [10, 1000, 100_000])
def test_products_stay_three_for_any_size(n: int) -> None:
    """Counted by a rule that sees how many directions the sweep has."""
    seen: list[Any] = []

    def rule(g: Any, y: Any, x: Any) -> Any:
        seen.append(np.shape(getattr(g, "value", g)))
        return g * 2.0

    double = tg.elementwise(
        "double_for_the_test_of_products", lambda x: 2 * x, rule, domain=(-1, 1)
    )
    try:
        h = tg.hessian(lambda x: rosenbrock(double(x)), sparse=True)(np.ones(n))
    finally:
        REGISTRY.pop("double_for_the_test_of_products")
    assert h.nnz == 3 * n - 2
    assert seen == [(n,), (3, n)]  # one gradient, one sweep in three directions


JACOBIANS: dict[str, tuple[Any, Any]] = {
    "differences": (lambda x: np.diff(x) ** 2, X),
    "repeated": (lambda x: np.sin(x[[0, 0, 3, 1]] * x[2]), X),
    "to matrix": (lambda x: x[:, None] * x[:2], X),
    "from matrix": (lambda a: np.tanh(a @ WEIGHTS[:2, :2]), X.reshape(3, 2)),
    "to scalar": (lambda x: np.sum(x[:2] * x[1:3]), X),
    "from scalar": (lambda t: np.stack([np.sin(t), t * 0, t**3]), 0.7),
    "dense": (lambda x: WEIGHTS @ np.sin(x), X),
    "mapped": (lambda x: tg.vmap(lambda a, b: a[0] * b)(x.reshape(3, 2), x.reshape(3, 2)), X),
    "nothing": (lambda x: np.ones((2, 2)), X),
    "empty": (lambda x: x[:0], X),
    "of empty": (lambda x: np.concatenate([x, np.ones(2)]), np.zeros(0)),
}


@pytest.mark.parametrize("name", JACOBIANS)
@pytest.mark.parametrize("size", [None, 1])
def test_jacobian_against_dense(name: str, size: Any) -> None:
    f, x = JACOBIANS[name]
    want = np.reshape(tg.jacobian(f)(x), (np.size(f(x)), np.size(x)))
    for transform, mode in (
        (tg.jacobian, {"mode": "auto"}), (tg.jacobian, {"mode": "forward"}),
        (tg.jacobian, {"mode": "reverse"}), (tg.jacfwd, {}), (tg.jacrev, {}),
    ):  # fmt: skip
        j = transform(f, sparse=True, chunk_size=size, **mode)(x)
        assert isinstance(j, sparse.csr_array)
        assert j.shape == want.shape
        np.testing.assert_allclose(j.toarray(), want, rtol=1e-13, atol=1e-13)


OPERATIONS: list[Any] = [
    lambda a, b: a * b,
    lambda a, b: a + 2 * b,
    lambda a, b: np.sin(a) / (1.5 + np.cos(b)),
    lambda a, b: np.where(a > b, a, b),
    lambda a, b: np.maximum(a, b[::-1]),
    lambda a, b: np.concatenate([a[3:], b[:3]]),
    lambda a, b: np.roll(a, 1) * b[2],
    lambda a, b: a.reshape(2, 3).T.ravel() - b,
    lambda a, b: np.repeat(a.reshape(2, 3).sum(axis=1), 3) * b,
    lambda a, b: (a.reshape(2, 3) @ b.reshape(3, 2)).ravel()[[0, 1, 2, 3, 3, 0]],
    lambda a, b: tg.ops.softmax(a.reshape(3, 2)).ravel() + b,
    lambda a, b: np.cumsum(a) * 0.1 + b,
    lambda a, b: np.pad(a[1:5], 1) * b,
    lambda a, b: np.exp(-(a**2)) + tg.stop_gradient(b),
    lambda a, b: np.full(6, 0.3) * a,
    lambda a, b: np.sqrt(1 + a**2)[[0, 0, 1, 2, 4, 4]],
    lambda a, b: tg.vmap(lambda u, v: u * v.sum())(a.reshape(3, 2), b.reshape(3, 2)).ravel(),
    lambda a, b: np.diff(np.concatenate([a, b[:1]])),
]


def program(steps: list[tuple[int, int, int]]) -> Any:
    def f(x: Any) -> Any:
        made = [x, np.tanh(x)]
        for which, i, j in steps:
            made.append(np.tanh(OPERATIONS[which](made[i % len(made)], made[j % len(made)])))
        return made[-1] * made[-2]

    return f


STEPS = st.lists(
    st.tuples(st.integers(0, len(OPERATIONS) - 1), st.integers(0, 9), st.integers(0, 9)),
    min_size=1,
    max_size=6,
)


def check_program(steps: Any, seed: int) -> None:
    f = program(steps)
    x = np.random.default_rng(seed).normal(size=6)
    want = tg.jacobian(f)(x)
    for mode in ("forward", "reverse"):
        got = tg.jacobian(f, mode=mode, sparse=True)(x)
        np.testing.assert_allclose(got.toarray(), want, rtol=1e-9, atol=1e-11)
    h = tg.hessian(lambda x: np.sum(f(x)), sparse=True)(x)
    want = tg.hessian(lambda x: np.sum(f(x)))(x)
    np.testing.assert_allclose(h.toarray(), want, rtol=1e-9, atol=1e-11)


@given(STEPS, st.integers(0, 99))
@settings(max_examples=40)
def test_random_programs(steps: Any, seed: int) -> None:
    check_program(steps, seed)


@pytest.mark.slow
@noted("sparse Hessians against dense ones")
@given(STEPS, st.integers(0, 2**32 - 1))
@settings(max_examples=1000)
def test_many_random_programs(steps: Any, seed: int) -> None:
    check_program(steps, seed)


def test_laplacian_on_a_grid() -> None:
    """-u'' + u^3 by five points: the Jacobian is the known matrix; few colours at any size."""
    k = 30

    def residual(u: Any) -> Any:
        padded = np.pad(u, 1)
        around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
        return 4 * u - around + u**3

    u = RNG.normal(size=(k, k))
    line = sparse.diags_array(
        [-np.ones(k - 1), 2 * np.ones(k), -np.ones(k - 1)], offsets=[-1, 0, 1]
    )
    laplacian = sparse.kronsum(line, line)
    want = laplacian + sparse.diags_array(3 * u.ravel() ** 2)
    j = tg.jacobian(residual, sparse=True)(u)
    assert abs(j - want).max() < 1e-13
    assert j.nnz == want.tocsr().nnz
    energy = lambda u: np.sum(u * (residual(u) - u**3)) / 2 + np.sum(u**4) / 4
    h = tg.hessian(energy, sparse=True)(u)
    assert abs(h - want).max() < 1e-13
    assert h.nnz == want.tocsr().nnz
    assert plan_jacobian(sparsity(residual, u), "auto").count <= 8
    assert plan_hessian(sparsity(energy, u, order=2)).count <= 8


# ---- trees, types, and the rest -----------------------------------------------------------------


def test_trees() -> None:
    f = lambda p, k: {"y": p["w"][1:] * p["b"] * k, "s": [np.sum(p["b"] ** 2)]}
    p = {"w": X.reshape(3, 2), "b": np.array([0.5, 2.0])}
    got = tg.jacobian(f, argnums=(0, 1), sparse=True)(p, 3.0)
    want = tg.jacobian(f, argnums=(0, 1))(p, 3.0)
    for out, m in (("y", 4), ("s", 1)):
        g, w = (t[out] if out == "y" else t[out][0] for t in (got, want))
        for a, b in ((g[0]["w"], w[0]["w"]), (g[0]["b"], w[0]["b"]), (g[1], w[1])):
            np.testing.assert_allclose(a.toarray(), np.reshape(b, (m, -1)), atol=1e-14)
    assert got["y"][0]["w"].nnz == 4  # and not 24
    loss = lambda p, k: np.sum(f(p, k)["y"] ** 2) + np.sum(p["w"][0] ** 4)
    got, want = (tg.hessian(loss, sparse=s)(p, 3.0) for s in (True, False))
    for a, n in (("w", 6), ("b", 2)):
        for b, m in (("w", 6), ("b", 2)):
            np.testing.assert_allclose(
                got[a][b].toarray(), np.reshape(want[a][b], (n, m)), atol=1e-13
            )
    h, aux = tg.hessian(lambda p: (loss(p, 1.0), p["b"]), has_aux=True, sparse=True)(p)
    assert h["b"]["b"].shape == (2, 2)
    np.testing.assert_array_equal(aux, p["b"])
    assert tg.jacobian(lambda p: X, sparse=True)([]) == []
    assert tg.jacobian(lambda p: {}, sparse=True)(X) == {}


def test_types() -> None:
    x = X.astype(np.float32)
    assert tg.hessian(rosenbrock, sparse=True)(x).dtype == np.float32
    assert tg.jacobian(np.diff, sparse=True, mode="reverse")(x).dtype == np.float32
    mixed = tg.hessian(lambda p: np.sum(p[0] * p[1]), sparse=True)([x, X])
    assert mixed[0][1].dtype == np.float64
    assert mixed[1][0].dtype == np.float32
    boxed = tg.hessian(rosenbrock, sparse=True)(tg.tensor(X))
    assert isinstance(boxed, sparse.csr_array)
    with tg.no_grad():
        assert tg.hessian(rosenbrock, sparse=True)(X).nnz == 16


def test_zeros_are_kept() -> None:
    h = tg.hessian(lambda x: np.sum(x[1:] ** 2 * x[:-1]), sparse=True)(np.zeros(4))
    assert h.nnz == 10 - 1  # x[0] enters linearly
    assert not h.toarray().any()


def test_a_given_pattern() -> None:
    pattern = sparsity(rosenbrock, X, order=2)
    h = tg.hessian(rosenbrock, sparse=pattern)
    want = tg.hessian(rosenbrock)(X)
    np.testing.assert_allclose(h(X).toarray(), want, rtol=1e-13)
    np.testing.assert_allclose(h(X[::-1]).toarray(), tg.hessian(rosenbrock)(X[::-1]), rtol=1e-13)
    upper = sparse.triu(pattern)  # half is enough: a Hessian is symmetric
    np.testing.assert_allclose(tg.hessian(rosenbrock, sparse=upper)(X).toarray(), want, rtol=1e-13)
    dense = tg.hessian(rosenbrock, sparse=np.ones((6, 6)))(X)
    assert dense.nnz == 36
    np.testing.assert_allclose(dense.toarray(), want, rtol=1e-13)
    j = tg.jacobian(np.diff, sparse=sparsity(np.diff, X))(X)
    np.testing.assert_array_equal(j.toarray(), tg.jacobian(np.diff)(X))


def test_the_coloring_is_kept_while_the_pattern_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    from tinygrad_hess.transforms.sparse import plan as module

    made: list[Any] = []
    real = module.plan_hessian
    monkeypatch.setattr(module, "plan_hessian", lambda pattern: made.append(1) or real(pattern))
    f = lambda x: np.sum(x[1:] * x[:-1] ** 2) if x[0] > 0 else np.sum(x**3)  # two structures
    h = tg.hessian(f, sparse=True)
    for x, count in ((np.ones(4), 1), (np.full(4, 2.0), 1), (-np.ones(4), 2), (np.ones(5), 3)):
        np.testing.assert_allclose(h(x).toarray(), tg.hessian(f)(x), atol=1e-14)
        assert len(made) == count


def test_errors() -> None:
    with pytest.raises(
        ValueError, match=r"hessian: a sparsity pattern of shape \(5, 5\).*\(6, 6\)"
    ):
        tg.hessian(rosenbrock, sparse=np.ones((5, 5)))(X)
    with pytest.raises(
        ValueError, match=r"jacobian: a sparsity pattern of shape \(6, 6\).*\(5, 6\)"
    ):
        tg.jacobian(np.diff, sparse=np.ones((6, 6)))(X)
    with pytest.raises(ValueError, match="sparse is True, False or a matrix"):
        tg.hessian(rosenbrock, sparse="yes")
    with pytest.raises(ValueError, match="must return a scalar"):
        tg.hessian(np.diff, sparse=True)(X)
    with pytest.raises(ValueError, match="order=3"):
        sparsity(rosenbrock, X, order=3)
    inner = tg.hessian(rosenbrock, sparse=True)
    for outer in (
        lambda: tg.grad(lambda x: inner(x).sum())(X),
        lambda: tg.vmap(inner)(X.reshape(3, 2)),
        lambda: tg.vmap(tg.jacobian(np.diff, sparse=True))(X.reshape(3, 2)),
    ):
        with pytest.raises(tg.NonDifferentiableError, match="sparse=True inside another transform"):
            outer()


def test_inside_jit() -> None:
    """Entries as those of the closed form, at new points, too."""
    jitted = tg.jit(tg.hessian(rosenbrock, sparse=True))
    for x in (X, np.zeros(6), np.arange(6.0)):
        got = jitted(x)
        want = np.diag(
            np.r_[1200 * x[:-1] ** 2 - 400 * x[1:] + 2, 0.0] + np.r_[0.0, np.full(5, 200.0)]
        )
        want += np.diag(-400 * x[:-1], 1) + np.diag(-400 * x[:-1], -1)
        assert isinstance(got, sparse.csr_array) and got.nnz == 16
        np.testing.assert_allclose(got.toarray(), want)
    first, second = jitted(X), jitted(X)
    first.data[:], first.indices[:] = 0, 0  # nobody else's
    assert (second != jitted(X)).nnz == 0
    with tg.debug_nans():
        assert (jitted(X) != second).nnz == 0


def test_constant_entries_inside_jit() -> None:
    for f, entries in ((lambda x: (x**2).sum(), [2.0] * 6), (lambda x: x.sum(), [])):
        got = tg.jit(tg.hessian(f, sparse=True))(X)
        assert isinstance(got, sparse.csr_array) and got.data.tolist() == entries


def test_of_tensors_inside_jit() -> None:
    h = tg.hessian(rosenbrock, sparse=True)
    for x in (tg.tensor(X), tg.tensor(np.ones(6))):
        got, want = tg.jit(h)(x), h(x)
        assert isinstance(got, sparse.csr_array) and (got != want).nnz == 0


def test_of_trees_inside_jit() -> None:
    def f(p: Any, scale: Any) -> Any:
        return {"r": scale * p["a"][1:] * p["b"] ** 2, "s": p["b"]}

    p = {"a": RNG.normal(size=4), "b": np.float32(RNG.normal(size=()))}
    for mode in ("forward", "reverse"):
        j = tg.jacobian(f, mode=mode, sparse=True)
        want, got = j(p, 3.0), tg.jit(j)(p, 3.0)
        for name in "rs":
            for leaf in "ab":
                assert got[name][leaf].dtype == want[name][leaf].dtype
                assert got[name][leaf].shape == want[name][leaf].shape
                assert (got[name][leaf] != want[name][leaf]).nnz == 0
    np.testing.assert_allclose(got["r"]["a"].toarray(), 3 * p["b"] ** 2 * np.eye(4)[1:], rtol=1e-6)


def test_a_pattern_inside_jit_is_that_of_all_indices() -> None:
    """A replay gets other indices than those which it was recorded with, or an earlier call had."""
    h = tg.hessian(lambda x, i: np.sum(x[i] ** 3 * x[:2]), sparse=True)
    dense = tg.hessian(lambda x, i: np.sum(x[i] ** 3 * x[:2]))
    jitted = tg.jit(h)
    for i in (np.array([2, 3]), np.array([5, 1]), np.array([0, 0])):
        np.testing.assert_allclose(h(X, i).toarray(), dense(X, i), atol=1e-14)
        np.testing.assert_allclose(jitted(X, i).toarray(), dense(X, i), atol=1e-14)


def test_recorded_entries_inside_jit() -> None:
    """They are on the tape, as the entries of a dense Hessian are."""
    h = tg.hessian(rosenbrock, sparse=True)
    total = lambda x: (h(x).data ** 2).sum()
    np.testing.assert_allclose(
        tg.jit(tg.grad(total))(X), tg.grad(lambda x: (tg.hessian(rosenbrock)(x) ** 2).sum())(X)
    )
    with pytest.raises(
        AttributeError, match=r"inside jit has no toarray: .* use its entries, \.data"
    ):
        tg.jit(lambda x: h(x).toarray())(X)
    seen: list[Any] = []
    tg.jit(lambda x: seen.append(h(x)) or x)(X)
    assert (seen[0].shape, seen[0].nnz, seen[0].dtype) == ((6, 6), 16, float)
    assert repr(seen[0]) == "<sparse matrix of shape (6, 6) with 16 recorded entries>"


def test_rules_that_are_no_derivative_are_not_mirrored() -> None:
    @tg.custom_vjp
    def lopsided(x: Any) -> Any:
        return np.sum(x)

    lopsided.defvjp(lambda x: (x.sum(), x), lambda x, g: (g * np.roll(x, 1) ** 2,))
    h = tg.hessian(lopsided, sparse=True)(X)
    np.testing.assert_allclose(h.toarray(), np.roll(np.diag(2 * X), 1, axis=0), atol=1e-15)


def test_of_a_jitted_function() -> None:
    h = tg.hessian(tg.jit(rosenbrock), sparse=True)(X)
    np.testing.assert_allclose(h.toarray(), tg.hessian(rosenbrock)(X), rtol=1e-13)
    assert h.nnz == 16
