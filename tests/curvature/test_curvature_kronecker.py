"""Kronecker factors against matrices known in closed form and gradients found example by example."""

from __future__ import annotations

import numpy as np
import pytest
from comparing import close

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.curvature import (
    GGNOperator,
    InverseOperator,
    KroneckerFactors,
    per_example_gradients,
)
from tinygrad_hess.curvature.operators.flattening import Flattening
from tinygrad_hess.curvature.operators.ggn.output_roots import output_roots
from tinygrad_hess.curvature.operators.kfac.layer_taps import LayerTaps

LOSSES = {
    "cross_entropy": nn.cross_entropy,
    "mse": nn.mse,
    "binary": nn.binary_cross_entropy_with_logits,
}


def call(model, x):
    return model(x)


def targets(name, rng, n, C):
    if name == "cross_entropy":
        return rng.integers(0, C, n)
    return rng.normal(size=(n, C)) if name == "mse" else rng.integers(0, 2, (n, C)).astype(float)


def loss_hessian(name, f):
    """Of one example's loss in its own C outputs, by hand."""
    C = len(f)
    if name == "cross_entropy":
        p = np.exp(f - f.max())
        p /= p.sum()
        return np.diag(p) - np.outer(p, p)
    if name == "mse":
        return 2 / C * np.eye(C)
    p = 1 / (1 + np.exp(-f))
    return np.diag(p * (1 - p)) / C


def tanh_net_jacobians(model, x):
    """Of the outputs of a tanh net with one hidden layer, (n, C, P), by the chain rule."""
    first, second = model.layers
    h = np.tanh(x @ first.weight + first.bias)
    out = []
    for a, b in zip(x, h, strict=True):
        C = second.weight.shape[1]
        back = (1 - b**2)[:, None] * second.weight  # (hidden, C)
        one = np.concatenate([np.einsum("i,hc->cih", a, back).reshape(C, -1), back.T], axis=1)
        two = np.concatenate([np.einsum("h,cd->chd", b, np.eye(C)).reshape(C, -1), np.eye(C)], 1)
        out.append(np.concatenate([one, two], axis=1))
    return np.array(out)


def gauss_newton(name, model, x):
    """Mean over examples, by hand."""
    J, f = tanh_net_jacobians(model, x), model(x)
    return np.mean([j.T @ loss_hessian(name, o) @ j for j, o in zip(J, f, strict=True)], axis=0)


def block_diagonal(H, *sizes):
    out, at = np.zeros_like(H), 0
    for n in sizes:
        out[at : at + n, at : at + n] = H[at : at + n, at : at + n]
        at += n
    return out


class TestExactCases:
    @pytest.mark.parametrize("name", LOSSES)
    @pytest.mark.parametrize("corrected", [False, True])
    def test_one_example(self, rng, name, corrected):
        """Then the mean of a product is the product of the means."""
        model = nn.MLP([3, 5, 4], seed=0)
        x, y = rng.normal(size=(1, 3)), targets(name, rng, 1, 4)
        K = KroneckerFactors(call, LOSSES[name], model, (x, y), corrected=corrected)
        H = gauss_newton(name, model, x)
        close(K.to_dense(), block_diagonal(H, 20, 24), 1e-11)

    def test_linear_regression(self, rng):
        """One layer under squared error: the backward pass is the same for all examples."""
        x, y = rng.normal(size=(30, 3)), rng.normal(size=(30, 2))
        model = nn.Linear(3, 2, seed=0)
        K = KroneckerFactors(call, nn.mse, model, (x, y))
        ones = np.c_[x, np.ones(30)]
        close(K.to_dense(), np.kron(ones.T @ ones / 30, np.eye(2)), 1e-11)
        close(K.blocks["layer"].A, ones.T @ ones / 30, 1e-11)

    def test_deep_linear_net(self, rng):
        """Bernacchia, Lengyel and Hennequin (2018): each layer's block is exact."""
        sizes = [4, 5, 3, 2]
        model = nn.MLP(sizes, lambda x: x, bias=False, seed=0)
        x, y = rng.normal(size=(25, 4)), rng.normal(size=(25, 2))
        K = KroneckerFactors(call, nn.mse, model, (x, y))
        W = [layer.weight for layer in model.layers]
        before, after = [np.eye(4), W[0], W[0] @ W[1]], [W[1] @ W[2], W[2], np.eye(2)]
        for i, block in enumerate(K.blocks.values()):
            a, b = x @ before[i], after[i]
            close(block.to_dense(), np.kron(a.T @ a / 25, b @ b.T), 1e-11)

    def test_softmax_regression_has_its_known_factors(self, rng):
        n, C = 40, 3
        x, y = rng.normal(size=(n, 4)), rng.integers(0, C, n)
        model = nn.Linear(4, C, seed=1)
        block = KroneckerFactors(call, nn.cross_entropy, model, (x, y)).blocks["layer"]
        close(block.B, np.mean([loss_hessian("cross_entropy", f) for f in model(x)], axis=0), 1e-11)


