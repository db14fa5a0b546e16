"""The command line: ``python -m tinygrad_hess demo``."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ._version import __version__


def parser() -> argparse.ArgumentParser:
    """The arguments of all commands."""
    top = argparse.ArgumentParser(
        prog="python -m tinygrad_hess",
        description="Gradients, Hessians and the curvature of a training loss, on NumPy.",
    )
    top.add_argument("--version", action="version", version=f"tinygrad_hess {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="command")
    demo = commands.add_parser(
        "demo",
        help="train a small net on digits and watch its sharpness climb to 2/rate",
        description="Train a 64-32-10 tanh net on handwritten digits by full-batch gradient "
        "descent; print its curvature beside the exact one; write figures and graphs.",
    )
    add = demo.add_argument
    add("--steps", type=_integer(1), default=1500, help="of gradient descent (%(default)s)")
    add("--rate", type=_positive, default=0.5, help="the learning rate (%(default)s)")
    add("--every", type=_integer(1), default=10, help="steps between measures (%(default)s)")
    add("--seed", type=_integer(0), default=0, help="of weights and split (%(default)s)")
    add("--out", type=_folder, default="demo_output", help="the folder to write (%(default)s)")
    return top


def _integer(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"must be an integer >= {least}, got {text!r}")
        return value

    return parse


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a positive number, got {text!r}")
    return value


def _folder(text: str) -> Path:
    path = Path(text)
    if any(p.exists() and not p.is_dir() for p in (path, *path.parents)):
        raise argparse.ArgumentTypeError(f"must be a folder, but {text!r} is, or is in, a file")
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status: 0, or 1 with a message when the training diverges.

    Examples
    --------
    >>> main(["demo", "--steps", "0"])
    Traceback (most recent call last):
    ...
    SystemExit: 2
    """
    options = parser().parse_args(arguments)

    from .demo import run

    try:
        run(options.steps, options.rate, options.every, options.seed, options.out)
    except FloatingPointError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
