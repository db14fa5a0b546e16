"""Every primitive that claims complex operands: one test for each row and check."""

from __future__ import annotations

import complex_battery
import pytest

from tinygrad_hess.core.primitive import Primitive

MAIN = ("value", "forward", "transpose")
"""The others run in the extended suite."""

PAIRS = [
    pytest.param(
        check,
        row,
        id=f"{row.name}-{check.replace(' ', '_')}",
        marks=[] if check in MAIN else pytest.mark.slow,
    )
    for row in complex_battery.CLAIMING
    for check in complex_battery.CHECKS
    if complex_battery.applies(check, row)
]


@pytest.mark.parametrize(("check", "row"), PAIRS)
def test_row(check: str, row: Primitive) -> None:
    complex_battery.run(check, row)
