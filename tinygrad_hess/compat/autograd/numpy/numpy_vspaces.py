"""``autograd.numpy.numpy_vspaces``."""

from ..vector_spaces import ArrayVSpace, ComplexArrayVSpace, VSpace

__all__ = ["ArrayVSpace", "ComplexArrayVSpace", "VSpace"]