HALVES = (
    "layers[0].bias",
    "layers[0].weight",
    ("layers[0].bias", "layers[1].weight"),
    ("layers[0].weight", "layers[1]"),
)
"""What of a net to freeze, so that of some layer only the weight or only the bias is left."""


class TestHalfFrozen:
    @pytest.mark.parametrize("names", HALVES)
    @pytest.mark.parametrize("corrected", [False, True])
    def test_one_example(self, rng, names, corrected):
        """The rows of the whole matrix, without those of what is frozen."""
        model = nn.MLP([3, 5, 4], seed=0)
        x, y = rng.normal(size=(1, 3)), rng.integers(0, 4, 1)
        whole = block_diagonal(gauss_newton("cross_entropy", model, x), 20, 24)
        places = {"layers[0].weight": range(15), "layers[0].bias": range(15, 20),
                  "layers[1].weight": range(20, 40), "layers[1].bias": range(40, 44)}  # fmt: skip
        gone = (names,) if isinstance(names, str) else names
        left = [i for k, at in places.items() if not k.startswith(gone) for i in at]
        nn.freeze(model, names)
        K = KroneckerFactors(call, nn.cross_entropy, model, (x, y), corrected=corrected)
        close(K.to_dense(), whole[np.ix_(left, left)], 1e-11)

    def test_a_bias_alone_is_exact_for_any_data(self, rng):
        model = nn.MLP([3, 5, 4], seed=0)
        x, y = rng.normal(size=(30, 3)), rng.integers(0, 4, 30)
        H = gauss_newton("cross_entropy", model, x)
        nn.freeze(model, lambda name, _: name.endswith("weight"))
        K = KroneckerFactors(call, nn.cross_entropy, model, (x, y))
        close(K.blocks["layers[0]"].B, H[15:20, 15:20], 1e-11)
        close(K.blocks["layers[1]"].B, H[40:, 40:], 1e-11)
        close(
            K.to_dense(),
            GGNOperator(call, nn.cross_entropy, model, (x, y)).block_diagonal().to_dense(),
            1e-11,
        )

    def test_groups_of_a_convolution(self, rng):
        """At one position, its map is a matrix with a block for each group."""
        conv = nn.freeze(nn.Conv2d(2, 4, 2, groups=2, seed=0), "weight")
        predict = lambda m, x: m(x)[:, :, 0, 0]
        x, y = rng.normal(size=(7, 2, 2, 2)), rng.normal(size=(7, 4))
        K = KroneckerFactors(predict, nn.mse, conv, (x, y))
        close(K.to_dense(), 2 / 4 * np.eye(4), 1e-11)
        nn.freeze(nn.unfreeze(conv), "bias")
        K = KroneckerFactors(predict, nn.mse, conv, (x, y))
        for g, block in enumerate(K.blocks.values()):
            a = x[:, g].reshape(7, 4)
            close(block.to_dense(), np.kron(a.T @ a / 7, np.eye(2) / 2), 1e-11)


