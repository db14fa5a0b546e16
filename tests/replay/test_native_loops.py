"""Single calls as inner loops, against NumPy itself, bit by bit; and what must not become one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import scipy.special
from replayed import one_nan

from tinygrad_hess.replay.codegen.writers import Call
from tinygrad_hess.replay.native import library, why_python
from tinygrad_hess.replay.native.operations import EXACT, Place, lowered

pytestmark = pytest.mark.skipif(why_python() is not None, reason=str(why_python()))

HOSTILE = np.array([np.nan, -np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, 0.0, -0.0])


def draw(shape: tuple[int, ...], dtype: Any, seed: int) -> Any:
    """Generic numbers for an even seed, many hostile ones for an odd one."""
    rng = np.random.default_rng([seed, *shape])
    x = rng.standard_normal(shape)
    with np.errstate(all="ignore"):
        if seed % 2:
            x = np.where(rng.random(shape) < 0.3, rng.choice(HOSTILE, shape), x)
        return np.asarray(x).astype(dtype)


def _strided(x: Any) -> Any:
    return np.repeat(x, 2, axis=-1)[..., ::2] if x.ndim else x


def _windows(x: Any) -> Any:
    """Rows that overlap in memory."""
    base = np.resize(x, sum(x.shape) + 1)
    return np.lib.stride_tricks.as_strided(base, x.shape, (x.itemsize,) * x.ndim)


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "C": lambda x: x,
    "F": np.asfortranarray,
    "strided": _strided,
    "rows": lambda x: np.repeat(x, 2, axis=0)[::2] if x.ndim else x,
    "reversed": lambda x: np.asarray(np.flip(np.flip(x).copy())),
    "repeated": lambda x: np.broadcast_to(x[:1], x.shape) if x.ndim else x,
    "columns repeated": lambda x: np.broadcast_to(x[..., :1], x.shape) if x.ndim else x,
    "windows": _windows,
}


def filled(call: Call, operands: Any, out: Any) -> bool:
    """Fill ``out`` by the loops of a call; False where it has none."""
    places = [Place(f"x{k}", x) for k, x in enumerate(operands)]
    operations = lowered(call, places, Place("out", out))
    if operations is None:
        return False
    fixed: dict[str, Any] = {}
    words: list[int] = []
    pointers: list[int] = []
    for row, at, *_ in operations:
        for k, place in enumerate(at):
            fixed.setdefault(place.owner, place.array)
            owner = [*fixed].index(place.owner)
            pointers += (len(words) + library.HEAD + k, owner, place.offset)
        words += row.words()
    both = np.array(words, np.intp), np.array(pointers, np.intp)
    library.run(None, (), (), list(fixed.values()), *both, False)()
    return True


def agree(call: Call, operands: Any, wanted: Any) -> bool:
    """Whether there are loops, which must then fill an array as ``wanted(out)`` does."""
    with np.errstate(all="ignore"):
        want = wanted(None)
        want = np.empty(np.shape(want), np.asarray(want).dtype)
        got = np.empty_like(want)
        wanted(want)
        found = filled(call, operands, got)
    equal = one_nan(got).tobytes() == one_nan(want).tobytes()
    assert not found or equal, (call, [x.strides for x in operands])
    return found


# ---- ufuncs -------------------------------------------------------------------------------------

SHAPES = [
    ((5,), (5,)), ((64,), ()), ((64,), (1,)), ((7, 9), (9,)), ((7, 9), (7, 1)), ((7, 9), (7, 9)),
    ((3, 4, 5), (3, 1, 5)), ((4, 1), (1, 5)), ((), ()), ((1,), (1,)), ((1, 1), (1, 1)),
    ((20, 2), (20, 1)), ((20, 1, 3), (1, 30, 3)), ((2, 40, 3), (2, 1, 1)),  # short inside long
]  # fmt: skip
FUNCTIONS = [
    np.fmax, np.fmin,
    np.exp, np.tanh, np.sin, np.cos, np.log, np.log1p, np.arctan, np.power, np.arctan2, np.hypot,
    np.logaddexp, scipy.special.erf, scipy.special.gammaln, scipy.special.xlogy,
]  # fmt: skip


@pytest.mark.parametrize(
    "ufunc", sorted({*EXACT, *FUNCTIONS}, key=lambda u: u.__name__), ids=lambda u: u.__name__
)
def test_elementwise(ufunc: Any) -> None:
    found = 0
    plain = LAYOUTS["C"]
    pairs = [(plain, other) for other in LAYOUTS.values()] + [(x, x) for x in LAYOUTS.values()]
    for (a, b), (one, other) in itertools.product(SHAPES, pairs):
        for seed, dtype in ((1, np.float64), (1, np.float32)):
            operands = [one(draw(a, dtype, seed)), other(draw(b, dtype, seed))][: ufunc.nin]
            call = Call(ufunc, tuple("ab"[: ufunc.nin]))
            found += agree(call, operands, lambda out, x=operands: ufunc(*x, out=out))
    assert found


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.negative, np.exp, np.divide])
def test_complex(ufunc: Any) -> None:
    x, y = (draw((12,), float, k) + 1j * draw((12,), float, k + 2) for k in (0, 4))
    operands = [x, y][: ufunc.nin]
    call = Call(ufunc, tuple("ab"[: ufunc.nin]))
    assert agree(call, operands, lambda out: ufunc(*operands, out=out))


# ---- reductions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ufunc", [np.add, np.maximum, np.minimum], ids=lambda u: u.__name__)
@pytest.mark.parametrize(
    "shape", [(5,), (130,), (9000,), (7, 3), (10, 64), (9, 1), (100, 100), (2, 3, 4), (4, 130, 2)]
)
def test_reductions(ufunc: Any, shape: tuple[int, ...]) -> None:
    found = 0
    axes = [
        c for r in range(1, len(shape) + 1) for c in itertools.combinations(range(len(shape)), r)
    ]
    for axis, keep, layout in itertools.product(axes, (False, True), LAYOUTS.values()):
        for seed, dtype in ((0, np.float64), (1, np.float64), (0, np.float32), (1, np.float32)):
            x = layout(draw(shape, dtype, seed))
            call = Call(ufunc, ("x",), axis=tuple(k - len(shape) for k in axis))
            found += agree(
                call, [x], lambda out, x=x, a=axis, k=keep: ufunc.reduce(x, a, None, out, k)
            )
    assert found or (ufunc is np.add and shape == (9000,))  # in parts, before NumPy 2.3


def test_a_sum_of_negative_zeros_is_one() -> None:
    out = np.ones(())
    assert filled(Call(np.add, ("x",), axis=(-1,)), [np.full(4, -0.0)], out)
    assert np.signbit(out) == np.signbit(np.add.reduce(np.full(4, -0.0)))


# ---- products -----------------------------------------------------------------------------------

FACTORS = [
    ((3, 4), (4, 5)), ((1, 4), (4, 5)), ((3, 1), (1, 5)), ((3, 4), (4, 1)), ((1, 1), (1, 1)),
    ((1, 1), (1, 5)), ((4,), (4,)), ((1,), (1,)), ((4,), (4, 5)), ((3, 4), (4,)), ((65, 33), (33, 17)),
    ((40, 40), (40, 40)), ((2, 3, 4), (2, 4, 5)), ((2, 3, 4), (4, 5)), ((3, 4), (2, 4, 5)),
    ((2, 1, 4), (2, 4, 1)), ((5, 1, 3, 4), (1, 2, 4, 6)), ((4,), (2, 4, 5)), ((2, 3, 4), (4,)),
]  # fmt: skip


def _transposed(x: Any) -> Any:
    return np.ascontiguousarray(x.mT).mT if x.ndim > 1 else x


@pytest.mark.parametrize(("a", "b"), FACTORS)
def test_products(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    layouts = [*LAYOUTS.values(), _transposed]
    pairs = [(x, y) for x in layouts for y in layouts if x is y or x is layouts[0]]
    found = 0
    for (one, other), dtype in itertools.product(pairs, (np.float64, np.float32)):
        for seed in range(2):
            x, y = one(draw(a, dtype, seed)), other(draw(b, dtype, seed))
            for function in (np.matmul, np.dot)[: 1 + (max(x.ndim, y.ndim) < 3)]:
                wanted = lambda out, f=function, x=x, y=y: _product(f, x, y, out)
                found += agree(Call(function, ("a", "b")), [x, y], wanted)
    assert found


def _product(function: Any, x: Any, y: Any, out: Any) -> Any:
    if out is not None and out.ndim == 0:
        out[...] = function(x, y)
        return out
    return function(x, y, out)


@pytest.mark.parametrize("function", [np.dot, np.matmul])
@pytest.mark.parametrize("shape", [(5, 3), (33, 40), (2, 2)])
def test_a_matrix_times_its_transpose(function: Any, shape: tuple[int, ...]) -> None:
    x = draw(shape, float, 0)
    for a, b in ((x, x.T), (x.T, x)):
        want, got = np.empty((2, a.shape[0], a.shape[0]))
        function(a, b, want)
        assert filled(Call(function, ("a", "b")), [a, b], got)
        assert want.tobytes() == got.tobytes()


# ---- copies -------------------------------------------------------------------------------------


def test_copies() -> None:
    for dtype, one in itertools.product((bool, np.float32, float, complex), LAYOUTS.values()):
        for shape in ((4, 5), (5,), ()):
            x = one(draw(shape, float, 1))
            with np.errstate(all="ignore"):
                x = np.asarray(x).astype(dtype)
            mask = draw((4, 5), float, 0) > 0
            for masks in ([], [mask], [mask[:1]]):
                want, got = np.ones((2, 4, 5), dtype)
                np.copyto(want, x, where=masks[0] if masks else True)
                assert filled(Call(np.copyto, ("x", "m")[: 1 + len(masks)]), [x, *masks], got)
                assert want.tobytes() == got.tobytes()


@pytest.mark.parametrize("dtype", [bool, np.float32, float, complex])
def test_copies_of_many_by_masks_that_go_up_and_down(dtype: Any) -> None:
    x, mask = draw((70, 30), dtype, 1), draw((70, 30), float, 2) > 0
    for one in (lambda a: a, lambda a: a[::2], lambda a: a[:, ::3], lambda a: a[:, ::-1]):
        part, where = one(x), one(mask)
        want, got = draw((2, *part.shape), dtype, 3)
        got[...] = want
        np.copyto(want, part, where=where)
        assert filled(Call(np.copyto, ("x", "m")), [part, where], got)
        assert want.tobytes() == got.tobytes()


ARITHMETIC = [np.add, np.subtract, np.multiply, np.divide, np.negative]


@pytest.mark.parametrize("ufunc", sorted(EXACT, key=lambda u: u.__name__), ids=lambda u: u.__name__)
def test_short_axes_whose_neighbours_lie_at_any_stride(ufunc: Any) -> None:
    """By arithmetic on contiguous copies: NumPy's loops are wrong at some strides of the result."""
    for width in (2, 3, 4, 8):
        for shape in ((9, 4, width), (40, width), (17, 8, width)):
            for one in (lambda a: a, lambda a: a.swapaxes(-1, -2).copy().swapaxes(-1, -2)):
                operands = [one(draw(shape, float, k)) for k in range(ufunc.nin)]
                call = Call(ufunc, tuple("ab"[: ufunc.nin]))
                with np.errstate(all="ignore"):
                    want = ufunc(*[np.ascontiguousarray(x) for x in operands])
                got = np.empty_like(want)
                if filled(call, operands, got):
                    assert one_nan(got).tobytes() == one_nan(want).tobytes()


