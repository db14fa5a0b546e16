"""Interchange: arrays and data frames of other libraries become NumPy arrays, in one place.

    pandas, polars, xarray, PyTorch, JAX, ... : ``__array__`` or ``__dlpack__`` -> array of numbers

None of these libraries is imported: an object is known by its protocols. What NumPy would make an
array of objects of (text, dates, missing values), and booleans, which some libraries would turn
into 0 and 1 unasked, are refused by the names of their columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import trees
from .tensor import Tensor
from .text import first_of

Array = np.ndarray[Any, Any]

_OURS = (np.ndarray, np.generic, Tensor, trees.Fixed, float, int, complex, str, list, tuple, dict)

_ADVICE = {
    "boolean": "convert what is boolean, as in frame[{}].astype(float)",
    "text": "drop or convert what is text, as in frame.drop(columns=[{}])",
    "dates": "convert dates to numbers, such as days since the first",
    "missing": "fill or drop what is missing",
}
_UNNAMED = {
    "boolean": "booleans. Give numbers, as in series.astype(float)",
    "text": "text. Give numbers, as by np.unique(series, return_inverse=True)[1]",
    "dates": "dates. Give numbers, such as days since the first",
    "missing": "missing values. Fill or drop them",
}
"""What is told of a column of no table."""

_KINDS = {
    "boolean": ("bool",),
    "text": ("str", "string", "utf8", "object", "categ", "enum"),
    "dates": ("date", "time", "duration", "period", "interval"),
}
"""How the names of column types begin, in pandas and polars."""


def is_foreign(x: Any) -> bool:
    """Whether it is another library's array, column or table.

    Examples
    --------
    >>> class Column:
    ...     def __array__(self, dtype=None, copy=None):
    ...         return np.array([1.0, 2.0])
    >>> is_foreign(Column()), is_foreign(np.ones(2)), is_foreign([1.0]), is_foreign(None)
    (True, False, False, False)
    """
    if x is None or isinstance(x, (_OURS, type)):
        return False
    kind = type(x)
    return any(hasattr(kind, name) for name in ("__array__", "__dlpack__")) or _is_lazy(x)


def _is_lazy(x: Any) -> bool:
    return all(hasattr(type(x), name) for name in ("collect", "collect_schema"))


def column_names(x: Any) -> tuple[str, ...]:
    """Of a data frame, its columns' names; empty for all else."""
    columns = getattr(x, "columns", None) if hasattr(type(x), "columns") else None
    return () if columns is None else tuple(map(str, columns))


def to_array(who: str, name: str, x: Any) -> Array:
    """The numbers of another library's array, column or table; anything else by ``np.asarray``.

    Raises
    ------
    TypeError
        For text, booleans and dates in a column, and for what gives no array of numbers.
    ValueError
        For missing values in a column.

    Examples
    --------
    >>> class Frame:
    ...     columns, dtypes = ["age", "city"], ["int64", "str"]
    ...     def __array__(self, dtype=None, copy=None):
    ...         return np.array([[30, "Bern"]], dtype=object)
    >>> to_array("fit", "data", Frame())
    Traceback (most recent call last):
    ...
    TypeError: fit: data, a Frame, has a column of text, 'city'. Give numbers: drop or ...
    """
    if not is_foreign(x):
        return np.asarray(x)
    kind = type(x).__name__
    if _is_lazy(x):
        raise TypeError(f"{who}: {name}, a {kind}, holds no data yet. Write {name}.collect().")
    columns = _typed_columns(x)
    _refuse(who, name, kind, _wrong_types(columns))
    try:
        found = np.asarray(x) if hasattr(x, "__array__") else np.from_dlpack(x)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        raise TypeError(f"{who}: {name}, a {kind}, gives no array of numbers: {error}") from error
    if columns:
        gaps = _has_missing(found)
        _refuse(who, name, kind, {"missing": [c for (c, _), gap in zip(columns, gaps) if gap]})
        if found.dtype.kind == "O":  # nullable integers of pandas, none of which is null
            found = found.astype(float)
    if found.dtype.kind not in "fciub":
        raise TypeError(f"{who}: {name}, a {kind} of {found.dtype}, is no array of numbers")
    return found


def to_arrays(who: str, name: str, tree: Any) -> Any:
    """A pytree with arrays of other libraries as NumPy's; the same object if there are none."""
    leaves, spec = trees.flatten_every(tree)
    if not any(map(is_foreign, leaves)):
        return tree
    paths = trees.paths(tree, every=True)
    return trees.unflatten(
        spec,
        [
            to_array(who, name + path, x) if is_foreign(x) else x
            for path, x in zip(paths, leaves, strict=True)
        ],
    )


def _typed_columns(x: Any) -> list[tuple[str, str]]:
    """Names and types of what has columns, or is one; a name is as one writes it, or empty."""
    if column_names(x):
        return list(zip(map(repr, x.columns), map(_type_name, x.dtypes), strict=True))
    if hasattr(x, "dtype") and any(hasattr(x, name) for name in ("isna", "isnull", "is_null")):
        return [("" if x.name in (None, "") else repr(x.name), _type_name(x.dtype))]
    return []


def _type_name(dtype: Any) -> str:
    return str(dtype).lower()


def _wrong_types(columns: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    return {
        what: [name for name, dtype in columns if dtype.startswith(beginnings)]
        for what, beginnings in _KINDS.items()
    }


def _has_missing(found: Array) -> Array:
    """Whether values are missing, for each column."""
    if found.dtype.kind == "O":
        flags = np.array([str(v) in ("None", "nan", "<NA>", "NaT") for v in found.flat], bool)
        flags = flags.reshape(found.shape)
    elif found.dtype.kind in "fc":
        flags = np.isnan(found)
    else:
        flags = np.zeros(found.shape, bool)
    table = flags if flags.ndim == 2 else flags.reshape(-1, 1)
    return np.asarray(table.any(axis=0))


def _refuse(who: str, name: str, kind: str, wrong: dict[str, list[str]]) -> None:
    wrong = {what: columns for what, columns in wrong.items() if columns}
    if not wrong:
        return
    error = ValueError if set(wrong) == {"missing"} else TypeError
    if [""] in wrong.values():  # a column alone is of one kind
        (what,) = wrong
        raise error(f"{who}: {name}, a {kind}, holds {_UNNAMED[what]}.")
    found = [
        f"{_COUNTED[what][len(columns) > 1]}, {first_of(columns, most=10)}"
        for what, columns in wrong.items()
    ]
    advice = ", ".join(_ADVICE[what].format(columns[0]) for what, columns in wrong.items())
    raise error(
        f"{who}: {name}, a {kind}, has {'; '.join(found)}. Give numbers: {advice}; or let "
        "tg.data.from_frame do all of this."
    )


_COUNTED = {
    "boolean": ("a boolean column", "boolean columns"),
    "text": ("a column of text", "columns of text"),
    "dates": ("a column of dates", "columns of dates"),
    "missing": ("missing values in column", "missing values in columns"),
}
