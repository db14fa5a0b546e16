"""Small helpers that autograd has under these names."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

from .test_util import check_grads


def subvals(x: Iterable[Any], ivs: Iterable[tuple[int, Any]]) -> tuple[Any, ...]:
    """``x`` as a tuple, with values put in at positions."""
    out = list(x)
    for i, v in ivs:
        out[i] = v
    return tuple(out)


def subval(x: Iterable[Any], i: int, v: Any) -> tuple[Any, ...]:
    """``x`` as a tuple, with one value put in."""
    return subvals(x, [(i, v)])


def func(f: Any) -> Any:
    """The function itself (Python 2 had methods here)."""
    return f


def quick_grad_check(
    fun: Callable[..., Any], arg0: Any, extra_args: Any = (), kwargs: Any = None, **options: Any
) -> None:
    """Deprecated: use :func:`check_grads`."""
    warnings.warn("The quick_grad_check function is deprecated.", stacklevel=2)
    check_grads(lambda x: fun(x, *extra_args, **(kwargs or {})), modes=["rev"], order=1)(arg0)
