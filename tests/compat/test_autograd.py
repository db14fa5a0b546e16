"""The drop-in for HIPS/autograd: its names, its conventions, and that code finds it as autograd."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as onp
import pytest

import tinygrad_hess as tg
import tinygrad_hess.compat.autograd as ag
import tinygrad_hess.compat.autograd.numpy as np
from tinygrad_hess.compat.autograd.builtins import isinstance as ag_isinstance
from tinygrad_hess.compat.autograd.builtins import type as ag_type
from tinygrad_hess.compat.autograd.extend import (
    VSpace,
    def_linear,
    defjvp,
    defjvp_argnum,
    defjvp_argnums,
    defvjp,
    defvjp_argnum,
    defvjp_argnums,
    notrace_primitive,
    primitive,
    vspace,
)
from tinygrad_hess.compat.autograd.misc import flatten
from tinygrad_hess.compat.autograd.misc.fixed_points import fixed_point
from tinygrad_hess.compat.autograd.misc.flatten import flatten_func
from tinygrad_hess.compat.autograd.misc.optimizers import adam, rmsprop, sgd
from tinygrad_hess.compat.autograd.numpy.numpy_boxes import ArrayBox
from tinygrad_hess.compat.autograd.numpy.numpy_vjps import unbroadcast_f
from tinygrad_hess.compat.autograd.scipy import signal, special, stats
from tinygrad_hess.compat.autograd.test_util import check_equivalent, check_grads, combo_check
from tinygrad_hess.compat.autograd.tracer import getval, isbox

X = onp.array([0.5, -1.0, 2.0])


def cubes(x: Any) -> Any:
    return np.sum(x**3)


# ---- operators ---------------------------------------------------------------------------------


def test_gradients() -> None:
    assert onp.allclose(ag.grad(cubes)(X), 3 * X**2)
    value, gradient = ag.value_and_grad(cubes)(X)
    assert value == cubes(X) and onp.allclose(gradient, 3 * X**2)
    assert not isbox(value)
    gradient, aux = ag.grad_and_aux(lambda x: (cubes(x), np.sin(x)))(X)
    assert onp.allclose(gradient, 3 * X**2) and onp.allclose(aux, onp.sin(X))
    assert onp.allclose(ag.elementwise_grad(np.tanh)(X), 1 - onp.tanh(X) ** 2)
    assert onp.allclose(ag.egrad(ag.egrad(np.sin))(X), -onp.sin(X))
    assert ag.holomorphic_grad(lambda z: z**2)(1 + 2j) == 2 + 4j
    assert ag.deriv(lambda x: x**3)(2.0) == 12


def test_argnums_are_a_number_or_a_list() -> None:
    f = lambda x, y, scale=1.0: scale * np.sum(x * y)
    assert onp.allclose(ag.grad(f, 1)(X, 2 * X, scale=3.0), 3 * X)
    first, second = ag.grad(f, [1, 0])(X, 2 * X)
    assert onp.allclose(first, X) and onp.allclose(second, 2 * X)
    with pytest.raises(AssertionError, match="argnum"):
        ag.grad(f, "x")
    assert ag.grad(f).__name__.startswith("grad_of_")


def test_gradients_have_the_structure_of_the_argument() -> None:
    tree = {"b": [X, 2.0], "a": (onp.ones((2, 2)),)}
    found = ag.grad(lambda t: np.sum(t["b"][0] * t["b"][1]) + np.sum(t["a"][0] ** 2))(tree)
    assert list(found) == ["b", "a"] and type(found["b"]) is list and type(found["a"]) is tuple
    assert onp.allclose(found["b"][0], 2.0) and found["b"][1] == onp.sum(X)


def test_arrays_of_size_one_are_scalars_and_others_are_not() -> None:
    assert onp.allclose(ag.grad(lambda x: np.sum(x**2, keepdims=True))(X), 2 * X)
    with pytest.raises(TypeError, match="scalar-output"):
        ag.grad(np.sin)(X)
    with pytest.raises(TypeError, match="scalar-output"):
        ag.grad(lambda x: x * 1j)(1.0)
    with pytest.raises(TypeError, match="real-output"):
        ag.elementwise_grad(lambda x: x * 1j)(1.0)


def test_integers() -> None:
    assert onp.allclose(ag.grad(cubes)(onp.array([1, 2])), [3.0, 12.0])
    for x in (3, onp.int64(3)):
        with pytest.raises(TypeError, match="Can't differentiate"):
            ag.grad(lambda x: x**2)(x)


def test_what_does_not_depend_on_the_argument_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="independent of input"):
        assert ag.grad(lambda x: 3.0)(2.0) == 0.0
    with pytest.warns(UserWarning, match="independent of input"):
        ag.grad(lambda x: ag.grad(lambda y: x)(1.0) + x)(2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ag.grad(lambda x: x)(2.0)


def test_jacobians_and_hessians() -> None:
    f = lambda x: np.stack([x[0] * x[1], np.sin(x[2])])
    assert onp.allclose(ag.jacobian(f)(X), [[-1, 0.5, 0], [0, 0, onp.cos(2)]])
    assert onp.allclose(ag.hessian(cubes)(X), onp.diag(6 * X))
    assert ag.hessian(f)(X).shape == (2, 3, 3)


def test_products() -> None:
    f = lambda x: np.roll(np.sin(x), 1)
    J, H, v = ag.jacobian(f)(X), onp.diag(6 * X), onp.array([1.0, 2.0, 3.0])
    pull, value = ag.make_vjp(f)(X)
    assert onp.allclose(pull(v), v @ J) and onp.allclose(value, f(X))
    value, tangent = ag.make_jvp(f)(X)(v)
    assert onp.allclose(tangent, J @ v) and onp.allclose(value, f(X))
    assert onp.allclose(ag.make_jvp_reversemode(f)(X)(v), J @ v)
    product, gradient = ag.make_hvp(cubes)(X)
    assert onp.allclose(product(v), H @ v) and onp.allclose(gradient, 3 * X**2)
    assert onp.allclose(ag.hessian_vector_product(cubes)(X, v), H @ v)
    assert onp.allclose(ag.vector_jacobian_product(f)(X, v), v @ J)
    assert onp.allclose(ag.make_ggnvp(f)(X)(v), J.T @ J @ v)


def test_named_arguments() -> None:
    f = lambda a, b=2.0, *, c=3.0: a * b**2 * c
    assert ag.grad_named(lambda a, b: a * b**2, "b")(1.0, 3.0) == 6
    assert ag.multigrad_dict(f)(1.0) == {"a": 12.0, "b": 12.0, "c": 4.0}


def test_checkpoint() -> None:
    f = lambda x, scale=1.0: np.sum(np.sin(x) ** 2) * scale
    assert onp.allclose(ag.grad(ag.checkpoint(f))(X, scale=2.0), ag.grad(f)(X, scale=2.0))


# ---- primitives --------------------------------------------------------------------------------


def cubic(give_rule: Any) -> Any:
    """a**3 b, as a primitive with a keyword and a function, which is called on plain values."""

    @primitive
    def f(a: Any, b: Any, power: int = 2, wrapper: Any = None) -> Any:
        assert not isbox(a) and not isbox(b)
        return wrapper(a**power * b)

    give_rule(f)
    return lambda a, b: f(a, b, power=3, wrapper=onp.asarray)


VJPS = {
    "defvjp": lambda f: defvjp(
        f,
        lambda ans, a, b, power, wrapper: unbroadcast_f(a, lambda g: g * power * ans / a),
        lambda ans, a, b, power, wrapper: unbroadcast_f(b, lambda g: g * a**power),
    ),
    "defvjp_argnum": lambda f: defvjp_argnum(
        f,
        lambda i, ans, args, kwargs: unbroadcast_f(
            args[i], lambda g: g * (3 * ans / args[0] if i == 0 else args[0] ** 3)
        ),
    ),
    "defvjp_argnums": lambda f: defvjp_argnums(  # not summed to the shape of b, which is allowed
        f,
        lambda nums, ans, args, kwargs: (
            lambda g: [[g * 3 * ans / args[0], g * args[0] ** 3][i] for i in nums]
        ),
    ),
}
JVPS = {
    "defjvp": lambda f: defjvp(
        f,
        lambda t, ans, a, b, power, wrapper: t * power * ans / a,
        lambda t, ans, a, b, power, wrapper: t * a**power,
    ),
    "defjvp_argnum": lambda f: defjvp_argnum(
        f, lambda i, t, ans, args, kwargs: t * (3 * ans / args[0] if i == 0 else args[0] ** 3)
    ),
    "defjvp_argnums": lambda f: defjvp_argnums(
        f,
        lambda nums, ts, ans, args, kwargs: sum(
            t * (3 * ans / args[0] if i == 0 else args[0] ** 3)
            for i, t in zip(nums, ts, strict=True)
        ),
    ),
}
A, B = onp.array([1.0, 2.0]), 3.0


@pytest.mark.parametrize("rule", VJPS)
def test_reverse_rules_in_every_form_give_derivatives_of_any_order(rule: str) -> None:
    f = cubic(VJPS[rule])
    g = lambda a, b: np.sum(f(a, b))
    first, second = ag.grad(g, (0, 1))(A, B)
    assert onp.allclose(first, 9 * A**2) and onp.allclose(second, 9.0)
    assert onp.allclose(ag.hessian(g)(A, B), onp.diag(18 * A))
    assert onp.allclose(ag.jacobian(f)(A, B), onp.diag(9 * A**2))
    assert onp.allclose(ag.make_hvp(g)(A, B)[0](A), 18 * A**2)
    assert onp.allclose(ag.make_jvp_reversemode(f)(A, B)(A), 9 * A**3)
    assert onp.allclose(ag.make_ggnvp(f)(A, B)(A), 81 * A**5)
    assert onp.allclose(ag.grad(lambda b: np.sum(ag.grad(g)(A, b)) * b)(B), 2 * 45)
    with pytest.raises(NotImplementedError, match="JVP"):
        ag.deriv(f)(A, B)


@pytest.mark.parametrize("rule", JVPS)
def test_forward_rules_in_every_form(rule: str) -> None:
    f = cubic(JVPS[rule])
    assert onp.allclose(ag.deriv(f)(A, B), 9 * A**2)
    assert onp.allclose(ag.deriv(f, 1)(A, B), A**3)
    assert onp.allclose(ag.deriv(ag.deriv(f))(A, B), 18 * A)
    with pytest.raises(NotImplementedError, match="VJP"):
        ag.grad(f)(2.0, B)


def test_rules_that_look_at_their_cotangents_are_swept_in_reverse() -> None:
    """Where a rule takes values, the transpose of the rule would be zero."""
    slope = primitive(lambda x: 3 * x**2)
    defvjp(slope, lambda ans, x: lambda g: getval(g) * 6 * getval(x))
    cube = primitive(lambda x: x**3)
    defvjp(cube, lambda ans, x: lambda g: g * slope(x))
    f = lambda x: np.sum(cube(x))
    assert onp.allclose(ag.hessian(f)(X), onp.diag(6 * X))
    assert onp.allclose(ag.make_hvp(f)(X)[0](X), 6 * X**2)
    assert onp.allclose(ag.hessian_vector_product(f)(X, X), 6 * X**2)


def test_missing_and_wrong_rules_are_named() -> None:
    f = primitive(lambda x, y: x * y)
    with pytest.raises(NotImplementedError, match="VJP"):
        ag.grad(f)(1.0, 2.0)
    defvjp(f, lambda ans, x, y: lambda g: g * y, argnums=[0])
    assert ag.grad(f)(1.0, 2.0) == 2
    with pytest.raises(NotImplementedError, match=r"\[1\]"):
        ag.grad(f, 1)(1.0, 2.0)
    with pytest.raises(Exception, match="Bad VJP"):
        defvjp(f, "zero")
    defvjp(f, None, lambda ans, x, y: lambda g: g * x)
    assert ag.grad(f)(1.0, 2.0) == 0


def test_linear_primitives() -> None:
    f = primitive(lambda x, y: x * y)
    def_linear(f)
    assert ag.deriv(f)(2.0, 3.0) == 3 and ag.deriv(f, 1)(2.0, 3.0) == 2
    defjvp(f, "same", None)
    assert ag.deriv(f)(2.0, 3.0) == 3 and ag.deriv(f, 1)(2.0, 3.0) == 0


def test_a_rule_that_looks_at_its_cotangent_still_gives_a_jacobian() -> None:
    square = primitive(lambda x: x**2)
    defvjp(square, lambda ans, x: lambda g: onp.asarray(g) * 2 * x)
    assert onp.allclose(ag.jacobian(square)(X), onp.diag(2 * X))


def test_rules_of_the_librarys_own_functions_stay() -> None:
    defvjp(np.sin, lambda ans, x: lambda g: 7.0)
    assert ag.grad(np.sin)(0.0) == 1


def test_methods_and_values() -> None:
    class Model:
        @primitive
        def square(self, x: Any) -> Any:
            return x**2

    defvjp(Model.square, None, lambda ans, self, x: lambda g: 2 * g * x)
    assert ag.grad(Model().square)(3.0) == 6
    name = notrace_primitive(lambda x: type(x).__name__)
    seen = []
    ag.grad(lambda x: seen.extend([name(x), isbox(x), getval([x])]) or x)(1.0)
    assert seen == ["float64", True, [1.0]]


# ---- values ------------------------------------------------------------------------------------


def test_types_of_recorded_values() -> None:
    def f(x: Any) -> Any:
        assert isinstance(x, ArrayBox) and ag_isinstance(x, onp.ndarray)
        assert ag_type(x) is onp.ndarray and np.int64(x).dtype == onp.int64
        return np.sum(x)

    ag.grad(f)(X)


def test_where_of_pythons_numbers_is_pythons() -> None:
    assert onp.array_equal(np.where(X > 0)[0], [0, 2])
    assert type(np.where(True, 1, 2)) is int and np.where(False, [1], [2]) == [2]
    assert type(np.where(True, onp.float32(1), 2)).__module__ == "numpy"
    with pytest.raises(ValueError, match="neither"):
        np.where(True, 1)


def test_vector_spaces() -> None:
    space = vspace({"a": X, "b": (1j, 2.0)})
    assert space.size == 6 and space == vspace({"a": 0 * X, "b": (0j, 0.0)})
    assert space != vspace({"a": X, "b": (0.0, 0.0)})
    assert len(list(space.standard_basis())) == 6
    assert space.ones()["b"][0] == 1 + 1j and space.zeros()["b"] == (0, 0)
    x, y = space.randn(), space.randn()
    assert onp.isclose(space.inner_prod(x, space.add(y, y)), 2 * space.inner_prod(x, y))
    assert onp.allclose(space.scalar_mul(space.covector(x), 2.0)["b"][0], 2 * onp.conj(x["b"][0]))

    class Length(float):
        pass

    VSpace.register(Length, lambda x: vspace(float(x)))
    assert vspace(Length(1)).size == 1
    with pytest.raises(TypeError, match="vector space"):
        vspace("x")


def test_flatten() -> None:
    tree = {"b": X, "a": [onp.ones((2, 2)), 3.0]}
    flat, unflatten = flatten(tree)
    assert onp.allclose(flat, [1, 1, 1, 1, 3, *X])
    check_equivalent(unflatten(flat), tree)
    f, _, start = flatten_func(lambda t: t["b"], tree)
    assert onp.allclose(f(start), X)


@pytest.mark.parametrize("optimizer", [sgd, rmsprop, adam])
def test_optimizers_descend_on_trees(optimizer: Any) -> None:
    seen = []
    loss = lambda t, i: np.sum((t["a"] - 1) ** 2) + t["b"] ** 2
    start = {"a": X, "b": 0.5}
    end = optimizer(ag.grad(loss), start, lambda t, i, g: seen.append(i), 300, step_size=0.05)
    assert loss(end, 0) < 1e-2 and seen == list(range(300))


def test_fixed_points() -> None:
    newton = lambda a: lambda x: 0.5 * (x + a / x)
    distance = lambda x, y: abs(x - y)
    root = lambda a: fixed_point(newton, a, 1.0, distance, 1e-12)
    assert onp.isclose(ag.grad(root)(2.0), 0.5 / 2**0.5)
    assert onp.isclose(ag.grad(ag.grad(root))(2.0), -0.25 / 2**1.5)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("shapes", [((5,), (3,)), ((4, 5), (2, 3)), ((2,), (4,))])
def test_convolutions(mode: str, shapes: Any, rng: onp.random.Generator) -> None:
    import scipy.signal

    a, b = map(rng.normal, (0, 0), (1, 1), shapes)
    assert onp.allclose(signal.convolve(a, b, mode=mode), scipy.signal.convolve(a, b, mode))
    check_grads(lambda a, b: signal.convolve(a, b, mode=mode), (0, 1))(a, b)


def test_convolution_of_some_axes(rng: onp.random.Generator) -> None:
    images, filters = rng.normal(size=(2, 3, 6, 5)), rng.normal(size=(3, 4, 2, 3))
    out = signal.convolve(images, filters, ([2, 3], [2, 3]), ([1], [0]), "valid")
    want = onp.zeros((2, 4, 5, 3))
    for i, j in onp.ndindex(2, 3):
        part = images[:, :, 1 - i : 6 - i, 2 - j : 5 - j]
        want += onp.einsum("nchw,co->nohw", part, filters[:, :, i, j])
    assert onp.allclose(out, want)
    swapped = signal.convolve(filters, images, ([2, 3], [2, 3]), ([0], [1]), "valid")
    assert onp.allclose(swapped, onp.moveaxis(want, 1, 0))


def test_scipy() -> None:
    assert onp.isclose(ag.grad(special.gammaln)(3.0), special.digamma(3.0))
    assert onp.isclose(ag.grad(stats.norm.logpdf)(1.0, 0.0, 2.0), -0.25)
    assert stats.dirichlet.rvs([1.0, 2.0], random_state=0).shape == (1, 2)
    cov = onp.diag([1.0, 2.0, 0.0])
    x = onp.array([1.0, 1.0, 0.0])
    got = ag.grad(lambda x: stats.multivariate_normal.logpdf(x, onp.zeros(3), cov, True))(x)
    assert onp.allclose(got, [-1.0, -0.5, 0.0])


def test_checks_find_wrong_rules() -> None:
    wrong = primitive(lambda x: x**2)
    defvjp(wrong, lambda ans, x: lambda g: g * x)
    with pytest.raises(AssertionError, match="check of"):
        check_grads(wrong, modes=["rev"])(2.0)
    combo_check(np.sum, [0], modes=["fwd"])([X, onp.ones((2, 2))], axis=[None, 0])


# ---- in place of autograd ----------------------------------------------------------------------


@pytest.fixture
def installed() -> Iterator[None]:
    ag.install()
    yield
    ag.uninstall()


MODULES = [
    "builtins",
    "core",
    "differential_operators",
    "extend",
    "misc",
    "misc.fixed_points",
    "misc.flatten",
    "misc.optimizers",
    "misc.tracers",
    "numpy",
    "numpy.fft",
    "numpy.linalg",
    "numpy.numpy_boxes",
    "numpy.numpy_jvps",
    "numpy.numpy_vjps",
    "numpy.numpy_vspaces",
    "numpy.numpy_wrapper",
    "numpy.random",
    "scipy",
    "scipy.integrate",
    "scipy.linalg",
    "scipy.signal",
    "scipy.special",
    "scipy.stats",
    "scipy.stats.norm",
    "scipy.stats.multivariate_normal",
    "test_util",
    "tracer",
    "util",
    "wrap_util",
]


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.usefixtures("installed")
def test_every_module_is_found(name: str) -> None:
    found = import_module(f"autograd.{name}")
    assert found is sys.modules[f"autograd.{name}"]
    assert "compat.autograd" in (getattr(found, "__name__", None) or type(found).__module__)


def test_installing_is_undone() -> None:
    before = {n: m for n, m in sys.modules.items() if n.split(".")[0] == "autograd"}
    ag.install()
    ag.install()
    assert sys.modules["autograd"] is ag and tg.tensor(1.0)._value == 1  # type: ignore[attr-defined]
    ag.uninstall()
    ag.uninstall()
    after = {n: m for n, m in sys.modules.items() if n.split(".")[0] == "autograd"}
    assert after == before and not hasattr(tg.Tensor, "_value")


@pytest.mark.usefixtures("installed")
def test_code_that_is_written_for_autograd_runs() -> None:
    code = """
