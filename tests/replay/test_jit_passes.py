"""Each pass over a program by itself, on programs written by hand; and all of them on random ones."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import scipy.special
from comparing import close, same
from figures import noted
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_hess as tg
from tinygrad_hess.core.registry import REGISTRY
from tinygrad_hess.replay.passes import (
    PASSES,
    compose_views,
    drop_dead,
    fold_constants,
    fold_signs,
    lower,
    multiply_by_reciprocals,
    share,
    share_factors,
    simplify,
    sink_broadcasts,
    split_reductions,
)
from tinygrad_hess.replay.program import Instruction, Program, instruction

X = np.array([0.5, -0.0, 0.0, np.inf, -2.0, np.nan, 1e300])


class Written:
    """A program written by hand: shapes and dtypes come from running it on the way."""

    def __init__(self, *inputs: Any):
        self.values: list[Any] = list(inputs)
        self.inputs = tuple(range(len(inputs)))
        self.constants: dict[int, Any] = {}
        self.instructions: list[Instruction] = []

    def constant(self, value: Any) -> int:
        """A slot that holds the same in each call."""
        self.values.append(value)
        self.constants[len(self.values) - 1] = value
        return len(self.values) - 1

    def op(self, name: str, *args: int, keyed: bool = True, **params: Any) -> int:
        """Append ``name`` from the library's primitives; unkeyed, nothing is known about it."""
        prim = REGISTRY[name]
        run = functools.partial(prim.fn, **params) if params else prim.fn
        with np.errstate(all="ignore"):
            value = np.asarray(run(*[self.values[a] for a in args]))[()]
        kind = (args, len(self.values), value.shape, value.dtype)
        self.instructions.append(
            instruction(prim, *kind, params) if keyed else Instruction(None, run, *kind, name=name)
        )
        self.values.append(value)
        return len(self.values) - 1

    def program(self, *outputs: int) -> Program:
        """What was written, giving these slots."""
        types = tuple((np.shape(x), np.asarray(x).dtype) for x in self.values[: len(self.inputs)])
        return Program(self.inputs, dict(self.constants), tuple(self.instructions), outputs, types)


def names(program: Program) -> list[str]:
    return [i.name for i in program.instructions]


def applied(rewrite: Callable[[Program], Program], program: Program, *values: Any) -> Program:
    """The rewritten program, checked to compute the same and to leave the given one as it was."""
    before = (dict(program.constants), program.instructions, program.outputs)
    new = rewrite(program)
    assert (dict(program.constants), program.instructions, program.outputs) == before
    assert new.inputs == program.inputs
    with np.errstate(all="ignore"):
        same(new.run(*values), program.run(*values))
    again = rewrite(new)
    assert names(again) == names(new), "a second time, the pass found more to do"
    return new


# ---- dead code ----------------------------------------------------------------------------------


def test_drop_dead_leaves_what_outputs_need() -> None:
    w = Written(X, X)
    a = w.op("sin", 0)
    b = w.op("exp", a)
    w.op("cos", b)  # dead
    c = w.op("multiply", a, w.constant(3.0))
    d = w.op("add", 1, w.constant(np.ones(7)))  # dead with its constant
    w.op("tanh", d)
    new = applied(drop_dead, w.program(c), X, X)
    assert names(new) == ["sin", "multiply"]
    assert list(new.constants.values()) == [3.0]
    assert b not in [i.out for i in new.instructions]


def test_drop_dead_keeps_order_inputs_and_outputs_that_are_not_computed() -> None:
    w = Written(X, X)
    k = w.constant(np.arange(3.0))
    w.op("sin", 0)
    new = applied(drop_dead, w.program(1, k, 1), X, X)
    assert not new.instructions
    assert new.outputs == (1, k, 1) and k in new.constants
    assert len(new.inputs) == 2, "a replayed call still gives all its arguments"


def test_drop_dead_keeps_a_shared_operand_once() -> None:
    w = Written(X)
    a = w.op("sin", 0)
    new = applied(drop_dead, w.program(w.op("multiply", a, a), a), X)
    assert names(new) == ["sin", "multiply"]


# ---- constants ----------------------------------------------------------------------------------


def test_fold_constants_computes_what_depends_on_constants_alone() -> None:
    w = Written(X)
    k = w.constant(np.arange(7.0))
    a = w.op("exp", w.op("negative", k))
    b = w.op("multiply", a, w.constant(2.0))
    out = w.op("add", 0, b)
    new = applied(fold_constants, w.program(out), X)
    assert names(new) == ["add"]
    same([new.constants[b]], [2.0 * np.exp(-np.arange(7.0))])


def test_fold_constants_folds_nothing_that_depends_on_an_input() -> None:
    """However indirectly, and also where it makes no difference to the value."""
    w = Written(X)
    k = w.constant(np.arange(7.0))
    a = w.op("multiply", 0, w.constant(0.0))
    b = w.op("isnan", a)
    c = w.op("where", b, k, k)
    d = w.op("stop_gradient", w.op("add", c, k))
    new = applied(fold_constants, w.program(d, k), X)
    assert names(new) == ["multiply", "isnan", "where", "add", "stop_gradient"]
    assert list(new.constants) == list(w.constants)


def test_fold_constants_is_silent_and_keeps_outputs() -> None:
    w = Written()
    a = w.op("log", w.constant(np.array([0.0, -1.0])))
    new = applied(fold_constants, w.program(a, a))
    assert not new.instructions
    np.testing.assert_array_equal(new.run()[0], [-np.inf, np.nan])


# ---- algebra ------------------------------------------------------------------------------------

