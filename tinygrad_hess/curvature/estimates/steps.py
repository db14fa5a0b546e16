"""A long run as steps of which each is computed once, also when the run is killed in between.

Steps : name, function -> what the function gives
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from ...core import arguments
from ...core.encoding import decode, encode
from ...core.progress import progress_bar
from .budget import was_interrupted
from .checkpoints import Checkpoint, Identified
from .result import Result

T = TypeVar("T")


class Steps:
    """The finished steps of a run, kept in a file.

    Parameters
    ----------
    path : path-like, optional
        With None nothing is saved.
    A : Counted or Point
        The operator, or the point, which tells the run from others. Products that it counts in a
        step are counted where the step is not repeated, too.
    options : dict
        Plain values that the course of the run depends on.
    progress : bool
        Show a bar with the time that is expected to remain.
    total : float, optional
        What :meth:`advance` counts up to.
    unit : str
        What it counts.

    Raises
    ------
    ValueError
        When the file is of another run, or no checkpoint at all.

    Notes
    -----
    A step gives results and what :func:`~tinygrad_hess.core.encoding.encode` takes; what an
    interruption left is no finished step. A step that is long itself saves what it has done in a
    file of its own, at :meth:`beside`, which goes when the step is finished.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from tinygrad_hess.curvature.estimates.operands import Counted
    >>> folder = tempfile.TemporaryDirectory()
    >>> path, A = folder.name + "/run.npz", Counted(np.eye(2), "example")
    >>> with Steps(path, A, {"seed": 0}) as steps:
    ...     steps("first", lambda: A.matvec(np.ones(2)))
    array([1., 1.])
    >>> with Steps(path, A, {"seed": 0}) as steps:
    ...     steps("first", lambda: 1 / 0)
    array([1., 1.])
    >>> folder.cleanup()
    """

    def __init__(
        self,
        path: Any,
        A: Identified,
        options: Mapping[str, Any],
        *,
        progress: bool = False,
        total: float | None = None,
        unit: str = "steps",
    ):
        self.A = A
        self.bar: Any = progress_bar(A.who, progress, unit=unit, total=total)
        self._checkpoint = Checkpoint(path, A, options)
        saved = self._checkpoint.load()
        self._fresh = self._unsaved = saved is None
        self._done: dict[str, Mapping[str, Any]] = _by_step(saved or {})
        self._total: tuple[str, Any] | None = None  # of a fold: of how many parts, and their sum
        self._known = False  # whether the last step was
        self._files: list[tuple[str, Path]] = []  # of steps that are at work

    def __call__(self, name: str, compute: Callable[[], T]) -> T:
        """What the step ``name`` gives, computed unless it is known."""
        known = self._done.get(name)
        self._known = known is not None
        if known is not None:
            found, products = decode(known, Result)
            self.A.matvecs += products
            return found
        before = self.A.matvecs
        found = compute()
        if self._checkpoint.path is not None and not was_interrupted(found):
            self._done[name] = encode((found, self.A.matvecs - before), Result)
            self._unsaved = True
            if self._checkpoint.due():
                self.save()
        return found

    def fold(
        self, name: str, start: T, parts: Iterable[Callable[[], Any]], add: Callable[[T, Any], T]
    ) -> T:
        """``add(total, part())`` for all parts, of which a file keeps the total alone.

        ``add`` gives another total, and leaves the one that it was given.
        """
        known = self._done.get(name)
        done, total = (0, start) if known is None else decode(known, Result)
        if done and self.bar is not None:
            self.bar.n = self.bar.initial = done
        for number, compute in enumerate(parts):
            if number < done:
                continue
            total = add(total, compute())
            done = number + 1
            if self._checkpoint.path is not None:
                self._total, self._unsaved = (name, (done, total)), True
                if self._checkpoint.due():
                    self.save()
            self.advance(done, name)
        return total

    def beside(self, name: str) -> Path | None:
        """Where the step ``name`` may save what it has done so far.

        What it begins with is saved first.
        """
        path = beside(self._checkpoint.path, name)
        if path is not None:
            if self._fresh:  # of a run whose own file was deleted, to begin anew
                path.unlink(missing_ok=True)
            self.save()
            self._files.append((name, path))
        return path

    def advance(self, count: float, text: str = "") -> None:
        """Move the bar to ``count``."""
        if self.bar is not None:
            count = round(count, 1)
            if self._known:  # the time left is told by what this run does
                self.bar.n = self.bar.initial = count
            self.bar.set_postfix_str(text, refresh=False)
            self.bar.update(count - self.bar.n)

    def save(self) -> None:
        """Save all steps that are finished; the files of those that were at work go."""
        if self._total is not None:
            name, total = self._total
            self._done[name] = encode(total, Result)
        state = {f"{s}/{name}": x for s, arrays in self._done.items() for name, x in arrays.items()}
        self._checkpoint.save(state)
        self._unsaved = False
        for step, path in self._files:
            if step.split(".")[0] in self._done:
                for file in (path, *path.parent.glob(f"{glob.escape(path.name)}.*")):
                    file.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.bar is not None:
            self.bar.close()
        if self._unsaved:
            self.save()


def beside(path: Any, name: str) -> Path | None:
    """The file of a part of the run whose file is ``path``.

    Examples
    --------
    >>> beside("run.npz", "eigenpairs").name
    'run.npz.eigenpairs'
    """
    if path is None:
        return None
    whole = arguments.path("checkpoint", path, "checkpoint")
    return whole.with_name(f"{whole.name}.{name}")


def _by_step(saved: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    out: dict[str, dict[str, Any]] = {}
    for key, x in saved.items():
        step, _, name = key.rpartition("/")
        out.setdefault(step, {})[name] = x
    return dict(out)
