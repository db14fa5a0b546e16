"""custom_vjp, custom_jvp and checkpoint: whole functions as one node."""

from __future__ import annotations

import functools
import sys
from typing import Any

import comparing
import numpy as np
import pytest
import scipy.sparse as sp

import tinygrad_hess as tg

close = functools.partial(comparing.close, rtol=1e-10, atol=1e-12, elementwise=True, strict=True)

X = np.array([0.4, -0.9, 1.3])
Y = np.array([1.1, 0.2, -0.5])
W = np.array([[0.3, -1.0, 0.8], [0.5, 0.2, -0.7]])


# A function of a tree with a static power, and the same without rules of its own.


def leaf(x: Any) -> Any:
    """A start of the tape, as a user makes one."""
    return tg.tensor(x, requires_grad=True)


def plain(n: int, p: Any) -> Any:
    return {"power": p["a"] ** n * p["b"], "sum": [np.sin(p["a"]).sum()]}


def with_vjp() -> Any:
    f = tg.custom_vjp(plain, nondiff_argnums=(0,))

    def forward(n: int, p: Any) -> Any:
        return plain(n, p), (p["a"], p["b"])

    def backward(n: int, residuals: Any, g: Any) -> Any:
        a, b = residuals
        da = g["power"] * n * a ** (n - 1) * b + g["sum"][0] * np.cos(a)
        return ({"a": da, "b": np.sum(g["power"] * a**n)},)

    f.defvjp(forward, backward)
    return f


def with_jvp() -> Any:
    f = tg.custom_jvp(plain, nondiff_argnums=(0,))

    def rule(n: int, primals: Any, tangents: Any) -> Any:
        (p,), (t,) = primals, tangents
        slope = n * p["a"] ** (n - 1) * p["b"] * t["a"] + p["a"] ** n * t["b"]
        return plain(n, p), {"power": slope, "sum": [np.sum(np.cos(p["a"]) * t["a"])]}

    f.defjvp(rule)
    return f


def with_checkpoint() -> Any:
    return lambda n, p: tg.checkpoint(lambda p: plain(n, p))(p)


VERSIONS = {"custom_vjp": with_vjp(), "custom_jvp": with_jvp(), "checkpoint": with_checkpoint()}
TREE = {"a": X, "b": 1.7}
TANGENT = {"a": Y, "b": -0.6}


def loss_of(f: Any) -> Any:
    def loss(p: Any) -> Any:
        out = f(3, {"a": np.tanh(p["a"]), "b": p["b"]})
        return np.sum(out["power"] ** 2) * out["sum"][0] + p["b"] ** 3

    return loss


@pytest.mark.parametrize("name", VERSIONS)
@pytest.mark.parametrize(
    "derive",
    [
        lambda f: f(TREE),
        lambda f: tg.grad(f)(TREE),
        lambda f: tg.value_and_grad(f)(TREE),
        lambda f: tg.jvp(f, (TREE,), (TANGENT,)),
        lambda f: tg.vjp(f, TREE)[1](2.0),
        lambda f: tg.linearize(f, TREE)[1](TANGENT),
        lambda f: tg.hvp(f, TREE, TANGENT),
        lambda f: tg.hessian(f)(TREE),
        lambda f: tg.jacfwd(tg.jacfwd(f))(TREE),
        lambda f: tg.jacrev(tg.jacrev(f))(TREE),
        lambda f: tg.jacrev(tg.jacfwd(f))(TREE),
        lambda f: tg.grad(lambda p: tg.jvp(f, (p,), (TANGENT,))[1])(TREE),
        lambda f: tg.grad(lambda p: tg.grad(f)(p)["a"] @ Y)(TREE),
        lambda f: tg.jvp(lambda p: tg.hvp(f, p, TANGENT), (TREE,), (TANGENT,))[1],
        lambda f: tg.grad(lambda p: np.sum(tg.hvp(f, p, TANGENT)["a"]))(TREE),
    ],
)
def test_every_derivative_equals_that_of_the_plain_function(name: str, derive: Any) -> None:
    close(derive(loss_of(VERSIONS[name])), derive(loss_of(plain)))


