"""Assignment to tensors: the same code on NumPy arrays gives the values and, by differences, slopes."""

from __future__ import annotations

import gc
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_ops_indexing import ALL, KEYS, X

import tinygrad_hess as tg
import tinygrad_hess.numpy as tnp
from tinygrad_hess.core import mutation, tape
from tinygrad_hess.ops.indexing.scatter import add_at, combine_at, set_at

V = np.array([1.0, -2.0, 0.5, 3.0])
M = np.arange(12.0).reshape(3, 4) / 7 - 0.8


def slopes(f: Callable[[Any], Any], x: Any, step: float = 1e-5) -> Any:
    """Central differences of a scalar function of a NumPy array."""
    out = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[i] = step
        out[i] = (f(x + e) - f(x - e)) / (2 * step)
    return out


def weighted(y: Any) -> Any:
    return (y * np.cos(np.arange(np.prod(y.shape))).reshape(y.shape)).sum()


# ---- programs that NumPy runs too -------------------------------------------------------------


def one_element(v: Any) -> Any:
    x = v * v
    x[1] = 3 * v[0]
    return weighted(x)


def augmented(v: Any) -> Any:
    x = v * v
    x[1:] += v[:-1]
    x[0] *= v[3]
    x[-1] -= 2.0
    x[2] /= v[0]
    x[:2] **= 2
    return weighted(x)


def whole(v: Any) -> Any:
    x = np.sin(v)
    same = x
    x += v
    x *= x
    x -= 1.0
    x /= 1 + v * v
    x **= 2
    x %= 0.7
    return weighted(same) + x[0]


def used_before(v: Any) -> Any:
    """What was computed before an assignment keeps the value and the derivative of then."""
    x = v * v
    before = x * x
    part = x[1:].copy()
    x[1] = v[0] * 5
    between = np.sin(x)
    x[1:3] = before[:2]
    x += before
    return weighted(x) + weighted(before * between) + weighted(part * part)


def by_itself(v: Any) -> Any:
    x = v * 2
    x += x
    x[:2] = x[2:]
    x[1:] *= x[:-1]
    return weighted(x)


def repeated(v: Any) -> Any:
    x = v * v
    x[[0, 0, 2]] = v[:3] * 4
    x[[1, 1]] += v[2:]
    return weighted(x)


def masked(v: Any) -> Any:
    x = v * v
    x[np.array([True, False, False, True])] = v[:2]
    x[np.array([False, True, True, False])] *= v[0]
    x[x.shape[0] - 1] = 0.0
    return weighted(x)


def filled(v: Any) -> Any:
    x = v * 0
    for i in range(4):
        x[i] = v[i] ** 2 + (x[i - 1] if i else 0)
    return weighted(x)


def matrix(v: Any) -> Any:
    x = np.outer(v, v)
    x[1, ::2] = v[:2]
    x[:, [3, 0]] += v.reshape(4, 1)
    x[np.arange(4), np.arange(4)] = v
    x[..., 1] *= 2.0
    return weighted(x)


PROGRAMS = [
    one_element, augmented, whole, used_before, by_itself, repeated, masked, filled,
    matrix,
]  # fmt: skip


