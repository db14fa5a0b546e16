"""What an operator refuses before a long run, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.curvature import (
    EmpiricalFisherOperator,
    FisherOperator,
    GGNOperator,
    HessianOperator,
    JacobianOperator,
)
from tinygrad_hess.curvature.operators import checks

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 3)), RNG.integers(0, 2, 20)


def predict(model, x):
    return model(x)


def loss(model, batch):
    return nn.cross_entropy(model(batch[0]), batch[1])


def operators(model, data, apply=predict, **options):
    """One of each kind, on data of pairs (x, y); the loss is behind ``apply``."""
    whole = lambda model, batch: nn.cross_entropy(apply(model, batch[0]), batch[1])
    yield HessianOperator(whole, model, data, **options)
    for kind in (GGNOperator, FisherOperator, EmpiricalFisherOperator):
        yield kind(apply, nn.cross_entropy, model, data, **options)
    yield JacobianOperator(lambda model, batch: apply(model, batch[0]), model, data, **options)


def net():
    return nn.MLP([3, 4, 2], seed=0)


def product(op):
    return op @ np.ones(op.shape[1])


class Circle:
    def __init__(self):
        self.number, self.again = 1, self


class TestRandomness:
    def test_dropout(self):
        rng = np.random.default_rng(1)

        def dropout(model, x):
            return model(x) * rng.integers(0, 2, (len(x), 2))

        for op in operators(net(), (X, Y), dropout):
            with pytest.raises(
                ValueError, match=rf"{type(op).__name__}.*function is random.*dropout"
            ):
                product(op)
        for op in operators(net(), (X, Y), dropout, check=False):
            assert np.isfinite(product(op)).all()

    def test_noise_that_is_seeded_inside(self):
        def noisy(model, x):
            return model(x + np.random.default_rng(3).normal(size=x.shape))

        for op in operators(net(), (X, Y), noisy):
            assert np.isfinite(product(op)).all()

    def test_a_model_that_changes_itself(self):
        class Normed(nn.Module):
            def __init__(self):
                self.linear = nn.Linear(3, 2, seed=0)
                self.stats = {"mean": np.zeros(2).tolist(), "steps": 0}

            def __call__(self, x):
                y = self.linear(x)
                self.stats["steps"] += 1
                return y - y.mean(axis=0)

        for op in operators(Normed(), (X, Y)):
            with pytest.raises(
                ValueError, match=r"changed the model at \.stats\['steps'\].*evaluation"
            ):
                product(op)

    def test_a_loss_that_writes_into_its_parameters(self):
        def careless(w):
            if w.prim is None:  # where nothing is recorded
                w.value *= 0.5
            return (w**2).sum()

        with pytest.raises(ValueError, match="changed the model at its only array"):
            product(HessianOperator(careless, np.ones(3)))

    def test_the_model_is_left_as_it_was(self):
        class Odd(nn.Module):
            """Holds about anything, itself included."""

            def __init__(self):
                self.net = net()
                self.names, self.table = ["a", "b"], {"k": np.arange(3), 2: (1.5, None)}
                self.own = Circle()
                self.rng = np.random.default_rng(0)

            def __call__(self, x):
                return self.net(x)

        model = Odd()
        before = checks.state(model)
        assert before[".table['k']"] == ((3,), "<i8", before[".table['k']"][2])
        assert before[".names[1]"] == "b" and before[".table[2][1]"] is None
        assert before[".own.number"] == 1
        np.random.seed(5)
        state = np.random.get_state()[1].copy()
        for op in operators(model, (X, Y)):
            product(op)
        assert checks.state(model) == before
        np.testing.assert_array_equal(np.random.get_state()[1], state)


class Loader:
    """Batches of 8, 8 and 4, that may come differently on a second pass."""

    def __init__(self, trick=""):
        self.trick, self.passes = trick, 0

    def __iter__(self):
        self.passes += 1
        batches = [(X[:8], Y[:8]), (X[8:16], Y[8:16]), (X[16:], Y[16:])]
        if self.passes > 1:
            if self.trick == "shuffles":
                batches = [batches[1], batches[0], batches[2]]
            elif self.trick == "drops":
                batches = batches[:2]
            elif self.trick == "adds":
                batches = [*batches, batches[0]]
            elif self.trick == "augments":  # the last batch alone, by little
                batches[2] = (X[16:] + 1e-9, Y[16:])
        return iter(batches)


class TestData:
    @pytest.mark.parametrize("trick", ["shuffles", "drops", "adds", "augments"])
    def test_a_loader_that_changes(self, trick):
        with pytest.raises(ValueError, match=r"HessianOperator: .*list\(loader\)"):
            product(HessianOperator(loss, net(), Loader(trick)))
        with pytest.raises(ValueError, match=r"JacobianOperator: .*list\(loader\)"):
            product(JacobianOperator(lambda m, b: m(b[0]), net(), Loader(trick)))
        for kind in (GGNOperator, FisherOperator, EmpiricalFisherOperator):
            with pytest.raises(ValueError, match=rf"{kind.__name__}: .*list\(loader\)"):
                product(kind(predict, nn.cross_entropy, net(), Loader(trick)))
        # Its own first pass, held as a list, is one fixed set of data.
        assert np.isfinite(product(HessianOperator(loss, net(), list(Loader(trick))))).all()

    def test_a_loader_that_stays(self):
        expected = product(HessianOperator(loss, net(), (X, Y)))
        loader = Loader()
        op = HessianOperator(loss, net(), loader)
        np.testing.assert_allclose(product(op), expected, rtol=1e-12)
        assert loader.passes == 2
        product(op)
        assert loader.passes == 2  # all tapes are kept

    def test_strided_empty_and_object_data(self):
        wide = np.repeat(X, 2, axis=1)[:, ::2]
        assert checks.fingerprint((wide, [])) == checks.fingerprint((X.copy(), []))
        assert checks.fingerprint(X) != checks.fingerprint(X.astype(np.float32))
        assert checks.fingerprint(X) != checks.fingerprint(X.reshape(-1))
        assert checks.fingerprint(X[:0]) == checks.fingerprint(X[:0].copy())
        texts = np.array(["a", None], dtype=object)
        assert checks.fingerprint(texts) == checks.fingerprint(texts.copy())
        assert checks.fingerprint(tg.tensor(X)) == checks.fingerprint(X)


class TestFinite:
    def test_loss(self):
        with (
            np.errstate(all="ignore"),
            pytest.raises(ValueError, match=r"value is nan.*debug_nans"),
        ):
            product(HessianOperator(lambda x: np.log(x).sum() * 0, np.zeros(2)))
        model = net()
        model.layers[0].bias[0] = np.inf
        with np.errstate(all="ignore"):
            for op in operators(model, (X, Y), lambda m, x: m.layers[0](x)[:, :2]):
                with pytest.raises(ValueError, match=r"value is (inf|nan|-inf)"):
                    product(op)

    def test_which_batch(self):
        bad = X[8:].copy()
        bad[0, 0] = np.nan
        op = HessianOperator(loss, net(), [(X[:8], Y[:8]), (bad, Y[8:])])
        with pytest.raises(ValueError, match="on batch 1 the value is nan"):
            product(op)

    def test_gradient(self):
        op = HessianOperator(lambda x: np.sqrt(x).sum(), np.array([0.0, 1.0]))
        with pytest.raises(ValueError, match=r"loss is 1, but 1 of 2 elements of its gradient"):
            product(op)
        assert op.value == 1  # looking is allowed

    def test_second_derivative(self):
        op = HessianOperator(lambda x: (x**1.5).sum(), np.array([0.0, 1.0]))
        assert np.isfinite(op.gradient).all()
        with pytest.raises(ValueError, match="a product is not"):
            product(op)


class TestSymmetry:
    def crooked(self):
        B = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
        half_square = tg.custom_vjp(lambda x: 0.5 * (x * x).sum())
        half_square.defvjp(lambda x: (0.5 * (x * x).sum(), x), lambda x, g: (g * (B @ x),))
        return half_square

    def test_a_wrong_rule(self):
        f = self.crooked()
        op = HessianOperator(f, np.ones(3))
        with pytest.raises(ValueError, match=r"uᵀAv = .*, but vᵀAu = .*check_grads"):
            product(op)
        np.testing.assert_allclose(product(HessianOperator(f, np.ones(3), check=False)), [3, 1, 1])

    def test_a_wrong_transpose(self):
        twice = tg.linear(
            "twice_wrongly", lambda x: 2 * x, lambda g, y, x: 3 * g, cases=[((3,), {})]
        )
        with pytest.raises(ValueError, match=r"uᵀ\(Jv\) = .*, but \(Jᵀu\)ᵀv"):
            product(JacobianOperator(twice, np.ones(3)))

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_no_false_alarm(self, dtype):
        """Scales, saturation, losses without curvature: rounding is not asymmetry."""
        x = X.astype(dtype)
        for seed in range(10):
            rng = np.random.default_rng(seed)
            for size in (0.1, 1, 30):
                params = {
                    "a": (size * rng.normal(size=(3, 40))).astype(dtype),
                    "b": (size * rng.normal(size=(40, 2))).astype(dtype),
                }
                for scale in (1e-12, 1, 1e12):
                    f = lambda p: nn.cross_entropy(np.tanh(x @ p["a"]) @ p["b"], Y) * dtype(scale)
                    op = HessianOperator(f, params)
                    assert np.isfinite(op @ np.ones(op.shape[0], dtype)).all()
        for flat in (
            lambda w: (x @ w).sum(),
            lambda w: (nn.log_softmax(w) - nn.log_softmax(w + 1)).sum(),
        ):
            assert np.isfinite(product(HessianOperator(flat, np.ones(3, dtype)))).all()


class TestCost:
    def test_one_more_loss_and_two_more_products_once(self):
        calls, products = [], []

        def counted(model, batch):
            calls.append(len(batch[0]))
            return loss(model, batch)

        op = HessianOperator(counted, net(), [(X[:8], Y[:8]), (X[8:], Y[8:])])
        product(op)
        assert calls == [8, 12, 8] and op.matvecs == 1
        for recorded in op._passes.tapes.values():
            plain = recorded.products
            recorded.products = lambda *args, plain=plain: products.append(1) or plain(*args)
        product(op)
        assert calls == [8, 12, 8] and op.matvecs == 2 and not products

    def test_blocks_of_what_was_checked_are_not_checked_again(self):
        calls = []

        def counted(model, batch):
            calls.append(1)
            return loss(model, batch)

        op = HessianOperator(counted, net(), (X, Y))
        product(op.block("layers[0]"))
        assert len(calls) == 3  # recorded for the whole and the part, and evaluated once
        product(op)
        calls.clear()
        product(op.block("layers[0]"))
        assert len(calls) == 1

    def test_nothing_without_a_product(self):
        calls = []

        def counted(model, batch):
            calls.append(1)
            return loss(model, batch)

        op = HessianOperator(counted, net(), (X, Y))
        assert op.value > 0 and op.gradient.shape == (26,) and len(calls) == 1


class TestInterruption:
    def test_an_interrupted_pass_can_be_taken_up(self):
        """Ctrl-C in the middle of a pass leaves an operator that still gives right products."""
        interrupt = [False, False, True]

        def stopped(model, x):
            if interrupt and interrupt.pop(0):
                raise KeyboardInterrupt
            return model(x)

        expected = product(HessianOperator(loss, net(), (X, Y)))
        whole = lambda model, batch: nn.cross_entropy(stopped(model, batch[0]), batch[1])
        op = HessianOperator(whole, net(), Loader())
        with pytest.raises(KeyboardInterrupt):
            product(op)
        np.testing.assert_allclose(product(op), expected, rtol=1e-12)
        assert op.value == pytest.approx(HessianOperator(loss, net(), (X, Y)).value, rel=1e-14)
