"""Run the fuzz in worker processes, each limited in time and memory, without network.

python tests/fuzz/fuzz_run.py --calls 20000 --seed 0 --out offences.md
python tests/fuzz/fuzz_run.py --seed 0 --call 1234          # one call again, with its traceback
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CPU_SECONDS = 5.0  # of one call
WALL_SECONDS = 120.0  # without a new call, when the processor is not even used
MEMORY = 2 << 30  # bytes beyond what the worker starts with


def environment() -> None:
    """What a worker needs before NumPy is imported."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    os.environ["MPLBACKEND"] = "agg"
    for part in ("tools", "tests/curvature", "tests/support", "tests/fuzz", ""):
        sys.path.insert(0, str(ROOT / part))


def fence(home: Path) -> None:
    """No network, no processes, no files but below ``home``; a limit of memory."""
    import resource

    def refuse(event: str, args: tuple[Any, ...]) -> None:
        if event.startswith(
            ("socket.connect", "subprocess", "os.system", "os.exec", "os.fork", "webbrowser")
        ):
            raise PermissionError(f"fuzz: {event}")
        if event == "open" and isinstance(args[0], int):
            raise PermissionError("fuzz: a file descriptor as path")
        writes = event in ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "shutil.rmtree") or (
            event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")
        )
        if writes and not os.path.abspath(os.fsdecode(args[0])).startswith(
            (str(home), "/dev/null")
        ):
            raise PermissionError(f"fuzz: {event} {args[0]}")

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    sys.addaudithook(refuse)


def work(seed: int, first: int, last: int, step: int, home: Path, out: Path) -> None:
    """Calls ``first, first + step, ...``; one line of JSON each for starts and for offences."""
    import signal

    os.chdir(home)
    import matplotlib.pyplot  # noqa: F401  before the fence
    from fuzz_judge import Hang, judge
    from fuzz_right_calls import right_calls

    right_calls()

    def stop(*_: Any) -> None:
        raise Hang

    signal.signal(signal.SIGPROF, stop)
    log = out.open("a")
    fence(home)
    log.write("ready\n")
    log.flush()
    for number in range(first, last, step):
        log.write(f"{number}\n")
        log.flush()
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        try:
            found = judge(seed, number)
        except Hang:
            found = None  # in the library's clean-up, or in the fuzz itself
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        if found is not None:
            log.write(json.dumps(found.to_dict()) + "\n")
            log.flush()
    log.write("done\n")
    log.close()


def run(calls: int, seed: int, workers: int = 2, first: int = 0) -> list[dict[str, Any]]:
    """All calls, and the offences found; a worker that dies or stands still is one, and is replaced."""
    offences: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        live = [
            Worker(Path(scratch), seed, first + w, first + calls, workers) for w in range(workers)
        ]
        while any([w.is_live() for w in live]):  # a list: each is looked after
            time.sleep(0.5)
        for w in live:
            offences += w.offences()
    return sorted(offences, key=lambda o: o["number"])


