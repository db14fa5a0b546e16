"""The parser of all commands, and what becomes of their errors."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from .._version import __version__
from . import completion, demo, graph, info, live, report, train
from .errors import FAILED, INTERRUPTED, USAGE, CommandError, near, told

COMMANDS = (demo, train, report, graph, live, info, completion)
"""Modules with ``add(commands)``, which gives a parser whose ``run`` takes the options."""


class Parser(argparse.ArgumentParser):
    """Tells what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with 2."""
        self.exit(USAGE, f"{self.prog}: error: {message}. Try {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """The arguments of all commands."""
    top = Parser(
        prog="tinygrad-hess",
        description="Gradients, Hessians and the curvature of a training loss, on NumPy.",
        epilog="Exit status: 0 done, 1 the run failed, 2 wrong usage, 130 interrupted.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"tinygrad_hess {__version__}")
    commands = top.add_subparsers(dest="command", metavar="command")
    for module in COMMANDS:
        sub = module.add(commands)
        sub.set_defaults(parser=sub)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status.

    Examples
    --------
    >>> main(["demo", "--steps", "0"])
    Traceback (most recent call last):
    ...
    SystemExit: 2
    """
    top = parser()
    options, rest = top.parse_known_args(arguments)
    command = getattr(options, "parser", top)
    if rest:
        command.error(f"unrecognized arguments: {' '.join(rest)}{_near(rest[0], command)}")
    if options.command is None:
        top.print_help()
        return 0
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except CommandError as error:
        print(f"{command.prog}: error: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        print(f"{command.prog}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of the output has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (FloatingPointError, OSError, MemoryError) as error:
        print(f"{command.prog}: error: {' '.join(told(error).split())}", file=sys.stderr)
        return FAILED


def _near(word: str, command: argparse.ArgumentParser) -> str:
    known = [option for action in command._actions for option in action.option_strings]
    return near(word.partition("=")[0], known) if word.startswith("-") else ""
