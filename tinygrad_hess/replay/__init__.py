"""Record once, plan, replay."""

from .fallback import Replayed as Replayed
from .fallback import no_replay as no_replay
from .jacobians import hessian as hessian
from .jacobians import jacfwd as jacfwd
from .jacobians import jacobian as jacobian
from .jacobians import jacrev as jacrev
from .jitted import Jitted as Jitted
from .jitted import jit as jit
from .linearized import linearize as linearize
from .scan import scan as scan
