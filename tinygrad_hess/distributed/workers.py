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
    ThreadPoolExecutor,
    wait,
)
from typing import Any

from ..core import arguments, modes
from ..core.blas_threads import one_blas_thread
from ..core.errors import misfit_of
from .dask import has_left, is_deserted, is_loss, of_each_thread
from .shards import opened
from .transport import (
    Arrived,
    Folder,
    Result,
    Returned,
    SendingError,
    Sent,
    Stored,
    checked_folder,
    finalize,
)

TRIES = 5
"""Workers that a shard may lose in one pass over the data before that is called its own fault."""

PATIENCE = 5.0
"""Seconds between two looks at whether a pool that owes an answer has broken."""

DESERTED = 120.0
"""Seconds without any worker after which a Dask cluster that had some is given up."""

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
        self._slots = [
            _Slot(one, who, serial) for some in given for one, serial in of_each_thread(some)
        ]
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
        calls = self._calls(function, shards, args, together=True)
        try:
            with one_blas_thread:  # for executors that are threads of this process
                calls.submit()
                for number, _ in shards:
                    yield calls.answer(number)
        finally:
            calls.cancel()

    def completed(
        self, function: Any, shards: Sequence[tuple[int, Sent]], args: Sequence[tuple[Any, ...]]
    ) -> Iterator[tuple[int, Any]]:
        """As :meth:`each`, but as answers arrive: the number of each, and what was found."""
        calls = self._calls(function, shards, args, together=False)
        try:
            with one_blas_thread:
                calls.submit()
                yield from calls.as_completed()
        finally:
            calls.cancel()

    def _calls(
        self,
        function: Any,
        shards: Sequence[tuple[int, Sent]],
        args: Sequence[tuple[Any, ...]],
        together: bool,
    ) -> _Calls:
        stored = self._functions.get(function)
        if stored is None:
            stored = self._functions[function] = self.store()
        sent = [Sent(some, self.store()) for some in args]
        sent_function = Sent(function, stored, what="the function")
        rest = self._folder, modes.is_debugging_nans()
        messages: dict[Any, _Message] = {}
        for i, (number, shard) in enumerate(shards):
            slot = number % len(self._slots)
            key = ("slot", slot) if together and self._slots[slot].serial else number
            message = messages.setdefault(key, _Message(sent_function, slot, rest))
            message.calls[number] = shard, sent[i % len(sent)]
        return _Calls(list(messages.values()), self._slots, len(shards), self.who, self.noun)


class _Calls:
    """One call for each shard: who has it, and what was answered."""

    def __init__(
        self, messages: list[_Message], slots: list[_Slot], count: int, who: str, noun: str
    ):
        self._messages, self._slots, self._count = messages, slots, count
        self._who, self._noun = who, noun
        self._answers: dict[int, Any] = {}

    def submit(self) -> None:
        """Hand all of them out."""
        for message in self._messages:
            self._submit(message)

    def cancel(self) -> None:
        """Nobody waits for them any more."""
        for message in self._messages:
            if message.future is not None:
                message.future.cancel()

    def answer(self, number: int) -> Any:
        """What was found for a shard, as soon as it is there."""
        while number not in self._answers:
            message = next(m for m in self._messages if number in m.calls)
            self._wait_for([message])
            self._receive(message)
        return self._read(number)

    def as_completed(self) -> Iterator[tuple[int, Any]]:
        """Numbers and what was found, in the order in which answers arrive."""
        while self._messages:
            for message in self._wait_for(self._messages):
                self._receive(message)
            for number in list(self._answers):
                yield number, self._read(number)

    def _wait_for(self, messages: Sequence[_Message]) -> list[_Message]:
        """Those that were answered, or never will be; at least one."""
        futures = [message.future for message in messages if message.future is not None]
        deserted = 0.0
        while True:
            done, _ = wait(futures, timeout=PATIENCE, return_when=FIRST_COMPLETED)
            if found := [m for m in messages if m.future in done or m.is_forgotten()]:
                return found
            deserted = deserted + PATIENCE if is_deserted(messages[0].executor) else 0.0
            if deserted >= DESERTED:
                raise RuntimeError(
                    f"{self._who}: for {deserted:.0f} s, the Dask cluster has had no worker, and "
                    f"{self._noun} {next(iter(messages[0].calls))} of {self._count} needs one. "
                    "Start some, as with cluster.scale(2)."
                )

    def _receive(self, message: _Message) -> None:
        """The answers of a message; or it is sent again, its worker being lost."""
        assert message.future is not None and message.slot is not None
        self._messages.remove(message)
        try:
            if not message.future.done():
                raise BrokenExecutor("its pool has broken, and forgot the call")
            self._answers.update(zip(message.calls, message.future.result(), strict=True))
            return
        except (BrokenExecutor, CancelledError) as error:
            message.slot.drop(message.executor, error)
        except Exception as error:  # of the executor itself
            if not is_loss(error):
                number = next(iter(message.calls))
                raise self._noted(message.sending_error() or error, number) from None
        again = message.one_by_one()
        self._messages += again
        for one in again:
            self._submit(one)

    def _read(self, number: int) -> Any:
        found = self._answers.pop(number).get()
        if isinstance(found, _Failure):
            raise self._noted(found.error, number)
        return found

    def _noted(self, error: BaseException, number: int) -> BaseException:
        where = "" if isinstance(error, SendingError) else "on a worker, "
        error.add_note(f"{self._who}: {where}in {self._noun} {number} of {self._count}")
        return error

    def _submit(self, message: _Message) -> None:
        of = f"{self._noun} {next(iter(message.calls))} of {self._count}"
        if message.lost >= TRIES:
            raise RuntimeError(
                f"{self._who}: {message.lost} workers in a row ended before they answered for "
                f"{of}; is there memory enough? A smaller {self._noun} needs less."
            )
        for k in range(len(self._slots)):
            slot = self._slots[(message.first + message.lost + k) % len(self._slots)]
            for _ in range(TRIES):
                if (executor := slot.executor()) is None:
                    break
                try:
                    message.future = _submitted(executor, message.content())
                except (RuntimeError, OSError) as error:  # broken, shut down, or breaking just now
                    slot.drop(executor, error)
                except Exception as error:  # Dask pickles at once
                    number = next(iter(message.calls))
                    raise self._noted(message.sending_error() or error, number) from None
                else:
                    message.slot, message.executor = slot, executor
                    return
        raise RuntimeError(
            f"{self._who}: no worker is left for {of} "
            f"({'; '.join(sorted({slot.why for slot in self._slots}))}). Give executor= a function "
            "that makes one, such as lambda: ProcessPoolExecutor(2): another is then made."
        )


