"""What layers share: how weights are drawn, and how arguments are checked."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops
from ..core import arguments
from ..ops.shape.axes import canonical_shape
from .init import Seed, default, generator, uniform, zeros
from .module import Module

Init = Callable[..., Any]


def draw_weights(
    who: str,
    shape: tuple[int, ...],
    *,
    outputs: int,
    fan_in: int,
    bias: bool,
    init: Init | None,
    bias_init: Init | None,
    seed: Seed,
    dtype: Any,
) -> tuple[Any, Any]:
    """Draw weight and bias; without ``init``, as PyTorch does (both uniform on ±1/sqrt(fan_in))."""
    rng, dtype = generator(seed, who), arguments.floating(who, dtype)
    for name, given in (("init", init), ("bias_init", bias_init)):
        if given is not None:
            arguments.function(who, name, given, f"Write {name}=nn.init.he_normal.")
    weight = arguments.array(who, "what init gives", (init or default)(shape, rng))
    weight = weight.astype(dtype, copy=False)
    if weight.shape != shape:
        raise ValueError(
            f"{who}: init gave a weight of shape {weight.shape}, but {shape} is needed"
        )
    if not bias:
        return weight, None
    if bias_init is not None:
        b = bias_init((outputs,), rng)
    elif init is None:
        b = uniform((outputs,), rng, 1 / math.sqrt(max(fan_in, 1)))
    else:
        b = zeros((outputs,))
    return weight, np.asarray(b).astype(dtype, copy=False)


def positive(who: str, **sizes: int) -> None:
    for name, n in sizes.items():
        arguments.integer(who, name, n, least=1)


def a_layer(who: str, name: str, value: Any) -> Callable[[Any], Any]:
    """A function of one array, or a module: no string that names one, and no class of modules."""
    advice = ""
    if isinstance(value, type) and issubclass(value, Module):
        value, advice = [value], f"Make one: {value.__name__}(...)."
    elif isinstance(value, str):
        known = value.lower()
        advice = f"Write nn.{known}." if known in ops.__dict__ else "Write nn.tanh, nn.relu, ..."
    elif isinstance(value, (list, tuple)):
        advice = "Give layers one by one: nn.Sequential(*layers)."
    return arguments.function(who, name, value, advice, what="a layer or a function")


def for_each_axis(value: Any, rank: int, who: str, what: str, least: int) -> tuple[int, ...]:
    given = canonical_shape(value, f"{who} {what}")
    given = given * rank if len(given) == 1 else given
    if len(given) != rank or min(given) < least:
        raise ValueError(f"{who}: {what}={value!r} must be {rank} integers of at least {least}")
    return given
