"""Layers against closed forms: dropout's masks, norms, recurrences, attention, embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import curvature, nn, optim
from tinygrad_hess.core import trees
from tinygrad_hess.core.tape import Tape
from tinygrad_hess.curvature.operators.kfac.layer_taps import _input_positions

RNG = np.random.default_rng(0)


# ---- dropout ------------------------------------------------------------------------------------


def test_a_share_of_p_is_dropped_and_the_mean_stays() -> None:
    out = nn.Dropout(0.3, seed=0)(np.ones(200_000))
    np.testing.assert_allclose(np.unique(out), [0, 1 / 0.7])
    assert abs((out == 0).mean() - 0.3) < 5 * (0.3 * 0.7 / out.size) ** 0.5
    assert abs(out.mean() - 1) < 0.01


def test_masks_are_numpys_philox() -> None:
    layer = nn.Dropout(0.5, seed=7)
    key = np.random.default_rng(7).integers(2**63)
    for counter in range(3):
        bits = np.random.Philox(key=[key, 0], counter=[0, 0, counter, 0])
        kept = np.random.Generator(bits).random((4, 5)) >= 0.5
        np.testing.assert_array_equal(layer(np.ones((4, 5))), 2.0 * kept)


def test_each_step_has_a_mask_of_its_own_and_a_state_has_one() -> None:
    def loss(model: Any, x: Any) -> Any:
        return model(x).sum(), model

    step = tg.jit(tg.value_and_grad(loss, argnums=1, has_aux=True))
    model, x, seen = nn.Dropout(0.5, seed=0), np.ones(64), []
    for _ in range(4):
        (_, model), mask = step(model, x)
        seen.append(mask)
    assert len({mask.tobytes() for mask in seen}) == 4
    again, by_run = nn.Dropout(0.5, seed=0), []
    for _ in range(4):
        by_run.append(again(x))
    np.testing.assert_array_equal(seen, by_run)
    start = nn.Dropout(0.5, seed=0)
    np.testing.assert_array_equal(step(start, x)[1], step(start, x)[1])


def test_a_checkpoint_computes_with_the_same_mask_again() -> None:
    x = RNG.normal(size=32)

    def loss(model: Any, inside: Any) -> Any:
        return sum((inside(model, x * i) ** 3).sum() for i in (1, 2))  # two masks

    call = lambda model, y: model(y)
    net = nn.Sequential(nn.Linear(32, 16, seed=0), nn.Dropout(0.5, seed=1))
    for wrap in (lambda f: f, tg.jit):
        got = wrap(tg.grad(lambda m: loss(m, tg.checkpoint(call))))(net)
        want = tg.grad(lambda m: loss(m, call))(net)
        np.testing.assert_allclose(got[0].weight, want[0].weight, rtol=1e-12, atol=1e-13)


def test_inside_vmap_each_example_has_a_mask() -> None:
    xs = np.ones((3, 4, 50))
    for f in (lambda x: nn.Dropout(0.5, seed=0)(x), tg.vmap(lambda x: nn.Dropout(0.5, seed=0)(x))):
        masks = tg.vmap(f)(xs).reshape(3, -1)
        assert len({mask.tobytes() for mask in masks}) == 3
    models = trees.map_every(lambda a, b: np.stack([a, b]), nn.Dropout(seed=0), nn.Dropout(seed=1))
    both = tg.vmap(lambda m, x: m(x))(models, np.ones((2, 9)))
    np.testing.assert_array_equal(both, [nn.Dropout(seed=s)(np.ones(9)) for s in (0, 1)])


def test_fit_draws_anew_and_goes_on_where_it_stopped() -> None:
    net = nn.Sequential(nn.Linear(3, 8, seed=0), nn.Dropout(0.5, seed=1), nn.Linear(8, 1, seed=2))
    x, y = RNG.normal(size=(20, 3)), RNG.normal(size=(20, 1))
    loss = lambda m, b: nn.mse(m(b[0]), b[1])
    opt = optim.Adam(lr=0.01)
    whole = optim.fit(loss, net, (x, y), opt, epochs=6)
    first = optim.fit(loss, net, (x, y), opt, epochs=2)
    rest = optim.fit(loss, first.params, (x, y), opt, epochs=4, state=first.state)
    np.testing.assert_array_equal(whole.params[0].weight, rest.params[0].weight)
    assert whole.params[1].state[1] == 6
    recorded = optim.fit(loss, net, (x, y), opt, epochs=6, jit=False)
    np.testing.assert_allclose(whole.losses, recorded.losses, rtol=1e-12)


def test_a_hessian_in_training_is_that_of_one_mask() -> None:
    net = nn.Sequential(nn.Linear(3, 4, seed=0), nn.Dropout(0.5, seed=1), nn.Linear(4, 1, seed=2))
    x, y = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 1))
    loss = lambda m, b: nn.mse(m(b[0]), b[1])
    mask = nn.Dropout(0.5, seed=1)(np.ones((6, 4)))
    fixed = lambda m, b: nn.mse(m[2](m[0](b[0]) * mask), b[1])
    got = curvature.HessianOperator(loss, net, (x, y)).to_dense()
    want = curvature.HessianOperator(fixed, net, (x, y)).to_dense()
    np.testing.assert_allclose(got, want, atol=1e-14)


def test_integers_and_short_floats_are_dropped_too() -> None:
    mask = nn.Dropout(0.5, seed=0)(np.ones(50))
    np.testing.assert_array_equal(nn.Dropout(0.5, seed=0)(np.full(50, 3)), 3 * mask)
    short = nn.Dropout(0.5, seed=0)(np.ones(50, np.float32))
    assert short.dtype == np.float32
    np.testing.assert_array_equal(short, mask)


@pytest.mark.parametrize("p", [-0.1, 1.0, "half"])
def test_dropout_refuses_what_is_no_probability(p: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="Dropout: p must be"):
        nn.Dropout(p)


# ---- normalisation ------------------------------------------------------------------------------


def test_batch_norm_tracks_unbiased_variances_and_evaluates_with_them() -> None:
    batches = [RNG.normal(size=(10, 2)) * 3 + 1 for _ in range(3)]
    norm = nn.BatchNorm1d(2, momentum=None)
    for x in batches:
        out = norm(x)
        np.testing.assert_allclose(out.mean(0), 0, atol=1e-12)
        np.testing.assert_allclose(out.var(0), x.var(0) / (x.var(0) + 1e-5))
    np.testing.assert_allclose(norm.running_mean, np.mean([x.mean(0) for x in batches], 0))
    np.testing.assert_allclose(norm.running_var, np.mean([x.var(0, ddof=1) for x in batches], 0))
    x = batches[0]
    want = (x - norm.running_mean) / np.sqrt(norm.running_var + 1e-5)
    np.testing.assert_allclose(norm.eval()(x), want)
    assert norm.batches == 3
    single = nn.BatchNorm1d(2, track=False).eval()
    np.testing.assert_allclose(single(x), nn.BatchNorm1d(2)(x))


def test_batch_norm_refuses_a_batch_of_one_and_other_shapes() -> None:
    with pytest.raises(ValueError, match=r"one value, which is its own mean.*model\.eval\(\)"):
        nn.BatchNorm1d(2)(np.ones((1, 2)))
    assert nn.BatchNorm1d(2).eval()(np.ones((1, 2))).shape == (1, 2)
    with pytest.raises(ValueError, match=r"BatchNorm2d: input must be \(N, 2, H, W\)"):
        nn.BatchNorm2d(2)(np.ones((1, 3, 4, 4)))


def test_group_norm_of_one_group_and_of_as_many_as_channels() -> None:
    x = RNG.normal(size=(2, 4, 3, 3))
    flat = lambda axes: (
        (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)
    )
    np.testing.assert_allclose(nn.GroupNorm(1, 4)(x), flat((1, 2, 3)))
    np.testing.assert_allclose(nn.GroupNorm(4, 4)(x), flat((2, 3)))
    with pytest.raises(ValueError, match="groups=3 must divide channels=4"):
        nn.GroupNorm(3, 4)


@pytest.mark.parametrize(
    "layer",
    [nn.BatchNorm1d(3), nn.GroupNorm(1, 3), nn.RMSNorm(3), nn.LayerNorm(3)],
    ids=lambda layer: type(layer).__name__,
)
def test_norms_have_second_derivatives_that_differences_confirm(layer: Any) -> None:
    x = RNG.normal(size=(4, 3))
    loss = lambda m, x: (m(x) ** 3).sum()
    tg.check_grads(lambda x: loss(layer, x), (x,), order=2)
    arrays = trees.leaves(layer)
    spec = trees.structure(layer)
    tg.check_grads(lambda *p: loss(trees.unflatten(spec, p), x), tuple(arrays), order=2)


# ---- embeddings ---------------------------------------------------------------------------------


def test_embedding_is_a_product_with_unit_vectors() -> None:
    table, numbers = nn.Embedding(5, 3, seed=0), np.array([[4, 0], [4, 2]])
    np.testing.assert_array_equal(table(numbers), np.eye(5)[numbers] @ table.weight)
    got = tg.grad(lambda m: (m(numbers) ** 2).sum())(table).weight
    np.testing.assert_allclose(
        got, 2 * np.bincount(numbers.ravel(), minlength=5)[:, None] * table.weight
    )


def test_padding_is_zeros_and_is_not_trained() -> None:
    table = nn.Embedding(5, 3, padding=1, seed=0)
    assert not table(np.array([1])).any()
    gradient = tg.grad(lambda m: (m(np.array([0, 1])) + 1).sum())(table).weight
    assert gradient[0].all() and not gradient[1].any()


def test_embedding_checks_its_numbers_at_each_replay() -> None:
    table = nn.Embedding(5, 3, seed=0)
    run = tg.jit(lambda m, n: m(n))
    run(table, np.array([1, 2]))
    for numbers in ([1, 5], [-1, 2]):
        with pytest.raises(ValueError, match=r"Embedding: .* must be from 0 to 4"):
            run(table, np.array(numbers))
    with pytest.raises(TypeError, match="must be integers"):
        table(np.array([0.5]))


# ---- recurrences --------------------------------------------------------------------------------


def _steps(layer: Any, x: Any) -> Any:
    """A loop over the steps of one layer in Python."""
    cell, state, outputs = layer.cells[0][0], None, []
    for t in range(x.shape[1]):
        state = cell(x[:, t], state)
        outputs.append(state[0] if isinstance(state, tuple) else state)
    return np.stack(outputs, axis=1)


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_a_sequence_is_a_loop_over_its_cell(kind: Any) -> None:
    layer, x = kind(3, 4, seed=0), RNG.normal(size=(2, 6, 3))
    np.testing.assert_allclose(layer(x)[0], _steps(layer, x), rtol=1e-12)
    np.testing.assert_allclose(layer(x[0])[0], layer(x)[0][0], rtol=1e-12)
    loss = lambda m: (m(x)[0] ** 2).sum()
    by_loop = lambda m: (_steps(m, x) ** 2).sum()
    v = trees.map(lambda a: RNG.normal(size=a.shape), layer)
    for got, want in (
        (tg.grad(loss)(layer), tg.grad(by_loop)(layer)),
        (tg.hvp(loss, layer, v), tg.hvp(by_loop, layer, v)),
    ):
        for a, b in zip(trees.leaves(got), trees.leaves(want), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)
    swapped = kind(3, 4, seed=0, batch_first=False)
    np.testing.assert_array_equal(swapped(x.swapaxes(0, 1))[0], layer(x)[0].swapaxes(0, 1))


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM])
def test_the_tape_does_not_grow_with_the_steps(kind: Any) -> None:
    layer = kind(3, 4, seed=0)
    layer.parameters()
    count = lambda steps: len(Tape([layer(np.ones((2, steps, 3)))[0].sum()]).nodes)
    assert count(200) == count(5) < 40


def test_a_small_lstm_learns_to_remember() -> None:
    """The answer is the first of a sequence: only memory can give it."""
    x = RNG.choice([-1.0, 1.0], size=(64, 10, 1))
    y = x[:, 0]

    class Remembers(nn.Module):
        def __init__(self) -> None:
            self.lstm, self.out = nn.LSTM(1, 8, seed=0), nn.Linear(8, 1, seed=1)

        def __call__(self, x: Any) -> Any:
            return self.out(self.lstm(x)[0][:, -1])

    loss = lambda m, b: nn.mse(m(b[0]), b[1])
    found = optim.fit(loss, Remembers(), (x, y), optim.Adam(lr=0.03), epochs=150)
    assert found.losses[-1] < 0.05 < found.losses[0]


@pytest.mark.parametrize("state", [np.ones((2, 2, 4)), np.ones((1, 2, 5)), 0.0])
def test_a_state_of_another_shape_is_refused(state: Any) -> None:
    with pytest.raises(ValueError, match=r"GRU: state must be an array of shape \(1, 2, 4\)"):
        nn.GRU(3, 4)(np.ones((2, 5, 3)), state)
    with pytest.raises(ValueError, match=r"LSTM: state must be a pair \(h, c\) of arrays of shape"):
        nn.LSTM(3, 4)(np.ones((2, 5, 3)), state)


# ---- attention ----------------------------------------------------------------------------------


def test_attention_is_its_formula() -> None:
    layer, x = nn.MultiHeadAttention(6, 2, seed=0), RNG.normal(size=(4, 6))
    context = RNG.normal(size=(5, 6))
    parts = []
    for h in range(2):
        at = slice(3 * h, 3 * h + 3)
        q, k, v = layer.query(x)[:, at], layer.key(context)[:, at], layer.value(context)[:, at]
        weights = np.exp(q @ k.T / np.sqrt(3))
        parts.append(weights / weights.sum(1, keepdims=True) @ v)
    want = layer.out(np.concatenate(parts, axis=1))
    np.testing.assert_allclose(layer(x, context), want, rtol=1e-12)


def test_causal_attention_does_not_see_what_comes() -> None:
    block = nn.TransformerBlock(8, 2, causal=True, seed=0)
    x = RNG.normal(size=(1, 5, 8))
    slopes = tg.jacobian(lambda x: block(x)[0].sum(-1))(x)[:, 0].any(-1)
    np.testing.assert_array_equal(slopes, np.tri(5, dtype=bool))


def test_a_mask_hides_positions_and_must_be_boolean() -> None:
    layer, x = nn.MultiHeadAttention(4, 2, seed=0), RNG.normal(size=(5, 4))
    mask = np.array([True, True, False, True, False])
    np.testing.assert_allclose(layer(x, mask=mask), layer(x, x[mask]), rtol=1e-12)
    with pytest.raises(TypeError, match="mask must be boolean"):
        layer(x, mask=np.ones((5, 5)))


def test_positions() -> None:
    table = nn.SinusoidalPositions(50, 6)(np.zeros((50, 6)))
    np.testing.assert_allclose(table[7, 2:4], [f(7 / 10000 ** (2 / 6)) for f in (np.sin, np.cos)])
    layer = nn.SinusoidalPositions(50, 6)
    assert nn.count_parameters(layer) == 0 and nn.count_parameters(nn.LearnedPositions(5, 6)) == 30
    with pytest.raises(ValueError, match="T at most 5"):
        nn.LearnedPositions(5, 6)(np.zeros((6, 6)))


# ---- convolutions and containers ----------------------------------------------------------------


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_padding_modes_are_numpys(mode: str) -> None:
    names = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    layer = nn.Conv2d(2, 3, 3, padding=(2, 1), padding_mode=mode, seed=0)
    bare = nn.Conv2d(2, 3, 3, seed=0)
    x = RNG.normal(size=(2, 2, 4, 5))
    padded = np.pad(x, ((0, 0), (0, 0), (2, 2), (1, 1)), names[mode])  # type: ignore[call-overload]
    np.testing.assert_allclose(layer(x), bare(padded), rtol=1e-12)
    # Kronecker factors take the same windows
    rows = _input_positions(layer, x)
    out = rows @ layer.weight.reshape(3, -1).T + layer.bias
    np.testing.assert_allclose(out, np.moveaxis(layer(x).reshape(2, 3, -1), 1, 2), rtol=1e-12)
    with pytest.raises(ValueError, match="padding_mode='mirror' is not 'zeros'"):
        nn.Conv2d(1, 1, 3, padding_mode="mirror")


def test_a_transposed_convolution_is_the_transpose() -> None:
    forward = nn.Conv2d(3, 2, 3, stride=2, padding=1, bias=False, seed=0)
    back = nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1, bias=False)
    back.weight = forward.weight
    x, y = RNG.normal(size=(1, 3, 7, 7)), RNG.normal(size=(1, 2, 4, 4))
    np.testing.assert_allclose((forward(x) * y).sum(), (x * back(y)).sum())


def test_adaptive_pooling_of_windows_that_divide_is_pooling() -> None:
    x = RNG.normal(size=(2, 3, 6, 8))
    np.testing.assert_allclose(nn.AdaptiveAvgPool2d((3, 2))(x), nn.AvgPool2d((2, 4))(x))
    np.testing.assert_array_equal(nn.AdaptiveMaxPool2d((3, 2))(x), nn.MaxPool2d((2, 4))(x))
    np.testing.assert_allclose(nn.AdaptiveAvgPool2d(1)(x)[..., 0, 0], x.mean((2, 3)))
    want = [x[0, 0, 0, a:b].max() for a, b in ((0, 2), (1, 4), (3, 5), (4, 7), (6, 8))]
    np.testing.assert_array_equal(nn.AdaptiveMaxPool1d(5)(x)[0, 0, 0], want)


def test_sequential_by_name() -> None:
    layers = {"out": nn.Linear(4, 3, seed=0), "act": nn.tanh, "again": nn.Linear(3, 2, seed=1)}
    net, plain = nn.Sequential(**layers), nn.Sequential(*layers.values())
    x = RNG.normal(size=(5, 4))
    loss = lambda m: (m(x) ** 2).sum()
    for f in (tg.grad(loss), tg.jit(tg.grad(loss))):
        np.testing.assert_allclose(f(net).out.weight, f(plain)[0].weight, rtol=1e-13)
    assert [type(layer).__name__ for layer in net][::2] == ["Linear", "Linear"]
    frozen = nn.freeze(net, "layers['out']")
    assert list(frozen.named_parameters()) == ["layers['again'].weight", "layers['again'].bias"]
    with pytest.raises(TypeError, match="give all of them names, or none"):
        nn.Sequential(nn.tanh, out=nn.tanh)
    with pytest.raises(AttributeError, match="no layer 'nothing'"):
        net.nothing  # noqa: B018


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_that_may_look_nowhere_weigh_all_the_same(dtype: Any) -> None:
    attention = nn.MultiHeadAttention(4, 2, seed=0, dtype=dtype)
    x = np.random.default_rng(0).normal(size=(3, 5, 4)).astype(dtype)
    v = (x @ attention.value.weight + attention.value.bias).mean(axis=1, keepdims=True)
    want = np.broadcast_to(v @ attention.out.weight + attention.out.bias, x.shape)
    nowhere = np.zeros((5, 5), bool)
    for call in (lambda a: a(x, mask=nowhere), tg.jit(lambda a: a(x, mask=nowhere))):
        found = call(attention)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, want, rtol=1e-5 if dtype == np.float32 else 1e-12)
    gradient = tg.grad(lambda a: a(x, mask=nowhere).sum())(attention)
    np.testing.assert_array_equal(gradient.query.weight, 0)