class TestEigenvalueCorrection:
    @pytest.mark.parametrize("name", LOSSES)
    def test_it_is_the_best_with_these_eigenvectors(self, rng, name):
        model = nn.MLP([3, 5, 4], seed=0)
        x, y = rng.normal(size=(30, 3)), targets(name, rng, 30, 4)
        kfac, ekfac = (
            KroneckerFactors(call, LOSSES[name], model, (x, y), corrected=c) for c in (False, True)
        )
        H = gauss_newton(name, model, x)
        for block, part in zip(ekfac.blocks.values(), (slice(0, 20), slice(20, 44)), strict=True):
            Q = np.kron(*block.basis)
            close(block.corrected.ravel(), np.diag(Q.T @ H[part, part] @ Q), 1e-10)
        wanted = block_diagonal(H, 20, 24)
        away = [np.linalg.norm(K.to_dense() - wanted) for K in (kfac, ekfac)]
        assert away[1] < away[0]
        assert np.trace(ekfac.to_dense()) == pytest.approx(np.trace(H), rel=1e-12)

    def test_same_draws_in_both_walks(self, rng):
        """With inputs of length 1, the trace of EKFAC is that of B, if the gradients are the same."""
        x, y = rng.normal(size=(30, 3)), rng.integers(0, 4, 30)
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        model = nn.Linear(3, 4, bias=False, seed=0)
        for seed in range(3):
            K = KroneckerFactors(
                call, nn.cross_entropy, model, (x, y),
                corrected=True, expectation="monte_carlo", samples=2, seed=seed,
            )  # fmt: skip
            assert np.trace(K.to_dense()) == pytest.approx(np.trace(K.blocks["layer"].B), rel=1e-12)


class TestExpectations:
    def test_empirical_is_the_second_moment_of_the_gradients(self, rng):
        model = nn.Linear(3, 2, seed=0)
        x, y = rng.normal(size=(1, 3)), rng.normal(size=(1, 2))
        K = KroneckerFactors(call, nn.mse, model, (x, y), expectation="empirical")
        g = K.flatten(tg.grad(lambda m: nn.mse(m(x), y))(model))
        close(K.to_dense(), np.outer(g, g), 1e-11)

    @pytest.mark.parametrize("reduction", ["mean", "sum"])
    def test_empirical_eigenvalues_over_many_examples(self, rng, reduction):
        """EKFAC keeps the trace, which is the sum of the squared norms of the gradients."""
        model = nn.MLP([3, 4, 2], seed=0)
        x, y = rng.normal(size=(12, 3)), rng.integers(0, 2, 12)
        K = KroneckerFactors(
            call,
            lambda f, y: nn.cross_entropy(f, y, reduction=reduction),
            model,
            [(x[:7], y[:7]), (x[7:], y[7:])],
            expectation="empirical",
            corrected=True,
            reduction=reduction,
        )
        g = per_example_gradients(lambda m, b: nn.cross_entropy(m(b[0]), b[1]), model, (x, y))
        total = sum((leaf**2).sum() for leaf in tg.core.trees.leaves(g))
        assert np.trace(K.to_dense()) == pytest.approx(total / (12 if reduction == "mean" else 1))

    def test_monte_carlo_has_no_bias_and_its_error_falls(self, rng):
        model = nn.Linear(3, 4, seed=0)
        data = rng.normal(size=(20, 3)), rng.integers(0, 4, 20)
        exact = KroneckerFactors(call, nn.cross_entropy, model, data)

        def error(samples, seed):
            K = KroneckerFactors(
                call, nn.cross_entropy, model, data,
                expectation="monte_carlo", samples=samples, seed=seed,
            )  # fmt: skip
            return K.to_dense() - exact.to_dense()

        one = [error(1, s) for s in range(200)]
        rms = np.sqrt(np.mean([np.sum(e**2) for e in one]))
        assert np.linalg.norm(np.mean(one, axis=0)) < 2 * rms / np.sqrt(200)
        many = np.sqrt(np.mean([np.sum(error(16, s) ** 2) for s in range(40)]))
        assert 0.7 < 4 * many / rms < 1.4
        np.testing.assert_array_equal(error(3, 1), error(3, 1))
        assert np.abs(error(3, 1) - error(3, 2)).max() > 0

    def test_monte_carlo_is_exact_with_one_output(self, rng):
        model = nn.Linear(3, 1, seed=0)
        data = rng.normal(size=(20, 3)), rng.integers(0, 2, (20, 1)).astype(float)
        loss = nn.binary_cross_entropy_with_logits
        drawn, exact = (
            KroneckerFactors(call, loss, model, data, expectation=e)
            for e in ("monte_carlo", "exact")
        )
        close(drawn.to_dense(), exact.to_dense(), 1e-11)