@pytest.mark.parametrize("name", VERSIONS)
def test_under_vmap(name: str) -> None:
    f, reference = loss_of(VERSIONS[name]), loss_of(plain)
    batch = {"a": np.stack([X, Y, X * Y]), "b": np.array([1.0, 2.0, -1.0])}
    for axes in (0, {"a": 0, "b": None}):
        given = batch if axes == 0 else {"a": batch["a"], "b": 1.5}
        for derive in (lambda f: f, tg.grad, tg.hessian):
            close(
                tg.vmap(derive(f), in_axes=(axes,))(given),
                tg.vmap(derive(reference), in_axes=(axes,))(given),
            )
        total = lambda f, axes=axes: lambda p: np.sum(tg.vmap(f, in_axes=(axes,))(p))
        close(tg.grad(total(f))(given), tg.grad(total(reference))(given))
        close(tg.hvp(total(f), given, given), tg.hvp(total(reference), given, given))


@pytest.mark.parametrize("name", VERSIONS)
def test_define_by_run(name: str) -> None:
    def run(f: Any) -> Any:
        p = {"a": leaf(X), "b": leaf(1.7)}
        loss_of(f)(p).backward(create_graph=True)
        first = {k: p[k].grad for k in p}
        for t in p.values():
            t.grad = None
        (first["a"].sum() * first["b"]).backward()
        numbers = lambda d: {k: v.numpy() for k, v in d.items()}
        return numbers(first), numbers({k: p[k].grad for k in p})

    close(run(VERSIONS[name]), run(plain))


@pytest.mark.parametrize("name", VERSIONS)
def test_jacobians_of_all_outputs(name: str) -> None:
    f = VERSIONS[name]
    for jacobian in (tg.jacfwd, tg.jacrev, tg.jacobian, tg.hessian):
        close(jacobian(lambda p: f(3, p))(TREE), jacobian(lambda p: plain(3, p))(TREE))


@pytest.mark.parametrize("name", VERSIONS)
def test_off_the_tape_it_is_the_plain_function(name: str) -> None:
    out = VERSIONS[name](3, TREE)
    assert type(out["power"]) is np.ndarray
    close(out, plain(3, TREE))


@pytest.mark.parametrize("name", VERSIONS)
def test_under_no_grad_it_records_nothing(name: str) -> None:
    x = leaf(X)
    with tg.no_grad():
        out = VERSIONS[name](3, {"a": x, "b": 1.0})
    assert not out["power"].requires_grad
    np.testing.assert_allclose(out["power"].numpy(), X**3)


@pytest.mark.parametrize("name", VERSIONS)
def test_float32(name: str) -> None:
    f = VERSIONS[name]
    p = {"a": np.float32(X), "b": np.float32(1.7)}
    g = tg.grad(lambda p: np.sum(f(3, p)["power"]))(p)
    assert g["a"].dtype == g["b"].dtype == np.float32
    assert tg.jvp(lambda p: f(3, p)["power"], (p,), (p,))[1].dtype == np.float32


@pytest.mark.parametrize("name", VERSIONS)
def test_one_part_used_and_several_calls(name: str) -> None:
    """Missing cotangents are zeros; a result fed into the same function again composes."""
    f = VERSIONS[name]

    def twice(f: Any) -> Any:
        return lambda a: np.sum(f(2, {"a": f(3, {"a": a, "b": 2.0})["power"], "b": 0.5})["power"])

    close(tg.grad(twice(f))(X), tg.grad(twice(plain))(X))
    close(tg.hessian(twice(f))(X), tg.hessian(twice(plain))(X))
    alone = lambda f: lambda a: f(3, {"a": a, "b": 2.0})["sum"][0]
    close(tg.hessian(alone(f))(X), tg.hessian(alone(plain))(X))


# ---- what the rules are for ---------------------------------------------------------------------


