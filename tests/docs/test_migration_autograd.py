"""Whatever autograd differentiates is differentiated here, by the same name and to the same numbers.

autograd keeps its rules by function. Every function that has one, in every namespace, is called here
and there on the same arrays, and all gradients of all results are compared.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import numpy as np
import pytest
from test_migration import named, resolve, section

import tinygrad_hess as tg

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore"),  # autograd's, of no concern here
]

NAMESPACES = [
    "numpy", "numpy.fft", "numpy.linalg",
    "scipy.integrate", "scipy.linalg", "scipy.signal", "scipy.special",
    *(f"scipy.stats.{d}" for d in (
        "beta", "chi2", "dirichlet", "gamma", "multivariate_normal", "norm", "poisson", "t",
    )),
]  # fmt: skip

INSIDE = {
    "__getitem__", "_array_from_scalar_or_array", "_make_dict", "array_from_args",
    "concatenate_args", "container_take", "container_untake", "covector", "dot_adjoint_0",
    "dot_adjoint_1", "inner_prod", "jv", "make_diagonal", "make_sequence", "mut_add", "scalar_mul",
    "sequence_extend_left", "sequence_extend_right", "sparse_add", "tensordot_adjoint_0",
    "tensordot_adjoint_1", "truncate_pad", "untake",
}  # fmt: skip
"""Rules of what NumPy and SciPy do not have, such as sums in a sweep. (``jv`` stands there as jn.)"""


@pytest.fixture(scope="module")
def autograd() -> Any:
    module = pytest.importorskip("autograd")
    for name in NAMESPACES:
        importlib.import_module(f"autograd.{name}")
    return module


def functions(autograd: Any, namespace: str) -> Iterator[str]:
    """NumPy's and SciPy's that have a rule there, or are written over those, as ``numpy.tanh``."""
    module, plain = resolve(f"autograd.{namespace}"), resolve(namespace)
    for name in dir(module):
        found = getattr(module, name)
        if isinstance(found, FunctionType) and not name.startswith("_") and hasattr(plain, name):
            over = found.__module__.startswith("autograd.numpy")
            if over or found in autograd.core.primitive_vjps:
                yield f"{namespace}.{name}"


def ours(full: str) -> Any:
    """Our function of that name, or None."""
    found: Any = tg
    for part in full.split("."):
        found = getattr(found, part, None)
        if found is None:
            return None
    return found


# ---- what they are called with ------------------------------------------------------------------

RNG = np.random.default_rng(0)
LOW, OTHER, HIGH = (RNG.uniform(a, a + 0.6, size=(3, 3)) for a in (0.2, 0.2, 1.2))
SQUARE = RNG.normal(size=(3, 3))
DEFINITE = SQUARE @ SQUARE.T / 3 + np.eye(3)
EVEN, CUBE, LINE = RNG.normal(size=(4, 4)), RNG.normal(size=(2, 3, 4)), LOW.ravel()[:5]
TIMES = np.array([0.0, 0.4, 1.0])

USUAL: list[tuple[Any, ...]] = [
    (LOW,), (DEFINITE,), (HIGH,), (LOW, OTHER), (DEFINITE, OTHER), ([LOW, OTHER],), (LOW, 2),
    (2, LOW), (0.5 * LOW, OTHER, HIGH),
]  # fmt: skip
"""A function is called with the first of these that autograd differentiates; or as below."""

Call = tuple[Callable[..., Any], tuple[Any, ...]]


def _plain(*args: Any) -> Call:
    return lambda f, *given: f(*given), args


def _parameters(*values: Any) -> Any:
    """A tuple; autograd asks for its own, to differentiate what is in it."""
    return importlib.import_module("autograd.builtins").tuple(values)


def _symmetric(a: Any) -> Any:
    return (a + a.T) / 2


CALLS: dict[str, Call] = {
    "numpy.array_split": _plain(CUBE, 2, 2),
    "numpy.astype": _plain(LOW, np.float64),
    "numpy.broadcast_to": _plain(LOW[:1], (3, 3)),
    "numpy.clip": _plain(LOW, 0.3, 0.6),
    "numpy.diagonal": _plain(LOW, 0, -1, -2),
    "numpy.dsplit": _plain(CUBE, 2),
    "numpy.einsum": _plain("ij,jk->ki", LOW, OTHER),
    "numpy.full": _plain((2, 3), np.array(0.5)),
    "numpy.gradient": _plain(EVEN),
    "numpy.hsplit": _plain(LOW, 3),
    "numpy.linspace": _plain(np.array(0.2), np.array(0.9), 5),
    "numpy.moveaxis": _plain(CUBE, 0, 2),
    "numpy.outer": _plain(LINE, LOW[0]),
    "numpy.pad": _plain(LOW, 1, "constant"),
    "numpy.partition": _plain(LINE, 2),
    "numpy.reshape": _plain(LOW, (9,)),
    "numpy.rollaxis": _plain(CUBE, 2),
    "numpy.select": (
        lambda f, a, b: f([LOW > 0.5, OTHER > 0.5], [a, b], 0.25), (LOW, OTHER)
    ),
    "numpy.sort": _plain(LINE),
    "numpy.split": _plain(LOW, 3),
    "numpy.swapaxes": _plain(CUBE, 0, 2),
    "numpy.tile": _plain(LOW, (2, 2)),
    "numpy.vsplit": _plain(LOW, 3),
    "numpy.fft.irfft2": _plain(EVEN),
    "numpy.fft.irfftn": _plain(EVEN),
    "numpy.fft.rfft": _plain(EVEN),
    "numpy.fft.rfft2": _plain(EVEN),
    "numpy.fft.rfftn": _plain(EVEN),
    # signs of vectors are a matter of choice
    "numpy.linalg.eig": (lambda f, a: f(_symmetric(a))[0], (DEFINITE,)),
    "numpy.linalg.eigh": (lambda f, a: [f(_symmetric(a))[0], f(_symmetric(a))[1] ** 2], (SQUARE,)),
    "numpy.linalg.svd": (lambda f, a: f(a, full_matrices=False)[1], (SQUARE,)),
    "scipy.integrate.odeint": (
        lambda f, y, k: f(lambda y, t, k: -k * y**2, y, TIMES, _parameters(k), rtol=1e-11),
        (LOW[0], np.array(0.7)),
    ),
    "scipy.linalg.solve_banded": _plain((1, 1), LOW + [[0], [3], [0]], OTHER[0]),
    "scipy.linalg.sqrtm": _plain(DEFINITE),
    "scipy.special.betainc": _plain(2.0, 1.5, LOW),
    "scipy.special.iv": _plain(2, HIGH),
    "scipy.special.ive": _plain(2, HIGH),
    "scipy.special.jn": _plain(2, HIGH),
    "scipy.special.multigammaln": _plain(HIGH + 1, 2),
    "scipy.special.polygamma": _plain(2, HIGH),
    "scipy.special.yn": _plain(2, HIGH),
    "scipy.stats.multivariate_normal.entropy": (
        lambda f, cov: f(np.zeros(3), _symmetric(cov)), (DEFINITE,)
    ),
    "scipy.stats.beta.cdf": _plain(LOW, 2.0, 1.5),
    "scipy.stats.dirichlet.logpdf": _plain(np.array([0.2, 0.3, 0.5]), HIGH[0]),
    "scipy.stats.dirichlet.pdf": _plain(np.array([0.2, 0.3, 0.5]), HIGH[0]),
    "scipy.stats.multivariate_normal.logpdf": (
        lambda f, x, mean, a: f(x, mean, _symmetric(a)), (LOW, OTHER[0], DEFINITE)
    ),
    "scipy.stats.multivariate_normal.pdf": (
        lambda f, x, mean, a: f(x, mean, _symmetric(a)), (LOW, OTHER[0], DEFINITE)
    ),
}  # fmt: skip
"""How others are called: a function of (function, *arguments), and the arguments."""

SOLVED = {"scipy.integrate.odeint": 1e-7}
"""Where autograd's answer is that of a solver: its tolerance."""


