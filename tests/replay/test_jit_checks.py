"""Checks of values hold at each replay, not only when a function is recorded."""

from __future__ import annotations

import copy
import functools
import pickle
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import nn, ops

RNG = np.random.default_rng(0)
LOGITS, LABELS = RNG.normal(size=(5, 3)), np.array([0, 1, 2, 1, 0])
SHARES = np.full((5, 3), 1 / 3)


@pytest.mark.parametrize(
    ("f", "good", "bad", "message"),
    [
        (nn.cross_entropy, LABELS, LABELS - 1, "from 0 to 2 .* got values from -1 to 1"),
        (nn.cross_entropy, LABELS, LABELS + 1, "from 0 to 2 .* got values from 1 to 3"),
        (nn.cross_entropy, SHARES, 2 * SHARES, "sum to 1"),
        (nn.cross_entropy, SHARES, SHARES - 1, "not be negative"),
        (nn.kl_div, SHARES, 2 * SHARES, "kl_div: probabilities must sum to 1"),
        (nn.hinge, np.ones((5, 3)), np.zeros((5, 3)), "labels must be -1 or 1"),
        (nn.binary_cross_entropy_with_logits, SHARES, 5 * SHARES, r"in \[0, 1\], got values from"),
        (lambda x, y: (x * ops.one_hot(y, 3)).sum(), LABELS, LABELS + 1, "one_hot: class numbers"),
    ],
)
def test_other_labels_are_checked_too(f: Any, good: Any, bad: Any, message: str) -> None:
    for make in (lambda: f, lambda: tg.value_and_grad(f)):
        plain, replayed = make(), tg.jit(make())
        want = plain(LOGITS, good)
        for _ in range(2):
            got = replayed(LOGITS, good)
            np.testing.assert_allclose(tg.core.trees.leaves(got)[0], tg.core.trees.leaves(want)[0])
            with pytest.raises(ValueError, match=message):
                replayed(LOGITS, bad)
            with pytest.raises(ValueError, match=message):
                plain(LOGITS, bad)


def test_in_a_batch() -> None:
    f = tg.jit(tg.vmap(nn.cross_entropy))
    np.testing.assert_allclose(f(LOGITS, LABELS).mean(), nn.cross_entropy(LOGITS, LABELS))
    with pytest.raises(ValueError, match="got values from 0 to 3"):
        f(LOGITS, np.array([0, 0, 3, 0, 0]))


def test_derivatives_go_through() -> None:
    def seen(p: Any) -> None:
        if not (p > 0).all():
            raise ValueError("not positive")

    f = tg.jit(lambda p, v: tg.hvp(lambda p: (ops.checked(p, seen) ** 3).sum(), p, v))
    x, v = np.array([1.0, 2.0]), np.array([1.0, -1.0])
    np.testing.assert_allclose(f(x, v), 6 * x * v)
    with pytest.raises(ValueError, match="not positive"):
        f(-x, v)


class Scaled(nn.Module):
    factor: np.ndarray
    power: int = 2
    function: Any = np.tanh

    def __call__(self, x: Any) -> Any:
        return self.function(self.factor * x**self.power)


def test_modules_are_read_anew() -> None:
    f = tg.jit(lambda model, x: model(x))
    x = np.array([0.1, 0.2])
    for power, function, factor in (
        (2, np.tanh, 1.0),
        (3, np.tanh, 2.0),
        (3, np.sin, 2.0),
        (2, np.tanh, 3.0),
    ):
        model = Scaled(np.full(2, factor), power, function)
        for _ in range(2):
            np.testing.assert_allclose(f(model, x), function(factor * x**power))
        model.power = 5  # in place
        np.testing.assert_allclose(f(model, x), function(factor * x**5))
        model.extra = 3  # another field
        np.testing.assert_allclose(f(model, x), function(factor * x**5))


def test_other_arguments_are_told_apart() -> None:
    f = tg.jit(lambda x, k: x * len(repr(k)))
    for _ in range(2):
        for k in (
            2,
            12,
            True,
            False,
            (1, 2),
            (1, True),
            (1, 22),
            "a",
            "ab",
            None,
            np.sin,
            np.int64,
        ):
            np.testing.assert_array_equal(f(np.ones(2), k), np.full(2, len(repr(k))))


def test_integer_arrays_in_the_lists_of_a_module_stay_part_of_it() -> None:
    class Holder(nn.Module):
        parts: list

        def __call__(self, x: Any) -> Any:
            return self.parts[0] * x[self.parts[1]]

    f = tg.jit(lambda m, x: m(x))
    x = np.arange(4.0)
    for places in ([0, 1], [2, 3]):
        m = Holder([np.ones(2), np.array(places)])
        for _ in range(2):
            np.testing.assert_array_equal(f(m, x), x[places])