NEUTRAL = [
    ("multiply", 1, "right", True), ("multiply", 1.0, "left", True), ("divide", 1, "right", True),
    ("multiply", True, "right", None), ("add", -0.0, "right", True), ("add", -0.0, "left", True),
    ("subtract", 0.0, "right", True), ("subtract", 0, "right", True),
    ("add", 0.0, "right", False), ("add", 0, "left", False), ("subtract", -0.0, "right", False),
    ("subtract", 0.0, "left", False), ("divide", 1.0, "left", False), ("multiply", 2, "right", False),
    ("multiply", 0.0, "right", False), ("multiply", -1.0, "right", False),
    ("add", float("nan"), "right", False), ("divide", float("inf"), "right", False),
    ("multiply", np.float64(1), "right", None), ("multiply", np.ones(7), "right", None),
    ("multiply", np.ones(()), "right", None), ("power", 1.0, "right", None),
]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("name", "number", "side", "dropped"), NEUTRAL)
def test_simplify_drops_neutral_operands_alone(
    name: str, number: Any, side: str, dropped: bool | None, dtype: Any
) -> None:
    """``x + 0.0`` is not neutral: it makes 0.0 of -0.0. None: either way, if it is the same."""
    w = Written(x := X.astype(dtype) if dtype is np.float64 else np.clip(X, -9, 9).astype(dtype))
    a = w.op("negative", 0)
    c = w.constant(number)
    out = w.op(name, a, c) if side == "right" else w.op(name, c, a)
    new = applied(simplify, w.program(out), x)
    if dropped is not None:
        assert names(new) == (["negative"] if dropped else ["negative", name])


def test_simplify_keeps_what_changes_dtype_or_shape() -> None:
    narrow = np.array([1.0, -0.0], np.float32)
    for x, number in (
        (narrow, np.float64(1)), (narrow, np.ones((2, 1), np.float32)), (np.arange(3), 1.0),
        (np.arange(3), np.int64(1)), (np.array([True, False]), 1), (np.float32(3), np.float64(1)),
    ):  # fmt: skip
        for name in ("multiply", "divide"):
            w = Written(x)
            a = w.op("positive" if x.dtype != bool else "logical_not", 0)
            applied(simplify, w.program(w.op(name, a, w.constant(number))), x)


def test_simplify_of_integers() -> None:
    k = np.arange(-2, 3)
    w = Written(k)
    a = w.op("square", 0)
    b = w.op("multiply", a, w.constant(1))
    c = w.op("divide", b, w.constant(1))  # gives floating-point numbers
    new = applied(simplify, w.program(b, c), k)
    assert names(new) == ["square", "divide"]


REARRANGEMENTS: list[tuple[str, dict[str, Any], bool]] = [
    ("reshape", {"shape": (2, 3)}, True),
    ("reshape", {"shape": (3, 2)}, False),
    ("broadcast_to", {"shape": (2, 3)}, True),
    ("broadcast_to", {"shape": (1, 2, 3)}, False),
    ("transpose", {"axes": (-2, -1)}, True),
    ("transpose", {"axes": (-1, -2)}, False),
    ("astype", {"dtype": np.dtype(np.float64)}, True),
    ("astype", {"dtype": np.dtype(np.float32)}, False),
    ("index", {"pattern": (slice(None), slice(0, 3)), "shape": (2, 3)}, True),
    ("index", {"pattern": (slice(None), slice(None, None, -1)), "shape": (2, 3)}, False),
    ("index", {"pattern": (slice(1, None), slice(None)), "shape": (2, 3)}, False),
    ("alias", {}, True),
    ("stop_gradient", {}, True),
    ("positive", {}, True),
]


@pytest.mark.parametrize(("name", "params", "dropped"), REARRANGEMENTS)
def test_simplify_of_rearrangements(name: str, params: dict[str, Any], dropped: bool) -> None:
    x = np.arange(6.0).reshape(2, 3)
    w = Written(x)
    a = w.op("sin", 0)
    b = w.op(name, a, **params)
    new = applied(simplify, w.program(w.op("cos", b), b), x)
    assert names(new) == ["sin"] + [name] * (not dropped) + ["cos"]
    assert dropped == (new.outputs[1] == a)


def test_simplify_follows_chains_to_their_start() -> None:
    w = Written(X)
    a = w.op("sin", 0)
    b = a
    for _ in range(5):
        b = w.op("multiply", w.op("subtract", w.op("alias", b), w.constant(0.0)), w.constant(1.0))
    new = applied(simplify, w.program(b, w.op("add", b, b)), X)
    assert names(new) == ["sin", "add"]
    assert new.outputs[0] == a and new.instructions[-1].args == (a, a)


def test_simplify_knows_nothing_about_unkeyed_operations() -> None:
    w = Written(X)
    a = w.op("alias", w.op("sin", 0), keyed=False)
    b = w.op("multiply", a, w.constant(1.0), keyed=False)
    assert names(applied(simplify, w.program(b), X)) == ["sin", "alias", "multiply"]


# ---- common subexpressions ----------------------------------------------------------------------


def test_share_computes_once() -> None:
    w = Written(X)
    one, two = w.op("sin", 0), w.op("sin", 0)
    a = w.op("multiply", one, w.constant(2.0))
    b = w.op("multiply", two, w.constant(2.0))  # another 2.0
    c = w.op("subtract", a, b)
    new = applied(share, w.program(c, a, b), X)
    assert names(new) == ["sin", "multiply", "subtract"]
    assert new.outputs == (c, a, a)
    assert new.instructions[-1].args == (a, a)


def test_share_tells_params_operands_and_their_order_apart() -> None:
    m = np.arange(6.0).reshape(2, 3)
    w = Written(m, m + 1)
    outs = [
        w.op("sum", 0, axis=(-1,), keepdims=False),
        w.op("sum", 0, axis=(-2,), keepdims=False),
        w.op("sum", 0, axis=(-1,), keepdims=True),
        w.op("sum", 1, axis=(-1,), keepdims=False),
        w.op("subtract", 0, 1),
        w.op("subtract", 1, 0),
        w.op("reshape", 0, shape=(3, 2)),
        w.op("reshape", 0, shape=(6,)),
    ]
    assert len(applied(share, w.program(*outs), m, m + 1).instructions) == len(outs)


@pytest.mark.parametrize(
    "numbers", [(2, 2.0), (1, True), (1.0, True), (0, False), (0.0, -0.0), (np.float32(2), 2.0)]
)
def test_share_tells_equal_numbers_of_other_types_apart(numbers: Any) -> None:
    for x in (np.arange(3), np.array([-1.0, 2.0], np.float32)):
        w = Written(x)
        outs = [
            w.op("copysign" if 0.0 in numbers else "multiply", 0, w.constant(n)) for n in numbers
        ]
        applied(share, w.program(*outs), x)


