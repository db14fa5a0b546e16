"""Standard test problems of unconstrained optimisation, with starts, minima and sources."""

from __future__ import annotations

from ...core import arguments as _arguments
from . import large as _large
from . import more_garbow_hillstrom as _more_garbow_hillstrom
from .problem import Problem as Problem


def more_garbow_hillstrom() -> tuple[Problem, ...]:
    """The 35 problems of Moré, Garbow and Hillstrom (1981), in their order.

    Returns
    -------
    tuple of Problem
        Of 2 to 12 variables, all sums of squares. The sizes that the paper leaves open are 10
        variables (6 of Watson's, 12 of Powell's, 8 of Chebyquad).

    Examples
    --------
    >>> from tinygrad_hess.data import problems
    >>> problems.more_garbow_hillstrom()[6]
    Problem('helical_valley', 3 variables, minimum 0)
    """
    return _more_garbow_hillstrom.all_problems()


def large() -> tuple[Problem, ...]:
    """Larger problems: 10 of Moré, Garbow and Hillstrom and 13 of CUTE.

    Returns
    -------
    tuple of Problem
        Of 100 to 10,000 variables. Those of CUTE are no sums of squares.

    Examples
    --------
    >>> from tinygrad_hess.data import problems
    >>> max(p.size for p in problems.large())
    10000
    """
    return _large.all_problems()


def named(name: str) -> Problem:
    """One of the problems by its name.

    Parameters
    ----------
    name : str
        As in ``problems.large()[0].name``.

    Raises
    ------
    ValueError
        When there is none of that name; the message lists them.

    Examples
    --------
    >>> from tinygrad_hess.data import problems
    >>> problems.named("beale").source
    'Moré, Garbow and Hillstrom (1981), problem 5'
    """
    known = {p.name: p for p in (*more_garbow_hillstrom(), *large())}
    return known[_arguments.choice("named", "name", name, tuple(known))]
