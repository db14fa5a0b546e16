"""Initial weights: each a function ``(shape, seed, ...) -> array`` of float64.

Shapes are those of the layers: (in, out) for a matrix, (O, C / groups, *size) for a convolution
kernel. ``seed`` is an integer or a NumPy generator; None draws from the package's own generator.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import arguments
from ..ops.shape.axes import canonical_shape

Array = np.ndarray[Any, Any]
Seed = int | np.random.Generator | None

MOST = np.iinfo(np.intp).max // 8
"""Elements of the largest array of float64."""

_default_generator = [np.random.default_rng(0)]


def manual_seed(seed: int) -> None:
    """Seed the generator of layers made without a seed; each process starts it at 0.

    Examples
    --------
    >>> from tinygrad_hess import nn
    >>> nn.manual_seed(0)
    >>> nn.init.normal((2,), None)
    array([ 0.12573022, -0.13210486])
    """
    _default_generator[0] = arguments.generator("manual_seed", seed)


def generator(seed: Seed, who: str = "init") -> np.random.Generator:
    """The generator of a seed: itself, a new one, or the package's own (None)."""
    return _default_generator[0] if seed is None else arguments.generator(who, seed)


def _shape(shape: Any, who: str, least: int = 0) -> tuple[int, ...]:
    found = canonical_shape(shape, who)
    if len(found) < least:
        raise ValueError(f"{who}: a weight has at least two axes, got shape {found}")
    lengths = tuple(arguments.integer(who, "a length in shape", n, least=0) for n in found)
    if math.prod(n for n in lengths if n) > MOST:
        raise ValueError(
            f"{who}: shape {arguments.shown(lengths)} is beyond what an array can hold"
        )
    return lengths


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """The inputs that one output depends on, and the outputs that depend on one input.

    Examples
    --------
    >>> fans((64, 32))
    (64, 32)
    >>> fans((8, 3, 5, 5))
    (75, 200)
    """
    return _fans(shape, "fans")


def _fans(shape: Any, who: str) -> tuple[int, int]:
    shape = _shape(shape, who, least=2)
    if len(shape) == 2:
        return shape[0], shape[1]
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def gain(activation: str, slope: float = 0.01) -> float:
    """The factor that keeps the variance through an activation, as PyTorch tabulates it.

    Examples
    --------
    >>> gain("relu") == 2**0.5
    True
    """
    slope = arguments.number("gain", "slope", slope)
    table = {
        "linear": 1.0,
        "sigmoid": 1.0,
        "tanh": 5 / 3,
        "relu": math.sqrt(2),
        "leaky_relu": math.sqrt(2) / math.hypot(1, slope),
    }
    if not isinstance(activation, str) or activation not in table:
        raise ValueError(f"gain: no gain for {activation!r}; known are {', '.join(table)}")
    return table[activation]


def uniform(shape: tuple[int, ...], seed: Seed = None, bound: float = 1.0) -> Array:
    """Uniform on [-bound, bound]."""
    bound = arguments.number("uniform", "bound", bound, least=0)
    return generator(seed, "uniform").uniform(-bound, bound, _shape(shape, "uniform"))


def normal(shape: tuple[int, ...], seed: Seed = None, std: float = 1.0) -> Array:
    """Normal with mean 0 and this standard deviation."""
    std = arguments.number("normal", "std", std, least=0)
    return generator(seed, "normal").normal(0.0, std, _shape(shape, "normal"))


def default(shape: tuple[int, ...], seed: Seed = None) -> Array:
    """Uniform on ±1/sqrt(fan_in): PyTorch's default for Linear and Conv."""
    return uniform(shape, seed, 1 / math.sqrt(max(_fans(shape, "default")[0], 1)))


def xavier_uniform(shape: tuple[int, ...], seed: Seed = None, gain: float = 1.0) -> Array:
    """Uniform with variance gain² · 2 / (fan_in + fan_out) (Glorot and Bengio 2010, eq. 16)."""
    gain = arguments.number("xavier_uniform", "gain", gain)
    return uniform(shape, seed, gain * math.sqrt(6 / max(sum(_fans(shape, "xavier_uniform")), 1)))


def xavier_normal(shape: tuple[int, ...], seed: Seed = None, gain: float = 1.0) -> Array:
    """Normal with variance gain² · 2 / (fan_in + fan_out) (Glorot and Bengio 2010)."""
    gain = arguments.number("xavier_normal", "gain", gain)
    return normal(shape, seed, gain * math.sqrt(2 / max(sum(_fans(shape, "xavier_normal")), 1)))


def _he_deviation(shape: tuple[int, ...], mode: str, slope: float, who: str) -> float:
    arguments.choice(who, "mode", mode, ("in", "out"))
    slope = arguments.number(who, "slope", slope)
    return math.sqrt(2 / max(_fans(shape, who)[mode == "out"], 1)) / math.hypot(1, slope)


def he_uniform(
    shape: tuple[int, ...], seed: Seed = None, mode: str = "in", slope: float = 0.0
) -> Array:
    """Uniform with variance 2 / ((1 + slope²) fan), for leaky ReLUs of that slope.

    He et al. (2015), Delving deep into rectifiers, eq. 10 and 14. ``mode`` chooses the fan.
    """
    return uniform(shape, seed, math.sqrt(3) * _he_deviation(shape, mode, slope, "he_uniform"))


def he_normal(
    shape: tuple[int, ...], seed: Seed = None, mode: str = "in", slope: float = 0.0
) -> Array:
    """Normal with variance 2 / ((1 + slope²) fan); see :func:`he_uniform`."""
    return normal(shape, seed, _he_deviation(shape, mode, slope, "he_normal"))


def lecun_normal(shape: tuple[int, ...], seed: Seed = None) -> Array:
    """Normal with variance 1 / fan_in (LeCun et al. 1998, Efficient BackProp)."""
    return normal(shape, seed, 1 / math.sqrt(max(_fans(shape, "lecun_normal")[0], 1)))


def orthogonal(shape: tuple[int, ...], seed: Seed = None, gain: float = 1.0) -> Array:
    """A uniformly random (semi-)orthogonal matrix times ``gain`` (Saxe et al. 2014).

    A kernel (O, C, ...) is orthogonal as a matrix of O rows. The signs of R's diagonal make the
    distribution uniform (Mezzadri 2007).
    """
    shape = _shape(shape, "orthogonal", least=2)
    gain = arguments.number("orthogonal", "gain", gain)
    rows, columns = shape[0], math.prod(shape[1:])
    tall = generator(seed, "orthogonal").normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return np.ascontiguousarray(gain * (q if rows >= columns else q.T)).reshape(shape)


def constant(shape: tuple[int, ...], seed: Seed = None, value: float = 0.0) -> Array:
    """One number everywhere; nothing is drawn."""
    value = float(arguments.number("constant", "value", value))
    return np.full(_shape(shape, "constant"), value)


def zeros(shape: tuple[int, ...], seed: Seed = None) -> Array:
    """Zeros; nothing is drawn."""
    return np.zeros(_shape(shape, "zeros"))


def ones(shape: tuple[int, ...], seed: Seed = None) -> Array:
    """Ones; nothing is drawn."""
    return np.ones(_shape(shape, "ones"))


glorot_uniform, glorot_normal = xavier_uniform, xavier_normal
kaiming_uniform, kaiming_normal = he_uniform, he_normal
