"""What is an offence: a crash, an error that does not say what is wrong, a wrong number."""

from __future__ import annotations

import os
import re
import traceback
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fuzz_calls import Drawn, array, draw, is_floating, leaves, start, weighed
from fuzz_malformed import written
from fuzz_targets import PACKAGE, is_numpys, parameters, targets

import tinygrad_hess as tg

ROOT = Path(__file__).parents[2]


class Hang(BaseException):
    """A call took longer than its limit; no ``except Exception`` swallows it."""


INTERNAL = (
    AttributeError, KeyError, UnboundLocalError, NameError, AssertionError, RecursionError,
    SystemError, ZeroDivisionError, OverflowError, NotImplementedError,
)  # fmt: skip
CLEAR = (
    tg.NonDifferentiableError,
    tg.TracingError,
    tg.CheckError,
    tg.NanError,
    tg.TapeReleasedError,
)

UNLIKE_NUMPY: dict[str, str] = {
    "empty_like": "what stands in it is left open",
    "solve_ivp": "the result has fewer fields: those that are tensors",
    "expit": "also of complex numbers",
    "astype": "differentiable casts",
    "vsplit": "takes an axis, as split does",
    "hsplit": "takes an axis, as split does",
    "cho_factor": "the triangle that nobody reads is zero",
    "cholesky": "the symmetric part of the matrix, so that its derivative is symmetric",
    "eigh": "likewise; and vectors are known up to their signs",
    "eigvalsh": "the symmetric part of the matrix, so that its derivative is symmetric",
}
"""Names whose results are not NumPy's or SciPy's on purpose."""
WITHOUT_SLOPE: dict[str, str] = {
    "stop_gradient": "its derivative is zero by definition",
    "detach": "its derivative is zero by definition",
    "eigvals": "eigenvalues that meet have no derivative",
    "eig": "likewise",
    "data": "the value, as in PyTorch",
    "interp": "over points that are not sorted, NumPy's answer depends on how it searches",
}
"""Names whose derivative is not that of their value."""

WITHOUT_TAPE = {"numpy", "item", "tolist", "data", "flat", "tensor", "Tensor"}
"""Names that give values off the tape, as they say."""


@dataclass
class Offence:
    """One call that went wrong."""

    number: int
    kind: str
    name: str
    call: str
    what: str
    where: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def judge(seed: int, number: int) -> Offence | None:
    """Make a call and judge what comes of it."""
    call = draw(seed, number)
    name, text = call.target.name, str(call)
    found = None
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = outcome(call)
    except Exception as error:  # in the comparison, not in the library
        where = traceback.extract_tb(error.__traceback__)[-1]
        found = ("unjudged", f"{type(error).__name__}: {error}", f"{where.name}:{where.lineno}")
    except Hang:
        found = ("hang", "more than the limit", "")
    return Offence(number, found[0], name, text[:600], found[1][:500], found[2]) if found else None


Found = tuple[str, str, str] | None


def outcome(call: Drawn) -> Found:
    """Kind, message and place of an offence; None where all is well."""
    try:
        result = run(call)
    except Exception as error:
        return of_error(call, error)
    checks = {
        "plain": against_numpy,
        "recorded": against_differences,
        "vmap": against_stack,
        "jit": against_plain,
    }
    try:
        return checks[call.context](call, result)
    except (
        tg.NonDifferentiableError,
        tg.TracingError,
    ) as error:  # a tensor of a context that ended
        return "leak", f"{type(error).__name__}: {error}", ""


def run(call: Drawn) -> Any:
    """The result; recorded, of a gradient; under vmap, of two examples; under jit, of a replay."""
    if call.context == "plain":
        args, kwargs = call.fresh()
        return call.target.call(*args, **kwargs), args, kwargs
    x = start(call)
    if call.context == "vmap":
        return tg.vmap(lambda x: [*leaves(call(x))])(np.stack([x, x * 1.01]))
    if call.context == "jit":
        jitted = tg.jit(lambda x: [*leaves(call(x))])
        jitted(x)
        return jitted(x)
    chosen: list[int] = []

    def loss(x: Any) -> Any:
        parts = [*leaves(call(x))]
        chosen[:] = [i for i, y in enumerate(parts) if isinstance(y, tg.Tensor) and y.requires_grad]
        return weighed([parts[i] for i in chosen]) if chosen else 0.0 * x.sum()

    return tg.grad(loss)(x), chosen


# ---- errors -------------------------------------------------------------------------------------


