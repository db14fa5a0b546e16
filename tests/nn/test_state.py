"""Frozen arrays and buffers: against the same functions with those arrays closed over."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import optree
import pytest

import tinygrad_hess as tg
from tinygrad_hess import curvature, nn, optim
from tinygrad_hess.core import trees
from tinygrad_hess.core.errors import TracingError

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 3)) + 2, RNG.integers(0, 2, 12)
BATCH = (X, Y)


class Centred(nn.Module):
    """Subtracts the mean of the batch, and keeps a running mean and a count of integers."""

    def __init__(self, n: int):
        self.scale = np.ones(n)
        self.mean = nn.Buffer(np.zeros(n))
        self.calls = nn.Buffer(np.array(0))

    def __call__(self, x: Any) -> Any:
        if not self.training:
            return (x - self.mean) * self.scale
        mean = x.mean(axis=0)
        self.mean = 0.5 * self.mean + 0.5 * mean
        self.calls = self.calls + 1
        return (x - mean) * self.scale


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4, seed=0), Centred(4), nn.tanh, nn.Linear(4, 2, seed=1))


def loss(model: Any, batch: Any) -> Any:
    return nn.cross_entropy(model(batch[0]), batch[1])


def with_model(model: Any, batch: Any) -> Any:
    return loss(model, batch), model


def trained(model: Any) -> dict[str, Any]:
    """The arrays of ``net()`` that are trained when its first layer is frozen."""
    return {"scale": model[1].scale, "weight": model[3].weight, "bias": model[3].bias}


def closed_over(model: Any) -> Any:
    """The same loss, of those arrays alone."""
    weight, bias = model[0].weight, model[0].bias

    def function(params: Any, batch: Any) -> Any:
        h = batch[0] @ weight + bias
        h = tg.numpy.tanh((h - h.mean(axis=0)) * params["scale"])
        return nn.cross_entropy(h @ params["weight"] + params["bias"], batch[1])

    return function


@pytest.fixture
def model() -> Any:
    return nn.freeze(net(), "layers[0]")


# ---- as if closed over --------------------------------------------------------------------------


def test_a_gradient_is_that_of_the_function_with_frozen_arrays_closed_over(model: Any) -> None:
    want = tg.grad(closed_over(model))(trained(model), BATCH)
    for transform in (tg.grad(loss), tg.jit(tg.grad(loss)), tg.grad(tg.jit(loss))):
        got = transform(model, BATCH)
        assert got[0].weight is None and got[0].bias is None
        assert got[1].mean is None and got[1].calls is None
        for name, x in trained(got).items():
            np.testing.assert_allclose(x, want[name], rtol=1e-12, atol=1e-15)


def _order(model: Any) -> Any:
    """Where elements of ``trained`` (sorted by name) lie in the model's vector."""
    sizes = {name: np.size(x) for name, x in trained(model).items()}
    at = dict(zip(sizes, np.cumsum([0, *sizes.values()]).tolist(), strict=False))
    return np.concatenate([np.arange(at[n], at[n] + sizes[n]) for n in sorted(sizes)])


@pytest.mark.parametrize("kind", ["hessian", "ggn", "fisher"])
def test_operators_have_rows_for_what_is_trained_alone(model: Any, kind: str) -> None:
    small = trained(model)
    if kind == "hessian":
        got = curvature.HessianOperator(loss, model, BATCH).to_dense()
        want = curvature.HessianOperator(closed_over(model), small, BATCH).to_dense()
    else:
        operator: Any = getattr(curvature, "GGNOperator" if kind == "ggn" else "FisherOperator")
        predict = lambda m, x: m(x)
        weight, bias = model[0].weight, model[0].bias

        def same(params: Any, x: Any) -> Any:
            h = x @ weight + bias
            h = tg.numpy.tanh((h - h.mean(axis=0)) * params["scale"])
            return h @ params["weight"] + params["bias"]

        got = operator(predict, nn.cross_entropy, model, BATCH).to_dense()
        want = operator(same, nn.cross_entropy, small, BATCH).to_dense()
    order = _order(model)
    assert got.shape == (14, 14)
    np.testing.assert_allclose(got[np.ix_(order, order)], want, rtol=1e-10, atol=1e-13)


