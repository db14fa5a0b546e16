"""Files are written whole, and what a killed writer left goes with the next one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tinygrad_hess.core.files import replace_whole


@pytest.mark.parametrize("name", ["a.bin", "[a].bin", "a*?.bin"])
def test_a_file_is_replaced_and_nothing_stays_beside_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for data in (b"first", b"second"):
        assert replace_whole(path, data) == path
        assert path.read_bytes() == data
        assert os.listdir(tmp_path) == [name]


def test_an_error_leaves_the_old_file(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def full(*args: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space"):
        replace_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


@pytest.mark.skipif(os.name != "posix", reason="asks whether a process runs by a signal")
def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    path = tmp_path / "a.bin"
    (tmp_path / f".a.bin.{killed.pid}.1").write_bytes(b"half")
    ours = [f".a.bin.{os.getpid()}.1", ".a.bin.notes", f".ab.bin.{killed.pid}.1"]
    for name in ours:
        (tmp_path / name).write_bytes(b"of others")
    replace_whole(path, b"whole")
    assert sorted(os.listdir(tmp_path)) == sorted(["a.bin", *ours])