@pytest.mark.parametrize("f", PROGRAMS)
def test_a_program_has_numpys_value_and_slopes(f: Callable[[Any], Any]) -> None:
    x = np.array([1.1, -0.7, 0.4, 1.9])
    np.testing.assert_allclose(f(tg.tensor(x)).numpy(), f(x.copy()), rtol=1e-14)
    value, gradient = tg.value_and_grad(f)(x)
    np.testing.assert_allclose(value, f(x.copy()), rtol=1e-14)
    np.testing.assert_allclose(gradient, slopes(f, x), rtol=1e-7, atol=1e-8)
    leaf = tg.tensor(x, requires_grad=True)
    f(leaf).backward()
    np.testing.assert_allclose(leaf.grad.numpy(), gradient, rtol=1e-13)
    tg.check_grads(f, (x,), order=2, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("f", PROGRAMS)
def test_a_program_is_replayed_and_mapped(f: Callable[[Any], Any]) -> None:
    first = np.array([1.1, -0.7, 0.4, 1.9])
    xs = np.stack([first, first[::-1] + 0.05, first * 0.3])
    both = tg.jit(tg.value_and_grad(f))
    for x in xs:
        value, gradient = both(x)
        np.testing.assert_allclose(value, f(x.copy()), rtol=1e-13)
        np.testing.assert_allclose(gradient, slopes(f, x), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(tg.vmap(f)(xs), [f(x.copy()) for x in xs], rtol=1e-13)
    want = [tg.grad(f)(x) for x in xs]
    np.testing.assert_allclose(tg.vmap(tg.grad(f))(xs), want, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(tg.hessian(f)(first), tg.jacrev(tg.grad(f))(first), atol=1e-10)


@pytest.mark.parametrize("key", KEYS, ids=lambda k: f"{k!r:.50}".replace("\n", ""))
def test_key(key: Any) -> None:
    """Values and both transposes, element by element."""
    shape = X[key].shape
    v = np.cos(np.arange(np.prod(shape, dtype=int))).reshape(shape)
    want = X.copy()
    want[key] = v
    t = tg.tensor(X)
    t[key] = v
    np.testing.assert_array_equal(t.numpy(), want)
    np.testing.assert_array_equal(set_at(X, key, v), want)
    _, pull = tg.vjp(lambda x, v: set_at(x, key, v), X, v)
    g = np.sin(np.arange(60.0)).reshape(X.shape)
    to_x, to_v = pull(g)
    number = np.full(X.shape, -1)
    number[key] = np.arange(v.size).reshape(shape)
    np.testing.assert_array_equal(to_x, np.where(number < 0, g, 0))
    slope = np.zeros(v.size)
    slope[number[number >= 0]] = g[number >= 0]
    np.testing.assert_array_equal(to_v, slope.reshape(shape))


@pytest.mark.parametrize("key", KEYS[::3], ids=lambda k: f"{k!r:.50}".replace("\n", ""))
def test_key_in_a_batch(key: Any) -> None:
    shape = X[key].shape
    xs = np.stack([X, -X, X + 1])
    vs = np.random.default_rng(0).normal(size=(3, *shape))
    wants = xs.copy()
    for want, v in zip(wants, vs):
        want[key] = v
    np.testing.assert_array_equal(tg.vmap(lambda x, v: set_at(x, key, v))(xs, vs), wants)
    alone = tg.vmap(lambda v: set_at(X, key, v))(vs)
    for got, v in zip(alone, vs):
        want = X.copy()
        want[key] = v
        np.testing.assert_array_equal(got, want)


def test_positions_may_differ_between_examples_and_calls() -> None:
    def f(x: Any, i: Any, j: Any, v: Any) -> Any:
        x = x * 2
        x[i, :, j] = v
        x[i] += 1.0
        return x

    rng = np.random.default_rng(0)
    xs, vs = rng.normal(size=(5, 3, 2, 4)), rng.normal(size=(5, 3, 2))
    i, j = rng.integers(3, size=(5, 3)), rng.integers(4, size=(5, 3))
    want = np.stack([f(*row) for row in zip(xs, i, j, vs)])
    np.testing.assert_array_equal(tg.vmap(f)(xs, i, j, vs), want)
    replayed = tg.jit(f)
    for row, expected in zip(zip(xs, i, j, vs), want):
        np.testing.assert_array_equal(replayed(*row), expected)

    def loss(x: Any, v: Any, i: Any, j: Any) -> Any:
        return weighted(f(x, i, j, v) ** 2)

    mapped = tg.vmap(tg.grad(loss, (0, 1)))(xs, vs, i, j)
    step = tg.jit(tg.grad(loss, (0, 1)))
    for n in range(5):
        to_x, to_v = step(xs[n], vs[n], i[n], j[n])
        np.testing.assert_allclose(mapped[0][n], to_x, rtol=1e-13)
        np.testing.assert_allclose(mapped[1][n], to_v, rtol=1e-13)
        want_v = slopes(lambda v, n=n: weighted(f(xs[n].copy(), i[n], j[n], v) ** 2), vs[n])
        np.testing.assert_allclose(to_v, want_v, rtol=1e-6, atol=1e-7)


def test_a_mask_that_differs_takes_a_number() -> None:
    def f(x: Any) -> Any:
        y = x * x
        y[x < 0] = x.sum() if isinstance(x, np.ndarray) else tnp.sum(x)
        return weighted(y)

    xs = np.stack([V, -V, V[::-1]])
    replayed = tg.jit(tg.grad(f))
    for x in xs:
        np.testing.assert_allclose(replayed(x), slopes(f, x), rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(tg.vmap(f)(xs), [f(x) for x in xs], rtol=1e-14)
    np.testing.assert_allclose(
        tg.jit(lambda x: x.at[x < 0].multiply(3.0).at[x < 0].add(1.0))(V),
        np.where(V < 0, 3 * V + 1, V),
    )

    def rows(x: Any) -> Any:
        y = x * 1.0
        y[x[:, 0] < 0] = 7.0
        return y

    np.testing.assert_array_equal(tg.jit(rows)(M), np.where(M[:, :1] < 0, 7.0, M))
    with pytest.raises(tg.TracingError, match="mask"):
        tg.jit(lambda x: x.at[x < 0].set(x[:2]))(V)
    with pytest.raises(tg.NonDifferentiableError, match="vmap"):
        tg.vmap(lambda x: x.at[x < 0].set(x[:2]))(xs)


# ---- objects and sharing ------------------------------------------------------------------------


def test_the_object_moves_and_what_shares_the_value_stays() -> None:
    x = tg.tensor(V)
    same, shared, view, array = x, x.detach(), x[1:], np.asarray(x)
    x[0] = 10.0
    x += 1.0
    assert same is x
    np.testing.assert_array_equal(same.numpy(), [11, -1, 1.5, 4])
    for other, want in ((shared, V), (view, [-1, 1.5, 4]), (array, V)):
        np.testing.assert_array_equal(np.asarray(other), want)
    view[0] = 99.0
    np.testing.assert_array_equal(x.numpy(), [11, 99, 1.5, 4])
    np.testing.assert_array_equal(shared.numpy(), V)
    np.testing.assert_array_equal(V, [1.0, -2.0, 0.5, 3.0])


def test_an_array_that_is_written_is_copied() -> None:
    w = tg.tensor(V, requires_grad=True)
    x, buffer = w * 1.0, np.array([5.0, 6.0])
    x[:2] = buffer
    buffer[:] = 0
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.numpy(), [5, 6, 0.5, 3])
    np.testing.assert_array_equal(w.grad.numpy(), [0, 0, 1, 6])


def test_a_constant_takes_recorded_values() -> None:
    w = tg.tensor(V, requires_grad=True)
    table = tg.Tensor.zeros(2, 4)
    earlier = table * w
    table[0] = w * w
    table[1, ::2] = w[:2]
    assert table.requires_grad
    (weighted(table) + earlier.sum()).backward()
    c = np.cos(np.arange(8.0))
    np.testing.assert_allclose(w.grad.numpy(), c[:4] * 2 * V + [c[4], c[6], 0, 0])


def test_types_stay() -> None:
    x = tg.tensor(V.astype(np.float32), requires_grad=True) * 1
    x[0] = tg.tensor(np.pi)
    x[1:] += np.ones(3)
    x *= np.full(4, 2.0)
    assert x.dtype == np.float32
    x.sum().backward()
    counts = tg.tensor([1, 2, 3])
    counts[0] = 7.9  # as NumPy cuts it
    counts += 1
    np.testing.assert_array_equal(counts.numpy(), [8, 3, 4])
    assert counts.dtype == np.int64
    for wrong in (
        lambda: counts.__iadd__(0.5),
        lambda: counts.__itruediv__(2),
        lambda: counts.__setitem__(0, tg.tensor(1.0, requires_grad=True)),
        lambda: counts.at[0].divide(2),
        lambda: counts.at[0].add(0.5),
    ):
        with pytest.raises(TypeError, match=r"int64.*hold.*astype\(float\)"):
            wrong()
    flags = tg.tensor([True, True, False])
    flags &= np.array([True, False, True])
    flags |= np.array([False, False, True])
    flags ^= np.array([True, False, False])
    np.testing.assert_array_equal(flags.numpy(), [False, False, True])


def test_a_number_and_a_leaf_give_the_name_another_tensor() -> None:
    total = tg.tensor(V, requires_grad=True).sum()
    first = total
    total += 1.0
    assert first is not total
    assert first.item() == V.sum()
    w = tg.tensor(V, requires_grad=True)
    moved = w
    moved *= 2.0
    assert moved is not w
    np.testing.assert_array_equal(w.numpy(), V)

    def f(x: Any) -> Any:
        x += 1.0
        return (x * x).sum()

    np.testing.assert_allclose(tg.grad(f)(V), 2 * (V + 1))
    assert tg.grad(tg.grad(lambda a: f(a * V)))(0.5) == pytest.approx(2 * (V**2).sum())


def test_leaves_and_arguments_are_refused_with_what_to_write() -> None:
    w = tg.tensor(V, requires_grad=True)
    with pytest.raises(TypeError, match=r"leaf.*in place.*at\[key\]\.set.*np\.where"):
        w[0] = 1.0
    np.testing.assert_array_equal(w.numpy(), V)

    def f(x: Any) -> Any:
        x[0] = 1.0
        return x.sum()

    for transformed in (tg.grad(f), tg.jit(f), tg.hessian(f), tg.vmap(tg.grad(f))):
        with pytest.raises(TypeError, match=r"argument.*in place.*x = x\.copy\(\)"):
            transformed(M)
    with pytest.raises(TypeError, match="argument"):
        tg.grad(lambda a: tg.grad(f)(a * V).sum())(1.0)

    def mended(x: Any) -> Any:
        x = x.copy()
        x[0] = x[1] * 2
        return (x * x).sum()

    np.testing.assert_allclose(tg.grad(mended)(V), [0, 10 * V[1], 2 * V[2], 2 * V[3]])


def test_a_leaf_takes_values_under_no_grad() -> None:
    w = tg.tensor(V, requires_grad=True)
    y = w * w
    with tg.no_grad():
        w[0] = 100.0
        w[1:] *= 2.0
        w[tg.tensor([2])] = w[3]
    assert w.is_leaf
    assert w.requires_grad
    np.testing.assert_array_equal(w.numpy(), [100, -4, 6, 6])
    y.sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), 2 * V)


def test_no_derivative_flows_through_an_assignment_under_no_grad() -> None:
    w = tg.tensor(V, requires_grad=True)
    x = w * w
    before = x * 3
    with tg.no_grad():
        x[0] = 5.0
    (x * w + before).sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), [5.0, *(V[1:] ** 2)] + 6 * V)


