"""Cheap checks before long runs: is this function of these data what a curvature needs?

A loss that is random, a net that updates itself, a loader that shuffles, a wrong derivative rule:
each would give numbers that look right and are not.
"""

from __future__ import annotations

import math
import types
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...core import arguments, trees
from ...core.tensor import Tensor
from ...distributed.shards import check_halves, raw
from ..estimates import scaling
from .flattening import Array, Flattening

OPAQUE = (type, types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinFunctionType)


def check_functions(who: str, *, loss: Any = None, predict: Any = None) -> None:
    """Those that are given can be called."""
    if predict is not None:
        arguments.function(who, "predict", predict, "Write predict(params, x).")
        form = "loss(outputs, y)"
    else:
        form = "loss(params, batch), or loss(params) without data"
    if loss is not None:
        arguments.function(who, "loss", loss, f"Write {form}.")


def same_value(before: Any, now: Any, dtype: Any) -> bool:
    """Whether two evaluations agree up to rounding (another batching of sums is allowed)."""
    before, now = float(before), float(now)
    if before == now or (math.isnan(before) and math.isnan(now)):
        return True
    return abs(now - before) <= float(np.finfo(dtype).eps) ** 0.5 * abs(before) < math.inf


def check_repeats(who: str, before: Any, now: Any, dtype: Any) -> None:
    """The same loss twice at the same parameters and data."""
    if not same_value(before, now, dtype):
        raise ValueError(
            f"{who}: two evaluations on the same batch gave {float(before):.10g} and "
            f"{float(now):.10g}, so the function is random. Switch off dropout (and whatever else "
            "is for training only), or draw its noise from a generator seeded inside the function."
        )


def check_evaluation(
    at: Flattening, evaluate: Callable[[Any], Any], batch: Any, before: Any = None
) -> Any:
    """A function of the parameters and a batch: finite, the same twice, and it changes no model.

    ``before`` is its value, where that is known. The value is returned.
    """
    who, model = at.who, state(at.tree())
    if before is None:
        before = evaluate(batch)
        check_finite(who, 0, before)
    value = evaluate(batch)
    check_unchanged(who, model, state(at.tree()))
    check_repeats(who, before, value, at.dtype)
    return value


def check_cut(
    who: str, evaluate: Callable[[Any], Any], batch: Any, value: Any, reduction: str
) -> None:
    """A loss over parts of the batches that were given is the one over these."""
    mean = reduction == "mean"
    try:
        check_halves(
            who, evaluate, batch, value, mean,
            f"The data are cut, by executor= or memory_limit=, so with reduction={reduction!r} the "
            f"loss must be a {'mean' if mean else 'sum'} over examples. Give a list of batches, "
            "each of which is one term, or leave out what cuts them.",
        )  # fmt: skip
    except ValueError:
        check_repeats(who, value, evaluate(batch), np.asarray(value).dtype)
        raise


def check_finite(
    who: str,
    number: int,
    value: Any,
    gradient: Array | None = None,
    why: Callable[[], str] = str,
) -> None:
    """A finite loss and gradient, of one batch; ``value`` is None where it is not known.

    ``why`` tells whether the value overflowed.
    """
    if value is not None and not np.isfinite(value):
        raise ValueError(
            f"{who}: on batch {number} the value is {float(value)}, so there is no curvature. "
            f"{why()}Run the function under tg.debug_nans() to see where it comes from, or take "
            "parameters from before training diverged."
        )
    if gradient is None:
        return
    bad = int(gradient.size - np.isfinite(gradient).sum())
    if bad:
        loss = "" if value is None else f"the loss is {float(value):.6g}, but "
        raise ValueError(
            f"{who}: on batch {number} {loss}{bad} of {gradient.size} elements of its gradient are "
            "not finite. Run tg.grad of it under tg.debug_nans() to see where they come from "
            "(sqrt, log or a norm at 0 do this)."
        )


