"""What all operators on outputs share: batches, columns, types, trees."""

from __future__ import annotations

import functools
import gc
import weakref
from typing import Any

import numpy as np
import pytest
from comparing import close
from small_nets import (
    OPERATORS,
    N,
    Problem,
    mlp,
    predict,
    vector,
)

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.curvature import (
    GGNOperator,
    HessianOperator,
    JacobianOperator,
    report,
    trace,
)


@pytest.fixture(scope="module")
def problem():
    return Problem()


class TestData:
    @pytest.mark.parametrize("kind", ["ggn", "fisher", "empirical"])
    def test_ragged_batches_weigh_by_their_size(self, problem, kind):
        make, sizes = OPERATORS[kind], [5, 6, 1]
        ends = np.cumsum(sizes)
        for loss, y in ((nn.cross_entropy, problem.labels), (nn.mse, problem.y)):
            batches = [(problem.x[e - n : e], y[e - n : e]) for e, n in zip(ends, sizes)]
            full = make(predict, loss, problem.params, (problem.x, y))
            for given in (batches, batches[::-1], iter(batches)):
                op = make(predict, loss, problem.params, given)
                close(op.to_dense(), full.to_dense(), 1e-12)
                close(op.gradient, full.gradient, 1e-12)
                assert op.value == pytest.approx(full.value)
            total = functools.partial(loss, reduction="sum")
            added = make(predict, total, problem.params, batches, reduction="sum")
            terms = 5 if loss is nn.mse else 1  # in an example; a gradient's square has it squared
            close(
                added.to_dense(),
                N * terms ** (2 if kind == "empirical" else 1) * full.to_dense(),
                1e-12,
            )

    @pytest.mark.parametrize("kind", OPERATORS)
    def test_columns_batches_of_columns_and_symmetry(self, problem, kind):
        V = np.random.default_rng(4).normal(size=(vector(problem.params).size, 6))
        for chunk_size in (None, 1, 4):
            op = OPERATORS[kind](
                predict, nn.cross_entropy, problem.params, (problem.x, problem.labels),
                chunk_size=chunk_size,
            )  # fmt: skip
            close(op @ V, np.stack([op @ v for v in V.T], axis=1), 1e-12)
            dense = op.to_dense()
            close(dense, dense.T, 1e-12)
            close(op.rmatvec(V[:, 0]), dense.T @ V[:, 0], 1e-12)
            close(op.H @ V, op @ V, 1e-12)
            close(op @ (V + 2j * V), (1 + 2j) * (op @ V), 1e-12)

    @pytest.mark.parametrize("kind", OPERATORS)
    def test_float32_stays_float32(self, problem, kind):
        params = mlp(np.random.default_rng(0), dtype=np.float32)
        wide = [{k: v.astype(float) for k, v in layer.items()} for layer in params]
        for loss, y in (
            (nn.cross_entropy, problem.labels),
            (nn.mse, problem.y.astype(np.float32)),
            (nn.binary_cross_entropy_with_logits, problem.bits),
        ):
            data = (problem.x.astype(np.float32), y)
            op = OPERATORS[kind](predict, loss, params, data)
            assert op.dtype == (op @ np.ones(op.shape[0], np.float32)).dtype == np.float32
            assert op.to_dense().dtype == op.gradient.dtype == op.value.dtype == np.float32
            if kind != "monte carlo":
                other = OPERATORS[kind](predict, loss, wide, (problem.x, y))
                close(op.to_dense(), other.to_dense(), 1e-5)

    @pytest.mark.parametrize("kind", OPERATORS)
    def test_another_precision(self, problem, kind):
        """Parameters and data are converted; labels stay, and blocks stay in it."""
        for loss, y in ((nn.cross_entropy, problem.labels), (nn.mse, problem.y)):
            op = OPERATORS[kind](predict, loss, problem.params, (problem.x, y))
            narrow = op.astype(np.float32)
            assert type(narrow) is type(op) and narrow.dtype == np.float32
            assert narrow.block("[0]").dtype == narrow.gradient.dtype == np.float32
            close(narrow.to_dense(), op.to_dense(), 1e-5)
            close(narrow.astype(np.float64).to_dense(), op.to_dense(), 1e-6)
            again = OPERATORS[kind](predict, loss, problem.params, (problem.x, y), dtype="float32")
            np.testing.assert_array_equal(again.to_dense(), narrow.to_dense())
        with pytest.raises(ValueError, match=r"dtype must be a floating-point type"):
            OPERATORS[kind](predict, nn.mse, problem.params, (problem.x, problem.y), dtype=int)

    @pytest.mark.parametrize("kind", OPERATORS)
    def test_models_of_tensors_and_trees_of_products(self, problem, kind):
        model = nn.MLP([3, 4, 5], seed=0)
        op = OPERATORS[kind](lambda m, x: m(x), nn.mse, model, (problem.x, problem.y))
        v = np.random.default_rng(5).normal(size=op.shape[0])
        tree = op(op.unflatten(v))
        assert isinstance(tree, nn.MLP)
        np.testing.assert_array_equal(op.flatten(tree), op @ v)
        tensors = model.parameters()
        again = OPERATORS[kind](lambda m, x: m(x), nn.mse, model, (problem.x, problem.y))
        np.testing.assert_array_equal(again @ v, op @ v)
        assert all(t.grad is None and t.is_leaf for t in tensors)

    @pytest.mark.parametrize("kind", OPERATORS)
    def test_says_what_it_is(self, problem, kind):
        op = OPERATORS[kind](predict, nn.mse, problem.params, [(problem.x, problem.y)] * 2)
        op @ np.ones((op.shape[0], 2))
        name = type(op).__name__
        assert repr(op).startswith(f"<{name}: 41 parameters, float64, mean over 2 batches, loss ")
        assert repr(op).endswith("2 products>") and op.matvecs == 2

    def test_methods_that_arrays_do_not_have(self):
        """Functions see tensors when they are differentiated, and so where they are only called."""
        x, y = np.ones((6, 3)), np.arange(6) % 2
        forward = lambda w, x: (x @ w).relu().at[:, 0].add(1.0).clamp(max=9.0)
        loss = lambda w, b: nn.cross_entropy(forward(w, b[0]), b[1])
        w = np.random.default_rng(0).normal(size=(3, 2))
        H = HessianOperator(loss, w, (x, y))
        assert H.gradient.shape == (H @ np.ones(6)).shape == (6,)
        for op in (
            GGNOperator(forward, nn.cross_entropy, w, (x, y)), JacobianOperator(forward, w, x),
        ):  # fmt: skip
            assert np.isfinite(op @ np.ones(6)).all()
        assert trace(H).exact and report(H, budget="1s").text

    def test_outputs_that_ignore_the_parameters(self, problem):
        op = GGNOperator(lambda p, x: x, nn.mse, np.ones(3), (problem.x, problem.x + 1))
        np.testing.assert_array_equal(op @ np.ones((3, 2)), np.zeros((3, 2)))
        np.testing.assert_array_equal(op.gradient, np.zeros(3))
        assert op.value == 1


