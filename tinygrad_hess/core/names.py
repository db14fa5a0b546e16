"""What a module says of a name that it does not have: which one is meant, or what to write."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from types import ModuleType
from typing import Any


def suggesting(module: str, advice: Mapping[str, str]) -> Callable[[str], Any]:
    """A ``__getattr__`` of a module, with what to write for names of other libraries.

    Examples
    --------
    >>> from tinygrad_hess import nn
    >>> nn.ReLU
    Traceback (most recent call last):
    ...
    AttributeError: module 'tinygrad_hess.nn' has no attribute 'ReLU'; is it relu?
    """

    def look_up(name: str) -> Any:
        held = vars(sys.modules[module]).items()
        known = [other for other, value in held if not isinstance(value, ModuleType)]
        raise missing(module, name, known, advice)

    return look_up


def missing(
    module: str, name: str, known: Iterable[str], advice: Mapping[str, str]
) -> AttributeError:
    """The error for a name that a module does not have, though it has those ``known``."""
    hint = ""
    if not name.startswith("_"):  # Python, pickle and doctest ask for such
        public = [other for other in known if not other.startswith("_")]
        alike = [other for other in public if _plain(other) == _plain(name)]
        near = alike or get_close_matches(name, public)
        if name in advice:
            hint = f". {advice[name]}"
        elif near:
            hint = f"; is it {' or '.join(near)}?"
    return AttributeError(f"module {module!r} has no attribute {name!r}{hint}")


def _plain(name: str) -> str:
    """A name without what libraries differ in: ``CrossEntropyLoss``, ``make_moons``."""
    plain = name.removeprefix("load_").removeprefix("make_").lower().replace("_", "")
    return plain.removesuffix("loss")
