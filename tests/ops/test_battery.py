"""Every primitive against the battery: one test for each row and check."""

from __future__ import annotations

import battery
import battery_axes
import differencing
import numpy as np
import pytest
from references import REFERENCES
from sampling import CALLS, spaced

import tinygrad_hess as tg
from tinygrad_hess.core.primitive import Primitive
from tinygrad_hess.core.registry import REGISTRY

PAIRS = [
    pytest.param(check, row, id=f"{row.name}-{check.replace(' ', '_')}")
    for row in battery.ROWS
    for check in battery.CHECKS
    if battery.applies(check, row)
]


@pytest.mark.parametrize(("check", "row"), PAIRS)
def test_row(check: str, row: Primitive) -> None:
    battery.run(check, row)


def test_walks_every_row() -> None:
    walked = {row.name for row in battery.ROWS}
    own = {name for name, row in REGISTRY.items() if _is_ours(row)}
    assert own <= walked
    assert len(walked) > 80


def _is_ours(row: Primitive) -> bool:
    return (getattr(row.call, "__globals__", {}).get("__name__", "")).startswith(
        "tinygrad_hess.ops"
    )


def test_every_row_says_what_it_does_along_its_axes() -> None:
    assert [row.name for row in battery.ROWS if row.signature is None] == []


def test_exemptions_name_rows_and_checks_that_exist() -> None:
    for name, check in battery.EXEMPT:
        assert name in REGISTRY and check in battery.CHECKS
    for name in (*CALLS, *REFERENCES, *battery_axes.UNKNOWN, *battery_axes.LONGER):
        assert name in REGISTRY


@pytest.fixture
def bare() -> Primitive:
    """A row without samples, which is not left behind."""
    before = dict(REGISTRY)
    call = tg.elementwise("a_row_without_samples", np.sin, lambda g, y, x: g)
    REGISTRY.clear()
    REGISTRY.update(before)
    return call.primitive  # type: ignore[attr-defined]


def test_a_row_without_samples_fails(bare: Primitive) -> None:
    with pytest.raises(AssertionError, match="neither a domain nor cases"):
        battery.run_all(bare)


def test_a_row_without_a_reference_fails(bare: Primitive) -> None:
    bare.domain = (-1, 1)
    with pytest.raises(AssertionError, match="add it to tests/support/references"):
        battery.run("value", bare)


def test_differences_are_accurate() -> None:
    """The battery's own oracle, on a function with a known derivative."""
    x, t = np.linspace(0.5, 2, 5), np.linspace(-1, 1, 5)
    np.testing.assert_allclose(
        differencing.differences(np.log, (x,), (t,)), t / x, rtol=0, atol=1e-10
    )
    np.testing.assert_allclose(differencing.complex_step(np.log, (x,), (t,)), t / x, rtol=1e-14)


def test_samples_keep_their_distance() -> None:
    """No two values of a sample are so close that a difference quotient would swap them."""
    values = np.sort(spaced(np.random.default_rng(0), (2, 3, 4)).ravel())
    assert np.diff(values).min() > 0.05
    assert values[0] > -2 and values[-1] < 2
