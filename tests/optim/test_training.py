"""What a training run measures on the way, when it ends, and how its result is shown."""

from __future__ import annotations

import io
import re
import xml.dom.minidom
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import curvature, data, nn, optim
from tinygrad_hess.core.progress import progress_bar
from tinygrad_hess.optim.training.curve import curve

RNG = np.random.default_rng(1)
X, Y = RNG.normal(size=(23, 3)), RNG.normal(size=(23, 1))
NEW = RNG.normal(size=(11, 3)), RNG.normal(size=(11, 1))
W = RNG.normal(size=(3, 1))


def mean_square(w: Any, batch: Any) -> Any:
    x, y = batch
    return ((x @ w - y) ** 2).mean()


def by_hand(w: Any, x: Any, y: Any) -> float:
    return float(np.mean([(xi @ w - yi) ** 2 for xi, yi in zip(x, y, strict=True)]))


# ---- validation and metrics ----------------------------------------------------------------------


def test_validation_is_a_mean_over_examples_of_unequal_batches() -> None:
    cut = [slice(0, 7), slice(7, 10), slice(10, 11)]
    uneven = [(NEW[0][s], NEW[1][s]) for s in cut]
    worst = lambda w, b: abs(b[0] @ w - b[1]).mean()
    params: list[Any] = []
    fitted = optim.fit(
        mean_square, W, [(X[:9], Y[:9]), (X[9:], Y[9:])], optim.SGD(lr=0.1), epochs=3,
        validation=uneven, metrics={"distance": worst},
        callback=lambda step, w, *_: params.append(w),
    )  # fmt: skip
    params.append(fitted.params)
    history = fitted.history
    assert list(history) == ["step", "epoch", "loss", "val_loss", "distance"]
    assert {len(column) for column in history.values()} == {6}
    np.testing.assert_array_equal(history["epoch"], [0, 0, 1, 1, 2, 2])
    assert np.isnan(history["val_loss"][::2]).all()
    after = params[2::2]
    np.testing.assert_allclose(
        history["val_loss"][1::2], [by_hand(w, *NEW) for w in after], rtol=1e-12
    )
    expected = [np.abs(NEW[0] @ w - NEW[1]).mean() for w in after]
    np.testing.assert_allclose(history["distance"][1::2], expected, rtol=1e-12)


def test_validation_is_in_evaluation_mode_and_training_is_not() -> None:
    modes = []

    class Watched(nn.Module):
        def __init__(self) -> None:
            self.norm, self.scale = nn.BatchNorm1d(3), np.ones(3)

        def __call__(self, x: Any) -> Any:
            modes.append((self.training, self.norm.training))
            return self.norm(x) * self.scale

    loss = lambda m, x: ((m(x) - 1) ** 2).mean()
    fitted = optim.fit(
        loss, Watched(), X, optim.SGD(lr=0.1), epochs=2, validation=NEW[0], jit=False
    )
    assert modes == [(True, True), (False, False)] * 2
    assert fitted.params.training
    norm = fitted.params.norm
    mean, variance = X.mean(0), X.var(0, ddof=1)  # as PyTorch, which keeps the unbiased one
    np.testing.assert_allclose(norm.running_mean, 0.1 * mean + 0.09 * mean, rtol=1e-12)
    np.testing.assert_allclose(norm.running_var, 0.81 + 0.19 * variance, rtol=1e-12)
    x = (NEW[0] - norm.running_mean) / np.sqrt(norm.running_var + 1e-5)
    out = (x * norm.weight + norm.bias) * fitted.params.scale
    assert fitted.history["val_loss"][-1] == pytest.approx(((out - 1) ** 2).mean(), rel=1e-12)


def test_what_is_wrong_with_validation_and_metrics_is_said() -> None:
    run = lambda **given: optim.fit(mean_square, W, (X, Y), optim.SGD(lr=0.1), **given)
    with pytest.raises(
        ValueError, match=r"metrics are measured on validation data.*validation=\(x, y\)"
    ):
        run(metrics={"a": mean_square})
    with pytest.raises(ValueError, match="'loss'; the history has that name"):
        run(validation=NEW, metrics={"loss": mean_square})
    with pytest.raises(TypeError, match="metrics must be a dictionary"):
        run(validation=NEW, metrics=[mean_square])
    with pytest.raises(TypeError, match=r"metrics\['a'\].*metric\(params, batch\)"):
        run(validation=NEW, metrics={"a": lambda w: 1.0})
    with pytest.raises(ValueError, match=r"metrics\['a'\] must give a number, got float64\(3, 1\)"):
        run(validation=NEW, metrics={"a": lambda w, b: w})
    with pytest.raises(ValueError, match="validation data hold no examples"):
        run(validation=[])