class TestData:
    @pytest.mark.parametrize("expectation", ["exact", "empirical"])
    @pytest.mark.parametrize("corrected", [False, True])
    def test_ragged_batches_and_reductions(self, rng, expectation, corrected):
        model = nn.MLP([3, 4, 2], seed=0)
        x, y = rng.normal(size=(51, 3)), rng.integers(0, 2, 51)
        options = {"expectation": expectation, "corrected": corrected}
        whole = KroneckerFactors(call, nn.cross_entropy, model, (x, y), **options)
        cut = [(x[:25], y[:25]), (x[25:50], y[25:50]), (x[50:], y[50:])]
        parts = KroneckerFactors(call, nn.cross_entropy, model, cut, **options)
        close(parts.to_dense(), whole.to_dense(), 1e-10)
        loss = lambda f, y: nn.cross_entropy(f, y, reduction="sum")
        summed = KroneckerFactors(call, loss, model, cut, reduction="sum", **options)
        close(summed.to_dense(), 51 * whole.to_dense(), 1e-10)
        assert parts.examples == summed.examples == 51

    def test_a_loader_that_drops(self, rng):
        class Loader:
            walks = 0

            def __iter__(self):
                Loader.walks += 1
                yield rng.normal(size=(6 - Loader.walks, 3)), rng.normal(size=(6 - Loader.walks, 1))

        with pytest.raises(
            ValueError,
            match=r"of a second pass over the data differs|this pass over the data found",
        ):
            KroneckerFactors(call, nn.mse, nn.Linear(3, 1), Loader(), corrected=True)

    def test_float32_stays(self, rng):
        model = nn.MLP([3, 4, 2], seed=0, dtype=np.float32)
        x, y = rng.normal(size=(9, 3)).astype(np.float32), rng.integers(0, 2, 9)
        for corrected in (False, True):
            K = KroneckerFactors(call, nn.cross_entropy, model, (x, y), corrected=corrected)
            v = np.ones(K.shape[0], np.float32)
            found = [K @ v, K.solve(v, 0.1), K.to_dense(), K.blocks["layers[0]"].A]
            assert all(a.dtype == np.float32 for a in found)

    def test_tensors_as_parameters_and_the_model_is_left_alone(self, rng):
        model = nn.MLP([3, 4, 2], seed=0)
        x, y = rng.normal(size=(9, 3)), rng.integers(0, 2, 9)
        plain = KroneckerFactors(call, nn.cross_entropy, model, (x, y)).to_dense()
        before = [leaf.copy() for leaf in tg.core.trees.leaves(model)]
        parameters = model.parameters()
        close(KroneckerFactors(call, nn.cross_entropy, model, (x, y)).to_dense(), plain, 1e-11)
        for p, b in zip(parameters, before, strict=True):
            np.testing.assert_array_equal(p.numpy(), b)
            assert p.grad is None
        assert all(isinstance(layer, nn.Linear) for layer in model.layers)


