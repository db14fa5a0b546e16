"""Layers against PyTorch's in float64: outputs, gradients, Hessian-vector products, running
statistics; recorded, replayed and mapped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.core import trees

torch = pytest.importorskip("torch")
sdpa_kernel, SDPBackend = torch.nn.attention.sdpa_kernel, torch.nn.attention.SDPBackend
pytestmark = pytest.mark.peers

Arrays = dict[str, Any]
TOLERANCE: Any = {"rtol": 1e-10, "atol": 1e-10}


class Case(NamedTuple):
    """A layer in both libraries; ``to_torch`` makes PyTorch's parameters of ours, linearly."""

    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    shape: tuple[int, ...]
    to_torch: Callable[[Arrays], Arrays]
    call: Callable[[Any, Any], Any] = lambda module, x: module(x)
    call_torch: Callable[[Any, Any], Any] = lambda module, x: module(x)
    integers: int = 0  # inputs are integers below it


def same(p: Arrays) -> Arrays:
    return p


def linear(prefix: str, p: Arrays, to: str) -> Arrays:
    """Of a linear layer, whose weight is the transpose of PyTorch's."""
    return {f"{to}weight": p[f"{prefix}weight"].T, f"{to}bias": p[f"{prefix}bias"]}


def cell(prefix: str, p: Arrays, suffix: str = "") -> Arrays:
    return {
        f"weight_ih{suffix}": p[f"{prefix}input_weight"].T,
        f"weight_hh{suffix}": p[f"{prefix}hidden_weight"].T,
        f"bias_ih{suffix}": p[f"{prefix}input_bias"],
        f"bias_hh{suffix}": p[f"{prefix}hidden_bias"],
    }


def sequence(p: Arrays, layers: int = 1, ways: int = 1) -> Arrays:
    found: Arrays = {}
    for n in range(layers):
        for way in range(ways):
            suffix = f"_l{n}" + "_reverse" * way
            found |= cell(f"cells[{n}][{way}].", p, suffix)
    return found


def attention(prefix: str, p: Arrays, to: str) -> Arrays:
    parts = [f"{prefix}{name}." for name in ("query", "key", "value")]
    return {
        f"{to}in_proj_weight": np.concatenate([p[f"{part}weight"].T for part in parts]),
        f"{to}in_proj_bias": np.concatenate([p[f"{part}bias"] for part in parts]),
        **linear(f"{prefix}out.", p, f"{to}out_proj."),
    }


def block(p: Arrays) -> Arrays:
    return {
        **attention("attention.", p, "self_attn."),
        **linear("first.", p, "linear1."),
        **linear("second.", p, "linear2."),
        "norm1.weight": p["attention_norm.weight"],
        "norm1.bias": p["attention_norm.bias"],
        "norm2.weight": p["forward_norm.weight"],
        "norm2.bias": p["forward_norm.bias"],
    }


def flat(outputs: Any) -> Any:
    """The outputs of a recurrent net and its last states as one vector."""
    first, state = outputs
    states = state if isinstance(state, tuple) else (state,)
    if isinstance(first, torch.Tensor):
        return torch.cat([x.reshape(-1) for x in (first, *states)])
    return tg.numpy.concatenate([x.reshape(-1) for x in (first, *states)])


def transformer(norm_first: bool) -> Any:
    return torch.nn.TransformerEncoderLayer(
        8, 2, 12, 0.0, torch.nn.functional.gelu, batch_first=True, norm_first=norm_first
    )


CAUSAL = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)