def test_a_tensor_of_an_ended_recording_is_refused() -> None:
    """Its tape is kept for later pullbacks, which would go wrong."""
    kept = []

    def f(x: Any) -> Any:
        kept.append(x * 2)
        return (kept[-1] ** 2).sum()

    _, pull = tg.vjp(f, V)
    with pytest.raises(TypeError, match=r"recording that has ended.*copy\(\)"):
        kept[0][0] = 5.0
    np.testing.assert_allclose(pull(1.0)[0], 8 * V)

    def outer(a: Any) -> Any:
        y, pull = tg.vjp(lambda x: x**2, a)
        with pytest.raises(TypeError, match="recording that has ended"):
            y[0] = 7.0
        y += 1.0  # gives the name another tensor
        g = pull(y)[0]
        g[0] = 3.0  # the derivative itself is on no kept tape
        return g.sum()

    a = np.array([1.5, 2.0])
    np.testing.assert_allclose(tg.grad(outer)(a), [0.0, 6 * a[1] ** 2 + 2])


def test_recordings_of_other_threads_hold_nothing_here() -> None:
    w = tg.tensor(V, requires_grad=True)
    ready, done = threading.Event(), threading.Event()
    seen: list[Any] = []

    def long(x: Any) -> Any:
        ready.set()
        assert done.wait(10)
        return (x * x).sum()

    other = threading.Thread(target=lambda: seen.append(tg.grad(long)(V)))
    other.start()
    assert ready.wait(10)
    x = w * 3
    done.set()
    other.join()
    x[0] = w[1]
    x.sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), [0, 4, 3, 3])
    np.testing.assert_array_equal(seen[0], 2 * V)


