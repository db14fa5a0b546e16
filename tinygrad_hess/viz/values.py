"""Numbers as boxes show them: small arrays in full, large ones summarised."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np

from ..core.tensor import Parts, Tensor

SMALL = 9
"""Arrays of at most so many elements are written in full."""

BINS = 12

_WIDTH = 48
"""Characters of a line."""

_PARTS = 3
"""So many outputs of a node with several are written."""


def raw(x: Any) -> Any:
    """The array of a tensor (with batch axes in front), anything else as an array; parts stay."""
    value = x.value if isinstance(x, Tensor) else x
    return value if isinstance(value, Parts) else np.asarray(value)


def numbers_text(x: Any) -> str:
    """Lines that tell an array's values.

    Examples
    --------
    >>> numbers_text(np.float64(2 / 3)), numbers_text(np.array([1.0, 2.5]))
    ('0.6667', '[1, 2.5]')
    >>> numbers_text(np.array([[1.0], [2.0]]))
    '[[1], [2]]'
    >>> numbers_text(np.linspace(0, 1, 100))
    '0.5 ± 0.2916 in [0, 1]'
    """
    value = raw(x)
    if isinstance(value, Parts):
        shown = [
            f"[{i}] {'none' if part is None else numbers_text(part)}"
            for i, part in enumerate(value[:_PARTS])
        ]
        return "\n".join([*shown, *(["..."] if len(value) > _PARTS else [])])
    if value.ndim == 0:
        return number_text(value[()])
    if value.size <= SMALL:
        said = np.array2string(
            value, separator=", ", formatter={"all": number_text}, max_line_width=_WIDTH
        )
        if value.ndim > 1 and value.shape[-1] == 1:  # a column: not one line for each number
            said = "\n".join(textwrap.wrap(" ".join(said.split()), _WIDTH))
        return said
    if value.dtype.kind not in "biuf":
        return f"{value.size:,} numbers"
    facts = summary(value)
    lines = []
    if "mean" in facts:
        mean, deviation, least, most = (
            number_text(facts[k]) for k in ("mean", "standard deviation", "least", "most")
        )
        if least == most:
            lines = [f"all {least}"]
        else:
            lines = [f"{mean} ± {deviation} in [{least}, {most}]"]
    if facts["not finite"]:
        lines.append(f"{facts['not finite']:,} of {value.size:,} not finite")
    return "\n".join(lines)


def number_text(x: Any) -> str:
    """A number in four digits.

    Examples
    --------
    >>> number_text(np.float32(1 / 3)), number_text(True), number_text(1 - 2j)
    ('0.3333', 'True', '1-2j')
    """
    if isinstance(x, (bool, np.bool)):
        return str(bool(x))
    if isinstance(x, (int, np.integer)):
        return str(int(x))
    if isinstance(x, (complex, np.complexfloating)):
        return f"{complex(x):.4g}"
    return f"{float(x) + 0.0:.4g}"  # no sign on a zero


def summary(value: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Mean, standard deviation, range and histogram of the finite elements of a real array."""
    flat = value.ravel().astype(float)
    finite = flat[np.isfinite(flat)]
    facts: dict[str, Any] = {"not finite": int(flat.size - finite.size)}
    if finite.size:
        with np.errstate(all="ignore"):  # of numbers near the largest there are
            facts |= {
                "mean": float(finite.mean()),
                "standard deviation": float(finite.std()),
                "least": float(finite.min()),
                "most": float(finite.max()),
            }
        facts["histogram"] = _counts(finite, facts["least"], facts["most"])
    return facts


def _counts(finite: np.ndarray[Any, Any], least: float, most: float) -> list[int]:
    """Numbers in bins of equal width."""
    width = most / BINS - least / BINS  # divided first: the range may overflow
    if not width > 0:
        return [int(finite.size)]
    places = np.clip((finite / width - least / width).astype(int), 0, BINS - 1)
    return [int(n) for n in np.bincount(places, minlength=BINS)]


def histogram(x: Any) -> list[int]:
    """Numbers in bins of equal width, of a large array; nothing of a small one.

    Examples
    --------
    >>> histogram(np.arange(24.0)), histogram(np.arange(3.0))
    ([2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2], [])
    """
    value = raw(x)
    if isinstance(value, Parts) or value.size <= SMALL or value.dtype.kind not in "biuf":
        return []
    return summary(value).get("histogram", [])
