"""The array API standard: names, signatures, and programs written for it, differentiated."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess.numpy import array_api as xp

X = np.arange(24.0).reshape(2, 3, 4) / 10
SCIPY = Path(__file__).parents[1] / "support" / "scipy_array_api.py"


def _same(name: str, theirs: Any, ours: Any) -> None:
    """Everything that the standard passes is accepted."""
    try:
        have = inspect.signature(ours).parameters
    except ValueError:  # a ufunc
        return
    if any(p.kind is p.VAR_KEYWORD for p in have.values()):
        return
    for p in inspect.signature(theirs).parameters.values():
        if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD):
            assert p.name in have, f"{name} takes no {p.name}"


def test_names_and_signatures() -> None:
    strict = pytest.importorskip("array_api_strict")
    for space, ours in ((strict, xp), (strict.linalg, xp.linalg), (strict.fft, xp.fft)):
        names = [
            n
            for n in space.__all__
            if "flags" not in n.lower() and n not in ("Device", "__version__")
        ]
        assert not [n for n in names if not hasattr(ours, n)]
        for name in names:
            if inspect.isfunction(getattr(space, name)):
                _same(name, getattr(space, name), getattr(ours, name))
    for name in dir(type(strict.ones(2))):
        if not name.startswith("_") or (name.startswith("__") and name != "__buffer__"):
            assert hasattr(tg.Tensor, name), name
    assert xp.__array_api_version__ == "2024.12"
    assert xp.__array_namespace_info__().devices() == ["cpu"]


def test_a_tensor_has_its_namespace() -> None:
    x = tg.tensor(X)
    assert x.__array_namespace__() is xp is x.__array_namespace__(api_version="2024.12")
    with pytest.raises(ValueError, match="version 'no'"):
        x.__array_namespace__(api_version="no")
    compat = pytest.importorskip("array_api_compat")
    assert compat.array_namespace(x, x) is xp and compat.is_array_api_obj(x)


def test_what_makes_arrays_makes_tensors() -> None:
    x = tg.tensor([3.0, 0.0, 2.0])
    for made in (
        xp.zeros(2), xp.ones(2), xp.full(2, 1.0, device="cpu"), xp.arange(3), xp.eye(2),
        xp.linspace(0.0, 1.0, 3), xp.zeros_like(x), xp.asarray([1.0]), xp.nonzero(x)[0],
        xp.unique_values(x), xp.unique_all(x).counts, xp.argsort(x), xp.fft.fftfreq(4),
        xp.meshgrid(x, x)[0], xp.any(x), xp.linalg.eigh(xp.eye(2)).eigenvalues,
    ):  # fmt: skip
        assert isinstance(made, tg.Tensor)
    for call in (xp.zeros_like, xp.asarray, lambda x, device: xp.full(2, 1.0, device=device)):
        with pytest.raises(ValueError, match="device='gpu' is not there"):
            call(x, device="gpu")


def test_sorts_go_down_and_keep_ties() -> None:
    x = np.array([1.0, 3.0, 1.0, 2.0])
    np.testing.assert_array_equal(xp.argsort(tg.tensor(x), descending=True).numpy(), [1, 3, 0, 2])
    np.testing.assert_array_equal(xp.sort(tg.tensor(x), descending=True).numpy(), [3, 2, 1, 1])
    w = np.arange(4.0)
    f = lambda x: (xp.sort(x, descending=True) * w).sum()
    np.testing.assert_array_equal(tg.grad(f)(x), [2, 0, 3, 1])


def test_options_of_the_standard() -> None:
    x = tg.tensor(X, requires_grad=True)
    assert float(xp.clip(x, min=0.5, max=1.0).sum().item()) == np.clip(X, 0.5, 1.0).sum()
    d = xp.diff(x, prepend=xp.zeros((2, 3, 1)), append=xp.ones((2, 3, 1)))
    want = np.diff(X, prepend=np.zeros((2, 3, 1)), append=np.ones((2, 3, 1)))
    np.testing.assert_allclose(d.detach().numpy(), want)
    assert xp.astype(x, xp.float64, copy=False) is x
    assert xp.reshape(x, (6, 4), copy=True).shape == (6, 4)
    assert xp.asarray(x) is x and xp.asarray(x, copy=True) is not x


def test_shifts_and_writes_by_operators() -> None:
    i = tg.tensor([1, 2, 3])
    assert (i << 1).numpy().tolist() == [2, 4, 6] and (1 << i).numpy().tolist() == [2, 4, 8]
    assert (i >> 1).numpy().tolist() == [0, 1, 1]
    i <<= 2
    i >>= 1
    assert i.numpy().tolist() == [2, 4, 6]
    m = tg.tensor(np.array([[1.0, 1.0], [0.0, 1.0]]))
    m @= m
    assert m.numpy().tolist() == [[1, 2], [0, 1]]
    np.testing.assert_array_equal(tg.jit(lambda i: i << 1)(np.arange(3)), [0, 2, 4])


def test_devices_and_other_libraries() -> None:
    x = tg.tensor([1.0, 2.0])
    assert x.device == "cpu" and x.to_device("cpu") is x and x.__dlpack_device__() == (1, 0)
    given = np.from_dlpack(x)
    np.testing.assert_array_equal(given, [1, 2])
    with pytest.raises(ValueError, match="device 'cpu'"):
        x.to_device("gpu")
    with pytest.raises(tg.NonDifferentiableError, match="__dlpack__"):
        np.from_dlpack(tg.tensor([1.0], requires_grad=True))
    with pytest.raises(tg.NonDifferentiableError, match="inside vmap"):
        tg.vmap(lambda x: np.from_dlpack(x))(np.ones((2, 2)))


def test_einops() -> None:
    einops = pytest.importorskip("einops.array_api")
    pooled = lambda x: einops.reduce(
        einops.rearrange(x, "a b c -> c (a b)"), "c (a b) -> a c", "mean", a=2
    )
    for f in (
        lambda x: (pooled(x) ** 3).sum(),
        lambda x: (einops.repeat(x, "a b c -> a (b r) c", r=2) ** 3).sum(),
        lambda x: (einops.pack([x, 2 * x], "a * c")[0] ** 3).sum(),
    ):
        tg.check_grads(f, (X,), order=2)
    f = lambda x: (pooled(x) ** 2).sum()
    np.testing.assert_allclose(tg.vmap(f)(np.stack([X, 2 * X])), [f(X), f(2 * X)])
    np.testing.assert_allclose(tg.jit(tg.grad(f))(X), tg.grad(f)(X))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_array_api_extra() -> None:
    xpx = pytest.importorskip("array_api_extra")
    for f in (
        lambda x: (xpx.cov(x[0]) ** 2).sum(),
        lambda x: (xpx.kron(x[0], x[1]) ** 2).sum(),
        lambda x: (xpx.pad(x, 1) ** 3).sum(),
        lambda x: (xpx.at(x * 1.0, 0).set(3.0) ** 3).sum(),
        lambda x: (xpx.create_diagonal(x[0, 0]) ** 3).sum(),
        lambda x: xpx.apply_where(x > 1, x, lambda v: v**3, lambda v: 3 * v).sum(),
        lambda x: xpx.sinc(x).sum(),
    ):
        tg.check_grads(f, (X + 0.03,), order=2)


def test_scipy() -> None:
    """In a process of its own: SciPy reads the setting as it is imported."""
    done = subprocess.run(
        [sys.executable, str(SCIPY)],
        env={
            **os.environ,
            "SCIPY_ARRAY_API": "1",
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "right" in done.stdout
