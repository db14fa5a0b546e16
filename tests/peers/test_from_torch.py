"""Models of PyTorch's, moved here: the same outputs, the same Hessian, the same errors at once."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import io, nn

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers
T = torch.nn


def transformer(**options: Any) -> Any:
    return T.TransformerEncoderLayer(8, 2, 16, dropout=0.0, **options)


LAYERS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "Linear": (lambda: T.Linear(3, 4), (5, 3)),
    "Linear, no bias": (lambda: T.Linear(3, 4, bias=False), (2, 5, 3)),
    "Conv1d": (lambda: T.Conv1d(2, 4, 3, stride=2, padding=1, groups=2), (5, 2, 9)),
    "Conv2d": (lambda: T.Conv2d(2, 4, (3, 2), dilation=(1, 2), padding="same"), (2, 2, 6, 7)),
    "Conv2d, reflected": (
        lambda: T.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"),
        (2, 2, 6, 6),
    ),
    "ConvTranspose1d": (lambda: T.ConvTranspose1d(2, 4, 3, 2, 1, 1), (5, 2, 9)),
    "ConvTranspose2d": (
        lambda: T.ConvTranspose2d(4, 2, 3, 2, 1, groups=2, bias=False),
        (2, 4, 5, 5),
    ),
    "BatchNorm1d": (lambda: T.BatchNorm1d(3), (6, 3)),
    "BatchNorm1d, sequences": (lambda: T.BatchNorm1d(3, momentum=None), (6, 3, 4)),
    "BatchNorm1d, bare": (
        lambda: T.BatchNorm1d(3, affine=False, track_running_stats=False),
        (6, 3),
    ),
    "BatchNorm2d": (lambda: T.BatchNorm2d(3, eps=1e-3), (4, 3, 5, 5)),
    "LayerNorm": (lambda: T.LayerNorm((4, 3)), (5, 4, 3)),
    "LayerNorm, no bias": (lambda: T.LayerNorm(3, bias=False), (5, 3)),
    "RMSNorm": (lambda: T.RMSNorm(3), (5, 3)),
    "GroupNorm": (lambda: T.GroupNorm(2, 4), (5, 4, 3)),
    "RNN": (lambda: T.RNN(3, 4, 2, bidirectional=True, batch_first=True), (5, 6, 3)),
    "GRU": (lambda: T.GRU(3, 4, 2, bias=False), (6, 5, 3)),
    "LSTM": (lambda: T.LSTM(3, 4, 2, bidirectional=True), (6, 5, 3)),
    "RNNCell": (lambda: T.RNNCell(3, 4), (5, 3)),
    "GRUCell": (lambda: T.GRUCell(3, 4), (5, 3)),
    "LSTMCell": (lambda: T.LSTMCell(3, 4), (5, 3)),
    "TransformerEncoderLayer": (lambda: transformer(batch_first=True), (3, 5, 8)),
    "TransformerEncoderLayer, steps first": (lambda: transformer(norm_first=True), (5, 3, 8)),
    "TransformerEncoderLayer, gelu": (
        lambda: transformer(batch_first=True, activation="gelu", bias=False),
        (3, 5, 8),
    ),
    "TransformerEncoder": (
        lambda: T.TransformerEncoder(
            transformer(batch_first=True), 2, T.LayerNorm(8), enable_nested_tensor=False
        ),
        (3, 5, 8),
    ),
    "MaxPool1d": (lambda: T.MaxPool1d(2, 1), (2, 3, 7)),
    "MaxPool2d": (lambda: T.MaxPool2d(3, 2, 1), (2, 3, 7, 7)),
    "AvgPool1d": (lambda: T.AvgPool1d(2, padding=1), (2, 3, 7)),
    "AvgPool2d": (lambda: T.AvgPool2d((3, 2)), (2, 3, 7, 7)),
    "AdaptiveAvgPool1d": (lambda: T.AdaptiveAvgPool1d(3), (2, 3, 7)),
    "AdaptiveAvgPool2d": (lambda: T.AdaptiveAvgPool2d((2, 3)), (2, 3, 7, 7)),
    "AdaptiveMaxPool1d": (lambda: T.AdaptiveMaxPool1d(3), (2, 3, 7)),
    "AdaptiveMaxPool2d": (lambda: T.AdaptiveMaxPool2d(2), (2, 3, 7, 7)),
    "Flatten": (lambda: T.Flatten(), (2, 3, 4)),
    "Dropout": (lambda: T.Dropout(0.5).eval(), (2, 3)),
    "Identity": (lambda: T.Identity(), (2, 3)),
    **{
        f"{kind}{settings or ''}": (lambda kind=kind, s=settings: getattr(T, kind)(**s), (40, 3))
        for kind, settings in [
            *(
                (k, {})
                for k in [
                    "ReLU",
                    "Tanh",
                    "Sigmoid",
                    "SiLU",
                    "GELU",
                    "Softplus",
                    "ELU",
                    "CELU",
                    "SELU",
                    "ReLU6",
                    "Mish",
                ]
            ),
            *(
                (k, {})
                for k in [
                    "LeakyReLU",
                    "Hardtanh",
                    "Hardsigmoid",
                    "Hardswish",
                    "Softsign",
                    "LogSigmoid",
                ]
            ),
            ("GELU", {"approximate": "tanh"}),
            ("Softplus", {"beta": 3.0}),
            ("ELU", {"alpha": 0.4}),
            ("LeakyReLU", {"negative_slope": 0.2}),
            ("Hardtanh", {"min_val": -0.3, "max_val": 2.0}),
            ("Softmax", {"dim": 0}),
            ("LogSoftmax", {"dim": -1}),
        ]
    },
}


def randomised(module: Any) -> Any:
    """In float64, with all arrays drawn: norms and biases begin as ones and zeros."""
    generator = torch.Generator().manual_seed(0)
    module = module.double()
    with torch.no_grad():
        for p in module.parameters():
            p += 0.3 * torch.randn(p.shape, generator=generator, dtype=p.dtype)
        for b in module.buffers():
            if b.is_floating_point():
                b += torch.rand(b.shape, generator=generator, dtype=b.dtype)
    return module


def draw(shape: tuple[int, ...]) -> Any:
    return np.random.default_rng(1).normal(size=shape) * 2


def flat(out: Any) -> list[Any]:
    return [a for o in out for a in flat(o)] if isinstance(out, (tuple, list)) else [out]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", LAYERS)
def test_outputs_are_the_same(name: str, training: bool) -> None:
    make, shape = LAYERS[name]
    theirs = randomised(make()).train(training)
    if "Dropout" in name:
        theirs.eval()
    x = draw(shape)
    ours = io.from_torch(theirs)
    assert ours.training == theirs.training
    for a, b in zip(flat(ours(x)), flat(theirs(torch.tensor(x))), strict=True):
        np.testing.assert_allclose(a, b.detach().numpy(), rtol=1e-9, atol=1e-9)
    trained = sum(p.numel() for p in theirs.parameters())
    assert nn.count_parameters(ours) == trained
    again = pickle.loads(pickle.dumps(ours))
    np.testing.assert_array_equal(flat(again(x))[0], flat(ours(x))[0]) if not training else None


def convolutional() -> Any:
    return T.Sequential(
        T.Conv2d(1, 3, 3), T.BatchNorm2d(3), T.ReLU(), T.MaxPool2d(2), T.Flatten(),
        T.Dropout(0.0), T.Linear(27, 3),
    )  # fmt: skip


class LastStep(T.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = T.LSTM(3, 4, batch_first=True)

    def forward(self, x: Any) -> Any:
        return self.rnn(x)[0][:, -1, :3]


NETS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "tanh": (lambda: T.Sequential(T.Linear(4, 5), T.Tanh(), T.Linear(5, 3)), (12, 4)),
    "convolution": (convolutional, (6, 1, 8, 8)),
    "transformer": (
        lambda: T.Sequential(transformer(batch_first=True), T.Flatten(), T.Linear(40, 3)),
        (6, 5, 8),
    ),
}


def top_eigenvalues(theirs: Any, x: Any, y: Any, k: int) -> Any:
    """Of PyTorch's own Hessian of the cross-entropy."""
    names, values = zip(*theirs.named_parameters())
    sizes = [v.numel() for v in values]

    def loss(vector: Any) -> Any:
        parts = [p.reshape(v.shape) for p, v in zip(vector.split(sizes), values)]
        out = torch.func.functional_call(theirs, dict(zip(names, parts)), (torch.tensor(x),))
        return T.functional.cross_entropy(out, torch.tensor(y))

    vector = torch.cat([v.detach().reshape(-1) for v in values])
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        dense = torch.autograd.functional.hessian(loss, vector).numpy()
    return np.linalg.eigvalsh((dense + dense.T) / 2)[::-1][:k]


