"""``numpy.fft``, differentiable: ``tinygrad_hess.numpy.fft``.

Transforms of real and complex arrays, forwards and backwards, along one axis or several.
"""

from __future__ import annotations

import numpy.fft as _np_fft
from numpy.fft import fftfreq, rfftfreq

from ..ops._dispatch import dispatched as _dispatched
from ..ops.signal.fourier import (
    fft,
    fft2,
    fftn,
    fftshift,
    hfft,
    ifft,
    ifft2,
    ifftn,
    ifftshift,
    ihfft,
    irfft,
    irfft2,
    irfftn,
    rfft,
    rfft2,
    rfftn,
)

globals().update(_dispatched(globals(), _np_fft))

__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifft2", "ifftn", "ifftshift",
    "ihfft", "irfft", "irfft2", "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip
