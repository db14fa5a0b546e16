"""Products of matrices and tensors: three primitives, and what arranges axes for them.

    matmul    : a b        matmul_nt : a bᵀ        matmul_tn : aᵀ b

The three are closed under differentiation, so no sweep ever has to record a transposition.
"""

from __future__ import annotations

import math
import operator
import string
from functools import partial, reduce
from typing import Any

import numpy as np

from ...core.batching import broadcast_batch
from ...core.kinds import bilinear
from ..elementwise.arithmetic import add, multiply
from ..elementwise.complexes import conjugated
from ..indexing.index import take_pattern
from ..shape.axes import canonical_axis, shape_of
from ..shape.broadcasting import broadcast_to, reduce_sum, reshape
from ..shape.permutation import permute
from ..shape.triangles import take_diagonal


def _rows(x: Any) -> Any:
    """All leading axes as rows of one matrix."""
    return reshape(x, shape=(math.prod(x.shape[:-1]), x.shape[-1]))


def _for_right(g: Any, a: Any, b: Any, product: Any) -> Any:
    """Cotangent of a right factor that is one matrix: all rows of the batch in one product."""
    if a.ndim > 2 and b.ndim == 2 and a.shape[:-1] == g.shape[:-1]:
        return product(_rows(a), _rows(g))
    return product(a, g)


def _batch(fn: Any, rows: bool) -> Any:
    """Batch rule: where only the left factor is batched, its batch joins the rows of a product."""

    def batch(values: Any, ndims: Any, lead: Any, params: Any) -> Any:
        a, b = values
        if rows and ndims[0] == 2 and ndims[1] is None and np.ndim(b) == 2:
            flat = a.reshape(math.prod(a.shape[:-1]), a.shape[-1])
            out = fn(flat, b)
            return out.reshape(a.shape[:-1] + out.shape[-1:])
        return broadcast_batch(values, ndims, lead, fn)

    return batch


def _lowered_batch(call: Any, emit: Any, operands: Any, ndims: Any, lead: Any, params: Any) -> Any:
    """The batch rule as operations on arrays, of which some are one product where NumPy has many.

    Where only the left factor is batched, its batch joins the rows of one product. A matrix times
    many vectors is a product too: these are its rows. Where nothing is summed, it is a product of
    elements.
    """
    (a, b), (na, nb), depth = operands, ndims, len(lead)
    left, right = call.primitive.product
    shape = a.shape
    if not left and na == 2 == len(b.shape) and nb is None:
        flat = emit(reshape, a, shape=(math.prod(shape[:-1]), shape[-1]))
        rows = emit(call, flat, b)
        return emit(reshape, rows, shape=(*shape[:-1], rows.shape[-1]))
    if na is None and nb == 2 == len(a.shape) and b.shape[-2 if right else -1] == 1:
        inner, width = (shape[-2], shape[-1]) if left else (shape[-1], shape[-2])
        vectors = emit(reshape, b, shape=(math.prod(lead), inner))
        rows = emit(matmul2 if left else matmul_nt, vectors, a)
        return emit(reshape, rows, shape=(*lead, width, 1))
    lined_up = []
    rank = max(len(x.shape) if n is None else n for x, n in zip(operands, ndims, strict=True))
    for x, n in zip(operands, ndims, strict=True):
        missing = 0 if n is None else rank - n
        wide = x.shape[:depth] + (1,) * missing + x.shape[depth:]
        lined_up.append(emit(reshape, x, shape=wide) if missing else x)
    a, b = lined_up
    if rank == 2 and a.shape[-2 if left else -1] == 1:
        a, b = (
            emit(permute, x, axes=(*range(-len(x.shape), -2), -1, -2)) if turned else x
            for x, turned in ((a, left), (b, right))
        )
        return emit(multiply, a, b)
    return emit(call, a, b)


TINY = 4
"""Terms of a sum, and elements of a result, up to which a call of BLAS takes ten times as long as
the arithmetic."""


