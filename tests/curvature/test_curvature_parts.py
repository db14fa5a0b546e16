"""Blocks, sums, chains and preconditioned forms of operators, against dense matrices."""

from __future__ import annotations

import numpy as np
import pytest
from comparing import close
from scipy.sparse.linalg import aslinearoperator
from small_nets import (
    OPERATORS,
)

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.curvature import (
    HessianOperator,
    top_eigenpairs,
)


@pytest.fixture(scope="module")
def net():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 3)), rng.integers(0, 4, 30)
    model = nn.MLP([3, 6, 5, 4], seed=0)
    loss = lambda model, batch: nn.cross_entropy(model(batch[0]), batch[1])
    return model, loss, (x, y)


def made(kind, net):
    model, loss, data = net
    if kind == "hessian":
        return HessianOperator(loss, model, data)
    return OPERATORS[kind](lambda m, x: m(x), nn.cross_entropy, model, data)


class TestParts:
    @pytest.mark.parametrize("kind", ["hessian", *OPERATORS])
    def test_a_block_is_a_part_of_the_matrix(self, net, kind):
        op = made(kind, net)
        dense, layers = op.to_dense(), op.layers
        assert {name: len(at) for name, at in layers.items()} == {
            "layers[0]": 24, "layers[1]": 35, "layers[2]": 24,
        }  # fmt: skip
        for name, at in layers.items():
            block = op.block(name)
            assert type(block) is type(op)
            close(block.to_dense(), dense[np.ix_(at, at)], 1e-12)
            close(block.gradient, op.gradient[at], 1e-12)
            assert block.value == pytest.approx(op.value, rel=1e-13)
            tree = block.unflatten(np.arange(len(at), dtype=float))
            assert isinstance(tree, nn.Linear) and isinstance(block(tree), nn.Linear)
        some = op.block("layers[2]", "layers[0].bias")
        at = np.r_[layers["layers[0]"][18:], layers["layers[2]"]]
        close(some.to_dense(), dense[np.ix_(at, at)], 1e-12)

    def test_blocks_read_an_iterator_again(self, net):
        model, loss, (x, y) = net
        batches = iter([(x[:11], y[:11]), (x[11:], y[11:])])
        op, full = HessianOperator(loss, model, batches), made("hessian", net)
        close(op.block("layers[1]").to_dense(), full.block("layers[1]").to_dense(), 1e-12)
        close(op.to_dense(), full.to_dense(), 1e-12)

    def test_a_block_of_a_block(self, net):
        op = made("hessian", net)
        inner = op.block("layers[1]").block("bias")
        at = op.layers["layers[1]"][30:]
        close(inner.to_dense(), op.to_dense()[np.ix_(at, at)], 1e-12)

    def test_blocks_of_a_loss_without_data_and_with_arguments(self):
        A = np.array([[2.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 4.0]])
        point = {"x": np.ones(2), "y": np.ones(1)}
        whole = lambda p: tg.numpy.concatenate([p["x"], p["y"]])
        op = HessianOperator(lambda p: 0.5 * whole(p) @ A @ whole(p), point)
        close(op.block("x").to_dense(), A[:2, :2], 1e-12)
        scaled = HessianOperator(
            lambda p, x, c: 0.5 * c * x * (whole(p) @ A @ whole(p)), point, 2.0, 3.0
        )
        close(scaled.block("y").to_dense(), 6 * A[2:, 2:], 1e-12)

    @pytest.mark.parametrize(
        "path",
        ["layers[1]", ".layers[1]", "['layers'][1]", '["layers"][1]', "layers[1].w", "layers"],
    )
    def test_paths_may_be_written_in_several_ways(self, path):
        params = {"layers": [{"w": np.ones(2)}, {"w": np.ones(3)}], "scale": 2.0}
        op = HessianOperator(lambda p: (p["layers"][1]["w"] ** 2).sum() * p["scale"], params)
        assert op.block(path).shape == ((5, 5) if path == "layers" else (3, 3))
        assert list(op.layers) == ["['layers'][0]", "['layers'][1]", "['scale']"]

    def test_paths_that_lead_nowhere(self, net):
        op = made("hessian", net)
        with pytest.raises(
            ValueError, match=r"nothing at 'layers\[3\]'.*'layers\[0\]', .*'layers\[2\].bias'"
        ):
            op.block("layers[3]")
        with pytest.raises(ValueError, match="nothing at 'a b'"):
            op.block("a b")
        with pytest.raises(ValueError, match="overlap"):
            op.block("layers[0]", "layers[0].bias")
        with pytest.raises(ValueError, match="at least one path"):
            op.block()
        with pytest.raises(ValueError, match="overlap"):
            op.block_diagonal(["layers[0]", "layers[0].bias"])

    @pytest.mark.parametrize("kind", ["hessian", "ggn", "monte carlo"])
    def test_block_diagonal(self, net, kind):
        op = made(kind, net)
        dense = op.to_dense()
        kept = np.zeros_like(dense)
        for at in op.layers.values():
            kept[np.ix_(at, at)] = dense[np.ix_(at, at)]
        blocks = op.block_diagonal()
        close(blocks.to_dense(), kept, 1e-12)
        v = np.random.default_rng(9).normal(size=op.shape[0])
        close(blocks @ v, kept @ v, 1e-12)
        close(blocks.flatten(blocks(op.unflatten(v))), kept @ v, 1e-12)
        assert list(blocks.blocks) == list(op.layers)
        traces = [np.trace(block.to_dense()) for block in blocks.blocks.values()]
        assert sum(traces) == pytest.approx(np.trace(dense), rel=1e-12)

    def test_blocks_of_ones_own(self, net):
        op = made("hessian", net)
        dense, layers = op.to_dense(), op.layers
        blocks = op.block_diagonal([["layers[0]", "layers[2].weight"], "layers[1].bias"])
        assert list(blocks.blocks) == ["layers[0], layers[2].weight", "layers[1].bias", "rest"]
        groups = [
            np.r_[layers["layers[0]"], layers["layers[2]"][:20]],
            layers["layers[1]"][30:],
            np.r_[layers["layers[1]"][:30], layers["layers[2]"][20:]],
        ]
        kept = np.zeros_like(dense)
        for at in groups:
            kept[np.ix_(at, at)] = dense[np.ix_(at, at)]
        close(blocks.to_dense(), kept, 1e-12)
        assert "rest: 34" in repr(blocks)

    def test_one_array_is_one_layer(self):
        op = HessianOperator(lambda x: (x**3).sum(), np.ones(4))
        np.testing.assert_array_equal(op.layers[""], np.arange(4))
        close(op.block_diagonal().to_dense(), 6 * np.eye(4), 1e-12)
        close(op.block("").to_dense(), 6 * np.eye(4), 1e-12)


