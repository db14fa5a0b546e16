"""The monitor: what it measures along a run, what it writes, and what it costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import nn, optim
from tinygrad_hess.curvature import HessianOperator, Monitor, trace
from tinygrad_hess.curvature.training.moving import MovingHessian
from tinygrad_hess.curvature.training.preconditioners import preconditioner

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6))
Y = RNG.normal(size=(40, 3))


def net(seed: int = 0) -> Any:
    return nn.MLP([6, 8, 3], nn.tanh, seed=seed)


def loss(model: Any, batch: Any) -> Any:
    x, y = batch
    return ((model(x) - y) ** 2).sum() / (2 * len(x))


def eigenvalues(model: Any) -> Any:
    """All of them, descending, by differences of gradients: nothing of the code under test."""
    leaves, spec = tg.core.trees.flatten(tg.core.trees.map(lambda p: np.asarray(p.value), model))
    sizes = np.cumsum([x.size for x in leaves])[:-1]
    shapes = [x.shape for x in leaves]
    gradient = tg.grad(loss)

    def at(theta: Any) -> Any:
        parts = [p.reshape(s) for p, s in zip(np.split(theta, sizes), shapes)]
        found = gradient(tg.core.trees.unflatten(spec, parts), (X, Y))
        return np.concatenate([np.ravel(g) for g in tg.core.trees.leaves(found)])

    theta, h = np.concatenate([x.ravel() for x in leaves]), 1e-5
    columns = [(at(theta + h * e) - at(theta - h * e)) / (2 * h) for e in np.eye(theta.size)]
    H = np.array(columns)
    return np.linalg.eigvalsh((H + H.T) / 2)[::-1]


def trained(monitor: Any, optimizer: Any = None, steps: int = 21) -> Any:
    optimizer = optimizer or optim.SGD(lr=0.1)
    return optim.fit(loss, net(), (X, Y), optimizer, epochs=steps, callback=monitor)


# ---- the operator that moves ---------------------------------------------------------------------


def test_the_moving_hessian_is_the_hessian_at_each_point() -> None:
    batches = [(X[:30], Y[:30]), (X[30:], Y[30:])]
    for reduction, data in (("mean", (X, Y)), ("mean", batches), ("sum", batches)):
        H = MovingHessian(loss, net(5), data, reduction=reduction)
        for seed in (1, 2):
            H.move(net(seed))
            full = HessianOperator(loss, net(seed), data, reduction=reduction)
            V = np.random.default_rng(seed).normal(size=(full.shape[0], 3))
            np.testing.assert_allclose(H @ V, full @ V, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(H @ V[:, 0], full @ V[:, 0], rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(H.gradient, full.gradient, rtol=1e-10, atol=1e-14)
            np.testing.assert_allclose(H.value, full.value, rtol=1e-12)


def test_the_moving_hessian_reads_a_loader_each_time_and_converts() -> None:
    class Loader:
        passes = 0

        def __iter__(self) -> Any:
            self.passes += 1
            yield X[:25], Y[:25]
            yield X[25:], Y[25:]

    loader = Loader()
    H = MovingHessian(loss, net(), loader, dtype=np.float32)
    v = np.ones(H.shape[0], np.float32)
    expected = HessianOperator(loss, net(), (X, Y)) @ v.astype(float)
    assert H.dtype == np.float32 and (H @ v).dtype == np.float32
    np.testing.assert_allclose(H @ v, expected, rtol=1e-4, atol=1e-5)
    assert loader.passes == 2


def test_the_moving_hessian_of_a_loss_that_cannot_be_replayed() -> None:
    def branching(w: Any) -> Any:
        return (w**3).sum() if float(w.sum().detach().numpy()) > 0 else (w**2).sum()

    H = MovingHessian(branching, np.array([1.0, 2.0]))
    np.testing.assert_allclose(H @ np.ones(2), [6.0, 12.0])
    H.move(np.array([-1.0, -2.0]))
    np.testing.assert_allclose(H @ np.ones(2), [2.0, 2.0])


def test_the_moving_hessian_refuses_other_parameters() -> None:
    H = MovingHessian(lambda w: (w**2).sum(), np.ones(3))
    with pytest.raises(ValueError, match=r"sizes \[2\].*first ones.*\[3\]"):
        H.move(np.ones(2))
    with pytest.raises(ValueError, match="'median' is not 'mean' or 'sum'"):
        MovingHessian(lambda w: (w**2).sum(), np.ones(3), reduction="median")


# ---- what is measured ----------------------------------------------------------------------------


def test_eigenvalues_along_a_run_are_those_of_the_dense_hessian() -> None:
    seen = []

    def quantity(op: Any) -> Any:
        seen.append(op)
        return float(op.value)

    monitor = Monitor(
        loss, (X, Y), optimizer=optim.SGD(lr=0.1), k=3, every=10, rtol=1e-5, dtype=None,
        quantities=("top_eigenvalues", "gradient_norm", "alignment", "trace", quantity),
    )  # fmt: skip
    fitted = trained(monitor)
    plainly = trained(None)
    for a, b in zip(tg.core.trees.leaves(fitted.params), tg.core.trees.leaves(plainly.params)):
        np.testing.assert_array_equal(a, b)  # training does not notice
    assert monitor.records.steps.tolist() == [0, 10, 20]
    assert monitor.records[-1]["step"] == 20 and monitor.records[0] == next(iter(monitor.records))
    models = [op._at.tree() for op in seen]
    values = monitor.records.series("top_eigenvalues")
    assert values.shape == (3, 3)
    for row, record, model in zip(values, monitor.records, models):
        boxed = tg.core.trees.map(tg.tensor, model)
        exact = eigenvalues(boxed)
        np.testing.assert_allclose(row, exact[:3], rtol=2e-5)
        gradient = tg.grad(loss)(model, (X, Y))
        norm = np.sqrt(sum((np.asarray(g) ** 2).sum() for g in tg.core.trees.leaves(gradient)))
        np.testing.assert_allclose(record["gradient_norm"], norm, rtol=1e-10)
        assert 0 < record["alignment"]["share"] <= 1
        low, high = record["trace"]["interval"]
        assert low - 3 * (high - low) < exact.sum() < high + 3 * (high - low)
        assert record["quantity"] == pytest.approx(record["loss"], rel=1e-12)
    np.testing.assert_allclose(monitor.records.series("loss"), fitted.losses[[0, 10, 20]])
    np.testing.assert_array_equal(monitor.records.series("threshold"), 20.0)


def test_in_single_precision_and_the_same_again() -> None:
    exact = Monitor(loss, (X, Y), every=10, rtol=1e-4, dtype=None)
    single = [Monitor(loss, (X, Y), every=10, rtol=1e-4) for _ in range(2)]
    for monitor in (exact, *single):
        trained(monitor)
    values = [m.records.series("top_eigenvalues") for m in (exact, *single)]
    np.testing.assert_allclose(values[1], values[0], rtol=3e-4)
    np.testing.assert_array_equal(values[1], values[2])


def test_a_warm_start_takes_fewer_products() -> None:
    A = np.random.default_rng(3).normal(size=(200, 200))
    A = A @ A.T
    moving = lambda w, batch: 0.5 * w @ batch @ w + 1e-4 * (w**4).sum()
    monitor = Monitor(moving, A, k=4, every=1, dtype=None)
    w = np.random.default_rng(4).normal(size=200)
    for step in range(3):
        monitor(step, w * (1 - 0.01 * step))
    spent = [r["top_eigenvalues"]["matvecs"] for r in monitor.records]
    assert all(r["top_eigenvalues"]["converged"] for r in monitor.records)
    assert spent[1] < spent[0] / 3 and spent[2] < spent[0] / 3


# ---- thresholds ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("optimizer", "threshold"),
    [
        (0.5, 4.0),
        (optim.SGD(lr=0.5), 4.0),
        (optim.SGD(lr=0.5, momentum=0.9), 7.6),
        (optim.SGD(lr=0.5, momentum=0.9, nesterov=True), 3.8 / 2.8 / 0.5),
        (optim.SGD(lr=lambda step: 0.5 if step else 0.0), None),
        (optim.Adam(lr=0.01), None),  # its eigenvalues are not known without its state
        (None, None),
    ],
)
def test_thresholds(optimizer: Any, threshold: float | None) -> None:
    monitor = Monitor(lambda w: (w**2).sum(), optimizer=optimizer, k=1)
    record = monitor.measure(0, np.ones(2))
    assert record["threshold"] == pytest.approx(threshold)
    assert record["preconditioned"] is False


def test_a_schedule_gives_the_rate_of_the_step() -> None:
    monitor = Monitor(lambda w: (w**2).sum(), optimizer=optim.SGD(lr=lambda s: 1 / (1 + s)), k=1)
    for step in (0, 50):
        monitor(step, np.ones(2))
    np.testing.assert_allclose(monitor.records.series("threshold"), [2.0, 102.0])


def test_adam_by_its_state_and_by_its_own_tensors() -> None:
    """One quadratic, three updates by hand: D^-½ H D^-½ and (2 + 2β₁) / ((1 - β₁) rate)."""
    scale = np.array([4.0, 1.0, 0.25])
    f = lambda w: (scale * w**2).sum() / 2
    functional, bound = optim.Adam(lr=0.1), None
    w = np.array([1.0, -1.0, 2.0])
    state = functional.init(w)
    leaf = tg.tensor(w, requires_grad=True)
    bound = optim.Adam([leaf], lr=0.1)
    square = np.zeros(3)
    for _ in range(3):
        square = 0.999 * square + 0.001 * (scale * w) ** 2
        bound.zero_grad()
        f(leaf).backward()
        bound.step()
        w, state = functional.update(w, scale * w, state)
    D = (1 - 0.9**3) * (np.sqrt(square / (1 - 0.999**3)) + 1e-8)
    np.testing.assert_allclose(preconditioner(functional, w, state), D, rtol=1e-12)
    for optimizer, params, given in ((functional, w, state), (bound, leaf, None)):
        monitor = Monitor(f, optimizer=optimizer, k=3, dtype=None, rtol=1e-8,
                          quantities=("top_eigenvalues", "alignment"))  # fmt: skip
        record = monitor.measure(3, params, state=given)
        np.testing.assert_allclose(
            record["top_eigenvalues"]["values"], np.sort(scale / D)[::-1], rtol=1e-7
        )
        assert record["preconditioned"] and record["threshold"] == pytest.approx(380.0)
        assert record["alignment"]["share"] == pytest.approx(1.0)
    before = Monitor(f, optimizer=functional, k=1).measure(0, w, state=functional.init(w))
    assert before["preconditioned"] is False and before["threshold"] is None


def test_adam_in_fit_is_preconditioned_from_its_first_update_on() -> None:
    optimizer = optim.Adam(lr=0.01)
    monitor = Monitor(loss, (X, Y), optimizer=optimizer, k=2, every=5)
    trained(monitor, optimizer, steps=11)
    assert [r["preconditioned"] for r in monitor.records] == [False, True, True]
    np.testing.assert_allclose(monitor.records.series("threshold"), [np.nan, 3800, 3800])


# ---- the file ------------------------------------------------------------------------------------


def test_the_file_can_be_read_at_any_time(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text("of an earlier run\n")
    monitor = Monitor(loss, (X, Y), optimizer=0.1, k=2, every=5, path=path)
    assert len(Monitor.read(path)) == 0
    lengths = []

    def callback(step: int, params: Any, value: float, state: Any) -> None:
        monitor(step, params, value, state)
        lengths.append(len(Monitor.read(path)))

    trained(callback, steps=11)
    assert lengths == [1] * 5 + [2] * 5 + [3]
    read = Monitor.read(path)
    assert read.records == monitor.records.records and read.about == monitor.records.about
    assert read.about["every"] == 5 and read.steps.tolist() == [0, 5, 10]
    with path.open("a") as file:
        file.write('{"step": 15, "lo')  # the writer is in the middle of a line
    assert Monitor.read(path).steps.tolist() == [0, 5, 10]
    for line in path.read_text().splitlines()[:-1]:
        json.loads(line, parse_constant=pytest.fail)


def test_what_is_not_finite_is_null() -> None:
    def unknown(op: Any) -> Any:
        return {"value": float("nan"), "list": np.array([1.0, np.inf])}

    monitor = Monitor(lambda w: (w**2).sum(), quantities=(unknown,))
    assert monitor.measure(0, np.ones(2))["unknown"] == {"value": None, "list": [1.0, None]}
    assert np.isnan(monitor.records.series("unknown")).all()


@pytest.mark.parametrize("content", ["not json\n", '{"format": "another"}\n', "[1]\n"])
def test_a_file_of_another_kind(tmp_path: Path, content: str) -> None:
    (tmp_path / "f").write_text(content)
    with pytest.raises(ValueError, match=r"Monitor\.read"):
        Monitor.read(tmp_path / "f")


# ---- cost ----------------------------------------------------------------------------------------


def test_measurements_that_cost_too_much_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock of our own: a step takes 1 s, a measurement 3 s."""
    clock = [0.0]
    monkeypatch.setattr(
        "tinygrad_hess.curvature.training.monitor.time.perf_counter", lambda: clock[0]
    )
    monitor = Monitor(lambda w: (w**2).sum(), k=1, every=10, overhead=0.1)
    measure = monitor.measure

    def slow(*args: Any) -> Any:
        clock[0] += 3
        return measure(*args)

    monkeypatch.setattr(monitor, "measure", slow)
    for step in range(201):
        monitor(step, np.ones(2))
        clock[0] += 1
    steps = monitor.records.steps
    assert steps[0] == 0 and steps[1] == 10  # what it costs is known from then on
    assert 6 <= len(steps) <= 8 and monitor.left_out == 21 - len(steps)
    assert monitor.trained == 200 and monitor.spent == 3 * len(steps)
    assert monitor.spent - 3 <= 0.1 * monitor.trained + 3
    assert "left out" in repr(monitor) and "% of the training time" in repr(monitor)


