"""Shares of the gradient, principal angles and shares of layers, against closed forms."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.linalg import block_diag

from tinygrad_hess import nn
from tinygrad_hess.curvature import (
    HessianOperator,
    gradient_alignment,
    layer_shares,
    subspace_overlap,
    top_eigenpairs,
)


def rotation(n, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]


class TestGradient:
    def test_known_shares(self):
        Q, d = rotation(5), np.array([5.0, 4.0, 1.0, 0.5, -3.0])
        g = Q @ np.array([3.0, 0.0, 4.0, 0.0, 12.0])
        found = gradient_alignment((Q * d) @ Q.T, 3, gradient=g)
        np.testing.assert_allclose(found.shares, np.array([9, 0, 16]) / 169, atol=1e-15)
        assert found.share == pytest.approx(25 / 169)
        assert found.baseline == 3 / 5
        assert gradient_alignment((Q * d) @ Q.T, 5, gradient=g).share == pytest.approx(1)

    def test_on_a_quadratic_gradient_and_hessian_agree(self, rng):
        """The gradient of ½ xᵀHx at an eigenvector lies along it."""
        Q, d = rotation(90), np.linspace(1, 10, 90)
        H = (Q * d) @ Q.T
        op = HessianOperator(lambda x: 0.5 * x @ H @ x, Q[:, -1])
        found = gradient_alignment(op, 1, tol=1e-8)
        assert found.share == pytest.approx(1, rel=1e-10)
        low = HessianOperator(lambda x: 0.5 * x @ H @ x, Q[:, 0])
        assert gradient_alignment(low, 4, tol=1e-8).share < 1e-10

    def test_known_pairs_and_trees(self, rng):
        x = rng.normal(size=(30, 3))
        model = nn.MLP([3, 4, 1], nn.tanh, seed=0)
        op = HessianOperator(lambda m, x: ((m(x) - 1) ** 2).mean(), model, x)
        top = top_eigenpairs(op, 4)
        known = gradient_alignment(op, top)
        assert known.matvecs == 0
        assert known.share == pytest.approx(gradient_alignment(op, 4).share, rel=1e-9)
        as_tree = gradient_alignment(op, top, gradient=op.unflatten(op.gradient))
        assert as_tree.share == pytest.approx(known.share)
        expected = np.sum((top.vectors.T @ op.gradient) ** 2) / np.sum(op.gradient**2)
        assert known.share == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize(("k", "size"), [(1, 10), (5, 40), (10, 300)])
    def test_random_directions_fall_where_it_is_said(self, k, size):
        rng = np.random.default_rng(1)
        found = gradient_alignment(np.diag(np.arange(float(size))), k, gradient=np.ones(size))
        z = rng.normal(size=(20_000, size))
        shares = (z[:, :k] ** 2).sum(axis=1) / (z**2).sum(axis=1)
        assert shares.mean() == pytest.approx(found.baseline, rel=0.02)
        low, high = found.baseline_interval
        assert ((low <= shares) & (shares <= high)).mean() == pytest.approx(0.95, abs=0.006)

    def test_of_no_gradient(self):
        assert np.isnan(gradient_alignment(np.eye(3), 1, gradient=np.zeros(3)).share)

    def test_errors(self):
        with pytest.raises(TypeError, match="no gradient"):
            gradient_alignment(np.eye(3), 1)
        with pytest.raises(ValueError, match="eigenvectors of 3 parameters"):
            gradient_alignment(np.eye(4), top_eigenpairs(np.eye(3), 1), gradient=np.ones(4))


class TestSubspaces:
    def test_known_angles(self, rng):
        Q = rotation(20)
        angles = np.array([0.0, 1e-9, 0.3, np.pi / 2])
        first = Q[:, :4]
        second = Q[:, :4] * np.cos(angles) + Q[:, 4:8] * np.sin(angles)
        mix = rng.normal(size=(4, 4))
        found = subspace_overlap(first @ mix, second @ mix.T)
        np.testing.assert_allclose(found.angles, angles, atol=1e-13)
        assert found.overlap == pytest.approx((2 + np.cos(0.3) ** 2) / 4, rel=1e-12)

    def test_random_subspaces(self):
        rng = np.random.default_rng(0)
        found = [subspace_overlap(*rng.normal(size=(2, 30, 6))) for _ in range(200)]
        assert np.mean([f.overlap for f in found]) == pytest.approx(found[0].baseline, rel=0.02)
        uneven = [
            subspace_overlap(rng.normal(size=(30, 3)), rng.normal(size=(30, 9))) for _ in range(300)
        ]
        assert np.mean([f.overlap for f in uneven]) == pytest.approx(uneven[0].baseline, rel=0.02)

    def test_eigenspaces_and_single_vectors(self):
        top = top_eigenpairs(np.diag([3.0, 2.0, 1.0]), 2)
        assert subspace_overlap(top, np.eye(3)[:, :2]).overlap == pytest.approx(1)
        assert subspace_overlap(top, np.array([0.0, 0.0, 1.0])).overlap == pytest.approx(0)

    def test_errors(self):
        with pytest.raises(ValueError, match="3 and of 4 parameters"):
            subspace_overlap(np.eye(3), np.eye(4))
        with pytest.raises(ValueError, match="linearly dependent"):
            subspace_overlap(np.ones((3, 2)), np.eye(3))
        with pytest.raises(ValueError, match=r"shape \(P, k\)"):
            subspace_overlap(np.ones((2, 3)), np.eye(2))


class TestLayers:
    def test_blocks(self):
        """With independent layers each eigenvector lies in one of them."""
        f = lambda p: 3 * (p["a"]["w"] ** 2).sum() + p["b"]["x"] * p["b"]["y"].sum()
        params = {"a": {"w": np.ones(2)}, "b": {"x": 1.0, "y": np.ones((1, 3))}}
        op = HessianOperator(f, params)
        top = top_eigenpairs(op, 3)
        np.testing.assert_allclose(
            op.to_dense(),
            block_diag(6 * np.eye(2), [[0, 1, 1, 1], [1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]]),
        )
        found = layer_shares(op, top)
        assert found.names == ("['a']", "['b']") and found.sizes == (2, 4)
        np.testing.assert_allclose(found.shares, [[1, 1, 0], [0, 0, 1]], atol=1e-12)
        np.testing.assert_allclose(found.baseline, [2 / 6, 4 / 6])

    def test_of_a_model(self, rng):
        model = nn.MLP([3, 4, 2], nn.tanh, seed=0)
        op = HessianOperator(lambda m: (m(np.ones((1, 3))) ** 2).sum(), model)
        v = rng.normal(size=op.shape[0])
        found = layer_shares(op, v)
        assert found.names == ("layers[0]", "layers[1]") and found.sizes == (16, 10)
        expected = [np.sum(v[:16] ** 2), np.sum(v[16:] ** 2)] / np.sum(v**2)
        np.testing.assert_allclose(found.shares[:, 0], expected)

    def test_a_bare_array_is_one_layer(self):
        op = HessianOperator(lambda x: (x**2).sum(), np.ones(3))
        found = layer_shares(op, np.eye(3)[:, :2])
        np.testing.assert_allclose(found.shares, [[1, 1]])

    def test_errors(self):
        with pytest.raises(TypeError, match="no tree of parameters"):
            layer_shares(np.eye(2), np.eye(2))
        op = HessianOperator(lambda x: (x**2).sum(), np.ones(2))
        with pytest.raises(ValueError, match="vector is zero"):
            layer_shares(op, np.zeros(2))


def test_results(rng):
    op = HessianOperator(lambda p: ((p["a"] * p["b"]) ** 2).sum(), {"a": np.ones(3), "b": 2.0})
    results = [
        (gradient_alignment(op, 2), "of the gradient lies in the top 2"),
        (subspace_overlap(np.eye(4)[:, :2], np.eye(4)[:, 1:3]), "0.5000"),
        (layer_shares(op, np.eye(4)[:, 2:]), "1: 100% in ['a'], 2: 100% in ['b']"),
    ]
    for found, words in results:
        assert words in repr(found)
        json.dumps(found.to_dict())
    pytest.importorskip("matplotlib")
    bars = results[0][0].plot().patches
    np.testing.assert_allclose([b.get_height() for b in bars], results[0][0].shares)
    bars = results[1][0].plot().patches
    np.testing.assert_allclose([b.get_height() for b in bars], [1, 0], atol=1e-15)
    ax = results[2][0].plot()
    assert [t.get_text() for t in ax.get_yticklabels()] == ["['a']", "['b']"]
