"""Comparisons, logic and rounding: piecewise constant, so their derivative is zero everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import zero

_two: dict[str, Any] = {"operands": 2, "domain": ((-2, 2), (-2, 2))}

equal = zero("equal", np.equal, label="=", **_two)
not_equal = zero("not_equal", np.not_equal, label="≠", **_two)
less = zero("less", np.less, label="<", **_two)
less_equal = zero("less_equal", np.less_equal, label="≤", **_two)
greater = zero("greater", np.greater, label=">", **_two)
greater_equal = zero("greater_equal", np.greater_equal, label="≥", **_two)

logical_and = zero("logical_and", np.logical_and, label="and", **_two)
logical_or = zero("logical_or", np.logical_or, label="or", **_two)
logical_xor = zero("logical_xor", np.logical_xor, label="xor", **_two)
logical_not = zero("logical_not", np.logical_not, label="not", domain=(-2, 2))
bitwise_and = zero("bitwise_and", np.bitwise_and, operands=2, domain="bool", label="&")
bitwise_or = zero("bitwise_or", np.bitwise_or, operands=2, domain="bool", label="|")
bitwise_xor = zero("bitwise_xor", np.bitwise_xor, operands=2, domain="bool", label="^")
invert = zero("invert", np.invert, domain="bool", label="~")

isnan = zero("isnan", np.isnan, domain=(-2, 2))
isinf = zero("isinf", np.isinf, domain=(-2, 2))
isfinite = zero("isfinite", np.isfinite, domain=(-2, 2))
signbit = zero("signbit", np.signbit, domain=(-2, 2))

floor = zero("floor", np.floor, domain=(-3, 3))
ceil = zero("ceil", np.ceil, domain=(-3, 3))
trunc = zero("trunc", np.trunc, domain=(-3, 3))
rint = zero("rint", np.rint, domain=(-3, 3), label="round")
sign = zero("sign", np.sign, domain=(-2, 2), edges=[((0.0,), (0.0,))])
floor_divide = zero("floor_divide", np.floor_divide, operands=2, domain=((-3, 3), (0.5, 2)))
heaviside = zero("heaviside", np.heaviside, **_two)