def gradients(library: Any, function: Any, call: Call) -> list[Any]:
    """Of the weighted sum of all that a function gives, by each array that it is given."""
    how, args = call
    grad, numpy, is_sequence = library

    def total(y: Any) -> Any:
        if is_sequence(y):
            return sum((i + 1) * total(part) for i, part in enumerate(y))
        shape = getattr(y, "shape", ())
        weights = np.cos(np.arange(np.prod(shape, dtype=int))).reshape(shape)
        return numpy.sum(weights * (numpy.real(y) + 2 * numpy.imag(y)))

    varied = tuple(i for i, x in enumerate(args) if isinstance(x, (np.ndarray, list)))
    found = grad(lambda *given: total(how(function, *given)), varied)(*args)
    return [np.array(x) for g in found for x in (g if isinstance(g, list) else [g])]


OURS = (tg.grad, np, lambda y: isinstance(y, (tuple, list)))


def theirs(autograd: Any) -> Any:
    boxed = autograd.builtins.isinstance
    return autograd.grad, autograd.numpy, lambda y: boxed(y, (tuple, list))


def differentiated(autograd: Any, function: Any, calls: list[Call]) -> tuple[Call, list[Any]]:
    """The first call that autograd differentiates, and its gradients."""
    for call in calls:
        try:
            found = gradients(theirs(autograd), function, call)
        except Exception:  # arguments that the function does not take: of any kind
            continue
        if all(g.dtype == float and np.isfinite(g).all() for g in found):
            return call, found
    raise AssertionError("autograd differentiates it for none of the arguments")