def test_many_recordings_are_forgotten_on_the_safe_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tape, "_REMEMBERED", 8)
    monkeypatch.setattr(tape._ended, "times", deque(maxlen=8))
    w = tg.tensor(V, requires_grad=True)
    old = w * 2
    for _ in range(9):
        tg.grad(lambda x: x * x)(1.0)
    assert len(tape._ended.times) == 1  # nothing in between
    for _ in range(9):
        w * 2
        tg.grad(lambda x: x * x)(1.0)
    assert len(tape._ended.times) == 8
    young = w * 2
    young[0] = 1.0
    with pytest.raises(TypeError, match="recording that has ended"):
        old[0] = 1.0

    def f(x: Any) -> Any:
        y = x * 2
        for _ in range(9):
            y[0] = y[1] + tg.grad(lambda x: x * x)(0.5)
        return y.sum()

    np.testing.assert_allclose(tg.grad(f)(V), [0, 4, 2, 2])


def test_a_released_tape_is_an_error_not_a_number() -> None:
    w = tg.tensor(V, requires_grad=True)
    x = w * w
    before = (x * x).sum()
    x[0] = 1.0
    x.sum().backward()
    with pytest.raises(tg.TapeReleasedError):
        before.backward()
    x = w * w
    before = (x * x).sum()
    x[0] = 1.0
    w.grad = None
    x.sum().backward(retain_graph=True)
    before.backward()
    np.testing.assert_allclose(w.grad.numpy(), 4 * V**3 + 2 * V * [0, 1, 1, 1])


