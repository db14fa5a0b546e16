"""``train``: a fully connected net on a data set or a table."""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from typing import Any

import numpy as np

from ..core.files import replace_whole
from . import values
from .errors import FAILED, INTERRUPTED, CommandError, near, refuse, refusing, told

MONITORED = 1000
"""Rows of the training set at which a monitor measures, at most: each product costs as many."""


def add(commands: Any) -> argparse.ArgumentParser:
    """The command and its options."""
    from .datasets import NAMES, add_options
    from .models import ACTIVATIONS, LOSSES

    command: argparse.ArgumentParser = commands.add_parser(
        "train",
        help="train a net on a data set or a table, and watch its curvature",
        description="Train a fully connected net. DATA is a data set by name "
        f"({', '.join(NAMES)}), a table (.csv, .tsv, .parquet, ...) with --target, or an NPZ file "
        "with inputs x and targets y. Numbers are standardised, text becomes categories.",
        epilog="Example: tinygrad-hess train houses.csv --target price --layers 64,32 --epochs 200 "
        "--monitor run.jsonl --checkpoint run --report run.html",
        allow_abbrev=False,
    )
    command.add_argument("data", metavar="DATA")
    add_options(command)
    net = command.add_argument_group("net").add_argument
    net("--layers", type=values.widths, default=[64, 32], metavar="WIDTHS",
        help="widths of the hidden layers (64,32); '' for a linear model")  # fmt: skip
    net("--activation", choices=ACTIVATIONS, default="tanh", help="between layers (%(default)s)")
    net("--loss", choices=("auto", *LOSSES), default="auto",
        help="cross-entropy for classes, mse for numbers (%(default)s)")  # fmt: skip
    run_ = command.add_argument_group("training").add_argument
    run_("--optimizer", default="adam", help="such as sgd, adam, sophia (%(default)s)")
    run_("--rate", type=values.positive, help="the learning rate (the optimiser's own default)")
    run_("--epochs", type=values.integer(1), default=50, help="(%(default)s)")
    run_("--batch", type=values.integer(0), default=32,
         help="rows to a step; 0 for all at once (%(default)s)")  # fmt: skip
    run_("--patience", type=values.integer(1),
         help="end after so many epochs that were no better on the test rows")  # fmt: skip
    run_("--checkpoint", type=values.folder, metavar="FOLDER",
         help="keep the run there, so that it can be resumed")  # fmt: skip
    run_("--resume", action="store_true", help="go on from the checkpoint, if there is one")
    out = command.add_argument_group("output").add_argument
    out("--monitor", type=values.output(".jsonl", ".json"), metavar="FILE",
        help="follow the curvature: loss, eigenvalues, threshold, as JSON lines")  # fmt: skip
    out("--every", type=values.integer(1), default=50,
        help="steps between two measurements (%(default)s)")  # fmt: skip
    out("--live", action="store_true", help="show the monitor on a page in the browser")
    out("--report", type=values.output(".html"), metavar="FILE",
        help="at the end, a page about the curvature")  # fmt: skip
    out("--budget", type=values.duration, default="30s", help="time for the report (%(default)s)")
    out("--save", type=values.output(".npz", ".safetensors"), metavar="FILE",
        help="write the trained net, for the command report and tg.io.load")  # fmt: skip
    out("--quiet", action="store_true", help="no progress")
    out("--json", action="store_true", help="print what came of it as JSON")
    command.set_defaults(run=run)
    return command


def run(options: argparse.Namespace) -> int:
    """Train."""
    from .. import curvature, data, nn, optim
    from ..optim.training.checkpoints import Checkpoints
    from . import datasets, models

    if options.resume and not options.checkpoint:
        refuse("--resume needs --checkpoint, the folder of the run to go on with")
    if options.live and not options.monitor:
        refuse("--live shows what a monitor writes: add --monitor run.jsonl")
    if options.checkpoint and Checkpoints(options.checkpoint).exists():
        _check_same_run(options)
    optimizer = _optimizer(options.optimizer, options.rate)
    examples = datasets.load(options)
    train, test = examples.train, examples.test
    made = models.Made(
        [train.x.shape[1], *options.layers, _outputs(examples)],
        options.activation,
        _loss(options.loss, bool(examples.preparation.classes)),
        examples.preparation,
    )
    loss, model = models.loss_of(made.loss), models.build(made, options.seed)
    size = min(options.batch or len(train), len(train))
    rng = np.random.default_rng(options.seed)
    batches: Any = [(train.x, train.y)] if size == len(train) else data.batches(
        train.x, train.y, size, seed=rng
    )  # fmt: skip
    few = (train.x[:MONITORED], train.y[:MONITORED])
    monitor = None
    with refusing():
        if options.monitor:
            monitor = curvature.Monitor(
                loss, few, optimizer=optimizer, every=options.every, seed=options.seed,
                path=options.monitor, resume=options.resume, live=options.live,
            )  # fmt: skip
    if options.checkpoint:
        _keep_options(options)
    _say(options, f"{train.name}: {len(train):,} rows to train on, {len(test):,} to test, "
                  f"{train.x.shape[1]} features, {_of_targets(examples)}")  # fmt: skip
    _say(options, f"{'-'.join(map(str, made.sizes))} {made.activation} net, "
                  f"{nn.count_parameters(model):,} parameters, {made.loss}, "
                  f"{optimizer}")  # fmt: skip
    measured = {"accuracy": _accuracy} if examples.preparation.classes else {}
    try:
        fitted = optim.fit(
            loss, model, batches, optimizer, epochs=options.epochs,
            callback=monitor, patience=options.patience,
            validation=(test.x, test.y) if len(test) else None,
            metrics=measured if len(test) else None,
            checkpoint=options.checkpoint, resume=options.resume,
            progress=False if options.quiet else None,
        )  # fmt: skip
    except KeyboardInterrupt:
        again = "; the same command with --resume goes on" if options.checkpoint else ""
        raise CommandError(f"interrupted{again}", INTERRUPTED) from None
    except FloatingPointError as error:
        raise CommandError(told(error), FAILED) from error
    except ValueError as error:  # a checkpoint of another run
        refuse(told(error))
    outcome = _outcome(fitted, options)
    _say(options, ", ".join(f"{name.replace('_', ' ')} {_shown(x)}" for name, x in outcome.items()))
    written: dict[str, str] = {}
    if options.save:
        written["save"] = str(models.save(options.save, fitted.params, made))
    if options.monitor:
        written["monitor"] = str(options.monitor)
    if options.report:
        found = curvature.report(
            loss, fitted.params, (train.x, train.y), budget=options.budget, monitor=monitor,
            rate=None if monitor else _rate(optimizer), seed=options.seed,
            title=f"The loss on {train.name} after {outcome['steps']:,} steps",
        )  # fmt: skip
        written["report"] = str(found.save_html(options.report))
        _say(options, "", found.text)
    for name, path in written.items():
        _say(options, f"{name}: {path}")
    if options.json:
        print(json.dumps({**outcome, "files": written}))
    return 0


