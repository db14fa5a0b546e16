"""``report``: the curvature of a saved model on a data file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from . import values
from .errors import refuse, refusing


def add(commands: Any) -> argparse.ArgumentParser:
    """The command and its options."""
    from .models import LOSSES

    command: argparse.ArgumentParser = commands.add_parser(
        "report",
        help="the curvature of a saved model on a data file",
        description="Say all that a time budget allows about the curvature of the loss of a model "
        "on data: a net that the command train saved, or an ONNX model.",
        allow_abbrev=False,
    )
    add = command.add_argument
    add("model", metavar="FILE", help="written by train --save (.npz, .safetensors), or .onnx")
    add("data", metavar="DATA", help="a data set by name, a table, or an NPZ file; for an ONNX "
        "model an NPZ file with inputs x and targets y")  # fmt: skip
    add("--out", type=values.output(".html", ".json"), metavar="FILE",
        help="write it as a page with figures, or as JSON")  # fmt: skip
    add("--budget", type=values.duration, default="30s", help="time to spend (%(default)s)")
    add("--loss", choices=LOSSES, help="of an ONNX model")
    add("--rows", type=values.integer(1), help="use the first so many rows")
    add("--seed", type=values.integer(0), default=0, help="of all random numbers (%(default)s)")
    add("--json", action="store_true", help="print it as JSON")
    command.set_defaults(run=run)
    return command


def run(options: argparse.Namespace) -> int:
    """Report."""
    from .. import curvature
    from . import datasets, models

    path = Path(options.model)
    if not path.is_file():
        refuse(f"there is no file {options.model!r}")
    datasets.must_exist(options.data)
    if path.suffix.lower() == ".onnx":
        if not options.loss:
            refuse("--loss is missing: cross-entropy or mse, which an ONNX file does not say")
        loss: Any = models.loss_of(options.loss)
        model, (x, y) = _onnx(path), datasets.arrays(options.data)
    else:
        if options.loss:
            refuse("--loss is for ONNX models; this one has its own")
        model, made = models.load(options.model)
        loss = models.loss_of(made.loss)
        x, y = datasets.prepare(options.data, made.preparation)
    batch = (x[: options.rows], y[: options.rows])
    with refusing():
        found = curvature.report(
            loss, model, batch, budget=options.budget, seed=options.seed,
            title=f"The loss of {path.name} on {Path(options.data).name}",
        )  # fmt: skip
    if options.out:
        save = found.save_json if options.out.suffix.lower() == ".json" else found.save_html
        save(options.out)
    print(json.dumps(found.to_dict()) if options.json else found.text)
    return 0


def _onnx(path: Path) -> Any:
    from .. import io

    with refusing():
        return io.from_onnx(path)
