"""Faster loops of NumPy's and SciPy's functions: the same bits and types; of NumPy's the same
warnings too."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_hess as tg
from tinygrad_hess.core import vectorised

NUMPYS = [(vectorised.exp, np.exp), (vectorised.tanh, np.tanh)]
SCIPYS = [(vectorised.of_scipy(n), getattr(scipy.special, n)) for n in ("erf", "ndtr")]
numpys = pytest.mark.parametrize(("ours", "theirs"), NUMPYS, ids=["exp", "tanh"])
both = pytest.mark.parametrize(
    ("ours", "theirs"), NUMPYS + SCIPYS, ids=["exp", "tanh", "erf", "ndtr"]
)

SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e308, -1e308, 5e-324, -5e-324, 2.0**-54]
EDGES = [512.0, -512.0, 709.782, 710.0, -745.13, -745.14, -746.0, 22.0, 19.0625, 0.125]
EDGES += [1.0, -1.0, 2**0.5, 6.0, -6.0, 8.0, -8.0, 8 * 2**0.5, -26.6, -26.65, -37.6, -37.7, 38.5]


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    if a.dtype.char in "gG":  # with bytes that mean nothing
        return a.dtype == b.dtype and np.array_equal(a, b)
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()


@both
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("scale", [1e-320, 1e-8, 0.1, 1.0, 30.0, 300.0, 1e300])
def test_bits_are_numpys(ours, theirs, scale):
    rng = np.random.default_rng(0)
    x = np.concatenate([scale * rng.standard_normal(20_001), SPECIAL, EDGES])
    assert same_bits(ours(x), theirs(x))


@both
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_bits_of_any_double(ours, theirs):
    x = np.random.default_rng(1).integers(0, 2**64, 100_000, dtype=np.uint64).view(float)
    assert same_bits(ours(x), theirs(x))


@both
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@given(hnp.arrays(float, hnp.array_shapes(max_dims=3, max_side=7)), st.data())
def test_any_layout(ours, theirs, x, data):
    x = data.draw(
        st.sampled_from([x, x.T, x[..., ::-1], x[::2], np.broadcast_to(x, (2, *x.shape))])
    )
    assert same_bits(np.asarray(ours(x)), np.asarray(theirs(x)))
    mine, other = x.copy(), x.copy()
    assert same_bits(ours(mine, mine), theirs(other, other))
    shifted, wanted = x.ravel().copy(), x.ravel().copy()
    ours(shifted[:-1], out=shifted[1:])  # where the result overlaps what is read
    theirs(wanted[:-1], out=wanted[1:])
    assert same_bits(shifted, wanted)


@numpys
@pytest.mark.parametrize("x", [*SPECIAL, *EDGES, 1e-200, 1000.0])
@pytest.mark.parametrize("count", [1, 4, 7])
def test_floating_point_errors(ours, theirs, x, count):
    def outcome(f):
        try:
            with np.errstate(all="raise"):
                return f(np.full(count, x)).tobytes()
        except FloatingPointError as error:
            return str(error)

    assert outcome(ours) == outcome(theirs)


@both
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", "?bBhHiIlLqQefdgFDGO")
def test_all_types(ours, theirs, dtype):
    x = np.array([0, 1, 2, 5]).astype(dtype)
    if dtype in "OgG" and theirs.__name__ in ("erf", "ndtr"):  # SciPy has no such loops
        with pytest.raises(TypeError):
            ours(x)
    elif dtype == "O":  # asks for a method of each object
        with pytest.raises(TypeError, match=theirs.__name__):
            ours(x)
    else:
        assert same_bits(ours(x), theirs(x))
    assert ours.types == theirs.types
    assert ours.__name__ == theirs.__name__


@pytest.mark.parametrize("name", ["exp", "tanh"])
def test_recorded_and_replayed(name):
    x = np.linspace(-30, 30, 2001).reshape(3, 667)
    want = getattr(np, name)(x)
    primitive = getattr(tg.ops, name)
    assert same_bits(primitive(tg.tensor(x)).numpy(), want)
    assert same_bits(np.asarray(tg.jit(lambda x: primitive(x) * 1.0)(x)), want)


@pytest.mark.parametrize("name", ["erf", "ndtr"])
def test_functions_of_scipy_recorded_and_replayed(name):
    x = np.linspace(-30, 30, 2001).reshape(3, 667)
    want = getattr(scipy.special, name)(x)
    primitive = getattr(tg.scipy.special, name)
    assert same_bits(primitive(tg.tensor(x)).numpy(), want)
    assert same_bits(np.asarray(tg.jit(lambda x: primitive(x) * 1.0)(x)), want)


def test_switched_off():
    code = (
        "import numpy as np; from tinygrad_hess.core import vectorised as v;"
        "assert v.exp is np.exp and v.tanh is np.tanh;"
        "from scipy import special; assert v.of_scipy('erf') is special.erf"
    )
    env = {**os.environ, "TINYGRAD_HESS_NATIVE": "0"}
    subprocess.run([sys.executable, "-c", code], check=True, env=env)


def test_other_bits_are_not_taken(monkeypatch):
    class Loops:
        @staticmethod
        def faster(ufunc):
            return lambda x: np.nextafter(ufunc(x), 0)

    monkeypatch.setattr(vectorised, "_loops", Loops)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert vectorised._faster(np.exp) is np.exp


def test_functions_that_scipy_wraps_stay_as_they_are() -> None:
    program = (
        "import numpy as np, tinygrad_hess as tg; "
        "from tinygrad_hess import nn; "
        "x = np.linspace(-1.0, 1.0, 5); "
        "print(tg.hvp(lambda x: nn.gelu(x).sum(), x, x)[0])"
    )
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    # the second derivative of x ndtr(x) is (2 - x^2) times the normal density
    want = -(2 - 1) * math.exp(-0.5) / math.sqrt(2 * math.pi)
    assert float(found.stdout) == pytest.approx(want, rel=1e-12)
