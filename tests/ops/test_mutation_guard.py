"""Break rows on purpose: the battery must notice each time.

A mutant is a row with one thing wrong, of the kind that gets written by accident: a sign, two
rules swapped, a sum forgotten, a batch axis in the wrong place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import battery
import numpy as np
import pytest

from tinygrad_hess import ops
from tinygrad_hess.core import primitive, signatures
from tinygrad_hess.core.primitive import Primitive
from tinygrad_hess.core.registry import REGISTRY
from tinygrad_hess.core.tensor import Parts
from tinygrad_hess.ops.elementwise.arithmetic import log_of_base
from tinygrad_hess.transforms import sweeps

Mutation = Callable[[Primitive], dict[str, Any]]
"""Gives the attributes to replace."""


def _first_rule(change: Callable[[Any], Any]) -> Mutation:
    """Change what the first operand's rule returns."""

    def mutate(row: Primitive) -> dict[str, Any]:
        rules = row.vjps
        assert rules is not None
        rule = rules[0] if rules[0] is not None else rules[1]
        assert rule is not None

        def wrong(g: Any, y: Any, *args: Any, **params: Any) -> Any:
            return change(rule(g, y, *args, **params))

        return {"vjps": tuple(wrong if r is rule else r for r in rules)}

    return mutate


def _swapped(row: Primitive) -> dict[str, Any]:
    assert row.vjps is not None
    a, b = row.vjps
    return {"vjps": (b, a)}


def _forgotten(row: Primitive) -> dict[str, Any]:
    """The second operand has no rule."""
    assert row.vjps is not None
    return {"vjps": (*row.vjps[:-1], None)}


def _tangent(change: Callable[[Any], Any]) -> Mutation:
    """Change what the pushforward returns."""

    def mutate(row: Primitive) -> dict[str, Any]:
        push = row.pushforward

        def wrong(tangents: Any, y: Any, args: Any, params: Any) -> Any:
            t = push(tangents, y, args, params)
            return None if t is None else change(t)

        return {"pushforward": wrong}

    return mutate


def _forgotten_term(row: Primitive) -> dict[str, Any]:
    """The pushforward ignores its last tangent."""
    push = row.pushforward

    def wrong(tangents: Any, y: Any, args: Any, params: Any) -> Any:
        if len(tangents) > 1 and tangents[0] is not None:
            tangents = [*tangents[:-1], None]
        return push(tangents, y, args, params)

    return {"pushforward": wrong}


def _frozen_output(row: Primitive) -> dict[str, Any]:
    """Rules read the output as a constant: the first derivative is right, the second is not."""
    rules = row.vjps
    assert rules is not None

    def frozen(rule: Any) -> Any:
        return lambda g, y, *args, **params: rule(g, ops.stop_gradient(y), *args, **params)

    return {"vjps": tuple(r and frozen(r) for r in rules)}


def _frozen_operand(row: Primitive) -> dict[str, Any]:
    """Rules read the operands as constants."""
    rules = row.vjps
    assert rules is not None

    def frozen(rule: Any) -> Any:
        return lambda g, y, *args, **params: rule(g, y, *map(ops.stop_gradient, args), **params)

    return {"vjps": tuple(r and frozen(r) for r in rules)}


def _unshifted(row: Primitive) -> dict[str, Any]:
    """The batch rule calls the function on the arrays as they are."""
    return {"batch": lambda values, ndims, lead, params: row.fn(*values, **params)}


def _batch_of_first(row: Primitive) -> dict[str, Any]:
    """The batch rule repeats the first example's answer."""
    batch = row.batch

    def wrong(values: Any, ndims: Any, lead: Any, params: Any) -> Any:
        out = batch(values, ndims, lead, params)
        return np.broadcast_to(out[:1], out.shape)

    return {"batch": wrong}


def _batch_axes_reversed(row: Primitive) -> dict[str, Any]:
    """The batch rule reverses the order of the examples."""
    batch = row.batch
    return {"batch": lambda *args: batch(*args)[::-1]}


def _zero_with_slope(row: Primitive) -> dict[str, Any]:
    """A piecewise constant row that lets the cotangent through."""
    assert row.vjps is not None
    return {"vjps": (lambda g, y, *args, **params: g, *row.vjps[1:])}


def _pulled(change: Callable[[list[Any]], list[Any]]) -> Mutation:
    """Change the list of cotangents of a variadic row."""

    def mutate(row: Primitive) -> dict[str, Any]:
        pull = row.pullback
        assert pull is not None
        return {"pullback": lambda *args: change(list(pull(*args)))}

    return mutate


def _writes(row: Primitive) -> dict[str, Any]:
    """A rule that scales the cotangent in place."""
    rule = (row.vjps or ())[0]

    def wrong(g: Any, y: Any, *args: Any, **params: Any) -> Any:
        assert rule is not None
        if isinstance(g, np.ndarray):
            g *= 1.5
            g /= 3.0
        return rule(g, y, *args, **params)

    return {"vjps": (wrong, *(row.vjps or ())[1:])}


def _part_forgotten(row: Primitive) -> dict[str, Any]:
    """The rule of a row of several outputs ignores the cotangent of the last."""
    (rule,) = row.vjps or ()
    assert rule is not None
    return {"vjps": (lambda g, y, x: rule(Parts((*g[:-1], None)), y, x),)}


def _wide(x: Any) -> Any:
    return x * np.ones((1,), np.float64)


def _summed(x: Any) -> Any:
    return x.sum()


def _integer_logarithm(row: Primitive) -> dict[str, Any]:
    """The slope in the exponent takes the logarithm in the type of the base."""
    assert row.vjps is not None
    return {"vjps": (row.vjps[0], lambda g, y, a, b: g * (y * log_of_base(a)))}


def _edge(answer: Any) -> Mutation:
    """A wrong answer declared at the first edge point."""

    def mutate(row: Primitive) -> dict[str, Any]:
        (args, _), *rest = row.edges
        return {"edges": [(args, answer), *rest]}

    return mutate


def _says(**fields: Any) -> Mutation:
    """A row that says something else of itself."""
    return lambda row: fields


ALL_LOOPS = _says(signature=signatures.elementwise)
SUMMED = _says(signature=signatures.summed_over_axis)
OWN_MEMORY, MOVES = _says(aliases=False), _says(moves=True)


def _writes_nothing(row: Primitive) -> dict[str, Any]:
    """A function that takes ``out``, and gives another array."""
    fn = row.fn
    return {"fn": lambda *args, out=None: fn(*args)}


COMMUTES, IDENTITY = _says(commutative=True), _says(identity=True)
SIGN = _first_rule(lambda c: -c)
TWICE = _tangent(lambda t: 2 * t)
SUM = _first_rule(_summed)
WIDE = _first_rule(_wide)

MUTANTS: list[tuple[str, str, Mutation]] = [
    # elementwise
    *((name, "sign", SIGN) for name in ("exp", "sin", "tanh", "add", "multiply", "where", "sinc")),
    *((name, "sign", SIGN) for name in ("power", "power_scalar", "maximum", "hypot", "logaddexp")),
    *((name, "factor in the tangent", TWICE) for name in ("log", "divide", "arctan2", "relu")),
    *((name, "rules swapped", _swapped) for name in ("subtract", "divide", "multiply", "power")),
    *((name, "rules swapped", _swapped) for name in ("maximum", "minimum", "arctan2", "remainder")),
    *((name, "rule forgotten", _forgotten) for name in ("add", "hypot", "where", "fmod")),
    *((name, "cotangent summed away", SUM) for name in ("add", "multiply", "sqrt")),
    *((name, "cotangent widened", WIDE) for name in ("exp", "multiply", "absolute")),
    *((name, "tangent forgotten", _forgotten_term) for name in ("add", "multiply", "logaddexp")),
    *((name, "output frozen", _frozen_output) for name in ("exp", "sqrt", "sigmoid", "tan")),
    *((name, "operand frozen", _frozen_operand) for name in ("multiply", "divide", "cos", "log")),
    *((name, "batch unshifted", _unshifted) for name in ("add", "multiply", "where", "power")),
    ("power", "integer logarithm", _integer_logarithm),
    ("exp", "batch of the first", _batch_of_first),
    ("multiply", "batch reversed", _batch_axes_reversed),
    ("exp", "writes to its cotangent", _writes),
    ("absolute", "edge", _edge((1.0,))),
    ("sqrt", "edge", _edge((np.nan,))),
    # zero
    *((name, "slope", _zero_with_slope) for name in ("floor", "sign", "rint", "greater_share")),
    *((name, "slope", _zero_with_slope) for name in ("tie_share", "stop_gradient", "heaviside")),
    *((name, "batch unshifted", _unshifted) for name in ("less", "floor_divide")),
    ("argmax", "batch reversed", _batch_axes_reversed),
    ("sign", "batch of the first", _batch_of_first),
    # linear
    *((name, "sign", SIGN) for name in ("sum", "reshape", "broadcast_to", "transpose", "index")),
    *((name, "sign", SIGN) for name in ("scatter_add", "cumsum", "pad", "windows", "fold")),
    *((name, "sign", SIGN) for name in ("alias", "seed", "astype", "enter", "leave")),
    *((name, "factor in the tangent", TWICE) for name in ("sum", "index", "pad", "enter", "leave")),
    *((name, "cotangent summed away", SUM) for name in ("reshape", "index", "cumsum")),
    *((name, "batch unshifted", _unshifted) for name in ("reshape", "broadcast_to", "transpose")),
    *((name, "batch unshifted", _unshifted) for name in ("index", "scatter_add")),
    *((name, "batch reversed", _batch_axes_reversed) for name in ("sum", "windows", "fold", "pad")),
    # bilinear
    *((name, "sign", SIGN) for name in ("matmul", "matmul_nt", "matmul_tn")),
    *((name, "rules swapped", _swapped) for name in ("matmul", "matmul_nt", "matmul_tn")),
    *((name, "rule forgotten", _forgotten) for name in ("matmul", "matmul_nt")),
    *((name, "tangent forgotten", _forgotten_term) for name in ("matmul", "matmul_tn")),
    *((name, "operand frozen", _frozen_operand) for name in ("matmul", "matmul_nt")),
    *((name, "batch unshifted", _unshifted) for name in ("matmul", "matmul_tn")),
    ("matmul_nt", "batch reversed", _batch_axes_reversed),
    # variadic
    ("concatenate", "sign", _pulled(lambda parts: [-parts[0], *parts[1:]])),
    ("concatenate", "part forgotten", _pulled(lambda parts: [*parts[:-1], None])),
    ("concatenate", "parts swapped", _pulled(lambda parts: parts[::-1])),
    ("concatenate", "factor in the tangent", TWICE),
    ("concatenate", "batch reversed", _batch_axes_reversed),
    # structured
    *((name, "sign", SIGN) for name in ("norm", "amax", "logsumexp", "softmax", "log_softmax")),
    *((name, "factor in the tangent", TWICE) for name in ("norm", "amax", "softmax")),
    *((name, "output frozen", _frozen_output) for name in ("norm", "softmax", "log_softmax")),
    *((name, "operand frozen", _frozen_operand) for name in ("norm", "logsumexp")),
    *((name, "batch reversed", _batch_axes_reversed) for name in ("norm", "amax", "logsumexp")),
    ("amax", "edge", _edge((np.array([1.0, 0, 0]),))),
    *((name, "sign", SIGN) for name in ("eigh", "svd", "qr", "slogdet")),
    *((name, "output frozen", _frozen_output) for name in ("eigh", "svd", "qr")),
    *((name, "part forgotten", _part_forgotten) for name in ("eigh", "svd", "qr", "slogdet")),
    # what is said of axes
    *((name, "all axes loops", ALL_LOOPS) for name in ("cumsum", "softmax", "fft", "concatenate")),
    *((name, "all axes loops", ALL_LOOPS) for name in ("norm", "roll", "index", "argsort")),
    *((name, "a sum", SUMMED) for name in ("amax", "logsumexp", "norm", "argmax")),
    ("matmul", "the other axis summed", _says(signature="(n,m),(n,p)->(m,p)")),
    ("matmul_nt", "no axis summed", _says(signature="(n,m),(n,p)->(m,p)")),
    ("svd", "rows by themselves", _says(signature="(n)->(m,k),(k),(n,k)")),
    ("det", "an axis too few", _says(signature="(n)->()")),
    ("tril", "rows by themselves", _says(signature="(n)->(n)")),
    ("solve", "columns summed", _says(signature="(m,n),(n,k)->(m,k)", partial="sum")),
    ("recursive_filter", "coefficients as loops", _says(signature="(n),()->(n)")),
    ("transpose", "axes in place", ALL_LOOPS),
    ("broadcast_to", "not resized", _says(resized=None)),
    ("reshape", "a stretch stays", _says(cut=lambda old, new, part, length: part)),
    ("sum", "nothing known", _says(signature=signatures.unknown)),
    # what is said of memory and of exchanges
    *((name, "memory of its own", OWN_MEMORY) for name in ("transpose", "reshape", "windows")),
    *((name, "memory of its own", OWN_MEMORY) for name in ("take_diagonal", "index", "alias")),
    *((name, "a view", _says(aliases=True)) for name in ("full_rank", "cholesky")),
    *((name, "moves", MOVES) for name in ("cumsum", "exp", "fold", "symmetrize", "sum")),
    *((name, "identity", IDENTITY) for name in ("absolute", "negative", "roll", "relu")),
    *((name, "commutes", COMMUTES) for name in ("subtract", "divide", "power", "less")),
    *((name, "writes elsewhere", _writes_nothing) for name in ("sigmoid", "exp", "det")),
    ("add", "neutral without sign", _says(neutral={1: 0.0})),
    ("multiply", "neutral", _says(neutral={0: 0.0})),
    ("subtract", "neutral on the left", _says(neutral={0: 0.0})),
]


