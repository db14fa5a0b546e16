"""One class replays what can be replayed and calls the rest as it is; sweeps by the dozen do so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess.replay import jacobians
from tinygrad_hess.replay.fallback import Replayed, is_replaying
from tinygrad_hess.transforms.batched_sweeps import OFTEN

RNG = np.random.default_rng(5)
N = 2 * OFTEN
A = RNG.normal(size=(N, N))
X = RNG.normal(size=N)


def f(x: Any) -> Any:
    return np.sum(np.sin(A @ x)) + (x @ x) ** 2


def hessian(x: Any) -> Any:
    return -A.T @ (np.sin(A @ x)[:, None] * A) + 4 * (x @ x) * np.eye(N) + 8 * np.outer(x, x)


@pytest.fixture
def replays(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of directions of each sweep that may be replayed."""
    counts: list[int] = []

    class Counted(Replayed):
        def __call__(self, *args: Any) -> Any:
            if is_replaying():
                counts.append(args[-1])
            return super().__call__(*args)

    monkeypatch.setattr(jacobians, "Replayed", Counted)
    return counts


@pytest.mark.parametrize("chunk", [1, 2, 3, N // OFTEN, N])
def test_a_hessian(chunk: int, replays: list[int]) -> None:
    np.testing.assert_allclose(
        tg.hessian(f, chunk_size=chunk)(X), hessian(X), rtol=1e-10, atol=1e-10
    )
    sweeps = -(-N // chunk)
    assert len(replays) == (sweeps if sweeps >= OFTEN else 0)
    assert not replays or sum(replays) == N


@pytest.mark.parametrize("transform", [tg.jacfwd, tg.jacrev])
def test_a_jacobian(transform: Any, replays: list[int]) -> None:
    found = transform(lambda x: np.tanh(A @ x), chunk_size=2)(X)
    np.testing.assert_allclose(found, (1 - np.tanh(A @ X) ** 2)[:, None] * A)
    assert replays == [2] * (N // 2)


def test_a_sparse_hessian(replays: list[int]) -> None:
    x = RNG.normal(size=4 * OFTEN)
    g = lambda x: np.sum(x[: OFTEN + 4].sum() ** 3) + np.sum(x**4)
    found = tg.hessian(g, sparse=True, chunk_size=1)(x).toarray()
    want = np.diag(12 * x**2)
    want[: OFTEN + 4, : OFTEN + 4] += 6 * x[: OFTEN + 4].sum()
    np.testing.assert_allclose(found, want, rtol=1e-12)
    assert len(replays) >= OFTEN


def test_not_when_told(replays: list[int]) -> None:
    with tg.no_replay():
        np.testing.assert_allclose(
            tg.hessian(f, chunk_size=1)(X), hessian(X), rtol=1e-10, atol=1e-10
        )
    assert not replays


def test_not_what_another_transform_goes_through(replays: list[int]) -> None:
    third = tg.grad(lambda x: np.sum(tg.hessian(f, chunk_size=1)(x) * np.eye(N)))(X)
    want = -np.einsum("k,ki,kj->j", np.cos(A @ X), A**2, A) + 8 * (N + 2) * X
    np.testing.assert_allclose(third, want, rtol=1e-9)
    both = tg.vmap(tg.hessian(f, chunk_size=1))(np.stack([X, 2 * X]))
    np.testing.assert_allclose(both, [hessian(X), hessian(2 * X)], rtol=1e-9, atol=1e-9)
    assert not replays


def test_rules_of_ones_own() -> None:
    @tg.custom_jvp
    def g(x: Any) -> Any:
        return x**2

    @g.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        (x,), (t,) = primals, tangents
        return g(x), 2 * x * t

    np.testing.assert_allclose(
        tg.jacfwd(lambda x: g(x) * x.sum(), chunk_size=1)(X),
        2 * np.diag(X) * X.sum() + X[:, None] ** 2,
    )


def test_what_a_function_closes_over_is_read_at_each_call() -> None:
    scale = np.ones(1)
    h = tg.hessian(lambda x: scale[0] * f(x), chunk_size=1)
    np.testing.assert_allclose(h(X), hessian(X), rtol=1e-10, atol=1e-10)
    scale[0] = 3.0
    np.testing.assert_allclose(h(X), 3 * hessian(X), rtol=1e-10, atol=1e-10)


# ---- the class itself ---------------------------------------------------------------------------


class Called:
    """How often a function runs: in a replay it does not."""

    def __init__(self, f: Callable[..., Any]):
        self.f, self.count = f, 0

    def __call__(self, *args: Any) -> Any:
        self.count += 1
        return self.f(*args)


def by_sign(x: Any) -> Any:
    return x.sum() if x[0] > 0 else -x.sum()


def test_recorded_twice_and_then_replayed() -> None:
    f = Called(lambda x: np.tanh(x) @ x)
    replayed = Replayed(f)
    for k in range(4):
        np.testing.assert_array_equal(replayed(k * X), np.tanh(k * X) @ (k * X))
    assert f.count == 2


def test_a_sweep_is_recorded_once() -> None:
    f = Called(lambda leaves: [2.0 * leaves[0]])
    replayed = Replayed(f, sweep=True)
    for k in range(4):
        np.testing.assert_array_equal(replayed([k * X])[0], 2.0 * (k * X))
    assert f.count == 1


def test_calls_before_a_plan() -> None:
    f = Called(lambda x: 3.0 * x)
    replayed = Replayed(f, after=3)
    for called in (1, 2, 3, 5, 5, 5):  # the fourth call records it twice
        np.testing.assert_array_equal(replayed(X), 3.0 * X)
        assert f.count == called


def test_what_looks_at_values_is_called_as_it_is_for_good() -> None:
    f = Called(by_sign)
    replayed = Replayed(f)
    for called, x in ((2, X), (3, -X), (4, X[:3])):  # the first call tries a recording
        assert replayed(x) == by_sign(x)
        assert f.count == called


def test_other_errors_are_the_callers() -> None:
    def f(x: Any) -> Any:
        raise ValueError("no")

    replayed = Replayed(f)
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            replayed(X)


def test_other_errors_that_make_it_fall_back() -> None:
    def f(x: Any) -> Any:
        if type(x) is not np.ndarray:
            raise ValueError("arrays only")
        return 2 * x

    with pytest.raises(ValueError, match="arrays only"):
        Replayed(f)(X)
    np.testing.assert_array_equal(Replayed(f, errors=(Exception,))(X), 2 * X)


def test_an_error_of_its_own_after_falling_back() -> None:
    def f(x: Any) -> Any:
        if x[0] > 0:
            raise tg.TracingError("mine")
        return x

    replayed = Replayed(f)
    np.testing.assert_array_equal(replayed(-np.ones(2)), -np.ones(2))
    with pytest.raises(tg.TracingError, match="mine"):
        replayed(np.ones(2))


def test_each_kind_of_a_sweep_falls_back_by_itself() -> None:
    def sweep(leaves: Any, columns: int | None) -> Any:
        a, b = leaves
        if columns is None and b is not None and b[0] > 0:
            return [a]
        return [2.0 * a]

    f = Called(sweep)
    replayed = Replayed(f, sweep=True)
    kinds: list[tuple[Any, Any]] = [([X, X], None), ([X, None], None), ([X, X], N), ([X, X], 1)]
    for given, columns in kinds:
        np.testing.assert_array_equal(replayed(given, columns)[0], sweep(given, columns)[0])
    assert f.count == 1 + len(kinds)  # the first one is tried, and called
    for given, columns in kinds:
        np.testing.assert_array_equal(replayed(given, columns)[0], sweep(given, columns)[0])
    assert f.count == 2 + len(kinds)


def test_sweeps_alone_are_told_not_to() -> None:
    f, g = Called(lambda leaves: [2.0 * leaves[0]]), Called(lambda x: 2.0 * x)
    sweep, other = Replayed(f, sweep=True), Replayed(g)
    with tg.no_replay():
        for _ in range(4):
            sweep([X])
            other(X)
    assert (f.count, g.count) == (4, 2)
    sweep([X])
    sweep([X])
    assert f.count == 5


def test_calls_are_counted_also_where_nothing_is_planned() -> None:
    f = Called(lambda leaves: [2.0 * leaves[0]])
    replayed = Replayed(f, after=2, sweep=True)
    with tg.no_replay():
        for _ in range(5):
            replayed([X])
    replayed([X])
    replayed([X])
    assert f.count == 6


# ---- products of linearize ----------------------------------------------------------------------


def test_a_push_goes_on_where_a_rule_looks_at_values() -> None:
    @tg.custom_jvp
    def g(x: Any) -> Any:
        return x**2

    @g.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        (x,), (t,) = primals, tangents
        return g(x), 2 * x * t if t[0] > 0 else 2 * t * x

    _, push = tg.linearize(g, X)
    for k in range(5):
        np.testing.assert_allclose(push((k - 2) * X), 2 * (k - 2) * X**2)


def test_a_push_gives_tensors_for_tensors_each_time() -> None:
    _, push = tg.linearize(lambda x: x**2, tg.tensor(X))
    for _ in range(4):
        found = push(X)
        assert isinstance(found, tg.Tensor)
        np.testing.assert_array_equal(found.value, 2 * X**2)