def of_error(call: Drawn, error: Exception) -> Found:
    """Whether an error is one that a user can act on."""
    kind, message = type(error).__name__, str(error)
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if is_ours(f)]
    where = f"{os.path.relpath(ours[-1].filename, ROOT)} {ours[-1].name}" if ours else ""
    if isinstance(error, (MemoryError, OSError, *CLEAR)):
        return None  # memory: 2**40 was asked for; files: the message has the path
    if is_users(frames):
        return None
    if isinstance(error, INTERNAL):
        if (
            isinstance(error, AttributeError)
            and call.target.kind == "property"
            and not call.malformed
            and not ours
        ):
            return None
        named = (OverflowError, NotImplementedError, ZeroDivisionError)
        if isinstance(error, named) and names(call, message):
            return None
        return f"{kind}", f"{kind}: {message}", where
    if message.startswith("getitem: ") and any(f.filename.startswith("<doctest") for f in frames):
        return None  # x[key] in a function that the fuzz gave as an argument
    if not names(call, message):
        return "unnamed", f"{kind}: {message}", where
    return None


def is_ours(frame: traceback.FrameSummary) -> bool:
    return f"/{PACKAGE}/" in frame.filename or "/ops/" in frame.filename


def is_users(frames: traceback.StackSummary) -> bool:
    """Whether it was raised in a function that the fuzz gave as an argument, or in what it called."""
    last = [f for f in frames if f.filename.startswith("<doctest") or is_ours(f)][-1:]
    last = (last or frames[-1:])[0]
    if frames[-1].name == "copied":  # NumPy cannot copy what was given
        return True
    return (last.filename.startswith(("<doctest", "<string>")) and "lambda" in last.name) or (
        last.filename.startswith("<doctest")
    )


def names(call: Drawn, message: str) -> bool:
    """Whether a message names the function, an argument, or an operation with its operands."""
    target = call.target
    parts = target.name.split(".")
    words = {target.last, getattr(target.call, "__name__", ""), *call.kwargs}
    words |= {getattr(target.peer, "__name__", "")}  # conj is NumPy's conjugate
    words |= {parts[-2]} if target.kind != "function" or parts[-2][0].isupper() else set()
    if isinstance(target.call, type):  # Python names the class whose __init__ it is
        words |= {c.__name__ for c in target.call.__mro__ if c.__module__.startswith(PACKAGE)}
    if target.kind != "function" and call.args:  # the class of what a method was called on
        words |= {type(call.args[0]).__name__}
    words |= {"grad"} if call.context == "recorded" else {call.context}
    given = parameters(target)
    words |= {p for p in given if len(p) > 2}
    if any(
        re.search(rf"(?<![a-zA-Z0-9_]){re.escape(w)}(?![a-zA-Z0-9_])", message) for w in words if w
    ):
        return True
    if any(re.search(rf"(^|['`\"(, ]){re.escape(p)}(['`\"]|=|:)", message) for p in given):
        return True
    if "dtype" in given + tuple(call.kwargs) and "data type" in message:
        return True
    if re.match(r"[A-Z]\w+(\.\w+)?: ", message):
        return True
    head = re.match(r"(?:numpy\.|np\.)?(?:linalg\.|fft\.)?(\w+)[(:\[]", message)
    return head is not None and head[1] in _operations()


def _operations() -> set[str]:
    """The last parts of all names."""
    if not _LAST:
        _LAST.update(t.last for t in targets())
    return _LAST


_LAST: set[str] = set()


# ---- results ------------------------------------------------------------------------------------


def differs(ours: Any, theirs: Any, rtol: float = 1e-6) -> str:
    """In what two results differ, in one line; empty where they are the same."""
    a, b = [*leaves(ours)], [*leaves(theirs)]
    if len(a) != len(b):
        return f"{len(a)} results, not {len(b)}"
    for x, y in zip(map(array, a), map(array, b), strict=True):
        if x.shape != y.shape:
            return f"shape {x.shape}, not {y.shape}"
        if x.dtype.kind != y.dtype.kind and not {x.dtype.kind, y.dtype.kind} <= {"i", "u"}:
            return f"dtype {x.dtype}, not {y.dtype}"
        if x.dtype.kind in "fciub":
            rough = (
                x.dtype.itemsize // (2 if x.dtype.kind == "c" else 1) < 8 or y.dtype.itemsize < 8
            )
            tol = 1e-2 if np.float16 in (x.dtype, y.dtype) else 1e-3 if rough else rtol
            finite = np.abs(y[np.isfinite(y)]) if y.dtype.kind in "fc" else np.zeros(0)
            scale = float(finite.max()) if finite.size else 0.0
            if not np.allclose(
                x, y, rtol=tol, atol=tol * min(scale, 1e300) * 1e-3 + 1e-12, equal_nan=True
            ):
                return f"{written(x)[:120]}, not {written(y)[:120]}"
    return ""


def _as_arrays(x: Any) -> Any:
    if isinstance(x, tg.Tensor):
        return array(x)
    if type(x) in (list, tuple):
        return type(x)(map(_as_arrays, x))
    return {k: _as_arrays(v) for k, v in x.items()} if type(x) is dict else x


