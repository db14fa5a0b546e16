"""Optimisers, learning-rate schedules and gradient clipping."""

from . import schedules as schedules
from .adam import Adam as Adam
from .adam import AdamW as AdamW
from .clipping import clip_by_global_norm as clip_by_global_norm
from .clipping import clip_grad_norm as clip_grad_norm
from .clipping import global_norm as global_norm
from .optimizer import Optimizer as Optimizer
from .optimizer import State as State
from .schedules import constant as constant
from .schedules import cosine as cosine
from .schedules import exponential_decay as exponential_decay
from .schedules import linear_warmup as linear_warmup
from .schedules import piecewise as piecewise
from .schedules import step_decay as step_decay
from .sgd import SGD as SGD
