"""The pages: every session prints what it says, no block of code is left out, and links lead somewhere."""

from __future__ import annotations

import doctest
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "benchmarks/*.md")
    for path in ROOT.glob(pattern)
    if not {"_build", "_scripts", "copied", "gallery"} & {*path.parts}
)
ELSEWHERE = {
    "README.md": "test_readme.py",
    "CONTRIBUTING.md": "test_contributing.py",
    "docs/complex.md": "../ops/test_complex.py",
    "docs/how_it_works.md": "test_how_it_works.py",
    "docs/migration/autograd.md": "test_migration.py",
    "docs/migration/jax.md": "test_migration.py",
    "docs/migration/micrograd.md": "test_migration.py",
    "docs/migration/pytorch.md": "test_migration.py",
}
"""Pages whose code another test runs."""

BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROGRAMS = {
    "docs/autograd.md": {"lifelines": "json"},  # any package; that one may not be installed
    "examples/README.md": {},
}
"""Pages whose blocks are programs, and what is put in another word's place to run them."""

PRELUDE = """
import numpy as np
import tinygrad_hess as tg
model, batch = tg.nn.Linear(2, 1, seed=0), (np.ones((3, 2)), np.ones((3, 1)))
loss = lambda model, batch: ((model(batch[0]) - batch[1]) ** 2).mean()
"""
"""What the programs of examples/README.md speak of."""


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[str]:
    return BLOCK.findall(text(page))


def check(code: str, name: str) -> None:
    """Run it as one session; a wrong output is an error that shows it."""
    test = doctest.DocTestParser().get_doctest(code, {"__name__": name}, name, name, 0)
    said = io.StringIO()
    outcome = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(
        test, out=said.write
    )
    assert outcome.attempted
    assert not outcome.failed, said.getvalue()


SESSIONS = [page for page in PAGES if blocks(page) and page not in {*ELSEWHERE, *PROGRAMS}]


@pytest.mark.parametrize("page", SESSIONS)
def test_a_session_gives_what_it_says(page: str) -> None:
    assert all(block.startswith(">>> ") for block in blocks(page)), "a block that is not run"
    check("\n".join(blocks(page)), page)


@pytest.mark.parametrize("page", PROGRAMS)
def test_a_program_runs(page: str) -> None:
    for code in blocks(page):
        for word, other in PROGRAMS[page].items():
            code = code.replace(word, other)
        exec(compile(PRELUDE + code, page, "exec"), {})


def test_the_others_are_run_by_other_tests() -> None:
    for page, test in ELSEWHERE.items():
        assert blocks(page), page
        assert Path(page).stem in (ROOT / "tests" / "docs" / test).read_text(encoding="utf-8")


def test_a_wrong_output_is_noticed() -> None:
    with pytest.raises(AssertionError, match="Expected:"):
        check(">>> 1 + 1\n3\n", "wrong")


# ---- links --------------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    """The headings of a page, as links name them."""
    titles = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def links(page: str) -> Iterator[tuple[Path, str]]:
    """Files in the checkout that a page names, and the anchors there."""
    prose = re.sub(r"^```.*?^```|``?[^`\n]+``?", "", text(page), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if not re.match(r"\w+:", target):
            file, _, anchor = target.partition("#")
            yield (ROOT / page).parent / file if file else ROOT / page, anchor


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for file, anchor in links(page):
        assert file.exists(), file
        assert not anchor or anchor in anchors(file), anchor


def test_every_page_is_in_the_contents_of_another() -> None:
    """The build says so too; here without building."""
    listed = {
        name.strip().removeprefix("../")
        for page in PAGES
        for tree in re.findall(r"^```\{toctree\}\n(.*?)^```", text(page), re.MULTILINE | re.DOTALL)
        for name in tree.splitlines()
    }
    stems = {name.rpartition("/")[2] for name in listed}
    for page in PAGES:
        if page.startswith("docs/") and page not in ("docs/index.md", "docs/README.md"):
            assert Path(page).stem in stems, page
