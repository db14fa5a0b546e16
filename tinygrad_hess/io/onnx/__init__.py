"""ONNX: what its operators are here, how files are read, and graphs as modules."""

from . import elementwise, layers, recurrent, shapes

OPERATORS = {
    **elementwise.ELEMENTWISE,
    **shapes.SHAPES,
    **layers.LAYERS,
    **recurrent.RECURRENT,
}
"""For each operator, its rule; see :mod:`.node`."""

LIMITS = {**elementwise.LIMITS, **shapes.LIMITS, **layers.LIMITS, **recurrent.LIMITS}
"""For operators that are supported in part, what of a node is not."""