def our_eigenvalues(model: Any, x: Any, y: Any, k: int) -> Any:
    loss = lambda model, batch: nn.cross_entropy(model(batch[0]), batch[1])
    operator = tg.curvature.HessianOperator(loss, model, (x, y))
    return tg.curvature.top_eigenpairs(operator, k=k, tol=1e-9).values


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", NETS)
def test_top_eigenvalues_of_the_hessian_are_the_same(name: str, training: bool) -> None:
    make, shape = NETS[name]
    theirs = randomised(make()).train(training)
    x, y = draw(shape), np.arange(shape[0]) % 3
    want = top_eigenvalues(copy.deepcopy(theirs), x, y, 3)
    found = our_eigenvalues(io.from_torch(theirs), x, y, 3)
    np.testing.assert_allclose(found, want, rtol=1e-6)


def test_top_eigenvalues_of_a_recurrent_net_are_the_same() -> None:
    theirs = randomised(LastStep())

    class Last(nn.Module):
        rnn: Any

        def __call__(self, x: Any) -> Any:
            return self.rnn(x)[0][:, -1, :3]

    ours = Last(io.from_torch(theirs.rnn))
    x, y = draw((6, 5, 3)), np.arange(6) % 3
    want = top_eigenvalues(theirs, x, y, 3)
    np.testing.assert_allclose(our_eigenvalues(ours, x, y, 3), want, rtol=1e-6)