class TestFunctions:
    @pytest.mark.parametrize("corrected", [False, True])
    def test_against_the_dense_matrix(self, rng, corrected):
        model = nn.Sequential(
            nn.Conv2d(1, 2, 2, seed=0), nn.tanh, nn.Flatten(), nn.Linear(8, 3, seed=1)
        )
        x, y = rng.normal(size=(15, 1, 3, 3)), rng.integers(0, 3, 15)
        K = KroneckerFactors(call, nn.cross_entropy, model, (x, y), corrected=corrected)
        D, P = K.to_dense(), K.shape[0]
        V = rng.normal(size=(P, 3))
        close(D, D.T, 1e-11)
        close(K @ V, D @ V, 1e-11)
        close(K.T @ V[:, 0], D @ V[:, 0], 1e-11)
        damped = D + 0.3 * np.eye(P)
        close(K.solve(V, 0.3), np.linalg.solve(damped, V), 1e-10)
        close(K.solve(V[:, 0], damping=0.3), np.linalg.solve(damped, V[:, 0]), 1e-10)
        half = K.inverse_root(np.eye(P), 0.3)
        close(half @ half.T, np.linalg.inv(damped), 1e-10)
        assert K.log_determinant(0.3) == pytest.approx(np.linalg.slogdet(damped)[1], abs=1e-9)
        close(np.sort(K.eigenvalues()), np.linalg.eigvalsh(D), 1e-9)
        tree = K.unflatten(V[:, 0])
        close(K.flatten(K(tree)), D @ V[:, 0], 1e-11)
        close(K.flatten(K.solve(tree, 0.3)), K.solve(V[:, 0], 0.3), 1e-11)

    def test_a_singular_matrix_needs_damping(self, rng):
        x, y = rng.normal(size=(20, 3)), rng.integers(0, 2, 20)  # softmax: a null direction
        K = KroneckerFactors(call, nn.cross_entropy, nn.Linear(3, 2, seed=0), (x, y))
        with pytest.raises(ValueError, match=r"singular.*positive damping"):
            K.solve(np.ones(8))
        assert K.log_determinant() < -50
        regular = KroneckerFactors(
            call, nn.mse, nn.Linear(3, 2, seed=0), (x, rng.normal(size=(20, 2)))
        )
        close(regular @ regular.solve(np.arange(8.0)), np.arange(8.0), 1e-10)
        for f in (K.solve, lambda v, d: K.log_determinant(d)):
            with pytest.raises(ValueError, match="damping must not be negative"):
                f(np.ones(8), -1.0)
        with pytest.raises(ValueError, match=r"vector of shape \(7,\) does not fit 8"):
            K.solve(np.ones(7), 0.1)

    def test_its_inverse_preconditions_a_solve(self, rng):
        """Conjugate gradients on the blocks of the Gauss-Newton matrix need fewer steps with it.

        (Not so on the whole matrix, whose coupling of layers it does not know.)
        """
        x = rng.normal(size=(60, 6)) * np.geomspace(0.03, 3, 6)
        y = rng.normal(size=(60, 2))
        model = nn.MLP([6, 5, 2], seed=0)
        K = KroneckerFactors(call, nn.mse, model, (x, y))
        G = block_diagonal(gauss_newton("mse", model, x), 35, 12)
        b = rng.normal(size=len(G))
        plain, helped = (
            InverseOperator(G, damping=1e-3, preconditioner=M).solve(b)
            for M in (None, K.inverse(1e-3))
        )
        close(helped.x, np.linalg.solve(G + 1e-3 * np.eye(len(G)), b), 1e-6)
        assert helped.converged
        assert helped.iterations < 0.6 * plain.iterations
        v = rng.normal(size=len(G))
        close(K.inverse(0.2) @ v, K.solve(v, 0.2), 1e-11)
        assert repr(K.inverse(0.2)).endswith("damping 0.2>")

    def test_repr(self, rng):
        data = rng.normal(size=(1, 3)), rng.normal(size=(1, 1))
        K = KroneckerFactors(call, nn.mse, nn.Linear(3, 1), data, corrected=True)
        assert repr(K) == (
            "<KroneckerFactors: 4 parameters, float64, EKFAC of the mean, exact, 1 example, 1 block>"
        )


class Twice(nn.Module):
    """One layer, called at two places."""

    inner: nn.Linear
    outer: nn.Linear

    def __call__(self, x):
        return self.outer(np.tanh(self.inner(np.tanh(self.inner(x)))))


class Pooled(nn.Module):
    """A layer over the tokens of a sequence."""

    inner: nn.Linear
    outer: nn.Linear

    def __call__(self, x):
        return self.outer(np.tanh(self.inner(x)).sum(axis=1))


def conv(*args, **kwargs):
    return nn.Sequential(nn.Conv2d(*args, seed=0, **kwargs), nn.tanh, nn.Flatten())


NETS = {
    "dense": (lambda: nn.MLP([4, 3, 2], seed=0), (4,)),
    "no bias": (lambda: nn.MLP([4, 3, 2], bias=False, seed=0), (4,)),
    "called twice": (lambda: Twice(nn.Linear(3, 3, seed=0), nn.Linear(3, 2, seed=1)), (3,)),
    "tokens": (lambda: Pooled(nn.Linear(3, 4, seed=0), nn.Linear(4, 2, seed=1)), (5, 3)),
    "convolution": (lambda: conv(2, 3, 3), (2, 4, 5)),
    "rectangular window": (lambda: conv(2, 3, (2, 3), bias=False), (2, 4, 5)),
    "stride and padding": (lambda: conv(2, 3, 3, (2, 1), 1), (2, 5, 4)),
    "same padding, even window": (lambda: conv(1, 2, 2, padding="same"), (1, 3, 3)),
    "dilation": (lambda: conv(1, 2, 2, dilation=2), (1, 4, 4)),
    "groups": (lambda: conv(4, 6, 2, groups=2), (4, 3, 3)),
    "depthwise": (lambda: conv(3, 3, 2, groups=3), (3, 3, 3)),
    "one axis": (
        lambda: nn.Sequential(nn.Conv1d(2, 3, 3, padding=1, seed=0), nn.tanh, nn.Flatten()),
        (2, 6),
    ),
}  # fmt: skip


class TestTaps:
    @pytest.mark.parametrize("net", NETS)
    def test_inputs_and_cotangents_make_up_the_gradient(self, rng, net):
        """``Σ_t a bᵀ``, put where ``index`` says, is each example's own gradient."""
        make, shape = NETS[net]
        model, x = make(), rng.normal(size=(4, *shape))
        outputs = np.asarray(model(x))
        weights = rng.normal(size=(2, *outputs.shape))
        at = Flattening(model, "test")
        taps = LayerTaps(at)
        run = taps.run(call, x)
        close(run.outputs, outputs, 1e-11)
        found = np.zeros((2, 4, at.size))
        (arrived,) = run.cotangents(weights)
        for layer in taps.layers:
            a, b = run.inputs(layer), arrived[layer.number][..., layer.outputs]
            found[:, :, layer.index] = np.einsum("nti,knto->knio", a, b)
        for k in range(2):
            for n in range(4):
                f = lambda m, n=n, k=k: (m(x[n : n + 1])[0] * weights[k, n]).sum()
                close(found[k, n], at.flatten(tg.grad(f)(model)), 1e-12)

    @pytest.mark.parametrize("net", NETS)
    def test_trace_of_ekfac_is_that_of_gauss_newton(self, rng, net):
        make, shape = NETS[net]
        model, x = make(), rng.normal(size=(4, *shape))
        y = rng.normal(size=np.shape(model(x)))
        K = KroneckerFactors(call, nn.mse, model, (x, y), corrected=True)
        J = tg.core.trees.leaves(tg.jacobian(lambda m: m(x))(model))
        squares = sum((leaf**2).sum() for leaf in J)
        assert np.trace(K.to_dense()) == pytest.approx(2 / y.size * squares)

    def test_positions_of_a_convolution_by_hand(self, rng):
        """A is the mean of the patches' outer products, B the sum over positions."""
        model, x = conv(1, 2, 2), rng.normal(size=(3, 1, 3, 3))
        y = rng.normal(size=(3, 8))
        block = KroneckerFactors(call, nn.mse, model, (x, y)).blocks["layers[0]"]
        patches = [
            np.append(x[n, 0, i : i + 2, j : j + 2].ravel(), 1)
            for n in range(3) for i in range(2) for j in range(2)
        ]  # fmt: skip
        close(block.A, np.mean([np.outer(p, p) for p in patches], axis=0), 1e-11)
        slopes = 1 - np.asarray(model(x)).reshape(3, 2, 4) ** 2  # (n, channel, position)
        close(block.B, np.diag((slopes**2).sum(axis=2).mean(axis=0)) * 2 / 8, 1e-11)

    def test_an_output_that_does_not_depend_on_a_call(self, rng):
        class Idle(nn.Module):
            used: nn.Linear
            idle: nn.Linear

            def __call__(self, x):
                self.idle(x)
                return self.used(x)

        x, y = rng.normal(size=(5, 2)), rng.normal(size=(5, 1))
        K = KroneckerFactors(call, nn.mse, Idle(nn.Linear(2, 1), nn.Linear(2, 1)), (x, y))
        assert not K.blocks["idle"].B.any()
        assert K.blocks["used"].B.all()

    def test_layers_anywhere_in_a_tree(self, rng):
        layers = {"b": [nn.Linear(3, 2, seed=0)], "a": nn.Linear(2, 2, seed=1)}
        predict = lambda p, x: p["a"](np.tanh(p["b"][0](x)))
        data = rng.normal(size=(6, 3)), rng.integers(0, 2, 6)
        K = KroneckerFactors(predict, nn.cross_entropy, layers, data)
        assert list(K.blocks) == ["['a']", "['b'][0]"]