@pytest.mark.parametrize("kind", ["Hessian", "GGN", "Jacobian"])
def test_freed_without_the_garbage_collector(kind: str) -> None:
    """A loop that makes an operator at each step would otherwise pile up their tapes."""
    x, y = np.linspace(-1, 1, 12).reshape(6, 2), np.arange(6) % 3
    model = nn.MLP([2, 4, 3], seed=0)
    predict = lambda model, x: model(x)
    gc.collect()
    gc.disable()
    try:
        op: Any = {
            "Hessian": lambda: tg.curvature.HessianOperator(
                lambda m, b: nn.cross_entropy(m(b[0]), b[1]), model, (x, y)
            ),
            "GGN": lambda: tg.curvature.GGNOperator(predict, nn.cross_entropy, model, (x, y)),
            "Jacobian": lambda: tg.curvature.JacobianOperator(lambda m: m(x), model),
        }[kind]()
        vectors = np.ones((op.shape[1], 3))
        assert np.isfinite(op @ vectors[:, 0]).all() and np.isfinite(op @ vectors).all()
        alive = weakref.ref(op)
        del op
        assert alive() is None
    finally:
        gc.enable()


def test_a_model_that_is_one_layer() -> None:
    loss = lambda m, b: ((m(b[0]) - b[1]) ** 2).sum()
    data = (np.ones((4, 3)), np.zeros((4, 2)))
    op = HessianOperator(loss, nn.Linear(3, 2, seed=0), data)
    assert {name: len(p) for name, p in op.layers.items()} == {"Linear": 8}
    assert op.block("Linear").shape == (8, 8)
    assert list(op.block_diagonal().blocks) == ["Linear"]
    with pytest.raises(
        TypeError, match=r"a path must be a string .* Write block\('weight', 'bias'"
    ):
        op.block(["weight", "bias"])


def test_what_a_block_fixes_has_the_methods_of_tensors() -> None:
    """A loss that calls them works in a block, too: x.tanh() of the outputs of a fixed layer."""

    class Net(tg.nn.Module):
        def __init__(self) -> None:
            self.first, self.last = tg.nn.Linear(2, 3, seed=0), tg.nn.Linear(3, 1, seed=1)

        def __call__(self, x: Any) -> Any:
            return self.last(self.first(x).tanh())

    x = np.random.default_rng(0).normal(size=(5, 2))
    H = HessianOperator(lambda m, x: (m(x) ** 2).mean(), Net(), x)
    J = JacobianOperator(lambda m, x: m(x), Net(), x)
    at = H.layers["last"]
    np.testing.assert_allclose(
        H.block("last").to_dense(), H.to_dense()[at][:, at], rtol=1e-12, atol=1e-15
    )
    np.testing.assert_allclose(J.block("last").to_dense(), J.to_dense()[:, at], rtol=1e-12)
