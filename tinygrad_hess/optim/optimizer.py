"""What all optimisers share: one update rule for one leaf, and two ways to drive it.

    functional    : (params, grads, state) -> (params, state)     pure, over any pytree of arrays
    define by run : opt.step()                                    gives each leaf tensor a new value

A rule writes its moments into buffers that it is given: new ones in the functional way, the old
ones in the other, which owns them. Parameters are never changed in place.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core import arguments, modes, trees
from ..core.composite import opaque
from ..core.errors import NonDifferentiableError, describe
from ..core.tensor import Batched, Tensor, constant, is_tracked

Array = np.ndarray[Any, Any]
Rate = float | Callable[[int], float]
Moments = tuple[tuple[Array, ...], tuple[Array, ...]]
"""The old moments, and the buffers for the new ones (which may be the same)."""


SMALL = 2**15
"""Bytes of all parameters up to which they are updated as one vector."""


class State(NamedTuple):
    """What an optimiser remembers between updates: a pytree.

    Attributes
    ----------
    step : numpy.int64
        How many updates were made. (A Python int would be static under ``jit``.)
    slots : tuple of tuples of arrays
        For each leaf of the parameters, in their order, the rule's moments.
    """

    step: Any
    slots: tuple[tuple[Array, ...], ...]


class Optimizer:
    """The base of the optimisers; a subclass gives :meth:`_rule` and the number of its moments.

    Parameters
    ----------
    parameters : Module or list of Tensor, optional
        For :meth:`step` and :meth:`zero_grad`: a module, or leaf tensors as its ``parameters()``
        gives them. Left out for the functional way.
    lr : float or callable
        Learning rate, or a schedule: a function of the number of updates made before.

    Raises
    ------
    ValueError
        When a hyperparameter is out of range.
    TypeError
        When one is no number, or ``parameters`` holds anything but leaf tensors with
        ``requires_grad=True``.

    Notes
    -----
    Pickle or copy a model and its optimiser together, as one tuple, so that the copy of the one
    trains the copy of the other. Schedules of this package can be pickled; a lambda cannot.
    """

    moments = 0

    def __init__(self, parameters: Any, lr: Rate):
        self.lr: Rate = lr if callable(lr) else self._number("lr", lr, least=0)
        self.parameters = None if parameters is None else self._leaves(parameters)
        self.steps = 0
        self._slots: dict[int, tuple[int, tuple[Array, ...]]] = {}  # by position

    # ---- functional -------------------------------------------------------------------------

    def init(self, params: Any) -> State:
        """The state before the first update: moments of zeros.

        Parameters
        ----------
        params : pytree of floating-point arrays
        """
        leaves = [self._array(p, "params") for p in trees.leaves(params)]
        zeros = tuple(tuple(np.zeros_like(p) for _ in range(self.moments)) for p in leaves)
        return State(np.int64(0), zeros)

    def update(self, params: Any, grads: Any, state: State) -> tuple[Any, State]:
        """One update; nothing that is passed in is changed. It may be called inside ``jit``.

        Parameters
        ----------
        params, grads : pytree of arrays, of the same structure and shapes
        state : State
            From :meth:`init` or the update before.

        Returns
        -------
        params, state
            New parameters, with the dtypes of the old ones, and the new state.

        Raises
        ------
        ValueError
            When structures or shapes differ.
        NonDifferentiableError
            When a leaf is a tensor on a tape: updates are not differentiated.
        """
        who = f"{type(self).__name__}.update"
        require_state(who, state)
        given, spec = trees.flatten(params)
        gradients, other = trees.flatten(grads)
        if spec != other:
            raise ValueError(f"{who}: params and grads differ in structure: {spec} and {other}")
        if len(state.slots) != len(given):
            raise ValueError(
                f"{who}: the state is for {len(state.slots)} arrays, but params hold {len(given)}; "
                "make a new one with opt.init(params)"
            )
        for x, grad in zip(given, gradients, strict=True):
            if getattr(x, "shape", ()) != getattr(grad, "shape", ()):
                raise ValueError(f"{who}: gradient {describe(grad)} for parameter {describe(x)}")
        columns = [given, gradients, *zip(*state.slots, strict=True)]
        operands = (state.step, *itertools.chain(*columns))
        if modes.is_tracing() and any(map(is_tracked, operands)):
            found: Sequence[Any] = opaque(who, self._updated, operands)
            values = list(found[: len(given)])
        else:
            arrays = [self._array(x, "params") for x in given]
            arrays += [self._array(g, "grads") for g in gradients]
            found = self._updated(state.step, *arrays, *itertools.chain(*columns[2:]))
            values = [
                v if isinstance(x, np.ndarray) else _in_type_of(v, x)
                for v, x in zip(found, given, strict=False)
            ]
        parts = [found[n :: len(given)][1:] for n in range(len(given))]
        return trees.unflatten(spec, values), State(state.step + 1, tuple(map(tuple, parts)))

    def _updated(self, step: Any, *operands: Array) -> tuple[Array, ...]:
        """New values and moments, from all parameters, all gradients, all first moments, ..."""
        count = len(operands) // (2 + self.moments)
        columns = [operands[n : n + count] for n in range(0, len(operands), max(count, 1))]
        as_one = count > 1 and _is_small(columns)
        if as_one:  # one long vector takes a call where many short ones take many
            columns = [(np.concatenate([x.ravel() for x in column]),) for column in columns]
        rate, number = self.rate(int(step)), int(step) + 1
        results: list[list[Array]] = [[] for _ in range(1 + self.moments)]
        for p, g, *old in zip(*columns, strict=True):
            new = tuple(np.empty_like(m) for m in old)
            results[0].append(self._rule(p, g, (tuple(old), new), rate, number))
            for column, m in zip(results[1:], new, strict=True):
                column.append(m)
        if as_one:
            results = [_split_like(whole, operands[:count]) for (whole,) in results]
        return tuple(itertools.chain(*results))

    # ---- define by run ------------------------------------------------------------------------

    def step(self) -> None:
        """Give each parameter a new value from its gradient; those without a gradient stay.

        The value is a new array: the old one, which a tape may still use, does not change.
        """
        rate = self.rate(self.steps)
        for position, p in enumerate(self._require_parameters("step")):
            grad = p.grad
            if grad is None:
                continue
            count, slots = self._slots.get(position, (0, None))
            if slots is None:
                slots = tuple(np.zeros_like(p.value) for _ in range(self.moments))
            if grad.shape != p.shape:
                raise ValueError(
                    f"{type(self).__name__}.step: gradient {describe(grad)} for parameter "
                    f"{describe(p)}"
                )
            p.value = self._rule(
                np.asarray(p.value), np.asarray(grad.value), (slots, slots), rate, count + 1
            )
            self._slots[position] = (count + 1, slots)
        self.steps += 1

    def zero_grad(self) -> None:
        """Forget the gradients, so that the next ``backward`` starts from none."""
        for p in self._require_parameters("zero_grad"):
            p.grad = None

    # ---- parts ----------------------------------------------------------------------------------

    def rate(self, step: int) -> float:
        """The learning rate of the update that follows ``step`` others."""
        if not callable(self.lr):
            return float(self.lr)
        return self._number(f"the schedule's rate at step {step}", self.lr(step), least=0)

    def _rule(self, p: Array, g: Array, moments: Moments, rate: float, count: int) -> Array:
        """The new value of ``p`` at update number ``count``, as a new array; moments are updated.

        It works element by element: small leaves are given to it as one vector.
        """
        raise NotImplementedError

    def _with_decay(self, p: Array, g: Array, weight_decay: float) -> Array:
        """The gradient of the loss plus half of weight_decay times the squares of ``p``."""
        if not weight_decay:
            return g
        d = np.multiply(p, weight_decay, out=np.empty_like(p))
        d += g
        return d

    def _number(self, name: str, value: Any, **bounds: Any) -> float:
        return arguments.number(type(self).__name__, name, value, **bounds)

    def _leaves(self, parameters: Any) -> list[Tensor]:
        method = getattr(parameters, "parameters", None)
        given = method() if callable(method) else parameters
        who = type(self).__name__
        if isinstance(given, Tensor) or not isinstance(given, Iterable):
            raise TypeError(
                f"{who}: parameters must be a list of tensors or a Module, got "
                f"{type(given).__name__}. Name the rate, as in {who}(lr=1e-3)."
            )
        leaves = list({id(p): p for p in given}.values())
        for p in leaves:
            if not (isinstance(p, Tensor) and p.requires_grad and p.is_leaf):
                raise TypeError(
                    f"{who}: a parameter must be a leaf tensor with requires_grad=True, got "
                    f"{type(p).__name__} {describe(p)}. Use model.parameters(), or for arrays the "
                    "functional way: opt.init and opt.update."
                )
            self._array(p.value, "parameters")
        if not leaves:
            raise ValueError(f"{who}: there are no parameters")
        return leaves

    def _require_parameters(self, what: str) -> list[Tensor]:
        if self.parameters is None:
            raise ValueError(
                f"{type(self).__name__}.{what}: no parameters were given. Construct it with "
                "model.parameters(), or use opt.init and opt.update."
            )
        return self.parameters

    def _array(self, x: Any, what: str) -> Array:
        who = type(self).__name__
        if isinstance(x, Tensor):
            if x.prim is not None:
                raise NonDifferentiableError(
                    f"{who}: {what} hold a {describe(x)} tensor that is on a tape, and updates are "
                    "not differentiated. Pass arrays (model.arrays(), x.numpy()), or for tensors "
                    "use loss.backward() and opt.step()."
                )
            x = x.numpy() if isinstance(x, Batched) else x.value  # an error
        x = np.asarray(x)
        if x.dtype.kind != "f":
            advice = " (for z = x + iy, make x and y the parameters)" if x.dtype.kind == "c" else ""
            raise TypeError(
                f"{who}: {what} must be real floating-point arrays, got {describe(x)}{advice}"
            )
        return x


def require_state(who: str, state: Any) -> None:
    arguments.instance(who, "state", state, State, "a State, as opt.init(params) makes it")


def _is_small(columns: Sequence[Sequence[Array]]) -> bool:
    """Whether calls cost more than copies do, and each column has one type."""
    return sum(p.nbytes for p in columns[0]) <= SMALL and all(
        len({x.dtype for x in column}) == 1 for column in columns
    )


def _split_like(whole: Array, like: Sequence[Array]) -> list[Array]:
    parts, at = [], 0
    for x in like:
        parts.append(whole[at : at + x.size].reshape(x.shape))
        at += x.size
    return parts


def _in_type_of(value: Array, x: Any) -> Any:
    """The new value in the type of the old one: a constant tensor, or a number."""
    return constant(value) if isinstance(x, Tensor) else value[()]
