"""One call for each shard of some data, on executors.

    Workers.each      : function, shards, arguments -> results, in the order of the shards
    Workers.completed : the same in the order in which they arrive, with their numbers

Only ``executor.submit(function, *arguments)`` is used, so that any executor will do. Which worker
answers, and when, has no part in the result: neither in what a shard is, nor in the order in which
answers are added up, nor in the number of BLAS threads.
"""

from __future__ import annotations

import contextlib
import pickle
import threading
import traceback
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    wait,
)
from typing import Any

from ..core import arguments, modes
from ..core.blas_threads import one_blas_thread
from .dask import is_loss, of_each_worker
from .shards import opened
from .transport import Folder, Result, Sent, Stored, checked_folder, finalize

TRIES = 5
"""Workers that a shard may lose in one pass over the data before that is called its own fault."""

ADVICE = (
    "Give a concurrent.futures.Executor, such as ThreadPoolExecutor(2); or a function that makes "
    "one, such as lambda: ProcessPoolExecutor(2); or a list of them."
)


class Workers:
    """Executors, and what was sent to them.

    Parameters
    ----------
    executor : Executor, callable, or sequence of them
        A callable without arguments makes an executor, and another when that has broken. Of
        several, each shard has its own, in turn, so that what is kept for it is kept once.
    folder : path-like, optional
        Where what is sent to other processes is stored; all workers must see it.
    who : str
        The caller, for errors.
    noun : str
        What a shard is called in them.
    """

    def __init__(self, executor: Any, folder: Any, who: str, noun: str = "shard"):
        self.who, self.noun = who, noun
        given = list(executor) if isinstance(executor, (list, tuple)) else [executor]
        if not given:
            raise ValueError(f"{who}: executor is an empty {type(executor).__name__}. {ADVICE}")
        self._slots = [_Slot(one, who) for some in given for one in of_each_worker(some)]
        self._folder = Folder(checked_folder(who, folder))
        self._functions: weakref.WeakKeyDictionary[Any, Stored] = weakref.WeakKeyDictionary()

    def store(self) -> Stored:
        """A place for an object that is sent."""
        return Stored(self._folder)

    def each(
        self, function: Any, shards: Sequence[tuple[int, Sent]], args: Sequence[tuple[Any, ...]]
    ) -> Iterator[Any]:
        """``function(read, number, *args)`` of each shard, where ``read()`` gives its content.

        Parameters
        ----------
        function : object
            It is sent once, and kept by workers with all that it keeps, for as long as it lives.
        shards : sequence of (int, Sent)
            Their numbers, and where they are.
        args : sequence of tuple
            One for all shards, or one for each.

        Raises
        ------
        RuntimeError
            When workers end, and there is no other to take over.
        Exception
            What the function raised, with a note that names the shard.
        """
        tasks = self._tasks(function, shards, args)
        try:
            with one_blas_thread:  # for executors that are threads of this process
                for task in tasks:
                    self._submit(task, len(tasks))
                for task in tasks:
                    while (found := self._answer_of(task, len(tasks))) is None:
                        pass
                    yield found[0]
        finally:
            _cancel(tasks)

    def completed(
        self, function: Any, shards: Sequence[tuple[int, Sent]], args: Sequence[tuple[Any, ...]]
    ) -> Iterator[tuple[int, Any]]:
        """As :meth:`each`, but as answers arrive: the number of each, and what was found."""
        tasks = self._tasks(function, shards, args)
        try:
            with one_blas_thread:
                waiting = {self._submit(task, len(tasks)): task for task in tasks}
                while waiting:
                    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                    for future in done:
                        task = waiting.pop(future)
                        found = self._answer_of(task, len(tasks))
                        if found is None:
                            assert task.future is not None
                            waiting[task.future] = task
                        else:
                            yield task.number, found[0]
        finally:
            _cancel(tasks)

    def _tasks(
        self, function: Any, shards: Sequence[tuple[int, Sent]], args: Sequence[tuple[Any, ...]]
    ) -> list[_Task]:
        stored = self._functions.get(function)
        if stored is None:
            stored = self._functions[function] = self.store()
        debug = modes.is_debugging_nans()
        what, sent = Sent(function, stored), [Sent(some, self.store()) for some in args]
        return [
            _Task(number, (what, shard, number, sent[i % len(sent)], self._folder, debug))
            for i, (number, shard) in enumerate(shards)
        ]

    def _answer_of(self, task: _Task, count: int) -> tuple[Any] | None:
        """What was found, in a tuple; None where the call was sent again, its worker being lost."""
        assert task.future is not None and task.slot is not None
        try:
            found = task.future.result().get()
            task.future = None
        except (BrokenExecutor, CancelledError) as error:
            task.slot.drop(task.executor, error)
            self._submit_again(task, count)
            return None
        except Exception as error:  # of the executor itself
            if is_loss(error):
                self._submit_again(task, count)
                return None
            found = _Failure(error)
        if isinstance(found, _Failure):
            found.error.add_note(
                f"{self.who}: on a worker, in {self.noun} {task.number} of {count}"
            )
            raise found.error
        return (found,)

    def _submit_again(self, task: _Task, count: int) -> None:
        task.lost += 1
        self._submit(task, count)

    def _submit(self, task: _Task, count: int) -> Future[Any]:
        if task.lost >= TRIES:
            raise RuntimeError(
                f"{self.who}: {task.lost} workers in a row ended before they answered for "
                f"{self.noun} {task.number} of {count}; is there memory enough? A smaller "
                f"{self.noun} needs less."
            )
        for k in range(len(self._slots)):
            slot = self._slots[(task.number + task.lost + k) % len(self._slots)]
            for _ in range(TRIES):
                if (executor := slot.executor()) is None:
                    break
                try:
                    task.future = future = executor.submit(_answer, *task.call)
                except (BrokenExecutor, RuntimeError) as error:  # or it is shut down
                    slot.drop(executor, error)
                else:
                    task.slot, task.executor = slot, executor
                    return future
        raise RuntimeError(
            f"{self.who}: no worker is left for {self.noun} {task.number} of {count} "
            f"({'; '.join(sorted({slot.why for slot in self._slots}))}). Give executor= a function "
            "that makes one, such as lambda: ProcessPoolExecutor(2): another is then made."
        )


