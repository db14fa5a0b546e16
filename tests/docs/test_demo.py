"""The main job: what it prints, what it writes, and what its command line refuses."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator, eigsh

import tinygrad_hess as tg
from tinygrad_hess import cli, demo

FILES = {
    "loss_and_sharpness.png",
    "spectrum.png",
    "graph_loss.svg",
    "graph_gradient.svg",
    "graph_hvp.svg",
}
REPORT = "report.html"
SOME_PAIRS = tg.curvature.top_eigenpairs(np.diag([2.0, 1.0]), k=2)
"""Stands for a spectrum where a test is about the drawing of it."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[demo.Course, Path, str]:
    """A short run: its course, its folder, and what it printed."""
    out = tmp_path_factory.mktemp("demo") / "not" / "yet" / "there"
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        course = demo.run(steps=30, every=10, out=out, budget=2)
    return course, out, printed.getvalue()


# ---- what it leaves ------------------------------------------------------------------------------


def test_writes_five_figures_and_a_report_and_says_so(ran: tuple[demo.Course, Path, str]) -> None:
    _, out, printed = ran
    assert {path.name for path in out.iterdir()} == FILES | {REPORT}
    wrote = printed.split("Wrote\n")[1]
    assert str(out / REPORT) in wrote
    assert (out / REPORT).read_text(encoding="utf-8").endswith("</html>\n")
    for name in FILES:
        assert str(out / name) in wrote
        data = (out / name).read_bytes()
        if name.endswith(".png"):
            assert data.startswith(b"\x89PNG") and b"IEND" in data[-12:]
        else:
            assert data.rstrip().endswith(b"</svg>")


def test_the_graphs_hold_the_parts_they_are_about(ran: tuple[demo.Course, Path, str]) -> None:
    parts = {"graph_loss.svg": 1, "graph_gradient.svg": 2, "graph_hvp.svg": 3}
    for name, count in parts.items():
        text = (ran[1] / name).read_text(encoding="utf-8")
        found = [part for part in ("forward", "reverse", "tangent") if f">{part}<" in text]
        assert len(found) == count, (name, found)


def test_the_course(ran: tuple[demo.Course, Path, str]) -> None:
    course, _, _ = ran
    assert course.measured == [0, 10, 20, 30]
    assert len(course.losses) == 31 and np.all(np.diff(course.losses) < 0)
    assert len(course.sharpness) == len(course.accuracy) == 4
    assert course.accuracy[0] < 0.5 < course.accuracy[-1]
    assert course.at_the_edge() == []


def test_it_ends_with_the_report(ran: tuple[demo.Course, Path, str]) -> None:
    course, _, printed = ran
    last = printed.split("on digits after 30 steps")[1]
    assert f"2,368 parameters, loss {course.losses[-1]:.5g}" in last
    said = re.search(r"largest eigenvalue is ([\d.]+) ±", last)
    assert said is not None and float(said[1]) == pytest.approx(course.sharpness[-1], rel=1e-3)
    assert "The rate in use, 0.5, is" in last and "below the edge" in " ".join(last.split())


def test_the_monitor_follows_the_same_sharpness(ran: tuple[demo.Course, Path, str]) -> None:
    follow = ran[0].monitor
    assert follow is not None and follow.records.steps.tolist() == [0]
    assert follow.records.series("threshold").tolist() == [4.0]
    largest = follow.records.series("top_eigenvalues")[0, 0]
    assert largest == pytest.approx(ran[0].sharpness[0], rel=1e-2)


def by_hand(w1: Any, w2: Any, batch: Any) -> tuple[Any, Any, Any]:
    """The loss of the net without biases and its gradient, as matrix calculus gives them."""
    x, y = batch
    hidden = np.tanh(x @ w1)
    error = hidden @ w2 - y
    back = (error @ w2.T) * (1 - hidden**2)
    n = len(x)
    return (error**2).sum() / (2 * n), x.T @ back / n, hidden.T @ error / n


def first_weights() -> Any:
    init = tg.nn.init.xavier_normal
    return [layer.weight for layer in tg.nn.MLP([64, 32, 10], bias=False, init=init, seed=0).layers]


def test_it_is_gradient_descent(ran: tuple[demo.Course, Path, str]) -> None:
    course, _, _ = ran
    w1, w2 = first_weights()
    for loss in course.losses:
        value, g1, g2 = by_hand(w1, w2, course.batch)
        np.testing.assert_allclose(loss, value, rtol=1e-10)
        w1, w2 = w1 - 0.5 * g1, w2 - 0.5 * g2


def product_by_hand(weights: Any, batch: Any, v: Any) -> Any:
    """``H v`` as the complex-step derivative of the gradient along v: exact to rounding."""
    w1, w2 = weights
    v1, v2 = np.split(v.ravel(), [w1.size])
    step = 1e-20j
    at = w1 + step * v1.reshape(w1.shape), w2 + step * v2.reshape(w2.shape)
    _, g1, g2 = by_hand(*at, batch)
    return np.concatenate([g1.imag.ravel(), g2.imag.ravel()]) / 1e-20


