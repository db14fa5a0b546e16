"""The page of special points says what the tests walk over."""

from __future__ import annotations

from reliability_page import PAGE, page


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()
