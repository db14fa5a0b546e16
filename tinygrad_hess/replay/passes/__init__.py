"""Rewrites of a recorded program, each to one that computes the same with less.

A file each. What holds of one operation alone, such as its neutral element, stands on its row;
where two operations that follow each other come to fewer steps, their primitives are compared.
"""

from __future__ import annotations

from collections.abc import Callable

from ..program import Program
from .broadcasts import sink_broadcasts
from .common_subexpressions import share
from .constants import fold_constants
from .dead_code import drop_dead
from .divisions import multiply_by_reciprocals
from .factors import share_factors
from .identities import simplify
from .lowering import lower
from .reductions import split_reductions
from .signs import fold_signs
from .views import compose_views

PASSES: tuple[Callable[[Program], Program], ...] = (
    fold_constants,
    lower,
    fold_constants,
    simplify,
    multiply_by_reciprocals,
    compose_views,
    split_reductions,  # sums of what was only spread are gone
    share,
    sink_broadcasts,
    drop_dead,  # so that signs are asked of readers that matter
    fold_signs,
    simplify,
    share_factors,
    drop_dead,
)
"""In the order in which they run."""
