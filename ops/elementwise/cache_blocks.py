"""Elementwise formulas of several passes, run over blocks that stay in cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

BLOCK = 16384
"""Elements in a block: with three operands in float64, 384 KiB, within a core's second cache."""


def in_blocks(body: Callable[..., None], *operands: Any) -> Any:
    """Run ``body(out, *operands)`` and return ``out``, block by block where that pays.

    ``body`` fills ``out`` by ufuncs with ``out=``. Operands must broadcast together; they are cut
    into blocks when they are large, contiguous in one order, and of one shape.
    """
    first = operands[0]
    shape = np.broadcast_shapes(*(np.shape(x) for x in operands))
    dtype = np.result_type(*operands)
    if all(np.shape(x) == shape for x in operands) and first.size > 2 * BLOCK:
        for order in ("C", "F"):
            if all(x.flags[f"{order}_CONTIGUOUS"] for x in operands):
                out = np.empty(shape, dtype, order=order)
                flat, *parts = [x.ravel(order="K") for x in (out, *operands)]
                for i in range(0, out.size, BLOCK):
                    body(flat[i : i + BLOCK], *(x[i : i + BLOCK] for x in parts))
                return out
    out = np.empty(shape, dtype)
    body(out, *operands)
    return out[()]
