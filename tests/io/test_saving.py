"""Arrays in files: what is saved comes back, and what is no such file is refused before it costs."""

from __future__ import annotations

import io
import json
import os
import pickle
import resource
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import nn, optim
from tinygrad_hess.core import trees
from tinygrad_hess.core.archives import read_npz

FORMATS = ["safetensors", "npz"]
safetensors = pytest.importorskip("safetensors.numpy")


class Pair(NamedTuple):
    first: Any
    second: Any


def model() -> Any:
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3, seed=0), nn.BatchNorm2d(2), nn.relu, nn.Flatten(),
        nn.Dropout(0.2, seed=1), nn.Linear(8, 3, dtype=np.float32, seed=2),
    )  # fmt: skip
    return nn.freeze(net, "layers[0].weight")


def same(a: Any, b: Any) -> None:
    assert trees.structure(a) == trees.structure(b)
    for p, q in zip(trees.leaves_every(a), trees.leaves_every(b), strict=True):
        assert type(p) is type(q)
        assert np.asarray(p).dtype == np.asarray(q).dtype
        assert np.asarray(p).shape == np.asarray(q).shape
        assert np.asarray(p).tobytes() == np.asarray(q).tobytes()


# ---- there and back ------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", FORMATS)
def test_modules_and_pytrees_come_back_as_they_were(suffix: str, tmp_path: Path) -> None:
    net = model()
    state = optim.Adam().init(net)
    trees_of: list[Any] = [
        net,
        (net, state),
        {
            "w": np.arange(6.0).reshape(2, 3).T,
            "layers": [Pair(np.float32(2), None), (1.5, 3, True)],
        },
        [
            np.arange(3, dtype=np.uint8),
            np.arange(3.0, dtype=">f4"),
            np.array([], np.int16),
            np.array([[True]]),
        ],
        np.float64(2.5),
        np.linspace(0, 1, 5),
        {"frozen": nn.Frozen(np.ones(2)), "count": nn.Buffer(np.int64(3))},
    ]
    for tree in trees_of:
        path = tg.io.save(tmp_path / f"t.{suffix}", tree)
        zeros = trees.map_every(lambda x: type(x)(0) if np.isscalar(x) else np.zeros_like(x), tree)
        loaded = tg.io.load(path, like=zeros)
        same(loaded, tree)
        assert loaded is not zeros
    x = np.random.default_rng(0).normal(size=(2, 1, 4, 4))
    other = nn.freeze(model(), "layers[0].weight")
    tg.io.save(tmp_path / f"net.{suffix}", net)
    loaded = tg.io.load(tmp_path / f"net.{suffix}", like=other)
    np.testing.assert_array_equal(loaded.eval()(x), net.eval()(x))
    assert nn.count_parameters(loaded) == nn.count_parameters(net)


def test_safetensors_reads_ours_and_we_read_its(tmp_path: Path) -> None:
    net = model()
    found = safetensors.load_file(tg.io.save(tmp_path / "net.safetensors", net))
    assert found.keys() == net.state_dict().keys()
    for name, x in net.state_dict().items():
        np.testing.assert_array_equal(found[name], x)
    safetensors.save_file(
        {"a.b": np.arange(4.0), "c": np.float32([[1]])}, tmp_path / "x.safetensors"
    )
    loaded = tg.io.load(tmp_path / "x.safetensors")
    np.testing.assert_array_equal(loaded["a.b"], np.arange(4.0))
    assert loaded["c"].dtype == np.float32


def test_numpy_reads_ours_and_we_read_its(tmp_path: Path) -> None:
    with np.load(
        tg.io.save(tmp_path / "a.npz", {"w": np.arange(3.0), "file": np.ones(1)})
    ) as found:
        np.testing.assert_array_equal(found["w"], np.arange(3.0))
        assert found["file"].shape == (1,)
    given = {
        "x": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "z": np.array(1 + 2j),
        "n": np.array("text"),
    }
    for write in (np.savez, np.savez_compressed):
        write(tmp_path / "b.npz", **given)
        loaded = tg.io.load(tmp_path / "b.npz")
        assert loaded.keys() == given.keys()
        for name, x in given.items():
            np.testing.assert_array_equal(loaded[name], x)
            assert loaded[name].dtype == x.dtype
        loaded["x"][0, 0] = 9.0  # it can be written to


