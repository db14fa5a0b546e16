"""The benchmarks: the same numbers for all libraries, tasks that mean the same, tables as promised."""

from __future__ import annotations

import functools
import importlib
import json
from pathlib import Path
from typing import Any

import comparing
import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import report
from benchmarks.chart import draw
from benchmarks.flattened import numbers
from benchmarks.goals import GOALS, Figures
from benchmarks.measuring import Measured, difference, measure
from benchmarks.problems import problem
from benchmarks.processes import OURS, PEERS, TaskError, Worker
from benchmarks.tasks import (
    ADAM,
    AGAIN,
    EACH,
    EIGENVALUES,
    GRADIENT,
    HESSIAN,
    HVP,
    JACOBIAN,
    MANY,
    SPARSE,
    VALUE,
    WORKLOADS,
    Cell,
    cells,
    growth,
)  # fmt: skip

close = functools.partial(comparing.close, rtol=1e-9, atol=1e-10, elementwise=True)

TINY = {
    "net 20x2-4-3": "net 64x2-16-16-2",
    "one-hot 20x2-4-3": "one-hot 512x32-128-128-128-3",
    "labels 20x2-4-3": "labels 512x32-128-128-128-3",
    "logistic 569x30": "logistic 569x30",
    "conv 20": "conv 128",
    "recurrent 5": "recurrent 100",
    "predators 5": "predators 200",
    "rosenbrock 7": "rosenbrock 1000",
    "gaussian 12": "gaussian 200",
    "chain 12": "chain 2000",
}
"""Small problems, and the workloads whose tasks they have."""

EXTRA = {"net 20x2-4-3": (HESSIAN,), "rosenbrock 7": (SPARSE,)}
CASES = [(w, t) for w, full in TINY.items() for t in (*WORKLOADS[full], *EXTRA.get(w, ()))]
COMPILER = "compile"  # takes minutes here, and is compared in every benchmark run


def results(library: str, workload: str, task: str, dtype: str) -> dict[str, np.ndarray]:
    """What each form of a library makes of a task."""
    forms = importlib.import_module(f"benchmarks.library_{library}").make(workload, task, dtype)
    p = problem(workload, dtype)
    return {k: numbers(run(), task, p) for k, run in forms.items() if k != COMPILER}


def cell(task: str = HVP, cores: str = "all", section: str = "tasks", **more: str) -> Cell:
    return Cell(section, more.get("workload", "rosenbrock 1000"), task, "float64", cores)


# ---- problems and tasks -------------------------------------------------------------------------


@pytest.mark.parametrize("workload", TINY)
def test_problems_are_the_same_numbers_each_time(workload: str) -> None:
    first, rounded = problem(workload, "float64"), problem(workload, "float32")
    np.random.seed(5)
    again = problem(workload, "float64")
    pairs = zip(
        [*first.params, *first.args, *first.directions],
        [*again.params, *again.args, *again.directions],
        [*rounded.params, *rounded.args, *rounded.directions],
        strict=True,
    )
    for a, b, c in pairs:
        is_index = a.dtype.kind == "i"  # labels, the same in either precision
        assert is_index or (a.dtype == np.float64 and c.dtype == np.float32)
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a.astype(c.dtype), c)


def test_losses_by_hand_are_the_same_with_either_kind_of_labels() -> None:
    for task in (VALUE, HVP):
        one_hot, index = (
            results(OURS, f"{kind} 20x2-4-3", task, "float64")["jit"]
            for kind in ("one-hot", "labels")
        )
        np.testing.assert_allclose(one_hot, index, rtol=1e-12, atol=1e-14)


