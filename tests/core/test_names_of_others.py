"""Names and keywords of other libraries: the error says what to write here."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_hess import curvature, data, nn, optim
from tinygrad_hess.core.names import SYNONYMS, suggesting_keywords, unexpected_keyword

X, LABELS = np.linspace(-1, 1, 12).reshape(6, 2), np.array([0, 1, 0, 1, 1, 0])


def loss(model: Any, batch: Any) -> Any:
    return nn.cross_entropy(model(batch[0]), batch[1])


def fit(**options: Any) -> Any:
    return optim.fit(loss, nn.Linear(2, 2, seed=0), (X, LABELS), optim.SGD(lr=0.1), **options)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: optim.Adam(learning_rate=0.1), r"Adam\(\) got .* 'learning_rate'; is it lr\?"),
        (lambda: optim.AdamW(lr=0.1, beta_1=0.9), "is it betas?"),
        (lambda: nn.Conv2d(1, 2, kernel_size=3), r"^Conv2d\(\) got an .*; is it size\?"),
        (lambda: nn.LSTM(3, 4, num_layers=2), r"^LSTM\(\) got an .*; is it layers\?"),
        (lambda: nn.MultiHeadAttention(embed_dim=8, num_heads=2), "is it width?"),
        (lambda: nn.Linear(2, 3, activation=nn.relu), "its arguments are in_features, out_featu"),
        (lambda: nn.cross_entropy(X, target=LABELS), r"is it labels\?"),
        (lambda: nn.mse(X, X, size_average=True), "its arguments are prediction, target, reduc"),
        (lambda: data.batches(X, LABELS, batch_size=2), r"is it size\?"),
        (lambda: data.batches(X, LABELS, 2, shuffle=True), "always shuffled; seed= says how"),
        (lambda: data.split(X, LABELS, test_size=0.2), r"is it test\?"),
        (lambda: data.split(X, LABELS, random_state=0), r"is it seed\?"),
        (lambda: fit(batch_size=2), r"Give tg.data.batches\(x, y, size=32\) as data"),
        (lambda: fit(validation_split=0.2), r"split\(x, y, test=0.2\) has them"),
        (lambda: fit(validation_data=(X, LABELS)), r"Give validation=\(x, y\)"),
        (lambda: fit(callbacks=[print]), r"is it callback\?"),
        (lambda: fit(class_weight={0: 1.0}), r"weight=\[1.0, 5.0\]"),
        (lambda: fit(verbose=0), "progress=False"),
        (lambda: fit(x=X), r"one argument: fit\(loss, model, \(x, y\), optimizer\)"),
        (
            lambda: optim.fit(loss, nn.Linear(2, 2), X, LABELS, optim.SGD()),  # type: ignore
            r"takes 4 positional arguments but 5 were given. Inputs and targets are one argument",
        ),
        (
            lambda: optim.fit(loss, nn.Linear(2, 2), X, LABELS),  # type: ignore
            r"optimizer must be .* after loss, params and data \(x, y\), got int64\(6,\)",
        ),
        (lambda: fit(callback=lambda *_: X), r"answered with float64\(6, 2\), which is neither"),
        (
            lambda: fit(validation=(X, LABELS), metrics={"accuracy": nn.accuracy}),
            r"metrics\['accuracy'\] is called with parameters and a batch, but accuracy is a func",
        ),
        (
            lambda: optim.fit(nn.cross_entropy, nn.Linear(2, 2), (X, LABELS), optim.SGD()),
            r"fit: loss is .* Write lambda model, batch: cross_entropy\(model\(batch\[0\]\), b",
        ),
        (
            lambda: curvature.HessianOperator(nn.cross_entropy, nn.Linear(2, 2), (X, LABELS)),
            "HessianOperator: loss is called with parameters and a batch",
        ),
        (
            lambda: curvature.HessianOperator(loss, fit(), (X, LABELS)),
            r"params is a Fitted, no array of numbers. Its .params are the trained ones",
        ),
        (
            lambda: nn.cross_entropy(X, LABELS, weight={0: 1.0, 1: 2.0}),
            "weight must be a list or an array by class number, got a dict",
        ),
        (
            lambda: nn.Sequential(nn.LSTM(2, 3), nn.Linear(3, 1))(X),
            r"Linear: the input must be one array, got \(float64\(6, 3\), .*lambda x: x\[0\]",
        ),
        (lambda: loss(nn.Linear(2, 2), data.Dataset(X, LABELS)), r"\(data.x, data.y\) for the b"),
    ],
)
def test_a_slip_is_answered_with_what_to_write(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(TypeError, match=said) as caught:
        call()
    assert "__init__" not in str(caught.value)


def test_an_array_may_be_outputs_itself() -> None:
    fitted = optim.fit(nn.mse, np.zeros(3), np.ones(3), optim.SGD(lr=1.5), epochs=40)
    np.testing.assert_allclose(fitted.params, 1.0)


def test_models_say_what_methods_of_others_are_here() -> None:
    model = nn.MLP([2, 3, 2], seed=0)
    with pytest.raises(AttributeError, match=r"no attribute 'fit'. Write tg.optim.fit\(loss"):
        model.fit(X, LABELS)
    with pytest.raises(AttributeError, match=r"'predict'. It is called: model\(x\)"):
        model.predict(X)
    with pytest.raises(AttributeError, match=r"^'MLP' object has no attribute 'nothing'$"):
        model.nothing()
    assert not hasattr(model, "shape") and model.training


def test_a_data_set_is_a_batch_of_curvature_too() -> None:
    train, model = data.Dataset(X, LABELS), nn.MLP([2, 3, 2], seed=0)
    predict = lambda model, x: model(x)
    for operator, given in (
        (curvature.HessianOperator, (loss,)),
        (curvature.GGNOperator, (predict, nn.cross_entropy)),
        (curvature.KroneckerFactors, (predict, nn.cross_entropy)),
    ):
        got, want = (operator(*given, model, d).to_dense() for d in (train, (X, LABELS)))
        np.testing.assert_array_equal(got, want)


def test_synonyms_are_arguments_of_something() -> None:
    public = [f for room in (nn, optim, data) for f in vars(room).values() if callable(f)]
    taken: set[str] = set()
    for f in public:
        with contextlib.suppress(ValueError):  # classes made like C's dict have no signature
            taken |= set(inspect.signature(f).parameters)
    assert set(SYNONYMS.values()) <= taken


def test_keywords_of_functions_that_take_all_are_not_judged() -> None:
    def takes_all(**options: Any) -> None: ...

    assert unexpected_keyword("takes_all", [takes_all], ["anything"]) is None
    assert unexpected_keyword("max", [max], ["anything"]) is None

    @suggesting_keywords({})
    def twice(x: float, *, times: int = 2) -> float:
        """Twice."""
        return times * x

    assert twice(2.0) == 4.0 and twice(2.0, times=3) == 6.0
    assert twice.__doc__ == "Twice." and list(inspect.signature(twice).parameters) == ["x", "times"]
    with pytest.raises(TypeError, match="takes 1 positional argument but 2 were given"):
        twice(1.0, 2.0)  # type: ignore
