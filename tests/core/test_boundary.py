"""Errors of public functions name the function; a user's own, and our bugs, stay what they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess.core.boundary import bare, named

X = np.array([1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("call", "kind", "name"),
    [
        (lambda: tg.ops.chunk(X, tg.tensor([1, 2])), ValueError, "chunk"),
        (lambda: tg.ops.log1p([[1.0], [1.0, 2.0]]), ValueError, "log1p"),
        (lambda: tg.ops.conj(object()), TypeError, "conj"),
        (lambda: tg.numpy.bincount("a"), ValueError, "bincount"),
        (lambda: tg.numpy.vstack(np.nan), TypeError, "vstack"),
        (lambda: tg.Tensor([1.0, []]), ValueError, "tensor"),
        (lambda: tg.tensor(2.0, requires_grad=np.arange(3)), ValueError, "tensor"),
        (lambda: tg.tensor(X).requires_grad_(np.arange(3)), TypeError, "requires_grad_"),
        (lambda: tg.Tensor.eye(X), TypeError, "eye"),
    ],
)
def test_an_error_names_the_function(call: Callable[[], Any], kind: type, name: str) -> None:
    with pytest.raises(kind, match=rf"^{name}\b") as caught:
        call()
    assert type(caught.value) is kind


def _ours(body: str) -> Callable[..., Any]:
    """A function as one of the library's modules would define it."""
    space: dict[str, Any] = {"__name__": "tinygrad_hess.ops.made"}
    exec(f"def made(x): return {body}", space)
    return named(space["made"])


def test_a_bug_stays_visible() -> None:
    with pytest.raises(AttributeError, match=r"no_such"):
        _ours("x.no_such")(X)
    with pytest.raises(TypeError, match=r"^made\(str\)"):
        _ours("x.no_such")("text")


def test_a_users_error_stays_the_users() -> None:
    def users(x: Any) -> Any:
        raise ValueError("mine")

    with pytest.raises(ValueError, match=r"^mine$"):
        tg.numpy.apply_along_axis(users, 0, X)


def test_only_what_was_named_is_taken_off_again() -> None:
    assert bare(tg.ops.sort) is not tg.ops.sort
    with pytest.raises(TypeError, match=r"[Ww]rite x = "):  # assignment's sort, not that of ops
        tg.tensor(X, requires_grad=True).sort()