@pytest.mark.parametrize("ufunc", ARITHMETIC, ids=lambda u: u.__name__)
def test_a_few_hostile_numbers(ufunc: Any) -> None:
    values = [np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, -1e-310, 0.0, -0.0, 1.5]
    for pair in itertools.product(values, values):
        for n in (1, 2, library.FEW, library.FEW + 1):
            operands = [np.full(n, x) for x in pair][: ufunc.nin]
            call = Call(ufunc, tuple("ab"[: ufunc.nin]))
            assert agree(call, operands, lambda out, x=operands: ufunc(*x, out=out))


# ---- what stays with NumPy ----------------------------------------------------------------------


def test_operands_that_overlap_the_result_in_another_way() -> None:
    """NumPy copies them first: a loop over them would read what it has written."""
    x = np.arange(6.0)
    for view in (x[::-1], x[:1], x[2, ...]):
        assert not filled(Call(np.multiply, ("a", "b")), [x, view], x)
    assert not filled(Call(np.add, ("a", "b")), [x[1:], x[1:]], x[:-1])
    assert not filled(Call(np.add, ("x",), axis=(-1,)), [x], x[:1].reshape(()))
    assert not filled(Call(np.copyto, ("a",)), [x[::-1]], x)
    square = np.eye(3)
    assert not filled(Call(np.matmul, ("a", "b")), [square.T, square[:]], square[:])
    assert filled(Call(np.multiply, ("a", "b")), [x, x], x) and x[5] == 25