def test_share_tells_numbers_among_params_apart_in_recorded_programs() -> None:
    """The exponent of a power is a parameter, and of an integer 2 and 2.0 differ."""
    traced = trace(lambda k: (k**2, k**2.0, k**2), np.arange(3))
    new = applied(share, traced.recorded, np.arange(4, 7))
    assert len(new.instructions) == len(traced.recorded.instructions) - 1
    assert [y.dtype.kind for y in new.run(np.arange(3))] == ["i", "f", "i"]


def test_share_leaves_unkeyed_and_unhashable_operations_alone() -> None:
    w = Written(X)
    outs = [w.op("sin", 0, keyed=False), w.op("sin", 0, keyed=False)]
    assert len(applied(share, w.program(*outs), X).instructions) == 2
    i, sine = w.instructions[0], REGISTRY["sin"]
    unhashable = [instruction(sine, (0,), 10 + k, i.shape, i.dtype, {"of": [1]}) for k in range(2)]
    unhashable = [dataclasses.replace(u, fn=sine.fn) for u in unhashable]
    new = applied(share, Program((0,), {}, tuple(unhashable), (10, 11)), X)
    assert len(new.instructions) == 2


def test_share_with_constants_that_are_nan() -> None:
    w = Written(X)
    outs = [w.op("add", 0, w.constant(float("nan"))) for _ in range(2)]
    applied(share, w.program(*outs), X)


def test_share_knows_that_sums_and_products_commute() -> None:
    x, y = EXTREMES, EXTREMES[::-1].copy()
    w = Written(x, y)
    pairs = [(w.op(name, 0, 1), w.op(name, 1, 0)) for name in ("add", "multiply")]
    squares = w.op("square", 0), w.op("multiply", 0, 0)
    new = applied(share, w.program(*pairs[0], *pairs[1], *squares), x, y)
    assert names(new) == ["add", "multiply", "square"]


@pytest.mark.parametrize("name", ["maximum", "minimum", "subtract", "divide"])
def test_share_keeps_the_order_that_can_be_seen(name: str) -> None:
    """The maximum of two zeros is the first or the second of them."""
    x, y = np.array([0.0, -0.0, 1.0]), np.array([-0.0, 0.0, 2.0])
    w = Written(x, y)
    assert (
        len(applied(share, w.program(w.op(name, 0, 1), w.op(name, 1, 0)), x, y).instructions) == 2
    )


def test_share_tells_products_of_complex_numbers_and_integers_as_they_are() -> None:
    for x in (np.array([1 + 2j, np.inf * 1j]), np.arange(3)):
        w = Written(x, x + 1)
        applied(share, w.program(w.op("multiply", 0, 1), w.op("multiply", 1, 0)), x, x + 1)


# ---- broadcasts ---------------------------------------------------------------------------------


def test_sink_broadcasts_hands_over_what_was_broadcast() -> None:
    m, v = np.arange(6.0).reshape(2, 3), np.arange(3.0)
    w = Written(m, v)
    a = w.op("sin", 0)
    b = w.op("broadcast_to", w.op("cos", 1), shape=(2, 3))
    outs = [w.op("multiply", a, b), w.op("subtract", b, a)]
    new = drop_dead(applied(sink_broadcasts, w.program(*outs), m, v))
    assert names(new) == ["sin", "cos", "multiply", "subtract"]


def test_sink_broadcasts_keeps_one_of_two() -> None:
    """Where both operands were broadcast, one of them still has to give the shape."""
    row, column = np.arange(3.0)[None], np.arange(2.0)[:, None]
    for a, b in ((row, column), (row, row), (np.float64(2), row), (np.float64(2), np.float64(3))):
        w = Written(a, b)
        left = w.op("broadcast_to", 0, shape=(2, 3))
        right = w.op("broadcast_to", 1, shape=(2, 3))
        outs = [w.op("add", left, right), w.op("multiply", left, left)]
        applied(sink_broadcasts, w.program(*outs), a, b)


def test_sink_broadcasts_of_other_dtypes_and_operations() -> None:
    narrow, wide = np.ones((2, 3), np.float32), np.arange(3.0)
    for number in (2.0, np.float64(0.1), np.float32(0.1), 3):
        w = Written(narrow, wide)
        a = w.op("sin", 0)
        b = w.op("broadcast_to", w.constant(number), shape=(2, 3))
        c = w.op("broadcast_to", 1, shape=(2, 3))
        outs = [w.op("add", a, b), w.op("greater", c, a), w.op("add", c, a), w.op("arctan2", b, a)]
        outs += [w.op("where", w.op("greater", a, b), b, c)]
        applied(sink_broadcasts, w.program(*outs), narrow, wide)


# ---- exponentials over axes ---------------------------------------------------------------------

ROWS = np.array(
    [
        [0.5, -1.0, 2.0], [1e4, 1e4, -1e4], [-np.inf, 0.0, 1.0], [-np.inf, -np.inf, -np.inf],
        [np.inf, 1.0, np.inf], [np.nan, 0.0, 1.0], [-1e308, 1e308, 0.0],
    ]
)  # fmt: skip


