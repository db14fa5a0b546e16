"""Python's containers and type checks. Containers are plain ones: transforms take trees of them."""

from __future__ import annotations

import builtins
from typing import Any

from .tracer import getval

dict, list, tuple = builtins.dict, builtins.list, builtins.tuple
dict_, list_, tuple_ = dict, list, tuple
isinstance_, type_ = builtins.isinstance, builtins.type


def isinstance(x: Any, classinfo: Any) -> bool:
    """Whether the plain value of ``x`` is an instance: a recorded array is an ``ndarray``."""
    return isinstance_(getval(x), classinfo)


def type(x: Any) -> Any:
    """The type of the plain value of ``x``."""
    return type_(getval(x))


class SequenceBox:
    """No value is one: lists and tuples stay what they are."""


class DictBox:
    """No value is one: dicts stay what they are."""
