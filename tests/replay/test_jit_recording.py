"""Promises that a function breaks: looks at values, leaks, random draws, closures."""

from __future__ import annotations

import functools
import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from comparing import close
from replayed import X, Y, agrees, arrays

import tinygrad_hess as tg
from tinygrad_hess import nn

LOOKS: dict[str, Callable[[Any], Any]] = {
    "if": lambda x: x if x.sum() > 0 else -x,
    "and": lambda x: x * (x[0] > 0 and 1),
    "while": lambda x: next(x for _ in iter(lambda: bool(x[0] < 9), True)),
    "assert": lambda x: x * bool((x < 9).all()),
    "max": lambda x: max(x[0], x[1]),
    "sorted": lambda x: sorted(x)[0],
    "float": lambda x: x * float(x[0]),
    "int": lambda x: x * int(x[2]),
    "complex": lambda x: x * complex(x[0]).real,
    "item": lambda x: x * x.sum().item(),
    "index": lambda x: X[np.argmax(x)] if isinstance(x, np.ndarray) else X[x.argmax()],
    "range": lambda x: sum(range(x.argmax()), x),
    "a count": lambda x: [1, 2, 3][x.argmax()] * x,
    "numpy": lambda x: x * x.numpy(),
    "asarray": lambda x: x * np.asarray(x),
    "array": lambda x: x * np.array(x),
    "array of items": lambda x: np.array([x[0], 1.0]),
    "full": lambda x: np.full(3, x[0]),
    "math": lambda x: __import__("math").sin(x[0]) * x,
    "mask": lambda x: x[x > 0].sum(),
    "mask of a constant": lambda x: X[x > 0],
    "nonzero": lambda x: x[np.nonzero(x)],
    "where": lambda x: x[np.where(x > 0)],
    "in": lambda x: x * (0.5 in x),
    "unique": lambda x: np.unique(x.astype(int)).sum() * x,
    "bincount": lambda x: np.bincount(abs(x.astype(int))).sum() * x,
    "allclose": lambda x: x * np.allclose(x, 0),
    "array_equal": lambda x: x * np.array_equal(x, X),
    "count_nonzero": lambda x: x * np.count_nonzero(x > 0),
    "format": lambda x: x * float(f"{x.sum():.3f}"),
    "str": lambda x: x * len(str(x)),
    "repr": lambda x: x * len(repr(x.sum())),
    "print": lambda x: print(x, file=io.StringIO()) or x,
    "print of a list": lambda x: print([x, {"x": x}], file=io.StringIO()) or x,
    "a percent": lambda x: x * len("%s" % x.sum()),  # noqa: UP031
    "text of an integer": lambda x: x * len(f"{x.argmax()}"),
    "text of a gradient": lambda x: x * len(str(tg.grad(lambda y: (y * y).sum())(x))),
    "hash of text": lambda x: x * (hash(str(x)) % 7 + 1.0),
    "hash": lambda x: x * (hash(x) % 7 + 1.0),
    "set": lambda x: x * len({x, x + 1}),
    "array_repr": lambda x: x * len(np.array_repr(x)),
    "array2string": lambda x: x * len(np.array2string(x)),
    "tolist": lambda x: x * x.tolist()[0],
    "round": lambda x: x * round(float(x[0])),
    "floor": lambda x: x * __import__("math").floor(x[0]),
    "pickle": lambda x: x * len(pickle.dumps(x)),
    "data": lambda x: x * x.data,
    "written to an array": lambda x: np.zeros(3).__setitem__(0, x[0]) or x,
    "inside a gradient": lambda x: tg.grad(lambda y: (y * y).sum() if y[0] > 0 else y.sum())(x),
    "inside a checkpoint": lambda x: tg.checkpoint(lambda y: y * 2 if y[0] > 0 else y)(x),
    "shape inside a checkpoint": lambda x: tg.checkpoint(lambda y: y[y > 0])(x) + 1,
    "argsort as a permutation in Python": lambda x: [x[i] for i in x.argsort().numpy()],
}  # fmt: skip


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_at_a_value_is_an_error_or_follows_the_value(name: str) -> None:
    """Never the recorded value in a later call: an error that names jit and a remedy."""
    f = LOOKS[name]
    jitted = tg.jit(f)
    try:
        jitted(X)
    except tg.TracingError as error:
        assert "jit" in str(error)
        assert any(way in str(error) for way in ("static_argnums", "where", "stop_gradient"))
        return
    assert name in ("inside a checkpoint", "shape inside a checkpoint"), f"{name} was frozen"
    for x in (X, Y, -X, X**2):  # a whole function as one node may run anew at each call
        close(jitted(x), f(x), strict=True, what=name)


def _detached_by_no_grad(x: Any) -> Any:
    with tg.no_grad():
        y = x * 2
    return y + x


def _backward(x: Any) -> Any:
    (x**2).sum().backward()
    return x.grad


def _deep(x: Any) -> Any:
    return __import__("copy").deepcopy(x) * 2


LEAKS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "detach": (lambda x: x.detach() * 2, lambda x: x * 2),
    "detach of a result": (lambda x: np.sin(x).detach() * 2, lambda x: np.sin(x) * 2),
    "tensor": (lambda x: tg.tensor(x) * 2, lambda x: x * 2),
    "no_grad": (_detached_by_no_grad, lambda x: x * 3),
    "backward": (_backward, lambda x: 2 * x),
    "deepcopy": (_deep, lambda x: x * 2),
    "detach in vmap": (lambda x: tg.vmap(lambda r: r.detach() * 2)(x), lambda x: x * 2),
    "accuracy": (
        lambda x: x * nn.accuracy(x.reshape(1, 3), np.array([2])),
        lambda x: x * (np.argmax(x) == 2),
    ),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_value_that_leaves_the_tape_is_not_frozen(name: str) -> None:
    """An error that says so, or the right result at the next values too."""
    f, want = LEAKS[name]
    jitted = tg.jit(f)
    try:
        results = [np.asarray(jitted(x)) for x in (X, Y)]
    except tg.TracingError as error:
        assert "jit" in str(error)
        return
    for got, x in zip(results, (X, Y), strict=True):
        np.testing.assert_allclose(got, want(x), rtol=1e-15, err_msg=name)


