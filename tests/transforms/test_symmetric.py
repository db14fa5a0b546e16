"""Dense Hessians by symmetry: blocks against their definition, the order of parameters, work saved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_hess as tg
from tinygrad_hess.core.registry import REGISTRY
from tinygrad_hess.transforms.hessian_by_symmetry import by_first_use, is_symmetric
from tinygrad_hess.transforms.recording import Recording

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 2))


def net(p: Any) -> Any:
    h = np.tanh(X @ p["w1"] + p["b1"])
    return np.mean((h @ p["w2"] + p["b2"]) ** 3)


def parameters(dtype: Any = float) -> Any:
    shapes = {"w2": (3, 2), "b1": (3,), "b2": (2,), "w1": (2, 3)}  # not in the order of their use
    return {k: RNG.normal(size=s).astype(dtype) for k, s in shapes.items()}


def by_differences(f: Any, p: Any, h: float = 1e-5) -> Any:
    """All blocks, as central differences of the gradient."""
    out: dict[Any, dict[Any, Any]] = {a: {} for a in p}
    for b in p:
        columns = []
        for e in np.eye(p[b].size).reshape(p[b].size, *p[b].shape):
            up, down = (tg.grad(f)({**p, b: p[b] + s * h * e}) for s in (1, -1))
            columns.append({a: (up[a] - down[a]) / (2 * h) for a in p})
        for a in p:
            stacked = (
                np.stack([c[a] for c in columns], -1) if columns else np.zeros((*p[a].shape, 0))
            )
            out[a][b] = stacked.reshape(p[a].shape + p[b].shape)
    return out


def check(f: Any, p: Any, size: int | None = None) -> None:
    got, want = tg.hessian(f, chunk_size=size)(p), by_differences(f, p)
    for a in p:
        for b in p:
            assert got[a][b].shape == p[a].shape + p[b].shape
            np.testing.assert_allclose(got[a][b], want[a][b], rtol=1e-6, atol=1e-7)
            n = p[a].ndim
            mirrored = np.moveaxis(got[b][a], range(p[b].ndim), range(n, n + p[b].ndim))
            if a != b:
                np.testing.assert_array_equal(got[a][b], mirrored)


@pytest.mark.parametrize("size", [None, 1, 2, 5, 7, 100])
def test_blocks_of_a_net(size: Any) -> None:
    check(net, parameters(), size)


FUNCTIONS: dict[str, Any] = {
    "unused": lambda p: np.sum(p["w1"] ** 2) * p["b1"][0],
    "separate": lambda p: np.sum(np.sin(p["w1"])) + np.sum(p["b1"] ** 3) + p["b2"][0],
    "linear in one": lambda p: np.sum(p["w1"] @ np.exp(p["b1"])),
    "used twice": lambda p: np.sum(np.tanh(p["w1"]) * p["b1"]) * np.sum(p["w1"] * p["b2"][:, None]),
    "frozen": lambda p: np.sum(p["b1"] * tg.stop_gradient(p["b1"] ** 2) * p["w2"][:, 0]),
    "constant": lambda p: 2.0,
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("size", [None, 2])
def test_structures(name: str, size: Any) -> None:
    f = FUNCTIONS[name]
    p = parameters()
    if name != "frozen":
        check(f, p, size)
        return
    h = tg.hessian(f, chunk_size=size)(p)  # with b1 ** 2 held fixed, f is bilinear
    np.testing.assert_array_equal(h["b1"]["b1"], np.zeros((3, 3)))
    np.testing.assert_allclose(h["b1"]["w2"][:, :, 0], np.diag(p["b1"] ** 2))


def test_with_an_empty_parameter() -> None:
    p = {"a": np.zeros((0, 2)), "b": RNG.normal(size=3), "c": np.zeros(0)}
    check(lambda p: np.sum(p["b"] ** 3) + np.sum(p["a"] ** 2) * np.sum(p["b"]), p)


@given(
    st.integers(0, 99),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=5),
)
@settings(max_examples=15)
def test_random_uses(seed: int, pairs: list[tuple[int, int]]) -> None:
    """Vectors that meet in random pairs, in random order: blocks in closed form."""
    rng = np.random.default_rng(seed)
    names = "abcd"
    p = {k: rng.normal(size=3) for k in names}
    f = lambda p: sum(np.sum(np.sin(p[names[i]] * p[names[j]][::-1])) for i, j in pairs)
    check(f, p, int(rng.integers(1, 14)))


def test_parameters_in_the_order_of_their_use() -> None:
    run = Recording(net, (parameters(),))
    assert list(parameters()) == ["w2", "b1", "b2", "w1"]
    names = sorted(parameters())  # as a tree orders them
    assert [names[i] for i in by_first_use(run.tape(), run.starts)] == ["w1", "b1", "w2", "b2"]
    run = Recording(lambda a, b, c: np.sum(c * b), (X, X, X), None, (0, 1, 2))
    assert by_first_use(run.tape(), run.starts) == [1, 2, 0]


def test_directions_in_a_late_parameter_skip_what_comes_before() -> None:
    """Counted by two linear operations: how many directions each sees, on the way up and down."""
    seen = {"first": 0, "last": 0}

    def counting(name: str) -> Any:
        def double(x: Any) -> Any:
            seen[name] += len(x) if x.ndim == 2 else 0
            return 2 * x

        call = tg.linear(f"{name}_in_the_test_of_symmetry", double, lambda g, y, x: call(g))
        return call

    first, last = counting("first"), counting("last")
    try:
        f = lambda p: np.sum(np.exp(last(np.sin(first(p["a"])) * p["z"])))
        tg.hessian(f, chunk_size=4)({"a": RNG.normal(size=4), "z": RNG.normal(size=4)})
    finally:
        for name in seen:
            REGISTRY.pop(f"{name}_in_the_test_of_symmetry")
    assert seen == {"first": 4 + 4, "last": 2 * (4 + 4)}  # those of z stay above the first


def test_types_and_tensors() -> None:
    p = parameters(np.float32)
    h = tg.hessian(net)(p)
    assert all(h[a][b].dtype == np.float32 for a in p for b in p)
    assert isinstance(
        tg.hessian(net)({k: tg.tensor(v) for k, v in p.items()})["w1"]["b2"], tg.Tensor
    )
    h["w1"]["b1"][...] = 7.0  # every block is the caller's own
    assert not (h["b1"]["w1"] == 7.0).any()


def test_inside_other_transforms() -> None:
    p = parameters()
    norm = lambda p: sum(
        np.sum(b**2) for row in tg.hessian(net, chunk_size=5)(p).values() for b in row.values()
    )
    g = tg.grad(norm)(p)
    d = {k: RNG.normal(size=v.shape) for k, v in p.items()}
    moved = lambda t: norm({k: v + t * d[k] for k, v in p.items()})
    slope = (8 * (moved(1e-4) - moved(-1e-4)) - (moved(2e-4) - moved(-2e-4))) / 12e-4
    np.testing.assert_allclose(sum(np.sum(g[k] * d[k]) for k in p), slope, rtol=1e-7)
    both = {k: np.stack([v, 2 * v]) for k, v in p.items()}
    mapped = tg.vmap(tg.hessian(net))(both)
    twice = tg.hessian(net)({k: 2 * v for k, v in p.items()})
    replayed = tg.jit(tg.hessian(net))(p)
    once = tg.hessian(net)(p)
    for a in p:
        for b in p:
            np.testing.assert_allclose(mapped[a][b][1], twice[a][b], rtol=1e-12, atol=1e-14)
            np.testing.assert_allclose(replayed[a][b], once[a][b], rtol=1e-12, atol=1e-14)


def test_rules_that_are_no_derivative_are_not_mirrored() -> None:
    @tg.custom_vjp
    def lopsided(x: Any) -> Any:
        return np.sum(x)

    lopsided.defvjp(lambda x: (x.sum(), x), lambda x, g: (g * np.roll(x, 1) ** 2,))
    x = RNG.normal(size=4)
    assert not is_symmetric(Recording(lopsided, (x,)).tape())
    assert is_symmetric(Recording(np.sum, (x,)).tape())
    np.testing.assert_allclose(tg.hessian(lopsided)(x), np.roll(np.diag(2 * x), 1, axis=0))
