"""Estimators of scikit-learn as modules: linear models, multilayer perceptrons, pipelines.

    RULES : class name -> rule;  rule : fitted estimator -> module

scikit-learn is imported only when an estimator is given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import nn, ops
from ..core import arguments
from ..core.optional import require
from ..nn.init import zeros
from .unsupported import UnsupportedError, named, refuse

Estimator = Any
Rule = Callable[[Estimator], nn.Module]


def from_sklearn(estimator: Any) -> nn.Module:
    """A fitted estimator of scikit-learn as a module, with the same outputs.

    Parameters
    ----------
    estimator : estimator
        A linear model (``LinearRegression``, ``Ridge``, ``Lasso``, ``ElasticNet``,
        ``SGDRegressor``, ``LogisticRegression``, ``SGDClassifier``, ``RidgeClassifier``,
        ``Perceptron``, ``LinearSVC``), an ``MLPClassifier`` or ``MLPRegressor``, or a ``Pipeline``
        of ``StandardScaler`` and one of them.

    Returns
    -------
    Module
        Of a regressor, what ``predict`` gives. Of a classifier, what goes into the softmax or the
        logistic function, as :func:`nn.cross_entropy` and
        :func:`nn.binary_cross_entropy_with_logits` take it: (n, classes), or (n,) for two classes,
        where positive numbers speak for the second. It is what ``decision_function`` gives where
        there is one. Means and scales of a ``StandardScaler`` are frozen.

    Raises
    ------
    NotImplementedError
        For estimators and steps that are not here: all of them, by name and class.
    ValueError
        For an estimator that is not fitted.
    ImportError
        Without scikit-learn.

    Notes
    -----
    The penalty that an estimator was fitted with is not part of the module; add it to the loss to
    have the curvature of what was minimised.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> import numpy as np
    >>> from tinygrad_hess import data, io
    >>> iris = data.standardize(data.iris())
    >>> fitted = LogisticRegression().fit(iris.x, iris.y)
    >>> model = io.from_sklearn(fitted)
    >>> model
    Linear(weight=float64(4,3), bias=float64(3,))  # 15 parameters
    >>> np.allclose(model(iris.x), fitted.decision_function(iris.x))
    True
    """
    base = require("from_sklearn", "sklearn.base", package="scikit-learn")
    what = "a fitted estimator of scikit-learn, such as LogisticRegression().fit(x, y)"
    arguments.instance("from_sklearn", "estimator", estimator, base.BaseEstimator, what)
    found: list[str] = []
    layers: list[Any] = []
    for name, step in _steps(estimator):
        if step is None or (isinstance(step, str) and step == "passthrough"):
            continue
        try:
            layers.append(_rule_of(step)(step))
        except UnsupportedError as error:
            found.append(named(name, step, error))
    advice = "Write them as a Module of tinygrad_hess.nn, or convert the estimator to ONNX."
    refuse("from_sklearn", found, advice)
    return layers[0] if len(layers) == 1 else nn.Sequential(*layers)


def _steps(estimator: Estimator) -> list[tuple[str, Estimator]]:
    """The steps of a pipeline, those of pipelines in it too; an estimator alone is one."""
    if not hasattr(estimator, "steps"):
        return [("estimator", estimator)]
    return [
        (f"{name}.{inner}" if hasattr(step, "steps") else name, found)
        for name, step in estimator.steps
        for inner, found in (_steps(step) if hasattr(step, "steps") else [(name, step)])
    ]


def _rule_of(step: Estimator) -> Rule:
    for kind in type(step).__mro__:
        if kind.__module__.startswith("sklearn.") and kind.__name__ in RULES:
            _require_fitted(step)
            return RULES[kind.__name__]
    raise UnsupportedError


def _require_fitted(step: Estimator) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(step)
    except NotFittedError:
        name = type(step).__name__
        raise ValueError(
            f"from_sklearn: this {name} is not fitted. Call .fit(x, y) first."
        ) from None


def _dense(weights: Any) -> np.ndarray[Any, Any]:
    """A copy of weights, sparse ones too, in their floating-point type."""
    found = np.array(weights.toarray() if hasattr(weights, "toarray") else weights)
    return found if found.dtype.kind == "f" else found.astype(float)


def _only_output(x: Any) -> Any:
    """(n, 1) to (n,)."""
    return ops.index(x, (Ellipsis, 0))


def _layer(weight: Any, bias: Any) -> nn.Linear:
    """``x @ weight + bias``; without a bias where the model was fitted without."""
    inputs, outputs = weight.shape
    made = nn.Linear(inputs, outputs, bias is not None, init=zeros, dtype=weight.dtype)
    made.weight, made.bias = weight, bias
    return made


def _linear(m: Estimator) -> nn.Module:
    weight = _dense(m.coef_)
    flat = weight.ndim == 1
    weight = np.ascontiguousarray(np.atleast_2d(weight).T)
    bias = None
    if m.fit_intercept:
        bias = np.broadcast_to(_dense(m.intercept_), weight.shape[1:]).astype(weight.dtype)
    made = _layer(weight, bias)
    two_classes = hasattr(m, "classes_") and weight.shape[1] == 1
    return nn.Sequential(made, _only_output) if flat or two_classes else made


def _perceptron(m: Estimator) -> nn.Module:
    layers: list[Any] = []
    for weight, bias in zip(m.coefs_, m.intercepts_, strict=True):
        layers += [_layer(_dense(weight), _dense(bias)), _ACTIVATIONS[m.activation]]
    layers.pop()  # the last layer has another
    if m.n_outputs_ == 1:
        layers.append(_only_output)
    return nn.Sequential(*layers)


class Standardize(nn.Module):
    """``(x - mean) / scale`` by numbers that are not trained; None leaves a part out."""

    mean: Any
    scale: Any

    def __init__(self, mean: Any, scale: Any):
        self.mean = None if mean is None else nn.Frozen(mean)
        self.scale = None if scale is None else nn.Frozen(scale)

    def __call__(self, x: Any) -> Any:
        """(..., features) to the same shape."""
        x = x if self.mean is None else ops.subtract(x, self.mean)
        return x if self.scale is None else ops.divide(x, self.scale)


def _scaler(m: Estimator) -> nn.Module:
    mean = _dense(m.mean_) if m.with_mean else None
    return Standardize(mean, _dense(m.scale_) if m.with_std else None)


def _identity(x: Any) -> Any:
    return x


_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "identity": _identity,
    "logistic": ops.sigmoid,
    "relu": ops.relu,
    "tanh": ops.tanh,
}

RULES: dict[str, Rule] = {
    **dict.fromkeys(
        (
            "LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet",
            "ElasticNetCV", "SGDRegressor", "LogisticRegression", "LogisticRegressionCV",
            "SGDClassifier", "RidgeClassifier", "Perceptron", "LinearSVC",
        ),
        _linear,
    ),
    **dict.fromkeys(("MLPClassifier", "MLPRegressor"), _perceptron),
    "StandardScaler": _scaler,
}  # fmt: skip
"""For each class of scikit-learn, by its name, how a module is made of one."""
