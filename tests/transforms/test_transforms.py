"""What goes into grad, value_and_grad, vjp, jvp, linearize and hvp, and what comes out."""

from __future__ import annotations

import collections
import copy
import functools
from typing import Any

import comparing
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_hess as tg

close = functools.partial(comparing.close, rtol=1e-6, elementwise=True, strict=True)

X = np.array([0.5, -1.5, 2.0])
Y = np.array([1.0, 2.0, -0.5])
Pair = collections.namedtuple("Pair", ["w", "b"])  # an untyped one, as users have


def leaf(x: Any) -> Any:
    """A start of the tape, as a user makes one."""
    return tg.tensor(x, requires_grad=True)


# ---- argnums, aux, keywords ---------------------------------------------------------------------


def test_argnums() -> None:
    f = lambda a, b, c: (a * b).sum() * c
    close(tg.grad(f)(X, Y, 2.0), 2 * Y)
    close(tg.grad(f, argnums=1)(X, Y, 2.0), 2 * X)
    close(tg.grad(f, argnums=(2, 0))(X, Y, 2.0), (np.float64(X @ Y), 2 * Y))
    close(tg.grad(f, argnums=[0])(X, Y, 2.0), (2 * Y,))
    close(tg.grad(f, argnums=-1)(X, Y, 2.0), np.float64(X @ Y))
    close(tg.grad(f, argnums=())(X, Y, 2.0), ())
    value, (ga, gc) = tg.value_and_grad(f, argnums=(0, 2))(X, Y, 2.0)
    close(value, np.float64(2 * X @ Y))
    close((ga, gc), (2 * Y, np.float64(X @ Y)))


def test_arguments_that_are_not_differentiated_may_be_anything() -> None:
    f = lambda x, n, name, table, flag: (x**n).sum() * table[name] if flag else 0.0
    close(tg.grad(f)(X, 3, "k", {"k": 2}, True), 6 * X**2)
    close(tg.grad(lambda x, i: x[i].sum())(X, np.array([0, 0, 2])), np.array([2.0, 0, 1]))


def test_has_aux() -> None:
    f = lambda x: ((x * x).sum(), {"twice": 2 * x, "count": 3, "name": "aux", "none": None})
    aux = {"twice": 2 * X, "count": 3, "name": "aux", "none": None}
    g, got = tg.grad(f, has_aux=True)(X)
    close(g, 2 * X)
    close(got, aux)
    (value, got), g = tg.value_and_grad(f, has_aux=True)(X)
    close(value, np.float64(X @ X))
    close(got, aux)
    close(g, 2 * X)
    h, got = tg.hessian(f, has_aux=True)(X)
    close(h, 2 * np.eye(3))
    close(got, aux)


def test_aux_of_an_inner_gradient_is_recorded_by_the_outer_one() -> None:
    def f(x: Any) -> Any:
        _, aux = tg.grad(lambda z: ((z**2).sum(), z**3), has_aux=True)(x)
        return aux.sum()

    close(tg.grad(f)(X), 3 * X**2)


def test_keyword_arguments_are_constants() -> None:
    f = lambda x, *, scale=1.0, shift=None: (scale * x * x + (0 if shift is None else shift)).sum()
    close(tg.grad(f)(X, scale=3.0), 6 * X)
    close(tg.grad(f)(X, scale=Y, shift=X), 2 * X * Y)
    close(tg.hessian(f)(X, scale=3.0), 6 * np.eye(3))
    close(tg.jacobian(lambda x, k: x * k)(X, k=Y), np.diag(Y))


# ---- what may be differentiated -----------------------------------------------------------------


def test_pytrees() -> None:
    tree: Any = {
        "list": [X, (Y, None)],
        "pair": Pair(np.float64(2.0), [np.array([1, 2], np.float32)]),
        "empty": {},
        "none": None,
    }
    f = lambda p: (p["list"][0] * p["list"][1][0]).sum() * p["pair"].w + (p["pair"].b[0] ** 2).sum()
    want: Any = {
        "list": [2 * Y, (2 * X, None)],
        "pair": Pair(np.float64(X @ Y), [np.array([2, 4], np.float32)]),
        "empty": {},
        "none": None,
    }
    close(tg.grad(f)(tree), want)
    close(tg.vjp(f, tree)[1](1.0)[0], want)
    _, t = tg.jvp(f, (tree,), (tree,))
    np.testing.assert_allclose(t, 3 * 2 * X @ Y + 10)
    close(tg.hvp(lambda p: (p.w**3).sum(), Pair(X, None), Pair(Y, None)), Pair(6 * X * Y, None))


