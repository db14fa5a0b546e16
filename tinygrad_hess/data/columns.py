"""Columns of a table as features: what each has learned from the training rows.

    learn  : (training column) -> column      mean and deviation, or the categories
    encode : (column of any rows) -> (n, features)

A column of pandas is known by its ``values``; pandas itself tells what they are.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from .dataset import centre_and_scale

Array = np.ndarray[Any, Any]
Series = Any

NUMBERS, BOOLEANS, TEXT = "numbers", "booleans", "text"

_INFERRED = {
    "boolean": BOOLEANS,
    "integer": NUMBERS, "floating": NUMBERS, "mixed-integer-float": NUMBERS, "decimal": NUMBERS,
    "string": TEXT, "mixed-integer": TEXT, "categorical": TEXT,
}  # fmt: skip
"""What pandas' ``infer_dtype`` says of values, and how they are taken."""


def kind_of(values: Series) -> str:
    """Numbers, booleans or text, or, in pandas' words, what can be none of them.

    Examples
    --------
    >>> import pandas
    >>> kind_of(pandas.Series([True, None], dtype=object))
    'booleans'
    """
    from pandas.api.types import infer_dtype

    found = infer_dtype(values, skipna=True)
    return _INFERRED.get(found, found)


def is_missing(values: Series) -> Array:
    return np.asarray(values.isna(), bool)


def in_numbers(who: str, name: str, values: Series) -> Array:
    """Values as floating-point numbers, NaN where they are missing.

    Raises
    ------
    ValueError
        For infinite values, and for what is no number.
    """
    kind = kind_of(values)
    if kind not in (NUMBERS, BOOLEANS, "empty"):
        raise ValueError(f"{who}: column {name!r} holds {kind}, where numbers are expected")
    found = np.full(len(values), np.nan)
    there = ~is_missing(values)
    found[there] = values[there].to_numpy(dtype=float)
    if np.isinf(found).any():
        raise ValueError(
            f"{who}: column {name!r} has {np.isinf(found).sum()} infinite values. Replace them, as "
            "in frame.replace([np.inf, -np.inf], np.nan)"
        )
    return found


def in_words(values: Series) -> Array:
    """Values as text, None where they are missing."""
    missing = is_missing(values)
    return np.array([None if m else str(v) for v, m in zip(values, missing)], dtype=object)


@dataclasses.dataclass(frozen=True)
class Numbers:
    """A column of numbers, or of booleans as 0 and 1.

    Attributes
    ----------
    fill : float or None
        What stands for a missing value; None where there may be none.
    centre, scale : float
        What is subtracted, and what the rest is divided by.
    """

    name: str
    fill: float | None
    centre: float = 0.0
    scale: float = 1.0

    @classmethod
    def learn(cls, who: str, name: str, values: Series, missing: str, standardize: bool) -> Numbers:
        found = in_numbers(who, name, values)
        known = found[~np.isnan(found)]
        boolean = kind_of(values) == BOOLEANS
        fill = None
        if missing in ("mean", "median"):
            if not len(known):
                raise ValueError(_nothing_known(who, name, missing))
            # half a boolean is none: the more frequent one stands for what is missing
            average = np.median if boolean or missing == "median" else np.mean
            fill = float(np.ceil(average(known))) if boolean else float(average(known))
            found = np.where(np.isnan(found), fill, found)
        if not standardize or boolean:
            return cls(name, fill)
        with np.errstate(over="ignore", invalid="ignore"):
            centre, scale = centre_and_scale(found)
        if not np.isfinite([centre, scale]).all():
            raise ValueError(
                f"{who}: column {name!r} has values up to {np.abs(found).max():g}, too large to "
                "standardise. Take logarithms, or other units."
            )
        return cls(name, fill, float(centre), float(scale))

    @property
    def features(self) -> tuple[str, ...]:
        return (self.name,)

    def encode(self, who: str, values: Series) -> Array:
        """(n,) to (n, 1)."""
        found = in_numbers(who, self.name, values)
        if self.fill is not None:
            found = np.where(np.isnan(found), self.fill, found)
        return ((found - self.centre) / self.scale)[:, None]


@dataclasses.dataclass(frozen=True)
class Categories:
    """A column of text: one feature for each category, 1 where it is that one.

    A category that was not among the training rows is 0 in all of them.

    Attributes
    ----------
    fill : str or None
        What stands for a missing value: the most frequent category; None where there may be none.
    """

    name: str
    fill: str | None
    categories: tuple[str, ...]

    @classmethod
    def learn(cls, who: str, name: str, values: Series, missing: str, most: int) -> Categories:
        found = in_words(values)
        known, counts = np.unique([v for v in found if v is not None], return_counts=True)
        if len(known) > most:
            raise ValueError(
                f"{who}: column {name!r} has {len(known):,} different values in {len(found):,} "
                f"training rows, more than max_categories={most}. Leave it out, drop=[{name!r}]; "
                "or join rare ones; or raise max_categories."
            )
        fill = None
        if missing in ("mean", "median"):
            if not len(known):
                raise ValueError(_nothing_known(who, name, "the most frequent value"))
            fill = str(known[counts.argmax()])
        return cls(name, fill, tuple(map(str, known)))

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(f"{self.name}={category}" for category in self.categories)

    def encode(self, who: str, values: Series) -> Array:
        """(n,) to (n, categories)."""
        found = in_words(values)
        if self.fill is not None:
            found = np.where(found == None, self.fill, found)  # noqa: E711  # elementwise
        return (found[:, None] == np.array([self.categories], dtype=object)).astype(float)


Column = Numbers | Categories


def _nothing_known(who: str, name: str, what: str) -> str:
    return (
        f"{who}: column {name!r} has no value in the training rows to take the {what} of. Leave it "
        f"out: drop=[{name!r}]."
    )