# ---- settings around a replay -------------------------------------------------------------------

SETTING: ContextVar[float] = ContextVar("setting", default=1.0)

scaled = tg.linear(
    "scaled by a setting",
    lambda x: x * SETTING.get(),
    lambda g, y, x: scaled(g),
    cases=[([(2,)], {})],
)


def test_a_replay_gives_no_warnings_and_leaves_the_settings() -> None:
    f = tg.jit(lambda x: np.log(x) / x)
    with np.errstate(all="raise"):
        for _ in range(3):
            assert np.isnan(f(np.array([0.0, -1.0]))[1])
        assert set(np.geterr().values()) == {"raise"}
        with pytest.raises(FloatingPointError):
            np.log(np.zeros(1))


def test_a_primitive_of_ones_own_sees_the_settings_of_the_call() -> None:
    f = tg.jit(lambda x: scaled(x) + 1)
    for setting in (1.0, 2.0, 3.0):
        token = SETTING.set(setting)
        np.testing.assert_array_equal(f(np.ones(2)), np.full(2, 1 + setting))
        SETTING.reset(token)


def test_so_does_a_check() -> None:
    def below(x: Any) -> None:
        if (x > SETTING.get()).any():
            raise ValueError("above the setting")

    f = tg.jit(lambda x: ops.checked(x, below) * 2)
    f(np.ones(2))
    token = SETTING.set(3.0)
    np.testing.assert_array_equal(f(np.full(2, 3.0)), [6, 6])
    SETTING.reset(token)
    with pytest.raises(ValueError, match="above"):
        f(np.full(2, 3.0))


# ---- what goes in and comes out -----------------------------------------------------------------


@dataclass(frozen=True)
class Holder:
    held: Any


def test_results_that_replay_cannot_see_are_refused() -> None:
    for wrapped in (Holder, lambda y: iter([y]), lambda y: lambda: y, lambda y: {y.shape}):
        f = tg.jit(lambda x, wrapped=wrapped: wrapped(x * 2))
        with pytest.raises(tg.TracingError, match="Return arrays in tuples"):
            f(np.ones(2))
    assert tg.jit(lambda x: (x, 1, "a", None, np.float32, slice(2)))(1.5) == (
        1.5, 1, "a", None, np.float32, slice(2),
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize(
    "make", [lambda: np.ma.masked_array([0.5, -1.0], [1, 0]), lambda: np.matrix([[1.0]])]
)
@pytest.mark.parametrize("take", [tg.jit(lambda x: x * 2), tg.grad(lambda x: x.sum()), tg.tensor])
def test_arrays_of_another_meaning_are_refused(take: Any, make: Any) -> None:
    array = make()
    with pytest.raises(TypeError, match=f"{type(array).__name__} would lose"):
        take(array)


def test_equal_static_values_of_other_types() -> None:
    f = tg.jit(lambda x, holder: x * holder.held, static_argnums=1)
    for held in (2, 2.0, True, 2):
        got = f(np.arange(3), Holder(held))
        assert got.dtype == (np.arange(3) * held).dtype
        np.testing.assert_array_equal(got, np.arange(3) * held)


def test_static_arguments_counted_from_the_last() -> None:
    f = tg.jit(lambda x, n, scale=1.0: scale * x**n, static_argnums=-2)
    for _ in range(2):
        np.testing.assert_array_equal(f(np.full(2, 3.0), 2), [9, 9])
        np.testing.assert_array_equal(f(np.full(2, 3.0), n=2, scale=2.0), [18, 18])
        np.testing.assert_array_equal(f(np.full(2, 3.0), 3, 2.0), [54, 54])
    with pytest.raises(ValueError, match="Count from the first"):
        tg.jit(lambda *args: args[0], static_argnums=-1)


def test_a_static_nan_is_recorded_once() -> None:
    calls = []
    f = tg.jit(lambda x, fill: calls.append(fill) or np.where(x > 0, x, fill), static_argnums=1)
    for _ in range(3):
        np.testing.assert_array_equal(f(np.array([1.0, -1.0]), float("nan")), [1, np.nan])
    assert len(calls) == 2  # recorded twice, to compare


@tg.jit
def doubled(x: Any) -> Any:
    return 2 * x


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda f: pickle.loads(pickle.dumps(f))]
)
def test_copies(copied: Any) -> None:
    np.testing.assert_array_equal(doubled(np.ones(2)), [2, 2])
    assert copied(doubled) is doubled
    other = tg.jit(np.sin)
    other(np.ones(2))
    again = copied(other)
    assert again is not other
    np.testing.assert_array_equal(again(np.ones(2)), np.sin(np.ones(2)))
    half = copied(tg.jit(functools.partial(np.multiply, 0.5)))
    np.testing.assert_array_equal(half(np.ones(2)), [0.5, 0.5])
