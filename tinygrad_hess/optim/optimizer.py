"""What all optimisers share: one update rule for one leaf, and the ways to drive it.

    functional    : (params, grads, state) -> (params, state)     pure, over any pytree of arrays
    of a loss     : (params, state, batch) -> (value, params, state)    what fit replays
    define by run : opt.step()                                    gives each leaf tensor a new value

A rule is a formula: it changes nothing in place. How it meets the leaves is in ``updates.py``.

What a rule needs beside the gradient (a gradient elsewhere, a diagonal of the Hessian), it takes
from the loss: :meth:`Optimizer._observe`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypedDict

import numpy as np

from ..core import arguments, modes, trees
from ..core.boundary import named_methods
from ..core.errors import NonDifferentiableError, describe
from ..core.tensor import Batched, Tensor, is_tracked, unrecorded
from ..nn.assignments import Assignments
from ..nn.sharing import refuse_shared
from ..replay import Replayed
from ..transforms import value_and_grad
from .clipping import clip_by_global_norm
from .groups import Groups, Rate, rate_at
from .updates import clipped, update_leaf, update_leaves

Array = np.ndarray[Any, Any]
Moments = tuple[Any, ...]
Numbers = tuple[float, ...]
Updated = tuple[Any, Moments]
"""A new value, and the new moments."""


class State(NamedTuple):
    """What an optimiser remembers between updates: a pytree.

    Attributes
    ----------
    step : numpy.int64
        How many updates were made. (A Python int would be static under ``jit``.)
    slots : tuple of tuples of arrays
        For each leaf of the parameters, in their order, the rule's moments.
    shared : tuple of arrays
        What a rule keeps for all leaves together, such as a damping.
    """

    step: Any
    slots: tuple[tuple[Array, ...], ...]
    shared: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        moments = sum(map(len, self.slots))
        return f"State(step={self.step}, {moments} moments, {len(self.shared)} shared)"


class Options(TypedDict, total=False):
    """What every optimiser takes; see :class:`Optimizer`."""

    groups: Mapping[str, Mapping[str, Any]] | None
    max_norm: float | None


class Dynamics(NamedTuple):
    """How an optimiser moves on a quadratic, as :func:`~tinygrad_hess.curvature.contraction` and
    :func:`~tinygrad_hess.curvature.stability_threshold` take it."""

    method: str
    beta: float = 0.0


@named_methods
class Optimizer:
    """The base of the optimisers; a subclass gives :meth:`_rule` and the number of its moments.

    Parameters
    ----------
    parameters : Module or pytree of Tensor, optional
        For :meth:`step` and :meth:`zero_grad`: a module, or leaf tensors in lists or dictionaries,
        as ``parameters()`` gives them. Left out for the functional way.
    lr : float or callable
        Learning rate, or a schedule: a function of the number of updates made before.
    weight_decay : float
        Adds weight_decay · p to the gradient; a rule with *decoupled* decay shrinks p by
        lr · weight_decay · p instead (Loshchilov and Hutter 2019).
    groups : mapping of str to mapping, optional
        Parameter groups by name: ``{pattern: {"lr": ..., "weight_decay": ...}}``. A leaf belongs to
        the first group whose regular expression is found in its name, such as
        ``layers[0].bias``, in dictionaries too; what a group does not say is the optimiser's.
    max_norm : float, optional
        Gradients are scaled down to this global norm (:func:`clip_by_global_norm`).

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

    A rule is elementwise unless its class says ``elementwise = False``; then it is given each leaf
    in its own shape. An elementwise rule is also recorded by ``jit``, so it must not look at
    values; what changes from update to update, :meth:`_numbers` computes of their number.
    :meth:`_fresh` gives the first moments of a leaf, where those are not zeros like it. A rule that
    needs more than the gradient names it in ``observes``, and gives :meth:`_observe`. What a rule
    does on a quadratic is data: :attr:`dynamics`, :meth:`preconditioner`, or the reason
    ``unknown_stability`` why there is no threshold.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import optim
    >>> opt = optim.SGD(lr=0.1, weight_decay=1.0, groups={"bias": {"weight_decay": 0.0}})
    >>> params = {"weight": np.ones(2), "bias": np.ones(2)}
    >>> zeros = {"weight": np.zeros(2), "bias": np.zeros(2)}
    >>> opt.update(params, zeros, opt.init(params))[0]
    {'weight': array([0.9, 0.9]), 'bias': array([1., 1.])}
    """

    moments = 0
    elementwise = True
    decoupled = False
    observes = ""  # what the rule needs beside the gradient
    linear_in_loss = True  # of a mean over examples, it observes the mean of what each gives
    shown: tuple[str, ...] = ("lr", "weight_decay")  # settings in the repr
    unknown_stability = "no threshold of stability is known for it"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        named_methods(cls)

    def __init__(
        self,
        parameters: Any,
        lr: Rate,
        *,
        weight_decay: float = 0.0,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
        max_norm: float | None = None,
    ):
        self.lr: Rate = lr if callable(lr) else self._number("lr", lr, least=0)
        self.weight_decay = self._number("weight_decay", weight_decay, least=0)
        self.max_norm = None if max_norm is None else self._number("max_norm", max_norm, above=0)
        self.groups = Groups(type(self).__name__, groups)
        if isinstance(parameters, Iterator):
            parameters = list(parameters)
        self.parameters = None if parameters is None else self._leaves(parameters)
        self._model = parameters
        self.steps = 0
        self._slots: dict[int, tuple[int, tuple[Array, ...]]] = {}  # by position

    # ---- functional -------------------------------------------------------------------------

    def init(self, params: Any) -> State:
        """The state before the first update: moments of zeros, if the rule has no others.

        Parameters
        ----------
        params : pytree of floating-point arrays

        Raises
        ------
        ValueError
            When a module has one array in two places, which would be trained apart.
        """
        refuse_shared(f"{type(self).__name__}.init", params)
        leaves = [self._array(p, "params") for p in trees.leaves(params)]
        return State(np.int64(0), tuple(map(self._fresh, leaves)))

    def update(self, params: Any, grads: Any, state: State, *observed: Any) -> tuple[Any, State]:
        """One update; nothing that is passed in is changed. It may be called inside ``jit``.

        Parameters
        ----------
        params, grads : pytree of arrays, of the same structure and shapes
        state : State
            From :meth:`init` or the update before.
        *observed : pytrees like params
            What the rule needs beside the gradient, where it does (a diagonal of the Hessian).

        Returns
        -------
        params, state
            New parameters, with the dtypes of the old ones, and the new state.

        Raises
        ------
        ValueError
            When structures or shapes differ.
        NonDifferentiableError
            When a leaf is a tensor on a tape, or inside ``vmap``: updates are neither
            differentiated nor mapped. Elementwise rules take stacked examples as they are.
        """
        who = f"{type(self).__name__}.update"
        require_state(who, state)
        given, spec = trees.flatten(params)
        others = [self._like(who, given, spec, tree, "grads") for tree in (grads, *observed)]
        if len(state.slots) != len(given):
            raise ValueError(
                f"{who}: the state is for {len(state.slots)} arrays, but params hold {len(given)}; "
                "make a new one with opt.init(params)"
            )
        columns, slots = [given, *others], list(state.slots)
        recorded = modes.is_tracing() and any(
            map(is_tracked, (state.step, *itertools.chain(*columns, *slots)))
        )
        for column, what in zip(columns, ("params", *["grads"] * len(others)), strict=True):
            for x in column:
                self._array(unrecorded(x) if recorded else x, what)
        values = [*given]
        if self.max_norm is not None and given:
            columns[1] = clipped(columns[1], self.max_norm)
        for group, members in enumerate(self.groups.members(spec, params)):
            own = [[column[i] for i in members] for column in columns]
            found = update_leaves(self, group, state.step, own, [slots[i] for i in members])
            for i, (value, moments) in zip(members, found, strict=True):
                values[i], slots[i] = value, moments
        return trees.unflatten(spec, values), State(state.step + 1, tuple(slots), state.shared)

    def stepper(
        self, loss: Callable[..., Any], *, jit: bool = True
    ) -> Callable[..., tuple[Any, Any, State]]:
        """A training step of this loss: ``step(params, state, *args) -> value, params, state``.

        It takes from the loss what the rule needs, whatever that is, so that a written loop is the
        same for every optimiser. :func:`fit` is that loop.

        Parameters
        ----------
        loss : callable
            ``loss(params, *args)`` gives a scalar.
        jit : bool
            Record the step once for each kind of arguments, and replay it; a loss that cannot be
            replayed is recorded each time instead.

        Returns
        -------
        callable
            The value is the loss before the step.

        Examples
        --------
        >>> import numpy as np
        >>> from tinygrad_hess import optim
        >>> opt = optim.SGD(lr=0.25)
        >>> step = opt.stepper(lambda w, target: ((w - target) ** 2).sum())
        >>> w = np.zeros(2)
        >>> state = opt.init(w)
        >>> for _ in range(3):
        ...     value, w, state = step(w, state, np.ones(2))
        >>> float(value), w
        (0.125, array([0.875, 0.875]))
        """
        return self._stepper(loss, self._observe, jit)

    def _stepper(
        self, loss: Callable[..., Any], observe: Callable[..., Any], jit: bool
    ) -> Callable[..., tuple[Any, Any, State]]:
        """A training step, by what ``observe`` takes from the loss; see :meth:`_observe`."""
        arguments.function(f"{type(self).__name__}.stepper", "loss", loss)

        def step(params: Any, state: State, *args: Any) -> tuple[Any, Any, State]:
            noted = Assignments(loss)
            value, grads, *observed = observe(noted, params, state.step, *args)
            params, state = self.update(params, grads, state, *observed)
            return value, noted.kept_in(params), state

        return Replayed(step) if jit else step

    def _observe(
        self, loss: Callable[..., Any], params: Any, count: Any, *args: Any
    ) -> tuple[Any, ...]:
        """The loss, the gradient that the rule steps by, and what else it needs.

        ``count`` is the number of updates made before. It may be a tensor of ``jit``.
        """
        return tuple(value_and_grad(loss)(params, *args))

    # ---- define by run ------------------------------------------------------------------------

    def step(self, loss: Callable[..., Any] | None = None, *args: Any) -> Any:
        """Give each parameter a new value from its gradient; those without a gradient stay.

        The value is a new array: the old one, which a tape may still use, does not change.

        Parameters
        ----------
        loss : callable, optional
            ``loss(model, *args)``, of what the optimiser was made with: a module, or a list of
            arrays. A rule that needs more than gradients takes it from there, and reads no
            ``grad``.
        *args
            Further arguments of the loss.

        Returns
        -------
        float or None
            The loss before the step, where it was given.

        Examples
        --------
        >>> import tinygrad_hess as tg
        >>> from tinygrad_hess import optim
        >>> w = tg.tensor([1.0, -2.0], requires_grad=True)
        >>> opt = optim.SGD([w], lr=0.25)
        >>> opt.step(lambda leaves: (leaves[0] ** 2).sum())
        5.0
        >>> w
        tensor([ 0.5, -1. ], requires_grad=True)
        """
        leaves = self._require_parameters("step")
        value, observed = None, self._gradients(leaves)
        if loss is not None:
            value, observed = self._observed_at(leaves, loss, *args)
        elif self.observes:
            raise ValueError(
                f"{type(self).__name__}.step: it needs {self.observes}, which gradients do not "
                "tell. Write opt.step(loss, batch), for a loss(model, batch)."
            )
        if self.max_norm is not None:
            keys = list(observed)
            clipped, _ = clip_by_global_norm([observed[k][0] for k in keys], self.max_norm)
            observed = {k: (g, *observed[k][1:]) for k, g in zip(keys, clipped, strict=True)}
        groups = self.groups.of_parameters(self._model, leaves)
        for position, (grad, *more) in observed.items():
            p = leaves[position]
            rate, decay = self.groups.settings(groups[position], self, self.steps)
            count, slots = self._slots.get(position, (0, None))
            if slots is None:
                slots = self._fresh(np.asarray(p.value))
            p.value, slots = update_leaf(
                self, rate, count + 1, decay, np.asarray(p.value), slots, grad, *more
            )
            self._slots[position] = (count + 1, slots)
        self.steps += 1
        return value

    def zero_grad(self) -> None:
        """Forget the gradients, so that the next ``backward`` starts from none."""
        for p in self._require_parameters("zero_grad"):
            p.grad = None

    def _gradients(self, leaves: Sequence[Tensor]) -> dict[int, tuple[Array, ...]]:
        """By position, the gradients that were collected."""
        found: dict[int, tuple[Array, ...]] = {}
        for position, p in enumerate(leaves):
            if p.grad is None:
                continue
            if p.grad.shape != p.shape:
                raise ValueError(
                    f"{type(self).__name__}.step: gradient {describe(p.grad)} for parameter "
                    f"{describe(p)}"
                )
            found[position] = (np.asarray(p.grad.value),)
        return found

    def _observed_at(
        self, leaves: Sequence[Tensor], loss: Callable[..., Any], *args: Any
    ) -> tuple[float, dict[int, tuple[Array, ...]]]:
        """The loss, and by position what the rule takes from it."""
        tree = trees.map(_value_of, self._model)
        noted = Assignments(loss)
        value, *observed = self._observe(noted, tree, np.int64(self.steps), *args)
        noted.write(self._model)
        position = {id(p): i for i, p in enumerate(leaves)}
        found: dict[int, tuple[Array, ...]] = {}
        for p, *parts in zip(trees.leaves(self._model), *map(trees.leaves, observed), strict=True):
            i = position.get(id(p))
            if i is not None:  # a leaf that occurs twice gets the sum
                parts = list(map(np.asarray, parts))
                found[i] = tuple(map(np.add, found[i], parts)) if i in found else tuple(parts)
        return float(value), found

    # ---- parts ----------------------------------------------------------------------------------

    def rate(self, step: int) -> float:
        """The learning rate of the update that follows ``step`` others."""
        return rate_at(type(self).__name__, self.lr, step)

    @property
    def dynamics(self) -> Dynamics | None:
        """How it moves on a quadratic; None where no linear recursion describes that."""
        return None

    def preconditioner(self, slots: tuple[Array, ...], count: int) -> Array | None:
        """What the gradient of a leaf is divided by after ``count`` updates, in the leaf's shape.

        None for a rule without a diagonal preconditioner. Then :attr:`dynamics` speaks of the plain
        Hessian H, otherwise of ``D^-½ H D^-½``.
        """
        return None

    @property
    def is_preconditioned(self) -> bool:
        """Whether :meth:`preconditioner` gives one."""
        return type(self).preconditioner is not Optimizer.preconditioner

    def _fresh(self, p: Array) -> tuple[Array, ...]:
        """The moments of a leaf before its first update."""
        return tuple(np.zeros_like(p) for _ in range(self.moments))

    def _numbers(self, rate: float, count: int) -> Numbers:
        """What the rule needs besides arrays at update number ``count``.

        The rate alone; for a rule that is not elementwise, also the count.
        """
        return (rate,) if self.elementwise else (rate, count)

    def _rule(
        self, p: Array, g: Array, moments: Moments, numbers: Numbers, *observed: Array
    ) -> Updated:
        """The new value of ``p``, and the new moments; arrays that are given are not changed."""
        raise NotImplementedError

    def _like(self, who: str, given: Sequence[Any], spec: Any, tree: Any, what: str) -> list[Any]:
        """The leaves of a tree that is built like the parameters."""
        leaves, other = trees.flatten(tree)
        if spec != other:
            raise ValueError(f"{who}: params and {what} differ in structure: {spec} and {other}")
        for x, grad in zip(given, leaves, strict=True):
            if getattr(x, "shape", ()) != getattr(grad, "shape", ()):
                raise ValueError(f"{who}: gradient {describe(grad)} for parameter {describe(x)}")
        return list(leaves)

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={getattr(self, name)}" for name in self.shown)
        return f"{type(self).__name__}({settings})"

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
        leaves = list({id(p): p for p in trees.leaves(given)}.values())
        for p in leaves:
            if not (isinstance(p, Tensor) and p.requires_grad and p.is_leaf):
                raise TypeError(
                    f"{who}: a parameter must be a leaf tensor with requires_grad=True, got "
                    f"{arguments.shown(p)}. Use model.parameters(), or for arrays the functional "
                    "way: opt.init and opt.update. Groups of parameters go by names: "
                    "groups={'bias': {'lr': 0.1}}."
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
        if isinstance(x, Batched):
            advice = (
                "The rule is elementwise: stack the examples along a leading axis, as in "
                "opt.update(stacked, tg.vmap(tg.grad(loss))(stacked, ...), opt.init(stacked))."
                if self.elementwise and self.max_norm is None
                else "Update the examples in a loop."
            )
            raise NonDifferentiableError(
                f"{who}: {what} hold a {describe(x)} tensor inside vmap, and updates are not "
                f"mapped. {advice}"
            )
        if isinstance(x, Tensor):
            if x.prim is not None:
                raise NonDifferentiableError(
                    f"{who}: {what} hold a {describe(x)} tensor that is on a tape, and updates are "
                    "not differentiated. Pass arrays (model.arrays(), x.numpy()), or for tensors "
                    "use loss.backward() and opt.step()."
                )
            x = x.value
        x = np.asarray(x)
        if x.dtype.kind != "f":
            advice = " (for z = x + iy, make x and y the parameters)" if x.dtype.kind == "c" else ""
            raise TypeError(
                f"{who}: {what} must be real floating-point arrays, got {describe(x)}{advice}"
            )
        return x


def require_state(who: str, state: Any) -> None:
    arguments.instance(who, "state", state, State, "a State, as opt.init(params) makes it")


def _value_of(x: Any) -> Any:
    return x.value if isinstance(x, Tensor) else x
