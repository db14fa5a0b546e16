"""What is written on a vertex: the operation, its parameters, shapes and types, numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.tensor import Batched, Parts, Tensor, _Released

_SHOWN_ELSEWHERE = frozenset(("shape", "dtype", "sweep", "until", "part"))
"""Static parameters that the shape and type of the result already show."""

_HASHED_BYTES = 1 << 26
"""Larger arrays are distinguished by identity, smaller ones by content."""


def describe_value(x: Any) -> str:
    """Shape and type, as in ``64×16 float64``; batch axes come first, in brackets."""
    value = x.value if isinstance(x, Tensor) else x
    if isinstance(value, Parts):
        shown = [describe_value(part) for part in value[:4]]
        return "\n".join([*shown, "..."] if len(value) > 4 else shown)
    batch = "".join(f"[{axis.size}] " for axis in x.axes) if type(x) is Batched else ""
    shape = "×".join(str(n) for n in x.shape) if len(x.shape) else "scalar"
    return f"{batch}{shape} {getattr(x, 'dtype', type(x).__name__)}"


def content(x: Any) -> Any:
    """What distinguishes constants; operands on a tape are copies of what was given."""
    value = np.asarray(x.value if isinstance(x, Tensor) else x)
    key = (type(x) is Batched, value.shape, value.dtype.str)
    if value.nbytes > _HASHED_BYTES or value.dtype.hasobject:
        return (*key, id(value))
    return (*key, hashlib.sha256(value.tobytes()).digest())


def is_one(value: Any) -> bool:
    return not isinstance(value, Parts) and np.ndim(value) == 0 and bool(value == 1)


def inline(x: Any) -> str | None:
    """A number as text; None for anything with axes."""
    if isinstance(x, (Batched, Parts)) or np.ndim(x) != 0 or x is None:
        return None
    x = x.value if isinstance(x, Tensor) else x
    value = x.item() if isinstance(x, (np.ndarray, np.generic)) else x
    if isinstance(value, (bool, int)):
        return str(value)
    return f"{value:.4g}" if isinstance(value, (float, complex)) else None


def operation_title(prim: Any, operands: Sequence[Any]) -> str:
    """The operation, with the numbers among its operands: ``÷ 192``, ``1 -``, ``power(·, 3)``."""
    if isinstance(prim, _Released):
        return f"{prim.name} (released)"
    label = getattr(prim, "label", prim.name)
    if not any(isinstance(x, str) for x in operands):
        return label
    words = [x if isinstance(x, str) else "·" for x in operands]
    if len(words) == 2 and not label[0].isalnum():
        return f"{words[0]} {label}" if isinstance(operands[0], str) else f"{label} {words[1]}"
    return f"{label}({', '.join(words)})"


def params_text(params: dict[str, Any] | None, longest: int = 28) -> str:
    """Static parameters worth reading, in few characters."""
    words = []
    for key, value in (params or {}).items():
        if key in _SHOWN_ELSEWHERE or value is None or value is False:
            continue
        if key == "pattern":
            words.append(f"[{', '.join(entry_text(entry) for entry in value)}]")
            continue
        if isinstance(value, tuple) and len(value) == 1:
            words.append(f"{key} {value[0]}")
        else:
            words.append(key if value is True else f"{key} {value}")
    text = ", ".join(words)
    return text if len(text) <= longest else text[: longest - 3] + "..."


def entry_text(entry: Any) -> str:
    """One entry of an index as it is written: ``1:3``, ``...``, ``0``, or ``array``."""
    if isinstance(entry, slice):
        ends = [entry.start, entry.stop, *([] if entry.step in (None, 1) else [entry.step])]
        return ":".join("" if end is None else str(end) for end in ends)
    return "..." if entry is Ellipsis else str(entry)


def constant_title(x: Any) -> str:
    value = np.asarray(x.value if isinstance(x, Tensor) else x)
    if value.size and value.dtype.kind in "fciub" and (value == value.flat[0]).all():
        first = value.flat[0]
        known = {0: "zeros", 1: "ones"} if value.dtype.kind != "b" else {}
        return known.get(first.item(), f"all {inline(first)}")
    return "mask" if value.dtype.kind == "b" else "constant"