def test_nothing_is_kept_when_the_tensors_are_gone() -> None:
    gc.collect()
    known = set(mutation.EARLIER)
    gc.disable()  # not by the collector of cycles: there are none
    try:
        w = tg.tensor(V, requires_grad=True)
        for swept in (True, False):
            x = w * w
            for i in range(4):
                x[i] = x[i] * 2
            x += x
            y = np.sin(x)
            x *= y
            assert len(set(mutation.EARLIER) - known) == 6
            if swept:
                x.sum().backward()
            del x, y
            assert set(mutation.EARLIER) <= known
    finally:
        gc.enable()


def test_errors_name_the_shapes() -> None:
    x = tg.tensor(M)
    for wrong, kind, match in (
        (lambda: x.__setitem__(0, np.ones(3)), ValueError, r"float64\(3,\).*\(4,\)"),
        (lambda: x.__setitem__((0, [1, 9]), 1.0), IndexError, "out of bounds"),
        (lambda: x.__setitem__((0, 1, 2), 1.0), IndexError, r"3 indices.*\(3, 4\)"),
        (lambda: x.__setitem__(np.ones(2, bool), np.ones(3)), IndexError, r"mask.*\(2,\)"),
        (lambda: x.__setitem__("a", 1.0), IndexError, "index"),
        (lambda: x.__iadd__(np.ones((2, 3, 4))), ValueError, r"\(3, 4\).*\(2, 3, 4\)"),
        (lambda: x.at.set(1.0), TypeError, r"x\.at\[key\]"),
    ):
        with pytest.raises(kind, match=match):
            wrong()
    np.testing.assert_array_equal(x.numpy(), M)
    x[0] = np.ones((1, 1, 4))  # NumPy drops leading axes of length 1
    x[1] = [tg.tensor(2.0), 3.0, 4.0, 5.0]
    np.testing.assert_array_equal(x.numpy()[:2], [[1, 1, 1, 1], [2, 3, 4, 5]])

    def unmapped(v: Any) -> Any:
        out = tg.Tensor.zeros(4)
        out[0] = v[0]
        return out

    with pytest.raises(TypeError, match=r"same for all examples.*at\[key\]"):
        tg.vmap(unmapped)(M)


# ---- views --------------------------------------------------------------------------------------


def _held(y: Any, x: Any) -> None:
    r = y[1]
    r[0] = x[0, 0] * 5
    r *= 2.0
    y[0] = r * x[0]
    y[1, 1:] = r[:3]


def _rows(y: Any, x: Any) -> None:
    m = x[0] * 2
    for r in y:
        r -= m


def _augmented(y: Any, x: Any) -> None:
    y[0] += x[1]
    y[:, 1] *= x[:, 0]
    y[1][1:] -= x[0][1:]
    z = y.ravel()
    z[4:6] *= x[1, :2]


def _flat(y: Any, x: Any) -> None:
    y.flat[0] = x[0, 0] ** 2
    y.T.flat[1] = x[0, 1] ** 3
    y.flat[2:5] *= 2.0
    y[2:].flat = x[0]


def _out(y: Any, x: Any) -> None:
    np.add(x[0], x[1], out=y[0])
    np.exp(x[:, 0], out=y.T[1])
    np.add.at(y, [0, 0, 1], x[0])
    np.multiply.at(y[1], [1, 1, 0], x[0, :3] + 2)


def _sorted(y: Any, x: Any) -> None:
    y.sort()
    y[1].sort()
    y.T[2].sort()
    y.partition(1, axis=0)


def _stale_but_apart(y: Any, x: Any) -> None:
    r, s = y[0], y[0, 1:]
    y[1] = r * 2
    y[2, :2] = x[0, :2]
    y[1, 0] = r[0]
    y[2, 0] = s[0] * r[1]