class TestAlgebra:
    def test_sums_scalings_and_chains(self, net):
        H, G = made("hessian", net), made("ggn", net)
        h, g = H.to_dense(), G.to_dense()
        rng = np.random.default_rng(10)
        v, V = rng.normal(size=H.shape[0]), rng.normal(size=(H.shape[0], 3))
        identity = aslinearoperator(np.eye(H.shape[0]))
        for op, dense in (
            (H + G, h + g),
            (H - G, h - g),
            (-H, -h),
            (2 * H, 2 * h),
            (H * 2, 2 * h),
            (H / 4, h / 4),
            (H @ G, h @ g),
            (H**2, h @ h),
            (H + 0.1 * identity, h + 0.1 * np.eye(len(h))),
            (2 * (H @ G) + G, 2 * h @ g + g),
        ):
            close(op @ v, dense @ v, 1e-12)
            close(op @ V, dense @ V, 1e-12)
            close(op.rmatvec(v), dense.T @ v, 1e-12)
            close(op.T @ V, dense.T @ V, 1e-12)
            close(op.H @ V, dense.T @ V, 1e-12)
            close(op.to_dense(), dense, 1e-12)
            tree = op(op.unflatten(v))  # it still knows the parameters
            assert isinstance(tree, nn.MLP)
            close(op.flatten(tree), dense @ v, 1e-12)
            assert op.dtype == np.float64 and "83 parameters" in repr(op)

    def test_preconditioned(self, net):
        H = made("hessian", net)
        d = np.random.default_rng(11).uniform(0.1, 3, H.shape[0])
        dense = H.to_dense() / np.sqrt(np.outer(d, d))
        for op in (H.preconditioned(d), H.preconditioned(H.unflatten(d))):
            close(op.to_dense(), dense, 1e-12)
            close(op @ d, dense @ d, 1e-12)
            close(op.T @ d, dense @ d, 1e-12)
        spectrum = np.linalg.eigvals(H.to_dense() / d[:, None]).real.max()  # of D⁻¹ H
        assert top_eigenpairs(H.preconditioned(d), 1).values[0] == pytest.approx(spectrum)
        shifted = (H + aslinearoperator(np.eye(len(d)))).preconditioned(d)
        close(shifted.to_dense(), dense + np.diag(1 / d), 1e-12)
        for bad in (np.zeros(len(d)), -d, np.where(d > 2, np.nan, d), np.where(d > 2, np.inf, d)):
            with pytest.raises(ValueError, match="positive and finite"):
                H.preconditioned(bad)
        with pytest.raises(ValueError, match="structure"):
            H.preconditioned(d[:-1])

    def test_preconditioned_stays_float32(self):
        op = HessianOperator(lambda x: (x**3).sum(), np.ones(3, np.float32))
        scaled = op.preconditioned(np.full(3, 4.0))
        assert scaled.dtype == (scaled @ np.ones(3, np.float32)).dtype == np.float32
        close(scaled.to_dense(), 1.5 * np.eye(3), 1e-12)


class TestIdentities:
    def test_scale_invariance_under_batch_norm(self):
        """Where L(e^t w) = L(w): gᵀw = 0 and H w = -g."""
        rng = np.random.default_rng(12)
        x, y = rng.normal(size=(40, 5)), rng.normal(size=(40, 2))
        params = {"w1": rng.normal(size=(5, 6)), "w2": rng.normal(size=(6, 2))}

        def loss(p):
            h = x @ p["w1"]
            h = (h - h.mean(axis=0)) / h.std(axis=0)
            return ((np.tanh(h) @ p["w2"] - y) ** 2).mean()

        op = HessianOperator(loss, params)
        g = op.unflatten(op.gradient)
        w1 = {"w1": params["w1"], "w2": np.zeros((6, 2))}
        assert abs((g["w1"] * params["w1"]).sum()) < 1e-14
        close(op(w1)["w1"], -g["w1"], 1e-13)

    def test_orders_of_differentiation_agree(self, net):
        """Forward over reverse, reverse over reverse, reverse over forward."""
        model, loss, data = net
        op = made("hessian", net)
        v = op.unflatten(np.random.default_rng(13).normal(size=op.shape[0]))
        inner = lambda a, b: sum(
            (x * y).sum() for x, y in zip(tg.core.trees.leaves(a), tg.core.trees.leaves(b))
        )
        forward_reverse = op(v)
        reverse_reverse = tg.grad(lambda m: inner(tg.grad(loss)(m, data), v))(model)
        reverse_forward = tg.grad(lambda m: tg.jvp(lambda m: loss(m, data), (m,), (v,))[1])(model)
        for other in (reverse_reverse, reverse_forward):
            close(op.flatten(other), op.flatten(forward_reverse), 1e-12)
