"""Results as plain Python values.

plain : arrays, results, containers of them -> lists, dicts, numbers
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np

from ...core import arguments
from ...core.display import card


class Result:
    """A dataclass that :meth:`to_dict` lists for JSON.

    Fields whose names begin with an underscore are left out. A subclass names the other exceptions
    as keywords of its class.

    Parameters
    ----------
    omitted : tuple of str
        Fields that are left out.
    on_request : tuple of str
        Vectors of the size of the parameters, left out unless asked for.
    derived : tuple of str
        Properties that are listed, too.

    Examples
    --------
    >>> @dataclasses.dataclass
    ... class Pair(Result, on_request=("vector",), derived=("norm",)):
    ...     value: float
    ...     vector: np.ndarray
    ...     norm = property(lambda self: np.linalg.norm(self.vector))
    >>> Pair(1.0, np.array([3.0, 4.0])).to_dict()
    {'value': 1.0, 'norm': 5.0}
    """

    _omitted: ClassVar[tuple[str, ...]] = ()
    _on_request: ClassVar[tuple[str, ...]] = ()
    _derived: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(
        cls,
        *,
        omitted: tuple[str, ...] = (),
        on_request: tuple[str, ...] = (),
        derived: tuple[str, ...] = (),
    ):
        super().__init_subclass__()
        cls._omitted, cls._on_request, cls._derived = omitted, on_request, derived

    def _repr_html_(self) -> str:
        """For notebooks: the line of a terminal, and the fields, arrays by their shapes."""
        names = [field.name for field in dataclasses.fields(self)]  # type: ignore[arg-type]
        listed = [n for n in names if n not in self._omitted and not n.startswith("_")]
        values = {name: getattr(self, name) for name in (*listed, *self._derived)}
        said = {n: v for n, v in values.items() if not (isinstance(v, str) and not v)}
        return card(repr(self).partition("\n")[0], said, folded=len(said) > 6)

    def to_dict(self, vectors: bool = False) -> dict[str, Any]:
        """Plain Python values, for JSON.

        Parameters
        ----------
        vectors : bool
            Whether to list vectors of the size of the parameters, where a result has them.

        Returns
        -------
        dict
        """
        vectors = arguments.flag("to_dict", "vectors", vectors)
        omitted = self._omitted if vectors else (*self._omitted, *self._on_request)
        names = [field.name for field in dataclasses.fields(self)]  # type: ignore[arg-type]
        listed = [n for n in names if n not in omitted and not n.startswith("_")]
        return {name: plain(getattr(self, name)) for name in (*listed, *self._derived)}


def plain(x: Any) -> Any:
    """Arrays and tuples as lists, NumPy's numbers as Python's, results by their ``to_dict``.

    Examples
    --------
    >>> plain({"values": np.arange(2.0), "range": (np.float32(0.5), None)})
    {'values': [0.0, 1.0], 'range': [0.5, None]}
    """
    if hasattr(x, "to_dict"):
        return x.to_dict()
    if isinstance(x, (np.ndarray, np.generic)):
        return x.tolist()
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    if isinstance(x, dict):
        return {key: plain(v) for key, v in x.items()}
    return x
