"""Lists and tuples that hold tensors, as users of HIPS/autograd write them, everywhere."""

from __future__ import annotations

from typing import Any

import coverage_page
import numpy as np
import pytest
import specimens
from names import MODULES, not_called
from walking import is_floating, is_refusal, parts

import tinygrad_hess as tg

N = tg.numpy
NAMES = [
    path
    for path in coverage_page.names()
    if path.startswith("numpy.")
    and not_called(
        path.rpartition(".")[2], vars(MODULES[path.rpartition(".")[0]]).get(path.rpartition(".")[2])
    )
    is None
]

GIVEN_AS_OPTIONS = {"numpy.angle", "numpy.linalg.matrix_rank", "numpy.linalg.svd"}
"""The general forms give these a list as a flag or a tolerance."""


def _nested(x: Any) -> Any:
    return [_nested(row) for row in x] if x.ndim else x


@pytest.mark.parametrize("path", [name for name in NAMES if name not in GIVEN_AS_OPTIONS])
def test_a_list_of_tensors_is_their_stack(path: str) -> None:
    theirs, _, calls, _ = coverage_page._found(path)
    ours: Any = tg
    for part in path.split("."):
        ours = getattr(ours, part)
    name = path.rpartition(".")[2]
    for x in (specimens.V, specimens.M):
        for call in calls:
            try:  # calls that ask the operand for its shape, and the like, are not for lists
                want = [*parts(call(theirs, x.tolist()))]
            except Exception:
                continue
            if not all(np.isfinite(w).all() for w in want if is_floating(w)):
                continue
            try:
                got = [*parts(call(ours, _nested(tg.tensor(x, requires_grad=True))))]
            except (TypeError, ValueError) as error:
                assert is_refusal(error, name), f"{path}: {error}"
                continue
            for y, w in zip(got, want, strict=True):
                y = y.detach().numpy() if isinstance(y, tg.Tensor) else y
                if isinstance(w, (np.ndarray, np.generic)) and w.dtype.kind in "biufc":
                    narrow = w.dtype in (np.float32, np.complex64)
                    np.testing.assert_allclose(y, w, 1e-5 if narrow else 1e-9, 1e-12)


@pytest.mark.parametrize(
    "f",
    [
        lambda a, b: N.sum([a, b * b]),
        lambda a, b: N.mean([[a, 1.0], [b, a * b]]),
        lambda a, b: N.max([a, b]),
        lambda a, b: N.dot([a, b], [1.0, 2.0]),
        lambda a, b: N.dot([[a, b], [b, 1.0]], (a, b)).sum(),
        lambda a, b: N.sum(N.where([True, False], [a, b], 0.0)),
        lambda a, b: N.trace(N.diag([a, b]) ** 3),
        lambda a, b: N.linalg.norm([a, b]),
        lambda a, b: N.linalg.det([[a, b], [1.0, a]]),
        lambda a, b: N.sum(N.concatenate([[a], [b, b]]) ** 2),
        lambda a, b: N.sum(N.vstack([[a, b], (1.0, b)]) ** 2),
        lambda a, b: N.sum(N.block([[a, b], [b, a]]) ** 3),
        lambda a, b: N.sum(N.reshape([a, b], (2, 1)) ** 2),
        lambda a, b: N.sum(N.array([[a, b], [b, a]]) ** 2),
        lambda a, b: N.einsum("i,i", [a, b], [b, 1.0]),
        lambda a, b: N.einsum([a, b], [0], [b, 1.0], [0], []),
        lambda a, b: N.sum(N.sin([a, b]) * N.add([a, b], 1.0)),
        lambda a, b: N.linalg.solve([[a, 1.0], [0.0, b]], [1.0, 2.0]).sum(),
        lambda a, b: N.sum(N.r_[a, [b, a], 2.0] ** 2),
        lambda a, b: N.sum(N.c_[[a, b], [b, 1.0]] ** 2),
        lambda a, b: N.sum(N.select([[True, False]], [[a, b]], 0.0)),
        lambda a, b: N.interp(0.3, [0.0, 1.0], [a, b]),
        lambda a, b: N.polyval([a, b, 1.0], 0.7),
        lambda a, b: N.fft.fft([a, b]).real.sum(),
    ],
)
def test_derivatives(f: Any) -> None:
    tg.check_grads(f, (0.7, 1.9), order=2)


@pytest.mark.parametrize("own", ["r_", "c_"])
def test_index_expressions_are_numpys(own: str) -> None:
    ours, theirs = getattr(N, own), getattr(np, own)
    x = np.array([1.0, 2.0, 3.0])
    for key in (
        lambda x: x,
        lambda x: (x, 0, x[0]),
        lambda x: (slice(0, 3), x),
        lambda x: (slice(0, 1, 3j), x),
        lambda x: ("0,2", x, x),
        lambda x: ("1,2,0", x, x),
        lambda x: ("0,3,1", x, x),
        lambda x: ("-1", x, x),
    ):
        try:
            want = theirs[key(x)]
        except ValueError:
            with pytest.raises(ValueError):
                ours[key(tg.tensor(x))]
            continue
        np.testing.assert_array_equal(np.asarray(ours[key(tg.tensor(x))]), want)
        np.testing.assert_array_equal(ours[key(x)], want)
    for bad in (("r", x), ("nonsense", x)):
        with pytest.raises(ValueError, match="r_: "):
            ours[bad[0], tg.tensor(x)]
    with pytest.raises(ValueError, match="a string comes first"):
        ours[tg.tensor(x), "0"]


def test_einsum_with_lists_of_axes() -> None:
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    for given in (
        (a, [0, 1], b, [1, 2]),
        (a, [0, 1], b, [1, 2], [2, 0]),
        (a, [5, 3], a, [5, 3], []),
        (a, [..., 1], b, [1, 2], [..., 2]),
        (a, [1, 0]),
    ):
        want = np.einsum(*given)
        got = N.einsum(
            *(tg.tensor(x, requires_grad=True) if isinstance(x, np.ndarray) else x for x in given)
        )
        np.testing.assert_allclose(got.detach().numpy(), want)
    with pytest.raises(TypeError, match="einsum: give the subscripts"):
        N.einsum(tg.tensor(a, requires_grad=True), "ij")


def test_objects_are_refused() -> None:
    for f in (
        lambda x: (x.astype(object).astype(float) * x).sum(),
        lambda x: N.array([x[0], x[1]], dtype=object).sum(),
        lambda x: N.astype(x, object),
    ):
        with pytest.raises(tg.NonDifferentiableError, match="as object"):
            tg.grad(f)(np.array([3.0, 2.0]))