def test_equal_trees_give_equal_files(tmp_path: Path) -> None:
    for suffix in FORMATS:
        first, second = (tg.io.save(tmp_path / f"{i}.{suffix}", model()) for i in range(2))
        assert first.read_bytes() == second.read_bytes()


def test_a_trained_model_goes_through_a_file(tmp_path: Path) -> None:
    x, y = np.ones((4, 2)), np.zeros((4, 1))
    net = nn.Linear(2, 1, seed=0)
    opt = optim.Adam(net, lr=0.1)
    nn.mse(net(x), y).backward()
    opt.step()
    path = tg.io.save(tmp_path / "net.npz", net)  # its leaves are tensors
    loaded = tg.io.load(path, like=nn.Linear(2, 1))
    np.testing.assert_array_equal(loaded.weight, net.weight.numpy())
    assert isinstance(loaded.weight, np.ndarray)


# ---- what does not fit ---------------------------------------------------------------------------


def test_all_that_does_not_fit_is_named_at_once(tmp_path: Path) -> None:
    path = tg.io.save(
        tmp_path / "a.npz", {"w": np.ones(2), "old": np.ones(1), "z": np.ones(2, complex)}
    )
    like = {"w": np.ones((2, 1)), "new": np.ones(1), "z": np.ones(2)}
    with pytest.raises(ValueError) as caught:
        tg.io.load(path, like=like)
    assert str(caught.value) == (
        "load: the arrays do not fit:\n  missing: new\n  unexpected: old\n"
        "  misshapen: w is float64(2,), not float64(2, 1), z is complex128(2,), not float64(2,)"
    )
    wide = tg.io.load(tg.io.save(tmp_path / "f.npz", [np.float32([0.1])]), like=[np.zeros(1)])
    assert wide[0].dtype == np.float64 and wide[0][0] == np.float32(0.1)


def test_what_cannot_be_saved_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"suffix of 'a\.pt' must be \.safetensors or \.npz"):
        tg.io.save(tmp_path / "a.pt", np.ones(2))
    with pytest.raises(TypeError, match=r"save: name must be an array of numbers, got str"):
        tg.io.save(tmp_path / "a.npz", {"name": "text"})
    with pytest.raises(ValueError, match=r"two arrays are called \"a\['b'\]\""):
        tg.io.save(tmp_path / "a.npz", {"a": {"b": np.ones(1)}, "a['b']": np.ones(1)})
    with pytest.raises(FileNotFoundError, match="no folder"):
        tg.io.save(tmp_path / "none" / "a.npz", np.ones(2))
    with pytest.raises(TypeError, match="path must be"):
        tg.io.save(3, np.ones(2))
    with pytest.raises(ValueError, match=r"not all of the types.*write \.npz"):
        tg.io.save(tmp_path / "a.safetensors", np.ones(2, complex))
    assert not list(tmp_path.iterdir())
    for suffix in FORMATS:
        with pytest.raises(FileNotFoundError, match="load: there is no file"):
            tg.io.load(tmp_path / f"none.{suffix}")


# ---- files that are not what they claim ----------------------------------------------------------


@pytest.mark.parametrize("suffix", FORMATS)
def test_truncated_files_are_one_clear_error(suffix: str, tmp_path: Path) -> None:
    path = tg.io.save(tmp_path / f"a.{suffix}", model())
    good = path.read_bytes()
    rng = np.random.default_rng(0)
    for cut in (0, 1, 7, 8, 9, len(good) - 1, *rng.integers(0, len(good), 30)):
        path.write_bytes(good[:cut])
        with pytest.raises(ValueError, match=f"load: a.{suffix} cannot be read as"):
            tg.io.load(path)


