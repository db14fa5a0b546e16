"""What depends on constants alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..program import Program


def fold_constants(program: Program) -> Program:
    """Compute now what depends on constants alone."""
    constants = dict(program.constants)
    kept = []
    for i in program.instructions:
        if all(a in constants for a in i.args):
            with np.errstate(all="ignore"):
                constants[i.out] = i.fn(*[constants[a] for a in i.args])
        else:
            kept.append(i)
    return replace(program, instructions=tuple(kept), constants=constants)