@pytest.mark.parametrize("name", ["logsumexp", "softmax", "log_softmax"])
@pytest.mark.parametrize("axis", [(-1,), (-2,), (-2, -1)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_lower_spells_out_exponentials(name: str, axis: Any, dtype: Any) -> None:
    """To the last ulps, with infinities and NaN where the operation has them."""
    if any(c[1].get("keepdims") is not None for c in REGISTRY[name].cases if isinstance(c, tuple)):
        params = {"axis": axis, "keepdims": False}
    else:
        params = {"axis": axis}
    for rows in (ROWS, ROWS[:1], ROWS[:3], ROWS[:0], 50 * np.sin(np.arange(21.0)).reshape(7, 3)):
        with np.errstate(over="ignore"):
            x = rows.astype(dtype)
        w = Written(x)
        out = w.op(name, w.op("positive", 0), **params)
        program = w.program(out)
        with np.errstate(all="ignore"):
            (got,), (want,) = lower(program).run(x), program.run(x)
        assert (got.shape, got.dtype) == (want.shape, want.dtype)
        np.testing.assert_allclose(got, want, rtol=8 * np.finfo(dtype).eps)


def test_lower_shares_the_parts() -> None:
    """The loss and its gradient take the exponential once."""
    x = np.array([[0.5, -1.0, 2.0], [3.0, 2.0, 1.0]])
    f = lambda x: tg.value_and_grad(lambda z: tg.ops.logsumexp(z * 2, axis=-1).sum())(x)
    traced = trace(f, x)
    assert names(traced.program).count("exp") == 1
    assert names(share(lower(traced.recorded))).count("exp") == 1
    value, slope = traced.program.run(x)
    np.testing.assert_allclose(value, scipy.special.logsumexp(2 * x, axis=1).sum(), rtol=1e-14)
    np.testing.assert_allclose(slope, 2 * scipy.special.softmax(2 * x, axis=1), rtol=1e-14)


def test_lower_leaves_unknown_shapes_and_unkeyed_operations_alone() -> None:
    x = ROWS[:1]
    w = Written(x)
    out = w.op("softmax", w.op("sin", 0), keyed=False, axis=(-1,))
    assert names(lower(w.program(out))) == ["sin", "softmax"]


@pytest.mark.parametrize(("at", "unique"), [([3, 0, -3], True), ([3, 0, -4], False), ([], True)])
def test_lower_writes_what_meets_nothing(at: list[int], unique: bool) -> None:
    """A sum at positions of which none is named twice: written, and no zero stays negative."""
    for x in (np.array([-0.0, 2.0, np.nan][: len(at)]), np.array([-0j, 1, 2][: len(at)])):
        w = Written(x)
        positions = w.constant(np.array(at, int))
        out = w.op("scatter_add", w.op("positive", 0), positions, pattern=("array",), shape=(4,))
        new = applied(lower, w.program(out), x)
        assert ("scatter_unique" in names(new)) == unique


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_lower_writes_into_new_zeros(zero: float) -> None:
    x, zeros = np.array([1.0, -0.0, 3.0]), np.full((4, 3), zero)
    w = Written(x)
    a, z = w.op("sin", 0), w.constant(zeros)
    at = [w.constant(np.array(n)) for n in ([0, 3, 1], [1, 1, 0], [1, 1, 1])]
    rows, columns, same_twice = at
    outs = [
        w.op("scatter", z, a, rows, columns, pattern=("array", "array")),
        w.op("assign", z, a, pattern=(2, slice(None))),
        w.op("scatter", z, a, rows, same_twice, pattern=("array", "array")),
        w.op("scatter", z, a, same_twice, same_twice, pattern=("array", "array")),
    ]
    new = applied(lower, w.program(*outs), x)
    made = ["scatter_unique", "scatter_add", "scatter_unique", "scatter"]
    kept = ["scatter", "assign", "scatter", "scatter"]
    assert names(new) == ["sin", *(made if repr(zero) == "0.0" else kept)]


@pytest.mark.parametrize("name", ["sum", "amax"])
@pytest.mark.parametrize(
    ("axis", "keepdims", "done"),
    [((-2,), False, True), ((-4, -2), True, True), ((-1,), False, False), ((), False, True)],
)
def test_nothing_is_reduced_along_axes_of_length_one(
    name: str, axis: Any, keepdims: bool, done: bool
) -> None:
    x = X.reshape(1, 7, 1, 1).repeat(2, axis=3)
    w = Written(x)
    out = w.op(name, w.op("positive", 0), axis=axis, keepdims=keepdims)
    new = applied(split_reductions, w.program(out), x)
    assert (name not in names(new)) == done


# ---- all together -------------------------------------------------------------------------------


# ---- formulas of other primitives ----------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_lower_spells_out_logaddexp(dtype: Any) -> None:
    """To the last ulps, with infinities, NaN and ties."""
    with np.errstate(all="ignore"):
        a, b = (x.ravel().astype(dtype) for x in np.meshgrid([*X, -np.inf, 0.3, 700.0], X))
        want, want_soft = np.logaddexp(a, b), np.logaddexp(a, dtype(0))
    w = Written(a, b)
    program = w.program(w.op("logaddexp", 0, 1), w.op("softplus", 0))
    new = lower(program)
    assert not {"logaddexp", "softplus"} & set(names(new))
    with np.errstate(all="ignore"):
        both, soft = new.run(a, b)
    tolerance = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(both, want, rtol=tolerance)
    np.testing.assert_allclose(soft, want_soft, rtol=tolerance)
    assert both.dtype == soft.dtype == dtype


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("matmul", [(3, 4, 1), (3, 1, 2)]),
        ("matmul", [(5, 3, 4, 1), (1, 2)]),
        ("matmul_nt", [(4, 1), (3, 2, 1)]),
        ("matmul_tn", [(3, 1, 4), (3, 1, 2)]),
    ],
)
def test_lower_multiplies_columns_with_rows(name: str, shapes: Any) -> None:
    """Where a product sums nothing, it is one of elements: the same numbers, rounded once."""
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=s) for s in shapes)
    w = Written(a, b)
    new = applied(lower, w.program(w.op(name, 0, 1)), a, b)
    assert names(new)[-1] == "multiply"


def test_lower_rolls_by_parts_and_takes_roots_of_sums() -> None:
    x = np.random.default_rng(0).normal(size=(3, 5))
    w = Written(x)
    rolled = [w.op("roll", 0, shift=2, axis=-1), w.op("roll", 0, shift=1, axis=-2)]
    norms = [
        w.op("norm", 0, axis=(-1,), keepdims=True),
        w.op("norm", 0, axis=(-2, -1), keepdims=False),
    ]
    new = applied(lower, w.program(*rolled, *norms), x)
    assert not {"roll", "norm"} & set(names(new))