def test_attention_masks_and_context() -> None:
    theirs = randomised(T.MultiheadAttention(8, 2, batch_first=True))
    ours = io.from_torch(theirs)
    x, context = draw((3, 5, 8)), draw((3, 6, 8))
    hidden = np.random.default_rng(0).random((5, 6)) < 0.3
    want, _ = theirs(*map(torch.tensor, (x, context, context)), attn_mask=torch.tensor(hidden))
    np.testing.assert_allclose(ours(x, context, mask=~hidden), want.detach(), rtol=1e-9, atol=1e-12)
    steps_first = T.MultiheadAttention(8, 2).double()
    steps_first.load_state_dict(theirs.state_dict())
    turned = io.from_torch(steps_first)
    np.testing.assert_allclose(turned(x.swapaxes(0, 1), context.swapaxes(0, 1)).swapaxes(0, 1),
                               ours(x, context), rtol=1e-9, atol=1e-12)  # fmt: skip


def test_types_frozen_arrays_and_modes_stay() -> None:
    theirs = T.Sequential(T.Linear(3, 4), T.BatchNorm1d(4), T.MultiheadAttention(4, 2), T.Dropout())
    theirs[0].weight.requires_grad_(False)
    theirs[2].in_proj_weight.requires_grad_(False)
    theirs[3].eval()
    with torch.no_grad():
        ours = io.from_torch(theirs)
    assert ours[0].weight.dtype == np.float32
    names = set(ours.named_parameters())
    assert "layers[0].bias" in names
    assert "layers[0].weight" not in names
    assert not any("query.weight" in n for n in names)
    assert any("query.bias" in n for n in names)
    assert [layer.training for layer in ours] == [True, True, True, False]
    ours[0].bias.numpy()[:] if hasattr(ours[0].bias, "numpy") else None
    theirs[0].bias.data += 1
    assert not np.allclose(np.asarray(ours[0].bias.value), theirs[0].bias.detach())  # a copy


