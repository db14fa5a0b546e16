"""The command line: ``python -m tinygrad_hess demo``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
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
    demo.add_argument("--steps", type=int, default=1500, help="of gradient descent (%(default)s)")
    demo.add_argument("--rate", type=float, default=0.5, help="the learning rate (%(default)s)")
    demo.add_argument("--every", type=int, default=10, help="steps between measures (%(default)s)")
    demo.add_argument("--seed", type=int, default=0, help="of weights and split (%(default)s)")
    demo.add_argument(
        "--out", type=Path, default=Path("demo_output"), help="the folder to write (%(default)s)"
    )
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
    options = top.parse_args(arguments)
    for name, least in (("steps", 1), ("every", 1)):
        if getattr(options, name) < least:
            top.error(f"--{name} must be at least {least}")
    if not options.rate > 0:
        top.error("--rate must be positive")

    from .demo import run

    run(options.steps, options.rate, options.every, options.seed, options.out)
    return 0