VIEWS: dict[str, Callable[[Any, Any], Any]] = {
    "chained": lambda y, x: y[0].__setitem__(1, 7 * x[2, 2]),
    "column": lambda y, x: y.T.__setitem__(0, x[:, 1] ** 2),
    "of a view of a view": lambda y, x: y.T[1:][0].__setitem__(2, x[0, 0] ** 2),
    "steps": lambda y, x: y[::2, 1:][1].__setitem__(slice(None), x[0, 1:] ** 2),
    "new axes": lambda y, x: y[..., None][2, None].__setitem__((0, slice(1, 3), 0), x[0, :2]),
    "reshaped": lambda y, x: y.reshape(-1)[2:9].reshape(7, 1).__setitem__((0, 0), x[0, 1] ** 3),
    "swapped": lambda y, x: y.swapaxes(0, 1).__setitem__(1, x[:, 0] * 2),
    "split": lambda y, x: np.split(y, 2, axis=1)[1].__setitem__(0, x[0, :2]),
    "a mask": lambda y, x: y[1].__setitem__(np.array([True, False, True, False]), x[0, 0] ** 2),
    "copyto": lambda y, x: np.copyto(y[0], x[1] ** 2),
    "put": lambda y, x: np.put(y[1], [0, 2], x[0, :2] * 3),
    "fill_diagonal": lambda y, x: np.fill_diagonal(y[:2, 1:3], x[0, 0] ** 2),
    "held": _held, "rows": _rows, "augmented": _augmented, "flat": _flat, "out=": _out,
    "sorted": _sorted, "stale but apart": _stale_but_apart,
    "a copy": lambda y, x: [c.__setitem__(0, x[0, 0]) for c in (y.copy(), y[[0, 1]], y.astype(float))],
    "a flattened copy": lambda y, x: y.flatten().__setitem__(0, x[0, 0]),
}  # fmt: skip


