"""The state of a long run in a file, so that a run that was killed can go on.

The file is a plain NumPy archive (.npz), read without pickle and replaced whole: a kill at any
moment leaves the last complete state.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ...core import arguments
from ...core.archives import read_npz, write_npz
from ...core.pace import Pace
from .operands import Array

FORMAT = 1


class Identified(Protocol):
    """What a run is about: an operator that counts its products, or a :class:`Point`."""

    matvecs: int

    @property
    def who(self) -> str:
        """The caller."""

    @property
    def size(self) -> int:
        """Parameters."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of numbers."""

    @property
    def eps(self) -> float:
        """Rounding of the type."""

    @property
    def unit(self) -> float:
        """What products are divided by."""

    @property
    def fingerprint(self) -> Array:
        """A few numbers that tell it from others."""


@dataclass
class Point:
    """The point of a run that makes no products: told from others by parameters and a loss.

    Parameters
    ----------
    who : str
        The caller.
    vector : ndarray, shape (P,)
        The parameters.
    value : float
        The loss of some of the data there.

    Examples
    --------
    >>> Point("example", np.arange(3.0), 0.5).fingerprint
    array([3. , 5. , 0.5])
    """

    who: str
    vector: Array
    value: float = 0.0
    matvecs: int = 0
    unit: float = 1.0

    @property
    def size(self) -> int:
        """Parameters."""
        return len(self.vector)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the parameters."""
        return self.vector.dtype

    @property
    def eps(self) -> float:
        """Rounding of the type."""
        return float(np.finfo(self.dtype).eps)

    @property
    def fingerprint(self) -> Array:
        """Sum and sum of squares of the parameters, and the loss."""
        v = self.vector.astype(np.float64)
        return np.array([v.sum(), v @ v, self.value])


class Checkpoint:
    """Saves and loads the state of one run, and refuses the state of another.

    What identifies a run: its caller, the operator's size and dtype, its options and seed, and
    one product with the operator (of a fixed random vector), which is spent and counted here.

    Parameters
    ----------
    path : path-like, optional
        The file. With None nothing is saved and nothing is spent.
    A : Counted or Point
    options : dict
        Plain values that the course of the run depends on. Budgets and accuracies are no part of
        them: a run may go on with more.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from tinygrad_hess.curvature.estimates.operands import Counted
    >>> folder = tempfile.TemporaryDirectory()
    >>> A = Counted(np.eye(3), "example")
    >>> Checkpoint(folder.name + "/run.npz", A, {"seed": 0}).save({"total": np.arange(2)})
    >>> Checkpoint(folder.name + "/run.npz", A, {"seed": 0}).load()["total"]
    array([0, 1])
    >>> Checkpoint(folder.name + "/run.npz", A, {"seed": 1}).load()
    Traceback (most recent call last):
    ...
    ValueError: example: the checkpoint run.npz was made with seed 0, not 1; ...
    >>> folder.cleanup()
    """

    def __init__(self, path: Any, A: Identified, options: Mapping[str, Any]):
        self.path = None if path is None else arguments.path(A.who, path, "checkpoint")
        if self.path is None:
            return
        self.who = A.who
        self.identity = {
            "format": FORMAT,
            "estimate": A.who,
            "size": A.size,
            "dtype": str(A.dtype),
            **options,
        }
        self.product = A.fingerprint
        self._others = (
            "other parameters or another loss"
            if isinstance(A, Point)
            else "another operator of the same size: a product with it differs"
        )
        if A.unit != 1:
            self.identity["unit"] = A.unit
        self.tolerance = A.eps**0.5
        self._pace = Pace()

    def load(self) -> dict[str, Array] | None:
        """The state that was saved last; None where there is no file.

        Raises
        ------
        ValueError
            When the file is of another run, or no checkpoint at all.
        """
        if self.path is None or not self.path.exists():
            return None
        remedy = "give another path, or delete the file to begin anew"
        try:
            state, identity, product = _read_archive(self.path)
        except (OSError, ValueError) as error:
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ValueError(
                f"{self.who}: {self.path.name} is not a checkpoint ({why}); {remedy}"
            ) from error
        for name, ours in json.loads(json.dumps(self.identity)).items():
            if identity.get(name) != ours:
                saved = identity.get(name)
                plain = not isinstance(saved, list) and not isinstance(ours, list)
                how = f"{name} {saved}, not {ours}" if plain else f"another {name}"
                raise ValueError(
                    f"{self.who}: the checkpoint {self.path.name} was made with {how}; {remedy}"
                )
        scale = max(float(np.abs(self.product).max()), float(np.abs(product).max()))
        same = product.shape == self.product.shape
        if not same or not np.abs(product - self.product).max() <= self.tolerance * scale:
            how = self._others
            raise ValueError(
                f"{self.who}: the checkpoint {self.path.name} was made with {how}; {remedy}"
            )
        return state

    def due(self) -> bool:
        """Whether it is time to save: every few seconds, and for a small share of the time."""
        return self.path is not None and self._pace.due()

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the file by one that holds these arrays and numbers."""
        if self.path is None:
            return
        identity = np.array(json.dumps(self.identity))
        with self._pace.saving():
            write_npz(self.path, {"identity": identity, "product": self.product, **state})


def _read_archive(path: Path) -> tuple[dict[str, Array], Any, Array]:
    """The arrays, what identifies the run, and the product that identifies its operator."""
    state = read_npz(path)
    missing = {"identity", "product"} - state.keys()
    if missing:
        raise ValueError(f"it holds no {' and no '.join(sorted(missing))}")
    identity = json.loads(str(state.pop("identity")))
    product = state.pop("product")
    if not isinstance(identity, dict) or product.dtype.kind != "f":
        raise ValueError("it was written by something else")
    return state, identity, product