class _Task:
    """The call for one shard, and who has it now."""

    def __init__(self, number: int, call: tuple[Any, ...]):
        self.number, self.call = number, call
        self.future: Future[Any] | None = None
        self.slot: _Slot | None = None
        self.executor: Executor | None = None
        self.lost = 0


def _cancel(tasks: Sequence[_Task]) -> None:
    for task in tasks:
        if task.future is not None:
            task.future.cancel()


class _Slot:
    """An executor: the caller's, which may break for good; or of the caller's making, made anew."""

    def __init__(self, given: Any, who: str):
        self._who, self.why, self._lock = who, "", threading.Lock()
        self._executor: Executor | None = given if hasattr(given, "submit") else None
        self._make: Callable[[], Any] | None = None
        if self._executor is None:
            self._make = arguments.function(who, "executor", given, ADVICE, what="an executor")

    def executor(self) -> Executor | None:
        """One to submit to; None when it is broken, and none can be made."""
        with self._lock:
            if self._executor is None and self._make is not None:
                made = self._make()
                if not hasattr(made, "submit"):
                    raise TypeError(
                        f"{self._who}: executor makes {arguments.shown(made)}, which is no "
                        f"executor. {ADVICE}"
                    )
                finalize(self, _shut_down, made)
                self._executor = made
            return self._executor

    def drop(self, executor: Executor | None, error: BaseException) -> None:
        """This one is broken."""
        with self._lock:
            if self._executor is executor and executor is not None:
                self.why = f"{type(error).__name__}: {error}" if str(error) else repr(error)
                self._executor = None
                if self._make is not None:
                    executor.shutdown(wait=False)


def _shut_down(executor: Executor) -> None:
    executor.shutdown(wait=False, cancel_futures=True)


# ---- in the worker -------------------------------------------------------------------------------


class _Failure:
    """What a function raised."""

    def __init__(self, error: BaseException):
        self.error = error

    def __reduce__(self) -> Any:
        try:
            pickle.loads(pickle.dumps(self.error))
        except Exception:  # an exception may refuse in any way
            return _Failure, (RuntimeError("".join(traceback.format_exception(self.error))),)
        return _Failure, (self.error,)


def _answer(function: Any, shard: Any, number: int, args: Any, folder: Any, debug: bool) -> Result:
    try:
        with one_blas_thread, modes.debug_nans() if debug else contextlib.nullcontext():
            found = function.get()(lambda: opened(shard.get()), number, *args.get())
    except Exception as error:
        found = _Failure(error)
    return Result(found, folder)