def test_python_floats_and_scalars() -> None:
    for x in (3.0, np.float64(3.0), np.array(3.0)):
        g = tg.grad(lambda x: x * x)(x)
        assert g == 6
        assert np.shape(g) == ()
        assert g.dtype == np.float64
    assert tg.grad(lambda x: x * x)(np.float32(3)).dtype == np.float32
    assert tg.hessian(lambda x: x**3)(2.0) == 12
    assert tg.jacobian(lambda x: x**3)(2.0) == 12
    assert tg.hvp(lambda x: x**3, 2.0, 0.5) == 6
    close(
        tg.grad(lambda p: p["a"] * p["b"])({"a": 2.0, "b": 5.0}),
        {"a": np.float64(5), "b": np.float64(2)},
    )


@pytest.mark.parametrize(
    "f",
    [
        lambda x: (x * 2.5).sum(), lambda x: np.mean(x**2), lambda x: (x * np.float64(2)).sum(),
        lambda x: (np.ones(3) * x).sum(), lambda x: np.sqrt(x * x + 1).sum(), lambda x: x.std(),
        lambda x: tg.ops.softmax(x).max(), lambda x: np.where(x > 0, x, 0.1 * x).sum(),
        lambda x: (x / np.arange(1, 4)).sum(), lambda x: tg.ops.gelu(x).sum(), lambda x: 1.0,
        lambda x: np.linalg.norm(x), lambda x: tg.ops.logsumexp(x), lambda x: np.clip(x, 0, 1).sum(),
    ],
)  # fmt: skip
def test_float32_stays_float32(f: Any) -> None:
    """Also where float64 constants and scalars take part."""
    x, v = np.float32(X), np.float32(Y)
    assert tg.grad(f)(x).dtype == np.float32
    assert tg.hvp(f, x, v).dtype == np.float32
    assert tg.hessian(f)(x).dtype == np.float32
    for jacobian in (tg.jacobian, tg.jacfwd, tg.jacrev):
        assert jacobian(f)(x).dtype == np.float32
    assert tg.vjp(f, x)[1](1.0)[0].dtype == np.float32
    np.testing.assert_allclose(tg.grad(f)(x), tg.grad(f)(X), rtol=2e-5, atol=1e-6)


def test_unused_and_constant() -> None:
    """Zeros of the input's own shape and type, never None."""
    unused = np.ones((2, 2), np.float32)
    close(tg.grad(lambda a, b: a * 2, argnums=(0, 1))(1.0, unused), (np.float64(2), 0 * unused))
    for constant in (lambda x: 3.0, lambda x: 3, lambda x: np.float64(1), lambda x: tg.tensor(1.0)):
        close(tg.grad(constant)(X), np.zeros(3))
        close(tg.hvp(constant, X, Y), np.zeros(3))
        close(tg.hessian(constant)(X), np.zeros((3, 3)))
    _, pull = tg.vjp(lambda x: Y, X)
    close(pull(Y), (np.zeros(3),))
    _, t = tg.jvp(lambda x: Y, (X,), (X,))
    close(t, np.zeros(3))
    _, push = tg.linearize(lambda x: (x, Y, 2.0), X)
    close(push(Y), (Y, np.zeros(3), np.float64(0)))


def test_identity_and_repeated_inputs() -> None:
    assert tg.grad(lambda x: x)(2.0) == 1
    assert tg.hessian(lambda x: x)(2.0) == 0
    y, pull = tg.vjp(lambda x: (x, x), X)
    close(y, (X, X))
    close(pull((Y, Y)), (2 * Y,))
    close(tg.jvp(lambda x: {"a": x, "b": [x]}, (X,), (Y,))[1], {"a": Y, "b": [Y]})
    close(tg.grad(lambda a, b: (a * a * b).sum(), argnums=(0, 1))(X, X), (2 * X * X, X * X))
    close(tg.grad(lambda p: (p[0] * p[1]).sum())([X, X]), [X, X])
    close(tg.jvp(lambda a, b: a * b, (X, X), (Y, Y))[1], 2 * X * Y)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0)])
