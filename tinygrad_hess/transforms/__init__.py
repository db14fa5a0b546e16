"""Functions in, functions out: each records its function once and sweeps over the tape."""

from .checking import check_grads as check_grads
from .checkpointing import checkpoint as checkpoint
from .custom import custom_jvp as custom_jvp
from .custom import custom_vjp as custom_vjp
from .gradients import grad as grad
from .gradients import hvp as hvp
from .gradients import jvp as jvp
from .gradients import value_and_grad as value_and_grad
from .gradients import vjp as vjp
from .raveling import ravel as ravel
from .stopping import stop_gradient as stop_gradient
from .vectorize import vmap as vmap
