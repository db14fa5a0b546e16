"""Which derivatives of complex functions are one array, and by which sweep.

A map C -> C has four real partial derivatives, so its Jacobian is no complex matrix unless they
satisfy the Cauchy-Riemann equations, that is, unless the function is holomorphic. From real
numbers to complex ones it is: tangents are its columns. From complex numbers to real ones the
cotangents are its rows: df/dx - i df/dy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.errors import NonDifferentiableError, describe
from ..ops.elementwise.complexes import is_complex


def complexes(values: Sequence[Any]) -> list[Any]:
    """Those of the values that are complex."""
    return [x for x in values if is_complex(x)]


def require_holomorphic(arguments: Sequence[Any], outputs: Sequence[Any], who: str) -> None:
    """Under ``holomorphic=True``, arguments and outputs must all be complex."""
    for values, what in ((arguments, "argument"), (outputs, "output")):
        if len(complexes(values)) != len(values):
            raise NonDifferentiableError(
                f"{who}: holomorphic=True is for complex functions of complex arguments, but an "
                f"{what} is real. Leave it out, or convert with .astype(complex)."
            )


def refuse_complex_output(y: Any, who: str) -> None:
    """A gradient is that of a real number."""
    raise NonDifferentiableError(
        f"{who}: f must return a real scalar, but returned a complex one ({describe(y)}). Take "
        "its real part or its absolute value; if f is holomorphic, holomorphic=True gives its "
        "complex derivative."
    )


def sweep_for(
    arguments: Sequence[Any], outputs: Sequence[Any], mode: str, holomorphic: bool, who: str
) -> str:
    """The mode of a Jacobian: the given one, or the only one that complex numbers leave.

    Raises
    ------
    NonDifferentiableError
        When the Jacobian is no complex matrix, or ``mode`` does not give it.
    """
    if holomorphic:
        require_holomorphic(arguments, outputs, who)
        return mode
    inside, outside = complexes(arguments), complexes(outputs)
    if not inside and not outside:
        return mode
    if inside and outside:
        raise NonDifferentiableError(
            f"{who}: the derivative of complex outputs ({describe(outside[0])}) in complex "
            f"arguments ({describe(inside[0])}) is no complex matrix in general. If f is "
            "holomorphic, pass holomorphic=True; else differentiate np.real and np.imag of its "
            "output, or use tg.jvp and tg.vjp."
        )
    only = "reverse" if inside else "forward"
    if mode not in ("auto", only):
        given = "complex arguments" if inside else "complex outputs"
        raise NonDifferentiableError(
            f"{who}: a function with {given} and real {'outputs' if inside else 'arguments'} has "
            f"its Jacobian by {only} sweeps only (jac{'rev' if inside else 'fwd'})."
        )
    return only


def require_real_arguments(arguments: Sequence[Any], who: str) -> None:
    """A Hessian in complex numbers is no complex matrix."""
    if found := complexes(arguments):
        raise NonDifferentiableError(
            f"{who}: the second derivative in complex arguments ({describe(found[0])}) is no "
            "complex matrix. Use tg.hvp for its products, or take the real and imaginary parts as "
            "arguments, as in f(x + 1j * y); for a holomorphic f, pass holomorphic=True."
        )
