"""A training run in a file, so that one that was killed goes on as if nothing had been.

The file is a NumPy archive, ``checkpoint.npz`` in a folder: read without pickle, and replaced
whole, so that a kill at any moment leaves the last one that is complete.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...core import arguments
from ...core.archives import read_npz, write_npz
from ...core.named_arrays import named_arrays, with_arrays
from ...core.pace import Pace
from .history import Array, History
from .reached import Best, Reached

FORMAT = "tinygrad_hess.optim.fit, 1"

NAME = "checkpoint.npz"


class Checkpoints:
    """Saves what a run has reached, and reads it again.

    Parameters
    ----------
    folder : path-like
        It is made where it is not there.
    every : int, optional
        Steps between two; by default, some seconds.
    optimizer : Optimizer, optional
        Whose state it is: shapes do not tell the moments of one rule from those of another.

    Examples
    --------
    >>> import tempfile
    >>> from tinygrad_hess import optim
    >>> folder = tempfile.TemporaryDirectory()
    >>> saved, opt = Checkpoints(folder.name), optim.SGD(lr=0.1)
    >>> start = Reached(np.zeros(2), opt.init(np.zeros(2)))
    >>> saved.save(start._replace(params=np.ones(2), steps=0), History())
    >>> saved.load(start, History()).params
    array([1., 1.])
    >>> folder.cleanup()
    """

    def __init__(
        self, folder: str | os.PathLike[str], every: int | None = None, optimizer: Any = None
    ):
        arguments.instance("fit", "checkpoint", folder, (str, os.PathLike), "a path to a folder")
        if every is not None:
            every = arguments.integer("fit", "every", every, least=1)
        self.every, self._pace, self._rule = every, Pace(), _rule_of(optimizer)
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise NotADirectoryError(
                f"fit: checkpoint must be a folder, and {str(folder)!r} is a file"
            )
        self.path = self.folder / NAME

    def exists(self) -> bool:
        """Whether there is one."""
        return self.path.exists()

    def due(self, steps: int) -> bool:
        """Whether to save after so many steps."""
        return self._pace.due() if self.every is None else steps % self.every == 0

    def save(self, reached: Reached, history: History) -> None:
        """Replace the file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        best = reached.best
        run = {
            "format": FORMAT,
            "optimizer": self._rule,
            "steps": reached.steps,
            "epoch": reached.epoch,
            "batch": reached.batch,
            "drawn": reached.drawn,
            "best": best and {"loss": best.loss, "step": best.step},
            "waited": reached.waited,
        }
        text = np.array(json.dumps(run, default=lambda x: x.tolist()))  # states hold arrays
        columns = history.arrays(reached.steps)
        arrays = {f"history.{name}": column for name, column in columns.items()}
        with self._pace.saving():
            write_npz(self.path, {"run": text, **_arrays_of(reached), **arrays})

    def load(self, start: Reached, history: History) -> Reached:
        """What was saved, for a run that would begin at ``start``; its history goes to another.

        Raises
        ------
        ValueError
            When the file is no whole checkpoint, or that of other parameters or optimisers.
        """
        remedy = "give another folder, or delete the file to begin anew"
        try:
            arrays = read_npz(self.path)
            run = json.loads(str(arrays.pop("run")))
            if run["format"] != FORMAT:
                raise ValueError(f"its format is {run['format']!r}")
            columns = _take(arrays, "history.")
            if {len(columns[name]) for name in columns} - {run["steps"]}:
                raise ValueError("its history has another length")
            history.restore(columns)
            rule = run["optimizer"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"fit: {self.path} is no checkpoint of fit ({error}); {remedy}"
            ) from error
        if rule != self._rule:
            raise ValueError(
                f"fit: {self.path} holds the state of {rule}, not of {self._rule}; {remedy}"
            )
        best = run["best"] and Best(start.params, run["best"]["loss"], run["best"]["step"])
        like = start._replace(best=best)
        for name, x in _arrays_of(like).items():
            if name in arrays and arrays[name].dtype != x.dtype:
                raise ValueError(
                    f"fit: in {self.path}, {name} is {arrays[name].dtype}, not {x.dtype}; {remedy}"
                )
        try:
            tree, _ = with_arrays("fit", _tree_of(like), arrays)
        except ValueError as error:
            raise ValueError(
                f"{error}\nThey are those of {self.path}; give the model and the optimiser that "
                f"it was made with, or {remedy}."
            ) from error
        best, waited = best and best._replace(params=tree["best"]), run["waited"]
        if ("val_loss" in columns) != ("val_loss" in history.measured):
            best, waited = None, 0  # losses on other data do not compare
        return Reached(
            tree["params"],
            tree["state"],
            run["steps"],
            run["epoch"],
            run["batch"],
            run["drawn"],
            best,
            waited,
        )


def _rule_of(optimizer: Any) -> str:
    """The rule, and that of the optimiser inside of it, as of SAM."""
    inner = getattr(optimizer, "optimizer", None)
    name = type(optimizer).__name__
    return name if inner is None else f"{name}({_rule_of(inner)})"


def _tree_of(reached: Reached) -> dict[str, Any]:
    best = {} if reached.best is None else {"best": reached.best.params}
    return {"params": reached.params, "state": reached.state, **best}


def _arrays_of(reached: Reached) -> dict[str, Array]:
    return named_arrays("fit: checkpoint", _tree_of(reached))


def _take(arrays: dict[str, Array], prefix: str) -> Mapping[str, Array]:
    """The arrays whose names begin so, out of all."""
    names = [name for name in arrays if name.startswith(prefix)]
    return {name.removeprefix(prefix): arrays.pop(name) for name in names}