def test_a_rule_overrides_the_derivative() -> None:
    """A straight-through estimator, a clipped gradient, and a reversed one."""
    straight = tg.custom_jvp(lambda x: np.sign(x))
    straight.defjvp(lambda p, t: (np.sign(p[0]), t[0]))
    np.testing.assert_array_equal(tg.grad(lambda x: (straight(x) * Y).sum())(X), Y)
    clipped = tg.custom_vjp(lambda x: x)
    clipped.defvjp(lambda x: (x, None), lambda _, g: (np.clip(g, -0.3, 0.3),))
    np.testing.assert_allclose(tg.grad(lambda x: (clipped(x) * Y).sum())(X), np.clip(Y, -0.3, 0.3))
    reversed_ = tg.custom_vjp(lambda x: x)
    reversed_.defvjp(lambda x: (x, None), lambda _, g: (-g,))
    assert tg.grad(lambda x: reversed_(x) ** 2)(3.0) == -6
    _, t = tg.jvp(lambda x: reversed_(x) ** 2, (3.0,), (1.0,))
    assert t == -6


def test_a_stable_formula_at_a_point_where_the_plain_one_overflows() -> None:
    @tg.custom_vjp
    def softplus(x: Any) -> Any:
        return np.logaddexp(x, 0.0)

    softplus.defvjp(
        lambda x: (softplus(x), x), lambda x, g: (g * (1 - 1 / (1 + np.exp(np.minimum(x, 700.0)))),)
    )
    assert tg.grad(softplus)(800.0) == 1
    assert tg.grad(tg.grad(softplus))(0.0) == 0.25


def test_an_implicit_function() -> None:
    """√a by Newton's iteration, differentiated by the implicit function theorem: 1/(2√a)."""

    def newton(a: Any) -> Any:
        x = a
        for _ in range(60):
            x = 0.5 * (x + a / x)
        return x

    root = tg.custom_jvp(newton)
    root.defjvp(lambda p, t: ((y := root(p[0])), t[0] / (2 * y)))
    for a in (2.0, 9.0):
        np.testing.assert_allclose(tg.grad(root)(a), 0.5 / np.sqrt(a))
        np.testing.assert_allclose(tg.grad(tg.grad(root))(a), -0.25 * a**-1.5)
        np.testing.assert_allclose(tg.grad(tg.grad(tg.grad(root)))(a), 0.375 * a**-2.5)
        np.testing.assert_allclose(tg.hessian(root)(a), -0.25 * a**-1.5)


def test_none_is_a_zero_cotangent() -> None:
    f = tg.custom_vjp(lambda x, y: x * y)
    f.defvjp(lambda x, y: (x * y, y), lambda y, g: (g * y, None))
    gx, gy = tg.grad(lambda x, y: f(x, y).sum(), argnums=(0, 1))(X, Y)
    np.testing.assert_allclose(gx, Y)
    np.testing.assert_array_equal(gy, np.zeros(3))
    _, t = tg.jvp(f, (X, Y), (Y, X))
    np.testing.assert_allclose(t, Y * Y)


def test_nondiff_arguments_in_any_place() -> None:
    f = tg.custom_vjp(lambda op, x, n: op(x) * n, nondiff_argnums=(0, 2))
    f.defvjp(lambda op, x, n: (op(x) * n, x), lambda op, n, x, g: (g * n * np.cos(x),))
    np.testing.assert_allclose(tg.grad(lambda x: f(np.sin, x, 3).sum())(X), 3 * np.cos(X))
    h = tg.custom_jvp(lambda x, mode: x**2 if mode == "square" else x, nondiff_argnums=(1,))
    h.defjvp(lambda mode, p, t: (h(*p, mode), 2 * p[0] * t[0] if mode == "square" else t[0]))
    np.testing.assert_allclose(tg.grad(lambda x: h(x, "square").sum())(X), 2 * X)
    np.testing.assert_allclose(tg.grad(lambda x: h(x, "same").sum())(X), np.ones(3))


# ---- one evaluation, and what rules may call -----------------------------------------------------

