"""Estimators of scikit-learn, moved here: its predictions, and Hessians in closed form."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import data, io, nn

pytest.importorskip("sklearn")
from sklearn import linear_model as linear
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC, LinearSVC

IRIS = data.standardize(data.iris())
X, Y = IRIS.x, IRIS.y
TWO = Y < 2


def fitted(estimator: Any, x: Any = X, y: Any = Y) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(x, y)


@pytest.mark.parametrize(
    "estimator",
    [
        linear.LinearRegression(),
        linear.LinearRegression(fit_intercept=False),
        linear.Ridge(0.5),
        linear.RidgeCV(),
        linear.Lasso(0.01),
        linear.ElasticNet(0.01),
        linear.SGDRegressor(random_state=0),
        MLPRegressor(hidden_layer_sizes=(5, 4), activation="tanh", max_iter=30, random_state=0),
        MLPRegressor(hidden_layer_sizes=(5,), activation="identity", max_iter=30, random_state=0),
        make_pipeline(StandardScaler(), linear.Ridge()),
        Pipeline(
            [("a", "passthrough"), ("b", StandardScaler(with_mean=False)), ("c", linear.Ridge())]
        ),
        make_pipeline(StandardScaler(with_std=False), make_pipeline(linear.LinearRegression())),
    ],
    ids=str,
)
@pytest.mark.parametrize("outputs", [None, 1, 2])
def test_regressors_predict_the_same(estimator: Any, outputs: int | None) -> None:
    y = X[:, 0] ** 2 + X[:, 1] if outputs is None else X[:, :outputs] ** 2
    if (
        outputs is not None
        and isinstance(estimator, (linear.SGDRegressor, MLPRegressor))
        and outputs < 2
    ):
        pytest.skip("it asks for a vector")
    if outputs == 2 and isinstance(estimator, linear.SGDRegressor):
        pytest.skip("it has one output")
    f = fitted(estimator, 10 + 3 * X, y)
    found, want = io.from_sklearn(f)(10 + 3 * X), f.predict(10 + 3 * X)
    assert found.shape == want.shape
    np.testing.assert_allclose(found, want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("two", [True, False])
@pytest.mark.parametrize(
    "estimator",
    [
        linear.LogisticRegression(),
        linear.LogisticRegression(fit_intercept=False),
        linear.SGDClassifier(loss="log_loss", random_state=0),
        linear.RidgeClassifier(),
        linear.Perceptron(random_state=0),
        LinearSVC(random_state=0),
        make_pipeline(StandardScaler(), linear.LogisticRegression()),
    ],
    ids=str,
)
def test_classifiers_decide_the_same(estimator: Any, two: bool) -> None:
    x, y = (X[TWO], Y[TWO]) if two else (X, Y)
    f = fitted(estimator, x, y)
    found, want = io.from_sklearn(f)(x), f.decision_function(x)
    assert found.shape == want.shape == ((100,) if two else (150, 3))
    np.testing.assert_allclose(found, want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
def test_perceptrons_give_the_same_probabilities(activation: str) -> None:
    from scipy.special import expit, softmax

    make = lambda: MLPClassifier((6, 5), activation=activation, max_iter=20, random_state=0)
    f = fitted(make())
    np.testing.assert_allclose(
        softmax(io.from_sklearn(f)(X), axis=1), f.predict_proba(X), rtol=1e-9
    )
    f = fitted(make(), X[TWO], Y[TWO])
    logits = io.from_sklearn(f)(X)
    assert logits.shape == (150,)
    np.testing.assert_allclose(expit(logits), f.predict_proba(X)[:, 1], rtol=1e-9)
    several = np.stack([Y > 0, Y > 1], axis=1)
    f = fitted(make(), X, several)
    np.testing.assert_allclose(expit(io.from_sklearn(f)(X)), f.predict_proba(X), rtol=1e-9)


def top(loss: Any, model: Any, x: Any, y: Any) -> Any:
    operator = tg.curvature.HessianOperator(loss, model, (x, y))
    return tg.curvature.top_eigenpairs(operator, k=3, tol=1e-10).values


def test_curvature_of_logistic_regression_is_the_closed_form() -> None:
    f = linear.LogisticRegression().fit(X[TWO], Y[TWO])
    p = f.predict_proba(X[TWO])[:, 1]
    rows = np.column_stack([X[TWO], np.ones(TWO.sum())])
    want = np.linalg.eigvalsh(rows.T @ (rows * (p * (1 - p))[:, None]) / len(rows))[::-1][:3]
    loss = lambda m, b: nn.binary_cross_entropy_with_logits(m(b[0]), b[1].astype(float))
    np.testing.assert_allclose(top(loss, io.from_sklearn(f), X[TWO], Y[TWO]), want, rtol=1e-6)


def test_curvature_of_softmax_regression_is_the_closed_form() -> None:
    f = make_pipeline(StandardScaler(), linear.LogisticRegression()).fit(10 + 3 * X, Y)
    p = f.predict_proba(10 + 3 * X)
    rows = np.column_stack([f[0].transform(10 + 3 * X), np.ones(150)])
    blocks = np.einsum("ni,nc,nj,cd->icjd", rows, p, rows, np.eye(3))
    blocks -= np.einsum("ni,nc,nj,nd->icjd", rows, p, rows, p)
    want = np.linalg.eigvalsh(blocks.reshape(15, 15) / 150)[::-1][:3]
    model = io.from_sklearn(f)
    assert nn.count_parameters(model) == 15  # the scaler is frozen
    loss = lambda m, b: nn.cross_entropy(m(b[0]), b[1])
    np.testing.assert_allclose(top(loss, model, 10 + 3 * X, Y), want, rtol=1e-6)


def test_curvature_of_a_perceptron_is_that_of_its_own_gradient() -> None:
    """scikit-learn's backpropagation, differenced."""
    f = MLPClassifier((4,), activation="tanh", alpha=0.0, max_iter=30, random_state=0)
    f = fitted(f)
    targets = np.eye(3)[Y]
    arrays = [*f.coefs_, *f.intercepts_]

    def gradient(vector: Any) -> Any:
        used, parts = 0, []
        for a in arrays:
            parts.append(vector[used : used + a.size].reshape(a.shape))
            used += a.size
        n = len(f.coefs_)
        f.coefs_, f.intercepts_ = parts[:n], parts[n:]
        acts = [X] + [np.empty((150, k)) for k in (4, 3)]
        deltas = [np.empty_like(a) for a in acts[1:]]
        grads = [np.empty_like(a) for a in parts[:n]], [np.empty_like(a) for a in parts[n:]]
        options = {"sample_weight": None}
        _, coefs, biases = f._backprop(X, targets, **options, activations=acts, deltas=deltas,
                                       coef_grads=grads[0], intercept_grads=grads[1])  # fmt: skip
        return np.concatenate([g.ravel() for g in [*coefs, *biases]])

    model = io.from_sklearn(f)
    at = np.concatenate([a.ravel() for a in arrays])
    h = 1e-4
    eye = np.eye(len(at)) * h
    dense = np.array(
        [(8 * (gradient(at + e) - gradient(at - e)) - gradient(at + 2 * e) + gradient(at - 2 * e)) / (12 * h) for e in eye]
    )  # fmt: skip
    want = np.linalg.eigvalsh((dense + dense.T) / 2)[::-1][:3]
    loss = lambda m, b: nn.cross_entropy(m(b[0]), b[1])
    np.testing.assert_allclose(top(loss, model, X, Y), want, rtol=1e-6)


