"""``live``: training runs on a page."""

from __future__ import annotations

import argparse
import contextlib
import threading
from pathlib import Path
from typing import Any

from . import values
from .errors import refuse, refusing


def add(commands: Any) -> argparse.ArgumentParser:
    """The command and its options."""
    command: argparse.ArgumentParser = commands.add_parser(
        "live",
        help="follow training runs on a page in the browser",
        description="Show what monitors write (train --monitor run.jsonl) on a page that follows "
        "it, served to this machine alone until Ctrl-C.",
        allow_abbrev=False,
    )
    add = command.add_argument
    add("runs", nargs="+", metavar="FILE", help="JSON lines that a monitor writes")
    add("--open", action="store_true", help="open the page in the default browser")
    add("--save", type=values.output(".html"), metavar="FILE",
        help="write what is known now as a page that needs no server, and end")  # fmt: skip
    command.set_defaults(run=run)
    return command


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from .. import viz

    with refusing():
        page = viz.live(*options.runs)
    with page:
        if options.save:
            for name in options.runs:
                if not Path(name).exists():
                    refuse(f"there is no file {name!r}")
            print(page.save(options.save))
            return 0
        print(f"{page.url}  (Ctrl-C ends it)", flush=True)
        if options.open:
            page.open()
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
    return 0
