"""Optimisers, learning-rate schedules and gradient clipping."""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from ..core.names import suggesting as _suggesting
from . import schedules as schedules
from .adam import Adam as Adam
from .adam import AdamW as AdamW
from .clipping import clip_by_global_norm as clip_by_global_norm
from .clipping import clip_grad_norm as clip_grad_norm
from .clipping import global_norm as global_norm
from .fitting import Fitted as Fitted
from .fitting import fit as fit
from .optimizer import Optimizer as Optimizer
from .optimizer import State as State
from .schedules import constant as constant
from .schedules import cosine as cosine
from .schedules import exponential_decay as exponential_decay
from .schedules import linear_warmup as linear_warmup
from .schedules import piecewise as piecewise
from .schedules import step_decay as step_decay
from .sgd import SGD as SGD

_ADVICE = {
    "lr_scheduler": "Give a schedule as the rate: optim.Adam(lr=optim.cosine(1e-3, steps=1000)).",
    "StepLR": "Use step_decay(lr, every, factor) as the lr of an optimiser.",
    "ExponentialLR": "Use exponential_decay(lr, every, factor) as the lr of an optimiser.",
    "CosineAnnealingLR": "Use cosine(lr, steps) as the lr of an optimiser.",
    "RMSprop": "Use SGD (with momentum) or Adam.",
    "Adagrad": "Use SGD (with momentum) or Adam.",
    "Adadelta": "Use SGD (with momentum) or Adam.",
    "LBFGS": "Use SGD (with momentum) or Adam.",
    "apply_updates": "Write params, state = opt.update(params, grads, state).",
    "clip_grad_norm_": "Use clip_grad_norm.",
    "train": "Use fit.",
}

if not _TYPE_CHECKING:
    __getattr__ = _suggesting(__name__, _ADVICE)