class TestErrors:
    data = (np.ones((4, 3)), np.ones((4, 2)))

    def test_parameters_outside_layers(self):
        model = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
        with pytest.raises(ValueError, match=r"also hold layers\[1\].weight, layers\[1\].bias"):
            KroneckerFactors(call, nn.mse, model, self.data)

    def test_a_layer_with_a_rule_of_its_own(self):
        class Squared(nn.Linear):
            def __call__(self, x):
                return super().__call__(x) ** 2

        with pytest.raises(ValueError, match="also hold"):
            KroneckerFactors(call, nn.mse, Squared(3, 2), self.data)

    def test_a_weight_used_beside_its_layer(self):
        with pytest.raises(AttributeError, match=r"predict reads layer.weight beside calling"):
            KroneckerFactors(lambda m, x: x @ m.weight, nn.mse, nn.Linear(3, 2), self.data)

    def test_a_layer_that_is_not_called(self):
        model = [nn.Linear(3, 2), nn.Linear(3, 2)]
        with pytest.raises(ValueError, match=r"does not call \[1\]"):
            KroneckerFactors(lambda m, x: m[0](x), nn.mse, model, self.data)

    def test_outputs_that_cannot_be_traced_to_the_layers(self):
        for predict in (tg.jit(call), lambda m, x: [m(x)], lambda m, x: m(x).detach()):
            with pytest.raises(ValueError, match="does not come from the layers"):
                KroneckerFactors(predict, nn.mse, nn.Linear(3, 2), self.data)

    @pytest.mark.parametrize("expectation", ["exact", "empirical"])
    def test_what_is_not_finite(self, expectation):
        x, y = self.data
        model = nn.Linear(3, 2, seed=0)
        options = {"expectation": expectation}
        with pytest.raises(ValueError, match=r"the value is nan, so there is no curvature"):
            KroneckerFactors(call, nn.mse, model, (x * np.nan, y), **options)
        infinite = lambda f, y: (f**2).sum() * np.inf
        with pytest.raises(ValueError, match="the value is inf, so there is no curvature"):
            KroneckerFactors(call, infinite, model, (x, y), **options)

    def test_a_layer_called_inside_vmap(self):
        predict = lambda m, x: tg.vmap(m)(x)
        with pytest.raises(ValueError, match="inside vmap"):
            KroneckerFactors(predict, nn.mse, nn.Linear(3, 2), self.data)

    def test_examples_are_the_first_axis(self):
        predict = lambda m, x: m(x.reshape(2, 6)).reshape(4, 2)
        with pytest.raises(ValueError, match=r"input of shape \(2, 6\).*first axis of both"):
            KroneckerFactors(predict, nn.mse, nn.Linear(6, 4), self.data)

    def test_a_loss_that_is_not_convex(self):
        with pytest.raises(ValueError, match="not convex in the outputs"):
            KroneckerFactors(call, lambda f, y: -(f**2).sum(), nn.Linear(3, 2), self.data)

    def test_options(self):
        for options, message in (
            ({"expectation": "type-2"}, "is not 'exact', 'monte_carlo' or"),
            ({"reduction": "none"}, "not 'mean' or 'sum'"),
            ({"reduction": "sum"}, "the loss has reduction='mean'"),
            (
                {"expectation": "monte_carlo", "samples": 0},
                "samples must be an integer of at least 1",
            ),
        ):
            with pytest.raises(ValueError, match=message):
                KroneckerFactors(call, nn.mse, nn.Linear(3, 2), self.data, **options)

    def test_data(self):
        with pytest.raises(ValueError, match="batch 0 is not a pair"):
            KroneckerFactors(call, nn.mse, nn.Linear(3, 2), self.data[0])
        empty = (np.ones((0, 3)), np.ones((0, 2)))
        with pytest.raises(ValueError, match="holds no example"):
            KroneckerFactors(call, nn.mse, nn.Linear(3, 2), empty)


