"""The quadratic model, against polynomials and its order of accuracy."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tinygrad_hess import nn
from tinygrad_hess.curvature import HessianOperator, quadratic_model


def net(rng, dtype=np.float64):
    x, y = rng.normal(size=(20, 3)).astype(dtype), rng.normal(size=(20, 1)).astype(dtype)
    model = nn.MLP([3, 4, 1], nn.tanh, seed=0, dtype=dtype)
    return (lambda m, b: ((m(b[0]) - b[1]) ** 2).mean()), model, (x, y)


def test_a_quadratic_is_predicted_exactly(rng):
    A = rng.normal(size=(4, 4))
    H, g, at = A + A.T, rng.normal(size=4), rng.normal(size=4)
    f = lambda x: 0.5 * x @ H @ x + g @ x
    model = quadratic_model(f, at)
    for step in rng.normal(size=(5, 4)):
        assert model.predict(step) == pytest.approx(f(at + step), rel=1e-12)
        assert model.actual(step) == pytest.approx(f(at + step), rel=1e-12)
        assert model.ratio(step) == pytest.approx(1, rel=1e-9)
        line = model.along(step, 2.0, 9)
        assert line.third == pytest.approx(0, abs=1e-12)
        np.testing.assert_allclose(line.error, 0, atol=1e-11)
    slope = H @ at + g
    assert model.gradient_curvature == pytest.approx(slope @ H @ slope / (slope @ slope))


def test_a_cubic_is_explained_by_the_third_derivative(rng):
    c = rng.normal(size=3)
    f = lambda x: (c * x**3).sum() + x[0] * x[1] * x[2]
    at, d = rng.normal(size=(2, 3))
    line = quadratic_model(f, at).along(d, 0.7, 15)
    # ∂³/∂t³ of Σ c_i (x_i + t d_i)³ + Π (x_i + t d_i)
    assert line.third == pytest.approx(6 * (c * d**3).sum() + 6 * d.prod(), rel=1e-12)
    np.testing.assert_allclose(line.error, line.cubic_term, atol=1e-12)
    assert line.trusted == pytest.approx(abs(0.3 * line.curvature / line.third))


def test_errors_fall_at_their_order(rng):
    loss, model, data = net(rng)
    op = HessianOperator(loss, model, data)
    line = quadratic_model(op)
    d = rng.normal(size=op.shape[0])
    d /= np.linalg.norm(d)
    far, near = (line.along(d, r, 3) for r in (2e-2, 1e-2))
    order = lambda a, b: np.log2(abs(a) / abs(b))
    assert order(far.error[-1], near.error[-1]) == pytest.approx(3, abs=0.1)
    # the cubic term is odd and leaves terms of fourth order, of which these are the even ones
    beyond = [(s.error - s.cubic_term)[[0, -1]].sum() for s in (far, near)]
    assert order(*beyond) == pytest.approx(4, abs=0.1)


def test_batches_reduction_and_trees(rng):
    loss, model, (x, y) = net(rng)
    whole = quadratic_model(loss, model, (x, y))
    ragged = [(x[:9], y[:9]), (x[9:19], y[9:19]), (x[19:], y[19:])]
    parts = quadratic_model(loss, model, ragged)
    total = quadratic_model(
        lambda m, b: loss(m, b) * len(b[0]), model, iter(ragged), reduction="sum"
    )
    op = HessianOperator(loss, model, (x, y))
    d = rng.normal(size=op.shape[0])
    for step in (d, op.unflatten(d)):
        assert parts.predict(step) == pytest.approx(whole.predict(step), rel=1e-12)
        assert parts.actual(step) == pytest.approx(whole.actual(step), rel=1e-12)
        assert total.actual(step) == pytest.approx(20 * whole.actual(step), rel=1e-12)
        assert total.predict(step) == pytest.approx(20 * whole.predict(step), rel=1e-12)
        one, other = whole.along(step, points=5), parts.along(step, points=5)
        np.testing.assert_allclose(one.actual, other.actual, rtol=1e-12)
        assert one.third == pytest.approx(other.third, rel=1e-10)


def test_third_derivative_against_differences_of_the_second(rng):
    loss, model, data = net(rng)
    op = HessianOperator(loss, model, data)
    theta, d, h = op.flatten(model), rng.normal(size=op.shape[0]), 1e-4
    ends = [HessianOperator(loss, op.unflatten(theta + s * h * d), data) for s in (1, -1)]
    expected = (d @ (ends[0] @ d) - d @ (ends[1] @ d)) / (2 * h)
    assert quadratic_model(op).along(d, points=3).third == pytest.approx(expected, rel=1e-6)


def test_float32_stays(rng):
    loss, model, data = net(rng, np.float32)
    found = quadratic_model(loss, model, data)
    assert found.gradient.dtype == np.float32
    line = found.along(found.gradient)
    assert np.isfinite(line.third) and abs(line.error[20]) < 1e-6


def test_results(rng):
    found = quadratic_model(*net(rng))
    line = found.along(-found.gradient)
    assert "curvature" in repr(found) and "trusted" in repr(line)
    assert json.loads(json.dumps(found.to_dict()))["value"] == found.value
    assert json.loads(json.dumps(line.to_dict()))["third"] == line.third
    pytest.importorskip("matplotlib")
    assert [t.get_text() for t in line.plot().get_legend().get_texts()] == [
        "loss",
        "quadratic",
        "cubic",
    ]
    ax = found.plot()
    assert "learning rate" in ax.get_xlabel()
    drawn = ax.lines[1]  # the parabola, lowest half way to its right end
    assert drawn.get_ydata().argmin() == pytest.approx(30, abs=1)


def test_bad_input():
    model = quadratic_model(lambda x: (x**2).sum(), np.ones(2))
    with pytest.raises(ValueError, match="direction is zero"):
        model.along(np.zeros(2))
    with pytest.raises(ValueError, match="points must be an integer of at least 3"):
        model.along(np.ones(2), points=2)
    with pytest.raises(ValueError, match="shape"):
        model.predict(np.ones(3))
    with pytest.raises(ValueError, match="gradient is zero"):
        quadratic_model(lambda x: (x**2).sum(), np.zeros(2)).plot()
    with pytest.raises(ValueError, match="scalar"):
        quadratic_model(lambda x: x**2, np.ones(2))
