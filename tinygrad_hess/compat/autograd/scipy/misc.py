"""``autograd.scipy.misc``, of autograd before 1.4."""

from ....scipy.special import logsumexp

__all__ = ["logsumexp"]
