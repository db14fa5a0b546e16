"""``info``: versions, BLAS, threads, and what is installed."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
from importlib import metadata
from typing import Any

from .._version import __version__


def add(commands: Any) -> argparse.ArgumentParser:
    """The command and its options."""
    command: argparse.ArgumentParser = commands.add_parser(
        "info",
        help="versions, BLAS, threads, and what is installed",
        description="What a report of a problem should have: versions, BLAS and its threads, "
        "optional packages, and whether planned programs run in C.",
        allow_abbrev=False,
    )
    command.add_argument("--json", action="store_true", help="as JSON")
    command.set_defaults(run=run)
    return command


def run(options: argparse.Namespace) -> int:
    """Print it."""
    found = information()
    if options.json:
        print(json.dumps(found, indent=1))
        return 0
    for name, value in found.items():
        if isinstance(value, dict):
            lines = [
                f"  {key:<16} {'not installed' if x is None else x}" for key, x in value.items()
            ]
            print(f"{name}:", *lines, sep="\n")
        else:
            print(f"{name}: {', '.join(value) if isinstance(value, list) else value}")
    return 0


def information() -> dict[str, Any]:
    """All of it.

    Examples
    --------
    >>> import numpy as np
    >>> found = information()
    >>> found["packages"]["numpy"] == np.__version__
    True
    """
    import numpy  # noqa: F401  # its BLAS is looked at
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_info

    from ..replay.native.library import why_python
    from ..viz.rendering import renderer

    blas = [
        f"{x['internal_api']} {x['version']}, {x['num_threads']} threads"
        for x in threadpool_info()
        if x["user_api"] == "blas"
    ]
    packages: dict[str, str | None] = {}
    extras: dict[str, str | None] = {}
    for line in metadata.requires("tinygrad-hess") or []:
        name = re.match(r"[\w.-]+", line)
        if name is None or name[0] == "tinygrad-hess":
            continue
        of_developers = re.search(r"extra == ['\"](test|lint|docs|release)['\"]", line)
        if not of_developers:
            (extras if "extra ==" in line else packages)[name[0]] = _version(name[0])
    why = why_python()
    return {
        "tinygrad_hess": __version__,
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "blas": blas,
        "planned programs": "in C" if why is None else f"in Python: {why}",
        "graphs drawn by": renderer() or "the browser (no Graphviz program found)",
        "packages": packages,
        "optional packages": extras,
    }  # fmt: skip


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
