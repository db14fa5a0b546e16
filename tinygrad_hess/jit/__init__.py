"""Record once, plan, replay."""

from .replay import Jitted as Jitted
from .replay import jit as jit