def test_casts_and_types_without_a_loop() -> None:
    x, out = np.ones(3), np.ones(3)
    for other in (np.ones(3, np.float32), np.arange(3), np.ones(3, ">f8"), np.ones(3, complex)):
        assert not filled(Call(np.add, ("a", "b")), [x, other], out)
    k = np.arange(3)
    assert not filled(Call(np.add, ("a", "b")), [k, k], k.copy())
    assert not filled(Call(np.sin, ("a",)), [x.astype(np.longdouble)], x.astype(np.longdouble))
    assert not filled(Call(np.sin, ("a",)), [np.ones(3, np.float16)], np.ones(3, np.float16))
    assert not filled(Call(np.copyto, ("a",)), [k], out)
    assert not filled(Call(np.frompyfunc(abs, 1, 1), ("a",)), [x], out)


def test_empty_arrays() -> None:
    assert not filled(Call(np.add, ("a", "b")), [np.ones(0), np.ones(0)], np.ones(0))
    assert not filled(Call(np.add, ("x",), axis=(-1,)), [np.ones((2, 0))], np.ones(2))
    assert not filled(Call(np.dot, ("a", "b")), [np.ones((2, 0)), np.ones((0, 2))], np.ones((2, 2)))


# ---- what is checked before a loop is used ------------------------------------------------------