def _lowered_tiny(call: Any, emit: Any, a: Any, b: Any) -> Any:
    """A product of few elements, or of columns with rows, by products of elements and sums."""
    if a.dtype != b.dtype or a.dtype.kind not in "fc":
        return None
    left, right = call.primitive.product
    if len(a.shape) > 2 or len(b.shape) > 2:
        return _lowered_outer(emit, a, b, left, right)
    rows, n = a.shape[::-1] if left else a.shape
    columns = b.shape[-2 if right else -1]
    is_tiny = 1 <= n <= TINY and rows * columns <= TINY and a.dtype.kind == "f"
    if not is_tiny and n != 1:
        return None

    def vectors(x: Any, axis: int, turned: bool) -> list[Any]:
        """The rows of a matrix, or its columns along axis 1; of its transpose if it is turned."""
        everything = [slice(None), slice(None)]
        found = []
        for k in range(n):
            everything[axis ^ turned] = slice(k, k + 1)
            part = emit(take_pattern, x, pattern=tuple(everything), shape=x.shape)
            found.append(emit(permute, part, axes=(-1, -2)) if turned else part)
        return found

    terms = zip(vectors(a, 1, left), vectors(b, 0, right), strict=True)
    return reduce(partial(emit, add), [emit(multiply, x, y) for x, y in terms])


def _lowered_outer(emit: Any, a: Any, b: Any, left: bool, right: bool) -> Any:
    """Stacks of products in which nothing is summed."""
    if a.shape[-2 if left else -1] != 1:
        return None
    turned = [
        emit(permute, x, axes=(*range(-len(x.shape), -2), -1, -2)) if turn else x
        for x, turn in ((a, left), (b, right))
    ]
    return emit(multiply, *turned)


def _flops(inner: int) -> Any:
    return lambda y, a, b: 2 * int(np.size(y)) * int(np.shape(a)[inner])


def is_tall(rows: int, columns: int, least: int = 512) -> bool:
    """Whether a product of this shape is laid out by columns: OpenBLAS was measured 10 to 20%
    faster so, and reductions over a short last axis five times."""
    return rows >= least and rows > columns


def _dot(a: Any, b: Any) -> Any:
    """The product of two matrices: BLAS as for ``matmul``, with less to decide on the way.

    Of a column with a row, element by element: ``dot`` scales by a number as BLAS does, for which
    0 times NaN is 0.
    """
    return a * b if a.shape[1] == 1 == len(b) else np.dot(a, b)


def _mm(a: Any, b: Any) -> Any:
    if a.ndim == 2 == b.ndim:
        return _dot(b.T, a.T).T if is_tall(len(a), b.shape[1]) else _dot(a, b)
    return np.matmul(a, b)


def _nt(a: Any, b: Any) -> Any:
    if a.ndim == 2 == b.ndim:
        return _dot(b, a.T).T if is_tall(len(a), len(b)) else _dot(a, b.T)
    return np.matmul(a, b.swapaxes(-1, -2))


def _tn(a: Any, b: Any) -> Any:
    if a.ndim == 2 == b.ndim:
        return _dot(a.T, b)
    return np.matmul(a.swapaxes(-1, -2), b)


_ROW: dict[str, Any] = {"partial": "sum", "blas": 500_000}

matmul2: Any = bilinear(
    "matmul",
    _mm,
    lambda g, y, a, b: matmul_nt(g, b),
    lambda g, y, a, b: _for_right(g, a, b, matmul_tn),
    batch=_batch(_mm, rows=True),
    signature="(m,n),(n,p)->(m,p)",
    product=(False, False),
    lowered=lambda *operands: _lowered_tiny(matmul2, *operands),
    lowered_batch=lambda *batch: _lowered_batch(matmul2, *batch),
    **_ROW,
    label="@",
    analytic=True,
    cases=[
        ([(2, 3), (3, 4)], {}),
        ([(5, 2, 3), (3, 4)], {}),
        ([(2, 3), (5, 3, 4)], {}),
        ([(5, 1, 2, 3), (2, 3, 4)], {}),
        ([(0, 3), (3, 2)], {}),
        ([(2, 0), (0, 3)], {}),
    ],
    flops=_flops(-1),
)
matmul_nt: Any = bilinear(
    "matmul_nt",
    _nt,
    lambda g, y, a, b: matmul2(g, b),
    lambda g, y, a, b: matmul_tn(g, a),
    batch=_batch(_nt, rows=True),
    signature="(m,n),(p,n)->(m,p)",
    product=(False, True),
    lowered=lambda *operands: _lowered_tiny(matmul_nt, *operands),
    lowered_batch=lambda *batch: _lowered_batch(matmul_nt, *batch),
    **_ROW,
    label="@ᵀ",
    analytic=True,
    cases=[([(2, 3), (4, 3)], {}), ([(5, 2, 3), (4, 3)], {}), ([(2, 3), (5, 4, 3)], {})],
    flops=_flops(-1),
)
matmul_tn: Any = bilinear(
    "matmul_tn",
    _tn,
    lambda g, y, a, b: matmul_nt(b, g),
    lambda g, y, a, b: matmul2(a, g),
    batch=_batch(_tn, rows=False),
    signature="(n,m),(n,p)->(m,p)",
    product=(True, False),
    lowered=lambda *operands: _lowered_tiny(matmul_tn, *operands),
    lowered_batch=lambda *batch: _lowered_batch(matmul_tn, *batch),
    **_ROW,
    label="ᵀ@",
    analytic=True,
    cases=[([(3, 2), (3, 4)], {}), ([(5, 3, 2), (3, 4)], {}), ([(3, 2), (5, 3, 4)], {})],
    flops=_flops(-2),
)