# ---- reductions of few elements ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sum", "amax"])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((40, 3, 20, 2), (-3, -1)),
        ((300, 3, 2, 4), (-2,)),
        ((3, 200, 5, 2), (-1,)),
        ((2, 30, 30, 4), (-3, -2)),
        ((4, 30, 2, 20), (-3, -1)),
        ((4, 30, 2, 20), (-4, -2)),
        ((900, 9), (-1,)),
    ],
)
def test_reductions_are_split(name: str, shape: Any, axis: Any, keepdims: bool) -> None:
    """Sums of integers, which are exact in any order, and maxima with NaN and infinities."""
    x = np.random.default_rng(0).integers(-9, 9, shape).astype(float)
    if name == "amax":
        x.ravel()[::50], x.ravel()[::70] = np.nan, -np.inf
    w = Written(x)
    applied(split_reductions, w.program(w.op(name, 0, axis=axis, keepdims=keepdims)), x)


def test_sums_over_axes_apart_are_made_one_after_the_other() -> None:
    x = np.ones((4, 30, 2, 20))
    w = Written(x)
    new = split_reductions(w.program(w.op("sum", 0, axis=(-3, -1), keepdims=False)))
    assert all(len(i.params["axis"]) == 1 for i in new.instructions if i.name == "sum")


def test_few_elements_of_each_result_are_combined_one_by_one() -> None:
    x = np.random.default_rng(0).normal(size=(700, 9))
    w = Written(x)
    new = split_reductions(w.program(w.op("amax", 0, axis=(-1,), keepdims=True)))
    assert names(new) == ["index"] * 9 + ["maximum"] * 8 + ["reshape"]


@pytest.mark.parametrize("x", [np.ones((4, 9)), np.ones((900, 9), int), np.ones((0, 3, 4))])
def test_other_reductions_stay(x: Any) -> None:
    """Of few results, of integers, and of nothing."""
    w = Written(x)
    program = w.program(w.op("amax", w.op("positive", 0), axis=(-1,), keepdims=True))
    assert names(applied(split_reductions, program, x)) == ["positive", "amax"]


# ---- linear systems ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
def test_systems_with_one_matrix_share_its_factors(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(5, 5)), rng.normal(size=(5, 1)), rng.normal(size=(5, 3))
    a, b, c = (np.exp(0.3j * x).astype(dtype) if dtype == np.complex128 else x.astype(dtype)
               for x in (a + 3 * np.eye(5), b, c))  # fmt: skip
    w = Written(a, b, c)
    turned = w.op("transpose", 0, axes=(-1, -2))
    outs = [w.op("solve", 0, 1), w.op("solve", turned, 2), w.op("solve", 0, 2)]
    program = w.program(*outs)
    new = share_factors(program)
    assert names(new) == ["transpose", "factorise", "solve", "solve", "solve"]
    tolerance = 100 * np.finfo(dtype).eps
    for got, matrix, right in zip(new.run(a, b, c), (a, a.T, a), (b, c, c), strict=True):
        np.testing.assert_allclose(matrix @ got, right, rtol=tolerance, atol=tolerance)
        assert got.dtype == dtype
    f = lambda a, b: (np.linalg.solve(a, b) ** 2).sum()
    if dtype == np.float64:
        x = np.linalg.inv(a) @ b
        y = np.linalg.inv(a).T @ (2 * x)
        ours = tg.jit(tg.grad(f, argnums=(0, 1)))(a, b)
        np.testing.assert_allclose(ours[0], -y @ x.T, rtol=1e-12)
        np.testing.assert_allclose(ours[1], y, rtol=1e-12)
        with pytest.raises(np.linalg.LinAlgError, match="Singular"):
            tg.jit(tg.grad(f))(np.zeros((2, 2)), np.ones((2, 1)))


def test_other_systems_stay() -> None:
    """One alone, stacks, and empty ones."""
    rng = np.random.default_rng(0)
    a, b, s = rng.normal(size=(3, 3)), rng.normal(size=(3, 2)), rng.normal(size=(4, 3, 3))
    w = Written(a, b, s)
    outs = [w.op("solve", 0, 1), w.op("solve", 2, 1), w.op("solve", 2, 0)]
    assert names(applied(share_factors, w.program(*outs), a, b, s)) == ["solve"] * 3


# ---- views of views ------------------------------------------------------------------------------


def test_views_of_views_are_views_of_the_first() -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    w = Written(x)
    a = w.op("reshape", w.op("reshape", 0, shape=(6, 4)), shape=(4, 6))
    b = w.op("transpose", w.op("transpose", 0, axes=(-1, -3, -2)), axes=(-2, -3, -1))
    c = w.op("broadcast_to", w.op("broadcast_to", 0, shape=(5, 2, 3, 4)), shape=(2, 5, 2, 3, 4))
    d = w.op("transpose", w.op("transpose", 0, axes=(-1, -2, -3)), axes=(-1, -2, -3))
    new = applied(compose_views, w.program(a, b, c, d), x)
    for i in new.instructions:
        if i.out in (a, b, c, d):
            assert i.args == (0,), f"{i} is still a view of a view"
    assert names(drop_dead(simplify(new))) == ["reshape", "transpose", "broadcast_to"]


def test_what_was_only_spread_is_summed_by_multiplying() -> None:
    x = np.array([[0.5], [-3.0]])
    w = Written(x)
    wide = w.op("broadcast_to", 0, shape=(4, 2, 8))  # powers of two: exact either way
    a = w.op("sum", wide, axis=(-3, -1), keepdims=False)
    b = w.op("sum", wide, axis=(-3, -1), keepdims=True)
    new = drop_dead(applied(compose_views, w.program(a, b), x))
    assert names(new) == ["reshape", "multiply"] * 2
    for axis in ((-2,), (-3,), (-2, -1), (-3, -2, -1)):  # an axis of its own, or one that stays
        w = Written(x)
        a = w.op("sum", w.op("broadcast_to", 0, shape=(4, 2, 8)), axis=axis, keepdims=False)
        assert names(applied(compose_views, w.program(a), x)) == ["broadcast_to", "sum"]


