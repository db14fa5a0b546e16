"""How every estimator begins: operator, accuracy, budget and checkpoint, from a user's options."""

from __future__ import annotations

from typing import Any

from ...core import arguments
from .budget import Budget
from .checkpoints import Checkpoint
from .operands import Counted
from .probing import Target


class Run(Budget):
    """The budget of one run of an estimator, with what else it begins with.

    Parameters
    ----------
    op : LinearOperator, ndarray, sparse matrix or Counted
        Symmetric.
    who : str
        The estimator, for errors and the progress bar.
    rtol, atol : float, optional
        The accuracy asked for.
    max_matvecs, seconds, progress
        As for :class:`Budget`.
    checkpoint : path-like, optional
        Where :meth:`checkpoint` keeps the state.
    seed : int
        Of what is drawn; not negative.
    defaults : pair of int or None
        What ``max_matvecs`` is where it is not given: without an accuracy, and with one.
    least : int, optional
        Products without which there is no answer.
    of_operator : bool
        Whether ``atol`` is in the operator's own units, rather than those of a function of it.

    Attributes
    ----------
    A : Counted
    target : Target
        For values over ``A.unit``, where ``of_operator``.

    Raises
    ------
    ValueError
        For options that are not positive, fewer products than ``least``, or what
        :class:`Counted` refuses.

    Examples
    --------
    >>> import numpy as np
    >>> with Run(np.eye(3), "example", rtol=0.1, defaults=(128, 10_000)) as run:
    ...     run.target.asked, run.left, run.checkpoint({"seed": 0}).load()
    (True, 10000, None)
    """

    def __init__(
        self,
        op: Any,
        who: str,
        *,
        rtol: float | None = None,
        atol: float | None = None,
        max_matvecs: int | None = None,
        seconds: float | None = None,
        progress: bool = False,
        checkpoint: Any = None,
        seed: int = 0,
        defaults: tuple[int | None, int | None] = (None, None),
        least: int | None = None,
        of_operator: bool = False,
    ):
        A = op if isinstance(op, Counted) else Counted(op, who)
        arguments.integer(who, "seed", seed, least=0)
        self.target = Target(who, rtol, atol, A if of_operator else None)
        self._is_default = max_matvecs is None
        limit = defaults[self.target.asked] if max_matvecs is None else max_matvecs
        if max_matvecs is not None and least is not None:
            least += checkpoint is not None  # what tells operators apart
            arguments.number(who, "max_matvecs", max_matvecs, least=least, infinite=True)
        super().__init__(A, limit, seconds, progress=progress, path=checkpoint)

    def checkpoint(self, options: dict[str, Any], *, free: bool = False) -> Checkpoint:
        """The checkpoint of a run that depends on these options.

        ``free`` means that a default budget does not count the product that it costs.
        """
        before = self.A.matvecs
        checkpoint = Checkpoint(self.path, self.A, options)
        if free and self._is_default and self.max_matvecs is not None:
            self.max_matvecs += self.A.matvecs - before
        return checkpoint
