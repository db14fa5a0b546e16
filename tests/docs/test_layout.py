"""The house as a newcomer finds it: few files at the door, imports one way, no file too long."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tinygrad_hess"


def modules() -> dict[str, Path]:
    """Every module of the package by its full name; packages by their own."""
    found = {}
    for base, name in ((PACKAGE, "tinygrad_hess"), (ROOT / "ops", "tinygrad_hess.ops")):
        for path in base.rglob("*.py"):
            inside = path.relative_to(base)
            if base == PACKAGE and inside.parts[0] == "ops":  # the symlink
                continue
            parts = [*inside.parent.parts, *([] if path.stem == "__init__" else [path.stem])]
            found[".".join([name, *parts])] = path
    return found


MODULES = modules()
FACADES = {name for name, path in MODULES.items() if path.stem == "__init__"}
"""Packages: what their ``__init__`` imports is for those who come from outside."""


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """What runs when the module is imported."""
    for s in body:
        if isinstance(s, ast.If):
            if not (isinstance(s.test, ast.Name) and s.test.id == "TYPE_CHECKING"):
                yield from statements(s.body)
            yield from statements(s.orelse)
        elif isinstance(s, ast.Try):
            yield from statements(s.body)
        else:
            yield s


def imports(name: str) -> set[str]:
    """The modules of the package that a module imports when it is imported itself."""
    path, found = MODULES[name], set()
    package = name.split(".") if path.stem == "__init__" else name.split(".")[:-1]
    for s in statements(ast.parse(path.read_text(encoding="utf-8")).body):
        if isinstance(s, ast.ImportFrom):
            base = package[: len(package) - s.level + 1] if s.level else []
            target = ".".join([*base, *([s.module] if s.module else [])])
            for alias in s.names:
                full = f"{target}.{alias.name}"
                found |= {full if full in MODULES else target} & MODULES.keys()
    return found - {name}


GRAPH = {name: imports(name) for name in MODULES}


def cycle() -> list[str]:
    """Modules each of which imports the next, and the last the first; empty if there are none."""
    state: dict[str, int] = {}

    def visit(name: str, path: list[str]) -> list[str]:
        state[name] = 1
        for other in sorted(GRAPH[name]):
            if state.get(other) == 1:
                return [*path[path.index(other) :], other] if other in path else [name, other]
            if other not in state and (found := visit(other, [*path, other])):
                return found
        state[name] = 2
        return []

    for name in sorted(GRAPH):
        if name not in state and (found := visit(name, [name])):
            return found
    return []


def test_no_cycle_of_imports() -> None:
    assert not cycle(), " imports ".join(cycle())


LEVELS = (
    ("core",),
    ("ops",),
    ("numpy", "transforms"),
    ("tensor_methods", "replay"),
    ("scipy",),
    ("nn",),
    ("data", "distributed", "ode", "optim", "curvature", "viz"),
    ("io",),
    ("compat",),
    ("cli",),
)
"""Rooms in the order in which they are built: each imports from those before it."""


def level(name: str) -> int | None:
    room = name.split(".")[1:2]
    return next((i for i, rooms in enumerate(LEVELS) if room and room[0] in rooms), None)


def test_imports_run_one_way() -> None:
    wrong = [
        f"{name} imports {other}"
        for name, others in GRAPH.items()
        for other in others
        if None not in (level(name), level(other)) and level(other) > level(name)  # type: ignore[operator]
    ]
    assert not wrong


def test_few_files_at_the_door() -> None:
    files = [p.name for p in PACKAGE.iterdir() if p.is_file() and p.name != "__init__.py"]
    assert len(files) <= 6, files


@pytest.mark.parametrize("name", MODULES)
def test_a_file_is_one_idea(name: str) -> None:
    assert len(MODULES[name].read_text(encoding="utf-8").splitlines()) <= 600
