"""``autograd.numpy.numpy_jvps``: rules for the forward sweep are given with these."""

from ..primitives import def_linear, defjvp, defjvp_argnum, defjvp_argnums

__all__ = ["def_linear", "defjvp", "defjvp_argnum", "defjvp_argnums"]
