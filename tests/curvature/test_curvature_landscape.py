"""Slices of a loss, against the loss itself, and the directions they are taken along."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.core import trees
from tinygrad_hess.curvature import (
    HessianOperator,
    filter_normalized,
    landscape,
    top_eigenpairs,
    trajectory_directions,
)


def net(rng, activation=nn.tanh, bias=True, dtype=np.float64):
    x, y = rng.normal(size=(20, 3)).astype(dtype), rng.integers(0, 3, 20)
    model = nn.MLP([3, 5, 3], activation, bias=bias, seed=0, dtype=dtype)
    return (lambda m, b: nn.cross_entropy(m(b[0]), b[1])), model, (x, y)


class TestSlices:
    def test_values_are_the_loss_and_the_quadratic_its_expansion(self, rng):
        loss, model, data = net(rng)
        op = HessianOperator(loss, model, data)
        theta, H, g = op.flatten(model), op.to_dense(), op.gradient
        D = rng.normal(size=(op.shape[0], 2))
        found = landscape(op, directions=list(D.T), dimensions=2, radius=0.4, points=4)
        assert found.values.shape == (4, 4) and found.evaluations == 16 and found.matvecs == 2
        for (i, a), (j, b) in itertools.product(*(enumerate(c) for c in found.coordinates)):
            step = a * D[:, 0] + b * D[:, 1]
            actual = loss(op.unflatten(theta + step), data)
            assert found.values[i, j] == pytest.approx(float(actual), rel=1e-12)
            expected = op.value + g @ step + 0.5 * step @ H @ step
            assert found.quadratic[i, j] == pytest.approx(expected, rel=1e-10)

    def test_along_eigenvectors_the_curvature_is_the_eigenvalue(self, rng):
        op = HessianOperator(*net(rng))
        top = top_eigenpairs(op, 2, tol=1e-10)
        found = landscape(op, dimensions=2, points=3)
        np.testing.assert_allclose(found.curvatures, np.diag(top.values), atol=1e-6)
        given = landscape(op, directions=top, points=3)
        assert given.curvatures[0, 0] == pytest.approx(top.values[0])
        assert "eigenvector 1" in given.labels[0]

    def test_middle_is_the_point(self, rng):
        loss, model, data = net(rng)
        for dimensions, points in ((1, 51), (2, 25)):
            found = landscape(loss, model, data, directions="random", dimensions=dimensions)
            middle = (points // 2,) * dimensions
            assert found.values.shape == (points,) * dimensions
            assert found.values[middle] == pytest.approx(found.value, rel=1e-12)
            assert found.quadratic[middle] == pytest.approx(found.value, rel=1e-12)

    def test_batched_and_one_by_one_agree(self, rng):
        loss, model, data = net(rng)
        calls = []

        def counted(m, b):
            calls.append(None)
            return loss(m, b)

        def branching(m, b):
            value = loss(m, b)
            return value if value > 0 else -value  # cannot be mapped

        op = HessianOperator(counted, model, data)
        direction = [rng.normal(size=op.shape[0])]
        before = len(calls)
        together = landscape(op, directions=direction, points=41)
        assert len(calls) - before < 10  # of which some are the checks of the operator
        alone = landscape(branching, model, data, directions=direction, points=41)
        np.testing.assert_allclose(together.values, alone.values, rtol=1e-12)
        assert together.evaluations == alone.evaluations == 41

    def test_batches_and_reduction(self, rng):
        loss, model, (x, y) = net(rng)
        ragged = [(x[:9], y[:9]), (x[9:19], y[9:19]), (x[19:], y[19:])]
        whole = landscape(loss, model, (x, y), directions="random", points=5)
        parts = landscape(loss, model, ragged, directions="random", points=5)
        np.testing.assert_allclose(parts.values, whole.values, rtol=1e-12)
        total = lambda m, b: loss(m, b) * len(b[0])
        summed = landscape(total, model, ragged, reduction="sum", directions="random", points=5)
        np.testing.assert_allclose(summed.values, 20 * whole.values, rtol=1e-12)
        np.testing.assert_allclose(summed.quadratic, 20 * whole.quadratic, rtol=1e-10)

    def test_of_a_convolutional_net(self, rng):
        x, y = rng.normal(size=(6, 1, 5, 5)), rng.integers(0, 3, 6)
        layers = [nn.Conv2d(1, 2, 3, seed=0), nn.Lambda(nn.relu), nn.Flatten()]
        model = nn.Sequential(*layers, nn.Linear(18, 3, seed=1))
        loss = lambda m, b: nn.cross_entropy(m(b[0]), b[1])
        found = landscape(loss, model, (x, y), directions="random", points=9, radius=0.5)
        op = HessianOperator(loss, model, (x, y))
        ends = [op.flatten(model) + t * found.directions[:, 0] for t in found.coordinates[0]]
        expected = [float(loss(op.unflatten(theta), (x, y))) for theta in ends]
        np.testing.assert_allclose(found.values, expected, rtol=1e-12)

    def test_where_the_loss_is_not_finite(self):
        with np.errstate(invalid="ignore", divide="ignore"):
            found = landscape(
                lambda x: np.log(x).sum(), np.ones(1), directions=[np.ones(1)], radius=2, points=5
            )
        assert np.isnan(found.values[0]) and found.values[1] == -np.inf
        np.testing.assert_allclose(found.values[2:], np.log([1, 2, 3]))
        pytest.importorskip("matplotlib")
        found.plot().figure.canvas.draw()

    def test_float32(self, rng):
        loss, model, data = net(rng, dtype=np.float32)
        found = landscape(loss, model, data, directions="random", points=5)
        assert found.values.dtype == found.directions.dtype == np.float32

    def test_errors(self, rng):
        f, x = lambda x: (x**2).sum(), np.ones(2)
        for options, words in (
            ({"directions": "best"}, "best"),
            ({"dimensions": 3}, "1 or 2"),
            ({"directions": [x], "dimensions": 2}, "2 directions"),
            ({"directions": [x, 2 * x], "dimensions": 2}, "dependent"),
            ({"directions": [0 * x]}, "zero"),
            ({"points": 2}, "points must be an integer of at least 3"),
            ({"radius": -1.0}, "radius must be positive"),
            ({"directions": "random"}, "no filters"),
            ({"directions": top_eigenpairs(np.eye(2), 1), "dimensions": 2}, "1 eigenvectors"),
        ):
            with pytest.raises(ValueError, match=words):
                landscape(f, x, **options)


class TestFilterNormalized:
    def test_lengths_of_filters(self, rng):
        params = {
            "bias": rng.normal(size=4),
            "conv": rng.normal(size=(4, 2, 3, 3)),
            "scale": 2.0,
            "w": rng.normal(size=(5, 4)),
        }
        at = HessianOperator(lambda p: (p["w"] ** 2).sum(), params)
        d = at.unflatten(filter_normalized(params, seed=1))
        assert not d["bias"].any() and d["scale"] == 0
        norm = np.linalg.norm
        np.testing.assert_allclose(norm(d["w"], axis=0), norm(params["w"], axis=0))
        flat = [x.reshape(4, -1) for x in (d["conv"], params["conv"])]
        np.testing.assert_allclose(norm(flat[0], axis=1), norm(flat[1], axis=1))
        again = filter_normalized(params, seed=1)
        np.testing.assert_array_equal(again, at.flatten(d))
        assert not np.array_equal(again, filter_normalized(params, seed=2))

    def test_slices_do_not_change_when_layers_are_rescaled(self, rng):
        """What the normalisation is for (Li et al. 2018)."""
        loss, model, data = net(rng, nn.relu, bias=False)
        scales = iter([50.0, 1 / 50])
        rescaled = trees.map(lambda w: w * next(scales), model)
        one, other = (
            landscape(loss, m, data, directions="random", dimensions=2, points=5)
            for m in (model, rescaled)
        )
        np.testing.assert_allclose(one.values, other.values, rtol=1e-10)
        plain = [rng.normal(size=30)]
        sharp = [landscape(loss, m, data, directions=plain, points=5) for m in (model, rescaled)]
        assert not np.allclose(sharp[0].values, sharp[1].values, rtol=0.1)


class TestTrajectory:
    def test_a_plane_is_found(self, rng):
        Q = np.linalg.qr(rng.normal(size=(20, 2)))[0]
        inner = rng.normal(size=(9, 2)) * [5, 1]
        points = list(rng.normal(size=20) + inner @ Q.T)
        run = trajectory_directions(points)
        assert run.explained.sum() == pytest.approx(1)
        np.testing.assert_allclose(run.directions.T @ run.directions, np.eye(2), atol=1e-12)
        np.testing.assert_allclose(run.path[-1], 0, atol=1e-12)
        np.testing.assert_allclose(points[-1] + run.path @ run.directions.T, points, atol=1e-12)
        np.testing.assert_allclose(Q @ (Q.T @ run.directions), run.directions, atol=1e-12)
        assert (run.path[0] >= 0).all()

    def test_shares_are_those_of_squared_distances(self, rng):
        points = rng.normal(size=(6, 8))
        run = trajectory_directions(list(points), k=3)
        moves = points - points[-1]
        values = np.linalg.eigvalsh(moves.T @ moves)[::-1]
        np.testing.assert_allclose(run.explained, values[:3] / values.sum())

    def test_slice_of_a_run(self, rng):
        loss, model, data = net(rng)
        run = [model]
        for _ in range(30):
            g = tg.grad(loss)(run[-1], data)
            run.append(trees.map(lambda p, q: p - 0.5 * q, run[-1], g))
        found = landscape(loss, run[-1], data, trajectory=run, dimensions=2, points=7)
        assert found.path.shape == (31, 2) and 0.9 < found.explained <= 1
        for axis, c in enumerate(found.coordinates):  # all of the run is in the picture
            assert c[0] < found.path[:, axis].min() and found.path[:, axis].max() < c[-1]
        pytest.importorskip("matplotlib")
        labels = [t.get_text() for t in found.plot().get_legend().get_texts()]
        assert labels == ["quadratic", "run"]

    def test_errors(self):
        points = [np.zeros(3), np.ones(3), np.full(3, 2.0)]
        with pytest.raises(ValueError, match="spans 1"):
            trajectory_directions(points)
        with pytest.raises(ValueError, match="two or more"):
            trajectory_directions(points[:1])
        with pytest.raises(ValueError, match="spans 0"):
            trajectory_directions([np.ones(2), np.ones(2)], k=1)


def test_result(rng):
    loss, model, data = net(rng)
    line = landscape(loss, model, data, points=5)
    plane = landscape(loss, model, data, dimensions=2, points=5)
    assert "5 points" in repr(line) and "5 x 5 points" in repr(plane)
    assert json.loads(json.dumps(plane.to_dict()))["labels"] == list(plane.labels)
    pytest.importorskip("matplotlib")
    ax = line.plot()
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), line.values)
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), line.quadratic)
    assert plane.plot().get_xlim() == (-1, 1)
