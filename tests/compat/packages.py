"""The tests of packages that use autograd, run with autograd and with the drop-in.

    python tests/compat/packages.py [--venv DIR] [NAME ...]

Everything comes from PyPI into a virtual environment of its own; nothing of it is in the
repository. Prints how many tests pass, in what processor time, and those that only autograd passes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tarfile
import venv
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

RUN = """
import sys, pytest
if sys.argv.pop(1) == "drop-in":
    import tinygrad_hess.compat.autograd as drop_in
    drop_in.install()
sys.exit(pytest.main(sys.argv[1:]))
"""


@dataclass(frozen=True)
class Suite:
    """The tests of one package.

    Attributes
    ----------
    package : str
        Name and version on PyPI.
    tests : tuple of str
        Files and folders in its source, and options of pytest.
    needs : tuple of str
        What its tests need beside the package.
    """

    package: str
    tests: tuple[str, ...]
    needs: tuple[str, ...] = ()


SUITES = {
    # Without the file that tests how autograd traces.
    "autograd": Suite(
        "autograd==1.9.1",
        ("tests", "--ignore=tests/test_logic.py"),
        ("xarray",),
    ),
    "pymanopt": Suite(
        "pymanopt==2.2.1",
        (
            "--noconftest",  # it imports TensorFlow and PyTorch
            "tests/backends/test_autograd.py",
            "tests/manifolds",
            "tests/optimizers",
            "tests/test_problem_backend_interface.py",
        ),
    ),
    "lifelines": Suite(
        "lifelines==0.30.3",
        (
            "lifelines/tests/test_estimation.py",
            "-k=Parametric or CustomRegression or Weibull or LogNormal or LogLogistic or AFT"
            " or GeneralizedGamma or Exponential or MixtureCure",
        ),
        ("flaky", "matplotlib"),
    ),
    "surpyval": Suite(
        "surpyval==0.25",
        tuple(
            f"surpyval/tests/{name}.py"
            for name in (
                "test_autograd_gamma_compat_shapes",
                "utils/test_incomplete_beta",
                "utils/test_normal",
                "univariate/parametric/test_censored_hessian",
                "univariate/parametric/test_confidence_bounds",
                "univariate/parametric/test_distributions_math",
                "univariate/parametric/test_fit",
                "univariate/parametric/test_mixture_model",
                "univariate/regression/test_accelerated_life",
                "univariate/regression/test_proportional_hazards",
            )
        ),
    ),
}


def install(folder: Path, suite: Suite) -> None:
    """Make the environment, if there is none, and install a package and what its tests need."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        pip(python, "install", "-e", str(ROOT), "autograd==1.9.1", "pytest")
    pip(python, "install", suite.package, *suite.needs)


def pip(python: Path, *args: str) -> None:
    """Run pip quietly."""
    subprocess.run([python, "-m", "pip", "--quiet", *args], check=True)


def source(folder: Path, suite: Suite) -> Path:
    """The unpacked source of a package, with its tests."""
    name = suite.package.replace("==", "-")
    if not (folder / "src" / name).exists():
        options = ("--no-deps", "--no-binary", ":all:", "--dest", str(folder / "src"))
        pip(folder / "bin" / "python", "download", *options, suite.package)
        with tarfile.open(folder / "src" / f"{name}.tar.gz") as archive:
            archive.extractall(folder / "src", filter="data")
    return folder / "src" / name


def processor_time() -> float:
    """Seconds of the processes that were waited for: what else a machine does counts less."""
    times = os.times()
    return times.children_user + times.children_system


def run(folder: Path, suite: Suite, which: str) -> tuple[dict[str, str], float]:
    """What became of each test, with "autograd" or the "drop-in", and its processor time."""
    where, report = source(folder, suite), folder / f"{which}.xml"
    report.unlink(missing_ok=True)
    options = ("-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir=.")
    python = (folder / "bin" / "python").absolute()
    began = processor_time()
    subprocess.run(
        [python, "-c", RUN, which, *options, f"--junitxml={report.absolute()}", *suite.tests],
        cwd=where,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    seconds, found = processor_time() - began, {}
    for case in ET.parse(report).iter("testcase"):
        outcome = {child.tag for child in case} & {"failure", "error", "skipped"}
        found[f"{case.get('classname')}::{case.get('name')}"] = min(outcome, default="passed")
    return found, seconds


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("names", nargs="*", help=", ".join(SUITES))
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv-packages")
    chosen = parser.parse_args()
    for name in chosen.names or SUITES:
        suite = SUITES[name]
        install(chosen.venv, suite)
        theirs, their_time = run(chosen.venv, suite, "autograd")
        ours, our_time = run(chosen.venv, suite, "drop-in")
        passed = [sum(x == "passed" for x in results.values()) for results in (theirs, ours)]
        print(f"{suite.package}: of {len(theirs)} tests {passed[0]} pass with autograd "
              f"({their_time:.0f} s), {passed[1]} with the drop-in ({our_time:.0f} s)")  # fmt: skip
        for test, outcome in theirs.items():
            if outcome == "passed" != ours.get(test):
                print(f"  only with autograd: {test}")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
