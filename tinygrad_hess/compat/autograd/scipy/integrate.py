"""``autograd.scipy.integrate``."""

from ....scipy.integrate import *  # noqa: F403
