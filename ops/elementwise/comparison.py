"""Comparisons, logic and rounding: piecewise constant, so their derivative is zero everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.kinds import zero
from .._types import Array

_two: dict[str, Any] = {"operands": 2, "domain": ((-2, 2), (-2, 2))}
_both: dict[str, Any] = {"on_complex": True, **_two}  # complex numbers in NumPy's order
_either: dict[str, Any] = {"commutative": True, **_both}
_bits: dict[str, Any] = {"operands": 2, "domain": "bool", "commutative": True}

equal = zero("equal", np.equal, label="=", **_either)
not_equal = zero("not_equal", np.not_equal, label="≠", **_either)
less = zero("less", np.less, label="<", **_both)
less_equal = zero("less_equal", np.less_equal, label="≤", **_both)
greater = zero("greater", np.greater, label=">", **_both)
greater_equal = zero("greater_equal", np.greater_equal, label="≥", **_both)

logical_and = zero("logical_and", np.logical_and, label="and", **_either)
logical_or = zero("logical_or", np.logical_or, label="or", **_either)
logical_xor = zero("logical_xor", np.logical_xor, label="xor", **_either)
logical_not = zero("logical_not", np.logical_not, label="not", domain=(-2, 2), on_complex=True)
bitwise_and = zero("bitwise_and", np.bitwise_and, label="&", **_bits)
bitwise_or = zero("bitwise_or", np.bitwise_or, label="|", **_bits)
bitwise_xor = zero("bitwise_xor", np.bitwise_xor, label="^", **_bits)
left_shift = zero("left_shift", np.left_shift, operands=2, domain="bool", label="<<")
right_shift = zero("right_shift", np.right_shift, operands=2, domain="bool", label=">>")
invert = zero("invert", np.invert, domain="bool", label="~")

isnan = zero("isnan", np.isnan, domain=(-2, 2), on_complex=True)
isinf = zero("isinf", np.isinf, domain=(-2, 2), on_complex=True)
isfinite = zero("isfinite", np.isfinite, domain=(-2, 2), on_complex=True)
signbit = zero("signbit", np.signbit, domain=(-2, 2))

floor = zero("floor", np.floor, domain=(-3, 3))
ceil = zero("ceil", np.ceil, domain=(-3, 3))
trunc = zero("trunc", np.trunc, domain=(-3, 3))
rint = zero("rint", np.rint, domain=(-3, 3), label="round", on_complex=True)
sign = zero("sign", np.sign, domain=(-2, 2), edges=[((0.0,), (0.0,))])
floor_divide = zero("floor_divide", np.floor_divide, operands=2, domain=((-3, 3), (0.5, 2)))
heaviside = zero("heaviside", np.heaviside, **_two)


def sign_or_mask(x: Array) -> Array:
    """The sign of a number; a mask, of which NumPy has none, is its own."""
    dtype = getattr(x, "dtype", None)  # a number of Python has none
    is_mask = isinstance(x, bool) if dtype is None else dtype.kind == "b"
    return x if is_mask else sign(x)
