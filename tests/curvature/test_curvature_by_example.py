"""Traces from signs that differ from example to example, against dense matrices."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.core.registry import REGISTRY
from tinygrad_hess.curvature import (
    EmpiricalFisherOperator,
    FisherOperator,
    GGNOperator,
    HessianOperator,
    layer_traces,
    trace,
)
from tinygrad_hess.curvature.operators.per_example.uses import UncopiedError, uses
from tinygrad_hess.transforms.recording import Recording

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 6)), RNG.integers(0, 3, 40)
SEQUENCES, LABELS = RNG.normal(size=(30, 4, 6)), RNG.integers(0, 3, 30)
IMAGES = RNG.normal(size=(30, 2, 6, 6))
WEIGHTS = {
    "b": RNG.normal(size=5),
    "g": RNG.normal(size=5),
    "q": RNG.normal(size=(5, 5)),
    "v": RNG.normal(size=(5, 3)),
    "w": RNG.normal(size=(6, 5)),
}
ce = nn.cross_entropy


def weights(names):
    return {name: WEIGHTS[name] for name in names}


def net(p, x):
    return np.tanh(x @ p["w"] + p["b"]) @ p["v"]


def by_columns(p, x):
    return (p["v"].T @ np.tanh(p["w"].T @ x.T + p["b"][:, None])).T


def flat(p, x):
    return np.tanh(x @ p[:30].reshape(6, 5) + p[30:35]) @ p[35:].reshape(5, 3)


def normalised(p, x):
    h = x @ p["w"]
    return np.tanh((h - h.mean(0)) / np.sqrt(h.var(0) + 0.1)) @ p["v"]


def attention(p, x):
    h = np.tanh(x @ p["w"] + p["b"])
    return (nn.softmax(h @ p["q"] @ h.swapaxes(1, 2)) @ h * p["g"]).mean(1) @ p["v"]


def recurrent(p, x):
    h = np.zeros((len(x), 5))
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ p["w"] + h @ p["q"] + p["b"])
    return h @ p["v"]


def flattened_tokens(p, x):
    """All positions of all examples as rows, one after the other."""
    rows = np.tanh(x.reshape(-1, 6) @ p["w"] + p["b"]) @ p["v"]
    return rows.reshape(*x.shape[:2], 3).mean(1)


def siamese(p, x):
    return np.tanh(x @ p["w"] + p["b"]) @ p["v"] - np.tanh(2 * x @ p["w"] + p["b"]) @ p["v"]


def einsum(p, x):
    return np.einsum("no,oc->nc", np.tanh(np.einsum("ni,io->no", x, p["w"]) * p["g"]), p["v"])


CONVOLUTIONAL = nn.Sequential(
    nn.Conv2d(2, 3, 3, seed=1), np.tanh, nn.Conv2d(3, 3, 3, seed=2), np.tanh, nn.Flatten(),
    nn.Linear(12, 3, seed=3),
)  # fmt: skip

MODELS = {
    "module": (lambda p, x: p(x), nn.MLP([6, 5, 4, 3], seed=0), X, Y),
    "arrays": (net, weights("bvw"), X, Y),
    "by columns": (by_columns, weights("bvw"), X, Y),
    "one vector": (flat, RNG.normal(size=50), X, Y),
    "einsum": (einsum, weights("gvw"), X, Y),
    "convolutions": (lambda p, x: p(x), CONVOLUTIONAL, IMAGES, LABELS),
    "attention": (attention, weights("bgqvw"), SEQUENCES, LABELS),
    "recurrent": (recurrent, weights("bqvw"), SEQUENCES, LABELS),
    "rows": (flattened_tokens, weights("bvw"), SEQUENCES, LABELS),
    "siamese": (siamese, weights("bvw"), X, Y),
}
LOSSES = {
    **{name: (lambda p, b, f=f: ce(f(p, b[0]), b[1]), p, x, y) for name, (f, p, x, y) in MODELS.items()},
    "weight decay": (
        lambda p, b: ce(net(p, b[0]), b[1]) + 0.1 * (p["w"] ** 4).sum() + 0.3 * (p["v"] ** 2).sum(),
        weights("bvw"), X, Y,
    ),
    "penalty on all": (
        lambda p, b: ce(net(p, b[0]), b[1]) * (1 + (p["w"] ** 2).sum()), weights("bvw"), X, Y,
    ),
    "gradient in the loss": (
        lambda p, b: (
            ce(net(p, b[0]), b[1])
            + 1e-2 * (tg.grad(lambda x: np.tanh(x @ p["w"]).sum())(b[0]) ** 2).mean()
        ),
        weights("bvw"), X, Y,
    ),
    "other uses by broadcasting": (
        lambda p, b: ce(
            np.maximum(b[0] @ p["w"], p["b"]) @ p["v"] * np.power(2.0, p["s"]) + p["s"], b[1]
        ),
        weights("bvw") | {"s": np.array(0.3)}, X, Y,
    ),
    "product of parameters": (
        lambda p, b: ce(np.tanh(b[0] @ (p["w"] @ p["q"]) + p["b"]) @ p["v"], b[1]),
        weights("bqvw"), X, Y,
    ),
}  # fmt: skip


def hessian(name, **options):
    loss, params, x, y = LOSSES[name]
    return HessianOperator(loss, params, (x, y), **options)


def of_leaves(matrix, op):
    diagonal = np.diag(matrix)
    return np.array([diagonal[place].sum() for place in op.leaf_places])


def check(op, probes=3000, seed=0):
    """Means of forms of each leaf, in standard errors from the trace of its block."""
    forms = op.example_forms()
    found = forms(range(probes), seed)
    matrix = op.to_dense()
    error = found.std(axis=1) / probes**0.5
    away = found.mean(axis=1) - of_leaves(matrix, op)
    assert (np.abs(away) <= 4.5 * error + 1e-12 * np.abs(matrix).max()).all(), away / error
    off = (matrix**2).sum() - (np.diag(matrix) ** 2).sum()
    return found.sum(axis=0).std() / (2 * off) ** 0.5


class TestForms:
    @pytest.mark.parametrize("name", LOSSES)
    def test_means_are_traces_of_the_blocks(self, name):
        check(hessian(name))

    @pytest.mark.parametrize(("name", "most"), [("module", 0.3), ("convolutions", 0.3)])
    def test_spread_is_smaller(self, name, most):
        """Of the forms, over that of ``zᵀ H z``."""
        assert check(hessian(name), 500) < most

    @pytest.mark.parametrize("operator", [GGNOperator, FisherOperator, EmpiricalFisherOperator])
    @pytest.mark.parametrize("name", ["module", "by columns", "attention", "convolutions"])
    def test_gauss_newton_and_fisher(self, operator, name):
        predict, params, x, y = MODELS[name]
        check(operator(predict, ce, params, (x, y)))

    @pytest.mark.parametrize("reduction", ["mean", "sum"])
    def test_batches(self, reduction):
        loss, params, x, y = LOSSES["arrays"]
        batches = [(x[:7], y[:7]), (x[7:30], y[7:30]), (x[30:], y[30:])]
        check(HessianOperator(loss, params, batches, reduction=reduction))
        no_memory = HessianOperator(loss, params, batches, reduction=reduction, tape_memory=0)
        kept = HessianOperator(loss, params, batches, reduction=reduction)
        np.testing.assert_allclose(
            no_memory.example_forms()(range(3), 0), kept.example_forms()(range(3), 0), rtol=1e-12
        )

    def test_one_block(self):
        check(hessian("module").block("layers[1]"))

    def test_float32(self):
        narrow = hessian("arrays", dtype=np.float32).example_forms()(range(200), 0)
        wide = hessian("arrays").example_forms()(range(200), 0)
        np.testing.assert_allclose(narrow, wide, rtol=1e-3, atol=1e-3)

    def test_probes_do_not_depend_on_blocks(self):
        forms = hessian("attention").example_forms()
        apart = np.concatenate([forms(range(3), 1), forms(range(3, 7), 1)], axis=1)
        np.testing.assert_allclose(forms(range(7), 1), apart, rtol=1e-12)

    def test_no_error_where_each_example_has_one_output(self):
        """Logistic regression: every probe gives the trace."""
        loss = lambda w, b: np.log1p(np.exp(-(b[0] @ w) * b[1])).mean()
        op = HessianOperator(loss, RNG.normal(size=6), (X, np.sign(Y - 0.5)))
        np.testing.assert_allclose(
            op.example_forms()(range(5), 0)[0], np.trace(op.to_dense()), rtol=1e-12
        )


class TestExamplesThatInteract:
    """What has no copies is found out, and its trace is still right."""

    LOSSES = {
        "batch normalisation": lambda p, b: ce(normalised(p, b[0]), b[1]),
        "pairs": lambda p, b: ((net(p, b[0][::2]) - net(p, b[0][1::2])) ** 2).mean(),
        "contrast with the neighbour": lambda p, b: (
            np.roll(net(p, b[0]), 1, axis=0) * net(p, b[0])
        ).mean(),
        "square of the mean": lambda p, b: net(p, b[0]).mean() ** 2,
        "one pair of forty": lambda p, b: (
            ce(net(p, b[0]), b[1]) + 1e-6 * net(p, b[0])[3, 0] * net(p, b[0])[17, 1]
        ),
        "standardised loss": lambda p, b: np.log((net(p, b[0]) ** 2).mean()),
        "vmap": lambda p, b: tg.vmap(lambda x: (net(p, x) ** 2).sum())(b[0]).mean(),
        "checkpoint": lambda p, b: ce(tg.checkpoint(net)(p, b[0]), b[1]),
        "no examples": lambda p, b: (p["w"] ** 4).sum() + np.sin(p["v"] @ p["v"].T).sum(),
    }

    @pytest.mark.parametrize("name", LOSSES)
    def test_trace_goes_another_way(self, name):
        op = HessianOperator(self.LOSSES[name], weights("bvw"), (X, Y))
        right = np.trace(op.to_dense())
        try:
            op.example_forms()(range(1), 0)
        except UncopiedError:
            pass
        else:  # some of the parameters may have copies of another kind
            check(op)
        found = trace(op, rtol=0.02, max_matvecs=40)  # fewer than would make it exact
        low, high = found.interval
        assert abs(found.value - right) <= 2 * (high - low) + 1e-12

    @pytest.mark.parametrize(
        "name", ["batch normalisation", "square of the mean", "one pair of forty", "vmap"]
    )
    def test_found_out(self, name):
        op = HessianOperator(self.LOSSES[name], weights("vw") | weights("b"), (X, Y))
        with pytest.raises(UncopiedError):
            op.example_forms()(range(1), 0)
        assert "example" not in trace(op, max_matvecs=30).method

    def test_a_loss_that_changes_is_an_error(self):
        noise = np.random.default_rng(0)
        loss = lambda p, b: ce(net(p, b[0] + 0.1 * noise.normal(size=b[0].shape)), b[1])
        op = HessianOperator(loss, weights("bvw"), (X, Y))
        with pytest.raises(ValueError, match="the function is random"):
            trace(op, max_matvecs=30)


def _transposes(scale=1):
    """Of a product of rows with a matrix."""
    return (
        lambda g, y, a, b: scale * (g @ b.swapaxes(-1, -2)),
        lambda g, y, a, b: scale * (a.swapaxes(-1, -2) @ g),
    )


@pytest.fixture
def own():
    """Operations of a user's own, by what they are called here."""
    before = set(REGISTRY)
    shapes = [([(4, 3), (3, 2)], {})]
    slope = lambda g, y, a, b: g * (1 - y * y)
    yield {
        "backward": tg.linear(
            "own_backward",
            lambda x: x[..., ::-1],
            lambda g, y, x: g[..., ::-1],
            moves=True,
            cases=[([(3,)], {})],
        ),
        "activation": tg.elementwise(
            "own_activation", lambda a, b: np.tanh(a + b), slope, slope, domain=(-1, 1)
        ),
        "product": tg.bilinear(
            "own_product",
            lambda a, b: a @ b,
            *_transposes(),
            signature="(m,n),(n,p)->(m,p)",
            partial="sum",
            cases=shapes,
        ),
        "undeclared product": tg.bilinear(
            "own_undeclared_product", lambda a, b: a @ b, *_transposes(), cases=shapes
        ),
        "product by columns": tg.bilinear(
            "own_product_by_columns",
            lambda a, b: (a @ b).swapaxes(-1, -2),
            lambda g, y, a, b: g.swapaxes(-1, -2) @ b.swapaxes(-1, -2),
            lambda g, y, a, b: a.swapaxes(-1, -2) @ g.swapaxes(-1, -2),
            signature="(m,n),(n,p)->(p,m)",
            partial="sum",
            cases=shapes,
        ),
        "twice a product": tg.bilinear(
            "own_twice_a_product",
            lambda a, b: 2 * (a @ b),
            *_transposes(2),
            signature="(m,n),(n,p)->(m,p)",
            partial="sum",
            cases=shapes,
        ),
    }
    for name in set(REGISTRY) - before:
        REGISTRY.pop(name)


