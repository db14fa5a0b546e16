"""The walk: every public name called on tensors is right, has no derivative, or is refused.

And ``tg.supported()`` and ``docs/coverage.md`` say what the walk finds.
"""

from __future__ import annotations

import re
from typing import Any

import coverage_page
import numpy as np
import pytest
import scipy
from coverage_page import PAGE, ROOT, examine, page
from names import MODULES, public_names

import tinygrad_hess as tg
from tinygrad_hess.numpy._coverage import KINDS, Support, SupportTable, read_table, supported

LISTED: dict[str, Support] = {row.name: row for row in supported()}
HERE = coverage_page.names()


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


WRITTEN_WITH = re.fullmatch(r"NumPy (\S+), SciPy (\S+)", read_table().partition("\n")[0])
assert WRITTEN_WITH is not None
SAME = _minor(WRITTEN_WITH[1]) == _minor(np.__version__) and _minor(WRITTEN_WITH[2]) == _minor(
    scipy.__version__
)
"""Whether NumPy and SciPy are those that the page was written with: others have other names."""


OF_NUMPY = [path for path in HERE if path.startswith("numpy.")]
OF_STATS = [path for path in HERE if path.startswith("scipy.stats.")]
OF_SCIPY = [path for path in HERE if path not in {*OF_NUMPY, *OF_STATS}]


def _first_order(path: str) -> None:
    """Values, types, and derivatives of the first order."""
    found, listed = examine(path, deep=False), LISTED.get(path)
    if SAME:
        assert listed is not None, f"{path} is not listed: make supported"
        assert (found.kind, found.note) == (listed.kind, listed.note), "make supported"
        first = {"value", "jvp", "vjp", "complex"}
        assert first & {*found.modes} == first & {*listed.modes}, "make supported"


@pytest.mark.parametrize("path", OF_NUMPY)
def test_numpy_is_right_without_derivative_or_refused(path: str) -> None:
    _first_order(path)


@pytest.mark.slow
@pytest.mark.parametrize("path", OF_STATS)
def test_distributions_are_right(path: str) -> None:
    _first_order(path)


@pytest.mark.slow
# SciPy's integrals of ellipsoidal harmonics divide by zero inside, and say so where none can catch.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("path", [*OF_NUMPY, *OF_SCIPY])
def test_in_all_modes(path: str) -> None:
    """Second order, batches, replay, float32 and complex numbers: as the page says."""
    found = examine(path)
    if SAME:
        assert found == LISTED.get(path), "make supported"


def test_no_name_is_left_out() -> None:
    expected = {f"{space}.{n}" for space, m in MODULES.items() for n in public_names(m)}
    assert expected <= set(HERE)
    if SAME:
        assert set(LISTED) == set(HERE)


def test_the_page_is_fresh() -> None:
    text = PAGE.read_text(encoding="utf-8")
    if SAME:
        assert text == page(list(LISTED.values())), "make supported"
    counts = [int(n) for n in re.search(r"^\| all \|(.*)\|$", text, re.M)[1].split("|")]  # type: ignore[index]
    assert sum(counts[:-1]) == counts[-1] == len(LISTED)
    assert re.search(
        r"^supported:.*\n\t.*tools/coverage_page\.py", (ROOT / "Makefile").read_text(), re.M
    )


def test_most_names_that_take_floats_are_differentiable() -> None:
    """What is refused of NumPy itself is a short list, and known."""
    refused = {
        n.removeprefix("numpy.")
        for n in supported().of("unsupported").names
        if n.startswith("numpy.")
    }
    assert refused <= {
        "asarray_chkfinite", "histogram", "histogram2d", "histogram_bin_edges", "histogramdd",
        "intersect1d", "nextafter", "require", "setdiff1d", "setxor1d", "sort_complex", "union1d",
        "unique", "unique_all", "unique_counts", "unique_inverse", "unique_values",
    }  # fmt: skip


# ---- what users read ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("numpy.cumsum", "numpy.cumsum"),
        ("np.cumsum", "numpy.cumsum"),
        ("cumsum", "numpy.cumsum"),
        ("solve", "numpy.linalg.solve"),
        ("fft.rfft", "numpy.fft.rfft"),
        ("norm.logpdf", "scipy.stats.norm.logpdf"),
        (np.sin, "numpy.sin"),
        (np.linalg.eigh, "numpy.linalg.eigh"),
        (np.concatenate, "numpy.concatenate"),
        (scipy.special.gammaln, "scipy.special.gammaln"),
        (tg.numpy.median, "numpy.median"),
    ],
)
def test_names_are_found_however_they_are_given(name: Any, full: str) -> None:
    if full in LISTED and (full != "numpy.linalg.solve" or not isinstance(name, str)):
        assert supported(name).name == full
    assert supported(full).name == full