OF_THE_RUN = ("data", "target", "task", "missing", "drop", "test", "seed", "layers", "activation",
              "optimizer", "rate", "batch")  # fmt: skip
"""Options that a resumed run shares with the one before."""

OPTIONS = "options.json"


def _check_same_run(options: argparse.Namespace) -> None:
    folder = options.checkpoint
    if not options.resume:
        refuse(f"{folder} holds an earlier run; add --resume to go on with it, or name another "
               "folder")  # fmt: skip
    try:
        before = json.loads((folder / OPTIONS).read_text(encoding="utf-8"))
        differing = [name for name in OF_THE_RUN if before[name] != getattr(options, name)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        refuse(f"{folder / OPTIONS} does not say which run it was: {told(error)}")
    if differing:
        name = differing[0]
        then, now = before[name], getattr(options, name)
        option = name if name == "data" else f"--{name}"
        refuse(f"the run in {folder} has {option} {_written(then)}, not {_written(now)}; name "
               "another folder for another run")  # fmt: skip


def _keep_options(options: argparse.Namespace) -> None:
    options.checkpoint.mkdir(parents=True, exist_ok=True)
    kept = {name: getattr(options, name) for name in OF_THE_RUN}
    replace_whole(options.checkpoint / OPTIONS, json.dumps(kept).encode())


def _written(value: Any) -> str:
    given = value if isinstance(value, list) else ["none" if value is None else value]
    return ",".join(map(str, given)) or "''"


def _say(options: argparse.Namespace, *lines: str) -> None:
    """Beside JSON, which has the standard output to itself."""
    print(*lines, sep="\n", file=sys.stderr if options.json else sys.stdout, flush=True)


def _optimizer(name: str, rate: float | None) -> Any:
    """The optimiser of that name, among those that need nothing but a rate."""
    from .. import optim

    known: dict[str, Any] = {}
    for attribute in dir(optim):
        kind = getattr(optim, attribute)
        if inspect.isclass(kind) and issubclass(kind, optim.Optimizer):
            parameters = inspect.signature(kind).parameters.values()
            if all(p.default is not p.empty or p.kind is p.VAR_KEYWORD for p in parameters):
                known[attribute.lower()] = kind
    if name.lower() not in known:
        meant = near(name.lower(), known)
        refuse(f"argument --optimizer: {name!r} is none of {', '.join(sorted(known))}{meant}")
    kind = known[name.lower()]
    return kind() if rate is None else kind(lr=rate)


def _rate(optimizer: Any) -> float | None:
    return optimizer.lr if isinstance(optimizer.lr, float) else None


def _loss(given: str, classes: bool) -> str:
    wanted = "cross-entropy" if classes else "mse"
    if given not in ("auto", wanted):
        targets = "classes" if classes else "numbers"
        refuse(f"--loss {given} does not fit: the targets are {targets} (see --task)")
    return wanted


def _outputs(examples: Any) -> int:
    if examples.preparation.classes:
        return len(examples.preparation.classes)
    y = examples.train.y
    return 1 if y.ndim == 1 else int(y.shape[1])


def _of_targets(examples: Any) -> str:
    classes = examples.preparation.classes
    return f"{len(classes)} classes" if classes else "a number to predict"


def _accuracy(model: Any, batch: Any) -> float:
    from .. import nn

    x, y = batch
    return nn.accuracy(model(x), y)


def _outcome(fitted: Any, options: argparse.Namespace) -> dict[str, Any]:
    history = fitted.history
    last = history["epoch"] == history["epoch"][-1]
    found: dict[str, Any] = {
        "steps": len(history["loss"]),
        "loss": float(history["loss"][last].mean()),  # before each step of the last epoch
    }
    for name, called in {"val_loss": "test_loss", "accuracy": "test_accuracy"}.items():
        if name in history:
            known = history[name][np.isfinite(history[name])]
            found[called] = float(known[-1]) if len(known) else None
    if fitted.stopped:
        found["stopped"] = fitted.stopped
    return found


def _shown(x: Any) -> str:
    return f"{x:.5g}" if isinstance(x, float) else f"{x:,}" if isinstance(x, int) else str(x)