# ---- early stopping and the best -----------------------------------------------------------------


def test_the_best_of_one_batch_is_where_the_loss_was_least() -> None:
    seen: list[Any] = []
    fitted = optim.fit(
        lambda w, b: ((w - b) ** 2).sum(), np.array([1.0]), np.zeros(1), optim.SGD(lr=0.9),
        epochs=4, callback=lambda step, w, value, state: seen.append((value, w)) if step < 9 else True,
    )  # fmt: skip
    k = int(np.argmin([value for value, _ in seen]))
    assert (fitted.best_step, fitted.best_loss) == (k, seen[k][0])
    np.testing.assert_array_equal(fitted.best, seen[k][1])

    schedule = lambda step: 0.25 if step < 3 else 1.5  # it goes down three times, and then up
    fitted = optim.fit(
        lambda w, b: ((w - b) ** 2).sum(), np.array([1.0]), np.zeros(1), optim.SGD(lr=schedule),
        epochs=20, patience=2,
    )  # fmt: skip
    assert fitted.losses.tolist() == [1.0, 0.25, 0.0625, 0.015625, 0.0625, 0.25]
    assert (fitted.best_step, fitted.best_loss, fitted.stopped) == (3, 0.015625, "patience")
    np.testing.assert_array_equal(fitted.best, [0.125])


def test_patience_counts_epochs_without_a_better_validation_loss() -> None:
    course = iter([3.0, 2.0, 2.5, 1.0, 1.5, 1.5, float("nan"), 0.5])

    def loss(w: Any, batch: Any) -> Any:
        return (w * 0).sum() + (next(course) if batch.shape == (1,) else 1.0)

    fitted = optim.fit(
        loss, np.ones(2), [np.ones(2)] * 3, optim.SGD(lr=0.1), epochs=20, patience=3,
        validation=np.ones(1), jit=False,
    )  # fmt: skip
    assert fitted.stopped == "patience"
    np.testing.assert_array_equal(
        fitted.history["val_loss"][2::3], [3, 2, 2.5, 1, 1.5, 1.5, np.nan]
    )
    assert (fitted.best_loss, fitted.best_step) == (1.0, 12)
    assert "best val_loss 1 at 12, out of patience" in repr(fitted)


def test_without_validation_an_epoch_is_judged_by_its_mean_over_examples() -> None:
    values = {(0, 3): 1.0, (0, 1): 5.0, (1, 3): 2.0, (1, 1): 1.0, (2, 3): 2.0, (2, 1): 1.5}
    calls = iter(values.items())

    def loss(w: Any, batch: Any) -> Any:
        (_, size), value = next(calls)
        assert len(batch) == size
        return (w * 0).sum() + value

    fitted = optim.fit(
        loss, np.ones(2), [np.ones(3), np.ones(1)], optim.SGD(lr=0.1), epochs=3, jit=False
    )
    assert (fitted.best_loss, fitted.best_step) == ((3 * 2.0 + 1.0) / 4, 3)


# ---- data-less, accumulation ---------------------------------------------------------------------


def test_a_loss_without_data() -> None:
    valley = lambda w: (w[0] - 1) ** 2 + 10 * (w[1] + 2) ** 2
    fitted = optim.fit(valley, np.zeros(2), None, optim.Adam(lr=0.1), epochs=400)
    np.testing.assert_allclose(fitted.params, [1, -2], atol=1e-3)
    both = optim.fit(lambda w, _: valley(w), np.zeros(2), None, optim.Adam(lr=0.1), epochs=400)
    np.testing.assert_array_equal(both.losses, fitted.losses)
    with pytest.raises(TypeError, match=r"loss\(params, batch\)"):
        optim.fit(valley, np.zeros(2), np.ones(2), optim.Adam(lr=0.1))
    with pytest.raises(ValueError, match="without a batch"):
        optim.fit(valley, np.zeros(2), None, optim.Adam(lr=0.1), validation=np.ones(2))


