"""What is fuzzed: every public function, class, method and property, by the name a user writes."""

from __future__ import annotations

import functools
import importlib
import inspect
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinygrad_hess as tg

PACKAGE = "tinygrad_hess"
MODULES = [
    "tg",
    "tg.numpy",
    "tg.numpy.linalg",
    "tg.numpy.fft",
    "tg.ops",
    "tg.scipy.integrate",
    "tg.scipy.linalg",
    "tg.scipy.signal",
    "tg.scipy.special",
    "tg.scipy.stats",
    "tg.nn",
    "tg.nn.init",
    "tg.nn.losses",
    "tg.optim",
    "tg.optim.schedules",
    "tg.data",
    "tg.viz",
    "tg.viz.plots",
    "tg.curvature",
]


@dataclass(frozen=True)
class Target:
    """One public name.

    ``kind`` is "function" (also for classes, which are called), "method" or "property"; of the
    latter two the first argument is the instance. ``peer`` is NumPy's or SciPy's function of the
    same name, None where there is none.
    """

    name: str
    kind: str
    call: Any
    peer: Any = None

    @property
    def last(self) -> str:
        return self.name.rpartition(".")[2]


def resolve(name: str) -> Any:
    """The module that a user writes as ``tg.…``."""
    return functools.reduce(getattr, name.split(".")[1:], tg)


def peer_of(module: str, name: str) -> Any:
    """NumPy's or SciPy's function of this name, for a module that has their names."""
    part = module.removeprefix("tg.")
    if part.partition(".")[0] not in ("numpy", "scipy"):
        return None
    found = getattr(importlib.import_module(part), name, None)
    return found if callable(found) else None


def is_public(module: Any, written: str, name: str, x: Any) -> bool:
    """Whether a name of a module is the library's own and is meant for users."""
    home = getattr(x, "__module__", None) or ""
    if name.startswith("_") or isinstance(x, types.ModuleType) or not home.startswith(PACKAGE):
        return False
    if isinstance(x, type) and issubclass(x, BaseException):
        return False
    if written.startswith(("tg.numpy", "tg.scipy")):
        return callable(x) and peer_of(written, name) is not None
    return callable(x) and (hasattr(module, "__path__") or home == module.__name__)


def members(cls: type, written: str) -> Iterator[Target]:
    """Methods and properties of a class that are the library's."""
    for name in sorted(dir(cls)):
        if name.startswith("_"):
            continue
        owner = next(c for c in cls.__mro__ if name in vars(c))
        x = vars(owner)[name]
        if not owner.__module__.startswith(PACKAGE) or isinstance(x, type):
            continue
        if isinstance(x, (property, functools.cached_property)):
            yield Target(f"{written}.{name}", "property", functools.partial(_get, name))
        elif isinstance(x, (classmethod, staticmethod)):
            yield Target(f"{written}.{name}", "function", getattr(cls, name))
        elif callable(x):
            yield Target(f"{written}.{name}", "method", x)


def _get(name: str, instance: Any) -> Any:
    return getattr(instance, name)


@functools.cache
def targets() -> tuple[Target, ...]:
    """All of them, in the order of their names."""
    found: dict[str, Target] = {}
    for written in MODULES:
        module = resolve(written)
        for name in sorted(dir(module)):
            try:
                x = getattr(module, name)
            except AttributeError:
                continue
            if not is_public(module, written, name, x):
                continue
            full = f"{written}.{name}"
            found[full] = Target(full, "function", x, peer_of(written, name))
            if isinstance(x, type):
                found |= {t.name: t for t in members(x, full) if not written.startswith("tg.numpy")}
    return tuple(found[name] for name in sorted(found))


@functools.cache
def parameters(target: Target) -> tuple[str, ...]:
    """Names of the parameters, without the instance; empty where Python cannot tell."""
    try:
        names = list(inspect.signature(target.call).parameters)
    except (TypeError, ValueError):
        return ()
    return tuple(names[1:] if target.kind == "method" else names)


def is_numpys(x: Any) -> bool:
    """Whether a callable is NumPy's own."""
    return isinstance(x, np.ufunc) or (getattr(x, "__module__", "") or "").startswith("numpy")
