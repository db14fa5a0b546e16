"""Minimisers of models of second order, from the eigenvalues of the Hessian.

Of g's + s'Hs/2 within a radius, and of g's + s'Hs/2 + σ‖s‖³/3, the global minimiser solves
(H + λ) s = -g with λ >= max(0, -λ₁) and ‖s‖ = radius, or λ = σ‖s‖: one equation in λ.

Moré and Sorensen, SIAM Journal on Scientific and Statistical Computing 4 (1983), 553-572; Cartis,
Gould and Toint, Mathematical Programming 127 (2011), 245-295.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

from ..eigenvectors import eigh
from .objective import Array


class Model:
    """The quadratic g's + s'Hs/2 in the eigenvectors of H, which is decomposed once.

    Parameters
    ----------
    H : ndarray, shape (n, n)
        Symmetric.
    gradient : ndarray, shape (n,)
    """

    def __init__(self, H: Array, gradient: Array):
        self.values, self.vectors = eigh(H)
        self.components = self.vectors.T @ gradient

    def _lengths(self, shift: float) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(
                np.where(self.components == 0, 0.0, self.components / (self.values + shift))
            )

    def _step(self, coordinates: Array) -> tuple[Array, float]:
        decrease = -float(
            self.components @ coordinates + self.values @ coordinates**2 / 2
        )  # fmt: skip
        return self.vectors @ coordinates, decrease

    def within(self, radius: float) -> tuple[Array, float, bool]:
        """The minimiser within a radius, the decrease, and whether it lies on the border."""
        if self.values[0] > 0:
            newton = -self._lengths(0.0)
            if np.linalg.norm(newton) <= radius:
                return *self._step(newton), False
        size = float(np.linalg.norm(self.components))
        coordinates = self._on_curve(lambda shift: radius, size / radius)
        return *self._step(coordinates), True

    def cubic(self, sigma: float) -> tuple[Array, float]:
        """The minimiser with the cubic term ``sigma ‖s‖³ / 3``, and the decrease with it."""
        size = float(np.linalg.norm(self.components))
        coordinates = self._on_curve(lambda shift: shift / sigma, math.sqrt(sigma * size))
        step, decrease = self._step(coordinates)
        return step, decrease - sigma / 3 * float(np.linalg.norm(step)) ** 3

    def _on_curve(self, radius_at: Callable[[float], float], reach: float) -> Array:
        """Coordinates of -(H + λ)⁻¹ g whose length is the radius at λ, within ``reach`` of the
        least λ that is allowed."""
        least = max(0.0, -float(self.values[0]))
        scale = max(float(np.abs(self.values).max()), reach, 1e-300)

        def excess(shift: float) -> float:
            """1/‖s‖ - 1/radius, which is nearly linear in the shift."""
            length = float(np.linalg.norm(self._lengths(shift)))
            radius = radius_at(shift)
            if radius == 0:
                return -math.inf
            return (1 / length if length else math.inf) - 1 / radius

        low = least + 1e-15 * scale
        high = least + reach * (1 + 1e-9) + 1e-14 * scale
        if self.values[0] <= 0 and excess(low) >= 0:  # the hard case: g has no part there
            coordinates = -self._lengths(low)
            lowest = self.values <= self.values[0] + 1e-14 * scale
            coordinates[lowest] = 0.0
            if least > 1e-14 * scale:  # else the model is flat along it
                missing = radius_at(low) ** 2 - float(coordinates @ coordinates)
                towards = -1.0 if self.components[0] > 0 else 1.0
                coordinates[0] = towards * math.sqrt(max(missing, 0.0))
            return coordinates
        if excess(low) >= 0 or excess(high) <= 0:
            shift = low if excess(low) >= 0 else high
        else:
            shift = float(brentq(lambda t: max(excess(t), -1e300), low, high, xtol=1e-300))
        return -self._lengths(shift)
