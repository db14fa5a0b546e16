"""One kind of argument after another: never the recording of another kind."""

from __future__ import annotations

import collections
from typing import Any, NamedTuple

import numpy as np
import pytest
from comparing import close
from replayed import M, N, X, Y, agrees

import tinygrad_hess as tg


class Pair(NamedTuple):
    a: Any
    b: Any


class Turned(NamedTuple):
    a: Any
    b: Any


class Own(np.ndarray):
    pass


def described(tree: Any) -> Any:
    """A number that tells containers, keys and static leaves apart, and arrays by their places."""
    seen = 0.0
    total: Any = 0.0

    def visit(x: Any, place: int) -> None:
        nonlocal seen, total
        kinds = (list, tuple, dict, type(None), bool, int)  # arrays and floats are being recorded
        seen = 3 * seen + kinds.index(type(x)) if type(x) in kinds else 3 * seen + 11
        if isinstance(x, dict):
            for n, (key, item) in enumerate(x.items()):
                seen += len(str(key)) + sum(map(ord, str(key))) * (n + 1)
                visit(item, n)
        elif isinstance(x, (list, tuple)):
            seen += len(type(x).__name__)
            for n, item in enumerate(x):
                visit(item, n)
        elif x is not None:
            total = total * 1.5 + np.sum(x * (place + 1.0))

    visit(tree, 0)
    return total + seen % 1009


Z = np.array([0.25, 1.0, -3.0])
KINDS: dict[str, Any] = {
    "list": [X, Y],
    "tuple": (X, Y),
    "longer": [X, Y, Z],
    "shorter": [X],
    "empty": [],
    "pair": Pair(X, Y),
    "other pair": Turned(X, Y),
    "nested": [[X], Y],
    "nested otherwise": [X, [Y]],
    "nested tuple": [(X,), Y],
    "dict": {"a": X, "b": Y},
    "dict in another order": {"b": Y, "a": X},
    "dict of the same values in another order": {"b": X, "a": Y},
    "dict with other keys": {"a": X, "c": Y},
    "dict with more keys": {"a": X, "b": Y, "c": Z},
    "dict with integer keys": {0: X, 1: Y},
    "dict with keys that are digits": {"0": X, "1": Y},
    "dict with a quote": {"a'": X, "b": Y},
    "dict with mixed keys": {0: X, "b": Y},
    "ordered dict": collections.OrderedDict(a=X, b=Y),
    "ordered dict in another order": collections.OrderedDict(b=Y, a=X),
    "default dict": collections.defaultdict(list, a=X, b=Y),
    "none in a dict": {"a": None, "b": Y},
    "none under another key": {"c": None, "b": Y},
    "number under another key": {"c": 7.0, "b": Y},
    "none in a list": [None, Y],
    "none last": [X, None],
    "none alone": None,
    "two nones": [None, None],
    "float": [X, 0.5],
    "other float": [X, 0.75],
    "infinite float": [X, float("inf")],
    "int": [X, 1],
    "other int": [X, 2],
    "bool": [X, True],
    "other bool": [X, False],
    "float that is an int": [X, 1.0],
    "NumPy's float": [X, np.float64(0.5)],
    "NumPy's narrow float": [X, np.float32(0.5)],
    "NumPy's int": [X, np.int64(1)],
    "NumPy's bool": [X, np.bool_(True)],
    "an array without axes": [X, np.array(0.5)],
    "a narrow array without axes": [X, np.array(0.5, np.float32)],
    "an integer array": [X, np.arange(3)],
    "a mask": [X, np.array([True, False, True])],
    "narrow": [X.astype(np.float32), Y.astype(np.float32)],
    "narrow and float": [X.astype(np.float32), 0.5],
    "of two widths": [X.astype(np.float32), Y],
    "half": [X.astype(np.float16), Y.astype(np.float16)],
    "other shape": [X[:2], Y],
    "a row": [X[None], Y],
    "a column": [X[:, None], Y],
    "no elements": [X[:0], Y[:0]],
    "swapped bytes": [X.astype(">f8"), Y],
    "subclass": [X.view(Own), Y],
    "with gaps": [np.stack([X, Y], 1)[:, 0], Y],
}


