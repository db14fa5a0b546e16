"""What signatures of operations call their operands.

Arrays and tensors share operators, attributes and NumPy's functions, but no type that a checker
knows: to it, both names are ``Any``. To a reader they say what is meant.
"""

from __future__ import annotations

from typing import Any, TypeAlias

Array: TypeAlias = Any
"""What values and rules compute on: a NumPy array or scalar, or a tensor."""

ArrayLike: TypeAlias = Any
"""What a caller may give: an ``Array``, a number, or nested lists of them."""
