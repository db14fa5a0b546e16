"""Run quick tests on other Pythons, the oldest and newest NumPy and SciPy, with C and without.

``python tools/versions.py [--pythons 3.11 3.12] [--write] [TESTS ...]``, or ``make versions``.

Environments are made by uv, which finds Pythons that are installed and downloads others where it
can; they stay in .venv-versions. The oldest NumPy and SciPy are the first within pyproject's bounds
that have wheels for a Python. 3.13t, without a global lock, is built from Debian's source package
where uv finds none (three minutes).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "hard"), str(ROOT / "tools")]

from accuracy_page import table  # noqa: E402
from figures import TODAY, figures, note  # noqa: E402

PYTHONS = ["3.11", "3.12", "3.13", "3.13t", "3.14"]
QUICK = [
    "tests/core/test_tensor.py", "tests/core/test_modes.py", "tests/transforms/test_transforms.py",
    "tests/numpy/test_protocols.py", "tests/replay/test_native.py", "tests/replay/test_scan.py",
    "tests/curvature/test_curvature_checkpoints.py", "tests/io/test_saving.py",
    "tests/hard/test_threads.py",
]  # fmt: skip
TOOLS = ["pytest", "pytest-xdist", "hypothesis", "sympy", "mpmath"]
FOLDER = ROOT / ".venv-versions"
COLUMNS = "Python | NumPy | SciPy | C runner | quick tests | on"


def bounds() -> list[str]:
    """What pyproject asks of NumPy and SciPy."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [d for d in project["dependencies"] if re.match(r"(numpy|scipy)\b", d)]


def uv(*args: str) -> None:
    subprocess.run(["uv", *args], cwd=ROOT, check=True, capture_output=True, text=True)


def without_lock(python: str) -> str:
    """What uv makes an environment of: an interpreter of that version which has no global lock."""
    if subprocess.run(["uv", "python", "find", python], capture_output=True).returncode == 0:
        return python
    version = python.removesuffix("t")
    folder = (FOLDER / f"python{python}").resolve()
    interpreter = folder / "bin" / f"python{python}"
    if interpreter.exists():
        return str(interpreter)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "lists" / "partial").mkdir(parents=True)
    key = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (folder / "sources.list").write_text(
        f"deb-src [signed-by={key}] http://deb.debian.org/debian trixie main\n"
    )
    apt = (
        f"apt-get -q -o Dir::Etc::sourcelist={folder}/sources.list -o Dir::Etc::sourceparts=/dev/null "
        f"-o Dir::State::lists={folder}/lists"
    )
    steps = [
        f"{apt} update", f"{apt} source --download-only python{version}",
        "mkdir source", f"tar xf python{version}_*.orig.tar.xz -C source --strip-components=1",
        "cd source", f"./configure -q --disable-gil --without-ensurepip --prefix={folder}",
        f"make -s -j{os.cpu_count()}", "make -s install", "rm -rf ../source ../lists",
    ]  # fmt: skip
    print(f"building Python {python} from Debian's source package", file=sys.stderr, flush=True)
    subprocess.run(
        " && ".join(steps), shell=True, cwd=folder, check=True, capture_output=True, text=True
    )
    return str(interpreter)


def environment(python: str, resolution: str) -> Path:
    """The interpreter of an environment with these NumPy and SciPy."""
    venv = FOLDER / f"{python}-{resolution}"
    interpreter = venv / "bin" / "python"
    if not interpreter.exists():
        found = without_lock(python) if python.endswith("t") else python
        uv("venv", "--quiet", "--python", found, str(venv))
    install = ("pip", "install", "--quiet", "--python", str(interpreter), "--only-binary", ":all:")
    uv(*install, "--resolution", resolution, *bounds())
    uv(*install, *TOOLS, *([] if python.endswith("t") else ["safetensors"]))  # no wheels there
    uv("pip", "install", "--quiet", "--python", str(interpreter), "-e", ".")
    return interpreter


def version(interpreter: Path, name: str) -> str:
    code = f"from importlib.metadata import version; print(version({name!r}))"
    return subprocess.run([interpreter, "-c", code], capture_output=True, text=True).stdout.strip()


def tested(interpreter: Path, tests: list[str], native: bool) -> str:
    """The last line of pytest, without the time."""
    env = os.environ | {"TINYGRAD_HESS_NATIVE": str(int(native))}
    quick = ["-n", "0", "-q", "-m", "not slow and not fuzz and not peers"]
    done = subprocess.run(
        [interpreter, "-m", "pytest", *quick, *tests],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
    )
    for line in done.stdout.splitlines():
        if line.startswith(("FAILED", "ERROR")):
            print(f"  {line}", file=sys.stderr)
    last = (done.stdout.strip().splitlines() or ["no tests ran"])[-1]
    return re.sub(r" in .*|=", "", last).strip() or done.stderr.strip().splitlines()[-1]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--pythons", nargs="+", default=PYTHONS)
    parser.add_argument(
        "--write", action="store_true", help="note the rows for docs/reliability.md"
    )
    parser.add_argument("tests", nargs="*", default=QUICK)
    options = parser.parse_args()
    rows, failed = [], False
    for python in options.pythons:
        for resolution in ("lowest-direct", "highest"):
            try:
                interpreter = environment(python, resolution)
            except subprocess.CalledProcessError as error:
                why = re.sub(r"\s+", " ", (error.stderr or "").strip())[:90]
                rows.append(
                    (python, resolution.split("-")[0], "", "", f"not to be had: {why}", TODAY)
                )
                continue
            for native in (True, False):
                found = tested(interpreter, options.tests, native)
                failed |= "failed" in found or "error" in found
                rows.append((
                    python, version(interpreter, "numpy"), version(interpreter, "scipy"),
                    "yes" if native else "no", found, TODAY,
                ))  # fmt: skip
                print(*rows[-1], sep="  ", flush=True)
    print(table(COLUMNS, rows))
    if options.write:
        before = figures().get("versions", {}).get("rows", [])
        others = [row for row in before if row[0] not in options.pythons]
        note("versions", rows=sorted([*others, *map(list, rows)], key=lambda row: row[0]))
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
