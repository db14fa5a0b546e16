"""What a value's derivatives look like: zeros, ones, a basis, an inner product.

Of arrays and numbers, and of lists, tuples and dicts of them.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ClassVar

import numpy as np
import optree

from ... import Tensor
from ... import numpy as tnp


class VSpace:
    """The vector space of a value; what kind is looked up by the type of the value."""

    mappings: ClassVar[dict[type, Callable[[Any], VSpace]]] = {}
    iscomplex = False
    size: int

    def __init__(self, value: Any):
        pass

    @classmethod
    def register(cls, value_type: type, vspace_maker: Any = None) -> None:
        """Use this space, or what ``vspace_maker`` makes, for values of a type."""
        VSpace.mappings[value_type] = vspace_maker or cls

    def add(self, x: Any, y: Any) -> Any:
        """The sum of two elements."""
        return optree.tree_map(lambda a, b: a + b, x, y)

    def mut_add(self, x: Any, y: Any) -> Any:
        """The sum of two elements, the first of which may be None."""
        return y if x is None else self.add(x, y)

    def scalar_mul(self, x: Any, a: Any) -> Any:
        """An element times a number."""
        return optree.tree_map(lambda b: b * a, x)

    def covector(self, x: Any) -> Any:
        """The cotangent whose pairing with an element is the inner product with ``x``."""
        return optree.tree_map(np.conj, x)

    def inner_prod(self, x: Any, y: Any) -> Any:
        """The real inner product."""
        pairs = zip(optree.tree_leaves(x), optree.tree_leaves(y), strict=True)
        return sum(np.sum(np.real(np.conj(a) * b)) for a, b in pairs)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}_{self.__dict__}"


class ArrayVSpace(VSpace):
    """Real arrays of one shape and type."""

    def __init__(self, value: Any):
        value = value if hasattr(value, "dtype") else np.asarray(value)
        self.shape, self.dtype = value.shape, value.dtype

    @property
    def size(self) -> int:  # type: ignore[override]
        """The number of real coordinates."""
        return int(np.prod(self.shape)) * len(self._units)

    _units: tuple[complex, ...] = (1.0,)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def zeros(self) -> Any:
        """The zero of the space."""
        return np.zeros(self.shape, self.dtype)

    def ones(self) -> Any:
        """The sum of the standard basis."""
        return np.full(self.shape, sum(self._units), self.dtype)

    def randn(self) -> Any:
        """Normally distributed coordinates."""
        draws = (unit * np.random.randn(*self.shape) for unit in self._units)
        return np.asarray(sum(draws)).astype(self.dtype)

    def standard_basis(self) -> Iterator[Any]:
        """Every vector with one coordinate 1 and the others 0."""
        for index in np.ndindex(*self.shape):
            for unit in self._units:
                out = self.zeros()
                out[index] = unit
                yield out


class ComplexArrayVSpace(ArrayVSpace):
    """Complex arrays: the real and the imaginary parts are the coordinates."""

    iscomplex = True
    _units = (1.0, 1j)


class ContainerVSpace(VSpace):
    """Lists, tuples and dicts of elements of other spaces."""

    def __init__(self, value: Any):
        self.shape = _map(vspace, value)

    def _spaces(self) -> list[Any]:
        return list(self.shape.values() if builtins.isinstance(self.shape, dict) else self.shape)

    @property
    def size(self) -> int:  # type: ignore[override]
        """The number of real coordinates."""
        return sum(space.size for space in self._spaces())

    def zeros(self) -> Any:
        """The zero of the space."""
        return _map(lambda space: space.zeros(), self.shape)

    def ones(self) -> Any:
        """The sum of the standard basis."""
        return _map(lambda space: space.ones(), self.shape)

    def randn(self) -> Any:
        """Normally distributed coordinates."""
        return _map(lambda space: space.randn(), self.shape)

    def standard_basis(self) -> Iterator[Any]:
        """Every element with one coordinate 1 and the others 0."""
        spaces = self._spaces()
        for i, space in enumerate(spaces):
            for vector in space.standard_basis():
                items = iter([vector if j == i else s.zeros() for j, s in enumerate(spaces)])
                yield _map(partial(_next, items), self.shape)


def _map(f: Callable[[Any], Any], container: Any) -> Any:
    """``f`` of every item, in a container of the same type."""
    if builtins.isinstance(container, dict):
        return {key: f(item) for key, item in container.items()}
    items = map(f, container)
    named = hasattr(container, "_fields")
    return type(container)(*items) if named else type(container)(items)


def _next(items: Iterator[Any], _: Any) -> Any:
    return next(items)


def vspace(value: Any) -> Any:
    """The vector space that a value is an element of.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.compat.autograd.extend import vspace
    >>> vspace((np.zeros(3), 1j)).size
    5
    """
    maker = VSpace.mappings.get(type(value))
    if maker is not None:
        return maker(value)
    if builtins.isinstance(value, (list, tuple, dict)):
        return ContainerVSpace(value)
    if builtins.isinstance(value, (np.ndarray, np.generic, Tensor, float, complex)):
        return (ComplexArrayVSpace if tnp.iscomplexobj(value) else ArrayVSpace)(value)
    raise TypeError(f"Can't find vector space for value {value} of type {type(value)}")