def test_empty_arrays(shape: tuple[int, ...]) -> None:
    x = np.zeros(shape)
    close(tg.grad(lambda x: (x * x).sum())(x), x)
    close(tg.hvp(lambda x: (x**3).sum(), x, x), x)
    close(tg.hessian(lambda x: (x * x).sum())(x), np.zeros(shape + shape))
    close(tg.vjp(np.tanh, x)[1](x), (x,))
    close(tg.grad(lambda p: (p[0] ** 2).sum() + (p[1] ** 2).sum())([x, X]), [x, 2 * X])


# ---- arrays in, arrays out; tensors in, tensors out ---------------------------------------------


def kinds(tree: Any) -> set[type]:
    import optree

    return {type(leaf) for leaf in optree.tree_leaves(tree)}


def everything(x: Any) -> dict[str, Any]:
    f = lambda x: (x**3).sum()
    y, pull = tg.vjp(np.sin, x)
    z, push = tg.linearize(np.sin, x)
    return {
        "grad": tg.grad(f)(x), "value": tg.value_and_grad(f)(x), "hvp": tg.hvp(f, x, x),
        "vjp": (y, pull(x)), "jvp": tg.jvp(np.sin, (x,), (x,)), "linearize": (z, push(x)),
        "hessian": tg.hessian(f)(x), "jacobian": tg.jacobian(np.sin)(x),
        "jacfwd": tg.jacfwd(np.sin)(x), "jacrev": tg.jacrev(np.sin)(x),
        "vmap": tg.vmap(np.sin)(x), "aux": tg.grad(lambda x: (f(x), x * 2), has_aux=True)(x),
    }  # fmt: skip


def test_arrays_in_arrays_out() -> None:
    for name, out in everything(X).items():
        assert kinds(out) <= {np.ndarray, np.float64}, name


def test_tensors_in_tensors_out() -> None:
    for name, out in everything(tg.tensor(X)).items():
        assert kinds(out) == {tg.Tensor}, name
    assert not tg.grad(lambda x: (x * x).sum())(tg.tensor(X)).requires_grad


def test_inside_another_recording_everything_stays_on_its_tape() -> None:
    found = {}

    def outer(x: Any) -> Any:
        found.update(everything(x))
        return x.sum()

    tg.grad(outer)(X)
    for name, out in found.items():
        assert kinds(out) == {tg.Tensor}, name
    for out in everything(leaf(X)).values():
        assert kinds(out) == {tg.Tensor}


def test_closures_over_eager_tensors_link_to_their_tape() -> None:
    w = leaf(Y)
    links = {
        "grad": (lambda: tg.grad(lambda x: (x * x * w).sum())(X), 2 * X),
        "jvp": (lambda: tg.jvp(lambda x: x * x * w, (X,), (X,))[1], 2 * X * X),
        "vjp": (lambda: tg.vjp(lambda x: x * x * w, X)[1](X)[0], 2 * X * X),
        "hvp": (lambda: tg.hvp(lambda x: (x * x * w).sum(), X, X), 2 * X),
        "hessian": (lambda: tg.hessian(lambda x: (x * x * w).sum())(X), 2 * np.ones(3)),
        "jacfwd": (lambda: tg.jacfwd(lambda x: x * x * w)(X), 2 * X),
        "jacrev": (lambda: tg.jacrev(lambda x: x * x * w)(X), 2 * X),
        "vmap": (lambda: tg.vmap(lambda x: x * x * w)(np.stack([X, X])), 2 * X * X),
        "value": (lambda: tg.value_and_grad(lambda x: (x * w).sum())(X)[0], X),
    }
    for name, (make, want) in links.items():
        w.grad = None
        out = make()
        assert isinstance(out, tg.Tensor), name
        out.sum().backward()
        np.testing.assert_allclose(w.grad.numpy(), want, err_msg=name)


def test_gradient_with_respect_to_a_tracked_tensor() -> None:
    w = leaf(Y)
    h = w * 2
    tg.grad(lambda x: (x**3).sum())(h).sum().backward()  # 3 (2w)² → 24 w
    np.testing.assert_allclose(w.grad.numpy(), 24 * Y)


# ---- results belong to the caller ---------------------------------------------------------------


def _leaves(tree: Any) -> list[np.ndarray]:
    import optree

    return [x for x in optree.tree_leaves(tree) if isinstance(x, np.ndarray)]


