"""Write docs/accuracy.md and the table of published results: ``python tools/accuracy_page.py``.

With names (oracles, coverage, costs, published) only those sections are measured anew; the others
stay. ``make accuracy`` measures all, which takes some minutes.
"""

from __future__ import annotations

import ast
import functools
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from oracles import ORACLES  # noqa: E402
from spectra import covered, symmetric  # noqa: E402

import tinygrad_hess as tg  # noqa: E402
from tinygrad_hess import curvature as c  # noqa: E402
from tinygrad_hess import nn  # noqa: E402

PAGE = ROOT / "docs" / "accuracy.md"
PUBLISHED = ROOT / "examples" / "published"
PICTURES = ROOT / "docs" / "published"

INTRODUCTION = """# How accurate is it?

Measured by `make accuracy`, which writes this page. Nothing here is the library checked against
itself alone: answers are closed forms, dense matrices by NumPy, identities that must hold, or
results that others published.
"""

SEEDS = 4000  # fewer leave to chance whether a share near 93% is above it


def table(head: str, rows: list[tuple[str, ...]]) -> str:
    columns = head.count("|") + 1
    lines = [f"| {head} |", "| " + " | ".join(["---"] * columns) + " |"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


# ---- the sections --------------------------------------------------------------------------------


def oracles() -> str:
    parts = [
        "## Answers that are known\n\nErrors are relative to the largest element, unless the row "
        "says otherwise. Tests assert each row; each operation's derivatives are checked one by "
        "one besides (`tests/ops/test_battery.py`)."
    ]
    for group in dict.fromkeys(row.group for row in ORACLES):
        rows = [
            (row.what, f"{row.error():.2g}", f"{row.allowed:.2g}")
            for row in ORACLES
            if row.group == group
        ]
        parts.append(f"### {group}\n\n" + table("what | error | allowed", rows))
    return "\n\n".join(parts)


def _matrix() -> Any:
    """200 eigenvalues as a Hessian's are: a decaying bulk, some outliers, some negative."""
    return symmetric(
        np.r_[2.0 * 0.95 ** np.arange(170), -0.1 * np.linspace(0.1, 1, 25), 3.0 * np.arange(1, 6)]
    )


@functools.cache
def trained() -> tuple[Any, Any]:
    """The Hessian of a 64-16-10 tanh net after 300 steps on digits, and its eigenvalues."""
    digits = tg.data.digits()
    data = digits.x[:1000] / 16, digits.y[:1000]
    loss = lambda net, batch: nn.cross_entropy(net(batch[0]), batch[1])
    start = nn.MLP([64, 16, 10], init=nn.init.he_normal, seed=0)
    net = tg.optim.fit(loss, start, data, tg.optim.SGD(lr=0.2), epochs=300).params
    H = c.HessianOperator(loss, net, data)
    return H, np.linalg.eigvalsh(H.to_dense())


def coverage_rows() -> dict[str, tuple[Callable[[int], Any], float, bool]]:
    """Name: the estimate of a seed, the truth, and whether its interval is a bound, thus wider."""
    A = _matrix()
    B = A + 0.2 * np.eye(len(A))
    values = np.linalg.eigvalsh(A)
    traced = functools.partial(c.trace, A)
    H, of_net = trained()
    return {
        "trace, Hutchinson, 20 products": (
            lambda seed: traced(20, method="hutchinson", seed=seed), values.sum(), False
        ),
        "trace, Hutch++, 60 products": (
            lambda seed: traced(max_matvecs=60, seed=seed), values.sum(), False
        ),
        "trace, XTrace, 60 products": (
            lambda seed: traced(max_matvecs=60, method="xtrace", seed=seed), values.sum(), False
        ),
        "trace to 5%, stopping there": (
            lambda seed: traced(rtol=0.05, seed=seed), values.sum(), False
        ),
        "trace of a net's Hessian, signs by example, 24 products": (
            lambda seed: c.trace(H, max_matvecs=24, seed=seed), of_net.sum(), False
        ),
        "trace of a net's Hessian to 1%, stopping there": (
            lambda seed: c.trace(H, rtol=0.01, seed=seed), of_net.sum(), False
        ),
        "log-determinant, 10 probes": (
            lambda seed: c.log_determinant(B, method="lanczos", seed=seed),
            np.log(np.linalg.eigvalsh(B)).sum(), False,
        ),
        "effective dimension at 0.5, 10 probes": (
            lambda seed: c.effective_dimension(B, 0.5, method="lanczos", seed=seed),
            (np.linalg.eigvalsh(B) / (np.linalg.eigvalsh(B) + 0.5)).sum(), False,
        ),
        **{
            f"number of negative eigenvalues, {k} probes of {m} steps": (
                lambda seed, k=k, m=m: c.inertia(
                    A, method="lanczos", probes=k, steps=m, seed=seed
                ).negative,
                float((values < 0).sum()), True,
            )
            for k, m in ((10, 40), (4, 100))
        },
    }  # fmt: skip


def coverage() -> str:
    rows = []
    for name, (estimate, truth, bound) in coverage_rows().items():
        seeds = SEEDS // 4 if bound or "net's" in name else SEEDS
        found = [estimate(seed) for seed in range(seeds)]
        spread = np.median([e.interval[1] - e.interval[0] for e in found]) / abs(truth) / 2
        wanted = "93% or more (bounds)" if bound else "93 to 97%"
        share = covered(found, truth)
        chance = 2 * np.sqrt(share * (1 - share) / seeds)
        rows.append((name, f"{share:.1%} ± {chance:.1%}", wanted, f"± {spread:.1%}"))
    return (
        f"## Intervals: how often 95% is 95%\n\nOn a matrix of {len(_matrix())} known eigenvalues "
        f"(and the Hessian of the net of the next section), {SEEDS:,} seeds each ({SEEDS // 4:,} "
        "for the net, and where the interval is a bound); after ± two standard deviations of the "
        "share. With a few dominant "
        "eigenvalues, as here, single probes are skewed, so the intervals of means over probes are "
        "those of Student's t with the skewness transformed away (Hall 1992); without that, "
        "Hutchinson's at 20 products covers 93.4%, at 10 products 92.4%.\n\n"
        "The number of negative eigenvalues is the one wide interval. A count is no smooth "
        "function, so there is no estimate of its error: the interval is made of bounds, the best "
        "that hold for certain (but for chance over probes) given what the Lanczos steps saw, and "
        "the eigenvalues that crowd at zero may lie on either side of it. More probes do not help, "
        "more steps do: the same 400 products are better spent on 4 probes of 100 steps.\n\n"
        "More intervals are asserted in the tests of each estimate, among them those of "
        "`jackknife`, `observed_information`, `gradient_noise_scale` and the bands of "
        "`spectral_density`.\n\n" + table("estimate | covered | wanted | median half width", rows)
    )


def costs() -> str:
    H, values = trained()
    rows = []
    for tol in (1e-3, 1e-6, 1e-10):
        top = c.top_eigenpairs(H, 1, rtol=tol, method="lanczos")
        error = abs(top.values[0] / values[-1] - 1)
        rows.append((f"largest eigenvalue to {tol:.0e}", str(top.matvecs), f"{error:.1e}"))
        low = c.top_eigenpairs(H, 1, "SA", rtol=tol, method="lanczos")
        error = abs(low.values[0] / values[0] - 1)
        rows.append((f"smallest eigenvalue to {tol:.0e}", str(low.matvecs), f"{error:.1e}"))
    ten = c.top_eigenpairs(H, 10, rtol=1e-6, method="lanczos")
    error = abs(ten.values / values[:-11:-1] - 1).max()
    rows.append(("ten largest to 1e-06", str(ten.matvecs), f"{error:.1e}"))
    for rtol in (0.05, 0.02, 0.01):
        found = [c.trace(H, rtol=rtol, seed=seed) for seed in range(20)]
        errors = [e.value / values.sum() - 1 for e in found]
        spent = f"{np.mean([e.matvecs for e in found]):.0f}"
        rows.append((f"trace to {rtol:.0%}", spent, f"{np.sqrt(np.mean(np.square(errors))):.1e}"))
    return (
        "## What accuracy costs\n\nProducts with the Hessian of a trained 64-16-10 net on 1,000 "
        f"digits (P = {len(values):,}, trace {values.sum():.3g}, eigenvalues from {values[0]:.3g} "
        f"to {values[-1]:.3g}), and the error reached: against the dense matrix, relative; for the "
        "trace the mean and the root mean square of 20 seeds. Times beside other libraries are in "
        "`benchmarks`.\n\n" + table("task | products | error reached", rows)
    )


def scripts() -> list[Path]:
    return sorted(path for path in PUBLISHED.glob("*.py") if path.stem != "common")


def described(script: Path) -> tuple[str, str]:
    """Its claim and its source: the first line and the last paragraph of what it says."""
    text = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
    paragraphs = text.split("\n\n")
    return paragraphs[0], " ".join(paragraphs[-1].split())


def published() -> str:
    """Run every script with its whole settings, and write the table in its folder, too."""
    PICTURES.mkdir(exist_ok=True)
    settings = {"MPLBACKEND": "Agg", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    here, there = [], []
    for script in scripts():
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, str(script)],
            cwd=PICTURES,
            env={**os.environ, **settings, "TINYGRAD_HESS_QUICK": ""},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"accuracy: {script.stem} failed\n{done.stderr}")
        sentence = done.stdout.splitlines()[-1]
        print(f"{script.stem}: {sentence} ({time.perf_counter() - began:.0f} s)", flush=True)
        claim, source = described(script)
        picture = f"[![{claim}]({{}}docs/published/{script.stem}.png)]({{}}docs/published/{script.stem}.png)"
        there.append(
            (f"[{claim}]({script.name})", source, sentence, picture.format(*["../../"] * 2))
        )
        here.append((f"[{claim}](../examples/published/{script.name})", sentence))
    readme = PUBLISHED / "README.md"
    text = readme.read_text(encoding="utf-8")
    found = table("claim | paper | our figure | picture", there)
    replace(readme, text[: text.index("| claim")] + found + "\n")
    return (
        "## Published results\n\nEach is a short script in "
        "[examples/published](../examples/published/README.md), with its paper and a picture, and "
        "is asserted by the tests, its control included: the effect must be found where it is, and "
        "not where it is not.\n\n" + table("claim | our figure", here)
    )


SECTIONS: dict[str, Callable[[], str]] = {
    "oracles": oracles, "coverage": coverage, "costs": costs, "published": published,
}  # fmt: skip


# ---- the page ------------------------------------------------------------------------------------


def replace(path: Path, text: str) -> None:
    """Write a file as a whole, or not at all."""
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, suffix=".tmp", delete=False, encoding="utf-8"
    ) as file:
        file.write(text)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


def sections_of(text: str) -> dict[str, str]:
    """The sections of a page by their names, as they are marked in it."""
    return dict(re.findall(r"<!-- (\w+) -->\n\n(.*?)\n(?=\n<!--|\Z)", text, flags=re.S))


def main(names: list[str]) -> None:
    unknown = set(names) - set(SECTIONS)
    if unknown:
        raise SystemExit(f"accuracy: no section {', '.join(unknown)}; there are {list(SECTIONS)}")
    kept = sections_of(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else {}
    for name in names or SECTIONS:
        kept[name] = SECTIONS[name]()
        marked = [f"<!-- {n} -->\n\n{kept[n]}\n" for n in SECTIONS if n in kept]
        replace(PAGE, "\n".join([INTRODUCTION, *marked]))
        print("wrote", name, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
