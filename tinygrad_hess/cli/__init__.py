"""The command line: ``tinygrad-hess``, or ``python -m tinygrad_hess``."""

from .main import main as main
