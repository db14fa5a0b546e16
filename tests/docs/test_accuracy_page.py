"""The accuracy page is what the checks of today say: nothing is missing, nothing has gone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from accuracy_page import (
    PAGE,
    PUBLISHED,
    ROOT,
    SECTIONS,
    coverage_rows,
    described,
    scripts,
    sections_of,
)
from oracles import ORACLES


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    return sections_of(PAGE.read_text(encoding="utf-8"))


def rows(text: str) -> list[list[str]]:
    """The cells of every row of the tables, heads left out."""
    bodies = re.findall(r"^\| ---.*\n((?:\|.*\n?)+)", text, flags=re.M)
    return [line[2:-2].split(" | ") for body in bodies for line in body.splitlines()]


def test_all_sections_are_there(sections: dict[str, str]) -> None:
    assert list(sections) == list(SECTIONS)
    assert re.search(
        r"^accuracy:.*\n\t.*tools/accuracy_page\.py", (ROOT / "Makefile").read_text(), re.M
    )


def test_every_oracle_is_listed_and_met(sections: dict[str, str]) -> None:
    listed = rows(sections["oracles"])
    assert [(what, allowed) for what, _, allowed in listed] == [
        (row.what, f"{row.allowed:.2g}") for row in ORACLES
    ]
    for _, error, allowed in listed:
        assert float(error) <= float(allowed) * 1.05  # as it is rounded


def test_every_interval_is_listed_and_covers(sections: dict[str, str]) -> None:
    listed = {cells[0]: cells for cells in rows(sections["coverage"])}
    declared = coverage_rows()
    assert list(listed) == list(declared)
    for name, (_, _, bound) in declared.items():
        share = float(listed[name][1].split("%")[0])
        assert 93 <= share <= (100 if bound else 97), (name, share)


def test_costs_are_within_what_was_promised(sections: dict[str, str]) -> None:
    listed = {cells[0]: cells[1:] for cells in rows(sections["costs"])}
    products, error = listed["largest eigenvalue to 1e-06"]
    assert int(products) < 20
    assert float(error) <= 1e-6
    products, error = listed["trace to 1%"]
    assert int(products) < 150
    assert float(error) <= 0.01


def test_every_published_result_is_listed(sections: dict[str, str]) -> None:
    readme = rows((PUBLISHED / "README.md").read_text(encoding="utf-8"))
    here = rows(sections["published"])
    assert len(here) == len(readme) == len(scripts())
    for script, (claim, sentence), there in zip(scripts(), here, readme, strict=True):
        title, source = described(script)
        assert claim == f"[{title}](../examples/published/{script.name})"
        assert there[:3] == [f"[{title}]({script.name})", source, sentence]


@pytest.mark.parametrize("name", ["costs", "oracles"])
def test_a_marked_section_is_found_again(name: str) -> None:
    text: Any = "# Title\n\n<!-- oracles -->\n\n## A\n\nx\n\n<!-- costs -->\n\n## B\n\n| a |\n"
    assert sections_of(text)[name] == {"oracles": "## A\n\nx", "costs": "## B\n\n| a |"}[name]
