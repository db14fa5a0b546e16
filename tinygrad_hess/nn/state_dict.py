"""The arrays of a model by name, and written back into it in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import trees
from ..core.named_arrays import Array, Unmatched, named_arrays, with_arrays
from ..core.tensor import Tensor


def state_dict(model: Any) -> dict[str, Array]:
    """Copies of all arrays by name."""
    return {name: x.copy() for name, x in named_arrays("state_dict", model).items()}


def load_state_dict(model: Any, arrays: Any, strict: bool) -> Unmatched:
    """Give a model other arrays; see :meth:`tinygrad_hess.nn.Module.load_state_dict`."""
    loaded, unmatched = with_arrays("load_state_dict", model, arrays, strict)
    _assign(model, loaded)
    return unmatched


def _assign(old: Any, new: Any) -> Any:
    """Move what ``new`` holds into the modules and tensors of ``old``, which stay the same."""
    if children_of := trees.CHILDREN.get(type(old)):
        for name in children_of(old):
            old.__dict__[name] = _assign(old.__dict__[name], new.__dict__[name])
    elif isinstance(old, trees.Fixed):
        old.assign(new.value)
    elif isinstance(old, (list, tuple, dict)):
        return trees.map(_assign, old, new, is_leaf=trees.is_module_or_fixed)
    elif isinstance(old, Tensor):
        old.value = np.asarray(new)
    else:
        return new
    return old