class TestOperationsOfOnesOwn:
    @pytest.mark.parametrize("name", ["product", "undeclared product", "product by columns"])
    def test_examples_have_copies_of_all_parameters(self, name, own):
        def loss(p, b):
            h = own[name](b[0], own["backward"](p["w"]))
            h = h.T if "columns" in name else h
            return ce(own["activation"](h, p["b"]) @ p["v"], b[1])

        op = HessianOperator(loss, weights("bvw"), (X, Y))
        check(op, 500)
        run = Recording(loss, (weights("bvw"), (X, Y)), {}, (0,), "test")
        found = uses(run)
        assert sorted(u.leaf for u in found) == [0, 1, 2]
        assert all(u.suits(len(X)) for u in found)
        assert "example" in trace(op, max_matvecs=30).method

    def test_a_factor_of_its_own_is_no_product(self, own):
        """It would be missing from the changes that stand for copies."""
        loss = lambda p, b: ce(
            np.tanh(own["twice a product"](b[0], p["w"]) + p["b"]) @ p["v"], b[1]
        )
        op = HessianOperator(loss, weights("bvw"), (X, Y))
        check(op, 500)
        found = uses(Recording(loss, (weights("bvw"), (X, Y)), {}, (0,), "test"))
        assert [u.leaf for u in found if not u.suits(len(X))] == [2]


