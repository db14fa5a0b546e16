"""How far a Lanczos vector is from orthogonal to those before it, estimated without products.

Rounding makes Lanczos vectors lose their orthogonality, slowly until a Ritz pair converges. As long
as no inner product of two of them exceeds the root of the unit roundoff (*semiorthogonality*), T is
the projection of the operator on their span to full accuracy, and has no ghosts. So a vector need
be made orthogonal to others only where that is about to be lost, and to those alone to which it is.
The inner products ω follow a three-term recurrence themselves, of numbers alone, which tells.

References
----------
Simon (1984), The Lanczos algorithm with partial reorthogonalization, Mathematics of Computation 42.
Larsen (1998), Lanczos bidiagonalization with partial reorthogonalization, for the window.
"""

from __future__ import annotations

import numpy as np

from ..estimates.operands import Array

CHEAP = 8
"""So many vectors are all made orthogonal: it costs little, and shows how exact products are."""

CAUTION = 10.0
"""How many times larger than what was found inner products are expected to be."""


class Orthogonality:
    """Estimates of the inner products of the next vector of a recurrence with those before it.

    Parameters
    ----------
    steps : int
        Of the recurrence, at most.
    size : int
        Elements of a vector.
    eps : float
        The spacing of numbers near 1 in the type of the vectors.

    Attributes
    ----------
    error : float
        Of a step, over the operator's norm: rounding, or more where products are less exact.

    Examples
    --------
    >>> tracked = Orthogonality(steps=40, size=100, eps=2e-16)
    >>> tracked.lost(np.ones(1), np.zeros(0), 1.0)  # as always at first: to all
    slice(0, 1, None)
    """

    def __init__(self, steps: int, size: int, eps: float):
        self.eps = eps
        self.error = eps * max(10.0, size**0.5)
        self.limit, self.remains = (eps / max(steps, 1)) ** 0.5, eps**0.75
        self.before, self.now, self.next = np.zeros((3, steps + 1))
        self.now[0] = 1.0
        self.window = (0, 0)  # of the vector before, which a recurrence of two terms goes back to

    def lost(self, alpha: Array, beta: Array, norm: float) -> slice:
        """To which of the vectors the one after them must be made orthogonal; often to none.

        Parameters
        ----------
        alpha : ndarray, shape (j + 1,)
            The diagonal of T.
        beta : ndarray, shape (j,)
            Beside it.
        norm : float
            The next number beside it, by which the vector is divided.
        """
        j = len(alpha) - 1
        scale = float(np.abs(alpha).max()) + 2 * max(float(beta.max(initial=0.0)), norm)
        if j < CHEAP or norm <= self.error * scale:
            self.next[: j + 1] = self.error
            return slice(0, j + 1)
        # T ω_j - α_j ω_j - β_{j-1} ω_{j-1}, row by row
        change = (alpha[:j] - alpha[j]) * self.now[:j] + beta * self.now[1 : j + 1]
        change[1:] += beta[:-1] * self.now[: j - 1]
        change -= beta[-1] * self.before[:j]
        size = (np.abs(change) + self.error * scale) / norm
        self.next[:j], self.next[j] = np.copysign(size, change), self.error
        first, last = self.window
        if size.max() > self.limit:
            over = np.flatnonzero(size > self.remains)
            at = int(over[0]), int(over[-1]) + 1
            first, last = (min(first, at[0]), max(last, at[1])) if last else at
        return slice(first, last)

    def restored(self, window: slice, found: Array) -> None:
        """The vector was made orthogonal to those of a window; ``found`` had been their products.

        Products that are less exact than was thought show here, and those that are more so.
        """
        expected = float(np.abs(self.next[window]).max())
        ratio = CAUTION * float(np.abs(found).max()) / expected
        self.error = min(max(self.error * max(ratio, 0.5), self.eps), 1.0)
        self.next[window] = self.error
        again = window.stop > CHEAP and self.window == (0, 0)
        self.window = (window.start, window.stop) if again else (0, 0)

    def advance(self, j: int) -> None:
        """Go on to the vector after vector j."""
        self.before, self.now, self.next = self.now, self.next, self.before
        self.now[j + 1] = 1.0

    def state(self) -> Array:
        """All of it, as one array."""
        return np.concatenate([self.before, self.now, [self.error, *self.window]])

    def restore(self, state: Array) -> None:
        """The converse of :meth:`state`."""
        self.before, self.now = np.split(state[:-3].copy(), 2)
        self.error = float(state[-3])
        self.window = int(state[-2]), int(state[-1])