SPARSE = sp.csr_matrix(np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]]))
DENSE = SPARSE.toarray()
DERIVATIVES: dict[str, Any] = {
    "grad": tg.grad,
    "hessian": tg.hessian,
    "jvp": lambda f: lambda x: tg.jvp(f, (x,), (Y,))[1],
    "reverse twice": lambda f: tg.jacrev(tg.jacrev(f)),
    "forward twice": lambda f: tg.jacfwd(tg.jacfwd(f)),
    "third": lambda f: tg.jacrev(tg.hessian(f)),
    "hvp": lambda f: lambda x: tg.hvp(f, x, Y),
    "mapped": lambda f: lambda x: tg.vmap(tg.hessian(f))(np.stack([x, Y])),
}
derivatives = pytest.mark.parametrize("derive", DERIVATIVES.values(), ids=DERIVATIVES)


def counted() -> tuple[Any, list[int]]:
    """x sin x, whose residuals are x and sin x, and how often forward and the function ran."""
    runs = [0, 0]

    def f(x: Any) -> Any:
        runs[1] += 1
        return np.sin(x) * x

    def forward(x: Any) -> Any:
        runs[0] += 1
        s = np.sin(x)
        return s * x, (s, x)

    made = tg.custom_vjp(f)
    made.defvjp(forward, lambda r, g: (g * (r[0] + r[1] * np.cos(r[1])),))
    return made, runs


def test_forward_runs_once_for_all_pullbacks() -> None:
    f, runs = counted()
    f(X)
    assert runs == [0, 1]
    _, pull = tg.vjp(f, X)
    for c in (X, Y):
        close(pull(c)[0], c * (np.sin(X) + X * np.cos(X)))
    assert runs == [1, 1]
    for derive, most in ((tg.grad, 1), (tg.jacrev, 1), (tg.jacobian, 1), (tg.hessian, 2)):
        f, runs = counted()
        loss = lambda x, f=f: f(x).sum()
        close(derive(loss)(X), derive(lambda x: (np.sin(x) * x).sum())(X))
        assert runs == [most, 0]  # sin x, a residual, is differentiated for the Hessian


def test_a_call_on_arrays_is_the_function() -> None:
    f, runs = counted()
    frames = []

    def watch(frame: Any, event: str, arg: Any) -> None:
        if event == "call":
            frames.append(frame.f_code.co_name)

    for x in (X, 0.3, np.float32(0.3)):
        frames.clear()
        sys.setprofile(watch)
        try:
            f(x)
        finally:
            sys.setprofile(None)
        assert frames == ["__call__", "f"]
    assert runs[0] == 0


def test_a_forward_that_draws() -> None:
    rng = np.random.default_rng(0)

    def masked(x: Any) -> Any:
        mask = rng.random(x.shape) < 0.5
        return x * x * mask, (mask, x)

    drop = tg.custom_vjp(lambda x: masked(x)[0])
    drop.defvjp(masked, lambda r, g: (2 * g * r[0] * r[1],))
    ones = np.ones(1000)
    value, slope = tg.value_and_grad(lambda x: drop(x).sum())(ones)
    assert value == slope.sum() / 2
    y, pull = tg.vjp(drop, ones)
    for _ in range(2):
        close(pull(ones)[0], 2 * y)
    close(tg.jvp(lambda x: tg.vjp(drop, x)[1](ones)[0], (ones,), (ones,))[1] % 2, 0 * ones)


@derivatives
def test_a_rule_that_calls_its_own_function(derive: Any) -> None:
    @tg.custom_jvp
    def triple(x: Any) -> Any:
        return 3 * x

    triple.defjvp(lambda p, t: (triple(*p), triple(*t)))
    close(
        derive(lambda x: np.sin(triple(triple(x) * x)).sum())(X),
        derive(lambda x: np.sin(9 * x * x).sum())(X),
    )
    replayed = tg.jit(tg.grad(lambda x: (triple(x) ** 2).sum()))
    close(replayed(Y), 18 * Y)
    close(replayed(X), 18 * X)
    assert tg.grad(triple)(1.0) == 3


