"""Solutions by steps of a given size: one scan over all steps, so one body on the tape."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops import astype, concatenate, reshape
from ..replay.loops import run
from .step_control import Steps
from .systems import System
from .tableaus import Leaves, Tableau, advanced, slopes


def solved(system: System, method: Tableau, ts: Any, steps: int) -> tuple[Leaves, Steps]:
    """Values at all times, by ``steps`` equal steps from each time to the next."""
    begin, h = ts[:-1], (ts[1:] - ts[:-1]) / steps
    if steps > 1:
        begin = reshape(begin[:, None] + h[:, None] * np.arange(steps), shape=(-1,))
        h = np.repeat(h, steps)

    # times are doubles; their steps are rounded for values of one other type here, not in each step
    types = {y.dtype for y in system.y0}
    dtype = types.pop() if len(types) == 1 else h.dtype
    xs = [begin, h] if dtype.kind != "f" or dtype == h.dtype else [begin, h, astype(h, dtype)]

    def step(fixed: Leaves, y: Leaves, x: Leaves) -> tuple[Leaves, Leaves]:
        t, h, *rounded = x
        found = slopes(system.rates(fixed), method, t, h, y, None, *rounded)
        y = advanced(y, rounded[0] if rounded else h, method.weights, found)
        return y, y

    count = h.shape[0]
    _, ys = run(step, (), (), system.fixed, system.y0, xs, count, False)
    values = [
        concatenate([y[None], after[steps - 1 :: steps]])
        for y, after in zip(system.y0, ys, strict=True)
    ]
    evaluations = count * (1 + len(method.nodes))
    return values, Steps(concatenate([begin, ts[-1:]]), count, 0, evaluations)