class Worker:
    """A process that makes every ``step``-th call, started again behind a call that killed it."""

    def __init__(self, scratch: Path, seed: int, first: int, last: int, step: int):
        self.home, self.log = scratch / f"home{first}", scratch / f"log{first}"
        self.home.mkdir()
        self.log.touch()
        self.seed, self.last, self.step = seed, last, step
        self.seen = 0
        self.first, self.failures = first, 0
        self.start(first)

    def start(self, first: int) -> None:
        self.size, self.since = -1, time.monotonic()
        args = ["--work", self.seed, first, self.last, self.step, self.home, self.log]
        self.errors = self.log.parent / f"{self.log.name}.err"
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-X", "faulthandler", __file__, *map(str, args)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    def is_live(self) -> bool:
        """Whether there is still work; looks after the process."""
        code, size = self.process.poll(), self.log.stat().st_size
        if size != self.size:
            self.size, self.since = size, time.monotonic()
        lines = self.log.read_text().split("\n")[:-1] if code is not None or self.is_still() else []
        if code is None and not self.is_still():
            return True
        if code is None:
            self.process.kill()
            self.process.wait()
        if lines and lines[-1] == "done":
            return False
        numbers = [int(line) for line in lines if line.isdigit()]
        said = self.errors.read_text()[-1500:]
        if "ready" not in lines[self.seen :]:  # it came to no call
            self.failures += 1
            if self.failures > 3:
                raise RuntimeError(f"a worker of the fuzz does not start: {said}")
            self.start(numbers[-1] + self.step if numbers else self.first)
            return True
        kind = "hang" if code is None else "crash"
        lost = {"number": numbers[-1], "kind": kind, "name": "", "where": "",
                "call": f"--seed {self.seed} --call {numbers[-1]}",
                "what": f"{kind}, exit code {code}: {said[-300:]}"}  # fmt: skip
        with self.log.open("a") as log:
            log.write(json.dumps(lost) + "\n")
        self.seen = len(lines)
        if numbers[-1] + self.step >= self.last:
            return False
        self.start(numbers[-1] + self.step)
        return True

    def is_still(self) -> bool:
        return time.monotonic() - self.since > WALL_SECONDS

    def offences(self) -> list[dict[str, Any]]:
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


def mechanism(offence: dict[str, Any]) -> tuple[str, str, str]:
    """What offences of one cause have in common: kind, place, and message without its particulars."""
    what = re.sub(r"'[^']*'|\"[^\"]*\"|\([^()]*\)|-?\d[\d.e+-]*", "_", offence["what"])
    if offence["kind"] in (
        "value",
        "gradient",
        "vmap",
        "jit",
        "accepts",
        "writes",
        "hang",
        "crash",
    ):
        return offence["kind"], offence["name"], what[:40] if offence["kind"] == "accepts" else ""
    return offence["kind"], offence["where"], what[:80]


def page(offences: list[dict[str, Any]], calls: int, seed: int) -> str:
    """The offences by mechanism, the most frequent first."""
    groups = collections.defaultdict(list)
    for o in offences:
        groups[mechanism(o)].append(o)
    kinds = collections.Counter(o["kind"] for o in offences)
    lines = [
        f"# {calls} calls, seed {seed}: {len(offences)} offences of {len(groups)} mechanisms",
        "",
    ]
    lines += [f"- {kind}: {n}" for kind, n in kinds.most_common()]
    for (kind, where, _), group in sorted(
        groups.items(), key=lambda g: (g[0][0], g[0][1], -len(g[1]))
    ):
        o = min(group, key=lambda o: len(o["call"]))
        names = sorted({o["name"] for o in group})
        lines += [
            "",
            f"## {kind}: {where} ({len(group)})",
            "",
            f"    {o['call']}",
            f"    -> {o['what']}",
            "",
        ]
        lines += [f"call {o['number']}; {', '.join(names[:8])}{' ...' if len(names) > 8 else ''}"]
    return "\n".join(lines) + "\n"


def main() -> None:
    if sys.argv[1:2] == ["--work"]:
        environment()
        seed, first, last, step = map(int, sys.argv[2:6])
        work(seed, first, last, step, Path(sys.argv[6]).resolve(), Path(sys.argv[7]))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--call", type=int, help="repeat this one")
    given = parser.parse_args()
    if given.call is not None:
        environment()
        from fuzz_calls import draw
        from fuzz_judge import judge
        from fuzz_judge import run as once

        call = draw(given.seed, given.call)
        print(call)
        print(judge(given.seed, given.call))
        print(once(call))
        return
    offences = run(given.calls, given.seed, given.workers, given.first)
    if given.json:
        given.json.write_text(json.dumps(offences))
    text = page(offences, given.calls, given.seed)
    print(text) if given.out is None else given.out.write_text(text)


if __name__ == "__main__":
    main()
