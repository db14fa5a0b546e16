"""Derivatives against differences, in autograd's form: ``check_grads(f, argnum)(*args)``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

from .core import make_jvp, make_vjp, vspace
from .wrap_util import get_name, unary_to_nary

TOL = RTOL = EPS = 1e-6


def scalar_close(a: Any, b: Any) -> bool:
    """Whether two numbers agree to about six digits."""
    return bool(abs(a - b) < TOL or abs(a - b) / abs(a + b) < RTOL)


def make_numerical_jvp(f: Callable[..., Any], x: Any) -> Callable[[Any], Any]:
    """Central differences of ``f`` at ``x``, as a function of the direction."""
    x_space, y_space = vspace(x), vspace(f(x))

    def jvp(v: Any) -> Any:
        ahead, behind = (f(x_space.add(x, x_space.scalar_mul(v, s * EPS / 2))) for s in (1, -1))
        difference = y_space.add(ahead, y_space.scalar_mul(behind, -1.0))
        return y_space.scalar_mul(difference, 1.0 / EPS)

    return jvp


def check_vjp(f: Callable[..., Any], x: Any) -> None:
    """Compare a reverse sweep with differences along a random direction."""
    pull, y = make_vjp(f, x)
    x_space, y_space = vspace(x), vspace(y)
    x_v, y_v = x_space.randn(), y_space.randn()
    pulled = x_space.covector(pull(y_space.covector(y_v)))
    assert vspace(pulled) == x_space
    exact = x_space.inner_prod(x_v, pulled)
    numeric = y_space.inner_prod(y_v, make_numerical_jvp(f, x)(x_v))
    assert scalar_close(numeric, exact), (
        f"Derivative (VJP) check of {get_name(f)} failed with arg {x}:\n"
        f"analytic: {exact}\nnumeric:  {numeric}"
    )


def check_jvp(f: Callable[..., Any], x: Any) -> None:
    """Compare a forward sweep with differences along a random direction."""
    v = vspace(x).randn()
    check_equivalent(make_jvp(f, x)(v)[1], make_numerical_jvp(f, x)(v))


def check_equivalent(x: Any, y: Any) -> None:
    """Assert that two values are of one vector space, and equal."""
    x_space, y_space = vspace(x), vspace(y)
    assert x_space == y_space, f"VSpace mismatch:\nx: {x_space}\ny: {y_space}"
    v = x_space.randn()
    assert scalar_close(x_space.inner_prod(x, v), x_space.inner_prod(y, v)), (
        f"Value mismatch:\nx: {x}\ny: {y}"
    )


@unary_to_nary
def check_grads(
    f: Callable[..., Any], x: Any, modes: Sequence[str] = ("fwd", "rev"), order: int = 2
) -> None:
    """Compare derivatives up to an order with differences.

    Raises
    ------
    AssertionError
        When they disagree.
    """
    assert all(mode in ("fwd", "rev") for mode in modes)
    for mode, check in (("fwd", check_jvp), ("rev", check_vjp)):
        if mode in modes:
            check(f, x)
            if order > 1:
                derivative = _pushed(f) if mode == "fwd" else _pulled(f)
                v = vspace(x if mode == "fwd" else f(x)).randn()
                check_grads(derivative, (0, 1), modes, order=order - 1)(x, v)


def _pushed(f: Callable[..., Any]) -> Callable[..., Any]:
    jvp = lambda x, v: make_jvp(f, x)(v)[1]
    jvp.__name__ = f"jvp_{get_name(f)}"
    return jvp


def _pulled(f: Callable[..., Any]) -> Callable[..., Any]:
    vjp = lambda x, v: make_vjp(f, x)[0](v)
    vjp.__name__ = f"vjp_{get_name(f)}"
    return vjp


def combo_check(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., None]:
    """Check the gradients at every combination of arguments and keywords."""

    def check(*choices: Sequence[Any], **options: Sequence[Any]) -> None:
        keywords = [[(k, x) for x in xs] for k, xs in options.items()]
        for given in product(*choices):
            for chosen in product(*keywords):
                check_grads(fun, *args, **kwargs)(*given, **dict(chosen))

    return check