def test_named_layers_keep_their_names() -> None:
    from collections import OrderedDict

    layers = OrderedDict(self=T.Linear(3, 2), layers=T.Tanh(), **{"class": T.Linear(2, 1)})
    theirs = T.Sequential(layers).double()
    ours = io.from_torch(theirs)
    assert "layers['self'].weight" in ours.named_parameters()
    x = draw((4, 3))
    np.testing.assert_allclose(ours.arrays()(x), theirs(torch.tensor(x)).detach(), rtol=1e-9)


class Mine(T.Module):
    def forward(self, x: Any) -> Any:
        return x


class Doubled(T.Linear):
    def forward(self, x: Any) -> Any:
        return 2 * super().forward(x)


def test_all_that_is_not_supported_is_listed_at_once() -> None:
    hooked = T.Linear(3, 3)
    hooked.register_forward_hook(lambda m, args, out: out * 2)
    theirs = T.Sequential(
        T.Conv3d(1, 1, 1), T.Linear(2, 2), Mine(), Doubled(3, 3), hooked,
        T.MaxPool2d(2, ceil_mode=True), torch.nn.utils.parametrizations.weight_norm(T.Linear(2, 2)),
        T.Sequential(T.RNN(2, 2, nonlinearity="relu"), T.LSTM(3, 4, proj_size=2)),
        T.Linear(2, 2).to(torch.bfloat16), T.Softmax(), T.Linear(2, 2, device="meta"),
    )  # fmt: skip
    with pytest.raises(NotImplementedError) as caught:
        io.from_torch(theirs)
    said = str(caught.value)
    for words in (
        "'0' (Conv3d)", "'2' (Mine)", "'3' (Doubled: a Linear with a forward of its own)",
        "'4' (Linear: it has forward hooks)", "'5' (MaxPool2d: ceil_mode=True)", "parametrized",
        "'7.0' (RNN: nonlinearity='relu')", "'7.1' (LSTM: proj_size=2)", "bfloat16", "dim=None",
        "'10' (Linear: its arrays hold no", "from_onnx",
    ):  # fmt: skip
        assert words in said
    assert "'1'" not in said


def test_shared_arrays_are_refused() -> None:
    a, b = T.Linear(3, 3), T.Linear(3, 3)
    b.weight = a.weight
    with pytest.raises(NotImplementedError, match=r"'1.weight' is the same array as '0.weight'"):
        io.from_torch(T.Sequential(a, b))


def test_only_modules_are_taken() -> None:
    with pytest.raises(TypeError, match="module must be a module of PyTorch"):
        io.from_torch(np.ones(3))


@pytest.mark.parametrize("part", ["self_attn", "self_attn.out_proj", "dropout1", "norm2"])
@pytest.mark.parametrize("batch_first", [True, False])
def test_a_hook_on_any_part_of_an_encoder_layer_is_refused(part: str, batch_first: bool) -> None:
    layer = T.TransformerEncoderLayer(8, 2, 12, batch_first=batch_first)
    layer.get_submodule(part).register_forward_hook(lambda m, args, out: out)
    with pytest.raises(NotImplementedError, match=rf"'0\.{part}' \(\w+: it has forward hooks\)"):
        io.from_torch(T.Sequential(layer))


def test_a_parametrization_of_attention_and_a_forward_of_its_own_are_refused() -> None:
    layer = T.TransformerEncoderLayer(8, 2, 12, batch_first=True)
    torch.nn.utils.parametrizations.orthogonal(layer.self_attn, "in_proj_weight")
    with pytest.raises(NotImplementedError, match=r"self_attn' \(.*its weights are parametrized"):
        io.from_torch(T.Sequential(layer))

    class Scaled(T.MultiheadAttention):
        def forward(self, *args: Any, **options: Any) -> Any:
            out, weights = super().forward(*args, **options)
            return 2 * out, weights

    layer = T.TransformerEncoderLayer(8, 2, 12, batch_first=True)
    layer.self_attn = Scaled(8, 2, batch_first=True)
    with pytest.raises(NotImplementedError, match="a MultiheadAttention with a forward of its own"):
        io.from_torch(T.Sequential(layer))
