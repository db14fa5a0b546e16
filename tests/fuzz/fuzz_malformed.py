"""Arguments that nobody should give, as a user would write them.

Each is an expression of ``np``, ``tg`` and ``x``, the right argument in whose place it stands.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_hess as tg

ANYTHING = """
None | "text" | "" | b"bytes" | True | False | object() | float | ... | slice(None) | {1, 2}
[] | () | {} | {"a": 1.0} | {"a": np.ones(3)} | range(3) | (i for i in range(3)) | iter([1.0, 2.0])
[1.0, 2.0] | [1, 2, 3] | [[1.0], [1.0, 2.0]] | ["a", "b"] | [None] | (1, "a") | [np.ones(2), np.ones(3)]
lambda x: x | lambda: None | lambda *args: None | lambda *args: "text" | lambda x: x[:1] | np.sin | tg.grad
lambda *args: np.ones((2, 3)) | lambda x: x.sum()
tg.tensor([0.5, 0.7, 0.3]) | tg.tensor([0.5, 0.7], requires_grad=True) | tg.tensor(2.0, requires_grad=True)
[tg.tensor(1.0), tg.tensor(2.0)] | [tg.tensor([1.0, 2.0], requires_grad=True), 3.0] | tg.Tensor
tg.tensor([1, 2, 3]) | tg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True) * 2
""".strip()
NUMBERS = """
0 | 1 | -1 | 2 | 7 | 2**40 | -(2**70) | 10**400 | 0.5 | 0.0 | -1.5 | 2.0 | np.nan | np.inf | -np.inf | 1e300 | 1e-300 | 1j
np.float64(0.5) | np.float32(0.5) | np.int64(1) | np.int8(-1) | np.uint8(1) | np.bool_(True) | np.complex128(1j)
np.array(2.0) | np.array(3) | np.array(True) | np.array([1]) | np.array([0.5]) | np.array(1j)
""".strip()
ARRAYS = """
np.zeros(0) | np.zeros((0, 3)) | np.zeros((2, 0)) | np.zeros((1, 1)) | np.zeros(3) | np.ones(5) | np.ones((4, 7))
np.ones((2, 3, 4)) | np.full(3, np.nan) | np.array([1.0, np.inf, 2.0]) | np.arange(4) | np.arange(6).reshape(2, 3)
np.array([True, False, True]) | np.array([1j, 2.0]) | np.array([1, None, "a"], object) | np.array([1.0, 2.0], object)
np.array(["a", "b"]) | np.ones(3, np.float32) | np.ones(3, np.float16) | np.array([1, -1], np.int8) | np.array([3, 1], np.uint8)
np.array(["2020-01-01"], "datetime64[D]") | np.ma.masked_array([1.0, 2.0], [0, 1]) | np.asmatrix([[1.0, 2.0]])
np.zeros(2, [("a", float)]) | np.eye(3) | np.array([[1.0, 2.0], [3.0, 4.0]]) | -np.arange(3) | np.linspace(-2, 2, 5)
""".strip()
OF_ARRAYS = """
-x | x[None] | x[..., None] | x[:-1] | x[:0] | x.T | x.tolist() | x.ravel() | x.astype(np.float32) | x.astype(complex)
x.astype(int) | x.astype(object) | x * 1e200 | x * 0 | x * np.nan | tg.tensor(x) | tg.tensor(x, requires_grad=True)
x[::-1] | np.stack([x, x]) | [x, x] | x.ravel()[0] | (x,) | np.asfortranarray(x) | x + 1j | [*x] | x > 0.5 | str(x)
""".strip()


def _expressions(table: str) -> list[str]:
    return [e.strip() for line in table.splitlines() for e in line.split(" | ")]


GENERAL, NUMERIC, ARRAY, CHANGED = map(_expressions, (ANYTHING, NUMBERS, ARRAYS, OF_ARRAYS))


def malformed(rng: np.random.Generator, x: Any) -> tuple[str, Any]:
    """An expression, and its value, to stand in the place of ``x``."""
    tables = [GENERAL, NUMERIC, ARRAY]
    if isinstance(x, np.ndarray) and x.dtype.kind == "f" and x.ndim:
        tables += [CHANGED, CHANGED]
    while True:
        table = tables[rng.integers(len(tables))]
        expression = table[rng.integers(len(table))]
        try:
            with np.errstate(all="ignore"):
                value = eval(expression, {"np": np, "tg": tg, "x": x})
        except (ValueError, TypeError, IndexError):  # of an `x` that has no such form
            continue
        if "x" in expression and table is CHANGED:
            expression = f"(lambda x: {expression})({written(x)})"
        return expression, value


def written(x: Any) -> str:
    """An argument as an expression, so far as it has one."""
    if isinstance(x, np.ndarray):
        text = repr(x.tolist()) if x.size <= 40 else "..."
        dtype = "" if x.dtype.kind in "fib" and x.dtype.itemsize in (1, 8) else f", {x.dtype.str!r}"
        size = "" if x.size else f".reshape({x.shape})"
        return f"np.array({text}{dtype}){size}".replace("inf", "np.inf").replace("nan", "np.nan")
    if isinstance(x, tg.Tensor) and type(x) is tg.Tensor:
        return (
            f"tg.tensor({written(np.asarray(x.value))}{', requires_grad=True' if x.prim else ''})"
        )
    if type(x) in (list, tuple):
        inner = ", ".join(map(written, x))
        return f"[{inner}]" if type(x) is list else f"({inner}{',' if len(x) == 1 else ''})"
    if type(x) is dict:
        return "{" + ", ".join(f"{k!r}: {written(v)}" for k, v in x.items()) + "}"
    if isinstance(x, np.generic):
        return repr(x)
    if isinstance(x, type) or (callable(x) and hasattr(x, "__name__")):
        return f"<{getattr(x, '__qualname__', x.__name__)}>"
    text = (
        repr(x)
        if isinstance(x, (int, float, complex, str, bytes, type(None)))
        else f"<{type(x).__name__}>"
    )
    return text if len(text) < 200 else f"<{type(x).__name__}>"