def test_the_sharpness_is_the_largest_eigenvalue(ran: tuple[demo.Course, Path, str]) -> None:
    course, _, _ = ran
    n = 2368
    hessian = LinearOperator(
        (n, n), matvec=lambda v: product_by_hand(first_weights(), course.batch, v), dtype=float
    )
    exact = eigsh(hessian, 1, which="LA", v0=np.ones(n), return_eigenvectors=False)
    np.testing.assert_allclose(course.sharpness[0], exact[0], rtol=1e-6)


def test_a_second_run_is_the_same(ran: tuple[demo.Course, Path, str], tmp_path: Path) -> None:
    course, out, _ = ran
    again = demo.train(30, 0.5, 10, 0)
    demo.draw(again, SOME_PAIRS, SOME_PAIRS.values, tmp_path)
    np.testing.assert_allclose(again.losses, course.losses, rtol=1e-10)
    np.testing.assert_allclose(again.sharpness, course.sharpness, rtol=1e-10)
    for name in ("graph_loss.svg", "graph_gradient.svg", "graph_hvp.svg"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes()


def test_the_data_are_split_and_centred() -> None:
    x, y, test_x, test_y = demo.digits(3)
    assert x.shape == (1000, 64) and test_x.shape == (797, 64)
    assert np.abs(x.mean(axis=0)).max() < 1e-12
    assert np.ptp(x, axis=0).max() <= 1
    known = tg.data.digits()
    both = np.bincount(np.concatenate([y, test_y]))
    np.testing.assert_array_equal(both, np.bincount(known.y))
    np.testing.assert_array_equal(demo.digits(3)[1], y)
    assert not np.array_equal(demo.digits(4)[1], y)


# ---- the numbers it reports ----------------------------------------------------------------------


def test_report_agrees_with_the_dense_hessian(
    ran: tuple[demo.Course, Path, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    course, _, _ = ran
    made: list[Any] = []
    to_dense = tg.curvature.HessianOperator.to_dense

    def noted(op: Any) -> Any:
        made.append(to_dense(op))
        return made[0]

    monkeypatch.setattr(tg.curvature.HessianOperator, "to_dense", noted)
    with demo._one_blas_thread():
        top, exact = demo.report(course, seed=0)
    dense = made[0]
    np.testing.assert_allclose(dense, dense.T, atol=1e-12)
    weights = [layer.weight for layer in course.model.layers]
    probes = np.random.default_rng(1).standard_normal((2368, 4))
    products = [product_by_hand(weights, course.batch, v) for v in probes.T]
    np.testing.assert_allclose(dense @ probes, np.transpose(products), atol=1e-11)

    assert np.all(np.diff(exact) >= 0)
    np.testing.assert_allclose([exact.sum(), (exact**2).sum()], [np.trace(dense), (dense**2).sum()])
    assert top.converged and top.values.shape == (5,)
    np.testing.assert_allclose(top.values, exact[:-6:-1], rtol=1e-8)
    residuals = np.linalg.norm(dense @ top.vectors - top.values * top.vectors, axis=0)
    assert np.all(top.residuals >= residuals * (1 - 1e-9) - 1e-14)  # bounds, and close ones
    np.testing.assert_allclose(top.residuals, residuals, rtol=0.3, atol=1e-12)

    printed = capsys.readouterr().out
    rows = re.findall(r"^ +([\d.]+) +([\d.e+-]+) +([\d.]+) +([\d.e+-]+)$", printed, re.MULTILINE)
    table = np.array(rows, float)
    np.testing.assert_allclose(table[:, 0], top.values, atol=1e-10)
    np.testing.assert_allclose(table[:, 1], top.residuals, rtol=0.06)
    np.testing.assert_allclose(table[:, 2], exact[:-6:-1], atol=1e-10)
    assert table[:, 3].max() < 1e-8

    trace = re.search(
        r"trace ([\d.]+) ± ([\d.]+) .*26 products.*\[([\d.]+), ([\d.]+)\]; exact ([\d.]+)", printed
    )
    assert trace is not None
    value, error, low, high, true = map(float, trace.groups())
    assert abs(true - np.trace(dense)) < 0.006
    assert abs(value - true) < 4 * error
    assert low < value < high
    assert "has not reached 2/rate = 4" in printed


def test_report_counts_from_the_first_time_at_the_edge() -> None:
    course = demo.Course(None, (None, None), rate=0.5, sharpness=[1.0, 3.9, 4.2, 3.8, 4.0])
    np.testing.assert_allclose(course.at_the_edge(), [1.05, 0.95, 1.0])


# ---- when something goes wrong -------------------------------------------------------------------


@pytest.mark.parametrize("failing", [1, 2, 3, 4, 5])
def test_no_file_is_ever_half_written(
    ran: tuple[demo.Course, Path, str],
    failing: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The disk is full in the middle of one file: those before are new, the others as they were."""
    course, _, _ = ran
    for name in FILES:
        (tmp_path / name).write_text("old")
    write, calls = Path.write_bytes, []

    def write_until_full(path: Path, data: Any) -> int:
        calls.append(path)
        if len(calls) < failing:
            return write(path, data)
        write(path, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_until_full)
    with pytest.raises(OSError, match="No space left"):
        demo.draw(course, SOME_PAIRS, SOME_PAIRS.values, tmp_path)
    assert len(calls) == failing
    assert {path.name for path in tmp_path.iterdir()} == FILES  # and nothing beside them
    new = [path for path in tmp_path.iterdir() if path.read_bytes() != b"old"]
    assert len(new) == failing - 1
    for path in new:
        assert path.read_bytes().rstrip().endswith((b"</svg>", b"IEND\xaeB`\x82"))


def test_without_matplotlib_the_graphs_are_still_drawn(
    ran: tuple[demo.Course, Path, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    wrote = demo.draw(ran[0], SOME_PAIRS, SOME_PAIRS.values, tmp_path)
    assert {path.name for path, _ in wrote} == {n for n in FILES if n.endswith(".svg")}
    assert "tinygrad-hess[viz]" in capsys.readouterr().out


def test_without_threadpoolctl_it_runs_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with demo._one_blas_thread():
        assert len(demo.train(2, 0.5, 2, 0).losses) == 3


def test_a_rate_that_diverges_is_an_error() -> None:
    with pytest.raises(FloatingPointError, match=r"diverged.*The rate 50 is too large"):
        demo.train(100, 50.0, 1000, 0)


# ---- the command line ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["dance"], "invalid choice: 'dance'"),
        (["demo", "--steps", "0"], "argument --steps: must be an integer >= 1, got '0'"),
        (["demo", "--steps", "many"], "argument --steps: must be an integer >= 1, got 'many'"),
        (["demo", "--every", "-3"], "argument --every: must be an integer >= 1, got '-3'"),
        (["demo", "--every", "2.5"], "argument --every: must be an integer >= 1, got '2.5'"),
        (["demo", "--seed", "-1"], "argument --seed: must be an integer >= 0, got '-1'"),
        (["demo", "--rate", "0"], "argument --rate: must be a positive number, got '0'"),
        (["demo", "--rate", "nan"], "argument --rate: must be a positive number, got 'nan'"),
        (["demo", "--rate", "inf"], "argument --rate: must be a positive number, got 'inf'"),
        (["demo", "--rate", "fast"], "argument --rate: must be a positive number, got 'fast'"),
        (["demo", "--out", __file__], "argument --out: must be a folder"),
        (["demo", "--out", f"{__file__}/inside"], "argument --out: must be a folder"),
        (["demo", "--speed", "9"], "unrecognized arguments: --speed 9"),
    ],
)
def test_bad_arguments_exit_with_2(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    printed = capsys.readouterr()
    assert says in printed.err and "Try tinygrad-hess" in printed.err
    assert printed.out == ""


def test_divergence_exits_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "--rate", "50", "--steps", "9", "--out", str(tmp_path)]) == 1
    assert "error: gradient descent diverged" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_arguments_reach_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[Any] = []
    monkeypatch.setattr(demo, "run", lambda *a: got.append(a))
    words = ["--steps", "7", "--rate", "0.25", "--every", "3", "--seed", "5"]
    assert cli.main(["demo", *words, "--out", str(tmp_path)]) == 0
    assert cli.main(["demo"]) == 0
    assert got == [(7, 0.25, 3, 5, tmp_path), (1500, 0.5, 10, 0, Path("demo_output"))]


def test_version_and_help_of_the_module() -> None:
    for flag, says in (("--version", f"tinygrad_hess {tg.__version__}\n"), ("--help", "demo")):
        done = subprocess.run(
            [sys.executable, "-m", "tinygrad_hess", flag],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert says in done.stdout


# ---- the whole of it -----------------------------------------------------------------------------


@pytest.mark.slow
def test_the_sharpness_climbs_to_2_over_rate_and_hovers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    course = demo.run(out=tmp_path)
    relative = np.array(course.sharpness) * course.rate / 2
    assert relative[0] < 0.7
    edge = course.at_the_edge()
    assert 0.5 < len(edge) / len(relative) < 0.8  # reached in the first half, after a climb
    assert 0.95 < np.mean(edge) < 1.1
    assert min(edge) > 0.85 and max(edge) < 1.2
    assert course.accuracy[-1] > 0.95
    # not the steady fall of a stable run: the loss rises at times, and falls all the same
    reached = course.measured[-len(edge)]
    assert np.all(np.diff(course.losses[:reached]) < 0)
    assert np.any(np.diff(course.losses[reached:]) > 0)
    assert course.losses[-1] < 0.8 * course.losses[reached]
    printed = capsys.readouterr().out
    assert "since it first reached 2/rate = 4: mean 1.0" in printed
    assert re.search(r"The rate in use, 0\.5, is (0\.9|1\.)\d+ × 2/λ", printed)
    assert {path.name for path in tmp_path.iterdir()} == FILES | {REPORT}