def test_kronecker_factors_and_laplace_leave_frozen_layers_out() -> None:
    whole = nn.Sequential(nn.Linear(3, 4, seed=0), nn.tanh, nn.Linear(4, 2, seed=1))
    nn.freeze(whole, "layers[0]")
    predict = lambda m, x: m(x)
    last, first = whole[2], whole[0]
    of_last = lambda m, x: m(np.tanh(x @ first.weight + first.bias))
    got = curvature.KroneckerFactors(predict, nn.cross_entropy, whole, BATCH)
    alone = lambda m, x: of_last(m[0], x)
    want = curvature.KroneckerFactors(alone, nn.cross_entropy, [last], BATCH)
    assert got.shape == (10, 10)
    np.testing.assert_allclose(got.to_dense(), want.to_dense(), rtol=1e-10)
    got = curvature.laplace(predict, nn.cross_entropy, whole, BATCH)
    want = curvature.laplace(alone, nn.cross_entropy, [last], BATCH)
    np.testing.assert_allclose(got.log_marginal_likelihood, want.log_marginal_likelihood)


def test_nobody_counts_or_lists_them(model: Any) -> None:
    assert nn.count_parameters(model) == 14
    assert "# 14 parameters, 16 frozen" in repr(model)
    assert list(model.named_parameters()) == [
        "layers[1].scale",
        "layers[3].weight",
        "layers[3].bias",
    ]
    assert optim.global_norm(tg.grad(loss)(model.arrays(), BATCH)) == pytest.approx(
        optim.global_norm(tg.grad(closed_over(model.arrays()))(trained(model.arrays()), BATCH))
    )


def test_operators_say_what_is_frozen_and_in_which_mode(model: Any) -> None:
    make = curvature.HessianOperator
    assert "14 parameters (16 frozen), float64" in repr(make(loss, model, BATCH))
    assert "30 parameters in evaluation, float64" in repr(make(loss, net().eval(), BATCH))
    predict = lambda m, x: m(x)
    layers = nn.freeze(nn.MLP([3, 4, 2], seed=0), "layers[0]")
    factors = curvature.KroneckerFactors(predict, nn.cross_entropy, layers, BATCH)
    assert "10 parameters (16 frozen)" in repr(factors)
    with pytest.raises(ValueError, match=r"no element to differentiate \(all are frozen"):
        make(loss, nn.freeze(net()), BATCH)
    second = tg.hessian(lambda m: loss(m, BATCH))(nn.freeze(net()))
    assert second[0].weight is None and second[1].mean is None


# ---- training -----------------------------------------------------------------------------------


