"""Parameter groups: leaves whose names match a pattern, with a rate and a decay of their own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from ..core import arguments, trees
from ..nn.freezing import dotted

Rate = float | Callable[[int], float]


class Defaults(Protocol):
    """What holds for leaves of no group."""

    lr: Rate
    weight_decay: float


class Group(NamedTuple):
    """Leaves by their names, and what holds for them; None is what holds for all."""

    pattern: str
    lr: Rate | None = None
    weight_decay: float | None = None


REST = Group("")
"""The leaves that match no group."""


class Groups:
    """The groups of an optimiser, in their order; leaves that match none come last.

    Parameters
    ----------
    who : str
        The optimiser, for errors.
    given : mapping, optional
        ``{pattern: {"lr": ..., "weight_decay": ...}}``, the patterns regular expressions that are
        searched for in names such as ``layers[0].bias``, in dictionaries too.

    Raises
    ------
    TypeError
        When it is no such mapping, or names another hyperparameter.
    ValueError
        For a pattern that is no regular expression; later, for one that matches no leaf.

    Examples
    --------
    >>> groups = Groups("SGD", {"bias$": {"weight_decay": 0.0}})
    >>> groups.numbers(["layers[0].weight", "layers[0].bias"])
    [1, 0]
    """

    def __init__(self, who: str, given: Mapping[str, Mapping[str, Any]] | None = None):
        self.who = who
        form = "a mapping, as in groups={'bias': {'weight_decay': 0.0}}"
        if given is not None:
            arguments.instance(who, "groups", given, Mapping, form)
        self.groups = [self._group(*item, form) for item in (given or {}).items()]
        self._latest: tuple[Any, Any] = (None, None)  # a structure, and the members of its groups

    def _group(self, pattern: Any, settings: Any, form: str) -> Group:
        arguments.instance(self.who, "a pattern of groups", pattern, str, "a regular expression")
        arguments.instance(self.who, f"groups[{pattern!r}]", settings, Mapping, form)
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{self.who}: groups: {pattern!r} is no pattern: {error}") from None
        for key in settings:
            arguments.choice(self.who, f"groups[{pattern!r}]", key, ("lr", "weight_decay"))
        where = f"groups[{pattern!r}]: "
        lr, decay = settings.get("lr"), settings.get("weight_decay")
        if lr is not None and not callable(lr):
            lr = arguments.number(self.who, f"{where}lr", lr, least=0)
        if decay is not None:
            decay = arguments.number(self.who, f"{where}weight_decay", decay, least=0)
        return Group(pattern, lr, decay)

    def __bool__(self) -> bool:
        return bool(self.groups)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_latest": (None, None)}  # not every structure can be pickled

    @property
    def have_rates(self) -> bool:
        """Whether leaves may have different rates."""
        return any(group.lr is not None for group in self.groups)

    def numbers(self, names: Sequence[str]) -> list[int]:
        """The group of each name: the first that matches it, or the one behind the last.

        Raises
        ------
        ValueError
            For a pattern that is found in no name.
        """
        for group in self.groups:
            if not any(re.search(group.pattern, name) for name in names):
                raise ValueError(
                    f"{self.who}: groups: no parameter matches {group.pattern!r}; there are "
                    f"{', '.join(names[:20])}{', ...' if len(names) > 20 else ''}"
                )
        last = len(self.groups)
        return [
            next((i for i, g in enumerate(self.groups) if re.search(g.pattern, name)), last)
            for name in names
        ]

    def members(self, spec: Any, tree: Any) -> tuple[tuple[int, ...], ...]:
        """The leaves of each group."""
        known, found = self._latest
        if known is None or known != spec:
            numbers = self.numbers(_names(tree)) if self.groups else [0] * spec.num_leaves
            found = tuple(
                tuple(i for i, number in enumerate(numbers) if number == group)
                for group in range(len(self.groups) + 1)
            )
            self._latest = spec, found
        return tuple(found)

    def of_parameters(self, model: Any, leaves: Sequence[Any]) -> list[int]:
        """The group of each of the tensors that an optimiser was made with."""
        if not self.groups:
            return [0] * len(leaves)
        numbers = self.numbers(_names(model))
        found = {id(x): n for x, n in zip(trees.leaves(model), numbers, strict=True)}
        return [found[id(p)] for p in leaves]

    def settings(self, group: int, defaults: Defaults, step: int) -> tuple[float, float]:
        """Rate and weight decay of a group at the update that follows ``step`` others."""
        own = self._group_at(group)
        lr = defaults.lr if own.lr is None else own.lr
        return rate_at(self.who, lr, step), self.decay(group, defaults)

    def decay(self, group: int, defaults: Defaults) -> float:
        """Weight decay of a group."""
        own = self._group_at(group)
        return defaults.weight_decay if own.weight_decay is None else own.weight_decay

    def _group_at(self, number: int) -> Group:
        return self.groups[number] if number < len(self.groups) else REST


def rate_at(who: str, lr: Rate, step: int) -> float:
    """A learning rate, or a schedule's rate for the update that follows ``step`` others."""
    if not callable(lr):
        return float(lr)
    return float(arguments.number(who, f"the schedule's rate at step {step}", lr(step), least=0))


def _names(tree: Any) -> list[str]:
    """The names of the leaves; keys of dictionaries read like attributes."""
    return [dotted(path) for path in trees.paths(tree)]
