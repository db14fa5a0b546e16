"""What the hard tests measured, in a file from which docs/reliability.md is written."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("figures.json")
TODAY = date.today().isoformat()


def figures() -> dict[str, dict[str, Any]]:
    """All of them, by test."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def note(test: str, **measured: Any) -> None:
    """Replace those of one test."""
    found = figures() | {test: measured | {"on": TODAY}}
    FILE.write_text(json.dumps(dict(sorted(found.items())), indent=1) + "\n")
