"""Names follow from rows: of the library's primitives, and of those that a user declares.

And what is generated of them (the index, the type stubs) is fresh and is shipped.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import coverage_page
import numpy as np
import pytest
import scipy.special
from test_packaging import ROOT, built  # noqa: F401

import tinygrad_hess as tg
from tinygrad_hess.core.boundary import bare
from tinygrad_hess.core.registry import REGISTRY
from tinygrad_hess.ops._names import OPERATIONS
from tinygrad_hess.ops.elementwise import trigonometric
from tools import public_names

NAMES = sorted(row.name for row in REGISTRY.values() if row.is_ours)


@pytest.fixture
def registry() -> Iterator[dict[str, Any]]:
    """What is declared in a test is not left behind."""
    before = dict(REGISTRY)
    yield REGISTRY
    REGISTRY.clear()
    REGISTRY.update(before)


def declare_step(name: str = "nextafter") -> Callable[..., Any]:
    """A ufunc that the library has no row for; its slope in the first operand is 1."""
    return tg.elementwise(
        name, np.nextafter, lambda g, y, a, b: 1.0 * g, None, domain=((0, 1), (2, 3))
    )


def run(program: str) -> str:
    """What a program prints in an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# ---- the package itself -------------------------------------------------------------------------

PUBLIC = """
    CheckError NanError NonDifferentiableError TapeReleasedError Tensor TracingError bilinear
    check_finite check_grads checkpoint curvature custom_jvp custom_vjp data debug_nans elementwise enable_grad
    grad hessian hvp io jacfwd jacobian jacrev jit jvp linear linearize nan_safe nn no_grad no_replay
    numpy ode ops optim parallel_map scipy sparsity stop_gradient structured supported tensor value_and_grad
    variadic viz vjp vmap zero ravel scan
"""


def test_the_package_lists_public_names_alone() -> None:
    program = """
import tinygrad_hess as tg
print(*(name for name in dir(tg) if name[0] != "_"))
for name in dir(tg):
    getattr(tg, name)
print(*sorted(name for name in vars(tg) if name[0] != "_"))
"""
    listed, present = (set(line.split()) for line in run(program).splitlines())
    assert listed == {*PUBLIC.split()}
    assert present == listed - {"parallel_map", "sparsity", "supported"}


def test_internal_packages_are_imported_as_any_other() -> None:
    program = """
import pickle
import tinygrad_hess.core.tensor
import tinygrad_hess.transforms.sparse.coloring as coloring
from tinygrad_hess import core, replay
Tensor = tinygrad_hess.core.tensor.Tensor
print(core.tensor.Tensor is Tensor is type(pickle.loads(pickle.dumps(Tensor(1.0)))))
print(coloring is tinygrad_hess.transforms.sparse.coloring, "core" in vars(tinygrad_hess))
"""
    assert run(program).split() == ["True", "True", "False"]


# ---- the library's rows -------------------------------------------------------------------------


def test_each_row_is_an_operation() -> None:
    assert all(callable(getattr(tg.ops, name)) for name in NAMES)
    assert set(NAMES) <= set(dir(tg.ops))


def test_each_name_of_the_index_is_what_it_says() -> None:
    assert {n for n in NAMES if "tinygrad_hess.scipy" not in REGISTRY[n].module} <= set(OPERATIONS)
    for name, place in OPERATIONS.items():
        module, _, attribute = place.partition(":")
        found = getattr(sys.modules[f"tinygrad_hess.ops.{module}"], attribute or name)
        assert bare(getattr(tg.ops, name)) is found


def test_rows_that_numpy_has_are_in_its_namespace_and_methods() -> None:
    x = tg.tensor([0.3, 0.6], requires_grad=True)
    for name in ("sin", "logaddexp", "rint", "spacing", "invert"):
        assert getattr(tg.numpy, name) is REGISTRY[name].call
        assert getattr(x, name).__func__ is REGISTRY[name].call
    assert x.mod.__func__ is REGISTRY["remainder"].call  # another name of NumPy's for it


def test_importing_the_package_and_looking_for_names_loads_no_scipy() -> None:
    program = """
import sys, numpy as np, tinygrad_hess as tg
from tinygrad_hess.ops import stop_gradient, tanh
x = tg.tensor([1.0, 2.0], requires_grad=True)
tg.ops.sin(x), tg.numpy.add(x, x), tg.numpy.histogram, x.hypot(x), dir(tg.ops), hasattr(x, "gcd")
try:
    np.histogram(x)
except tg.NonDifferentiableError:
    print([m for m in sys.modules if m.partition(".")[0] == "scipy"], tg.ops.gammaln(3.0))
"""
    assert run(program).startswith("[] 0.693")


