"""Hooks: functions of the user's that ``backward`` calls with the gradient of a tensor.

    register_hook : (tensor, f) -> handle     f sees the gradient, and may give another
    retain_grad   : tensor      -> None       the gradient is kept, as that of leaves is

A hook belongs to a node of the tape: of a tensor that is assigned to, to what it was before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakSet, WeakValueDictionary

import numpy as np

from ..core import modes
from ..core.errors import NonDifferentiableError, describe
from ..core.tape import Tape, is_listed
from ..core.tensor import Batched, Tensor, constant, unrecorded
from .recording import is_start
from .sweeps import Visit

RETAINED: WeakValueDictionary[int, Tensor] = WeakValueDictionary()
"""Computed tensors that keep their gradient, by their ids."""


class Hooks:
    """The hooks of one node, by their handles, in the order of their registration."""

    __slots__ = ("__weakref__", "functions", "time")

    def __init__(self, time: int):
        self.time = time
        self.functions: dict[HookHandle, Callable[[Tensor], Any]] = {}


_EVERY: WeakSet[Hooks] = WeakSet()
"""Of all tensors that are alive. While there are none, ``backward`` looks for none."""


class HookHandle:
    """What :func:`register_hook` gives: :meth:`remove` ends the hook, as does the end of ``with``.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> x = tg.tensor(3.0, requires_grad=True)
    >>> with x.register_hook(lambda grad: -grad):
    ...     (x * x).backward()
    >>> x.grad
    tensor(-6.)
    """

    __slots__ = ("__weakref__", "_hooks")

    def __init__(self, hooks: Hooks):
        self._hooks = hooks

    def remove(self) -> None:
        """Call the hook no more; a second time does nothing."""
        self._hooks.functions.pop(self, None)

    def __enter__(self) -> HookHandle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()

    def __repr__(self) -> str:
        state = "registered" if self in self._hooks.functions else "removed"
        return f"<HookHandle: {state}>"


def register_hook(self: Tensor, hook: Callable[[Tensor], Any]) -> HookHandle:
    """Let ``backward`` call ``hook`` with the gradient of this tensor, leaf or computed.

    Parameters
    ----------
    hook : callable
        Takes the gradient, a tensor of this one's shape, complete: what came from all that was
        computed from it is added up. It must not change that in place. What it returns, unless
        None, takes the gradient's place, for the hooks registered after it, for ``grad``, and for
        all that this tensor was computed from.

    Returns
    -------
    HookHandle
        Its ``remove()`` ends the hook.

    Raises
    ------
    NonDifferentiableError
        When the tensor is not on a tape, or belongs to a function that a transform (``tg.grad``,
        ``tg.jit``, ``tg.vmap``, ...) is recording.
    TypeError
        When ``hook`` is no function.

    Notes
    -----
    As in PyTorch, where no gradient arrives, no hook is called; with ``create_graph=True`` the
    gradient is on the tape, and so is what the hook makes of it. Transforms differentiate functions
    of their arguments, and call no hooks, neither of arguments nor of what they captured.

    References
    ----------
    torch.Tensor.register_hook, in PyTorch's documentation.

    Examples
    --------
    Clip what reaches a tensor, and look at it:

    >>> import numpy as np, tinygrad_hess as tg
    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> y = x**3
    >>> seen = []
    >>> handles = [y.register_hook(seen.append), y.register_hook(lambda g: np.clip(g, -1, 1))]
    >>> (5 * y).sum().backward()
    >>> seen, x.grad
    ([tensor([5., 5.])], tensor([ 3., 12.]))
    >>> handles[1].remove()
    """
    if not callable(hook):
        raise TypeError(
            f"register_hook: hook must be a function of the gradient, got {describe(hook)}"
        )
    require_backward("register_hook()", self)
    hooks = _hooks_of(self)
    if hooks is None:
        self._hooks = hooks = Hooks(self.time)
        _EVERY.add(hooks)
    handle = HookHandle(hooks)
    hooks.functions[handle] = hook
    return handle


def retain_grad(self: Tensor) -> None:
    """Let ``backward`` fill ``grad`` of this computed tensor too, as it does for leaves.

    Raises
    ------
    NonDifferentiableError
        When the tensor is not on a tape, or belongs to a function that a transform is recording.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> x = tg.tensor(3.0, requires_grad=True)
    >>> y = x * x
    >>> y.retain_grad()
    >>> (2 * y).backward()
    >>> y.grad, x.grad
    (tensor(2.), tensor(12.))
    """
    require_backward("retain_grad()", self)
    if self.parents:
        RETAINED[id(self)] = self


def require_backward(who: str, x: Tensor) -> None:
    """Refuse a tensor that ``backward`` cannot reach, or not from where the user stands."""
    if x.prim is None and not isinstance(x, Batched):
        raise NonDifferentiableError(
            f"{who} on a {describe(x)} tensor that is not on any tape: it has no "
            "gradient. Compute it from a tensor with requires_grad=True."
        )
    if isinstance(x, Batched) or any(map(_is_being_recorded, Tape([x]).nodes)):
        raise NonDifferentiableError(
            f"{who} on a {describe(x)} tensor inside a function that a transform is recording: "
            "only backward() calls hooks and keeps gradients. To change a derivative, decorate the "
            "function that computes the tensor with tg.custom_vjp; to see it, differentiate with "
            "respect to a zero that is added to the tensor, or draw tg.viz.graph(f, x, grads=True)."
        )


def _is_being_recorded(x: Tensor) -> bool:
    """Whether it is an argument of a transform that has not ended."""
    return is_start(x) and not is_listed(x)


def visit_of(nodes: Iterable[Tensor], kept: dict[int, Any], create_graph: bool) -> Visit | None:
    """What a sweep over these nodes is to do at each; None where there is nothing to do.

    It calls hooks, and notes in ``kept``, by time, the gradients of computed tensors that retain
    theirs; those that none reaches have None there.
    """
    hooks = {n.time: h for n in nodes if (h := _hooks_of(n)) and h.functions} if _EVERY else {}
    if RETAINED:
        kept |= dict.fromkeys(n.time for n in nodes if n.parents and id(n) in RETAINED)
    if not (hooks or kept):
        return None

    def visit(node: Tensor, g: Any) -> Any:
        if node.time in hooks:
            g = _called(hooks[node.time], node, g, create_graph)
        if node.time in kept:
            kept[node.time] = g
        return g

    return visit


def _hooks_of(x: Tensor) -> Hooks | None:
    """Those of the node that it is now; a leaf stays itself when it is updated."""
    hooks: Hooks | None = getattr(x, "_hooks", None)
    return hooks if hooks is not None and (not x.parents or hooks.time == x.time) else None


def _called(hooks: Hooks, node: Tensor, g: Any, create_graph: bool) -> Any:
    for hook in list(hooks.functions.values()):
        shown = g if isinstance(g, Tensor) else constant(np.array(g)[()])
        with modes.recording() if create_graph else modes.no_grad():
            given = hook(shown)
        if given is None:
            continue
        made: Any = given if isinstance(given, Tensor) else np.asarray(given)
        if made.shape != node.shape or made.dtype != node.dtype:
            raise ValueError(
                f"register_hook: the hook of a {describe(node)} tensor returned {describe(made)}; "
                "return a gradient of that shape and type, or None to leave it as it is."
            )
        g = made if create_graph else unrecorded(made)
    return g
