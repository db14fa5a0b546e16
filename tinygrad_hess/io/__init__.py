"""Files, and models from elsewhere."""

from .from_onnx import from_onnx as from_onnx
from .from_sklearn import from_sklearn as from_sklearn
from .from_torch import from_torch as from_torch
from .saving import load as load
from .saving import save as save
