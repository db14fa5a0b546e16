"""Modules that are pytrees, activations, initialisations and losses."""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from ..core.names import suggesting as _suggesting
from ..ops import elu as elu
from ..ops import gelu as gelu
from ..ops import leaky_relu as leaky_relu
from ..ops import log_softmax as log_softmax
from ..ops import relu as relu
from ..ops import sigmoid as sigmoid
from ..ops import silu as silu
from ..ops import softmax as softmax
from ..ops import softplus as softplus
from ..ops import tanh as tanh
from ..ops.nn import losses as losses
from ..ops.nn.losses import accuracy as accuracy
from ..ops.nn.losses import binary_cross_entropy_with_logits as binary_cross_entropy_with_logits
from ..ops.nn.losses import cross_entropy as cross_entropy
from ..ops.nn.losses import hinge as hinge
from ..ops.nn.losses import huber as huber
from ..ops.nn.losses import kl_div as kl_div
from ..ops.nn.losses import l1 as l1
from ..ops.nn.losses import mse as mse
from . import init as init
from .fixed import Buffer as Buffer
from .fixed import Frozen as Frozen
from .freezing import freeze as freeze
from .freezing import unfreeze as unfreeze
from .init import manual_seed as manual_seed
from .layers import MLP as MLP
from .layers import AvgPool1d as AvgPool1d
from .layers import AvgPool2d as AvgPool2d
from .layers import Conv1d as Conv1d
from .layers import Conv2d as Conv2d
from .layers import Flatten as Flatten
from .layers import Lambda as Lambda
from .layers import LayerNorm as LayerNorm
from .layers import Linear as Linear
from .layers import MaxPool1d as MaxPool1d
from .layers import MaxPool2d as MaxPool2d
from .layers import Sequential as Sequential
from .module import Module as Module
from .module import count_parameters as count_parameters

_ADVICE = {
    "Dropout": "Draw a mask outside, (rng.random(shape) >= p) / (1 - p), and multiply by it.",
    "BatchNorm1d": "Use LayerNorm; there is no layer with running statistics.",
    "BatchNorm2d": "Use LayerNorm; there is no layer with running statistics.",
    "BCELoss": "Use binary_cross_entropy_with_logits, on logits.",
    "BCEWithLogitsLoss": "Use binary_cross_entropy_with_logits.",
    "NLLLoss": "Use cross_entropy, on logits.",
    "Parameter": "Floating-point arrays that are fields of a Module are its parameters.",
    "Embedding": "Index an array: weight[numbers].",
    "ModuleList": "Use a list: modules in it are found.",
    "ModuleDict": "Use a dict: modules in it are found.",
    "Identity": "Use Lambda(lambda x: x).",
    "functional": "Its functions are here: nn.relu, nn.cross_entropy.",
    "utils": "Clip gradients with optim.clip_grad_norm.",
    "RNN": "It is not there; write a class of nn.Module with a __call__.",
    "LSTM": "It is not there; write a class of nn.Module with a __call__.",
    "GRU": "It is not there; write a class of nn.Module with a __call__.",
    "MultiheadAttention": "It is not there; write a class of nn.Module with a __call__.",
}

if not _TYPE_CHECKING:
    __getattr__ = _suggesting(__name__, _ADVICE)