class TestTrace:
    def op(self):
        model = nn.MLP([6, 24, 3], np.tanh, seed=0)
        return HessianOperator(lambda p, b: ce(p(b[0]), b[1]), model, (X, Y))

    def test_fewer_products(self):
        op = self.op()
        found, before = trace(op, rtol=0.05), trace(op, 24, rtol=0.05)
        assert found.converged and found.method == "Hutchinson by example"
        assert found.matvecs < before.matvecs / 3
        assert abs(found.value - np.trace(op.to_dense())) <= 0.1 * found.value

    def test_budget(self):
        found = trace(self.op(), max_matvecs=30)
        assert found.matvecs == 30 and found.converged
        short = trace(self.op(), rtol=1e-4, max_matvecs=60)
        assert not short.converged and "max_matvecs" in short.reason and short.matvecs <= 60

    def test_few_examples_are_deflated(self):
        model = nn.MLP([6, 24, 3], np.tanh, seed=0)
        few = HessianOperator(lambda p, b: ce(p(b[0]), b[1]), model, (X[:8], Y[:8]))
        assert "example" not in trace(few, max_matvecs=60).method

    def test_goes_on_from_a_checkpoint(self, tmp_path):
        op, path = self.op(), tmp_path / "trace.npz"
        whole = trace(op, rtol=0.02)
        trace(op, rtol=0.02, max_matvecs=30, checkpoint=path)
        resumed = trace(op, rtol=0.02, checkpoint=path)
        assert resumed.value == pytest.approx(whole.value, rel=1e-12)
        assert resumed.interval == pytest.approx(whole.interval, rel=1e-9)

    def test_layers(self):
        op = self.op()
        found, diagonal = layer_traces(op, rtol=0.05), np.diag(op.to_dense())
        assert found.converged and found.total.method == "Hutchinson by example"
        for name, places in op.layers.items():
            low, high = found.layers[name].interval
            assert abs(found.layers[name].value - diagonal[places].sum()) <= high - low
        # A layer that is part of an array is none of its leaves.
        parts = {"a": np.arange(7), "b": np.arange(7, op.shape[0])}
        split = layer_traces(op, parts, rtol=0.05)
        assert split.total.method != "Hutchinson by example"

    @pytest.mark.slow
    @pytest.mark.parametrize("accuracy", [{"max_matvecs": 26}, {"rtol": 0.05}])
    @pytest.mark.parametrize("examples", [16, 40])
    def test_coverage(self, examples, accuracy):
        """95% intervals hold the truth in 93 to 97% of the seeds."""
        model = nn.MLP([6, 24, 3], np.tanh, seed=0)
        data = X[:examples], Y[:examples]
        op = HessianOperator(lambda p, b: ce(p(b[0]), b[1]), model, data)
        right = np.trace(op.to_dense())
        found = [trace(op, seed=seed, **accuracy) for seed in range(1500)]
        estimated = [f for f in found if not f.exact]
        assert np.mean([f.method == "Hutchinson by example" for f in found]) > 0.5
        inside = np.mean([f.interval[0] <= right <= f.interval[1] for f in estimated])
        assert 0.93 <= inside <= 0.97