@pytest.mark.parametrize(
    "make",
    [
        lambda: optim.SGD(lr=0.1),
        lambda: optim.Adam(lr=0.1),
        lambda: optim.Adam(lr=0.1, max_norm=0.5),
    ],
)
@pytest.mark.parametrize("jit", [True, False])
def test_accumulated_steps_are_those_on_the_whole(make: Any, jit: bool) -> None:
    parts = [(X[s], Y[s]) for s in (slice(0, 8), slice(8, 10), slice(10, 23))]
    whole = optim.fit(mean_square, W, (X, Y), make(), epochs=5)
    fitted = optim.fit(mean_square, W, parts, make(), epochs=5, accumulate=3, jit=jit)
    np.testing.assert_allclose(fitted.params, whole.params, rtol=1e-12)
    np.testing.assert_allclose(fitted.losses, whole.losses, rtol=1e-12)
    named = [({"x": x}, {"y": y}) for x, y in parts]  # weighted by examples whatever holds them
    of_names = lambda w, batch: mean_square(w, (batch[0]["x"], batch[1]["y"]))
    again = optim.fit(of_names, W, named, make(), epochs=5, accumulate=3, jit=jit)
    np.testing.assert_allclose(again.params, whole.params, rtol=1e-12)
    uneven = optim.fit(mean_square, W, parts, make(), epochs=1, accumulate=2, jit=jit)
    two = optim.fit(mean_square, W, [(X[:10], Y[:10]), parts[2]], make(), epochs=1)
    np.testing.assert_allclose(uneven.params, two.params, rtol=1e-12)


def test_accumulation_goes_through_the_buffers_of_each_batch() -> None:
    model = nn.BatchNorm1d(3)
    loss = lambda m, x: ((m(x) - 1) ** 2).mean()
    fitted = optim.fit(loss, model, [X[:9], X[9:]], optim.SGD(lr=0.0), accumulate=2)
    expected = 0.9 * (0.1 * X[:9].mean(0)) + 0.1 * X[9:].mean(0)
    np.testing.assert_allclose(fitted.params.running_mean, expected, rtol=1e-12)
    assert fitted.params.batches == 2
    assert len(fitted.losses) == 1


def test_accumulation_takes_what_else_the_rule_needs() -> None:
    """On a quadratic, AdaHessian's diagonal, also, is the mean over batches."""
    scale = np.array([[1.0, 5.0], [3.0, 7.0], [5.0, 3.0], [7.0, 1.0]])
    loss = lambda w, s: ((s * w**2).sum(axis=1) / 2).mean()
    runs = [
        optim.fit(loss, np.ones(2), batches, optim.AdaHessian(lr=0.1), epochs=4, accumulate=k)
        for batches, k in ((scale, 1), ([scale[:1], scale[1:]], 2))
    ]
    np.testing.assert_allclose(runs[0].params, runs[1].params, rtol=1e-12)
    kfac = optim.KFAC(lambda m, x: m(x), nn.mse, lr=0.1)
    with pytest.raises(ValueError, match="accumulate does not go with KFAC"):
        optim.fit(lambda m, b: nn.mse(m(b[0]), b[1]), nn.MLP([3, 1]), (X, Y), kfac, accumulate=2)


# ---- the result ----------------------------------------------------------------------------------


def test_the_result_unpacks_and_says_where_the_trained_model_is() -> None:
    fitted = optim.fit(mean_square, W, (X, Y), optim.SGD(lr=0.1), epochs=3)
    params, state, losses = fitted
    assert params is fitted.params is fitted[0]
    assert state is fitted.state and losses is fitted.losses is fitted.history["loss"]
    assert re.fullmatch(
        r"Fitted\(3 steps, loss \S+ -> \S+, best \S+ at 2\)  # \.params is trained, .*",
        repr(fitted),
    )
    assert "\n" not in repr(fitted) and "array" not in repr(fitted)


def test_a_notebook_shows_a_small_curve_for_light_and_dark() -> None:
    fitted = optim.fit(
        mean_square, W, data.batches(X, Y, 4), optim.SGD(lr=0.01), epochs=200, validation=NEW
    )
    page = f"<div>{fitted._repr_html_()}</div>"
    document = xml.dom.minidom.parseString(page)
    lines = document.getElementsByTagName("polyline")
    assert len(lines) == 2
    for line in lines:
        points = np.array([p.split(",") for p in line.getAttribute("points").split()], float)
        assert len(points) <= 402
        assert (points >= 0).all() and (points <= [420, 130]).all()
        assert (np.diff(points[:, 0]) >= 0).all()
    assert "prefers-color-scheme: dark" in page and "currentColor" in page and ".params" in page
    assert len(page) < 20_000
    empty = optim.fit(mean_square, W, (X, Y), optim.SGD(lr=0.1), epochs=0)
    assert "<svg" not in empty._repr_html_()


