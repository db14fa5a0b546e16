"""A jitted function over its life: called again, recorded anew, used as a method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from comparing import close
from jit_functions import energy
from replayed import M, X, Y, agrees

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.replay.jitted import CACHE_SIZE


def test_alternating_shapes_are_each_recorded_once() -> None:
    shapes = []

    def f(x: Any) -> Any:
        shapes.append(x.shape)
        return np.tanh(x) * x.sum()

    jitted = tg.jit(f)
    for k in range(4):
        for n in (2, 5, 3):
            x = np.arange(n) + 0.5 * k
            close(jitted(x), np.tanh(x) * x.sum(), strict=True)
    assert {s: shapes.count(s) for s in shapes} == dict.fromkeys([(2,), (5,), (3,)], 2)


def test_complex_numbers_are_refused_or_right() -> None:
    """Also a Python float beside them: it stays real."""
    functions: list[Callable[[Any, Any], Any]] = [
        lambda z, w: (np.abs(z * w) * 2, np.exp(z) @ w),
        lambda z, r: (z * 1j, np.abs(r * 2.0)),
    ]
    others: list[Any] = [Y - 1j, 0.5]
    for f, w in zip(functions, others, strict=True):
        try:
            tg.jit(f)(X + 1j, w)
        except tg.NonDifferentiableError as error:
            assert "complex" in str(error)
            continue
        agrees(f, (X + 1j, w), (Y + 1j, 2 * w), (X + 0j, w))


def test_an_index_out_of_bounds_is_an_error_in_a_later_call() -> None:
    jitted = tg.jit(lambda x, k: np.sin(x)[k] * 2)
    close(jitted(X, np.array([0, 2])), np.sin(X)[[0, 2]] * 2, strict=True)
    with pytest.raises(IndexError):
        jitted(X, np.array([0, 7]))
    close(jitted(Y, np.array([1, 2])), np.sin(Y)[[1, 2]] * 2, strict=True)


def test_other_dtypes_are_recorded_anew() -> None:
    agrees(
        lambda x: np.sqrt(np.abs(x)) * 2,
        *[(np.arange(4).astype(d),) for d in (np.float64, np.float32, np.int64, np.int8)],
    )


@pytest.mark.parametrize("static", [1, (1,), [1], -1, (-1,)])
def test_static_arguments(static: Any) -> None:
    """They may be branched on, be of any hashable type, and be negative from the end."""
    f = lambda x, n: x * 2 if n > 1 else x - n
    agrees(f, (X, 2.5), (Y, 0.5), (X, 0.5), (Y, 2.5), static_argnums=static)
    apply = lambda x, g: g(x)
    agrees(apply, (X, np.sin), (Y, np.cos), (X, np.cos), static_argnums=static)


def test_static_arguments_left_out_or_given_by_name() -> None:
    def f(x: Any, n: int = 2) -> Any:
        return x * n

    jitted = tg.jit(f, static_argnums=1)
    close(jitted(X), f(X), strict=True)
    close(jitted(X, n=3), f(X, n=3), strict=True)
    close(jitted(X, 4), f(X, 4), strict=True)


def test_a_static_argument_that_cannot_be_hashed_is_named() -> None:
    f = lambda x, n: x
    with pytest.raises(TypeError, match=r"jit .*static.*hash"):
        tg.jit(f, static_argnums=1)(X, [1])
    with pytest.raises(TypeError, match=r"jit .*hash"):
        tg.jit(f)(X, {1})


def test_the_cache_is_bounded_and_forgets_the_least_recently_used() -> None:
    seen = []

    def f(x: Any) -> Any:
        seen.append(x.shape[0])
        return x * 2

    jitted = tg.jit(f)
    for n in range(1, CACHE_SIZE + 1):
        jitted(np.ones(n))
    jitted(np.ones(1))  # used again: 2 is now the oldest
    jitted(np.ones(CACHE_SIZE + 1))
    seen.clear()
    jitted(np.ones(1))
    assert not seen, "the most recently used was forgotten"
    close(jitted(np.ones(2)), 2 * np.ones(2), strict=True)
    assert seen, "more were kept than CACHE_SIZE"
    jitted.cache_clear()
    seen.clear()
    jitted(np.ones(1))
    assert seen


def test_modes_that_change_a_derivative_are_recorded_apart() -> None:
    f = tg.jit(tg.grad(lambda x: np.where(x > 0, np.sqrt(x), 0.0).sum()))
    x = np.array([0.0, 4.0])
    for _ in range(2):
        assert np.isnan(f(x)[0]) or np.isinf(f(x)[0])
        with tg.nan_safe():
            np.testing.assert_array_equal(f(x), [0.0, 0.25])
        with tg.no_grad():
            assert not np.isfinite(f(x)[0])


def test_debug_nans_looks_at_every_call() -> None:
    with np.errstate(all="ignore"):
        f = tg.jit(lambda x: np.log(x) * 2)
        f(X**2)
        with tg.debug_nans():
            f(X**2)
            with pytest.raises(tg.NanError, match="log"):
                f(-(X**2))


def test_an_exception_while_recording_leaves_it_usable() -> None:
    fail = [True]

    def f(x: Any) -> Any:
        y = x * 2
        if fail[0]:
            raise KeyError("not yet")
        return y

    jitted = tg.jit(f)
    with pytest.raises(KeyError, match="not yet"):
        jitted(X)
    fail[0] = False
    close(jitted(X), X * 2, strict=True)
    y = tg.tensor(X, requires_grad=True) * 2
    assert bool((y > -9).all()), "tracing was left on"


def test_a_function_that_calls_itself() -> None:
    @tg.jit
    def power(x: Any, n: int) -> Any:
        return x if n == 1 else x * power(x, n - 1)

    close(power(X, 4), X * (X * (X * X)), strict=True)


def test_it_decorates_functions_and_methods() -> None:
    class Scaled(nn.Module):
        def __init__(self, scale: Any):
            self.scale = scale

        @tg.jit
        def times(self, x: Any) -> Any:
            """Scale it."""
            return self.scale * x

    for s in (2.0, 3.0):
        model = Scaled(np.array([s, s, s]))
        close(model.times(X), s * X, strict=True)

    @tg.jit
    def f(x: Any) -> Any:
        """Add one."""
        return x + 1

    assert getattr(f, "__name__", None) == "f" and f.__doc__ == "Add one."
    close(f(X), X + 1, strict=True)


def test_long_chains() -> None:
    def f(x: Any) -> Any:
        for k in range(3000):
            x = x * (1 + 1e-6 * k) + 1e-6
        return x

    jitted = tg.jit(f)
    for x in (X, Y):
        np.testing.assert_allclose(jitted(x), f(x), rtol=1e-13)


def test_explain_and_source_of_recorded_arguments_are_refused() -> None:
    jitted = tg.jit(energy)
    with pytest.raises(tg.NonDifferentiableError, match="jit"):
        jitted.explain(tg.tensor(X, requires_grad=True), M)