def test_the_losses_are_the_textbook_ones() -> None:
    (x,) = problem("rosenbrock 7", "float64").params
    want = sum(100 * (b - a**2) ** 2 + (1 - a) ** 2 for a, b in zip(x, x[1:]))
    assert results(OURS, "rosenbrock 7", VALUE, "float64")["jit"] == pytest.approx(want, rel=1e-12)

    p = problem("gaussian 12", "float64")
    (theta,), (at, y, _) = p.params, p.args
    apart = (at[:, None] - at[None, :]) * np.exp(theta[:5])
    k = np.exp(theta[5] - 0.5 * (apart**2).sum(-1)) + np.exp(theta[6]) * np.eye(12)
    want = 0.5 * (y[:, 0] @ np.linalg.solve(k, y[:, 0]) + np.linalg.slogdet(k)[1])
    assert results(OURS, "gaussian 12", VALUE, "float64")["jit"] == pytest.approx(want, rel=1e-12)

    p = problem("net 20x2-4-3", "float64")
    (w, b, v, c), (at, labels) = p.params, p.args
    share = np.exp(np.tanh(at @ w + b) @ v + c)
    want = -np.log((share * labels).sum(1) / share.sum(1)).mean()
    got = results(OURS, "net 20x2-4-3", VALUE, "float64")["jit"]
    assert got == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize(
    "library",
    [OURS, *(pytest.param(p, marks=[pytest.mark.peers, pytest.mark.slow]) for p in PEERS)],
)
@pytest.mark.filterwarnings("ignore")  # the peers warn of what is no concern here
def test_tasks_of_a_library_fit_together(library: str) -> None:
    pytest.importorskip(library)
    name = "net 20x2-4-3"
    p = problem(name, "float64")

    def of(task: str) -> np.ndarray:
        return next(iter(results(library, name, task, "float64").values()))

    direction = np.concatenate([d.ravel() for d in p.direction])
    hessian = of(HESSIAN).reshape(direction.size, direction.size)
    close(of(HVP), hessian @ direction)
    close(of(AGAIN), of(HVP))
    np.testing.assert_allclose(of(EIGENVALUES), np.linalg.eigvalsh(hessian)[-10:], atol=1e-7)
    first = [a.reshape(64, -1)[0] for a in np.split(of(MANY), 64 * np.cumsum(p.sizes)[:-1])]
    close(np.concatenate(first), of(HVP))
    each = np.split(of(EACH), 20 * np.cumsum(p.sizes)[:-1])
    gradient = np.concatenate([a.reshape(20, -1).mean(0) for a in each])
    close(gradient, of(GRADIENT)[1:])
    close(of(VALUE), of(GRADIENT)[:1])
    start = np.concatenate([a.ravel() for a in p.params])
    close(of(ADAM), start - 1e-3 * gradient / (np.abs(gradient) + 1e-8))  # as Adam begins

    jacobian = of(JACOBIAN).reshape(16, 3, -1)  # gradients of the first 16 examples, through it
    w, b, v, c = p.params
    share = np.exp(np.tanh(p.args[0][:16] @ w + b) @ v + c)
    slope = share / share.sum(1, keepdims=True) - p.args[1][:16]
    want = np.concatenate([a.reshape(20, -1)[:16] for a in each], axis=1)
    close(np.einsum("ni,nip->np", slope, jacobian), want)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.peers
@pytest.mark.slow
@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_libraries_agree(peer: str, dtype: str) -> None:
    pytest.importorskip(peer)
    compared = CASES if dtype == "float64" else [c for c in CASES if c[1] in (GRADIENT, HVP)]
    for workload, task in compared:
        want = results(OURS, workload, task, dtype)
        for form, got in results(peer, workload, task, dtype).items():
            assert difference(got, want["recorded"], dtype) == "", (workload, task, form)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("workload", "task"), CASES)
def test_jitted_and_recorded_agree(workload: str, task: str, dtype: str) -> None:
    found = results(OURS, workload, task, dtype)
    assert set(found) == {"jit", "recorded"}
    for got in found.values():
        assert difference(got, found["recorded"], dtype) == ""


def test_a_sparse_hessian_counts_as_the_full_one() -> None:
    (full,) = {results(OURS, "rosenbrock 7", HESSIAN, "float64")["jit"].tobytes()}
    got = results(OURS, "rosenbrock 7", SPARSE, "float64")["recorded"]
    np.testing.assert_allclose(got, np.frombuffer(full), rtol=1e-12, atol=1e-12)
    assert np.count_nonzero(got) == 3 * 7 - 2


# ---- comparison and alternation -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("got", "said"),
    [
        (np.array([1.0, 2.0]), ""),
        (np.array([1.0, 2.0 + 1e-10]), ""),
        (np.array([1.0, 2.0 + 1e-8]), "differs from the first by 5.0e-09 of the largest number"),
        (np.array([1.0, np.nan]), "differs from the first by nan of the largest number"),
        (np.array([1.0]), "1 numbers, not 2"),
        (np.array([1.0, 2.0], np.float32), "the result is float32, not float64"),
    ],
)
def test_differences(got: np.ndarray, said: str) -> None:
    assert difference(got, np.array([1.0, 2.0]), "float64") == said


class Scripted:
    """A library whose forms make one number each, in so many seconds."""

    def __init__(self, forms: dict[str, tuple[float, float]], log: list[str]):
        self.forms, self.log = forms, log

    def ask(self, what: str, given: Any, **more: Any) -> Any:
        if what == "make":
            return list(self.forms)
        value, seconds = self.forms[given]
        if what == "save":
            if np.isnan(seconds):
                raise TaskError("peer: MemoryError")
            np.save(more["path"], np.array([value]))
            return None
        self.log.append(given)
        return seconds