def test_a_name_that_is_not_there_suggests_others() -> None:
    with pytest.raises(ValueError, match=r"cumsim.*numpy\.cumsum"):
        supported("cumsim")


def test_rows_tell_kind_modes_and_orders() -> None:
    sin = supported("numpy.sin")
    assert sin.differentiable
    assert sin.orders == 2
    assert {"value", "float32", "jvp", "vjp", "second", "vmap", "jit"} <= {*sin.modes}
    floor = supported("numpy.floor")
    assert (floor.kind, floor.differentiable) == ("constant", True)
    assert supported("numpy.argmax").kind == "none"
    histogram = supported(np.histogram)
    assert (histogram.kind, histogram.orders) == ("unsupported", 0)
    assert "piecewise constant" in str(histogram)


def test_the_table_is_a_sequence_that_prints_as_counts() -> None:
    table = supported()
    assert isinstance(table[:3], SupportTable)
    assert len(table[:3]) == 3
    counts = table.counts()
    assert sum(sum(c.values()) for c in counts.values()) == len(table)
    lines = repr(table).splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(counts)
    assert lines[0].split() == [*KINDS, "names"]
    assert set(table.of("none").counts()["numpy"]) == set(KINDS)
    with pytest.raises(ValueError, match="kind='all'"):
        table.of("all")


# ---- the walk itself notices --------------------------------------------------------------------


def _broken(change: Any) -> Any:
    """``np.sin`` through a function that is wrong on tensors alone."""

    def sin(x: Any) -> Any:
        return change(x) if isinstance(x, tg.Tensor) else np.sin(x)

    sin.__name__ = "sin"
    return sin


WRONG: dict[str, Any] = {
    "value": lambda x: np.sin(x) * 1.001,
    "lost gradient": lambda x: np.sin(x.detach().numpy()),
    "stopped gradient": lambda x: tg.stop_gradient(np.sin(x)),
    "slope": lambda x: np.sin(x) + 0.1 * (x - tg.stop_gradient(x)),
    "second order": lambda x: (
        tg.stop_gradient(np.sin(x) - np.cos(x) * x) + tg.stop_gradient(np.cos(x)) * x
    ),
    "type": lambda x: np.sin(x).astype(np.float32),
    "shape": lambda x: np.sin(x)[None],
    "unclear error": lambda x: 1 / 0,
}


@pytest.mark.parametrize("what", WRONG)
def test_the_walk_notices(what: str) -> None:
    from specimens import UNARY, V
    from walking import Tried, try_call

    tried = Tried()
    with pytest.raises((AssertionError, ZeroDivisionError)):
        try_call(tried, "sin", _broken(WRONG[what]), UNARY[0], V, np.sin)
    try_call(tried, "sin", _broken(np.sin), UNARY[0], V, np.sin)
    assert tried.kind == "differentiable"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [n for n in public_names(np) if isinstance(getattr(np, n), type)])
def test_no_class_swallows_a_recorded_tensor(name: str) -> None:
    """Scalar types, matrices, iterators: an error, or nothing that holds the numbers."""
    make = getattr(np, name)
    for x in (tg.tensor(0.5, requires_grad=True), tg.tensor([0.5, 2.0], requires_grad=True)):
        try:
            made = make(x)
        except Exception:  # they refuse it in words of their own
            continue
        values = [*made] if isinstance(made, (np.ndenumerate, np.flatiter)) else [made]
        for value in values:
            floating = isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "fcO"
            assert not floating, f"numpy.{name} of a recorded tensor gave {made!r}"


def test_poly1d_holds_tensors() -> None:
    slope = tg.grad(lambda c: np.poly1d(c).deriv()(2.0))
    np.testing.assert_allclose(slope(np.array([1.0, 2.0, 3.0])), [4, 1, 0])


def test_vectorize_is_refused() -> None:
    x = tg.tensor([0.5, 2.0], requires_grad=True)
    with pytest.raises(tg.NonDifferentiableError, match="asarray"):
        np.vectorize(np.sin)(x)