@pytest.mark.parametrize("jit", [True, False])
@pytest.mark.parametrize(
    "optimizer", [optim.SGD(lr=0.3, weight_decay=0.1), optim.AdamW(lr=0.1, weight_decay=0.1)]
)
def test_fit_moves_what_is_trained_and_keeps_what_is_assigned(optimizer: Any, jit: bool) -> None:
    model = nn.freeze(net(), "layers[0]")
    found = optim.fit(loss, model, BATCH, optimizer, epochs=4, jit=jit).params
    want = optim.fit(closed_over(model), trained(model), BATCH, optimizer, epochs=4).params
    for name, x in trained(found).items():
        np.testing.assert_allclose(x, want[name], rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(found[0].weight, model[0].weight)
    mean = (X @ model[0].weight + model[0].bias).mean(axis=0)
    np.testing.assert_allclose(found[1].mean, mean * (1 - 0.5**4))
    assert found[1].calls == 4 and type(found[1].calls) is type(model[1].calls) is np.int64
    assert model[1].calls == 0 and not model[1].mean.any()  # the caller's is as it was


def test_a_written_loop_keeps_buffers_in_both_styles() -> None:
    functional = net()
    opt = optim.SGD(lr=0.1)
    state = opt.init(functional)
    step = tg.jit(tg.value_and_grad(with_model, has_aux=True))
    for _ in range(3):
        (_, functional), grads = step(functional, BATCH)
        functional, state = opt.update(functional, grads, state)
    by_run = net()
    opt = optim.SGD(by_run, lr=0.1)
    for _ in range(3):
        opt.zero_grad()
        loss(by_run, BATCH).backward()
        opt.step()
    assert functional[1].calls == by_run[1].calls == 3
    assert type(by_run[1].mean) is np.ndarray
    np.testing.assert_allclose(functional[1].mean, by_run[1].mean)
    np.testing.assert_allclose(functional[3].weight, by_run[3].weight.numpy())
    stepped = net()
    opt = optim.SGD(stepped, lr=0.1)
    for _ in range(3):
        opt.step(loss, BATCH)
    np.testing.assert_allclose(stepped[1].mean, by_run[1].mean)


def test_checkpoint_passes_on_what_is_assigned() -> None:
    inside = tg.checkpoint(lambda model, x: model(x))
    checkpointed = lambda m, b: nn.cross_entropy(inside(m, b[0]), b[1])
    for jit in (True, False):
        got = optim.fit(checkpointed, net(), BATCH, optim.SGD(lr=0.1), epochs=3, jit=jit).params
        want = optim.fit(loss, net(), BATCH, optim.SGD(lr=0.1), epochs=3).params
        assert got[1].calls == 3
        np.testing.assert_allclose(got[1].mean, want[1].mean)
        np.testing.assert_allclose(got[3].weight, want[3].weight)


def test_under_vmap_each_example_has_its_own_buffers() -> None:
    batches = np.stack([X, X + 1])
    _, after = tg.vmap(lambda x: with_model(net(), (x, Y)))(batches)
    want = np.stack([0.5 * (x @ net()[0].weight + net()[0].bias).mean(0) for x in batches])
    np.testing.assert_allclose(after[1].mean, want)
    ensemble = optree.tree_map(lambda a, b: np.stack([a, b]), net(), net())
    stacked = trees.map_every(lambda a, b: np.stack([a, b]), net(), net())
    assert ensemble[1].mean.shape == (4,) and stacked[1].mean.shape == (2, 4)
    _, after = tg.vmap(lambda m: with_model(m, BATCH))(stacked)
    assert after[1].mean.shape == (2, 4) and after[1].calls.tolist() == [1, 1]


# ---- marks --------------------------------------------------------------------------------------


def test_requires_grad_means_the_same() -> None:
    model = net()
    model.parameters()
    for p in (model[0].weight, model[0].bias):
        p.requires_grad_(False)
    assert nn.count_parameters(model) == 14
    assert curvature.HessianOperator(loss, model, BATCH).shape == (14, 14)
    again = pickle.loads(pickle.dumps(model))
    assert nn.count_parameters(again) == nn.count_parameters(copy.deepcopy(model)) == 14
    before = model[0].weight.numpy()
    found = optim.fit(loss, model, BATCH, optim.SGD(lr=0.5), epochs=2).params
    np.testing.assert_array_equal(found[0].weight, before)
    model[0].weight.requires_grad_()
    assert nn.count_parameters(model) == 26


def test_freeze_by_names_predicates_and_back() -> None:
    model = net()
    assert nn.count_parameters(nn.freeze(model, ["layers[0].bias", "layers[3]"])) == 16
    assert nn.count_parameters(nn.unfreeze(model, "layers[3].weight")) == 24
    assert nn.count_parameters(nn.unfreeze(model)) == 30
    assert model == model and optree.tree_structure(model) == optree.tree_structure(net())
    assert nn.count_parameters(nn.freeze(model, lambda name, x: x.ndim == 1)) == 20
    with pytest.raises(ValueError, match=r"freeze: no array is called 'layers\[9\]'.*nearest name"):
        nn.freeze(model, "layers[9]")


@pytest.mark.parametrize("name", ["layers.head", "layers['head']", "layers.head.weight"])
def test_layers_with_names_freeze_by_them(name: str) -> None:
    model = nn.Sequential(body=nn.Linear(3, 4), head=nn.Linear(4, 2), headless=nn.Linear(2, 1))
    bias = 0 if "weight" in name else 2
    assert nn.count_parameters(nn.freeze(model, name)) == 16 + 3 + 10 - 8 - bias
    assert nn.count_parameters(nn.unfreeze(model, name)) == 29
    tree = nn.freeze(
        {"w": np.ones(2), "parts": {"b": np.ones(3), "c": np.ones(4)}}, ["w", "parts.b"]
    )
    assert nn.count_parameters(tree) == 4
    with pytest.raises(
        ValueError, match=r"no array is called 'layer.head'; .* \"layers\['head'\]\""
    ):
        nn.freeze(model, "layer.head")


def test_arrays_in_containers_of_a_module_freeze_one_by_one() -> None:
    class Pair(nn.Module):
        def __init__(self) -> None:
            self.parts = [np.ones(2), np.full(2, 3.0)]

        def __call__(self, x: Any) -> Any:
            return (x * self.parts[0] * self.parts[1]).sum()

    pair = nn.freeze(Pair(), "parts[1]")
    for transform in (tg.grad, lambda f: tg.jit(tg.grad(f))):
        gradient = transform(lambda m: m(1.0))(pair)
        np.testing.assert_array_equal(gradient.parts[0], [3.0, 3.0])
        assert gradient.parts[1] is None
    pair.parameters()
    assert [type(p).__name__ for p in pair.parts] == ["Tensor", "ndarray"]


def test_what_is_frozen_in_containers_of_a_module_can_be_trained_again() -> None:
    class Weights(nn.Module):
        def __init__(self) -> None:
            self.of = {"a": nn.Frozen(np.ones(2)), "parts": [nn.Frozen(np.ones(3)), np.ones(4)]}

    size = lambda model: nn.count_parameters(model)
    assert size(Weights()) == 4
    assert size(nn.unfreeze(Weights(), "of.a")) == 6
    assert size(nn.unfreeze(Weights(), ["of['parts'][0]"])) == 7
    assert size(nn.unfreeze(Weights())) == 9
    assert size(nn.freeze(nn.unfreeze(Weights()), "of.parts")) == 2
    assert size(nn.freeze(Weights())) == 0
    assert size(nn.unfreeze(nn.freeze(Weights()), lambda name, array: array.size == 3)) == 3


def test_buffers_in_containers_of_a_module() -> None:
    class Counts(nn.Module):
        def __init__(self) -> None:
            self.weight, self.scale = np.ones(2), nn.Frozen(np.full(2, 3.0))
            self.seen = {"sum": nn.Buffer(np.zeros(2)), "calls": nn.Buffer(0)}

        def __call__(self, x: Any) -> Any:
            self.seen["sum"].value = self.seen["sum"].value + x
            self.seen["calls"].value = self.seen["calls"].value + 1
            return (self.weight * self.scale * x).sum()

    call, x = lambda m, x: m(x), np.array([1.0, 2.0])
    assert nn.count_parameters(Counts()) == 2
    for jit in (True, False):
        model = Counts()
        found = optim.fit(call, model, [x, x], optim.SGD(lr=0.1), epochs=2, jit=jit).params
        np.testing.assert_array_equal(found.seen["sum"].value, 4 * x)
        assert found.seen["calls"].value == 4 and model.seen["calls"].value == 0
        np.testing.assert_allclose(found.weight, 1 - 4 * 0.1 * 3 * x)
        np.testing.assert_array_equal(found.scale, [3.0, 3.0])
    gradient = tg.jit(tg.grad(call))(Counts(), x)
    assert gradient.scale is None and gradient.seen["sum"].value is None


def test_a_scan_carries_a_model_with_its_buffers() -> None:
    batches = np.stack([X, X + 1, 2 * X])

    def step(model: Any, x: Any) -> Any:
        (value, model), gradient = tg.value_and_grad(with_model, has_aux=True)(model, (x, Y))
        return optree.tree_map(lambda p, g: p - 0.1 * g, model, gradient), value

    start = nn.freeze(net(), "layers[0]")
    last, values = tg.scan(step, start, batches)
    model, want = start, []
    for x in batches:
        model, value = step(model, x)
        want.append(value)
    np.testing.assert_allclose(values, want, rtol=1e-12)
    assert last[1].calls == 3
    np.testing.assert_allclose(last[1].mean, model[1].mean, rtol=1e-12)
    np.testing.assert_allclose(last[3].weight, model[3].weight, rtol=1e-12)
    through = tg.grad(lambda m: tg.scan(step, m, batches)[1][-1])(start)
    assert through[0].weight is None and np.isfinite(through[3].weight).all()
    along = optree.tree_map(np.ones_like, start)
    moved = lambda h: optree.tree_map(lambda p, v: p + h * v, start, along)
    ends = [tg.scan(step, moved(h), batches)[1][-1] for h in (1e-5, -1e-5)]
    slope = sum(g.sum() for g in trees.leaves(through))
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / 2e-5, rtol=1e-6)