def matmul(a: Any, b: Any) -> Any:
    """Matrix product with NumPy's rules: vectors on either side, stacks of matrices broadcast.

    Raises
    ------
    ValueError
        When an operand is a scalar, or the lengths to be summed differ.
    """
    try:
        na, nb = a.ndim, b.ndim
        if na == 2 == nb:
            return matmul2(a, b)
    except AttributeError:  # a list, a number
        na, nb = np.ndim(a), np.ndim(b)
    if na >= 2 and nb >= 2:
        return matmul2(a, b)
    if na == 0 or nb == 0:
        raise ValueError(
            f"matmul({shape_of(a)}, {shape_of(b)}): an operand is a scalar; multiply with *"
        )
    if shape_of(a)[-1] != shape_of(b)[-2 if nb > 1 else 0]:
        raise ValueError(
            f"matmul({shape_of(a)}, {shape_of(b)}): the lengths to be summed differ, "
            f"{shape_of(a)[-1]} and {shape_of(b)[-2 if nb > 1 else 0]}"
        )
    left = reshape(a, shape=(1, *shape_of(a))) if na == 1 else a
    right = reshape(b, shape=(*shape_of(b), 1)) if nb == 1 else b
    out = matmul2(left, right)
    shape = list(shape_of(out))
    if nb == 1:
        del shape[-1]
    if na == 1:
        del shape[-1 if nb == 1 else -2]
    return reshape(out, shape=tuple(shape))


def dot(a: Any, b: Any) -> Any:
    """NumPy's ``dot``: the last axis of a with the second to last of b (or its only one)."""
    na, nb = len(shape_of(a)), len(shape_of(b))
    if na == 0 or nb == 0:
        return a * b
    if na <= 2 and nb <= 2:
        return matmul(a, b)
    return tensordot(a, b, axes=((na - 1,), (max(nb - 2, 0),)))


def inner(a: Any, b: Any) -> Any:
    """Sum over the last axis of both."""
    if not shape_of(a) or not shape_of(b):
        return a * b
    return tensordot(a, b, axes=((-1,), (-1,)))


def outer(a: Any, b: Any) -> Any:
    """Every product of an element of a with one of b, both flattened."""
    n, m = (math.prod(shape_of(x)) for x in (a, b))
    return reshape(a, shape=(n, 1)) * reshape(b, shape=(1, m))


