"""Static parameters of operations as keys.

hashable : parameters -> what tells them apart
"""

from __future__ import annotations

from typing import Any


def hashable(params: dict[str, Any]) -> Any:
    """Static parameters as a key that tells 1, 1.0 and True apart."""

    def plain(value: Any) -> Any:
        if isinstance(value, slice):  # cannot be hashed
            return ("slice", value.start, value.stop, value.step)
        if isinstance(value, tuple):
            return tuple(map(plain, value))
        return (type(value).__name__, repr(value)) if isinstance(value, (int, float)) else value

    return tuple((k, plain(v)) for k, v in sorted(params.items()))
