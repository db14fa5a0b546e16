"""Functions inside of what is pickled.

portable           : function -> what pickles as the function, by name or by value
picklable, restore : an object's attributes with such functions, and back
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

from ...core import arguments
from ...core.pickling import dumps_by_code
from ...distributed.transport import is_writing


class Portable:
    """A function that pickle stores by its name, cloudpickle by its code where it has none.

    Examples
    --------
    >>> portable(len).function is len
    True
    >>> pickle.loads(pickle.dumps(portable(len)))
    <built-in function len>
    """

    def __init__(self, function: Callable[..., Any]):
        self.function = function

    def __deepcopy__(self, memo: dict[int, Any]) -> Portable:
        return self  # as Python does with functions

    def __reduce__(self) -> tuple[Any, ...]:
        try:
            pickle.dumps(self.function)
            if getattr(self.function, "__module__", None) != "__main__" or not is_writing():
                return _same, (self.function,)
            raise pickle.PicklingError("another process has another __main__")
        except Exception:  # pickle raises whatever the parts of a callable raise
            try:
                return pickle.loads, (dumps_by_code(self.function),)
            except ImportError:
                raise pickle.PicklingError(
                    f"{arguments.shown(self.function)} cannot be pickled, and so what holds it: "
                    "define it with def at the top of a module that can be imported, or install "
                    "cloudpickle"
                ) from None


def portable(function: Any) -> Any:
    """The function, to be put into a state that is pickled; it comes out as itself."""
    return Portable(function) if callable(function) else function


def picklable(owner: Any, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The attributes of an object but for some, functions made portable."""
    return {name: portable(x) for name, x in vars(owner).items() if name not in without}


def restore(owner: Any, state: dict[str, Any]) -> None:
    """Set the attributes that :func:`picklable` gave."""
    for name, x in state.items():
        owner.__dict__[name] = x.function if isinstance(x, Portable) else x


def _same(function: Any) -> Any:
    return function
