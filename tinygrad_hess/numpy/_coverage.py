"""What is differentiable here, and how that was tested: ``supported()``.

The answers come from a table that ``make supported`` writes: it calls every function on tensors
and compares value and derivatives with NumPy, SciPy and differences (``docs/coverage.md``).
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, overload

KINDS = {
    "differentiable": "differentiable",
    "constant": "piecewise constant, derivative 0",
    "none": "no derivative by nature",
    "unsupported": "not supported",
}


@dataclass(frozen=True)
class Support:
    """One name: whether it may be differentiated, and what was checked.

    Attributes
    ----------
    name : str
        As one imports it, such as ``"numpy.linalg.solve"``.
    kind : {"differentiable", "constant", "none", "unsupported"}
    modes : tuple of str
        What holds in every call that was tried: "value" (NumPy's), "float32" (stays what it is),
        "jvp" and "vjp" (against differences, and each other), "second" (order), "vmap", "jit"
        and "complex" (value, jvp and vjp).
    partly : tuple of str
        Modes that some of the calls refuse with an error.
    note : str
        Why it has no derivative or is not supported, or how it is to be called.
    """

    name: str
    kind: str
    modes: tuple[str, ...] = ()
    partly: tuple[str, ...] = ()
    note: str = ""

    @property
    def differentiable(self) -> bool:
        """Whether derivatives flow through it (zeros, where it is piecewise constant)."""
        return self.kind in ("differentiable", "constant")

    @property
    def orders(self) -> int:
        """The highest order of derivative that was tested; higher ones follow the same rules."""
        return 2 if "second" in (*self.modes, *self.partly) else int("jvp" in self.modes)

    def __str__(self) -> str:
        words = [f"{self.name}: {KINDS[self.kind]}"]
        if self.modes:
            words.append(f"tested: {', '.join(self.modes)}")
        if self.partly:
            words.append(f"in part: {', '.join(self.partly)}")
        if self.note:
            words.append(self.note)
        return "; ".join(words)

    __repr__ = __str__


class SupportTable(Sequence[Support]):
    """The names of all namespaces: a sequence of :class:`Support`, printed as counts."""

    def __init__(self, rows: Sequence[Support]):
        self._rows = tuple(rows)

    @overload
    def __getitem__(self, i: int) -> Support: ...
    @overload
    def __getitem__(self, i: slice) -> SupportTable: ...
    def __getitem__(self, i: int | slice) -> Support | SupportTable:
        return SupportTable(self._rows[i]) if isinstance(i, slice) else self._rows[i]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Support]:
        return iter(self._rows)

    def of(self, kind: str) -> SupportTable:
        """The names of one kind."""
        if kind not in KINDS:
            raise ValueError(f"of: kind={kind!r} is none of {', '.join(KINDS)}")
        return SupportTable([row for row in self if row.kind == kind])

    @property
    def names(self) -> list[str]:
        """All names."""
        return [row.name for row in self]

    def counts(self) -> dict[str, dict[str, int]]:
        """How many names of each kind there are, by namespace."""
        found: dict[str, Counter[str]] = {}
        for row in self:
            found.setdefault(namespace(row.name), Counter())[row.kind] += 1
        return {space: {kind: c[kind] for kind in KINDS} for space, c in found.items()}

    def __repr__(self) -> str:
        heads = ["", *KINDS, "names"]
        lines = [
            [space, *map(str, c.values()), str(sum(c.values()))]
            for space, c in self.counts().items()
        ]
        widths = [max(len(line[i]) for line in [heads, *lines]) for i in range(len(heads))]
        return "\n".join(
            "  ".join(
                cell.rjust(w) if i else cell.ljust(w)
                for i, (cell, w) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in [heads, *lines]
        )


_SPACES = (
    "numpy.linalg", "numpy.fft", "scipy.special", "scipy.linalg", "scipy.stats", "scipy.signal",
    "scipy.integrate", "numpy",
)  # fmt: skip


def namespace(name: str) -> str:
    """The namespace of a full name.

    Examples
    --------
    >>> namespace("numpy.linalg.solve"), namespace("scipy.stats.norm.logpdf")
    ('numpy.linalg', 'scipy.stats')
    """
    return next((s for s in _SPACES if name.startswith(f"{s}.")), name.rpartition(".")[0])


def read_table() -> str:
    """The versions of NumPy and SciPy that were tried, and a line for each name."""
    return resources.files(__package__).joinpath("coverage.txt").read_text(encoding="utf-8")


def _parse(line: str) -> Support:
    name, kind, tested, note = line.split("|")
    words = tested.split()
    return Support(
        name,
        kind,
        tuple(w for w in words if not w.endswith("?")),
        tuple(w[:-1] for w in words if w.endswith("?")),
        note,
    )


@overload
def supported(name: None = None) -> SupportTable: ...
@overload
def supported(name: str | Callable[..., Any]) -> Support: ...
def supported(name: str | Callable[..., Any] | None = None) -> Support | SupportTable:
    """What is differentiable, of NumPy and of what is supported of SciPy; or one name of it.

    Parameters
    ----------
    name : str or function, optional
        ``"numpy.cumsum"``, ``"cumsum"`` (the first that ends so) or ``np.cumsum``; all names by
        default.

    Returns
    -------
    Support or SupportTable
        The table prints as counts; its rows have kind, modes and orders tested.

    Raises
    ------
    ValueError
        For a name that is in none of the namespaces.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess.numpy._coverage import supported
    >>> supported(np.sin)
    numpy.sin: differentiable; tested: value, float32, jvp, vjp, second, vmap, jit, complex
    >>> supported("numpy.floor").kind
    'constant'
    >>> "numpy.histogram" in supported().of("unsupported").names
    True
    """
    _, *lines = read_table().splitlines()
    rows = [_parse(line) for line in lines]
    if name is None:
        return SupportTable(rows)
    wanted = name if isinstance(name, str) else _full_name(name)
    wanted = f"numpy.{wanted[3:]}" if wanted.startswith("np.") else wanted
    for row in rows:
        if wanted == row.name:
            return row
    for row in rows:
        if row.name.endswith(f".{wanted}"):
            return row
    close = difflib.get_close_matches(wanted, [row.name for row in rows], 3, 0.5)
    raise ValueError(
        f"supported: {wanted!r} is not listed" + (f"; is it {close}?" if close else "")
    )


def _full_name(function: Callable[..., Any]) -> str:
    """The full name of a function; ufuncs have no module."""
    name = getattr(function, "__name__", str(function))
    module = getattr(function, "__module__", None) or ""
    full = f"{module.removeprefix('tinygrad_hess.')}.{name}"
    return full if module.startswith(("numpy", "scipy")) and "._" not in full else name
