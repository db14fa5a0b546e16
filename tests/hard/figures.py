"""What the long tests measured, in a file from which docs/reliability.md is written."""

from __future__ import annotations

import fcntl
import functools
import json
from collections.abc import Callable
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
    with Path(__file__).open() as lock:  # tests run side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = figures() | {test: measured | {"on": TODAY}}
        FILE.write_text(json.dumps(dict(sorted(found.items())), indent=1) + "\n")


def noted(name: str) -> Callable[[Any], Any]:
    """Above a test by hypothesis: note how many examples passed, when all have."""

    def counting(test: Any) -> Any:
        check, count = test.hypothesis.inner_test, 0

        @functools.wraps(check)
        def counted(*args: Any, **kwargs: Any) -> None:
            nonlocal count
            check(*args, **kwargs)
            count += 1

        @functools.wraps(test)
        def run(*args: Any, **kwargs: Any) -> None:
            test(*args, **kwargs)
            note(f"random programs, {name}", programs=count, wrong=0)

        test.hypothesis.inner_test = counted
        return run

    return counting
