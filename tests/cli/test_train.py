"""``train`` and ``report``: messy tables, checkpoints, what is written, and whether it is true."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import cli, nn
from tinygrad_hess.cli import datasets, models
from tinygrad_hess.cli.main import parser
from tinygrad_hess.curvature import Monitor

pytest.importorskip("pandas")
ROOT = Path(__file__).parents[2]


def messy(path: Path, target: str = "text") -> Path:
    """Gaps, text with commas and quotes, booleans, blank targets, and a column that tells rows
    apart.
    """
    rng = np.random.default_rng(0)
    lines = ["id,age,city,owns,outcome"]
    for i in range(120):
        age = "" if i % 11 == 0 else f"{rng.normal(40, 12):.1f}"
        city = ['"Paris, FR"', "Bern", '"the ""old"" town"', ""][rng.integers(4)]
        owns = ["true", "false"][rng.integers(2)]
        leans = (float(age or 40) - 40) / 12 + (owns == "true") + rng.normal(0, 0.3)
        outcome = {
            "text": "buys" if leans > 0.5 else "leaves",
            "classes": str(int(leans > 0.5) + 3),
            "numbers": f"{leans:.3f}",
        }[target]
        lines.append(f"row{i},{age},{city},{owns},{'' if i % 17 == 3 else outcome}")
    path.write_text("\n".join(lines) + "\n\n", encoding="utf-8-sig")
    return path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(words: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert cli.main(["train", *words.split(), "--json", "--quiet"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


TABLE = "messy.csv --target outcome --drop id --layers 4 --seed 1"


@pytest.mark.parametrize("target", ["text", "classes", "numbers"])
def test_a_model_of_a_messy_table(
    target: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    messy(here / "messy.csv", target)
    # pandas reads whole numbers with gaps as floating point, which are taken for numbers
    task = "--task classification" if target == "classes" else ""
    files = "--save m.npz --monitor run.jsonl --every 20"
    found = train(f"{TABLE} {task} --epochs 30 --rate 0.02 {files}", capsys)
    assert found["steps"] == 30 * 3
    assert found["files"] == {"save": "m.npz", "monitor": "run.jsonl"}
    assert Monitor.read("run.jsonl").steps.tolist() == [0, 20, 40, 60, 80]
    if target == "numbers":
        assert found["test_loss"] < 0.5 and "test_accuracy" not in found
    else:
        assert found["test_accuracy"] > 0.7
    # What the saved model gives on the file is the loss that was measured on the parts of it.
    model, made = models.load("m.npz")
    x, y = datasets.prepare("messy.csv", made.preparation)
    assert len(x) == 120 - 7 and x.shape[1] == made.sizes[0]
    loss = models.loss_of(made.loss)
    options = parser().parse_args(["train", *TABLE.split(), *task.split()])
    examples = datasets.load(options)
    parts = [(len(d), float(loss(model, (d.x, d.y)))) for d in (examples.train, examples.test)]
    mean = sum(n * value for n, value in parts) / sum(n for n, _ in parts)
    assert float(loss(model, (x, y))) == pytest.approx(mean)
    assert parts[1][1] == pytest.approx(found["test_loss"])


def test_the_report_of_a_saved_model(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its loss and its largest eigenvalue, against NumPy's of the dense Hessian."""
    train("iris --layers 3 --epochs 4 --save m.npz", capsys)
    assert cli.main(["report", "m.npz", "iris", "--budget", "2s", "--json", "--out", "r.json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert json.loads(Path("r.json").read_text())["loss"] == found["loss"]
    model, made = models.load("m.npz")
    iris = tg.data.iris()
    x = (iris.x - made.preparation.centre) / np.array(made.preparation.scale)
    w = [np.asarray(a) for layer in model.layers for a in (layer.weight, layer.bias)]
    logits = np.tanh(x @ w[0] + w[1]) @ w[2] + w[3]
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    assert found["loss"] == pytest.approx(-np.log(shares[np.arange(150), iris.y]).mean())
    dense = tg.curvature.HessianOperator(
        models.loss_of("cross-entropy"), model, (x, iris.y)
    ).to_dense()
    top = found["parts"]["eigenpairs"]["result"]["values"][0]
    assert top == pytest.approx(np.linalg.eigvalsh(dense)[-1], rel=1e-6)


def test_what_is_saved_is_read_by_io(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train("moons --layers 5 --activation relu --epochs 1 --save m.npz", capsys)
    arrays = tg.io.load("m.npz")
    about = json.loads(bytes(arrays.pop("about")))
    assert about["sizes"] == [2, 5, 2] and about["activation"] == "relu"
    net = nn.MLP([2, 5, 2])
    net.load_state_dict(arrays)
    np.testing.assert_array_equal(net.layers[0].weight, models.load("m.npz")[0].layers[0].weight)


def test_arrays_of_an_archive(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 2, 2))
    np.savez("a.npz", x=x, heat=x.sum(axis=(1, 2)))
    found = train("a.npz --target heat --layers '' --optimizer sgd --rate 0.1 --epochs 60 --save m.npz"
                  .replace("''", ","), capsys)  # fmt: skip
    assert found["test_loss"] < 1e-6  # a linear model of a linear function
    assert cli.main(["report", "m.npz", "a.npz", "--budget", "1s", "--rows", "50"]) == 0
    assert "5 parameters" in capsys.readouterr().out
    np.savez("wide.npz", x=rng.standard_normal((9, 3)), heat=np.zeros(9))
    assert cli.main(["report", "m.npz", "wide.npz"]) == 2
    assert "the model takes 4 features; wide.npz has 3" in capsys.readouterr().err


def test_the_report_of_an_onnx_model(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx = pytest.importorskip("onnx")
    rng = np.random.default_rng(0)
    w, b = rng.standard_normal((3, 2)).astype(np.float32), np.ones(2, np.float32)
    x, y = rng.standard_normal((20, 3)), rng.integers(0, 2, 20)
    make, numbers = onnx.helper, onnx.TensorProto.FLOAT
    graph = make.make_graph(
        [make.make_node("Gemm", ["x", "w", "b"], ["y"])], "net",
        [make.make_tensor_value_info("x", numbers, [None, 3])],
        [make.make_tensor_value_info("y", numbers, [None, 2])],
        [onnx.numpy_helper.from_array(w, "w"), onnx.numpy_helper.from_array(b, "b")],
    )  # fmt: skip
    onnx.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 17)]), "net.onnx")
    np.savez("d.npz", x=x, y=y)
    words = ["report", "net.onnx", "d.npz", "--budget", "1s", "--json"]
    assert cli.main(words) == 2
    assert "--loss is missing: cross-entropy or mse" in capsys.readouterr().err
    assert cli.main([*words, "--loss", "cross-entropy"]) == 0
    found = json.loads(capsys.readouterr().out)
    logits = x @ w + b
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    assert found["loss"] == pytest.approx(-logs[np.arange(20), y].mean(), rel=1e-5)
    Path("bad.onnx").write_bytes(b"no model")
    assert cli.main(["report", "bad.onnx", "d.npz", "--loss", "mse"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_interrupted_and_resumed_it_ends_the_same(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    messy(here / "messy.csv")
    words = f"{TABLE} --epochs 12 --every 10 --monitor"
    whole = train(f"{words} whole.jsonl --save whole.npz", capsys)
    measure = Monitor.__call__

    def interrupted(self: Monitor, step: int, *rest: Any) -> None:
        if step == 25:
            raise KeyboardInterrupt
        measure(self, step, *rest)

    monkeypatch.setattr(Monitor, "__call__", interrupted)
    again = f"{words} parts.jsonl --save parts.npz --checkpoint run"
    assert cli.main(["train", *again.split(), "--quiet"]) == 130
    assert "interrupted; the same command with --resume goes on" in capsys.readouterr().err
    assert Monitor.read("parts.jsonl").steps.tolist() == [0, 10, 20]
    monkeypatch.setattr(Monitor, "__call__", measure)

    for refused, why in {
        again: "run holds an earlier run; add --resume to go on with it",
        f"{again} --resume --rate 0.5": "the run in run has --rate none, not 0.5; name another",
        f"{again} --resume --layers 4,4": "the run in run has --layers 4, not 4,4; name another",
    }.items():
        assert cli.main(["train", *refused.split(), "--quiet"]) == 2
        printed = capsys.readouterr()
        assert why in printed.err and len(printed.err.splitlines()) == 1
        assert Monitor.read("parts.jsonl").steps.tolist() == [0, 10, 20]  # nothing is lost

    assert train(f"{again} --resume", capsys)["test_loss"] == whole["test_loss"]
    arrays, wanted = tg.io.load("parts.npz"), tg.io.load("whole.npz")
    assert all(np.array_equal(arrays[name], wanted[name]) for name in wanted)  # bit for bit
    found, both = Monitor.read("parts.jsonl"), Monitor.read("whole.jsonl")
    assert found.steps.tolist() == both.steps.tolist() == [0, 10, 20, 30]
    np.testing.assert_array_equal(found.series("loss"), both.series("loss"))


@pytest.mark.slow
def test_killed_and_resumed_it_ends_with_a_report(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SIGKILL, in another process, as soon as there is a checkpoint."""
    messy(here / "messy.csv")
    words = f"{TABLE} --monitor run.jsonl --checkpoint run --quiet"
    process = subprocess.Popen(
        [sys.executable, "-m", "tinygrad_hess", "train", *words.split(), "--epochs", "1000000"],
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )
    try:
        checkpoint = Path("run/checkpoint.npz")
        begun = time.monotonic()
        while not checkpoint.exists() and time.monotonic() < begun + 120:
            time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    with np.load(checkpoint) as archive:
        reached = json.loads(str(archive["run"]))
    epochs = reached["epoch"] + 5
    found = train(f"{words} --resume --epochs {epochs} --report r.html --budget 1s", capsys)
    assert found["steps"] == 3 * epochs and Path("r.html").stat().st_size > 10_000
    steps = Monitor.read("run.jsonl").steps
    assert (np.diff(steps) == 50).all() and steps[0] == 0 and steps[-1] > 3 * epochs - 50