def test_sums_of_integers_and_of_nothing_stay() -> None:
    for x, shape in ((np.array([1, 2]), (3, 2)), (np.ones(2), (0, 2)), (np.ones(0), (3, 0))):
        w = Written(x)
        a = w.op("sum", w.op("broadcast_to", 0, shape=shape), axis=(-2,), keepdims=False)
        applied(compose_views, w.program(a), x)


# ---- divisions -----------------------------------------------------------------------------------

HOSTILE = [0.0, 5e-324, 1.5e-323, 2.2e-308, 1e-300, 1 / 3, 1.0, np.pi, 1e300, 1.7e308, np.inf]
EXTREMES = np.array([*HOSTILE, *(-x for x in HOSTILE), np.nan])


def exactly(x: float, factor: Fraction) -> float:
    """The product of real numbers, rounded once to float64; of infinities and NaN, by their rules."""
    if not np.isfinite(x) or x == 0:
        return x * (1.0 if factor > 0 else -1.0)
    try:
        found = float(Fraction(float(x)) * factor)
    except OverflowError:
        found = np.inf if (x > 0) == (factor > 0) else -np.inf
    return found if found else np.copysign(0.0, x if factor > 0 else -x)


@pytest.mark.parametrize("c", [2.0, 64, 0.5, -8.0, 2.0**-1000, 2.0**1021, -(2.0**-1022), 1.0])
def test_dividing_by_a_power_of_two_is_multiplying_exactly(c: float) -> None:
    w = Written(EXTREMES)
    new = applied(multiply_by_reciprocals, w.program(w.op("divide", 0, w.constant(c))), EXTREMES)
    assert names(new) == ["multiply"]
    want = [exactly(x, 1 / Fraction(c)) for x in EXTREMES]
    with np.errstate(all="ignore"):
        same(new.run(EXTREMES), [np.array(want)])


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_divisions_in_narrow_types(dtype: Any) -> None:
    """Where a number or its reciprocal has no exact form in the type, the division stays."""
    few = np.finfo(dtype)
    x = np.array([few.smallest_subnormal, few.tiny, 1.1, few.max, np.inf, -0.0], dtype)
    for c, stays in ((4.0, False), (float(few.tiny), False), (2.0 * float(few.max), True)):
        w = Written(x)
        new = applied(multiply_by_reciprocals, w.program(w.op("divide", 0, w.constant(c))), x)
        assert names(new) == ["divide" if stays else "multiply"]


@pytest.mark.parametrize("c", [3.0, 10, 0.0, np.inf, np.nan, 5e-324, 2.0**-1023, True])
def test_other_divisors_stay(c: float) -> None:
    w = Written(X)
    y = w.op("divide", 0, w.constant(c))
    assert names(applied(multiply_by_reciprocals, w.program(y), X)) == ["divide"]
    w = Written(X, X)
    assert names(applied(multiply_by_reciprocals, w.program(w.op("divide", 0, 1)), X, X)) == [
        "divide"
    ]
    k = np.arange(3)
    w = Written(k)
    y = w.op("floor_divide", 0, w.constant(2))
    assert names(applied(multiply_by_reciprocals, w.program(y), k)) == ["floor_divide"]


# ---- signs and factors ---------------------------------------------------------------------------


def test_negations_move_into_what_follows() -> None:
    w = Written(X, X[::-1].copy())
    minus = w.op("negative", 1)
    a = w.op("add", 0, minus)
    b = w.op("add", w.op("negative", 0), 1)
    c = w.op("subtract", 0, minus)
    d = w.op("negative", w.op("negative", 0))
    e = w.op("multiply", w.constant(3.0), minus)
    f = w.op("negative", w.op("multiply", 0, w.constant(0.1)))
    new = drop_dead(applied(fold_signs, w.program(a, b, c, d, e, f), X, X[::-1].copy()))
    assert "negative" not in names(new)
    assert sorted(names(new)) == ["add", "multiply", "multiply", "subtract", "subtract"]


def test_factors_are_joined_where_that_is_exact() -> None:
    w = Written(X)
    joined = w.op("multiply", w.constant(100.0), w.op("multiply", 0, w.constant(2)))
    small = w.op("multiply", w.op("multiply", w.constant(0.5), 0), w.constant(-0.1))
    new = drop_dead(applied(fold_signs, w.program(joined, small), X))
    assert names(new) == ["multiply", "multiply"]
    assert sorted(new.constants.values()) == [-0.05, 200.0]


@pytest.mark.parametrize("a, b", [(3.0, 0.1), (1e-300, 2.0), (0.5, 3.0), (np.inf, 2.0), (0.0, 2.0)])
def test_other_factors_stay(a: float, b: float) -> None:
    w = Written(X)
    y = w.op("multiply", w.constant(a), w.op("multiply", w.constant(b), 0))
    assert names(applied(fold_signs, w.program(y), X)) == ["multiply", "multiply"]


@pytest.mark.parametrize("a, b", [(100.0, 2.0), (2.0, 1.1), (0.5, 0.3), (0.1, 0.25), (-4.0, 1e9)])
def test_joined_factors_round_the_exact_product(a: float, b: float) -> None:
    """Which two roundings do not where the numbers are subnormal."""
    w = Written(EXTREMES)
    before = w.program(w.op("multiply", w.constant(a), w.op("multiply", w.constant(b), 0)))
    new = drop_dead(fold_signs(before))
    assert names(new) == ["multiply"]
    with np.errstate(all="ignore"):
        (found,), (old,) = new.run(EXTREMES), before.run(EXTREMES)
    same(found, np.array([exactly(x, Fraction(a) * Fraction(b)) for x in EXTREMES]))
    normal = np.abs(EXTREMES) >= 2.0**-1000
    same(found[normal], old[normal])
    np.testing.assert_allclose(found, old, rtol=0, atol=abs(a * b) * 5e-324 + 5e-324)


