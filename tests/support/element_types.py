"""Every name on every element type: NumPy's or SciPy's value and type, or a refusal by name.

Each call that NumPy or SciPy accepts is made on arrays and on tensors that record nothing. Of SciPy,
whose functions differ in it, a floating result may be of another width: here float32 stays float32
and integers become float64.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import coverage_page
import numpy as np
from names import MODULES, not_called
from scipy import special
from specimens import M, V
from walking import is_refusal, parts

import tinygrad_hess as tg
from tinygrad_hess.core.errors import describe

TYPES = [
    np.dtype(t)
    for t in (
        np.bool, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64,
        np.float16, np.float32, np.float64, np.longdouble, np.complex64, np.complex128,
    )
]  # fmt: skip

OWN_MEANING = {
    "numpy.linalg.cholesky", "numpy.linalg.eigh", "numpy.linalg.eigvalsh", "scipy.linalg.cholesky",
    "scipy.linalg.cho_factor", "scipy.linalg.eigh", "scipy.linalg.eigvalsh",
}  # fmt: skip
"""They read both triangles of a matrix, not one."""
BETTER = {"scipy.special.softmax", "scipy.special.log_softmax"}
"""SciPy's subtract unsigned integers from each other, which wraps around."""


NN: dict[str, Any] = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "gelu": lambda x: x * special.ndtr(x),
    "silu": lambda x: x * special.expit(x),
    "sigmoid": special.expit,
    "softplus": lambda x: np.logaddexp(x, 0),
    "tanh": np.tanh,
    "softmax": lambda x: special.softmax(x, -1),
    "log_softmax": lambda x: special.log_softmax(x, -1),
    "mse": lambda x, y: np.mean((x - y) ** 2),
    "l1": lambda x, y: np.mean(abs(x - y)),
    "huber": lambda x, y: np.mean(special.huber(1.0, x - y)),
    "binary_cross_entropy_with_logits": lambda x, t: np.mean(np.logaddexp(x, 0) - t * x),
    "cross_entropy": lambda x: -np.mean(np.diag(special.log_softmax(x, -1))),
}
"""Functions of ``tg.nn`` in closed form, of real numbers; of ``cross_entropy`` the labels are rows."""
AS_NUMPY = ("relu", "tanh")
"""Their types are NumPy's; the others make float64 of integers."""


def samples(dtype: np.dtype[Any]) -> list[Any]:
    """Vectors and matrices with numbers that overflow where a formula negates or multiplies."""
    if dtype.kind == "b":
        return [np.array([1, 0, 1, 1], bool), np.array([[1, 0, 1], [0, 1, 1], [0, 0, 1]], bool)]
    if dtype.kind == "i":
        return [
            np.array(x, dtype)
            for x in ([0, -7, 120, 3], [3, 1, 2, 3], [[41, -3, 62], [27, 113, 4], [-57, 36, 15]])
        ]
    if dtype.kind == "u":
        return [
            np.array(x, dtype)
            for x in ([0, 7, 200, 3], [3, 1, 2, 3], [[141, 3, 62], [27, 173, 4], [57, 36, 15]])
        ]
    if dtype.kind == "c":
        return [(x * np.exp(0.3j * x)).astype(dtype) for x in (V, M)]
    many = [np.arange(300, 30300, 300).astype(dtype)] if dtype == np.float16 else []
    return [V.astype(dtype), M.astype(dtype), *many]


@dataclass
class Found:
    """What came of the calls of one name."""

    right: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)


def names() -> list[str]:
    """All names of NumPy's, and those of SciPy's that take any arrays."""
    return [
        path
        for path in coverage_page.names()
        if not path.startswith(("scipy.stats.", "scipy.integrate."))
        and path not in OWN_MEANING | BETTER
        and not path.rpartition(".")[2].startswith("save")
        and ours(path) is not None
        and not _is_not_called(path)
    ]


