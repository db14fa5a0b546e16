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
from .attention import MultiHeadAttention as MultiHeadAttention
from .attention import TransformerBlock as TransformerBlock
from .convolution import Conv1d as Conv1d
from .convolution import Conv2d as Conv2d
from .convolution import ConvTranspose1d as ConvTranspose1d
from .convolution import ConvTranspose2d as ConvTranspose2d
from .dropout import Dropout as Dropout
from .embedding import Embedding as Embedding
from .fixed import Buffer as Buffer
from .fixed import Frozen as Frozen
from .freezing import freeze as freeze
from .freezing import unfreeze as unfreeze
from .init import manual_seed as manual_seed
from .layers import MLP as MLP
from .layers import Flatten as Flatten
from .layers import Lambda as Lambda
from .layers import Linear as Linear
from .layers import Sequential as Sequential
from .module import Module as Module
from .module import count_parameters as count_parameters
from .normalization import BatchNorm1d as BatchNorm1d
from .normalization import BatchNorm2d as BatchNorm2d
from .normalization import GroupNorm as GroupNorm
from .normalization import LayerNorm as LayerNorm
from .normalization import RMSNorm as RMSNorm
from .pooling import AdaptiveAvgPool1d as AdaptiveAvgPool1d
from .pooling import AdaptiveAvgPool2d as AdaptiveAvgPool2d
from .pooling import AdaptiveMaxPool1d as AdaptiveMaxPool1d
from .pooling import AdaptiveMaxPool2d as AdaptiveMaxPool2d
from .pooling import AvgPool1d as AvgPool1d
from .pooling import AvgPool2d as AvgPool2d
from .pooling import MaxPool1d as MaxPool1d
from .pooling import MaxPool2d as MaxPool2d
from .positions import LearnedPositions as LearnedPositions
from .positions import SinusoidalPositions as SinusoidalPositions
from .recurrent import GRU as GRU
from .recurrent import LSTM as LSTM
from .recurrent import RNN as RNN
from .recurrent import GRUCell as GRUCell
from .recurrent import LSTMCell as LSTMCell
from .recurrent import RNNCell as RNNCell

_ADVICE = {
    "BCELoss": "Use binary_cross_entropy_with_logits, on logits.",
    "BCEWithLogitsLoss": "Use binary_cross_entropy_with_logits.",
    "NLLLoss": "Use cross_entropy, on logits.",
    "Parameter": "Floating-point arrays that are fields of a Module are its parameters.",
    "ModuleList": "Use a list: modules in it are found.",
    "ModuleDict": "Use a dict: modules in it are found.",
    "Dense": "It is called Linear here, and is told how many features come in.",
    "summary": "Write model.summary(), or model.summary(x) for shapes.",
    "Identity": "Use Lambda(lambda x: x).",
    "functional": "Its functions are here: nn.relu, nn.cross_entropy.",
    "utils": "Clip gradients with optim.clip_grad_norm.",
    "MultiheadAttention": "It is called MultiHeadAttention here.",
}

if not _TYPE_CHECKING:
    __getattr__ = _suggesting(__name__, _ADVICE)
