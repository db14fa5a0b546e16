"""Gradients, Jacobians and products, in autograd's form: ``operator(f, argnum)(*args)``."""

from __future__ import annotations

import inspect
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ... import NonDifferentiableError, TracingError, linearize
from ... import checkpoint as _checkpoint
from ... import hessian as _hessian
from ... import jacrev as _jacrev
from ... import numpy as tnp
from .core import floating, noticing_independence, vspace
from .core import make_jvp as _make_jvp
from .core import make_vjp as _make_vjp
from .primitives import sweeping
from .wrap_util import unary_to_nary, wraps

make_vjp = unary_to_nary(_make_vjp)
make_jvp = unary_to_nary(_make_jvp)


def _value_and_grad(fun: Any, x: Any, who: str) -> tuple[Any, Any]:
    pull, ans = _make_vjp(fun, x)
    space = vspace(ans)
    if space.size != 1:
        raise TypeError(
            f"{who} only applies to real scalar-output functions. "
            "Try jacobian, elementwise_grad or holomorphic_grad."
        )
    return ans, pull(space.ones())


@unary_to_nary
def grad(fun: Callable[..., Any], x: Any) -> Any:
    """The gradient of a function whose result is one real number (in an array of any shape).

    Examples
    --------
    >>> from tinygrad_hess.compat.autograd import grad
    >>> import tinygrad_hess.compat.autograd.numpy as np
    >>> grad(np.tanh)(0.0)
    np.float64(1.0)
    """
    return _value_and_grad(fun, x, "Grad")[1]


@unary_to_nary
def value_and_grad(fun: Callable[..., Any], x: Any) -> tuple[Any, Any]:
    """The value and the gradient."""
    return _value_and_grad(fun, x, "value_and_grad")


@unary_to_nary
def grad_and_aux(fun: Callable[..., Any], x: Any) -> tuple[Any, Any]:
    """The gradient of the first result, and the second result as it is."""
    pull, (ans, aux) = _make_vjp(lambda x: tuple(fun(x)), x)
    return pull((vspace(ans).ones(), vspace(aux).zeros())), aux


@unary_to_nary
def elementwise_grad(fun: Callable[..., Any], x: Any) -> Any:
    """The sums of the columns of the Jacobian: its diagonal, if it is diagonal."""
    pull, ans = _make_vjp(fun, x)
    if vspace(ans).iscomplex:
        raise TypeError("Elementwise_grad only applies to real-output functions.")
    return pull(vspace(ans).ones())


@unary_to_nary
def holomorphic_grad(fun: Callable[..., Any], x: Any) -> Any:
    """The complex derivative of a holomorphic function."""
    if not vspace(x).iscomplex:
        warnings.warn("Input to holomorphic_grad is not complex", stacklevel=2)
    return grad(lambda x: tnp.real(fun(x)))(x)


@unary_to_nary
def deriv(fun: Callable[..., Any], x: Any) -> Any:
    """The derivative along the direction of ones, by a forward sweep."""
    return _make_jvp(fun, x)(vspace(x).ones())[1]


@unary_to_nary
def jacobian(fun: Callable[..., Any], x: Any) -> Any:
    """The Jacobian, of the shape of the result and then of the argument."""
    x = floating(x)
    try:
        return _jacrev(noticing_independence(fun))(x)
    except (NonDifferentiableError, TracingError):  # a rule that looks at its cotangent, say
        pull, ans = _make_vjp(fun, x)
        rows = [pull(g) for g in vspace(ans).standard_basis()]
        return tnp.reshape(tnp.stack(rows), vspace(ans).shape + vspace(x).shape)


@unary_to_nary
def hessian(fun: Callable[..., Any], x: Any) -> Any:
    """The Hessian: the Jacobian of the Jacobian."""
    x = floating(x)
    try:
        with sweeping("both"):
            return _hessian(noticing_independence(fun))(x)
    except (NonDifferentiableError, TracingError):
        return jacobian(jacobian(fun))(x)


@unary_to_nary
def make_hvp(fun: Callable[..., Any], x: Any) -> tuple[Callable[[Any], Any], Any]:
    """Products with the Hessian at ``x``, and the gradient there."""
    try:
        with sweeping("both"):
            gradient, product = linearize(grad(fun), floating(x))
        return product, gradient
    except NonDifferentiableError:
        return _make_vjp(grad(fun), x)


def hessian_tensor_product(fun: Callable[..., Any], argnum: Any = 0) -> Callable[..., Any]:
    """A function of the arguments and of a tensor: the product of the Hessian with it."""

    def product(*args: Any, **kwargs: Any) -> Any:
        *args, vector = args  # type: ignore[assignment]
        return make_hvp(fun, argnum)(*args, **kwargs)[0](vector)

    return product


def tensor_jacobian_product(fun: Callable[..., Any], argnum: Any = 0) -> Callable[..., Any]:
    """A function of the arguments and of a tensor: its product with the Jacobian, from the left."""

    def contracted(*args: Any, **kwargs: Any) -> Any:
        *args, vector = args  # type: ignore[assignment]
        return tnp.tensordot(vector, fun(*args, **kwargs), axes=tnp.ndim(vector))

    return jacobian(contracted, argnum)


hessian_vector_product, vector_jacobian_product = hessian_tensor_product, tensor_jacobian_product


@unary_to_nary
def make_jvp_reversemode(fun: Callable[..., Any], x: Any) -> Callable[[Any], Any]:
    """Products with the Jacobian at ``x``."""
    try:
        with sweeping("both"):
            return linearize(fun, floating(x))[1]
    except NonDifferentiableError:
        pull, y = _make_vjp(fun, x)
        return _make_vjp(pull, vspace(y).zeros())[0]


def _half_square(x: Any) -> Any:
    return 0.5 * tnp.sum(x**2, axis=-1)


def make_ggnvp(
    f: Callable[..., Any], g: Callable[[Any], Any] = _half_square, f_argnum: Any = 0
) -> Callable[..., Any]:
    """Products with the generalised Gauss-Newton matrix of ``g(f(x))``."""

    @unary_to_nary
    def make(f: Callable[..., Any], x: Any) -> Callable[[Any], Any]:
        pull, y = _make_vjp(f, x)
        push, outer = make_jvp_reversemode(f)(x), make_hvp(g)(y)[0]
        return lambda v: pull(outer(push(v)))

    return make(f, f_argnum)


def grad_named(fun: Callable[..., Any], argname: str) -> Callable[..., Any]:
    """The gradient with respect to an argument by its name."""
    return grad(fun, list(inspect.signature(fun).parameters).index(argname))


def multigrad_dict(fun: Callable[..., Any]) -> Callable[..., Any]:
    """The gradients with respect to all arguments, as a dict by their names."""
    signature = inspect.signature(fun)

    def gradients(*args: Any, **kwargs: Any) -> OrderedDict[str, Any]:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()

        def of_arguments(arguments: dict[str, Any]) -> Any:
            call = inspect.BoundArguments(signature, OrderedDict(arguments))
            return fun(*call.args, **call.kwargs)

        found = grad(of_arguments)(dict(bound.arguments))
        return OrderedDict((name, found[name]) for name in bound.arguments)

    return gradients


def checkpoint(fun: Callable[..., Any]) -> Callable[..., Any]:
    """``fun`` without its intermediates on the tape; they are computed again in the sweep back."""

    @wraps(fun)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        return _checkpoint(lambda *given: fun(*given, **kwargs))(*args)

    return checkpointed