CASES: dict[str, Case] = {
    "batch_norm_1d": Case(lambda: nn.BatchNorm1d(3), lambda: torch.nn.BatchNorm1d(3), (5, 3), same),
    "batch_norm_1d_length": Case(
        lambda: nn.BatchNorm1d(3), lambda: torch.nn.BatchNorm1d(3), (4, 3, 6), same
    ),
    "batch_norm_2d": Case(
        lambda: nn.BatchNorm2d(3, momentum=0.3),
        lambda: torch.nn.BatchNorm2d(3, momentum=0.3),
        (2, 3, 4, 5),
        same,
    ),
    "batch_norm_evaluated": Case(
        lambda: nn.BatchNorm1d(3).eval(), lambda: torch.nn.BatchNorm1d(3).eval(), (5, 3), same
    ),
    "layer_norm": Case(lambda: nn.LayerNorm(4), lambda: torch.nn.LayerNorm(4), (3, 2, 4), same),
    "group_norm": Case(
        lambda: nn.GroupNorm(2, 6), lambda: torch.nn.GroupNorm(2, 6), (3, 6, 4), same
    ),
    "rms_norm": Case(lambda: nn.RMSNorm(4), lambda: torch.nn.RMSNorm(4), (3, 4), same),
    "embedding": Case(
        lambda: nn.Embedding(6, 4), lambda: torch.nn.Embedding(6, 4), (3, 7), same, integers=6
    ),
    "embedding_padding": Case(
        lambda: nn.Embedding(6, 4, padding=2),
        lambda: torch.nn.Embedding(6, 4, padding_idx=2),
        (3, 7),
        same,
        integers=6,
    ),
    **{
        f"conv_{mode}": Case(
            lambda mode=mode: nn.Conv2d(2, 4, 3, padding=(1, 2), padding_mode=mode),
            lambda mode=mode: torch.nn.Conv2d(2, 4, 3, padding=(1, 2), padding_mode=mode),
            (2, 2, 5, 6),
            same,
        )
        for mode in ("zeros", "reflect", "replicate", "circular")
    },
    "conv_same_circular": Case(
        lambda: nn.Conv1d(2, 4, 4, padding="same", padding_mode="circular"),
        lambda: torch.nn.Conv1d(2, 4, 4, padding="same", padding_mode="circular"),
        (2, 2, 6),
        same,
    ),
    "conv_transpose_1d": Case(
        lambda: nn.ConvTranspose1d(4, 6, 3, 2, 1, 1, groups=2),
        lambda: torch.nn.ConvTranspose1d(4, 6, 3, 2, 1, 1, groups=2),
        (2, 4, 5),
        same,
    ),
    "conv_transpose_2d": Case(
        lambda: nn.ConvTranspose2d(2, 3, (2, 3), 2, dilation=(1, 2)),
        lambda: torch.nn.ConvTranspose2d(2, 3, (2, 3), 2, dilation=(1, 2)),
        (2, 2, 3, 4),
        same,
    ),
    "adaptive_mean_1d": Case(
        lambda: nn.AdaptiveAvgPool1d(3), lambda: torch.nn.AdaptiveAvgPool1d(3), (2, 2, 7), same
    ),
    "adaptive_mean_2d": Case(
        lambda: nn.AdaptiveAvgPool2d((3, 2)),
        lambda: torch.nn.AdaptiveAvgPool2d((3, 2)),
        (2, 2, 7, 5),
        same,
    ),
    "adaptive_max_1d": Case(
        lambda: nn.AdaptiveMaxPool1d(3), lambda: torch.nn.AdaptiveMaxPool1d(3), (2, 2, 7), same
    ),
    "adaptive_max_2d": Case(
        lambda: nn.AdaptiveMaxPool2d(4), lambda: torch.nn.AdaptiveMaxPool2d(4), (2, 2, 7, 6), same
    ),
    "rnn_cell": Case(
        lambda: nn.RNNCell(3, 4), lambda: torch.nn.RNNCell(3, 4), (5, 3), lambda p: cell("", p)
    ),
    "gru_cell": Case(
        lambda: nn.GRUCell(3, 4), lambda: torch.nn.GRUCell(3, 4), (5, 3), lambda p: cell("", p)
    ),
    "rnn": Case(
        lambda: nn.RNN(3, 4),
        lambda: torch.nn.RNN(3, 4, batch_first=True),
        (2, 5, 3),
        sequence,
        lambda m, x: flat(m(x)),
        lambda m, x: flat(m(x)),
    ),
    "gru_two_ways": Case(
        lambda: nn.GRU(3, 4, bidirectional=True, batch_first=False),
        lambda: torch.nn.GRU(3, 4, bidirectional=True),
        (5, 2, 3),
        lambda p: sequence(p, 1, 2),
        lambda m, x: flat(m(x)),
        lambda m, x: flat(m(x)),
    ),
    "lstm_deep": Case(
        lambda: nn.LSTM(3, 4, layers=2, bidirectional=True),
        lambda: torch.nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True),
        (2, 5, 3),
        lambda p: sequence(p, 2, 2),
        lambda m, x: flat(m(x)),
        lambda m, x: flat(m(x)),
    ),
    "attention": Case(
        lambda: nn.MultiHeadAttention(8, 2),
        lambda: torch.nn.MultiheadAttention(8, 2, batch_first=True),
        (2, 5, 8),
        lambda p: attention("", p, ""),
        call_torch=lambda m, x: m(x, x, x, need_weights=False)[0],
    ),
    "attention_causal": Case(
        lambda: nn.MultiHeadAttention(8, 2),
        lambda: torch.nn.MultiheadAttention(8, 2, batch_first=True),
        (2, 5, 8),
        lambda p: attention("", p, ""),
        lambda m, x: m(x, causal=True),
        lambda m, x: m(x, x, x, attn_mask=CAUSAL, need_weights=False)[0],
    ),
    "transformer_norm_first": Case(
        lambda: nn.TransformerBlock(8, 2, 12), lambda: transformer(True), (2, 5, 8), block
    ),
    "transformer_norm_last_causal": Case(
        lambda: nn.TransformerBlock(8, 2, 12, norm_first=False, causal=True),
        lambda: transformer(False),
        (2, 5, 8),
        block,
        call_torch=lambda m, x: m(x, src_mask=CAUSAL),
    ),
}


