"""Named arrays in one NumPy archive (.npz): written whole, and read without trusting it.

    write_npz : path, {name: array}            read_npz : path -> {name: array}

Nothing is unpickled. No memory is allocated for an array before its size is known to be in the
file: what a header claims is compared with what the archive holds.
"""

from __future__ import annotations

import errno
import math
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .files import replace_whole

Array = np.ndarray[Any, Any]

KINDS = "fciubSU"
"""Kinds of elements that are read and written: numbers and text."""

_DEFLATE_RATIO = 1032
"""How much smaller deflate makes data at most."""

_HEADERS: dict[tuple[int, int], Any] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def write_npz(path: Path, arrays: Mapping[str, Any]) -> Path:
    """Replace a file by an archive of these arrays; equal arrays give equal bytes.

    When it returns, the archive is on the disk, and there is no moment at which another process
    finds anything but the old file or the new one.
    """

    def write(file: Any) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name, x in arrays.items():
                # an entry without a date, unlike those of np.savez, which also reserves names
                with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, np.asanyarray(x), allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())

    return replace_whole(path, write)


def read_npz(path: Path) -> dict[str, Array]:
    """The arrays of an archive, by name.

    Raises
    ------
    OSError
        When the file cannot be opened.
    ValueError
        When it is no whole archive of arrays of numbers and text; the message says why.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = write_npz(Path(folder.name, "a.npz"), {"w": np.arange(3.0)})
    >>> read_npz(path)
    {'w': array([0., 1., 2.])}
    >>> _ = path.write_bytes(path.read_bytes()[:-9])
    >>> read_npz(path)
    Traceback (most recent call last):
    ...
    ValueError: it is no NumPy archive, or not whole
    >>> folder.cleanup()
    """
    if not (path.is_file() and zipfile.is_zipfile(path)):  # a device may have no end
        path.stat()  # a file that is not there is an error of its own
        raise ValueError("it is no NumPy archive, or not whole")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if sum(entry.compress_size for entry in entries) > path.stat().st_size:
                raise ValueError("its entries are larger than the file")
            found = {
                entry.filename.removesuffix(".npy"): _read(archive, entry) for entry in entries
            }
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"it is not whole ({error})") from error
    except OSError as error:  # an entry that claims to begin before the file does
        if error.errno != errno.EINVAL:
            raise
        raise ValueError("it is not whole (an entry lies outside of it)") from error
    if len(found) < len(entries):
        raise ValueError("two of its entries have the same name")
    return found


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Array:
    stored = entry.compress_type == zipfile.ZIP_STORED
    most = entry.compress_size if stored else entry.compress_size * _DEFLATE_RATIO
    if not stored and entry.compress_type != zipfile.ZIP_DEFLATED:
        raise ValueError(f"{entry.filename} is compressed in a way that NumPy does not use")
    with archive.open(entry) as file:
        read_header = _HEADERS.get(np.lib.format.read_magic(file))
        if read_header is None:
            raise ValueError(f"{entry.filename} is no array of numbers or text")
        shape, in_fortran_order, dtype = read_header(file)
        if dtype.kind not in KINDS:
            raise ValueError(f"{entry.filename} holds {dtype}, which is not read")
        size = math.prod(shape) * dtype.itemsize
        if file.tell() + size != entry.file_size or entry.file_size > most:
            raise ValueError(f"{entry.filename} claims {dtype}{shape}, which it does not hold")
        data = bytearray(file.read(size))  # writable, unlike bytes
        file.read(1)  # at the end, the checksum is compared
    return np.ndarray(shape, dtype, data, order="F" if in_fortran_order else "C")