def test_a_name_of_a_slow_module_is_found_without_all_the_others() -> None:
    program = """
import sys, tinygrad_hess as tg
from tinygrad_hess.ops import erfcx
print(erfcx.primitive.name, "tinygrad_hess.ops.special.bessel" in sys.modules)
"""
    assert run(program) == "erfcx False"


def test_a_row_that_the_index_does_not_know_is_found() -> None:
    program = """
import tinygrad_hess as tg
tg.ops._names.OPERATIONS.clear()
print(tg.ops.deg2rad.__name__, tg.ops.erfcx.__name__)
"""
    assert run(program) == "deg2rad erfcx"


def test_submodules_are_still_imported_by_name() -> None:
    assert run("from tinygrad_hess.ops.linalg import polar; print(polar.__name__)").endswith(
        "ops.linalg.polar"
    )


# ---- a user's rows ------------------------------------------------------------------------------


def test_a_row_of_numpys_name_is_found_everywhere(registry: Any) -> None:
    x, y = np.array([0.3, 0.6]), np.array([2.0, -2.0])
    with pytest.raises(tg.NonDifferentiableError, match=r"numpy\.nextafter.*one rounding"):
        tg.grad(lambda x: np.nextafter(x, y).sum())(x)
    step = declare_step()
    assert tg.ops.nextafter is step
    assert tg.numpy.nextafter is step
    assert "nextafter" in dir(tg.ops)
    for way in (tg.ops.nextafter, tg.numpy.nextafter, np.nextafter, lambda a, b: a.nextafter(b)):
        f = lambda x, way=way: np.sum(way(x, y) ** 2)
        np.testing.assert_array_equal(tg.grad(f)(x), 2 * np.nextafter(x, y))
        np.testing.assert_array_equal(tg.jit(tg.grad(f))(x), 2 * np.nextafter(x, y))
        np.testing.assert_array_equal(tg.hvp(f, x, x), 2 * x)
        batch = np.stack([x, 2 * x])
        np.testing.assert_array_equal(tg.vmap(tg.grad(f))(batch), 2 * np.nextafter(batch, y))
    assert isinstance(np.nextafter(tg.tensor(x), y), tg.Tensor)
    assert type(np.nextafter(x, y)) is np.ndarray


def test_a_row_of_another_name_answers_the_ufunc_that_it_computes(registry: Any) -> None:
    step = declare_step("one_step_further")
    assert tg.ops.one_step_further is step
    assert tg.numpy.nextafter is step
    slope = tg.grad(lambda x: 3 * np.nextafter(x, 1.0))(0.5)
    assert slope == tg.grad(lambda x: 3 * x.nextafter(1.0))(0.5) == 3
    with pytest.raises(AttributeError, match="one_step_further"):
        _ = tg.numpy.one_step_further


def test_a_row_that_numpy_lacks_is_an_operation_alone(registry: Any) -> None:
    twice = tg.linear("twice", lambda x: 2 * x, lambda g, y, x: 2 * g)
    assert tg.ops.twice is twice
    assert tg.grad(tg.ops.twice)(1.0) == 2
    for there in (tg.numpy, tg.tensor(1.0)):
        assert not hasattr(there, "twice")


def test_a_row_with_the_name_of_a_function_of_numpys_takes_its_arguments(registry: Any) -> None:
    """It is no ufunc, so it is no method."""
    tg.linear("sort_complex", lambda x: x[..., ::-1], lambda g, y, x: g[..., ::-1])
    x = np.arange(3.0)
    np.testing.assert_array_equal(tg.grad(lambda x: x @ np.sort_complex(x))(x), [4, 2, 0])
    assert not hasattr(tg.tensor(x), "sort_complex")


def test_a_row_with_static_parameters_takes_them_as_keywords(registry: Any) -> None:
    tg.linear(
        "mirrored",
        lambda x, *, axis: np.flip(x, axis),
        lambda g, y, x, axis: tg.ops.mirrored(g, axis=axis),
    )
    x = np.arange(3.0)
    got = tg.grad(lambda x: x @ tg.ops.mirrored(x, axis=-1))(x)
    np.testing.assert_array_equal(got, [4, 2, 0])


def test_a_special_function_that_the_library_lacks_is_answered(registry: Any) -> None:
    f = lambda x: scipy.special.voigt_profile(x, 1.0, 0.0)
    with pytest.raises(tg.NonDifferentiableError, match="voigt_profile"):
        tg.grad(f)(0.5)
    tg.elementwise(
        "voigt_profile",
        lambda x, sigma, gamma: scipy.special.voigt_profile(x, sigma, gamma),
        lambda g, y, x, sigma, gamma: -g * y * x / sigma**2,  # without gamma, a normal density
        None,
        None,
    )
    assert tg.grad(f)(0.5) == pytest.approx(-0.5 * np.exp(-0.125) / np.sqrt(2 * np.pi))