def test_arrays_are_copies_in_their_own_type() -> None:
    f = fitted(MLPClassifier((4,), max_iter=5, random_state=0), X.astype(np.float32), Y)
    model = io.from_sklearn(f)
    assert model[0].weight.dtype == f.coefs_[0].dtype == np.float32
    before = model[0].weight.copy()
    f.coefs_[0] += 1
    np.testing.assert_array_equal(model[0].weight, before)
    sparse = linear.SGDClassifier(random_state=0).fit(X, Y).sparsify()
    np.testing.assert_allclose(io.from_sklearn(sparse)(X), sparse.decision_function(X))


def test_all_that_is_not_supported_is_listed_at_once() -> None:
    f = make_pipeline(MinMaxScaler(), PolynomialFeatures(), StandardScaler(), SVC()).fit(X, Y)
    with pytest.raises(NotImplementedError) as caught:
        io.from_sklearn(f)
    for words in ("'minmaxscaler' (MinMaxScaler)", "'polynomialfeatures' (Poly", "'svc' (SVC)"):
        assert words in str(caught.value)
    assert "StandardScaler" not in str(caught.value)


def test_what_is_not_fitted_and_what_is_no_estimator() -> None:
    with pytest.raises(ValueError, match=r"this MLPClassifier is not fitted\. Call"):
        io.from_sklearn(MLPClassifier())
    with pytest.raises(TypeError, match="estimator must be a fitted estimator of scikit-learn"):
        io.from_sklearn("LogisticRegression")


@pytest.mark.parametrize(
    ("module", "call", "said"),
    [
        ("sklearn", io.from_sklearn, "from_sklearn needs scikit-learn: pip install scikit-learn"),
        ("torch", io.from_torch, "from_torch needs torch: pip install torch"),
    ],
)
def test_a_library_that_is_missing_is_named(
    module: str, call: Any, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [n for n in sys.modules if n.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=said):
        call(object())
