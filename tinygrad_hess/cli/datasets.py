"""Data by name or from a file, as a training and a test set, and what was learned of the columns.

    load    : name or path -> Examples          prepare : path, Preparation -> inputs and targets

A preparation is plain data, so that a file can keep it beside a model.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import data
from ..core.archives import read_npz
from ..data.columns import Categories, Numbers
from ..data.dataset import centre_and_scale
from . import values
from .errors import refuse, refusing

Array = np.ndarray[Any, Any]

NAMES = ("digits", "iris", "wine", "breast_cancer", "moons", "spirals", "blobs", "chebyshev",
         "teacher_student")  # fmt: skip
"""Data sets of :mod:`tinygrad_hess.data`."""


class Preparation(NamedTuple):
    """How rows become inputs and targets.

    Attributes
    ----------
    target : str
        The column, or the array of an archive; empty for a data set by name.
    classes : list of str
        Empty where targets are numbers.
    columns : list of dict
        The fields of each column of a table, as :func:`tinygrad_hess.data.from_frame` learned
        them; empty where inputs are one array.
    centre, scale : list of float
        Of such an array, what is subtracted and divided by.
    """

    target: str
    classes: list[str]
    columns: list[dict[str, Any]]
    centre: list[float]
    scale: list[float]


class Examples(NamedTuple):
    """A training set and a test set, which may be empty."""

    train: data.Dataset
    test: data.Dataset
    preparation: Preparation


def add_options(command: argparse.ArgumentParser) -> None:
    """Options about data that several commands have."""
    add = command.add_argument
    add("--target", metavar="COLUMN",
        help="the column of a table to predict, or the array of an NPZ file (y)")  # fmt: skip
    add("--task", choices=("auto", "classification", "regression"), default="auto",
        help="whether targets are classes (%(default)s)")  # fmt: skip
    add("--missing", choices=("median", "mean", "drop", "error"), default="median",
        help="what stands for missing values (%(default)s)")  # fmt: skip
    add("--drop", metavar="COLUMN", action="append", default=[],
        help="leave out a column of a table; may be given again")  # fmt: skip
    add("--test", type=values.fraction, default=0.2,
        help="the share of rows that are set aside (%(default)s)")  # fmt: skip
    add("--seed", type=values.integer(0), default=0, help="of all random numbers (%(default)s)")


def must_exist(source: str) -> None:
    """Refuse what is neither a data set by name nor a file."""
    if source not in NAMES and not Path(source).is_file():
        refuse(f"there is no file {source!r}, nor a data set of that name: {', '.join(NAMES)}")


def load(options: argparse.Namespace) -> Examples:
    """The data that ``options`` name, split and standardised."""
    source: str = options.data
    if source in NAMES:
        if options.target:
            refuse(f"--target is for files; {source} has its own")
        return _of_arrays(_by_name(source), "", options)
    must_exist(source)
    path = Path(source)
    if path.suffix.lower() == ".npz":
        target = options.target or "y"
        return _of_arrays(_archive(path, target, options.task), target, options)
    if not options.target:
        refuse(f"--target is missing: which column of {path.name} is to be predicted?")
    with refusing():
        table = data.from_frame(
            path, options.target, missing=options.missing, drop=options.drop, test=options.test,
            seed=options.seed, task=options.task,
        )  # fmt: skip
    columns = [{"kind": type(c).__name__, **dataclasses.asdict(c)} for c in table.columns]
    preparation = Preparation(table.target, list(table.train.target_names), columns, [], [])
    return Examples(table.train, table.test, preparation)


def prepare(source: str, known: Preparation) -> tuple[Array, Array]:
    """Inputs and targets of all rows, by what was learned before; rows without a target are left
    out.
    """
    if source in NAMES or Path(source).suffix.lower() == ".npz":
        if known.columns:
            refuse(f"the model was trained on a table; {source} is none")
        given = _by_name(source) if source in NAMES else _archive(
            Path(source), known.target or "y", "classification" if known.classes else "regression"
        )  # fmt: skip
        x, y = given.x.reshape(len(given), -1), given.y
        if x.shape[1] != len(known.centre):
            refuse(f"the model takes {len(known.centre)} features; {source} has {x.shape[1]}")
        if known.classes and not (y.dtype.kind in "iu" and y.max() < len(known.classes)):
            refuse(f"the model knows {len(known.classes)} classes, not the targets of {source}")
        return (x - known.centre) / known.scale, y
    if not known.columns:
        refuse(f"the model was trained on arrays, not on a table such as {source}")
    kinds = {"Numbers": Numbers, "Categories": Categories}
    columns = [kinds[c["kind"]](**{k: v for k, v in c.items() if k != "kind"})
               for c in known.columns]  # fmt: skip
    # The target is one more column, without anything that stands for missing values of it.
    by_number = all(_is_number(name) for name in known.classes)
    target = (
        Numbers(known.target, np.nan) if by_number
        else Categories(known.target, "", tuple(known.classes))
    )  # fmt: skip
    none = data.Dataset(np.empty((0, 0)), np.empty(0))
    with refusing():
        table = data.Table(none, none, (*columns, target), known.target)
        found = table.transform(Path(source))
    width = len(target.features)
    x, y = found[:, :-width], found[:, -width:]
    there = ~np.isnan(y).any(axis=1) & (by_number | y.any(axis=1))
    x, y = x[there], y[there]
    if not len(x):
        refuse(f"{source} has no row with a target that the model knows")
    if not known.classes:
        return x, y[:, 0]
    if by_number:
        numbers = np.array([float(name) for name in known.classes])
        y = y == numbers
        if not y.any(axis=1).all():
            refuse(f"{known.target!r} has values in {source} that are none of the model's classes")
    return x, y.argmax(axis=1)


def arrays(source: str) -> tuple[Array, Array]:
    """Inputs and targets as they are."""
    if source in NAMES:
        found = _by_name(source)
    elif Path(source).suffix.lower() == ".npz":
        found = _archive(Path(source), "y", "auto")
    else:
        refuse(f"the model takes arrays, from an NPZ file with x and y, not {Path(source).name}")
    return found.x, found.y


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _by_name(name: str) -> data.Dataset:
    make: Callable[..., data.Dataset] = getattr(data, name)
    return make(seed=0) if "seed" in inspect.signature(make).parameters else make()


def _archive(path: Path, target: str, task: str) -> data.Dataset:
    with refusing():
        arrays = read_npz(path)
    inputs = [name for name in arrays if name != target]
    if target not in arrays:
        refuse(f"{path.name} has no array {target!r}; it has {', '.join(arrays)} (--target)")
    name = "x" if "x" in inputs else inputs[0] if len(inputs) == 1 else None
    if name is None:
        refuse(f"{path.name} must have the inputs as x beside {target}; it has {', '.join(arrays)}")
    x, y = arrays[name], arrays[target]
    for which, given in ((name, x), (target, y)):
        if given.dtype.kind == "c":
            refuse(f"{which} of {path.name} is complex; give real numbers")
    with refusing():
        found = data.Dataset(x.astype(float), y, name=path.stem)
    if not len(found):
        refuse(f"{path.name} has no rows")
    for which, values_ in ((name, found.x), (target, found.y)):
        if values_.dtype.kind == "f" and not np.isfinite(values_).all():
            refuse(f"{which} of {path.name} has values that are not finite")
    whole = found.y.dtype.kind in "iu" and found.y.ndim == 1
    if task == "classification" and not (whole and found.y.min(initial=0) >= 0):
        refuse(f"{target} of {path.name} must be class numbers 0, 1, ..., got {y.dtype}{y.shape}")
    if whole and (task == "regression" or found.y.min(initial=0) < 0):
        return dataclasses.replace(found, y=found.y.astype(float))
    return found


def _of_arrays(given: data.Dataset, target: str, options: argparse.Namespace) -> Examples:
    if options.drop:
        refuse("--drop is for columns of tables")
    given = dataclasses.replace(given, x=given.x.reshape(len(given), -1), feature_names=())
    with refusing():
        if options.test:
            train, test = data.split(given, test=options.test, seed=options.seed)
        else:
            train, test = given, given.take(slice(0))
        scaled, scaled_test = data.standardize(train, test)
    classes: list[str] = []
    if given.y.dtype.kind in "iu":
        names = given.target_names or tuple(map(str, range(int(given.y.max()) + 1)))
        classes = list(names)
    centre, scale = centre_and_scale(train.x)
    preparation = Preparation(target, classes, [], centre.tolist(), scale.tolist())
    return Examples(scaled, scaled_test, preparation)