def check_symmetric(
    who: str, products: Callable[[Array], Array], gradient: Array, dtype: Any
) -> None:
    """``uᵀ A v = vᵀ A u`` for random signs u and v, by two products."""
    rng = np.random.default_rng(0)
    V = rng.choice([-1.0, 1.0], (gradient.size, 2)).astype(dtype)
    AV = np.asarray(products(V), float)
    if not np.isfinite(AV).all():
        raise ValueError(
            f"{who}: the loss and its gradient are finite, but a product is not: a second "
            "derivative is infinite or NaN at this point. Move off it, or smooth the function "
            "there (sqrt, norm and powers below 2 do this at 0)."
        )
    unit = scaling.power_of_two(AV)
    AV = AV / unit
    one, other = float(V[:, 0] @ AV[:, 1]), float(V[:, 1] @ AV[:, 0])
    eps = float(np.finfo(dtype).eps)
    # For random signs, rounding adds up to about eps ‖A v‖, and a difference A - Aᵀ to its norm.
    allowed = eps**0.5 * np.linalg.norm(AV) + 1e3 * eps * (scaling.norm(gradient) / unit)
    _refuse_difference(who, one, other, allowed, "uᵀAv", "vᵀAu")


def check_transposed(who: str, forward: float, backward: float, scale: float, dtype: Any) -> None:
    """``uᵀ (J v) = (Jᵀ u)ᵀ v``, up to rounding of numbers of size ``scale``."""
    allowed = float(np.finfo(dtype).eps) ** 0.5 * scale
    _refuse_difference(who, forward, backward, allowed, "uᵀ(Jv)", "(Jᵀu)ᵀv")


def _refuse_difference(who: str, a: float, b: float, allowed: float, *names: str) -> None:
    if not abs(a - b) <= allowed:
        raise ValueError(
            f"{who}: {names[0]} = {a:.10g}, but {names[1]} = {b:.10g}, which should be equal. "
            "A derivative rule is wrong (of a custom_vjp, custom_jvp or own primitive?): try "
            "tg.check_grads(f, args, order=2), or the function is random: switch off dropout."
        )


# ---- data ------------------------------------------------------------------------------------


def fingerprint(batch: Any) -> tuple[Any, ...]:
    """What identifies the content of a batch."""
    return tuple(_content(x) for x in trees.leaves(batch))


def check_same_data(who: str, number: int, before: tuple[Any, ...], now: tuple[Any, ...]) -> None:
    """A second pass over the data gives the same batch."""
    if before != now:
        raise ValueError(
            f"{who}: batch {number} of a second pass over the data differs from the first. If the "
            "data loader shuffles or augments, switch that off, or give list(loader)."
        )


def check_same_count(who: str, before: int, now: int) -> None:
    """A second pass over the data gives as many batches."""
    if before != now:
        raise ValueError(
            f"{who}: this pass over the data found {now} batches, an earlier one {before}. "
            "Give a list of batches, as in list(loader)."
        )


def _content(x: Any) -> Any:
    x = np.asarray(raw(x))
    if x.dtype.kind == "O":
        return x.shape, str(x)
    return (
        x.shape,
        x.dtype.str,
        zlib.crc32(np.ascontiguousarray(x).data.cast("B") if x.size else b""),
    )


# ---- the model -------------------------------------------------------------------------------


def state(model: Any) -> dict[str, Any]:
    """All arrays, numbers and strings in a model, whether they are trained or not."""
    return dict(_state(model, "", set()))


def _state(x: Any, path: str, visited: set[int]) -> Iterator[tuple[str, Any]]:
    if isinstance(x, (np.ndarray, np.generic, Tensor)):
        yield path, _content(x)
    elif isinstance(x, (bool, int, float, str)) or x is None:
        yield path, x
    elif id(x) in visited or isinstance(x, OPAQUE):
        return
    else:
        visited.add(id(x))
        if isinstance(x, dict):
            parts = [(f"{path}[{key!r}]", value) for key, value in x.items()]
        elif isinstance(x, (list, tuple)):
            parts = [(f"{path}[{i}]", value) for i, value in enumerate(x)]
        else:
            parts = [
                (f"{path}.{name}", value) for name, value in getattr(x, "__dict__", {}).items()
            ]
        for where, value in parts:
            yield from _state(value, where, visited)


def check_unchanged(who: str, before: dict[str, Any], now: dict[str, Any]) -> None:
    """An evaluation leaves the model as it was."""
    for path in [*before, *now]:
        if path not in now or path not in before or before[path] != now[path]:
            raise ValueError(
                f"{who}: evaluating the function changed the model at {path or 'its only array'}. "
                "Switch it to evaluation (batch norm that updates running averages does this); "
                "a curvature belongs to one fixed function."
            )