class TestOutputRoots:
    @pytest.mark.parametrize("name", LOSSES)
    def test_they_are_roots_of_the_hessian(self, rng, name):
        f, y = rng.normal(size=(7, 4)), targets(name, rng, 7, 4)
        S = output_roots(LOSSES[name], f, y, "test")
        assert len(S) == (3 if name == "cross_entropy" else 4)  # softmax has a null direction
        for n in range(7):
            close(S[:, n].T @ S[:, n], loss_hessian(name, f[n]) / 7, 1e-11)

    def test_a_loss_of_ones_own_over_several_axes(self, rng):
        f, y = rng.normal(size=(3, 2, 2)), rng.normal(size=(3, 2, 2))
        loss = lambda f, y: (np.logaddexp(f, y).sum(axis=(1, 2)) ** 2).sum()
        S = output_roots(loss, f, y, "test").reshape(-1, 3, 4)
        for n in range(3):
            H = tg.hessian(lambda g, n=n: loss(g, y[n : n + 1]))(f[n : n + 1]).reshape(4, 4)
            close(S[:, n].T @ S[:, n], H, 1e-11)

    def test_extreme_logits(self):
        f = np.array([[800.0, 0.0, -800.0], [0.0, 0.0, 0.0]])
        S = output_roots(nn.cross_entropy, f, np.array([0, 1]), "test")
        assert np.isfinite(S).all()
        assert not S[:, 0].any()


@pytest.mark.parametrize("logit", [30.0, 37.0, 40.0, 60.0, 800.0])
@pytest.mark.parametrize("scale", [1.0, 1e-20])
def test_where_all_examples_are_saturated_rounding_is_no_curvature(
    logit: float, scale: float
) -> None:
    """p (1 - p) of softmax for p = exp(-logit), which 1 - p loses beside 1."""
    model, x, y = nn.Linear(1, 2, seed=0).arrays(), np.ones((3, 1)), np.ones(3, int)
    model.weight, model.bias = np.array([[0.0, logit]]), np.zeros(2)
    loss = lambda f, y: scale * nn.cross_entropy(f, y)
    found = KroneckerFactors(call, loss, model, (x, y)).to_dense()
    p = np.exp(-logit)
    assert np.isfinite(found).all() and np.abs(found).max() <= scale * (2 * p + 1e-15)
    concave = lambda f, y: -scale * 1e-12 * ((f - y[:, None]) ** 2).mean()
    with pytest.raises(ValueError, match="not convex in the outputs"):
        KroneckerFactors(call, concave, model, (x, y))
