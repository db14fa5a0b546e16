"""Complex numbers: their parts, their conjugates, their signs and angles.

    real, imag : C -> R      conj : C -> C      angle : C -> R      sign : C -> unit circle

None of these is analytic, but each is linear over the real numbers, or made of such. With the
pairing <g, t> = Re(sum(g t)) of a cotangent and a tangent, without a conjugate, the rule of
``conj`` is ``conj`` in both directions, and that of an analytic function is to multiply by its
derivative, in both directions. A real operand gets the real part of what arrives for it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core import signatures
from ...core.kinds import elementwise, linear
from ...core.tensor import Batched, Tensor, constant
from ...core.views import read_only
from .._types import Array, ArrayLike
from ..shape.rearranging import matrix_transpose
from .arithmetic import absolute, divisor
from .comparison import sign as sign_of_real
from .identity import cast, conjugate, copied

_TYPES = {"f": "F", "d": "D", "F": "F", "D": "D", "e": "F", "g": "G", "G": "G"}


def is_complex(x: ArrayLike) -> bool:
    """Whether ``x`` is a complex number, array or tensor (of whatever value)."""
    dtype = getattr(x, "dtype", None)
    return isinstance(x, complex) if dtype is None else dtype.kind == "c"


def real_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type of the parts of numbers of this type: float32 of complex64, float64 of float64."""
    return np.dtype(dtype.char.lower()) if dtype.kind == "c" else dtype


def complex_dtype(dtype: Any) -> np.dtype[Any]:
    """The complex type whose parts have this type; complex128 of integers."""
    return np.dtype(_TYPES.get(np.dtype(dtype).char, "D"))


def _as_array(x: Array) -> Array:
    return x if hasattr(x, "dtype") else np.asarray(x)[()]


imaginary: Any = linear(
    "imag",
    lambda x: np.array(np.imag(x))[()],
    lambda g, y, x: g * -1j if is_complex(x) else None,
    on_complex=True,
    signature=signatures.elementwise,
    cases=[([(2, 3)], {}), ([()], {}), ([(0, 3)], {})],
    doc="The imaginary part; its transpose multiplies by -i.",
)


def conj(x: ArrayLike) -> Array:
    """The complex conjugate; real numbers as they are.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda z: (z * np.conj(z)).real)(1 + 2j)
    np.complex128(2-4j)
    """
    x = _as_array(x)
    return conjugate(x) if x.dtype.kind == "c" else copied(x)


def conjugated(x: Array) -> Array:
    """The complex conjugate; real numbers themselves."""
    return conjugate(x) if x.dtype.kind == "c" else x


def real(x: ArrayLike) -> Array:
    """The real part; real numbers as they are.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda z: np.real(z * z))(1 + 2j)
    np.complex128(2+4j)
    """
    x = _as_array(x)
    if x.dtype.kind != "c":
        return x
    return read_only(cast(x, dtype=real_dtype(x.dtype)), x)


def imag(x: ArrayLike) -> Array:
    """The imaginary part; of real numbers, zeros that carry no derivative.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda z: np.imag(z * z))(1 + 2j)
    np.complex128(4-2j)
    """
    x = _as_array(x)
    if x.dtype.kind == "c":
        return read_only(imaginary(x), x)
    nothing = np.zeros(x.shape, x.dtype)[()]
    return read_only(constant(nothing), x) if isinstance(x, Tensor) else nothing


def adjoint(x: ArrayLike) -> Array:
    """The conjugate transpose of matrices on the last two axes; of real ones, the transpose."""
    return matrix_transpose(conjugated(x))


def squared_magnitude(x: ArrayLike) -> Array:
    """|x|² of each element, real and smooth at 0 too."""
    return real(x * conjugated(x)) if is_complex(x) else x * x


_angle: Any = elementwise(
    "angle",
    np.angle,
    lambda g, y, x: g * (-1j / divisor(x)) if is_complex(x) else None,
    on_complex=True,
    domain=(0.3, 2),
    edges=[((0.0,), (0.0,))],
    doc="The angle of a complex number to the positive real axis, with derivative 0 at 0.",
)


def angle(z: ArrayLike, deg: bool = False) -> Array:
    """The angle to the positive real axis, in radians from -π to π (or degrees).

    At 0 the derivative is 0; on the negative real axis it is that of the side on which NumPy's
    value lies.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(np.angle)(2 + 0j)
    np.complex128(-0.5j)
    """
    radians = _angle(_as_array(z))
    return radians * (180 / math.pi) if deg else radians


def sign(x: ArrayLike) -> Array:
    """The sign of real numbers; of complex ones ``x / |x|``, and 0 at 0 with derivative 0.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.jvp(np.sign, (2 + 0j,), (2j,))
    (np.complex128(1+0j), np.complex128(1j))
    """
    if not is_complex(x):
        return sign_of_real(x)
    return x / divisor(absolute(x))


def real_if_close(a: ArrayLike, tol: float = 100) -> Array:
    """The real part, where all imaginary parts are zero to rounding; else ``a`` as it is.

    Parameters
    ----------
    a : array
    tol : float
        How many roundings (of 1) count as zero; below 1, the number itself.

    Raises
    ------
    TracingError
        Inside ``jit``: the type of the result depends on values. Use ``np.real``.
    """
    a = _as_array(a)
    if a.dtype.kind != "c":
        return a
    if isinstance(a, Tensor):
        a._refuse_while_traced("real_if_close", "Use np.real.")
        if isinstance(a, Batched):
            a._refuse("real_if_close", "Use np.real.")
    bound = tol * np.finfo(a.dtype).eps if tol > 1 else tol
    raw = a.value if isinstance(a, Tensor) else a
    return real(a) if np.all(np.abs(np.imag(raw)) < bound) else a
