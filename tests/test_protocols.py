"""Every callable of numpy, numpy.linalg and numpy.fft, called on a recorded tensor.

Each call that NumPy accepts on the raw array must give one of three answers: a tensor still on the
tape, with NumPy's value and the derivative that differences give; something that carries no
derivative by nature; or a NonDifferentiableError or TypeError. Never an array of floats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg

MODULES = {"numpy": np, "numpy.linalg": np.linalg, "numpy.fft": np.fft}

# What takes no numeric operands: files, printing, settings, types, dates, functions.
NOT_NUMERIC = {
    "test",
    "show_config",
    "show_runtime",
    "get_include",
    "info",
    "set_printoptions",
    "get_printoptions",
    "printoptions",
    "save",
    "savez",
    "savez_compressed",
    "savetxt",
    "load",
    "loadtxt",
    "genfromtxt",
    "fromfile",
    "frombuffer",
    "fromstring",
    "fromregex",
    "seterr",
    "geterr",
    "seterrcall",
    "geterrcall",
    "setbufsize",
    "getbufsize",
    "datetime_data",
    "datetime_as_string",
    "busday_count",
    "busday_offset",
    "is_busday",
    "typename",
    "mintypecode",
    "issubdtype",
    "isdtype",
    "promote_types",
    "bmat",
    "asmatrix",
    "frompyfunc",
    "fromfunction",
    "fromiter",
    "from_dlpack",
    "base_repr",
    "binary_repr",
    "format_float_positional",
    "format_float_scientific",
    "nested_iters",
    "broadcast_shapes",
    "mask_indices",
    "isnat",
    "isfortran",
    "row_stack",
    "in1d",
    "trapz",
}
# What only makes arrays out of lengths and types: they accept a tensor as a template at most.
MAKERS = {
    "zeros",
    "ones",
    "empty",
    "full",
    "eye",
    "identity",
    "tri",
    "indices",
    "arange",
    "zeros_like",
    "ones_like",
    "empty_like",
    "full_like",
    "tril_indices",
    "triu_indices",
    "diag_indices",
    "bartlett",
    "blackman",
    "hamming",
    "hanning",
    "kaiser",
}
V = np.array([0.31, 0.77, 0.52, 0.68])
M = np.array([[1.41, 0.33, 0.62], [0.27, 1.73, 0.44], [0.57, 0.36, 1.58]])
LABELS = np.array([0, 2, 1, 0])

Call = Callable[[Any, Any], Any]
UNARY: list[Call] = [lambda f, x: f(x)]
BINARY: list[Call] = [
    lambda f, x: f(x, x),
    lambda f, x: f(x, 1.7),
    lambda f, x: f(1.7, x),
    lambda f, x: f(np.full(x.shape, 1.3), x),
    lambda f, x: f(x, np.float64(1.7)),
]
REDUCTION: list[Call] = [
    *UNARY,
    lambda f, x: f(x, 0),
    lambda f, x: f(x, axis=-1, keepdims=True),
    lambda f, x: f(x, axis=None),
]
ANY: list[Call] = [
    *UNARY,
    lambda f, x: f(x, x),
    lambda f, x: f(x, 1),
    lambda f, x: f(1, x),
    lambda f, x: f([x, x]),
    lambda f, x: f((x, x), axis=-1),
    lambda f, x: f(x, [0, 1]),
    lambda f, x: f(x > 0.5, x, x),
    lambda f, x: f(x, x, x),
    lambda f, x: f(x, (1, 9)),
]
OWN: dict[str, list[Call]] = {
    "acosh": [lambda f, x: f(x + 1)],
    "arccosh": [lambda f, x: f(x + 1)],
    "apply_along_axis": [lambda f, x: f(np.sum, 0, x)],
    "apply_over_axes": [lambda f, x: f(np.sum, x, [0])],
    "array": [*UNARY, lambda f, x: f([x, x])],
    "average": [
        *UNARY,
        lambda f, x: f(x, axis=0, weights=np.arange(1.0, x.shape[0] + 1)),
        lambda f, x: f(x, 0),
        lambda f, x: f(x, weights=x),
    ],
    "bincount": [lambda f, x: f(LABELS, x), lambda f, x: f(LABELS, weights=x)],
    "bitwise_and": [lambda f, x: f(x > 0.5, x > 0.6)],
    "bitwise_or": [lambda f, x: f(x > 0.5, x > 0.6)],
    "bitwise_xor": [lambda f, x: f(x > 0.5, x > 0.6)],
    "broadcast_to": [lambda f, x: f(x, (2, *x.shape))],
    "can_cast": [lambda f, x: f(np.float32, np.float64)],
    "bitwise_count": [lambda f, x: f(LABELS)],
    "invert": [lambda f, x: f(x > 0.5)],
    "bitwise_not": [lambda f, x: f(x > 0.5)],
    "bitwise_invert": [lambda f, x: f(x > 0.5)],
    "ldexp": [lambda f, x: f(x, 2)],
    "astype": [lambda f, x: f(x, np.float32)],
    "clip": [lambda f, x: f(x, 0.4, 0.6), lambda f, x: f(x, None, 0.6), lambda f, x: f(x, x, 2 * x)],
    "copyto": [lambda f, x: f(np.zeros(x.shape), x), lambda f, x: f(x, 0.0)],
    "diagonal": [*UNARY, lambda f, x: f(x, 1), lambda f, x: f(x, 0, 1, 0)],
    "einsum": [
        lambda f, x: f("i->", x) if x.ndim == 1 else f("ij->ji", x),
        lambda f, x: f("...i,...i", x, x),
        lambda f, x: f(x, list(range(x.ndim)), [0]),
    ],
    "expand_dims": [lambda f, x: f(x, 0), lambda f, x: f(x, (0, -1))],
    "insert": [lambda f, x: f(x, 1, 0.5)],
    "linspace": [lambda f, x: f(x, 2.0, 3), lambda f, x: f(0.0, x, 3)],
    "matrix_transpose": UNARY,
    "moveaxis": [lambda f, x: f(x, 0, -1)],
    "nan_to_num": [*UNARY, lambda f, x: f(x, True), lambda f, x: f(x * 1e308 * 1e3)],
    "pad": [
        lambda f, x: f(x, 1),
        lambda f, x: f(x, 1, constant_values=2.0),
        lambda f, x: f(x, 1, mode="reflect"),
        lambda f, x: f(x, 1, mode="linear_ramp"),
    ],
    "partition": [lambda f, x: f(x, 1)],
    "argpartition": [lambda f, x: f(x, 1)],
    "percentile": [lambda f, x: f(x, 30.0)],
    "quantile": [lambda f, x: f(x, 0.3)],
    "put": [lambda f, x: f(x, 0, 1.0), lambda f, x: f(np.zeros(3), 0, x[..., 0])],
    "put_along_axis": [lambda f, x: f(x, np.zeros((1,) * x.ndim, int), 1.0, axis=0)],
    "fill_diagonal": [lambda f, x: f(x, 0.0)],
    "place": [lambda f, x: f(x, np.ones(x.shape, bool), [1.0])],
    "putmask": [lambda f, x: f(x, np.ones(x.shape, bool), 1.0)],
    "repeat": [lambda f, x: f(x, 2), lambda f, x: f(x, 2, axis=0)],
    "reshape": [lambda f, x: f(x, -1), lambda f, x: f(x, (1, x.size))],
    "resize": [lambda f, x: f(x, (2, 2))],
    "roll": [lambda f, x: f(x, 1), lambda f, x: f(x, -1, axis=0)],
    "round": [*UNARY, lambda f, x: f(x, 1)],
    "searchsorted": [lambda f, x: f(np.sort(V), x)],
    "split": [lambda f, x: f(x, [1]), lambda f, x: f(x, x.shape[0])],
    "array_split": [lambda f, x: f(x, 2)],
    "swapaxes": [lambda f, x: f(x, 0, -1)],
    "take": [lambda f, x: f(x, [0, 0, 1]), lambda f, x: f(x, [1], axis=-1)],
    "take_along_axis": [lambda f, x: f(x, np.zeros((1,) * x.ndim, int), axis=0)],
    "tile": [lambda f, x: f(x, 2), lambda f, x: f(x, (2, 1))],
    "tensordot": [lambda f, x: f(x, x, axes=1), lambda f, x: f(x, x, axes=((0,), (0,)))],
    "transpose": [*UNARY, lambda f, x: f(x, (1, 0))],
    "trace": [*UNARY, lambda f, x: f(x, 1)],
    "vectorize": [],
    "where": [
        lambda f, x: f(x > 0.5, x, 0.0),
        lambda f, x: f(x > 0.5),
        lambda f, x: f(np.ones(x.shape, bool), x, x * x),
    ],
    "ravel_multi_index": [lambda f, x: f((1, 1), (3, 3))],
    "unravel_index": [lambda f, x: f(3, (2, 2))],
    "gcd": [lambda f, x: f(4, 6)],
    "lcm": [lambda f, x: f(4, 6)],
    "polyfit": [lambda f, x: f(np.arange(4.0), x, 1)],
    "interp": [lambda f, x: f(x, np.arange(3.0), np.arange(3.0) ** 2)],
    "norm": [
        *UNARY,
        lambda f, x: f(x, axis=0),
        lambda f, x: f(x, 1, 0),
        lambda f, x: f(x, 2),
        lambda f, x: f(x, 3, -1),
        lambda f, x: f(x, np.inf, 0, True),
    ],
    "tensorsolve": [lambda f, x: f(x, np.ones(3))],
    "tensorinv": [lambda f, x: f(x, ind=1)],
    "solve": [lambda f, x: f(x, np.ones(3)), lambda f, x: f(M, x)],
    "lstsq": [lambda f, x: f(x, np.ones(3))],
    "matrix_power": [lambda f, x: f(x, 2)],
    "multi_dot": [lambda f, x: f([x, x, x])],
    # These take their input to be symmetric, so they are asked about a symmetric one.
    "cholesky": [lambda f, x: f(x @ x.mT)],
    "eigh": [lambda f, x: f(x + x.mT)],
    "eigvalsh": [lambda f, x: f(x + x.mT)],
}  # fmt: skip
for _name in [
    "sum",
    "prod",
    "mean",
    "var",
    "std",
    "max",
    "min",
    "amax",
    "amin",
    "any",
    "all",
    "median",
    "ptp",
    "argmax",
    "argmin",
]:
    OWN[_name] = [*REDUCTION, lambda f, x: f(x, 0, None)]
for _name in ["sum", "prod", "mean", "cumsum", "cumprod"]:
    OWN[_name] = [*OWN.get(_name, []), lambda f, x: f(x, 0, np.float32)]
for _name in ["sum", "prod", "mean", "max", "min"]:
    OWN[_name] = [*OWN[_name], lambda f, x: f(x, where=np.ones(x.shape, bool), initial=0.0)]
for _name in ["left_shift", "right_shift", "bitwise_left_shift", "bitwise_right_shift"]:
    OWN[_name] = [lambda f, x: f(4, 1)]
for _name in ["packbits", "unpackbits"]:
    OWN[_name] = [lambda f, x: f(np.ones(8, np.uint8))]
for _name in ["hsplit", "vsplit", "dsplit"]:
    OWN[_name] = [lambda f, x: f(x.reshape(1, 1, -1) if f is np.dsplit else x, 1)]


def _functions() -> list[str]:
    names = []
    for module_name, module in MODULES.items():
        for name in sorted(dir(module)):
            f = getattr(module, name)
            plain = callable(f) and not isinstance(f, type) and not name.startswith("_")
            if plain and name not in NOT_NUMERIC | MAKERS:
                names.append(f"{module_name}.{name}")
    return names


def _calls(name: str, f: Any) -> list[Call]:
    if name in OWN:
        return OWN[name]
    if isinstance(f, np.ufunc):  # not ANY: a ufunc takes one operand too many as out=
        return UNARY if f.nin == 1 else BINARY if f.nin == 2 else []
    return ANY


def _parts(x: Any) -> Iterator[Any]:
    if isinstance(x, (list, tuple)):
        for item in x:
            yield from _parts(item)
    elif x is not None:
        yield x


def _is_floating(x: Any) -> bool:
    return isinstance(x, (float, complex)) or (
        isinstance(x, (np.ndarray, np.generic, tg.Tensor)) and x.dtype.kind in "fc"
    )


def _directional(f: Any, call: Call, x: Any, v: Any, h: float = 1e-5) -> list[Any]:
    ends = [[*_parts(call(f, x + s * h * v))] for s in (1, -1)]
    pairs = zip(*ends, strict=True)
    return [(np.asarray(a, float) - np.asarray(b, float)) / (2 * h) for a, b in pairs]


def _check(f: Any, call: Call, x: Any, want: Any) -> None:
    """One call that NumPy accepts; a refusal is raised on to the caller."""
    got = [*_parts(call(f, tg.tensor(x, requires_grad=True)))]
    expected = [*_parts(want)]
    floating = []
    for i, y in enumerate(got):
        if isinstance(y, tg.Tensor):
            if _is_floating(y):
                assert y.requires_grad, "the result left the tape"
                floating.append(i)
            y = y.detach().numpy()
        else:
            assert not _is_floating(y), f"a {type(y).__name__} of floats lost its gradient"
        if isinstance(y, np.ndarray):
            w = np.asarray(expected[i])
            assert y.dtype == w.dtype
            np.testing.assert_allclose(y, w, rtol=1e-6, atol=1e-12)
    if not floating:
        return
    assert len(got) == len(expected)
    v = np.random.default_rng(0).normal(size=x.shape)
    differences = _directional(f, call, x, v)
    outputs = lambda z: [[*_parts(call(f, z))][i] for i in floating]
    _, tangents = tg.jvp(outputs, (x,), (v,))
    single = any(y.dtype == np.float32 for y in got)
    for i, t in zip(floating, tangents, strict=True):
        tol = 0.05 if single else 1e-6
        np.testing.assert_allclose(t, differences[i], rtol=tol, atol=tol)
    _, pull = tg.vjp(outputs, x)
    rng = np.random.default_rng(1)
    cotangents = [rng.normal(size=np.shape(t)) for t in tangents]
    (g,) = pull(cotangents)
    inner = sum(np.sum(c * t) for c, t in zip(cotangents, tangents, strict=True))
    np.testing.assert_allclose(np.sum(g * v), inner, rtol=1e-4 if single else 1e-9, atol=1e-9)


@pytest.mark.parametrize("path", _functions())
def test_numpy_function(path: str) -> None:
    module, _, name = path.rpartition(".")
    f = getattr(MODULES[module], name)
    answered = 0
    for call in _calls(name, f):
        for x in (V, M):
            try:
                with np.errstate(all="ignore"):
                    want = call(f, x.copy())
            except Exception:  # NumPy refuses this call on the array itself
                continue
            if any(_is_floating(y) and np.isnan(y).any() for y in _parts(want)):
                continue  # outside the function's domain
            answered += 1
            try:
                with np.errstate(all="ignore"):
                    _check(f, call, x, want)
            except TypeError as refusal:
                assert name in str(refusal) or "asarray" in str(refusal), refusal
            except ValueError as refusal:  # a form of the call that is refused by its argument
                assert str(refusal).startswith((f"{name}:", f"{name}(")), refusal
    assert answered, f"no sensible call of {path} is known to this test"


@pytest.mark.parametrize("name", ["zeros_like", "ones_like", "empty_like", "full_like"])
def test_templates_give_plain_arrays(name: str) -> None:
    """Arrays made after a template's shape and type hold no derivative."""
    args = (1.5,) if name == "full_like" else ()
    for x in (V, M.astype(np.float32)):
        made = getattr(np, name)(tg.tensor(x, requires_grad=True), *args)
        assert type(made) is np.ndarray
        assert made.shape == x.shape
        assert made.dtype == x.dtype


