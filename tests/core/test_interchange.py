"""Arrays and data frames of other libraries, wherever arrays go in."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import data, nn, optim
from tinygrad_hess.core import interchange

X = np.random.default_rng(0).normal(size=(12, 2))
Y = X @ [1.0, -2.0]
MODEL = nn.MLP([2, 3, 1], seed=0)


def pandas(x: Any) -> Any:
    pd = pytest.importorskip("pandas")
    return pd.DataFrame(x, columns=["a", "b"]) if x.ndim == 2 else pd.Series(x, name="y")


def polars(x: Any) -> Any:
    pl = pytest.importorskip("polars")
    return pl.DataFrame(x, schema=["a", "b"]) if x.ndim == 2 else pl.Series("y", x)


def xarray(x: Any) -> Any:
    return pytest.importorskip("xarray").DataArray(x, dims=("row", "column")[: x.ndim], name="v")


def torch(x: Any) -> Any:
    return pytest.importorskip("torch").tensor(x)


def jax(x: Any) -> Any:
    jnp = pytest.importorskip("jax.numpy")
    return jnp.asarray(x.astype(np.float32))


class Capsule:
    """An array that only DLPack knows."""

    def __init__(self, x: Any) -> None:
        self.x = x
        self.shape = x.shape

    def __dlpack__(self, **options: Any) -> Any:
        return self.x.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.x.__dlpack_device__()


LIBRARIES = [pandas, polars, xarray, torch, jax, Capsule]


def loss(model: Any, batch: Any) -> Any:
    x, y = batch
    return ((model(x)[:, 0] - y) ** 2).mean()


USES: dict[str, Callable[[Any, Any], Any]] = {
    "model": lambda x, y: MODEL(x),
    "grad": lambda x, y: tg.grad(loss)(MODEL, (x, y)).layers[0].weight,
    "jit": lambda x, y: tg.jit(lambda m, x: m(x))(MODEL, x),
    "fit": lambda x, y: optim.fit(loss, MODEL, (x, y), optim.SGD(lr=0.1), epochs=2).losses,
    "fit, batches": lambda x, y: optim.fit(loss, MODEL, [(x, y)] * 2, optim.SGD(lr=0.1)).losses,
    "fit, a loader": lambda x, y: optim.fit(loss, MODEL, iter([(x, y)]), optim.SGD(lr=0.1)).losses,
    "Hessian": lambda x, y: tg.curvature.HessianOperator(loss, MODEL, (x, y)) @ np.ones(13),
    "Hessian, batches": lambda x, y: (
        tg.curvature.HessianOperator(loss, MODEL, [(x, y)] * 2) @ np.ones(13)
    ),
    "Gauss-Newton": lambda x, y: (
        tg.curvature.GGNOperator(lambda m, x: m(x)[:, 0], nn.mse, MODEL, (x, y)) @ np.ones(13)
    ),
    "batches": lambda x, y: next(iter(data.batches(x, y, 4)))[0],
    "split": lambda x, y: data.split(x, y, test=3)[0].x,
    "Dataset": lambda x, y: data.Dataset(x, y).x,
}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("use", USES)
def test_they_give_what_their_numbers_give(use: str, library: Callable[[Any], Any]) -> None:
    if library is Capsule and use in ("model", "grad"):
        pytest.skip("a function that is called as it is does with its arguments as it likes")
    single = library is jax
    found = USES[use](library(X), library(Y))
    want = USES[use](X.astype(np.float32), Y.astype(np.float32)) if single else USES[use](X, Y)
    np.testing.assert_allclose(found, want, rtol=1e-5 if single else 1e-12, atol=1e-6 * single)


def test_numbers_are_read_at_every_call_of_a_jitted_function() -> None:
    x = torch(X)
    double = tg.jit(lambda x: x * 2)
    np.testing.assert_array_equal(double(x), X * 2)
    x += 1
    np.testing.assert_array_equal(double(x), (X + 1) * 2)


def test_trees_without_them_stay_the_same_object() -> None:
    batch = (X, {"y": Y, "scale": 2.0})
    assert interchange.to_arrays("fit", "data", batch) is batch


def frame(**columns: Any) -> Any:
    return pytest.importorskip("pandas").DataFrame({"good": [1.0, 2.0], **columns})


def polar(**columns: Any) -> Any:
    return pytest.importorskip("polars").DataFrame({"good": [1.0, 2.0], **columns})


@pytest.mark.parametrize("make", [frame, polar])
@pytest.mark.parametrize(
    ("column", "error", "said"),
    [
        (["x", "y"], TypeError, "has a column of text, 'odd'.*drop or convert.*from_frame"),
        ([True, False], TypeError, r"a boolean column, 'odd'.*frame\['odd'\]\.astype\(float\)"),
        ([None, 1.5], ValueError, "missing values in column, 'odd'.*fill or drop"),
        ([datetime.datetime(2020, 1, 1)] * 2, TypeError, "a column of dates, 'odd'"),
    ],
)
def test_columns_that_are_no_numbers_are_named(
    make: Any, column: Any, error: type[Exception], said: str
) -> None:
    table = make(odd=column)
    for call in (
        lambda: optim.fit(loss, MODEL, (table, np.ones(2)), optim.SGD(lr=0.1)),
        lambda: tg.curvature.HessianOperator(loss, MODEL, (table, np.ones(2))),
        lambda: data.Dataset(table, np.ones(2)),
        lambda: tg.jit(lambda x: x)(table),
        lambda: data.Dataset(np.ones((2, 1)), table["odd"]),
    ):
        with pytest.raises(error, match=f"(?s){said}"):
            call()
    with pytest.raises(error, match=r"(?s)odd"):
        MODEL(table)


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize(
    ("values", "error", "said"),
    [
        (["x", "y"], TypeError, r"holds text\. Give numbers, as by np\.unique\(series"),
        ([True, False], TypeError, r"holds booleans\. .*series\.astype\(float\)"),
        ([None, 1.5], ValueError, r"holds missing values\. Fill or drop them"),
        ([datetime.datetime(2020, 1, 1)] * 2, TypeError, r"holds dates\. Give numbers"),
    ],
)
def test_columns_without_a_name_are_told_by_their_place(
    library: str, values: Any, error: type[Exception], said: str
) -> None:
    series = pytest.importorskip(library).Series(values)
    for call in (
        lambda: optim.fit(loss, MODEL, (np.ones((2, 2)), series), optim.SGD(lr=0.1)),
        lambda: tg.curvature.HessianOperator(loss, MODEL, (np.ones((2, 2)), series)),
    ):
        with pytest.raises(error, match=rf"data\[1\], a Series, {said}"):
            call()
    with pytest.raises(error, match=rf"data, a Series, {said}"):
        optim.fit(loss, MODEL, series, optim.SGD(lr=0.1))


def test_names_that_are_no_strings_are_shown_as_they_are_written() -> None:
    table = pytest.importorskip("pandas").DataFrame([[1.0, "x"]])
    with pytest.raises(TypeError, match=r"a column of text, 1\..*frame.drop\(columns=\[1\]\)"):
        data.Dataset(table, np.ones(1))


def test_all_columns_are_listed_at_once() -> None:
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame({f"c{i}": ["text"] for i in range(14)} | {"flag": [True]})
    with pytest.raises(TypeError, match=r"columns of text, 'c0', 'c1'.*4 more"):
        data.Dataset(table, np.ones(1))
    nullable = pd.DataFrame({"n": pd.array([1, 2, None], dtype="Int64")})
    with pytest.raises(ValueError, match="missing values in column, 'n'"):
        data.Dataset(nullable, np.ones(3))
    assert data.Dataset(nullable[:2], np.ones(2)).x.dtype.kind in "fi"


def test_frames_keep_their_column_names() -> None:
    d = data.Dataset(pandas(X), pandas(Y))
    assert d.feature_names == ("a", "b")
    train, test = data.split(pandas(X), pandas(Y), test=0.25)
    assert train.feature_names == test.feature_names == ("a", "b")


def test_what_holds_no_data_is_told_so() -> None:
    lazy = pytest.importorskip("polars").DataFrame(X, schema=["a", "b"]).lazy()
    with pytest.raises(TypeError, match=r"LazyFrame, holds no data yet.*\.collect\(\)"):
        optim.fit(loss, MODEL, lazy, optim.SGD(lr=0.1))
    several = pytest.importorskip("xarray").Dataset({"a": ("n", X[:, 0])})
    with pytest.raises(TypeError, match="fit: data, a Dataset, gives no array"):
        optim.fit(loss, MODEL, several, optim.SGD(lr=0.1))


def test_tensors_that_are_recorded_elsewhere_are_refused() -> None:
    x = torch(X).requires_grad_()
    with pytest.raises(TypeError, match=r"fit: data\[0\], a Tensor, gives no array.*detach"):
        optim.fit(loss, MODEL, (x, Y), optim.SGD(lr=0.1))
    half = pytest.importorskip("torch").ones(3, dtype=pytest.importorskip("torch").bfloat16)
    with pytest.raises(TypeError, match="gives no array of numbers"):
        tg.jit(lambda x: x)(half)