def test_plain_pytrees() -> None:
    params = {"w": RNG.normal(size=(3, 2)), "b": np.zeros(2)}
    frozen = nn.freeze(params, "['w']")
    assert isinstance(params["w"], np.ndarray)
    linear = lambda p, b: nn.cross_entropy(b[0] @ p["w"] + p["b"], b[1])
    want = tg.grad(lambda b: linear({"w": params["w"], "b": b}, BATCH))(params["b"])
    for f in (tg.grad(linear), tg.jit(tg.grad(linear))):
        np.testing.assert_allclose(f(frozen, BATCH)["b"], want)
    assert curvature.HessianOperator(linear, frozen, BATCH).shape == (2, 2)
    found = optim.fit(linear, frozen, BATCH, optim.Adam(lr=0.1), epochs=3).params
    np.testing.assert_array_equal(found["w"].value, params["w"])
    assert found["b"].any()
    np.testing.assert_array_equal(nn.unfreeze(found)["w"], params["w"])


def test_buffers_of_plain_pytrees_are_kept_by_fit() -> None:
    def counted(params: Any, x: Any) -> Any:
        params["seen"].value = params["seen"].value + x.sum()
        return ((params["w"] - x) ** 2).sum()

    start = {"w": np.zeros(2), "seen": nn.Buffer(0.0)}
    for jit in (True, False):
        data = [np.ones(2), np.ones(2)]
        found = optim.fit(counted, start, data, optim.SGD(lr=0.1), epochs=2, jit=jit)
        assert found.params["seen"].value == 8.0 and start["seen"].value == 0.0