@pytest.mark.parametrize("write", VIEWS.values(), ids=VIEWS)
def test_a_write_to_a_view_is_numpys(write: Callable[[Any, Any], Any]) -> None:
    """Recorded, replayed, mapped, of constants, and in either direction of differentiation."""

    def f(x: Any) -> Any:
        y = np.sin(x)
        write(y, x)
        return weighted(y * y)

    want, slope = f(M.copy()), slopes(f, M.copy(), 1e-6)
    for g in (tg.value_and_grad(f), tg.jit(tg.value_and_grad(f))):
        g(M * 0.7)
        value, found = g(M)
        np.testing.assert_allclose(value, want)
        np.testing.assert_allclose(found, slope, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(f(tg.tensor(M)).numpy(), want)
    np.testing.assert_allclose(tg.vmap(f)(np.stack([M, M])), [want, want])
    np.testing.assert_allclose(tg.vmap(tg.grad(f))(M[None])[0], slope, rtol=1e-5, atol=1e-6)
    tg.check_grads(f, (M,), order=2, rtol=1e-5, atol=1e-5)


def test_a_view_that_was_written_to_elsewhere_follows_or_is_refused() -> None:
    def f(x: Any) -> Any:
        y = np.sin(x)
        r = y[0]
        y[0, 1] = 5.0
        return (r * r).sum()

    def of_a_view(x: Any) -> Any:
        y = np.sin(x)
        r = y.T[0][1:]
        for row in y:
            row *= 2.0
        return r

    np.testing.assert_allclose(f(tg.tensor(M)).numpy(), f(M))
    np.testing.assert_allclose(tg.vmap(f)(M[None])[0], f(M))
    np.testing.assert_allclose(of_a_view(tg.tensor(M)).numpy(), of_a_view(M))
    for run in (
        lambda: tg.grad(f)(M),
        lambda: tg.jit(f)(M),
        lambda: tg.jvp(f, (M,), (M,)),
        lambda: tg.jacobian(of_a_view)(M),
        lambda: f(tg.tensor(M, requires_grad=True)).backward(),
    ):
        with pytest.raises(TypeError, match=r"view of a float64\(3, 4\).*r = y\[0\]\.copy\(\)"):
            run()


def test_views_of_what_cannot_be_changed() -> None:
    w = tg.tensor(M, requires_grad=True)

    def rows(x: Any) -> Any:
        for r in x:
            r -= 1.0
        return x.sum()

    for wrong in (
        lambda: w[0].__setitem__(1, 2.0),
        lambda: w.T.__iadd__(1.0),
        lambda: w.sort(),
        lambda: tg.grad(rows)(M),
        lambda: tg.grad(lambda x: (x.T[0].__setitem__(0, 1.0), x.sum())[1])(M),
        lambda: tg.grad(lambda x: (x.sort(), x.sum())[1])(M),
        lambda: (w * 1).data.__setitem__(0, 1.0),
        lambda: (w * (1 + 1j)).real.__setitem__(0, 1.0),
        lambda: (w * (1 + 1j)).imag.__imul__(2.0),
    ):
        with pytest.raises((TypeError, ValueError), match=r"[Ww]rite x(\[key\])? = "):
            wrong()
    np.testing.assert_array_equal(w.numpy(), M)


def test_data_is_written_through() -> None:
    w = tg.tensor(M, requires_grad=True)
    w.data[...] = 5.0
    w.data[0][1] = 7.0
    w.data += 1.0
    assert w.is_leaf
    assert w.requires_grad
    want = np.full(M.shape, 6.0)
    want[0, 1] = 8.0
    np.testing.assert_array_equal(w.numpy(), want)
    with tg.no_grad():
        w[0][0] = -1.0
        w[1] += 3.0
        column = w.T[1]
        column *= 2.0
    want[0, 0], want[1] = -1.0, 9.0
    want[:, 1] *= 2.0
    np.testing.assert_array_equal(w.numpy(), want)


def test_derivatives_of_what_was_read_before() -> None:
    w = tg.tensor(M, requires_grad=True)
    y = w * w
    r = y[0]
    loss = (r * r).sum()
    y.T[...] = 7.0
    (loss + y.sum()).backward(create_graph=True)
    g, w.grad = w.grad, None
    (g * g).sum().backward()
    want = np.zeros(M.shape)
    want[0] = 2 * (4 * M[0] ** 3) * 12 * M[0] ** 2
    np.testing.assert_allclose(w.grad.numpy(), want)


# ---- x.at ---------------------------------------------------------------------------------------

UPDATES: dict[str, Callable[..., Any]] = {
    "add": np.add, "multiply": np.multiply, "divide": np.divide, "power": np.power,
    "min": np.minimum, "max": np.maximum,
}  # fmt: skip
PLACES: list[Any] = [
    1, (0, 2), slice(1, None), ([0, 2],), ([0, 0, 2, 0],), (slice(None), [1, 1, 3]),
    ([[0, 1], [0, 1]], [[2, 2], [2, 3]]), M > 0, Ellipsis, (None, 1), [], True,
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES, ids=lambda k: f"{k!r:.40}".replace("\n", ""))
@pytest.mark.parametrize("name", UPDATES)
def test_at_is_numpys_ufunc_at(name: str, place: Any) -> None:
    x = np.abs(M) + 0.3
    v = 0.7 + np.arange(x[place].size).reshape(x[place].shape) / 3
    want = x.copy()
    if place is True:  # which ufunc.at does not know
        want = UPDATES[name](x, v[0])
    else:
        UPDATES[name].at(want, place, v)

    def update(x: Any, v: Any) -> Any:
        x = x if isinstance(x, tg.Tensor) else tg.tensor(x)
        return getattr(x.at[place], name)(v)

    t = tg.tensor(x)
    np.testing.assert_allclose(update(t, v).numpy(), want, rtol=1e-14)
    np.testing.assert_array_equal(t.numpy(), x)
    tg.check_grads(update, (x, v), order=2)


def test_at_sets_and_gets() -> None:
    x = tg.tensor(V)
    np.testing.assert_array_equal(x.at[1].set(9.0).numpy(), [1, 9, 0.5, 3])
    np.testing.assert_array_equal(x.at[[0, 0]].set([5.0, 6.0]).numpy(), [6, -2, 0.5, 3])
    np.testing.assert_array_equal(x.at[1:3].get().numpy(), V[1:3])
    np.testing.assert_array_equal(x.at[V < 1].multiply(2.0).numpy(), [1, -4, 1, 3])
    w = tg.tensor(V, requires_grad=True)
    w.at[0].set(w[3] ** 2).sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), [0, 1, 1, 7])
    np.testing.assert_array_equal(tg.grad(lambda x: x.at[0].multiply(x[1]).sum())(V), [-2, 2, 1, 1])


@pytest.mark.parametrize("name", UPDATES)
def test_at_with_positions_that_differ(name: str) -> None:
    x, v = np.abs(M) + 0.3, np.array([0.5, 2.0, 1.5])
    places = np.array([[0, 0, 2], [1, 2, 1], [2, 0, 1]])
    values = v[:, None] + np.zeros(4)

    def update(x: Any, i: Any) -> Any:
        return getattr((x if isinstance(x, tg.Tensor) else tg.tensor(x)).at[i], name)(values)

    wants = []
    for i in places:
        want = x.copy()
        UPDATES[name].at(want, i, values)
        wants.append(want)
    replayed = tg.jit(lambda x, i: update(x, i) * 1.0)
    np.testing.assert_allclose([replayed(x, i) for i in places], wants, rtol=1e-13)
    np.testing.assert_allclose(tg.vmap(update, (None, 0))(tg.tensor(x), places).numpy(), wants)
    np.testing.assert_allclose(
        tg.vmap(tg.grad(lambda x, i: weighted(update(x, i))), (None, 0))(x, places),
        [tg.grad(lambda x, i=i: weighted(update(x, i)))(x) for i in places],
    )


