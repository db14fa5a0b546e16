"""How a notebook shows a tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.display import card
from ..core.tensor import Batched, Tensor

FEW = 12
"""Numbers that are shown; of more, some from both ends."""


def in_notebooks(x: Tensor) -> str:
    """Dtype, shape, name, how it came about, and a few of its numbers."""
    if isinstance(x, Batched):
        return card(repr(x))
    repr(x)  # refuses while it is traced
    value = np.asarray(x.value)
    with np.printoptions(threshold=FEW, edgeitems=3, precision=6):
        numbers = np.array2string(value.ravel(), separator=", ", max_line_width=120)
    facts: dict[str, Any] = {"name": x.name, "recorded": _recorded(x), "numbers": numbers}
    if value.size > 1 and value.dtype.kind in "fiu":
        known = value[np.isfinite(value)]
        if known.size:
            facts["range"] = f"{known.min():.6g} to {known.max():.6g}, mean {known.mean():.6g}"
        if known.size < value.size:
            facts["not finite"] = value.size - known.size
    return card(f"tensor {x.dtype}{x.shape}", facts)


def _recorded(x: Tensor) -> str:
    if x.prim is None:
        return "no"
    return f"by {x.prim.name}" if x.parents else "yes: it requires a gradient"
