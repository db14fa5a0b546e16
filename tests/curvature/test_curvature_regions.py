"""Curvature over regions: bounds that must hold, and proofs that can be checked."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tinygrad_hess import nn
from tinygrad_hess.curvature import (
    Ball,
    Box,
    HessianOperator,
    is_convex_on,
    lipschitz_of_gradient,
)
from tinygrad_hess.curvature.analysis.curvature_search import ExtremeCurvature
from tinygrad_hess.curvature.analysis.search_regions import ascend
from tinygrad_hess.curvature.analysis.total_loss import TotalLoss


def net(rng):
    x, y = rng.normal(size=(20, 2)), rng.normal(size=(20, 1))
    model = nn.MLP([2, 3, 1], nn.tanh, seed=0)
    return (lambda m, b: ((m(b[0]) - b[1]) ** 2).mean()), model, (x, y)


class TestLipschitz:
    @pytest.mark.parametrize("sign", [1, -1])
    def test_a_quadratic_has_the_norm_of_its_matrix(self, rng, sign):
        A = rng.normal(size=(6, 6))
        H = sign * (A @ A.T)
        found = lipschitz_of_gradient(lambda x: 0.5 * x @ H @ x, np.ones(6), region=Ball(3.0))
        norm = np.linalg.norm(H, 2)
        assert found.value == pytest.approx(norm, rel=1e-6)
        assert found.curvature == pytest.approx(sign * norm, rel=1e-6)
        np.testing.assert_allclose(found.sampled, norm, rtol=1e-6)

    def test_the_edge_of_a_box_is_reached(self):
        f = lambda x: (x**4).sum() / 12  # f'' = x²
        found = lipschitz_of_gradient(f, np.zeros(3), region=Box(-1.0, 2.0), samples=3)
        assert found.value == pytest.approx(4, rel=1e-9)
        assert found.start == pytest.approx(0.25)  # at the centre of the box

    def test_an_inner_maximum_is_reached(self):
        f = lambda x: -np.cos(3 * x[0]) - np.cos(x[1])  # f'' = 9 cos(3 x0), cos(x1)
        found = lipschitz_of_gradient(f, np.full(2, 0.2), region=Ball(0.4), samples=4)
        assert found.value == pytest.approx(9, rel=1e-4)
        assert abs(found.point[0]) < 1e-2

    @pytest.mark.parametrize("seed", range(6))
    def test_never_above_the_true_constant(self, seed):
        rng = np.random.default_rng(seed)
        a, b = rng.uniform(0.5, 2, (2, 3))
        f = lambda x: (a * np.sin(b * x)).sum()
        found = lipschitz_of_gradient(f, rng.normal(size=3), region=Ball(4.0), seed=seed)
        limit = (a * b**2).max()
        assert found.value <= limit * (1 + 1e-9)
        assert found.value > 0.99 * limit  # the ball is wide enough for it to be there

    def test_of_a_net_the_bound_is_reached_at_the_point(self, rng):
        loss, model, data = net(rng)
        found = lipschitz_of_gradient(loss, model, data, region=Ball(1.0), samples=3)
        op = HessianOperator(loss, model, data)
        theta = op.flatten(model)
        assert np.linalg.norm(found.point - theta) <= 1 + 1e-9
        there = HessianOperator(loss, op.unflatten(found.point), data).to_dense()
        assert found.value == pytest.approx(np.linalg.norm(there, 2), rel=1e-5)
        v = found.direction
        assert v @ there @ v == pytest.approx(found.curvature, rel=1e-10)
        assert (found.climbed >= found.sampled - 1e-12).all()
        assert found.value > 1.5 * found.start
        # no two points of the region contradict it by more than what was not found
        g = lambda t: HessianOperator(loss, op.unflatten(t), data).gradient
        ends = [Ball(1.0, theta).sample(np.random.default_rng(i)) for i in range(40)]
        slopes = [
            np.linalg.norm(g(a) - g(b)) / np.linalg.norm(a - b)
            for a, b in zip(ends[::2], ends[1::2])
        ]
        assert max(slopes) < found.value


class TestConvex:
    def test_logistic_regression_is_never_disproved(self, rng):
        x, y = rng.normal(size=(30, 3)), rng.integers(0, 2, 30)
        x = np.c_[x, x[:, 0]]  # a flat direction: an eigenvalue that is zero but for rounding
        loss = lambda w, b: (nn.softplus(b[0] @ w) - b[1] * (b[0] @ w)).mean()
        for seed in range(3):
            check = is_convex_on(loss, np.zeros(4), (x, y), region=Ball(5.0), samples=4, seed=seed)
            assert check.convex is None
            assert "NOT shown: convexity" in repr(check)

    def test_a_net_is_disproved_by_a_point_and_a_direction(self, rng):
        loss, model, data = net(rng)
        check = is_convex_on(loss, model, data, region=Ball(1.0))
        assert check.convex is False
        op = HessianOperator(loss, model, data)
        assert np.linalg.norm(check.point - op.flatten(model)) <= 1 + 1e-9
        H = HessianOperator(loss, op.unflatten(check.point), data).to_dense()
        v = check.direction
        assert v @ H @ v == pytest.approx(check.smallest, rel=1e-9)
        assert check.smallest + check.residual < -check.zero
        # the definition of convexity, broken
        f = lambda t: float(loss(op.unflatten(t), data))
        h = 1e-3
        assert f(check.point + h * v) + f(check.point - h * v) < 2 * f(check.point)

    def test_convex_at_the_centre_but_not_throughout(self):
        f = lambda x: (x**4 - x**2).sum()  # f'' < 0 for |x| < 0.41
        at = np.full(2, 2.0)
        assert is_convex_on(f, at, region=Ball(0.5)).convex is None
        check = is_convex_on(f, at, region=Ball(1.9), samples=1)
        assert check.convex is False and check.sampled[0] > 0
        assert (abs(check.point) < 0.41).any()

    def test_far_below_in_scale(self):
        check = is_convex_on(lambda x: 1e-9 * np.cos(x).sum(), np.zeros(2), region=Ball(0.1))
        assert check.convex is False
        assert check.smallest == pytest.approx(-1e-9)

    def test_is_no_boolean(self):
        check = is_convex_on(lambda x: (x**2).sum(), np.ones(2), region=Ball(1.0), samples=2)
        with pytest.raises(TypeError, match="convex is None"):
            bool(check)


class TestSearch:
    @pytest.mark.parametrize("negative", [True, False])
    def test_gradient_of_an_eigenvalue(self, rng, negative):
        """Against differences of dense eigenvalues."""
        loss, model, (x, y) = net(rng)
        parts = [(x[:13], y[:13]), (x[13:], y[13:])]
        total = TotalLoss(loss, model, parts, who="test")
        search = ExtremeCurvature(total, Ball(1.0), negative, 0)
        theta = total.start
        gradient = search.gradient(theta, search.objective(theta)[1])

        def value(t):
            values = np.linalg.eigvalsh(total.hessian(t).to_dense())
            return -values[0] if negative else abs(values).max()

        for d in rng.normal(size=(3, theta.size)):
            h = 1e-5
            expected = (value(theta + h * d) - value(theta - h * d)) / (2 * h)
            assert gradient @ d == pytest.approx(expected, rel=1e-5)

    @pytest.mark.parametrize(
        "region",
        [Ball(2.0, np.array([1.0, -1.0, 0.0])), Box(np.array([-1, 0, 2.0]), np.full(3, 3.0))],
    )
    def test_regions(self, rng, region):
        inside = lambda x: (
            np.linalg.norm(x - region.center) <= 2 + 1e-12
            if isinstance(region, Ball)
            else ((region.lower <= x) & (x <= region.upper)).all()
        )
        draws = [region.sample(rng) for _ in range(500)]
        assert all(map(inside, draws))
        # as uniform as the mean of the squares says: 3/5 r² in a ball, width²/12 in a box
        spread = ((np.array(draws) - region.middle()) ** 2).mean(axis=0)
        expected = 4 / 5 if isinstance(region, Ball) else (region.upper - region.lower) ** 2 / 12
        np.testing.assert_allclose(spread, np.broadcast_to(expected, 3), rtol=0.15)
        for z in 5 * rng.normal(size=(20, 3)):
            near = region.project(z)
            assert inside(near)
            # the nearest point: no other makes an acute angle
            assert all((z - near) @ (u - near) <= 1e-9 for u in draws)
            far = region.farthest(z)
            assert inside(far) and all(z @ u <= z @ far + 1e-9 for u in draws)
        np.testing.assert_array_equal(region.project(draws[0]), draws[0])

    def test_ascent_of_a_concave_function_ends_within_its_gap(self, rng):
        d, c = rng.uniform(0.5, 4, 5), 3 * rng.normal(size=5)
        value = lambda x: (-0.5 * (d * (x - c) ** 2).sum(), None)
        gradient = lambda x, _: -d * (x - c)
        region = Box(np.full(5, -1.0), np.full(5, 1.0))
        done = lambda found, gap: gap < 1e-10
        end = ascend(value, gradient, region, np.zeros(5), steps=500, done=done)
        best = value(np.clip(c, -1, 1))[0]  # separable
        assert end.gap < 1e-10 and best - end.value <= end.gap + 1e-14

    def test_starts_outside_come_inside(self):
        value, gradient = (lambda x: (-float(x @ x), None)), (lambda x, _: -2 * x)
        end = ascend(
            value, gradient, Ball(1.0, np.array([3.0, 0.0])), np.array([9.0, 9.0]),
            steps=100, done=lambda found, gap: gap < 1e-12,
        )  # fmt: skip
        np.testing.assert_allclose(end.x, [2, 0], atol=1e-5)

    def test_centres_and_bounds_as_trees(self):
        f = lambda p: (p["a"] ** 4).sum() + p["b"] ** 2
        params = {"a": np.zeros(2), "b": 0.0}
        ball = Ball(0.5, {"a": np.full(2, 1.0), "b": 3.0})
        found = lipschitz_of_gradient(f, params, region=ball, samples=1)
        assert found.value == pytest.approx(12 * 1.5**2, rel=1e-3)
        box = Box({"a": np.array([0.0, -3.0]), "b": 0.0}, {"a": np.array([2.0, 1.0]), "b": 1.0})
        assert lipschitz_of_gradient(f, params, region=box).value == pytest.approx(12 * 9)

    def test_same_seed_same_answer(self, rng):
        problem = net(rng)
        one, other = (
            lipschitz_of_gradient(*problem, region=Ball(1.0), samples=2, seed=3) for _ in range(2)
        )
        assert one.to_dict(vectors=True) == other.to_dict(vectors=True)


class TestInterface:
    def test_results(self):
        f = lambda x: (x**4).sum()
        bound = lipschitz_of_gradient(f, np.ones(2), region=Ball(1.0), samples=3)
        check = is_convex_on(f, np.ones(2), region=Ball(1.0), samples=3)
        assert "at least" in repr(bound) and "undecided" in repr(check)
        for found in (bound, check):
            assert "point" not in found.to_dict()
            assert len(json.loads(json.dumps(found.to_dict(vectors=True)))["point"]) == 2
        pytest.importorskip("matplotlib")
        assert "≥" in bound.plot().get_title()
        np.testing.assert_array_equal(check.plot().lines[0].get_ydata(), check.sampled)

    def test_errors(self):
        f = lambda x: (x**2).sum()
        with pytest.raises(TypeError, match="Ball or a Box"):
            lipschitz_of_gradient(f, np.ones(2), region=1.0)
        with pytest.raises(ValueError, match="radius"):
            Ball(0.0)
        with pytest.raises(ValueError, match="lower <= upper"):
            is_convex_on(f, np.ones(2), region=Box(1.0, -1.0))
        with pytest.raises(ValueError, match="finite bounds"):
            is_convex_on(f, np.ones(2), region=Box(-np.inf, 1.0))
        with pytest.raises(ValueError, match="samples"):
            is_convex_on(f, np.ones(2), region=Ball(1.0), samples=0)