@derivatives
def test_rules_that_call_each_other(derive: Any) -> None:
    sine, cosine = tg.custom_jvp(lambda x: np.sin(x)), tg.custom_jvp(lambda x: np.cos(x))
    sine.defjvp(lambda p, t: (sine(*p), cosine(*p) * t[0]))
    cosine.defjvp(lambda p, t: (cosine(*p), -sine(*p) * t[0]))
    close(
        derive(lambda x: (sine(x) * cosine(2 * x)).sum())(X),
        derive(lambda x: (np.sin(x) * np.cos(2 * x)).sum())(X),
    )


def compiled() -> tuple[Any, Any]:
    """Products with a sparse matrix and its transpose, by compiled code."""
    product = tg.custom_vjp(lambda x: SPARSE @ np.asarray(x))
    transposed = tg.custom_vjp(lambda x: SPARSE.T @ np.asarray(x))
    return product, transposed


@pytest.mark.parametrize("rules", ["reverse", "both"])
@derivatives
def test_compiled_code_of_any_order(derive: Any, rules: str) -> None:
    product, transposed = compiled()
    for f, t in ((product, transposed), (transposed, product)):
        f.defvjp(lambda x, f=f: (f(x), None), lambda _, g, t=t: (t(g),))
        if rules == "both":
            f.defjvp(lambda p, t, f=f: (f(*p), f(*t)))
    close(
        derive(lambda x: (np.sin(product(x)) ** 2).sum())(X),
        derive(lambda x: (np.sin(DENSE @ x) ** 2).sum())(X),
    )


def test_compiled_code_with_a_reverse_rule_alone() -> None:
    product, _ = compiled()
    product.__name__ = "product"
    product.defvjp(lambda x: (product(x), None), lambda _, g: (SPARSE.T @ np.asarray(g),))
    loss = lambda x: (product(x) ** 2).sum()
    close(tg.grad(loss)(X), 2 * DENSE.T @ DENSE @ X)
    for jacobian in (tg.jacobian, tg.jacrev):
        close(jacobian(product)(X), DENSE)
    close(tg.jacobian(lambda x: np.concatenate([product(x)] * 3))(X), np.concatenate([DENSE] * 3))
    close(tg.vmap(product)(np.stack([X, Y])), np.stack([DENSE @ X, DENSE @ Y]))
    close(tg.vmap(tg.grad(loss))(X[None])[0], 2 * DENSE.T @ DENSE @ X)
    tg.check_grads(loss, (X,), order=1, modes=("reverse",))
    for derive, match in (
        (lambda: tg.jvp(product, (X,), (Y,)), r"forward sweep.*product\.defjvp\(rule\)"),
        (lambda: tg.jacfwd(product)(X), r"forward sweep.*product\.defjvp\(rule\)"),
        (lambda: tg.hessian(loss)(X), r"derivative of a derivative goes through backward"),
        (lambda: tg.jit(tg.grad(loss))(X), r"jit cannot replay.*outside jit"),
    ):
        with pytest.raises(TypeError, match=r"custom_vjp product: .*" + match):
            derive()
    product.defjvp(lambda p, t: (product(*p), SPARSE @ np.asarray(t[0])))
    close(tg.jvp(product, (X,), (Y,))[1], DENSE @ Y)
    close(tg.jacfwd(product)(X), DENSE)
    tg.check_grads(product, (X,), order=1)


def test_compiled_code_with_a_forward_rule_alone() -> None:
    product = tg.custom_jvp(lambda x: SPARSE @ np.asarray(x))
    product.defjvp(lambda p, t: (product(*p), SPARSE @ np.asarray(t[0])))
    close(tg.jacfwd(product)(X), DENSE)
    with pytest.raises(TypeError, match=r"custom_jvp .*transposes the rule.*defvjp\(forward, back"):
        tg.grad(lambda x: product(x).sum())(X)
    product.defvjp(lambda x: (product(x), None), lambda _, g: (SPARSE.T @ np.asarray(g),))
    close(tg.jacrev(product)(X), DENSE)