def test_forms_are_compared_and_the_best_of_a_peer_takes_turns_with_both_of_ours() -> None:
    log: list[str] = []
    forms = {"slow": (1.0, 4.0), "best": (1.0, 2.0), "wrong": (1.1, 1.0), "broken": (1.0, np.nan)}
    workers: Any = {
        OURS: Scripted({"jit": (1.0, 1.0), "recorded": (1.0, 3.0)}, log),
        "jax": Scripted(forms, log),
    }
    found = measure(cell(), workers, rounds=3)
    assert found.notes == [
        "jax wrong: differs from the first by 1.0e-01 of the largest number",
        "broken, peer: MemoryError",
    ]
    assert found.seconds == {
        f"{OURS} jit": [1.0] * 3, f"{OURS} recorded": [3.0] * 3, "jax best": [2.0] * 3,
    }  # fmt: skip
    rounds = [log[-9:-6], log[-6:-3], log[-3:]]
    assert [r[0] for r in rounds] == ["jit", "recorded", "best"]  # each begins once
    assert all(sorted(r) == ["best", "jit", "recorded"] for r in rounds)
    ratios, replayed = found.ratios("jax"), found.replayed
    assert ratios is not None and ratios.tolist() == [0.5] * 3
    assert replayed is not None and replayed.tolist() == [1 / 3] * 3
    assert found.form("jax") == "best" and found.ratios("torch") is None


def test_a_process_answers_refuses_and_goes_on(tmp_path: Path) -> None:
    worker = Worker(OURS, "all")
    try:
        assert worker.ask("make", ["rosenbrock 7", GRADIENT, "float32"]) == ["jit", "recorded"]
        worker.ask("save", "jit", path=str(tmp_path / "numbers.npy"))
        got = np.load(tmp_path / "numbers.npy")
        want = results(OURS, "rosenbrock 7", GRADIENT, "float32")["recorded"]
        assert difference(got, want, "float32") == ""
        with pytest.raises(TaskError, match="tinygrad_hess: KeyError: 'unknown'"):
            worker.ask("make", ["unknown 7", GRADIENT, "float32"])
        assert worker.ask("compile", ["rosenbrock 7", HVP, "float64"])["jit"] >= 0
        assert worker.ask("versions", None)["numpy"] == np.__version__
        worker.process.kill()
        with pytest.raises(TaskError, match="its process ended"):
            worker.ask("make", ["rosenbrock 7", HVP, "float64"])
        assert worker.ask("make", ["rosenbrock 7", HVP, "float64"]) == ["jit", "recorded"]
    finally:
        worker.close()


@pytest.mark.slow
def test_the_command_measures_and_saves(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr(command, "installed", lambda torch: [OURS])
    only = "^(net 64x2-8-8-2|(start|compile): net 64x2-16-16-2, HVP).*float64"
    options = ["--only", only, "--no-pin", "--rounds", "2", "--save", str(tmp_path)]
    assert command.main(options) == 0
    assert "3 lines in" in capsys.readouterr().out
    text = (tmp_path / "RESULTS.md").read_text()
    assert "| net 64x2-8-8-2 | Hessian |" in text and "- Peers: none" in text
    plain = json.loads((tmp_path / "RESULTS.json").read_text())
    kept = [Measured.from_dict(m) for m in plain["measured"]]
    assert [m.cell.section for m in kept] == ["tasks", "start", "compile"]
    assert all(len(s) == 2 and min(s) > 0 for s in kept[0].seconds.values())
    with pytest.raises(SystemExit, match="matches nothing"):
        command.main(["--only", "no such workload"])


# ---- what is written ----------------------------------------------------------------------------


def test_what_is_measured_is_listed_once() -> None:
    full, quick = list(cells(["all", "one"], quick=False)), list(cells(["all"], quick=True))
    assert len(set(full)) == len(full) and set(quick) < set(full)
    tasks = {(c.workload, c.task, c.dtype, c.cores) for c in full if c.section == "tasks"}
    assert len(tasks) == 3 * sum(map(len, WORKLOADS.values()))
    assert {c.section for c in full} == {"tasks", "start", "compile", "growth"}


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (None, "–"), (2.0, "2 s"), (0.0123, "12.3 ms"), (0.45, "450 ms"), (4.5e-7, "0.45 µs"),
        (3.21e-5, "32.1 µs"), (123.4, "123 s"),
    ],
)  # fmt: skip
def test_seconds(x: float | None, said: str) -> None:
    assert report.seconds(x) == said