def named(model: Any) -> Arrays:
    pairs = zip(trees.paths(model), trees.leaves(model), strict=True)
    return {path.removeprefix("."): x for path, x in pairs}


def randomised(model: Any, rng: Any) -> Any:
    """A model like it with random parameters, and random running statistics."""
    for module in nn.module.modules(model):
        if isinstance(module, nn.normalization._BatchNorm):
            module.running_mean = rng.normal(size=module.channels)
            module.running_var = rng.uniform(1, 2, module.channels)
    return without_padding(trees.map(lambda x: x + 0.3 * rng.normal(size=x.shape), model))


def without_padding(model: Any) -> Any:
    """Zeros in the row of an embedding that stands for nothing."""
    if isinstance(model, nn.Embedding) and model.padding is not None:
        model.weight[model.padding] = 0
    return model


def loss_of(out: Any) -> Any:
    """Not linear in the outputs, and different for each of them."""
    weights = np.linspace(-1, 1, int(np.prod(out.shape))).reshape(tuple(out.shape))
    weights = torch.from_numpy(weights) if isinstance(out, torch.Tensor) else weights
    return (out * weights).sum() + (out**3).sum() / 3


class Theirs(NamedTuple):
    output: Any
    gradients: Arrays
    in_x: Any
    products: Arrays
    products_in_x: Any