@pytest.mark.parametrize(("values", "log"), [([3.0, 2.0, 1.0], False), ([90.0, 3.0, 1.0], True)])
def test_a_logarithmic_axis_says_so(values: list[float], log: bool) -> None:
    picture = curve({"loss": (np.arange(3), np.array(values))})
    assert (">log<" in picture) == log
    points = re.search(r'points="([^"]*)"', picture)
    assert points is not None
    down = [float(p.split(",")[1]) for p in points[1].split()]
    scale = np.log(values) if log else np.array(values)
    share = (down[1] - down[0]) / (down[2] - down[0])
    assert share == pytest.approx((scale[0] - scale[1]) / (scale[0] - scale[2]), abs=2e-3)


def test_plot_draws_both_losses_and_the_best() -> None:
    pytest.importorskip("matplotlib")
    fitted = optim.fit(mean_square, W, (X, Y), optim.SGD(lr=0.1), epochs=5, validation=NEW)
    ax = fitted.plot()
    loss, validation, best = ax.lines
    np.testing.assert_array_equal(loss.get_ydata(), fitted.losses)
    np.testing.assert_array_equal(validation.get_ydata(), fitted.history["val_loss"])
    assert set(best.get_xdata()) == {fitted.best_step}
    with pytest.raises(ValueError, match="no step was made"):
        optim.fit(mean_square, W, (X, Y), optim.SGD(lr=0.1), epochs=0).plot()


def test_what_ended_it_is_in_the_result() -> None:
    def at_two(kind: Any) -> Any:
        def call(step: int, *_: Any) -> None:
            if step == 2:
                raise kind

        return call

    for kind, word in ((KeyboardInterrupt, "interrupted"), (RuntimeError, "error")):
        with pytest.raises(kind) as caught:
            optim.fit(mean_square, W, (X, Y), optim.SGD(), epochs=9, callback=at_two(kind))
        fitted: Any = caught.value.fitted  # type: ignore[attr-defined]
        assert (fitted.stopped, len(fitted.losses), fitted.best_step) == (word, 2, 1)
    with pytest.raises(FloatingPointError) as blown:
        optim.fit(mean_square, W, (X, Y), optim.SGD(lr=1e200), epochs=9)
    assert "diverged" in repr(blown.value.fitted)  # type: ignore[attr-defined]
    stopped = optim.fit(mean_square, W, (X, Y), optim.SGD(), epochs=9, callback=lambda *_: True)
    assert stopped.stopped == "callback"


def test_a_monitor_follows_a_run_with_all_of_it() -> None:
    loss = lambda w, s: (s * w**2).sum() / 2
    follow = curvature.Monitor(loss, np.array([3.0, 1.0]), optimizer=0.1, k=1, every=2)
    optim.fit(
        loss, np.ones(2), np.array([3.0, 1.0]), optim.SGD(lr=0.1), epochs=5, callback=[follow],
        validation=np.ones(2), patience=9, progress=False,
    )  # fmt: skip
    np.testing.assert_allclose(follow.records.series("top_eigenvalues").ravel(), 3.0, rtol=1e-5)


# ---- progress ------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_in_a_terminal_and_in_no_log(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream, shown in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr("sys.stderr", stream)
        bar = progress_bar("fit", None, unit="steps")
        assert (bar is not None) is shown
        if bar is not None:
            bar.close()
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr("tinygrad_hess.core.progress.LOGGED", 0.1)
    slow = lambda *_: __import__("time").sleep(0.06) and None
    optim.fit(
        mean_square, W, (X, Y), optim.SGD(lr=0.1), epochs=8, progress=True, callback=slow,
        validation=NEW, metrics={"distance": mean_square},
    )  # fmt: skip
    text = stream.getvalue()
    assert re.search(r"\d/8 .*loss \S+, val_loss \S+, distance", text), text
    quiet = io.StringIO()
    monkeypatch.setattr("sys.stderr", quiet)
    optim.fit(mean_square, W, (X, Y), optim.SGD(lr=0.1), progress=False)
    assert quiet.getvalue() == ""
    with pytest.raises(TypeError, match="progress must be True or False"):
        optim.fit(mean_square, W, (X, Y), optim.SGD(lr=0.1), progress="yes")


