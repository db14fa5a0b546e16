"""What travels between processes: files in one folder, and short messages that name them.

    Sent, Result : object -> a message       .get() : the object, wherever the folder is seen

A message that a pipe takes at once cannot be left half-written by a worker that is killed, which
would block its reader for ever. A file is written once, however many workers read it, and mapped
into memory, so that workers of one machine share its arrays.
"""

from __future__ import annotations

import contextlib
import functools
import mmap
import os
import pickle
import shutil
import socket
import tempfile
import threading
import uuid
import weakref
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np

from ..core import arguments
from ..core.files import left_behind
from ..core.pickling import dumps_by_code

ALIGNED = 64
"""Bytes to which arrays are aligned in a file."""

MAPPED = 2**20
"""Bytes from which a file is mapped rather than read: an open map holds a file descriptor."""

SHORT = 2**10
"""Bytes that a message holds itself."""


def _dumps(value: Any, buffers: list[pickle.PickleBuffer]) -> bytes:
    """Pickled by cloudpickle, where that is installed; arrays are left to ``buffers``."""
    try:
        return dumps_by_code(value, protocol=5, buffer_callback=buffers.append)
    except ImportError:
        try:
            return pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        except (pickle.PicklingError, AttributeError) as error:
            raise pickle.PicklingError(
                f"{error}. Functions without a name of their own are sent to other processes by "
                "cloudpickle: pip install cloudpickle"
            ) from None


_writing: ContextVar[bool] = ContextVar("writing", default=False)


def is_writing() -> bool:
    """Whether what is pickled now is for a worker, who has the data already."""
    return _writing.get()


def write(path: str, value: Any) -> None:
    """An object into a new file: its pickle, then its arrays as they lie in memory."""
    buffers: list[pickle.PickleBuffer] = []
    token = _writing.set(True)
    try:
        head = _dumps(value, buffers)
    finally:
        _writing.reset(token)
    parts = [memoryview(head), *(b.raw() for b in buffers)]
    sizes = np.array([len(parts), *(p.nbytes for p in parts)], np.int64)
    with Path(path).open("xb") as file:
        for part in [memoryview(sizes.tobytes()), *parts]:
            file.write(part)
            file.write(b"\0" * (-part.nbytes % ALIGNED))


def read(path: str) -> Any:
    """The object in a file; its arrays are read-only."""
    with Path(path).open("rb") as file:
        if os.fstat(file.fileno()).st_size >= MAPPED:
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        else:
            content = memoryview(file.read())
    count = int(np.frombuffer(content, np.int64, 1)[0])
    sizes = np.frombuffer(content, np.int64, count, offset=8).tolist()
    parts, at = [], 8 * (count + 1)
    for size in sizes:
        at += -at % ALIGNED
        parts.append(content[at : at + size])
        at += size
    return pickle.loads(parts[0], buffers=parts[1:])


# ---- where the files are -------------------------------------------------------------------------


class Folder:
    """A temporary folder, made when it is needed; it goes with this object.

    Folders that killed processes left are removed.

    Parameters
    ----------
    parent : path-like, optional
        A folder that all workers see; by default the system's for temporary files.

    Examples
    --------
    >>> folder = Folder()
    >>> path = Path(folder.path)
    >>> path.is_dir()
    True
    >>> del folder
    >>> path.exists()
    False
    """

    def __init__(self, parent: Any = None):
        self._parent = Path(tempfile.gettempdir() if parent is None else parent)
        self._lock = threading.RLock()

    @property
    def path(self) -> str:
        """Where it is."""
        with self._lock:  # messages are pickled by threads of an executor
            return self._made

    @functools.cached_property
    def _made(self) -> str:
        prefix = f"tinygrad_hess.{socket.gethostname()}."
        for other in left_behind(self._parent, prefix):
            shutil.rmtree(other, ignore_errors=True)
        made = tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}.", dir=self._parent)
        finalize(self, shutil.rmtree, made, True)
        return made

    def new(self) -> str:
        """A path in it where nothing is."""
        return os.path.join(self.path, uuid.uuid4().hex)

    def __reduce__(self) -> Any:
        return str, (self.path,)


