"""The page that explains the engine: its session gives what it says, and its pictures are fresh."""

from __future__ import annotations

import doctest
import io
import re
from pathlib import Path

import pytest

from tools import how_it_works_pictures as pictures

PAGE = Path(__file__).parents[2] / "docs" / "how_it_works.md"
TEXT = PAGE.read_text(encoding="utf-8")


def session(text: str) -> str:
    return "\n".join(re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL))


def check(code: str) -> None:
    """Run it as one session; a wrong output is an error that shows it."""
    test = doctest.DocTestParser().get_doctest(code, {}, PAGE.name, str(PAGE), 0)
    said = io.StringIO()
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    outcome = doctest.DocTestRunner(optionflags=options).run(test, out=said.write)
    assert outcome.attempted
    assert not outcome.failed, said.getvalue()


def test_the_session_gives_what_it_says() -> None:
    check(session(TEXT))


def test_all_blocks_are_part_of_the_session() -> None:
    assert TEXT.count("```") == 2 * TEXT.count("\n```python\n>>> ") > 20


def test_a_wrong_output_is_noticed() -> None:
    assert "array([0.20024867" in TEXT
    with pytest.raises(AssertionError, match=r"0\.20024867"):
        check(session(TEXT).replace("array([0.20024867", "array([0.20024868"))


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)\)", TEXT):
        assert (PAGE.parent / target).exists(), target
    headings = [
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.*)$", TEXT, flags=re.MULTILINE)
    ]
    for anchor in re.findall(r"\]\(#([^)]+)\)", TEXT):
        assert anchor in headings, anchor


def test_pictures_are_of_the_page_and_fresh(tmp_path: Path) -> None:
    words = lambda path: re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text(encoding="utf-8"))
    drawn = pictures.write(tmp_path)
    assert {p.name for p in drawn} == set(re.findall(r"!\[[^]]*\]\(([^)]+)\)", TEXT))
    for path in drawn:
        assert words(path)
        assert words(path) == words(PAGE.parent / path.name), "run tools/how_it_works_pictures.py"