# ---- the comparison -----------------------------------------------------------------------------


def compared(autograd: Any, full: str) -> list[Any] | None:
    """Our gradients and autograd's of a function; None where we have none."""
    function = ours(full)
    if function is None:
        return None
    calls = [CALLS[full]] if full in CALLS else [_plain(*args) for args in USUAL]
    call, want = differentiated(autograd, resolve(f"autograd.{full}"), calls)
    try:
        return list(zip(gradients(OURS, function, call), want, strict=True))
    except tg.NonDifferentiableError:
        return None


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_gradients_are_the_same(autograd: Any, namespace: str) -> None:
    missing = set()
    for full in functions(autograd, namespace):
        pairs = compared(autograd, full)
        if pairs is None:
            missing.add(f"tg.{full}")
        for got, want in pairs or ():
            limit = SOLVED.get(full, 1e-9) * max(np.abs(want).max(), 1e-3)
            np.testing.assert_allclose(got, want, rtol=0, atol=limit, err_msg=full)
    absent = set(named(section("autograd", "What is not there"), "tg"))
    there = {name for name in absent if name.rpartition(".")[0] == f"tg.{namespace}"}
    assert there == missing, "the guide must name what is missing, and nothing else"


def test_all_of_autograds_rules_are_seen(autograd: Any) -> None:
    names = {full for namespace in NAMESPACES for full in functions(autograd, namespace)}
    assert len(names) > 195
    rules = {rule.__name__ for rule in autograd.core.primitive_vjps}
    assert rules - {full.rpartition(".")[2] for full in names} == INSIDE
    assert set(CALLS) <= names


def test_a_wrong_gradient_is_noticed(autograd: Any) -> None:
    call = _plain(LOW)
    want = gradients(theirs(autograd), autograd.numpy.tanh, call)
    got = gradients(OURS, lambda x: np.tanh(x * 1.00001), call)
    assert abs(got[0] - want[0]).max() > 1e-7 * abs(want[0]).max()
