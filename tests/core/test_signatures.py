"""Signatures: how they are read, what they say of shapes, and what a trial finds without one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_hess.core.signatures import (
    CORE,
    Axes,
    along_axis,
    by_rank,
    by_trial,
    over_axis,
    parsed,
)


@pytest.mark.parametrize("text", ["", "(n)", "n->n", "(n)->", "(n)->(m)(k)", "(n->(n)", "(n,)->()"])
def test_what_is_no_signature_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no signature"):
        parsed(text)


def test_spaces_and_numbers_of_axes() -> None:
    assert parsed(" ( n , m ),() -> (m)") == parsed("(n,m),()->(m)")
    assert parsed("(n,m),()->(m)").ranks == (2, 0)


def test_core_axes_are_needed_as_a_whole() -> None:
    axes = parsed("(n,n),(n)->(n)").axes([(5, 3, 3), (3,)], (5, 3))
    assert axes == Axes(((-1, CORE, CORE), (CORE,)), (-1, CORE))


def test_axes_of_sums_of_products() -> None:
    axes = parsed("(m,n),(n,p)->(m,p)").axes([(2, 3), (7, 3, 4)], (7, 2, 4), partial="sum")
    assert axes == Axes((("m", "n"), (-1, "n", "p")), (-1, "m", "p"))


@pytest.mark.parametrize(("text", "shapes", "shape"), [
    ("(n,n)->(n)", [(3, 3)], (3,)),
    ("(n)->(n,n)", [(3,)], (3, 3)),
])  # fmt: skip
def test_an_axis_named_twice_is_needed_as_a_whole(text: str, shapes: Any, shape: Any) -> None:
    axes = parsed(text).axes(shapes, shape, partial="sum")
    assert set(axes.result) == {CORE} == {k for labels in axes.operands for k in labels}


def test_loop_axes_of_length_1_are_repeated() -> None:
    axes = parsed("(n)->()").axes([(1, 4, 3)], (1, 4))
    assert axes.operands == ((-2, -1, CORE),)
    both = parsed("(n),(n)->()").axes([(1, 4, 3), (5, 1, 3)], (5, 4))
    assert both == Axes(((None, -1, CORE), (-2, None, CORE)), (-2, -1))


def test_an_axis_called_core_is_one_like_others() -> None:
    axes = parsed("(core),(core)->(core)").axes([(3,), (3,)], (3,), partial="sum")
    assert axes.result == ("core",) and axes.result[0] is not CORE


def test_axes_that_parameters_name() -> None:
    assert along_axis({"axis": -2}, [(4, 5, 6)], (4, 5, 6)).result == (-3, CORE, -1)
    assert over_axis({"axis": (-3, -1), "keepdims": False}, [(4, 5, 6)], (5,)) == Axes(
        ((CORE, -2, CORE),), (-2,)
    )
    kept = over_axis({"axes": (0,)}, [(4, 5)], (1, 5))
    assert kept == Axes(((CORE, -1),), (None, -1))


def test_ranks_of_cases_say_nothing_of_operands_that_broadcast() -> None:
    assert by_rank((2,), [(7, 3, 3)], (7, 3)).operands == ((("loop", 0), CORE, CORE),)
    for shapes in ([(7, 3), (3,)], [(1, 3), (7, 3)]):
        axes = by_rank((1, 1), shapes, (7, 3))
        assert {k for labels in axes.operands for k in labels} == {CORE}


# ---- functions of which nothing is said ---------------------------------------------------------

TRIALS: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]], str]] = {
    # letters: shared labels; capitals: summed; a dot: needed as a whole
    "scaled": (lambda x: 3 * x, [(4, 5)], "ab->ab"),
    "by rows": (lambda x: np.cumsum(x, -1), [(4, 5)], "a.->a."),
    "transposed": (lambda x: x.swapaxes(-1, -2), [(3, 3)], "ab->ba"),
    "summed": (lambda x: x.sum(-2), [(4, 3)], "Ab->b"),
    "reversed": (lambda x: x[..., ::-1], [(4, 3)], "a.->a."),
    "one row in another way": (lambda x: x * np.arange(1, 5)[:, None], [(4, 3)], ".b->.b"),
    "neighbours": (lambda x: x[..., 1:] - x[..., :-1], [(6,)], ".->."),
    "product": (np.matmul, [(4, 5), (5, 6)], "aB,Bc->ac"),
    "product of squares": (np.matmul, [(4, 4), (4, 4)], "aB,Bc->ac"),
    "elements": (np.multiply, [(4, 3), (4, 3)], "ab,ab->ab"),
    "sum of two": (lambda x, y: x - 2 * y, [(4, 3), (4, 3)], "ab,ab->ab"),
    "nothing": (lambda x: 0 * x, [(4,)], ".->."),
    "diagonal": (lambda x: np.diagonal(x, 0, -1, -2), [(3, 3)], "..->."),
}


@pytest.mark.parametrize("name", TRIALS)
def test_what_a_trial_finds(name: str) -> None:
    fn, shapes, wanted = TRIALS[name]
    shape = np.shape(fn(*map(np.ones, shapes)))
    axes = by_trial(fn, shapes, shape)
    operands, result = wanted.split("->")
    pairs = zip([*operands.split(","), result], [*axes.operands, axes.result], strict=True)
    letters: dict[str, Any] = {}
    for word, labels in pairs:
        for letter, label in zip(word, labels, strict=True):
            assert (label is CORE) == (letter == "."), f"{axes} is not {wanted}"
            assert letter == "." or letters.setdefault(letter, label) == label
    assert len(set(letters.values())) == len(letters)
    assert not [k for x, k in letters.items() if x.isupper() and k in axes.result]


def test_a_trial_of_what_sees_one_part_of_complex_numbers() -> None:
    """On real numbers it is zero, whatever it does with the axis."""
    fn = lambda x: np.imag(x)[..., ::-1]
    for is_complex in (False, True):
        assert by_trial(fn, [(5,)], (5,), is_complex) == Axes(((CORE,),), (CORE,))


@pytest.mark.parametrize("fn", [
    lambda x: x[[0, 1, 2, 3]],  # of that length alone
    lambda x: x.astype(int) // 0,
    lambda x: np.linalg.cholesky(x),
])  # fmt: skip
def test_a_function_that_refuses_the_trial_is_opaque(fn: Any) -> None:
    with np.errstate(all="ignore"):
        axes = by_trial(fn, [(4, 4)], (4, 4))
    assert axes.result[0] is CORE
