"""What is installed: the package with its data, `ops` inside it, and no bare module of that name."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = {
    "tinygrad_hess/__init__.py",
    "tinygrad_hess/py.typed",
    "tinygrad_hess/ops/elementwise/arithmetic.py",
    "tinygrad_hess/data/digits.npz",
    "tinygrad_hess/data/NOTICE",
    "tinygrad_hess/viz/figures.mplstyle",
    "tinygrad_hess/viz/viz-global.js",
    "tinygrad_hess/viz/d3-zoom.js",
    "tinygrad_hess/viz/uplot.js",
    "tinygrad_hess/viz/uplot.css",
    "tinygrad_hess/viz/templates/steps.html",
    "tinygrad_hess/viz/templates/view.html",
}


def run(*command: str | Path, **options: object) -> str:
    done = subprocess.run(
        [str(c) for c in command], capture_output=True, text=True, check=False, **options
    )  # type: ignore[call-overload]
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution and the wheel that was made from it."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    files = run("git", "ls-files", "-co", "--exclude-standard", cwd=ROOT).splitlines()
    for name in files:
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_symlink():
            target.symlink_to(os.readlink(ROOT / name))
        elif (ROOT / name).exists():
            target.write_bytes((ROOT / name).read_bytes())
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, source)
    return out


def test_every_package_is_named() -> None:
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    places = {"tinygrad_hess": ROOT / "tinygrad_hess", "tinygrad_hess.ops": ROOT / "ops"}
    found = {
        ".".join((top, *file.parent.relative_to(folder).parts))
        for top, folder in places.items()
        for file in folder.rglob("__init__.py")
        if "ops" not in file.parent.relative_to(folder).parts
    }
    assert found <= set(named)  # which has folders of data too


@pytest.mark.slow
def test_wheel_holds_the_package_and_nothing_beside_it(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert set(names) >= NEEDED
    tops = {name.split("/")[0] for name in names}
    assert {t for t in tops if not t.endswith(".dist-info")} == {"tinygrad_hess"}


@pytest.mark.slow
def test_source_distribution_holds_what_the_wheel_is_made_of(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as found:
        names = {name.partition("/")[2] for name in found.getnames()}
    assert {"ops/elementwise/arithmetic.py", "pyproject.toml", "LICENSE", "NOTICE"} <= names


@pytest.mark.slow
def test_installed_wheel_works_without_the_checkout(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    run(sys.executable, "-m", "venv", tmp_path / "env")
    python = tmp_path / "env" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel)
    program = (
        "import importlib.util, numpy as np, tinygrad_hess as tg\n"
        "assert importlib.util.find_spec('ops') is None\n"
        "print(tg.__file__, tg.hvp(lambda x: (x**3).sum(), np.ones(2), np.ones(2)))\n"
    )
    # the dependencies come from this environment; its own editable installs are not looked at
    found = run(
        python,
        "-c",
        program,
        cwd=tmp_path,
        env={"PYTHONPATH": sysconfig.get_path("purelib"), "PATH": os.environ["PATH"]},
    )
    assert str(tmp_path) in found
    assert "[6. 6.]" in found


@pytest.mark.slow
def test_an_index_would_take_both(built: Path) -> None:
    pytest.importorskip("twine")
    said = run(sys.executable, "-m", "twine", "check", "--strict", *built.iterdir())
    assert said.count("PASSED") == 2
