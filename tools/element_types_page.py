"""Call every name on every element type, and write what came of it: ``docs/element_types.md``."""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support"), str(ROOT / "tools")]

import element_types  # noqa: E402
import scipy  # noqa: E402

from tinygrad_hess.numpy._coverage import namespace  # noqa: E402

PAGE = ROOT / "docs" / "element_types.md"

TEXT = """# Element types

Written by `python tools/element_types_page.py` (NumPy {numpy}, SciPy {scipy}), which makes every call
that NumPy or SciPy accepts, on {types}, with numbers at which narrow types overflow: once on
arrays, once on tensors of which no derivative is asked. An answer is right when value, type and
shape are NumPy's or SciPy's; else an error names the function. Of SciPy a floating result may be of
another width: here float16 and float32 stay as they are, and integers become float64. Activations
and losses of `nn` are compared with their closed forms, on real types.

| namespace | names | calls answered right | refused by name | wrong |
| --- | --- | --- | --- | --- |
{rows}

Where nothing is recorded, the functions of `tinygrad_hess.numpy` and `tinygrad_hess.scipy` call
NumPy's and SciPy's own, so they have all their options and types; what is recorded, mapped or
replayed is a composition of operations, and is tested in [coverage.md](coverage.md). Three kinds of
names mean something else, on purpose:

- `cholesky`, `cho_factor`, `eigh` and `eigvalsh` take the symmetric part of their matrix, where
  NumPy reads one triangle;
- `scipy.special.softmax` and `log_softmax` are right for unsigned integers, which SciPy subtracts
  from each other;
- `solve_sylvester` and the Lyapunov equations raise `LinAlgError` where no solution is determined,
  where SciPy gives numbers without meaning.

## The array API standard

`x.__array_namespace__()` of a tensor is `tinygrad_hess.numpy.array_api`, of version 2024.12 with the
extensions `linalg` and `fft`: every name and option of the standard is there. So SciPy's functions
for any library of arrays (`SCIPY_ARRAY_API=1`), einops and array-api-extra run on tensors, and are
differentiated to any order: [examples/array_api.py](../examples/array_api.py). Where NumPy and the
standard differ:

| question | answer |
| --- | --- |
| Are arrays that a function makes tensors? | in `array_api` always; `tinygrad_hess.numpy` makes arrays |
| Which types mix? | NumPy's promotion, which allows more than the standard; Python numbers are weak |
| Integers in `mean`, `sin`, ...? | become float64, as in NumPy; the standard leaves it open |
| `copy=False` | of what must be copied to be changed, an array is copied as in NumPy's `astype` |
| `unique_*`, `from_dlpack`, `__dlpack__` | refuse a recorded tensor, whose gradient they would lose |
| `__setitem__` and `x += y` | in place, as in the standard; views are written through as in NumPy |
"""


def main() -> None:
    """Examine all names; nothing is written where something is wrong."""
    found: dict[str, list[element_types.Found]] = defaultdict(list)
    for path in element_types.names():
        found[namespace(path)].append(element_types.examine(path))
    found["nn"] = [element_types.examine_nn(name) for name in element_types.NN]
    wrong = [text for results in found.values() for r in results for text in r.wrong]
    if wrong:
        sys.exit("\n".join(wrong))
    rows = [
        f"| {space} | {len(results)} | {sum(r.right for r in results):,} "
        f"| {sum(r.refused for r in results):,} | 0 |"
        for space, results in found.items()
    ]
    types = ", ".join(map(str, element_types.TYPES))
    PAGE.write_text(
        TEXT.format(
            numpy=np.__version__, scipy=scipy.__version__, types=types, rows="\n".join(rows)
        ),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
