"""Second-order automatic differentiation on NumPy: gradients, Hessians, and their curvature.

- A gradient: ``grad(f)(x)``, ``value_and_grad(f)(x)``; or ``loss.backward()`` and ``x.grad`` on
  a ``tensor``.
- A Hessian-vector product: ``hvp(f, x, v)``; many at one point: ``linearize(grad(f), x)``.
- Jacobians and Hessians: ``jacobian(f)(x)``, ``jacfwd``, ``jacrev``, ``hessian(f)(x)``; sparse
  ones with ``sparse=True``; products with a Jacobian: ``jvp``, ``vjp``.
- Over a batch: ``vmap(f)``; per-example gradients: ``vmap(grad(f), (None, 0))(w, xs)``; over seeds
  or settings, by other processes: ``parallel_map(f, range(10), executor=executor)``.
- Recorded once, then replayed: ``jit(f)``; a loop as one node: ``scan(body, carry, xs)``.
- Custom rules: ``custom_vjp``, ``custom_jvp``, ``stop_gradient``, ``checkpoint``.
- Checks: ``check_grads(f, (x,))``, ``check_finite(tree)``, ``debug_nans()``, ``nan_safe()``; what
  has a derivative: ``supported("numpy.cumsum")``.
- Nets, optimisers and data: ``nn``, ``optim``, ``data``.
- The Hessian of a training loss: ``curvature.HessianOperator``, ``curvature.top_eigenpairs``,
  ``curvature.trace``.
- Pictures: ``viz.graph``, ``viz.render``, ``viz.plots``.
- NumPy's names, differentiable: ``numpy``; plain NumPy calls on tensors work as well.
"""

import sys as _sys
import typing as _typing
from importlib import import_module as _import_module
from typing import Any as _Any

from .tensor_methods import methods as _methods
from .numpy import _protocols
from .core.allocator import keep_freed_memory as _keep_freed_memory

_methods.install()
_protocols.install()
_keep_freed_memory()

from . import distributed as distributed
from . import numpy as numpy
from . import ops as ops
from .core.names import missing as _missing
from .core.errors import CheckError as CheckError
from .core.errors import NanError as NanError
from .core.errors import NonDifferentiableError as NonDifferentiableError
from .core.errors import TapeReleasedError as TapeReleasedError
from .core.errors import TracingError as TracingError
from .core.finite import check_finite as check_finite
from .core.modes import debug_nans as debug_nans
from .core.modes import enable_grad as enable_grad
from .core.modes import nan_safe as nan_safe
from .core.modes import no_grad as no_grad
from .core.kinds import bilinear as bilinear
from .core.kinds import elementwise as elementwise
from .core.kinds import linear as linear
from .core.kinds import structured as structured
from .core.kinds import variadic as variadic
from .core.kinds import zero as zero
from .replay import hessian as hessian
from .replay import jacfwd as jacfwd
from .replay import jacobian as jacobian
from .replay import jacrev as jacrev
from .replay import jit as jit
from .replay import linearize as linearize
from .replay import no_replay as no_replay
from .replay import scan as scan
from .core.tensor import Tensor as Tensor
from .transforms import check_grads as check_grads
from .transforms import checkpoint as checkpoint
from .transforms import custom_jvp as custom_jvp
from .transforms import custom_vjp as custom_vjp
from .transforms import grad as grad
from .transforms import hvp as hvp
from .transforms import jvp as jvp
from .transforms import ravel as ravel
from .transforms import stop_gradient as stop_gradient
from .transforms import value_and_grad as value_and_grad
from .transforms import vjp as vjp
from .transforms import vmap as vmap
from .core.tensor import tensor as tensor

from ._version import __version__ as __version__

if _typing.TYPE_CHECKING:  # what __getattr__ loads when it is used
    from . import curvature as curvature
    from . import data as data
    from . import io as io
    from . import nn as nn
    from . import ode as ode
    from . import optim as optim
    from . import scipy as scipy
    from . import viz as viz
    from .distributed.parallel_map import parallel_map as parallel_map
    from .numpy._coverage import supported as supported
    from .transforms.sparse.plan import sparsity as sparsity

_SUBPACKAGES = ("curvature", "data", "io", "nn", "ode", "optim", "scipy", "viz")
_ELSEWHERE = {
    "parallel_map": "distributed.parallel_map",
    "sparsity": "transforms.sparse.plan",
    "supported": "numpy._coverage",
}

_FILES = "Write tg.io.save(path, model), and tg.io.load(path, like=model)."
_GRAD = "Use with tg.no_grad(): or with tg.enable_grad():."
_ADVICE = {
    "save": _FILES,
    "load": _FILES,
    "backward": "It is a method of the loss: loss.backward().",
    "Variable": "Use tg.tensor(data, requires_grad=True).",
    "Parameter": "Use tg.tensor(data, requires_grad=True).",
    "Function": "Use tg.custom_vjp.",
    "set_grad_enabled": _GRAD,
    "inference_mode": "Use with tg.no_grad():.",
    "compile": "Use tg.jit.",
    "functional": "Its functions are in tg.nn.",
    "hessian_vector_product": "Use tg.hvp(f, x, v).",
    "pmap": "Use tg.parallel_map(f, inputs, executor=executor).",
    "make_vjp": "Use tg.vjp(f, x).",
    "make_jvp": "Use tg.jvp(f, (x,), (tangent,)).",
    "elementwise_grad": "Use tg.vmap(tg.grad(f)), or tg.grad of the sum.",
    "cuda": "Everything is on the CPU.",
    "device": "Everything is on the CPU.",
}
"""What to write for names of other libraries."""

_NAMESPACES = ("numpy", "nn", "optim", "data", "curvature", "viz")
"""Where a name is looked for that the package itself does not have, in this order."""

# not for users: found, not listed
for _name in ("core", "distributed", "replay", "tensor_methods", "transforms"):
    del globals()[_name]


def __getattr__(name: str) -> _Any:
    module = f"{__name__}.{name}"
    if name in _SUBPACKAGES or module in _sys.modules:  # curvature alone brings scipy.sparse
        return _import_module(module)
    if name in _ELSEWHERE:
        return getattr(_import_module(f"{__name__}.{_ELSEWHERE[name]}"), name)
    advice = _ADVICE
    if not name.startswith("_") and name not in advice:
        places = (_import_module(f"{__name__}.{place}") for place in _NAMESPACES)
        found = next((place for place in places if hasattr(place, name)), None)
        if found is not None:
            advice = {name: f"It is {found.__name__.replace(__name__, 'tg')}.{name}."}
    raise _missing(__name__, name, __dir__(), advice)


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBPACKAGES, *_ELSEWHERE})
