"""Hessian operators, their extreme eigenpairs and their trace, against closed forms."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
from comparing import close
from scipy.sparse import diags_array
from scipy.sparse.linalg import LinearOperator, aslinearoperator, eigsh
from spectra import symmetric

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.curvature import (
    Eigenpairs,
    Estimate,
    HessianOperator,
    top_eigenpairs,
    trace,
)


def mlp(rng, sizes=(3, 5, 4, 2), dtype=np.float64):
    return [
        {"w": rng.normal(size=(a, b)).astype(dtype) / a**0.5, "b": rng.normal(size=b).astype(dtype)}
        for a, b in itertools.pairwise(sizes)
    ]


def apply(layers, x):
    for layer in layers[:-1]:
        x = np.tanh(x @ layer["w"] + layer["b"])
    return x @ layers[-1]["w"] + layers[-1]["b"]


def mse(layers, batch):
    x, y = batch
    return ((apply(layers, x) - y) ** 2).mean()


def problem(rng, n=101, dtype=np.float64):
    x, y = rng.normal(size=(n, 3)).astype(dtype), rng.normal(size=(n, 2)).astype(dtype)
    return mlp(rng, dtype=dtype), (x, y)


def in_batches(data, *sizes):
    ends = np.cumsum(sizes)
    return [tuple(a[e - n : e] for a in data) for e, n in zip(ends, sizes, strict=True)]


class TestClosedForms:
    def test_quadratic_is_its_matrix_everywhere(self, rng):
        A, b = symmetric([-2.0, 0.0, 1.0, 3.0, 7.0]), rng.normal(size=5)
        for x in (np.zeros(5), rng.normal(size=5)):
            op = HessianOperator(lambda x: 0.5 * x @ A @ x + b @ x, x)
            close(op.to_dense(), A, 1e-14)
            close(op.gradient, A @ x + b, 1e-14)
            assert op.value == pytest.approx(0.5 * x @ A @ x + b @ x)

    def test_linear_regression_and_ridge(self, rng):
        x, y, w = rng.normal(size=(40, 6)), rng.normal(size=40), rng.normal(size=6)

        def loss(w, batch, mu):
            x, y = batch
            return 0.5 * ((x @ w - y) ** 2).mean() + 0.5 * mu * (w**2).sum()

        plain = HessianOperator(loss, w, (x, y), 0.0).to_dense()
        ridge = HessianOperator(loss, w, (x, y), 0.3).to_dense()
        close(plain, x.T @ x / 40, 1e-10)
        close(np.linalg.eigvalsh(ridge), np.linalg.eigvalsh(plain) + 0.3, 1e-10)

    def test_regression_with_several_outputs_is_a_kronecker_product(self, rng):
        x, y = rng.normal(size=(30, 4)), rng.normal(size=(30, 3))
        loss = lambda w, x, y: 0.5 * ((x @ w - y) ** 2).sum() / 30
        op = HessianOperator(loss, rng.normal(size=(4, 3)), x, y)
        close(op.to_dense(), np.kron(x.T @ x / 30, np.eye(3)), 1e-10)

    def test_logistic_regression(self, rng):
        x, w, y = rng.normal(size=(50, 4)), rng.normal(size=4), rng.integers(0, 2, 50)
        loss = lambda w, x, y: (nn.softplus(x @ w) - y * (x @ w)).mean()
        p = 1 / (1 + np.exp(-x @ w))
        close(HessianOperator(loss, w, x, y).to_dense(), (x.T * (p * (1 - p))) @ x / 50, 1e-10)

    def test_softmax_regression(self, rng):
        n, d, C = 60, 6, 4
        x, y = rng.normal(size=(n, d)), rng.integers(0, C, n)
        params = {"b": rng.normal(size=C), "w": rng.normal(size=(d, C))}

        def loss(params, batch):
            x, y = batch
            return -nn.log_softmax(x @ params["w"] + params["b"])[np.arange(n), y].mean()

        H = HessianOperator(loss, params, (x, y)).to_dense()
        logits = x @ params["w"] + params["b"]
        p = np.exp(logits - logits.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        ones = np.c_[np.ones(n), x]  # biases lie first in the vector, "b" before "w"
        expected = sum(
            np.kron(np.outer(z, z), np.diag(q) - np.outer(q, q)) for z, q in zip(ones, p)
        )
        close(H, expected / n, 1e-10)
        assert np.linalg.matrix_rank(H, tol=1e-12) == (C - 1) * (d + 1)
        bound = 0.5 * np.linalg.eigvalsh(ones.T @ ones / n)[-1]  # Böhning (1992)
        assert np.linalg.eigvalsh(H)[-1] <= bound

    def test_rosenbrock(self):
        f = lambda x: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
        close(
            HessianOperator(f, np.ones(2)).to_dense(), np.array([[802, -400], [-400, 200.0]]), 1e-10
        )
        values = top_eigenpairs(HessianOperator(f, np.ones(2)), k=2).values
        np.testing.assert_allclose(values, [1001.6006392, 0.3993608], atol=5e-8)
        op = HessianOperator(f, np.array([-1.2, 1.0]))
        close(op.to_dense(), np.array([[1330, 480], [480, 200.0]]), 1e-13)
        close(op.gradient, np.array([-215.6, -88.0]), 1e-13)
        for n, low, high in ((4, 0.492959, 1567.6217), (10, 0.498752, 1762.8409)):
            ends = top_eigenpairs(HessianOperator(f, np.ones(n)), k=2, which="BE").values
            np.testing.assert_allclose(ends, [low, high], rtol=1e-6)
        large = HessianOperator(f, np.ones(300))  # by Lanczos, against the tridiagonal matrix
        H = large.to_dense()
        np.testing.assert_allclose(
            top_eigenpairs(large, k=3).values, np.linalg.eigvalsh(H)[::-1][:3], rtol=1e-9
        )

    def test_two_parameters_saddle_and_valley(self):
        f = lambda w: 0.5 * (w[0] * w[1] - 1) ** 2
        saddle = HessianOperator(f, np.zeros(2)).to_dense()
        np.testing.assert_array_equal(saddle, [[0, -1], [-1, 0]])
        valley = top_eigenpairs(HessianOperator(f, np.array([2.0, 0.5])), which="SA")
        np.testing.assert_allclose(valley.values, [0, 4.25], atol=1e-15)


class TestIdentities:
    def test_products_agree_with_dense_and_are_symmetric(self, rng):
        params, data = problem(rng)
        op = HessianOperator(mse, params, data)
        u, v = rng.normal(size=(2, op.shape[0]))
        H = op.to_dense()
        close(H, H.T, 1e-14)
        close(op @ v, H @ v, 1e-14)
        assert u @ (op @ v) == pytest.approx(v @ (op @ u), rel=1e-12)
        close(op.rmatvec(u), op.matvec(u), 1e-15)
        close(op.T @ u, op.H @ u, 1e-15)
        close((2 * op + op) @ u, 3 * (H @ u), 1e-14)

    @pytest.mark.parametrize("chunk_size", [None, 1, 3, 100])
    def test_matmat_is_stacked_matvecs(self, rng, chunk_size):
        params, data = problem(rng)
        op = HessianOperator(mse, params, data, chunk_size=chunk_size)
        V = rng.normal(size=(op.shape[0], 7))
        close(op @ V, np.stack([op @ v for v in V.T], axis=1), 1e-14)
        close(op.rmatmat(V), op @ V, 1e-15)
        assert (op @ V[:, :0]).shape == (op.shape[0], 0)

    def test_same_as_hvp_and_hessian(self, rng):
        params, data = problem(rng)
        op = HessianOperator(mse, params, data)
        v = op.unflatten(rng.normal(size=op.shape[0]))
        close(op.flatten(op(v)), op.flatten(tg.hvp(mse, params, v, data)), 1e-13)
        H = tg.hessian(mse)(params, data)
        block = H[1]["w"][0]["b"]
        columns = op.matmat(np.eye(op.shape[0]))
        at = op.unflatten(np.arange(op.shape[0], dtype=float))
        rows, cols = at[1]["w"].astype(int), at[0]["b"].astype(int)
        close(columns[rows.ravel()][:, cols].reshape(block.shape), block, 1e-13)

    def test_differences_of_the_gradient_converge_at_second_order(self, rng):
        params, data = problem(rng)
        op = HessianOperator(mse, params, data)
        theta, v = op.flatten(params), rng.normal(size=op.shape[0])
        gradient = lambda t: op.flatten(tg.grad(mse)(op.unflatten(t), data))
        errors = [
            np.linalg.norm((gradient(theta + h * v) - gradient(theta - h * v)) / (2 * h) - op @ v)
            for h in (1e-2, 5e-3)
        ]
        assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.05)

    def test_rescaling_of_relu_layers(self, rng):
        """Where L(e^{tA} θ) = L(θ): gᵀAθ = 0 and H Aθ = −Aᵀ g."""
        x, y = rng.normal(size=(40, 5)), rng.normal(size=(40, 2))
        params = {"w1": rng.normal(size=(5, 8)), "w2": rng.normal(size=(8, 2))}
        loss = lambda p: ((nn.relu(x @ p["w1"]) @ p["w2"] - y) ** 2).mean()
        op = HessianOperator(loss, params)
        g, theta = op.gradient, op.flatten(params)
        A = op.flatten({"w1": np.ones((5, 8)), "w2": -np.ones((8, 2))})
        assert abs(g @ (A * theta)) < 1e-12
        close(op @ (A * theta), -A * g, 1e-13)

    def test_shifting_all_logits_is_flat(self, rng):
        x, y = rng.normal(size=(40, 3)), rng.integers(0, 4, 40)
        params = mlp(rng, (3, 6, 4))
        loss = lambda p: -nn.log_softmax(apply(p, x))[np.arange(40), y].mean()
        op = HessianOperator(loss, params)
        shift = op.flatten(
            [{"w": 0 * p["w"], "b": np.full_like(p["b"], i == 1)} for i, p in enumerate(params)]
        )
        np.testing.assert_allclose(op @ shift, 0, atol=1e-15)

    def test_permuting_hidden_units_keeps_the_spectrum(self, rng):
        params, data = problem(rng)
        order = rng.permutation(5)
        first, second, third = params
        permuted = [
            {"w": first["w"][:, order], "b": first["b"][order]},
            {"w": second["w"][order], "b": second["b"]},
            third,
        ]
        spectra = [
            np.linalg.eigvalsh(HessianOperator(mse, p, data).to_dense()) for p in (params, permuted)
        ]
        close(*spectra, 1e-13, 1e-10)


class TestData:
    def test_ragged_batches_weigh_by_their_size(self, rng):
        params, data = problem(rng, 101)
        full = HessianOperator(mse, params, data)
        batches = in_batches(data, 50, 50, 1)
        v, V = rng.normal(size=full.shape[0]), rng.normal(size=(full.shape[0], 4))
        for given in (batches, tuple(batches), iter(batches), batches[::-1]):
            op = HessianOperator(mse, params, given)
            close(op @ v, full @ v, 1e-13)
            close(op @ V, full @ V, 1e-13)
            close(op.gradient, full.gradient, 1e-13)
            assert op.value == pytest.approx(full.value, rel=1e-14)

    def test_sum_is_mean_times_count(self, rng):
        params, data = problem(rng, 101)
        total = lambda p, batch: mse(p, batch) * len(batch[0])
        batches = in_batches(data, 50, 50, 1)
        mean = HessianOperator(mse, params, batches)
        added = HessianOperator(total, params, batches, reduction="sum")
        close(added.to_dense(), 101 * mean.to_dense(), 1e-13)
        assert added.value == pytest.approx(101 * mean.value, rel=1e-13)

    @pytest.mark.parametrize("tape_memory", [0, 20_000, 2**30])
    def test_batches_without_room_for_their_tapes_are_recorded_again(self, rng, tape_memory):
        params, data = problem(rng, 101)
        calls = []

        def counted(p, batch):
            calls.append(len(batch[0]))
            return mse(p, batch)

        batches = in_batches(data, 40, 40, 21)
        op = HessianOperator(counted, params, batches, tape_memory=tape_memory, check=False)
        assert not calls  # nothing is recorded before it is needed
        v = rng.normal(size=op.shape[0])
        close(op @ v, HessianOperator(mse, params, data) @ v, 1e-13)
        close(op @ v, HessianOperator(mse, params, data) @ v, 1e-13)
        again = {0: 3, 20_000: None, 2**30: 0}[tape_memory]  # between: some are kept, some not
        assert calls[:3] == [40, 40, 21]
        assert 0 < len(calls) - 3 < 3 if again is None else len(calls) - 3 == again

    def test_loader_is_iterated_again(self, rng):
        params, data = problem(rng, 101)

        class Loader:
            passes = 0

            def __iter__(self):
                self.passes += 1
                return iter(in_batches(data, 50, 50, 1))

        loader = Loader()
        op = HessianOperator(mse, params, loader, tape_memory=0)
        v = rng.normal(size=op.shape[0])
        close(op @ v, HessianOperator(mse, params, data) @ v, 1e-13)
        assert loader.passes == 2  # the second checks that it is like the first
        close(op @ (2 * v), 2 * (op @ v), 1e-13)
        assert loader.passes == 4

    @pytest.mark.parametrize("trick", ["shuffles", "drops", "adds", "augments"])
    def test_loader_that_changes_is_detected(self, rng, trick):
        params, data = problem(rng, 101)

        class Loader:
            passes = 0

            def __iter__(self):
                self.passes += 1
                batches = in_batches(data, 50, 50, 1)
                if self.passes == 1:
                    return iter(batches)
                if trick == "shuffles":
                    return iter(batches[::-1])
                if trick == "drops":
                    return iter(batches[:-1])
                if trick == "adds":
                    return iter([*batches, batches[0]])
                return iter([(x + rng.normal(size=x.shape), y) for x, y in batches])

        v = np.ones(HessianOperator(mse, params, data).shape[0])
        for tape_memory in (0, 2**30):  # also where no later pass would notice
            op = HessianOperator(mse, params, Loader(), tape_memory=tape_memory)
            with pytest.raises(ValueError, match=r"list\(loader\)"):
                op @ v
        op = HessianOperator(mse, params, Loader(), tape_memory=0, check=False)
        op @ v
        with pytest.raises(ValueError, match=r"list\(loader\)"):
            op @ v

    def test_dict_batches_single_arrays_and_empty_batches(self, rng):
        x, w = rng.normal(size=(11, 3)), rng.normal(size=3)
        one = HessianOperator(lambda w, x: np.sin(x @ w).mean(), w, x).to_dense()
        many = HessianOperator(lambda w, x: np.sin(x @ w).mean(), w, [x[:4], x[4:4], x[4:]])
        named = HessianOperator(lambda w, b: np.sin(b["x"] @ w).mean(), w, {"x": x})
        close(many.to_dense(), one, 1e-14)
        close(named.to_dense(), one, 1e-14)

    def test_two_analyses_agree(self, rng):
        """One tool accumulates gradients from the first into the second, and doubles λ1."""
        params, data = problem(rng)
        first, second = (HessianOperator(mse, params, data) for _ in range(2))
        a, b, c = (top_eigenpairs(op, k=3) for op in (first, second, first))
        np.testing.assert_array_equal(a.values, b.values)
        np.testing.assert_array_equal(a.values, c.values)


class TestParameters:
    def test_tree_in_tree_out(self, rng):
        params, data = problem(rng)
        op = HessianOperator(mse, params, data)
        v = rng.normal(size=op.shape[0])
        tree = op(op.unflatten(v))
        assert [{k: x.shape for k, x in p.items()} for p in tree] == [
            {k: x.shape for k, x in p.items()} for p in params
        ]
        np.testing.assert_array_equal(op.flatten(tree), op @ v)
        np.testing.assert_array_equal(op(v), op @ v)
        np.testing.assert_array_equal(op.flatten(op.unflatten(v)), v)

    def test_unused_and_empty_parameters(self, rng):
        params = {"a": rng.normal(size=3), "empty": np.zeros((0, 2)), "unused": np.ones((2, 2))}
        op = HessianOperator(lambda p: (p["a"] ** 3).sum(), params)
        expected = np.zeros((7, 7))
        expected[:3, :3] = np.diag(6 * params["a"])
        close(op.to_dense(), expected, 1e-15)
        assert op(params)["empty"].shape == (0, 2)
        assert top_eigenpairs(op, k=2).converged

    def test_losses_without_curvature(self):
        x = np.arange(4.0)
        for loss in (lambda x: 3 * x.sum(), lambda x: 1.0, lambda x: tg.tensor(2.0)):
            op = HessianOperator(loss, x)
            np.testing.assert_array_equal(op @ np.ones((4, 3)), np.zeros((4, 3)))
            np.testing.assert_array_equal(top_eigenpairs(op, k=2).values, 0)

    @pytest.mark.parametrize("scale", [1e-7, 1e-12, 1e12])
    def test_scaled_loss_has_the_scaled_spectrum(self, rng, scale):
        params, data = problem(rng)
        plain = top_eigenpairs(HessianOperator(mse, params, data), k=4, which="LM")
        scaled = top_eigenpairs(
            HessianOperator(lambda p, b: scale * mse(p, b), params, data), k=4, which="LM"
        )
        np.testing.assert_allclose(scaled.values, scale * plain.values, rtol=1e-9)

    def test_one_parameter(self):
        for x in (2.0, np.float64(2.0), np.array(2.0), np.array([2.0]), {"x": 2.0}):
            op = HessianOperator(lambda p: tg.numpy.sum((p["x"] if type(p) is dict else p) ** 4), x)
            assert op.shape == (1, 1)
            top = top_eigenpairs(op)
            np.testing.assert_allclose(top.values, [48])
            np.testing.assert_array_equal(top.vectors, [[1]])
            assert trace(op).value == 48 and trace(op).exact

    def test_float32_stays_float32(self, rng):
        params, data = problem(rng, dtype=np.float32)
        op = HessianOperator(mse, params, in_batches(data, 50, 51))
        wide = HessianOperator(mse, params, in_batches(data, 50, 51))
        assert op.dtype == (op @ np.ones(op.shape[0])).dtype == op.to_dense().dtype == np.float32
        assert op.gradient.dtype == op.value.dtype == np.float32
        assert op(params)[0]["w"].dtype == np.float32
        top = top_eigenpairs(op, k=3)
        assert top.values.dtype == top.vectors.dtype == top.residuals.dtype == np.float32
        exact = np.linalg.eigvalsh(wide.to_dense().astype(float))[::-1][:3]
        np.testing.assert_allclose(top.values, exact, rtol=1e-5)

    def test_mixed_types_widen(self):
        params = {"a": np.ones(2, np.float32), "b": np.ones(2)}
        op = HessianOperator(lambda p: (p["a"] ** 2).sum() + (p["b"] ** 2).sum(), params)
        assert op.dtype == np.float64
        assert {k: x.dtype for k, x in op(params).items()} == {"a": np.float32, "b": np.float64}

    def test_model_of_tensors_is_left_as_it_was(self, rng):
        model = nn.MLP([3, 6, 2], seed=0)
        x, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
        loss = lambda model, batch: ((model(batch[0]) - batch[1]) ** 2).mean()
        of_arrays = HessianOperator(loss, model, (x, y))
        tensors = model.parameters()
        before = [p.numpy() for p in tensors]
        op = HessianOperator(loss, model, (x, y))
        v = rng.normal(size=op.shape[0])
        np.testing.assert_array_equal(op @ v, of_arrays @ v)
        for now, then, tensor in zip(model.parameters(), before, tensors, strict=True):
            assert now is tensor and now.requires_grad and now.is_leaf and now.grad is None
            np.testing.assert_array_equal(now.numpy(), then)
        result = op(op.unflatten(v))
        assert isinstance(result, nn.MLP)
        assert all(isinstance(p, tg.Tensor) for p in tg.core.trees.leaves(result))
        np.testing.assert_array_equal(op.flatten(result), op @ v)

    def test_operator_stays_at_its_point(self, rng):
        x = rng.normal(size=3)
        op = HessianOperator(lambda x: (x**3).sum(), x)
        before, x0 = op.to_dense(), x.copy()
        x += 1
        np.testing.assert_array_equal(op.to_dense(), before)
        gradient = op.gradient
        gradient += 1
        np.testing.assert_array_equal(op.gradient, 3 * x0**2)

    def test_works_inside_no_grad(self):
        with tg.no_grad():
            op = HessianOperator(lambda x: (x**3).sum(), np.ones(2))
            np.testing.assert_array_equal(op.to_dense(), 6 * np.eye(2))

    def test_counts_products(self, rng):
        op = HessianOperator(lambda x: (x**3).sum(), np.ones(5))
        op @ np.ones(5)
        op @ np.ones((5, 3))
        op(np.ones(5))
        assert op.matvecs == 5
        assert "5 parameters" in repr(op) and "5 products" in repr(op)

    def test_scipy_takes_it(self, rng):
        params, data = problem(rng)
        op = HessianOperator(mse, params, data)
        assert isinstance(op, LinearOperator)
        value = eigsh(op, k=1, which="LA", return_eigenvectors=False)
        np.testing.assert_allclose(value, np.linalg.eigvalsh(op.to_dense())[-1:], rtol=1e-10)
        v = rng.normal(size=op.shape[0])
        close(op @ (v + 2j * v), (1 + 2j) * (op @ v), 1e-14)


class TestBadInput:
    def test_loss_that_is_not_scalar(self):
        with pytest.raises(ValueError, match=r"HessianOperator: f must return a scalar"):
            HessianOperator(lambda x: x**2, np.ones(2))

    def test_integer_parameters(self):
        with pytest.raises(TypeError, match=r"params\['n'\] has dtype int64"):
            HessianOperator(lambda p: p["x"] ** 2, {"n": np.arange(2), "x": 1.0})

    def test_complex_and_missing_parameters(self):
        with pytest.raises(TypeError, match="complex128"):
            HessianOperator(lambda x: (x * x).sum(), np.ones(2) * 1j)
        with pytest.raises(ValueError, match="no element"):
            HessianOperator(lambda x: 1.0, {})

    def test_vectors_and_trees_that_do_not_fit(self):
        op = HessianOperator(lambda p: (p["x"] ** 2).sum(), {"x": np.ones((2, 3))})
        with pytest.raises(ValueError, match="structure"):
            op({"y": np.ones((2, 3))})
        with pytest.raises(ValueError, match=r"\(3, 2\)"):
            op({"x": np.ones((3, 2))})
        with pytest.raises(ValueError, match="dimension mismatch"):
            op @ np.ones(5)
        with pytest.raises(ValueError, match=r"\(5,\) cannot be unflattened into 6"):
            op.unflatten(np.ones(5))

    def test_data_that_is_unclear(self):
        loss = lambda w, batch: (batch[0] @ w).mean() ** 2
        x, y = np.ones((4, 2)), np.ones(4)
        with pytest.raises(ValueError, match=r"write \(x, y\), not \[x, y\]"):
            HessianOperator(loss, np.ones(2), [x, y])
        with pytest.raises(ValueError, match="holds no batch"):
            HessianOperator(loss, np.ones(2), [])
        with pytest.raises(ValueError, match="no example"):
            HessianOperator(loss, np.ones(2), (b for b in [(x[:0], y[:0])])).to_dense()
        with pytest.raises(ValueError, match=r"batch 0 holds \(4, 2\), \(3,\)"):
            HessianOperator(loss, np.ones(2), [(x, y[:3]), (x, y[:3])]).to_dense()
        with pytest.raises(ValueError, match="reduction='median'"):
            HessianOperator(loss, np.ones(2), (x, y), reduction="median")

    def test_random_loss_is_detected_where_it_would_matter(self, rng):
        loss = lambda w, x: ((x * rng.integers(0, 2, 2)) @ w * rng.normal()).mean() ** 2
        op = HessianOperator(loss, np.ones(2), [np.ones((3, 2))] * 2, tape_memory=0, check=False)
        op @ np.ones(2)
        with pytest.raises(ValueError, match="dropout"):
            op @ np.ones(2)

    def test_inside_vmap(self):
        with pytest.raises(TypeError, match="vmap"):
            tg.vmap(lambda x: HessianOperator(lambda x: (x**2).sum(), x).value)(np.ones((3, 2)))

    def test_top_eigenpairs_arguments(self):
        A = np.eye(100)
        for bad in ({"which": "LI"}, {"k": 0}, {"tol": 0}, {"v0": np.ones(3)}, {"rtol": 0.0}, {"atol": -1.0},
                    {"method": "power"}, {"block_size": 0}, {"max_matvecs": 0}, {"seconds": 0}):  # fmt: skip
            with pytest.raises(ValueError, match=next(iter(bad))):
                top_eigenpairs(A, **bad)
        with pytest.raises(ValueError, match="not symmetric"):
            top_eigenpairs(np.triu(np.ones((3, 3))))
        with pytest.raises(ValueError, match="square"):
            top_eigenpairs(np.ones((3, 2)))
        with pytest.raises(TypeError, match="complex"):
            top_eigenpairs(aslinearoperator(np.eye(3) * 1j))
        with pytest.raises(ValueError, match="not finite"):
            top_eigenpairs(HessianOperator(lambda x: np.sqrt(x).sum(), np.zeros(2)))

    def test_trace_arguments(self):
        for bad in ({"samples": 1}, {"rtol": 0.0}, {"atol": -1.0}, {"max_matvecs": 1}):
            with pytest.raises(ValueError, match=next(iter(bad))):
                trace(np.eye(100), **bad)


BASE = np.random.default_rng(1).uniform(0, 1, 200)
SPECTRA = {
    "ramp": np.arange(1.0, 201),
    "positive semidefinite": np.r_[np.zeros(150), BASE[150:]],
    "indefinite": np.r_[-10, -9, -8, 5, BASE[4:]],
    "negative": -BASE - 0.1,
    "identity": np.ones(200),
    "zero": np.zeros(200),
    "rank one": np.r_[3, np.zeros(199)],
    "rank three": np.r_[3, 2, 1, np.zeros(197)],
    "threefold, apart": np.r_[5, 5, 5, BASE[3:]],
    "threefold, close": np.r_[1.2, 1.2, 1.2, BASE[3:]],
    "eightfold": np.r_[[5] * 8, BASE[8:]],
    "plus and minus one": np.r_[np.ones(90), -np.ones(110)],
}


def wanted(spectrum, k, which):
    a = np.sort(spectrum)
    if which == "LM":
        return np.sort(np.abs(a))[::-1][:k]
    if which == "BE":
        return np.r_[a[: k // 2], a[len(a) - (k - k // 2) :]]
    return a[::-1][:k] if which == "LA" else a[:k]


class TestEigenpairs:
    @pytest.mark.parametrize("which", ["LA", "SA", "LM", "BE"])
    @pytest.mark.parametrize("name", SPECTRA)
    def test_against_the_known_spectrum(self, name, which):
        A = symmetric(SPECTRA[name])
        norm = max(np.abs(SPECTRA[name]).max(), 1e-300)
        for k in (1, 2, 5):
            top = top_eigenpairs(A, k, which)
            assert top.converged
            values = np.abs(top.values) if which == "LM" else top.values
            np.testing.assert_allclose(values, wanted(SPECTRA[name], k, which), atol=1e-8 * norm)
            close(top.vectors.T @ top.vectors, np.eye(k), 1e-8)
            residuals = np.linalg.norm(A @ top.vectors - top.vectors * top.values, axis=0)
            assert (residuals <= top.residuals + 1e-13 * norm).all()
            assert (top.residuals <= 1e-6 * norm).all()

    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    @pytest.mark.parametrize("scale", [1e-12, 1e12])
    def test_any_scale(self, scale, dtype):
        for name in ("indefinite", "positive semidefinite", "rank three"):
            A = (symmetric(SPECTRA[name]) * scale).astype(dtype)
            for which in ("LA", "SA", "LM"):
                top = top_eigenpairs(A, 3, which)
                assert top.converged and top.values.dtype == dtype
                values = np.abs(top.values) if which == "LM" else top.values
                np.testing.assert_allclose(
                    values / dtype(scale),
                    wanted(SPECTRA[name], 3, which),
                    atol=1e-8 if dtype is np.float64 else 1e-4,
                )

    def test_every_interval_holds_an_eigenvalue(self):
        for seed in range(20):
            A = symmetric(np.random.default_rng(seed).normal(size=150), seed)
            exact = np.linalg.eigvalsh(A)
            top = top_eigenpairs(A, 6, "BE", tol=0.03, seed=seed)
            for low, high in top.intervals:
                assert ((exact >= low - 1e-12) & (exact <= high + 1e-12)).any()
            np.testing.assert_allclose(top.intervals.mean(axis=1), top.values)

    def test_network_against_its_dense_hessian(self, rng):
        x, y = rng.normal(size=(200, 6)), rng.integers(0, 3, 200)
        model = nn.MLP([6, 12, 12, 3], seed=0)
        loss = lambda model, batch: nn.cross_entropy(model(batch[0]), batch[1])
        op = HessianOperator(loss, model, in_batches((x, y), 90, 90, 20))
        exact = np.linalg.eigvalsh(op.to_dense())
        for which in ("LA", "SA", "BE", "LM"):
            top = top_eigenpairs(op, 5, which)
            assert top.converged
            expected = wanted(exact, 5, which)
            values = np.abs(top.values) if which == "LM" else top.values
            np.testing.assert_allclose(values, expected, atol=1e-9 * exact[-1])

    def test_largest_by_value_is_not_largest_by_magnitude(self):
        A = symmetric(SPECTRA["indefinite"])
        np.testing.assert_allclose(top_eigenpairs(A, 1, "LA").values, [5])
        np.testing.assert_allclose(top_eigenpairs(A, 1, "LM").values, [-10])
        np.testing.assert_allclose(top_eigenpairs(A, 4, "LM").values, [-10, -9, -8, 5])

    def test_dense_and_iterative_paths_agree(self):
        A = symmetric(np.linspace(-1, 2, 60))
        dense = top_eigenpairs(A, 3)
        iterative = top_eigenpairs(A, 3, max_matvecs=59)
        assert dense.matvecs == 60 and iterative.matvecs <= 59
        np.testing.assert_allclose(iterative.values[:1], dense.values[:1], rtol=1e-6)
        assert top_eigenpairs(np.diag([1.0, 2.0]), k=10).values.tolist() == [2, 1]
        assert top_eigenpairs(np.array([[3]])).values.tolist() == [3]

    def test_running_out_of_products_is_said(self):
        A = symmetric(np.linspace(0, 1, 500) ** 0.1)
        for budget in (16, 40, 80):
            top = top_eigenpairs(A, 5, max_matvecs=budget)
            assert not top.converged and top.matvecs <= budget
            assert top.vectors.shape == (500, 5) and top.residuals.max() > 1e-6
            residuals = np.linalg.norm(A @ top.vectors - top.vectors * top.values, axis=0)
            np.testing.assert_allclose(top.residuals, residuals, rtol=1e-6)
            assert "NOT converged: max_matvecs" in repr(top)

    def test_budget_is_kept(self):
        for name, spectrum in SPECTRA.items():
            for budget in (16, 30, 61, 100):
                top = top_eigenpairs(symmetric(spectrum), 5, "BE", max_matvecs=budget)
                assert top.matvecs <= budget, name

    def test_deterministic_and_warm_started(self):
        A = symmetric(np.r_[np.random.default_rng(0).uniform(0, 1, 400), 3.0, 4.0])
        one, two = top_eigenpairs(A, 2, seed=3), top_eigenpairs(A, 2, seed=3)
        np.testing.assert_array_equal(one.vectors, two.vectors)
        np.testing.assert_array_equal(one.values, two.values)
        nearby = A + 1e-4 * symmetric(np.random.default_rng(1).normal(size=402), 5)
        for v0 in (one.vectors, one.vectors[:, 0], np.zeros(402)):
            warm = top_eigenpairs(nearby, 2, v0=v0)
            np.testing.assert_allclose(warm.values, np.linalg.eigvalsh(nearby)[:-3:-1], rtol=1e-9)

    def test_start_in_the_null_space(self):
        A = np.diag(np.r_[2.0, 1.0, np.zeros(98)])
        for which, expected in (("LA", [2, 1]), ("LM", [2, 1]), ("SA", [0, 0])):
            top = top_eigenpairs(A, 2, which, v0=np.eye(100)[50])
            np.testing.assert_allclose(top.values, expected, atol=1e-12)

    def test_any_operator(self):
        d = np.arange(100.0)
        for op in (np.diag(d), diags_array(d), aslinearoperator(np.diag(d))):
            np.testing.assert_allclose(top_eigenpairs(op, 2).values, [99, 98])
        integers = np.diag(np.arange(100))
        np.testing.assert_allclose(top_eigenpairs(integers, 2).values, [99, 98])

    def test_result(self):
        top = top_eigenpairs(np.diag([1.0, -2.0, 4.0]), k=2, which="BE")
        assert isinstance(top, Eigenpairs)
        assert repr(top).startswith("Eigenpairs(BE: [-2 ± 0, 4 ± 0], 3 products, converged)")
        assert json.loads(json.dumps(top.to_dict()))["values"] == [-2, 4]
        assert json.loads(json.dumps(top.to_dict(vectors=True)))["vectors"][1] == [1, 0]
        with pytest.raises(AttributeError):
            top.values = None
        assert (top.vectors.max(axis=0) > 0).all()


class TestTrace:
    def test_exact_on_diagonal_matrices(self):
        d = np.random.default_rng(0).normal(size=300)
        estimate = trace(np.diag(d), samples=5)
        assert estimate.value == pytest.approx(d.sum(), rel=1e-13)
        assert estimate.standard_error < 1e-14 and estimate.matvecs == 5

    def test_exact_when_parameters_are_few(self, rng):
        params, data = problem(rng)
        op = HessianOperator(mse, params, data)
        H = op.to_dense()
        estimate = trace(op, samples=op.shape[0])
        assert estimate.exact and estimate.converged and estimate.matvecs == op.shape[0]
        assert estimate.value == pytest.approx(np.trace(H), rel=1e-12)
        assert estimate.interval == (estimate.value, estimate.value)

    def test_law_of_the_estimator(self):
        """No bias; variance 2 (‖A‖² − Σ a_ii²) / m; intervals that cover as they say."""
        A = symmetric(np.linspace(-1, 4, 24), seed=2)
        m, runs = 12, 2000
        estimates = [trace(A, samples=m, seed=s) for s in range(runs)]
        values = np.array([e.value for e in estimates])
        variance = 2 * ((A**2).sum() - (np.diag(A) ** 2).sum()) / m
        assert abs(values.mean() - np.trace(A)) < 4 * np.sqrt(variance / runs)
        assert values.var() == pytest.approx(variance, rel=0.15)
        errors = np.array([e.standard_error for e in estimates])
        assert (errors**2).mean() == pytest.approx(variance, rel=0.1)
        covered = np.mean([e.interval[0] <= np.trace(A) <= e.interval[1] for e in estimates])
        assert 0.93 <= covered <= 0.97

    def test_stops_on_the_error_estimate(self):
        A = symmetric(np.linspace(0, 1, 400))
        met = 0
        for seed in range(100):
            estimate = trace(A, samples=8, rtol=0.02, seed=seed)
            low, high = estimate.interval
            assert estimate.converged
            assert (high - low) / 2 <= 0.02 * abs(estimate.value) * (1 + 1e-12)
            met += abs(estimate.value - np.trace(A)) <= 0.02 * np.trace(A)
        assert met >= 90

    def test_says_when_the_accuracy_was_not_reached(self):
        A = symmetric(np.linspace(-1, 1, 400))
        estimate = trace(A, samples=8, rtol=1e-6, max_matvecs=50)
        assert not estimate.converged and estimate.matvecs == 50
        assert "NOT converged" in repr(estimate)

    def test_goes_exact_where_that_is_cheaper(self):
        A = symmetric(np.linspace(-1, 1, 100))
        estimate = trace(A, samples=8, atol=1e-9)
        assert estimate.exact and estimate.converged
        assert estimate.value == pytest.approx(np.trace(A), abs=1e-12)
        assert estimate.matvecs <= 8 + 8 + 100

    def test_zero_operator(self):
        estimate = trace(np.zeros((200, 200)), samples=4, rtol=0.1)
        assert estimate.value == 0 and estimate.converged and estimate.matvecs == 4

    def test_float32_sums_in_float64(self):
        d = np.full(5000, 0.1, np.float32)
        op = LinearOperator((5000, 5000), matvec=lambda x: d * x.ravel(), dtype=np.float32)
        assert trace(op, samples=2).value == pytest.approx(5000 * float(np.float32(0.1)), rel=1e-9)

    def test_result(self):
        A = symmetric(np.arange(100.0))
        estimate = trace(A, samples=10, seed=1)
        assert isinstance(estimate, Estimate) and estimate == trace(A, samples=10, seed=1)
        assert json.loads(json.dumps(estimate.to_dict()))["matvecs"] == 10
        assert "95% in [" in repr(estimate)


def test_importing_the_package_leaves_scipy_sparse_alone():
    code = "import sys, tinygrad_hess; assert 'scipy.sparse' not in sys.modules; "
    code += "tinygrad_hess.curvature.HessianOperator; assert 'scipy.sparse' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