@pytest.mark.parametrize("size", [2.0**90, 2.0**-90])
def test_factors_whose_product_a_type_does_not_have_stay(size: float) -> None:
    x = np.array([1e-30, 1e30, 1.0], np.float32)
    w = Written(x)
    y = w.op("multiply", w.constant(size), w.op("multiply", w.constant(size), 0))
    assert names(applied(fold_signs, w.program(y), x)) == ["multiply", "multiply"]


def test_signs_go_through_what_is_linear() -> None:
    """Sums, moves and products hand a sign on to a subtraction; the sign of a zero may change."""
    rng = np.random.default_rng(0)
    m, v, k = rng.normal(size=(3, 4)), rng.normal(size=(2, 3)), rng.normal(size=(4, 5))
    w = Written(m, v, k)
    total = w.op("sum", w.op("negative", 0), axis=(-1,), keepdims=False)
    moved = w.op("reshape", total, shape=(1, 3))
    y = w.op("add", 1, moved)
    z = w.op("subtract", w.op("matmul", 0, 2), w.op("matmul", w.op("negative", 0), 2))
    new = drop_dead(applied(fold_signs, w.program(y, z), m, v, k))
    assert "negative" not in names(new)
    assert sorted(names(new)) == ["add", "matmul", "matmul", "reshape", "subtract", "sum"]


def test_signs_that_one_reader_needs_stay_where_they_are() -> None:
    m = np.random.default_rng(0).normal(size=(3, 4))
    w = Written(m, m[:, 0].copy())
    minus = w.op("negative", 0)
    y = w.op("add", 1, w.op("sum", minus, axis=(-1,), keepdims=False))
    new = applied(fold_signs, w.program(y, w.op("exp", minus)), m, m[:, 0].copy())
    assert names(new) == ["negative", "sum", "add", "exp"]


def test_signs_of_integers_and_of_numbers_that_change_stay() -> None:
    k = np.array([1, -2, 3])
    w = Written(k, k)
    y = w.op("add", 0, w.op("negative", 1))
    assert names(applied(fold_signs, w.program(y), k, k)) == ["negative", "add"]
    k = np.array([1, 2], np.uint8)  # whose negatives are 255 and 254
    w = Written(k, np.ones(2))
    y = w.op("add", 1, w.op("negative", 0))
    assert names(applied(fold_signs, w.program(y), k, np.ones(2))) == ["negative", "add"]
    w = Written(X, X)
    z = w.op("negative", w.op("multiply", 0, 1))
    assert names(applied(fold_signs, w.program(z), X, X)) == ["multiply", "negative"]


def test_every_pass_of_the_list_is_tested_here() -> None:
    """A new pass belongs in this file, too."""
    assert {p.__name__ for p in PASSES} <= set(globals()), "a pass without a test"
    assert PASSES[-1] is drop_dead


def trace(f: Callable[..., Any], *args: Any) -> Any:
    """The recording that ``jit(f)`` replays for these arguments: ``recorded``, ``program``, ``plan``."""
    return tg.jit(f)._traced(args, {})[0]


# ---- random programs ----------------------------------------------------------------------------

LIMIT = 48  # elements of an intermediate result


def _fits(a: Any, b: Any) -> tuple[Any, Any]:
    """Two operands that broadcast: the second becomes a scalar where they do not."""
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        b = np.mean(b)
    return a, b


def _larger(a: Any, b: Any) -> Any:
    return np.where(a > b, a * 0.9, np.sin(b))


def _matmul(a: Any, b: Any) -> Any:
    a = a.reshape(-1, a.shape[-1]) if a.ndim else a.reshape(1, 1)
    b = b.reshape(b.shape[0], -1) if b.ndim else b.reshape(1, 1)
    if a.shape[1] != b.shape[0]:
        b = np.broadcast_to(np.mean(b, axis=0, keepdims=True), (a.shape[1], b.shape[1]))
    return (a @ b) * (1.0 / max(a.shape[1], 1))


def _joined(a: Any, b: Any) -> Any:
    if a.shape == b.shape and a.ndim < 3:
        return np.stack([a, b], axis=-1)
    return np.concatenate([a.reshape(-1), b.reshape(-1)])


def _first(a: Any) -> Any:
    return a[0] if a.ndim else a


def _some(a: Any) -> Any:
    return a[[0, -1, 0]] if a.ndim else a * np.array([1.0, -2.0])


def _axis(a: Any, k: int) -> int | None:
    return k % a.ndim if a.ndim else None


UNARY: list[Callable[[Any], Any]] = [
    np.sin, np.tanh, lambda a: np.exp(-a * a), lambda a: np.sqrt(1 + a * a), lambda a: -a,
    lambda a: a * 1.0, lambda a: a + 0.0, lambda a: a - 0, lambda a: a / 1, lambda a: a / (1 + a * a),
    np.abs, tg.ops.sigmoid, lambda a: np.log1p(a * a), lambda a: 0.5 * a**2, lambda a: 0.1 * a**3,
    tg.stop_gradient, lambda a: np.maximum(a, 0.1), lambda a: np.clip(a, -0.7, 0.7),
    lambda a: a * 0.5,
    lambda a: a * 0.0 + 0.25, lambda a: np.arctan2(a, 1.5), tg.checkpoint(lambda a: np.sin(a) * a),
]  # fmt: skip
SHAPED: list[Callable[[Any, int], Any]] = [
    lambda a, k: np.mean(a, axis=_axis(a, k)),
    lambda a, k: np.sum(a, axis=_axis(a, k), keepdims=a.ndim > 0) * 0.25,
    lambda a, k: np.max(a, axis=_axis(a, k)),
    lambda a, k: tg.ops.logsumexp(a, axis=_axis(a, k)) if a.ndim else a,
    lambda a, k: tg.ops.softmax(a, axis=k % a.ndim) if a.ndim else a,
    lambda a, k: tg.ops.log_softmax(a, axis=k % a.ndim) * 0.3 if a.ndim else a,
    lambda a, k: np.cumsum(a, axis=k % a.ndim) * 0.3 if a.ndim else a,
    lambda a, k: a.T,
    lambda a, k: np.transpose(np.transpose(a)),
    lambda a, k: np.moveaxis(a, k % a.ndim, 0) if a.ndim else a,
    lambda a, k: a.reshape(-1),
    lambda a, k: a.reshape(tuple(reversed(a.shape))),
    lambda a, k: a[::-1] if a.ndim else a,
    lambda a, k: a[..., None],
    lambda a, k: _first(a),
    lambda a, k: a[1:] if a.ndim and a.shape[0] > 1 else a,
    lambda a, k: _some(a),
    lambda a, k: np.broadcast_to(a, (2, *a.shape)),
    lambda a, k: np.broadcast_to(a, (2, *a.shape)).sum(axis=0) * 0.5,
    lambda a, k: np.sort(a, axis=k % a.ndim) if a.ndim else a,
    lambda a, k: np.roll(a, 1),
    lambda a, k: np.pad(a, 1) if a.ndim else a,
    lambda a, k: tg.vmap(lambda r: np.sin(r) * r)(a) if a.ndim else a,
    lambda a, k: tg.grad(lambda b: (np.sin(b) * b).sum())(a),
]
BINARY: list[Callable[[Any, Any], Any]] = [
    lambda a, b: np.add(*_fits(a, b)) * 0.5,
    lambda a, b: np.subtract(*_fits(a, b)),
    lambda a, b: np.multiply(*_fits(a, b)),
    lambda a, b: np.divide(*_fits(a, 1 + b * b)),
    lambda a, b: np.maximum(*_fits(a, b)),
    lambda a, b: np.hypot(*_fits(a, 0.5 + b * b)),
    lambda a, b: _larger(*_fits(a, b)),
    _matmul,
    _joined,
    lambda a, b: np.outer(a, b),
]

