"""pandas, polars, xarray, scikit-learn and matplotlib with tensors: as with arrays, or a refusal.

What would lose a gradient is refused, in words that say what to write.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg

V = np.array([1.0, 2.0, 3.0])


def _refuses(call: Callable[[Any], Any]) -> None:
    """Of a tensor that is recorded, ``call`` says how to get its values."""
    x = tg.tensor(V, requires_grad=True) * 1
    with pytest.raises(tg.NonDifferentiableError, match=r"x\.numpy\(\)"):
        call(x)
    call(x.numpy())


def test_pandas() -> None:
    pd = pytest.importorskip("pandas")
    s = pd.Series([4.0, 5.0, 6.0])
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0]})
    c = tg.tensor(V)
    np.testing.assert_array_equal(tg.grad(lambda w: (w * s).sum())(V), s)
    np.testing.assert_array_equal(tg.grad(lambda w: (w**2).sum())(s), 2 * s)
    np.testing.assert_array_equal(tg.tensor(frame).numpy(), frame.to_numpy())
    for made in (pd.Series(c), pd.DataFrame({"a": c})["a"], frame.assign(z=c)["z"]):
        np.testing.assert_array_equal(made, V)
    np.testing.assert_array_equal(s * c, s * V)
    for lossy in (pd.Series, lambda x: s * x, lambda x: pd.DataFrame({"a": x}), frame.T.__matmul__):
        _refuses(lossy)
    for text in (["a", "b"], pd.Categorical(["a", "b"]), pd.to_datetime(["2020-01-01"])):
        with pytest.raises(TypeError, match="holds numbers"):
            tg.tensor(pd.Series(text))


def test_polars() -> None:
    pl = pytest.importorskip("polars")
    s = pl.Series("a", [4.0, 5.0, 6.0])
    np.testing.assert_array_equal(tg.grad(lambda w: (w * s).sum())(V), s)
    np.testing.assert_array_equal(tg.tensor(s).numpy(), s)


def test_xarray() -> None:
    xr = pytest.importorskip("xarray")
    a = xr.DataArray([4.0, 5.0, 6.0], dims="x")
    np.testing.assert_array_equal(tg.grad(lambda w: (w * a).sum())(V), a)
    np.testing.assert_array_equal(tg.tensor(a).numpy(), a)
    for f in (  # it keeps tensors as its data
        lambda w: (a * w).data.sum(),
        lambda w: np.exp(a * w).data.sum(),
        lambda w: tg.numpy.exp(a * w).data.sum(),
        lambda w: (w * (a * w)).data.sum(),
    ):
        slope = (f(V + 1e-6) - f(V - 1e-6)) / 2e-6
        np.testing.assert_allclose(tg.grad(f)(V).sum(), slope, rtol=1e-6)


def test_scikit_learn() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    x = np.random.default_rng(0).normal(size=(20, 3))
    got = linear_model.LinearRegression().fit(tg.tensor(x), tg.tensor(x[:, 0])).coef_
    np.testing.assert_allclose(got, [1, 0, 0], atol=1e-12)
    recorded = tg.tensor(x, requires_grad=True) * 1
    with pytest.raises(tg.NonDifferentiableError, match=r"x\.numpy\(\)"):
        linear_model.LinearRegression().fit(recorded, x[:, 0])


def test_matplotlib() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots()
    calls: list[Callable[[Any], Any]] = [
        axes.plot, axes.hist, axes.boxplot, lambda x: axes.bar(x, x), lambda x: axes.scatter(x, x),
        lambda x: axes.errorbar(x, x, yerr=x), lambda x: axes.fill_between(x, x),
        lambda x: axes.imshow(x.reshape(1, 3)), lambda x: axes.axhline(x[0]),
    ]  # fmt: skip
    for call in calls:
        call(tg.tensor(V))
        _refuses(call)
    np.testing.assert_array_equal(axes.plot(tg.tensor(V))[0].get_ydata(), V)
    plt.close(figure)
