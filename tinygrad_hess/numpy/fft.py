"""``numpy.fft``, differentiable: ``tinygrad_hess.numpy.fft``.

Transforms of real and complex arrays, forwards and backwards, along one axis or several.
"""

from __future__ import annotations

from numpy.fft import fftfreq, rfftfreq

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

__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifft2", "ifftn", "ifftshift",
    "ihfft", "irfft", "irfft2", "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip
