"""Scripts of ``examples/`` as sphinx-gallery wants them: the first line of each is its title."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

import generated

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FOLDERS = {"examples": "examples", "autograd": "examples/autograd"}


def titled(source: str) -> str:
    """The script, with the first line of its docstring underlined."""
    about = ast.get_docstring(ast.parse(source), clean=False)
    assert about is not None
    title, _, rest = about.partition("\n")
    title = title.rstrip(".")
    body = source[source.index('"""', 3) + 3 :]
    return f'r"""\n{generated.heading(title)}{rest.rstrip()}\n"""{body}'


def write(folder: Path, into: Path) -> None:
    """Copies of a folder's scripts."""
    found = {path.name: titled(path.read_text(encoding="utf-8")) for path in folder.glob("*.py")}
    found["GALLERY_HEADER.rst"] = generated.heading(folder.name)
    generated.write_all(into, "*.py", found)


def prepare(app: Sphinx, config: Any) -> None:
    source = Path(app.srcdir)
    for name, folder in FOLDERS.items():
        write(source.parent / folder, source / "_scripts" / name)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("config-inited", prepare, priority=1)  # before the gallery looks for them
    return {"parallel_read_safe": True, "parallel_write_safe": True}
