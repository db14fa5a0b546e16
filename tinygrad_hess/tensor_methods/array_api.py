"""What the Python array API standard (2024.12) asks of arrays beyond NumPy's methods.

Its functions are in :mod:`tinygrad_hess.numpy.array_api`, so that code written for any library of
arrays, such as much of SciPy's with ``SCIPY_ARRAY_API=1``, runs on tensors and is differentiated.
"""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor
from ..numpy import array_api

VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")


def _array_namespace(self: Tensor, /, *, api_version: str | None = None) -> Any:
    """The namespace with the standard's functions: :mod:`tinygrad_hess.numpy.array_api`.

    Raises
    ------
    ValueError
        For a version of the standard that it does not follow.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> xp = tg.tensor([1.0, 2.0]).__array_namespace__()
    >>> xp.__name__
    'tinygrad_hess.numpy.array_api'
    """
    if api_version is not None and api_version not in VERSIONS:
        raise ValueError(f"version {api_version!r} of the array API is none of {VERSIONS}")
    return array_api


def _device(self: Tensor) -> str:
    """Where the numbers are: on the CPU."""
    return "cpu"


def _to_device(self: Tensor, device: str, /, *, stream: Any = None) -> Tensor:
    """The tensor itself: there is one device."""
    if device != "cpu" or stream is not None:
        raise ValueError(f"to_device: there is the device 'cpu', and no stream; got {device!r}")
    return self


def _dlpack(self: Tensor, /, **options: Any) -> Any:
    """The numbers for another library, as a copy; refused where a gradient would be lost."""
    self._refuse_to_lose_gradient("__dlpack__()")
    return self.numpy().__dlpack__(**options)


def _dlpack_device(self: Tensor, /) -> tuple[int, int]:
    """The device as DLPack numbers it: the first CPU."""
    return 1, 0


METHODS: dict[str, Any] = {
    "__array_namespace__": _array_namespace,
    "__dlpack__": _dlpack,
    "__dlpack_device__": _dlpack_device,
    "to_device": _to_device,
    "device": property(_device, doc=_device.__doc__),
}
