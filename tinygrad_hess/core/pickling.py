"""Functions by their code, which cloudpickle writes, with the files that they stand in.

dumps_by_code : object -> bytes
"""

from __future__ import annotations

import functools
import io
import types
from collections import ChainMap
from collections.abc import Callable
from typing import Any


def dumps_by_code(value: Any, **options: Any) -> bytes:
    """Pickled by cloudpickle, whose options these are.

    Raises
    ------
    ImportError
        Where that is not installed.

    Examples
    --------
    >>> import pickle
    >>> f = lambda x: x + 1
    >>> g = pickle.loads(dumps_by_code(f))
    >>> g(1), g.__code__.co_filename == f.__code__.co_filename
    (2, True)
    """
    import cloudpickle

    file = io.BytesIO()
    _keeping_files(cloudpickle.Pickler)(file, **options).dump(value)
    return file.getvalue()


@functools.cache
def _keeping_files(pickler: Any) -> Any:
    """Errors on workers name files; cloudpickle leaves them out, so that a function gives the same
    bytes wherever it is defined."""

    def reduce(code: types.CodeType) -> Any:
        make, args = pickler.dispatch_table[types.CodeType](code)
        return _with_file, (make, args, code.co_filename)

    table = ChainMap({types.CodeType: reduce}, pickler.dispatch_table)
    return type("Pickler", (pickler,), {"dispatch_table": table})


def _with_file(make: Callable[..., types.CodeType], args: Any, name: str) -> types.CodeType:
    return make(*args).replace(co_filename=name)