def against_numpy(call: Drawn, result: Any) -> Found:
    """The same call of NumPy's or SciPy's function, where there is one."""
    result, args, _ = result
    peer = call.target.peer
    if peer is None or is_numpys(call.target.call) or call.target.last in UNLIKE_NUMPY:
        return None
    if is_consumed(call) or any("object()" in w or "tg." in w for w in call.words.values()):
        return None
    own_args, own_kwargs = _as_arrays(call.args), _as_arrays(call.kwargs)
    try:
        want = peer(*own_args, **own_kwargs)
    except MemoryError:
        return None
    except Exception as error:
        return "accepts", f"gives {short(result)}; NumPy: {type(error).__name__}: {error}", ""
    if any(array(y).dtype.kind not in "fciub" for y in leaves(want)):
        return None
    if said := differs(result, want):
        return "value", said, ""
    if (said := differs(args, own_args)) and "overwrite" not in repr(parameters(call.target)):
        return "writes", f"an argument afterwards: {said}", ""
    return None


def is_consumed(call: Drawn) -> bool:
    """Whether an argument is an iterator, which the first call leaves empty."""
    return any("iter(" in w or "for i in" in w for w in call.words.values())


def short(x: Any) -> str:
    parts = [*leaves(x)]
    return ", ".join(written(array(p))[:100] for p in parts[:2]) if parts else type(x).__name__


def _plain(call: Drawn, x: Any) -> list[Any] | None:
    try:
        return [*leaves(call(x))]
    except Exception:
        return None


def against_stack(call: Drawn, result: Any) -> Found:
    """Under vmap, against one example after the other."""
    x = start(call)
    if call.target.last in WITHOUT_TAPE:
        return None
    each = [_plain(call, x), _plain(call, x * 1.01)]
    if (
        each[0] is None
        or each[1] is None
        or [*map(np.shape, map(array, each[0]))] != [*map(np.shape, map(array, each[1]))]
    ):
        return None
    if differs(_plain(call, x), each[0]):  # random
        return None
    want = [np.stack([array(a), array(b)]) for a, b in zip(each[0], each[1], strict=True)]
    said = differs(result, want, rtol=1e-5)
    return ("vmap", said, "") if said else None


def against_plain(call: Drawn, result: Any) -> Found:
    """Under jit, against the call itself."""
    x = start(call)
    want = _plain(call, x)
    if (
        call.target.last in WITHOUT_TAPE
        or want is None
        or is_consumed(call)
        or differs(_plain(call, x), want)
    ):
        return None
    said = differs(result, want, rtol=1e-5)
    return ("jit", said, "") if said else None


def _lost(call: Drawn, x: Any) -> Found:
    """Floats that depend on the recorded array, and are not on its tape."""
    of_arrays = call.target.name.startswith(
        ("tg.numpy", "tg.ops", "tg.scipy", "tg.Tensor", "tg.nn")
    )
    if not of_arrays or call.target.last in WITHOUT_SLOPE or call.target.last in WITHOUT_TAPE:
        return None
    parts = [_plain(call, x * (1 + h)) for h in (0.0, 0.0, 1e-5)]
    if is_consumed(call) or None in parts or differs(parts[0], parts[1]):
        return None
    here, _, there = ([array(y) for y in found if is_floating(y)] for found in parts)
    if len(here) != len(there) or not all(np.isfinite(y).all() for y in here):
        return None
    gaps = [
        np.abs(a - b).max()
        for a, b in zip(here, there, strict=True)
        if a.shape == b.shape and a.size
    ]
    moved = any(0 < gap < 1e-3 * (1 + np.abs(a).max()) for gap, a in zip(gaps, here, strict=False))
    return ("lost", "a result that depends on the array is not recorded", "") if moved else None


def against_differences(call: Drawn, result: Any) -> Found:
    """A gradient against central differences, where these agree among themselves."""
    gradient, chosen = result
    x = start(call)
    if not chosen:
        return _lost(call, x)
    if (
        x.dtype != np.float64
        or is_consumed(call)
        or not np.isfinite(x).all()
        or not chosen
        or call.target.last in WITHOUT_SLOPE
    ):
        return None

    def value(x: Any) -> float:
        parts = [*leaves(call(x))]
        return float(np.asarray(array(weighed([parts[i] for i in chosen]))))

    v = np.random.default_rng(0).normal(size=x.shape) * (1 + np.abs(x))
    try:
        here = value(x)
        if here != value(x):
            return None
        slopes = [(value(x + h * v) - value(x - h * v)) / (2 * h) for h in (1e-4, 5e-5)]
        sides = [(value(x + h * v) - here) / h for h in (1e-5, -1e-5)]
    except Exception:
        return None
    size = max(map(abs, slopes)) + 1e-3 * abs(here)
    spread = max(abs(a - slopes[1]) for a in (slopes[0], *sides))
    if not np.isfinite([here, *slopes, *sides]).all() or spread > 1e-3 * size + 1e-9:
        return None
    got = float(np.sum(array(gradient) * v))
    if not abs(got - slopes[1]) <= 5e-3 * size + 1e-7:
        return "gradient", f"slope {got:.6g}, differences {slopes[1]:.6g}", ""
    return None