import autograd.numpy as np, autograd.numpy.random as npr, autograd.scipy.stats.norm as norm
from autograd import grad
from autograd.misc.optimizers import adam
loss = lambda w, i: -np.sum(norm.logpdf(np.array([1.0, 3.0]), w, 1.0))
best = adam(grad(loss), 0.0, num_iters=500, step_size=0.05)
"""
    scope: dict[str, Any] = {}
    exec(code, scope)
    assert abs(scope["best"] - 2) < 1e-3


LISTING = """
import sys
from importlib import import_module
for name in sys.argv[1:]:
    for n, x in vars(import_module("autograd" + name)).items():
        whole = not name.startswith((".numpy", ".scipy"))
        if not n.startswith("_") and (whole or hasattr(x, "_is_autograd_primitive")):
            print(name, n)
"""

LISTED = ["", ".extend", ".test_util", ".misc", ".misc.flatten", ".misc.optimizers"]
LISTED += [
    f".{name}" for name in MODULES if name.startswith(("numpy", "scipy")) and "_" not in name
]


@pytest.mark.peers
def test_no_public_name_of_autograd_is_missing() -> None:
    """All names of what users import, and all primitives of NumPy's and SciPy's."""
    pytest.importorskip("autograd")
    command = [sys.executable, "-W", "ignore", "-c", LISTING, *LISTED[:-2]]  # norm is no module
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    names = [line.rpartition(" ") for line in out.splitlines()]
    assert len(names) > 500
    others = {"np", "type", "product", "test", "truncate_pad"}  # helpers, and what is imported
    assert not [
        f"{module}.{name}"
        for module, _, name in names
        if name not in others and not hasattr(import_module(ag.__name__ + module), name)
    ]


@pytest.mark.parametrize("name", ["max", "min", "amax", "amin"])
@pytest.mark.parametrize(("axis", "keepdims"), [(None, False), (None, True), (0, False), (1, True)])
def test_extremes_of_complex_numbers(name: str, axis: Any, keepdims: bool) -> None:
    """By NumPy's order: the real part first, then the imaginary one."""
    z = onp.array([[1 + 2j, 1 + 3j, -1j], [0.5, 2 - 1j, 2 + 1j]])
    f = lambda z: getattr(np, name)(z, axis=axis, keepdims=keepdims)
    assert onp.array_equal(f(z), getattr(onp, name)(z, axis=axis, keepdims=keepdims))
    g = ag.grad(lambda z: np.real(np.sum(3 * f(z))))(z)
    assert onp.array_equal(onp.unique(g), [0, 3])
    assert onp.array_equal(onp.sort(z[g == 3]), onp.sort(onp.ravel(f(z))))
    assert getattr(np, name)(1 + 2j) == 1 + 2j