def test_numbers_and_lists_as_results() -> None:
    square = tg.custom_vjp(lambda x: float(np.asarray(x)) ** 2)
    square.defvjp(
        lambda x: (float(np.asarray(x)) ** 2, float(np.asarray(x))), lambda x, g: (2 * g * x,)
    )
    assert tg.grad(square)(3.0) == 6
    assert tg.grad(lambda x: np.stack([square(x), x]).sum())(3.0) == 7
    for derive in (tg.grad(tg.grad(square)), tg.hessian(square)):  # no silent zero
        with pytest.raises(tg.NonDifferentiableError, match="residuals of forward"):
            derive(3.0)
    several = tg.custom_jvp(lambda x: [2.0, x * 3, (1, x[0])])
    several.defjvp(lambda p, t: (several(*p), [0.0, t[0] * 3, (0.0, t[0][0])]))

    def loss(x: Any) -> Any:
        number, y, (one, first) = several(x)
        return (y * x).sum() + number * x[0] + one * x[1] * first

    close(tg.grad(loss)(X), 6 * X + [2 + X[1], X[0], 0])
    close(tg.hessian(loss)(X), 6 * np.eye(3) + [[0, 1, 0], [1, 0, 0], [0, 0, 0]])


def test_keyword_arguments() -> None:
    power = tg.custom_vjp(lambda x, n=2: x**n, nondiff_argnums=(1,))
    power.defvjp(lambda x, n=2: (x**n, x), lambda n, x, g: (g * n * x ** (n - 1),))
    assert tg.grad(lambda x: power(x, n=3))(2.0) == 12
    assert tg.grad(lambda x: power(n=3, x=x))(2.0) == 12
    assert power(2.0, n=3) == 8
    named = tg.custom_jvp(lambda x, *, scale=1.0: x * scale)
    named.defjvp(lambda p, t: (p[0], t[0]))
    with pytest.raises(TypeError, match=r"custom_jvp.*position.*'scale'"):
        named(X, scale=2.0)


# ---- rules that are wrong -----------------------------------------------------------------------


def test_a_rule_must_be_given() -> None:
    def named(x: Any) -> Any:
        return x

    with pytest.raises(TypeError, match=r"custom_vjp named.*named\.defvjp"):
        tg.custom_vjp(named)(X)
    with pytest.raises(TypeError, match=r"custom_jvp named.*named\.defjvp"):
        tg.custom_jvp(named)(X)


@pytest.mark.parametrize(
    ("forward", "backward"),
    [
        (lambda x: x * 2, lambda r, g: (g,)),  # no pair
        (lambda x: (x * 2, None, None), lambda r, g: (g,)),
        (lambda x: (x * 2, None), lambda r, g: g),  # no tuple
        (lambda x: (x * 2, None), lambda r, g: (g, g)),
        (lambda x: (x * 2, None), lambda r, g: (np.ones(5),)),
        (
            lambda x: (x * 2, None),
            lambda r, g: (np.ones((2, 3)),),
        ),  # fits by summing, and is refused
        (lambda x: (x * 2, None), lambda r, g: (np.float64(1.0),)),  # fits by broadcasting
        (lambda x: (x * 2, None), lambda r, g: (np.ones((3, 1)),)),
        (lambda x: (x * 2, None), lambda r, g: ({"a": g},)),
    ],
)
def test_a_wrong_reverse_rule_is_named(forward: Any, backward: Any) -> None:
    def wrong(x: Any) -> Any:
        return x * 2

    f = tg.custom_vjp(wrong)
    f.defvjp(forward, backward)
    for x in (X, X[:2]):  # an array of two unpacks like a pair, and is refused all the same
        with pytest.raises((TypeError, ValueError), match=r"custom_vjp wrong"):
            tg.grad(lambda x: f(x).sum())(x)