STEPS = st.lists(
    st.tuples(
        st.integers(0, len(UNARY) + len(SHAPED) + len(BINARY) - 1),
        st.integers(0, 5),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=14,
)
SHAPES = st.sampled_from(
    [((3,), (2, 3)), ((2, 3), (3, 2)), ((), (4,)), ((2, 1, 3), (3,)), ((5,), ())]
)


def composed(steps: Any) -> Callable[[Any, Any], list[Any]]:
    """A function of two arrays: each step works on some of the last few results."""

    def f(x: Any, y: Any) -> list[Any]:
        found = [x, y]
        for which, i, k in steps:
            a, b = found[-1 - i % len(found)], found[-1 - k % len(found)]
            if which < len(UNARY):
                out = UNARY[which](a)
            elif which < len(UNARY) + len(SHAPED):
                out = SHAPED[which - len(UNARY)](a, k)
            else:
                out = BINARY[which - len(UNARY) - len(SHAPED)](a, b)
            size = int(np.prod(out.shape, dtype=int))
            while size > LIMIT or len(out.shape) > 4:
                size //= out.shape[0]
                out = np.mean(out, axis=0)
            found.append(out)
        return found[2:][-4:]

    return f


def total(f: Callable[..., list[Any]]) -> Callable[..., Any]:
    """A scalar of all results."""
    return lambda x, y: sum((np.mean(np.sin(r)) for r in f(x, y)), 0.0 * (x.sum() + y.sum()))


def _agree_in_all_ways(f: Callable[..., list[Any]], points: list[Any], rtol: float) -> None:
    """Recorded, interpreted, each pass alone, all passes, replayed, and batched."""

    def check(got: Any, want: Any, what: str) -> None:
        close([*map(np.asarray, got)], [*map(np.asarray, want)], rtol, rtol, what, strict=True)

    jitted = tg.jit(f)
    want = [f(*p) for p in points]
    traced = jitted._traced(points[0], {})[0]
    for p, w in zip(points, want, strict=True):
        check(traced.recorded.run(*p), w, "interpreted")
        for rewrite in PASSES:
            check(rewrite(traced.recorded).run(*p), w, f"{rewrite.__name__} alone")
        check(traced.program.run(*p), w, "all passes")
    first = jitted(*points[0])
    check(first, want[0], "replayed")
    check(jitted(*points[1]), want[1], "replayed again")
    check(first, want[0], "kept over a second call")
    stacked = [np.stack(column) for column in zip(*points, strict=True)]
    together = [np.stack(column) for column in zip(*want, strict=True)]
    check(tg.vmap(jitted)(*stacked), together, "vmap of replayed")
    mapped = tg.jit(tg.vmap(f))
    check(mapped(*stacked), together, "replayed vmap")
    check(mapped(*[s[::-1] for s in stacked]), [t[::-1] for t in together], "vmap again")


def check_random_program(steps: Any, shapes: Any, seed: int) -> None:
    """The program and its gradient's."""
    rng = np.random.default_rng(seed)
    points = [[np.asarray(rng.normal(size=s)) for s in shapes] for _ in range(2)]
    points = [[p[()] for p in pair] for pair in points]
    f = composed(steps)
    _agree_in_all_ways(f, points, 1e-11)
    _agree_in_all_ways(tg.grad(total(f), argnums=(0, 1)), points, 1e-10)


@given(STEPS, SHAPES, st.integers(0, 99))
@settings(max_examples=50)
def test_random_programs(steps: Any, shapes: Any, seed: int) -> None:
    check_random_program(steps, shapes, seed)


@pytest.mark.slow
@noted("replayed and mapped, against recorded ones")
@given(STEPS, SHAPES, st.integers(0, 10**6))
@settings(max_examples=2000)
def test_many_random_programs(steps: Any, shapes: Any, seed: int) -> None:
    check_random_program(steps, shapes, seed)


@given(STEPS, SHAPES, st.integers(0, 99))
@settings(max_examples=25)
def test_random_hessian_vector_products(steps: Any, shapes: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y, v = (np.asarray(rng.normal(size=s))[()] for s in (*shapes, shapes[0]))
    f = total(composed(steps))
    run = lambda x, y, v: tg.hvp(f, x, v, y)
    jitted = tg.jit(run)
    for point in ((x, y, v), (y * 0 + 1 if x.shape == y.shape else x * 0.5, y, x)):
        close(jitted(*point), run(*point), 1e-9, 1e-9, "hvp", strict=True)
