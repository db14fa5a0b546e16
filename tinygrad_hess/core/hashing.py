"""What tells static parameters of operations, and functions, apart.

hashable : parameters -> a key
code_of  : function -> a number, for its code
"""

from __future__ import annotations

import functools
import inspect
import types
import zlib
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


def code_of(f: Any) -> int:
    """A number that changes with the code of a function; not with what its code refers to.

    Examples
    --------
    >>> code_of(lambda x: x + 1) == code_of(lambda x: x + 1), code_of(lambda x: x + 2) == code_of(
    ...     lambda x: x + 1
    ... )
    (True, False)
    """
    f = inspect.unwrap(f.func if isinstance(f, functools.partial) else f)
    code = getattr(f, "__code__", None) or getattr(type(f).__call__, "__code__", None)
    return zlib.crc32(repr(_plain_code(code)).encode())


def _plain_code(x: Any) -> Any:
    if isinstance(x, types.CodeType):
        return x.co_code, x.co_names, [_plain_code(c) for c in x.co_consts]
    return sorted(map(repr, x)) if isinstance(x, frozenset) else x