TELLING = (
    "tuple",
    "pair",
    "dict",
    "none in a dict",
    "ordered dict",
    "float",
    "NumPy's float",
    "mask",
)


@pytest.mark.parametrize(
    "first",
    [pytest.param(name, marks=[] if name in TELLING else pytest.mark.slow) for name in KINDS],
)
def test_no_kind_is_taken_for_another(first: str) -> None:
    """Each kind after this one was recorded, and this one again: as if each were the first."""
    jitted = tg.jit(described)
    wanted = {name: described(tree) for name, tree in KINDS.items()}
    with np.errstate(all="ignore"):
        for name, tree in KINDS.items():
            for call in (KINDS[first], tree):
                got = jitted(call)
                want = wanted[first] if call is KINDS[first] else wanted[name]
                np.testing.assert_allclose(
                    got, want, rtol=1e-3 if "half" in name + first else 1e-6, err_msg=name
                )


def test_kinds_of_results_are_as_recorded() -> None:
    """Containers, and dicts in the order in which the function saw their keys."""
    f = lambda tree: tg.core.trees.map(lambda x: x + np.zeros(1), tree)
    jitted = tg.jit(f)
    for _ in range(2):
        for name, tree in KINDS.items():
            if name == "subclass":  # gives an ordinary array
                continue
            got, want = jitted(tree), f(tree)
            close(got, want, strict=True, what=name)
            assert type(got) is type(want), name
            if isinstance(want, dict):
                assert list(got) == list(want), name


def test_dicts_are_read_in_the_order_of_their_keys() -> None:
    """Recording follows it, also in results and in containers inside."""
    f = lambda p: {k: [v * n for n, v in enumerate(q.values(), 1)] for k, q in p.items()}
    calls: list[Any] = [
        {"u": {"a": X, "b": Y}, "v": {"a": Y}},
        {"u": {"b": Y, "a": X}, "v": {"a": Y}},
        {"v": {"a": Y}, "u": {"a": X, "b": Y}},
    ]
    jitted = tg.jit(f)
    for p in [*calls, *calls]:
        got, want = jitted(p), f(p)
        assert list(got) == list(want)
        close(got, want, strict=True)
    by_name = tg.jit(lambda **p: [v * n for n, v in enumerate(p.values(), 1)])
    for _ in range(2):
        close(by_name(a=X, b=Y), [X, 2 * Y], strict=True)
        close(by_name(b=Y, a=X), [Y, 2 * X], strict=True)


def test_a_key_that_is_missing_is_not_none() -> None:
    f = lambda p: p["b"] * (2 if "a" in p else 3)
    with_none = {"a": None, "b": X}
    agrees(f, (with_none,), ({"c": 7.0, "b": X},), ({"c": None, "b": X},), (with_none,))


def test_arguments_more_and_fewer() -> None:
    def f(*args: Any, **kwargs: Any) -> Any:
        return sum((a * 2.0**n for n, a in enumerate(args)), 0.0) + 10 * sum(kwargs.values(), 0.0)

    jitted = tg.jit(f)
    for _ in range(2):
        for args in ((X,), (X, Y), (X, Y, Z), (X, 0.5), ()):
            close(jitted(*args), f(*args), strict=True)
            for kwargs in ({"a": X}, {"a": X, "b": 0.5}, {"b": X}):
                close(jitted(*args, **kwargs), f(*args, **kwargs), strict=True)


def test_a_wrong_number_of_arguments_is_the_functions_own_error() -> None:
    jitted = tg.jit(lambda x, y: x * y)
    close(jitted(X, Y), X * Y, strict=True)
    for args in ((X,), (X, Y, Z), ()):
        with pytest.raises(TypeError, match="argument"):
            jitted(*args)
    close(jitted(Y, Z), Y * Z, strict=True)