def test_schedules_and_frozen_arrays_go_with_it() -> None:
    model = nn.freeze(nn.MLP([3, 4, 1], nn.tanh, seed=0), "layers[0]")
    loss = lambda m, b: nn.mse(m(b[0]), b[1])
    opt = optim.SGD(lr=optim.step_decay(0.1, every=1, factor=0.5))
    fitted = optim.fit(loss, model, (X, Y), opt, epochs=2, validation=NEW)
    np.testing.assert_array_equal(fitted.params.layers[0].weight, model.layers[0].weight)
    np.testing.assert_array_equal(fitted.best.layers[0].weight, model.layers[0].weight)
    w = model
    for rate in (0.1, 0.05):
        g = tg.grad(loss)(w, (X, Y))
        bias, weight = (
            w.layers[1].bias - rate * g.layers[1].bias,
            w.layers[1].weight - rate * g.layers[1].weight,
        )
        w = w.arrays()
        w.layers[1].bias, w.layers[1].weight = bias, weight
    np.testing.assert_allclose(fitted.params.layers[1].weight, w.layers[1].weight, rtol=1e-12)


# ---- what people write --------------------------------------------------------------------------


LABELS = np.arange(23) % 2


def classify(model: Any, batch: Any) -> Any:
    return nn.cross_entropy(model(batch[0]), batch[1])


def test_a_data_set_is_a_batch_of_inputs_and_targets() -> None:
    train, test = data.split(X, LABELS, test=0.3)
    options: dict[str, Any] = {"optimizer": optim.SGD(lr=0.1), "epochs": 4}
    model = nn.MLP([3, 4, 2], seed=0)
    got = optim.fit(classify, model, train, validation=test, **options)
    want = optim.fit(classify, model, (train.x, train.y), validation=(test.x, test.y), **options)
    np.testing.assert_array_equal(got.losses, want.losses)
    np.testing.assert_array_equal(got.history["val_loss"], want.history["val_loss"])


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"params": nn.MLP}, TypeError, r"params must be .*, got the class MLP. Make one: MLP\("),
        ({"params": nn.freeze(nn.MLP([3, 2]))}, ValueError, "no array to train; all are frozen"),
        (
            {"optimizer": optim.Adam(nn.MLP([3, 2]).parameters(), lr=0.1)},
            ValueError,
            r"this Adam was made with parameters, which fit would not move.*Write Adam\(lr=",
        ),
        ({"validation": 0.2}, TypeError, r"validation must be data.*got 0.2.*tg.data.split"),
        (
            {"state": optim.SGD(lr=0.1).init(nn.MLP([3, 2]))},
            ValueError,
            r"state is State\(step=0, 0 moments, 0 shared\), of another optimiser",
        ),
        (
            {"state": optim.Adam(lr=0.1).init(nn.MLP([3, 4, 2]))},
            ValueError,
            "or other parameters than those of this run",
        ),
        ({"data": data.split(X, LABELS)}, TypeError, "gives data sets, such as train and test"),
        ({"data": (X[:0], LABELS[:0])}, ValueError, "batch 0 of epoch 0 holds no examples"),
    ],
)
def test_slips_are_told_before_they_become_something_else(
    given: Any, error: type[Exception], said: str
) -> None:
    options = {"params": nn.MLP([3, 2], seed=0), "data": (X, LABELS), "optimizer": optim.Adam()}
    with pytest.raises(error, match=said):
        optim.fit(classify, **{**options, **given})


@pytest.mark.parametrize("jit", [True, False])
def test_a_loss_without_a_gradient_is_no_loss(jit: bool) -> None:
    for loss in (lambda m, b: classify(m, b).item(), lambda m, b: float(len(b[1]))):
        with pytest.raises(
            ValueError, match=r"plain number, through which no gradient.*\.item\(\)"
        ):
            optim.fit(loss, nn.MLP([3, 2], seed=0), (X, LABELS), optim.SGD(lr=0.1), jit=jit)


def test_an_error_in_the_first_step_says_what_the_loss_was_called_with() -> None:
    with pytest.raises(TypeError, match="cross_entropy") as caught:
        optim.fit(classify, nn.MLP([3, 2]), [X, LABELS], optim.SGD(lr=0.1))
    (note,) = caught.value.__notes__
    with pytest.raises(TypeError, match="cross_entropy"):
        optim.fit(classify, nn.MLP([3, 2]), map(list, [[X, X]]), optim.SGD(lr=0.1))
    assert "loss(params, batch) was called with params MLP and batch float64(23, 3), " in note
    assert "the first of 2 (one batch is a tuple, such as (x, y), many are a list)" in note
    with pytest.raises(FloatingPointError, match="No update was made yet: look at the data"):
        optim.fit(classify, nn.MLP([3, 2]), (np.full((2, 3), np.nan), [0, 1]), optim.SGD(lr=0.1))
    with pytest.raises(FloatingPointError, match="A smaller learning rate may help"):
        optim.fit(mean_square, W, (X, Y), optim.SGD(lr=1e4), epochs=400)
