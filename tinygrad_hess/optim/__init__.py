"""Optimisers, learning-rate schedules and gradient clipping."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from ..core.names import missing as _missing
from . import schedules as schedules
from .adadelta import Adadelta as Adadelta
from .adagrad import AdaGrad as AdaGrad
from .adahessian import AdaHessian as AdaHessian
from .adam import Adam as Adam
from .adam import AdamW as AdamW
from .adasecant import AdaSecant as AdaSecant
from .clipping import clip_by_global_norm as clip_by_global_norm
from .clipping import clip_grad_norm as clip_grad_norm
from .clipping import global_norm as global_norm
from .diagonal_newton import DiagonalNewton as DiagonalNewton
from .lion import Lion as Lion
from .muon import Muon as Muon
from .nadam import NAdam as NAdam
from .optimizer import Optimizer as Optimizer
from .optimizer import State as State
from .rmsprop import RMSProp as RMSProp
from .sam import ASAM as ASAM
from .sam import SAM as SAM
from .schedules import constant as constant
from .schedules import cosine as cosine
from .schedules import exponential_decay as exponential_decay
from .schedules import linear_warmup as linear_warmup
from .schedules import piecewise as piecewise
from .schedules import step_decay as step_decay
from .sgd import SGD as SGD
from .shampoo import Shampoo as Shampoo
from .soap import SOAP as SOAP
from .sophia import Sophia as Sophia
from .training.fit import fit as fit
from .training.fitted import Fitted as Fitted
from .vsgd import VSGD as VSGD

_ADVICE = {
    "lr_scheduler": "Give a schedule as the rate: optim.Adam(lr=optim.cosine(1e-3, steps=1000)).",
    "StepLR": "Use step_decay(lr, every, factor) as the lr of an optimiser.",
    "ExponentialLR": "Use exponential_decay(lr, every, factor) as the lr of an optimiser.",
    "CosineAnnealingLR": "Use cosine(lr, steps) as the lr of an optimiser.",
    "RMSprop": "It is RMSProp.",
    "Adagrad": "It is AdaGrad.",
    "LBFGS": "Use minimize(f, x0, method='l-bfgs').",
    "apply_updates": "Write params, state = opt.update(params, grads, state).",
    "clip_grad_norm_": "Use clip_grad_norm.",
    "train": "Use fit.",
    "EarlyStopping": "Write fit(..., validation=new, patience=5).",
    "ModelCheckpoint": "Write fit(..., checkpoint='run/'); .best is the best model.",
}

_SOLVERS = {
    "HessianFree": "hessian_free",
    "KFAC": "kfac",
    "NaturalGradient": "natural_gradient",
    "History": "deterministic.history",
    "Result": "deterministic.history",
    "minimize": "deterministic.minimization",
    "least_squares": "deterministic.scipy_methods",
    "scipy_minimize": "deterministic.scipy_methods",
    "NotConvergedError": "implicit.linear_solve",
    "linear_solve": "implicit.linear_solve",
    "fixed_point": "implicit.root",
    "root": "implicit.root",
}
"""Public names by their modules, which bring scipy.optimize and are imported when asked for."""

if _TYPE_CHECKING:
    from .deterministic.history import History as History
    from .deterministic.history import Result as Result
    from .deterministic.minimization import minimize as minimize
    from .deterministic.scipy_methods import least_squares as least_squares
    from .deterministic.scipy_methods import scipy_minimize as scipy_minimize
    from .hessian_free import HessianFree as HessianFree
    from .implicit.linear_solve import NotConvergedError as NotConvergedError
    from .implicit.linear_solve import linear_solve as linear_solve
    from .implicit.root import fixed_point as fixed_point
    from .implicit.root import root as root
    from .kfac import KFAC as KFAC
    from .natural_gradient import NaturalGradient as NaturalGradient
else:

    def __getattr__(name: str) -> _Any:
        if name not in _SOLVERS:
            raise _missing(__name__, name, __dir__(), _ADVICE)
        globals()[name] = found = getattr(_import_module(f"{__name__}.{_SOLVERS[name]}"), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *_SOLVERS})