@pytest.mark.parametrize(
    "rule",
    [
        lambda p, t: p[0] * 2,
        lambda p, t: (p[0] * 2, np.ones(7)),
        lambda p, t: (p[0] * 2, t[0].sum()),
        lambda p, t: (p[0] * 2, {"a": t[0]}),
        lambda p, t: (p[0] * 2, t[0], t[0]),
    ],
)
def test_a_wrong_forward_rule_is_named(rule: Any) -> None:
    def wrong(x: Any) -> Any:
        return x * 2

    f = tg.custom_jvp(wrong)
    f.defjvp(rule)
    for derive in (lambda: tg.grad(lambda x: f(x).sum())(X), lambda: tg.jvp(f, (X,), (Y,))):
        with pytest.raises((TypeError, ValueError), match=r"custom_jvp wrong"):
            derive()


# ---- checkpoint ---------------------------------------------------------------------------------


def test_checkpoint_runs_again_only_when_a_sweep_reaches_it() -> None:
    calls = []

    def body(x: Any) -> Any:
        calls.append(1)
        return np.tanh(W @ x)

    block = tg.checkpoint(body)
    block(X)
    assert len(calls) == 1
    calls.clear()
    tg.vjp(block, X)
    assert len(calls) == 1
    calls.clear()
    tg.grad(lambda x: block(x).sum())(X)
    assert len(calls) == 2
    calls.clear()
    tg.grad(lambda x: x.sum() + 0 * len(block(x)))(X)  # called, but no part of the result
    assert len(calls) == 1


def test_checkpoints_nest_and_close_over_nothing_lost() -> None:
    inner = tg.checkpoint(lambda x: np.sin(x) * x)
    outer = tg.checkpoint(lambda x, s: inner(inner(x) * s).sum())
    wave = lambda z: np.sin(z) * z
    bare = lambda x, s: wave(wave(x) * s).sum()
    close(tg.grad(outer, (0, 1))(X, 0.7), tg.grad(bare, (0, 1))(X, 0.7))
    close(tg.hessian(outer, (0, 1))(X, 0.7), tg.hessian(bare, (0, 1))(X, 0.7))


def test_checkpoint_passes_static_arguments_and_empty_trees() -> None:
    block = tg.checkpoint(lambda x, n, flag, none: {"y": x**n if flag else x, "n": none})
    f = lambda x: block(x, 3, True, None)["y"].sum()
    np.testing.assert_allclose(tg.grad(f)(X), 3 * X**2)
    np.testing.assert_allclose(tg.hessian(f)(X), np.diag(6 * X))


@pytest.mark.parametrize("wrap", ["checkpoint", "custom_vjp", "custom_jvp"])
def test_a_closure_over_a_recorded_tensor_is_refused_or_followed(wrap: str) -> None:
    """A derivative with respect to what the function captured may not vanish in silence."""

    def f(w: Any) -> Any:
        g = lambda x: x * w
        if wrap == "checkpoint":
            block = tg.checkpoint(g)
        elif wrap == "custom_vjp":
            block = tg.custom_vjp(g)
            block.defvjp(lambda x: (g(x), None), lambda _, c: (c * w,))
        else:
            block = tg.custom_jvp(g)
            block.defjvp(lambda p, t: (g(*p), t[0] * w))
        x = w * 2.0  # on the tape too, so that the call is recorded
        return block(x)

    try:
        found = tg.grad(f)(3.0)  # 2w² → 4w
    except (TypeError, ValueError) as refusal:
        assert "argument" in str(refusal) or "captur" in str(refusal) or "clos" in str(refusal)
    else:
        np.testing.assert_allclose(found, 12)


def test_checkpoint_of_a_stochastic_function_is_not_silently_wrong_about_structure() -> None:
    """It must give the same structure each time; a change is an error, not a wrong number."""
    calls = []

    def changing(x: Any) -> Any:
        calls.append(1)
        return x * 2 if len(calls) == 1 else (x * 2, x)

    with pytest.raises((TypeError, ValueError)):
        tg.grad(lambda x: tg.checkpoint(changing)(x).sum())(X)