def _submitted(executor: Executor, content: tuple[Any, ...]) -> Future[Any]:
    """Its answers to come; given here where this thread is one of the executor's.

    It would wait for itself, or for others that do so.
    """
    if not _is_thread_of(executor):
        return executor.submit(_answers, *content)
    future: Future[Any] = Future()
    future.set_result(_answers(*content))
    return future


def _is_thread_of(executor: Any) -> bool:
    if not isinstance(executor, ThreadPoolExecutor):
        return False
    with executor._shutdown_lock:  # a thread is noted after it was started
        return threading.current_thread() in executor._threads


class _Message:
    """Calls that one worker makes one after the other, and who has them now."""

    def __init__(self, function: Sent, first: int, rest: tuple[Any, ...]):
        self.calls: dict[int, tuple[Sent, Sent]] = {}  # shard and arguments, by number
        self.first, self.lost = first, 0
        self.future: Future[Any] | None = None
        self.slot: _Slot | None = None
        self.executor: Executor | None = None
        self._function, self._rest = function, rest

    def content(self) -> tuple[Any, ...]:
        """What is sent."""
        calls = [(shard, number, args) for number, (shard, args) in self.calls.items()]
        return self._function, calls, *self._rest

    def sending_error(self) -> SendingError | None:
        """Why it cannot be sent, if so; each executor has an error of its own for that."""
        try:
            pickle.dumps(self.content())
        except SendingError as error:
            return error
        return None

    def one_by_one(self) -> list[_Message]:
        """A message for each call, so that the one which ends workers is known."""
        made = []
        for number, call in self.calls.items():
            one = _Message(self._function, self.first, self._rest)
            one.calls[number], one.lost = call, self.lost + 1
            made.append(one)
        return made

    def is_forgotten(self) -> bool:
        """Whether there will be no answer: Python before 3.12 lets go of calls, rarely."""
        assert self.future is not None
        return not self.future.done() and (is_broken(self.executor) or has_left(self.executor))


class _Slot:
    """An executor: the caller's, which may break for good; or of the caller's making, made anew.

    A serial one makes one call after the other: it gains nothing from messages of their own.
    """

    def __init__(self, given: Any, who: str, serial: bool):
        self._who, self.why, self._lock = who, "", threading.Lock()
        self.serial = serial
        is_one = hasattr(given, "submit") and not isinstance(given, type)
        self._executor: Executor | None = given if is_one else None
        self._make: Callable[[], Any] | None = None
        if self._executor is None:
            self._make = arguments.function(who, "executor", given, ADVICE, what="an executor")
            if misfit := misfit_of(given, (), {}):
                raise TypeError(f"{who}: executor is called to make one, but {misfit}. {ADVICE}")

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
                if is_broken(executor):
                    _end_workers(executor)
                if self._make is not None:
                    executor.shutdown(wait=False)


def is_broken(executor: Any) -> bool:
    """Whether it is one of Python's own that says so."""
    return bool(getattr(executor, "_broken", False))


def _end_workers(executor: Any) -> None:
    """Kill the processes that a broken pool may have left, as its ``kill_workers`` of Python 3.14.

    Before Python 3.12, one that is started while the pool breaks waits for ever for a lock that a
    killed one held, and the pool for it, when this process is to end.
    """
    for process in list((getattr(executor, "_processes", None) or {}).values()):
        with contextlib.suppress(ValueError):  # it has ended, and was closed
            process.kill()


def _shut_down(executor: Executor) -> None:
    with contextlib.suppress(TypeError):  # Dask's takes no such argument, and holds nothing
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


def _answers(
    function: Any, calls: list[tuple[Any, int, Any]], folder: Any, debug: bool
) -> list[Result | Returned]:
    return [_answer(function, *call, folder, debug) for call in calls]


def _answer(
    function: Any, shard: Any, number: int, args: Any, folder: Any, debug: bool
) -> Result | Returned:
    try:
        with one_blas_thread, modes.debug_nans() if debug else contextlib.nullcontext():
            found = function.get()(lambda: opened(shard.get()), number, *args.get())
    except Exception as error:
        found = _Failure(error)
    result = Result(found, folder)
    if not isinstance(function, Arrived):  # this process has asked
        return result
    try:
        return result.packed()  # now, since Dask would send for ever what cannot be pickled
    except SendingError as error:
        return Result(_Failure(error), folder).packed()
