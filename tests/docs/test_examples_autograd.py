"""The examples of examples/autograd: their models are right, and they show what they say.

The modules are run here on small settings, on whole ones in the slow suite; their objectives are
held to NumPy and SciPy, and on the same source to autograd's results.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.special
import scipy.stats
from test_examples import run

from benchmarks import autograd_examples as bench
from benchmarks.flattened import numbers
from benchmarks.measuring import Measured, difference
from benchmarks.problems import problem
from benchmarks.processes import OURS, Worker
from benchmarks.tasks import GRADIENT, HVP

FOLDER = Path(__file__).parents[2] / "examples" / "autograd"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py"))

PRINTS = {
    "bayesian_net": ["variational", "Laplace", "+0.00"],
    "fluid": ["mean squared difference", "after 30 steps", "the picture determines about"],
    "gaussian_mixture": ["L-BFGS-B", "Newton-CG", "minimum: all curvature is positive"],
    "logistic_regression": ["Newton: |gradient|", "worst texture", "±"],
    "rnn": ["bits a character", "it writes: a river", "of 2,681 curvatures"],
    "variational_inference": ["posterior means, exact", "by the Hessian"],
}
"""Words that a script must print."""

BOUNDS: dict[str, dict[str, tuple[float, float]]] = {
    "bayesian_net": {"variational": (0.7, 2.0), "Laplace": (2.0, 10.0), "beyond": (6.0, 50.0)},
    "fluid": {"left": (0.0, 0.03), "apart": (1.0, 2.0), "rank": (15, 90)},
    "gaussian_mixture": {"norm": (0.0, 1e-6), "steps": (10, 60), "behind": (0.0, 0.1)},
    "logistic_regression": {"norm": (0.0, 1e-11), "gap": (0.1, 1.0), "right": (0.98, 1.0)},
    "rnn": {"first": (4.5, 5.2), "last": (0.0, 2.5), "curvature": (1.0, 1000.0)},
    "variational_inference": {"mean": (0.0, 0.02), "scale": (0.0, 0.03), "hessian": (0.0, 1e-10)},
}
"""Between what each figure lies that :data:`FIGURES` takes from what a script returns."""


def _logistic(found: dict[str, Any]) -> dict[str, float]:
    return {"norm": found["norms"][-1], "gap": found["gap"], "right": found["right"]}


def _fluid(found: dict[str, Any]) -> dict[str, float]:
    return {
        "left": found["after"] / found["before"],
        "apart": found["apart"],
        "rank": found["rank"],
    }


def _mixture(found: dict[str, Any]) -> dict[str, float]:
    newton, lbfgs = found["fits"]["Newton-CG"], found["fits"]["L-BFGS-B"]
    assert found["kind"].kind == "minimum" and found["kind"].proved
    return {
        "norm": float(np.linalg.norm(newton.jac)),
        "steps": newton.nit,
        "behind": lbfgs.fun - newton.fun,
    }


def _rnn(found: dict[str, Any]) -> dict[str, float]:
    losses = found["losses"]
    return {"first": losses[0], "last": losses[-1], "curvature": found["curvatures"][0]}


def _variational(found: dict[str, Any]) -> dict[str, float]:
    """Beside the conjugate posterior, with noise 0.5 and a prior of standard deviation 2."""
    x, y = found["x"], found["y"]
    precision = 4 * x.T @ x + np.eye(4) / 4
    mean = np.linalg.inv(precision) @ (4 * x.T @ y)
    best = np.diag(precision) ** -0.5  # Bishop (2006), section 10.1.2
    return {
        "mean": float(abs(found["mean"] - mean).max()),
        "scale": float(abs(found["scale"] / best - 1).max()),
        "hessian": float(abs(found["curvature"] / precision - 1).max()),
    }


def _net(found: dict[str, Any]) -> dict[str, float]:
    """Deviations in the gap and beyond the data, over those at the data."""
    ratio = {name: v / v[[1, 3]].mean() for name, v in found["sure"].items()}
    return {
        "variational": ratio["variational"].max(),
        "Laplace": ratio["Laplace"][2],
        "beyond": ratio["Laplace"][[0, 4]].min(),
    }


FIGURES: dict[str, Callable[[dict[str, Any]], dict[str, float]]] = {
    "bayesian_net": _net,
    "fluid": _fluid,
    "gaussian_mixture": _mixture,
    "logistic_regression": _logistic,
    "rnn": _rnn,
    "variational_inference": _variational,
}


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Import a script anew, with small or whole settings."""

    def load(script: str, quick: bool = True) -> Any:
        monkeypatch.setenv("TINYGRAD_HESS_QUICK", "1" if quick else "")
        spec = importlib.util.spec_from_file_location(script, FOLDER / f"{script}.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def check(script: str, module: Any, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Hold what a script finds and prints to what is asked of it."""
    found: dict[str, Any] = module.main()
    figures = FIGURES[script](found)
    for name, (low, high) in BOUNDS[script].items():
        assert low <= figures[name] <= high, (name, figures[name])
    printed = capsys.readouterr().out
    for words in PRINTS[script]:
        assert words in printed
    return found


# ---- what they show -----------------------------------------------------------------------------


@pytest.mark.parametrize("script", SCRIPTS)
def test_on_small_settings(script: str, load: Any, capsys: pytest.CaptureFixture[str]) -> None:
    check(script, load(script), capsys)


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_on_whole_settings(script: str, load: Any, capsys: pytest.CaptureFixture[str]) -> None:
    module = load(script, quick=False)
    found = check(script, module, capsys)
    if script == "rnn":  # it has learned to write words of the text
        assert found["losses"][-1] < 0.4
        assert found["written"][:40] in module.TEXT


def test_a_script_runs_from_anywhere(tmp_path: Path) -> None:
    printed = run("autograd/variational_inference", tmp_path)
    assert printed == run("autograd/variational_inference", tmp_path)  # and says the same again
    for words in PRINTS["variational_inference"]:
        assert words in printed
    assert not list(tmp_path.iterdir())


def test_none_is_forgotten() -> None:
    assert set(SCRIPTS) == set(PRINTS) == set(BOUNDS) == set(FIGURES)
    assert set(SCRIPTS) == {workload.split()[0] for workload in bench.WORKLOADS}
    listed = (FOLDER / "README.md").read_text(encoding="utf-8")
    for script in SCRIPTS:
        assert f"]({script}.py)" in listed
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", listed):
        assert (FOLDER / target).exists(), target


@pytest.mark.parametrize("script", SCRIPTS)
def test_is_short(script: str) -> None:
    assert len((FOLDER / f"{script}.py").read_text(encoding="utf-8").splitlines()) <= 90


# ---- their models are right ---------------------------------------------------------------------


def test_the_flow_is_one(load: Any, rng: np.random.Generator) -> None:
    module = load("fluid")
    smoke, zero = rng.random((9, 9)), np.zeros((9, 9))
    np.testing.assert_array_equal(module.carried(smoke, zero, zero), smoke)
    np.testing.assert_allclose(  # a flow by whole cells shifts, on a torus
        module.carried(smoke, zero + 2, zero - 1), np.roll(smoke, (2, -1), (0, 1)), rtol=1e-14
    )
    between = module.carried(smoke, zero + 0.25, zero)  # else it is between two cells
    np.testing.assert_allclose(between, 0.75 * smoke + 0.25 * np.roll(smoke, 1, 0), rtol=1e-13)

    def divergence(u: Any, v: Any) -> Any:
        return np.roll(u, -1, 0) - np.roll(u, 1, 0) + np.roll(v, -1, 1) - np.roll(v, 1, 1)

    u, v = module.hidden(12)[0]
    squeezed = np.cos(2 * np.pi * np.arange(12) / 12)[:, None] + 0 * u  # all of it compresses
    before, module.RELAXATIONS = abs(divergence(u + squeezed, v)).max(), 200
    assert abs(divergence(*module.incompressible(u + squeezed, v))).max() < 0.3 * before


def test_the_mixture_is_scipys(load: Any, rng: np.random.Generator) -> None:
    module = load("gaussian_mixture")
    theta, points = rng.normal(size=29), rng.normal(size=(7, 2))
    weights = scipy.special.softmax([*theta[:4], 0.0])
    means, a, c, b = theta[4:14].reshape(2, 5).T, *np.split(theta[14:], 3)
    density = 0
    for i in range(5):
        factor = np.array([[np.exp(a[i]), 0], [b[i], np.exp(c[i])]])
        normal = scipy.stats.multivariate_normal(means[i], np.linalg.inv(factor.T @ factor))
        density = density + weights[i] * normal.pdf(points)
    assert module.loss(theta, points) == pytest.approx(-np.log(density).mean(), rel=1e-11)


def test_the_recurrence_is_written_out(load: Any, rng: np.random.Generator) -> None:
    module = load("rnn")
    w, r, b, out, c = params = [rng.normal(size=p.shape) / 5 for p in module.start()]
    text = [[module.LETTERS.index(letter) for letter in word] for word in ("river", "stone")]
    bits = []
    for word in text:
        state = np.zeros(module.HIDDEN)
        for now, following in zip(word, word[1:]):
            state = np.tanh(w[now] + state @ r + b)
            bits.append(-np.log2(scipy.special.softmax(state @ out + c)[following]))
    hot = np.eye(len(module.LETTERS))[np.array(text).T]
    assert module.loss(params, hot[:-1], hot[1:]) == pytest.approx(np.mean(bits), rel=1e-12)


def test_logistic_regression_is_at_its_optimum(load: Any) -> None:
    module = load("logistic_regression")
    found, (x, signs, _) = module.main(), module.data()
    share = scipy.special.expit(-signs * (x @ found["w"]))
    np.testing.assert_allclose(x.T @ (signs * share), found["w"], atol=1e-10)
    information = (x.T * (share * (1 - share))) @ x + np.eye(31)
    want = np.sqrt(np.diag(np.linalg.inv(information)))
    np.testing.assert_allclose(found["errors"], want, rtol=1e-10)


def test_each_net_of_the_posterior_is_a_net(load: Any, rng: np.random.Generator) -> None:
    module = load("bayesian_net")
    weights, (x, y) = rng.normal(size=(3, module.SIZE)), module.data()
    for i, (w, b, v) in enumerate(weights[:, :60].reshape(3, 3, 20)):
        net = np.array([v @ np.tanh(w * at + b) + weights[i, 60] for at in x])
        np.testing.assert_allclose(module.outputs(weights, x)[i], net, rtol=1e-12, atol=1e-12)
        want = -0.5 * (((net - y) / module.NOISE) ** 2).sum() - 0.5 * (weights[i] ** 2).sum()
        assert module.log_density(weights, x, y)[i] == pytest.approx(want, rel=1e-12)


# ---- beside autograd ----------------------------------------------------------------------------

SMALL = {
    "fluid 40": "fluid 6",
    "rnn 30": "rnn 8",
    "gaussian_mixture 300": "gaussian_mixture 20",
    "bayesian_net 10": "bayesian_net 2",
}
"""Smaller than what is timed."""


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")  # autograd's, of no concern here
@pytest.mark.parametrize("workload", bench.WORKLOADS)
def test_autograd_agrees_on_the_same_source(workload: str, monkeypatch: Any) -> None:
    pytest.importorskip("autograd")
    from benchmarks import library_examples_autograd, library_examples_tinygrad_hess

    monkeypatch.setenv("TINYGRAD_HESS_QUICK", "1")
    bench.example.cache_clear()
    workload = SMALL.get(workload, workload)
    p = problem(workload, "float64")
    for task in (GRADIENT, HVP):
        (theirs,) = library_examples_autograd.make(workload, task, "float64").values()
        want = numbers(theirs(), task, p)
        for form, ours in library_examples_tinygrad_hess.make(workload, task, "float64").items():
            assert difference(numbers(ours(), task, p), want, "float64") == "", (task, form)
    bench.example.cache_clear()


@pytest.mark.peers
def test_no_process_imports_two_libraries() -> None:
    pytest.importorskip("autograd")
    for library, other in (("autograd", OURS), (OURS, "autograd")):
        worker = Worker(f"examples_{library}", "all")
        try:
            for workload in ("logistic_regression 569x30", "gaussian_mixture 20"):
                assert worker.ask("make", [workload, GRADIENT, "float64"])
            versions = worker.ask("versions", None)
        finally:
            worker.close()
        assert library in versions and other not in versions


def test_the_source_is_the_same_but_for_its_imports() -> None:
    for script in SCRIPTS:
        lines = (FOLDER / f"{script}.py").read_text(encoding="utf-8").splitlines()
        objective = lines[: lines.index("def main():")]
        assert {"import numpy as np", "import tinygrad_hess as tg"} <= set(lines)
        other = {line for line in objective if "tinygrad_hess" in line} - set(
            bench.IMPORTS["autograd"]
        )
        assert not other, other


def test_goals_that_are_missed_are_named() -> None:
    cell = bench.cells("one")[0]
    seconds = {
        f"{OURS} jit": [1.0, 1.4],
        f"{OURS} recorded": [2.0, 2.8],
        "autograd eager": [2.0, 2.0],
    }
    assert bench.shortfalls([Measured(cell, seconds)]) == [
        f"{cell}: jit 0.60 [0.55, 0.65], at most 0.5 wanted",
        f"{cell}: recorded 1.20 [1.10, 1.30], at most 1.0 wanted",
    ]
    good = {f"{OURS} jit": [0.8], f"{OURS} recorded": [1.9], "autograd eager": [2.0]}
    assert bench.shortfalls([Measured(cell, good)]) == []
    assert bench.shortfalls([Measured(cell, good, ["differs"])]) == [f"{cell}: differs"]
    lines = bench.table([Measured(cell, good)]).splitlines()
    assert "jit / autograd" in lines[0] and "| 0.40 [0.40, 0.40] |" in lines[2]


def test_a_pattern_that_matches_nothing_is_refused() -> None:
    with pytest.raises(SystemExit, match="matches nothing"):
        bench.main(["--only", "no such example"])


@pytest.mark.peers
@pytest.mark.slow
def test_the_command_compares_and_prints(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("autograd")
    bench.main(["--only", "variational.*HVP", "--rounds", "2", "--no-pin"])
    row = capsys.readouterr().out.splitlines()[2]
    assert row.startswith("| variational_inference 32 | HVP  | ")
    assert "differs" not in row and row.count("[") == 2