def test_full_like_refuses_to_swallow_a_recorded_number() -> None:
    x = tg.tensor(2.0, requires_grad=True)
    with pytest.raises(TypeError, match=r"recorded|full_like|copyto"):
        np.full_like(V, x)
    with pytest.raises(TypeError, match=r"recorded|full|copyto"):
        np.full(4, x)


def test_out_is_refused_by_name() -> None:
    x = tg.tensor(V, requires_grad=True)
    for call in (
        lambda: np.add(x, 1.0, out=np.zeros(4)),
        lambda: np.add(x, 1.0, np.zeros(4)),
        lambda: np.sum(x, out=np.zeros(())),
    ):
        with pytest.raises(tg.NonDifferentiableError, match=r"numpy\.(add|sum)"):
            call()
    total = np.zeros(4)
    with pytest.raises(tg.NonDifferentiableError, match=r"numpy\.add"):
        total += x
    np.testing.assert_array_equal(total, 0)


@pytest.mark.parametrize(
    ("call", "value", "slope"),
    [
        (lambda x: np.add.reduce(x), V.sum(), np.ones(4)),
        (lambda x: np.multiply.reduce(x), V.prod(), V.prod() / V),
        (lambda x: np.maximum.reduce(x), V.max(), (V.max() == V) * 1.0),
        (lambda x: np.minimum.reduce(x), V.min(), (V.min() == V) * 1.0),
        (lambda x: np.add.accumulate(x).sum(), V.cumsum().sum(), np.arange(4, 0, -1.0)),
    ],
)
def test_ufunc_methods(call: Any, value: Any, slope: Any) -> None:
    y, g = tg.value_and_grad(call)(V)
    np.testing.assert_allclose(y, value)
    np.testing.assert_allclose(g, slope)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.subtract.reduce(x),
        lambda x: np.add.reduceat(x, [0, 2]),
        lambda x: np.multiply.outer(x, x),
        lambda x: np.add.at(np.zeros(4), [0], x[0]),
        lambda x: np.add(x, 1.0, where=np.array([True, False, True, True])),
        lambda x: np.add(x, 1.0, dtype=np.float32),
    ],
)
def test_ufunc_forms_without_a_derivative_are_refused(call: Any) -> None:
    with pytest.raises(TypeError, match=r"numpy\.(subtract|add|multiply)"):
        call(tg.tensor(V, requires_grad=True))


def test_a_ufunc_reduces_the_first_axis_as_in_numpy() -> None:
    x = tg.tensor(M, requires_grad=True)
    np.testing.assert_allclose(np.add.reduce(x).numpy(), M.sum(0))


def test_arrays_and_scalars_on_the_left_give_tensors() -> None:
    x = tg.tensor(V, requires_grad=True)
    for left in (V, V.astype(np.float32), np.float64(2), np.float32(2), np.int64(2), 2, V.tolist()):
        for y in (left * x, left + x, left - x, left / x):
            assert isinstance(y, tg.Tensor)
            assert y.requires_grad
    assert isinstance(M @ tg.tensor(M, requires_grad=True), tg.Tensor)


def test_an_array_of_tensors_is_refused_or_recorded() -> None:
    """``np.array([x, y])`` would drop both gradients; the namespace's own ``array`` stacks."""
    f = lambda module: lambda x: module.array([x[0], x[1] * x[0]]).sum()
    with pytest.raises(tg.NonDifferentiableError):
        tg.grad(f(np))(V)
    np.testing.assert_allclose(tg.grad(f(tg.numpy))(V), [1 + V[1], V[0], 0, 0])