def examine_nn(name: str) -> Found:
    """Call a function of ``tg.nn`` on all real types, beside its closed form in float64."""
    found, function, form = Found(), getattr(tg.nn, name), NN[name]
    for dtype in TYPES:
        if dtype.kind == "c":
            continue
        vector, matrix = (next(x for x in samples(dtype) if x.ndim == n) for n in (1, 2))
        if name == "cross_entropy":
            given, want = [matrix, np.arange(len(matrix))], form(matrix.astype(float))
        elif name in ("mse", "l1", "huber", "binary_cross_entropy_with_logits"):
            other = (vector[::-1] != 0).astype(dtype)
            given, want = [vector, other], form(vector.astype(float), other.astype(float))
        else:
            given, want = [matrix], form(matrix.astype(float))
        floating = dtype if dtype.kind == "f" else np.dtype(float)
        kind = form(matrix).dtype if name in AS_NUMPY else floating
        for make in (np.copy, tg.tensor):
            _compare_nn(found, name, function, [make(x) for x in given], want, kind)
    return found


def _compare_nn(
    found: Found, name: str, function: Any, given: list[Any], want: Any, kind: np.dtype[Any]
) -> None:
    what = f"nn.{name}, {given[0].dtype}"
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            got = np.asarray(_raw(function(*given)))
        except Exception as error:
            if is_refusal(error, name) or f"({describe(given[0])})" in str(error):  # an operation's
                found.refused += 1
            else:
                found.wrong.append(f"{what}: {type(error).__name__}: {error}")
            return
    small = 40 * max(np.finfo(float).eps, np.finfo(got.dtype).eps if got.dtype.kind == "f" else 0)
    if got.dtype == kind and np.allclose(got.astype(float), want, small, small):
        found.right += 1
    else:
        found.wrong.append(f"{what}: {got!r} instead of {want!r}")


def _is_not_called(path: str) -> bool:
    space, _, name = path.rpartition(".")
    return space in MODULES and not_called(name, getattr(MODULES[space], name)) is not None


def ours(path: str) -> Any:
    """The function of this library, or None."""
    found: Any = tg
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


def examine(path: str) -> Found:
    """Call one name on all types."""
    found = Found()
    function = ours(path)
    theirs, _, calls, _ = coverage_page._found(path)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for dtype in TYPES:
            for x in samples(dtype):
                for i, call in enumerate(calls):
                    try:
                        want = [*parts(call(theirs, x.copy()))]
                    except Exception:
                        continue
                    for make in (np.copy, tg.tensor):
                        _compare(found, path, call, function, make(x), want, f"{dtype}, call {i}")
    return found


def _compare(
    found: Found, path: str, call: Any, function: Any, x: Any, want: list[Any], what: str
) -> None:
    try:
        got = [_raw(y) for y in parts(call(function, x))]
    except Exception as error:
        unsupported = "is unsupported in linalg" in str(error)  # of a function that it calls
        if unsupported or is_refusal(error, path.rpartition(".")[2]):
            found.refused += 1
        else:
            found.wrong.append(f"{path}, {what}: {type(error).__name__}: {error}")
        return
    if len(got) == len(want) and all(
        _agree(g, w, x.dtype, path) for g, w in zip(got, want, strict=True)
    ):
        found.right += 1
    else:
        found.wrong.append(f"{path}, {what}: {got} instead of {want}")


def _raw(y: Any) -> Any:
    return y.numpy() if isinstance(y, tg.Tensor) else y


def _agree(got: Any, want: Any, dtype: np.dtype[Any], path: str) -> bool:
    if not isinstance(want, (np.ndarray, np.generic)):
        return True
    got, want = np.asarray(got), np.asarray(want)
    floating = got.dtype.kind in "fc" and got.dtype.kind == want.dtype.kind
    if got.dtype != want.dtype and not (path.startswith("scipy.") and floating):
        return False
    if got.shape != want.shape:
        return False
    if want.dtype.kind not in "fc":
        return bool(np.all(got == want))
    double = [np.dtype(float)] if path.startswith("scipy.") else []  # SciPy's FFT decides otherwise
    types = [got.dtype, want.dtype, *double, *([dtype] if dtype.kind in "fc" else [])]
    digits = max(np.finfo(t).eps for t in types)  # SciPy may compute in the type of an operand
    if got.dtype.itemsize < want.dtype.itemsize:
        want = want.astype(got.dtype)  # which may overflow
    # errors of linear algebra are small beside the largest element
    largest = np.abs(want[np.isfinite(want)]).max(initial=1.0)
    return np.allclose(got, want, 20 * digits, 20 * digits * largest, equal_nan=True)