def test_a_wrong_shape_is_the_functions_own_error() -> None:
    jitted = tg.jit(lambda a, x: a @ x)
    close(jitted(M, X), M @ X, strict=True)
    with pytest.raises(ValueError, match="matmul"):
        jitted(M, np.ones(4))
    close(jitted(N, Y), N @ Y, strict=True)


def test_more_kinds_than_are_read_quickly() -> None:
    """Ten lengths and the containers of each, in turns: the latest few readers change all the time."""
    f = lambda p: p[0] * 2 + p[-1]
    jitted = tg.jit(f)
    for k in range(3):
        for n in range(1, 11):
            for container in (list, tuple):
                p = container([np.full(n, 1.0 + k), np.arange(float(n))])
                close(jitted(p), f(p), strict=True)


def test_the_same_values_in_other_types_of_scalars() -> None:
    """Types of results follow those of arguments."""
    f = lambda x, r: (x * r, r * 2)
    jitted = tg.jit(f)
    narrow = X.astype(np.float32)
    for _ in range(2):
        for x in (X, narrow):
            for r in (np.float64(0.5), np.float32(0.5), np.array(0.5), np.array(0.5, np.float32)):
                close(jitted(x, r), f(x, r), strict=True)
        for x in (X, narrow):
            close(jitted(x, 0.5)[0], f(x, 0.5)[0], strict=True)


@pytest.mark.parametrize("depth", [1, 90, 190, 300])
def test_containers_inside_containers(depth: int) -> None:
    """Deeper than generated Python may nest, in arguments and results."""

    def wrapped(x: Any) -> Any:
        for n in range(depth):
            x = [x] if n % 2 else {"a": x}
        return x

    def inside(x: Any) -> Any:
        for n in reversed(range(depth)):
            x = x[0] if n % 2 else x["a"]
        return x

    jitted = tg.jit(lambda p: wrapped(inside(p) * 2))
    for x in (X, Y):
        close(inside(jitted(wrapped(x))), 2 * x, strict=True)


def test_wide_containers() -> None:
    f = lambda p: {k: v * 2 for k, v in p.items()} | {"sum": sum(p.values())}
    p = {f"w{n}": np.full(n % 3 + 1, float(n)) for n in range(0, 600, 3)}
    agrees(f, (p,), ({k: v + 1 for k, v in p.items()},))


def test_keys_that_are_no_plain_words() -> None:
    keys = ["", "'", '"', "\\", "\n", "{}", "args", "é", "\ud800", "None", "a b"]
    f = lambda p: [p[k] * (n + 1) for n, k in enumerate(keys)]
    agrees(f, (dict.fromkeys(keys, X),), (dict.fromkeys(keys, Y),))
    agrees(lambda p: p[1] * 2 + p[-3], ({1: X, -3: Y},), ({1: Y, -3: X},))


def test_a_tensor_among_arrays() -> None:
    jitted = tg.jit(lambda a, b: a * b)
    for _ in range(2):
        assert isinstance(jitted(X, Y), np.ndarray)
        assert isinstance(jitted(tg.tensor(X), Y), tg.Tensor)
        assert isinstance(jitted(X, tg.tensor(Y)), tg.Tensor)
        x = tg.tensor(X, requires_grad=True)
        jitted(x, Y).sum().backward()
        assert x.grad is not None
        close(x.grad.numpy(), Y, strict=True)


def test_modes_switched_on_between_calls() -> None:
    """Quick readers know nothing about modes: they stand aside."""
    jitted = tg.jit(tg.grad(lambda x: np.where(x > 0, np.sqrt(x), 0.0).sum()))
    x = np.array([0.0, 4.0])
    for _ in range(2):
        assert not np.isfinite(jitted(x)[0])
        with tg.nan_safe():
            close(jitted(x), np.array([0.0, 0.25]), strict=True)