class Stored:
    """A file in a folder that is written when it is first asked for, and goes with this object."""

    def __init__(self, folder: Folder):
        self._folder, self._path, self._lock = folder, "", threading.Lock()

    def path(self, value: Any) -> str:
        """Where ``value`` is stored; only the first that is given is written."""
        with self._lock:
            if not self._path:
                path = self._folder.new()
                finalize(self, _unlink, path)
                write(path, value)
                self._path = path
        return self._path


def finalize(owner: Any, call: Callable[..., Any], *args: Any) -> None:
    """As :func:`weakref.finalize`, but not in forked children of this process."""
    weakref.finalize(owner, _in_process, os.getpid(), call, *args)


def _in_process(process: int, call: Callable[..., Any], *args: Any) -> None:
    if os.getpid() == process:
        call(*args)


def _unlink(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


# ---- messages ------------------------------------------------------------------------------------


class SendingError(pickle.PicklingError):
    """What cannot be pickled, and so not be sent."""


@contextlib.contextmanager
def _sending(what: str, advice: str) -> Iterator[None]:
    try:
        yield
    except OSError:  # of the file
        raise
    except Exception as error:  # pickle raises whatever the parts of an object raise
        raise SendingError(f"{what} ({type(error).__name__}: {error}). {advice}") from error


class Sent:
    """An object for workers. In this process it is itself; elsewhere, what its file holds.

    Parameters
    ----------
    value : object
    stored : Stored
    kept : bool
        Whether a worker keeps what it has read for as long as the file is there.
    what : str
        What it is, for errors.
    """

    def __init__(self, value: Any, stored: Stored, kept: bool = True, what: str = "the data"):
        self._value, self._stored, self._kept, self._what = value, stored, kept, what

    def get(self) -> Any:
        """The object."""
        return self._value

    def __reduce__(self) -> Any:
        with _sending(
            f"{self._what} cannot be sent to another process",
            "All that a function or an object refers to goes with it: make locks, files, "
            "generators and executors inside of the function; or take threads, such as "
            "ThreadPoolExecutor(2).",
        ):
            return Arrived, (self._stored.path(self._value), self._kept)


class Arrived:
    """An object that was sent. It is read by the call, whose own errors come back.

    An error while a message is unpickled would end the worker.
    """

    def __init__(self, path: str, kept: bool):
        self._path, self._kept = path, kept

    def get(self) -> Any:
        """The object: the same each time where it is kept."""
        if not self._kept:
            return _read_sent(self._path)
        with _lock:
            if self._path not in _known:
                for path in [p for p in _known if not os.path.exists(p)]:
                    del _known[path]
                _known[self._path] = _read_sent(self._path)
            return _known[self._path]


_known: dict[str, Any] = {}
_lock = threading.RLock()


def _read_sent(path: str) -> Any:
    try:
        return read(path)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"the worker on {socket.gethostname()} does not see {path}. Give "
            "curvature.ShardedData a folder= that all workers see."
        ) from None


class Result:
    """What a worker found, before it is on its way back."""

    def __init__(self, value: Any, folder: Any):
        self._value, self._folder = value, folder

    def get(self) -> Any:
        """The object."""
        return self._value

    def packed(self) -> Returned:
        """What the message holds: the object itself, or the name of its file."""
        buffers: list[pickle.PickleBuffer] = []
        with _sending("what the function gave cannot be sent back", "Return arrays and numbers."):
            head = _dumps(self._value, buffers)
        if len(head) + sum(b.raw().nbytes for b in buffers) <= SHORT:
            return Returned(head if not buffers else pickle.dumps(self._value), "")
        path = os.path.join(self._folder, uuid.uuid4().hex)
        write(path, self._value)
        return Returned(b"", path)


class Returned:
    """A result before it is read; its file is removed then."""

    def __init__(self, content: bytes, path: str):
        self._content, self._path = content, path

    def get(self) -> Any:
        """The object."""
        if not self._path:
            return pickle.loads(self._content)
        try:
            return read(self._path)
        finally:
            _unlink(self._path)


def checked_folder(who: str, folder: Any) -> Path | None:
    """A user's folder, which must be there."""
    if folder is None:
        return None
    arguments.instance(who, "folder", folder, (str, os.PathLike), "a path to a folder")
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{who}: there is no folder {str(folder)!r}. Make it first.")
    return Path(folder)