def test_arrays_in_arrays_out() -> None:
    for out in (
        set_at(V, 0, 1.0),
        add_at(V, [0, 0], 1.0),
        combine_at(V, [0, 0], 2.0, np.multiply),
        set_at(V.astype(np.float32), 0, np.pi),
    ):
        assert type(out) is np.ndarray
    assert set_at(V.astype(np.float32), 0, np.pi).dtype == np.float32
    assert add_at(V.astype(np.float32), 0, V[0]).dtype == np.float32
    assert combine_at(V.astype(np.float32), 0, 2.0, np.multiply).dtype == np.float32
    np.testing.assert_array_equal(V, [1.0, -2.0, 0.5, 3.0])


def test_numpys_order_of_programs_in_the_graph() -> None:
    """An assignment is drawn like any other operation."""
    w = tg.tensor(V, requires_grad=True)
    x = w * w
    y = x * 2
    x[0] = y[1]
    source = tg.viz.graph((x * y).sum()).source
    assert "assign" in source


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "value", [2, 2.5, np.float64(np.pi), np.float32(0.5), np.ones(5), np.ones(1), np.ones((4, 5)), "w", "row"],
    ids=lambda v: f"{v!r:.20}",
)  # fmt: skip
@pytest.mark.parametrize(
    "key", [1, (0, -1), (ALL, 2), slice(None, None, -2), (1, 2, 3), slice(5, 9), (Ellipsis, 1)],
    ids=repr,
)  # fmt: skip
def test_the_short_way_is_the_long_way(key: Any, value: Any, dtype: Any) -> None:
    """Integers and slices are written at without ado; under ``debug_nans`` all goes the long way."""

    def outcome() -> Any:
        x0 = tg.tensor(X[:3, :4] / 7, dtype=dtype, requires_grad=True)
        w = tg.tensor(np.arange(5) / 3, dtype=dtype, requires_grad=True)
        v = {"w": w[3], "row": w * 2}.get(value, value) if isinstance(value, str) else value
        x = x0 * x0
        y = np.sin(x)
        try:
            x[key] = v
            z = x0.at[key].set(v)
        except (ValueError, TypeError) as error:
            return str(error)
        (x * y + z).sum().backward()
        grads = [0 if t.grad is None else t.grad.numpy() for t in (x0, w)]
        return [x.numpy(), z.numpy(), *grads]

    short = outcome()
    with tg.debug_nans():
        long = outcome()
    if isinstance(short, str):
        assert short == long
        return
    for a, b in zip(short, long, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6 if dtype == np.float32 else 1e-13)
        assert np.asarray(a).dtype == np.asarray(b).dtype


def test_an_index_out_of_bounds() -> None:
    x = tg.tensor(V, requires_grad=True) * 2
    for key in (4, (0, 0), slice(0, 1)):
        if key == slice(0, 1):
            with pytest.raises(ValueError, match="broadcast"):
                x[key] = np.ones(3)
        else:
            with pytest.raises(IndexError):
                x[key] = 1.0
    np.testing.assert_array_equal(x.numpy(), 2 * V)


@pytest.mark.parametrize(
    "copying",
    [
        np.conj,
        np.copy,
        np.positive,
        np.round,
        lambda x: np.clip(x, None, None),
        lambda x: np.roll(x, 0),
        lambda x: np.roll(x, len(x)),
        lambda x: np.tile(x, 1),
        lambda x: np.repeat(x, 1),
        lambda x: np.pad(x, 0),
    ],
)
def test_what_numpy_copies_can_be_written_to(copying: Any) -> None:
    """Also where nothing else is to be done: a write to the result leaves the operand alone."""

    def f(x: Any) -> Any:
        x = x * 1.0
        y = copying(x)
        y[0] = 7.0
        return (x * y).sum()

    assert tg.value_and_grad(f)(np.array([2.0, 3.0]))[0] == f(np.array([2.0, 3.0])) == 23.0