def _inside_checkpoint(x: Any) -> Any:
    noise = np.random.default_rng().random(3)
    return tg.checkpoint(lambda x: x * noise)(x)


def _sometimes(x: Any) -> Any:
    return x * 2 if next(PARITY) else x


PARITY = iter([True, False] * 100)
GENERATOR = np.random.default_rng(0)

DRAWS: dict[str, Callable[[Any], Any]] = {
    "floats": lambda x: x * np.random.rand(3),
    "a scalar": lambda x: x * np.random.rand(),
    "booleans": lambda x: x * (np.random.rand(64) > 0.5)[:, None],
    "integers": lambda x: x * np.random.randint(0, 1000, 9)[:, None],
    "an index": lambda x: x[np.random.permutation(300) % 3],
    "repeated positions": lambda x: x[np.random.randint(0, 3, 64)],
    "a shape": lambda x: x * np.ones((np.random.randint(1, 10**6) % 997 + 1, 1)),
    "a generator": lambda x: x * GENERATOR.normal(size=3),
    "in a gradient": tg.grad(lambda x: (x * x * GENERATOR.normal(size=3)).sum()),
    "in vmap": lambda x: tg.vmap(lambda s: s * GENERATOR.normal(size=4))(x),
    "in a checkpoint": lambda x: tg.checkpoint(lambda x: x * GENERATOR.normal(size=3))(x),
    "around a checkpoint": _inside_checkpoint,
    "in the result": lambda x: (x, np.random.rand(2)),
    "a structure": _sometimes,
    "a parameter": lambda x: np.roll(x.reshape(-1, 1) * np.ones(997), np.random.randint(0, 997), 1),
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_random_draw_is_not_frozen(name: str) -> None:
    """Two recordings are compared: what differs between them is no function of the arguments."""
    jitted = tg.jit(DRAWS[name])
    try:
        first, second = (arrays(jitted(X)) for _ in range(2))
    except tg.TracingError as error:
        assert "random" in str(error)
        return
    assert name == "in a checkpoint", f"{name}: frozen"  # one node, which runs anew at each call
    assert not np.array_equal(first[0], second[0]), f"{name}: frozen"


def test_the_dropout_idiom_passes_the_mask_as_an_argument() -> None:
    f = lambda x, mask: np.where(mask, x / 0.5, 0.0)
    agrees(f, (X, X > 0), (X, X < 0), (Y, X > 0))


def test_a_counter_in_the_closure_is_detected() -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(1)
        return x * len(calls)

    with pytest.raises(tg.TracingError, match="jit f"):
        tg.jit(f)(X)


@pytest.mark.parametrize("wrap", [functools.partial, lambda f, a: _Callable(f, a)])
def test_errors_of_callables_without_a_name(wrap: Any) -> None:
    with pytest.raises(tg.TracingError, match="random"):
        tg.jit(wrap(lambda a, x: a * x * np.random.rand(3), 2.0))(X)
    close(tg.jit(wrap(lambda a, x: a * x, 2.0))(X), 2.0 * X, strict=True)


class _Callable:
    def __init__(self, f: Any, a: Any):
        self.f, self.a = f, a

    def __call__(self, x: Any) -> Any:
        return self.f(self.a, x)


def test_a_nan_among_the_constants_is_no_difference() -> None:
    holes = np.array([1.0, np.nan, 2.0])
    got = tg.jit(lambda x: x * holes + float("nan") * 0 + np.float32("nan") * 0)(X)
    assert np.isnan(got).all()


@pytest.mark.parametrize("arguments", [(X,), (3,), ({"x": X},)])
def test_closing_over_a_recorded_tensor_is_refused(arguments: Any) -> None:
    w = tg.tensor(X, requires_grad=True)

    def f(x: Any) -> Any:
        x = x["x"] if isinstance(x, dict) else x
        return (w * x).sum()

    with pytest.raises(tg.NonDifferentiableError, match=r"jit f.*closes over"):
        tg.jit(f)(*arguments)
    with pytest.raises(tg.NonDifferentiableError, match=r"jit .*closes over"):
        tg.grad(lambda w: tg.jit(lambda x: (w * x).sum())(X))(Y)
    with pytest.raises(tg.NonDifferentiableError, match=r"jit .*closes over"):
        tg.jit(lambda x: (w, x * 2))(X)


def test_closing_over_a_batch_is_refused_or_right() -> None:
    """The closed-over examples must not become one array with an axis too many."""
    f = lambda w: tg.jit(lambda x: np.sin(x) * w + x)(X)
    for run in (tg.vmap(f), tg.vmap(lambda w: f(w).sum())):
        try:
            got = run(Y)
        except tg.NonDifferentiableError as error:
            assert "jit" in str(error)
            continue
        want = np.stack([np.sin(X) * w + X for w in Y])
        np.testing.assert_allclose(got, want if got.ndim == 2 else want.sum(axis=1), rtol=1e-14)


def test_nothing_of_a_recording_leaks_out() -> None:
    """A tensor that a side effect carries out is still a look at one call; results are right."""
    kept = []

    def f(x: Any) -> Any:
        kept.append(x.shape)
        return x * 2

    agrees(f, (X,), (Y,))
    assert all(s == (3,) for s in kept)
