"""Draw the pictures of docs/how_it_works.md: ``python tools/how_it_works_pictures.py``.

The function is the one that the page records.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import tinygrad_hess as tg  # noqa: E402

FOLDER = ROOT / "docs"


def f(x: Any) -> Any:
    return (np.tanh(x) * x).sum()


def pictures() -> dict[str, Any]:
    """The graphs by the names of their files."""
    x, v = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, -1.0])
    return {
        "how_it_works_tape.svg": tg.viz.graph(f, x, rankdir="LR"),
        "how_it_works_hvp.svg": tg.viz.graph(lambda x, v: tg.hvp(f, x, v), x, v),
    }


def write(folder: Path) -> list[Path]:
    """Draw all of them into a folder."""
    return [tg.viz.render(picture, folder / name) for name, picture in pictures().items()]


if __name__ == "__main__":
    for path in write(FOLDER):
        print(path)
