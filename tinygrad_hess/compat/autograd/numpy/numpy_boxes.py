"""``autograd.numpy.numpy_boxes``: a recorded array is a ``tg.Tensor``."""

from .... import Tensor as ArrayBox
from ..builtins import DictBox, SequenceBox
from ..tracer import Box

__all__ = ["ArrayBox", "Box", "DictBox", "SequenceBox"]