def theirs(case: Case, module: Any, x: Any, v: Arrays, vx: Any) -> Theirs:
    parameters = dict(module.named_parameters())
    x = torch.from_numpy(x).requires_grad_(not case.integers)
    starts = [*parameters.values(), *([] if case.integers else [x])]
    out = case.call_torch(module, x)
    grads = torch.autograd.grad(loss_of(out), starts, create_graph=True)
    directions = [torch.from_numpy(np.ascontiguousarray(v[name])) for name in parameters]
    directions += [] if case.integers else [torch.from_numpy(vx)]
    slope = sum((g * d).sum() for g, d in zip(grads, directions, strict=True))
    products = torch.autograd.grad(slope, starts, allow_unused=True)
    raw = [None if g is None else g.detach().numpy() for g in grads]
    raw_products = [
        np.zeros(s.shape) if p is None else p.detach().numpy()
        for p, s in zip(products, starts, strict=True)
    ]
    names = list(parameters)
    return Theirs(
        out.detach().numpy(),
        dict(zip(names, raw, strict=False)),
        raw[-1],
        dict(zip(names, raw_products, strict=False)),
        raw_products[-1],
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", ["recorded", "replayed", "mapped"])
@pytest.mark.parametrize("name", CASES)
def test_layer(name: str, mode: str) -> None:
    case, rng = CASES[name], np.random.default_rng(1)
    model = randomised(case.ours(), rng)
    module = case.theirs().double()
    draw = lambda: (
        rng.integers(0, case.integers, case.shape) if case.integers else rng.normal(size=case.shape)
    )
    xs = [draw(), draw()]
    v = without_padding(trees.map(lambda x: rng.normal(size=x.shape), model))
    vx = None if case.integers else rng.normal(size=case.shape)
    state = {k: torch.from_numpy(np.array(a)) for k, a in case.to_torch(named(model)).items()}
    missing = module.load_state_dict(state, strict=False)
    assert not missing.unexpected_keys
    if hasattr(module, "running_mean"):
        module.running_mean.copy_(torch.from_numpy(model.running_mean))
        module.running_var.copy_(torch.from_numpy(model.running_var))

    def everything(model: Any, x: Any) -> Any:
        """Output, gradients and products; without a derivative in integers."""
        if case.integers:
            loss = lambda m: loss_of(case.call(m, x))
            return case.call(model, x), tg.grad(loss)(model), None, tg.hvp(loss, model, v), None
        both = lambda p: loss_of(case.call(*p))
        gradient, in_x = tg.grad(both)((model, x))
        product, product_in_x = tg.hvp(both, (model, x), (v, vx))
        return case.call(model, x), gradient, in_x, product, product_in_x

    if mode == "mapped":
        stacked = tg.jit(tg.vmap(everything, in_axes=(None, 0)))(model, np.stack(xs))
        found = [trees.map(lambda y, i=i: y[i], stacked) for i in range(2)]
    else:
        run = tg.jit(everything) if mode == "replayed" else everything
        found = [run(model, x) for x in xs]
    for x, (out, gradient, in_x, product, product_in_x) in zip(xs, found, strict=True):
        with sdpa_kernel(SDPBackend.MATH):  # the one that has second derivatives
            want = theirs(case, module, x, case.to_torch(named(v)), vx)
        np.testing.assert_allclose(out, want.output, **TOLERANCE)
        for got, expected in ((gradient, want.gradients), (product, want.products)):
            converted = case.to_torch(named(got))
            assert converted.keys() == expected.keys()
            for key, array in converted.items():
                np.testing.assert_allclose(array, expected[key], err_msg=key, **TOLERANCE)
        if not case.integers:
            np.testing.assert_allclose(in_x, want.in_x, **TOLERANCE)
            np.testing.assert_allclose(product_in_x, want.products_in_x, **TOLERANCE)


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("way", ["define by run", "functional", "replayed", "fit"])
def test_running_statistics_over_several_steps(way: str, momentum: float | None) -> None:
    rng = np.random.default_rng(2)
    batches = [rng.normal(size=(8, 3, 4, 4)) * (i + 1) + i for i in range(4)]
    module = torch.nn.BatchNorm2d(3, momentum=momentum).double()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    for x in batches:
        optimizer.zero_grad()
        loss_of(module(torch.from_numpy(x))).backward()
        optimizer.step()
    model = nn.BatchNorm2d(3, momentum=momentum)
    loss = lambda m, x: loss_of(m(x))
    opt = tg.optim.SGD(lr=0.1)
    if way == "define by run":
        opt = tg.optim.SGD(model, lr=0.1)
        for x in batches:
            opt.zero_grad()
            loss(model, x).backward()
            opt.step()
        model = model.arrays()
    elif way == "fit":
        model = tg.optim.fit(loss, model, batches, opt).params
    else:
        step = tg.value_and_grad(lambda m, x: (loss(m, x), m), has_aux=True)
        step = tg.jit(step) if way == "replayed" else step
        state = opt.init(model)
        for x in batches:
            (_, model), gradient = step(model, x)
            model, state = opt.update(model, gradient, state)
    assert model.batches == 4
    for ours, theirs in (
        (model.running_mean, module.running_mean),
        (model.running_var, module.running_var),
        (model.weight, module.weight),
        (model.bias, module.bias),
    ):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), **TOLERANCE)
    x = torch.from_numpy(batches[0])
    np.testing.assert_allclose(
        model.eval()(batches[0]), module.eval()(x).detach().numpy(), **TOLERANCE
    )