CASES: dict[str, Any] = {
    "identity": lambda x: x,
    "twice": lambda x: (x, x),
    "views": lambda x: (x.reshape(3, 1), x[None], x.T, x[:2], x[::-1]),
    "broadcast": lambda x: np.broadcast_to(x, (2, 3)),
    "plus zero": lambda x: x + 0.0,
    "alias": lambda x: tg.ops.positive(x),
    "product": lambda x: x * Y,
    "sums": lambda x: (x + x.sum(), x.sum()),
    "constant": lambda x: Y,
    "captured": lambda x: (x, Y),
    "concatenate": lambda x: np.concatenate([x]),
    "cast": lambda x: x.astype(np.float64),
    "stop": lambda x: tg.stop_gradient(x),
}


@pytest.mark.parametrize("name", CASES)
def test_results_alias_neither_each_other_nor_the_inputs(name: str) -> None:
    f = CASES[name]
    x, v = X.copy(), Y.copy()
    out, pull = tg.vjp(f, x)
    import optree

    c = optree.tree_map(lambda y: np.ones(np.shape(y)), out)
    loss = lambda x: sum(np.sum(y) for y in optree.tree_leaves(f(x)))
    results = {
        "value": out,
        "pullback": pull(c),
        "again": pull(c),
        "jvp": tg.jvp(f, (x,), (v,)),
        "linearize": tg.linearize(f, x)[1](v),
        "grad": tg.grad(loss)(x),
        "both": tg.grad(lambda a, b: loss(a) + loss(b), argnums=(0, 1))(x, x),
        "hvp": tg.hvp(lambda x: loss(x) + 0.5 * (x @ x), x, v),
        "jacobian": tg.jacobian(f)(x),
        "jacfwd": tg.jacfwd(f)(x),
        "jacrev": tg.jacrev(f)(x),
        "hessian": tg.hessian(loss)(x),
        "vmap": tg.vmap(f)(np.stack([x, x])) if name not in ("constant", "captured") else (),
        "aux": tg.grad(lambda x: (loss(x), f(x)), has_aux=True)(x),
    }
    arrays = [(k, a) for k, r in results.items() for a in _leaves(r)]
    # a constant that f hands out is its own array, as in plain Python
    arrays = [(k, a) for k, a in arrays if not np.shares_memory(a, Y)]
    given = [x, v, *_leaves(c)]
    for i, (k, a) in enumerate(arrays):
        assert a.flags.writeable, k
        for b in given:
            assert not np.shares_memory(a, b), f"{k} is the caller's own array"
        for k2, b in arrays[i + 1 :]:
            assert not np.shares_memory(a, b), (k, k2)
    before = [a.copy() for _, a in arrays]
    for i, (_, a) in enumerate(arrays):
        a[...] = 1e9
        for (k, b), old in zip(arrays[i + 1 :], before[i + 1 :], strict=True):
            np.testing.assert_array_equal(b, old, err_msg=k)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(v, Y)
    np.testing.assert_array_equal(Y, [1.0, 2.0, -0.5])


def test_inputs_are_never_written() -> None:
    x, y = X.copy(), Y.copy()
    x.flags.writeable = y.flags.writeable = False
    f = lambda a, b: (np.sort(a) * np.cumsum(b)).sum() + np.prod(a) + (a @ b) ** 2
    tg.grad(f, argnums=(0, 1))(x, y)
    tg.hessian(f, argnums=(0, 1))(x, y)
    tg.jvp(f, (x, y), (y, x))
    tg.vmap(lambda a: a * 2)(x)


# ---- pullbacks and pushes can be used again -----------------------------------------------------


def test_a_pullback_is_linear_and_can_be_called_again() -> None:
    f = lambda x, y: {"p": x * y, "s": (x**2).sum()}
    _, pull = tg.vjp(f, X, Y)
    c: Any = {"p": np.array([1.0, 0, 2]), "s": 3.0}
    want = (c["p"] * Y + 6 * X, c["p"] * X)
    for _ in range(3):
        close(pull(c), want)
    twice = pull({"p": 2 * c["p"], "s": 6.0})
    close(twice, (2 * want[0], 2 * want[1]))


def test_pushes_share_one_recording() -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(1)
        return np.sin(x) * x.sum()

    y, push = tg.linearize(f, X)
    columns = np.stack([push(e) for e in np.eye(3)], axis=1)
    np.testing.assert_allclose(columns, np.diag(np.cos(X) * X.sum()) + np.sin(X)[:, None])
    assert len(calls) == 1
    np.testing.assert_allclose(tg.vmap(push)(np.eye(3)).T, columns)
    np.testing.assert_allclose(y, f(X))