@pytest.fixture
def unknown() -> Iterator[None]:
    """Nothing is remembered of what was checked, before and after."""
    caches = (library.loop, library._unusable, library.start_of_sum, library.most_reduced)
    for c in caches:
        c.cache_clear()
    yield
    for c in caches:
        c.cache_clear()


class Changed:
    """The extension, with one function that tells another thing."""

    def __init__(self, **functions: Any):
        self.__dict__.update(functions)

    def __getattr__(self, name: str) -> Any:
        return getattr(REAL, name)


REAL = library._runner


def test_a_loop_that_gives_something_else_is_not_used(
    unknown: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Changed(loop=lambda ufunc, types: REAL.loop(np.subtract, types))
    monkeypatch.setattr(library, "_runner", wrong)
    assert library.loop(np.add, (np.dtype(float).num,) * 3) is None
    assert "differ from those of NumPy" in str(why_python())


def test_a_ufunc_that_is_laid_out_in_another_way_is_not_used(
    unknown: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Changed(structure=lambda ufunc: (1, 2, 3, "ufunc"))
    monkeypatch.setattr(library, "_runner", wrong)
    assert library.loop(np.add, (np.dtype(float).num,) * 3) is None
    assert "in another way" in str(why_python())


def test_only_whole_operations_are_run() -> None:
    row = library.Row(library.copy(8), 2, (3,), (8, 8)).words()
    none, x = np.array([], np.intp), np.ones(3)
    for words in (row[:-1], [*row, 0], [999, *row[1:]], [*row[:3], 99, *row[4:]]):
        with pytest.raises(ValueError, match="whole operations"):
            library.run(None, (), (), (x,), np.array(words, np.intp), none, False)
    with pytest.raises(ValueError, match="pointer to nothing"):
        library.run(None, (), (), (x,), np.array(row, np.intp), np.array([7, 1, 0], np.intp), False)
    with pytest.raises(TypeError):
        library.run(None, (), (), (x,), row, none, False)
