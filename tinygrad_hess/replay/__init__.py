"""Record once, plan, replay."""

from .attempted import Attempted as Attempted
from .jitted import Jitted as Jitted
from .jitted import jit as jit
from .linearized import linearize as linearize
from .repeated import Replayed as Replayed
from .repeated import no_replay as no_replay
