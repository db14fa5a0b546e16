"""``demo``: a small net on digits, and its curvature."""

from __future__ import annotations

import argparse
from typing import Any

from . import values


def add(commands: Any) -> argparse.ArgumentParser:
    """The command and its options."""
    command: argparse.ArgumentParser = commands.add_parser(
        "demo",
        help="train a small net on digits and watch its sharpness climb to 2/rate",
        description="Train a 64-32-10 tanh net on handwritten digits by full-batch gradient "
        "descent; print its curvature beside the exact one; write figures and graphs.",
        allow_abbrev=False,
    )
    add = command.add_argument
    add("--steps", type=values.integer(1), default=1500, help="of gradient descent (%(default)s)")
    add("--rate", type=values.positive, default=0.5, help="the learning rate (%(default)s)")
    add("--every", type=values.integer(1), default=10, help="steps between measures (%(default)s)")
    add("--seed", type=values.integer(0), default=0, help="of weights and split (%(default)s)")
    add("--out", type=values.folder, default="demo_output", metavar="FOLDER",
        help="the folder to write (%(default)s)")  # fmt: skip
    command.set_defaults(run=run)
    return command


def run(options: argparse.Namespace) -> int:
    """Run it."""
    from ..demo import run as demonstrate

    demonstrate(options.steps, options.rate, options.every, options.seed, options.out)
    return 0
