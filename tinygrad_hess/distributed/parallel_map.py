"""One function of many inputs, by workers: seeds, settings, whatever needs no word from the others.

parallel_map : f, inputs -> [f(x) for x in inputs]
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any

from ..core import arguments
from ..core.archives import read_npz, write_npz
from ..core.encoding import decode, encode
from ..core.hashing import code_of
from ..core.progress import progress_bar
from .transport import Sent
from .workers import Workers

WHO = "parallel_map"

STORED = "numbers, text, arrays, and lists, tuples and dicts of them"


def parallel_map(
    f: Callable[[Any], Any],
    inputs: Iterable[Any],
    *,
    executor: Any = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
    folder: Any = None,
) -> list[Any]:
    """Call a function with each of some inputs, such as seeds or settings; results in their order.

    Parameters
    ----------
    f : callable
        ``f(x)``; it draws random numbers from what ``x`` says alone, if it draws any.
    inputs : iterable
        Such as ``range(10)``, a list of dictionaries, or an array, whose rows they then are.
    executor : Executor, callable, or list of them, optional
        Who calls it: threads, processes, Dask; see :class:`tinygrad_hess.curvature.ShardedData`.
        By default it is called here, one input after the other.
    checkpoint : path-like, optional
        A folder that keeps each result in a file of its own as soon as it is there; with the same
        folder again, those are read and not computed. Inputs and results are then numbers, text,
        arrays, and lists, tuples and dicts of them.
    progress : bool, optional
        Show a bar with the time left. By default, in a terminal and in a notebook.
    folder : path-like, optional
        As for :class:`tinygrad_hess.curvature.ShardedData`.

    Returns
    -------
    list

    Raises
    ------
    Exception
        What ``f`` raises, with a note that names the call.
    RuntimeError
        When workers end, and there is no other to take over.
    ValueError
        When the folder is that of another function or of other inputs. A function is told by its
        name and its own code, not by what that calls.
    TypeError
        For inputs or results that are not kept in files.

    Notes
    -----
    What ends it early, Ctrl-C too, carries what is done so far: ``error.results``, a dictionary by
    the number of the input. A worker that was killed is replaced as for ``ShardedData``, and its
    call is made again. Each worker has one BLAS thread, so that results do not depend on who the
    workers are; without an executor, BLAS has its own.

    See Also
    --------
    vmap : one sweep over all inputs, where they are arrays and ``f`` takes the same way for all.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess import optim
    >>> def final_loss(rate):
    ...     loss = lambda w: (w**2).sum()
    ...     fitted = optim.fit(loss, np.ones(1), None, optim.SGD(lr=rate), epochs=9)
    ...     return float(fitted.losses[-1])
    >>> with ThreadPoolExecutor(2) as executor:
    ...     losses = tg.parallel_map(final_loss, [0.1, 0.5, 1.1], executor=executor)
    >>> [round(loss, 3) for loss in losses]
    [0.028, 0.0, 18.488]
    """
    arguments.function(WHO, "f", f, "It is called as f(x), for each x of inputs.")
    given = arguments.sequence(WHO, "inputs", inputs, "what f is called with, one after the other")
    kept = _Kept(checkpoint, f, given)
    done = kept.load()
    bar = progress_bar(WHO, progress, unit="calls", total=len(given))
    if bar is not None:
        bar.n = bar.initial = len(done)
        bar.refresh()
    calls = _calls(f, [(i, x) for i, x in enumerate(given) if i not in done], executor, folder)
    try:
        with contextlib.closing(calls):
            for number, found in calls:
                done[number] = found
                kept.save(number, found)
                if bar is not None:
                    bar.update()
    except BaseException as error:
        error.results = done  # type: ignore[attr-defined]
        error.add_note(
            f"{WHO}: error.results has the results of {len(done)} of {len(given)} calls, by number"
            + ("" if checkpoint is None else "; call again to go on")
        )
        raise
    finally:
        if bar is not None:
            bar.close()
    return [done[i] for i in range(len(given))]


def _calls(
    f: Callable[[Any], Any], inputs: list[tuple[int, Any]], executor: Any, folder: Any
) -> Generator[tuple[int, Any], None, None]:
    """The number of each input and what was found, as it is."""
    if executor is None:
        for number, x in inputs:
            try:
                found = f(x)
            except Exception as error:
                error.add_note(f"{WHO}: in call {number}")
                raise
            yield number, found
        return
    workers = Workers(executor, folder, WHO, noun="call")
    shards = [(number, Sent((x,), workers.store(), kept=False)) for number, x in inputs]
    yield from workers.completed(_Call(f), shards, [()])


class _Call:
    """The function, as workers call it."""

    def __init__(self, f: Callable[[Any], Any]):
        self._f = f

    def __call__(self, read: Callable[[], Any], number: int) -> Any:
        (x,) = read()
        return self._f(x)


class _Kept:
    """Results in the files of a folder, each with the input that it belongs to."""

    def __init__(self, folder: Any, f: Callable[[Any], Any], inputs: list[Any]):
        self._folder = None
        if folder is None:
            return
        what = "a path to a folder"
        arguments.instance(WHO, "checkpoint", folder, (str, os.PathLike), what)
        self._folder = Path(folder)
        if self._folder.exists() and not self._folder.is_dir():
            raise NotADirectoryError(
                f"{WHO}: checkpoint must be a folder, and {str(folder)!r} is a file"
            )
        self._called, self._inputs = getattr(f, "__qualname__", type(f).__name__), inputs
        self._code = code_of(f)
        for number, x in enumerate(inputs):
            try:
                encode(x)
            except TypeError as error:
                raise TypeError(
                    f"{WHO}: checkpoint keeps inputs that are {STORED}; input {number}: {error}"
                ) from None

    def load(self) -> dict[int, Any]:
        """Those that are there."""
        found: dict[int, Any] = {}
        if self._folder is None:
            return found
        remedy = "give another folder, or delete its files to begin anew"
        for number, x in enumerate(self._inputs):
            path = self._path(number)
            if not path.exists():
                continue
            try:
                read = decode(read_npz(path))
                called, code, given = read["function"], read["code"], read["input"]
                found[number] = read["result"]
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{WHO}: {path} is no result of it ({error}); {remedy}") from error
            if called != self._called:
                raise ValueError(
                    f"{WHO}: {path} is a result of {called}, not of {self._called}; {remedy}"
                )
            if code != self._code:
                raise ValueError(
                    f"{WHO}: {path} is a result of {called} before its code was changed; {remedy}"
                )
            if not _same(given, x):
                raise ValueError(
                    f"{WHO}: {path} is the result of another input, "
                    f"{arguments.shown(given)}, not of {arguments.shown(x)}; {remedy}"
                )
        return found

    def save(self, number: int, result: Any) -> None:
        """One more."""
        if self._folder is None:
            return
        whole = {
            "function": self._called,
            "code": self._code,
            "input": self._inputs[number],
            "result": result,
        }
        try:
            arrays = encode(whole)
        except TypeError as error:
            raise TypeError(
                f"{WHO}: checkpoint keeps results that are {STORED}; that of call {number}: {error}"
            ) from None
        self._folder.mkdir(parents=True, exist_ok=True)
        write_npz(self._path(number), arrays)

    def _path(self, number: int) -> Path:
        assert self._folder is not None
        return self._folder / f"{number:06}.npz"


def _same(a: Any, b: Any) -> bool:
    one, other = encode(a), encode(b)
    return one.keys() == other.keys() and all(
        (x.dtype, x.shape, x.tobytes()) == (y.dtype, y.shape, y.tobytes())
        for x, y in zip(one.values(), other.values(), strict=True)
    )