def test_lstm_cell() -> None:
    rng = np.random.default_rng(3)
    model, module = nn.LSTMCell(3, 4, seed=0), torch.nn.LSTMCell(3, 4).double()
    module.load_state_dict({k: torch.from_numpy(a) for k, a in cell("", named(model)).items()})
    x, h, c = rng.normal(size=(5, 3)), rng.normal(size=(5, 4)), rng.normal(size=(5, 4))
    want = module(*map(torch.from_numpy, (x,)), (torch.from_numpy(h), torch.from_numpy(c)))
    for got, expected in zip(model(x, (h, c)), want, strict=True):
        np.testing.assert_allclose(got, expected.detach().numpy(), **TOLERANCE)


def test_states_are_passed_on_as_in_pytorch() -> None:
    rng = np.random.default_rng(4)
    model = nn.LSTM(3, 4, layers=2, seed=0)
    module = torch.nn.LSTM(3, 4, 2, batch_first=True).double()
    state = sequence(named(model), 2)
    module.load_state_dict({k: torch.from_numpy(np.array(a)) for k, a in state.items()})
    x, (h, c) = rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 2, 2, 4))
    want, (want_h, want_c) = module(torch.from_numpy(x), (torch.from_numpy(h), torch.from_numpy(c)))
    out, (last_h, last_c) = model(x, (h, c))
    for got, expected in ((out, want), (last_h, want_h), (last_c, want_c)):
        np.testing.assert_allclose(got, expected.detach().numpy(), **TOLERANCE)


LOSSES: dict[str, tuple[Any, Any]] = {
    f"cross_entropy_{'_'.join(options)}": (
        lambda f, y, o=options: nn.cross_entropy(f, y, **o),
        lambda f, y, o=options: torch.nn.functional.cross_entropy(f, y, **_to_torch(o)),
    )
    for options in (
        {"weight": np.array([0.5, 1.0, 3.0])},
        {"ignore_index": 1},
        {"label_smoothing": 0.2},
        {"weight": np.array([0.5, 1.0, 3.0]), "ignore_index": -100, "label_smoothing": 0.2},
        {"weight": np.array([0.5, 1.0, 3.0]), "ignore_index": 2, "reduction": "sum"},
    )
}


def _to_torch(options: Any) -> Any:
    made = lambda v: torch.from_numpy(v) if isinstance(v, np.ndarray) else v
    return {name: made(value) for name, value in options.items()}


@pytest.mark.parametrize("kind", ["classes", "probabilities"])
@pytest.mark.parametrize("name", LOSSES)
def test_cross_entropy_with_weights(name: str, kind: str) -> None:
    ours, torchs = LOSSES[name]
    rng = np.random.default_rng(5)
    f, v = rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
    y: Any = np.array([0, 2, 1, 1, 0, 2])
    if kind == "probabilities":
        if "ignore_index" in name:
            pytest.skip("of class numbers alone")
        y = rng.dirichlet(np.ones(3), 6)
    _same_derivatives(lambda f: ours(f, y), lambda f: torchs(f, torch.from_numpy(y)), f, v)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_binary_cross_entropy_with_pos_weight(reduction: str) -> None:
    rng = np.random.default_rng(6)
    f, v, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 3)), rng.uniform(size=(6, 3))
    weight = np.array([0.5, 1.0, 3.0])
    theirs = lambda f: torch.nn.functional.binary_cross_entropy_with_logits(
        f, torch.from_numpy(y), pos_weight=torch.from_numpy(weight), reduction=reduction
    )
    ours = lambda f: nn.binary_cross_entropy_with_logits(f, y, reduction, pos_weight=weight)
    _same_derivatives(ours, theirs, f, v)


def _same_derivatives(ours: Any, theirs: Any, f: Any, v: Any) -> None:
    point = torch.from_numpy(f).requires_grad_()
    value = theirs(point)
    (gradient,) = torch.autograd.grad(value, point, create_graph=True)
    (product,) = torch.autograd.grad((gradient * torch.from_numpy(v)).sum(), point)
    for wrap in (lambda g: g, tg.jit):
        np.testing.assert_allclose(wrap(ours)(f), value.item(), **TOLERANCE)
        np.testing.assert_allclose(wrap(tg.grad(ours))(f), gradient.detach().numpy(), **TOLERANCE)
        found = wrap(lambda f: tg.hvp(ours, f, v))(f)
        np.testing.assert_allclose(found, product.detach().numpy(), **TOLERANCE)
