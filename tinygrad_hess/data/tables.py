"""Tables with names, text and gaps: a data frame or a file as training and test sets."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core import arguments
from ..core.optional import require
from ..core.text import first_of
from . import columns
from .columns import Categories, Column, Numbers
from .dataset import Dataset, Seed, split_rows, strata_of

Array = np.ndarray[Any, Any]
Frame = Any

FEW = 20
"""Whole numbers with at most so many different values are taken for classes."""

_READERS: dict[str, tuple[str, dict[str, Any]]] = {
    ".csv": ("read_csv", {}),
    ".tsv": ("read_csv", {"sep": "\t"}),
    ".json": ("read_json", {}),
    ".parquet": ("read_parquet", {}),
    ".feather": ("read_feather", {}),
    ".xlsx": ("read_excel", {}),
}
_PACKED = (".gz", ".bz2", ".xz", ".zip")


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Table:
    """A table as data sets, and what its columns have learned from the training rows.

    Attributes
    ----------
    train, test : Dataset
        The second is empty where nothing was set aside. Unpacking gives the two.
    columns : tuple
        For each column that is used, how it becomes features.
    target : str
    """

    train: Dataset
    test: Dataset
    columns: tuple[Column, ...]
    target: str

    def transform(self, rows: Any) -> Array:
        """The features of other rows, by what was learned from the training rows.

        Parameters
        ----------
        rows : data frame, dict of columns, or path
            With the columns that the table was made of, in any order; the target need not be there.

        Returns
        -------
        (n, features)

        Raises
        ------
        ValueError
            For a column that is not there or of another kind, and for missing values where nothing
            says what stands for them.
        """
        frame = _frame("transform", rows)
        _check_there("transform", frame, [c.name for c in self.columns])
        return _encoded("transform", frame, self.columns)

    def __iter__(self) -> Iterator[Dataset]:
        return iter((self.train, self.test))

    def __repr__(self) -> str:
        d = self.train
        n = len(d.target_names)
        return (
            f"Table({d.name!r}: {len(d):,} + {len(self.test):,} rows, {len(self.columns)} columns "
            f"-> {d.x.shape[1]} features, target {self.target!r}: "
            f"{f'{n} classes' if n else 'numbers'})"
        )


def from_frame(
    frame: Any,
    target: str,
    *,
    missing: str = "error",
    categories: str = "one-hot",
    standardize: bool = True,
    test: float = 0.2,
    stratify: Any = True,
    seed: Seed = 0,
    task: str = "auto",
    drop: Sequence[str] = (),
    max_categories: int = 100,
) -> Table:
    """A table with text, booleans and gaps as a training and a test set of numbers.

    What is learned (means, deviations, categories, what stands for a gap) is learned from the
    training rows alone.

    Parameters
    ----------
    frame : data frame, dict of columns, or path
        Of pandas or polars, or a Dataset of xarray; or a file, which pandas reads: ``.csv``,
        ``.tsv``, ``.json``, ``.parquet``, ``.feather`` or ``.xlsx``.
    target : str
        The column to predict. Rows without a target are an error, or are dropped whenever
        ``missing`` is something else.
    missing : {"error", "mean", "median", "drop"}
        What happens where a value is missing: an error; the column's mean or median (the most
        frequent value of text and booleans); or the row is dropped.
    categories : {"one-hot", "drop"}
        A column of text becomes a feature for each of its values, or is left out. A value that the
        training rows do not have is 0 in all of them.
    standardize : bool
        Centre numbers on their mean and divide them by their deviation; a constant column becomes
        0. Booleans stay 0 and 1.
    test : float or int
        The fraction, or the number, of test rows; 0 for none.
    stratify : bool, name of a column, or array (n,)
        As in :func:`split`.
    seed : int or numpy.random.Generator
    task : {"auto", "classification", "regression"}
        Whether targets are classes. By default text and booleans are, and whole numbers with at
        most 20 different values; the table's line says so.
    drop : sequence of str
        Columns to leave out, such as names and numbers of rows.
    max_categories : int
        A column of text with more different values is an error: it tells rows apart.

    Returns
    -------
    Table
        With ``train``, ``test`` and ``transform(new_rows)``; targets are class numbers, in the
        order of ``train.target_names``, or floating-point numbers as they are.

    Raises
    ------
    ImportError
        Without pandas, which the extra ``pandas`` installs.
    ValueError
        For an empty table, two columns of one name, dates, infinite or missing values: each names
        its columns.

    Examples
    --------
    >>> from tinygrad_hess import data
    >>> people = {"age": [31, 52, None, 40], "city": ["Bern", "Rome", "Bern", "Rome"],
    ...           "owns": [True, False, True, True], "buys": ["yes", "no", "yes", "no"]}
    >>> table = data.from_frame(people, target="buys", missing="median", test=1)
    >>> table
    Table('frame': 3 + 1 rows, 3 columns -> 4 features, target 'buys': 2 classes)
    >>> table.train.feature_names, table.train.target_names
    (('age', 'city=Bern', 'city=Rome', 'owns'), ('no', 'yes'))
    """
    who = "from_frame"
    missing = arguments.choice(who, "missing", missing, ("error", "mean", "median", "drop"))
    categories = arguments.choice(who, "categories", categories, ("one-hot", "drop"))
    task = arguments.choice(who, "task", task, ("auto", "classification", "regression"))
    standardize = arguments.flag(who, "standardize", standardize)
    most = arguments.integer(who, "max_categories", max_categories, least=1)
    drop = [drop] if isinstance(drop, str) else arguments.sequence(who, "drop", drop, "names")
    name = Path(frame).name.split(".")[0] if isinstance(frame, (str, os.PathLike)) else "frame"
    found = _frame(who, frame)
    _check_there(who, found, [target, *drop, *_names_in(stratify)])
    if target in drop:
        raise ValueError(f"{who}: drop names the target, {target!r}")
    kinds = _kinds(who, found, [c for c in found.columns if c not in (target, *drop)])
    used = [c for c, kind in kinds.items() if kind != columns.TEXT or categories != "drop"]
    if not used:
        raise ValueError(f"{who}: beside the target, {target!r}, there is no column to learn from")
    complete = _complete(who, found, used, target, missing)
    if isinstance(stratify, (list, tuple)) or hasattr(stratify, "shape"):
        stratify = strata_of(who, stratify, np.empty(len(found)))[complete]  # type: ignore[index]
    gaps = bool(columns.is_missing(found[target]).any())
    found = found[complete]
    y, classes = _targets(who, target, found[target], task, gaps)
    strata = found[stratify].to_numpy() if isinstance(stratify, str) else stratify
    train, held = np.arange(len(found)), np.arange(0)
    if test != 0 or isinstance(test, bool):
        train, held = split_rows(who, len(found), test, seed, strata_of(who, strata, y))
    learned: list[Column] = []
    for c in used:
        values = found[c].iloc[train]
        if kinds[c] == columns.TEXT:
            learned.append(Categories.learn(who, c, values, missing, most))
        else:
            learned.append(Numbers.learn(who, c, values, missing, standardize))
    features = tuple(feature for column in learned for feature in column.features)
    _check_distinct(who, "features", features)
    x = _encoded(who, found, learned)
    of: dict[str, Any] = {"name": name, "feature_names": features, "target_names": classes}
    parts = [Dataset(x[rows], y[rows], **of) for rows in (train, held)]
    return Table(parts[0], parts[1], tuple(learned), target)


def _encoded(who: str, frame: Frame, learned: Sequence[Column]) -> Array:
    gaps = {c.name: columns.is_missing(frame[c.name]) for c in learned if c.fill is None}
    if counts := _counts(gaps):
        raise ValueError(
            f"{who}: missing values in {_counted(counts)}; the table was made without anything to "
            "stand for them. Make it with missing='mean' or 'median', or drop these rows."
        )
    parts = [c.encode(who, frame[c.name]) for c in learned]
    return np.concatenate([*parts, np.empty((len(frame), 0))], axis=1)


def _names_in(stratify: Any) -> list[str]:
    return [stratify] if isinstance(stratify, str) else []


# ---- the table itself ---------------------------------------------------------------------------


def _frame(who: str, given: Any) -> Frame:
    """A data frame of pandas whose columns have names, each its own."""
    pandas = require(who, "pandas", extra="pandas")
    if isinstance(given, (str, os.PathLike)):
        frame = _read(who, arguments.existing_file(who, given), pandas)
    elif isinstance(given, pandas.DataFrame):
        frame = given
    elif isinstance(given, Mapping) and not hasattr(given, "to_dataframe"):
        try:
            frame = pandas.DataFrame(dict(given))
        except ValueError as error:
            raise ValueError(f"{who}: the columns make no table: {error}") from None
    elif hasattr(given, "to_dataframe"):  # xarray
        frame = given.to_dataframe().reset_index()
    elif hasattr(given, "get_columns"):  # polars
        frame = pandas.DataFrame({c.name: c.to_list() for c in given.get_columns()})
    else:
        advice = " Write frame.collect()." if hasattr(type(given), "collect") else ""
        raise TypeError(
            f"{who}: frame must be a data frame, a dict of columns or a path, got "
            f"{arguments.shown(given)}.{advice}"
        )
    names = [str(c) for c in frame.columns]
    _check_distinct(who, "columns", names)
    return frame.set_axis(names, axis="columns")


def _read(who: str, path: Path, pandas: Any) -> Frame:
    suffixes = [s.lower() for s in path.suffixes if s.lower() not in _PACKED]
    kind = suffixes[-1] if suffixes else ""
    if kind not in _READERS:
        raise ValueError(
            f"{who}: {path.name!r} is of no kind that is read here: {', '.join(_READERS)}. Read it "
            "by pandas, and give the data frame."
        )
    reader, options = _READERS[kind]
    header: list[str] = []
    try:
        if reader == "read_csv":  # which gives equal names numbers
            first = pandas.read_csv(path, header=None, nrows=1, dtype=str, **options)
            header = [str(c) for c in first.iloc[0].dropna()]
        frame = getattr(pandas, reader)(path, **options)
    except ImportError as error:
        raise ImportError(f"{who}: to read {kind} files, pandas needs more: {error}") from error
    except Exception as error:  # of as many kinds as there are formats
        raise ValueError(f"{who}: {str(path)!r} cannot be read: {error}") from error
    _check_distinct(who, "columns", header)
    return frame


def _check_distinct(who: str, what: str, names: Sequence[str]) -> None:
    seen: set[str] = set()
    twice = sorted({n for n in names if n in seen or seen.add(n)})  # type: ignore[func-returns-value]
    if twice:
        raise ValueError(
            f"{who}: several {what} are called {', '.join(map(repr, twice[:10]))}. Rename them, as "
            "in frame.set_axis([...], axis='columns')."
        )


def _check_there(who: str, frame: Frame, wanted: Sequence[Any]) -> None:
    lacking = [n for n in wanted if not isinstance(n, Hashable) or n not in frame.columns]
    if lacking:
        there = ", ".join(map(repr, list(frame.columns)[:20])) or "none"
        raise ValueError(
            f"{who}: there is no column {', '.join(map(repr, lacking))}; the columns are {there}"
        )
    if not len(frame):
        raise ValueError(f"{who}: the table has no rows")


def _kinds(who: str, frame: Frame, names: Sequence[str]) -> dict[str, str]:
    kinds = {n: columns.kind_of(frame[n]) for n in names}
    usable = (columns.NUMBERS, columns.BOOLEANS, columns.TEXT)
    wrong = {n: kind for n, kind in kinds.items() if kind not in usable}
    if wrong:
        told = ", ".join(f"{n!r} ({_WORDS.get(kind, kind)})" for n, kind in wrong.items())
        raise ValueError(
            f"{who}: neither numbers, booleans nor text: {told}. Leave them out, "
            f"drop={list(wrong)}, or make numbers of them, such as days since the first."
        )
    return kinds


_WORDS = {
    "empty": "no values at all",
    "mixed": "objects",
    "datetime64": "dates",
    "datetime": "dates",
    "timedelta64": "durations",
}


def _complete(who: str, frame: Frame, used: Sequence[str], target: str, missing: str) -> Array:
    """Which rows stay."""
    gaps = {n: columns.is_missing(frame[n]) for n in [*used, target]}
    counts = _counts(gaps)
    if counts and missing == "error":
        raise ValueError(
            f"{who}: missing values in {_counted(counts)} of {len(frame):,} rows. Say what to do: "
            "missing='median', 'mean' or 'drop'."
        )
    asked = [*used, target] if missing == "drop" else [target]
    complete = ~np.any([gaps[n] for n in asked], axis=0)
    if not complete.any():
        raise ValueError(f"{who}: every row has a missing value, in {_counted(counts)}")
    return np.asarray(complete)


def _counts(gaps: Mapping[str, Array]) -> dict[str, int]:
    """How many values are missing, of the columns in which some are."""
    return {n: int(gap.sum()) for n, gap in gaps.items() if gap.any()}


def _counted(counts: Mapping[str, int]) -> str:
    told = [f"{n!r} ({count:,})" for n, count in counts.items()]
    return first_of(told, most=10, noun="columns")


def _targets(
    who: str, name: str, values: Any, task: str, gaps: bool
) -> tuple[Array, tuple[str, ...]]:
    """Class numbers and the classes, or numbers and no classes.

    ``gaps`` says that values were missing, of which pandas makes whole numbers floating-point ones.
    """
    kind = _kinds(who, values.to_frame(name), [name])[name]
    if task == "regression" and kind == columns.TEXT:
        raise ValueError(f"{who}: the target, {name!r}, is text; write task='classification'")
    if kind != columns.NUMBERS and task != "regression":
        classes, codes = np.unique(columns.in_words(values).astype(str), return_inverse=True)
        return codes.astype(np.int64), tuple(map(str, classes))
    found = columns.in_numbers(who, name, values)
    classes, codes = np.unique(found, return_inverse=True)
    whole = bool((classes == np.round(classes)).all())
    integers = whole and (gaps or getattr(values.dtype, "kind", "O") in "iu")
    if task == "regression" or (task == "auto" and not (integers and len(classes) <= FEW)):
        return found, ()
    return codes.astype(np.int64), tuple(str(int(c)) if whole else repr(float(c)) for c in classes)
