"""The command line as a whole: help, versions, what is refused, and how."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import cli, demo

ROOT = Path(__file__).parents[2]

FUNCTIONS = """
import numpy as np
from tinygrad_hess import nn

model = nn.MLP([3, 4, 2], seed=0)

def energy(x, w):
    return (np.tanh(x @ w) ** 2).sum()

def broken(x):
    raise RuntimeError("no\\nluck")

five = 5
"""

RUN = '{"format": "tinygrad_hess.curvature.Monitor, 1"}\n{"step": 0, "loss": 1.5}\n'


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files to work on."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("functions_of_tests", "faulty_module"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    Path("functions_of_tests.py").write_text(FUNCTIONS)
    Path("faulty_module.py").write_text("import numpy\n1 / 0\n")
    Path("table.csv").write_text("a,b,y\n1,2,yes\n2,1,no\n3,3,yes\n4,1,no\n")
    Path("text.txt").write_text("hello\n")
    Path("noise.npz").write_bytes(b"PK what")
    Path("run.jsonl").write_text(RUN)
    np.savez("gaps.npz", x=np.array([[1.0], [np.nan]]), y=np.array([0, 1]))
    np.savez("arrays.npz", a=np.ones((2, 1)), b=np.ones((2, 1)), y=np.array([0, 1]))
    np.savez("empty.npz", x=np.ones((0, 2)), y=np.ones(0))
    np.savez("complex.npz", x=np.ones((5, 2)) * 1j, y=np.ones(5))
    Path("no_python.py").write_text("def f(:\n")
    Path("ends.py").write_text("raise SystemExit(7)\n")
    np.savez("negative.npz", x=np.ones((3, 1)), y=np.array([0, 1, -1]))
    tg.io.save("weights.npz", {"w": np.ones(2)})
    return tmp_path


REFUSED = {
    "dance": "invalid choice: 'dance'",
    "--speed": "unrecognized arguments: --speed",
    "train": "the following arguments are required: DATA",
    "train nowhere.csv": "there is no file 'nowhere.csv', nor a data set of that name: digits,",
    "train table.csv": "--target is missing: which column of table.csv is to be predicted?",
    "train table.csv --target z": "there is no column 'z'; the columns are 'a', 'b', 'y'",
    "train table.csv --target y --drop c": "there is no column 'c'",
    "train table.csv --target y --task regression": "the target, 'y', is text",
    "train text.txt --target y": "'text.txt' is of no kind that is read here: .csv,",
    "train noise.npz": "it is no NumPy archive, or not whole",
    "train gaps.npz": "x of gaps.npz has values that are not finite",
    "train arrays.npz": "arrays.npz must have the inputs as x beside y; it has a, b, y",
    "train arrays.npz --target c": "arrays.npz has no array 'c'; it has a, b, y",
    "train empty.npz": "empty.npz has no rows",
    "train complex.npz": "x of complex.npz is complex; give real numbers",
    "train negative.npz --task classification": "y of negative.npz must be class numbers 0, 1",
    "train iris --target y": "--target is for files; iris has its own",
    "train iris --drop a": "--drop is for columns of tables",
    "train iris --loss mse": "--loss mse does not fit: the targets are classes",
    "train iris --epoch 3": "unrecognized arguments: --epoch 3 (do you mean --epochs?)",
    "train iris --epochs 0": "argument --epochs: must be an integer >= 1, got '0'",
    "train iris --rate fast": "argument --rate: must be a positive number, got 'fast'",
    "train iris --test 1": "argument --test: must be at least 0 and below 1, got '1'",
    "train iris --layers 4,x": "argument --layers: must be widths such as 64,32, got '4,x'",
    "train iris --activation step": "argument --activation: invalid choice: 'step'",
    "train iris --optimizer adm": "'adm' is none of adadelta, adagrad,",
    "train iris --optimizer kfac": "'kfac' is none of",
    "train iris --budget soon": "argument --budget: must be a time, such as 30s or 2min",
    "train iris --budget 0s": "argument --budget: must be a time",
    "train iris --resume": "--resume needs --checkpoint",
    "train iris --live": "--live shows what a monitor writes: add --monitor run.jsonl",
    "train iris --save model.bin": "argument --save: must end in .npz or .safetensors",
    "train iris --report no/r.html": "argument --report: there is no folder 'no' to write to",
    "train iris --monitor .": "argument --monitor: must end in .jsonl or .json, got '.'",
    "train iris --checkpoint text.txt": "argument --checkpoint: must be a folder, but 'text.txt'",
    "report": "the following arguments are required: FILE, DATA",
    "report model.npz iris": "there is no file 'model.npz'",
    "report weights.npz nowhere.csv": "there is no file 'nowhere.csv', nor a data set",
    "report weights.npz iris": "weights.npz is no model that tinygrad-hess train --save wrote",
    "report noise.npz iris": "noise.npz cannot be read as a NumPy archive",
    "report text.txt iris": "the suffix of 'text.txt' must be .safetensors or .npz",
    "report weights.npz iris --loss mse": "--loss is for ONNX models; this one has its own",
    "report weights.npz iris --out r.pdf": "argument --out: must end in .html or .json",
    "graph": "the following arguments are required: module:function",
    "graph energy": "'energy' must be module:function, such as my_model:loss",
    "graph nowhere:f": "there is no module 'nowhere' here or installed",
    "graph nowhere.py:f": "there is no file 'nowhere.py'",
    "graph functions_of_tests:f": "functions_of_tests has no 'f'; it has broken, energy, model",
    "graph functions_of_tests:five": "functions_of_tests:five is no function, but int",
    "graph functions_of_tests:energy": "energy(x, w) was called with 0 arguments",
    "graph no_python.py:f": "no_python.py is no Python module: ",
    "graph functions_of_tests:energy 2*x": "argument '2*x' is neither a value, such as 2.5 or",
    "graph functions_of_tests:energy --of hvp": "--of hvp needs an argument",
    "graph functions_of_tests:energy --out g.gif": "argument --out: must end in .svg or .html",
    "live": "the following arguments are required: FILE",
    "live text.txt": "text.txt is no file that a Monitor with path= wrote",
    "live later.jsonl --save p.html": "there is no file 'later.jsonl'",
    "live run.jsonl --save p.txt": "argument --save: must end in .html",
    "completion fish": "argument shell: invalid choice: 'fish'",
    "info --verbose": "unrecognized arguments: --verbose",
}


@pytest.mark.parametrize("words", REFUSED)
def test_wrong_usage_is_one_line_and_2(
    words: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = cli.main(words.split())
    except SystemExit as stopped:  # argparse's way
        status = stopped.code  # type: ignore[assignment]
    printed = capsys.readouterr()
    assert status == 2 and printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("tinygrad-hess") and REFUSED[words] in line


@pytest.mark.parametrize(
    "words, says",
    {
        "graph functions_of_tests:broken 2": "broken cannot be drawn at these arguments: "
        "RuntimeError: no luck",
        "graph functions_of_tests:energy 2x3 2x3": "cannot be drawn at these arguments: ValueError",
        "graph ends.py:f": "importing ends.py failed: SystemExit: 7",
        "graph faulty_module:f": "importing faulty_module failed: ZeroDivisionError",
        "train iris --activation relu --optimizer sgd --rate 1e200 --quiet": "the loss is nan",
    }.items(),
)
def test_a_run_that_fails_is_one_line_and_1(
    words: str, says: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with np.errstate(all="ignore"):
        assert cli.main(words.split()) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tinygrad-hess") and ": error: " in line and says in line


def test_without_arguments_it_helps(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    text = capsys.readouterr().out
    assert all(
        re.search(rf"^    {name}\b", text, re.MULTILINE) for name in ("demo", "train", "info")
    )


def test_every_command_and_option_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("demo", "train", "report", "graph", "live", "info", "completion"):
        with pytest.raises(SystemExit) as stopped:
            cli.main([command, "--help"])
        assert stopped.value.code == 0
        assert f"usage: tinygrad-hess {command}" in capsys.readouterr().out


def test_a_full_disk_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(demo, "run", full)
    assert cli.main(["demo"]) == 1
    assert (
        "tinygrad-hess demo: error: [Errno 28] No space left on device" in capsys.readouterr().err
    )


def test_interrupted_it_ends_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "run", interrupted)
    assert cli.main(["demo"]) == 130
    assert capsys.readouterr().err == "tinygrad-hess demo: interrupted\n"


# ---- info, graph, live, completion ---------------------------------------------------------------


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["tinygrad_hess"] == tg.__version__
    assert found["packages"]["numpy"] == np.__version__
    assert any("threads" in line for line in found["blas"])
    assert found["planned programs"].startswith("in ")
    assert cli.main(["info"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"tinygrad_hess: {tg.__version__}" in lines
    assert any(line.split() == ["numpy", np.__version__] for line in lines)


def test_info_says_why_programs_are_python(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TINYGRAD_HESS_NATIVE", "0")
    cli.main(["info"])
    assert "planned programs: in Python: TINYGRAD_HESS_NATIVE=0" in capsys.readouterr().out


def test_graph_writes_what_it_names(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "graph functions_of_tests:energy 5x3 [[1,2],[3,4],[5,6]]"
    assert cli.main([*words.split(), "--values", "--out", "g.dot"]) == 0
    assert capsys.readouterr().out == "g.dot\n"
    x, w = np.random.default_rng(0).standard_normal((5, 3)), np.arange(1.0, 7.0).reshape(3, 2)
    energy = sys.modules["functions_of_tests"].energy
    wanted = tg.viz.graph(energy, x, w, values=True, title="energy").source
    assert Path("g.dot").read_text() == wanted
    assert cli.main([*words.split(), "--of", "hvp", "--out", "page.html", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": "page.html"}
    assert "HVP of energy" in Path("page.html").read_text()
    assert cli.main(["graph", "functions_of_tests.py:model", "2x3", "--out", "m.dot"]) == 0
    assert "MLP" in Path("m.dot").read_text()


def test_graph_of_a_gradient_is_that_of_grad(here: Path) -> None:
    cli.main(["graph", "functions_of_tests:energy", "2", "3", "--of", "gradient", "--out", "g.dot"])
    f = tg.grad(sys.modules["functions_of_tests"].energy)
    cli.main(
        ["graph", "functions_of_tests:energy", "4x", "4x", "--of", "gradient", "--out", "v.dot"]
    )
    wanted = tg.viz.graph(f, np.ones(4), np.ones(4), title="gradient of energy").source
    assert Path("v.dot").read_text() == wanted


def test_live_saves_a_page(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["live", "run.jsonl", "--save", "p.html"]) == 0
    assert capsys.readouterr().out == "p.html\n"
    assert '"loss": 1.5' in Path("p.html").read_text()


def test_live_serves_until_ctrl_c(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = []

    class Waiting:
        def wait(self) -> None:
            (url,) = re.findall(r"http://127\.0\.0\.1:\d+/\S+/", capsys.readouterr().out)
            with urllib.request.urlopen(f"{url}records", timeout=10) as answer:
                answers.append(json.loads(answer.read()))
            raise KeyboardInterrupt

    monkeypatch.setattr("tinygrad_hess.cli.live.threading", SimpleNamespace(Event=Waiting))
    assert cli.main(["live", "run.jsonl"]) == 0
    assert answers[0][0]["records"] == [{"step": 0, "loss": 1.5}]


def test_completion(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab")
    for shell in ("bash", "zsh", "tcsh"):
        assert cli.main(["completion", shell]) == 0
        text = capsys.readouterr().out
        assert "--activation" in text and "leaky_relu" in text
    cli.main(["completion", "bash"])
    script = capsys.readouterr().out
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0


def test_completion_without_shtab(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert cli.main(["completion", "zsh"]) == 2
    assert 'pip install "tinygrad-hess[completion]"' in capsys.readouterr().err


@pytest.mark.slow
def test_the_reader_of_the_output_may_leave() -> None:
    command = f"{sys.executable} -m tinygrad_hess info | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() in ("0", "1") and done.stderr == ""