@pytest.mark.parametrize(
    ("name", "mutation"),
    [pytest.param(name, m, id=f"{name}-{what.replace(' ', '_')}") for name, what, m in MUTANTS],
)
def test_the_battery_notices(
    name: str, mutation: Mutation, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = REGISTRY[name]
    for attribute, value in mutation(row).items():
        monkeypatch.setattr(row, attribute, value)
    with pytest.raises(AssertionError):
        battery.run_all(row)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({name for name, _, _ in MUTANTS}))
def test_nothing_is_noticed_without_a_mutation(name: str) -> None:
    """The rows are whole again, so what was noticed above was the mutation."""
    battery.run_all(REGISTRY[name])


def test_every_kind_is_mutated() -> None:
    kinds = {REGISTRY[name].kind for name, _, _ in MUTANTS}
    assert kinds == {row.kind for row in battery.ROWS}


# ---- the machinery that all rows share ----------------------------------------------------------


def test_a_dropped_unbroadcast_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep hands on the cotangent as the rule gave it."""
    monkeypatch.setattr(sweeps, "conform", lambda c, primal, kept=frozenset(): c)
    with pytest.raises(AssertionError):
        battery.run_all(REGISTRY["add"])


def test_an_unbroadcast_over_the_wrong_axis_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep sums the last axes where it should sum the first."""

    def wrong(c: Any, primal: Any, kept: Any = frozenset()) -> Any:
        while c.ndim > primal.ndim:
            c = c.sum(axis=-1)
        return c

    monkeypatch.setattr(sweeps, "conform", wrong)
    with pytest.raises(AssertionError):
        battery.run_all(REGISTRY["multiply"])


def test_misaligned_ranks_of_a_batch_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batched operands of different ranks are not padded to a common one."""
    monkeypatch.setattr(primitive, "broadcast_batch", lambda values, ndims, lead, fn: fn(*values))
    with pytest.raises(AssertionError):
        battery.run_all(REGISTRY["add"])


def test_a_value_that_differs_from_numpy_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that computes another function, consistently."""
    row, other = REGISTRY["sin"], REGISTRY["cos"]
    for attribute in ("call", "fn", "vjps", "pushforward", "batch"):
        monkeypatch.setattr(row, attribute, getattr(other, attribute))
    with pytest.raises(AssertionError, match="sin"):
        battery.run_all(row)


def test_an_operand_that_is_written_to_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value computed in the operand's own memory."""
    row = REGISTRY["negative"]

    def in_place(x: Any) -> Any:
        return np.negative(x, out=x) if isinstance(x, np.ndarray) and x.ndim else -x

    monkeypatch.setattr(row, "call", in_place)
    with pytest.raises(AssertionError):
        battery.run_all(row)
