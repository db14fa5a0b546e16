"""All operations that random programs are made of."""

from __future__ import annotations

import random_arrays
import random_elementwise
import random_layers
import random_matrices
from random_operation import ANY, AXES, LIKE, MATRIX, Operation

VOCABULARY: tuple[Operation, ...] = (
    *random_elementwise.OPERATIONS,
    *random_arrays.OPERATIONS,
    *random_matrices.OPERATIONS,
    *random_layers.OPERATIONS,
)

__all__ = ["ANY", "AXES", "LIKE", "MATRIX", "VOCABULARY", "Operation"]
