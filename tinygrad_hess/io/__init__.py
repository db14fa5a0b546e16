"""Files, and models from elsewhere."""

from .saving import load as load
from .saving import save as save