def test_a_table_lines_up() -> None:
    line = Measured(
        cell(workload="net 8x2-2", task=GRADIENT),
        {f"{OURS} jit": [1e-3, 2e-3, 3e-3], f"{OURS} recorded": [2e-3, 4e-3, 5e-3],
         "jax jit": [2e-3, 2e-3, 2e-3], "torch func": [1.0, 1.0, 1.0]},
    )  # fmt: skip
    peers = ["jax", "torch"]
    assert report.table(report.header(peers), [report.row(line, peers)]).splitlines() == [
        "| workload  | task           |  jit | recorded |             / jax |"
        "                     / torch |    jit / recorded |",
        "|:----------|:---------------|-----:|---------:|------------------:|"
        "----------------------------:|------------------:|",
        "| net 8x2-2 | value and grad | 2 ms |     4 ms | 1.00 [0.75, 1.25] |"
        " 0.002 [0.0015, 0.0025] func | 0.50 [0.50, 0.55] |",
    ]


def everything(factor: float) -> list[Measured]:
    """Each line of a whole run, ours so many times a peer's time."""
    return [
        Measured(
            c,
            {f"{OURS} jit": [factor] * 2, f"{OURS} recorded": [factor] * 2}
            | {f"{p} jit": [1.0] * 2 for p in PEERS},
        )
        for c in cells(["all", "one"], quick=False)
    ]


@pytest.mark.parametrize(("factor", "reached"), [(1e-3, True), (2e3, False)])
def test_goals_are_found_in_a_whole_run(factor: float, reached: bool) -> None:
    figures = Figures(everything(factor), "all")
    for goal in GOALS:
        found = goal.figure(figures)
        assert found is not None, goal.what
        if "ours /" in goal.what or "seconds" in goal.what:
            assert (found <= goal.limit) is reached, goal.what


def test_the_report_holds_everything(tmp_path: Path) -> None:
    measured = everything(2.0)
    measured[0].notes.append("jax jit: differs")
    about = {
        "processor": "a processor", "cores": 2, "system": "a system", "python": "3.13",
        "versions": {"numpy": "2.3"}, "blas": ["libopenblas 0.3 (X, 2 threads)"], "date": "today",
        "minutes": 9.7, "load": "0.1", "command": "python -m benchmarks", "rounds": 5,
    }  # fmt: skip
    command.save(tmp_path, measured, about)
    text = (tmp_path / "RESULTS.md").read_text()
    alone, shared = "everything pinned to one core", "default threads"
    for part in (f"float64, {shared}", f"float64, {alone}", f"float32, {shared}"):
        assert f"## A call: {part}\n" in text
    assert (
        sum(line.startswith("| net 64x2-16-16-2 ") for line in text.splitlines()) == 3 * 8 + 2 * 4
    )
    assert "2 of 0.6 (missed)" in text and "a processor, 2 cores" in text
    assert f"- {measured[0].cell}: jax jit: differs\n" in text
    assert "are missed, which stand first.\n\n|" in text
    assert "- jax, default threads: a median of 2.00 over " in text
    assert "  - 2.00 net 64x2-16-16-2, HVP, float64\n" in text
    again = json.loads((tmp_path / "RESULTS.json").read_text())["measured"]
    assert [Measured.from_dict(m) for m in again] == measured


@pytest.mark.parametrize("numbers", [[0.5, 0.7, 3.0, 2.0], [0.5, 0.5, 0.5, 0.5]])
def test_slower_lines_stand_first_worst_before_others(numbers: list[float]) -> None:
    measured = [
        Measured(cell(workload=f"chain {i}"), {f"{OURS} jit": [x] * 3, "jax jit": [1.0] * 3})
        for i, x in enumerate(numbers)
    ]
    first, *slower = report._behind(measured, ["jax"]).splitlines()
    count = sum(x > 1 for x in numbers)
    middle = f"{np.median(numbers):.2f}"
    assert first == (
        f"- jax, default threads: a median of {middle} over 4 lines; slower on {count}"
    )
    said = ["  - 3.00 chain 2, HVP, float64", "  - 2.00 chain 3, HVP, float64"]
    assert slower == said[:count]


def growing(factor: float) -> list[Measured]:
    """Lines of the chart, our times so many times a peer's."""
    return [
        Measured(
            c,
            {f"{OURS} jit": [factor] * 2, f"{OURS} recorded": [2 * factor] * 2}
            | {f"{p} jit": [1.0] * 2 for p in PEERS},
        )
        for c in growth("all")
    ]


def test_the_chart_has_a_line_for_each_library(tmp_path: Path) -> None:
    draw(growing(0.5), tmp_path / "chart.svg")
    picture = (tmp_path / "chart.svg").read_text()
    for name in ("tinygrad_hess, jit", "tinygrad_hess, recorded", "jax.jit", "autograd"):
        assert name in picture
    assert "PyTorch, eager" in picture and "Ten largest eigenvalues" in picture


def test_no_chart_without_growth(tmp_path: Path) -> None:
    draw([m for m in everything(1.0) if m.cell.section == "tasks"], tmp_path / "chart.svg")
    assert not (tmp_path / "chart.svg").exists()