@pytest.mark.parametrize("suffix", FORMATS)
def test_foreign_files_are_refused_and_nothing_is_unpickled(suffix: str, tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "harm"),)

    path = tmp_path / f"a.{suffix}"
    objects = io.BytesIO()
    np.savez(objects, a=np.array([Harmful()], dtype=object))
    plain = io.BytesIO()
    np.save(plain, np.array([Harmful()], dtype=object), allow_pickle=True)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("data.pkl", pickle.dumps(Harmful()))
        out.writestr("a.npy", pickle.dumps(Harmful()))
    contents = [
        pickle.dumps(Harmful()), objects.getvalue(), plain.getvalue(), archive.getvalue(), b"PK",
        b"text", bytes(100), np.random.default_rng(0).bytes(500),
    ]  # fmt: skip
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(ValueError, match="cannot be read as"):
            tg.io.load(path)
    assert not (tmp_path / "harm").exists()


def npz(entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return out.getvalue()


def header(shape: Any, dtype: str = "<f8") -> bytes:
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def tensor_file(entry: dict[str, Any]) -> bytes:
    text = json.dumps({"a": entry}).encode()
    return struct.pack("<Q", len(text)) + text + bytes(8)


HUGE = 10**13
LIES = {
    "npz of a huge array": ("npz", npz({"a.npy": header((HUGE,)) + bytes(8)})),
    "npz of huge axes": ("npz", npz({"a.npy": header((2**32, 2**32, 0, 1)) + bytes(8)})),
    "npz of a negative axis": ("npz", npz({"a.npy": header((-1, -8)) + bytes(64)})),
    "npz with data left over": ("npz", npz({"a.npy": header((1,)) + bytes(16)})),
    "npz of objects": ("npz", npz({"a.npy": header((1,), "|O") + bytes(8)})),
    "npz of huge elements": ("npz", npz({"a.npy": header((1,), f"|S{2**30}") + bytes(8)})),
    "npz compressed by another method": ("npz", npz({"a.npy": header((1,)) + bytes(8)}, zipfile.ZIP_LZMA)),
    "npz of a header that is no literal": ("npz", npz({"a.npy": header("__import__('os')") + bytes(8)})),
    "safetensors of a huge array": (
        "safetensors",
        tensor_file({"dtype": "F64", "shape": [HUGE], "data_offsets": [0, 8 * HUGE]}),
    ),
    "safetensors of a huge header": ("safetensors", struct.pack("<Q", HUGE) + b"{}"),
    "safetensors whose shape is not its size": (
        "safetensors",
        tensor_file({"dtype": "F64", "shape": [HUGE], "data_offsets": [0, 8]}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LIES)
def test_sizes_are_checked_before_anything_is_allocated(name: str, tmp_path: Path) -> None:
    suffix, content = LIES[name]
    path = tmp_path / f"lie.{suffix}"
    path.write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match="cannot be read as"):
        tg.io.load(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000, "kilobytes"


def test_an_archive_that_claims_to_expand_to_more_than_it_can(tmp_path: Path) -> None:
    """The directory at the end of the archive lies together with the header of the array."""
    size = 2**40
    content = bytearray(npz({"a.npy": header((size // 8,)) + bytes(64)}, zipfile.ZIP_DEFLATED))
    central = content.rfind(b"PK\x01\x02")
    content[central + 24 : central + 28] = struct.pack("<I", 2**32 - 2)
    path = tmp_path / "a.npz"
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match="claims"):
        read_npz(path)


def test_it_is_imported_only_where_it_is_used() -> None:
    program = "import sys, tinygrad_hess as tg; tg.io.save; print('safetensors' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
    with pytest.raises(AttributeError, match=r"tg\.io\.save"):
        _ = tg.save