def vdot(a: Any, b: Any) -> Any:
    """Sum of products of all elements, both flattened; a complex ``a`` is conjugated."""
    n, m = (math.prod(shape_of(x)) for x in (a, b))
    return matmul(reshape(conjugated(a), shape=(n,)), reshape(b, shape=(m,)))


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Sum over the named axes of a and b; or over a number of last and first ones."""
    na, nb = len(shape_of(a)), len(shape_of(b))
    if isinstance(axes, int):
        if not 0 <= axes <= min(na, nb):
            raise ValueError(f"tensordot: axes={axes} of arrays of {na} and {nb} axes")
        pairs = [(na - axes + i, i) for i in range(axes)]
    else:
        first, second = (([x] if np.ndim(x) == 0 else list(x)) for x in axes)
        if len(first) != len(second):
            raise ValueError(f"tensordot: axes={axes!r} names different numbers of axes")
        pairs = list(zip(first, second, strict=True))
    pairs = [
        (
            canonical_axis(i, na, "tensordot") + na,
            canonical_axis(j, nb, "tensordot") + nb,
        )
        for i, j in pairs
    ]
    for i, j in pairs:
        m, n = shape_of(a)[i], shape_of(b)[j]
        if m != n:  # a length of 1 is not stretched here
            raise ValueError(f"tensordot: axes {i} and {j} have lengths {m} and {n}")
    letters_a: list[Any] = [("a", i) for i in range(na)]
    letters_b: list[Any] = [("b", j) for j in range(nb)]
    for k, (i, j) in enumerate(pairs):
        letters_a[i] = letters_b[j] = ("sum", k)
    out = [x for x in letters_a if x[0] == "a"] + [x for x in letters_b if x[0] == "b"]
    return contract(a, letters_a, b, letters_b, out, "tensordot")


# ---- einsum -------------------------------------------------------------------------------------


def contract(a: Any, in_a: list[Any], b: Any, in_b: list[Any], out: list[Any], who: str) -> Any:
    """Sum of products of two tensors with named axes, as one (stacked) matrix product.

    Axes in both and in ``out`` are stacked, axes in both but not in ``out`` are summed.
    """
    length: dict[Any, int] = {}
    for x, names in ((a, in_a), (b, in_b)):
        for name, n in zip(names, shape_of(x), strict=True):
            known = length.setdefault(name, n)
            if known == 1:
                length[name] = n
            elif n not in (1, known):
                raise ValueError(f"{who}: an axis has lengths {known} and {n}")
    a, b = (_stretched(x, names, length) for x, names in ((a, in_a), (b, in_b)))
    stacked = [n for n in out if n in in_a and n in in_b]
    summed = [n for n in in_a if n in in_b and n not in out]
    rows = [n for n in in_a if n not in in_b]
    columns = [n for n in in_b if n not in in_a]

    def size(names: list[Any]) -> int:
        return math.prod(length[n] for n in names)

    batch = tuple(length[n] for n in stacked)
    left = _arranged(a, in_a, stacked + rows + summed, (*batch, size(rows), size(summed)))
    right = _arranged(b, in_b, stacked + summed + columns, (*batch, size(summed), size(columns)))
    made = stacked + rows + columns
    product = reshape(matmul2(left, right), shape=tuple(length[n] for n in made))
    return _arranged(product, made, out, tuple(length[n] for n in out))


def _stretched(x: Any, names: list[Any], length: dict[Any, int]) -> Any:
    """Repeat axes of length 1 that pair with longer ones."""
    shape = tuple(length[n] for n in names)
    if shape_of(x) == shape:
        return x
    return broadcast_to(x, shape=shape)


def _arranged(x: Any, names: list[Any], order: list[Any], shape: tuple[int, ...]) -> Any:
    if names != order:
        x = permute(x, axes=tuple(names.index(n) - len(names) for n in order))
    return x if shape_of(x) == shape else reshape(x, shape=shape)


def einsum(subscripts: Any, *operands: Any, optimize: Any = True) -> Any:
    """Sum of products in Einstein's notation: any number of operands, ellipses, repeated letters.

    The form with a list of axes after each operand works as well. Pairs are contracted in the order
    that ``numpy.einsum_path`` finds, each as a matrix product.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda a: tg.numpy.einsum("ii", a))(np.ones((2, 2)))
    array([[1., 0.],
           [0., 1.]])
    """
    if not isinstance(subscripts, str):
        subscripts, operands = _with_letters(subscripts, *operands)
    names, out = _parse_einsum(subscripts, operands)
    arrays = list(operands)
    for i, x in enumerate(arrays):
        others = {n for j, ns in enumerate(names) if j != i for n in ns} | set(out)
        arrays[i], names[i] = _simplified(x, names[i], others)
    path = [(0, 1)] * (len(arrays) - 1)
    if len(arrays) > 2 and optimize:
        dummies = [np.broadcast_to(np.float64(0), shape_of(x)) for x in arrays]
        flat: list[Any] = [
            item for pair in zip(dummies, _numbered(names, out)[0], strict=True) for item in pair
        ]
        found = np.einsum_path(*flat, _numbered(names, out)[1], optimize="greedy")[0][1:]
        path = [tuple(sorted(p)) for p in found] if all(len(p) == 2 for p in found) else path
    for i, j in path:
        b, nb = arrays.pop(j), names.pop(j)
        a, na = arrays.pop(i), names.pop(i)
        later = {n for ns in names for n in ns} | set(out)
        made = [n for n in [*na, *(n for n in nb if n not in na)] if n in later]
        if not names:
            made = [n for n in out if n in na or n in nb]
        arrays.append(contract(a, na, b, nb, made, f"einsum {subscripts!r}"))
        names.append(made)
    result, have = arrays[0], names[0]
    return _arranged(result, have, out, tuple(shape_of(result)[have.index(n)] for n in out))


def _with_letters(*given: Any) -> tuple[str, tuple[Any, ...]]:
    """From operands with lists of axes, ``a, [0, 1], b, [1, ...], [0]``, to letters."""
    pairs = len(given) // 2
    operands, lists = given[0 : 2 * pairs : 2], list(given[1 : 2 * pairs : 2])
    out = given[2 * pairs :]
    try:
        found = sorted({operator.index(n) for axes in [*lists, *out] for n in axes if n is not ...})
        letter: dict[Any, str] = dict(zip(found, string.ascii_letters, strict=False))
        terms = ["".join("..." if n is ... else letter[n] for n in axes) for axes in [*lists, *out]]
    except (TypeError, KeyError):
        raise TypeError(
            "einsum: give the subscripts as a string, as in einsum('ij,jk->ik', a, b), or a list "
            "of integers after each operand, as in einsum(a, [0, 1], b, [1, 2], [0, 2])"
        ) from None
    return ",".join(terms[: len(lists)]) + "".join(
        f"->{term}" for term in terms[len(lists) :]
    ), operands


def _numbered(names: list[list[Any]], out: list[Any]) -> tuple[list[list[int]], list[int]]:
    number = {n: i for i, n in enumerate(dict.fromkeys(n for ns in names for n in ns))}
    return [[number[n] for n in ns] for ns in names], [number[n] for n in out]


def _simplified(x: Any, names: list[Any], others: set[Any]) -> tuple[Any, list[Any]]:
    """Take diagonals of repeated names, then sum the names that nobody else has."""
    for name in dict.fromkeys(names):
        while names.count(name) > 1:
            i = names.index(name)
            j = names.index(name, i + 1)
            n = shape_of(x)[i]
            if shape_of(x)[j] != n:
                raise ValueError(f"einsum: a repeated axis has lengths {n} and {shape_of(x)[j]}")
            order = [k for k in range(len(names)) if k not in (i, j)] + [i, j]
            x = permute(x, axes=tuple(k - len(names) for k in order))
            x = take_diagonal(x, k=0)
            names = [n for k, n in enumerate(names) if k not in (i, j)] + [name]
    lone = tuple(k - len(names) for k, n in enumerate(names) if n not in others)
    if lone:
        x = reduce_sum(x, axis=lone, keepdims=False)
        names = [n for n in names if n in others]
    return x, names


def _parse_einsum(subscripts: str, operands: Any) -> tuple[list[list[Any]], list[Any]]:
    text = subscripts.replace(" ", "")
    inputs, arrow, output = text.partition("->")
    terms = inputs.split(",")
    shapes = [shape_of(x) for x in operands]
    if len(terms) != len(operands):
        raise ValueError(
            f"einsum {subscripts!r}: {len(terms)} terms for {len(operands)} operands {shapes}"
        )
    names, widest = [], 0
    for term, shape in zip(terms, shapes, strict=True):
        letters = term.replace("...", "")
        hidden = len(shape) - len(letters)
        if hidden < 0 or (hidden and "..." not in term):
            raise ValueError(f"einsum {subscripts!r}: {term!r} does not fit shape {shape}")
        widest = max(widest, hidden)
        names.append(_spelled(term, hidden))
    letters = "".join(terms).replace("...", "")
    if not arrow:
        once = sorted(c for c in set(letters) if letters.count(c) == 1)
        output = ("..." if "..." in inputs else "") + "".join(once)
    out = _spelled(output, widest)
    known = {n for ns in names for n in ns}
    if len(set(out)) != len(out) or not set(out) <= known:
        raise ValueError(f"einsum {subscripts!r}: the output {output!r} repeats or invents an axis")
    return names, out


def _spelled(term: str, hidden: int) -> list[Any]:
    """Letters, with an ellipsis as numbers counted from its end (so that ellipses broadcast)."""
    before, dots, after = term.partition("...")
    middle: list[Any] = list(range(-hidden, 0)) if dots else []
    return [*before, *middle, *after]


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Sum along a diagonal."""
    return reduce_sum(diagonal(x, offset, axis1, axis2), axis=(-1,), keepdims=False)


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonal over two axes, put last; what is assigned to it, ``x`` takes."""
    ndim = len(shape_of(x))
    i, j = (canonical_axis(a, ndim, "diagonal") + ndim for a in (axis1, axis2))
    order = [k for k in range(ndim) if k not in (i, j)] + [i, j]
    x = permute(x, axes=tuple(k - ndim for k in order))
    return take_diagonal(x, k=operator.index(offset))
