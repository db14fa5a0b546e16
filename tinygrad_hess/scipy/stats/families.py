"""Families of univariate distributions: what is the same for all of one kind.

A row gives the standard member, at location 0 and scale 1, inside its support; values outside it,
invalid parameters, location and scale are handled here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.errors import NonDifferentiableError
from ...ops import equal, exp, floor, log, stop_gradient, where
from .operands import counts, is_count, limited, nan_unless, operands, positive
from .products import log_of, value_of

Function = Callable[..., Any]


class Family:
    """A family: its name, its arguments as SciPy orders them, and its functions."""

    def __init__(self, name: str, arguments: dict[str, Any], functions: dict[str, Function]):
        self.name, self.arguments, self._functions = name, arguments, functions

    def __repr__(self) -> str:
        return f"<{self.name} distributions: ({', '.join(self.arguments)})>"

    def _operands(self, x: Any, args: Sequence[Any], named: dict[str, Any]) -> list[Any]:
        """``x`` and each argument; a TypeError where one is missing, unknown or given twice."""
        names = list(self.arguments)
        given = dict(zip(names, args, strict=False))
        wrong = [n for n in named if n not in names or n in given]
        found = {**self.arguments, **given, **named}
        missing = [n for n in names if found[n] is None]
        if wrong or missing or len(args) > len(names):
            extra = [*(f"{v!r} by position" for v in args[len(names) :]), *wrong]
            what = f"got {', '.join(extra)}" if extra else f"{', '.join(missing)} is missing"
            raise TypeError(f"{self.name}: {what}; its arguments are ({', '.join(names)})")
        return operands(self.name, ("x", *names), x, *(found[n] for n in names))

    def _function(self, what: str) -> Function:
        if what not in self._functions:
            raise NonDifferentiableError(
                f"{self.name}.{what} is not supported: no derivative of it is known here. "
                f"scipy.stats.{self.name}.{what} gives values for arrays."
            )
        return self._functions[what]


def _log_of(function: Function) -> Function:
    return lambda *args: log(function(*args))


def _one_minus(function: Function) -> Function:
    return lambda *args: 1 - function(*args)


def _with_derived(functions: dict[str, Function]) -> dict[str, Function]:
    """Functions, with those that follow from them where none is given."""
    found = dict(functions)
    for what, other in (("cdf", "sf"), ("sf", "cdf")):
        if what not in found and other in found:
            found[what] = _one_minus(found[other])
    for what in ("cdf", "sf"):
        if what in found:
            found.setdefault(f"log{what}", _log_of(found[what]))
    for what, other in (("ppf", "isf"), ("isf", "ppf")):
        if what not in found and other in found:
            f = found[other]
            found[what] = lambda q, *shapes, f=f: f(1 - q, *shapes)
    return found


class Continuous(Family):
    """Distributions with a location and a scale.

    Parameters
    ----------
    name : str
    standard : callable
        ``standard(z, *shapes)``: the log-density at location 0 and scale 1, inside the support;
        or ``Powers``, where it has zeros with a derivative.
    *shapes : str
        Their names.
    low, high : float or callable
        The ends of the support, or ``low(*shapes)``.
    is_open : bool
        Whether the density is zero at ``low``.
    allowed : callable, optional
        Which shapes make a distribution: positive ones by default.
    within : float
        A number at which ``standard`` has finite derivatives.
    **functions : callable
        ``cdf``, ``sf``, ``logcdf``, ``logsf`` of ``(z, *shapes)``, and ``ppf`` and ``isf`` of
        ``(q, *shapes)``, as far as known.
    """

    def __init__(
        self,
        name: str,
        standard: Function,
        *shapes: str,
        low: Any = -np.inf,
        high: Any = np.inf,
        is_open: bool = False,
        allowed: Function | None = None,
        within: float = 0.5,
        **functions: Function,
    ):
        arguments = {**dict.fromkeys(shapes), "loc": 0, "scale": 1}
        super().__init__(name, arguments, _with_derived(functions))
        self._standard, self._low, self._high = standard, low, high
        self._is_open, self._allowed, self._within = is_open, allowed, within

    def _parameters(self, x: Any, args: Any, named: Any) -> tuple[Any, list[Any], Any, Any]:
        """``x``, the shapes, the location and the scale; NaN where they are not allowed."""
        x, *shapes, loc, scale = self._operands(x, args, named)
        if self._allowed is None:
            shapes = [positive(shape) for shape in shapes]
        else:
            allowed = self._allowed(*shapes)
            shapes = [nan_unless(allowed, shape) for shape in shapes]
        return x, shapes, loc, positive(scale)

    def _ends(self, shapes: Sequence[Any]) -> tuple[Any, Any]:
        ends = (self._low, self._high)
        return tuple(e(*shapes) if callable(e) else e for e in ends)

    def _standardized(self, x: Any, args: Any, named: Any) -> tuple[Any, list[Any], Any, Any, Any]:
        """z, the shapes, the scale, and masks of what is below the support and above it."""
        x, shapes, loc, scale = self._parameters(x, args, named)
        z = (x - loc) / scale
        low, high = self._ends(shapes)
        return z, shapes, scale, (z <= low if self._is_open else z < low), z > high

    @property
    def _is_unbounded(self) -> bool:
        return self._low == -np.inf and self._high == np.inf

    def logpdf(self, x: Any, *args: Any, **named: Any) -> Any:
        """The logarithm of the density at ``x``.

        Parameters
        ----------
        x : array_like
        *args, **named
            The shapes, then ``loc`` and ``scale``, by position or name; they broadcast with ``x``.

        Returns
        -------
        The broadcast shape. Minus infinity outside the support; NaN where ``x`` is NaN, or a
        shape or the scale is not allowed.
        """
        if self._is_unbounded:
            x, shapes, loc, scale = self._parameters(x, args, named)
            return log_of(self._standard((x - loc) / scale, *shapes)) - log(scale)
        z, shapes, scale, below, above = self._standardized(x, args, named)
        outside = below | above
        density = log_of(self._standard(where(outside, self._within, z), *shapes)) - log(scale)
        return limited(density, ~outside, _is_valid(z, shapes))

    def pdf(self, x: Any, *args: Any, **named: Any) -> Any:
        """The density at ``x``: see :meth:`logpdf`."""
        if self._is_unbounded:
            return exp(self.logpdf(x, *args, **named))
        z, shapes, scale, below, above = self._standardized(x, args, named)
        outside = below | above
        density = value_of(self._standard(where(outside, self._within, z), *shapes), log(scale))
        return nan_unless(_is_valid(z, shapes), where(outside, 0.0, density))

    def _distribution(self, what: str, x: Any, args: Any, named: Any, ends: Any) -> Any:
        function = self._function(what)
        if self._is_unbounded:
            x, shapes, loc, scale = self._parameters(x, args, named)
            return function((x - loc) / scale, *shapes)
        z, shapes, _, below, above = self._standardized(x, args, named)
        out = function(where(below | above, self._within, z), *shapes)
        out = where(below, ends[0], where(above, ends[1], out))
        return nan_unless(_is_valid(z, shapes), out)

    def cdf(self, x: Any, *args: Any, **named: Any) -> Any:
        """The probability of at most ``x``; arguments as in :meth:`logpdf`.

        Raises
        ------
        NonDifferentiableError
            When no derivative of it is known; when one is needed in a shape for which none
            is known.
        """
        return self._distribution("cdf", x, args, named, (0.0, 1.0))

    def logcdf(self, x: Any, *args: Any, **named: Any) -> Any:
        """The logarithm of :meth:`cdf`."""
        return self._distribution("logcdf", x, args, named, (-np.inf, 0.0))

    def sf(self, x: Any, *args: Any, **named: Any) -> Any:
        """The probability of more than ``x``; see :meth:`cdf`."""
        return self._distribution("sf", x, args, named, (1.0, 0.0))

    def logsf(self, x: Any, *args: Any, **named: Any) -> Any:
        """The logarithm of :meth:`sf`."""
        return self._distribution("logsf", x, args, named, (0.0, -np.inf))

    def _quantile(self, what: str, q: Any, args: Any, named: Any) -> Any:
        function = self._function(what)
        q, shapes, loc, scale = self._parameters(q, args, named)
        low, high = self._ends(shapes)
        first, last = (low, high) if what == "ppf" else (high, low)
        inner = (q > 0) & (q < 1)
        z = function(where(inner, q, 0.5), *shapes)
        z = where(equal(q, 0), first, where(equal(q, 1), last, z))
        return nan_unless(_is_valid(q, shapes) & (q >= 0) & (q <= 1), z * scale + loc)

    def ppf(self, q: Any, *args: Any, **named: Any) -> Any:
        """The quantile: the inverse of :meth:`cdf`, for ``q`` from 0 to 1.

        At 0 and 1 it is an end of the support, without a derivative in ``q``.
        """
        return self._quantile("ppf", q, args, named)

    def isf(self, q: Any, *args: Any, **named: Any) -> Any:
        """The inverse of :meth:`sf`; see :meth:`ppf`."""
        return self._quantile("isf", q, args, named)


def _is_valid(z: Any, shapes: Sequence[Any]) -> Any:
    valid = equal(z, z)
    for shape in shapes:
        valid = valid & equal(shape, shape)
    return valid


class Discrete(Family):
    """Distributions over counts from 0 or 1 up to a bound, shifted by a location.

    Parameters
    ----------
    name : str
    standard : callable
        ``standard(k, *shapes)``: the log-probability, or ``Powers``.
    valid : callable
        ``valid(*shapes)`` says which shapes are allowed.
    *shapes : str
        Their names.
    first : int
        The least count.
    bound : callable
        ``bound(*shapes)``: the largest.
    **functions : callable
        ``cdf`` and ``sf`` of ``(k, *shapes)``, as far as known.
    """

    def __init__(
        self,
        name: str,
        standard: Function,
        valid: Function,
        *shapes: str,
        first: int = 0,
        bound: Function = lambda *shapes: np.inf,
        **functions: Function,
    ):
        super().__init__(name, {**dict.fromkeys(shapes), "loc": 0}, _with_derived(functions))
        self._standard, self._valid = standard, valid
        self._first, self._bound_of = first, bound

    def _counts(self, k: Any, args: Any, named: Any) -> tuple[Any, list[Any]]:
        k, *shapes, loc = self._operands(k, args, named)
        return stop_gradient(counts(k, *shapes) - loc), shapes

    def _at(self, k: Any, args: Any, named: Any) -> tuple[Any, Any, Any]:
        """What the row gives at ``k``, whether that is a count, and whether all is valid."""
        k, shapes = self._counts(k, args, named)
        inside = is_count(k) & (k >= self._first) & (k <= self._bound_of(*shapes))
        count = where(inside, floor(k), 1.0 * self._first)
        return self._standard(count, *shapes), inside, self._valid(*shapes) & equal(k, k)

    def logpmf(self, k: Any, *args: Any, **named: Any) -> Any:
        """The logarithm of the probability of ``k``.

        Parameters
        ----------
        k : array_like
            Counts, of an integer or floating type. No derivative flows to them.
        *args, **named
            The shapes, then ``loc``, by position or name; they broadcast with ``k``.

        Returns
        -------
        The broadcast shape. Minus infinity for what is no count or beyond the bounds; NaN where
        ``k`` is NaN or a parameter is not allowed.
        """
        standard, inside, valid = self._at(k, args, named)
        return limited(log_of(standard), inside, valid)

    def pmf(self, k: Any, *args: Any, **named: Any) -> Any:
        """The probability of ``k``: see :meth:`logpmf`."""
        standard, inside, valid = self._at(k, args, named)
        return nan_unless(valid, where(inside, value_of(standard, 0.0), 0.0))

    def _distribution(self, what: str, k: Any, args: Any, named: Any, ends: Any) -> Any:
        function = self._function(what)
        k, shapes = self._counts(k, args, named)
        k = floor(k)
        below, above = k < self._first, k >= self._bound_of(*shapes)
        out = function(where(below | above, 1.0 * self._first, k), *shapes)
        out = where(below, ends[0], where(above, ends[1], out))
        return nan_unless(self._valid(*shapes) & equal(k, k), out)

    def cdf(self, k: Any, *args: Any, **named: Any) -> Any:
        """The probability of at most ``k``; arguments as in :meth:`logpmf`."""
        return self._distribution("cdf", k, args, named, (0.0, 1.0))

    def logcdf(self, k: Any, *args: Any, **named: Any) -> Any:
        """The logarithm of :meth:`cdf`."""
        return self._distribution("logcdf", k, args, named, (-np.inf, 0.0))

    def sf(self, k: Any, *args: Any, **named: Any) -> Any:
        """The probability of more than ``k``; arguments as in :meth:`logpmf`."""
        return self._distribution("sf", k, args, named, (1.0, 0.0))

    def logsf(self, k: Any, *args: Any, **named: Any) -> Any:
        """The logarithm of :meth:`sf`."""
        return self._distribution("logsf", k, args, named, (0.0, -np.inf))
