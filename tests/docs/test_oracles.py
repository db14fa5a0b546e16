"""Each answer that is known without the library is reached, to rounding or as the row says."""

from __future__ import annotations

import pytest
from oracles import ORACLES, Oracle


@pytest.mark.parametrize("row", ORACLES, ids=lambda row: row.what)
def test_oracle(row: Oracle) -> None:
    assert row.error() <= row.allowed


def test_no_two_rows_are_the_same() -> None:
    assert len({(row.group, row.what) for row in ORACLES}) == len(ORACLES)
