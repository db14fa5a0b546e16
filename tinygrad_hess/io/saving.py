"""Arrays of a pytree or module in a file, and back: safetensors, or NumPy archives.

    save : path, tree          load : path -> {name: array}, or a tree like another one

The suffix of the path says which. Neither format can hold code, nothing is unpickled, and sizes
are checked before anything is allocated.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..core import arguments
from ..core.archives import read_npz, write_npz
from ..core.files import replace_whole
from ..core.named_arrays import named_arrays, with_arrays
from ..core.optional import require

Arrays = dict[str, np.ndarray[Any, Any]]


def save(path: str | os.PathLike[str], tree: Any) -> Path:
    """Write all arrays of a pytree or module into a file, frozen ones and buffers too.

    Parameters
    ----------
    path : path-like
        ``.safetensors`` (which PyTorch, JAX and others read; the extra ``safetensors``) or
        ``.npz``. A file that is there is replaced whole: nobody ever reads half of one.
    tree : pytree of arrays and numbers
        Such as a module, an optimiser's state, ``(model, state)``. Names are those of
        ``model.state_dict()``; a dictionary at the top gives its own.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    TypeError
        For a leaf that is no array of numbers.
    ValueError
        For another suffix, two arrays with one name, or a type that the format has not.

    Notes
    -----
    Arrays are saved, and what makes a model of them is not: its code, and static fields such as
    activations. :func:`load` takes those from a model that is like it.

    References
    ----------
    https://huggingface.co/docs/safetensors, https://numpy.org/neps/nep-0001-npy-format.html

    Examples
    --------
    >>> import tempfile, tinygrad_hess as tg
    >>> from tinygrad_hess import nn
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = tg.io.save(folder.name + "/net.npz", nn.MLP([3, 4, 2], bias_init=nn.init.ones))
    >>> list(tg.io.load(path))
    ['layers[0].weight', 'layers[0].bias', 'layers[1].weight', 'layers[1].bias']
    >>> tg.io.load(path, like=nn.MLP([3, 4, 2])).layers[1].bias
    array([1., 1.])
    >>> folder.cleanup()
    """
    format = _format("save", path)
    return format.write(arguments.path("save", path), named_arrays("save", tree))


def load(path: str | os.PathLike[str], *, like: Any = None) -> Any:
    """Read what :func:`save` wrote, or any other file of that format.

    Parameters
    ----------
    path : path-like
        ``.safetensors`` or ``.npz``.
    like : pytree, optional
        What the arrays are to be put into: a model that is built alike, or
        ``(model, opt.init(model))``. It is not changed.

    Returns
    -------
    dict of str to ndarray, or pytree
        Without ``like``, the arrays by name. With it, a tree of the same structure and types.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When the file is truncated or foreign, or its arrays do not fit ``like``: all that are
        missing, unexpected or misshapen are named.

    Examples
    --------
    >>> import tempfile, numpy as np, tinygrad_hess as tg
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = tg.io.save(folder.name + "/w.npz", {"w": np.arange(3.0)})
    >>> tg.io.load(path)
    {'w': array([0., 1., 2.])}
    >>> tg.io.load(path, like={"w": np.zeros(3), "b": np.zeros(1)})
    Traceback (most recent call last):
    ...
    ValueError: load: the arrays do not fit:
      missing: b
    >>> folder.cleanup()
    """
    format, path = _format("load", path), arguments.existing_file("load", path)
    try:
        arrays = format.read(path)
    except ValueError as error:
        raise ValueError(f"load: {path.name} cannot be read as {format.name}: {error}") from error
    return arrays if like is None else with_arrays("load", like, arrays)[0]


def _write_safetensors(path: Path, arrays: Arrays) -> Path:
    safetensors = _safetensors("save")
    try:  # it writes memory as it lies there
        rows = {k: np.asarray(x, x.dtype.newbyteorder("="), order="C") for k, x in arrays.items()}
        data = safetensors.numpy.save(rows, {"format": "np"})
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"save: safetensors has not all of the types of these arrays ({error}); write .npz"
        ) from error
    return replace_whole(path, data)


def _read_safetensors(path: Path) -> Arrays:
    safetensors = _safetensors("load")
    try:
        found: Arrays = safetensors.numpy.load_file(path)
    except (safetensors.SafetensorError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(str(error)) from error
    return found


def _safetensors(who: str) -> Any:
    require(who, "safetensors.numpy", extra="safetensors")
    return require(who, "safetensors", extra="safetensors")


class _Format(NamedTuple):
    name: str
    write: Callable[[Path, Arrays], Path]
    read: Callable[[Path], Arrays]


_FORMATS = {
    ".safetensors": _Format("safetensors", _write_safetensors, _read_safetensors),
    ".npz": _Format("a NumPy archive", write_npz, read_npz),
}


def _format(who: str, path: Any) -> _Format:
    arguments.instance(who, "path", path, (str, os.PathLike), "a path to a file")
    suffix = Path(path).suffix.lower()
    if suffix not in _FORMATS:
        raise ValueError(
            f"{who}: the suffix of {Path(path).name!r} must be {' or '.join(_FORMATS)}, which says "
            "how it is written"
        )
    return _FORMATS[suffix]
