"""Functions whose graph does not change from call to call."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..wrap_util import wraps


def const_graph(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., Any]:
    """``fun`` with these first arguments. It runs anew each time; ``tg.jit`` replays it."""
    return wraps(fun)(partial(fun, *args, **kwargs))