# ---- what is refused ----------------------------------------------------------------------------


def test_assigning_another_array_in_a_transform_says_what_to_write() -> None:
    class Caching(nn.Module):
        def __init__(self) -> None:
            self.weight = np.ones(3)

        def __call__(self, x: Any) -> Any:
            self.last = x * self.weight
            return self.last.sum()

    call = lambda m, x: m(x)
    for transform in (tg.grad(call), tg.jit(call), tg.vmap(call, in_axes=(None, 0))):
        with pytest.raises(TracingError, match=r"self\.last = nn\.Buffer\(array\)"):
            transform(Caching(), np.ones((2, 3)))
    by_run = Caching()
    by_run.parameters()
    by_run(np.ones(3)).backward()  # define by run there is one model, which keeps it
    assert by_run.last.shape == (3,)


def test_assigning_what_does_not_depend_on_the_model_is_lost_too() -> None:
    class Caching(nn.Module):
        def __init__(self) -> None:
            self.weight, self.last = np.ones(3), np.zeros(3)

        def __call__(self, x: Any) -> Any:
            self.last = np.asarray(x).mean(axis=0)
            return (x * self.weight).sum()

    call, said = lambda m, x: m(x), r"self\.last = nn\.Buffer\(array\)"
    for transform in (
        tg.grad(call),
        lambda m, x: tg.jvp(lambda m: m(x), (m,), (m,)),
        lambda m, x: tg.hvp(call, m, m, x),
        lambda m, x: tg.vmap(call, in_axes=(0, None))(tg.core.trees.map(lambda w: w[None], m), x),
        lambda m, x: optim.fit(call, m, x, optim.SGD(lr=0.1), progress=False),
        lambda m, x: curvature.HessianOperator(call, m, x),
    ):
        with pytest.raises(TracingError, match=said):
            transform(Caching(), np.ones((2, 3)))
    model = Caching()
    model(np.full((2, 3), 2.0))
    np.testing.assert_array_equal(model.last, np.full(3, 2.0))
    copy.deepcopy(model).last = np.ones(3)
    tg.core.trees.map(lambda w: 2 * w, model).last = np.ones(3)


