"""The migration guides: their programs print what they say, here and in the library they come from.

Each guide in docs/migration has a program before and after, one output for both, and sessions that
show what differs. Programs "after", sessions and names run here; programs "before", and the other
libraries' names, in the suite of peers.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "migration"
GUIDES = ["autograd", "jax", "micrograd", "pytorch"]
PACKAGES = {"pytorch": "torch"}
"""Where the package has another name than its guide."""

NUMBER = re.compile(r"[-+]?\d+\.\d*(?:e[+-]?\d+)?")


def text(guide: str) -> str:
    return (FOLDER / f"{guide}.md").read_text(encoding="utf-8")


def section(guide: str, title: str) -> str:
    """What stands below a heading, down to the next one."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text(guide), re.MULTILINE | re.DOTALL)
    assert found is not None, f"{guide} has no section {title!r}"
    return found[1]


def blocks(guide: str, title: str, language: str) -> list[str]:
    """Code of a section, without the indentation of a list that it may stand in."""
    found = re.findall(
        rf"^( *)```{language}\n(.*?)^ *```", section(guide, title), re.MULTILINE | re.DOTALL
    )
    return [re.sub(rf"^{indent}", "", code, flags=re.MULTILINE) for indent, code in found]


def printed(guide: str, title: str) -> str:
    """What the one program of a section prints."""
    (code,) = blocks(guide, title, "python")
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        exec(compile(code, f"{guide}.md, {title}", "exec"), {"__name__": guide})
    return stream.getvalue()


def numbers(printed: str) -> np.ndarray:
    return np.array(NUMBER.findall(printed), float)


def check(guide: str, got: str) -> None:
    """The same words, and the same numbers to the last digit that is shown."""
    (want,) = blocks(guide, "After", "text")
    assert NUMBER.sub("#", got).split() == NUMBER.sub("#", want).split()
    assert numbers(want).size >= 5
    np.testing.assert_allclose(numbers(got), numbers(want), rtol=2e-7, atol=2e-9)


# ---- here ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("guide", GUIDES)
def test_the_program_after_prints_what_it_says(guide: str) -> None:
    check(guide, printed(guide, "After"))


@pytest.mark.parametrize("guide", GUIDES)
def test_sessions_show_what_differs(guide: str) -> None:
    session = "\n".join(blocks(guide, "What differs", "pycon"))
    test = doctest.DocTestParser().get_doctest(session, {}, f"{guide}.md", None, 0)
    assert test.examples
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    said = io.StringIO()
    outcome = doctest.DocTestRunner(optionflags=options).run(test, out=said.write)
    assert outcome.failed == 0, said.getvalue()


def resolve(name: str) -> Any:
    """What a dotted name stands for; modules on the way are imported."""
    first, *rest = name.split(".")
    found = importlib.import_module(first)
    for i, part in enumerate(rest):
        if not hasattr(found, part):
            importlib.import_module(".".join([first, *rest[: i + 1]]))
        found = getattr(found, part)
    return found


def named(text: str, package: str) -> list[str]:
    """Dotted names of a package in inline code."""
    codes = " ; ".join(re.findall(r"`([^`\n]+)`", text))
    return sorted(set(re.findall(rf"(?<![\w.]){package}\.[A-Za-z_][\w.]*\w", codes)))


@pytest.mark.parametrize("guide", GUIDES)
def test_names_of_ours_exist(guide: str) -> None:
    absent = section(guide, "What is not there")
    found = named(text(guide).replace(absent, ""), "tg")
    assert len(found) > 5
    for name in found:
        resolve(name.replace("tg.", "tinygrad_hess.", 1))


def test_a_name_that_is_gone_is_noticed() -> None:
    assert named("`tg.grad(f)` and `jnp.sin`, tg.later", "tg") == ["tg.grad"]
    with pytest.raises(ModuleNotFoundError):
        resolve("tinygrad_hess.optim.NoSuch")


def test_the_guides_are_listed_and_links_lead_somewhere() -> None:
    pages = sorted(FOLDER.glob("*.md"))
    assert [p.stem for p in pages if p.stem != "README"] == GUIDES
    listed = (FOLDER / "README.md").read_text(encoding="utf-8")
    for guide in GUIDES:
        assert f"]({guide}.md)" in listed
    for page in pages:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (FOLDER / target).exists(), (page.name, target)


@pytest.mark.parametrize("guide", GUIDES)
def test_before_and_after_are_two_programs(guide: str) -> None:
    (before,), (after,) = (blocks(guide, title, "python") for title in ("Before", "After"))
    package = PACKAGES.get(guide, guide)
    assert re.search(rf"^(import|from) {package}\b", before, re.MULTILINE)
    assert "tinygrad_hess" not in before
    assert "import tinygrad_hess as tg" in after and package not in after
    for title in ("What is faster", "What is not there"):
        assert section(guide, title).strip()


def test_a_wrong_number_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    (want,) = blocks("micrograd", "After", "text")
    check("micrograd", want)
    last = NUMBER.findall(want)[-1]
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check("micrograd", want.replace(last, str(float(last) + 1e-5)))


# ---- there --------------------------------------------------------------------------------------


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")  # the peers warn of what is no concern here
@pytest.mark.parametrize("guide", GUIDES)
def test_the_program_before_prints_the_same(guide: str) -> None:
    package = pytest.importorskip(PACKAGES.get(guide, guide))
    try:
        check(guide, printed(guide, "Before"))
    finally:
        if guide == "pytorch":
            package.set_default_dtype(package.float32)


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("guide", GUIDES)
def test_names_of_theirs_exist(guide: str) -> None:
    package = PACKAGES.get(guide, guide)
    pytest.importorskip(package)
    found = named(text(guide), package)
    assert found
    for name in found:
        resolve(name)
    assert package in sys.modules
