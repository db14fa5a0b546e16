"""``completion``: a script by which a shell completes commands, options and files."""

from __future__ import annotations

import argparse
from typing import Any

from ..core.optional import require
from .errors import refusing


def add(commands: Any) -> argparse.ArgumentParser:
    """The command and its options."""
    command: argparse.ArgumentParser = commands.add_parser(
        "completion",
        help="print a script that completes commands in a shell",
        description="Print a completion script, made by shtab. For bash: tinygrad-hess completion "
        "bash > ~/.local/share/bash-completion/completions/tinygrad-hess",
        allow_abbrev=False,
    )
    command.add_argument("shell", choices=("bash", "zsh", "tcsh"))
    command.set_defaults(run=run)
    return command


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    from .main import parser

    with refusing():
        shtab = require("completion", "shtab", extra="completion")
    top = parser()
    kinds = {"FILE": shtab.FILE, "DATA": shtab.FILE, "FOLDER": shtab.DIRECTORY}
    for command in {id(p): p for p in _subparsers(top).values()}.values():
        for action in command._actions:
            if action.metavar in kinds:
                action.complete = kinds[action.metavar]  # type: ignore[attr-defined]
    print(shtab.complete(top, options.shell))
    return 0


def _subparsers(top: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (found,) = (a for a in top._actions if isinstance(a, argparse._SubParsersAction))
    return dict(found.choices)