def test_one_array_in_two_places_is_trained_as_one_or_refused() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            self.embedding = nn.Embedding(5, 3, seed=0)
            self.out = self.embedding.weight

        def __call__(self, x: Any) -> Any:
            return self.embedding(x) @ self.out.T

    labels, said = (
        np.arange(5),
        "embedding.weight and out are one array, and would be trained apart",
    )
    cost = lambda model, x: nn.cross_entropy(model(x), x)
    with pytest.raises(ValueError, match=said):
        optim.fit(cost, Tied(), labels, optim.SGD(lr=0.1))
    for optimizer in (optim.Adam(lr=0.1), optim.SAM(optim.SGD(lr=0.1))):
        with pytest.raises(ValueError, match=said):
            optimizer.init(Tied())
    model = Tied()
    step = optim.SGD(model.parameters(), lr=0.1)
    cost(model, labels).backward()
    start = Tied().out
    of_both = tg.grad(lambda w: nn.cross_entropy(w @ w.T, labels))(start)
    step.step()
    np.testing.assert_allclose(model.out.numpy(), start - 0.1 * of_both, rtol=1e-12)
    assert model.embedding.weight is model.out
    zeros = np.zeros(2)
    optim.fit(
        lambda p: (p["a"] - p["b"] - 1).sum() ** 2,
        {"a": zeros, "b": zeros},
        None,
        optim.SGD(lr=0.1),
    )
    frozen = nn.freeze(Tied(), "out")
    optim.fit(cost, frozen, labels, optim.SGD(lr=0.1))


class TiedLayers(nn.Module):
    """Two layers with the same weights: in two places, one of them perhaps transposed."""

    def __init__(self, how: str) -> None:
        self.first = nn.Linear(3, 3, seed=0)
        self.second = self.first if how == "layer" else nn.Linear(3, 3, seed=1)
        if how == "transposed":
            self.second.weight = self.first.weight.T

    def __call__(self, x: Any) -> Any:
        return self.second(nn.tanh(self.first(x)))


@pytest.mark.parametrize("how", ["layer", "transposed"])
def test_curvature_of_one_array_in_two_places_is_refused(how: str) -> None:
    data = np.ones((4, 3)), np.arange(4) % 3
    model = TiedLayers(how)
    call = lambda m, x: m(x)
    loss = lambda m, batch: nn.cross_entropy(m(batch[0]), batch[1])
    of_outputs = (call, nn.cross_entropy, model, data)
    for made in (
        lambda: curvature.HessianOperator(loss, model, data),
        lambda: curvature.HessianOperator(loss, model, data, dtype=np.float32),
        lambda: curvature.GGNOperator(*of_outputs),
        lambda: curvature.FisherOperator(*of_outputs),
        lambda: curvature.JacobianOperator(call, model, data[0]),
        lambda: curvature.KroneckerFactors(*of_outputs),
        lambda: curvature.laplace(*of_outputs),
        lambda: curvature.influence(loss, model, data, data),
        lambda: curvature.explain_step(loss, model, model, data),
        lambda: curvature.per_example_gradients(loss, model, data),
        lambda: curvature.report(loss, model, data),
        lambda: curvature.landscape(loss, model, data),
        lambda: optim.minimize(loss, model, args=(data,)),
        lambda: optim.SGD(lr=0.1).init(model),
    ):
        with pytest.raises(ValueError, match=r"first.weight and second.weight are one array"):
            made()
    curvature.HessianOperator(loss, TiedLayers("not"), data)
    both = tg.grad(loss)(model, data)  # a leaf for each place, as in JAX
    assert len(tg.core.trees.leaves(both)) == 4
    if how == "transposed":
        frozen = nn.freeze(model, "second")
        assert curvature.HessianOperator(loss, frozen, data).shape == (12, 12)


def test_a_buffer_of_a_model_that_jit_does_not_see_is_refused() -> None:
    model = net()
    with pytest.raises(
        TracingError, match=r"self.mean is a buffer .* Pass the model as an argument"
    ):
        tg.jit(lambda x: model(x))(X)
    assert model[1].calls == 0


def test_a_buffer_keeps_shape_and_type() -> None:
    norm = Centred(4)
    with pytest.raises(ValueError, match=r"self.mean is a buffer of shape \(4,\)"):
        norm.mean = np.ones(3)
    norm.calls = 2.7
    assert norm.calls == 2 and norm.calls.dtype == np.array(0).dtype
    with pytest.raises(TypeError, match="Buffer: value must be an array"):
        nn.Buffer("text")


def test_train_and_eval_reach_all_modules(model: Any) -> None:
    assert model.eval() is model and not model[1].training
    assert repr(model).count("training=False") == 1  # of the whole, not of each
    model[1].train()
    assert repr(model).count("training=True") == 1
    model.eval()
    np.testing.assert_allclose(
        tg.jit(lambda m, x: m[1](x))(model, np.ones((2, 4))), np.ones((2, 4))
    )
    assert model.train()[1].training and "training" not in repr(model)