def test_f_is_called_once_by_each_transform() -> None:
    calls: list[int] = []

    def f(x: Any) -> Any:
        calls.append(1)
        return (x**3).sum()

    for run in (
        lambda: tg.grad(f)(X), lambda: tg.value_and_grad(f)(X), lambda: tg.hvp(f, X, Y),
        lambda: tg.hessian(f)(X), lambda: tg.jacfwd(f)(X), lambda: tg.jacrev(f)(X),
        lambda: tg.jvp(f, (X,), (Y,)), lambda: tg.vjp(f, X)[1](1.0), lambda: tg.vmap(f)(np.eye(3)),
        lambda: tg.grad(lambda x: tg.grad(f)(x).sum())(X),
    ):  # fmt: skip
        calls.clear()
        run()
        assert len(calls) == 1


def test_pull_and_push_are_transposes_and_can_be_differentiated() -> None:
    f = lambda x: np.tanh(np.outer(x, x)).sum(0)
    _, pull = tg.vjp(f, X)
    _, push = tg.linearize(f, X)
    np.testing.assert_allclose(Y @ push(X), pull(Y)[0] @ X)
    np.testing.assert_allclose(tg.grad(lambda c: pull(c)[0] @ X)(Y), push(X))
    np.testing.assert_allclose(tg.grad(lambda t: Y @ push(t))(X), pull(Y)[0])
    np.testing.assert_allclose(tg.vmap(lambda c: pull(c)[0])(np.eye(3)), tg.jacobian(f)(X))


def test_errors_of_f_come_through_and_leave_no_trace() -> None:
    def f(x: Any) -> Any:
        raise LookupError("mine")

    for run in (tg.grad(f), tg.hessian(f), tg.jacobian(f), tg.vmap(f), tg.value_and_grad(f)):
        with pytest.raises(LookupError, match="mine"):
            run(X)
    close(tg.grad(lambda x: (x * x).sum())(X), 2 * X)


def test_wrapped_functions_keep_their_name() -> None:
    def objective(x: Any) -> Any:
        """What is minimised."""
        return x

    for transform in (tg.grad, tg.value_and_grad, tg.jacobian, tg.hessian, tg.vmap, tg.checkpoint):
        assert transform(objective).__name__ == "objective"
        assert transform(objective).__doc__ == "What is minimised."


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    st.recursive(
        st.integers(0, 3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
            | st.tuples(inner, inner)
            | st.just(None)
        ),
        max_leaves=6,
    )
)
def test_any_tree_of_any_shapes(shapes: Any) -> None:
    """Σ x³: gradient 3x², Hessian-vector product 6xv, in the structure of the input."""
    import optree

    rng = np.random.default_rng(0)
    make = lambda tree: optree.tree_map(lambda n: rng.normal(size=(2,) * n), tree)
    x, v = make(shapes), make(shapes)
    f = lambda p: sum((np.sum(leaf**3) for leaf in optree.tree_leaves(p)), 0.0)
    g, h = tg.grad(f)(x), tg.hvp(f, x, v)
    assert optree.tree_structure(g) == optree.tree_structure(h) == optree.tree_structure(x)
    triples = zip(*(optree.tree_leaves(t) for t in (x, v, g, h)), strict=True)
    for a, b, ga, ha in triples:
        np.testing.assert_allclose(ga, 3 * a * a)
        np.testing.assert_allclose(ha, 6 * a * b)


def test_a_copy_of_the_argument_has_its_derivative() -> None:
    np.testing.assert_array_equal(tg.grad(lambda x: (copy.deepcopy(x) ** 2).sum())(np.ones(2)), 2)


def test_stop_gradient_of_a_tree_stops_each_leaf() -> None:
    p = {"a": np.array([1.0, 2.0]), "b": (np.array(3.0), [np.array([4.0])])}

    def f(p: Any) -> Any:
        still = tg.stop_gradient(p)
        return (p["a"] * still["b"][0]).sum() + (still["a"] ** 2).sum() + still["b"][1][0].sum()

    found = tg.grad(f)(p)
    np.testing.assert_array_equal(found["a"], [3.0, 3.0])
    np.testing.assert_array_equal(found["b"][0], 0)
    np.testing.assert_array_equal(found["b"][1][0], [0.0])
