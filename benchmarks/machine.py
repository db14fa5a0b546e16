"""What the figures were measured on."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .processes import OURS, AnyWorker


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    said = {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
    name = said.get("model name", platform.machine())
    if "cpu family" not in said:
        return name
    return f"{name} (family {said['cpu family']}, model {said['model']})"


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe(workers: Mapping[str, AnyWorker]) -> dict[str, Any]:
    """The machine, versions and date, plain."""
    versions: dict[str, str] = {}
    for worker in workers.values():
        versions |= worker.ask("versions", None)
    return {
        "processor": processor(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "python": platform.python_version(),
        "versions": dict(sorted(versions.items())),
        "blas": workers[OURS].ask("blas", None),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def told(about: Mapping[str, Any], *more: str) -> str:
    """Lines of a page on what it was measured on; ``more`` stand before the date."""
    named = ", ".join(f"{k} {v}" for k, v in about["versions"].items())
    pinned = ", everything pinned to one" if about.get("pinned") else ""
    return "\n".join([
        f"- Processor: {about['processor']}, {about['cores']} cores in use{pinned}",
        f"- System: {about['system']}, Python {about['python']}",
        f"- Versions: {named}",
        *more,
        f"- Date: {about['date']}; {about['minutes']:.0f} minutes; load of the machine "
        f"{about['load']} before it began",
    ])  # fmt: skip


def load() -> str:
    """How many processes wanted to run of late: measured on a quiet machine, about one."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