# ---- the figure, and what is refused -------------------------------------------------------------


def test_the_figure_shows_eigenvalues_and_threshold() -> None:
    monitor = Monitor(lambda w: (w**3).sum(), optimizer=0.1, k=2, every=1)
    with pytest.raises(ValueError, match="nothing was measured"):
        monitor.plot()
    for step in range(3):
        monitor(step, np.array([1.0, 2.0 + step]))
    lines = monitor.plot().get_lines()
    np.testing.assert_allclose(lines[0].get_ydata(), [12, 18, 24], rtol=1e-5)
    np.testing.assert_allclose(lines[1].get_ydata(), 6, rtol=1e-5)
    np.testing.assert_allclose(lines[2].get_ydata(), 20)
    other = Monitor(lambda w: (w**2).sum(), quantities=("gradient_norm",))
    other(0, np.ones(2))
    with pytest.raises(ValueError, match="not among the quantities"):
        other.plot()
    with pytest.raises(KeyError, match="was not followed"):
        other.records.series("trace")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"quantities": ("eigenvalue",)}, "'eigenvalue' is not one of top_eigenvalues"),
        ({"quantities": (lambda op: 1.0,)}, "a function with a name"),
        ({"quantities": ("trace", trace)}, "two quantities have one name: trace"),
        ({"every": 0}, "every must be an integer of at least 1, got 0"),
        ({"k": 0}, "k must be an integer of at least 1"),
        ({"overhead": 0.0}, "overhead must be positive"),
        ({"rtol": -1.0}, "rtol must be positive"),
    ],
)
def test_bad_options(options: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Monitor(lambda w: (w**2).sum(), **options)


def test_a_quantity_that_cannot_be_recorded() -> None:
    def strange(op: Any) -> Any:
        return object()

    record = Monitor(lambda w: (w**2).sum(), quantities=(strange,)).measure(0, np.ones(2))
    assert record["strange"] is None
    assert "object, which cannot be recorded" in record["failed"]["strange"]


@pytest.mark.parametrize(
    "loss, rate, why",
    [
        (lambda w, b: (np.abs(w) ** 1.5).sum() + 0 * b.sum(), 0.1, "product with the operator"),
        (lambda w, b: 1e40 * ((w - b) ** 2).sum(), 1e-41, "on batch 0 the value is inf"),
    ],
)
def test_a_measurement_that_fails_is_a_gap_with_its_reason(loss, rate, why, tmp_path) -> None:
    def raises(op: Any) -> Any:
        raise RuntimeError("of its own")

    w, b = np.array([1.0, 0.0]), np.ones(2)
    monitor = Monitor(loss, b, every=1, k=1, path=tmp_path / "run.jsonl",
                      quantities=("top_eigenvalues", "gradient_norm", raises))  # fmt: skip
    with np.errstate(all="ignore"):
        fitted = optim.fit(loss, w, b, optim.SGD(lr=rate), epochs=3, callback=monitor)
    assert fitted.losses.shape == (3,)
    first = Monitor.read(tmp_path / "run.jsonl").records[0]
    assert first["top_eigenvalues"] is None and why in first["failed"]["top_eigenvalues"]
    assert "of its own" in first["failed"]["raises"]
    assert "3 with failures" in repr(monitor)
    monitor.plot().figure.draw_without_rendering()


def test_a_random_loss_is_a_gap_with_its_reason() -> None:
    rng = np.random.default_rng(0)
    monitor = Monitor(lambda w: rng.normal() * (w**2).sum(), every=1, k=1)
    monitor(0, np.ones(2))
    assert "so the function is random" in monitor.records.records[0]["failed"]["top_eigenvalues"]


def test_steps_of_a_second_run_go_on() -> None:
    loss = lambda w: (w**2).sum()
    monitor = Monitor(loss, every=2, k=1)
    for _ in range(2):
        for step in range(5):
            monitor(step, np.ones(2))
    assert monitor.records.steps.tolist() == [0, 2, 4, 5, 7, 9]


def test_a_file_that_cannot_be_written_catches_up(tmp_path) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    monitor = Monitor(lambda w: (w**2).sum(), every=1, k=1, path=folder / "run.jsonl")
    head = (folder / "run.jsonl").read_text()
    (folder / "run.jsonl").unlink()
    folder.rmdir()
    monitor(0, np.ones(2))
    assert "FileNotFoundError" in monitor.unwritten
    assert "FileNotFoundError" in monitor.records.records[0]["failed"]["path"]
    folder.mkdir()
    (folder / "run.jsonl").write_text(head)
    monitor(1, np.ones(2))
    assert not monitor.unwritten
    assert Monitor.read(folder / "run.jsonl").steps.tolist() == [0, 1]


def test_plain_and_preconditioned_eigenvalues_are_told_apart() -> None:
    loss = lambda w: (np.array([4.0, 1.0]) * w**2).sum() / 2
    adam = optim.Adam(lr=0.1)
    monitor = Monitor(loss, optimizer=adam, every=1, k=1)
    w = np.ones(2)
    state = adam.init(w)
    for step in range(3):
        monitor(step, w, state=state)
        w, state = adam.update(w, np.array([4.0, 1.0]) * w, state)
    assert [r["preconditioned"] for r in monitor.records] == [False, True, True]
    labels = [text.get_text() for text in monitor.plot().get_legend().get_texts()]
    assert "largest, plain" in labels and "largest, preconditioned" in labels


@pytest.mark.parametrize(
    "content, why",
    [
        (b"\xff\xfe\x00\n", "it is not text"),
        (b"[1]\n", "line 1 is no JSON object"),
        (b'{"format": "other"}\n', "does not begin with the format"),
        (b'{"format": "tinygrad_hess.curvature.Monitor, 1"}\n{"a": 1}\n', "line 2 has no step"),
        (b'{"format": "tinygrad_hess.curvature.Monitor, 1"}\n{"st\n', "line 2 is no JSON object"),
    ],
)
def test_a_damaged_record_is_refused(content: bytes, why: str, tmp_path) -> None:
    (tmp_path / "run.jsonl").write_bytes(content)
    with pytest.raises(ValueError, match=f"run.jsonl is no file that a Monitor .*{why}"):
        Monitor.read(tmp_path / "run.jsonl")


def test_a_model_that_is_frozen_in_part() -> None:
    """Eigenvalues and gradient are those of what is trained, the rest closed over."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 4)), rng.normal(size=(30, 2))
    model = nn.freeze(nn.MLP([4, 5, 2], nn.tanh, seed=0), "layers[0]")
    loss = lambda m, batch: ((m(batch[0]) - batch[1]) ** 2).mean()
    monitor = Monitor(loss, (x, y), optimizer=optim.SGD(lr=0.1), k=2)
    monitor(0, model, 1.0)
    hidden = np.tanh(x @ model.layers[0].weight + model.layers[0].bias)
    design = np.column_stack([hidden, np.ones(30)])
    values = np.linalg.eigvalsh(np.kron(np.eye(2), design.T @ design) / 30)  # 2/60 times this
    (record,) = monitor.records
    assert not record.get("failed")
    np.testing.assert_allclose(monitor.records.series("top_eigenvalues")[0], values[::-1][:2])
    assert "top eigenvalues" in repr(monitor.records) and "<table>" in monitor._repr_html_()