def test_what_the_library_names_goes_before_rows(registry: Any) -> None:
    before = [space.median for space in (tg.ops, tg.numpy, tg.Tensor)]
    tg.elementwise("median", np.sin, lambda g, y, x: g, domain=(0, 1))
    assert before == [space.median for space in (tg.ops, tg.numpy, tg.Tensor)]
    assert np.median(tg.tensor([1.0, 3.0], requires_grad=True)).item() == 2


# ---- what is not there --------------------------------------------------------------------------


def test_errors_name_what_is_missing() -> None:
    with pytest.raises(AttributeError, match=r"no operation 'tanhh'.*is it one of.*\btanh\b"):
        _ = tg.ops.tanhh
    with pytest.raises(ImportError, match="cannot import name 'tanhh'"):
        from tinygrad_hess.ops import tanhh  # noqa: F401
    with pytest.raises(AttributeError, match="no attribute '_tanh'"):
        _ = tg.ops._tanh
    x = tg.tensor([1.0])
    with pytest.raises(AttributeError, match=r"'gcd'.*no elementwise primitive.*numpy\.gcd"):
        _ = x.gcd
    with pytest.raises(AttributeError, match="tanhh"):
        _ = x.tanhh


def test_tensors_have_no_attribute_that_nobody_declared() -> None:
    """NumPy asks for some of these, and must not find them."""
    x = tg.tensor([1.0], requires_grad=True)
    probes = ["__array_interface__", "__array_struct__", "__buffer__", "__cuda_array_interface__"]
    for name in (*probes, "gcd", "nextafter", "isnat", "lcm"):
        assert not hasattr(x, name)
        assert not hasattr(tg.Tensor, name)


def test_what_nobody_declared_is_still_refused() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    for call in (lambda: np.nextafter(x, 1.0), lambda: np.histogram(x), lambda: np.lcm(x, 2)):
        with pytest.raises(tg.NonDifferentiableError, match=r"numpy\.\w+\("):
            call()


# ---- the page -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["numpy.nextafter", "scipy.special.erfcx"])
def test_the_page_of_coverage_tries_a_new_row_by_itself(
    registry: Any, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert path in coverage_page.names()
    if path == "numpy.nextafter":
        assert coverage_page.examine(path, deep=False).kind == "unsupported"
        declare_step()
    else:  # as if nobody had named it in tinygrad_hess.scipy.special
        monkeypatch.delitem(tg.numpy._protocols.TABLE, scipy.special.erfcx, raising=False)
        monkeypatch.delitem(tg.scipy.special.UFUNCS, scipy.special.erfcx)
        monkeypatch.delattr(tg.scipy.special, "erfcx")
    found = coverage_page.examine(path, deep=False)
    assert found.kind == "differentiable"
    assert {"value", "jvp", "vjp"} <= {*found.modes}


# ---- what is generated --------------------------------------------------------------------------


def test_files_of_names_are_fresh() -> None:
    assert [*public_names.stale()] == [], "make names"


def test_a_row_that_is_not_written_down_is_noticed(
    registry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trigonometric, "secant", None, raising=False)
    row = 'secant = elementwise("secant", lambda x: 1 / cos(x), lambda g, y, x: g * y * y * sin(x))'
    exec(row, vars(trigonometric))
    assert tg.ops.secant is trigonometric.secant  # type: ignore[attr-defined]
    assert tg.grad(tg.ops.secant)(0.5) == pytest.approx(np.tan(0.5) / np.cos(0.5))
    stale = {path.relative_to(ROOT).as_posix() for path in public_names.stale()}
    assert stale == {"ops/_names.py", "ops/__init__.pyi"}


def test_stubs_say_what_is_there() -> None:
    """A parameter of theirs is one of the method's, and names bring what they say."""
    text = public_names.files()[ROOT / "tinygrad_hess" / "tensor_methods" / "_stubs.pyi"]
    (made,) = (node for node in ast.parse(text).body if isinstance(node, ast.ClassDef))
    methods = {f.name: f for f in made.body if isinstance(f, ast.FunctionDef)}
    assert {"sum", "tanh", "__add__", "T", "reshape", "invert", "zeros"} <= {*methods}
    assert all(hasattr(tg.Tensor, name) for name in methods)
    total = methods["sum"].args
    assert {"axis", "keepdims", "dim", "keepdim"} <= {
        a.arg for a in [*total.args, *total.kwonlyargs]
    }
    assert ast.get_docstring(methods["sum"])
    assert "shape" not in methods  # that is said in the class itself


@pytest.mark.slow
def test_the_wheel_holds_index_and_stubs(built: Any) -> None:  # noqa: F811
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    paths = [path.relative_to(ROOT).as_posix() for path in public_names.files()]
    assert {f"tinygrad_hess/{path.removeprefix('tinygrad_hess/')}" for path in paths} <= {*names}
