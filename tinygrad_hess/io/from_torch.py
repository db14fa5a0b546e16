"""Modules of PyTorch, layer by layer, by their state.

    RULES : class name -> rule;  rule : (reader, PyTorch's layer) -> our layer

PyTorch is imported only when a module of its own is given.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import nn, ops
from ..core import arguments
from ..core.interchange import to_array
from ..core.optional import require
from ..nn.init import zeros
from ..ops.nn import activation
from .unsupported import UnsupportedError, named, refuse

Theirs = Any
Rule = Callable[["_Reader", Theirs], nn.Module]


def from_torch(module: Any) -> nn.Module:
    """A module of PyTorch as one of :mod:`tinygrad_hess.nn`, with the same outputs.

    Layers are taken by their state: linear, convolutions and their transposes, normalisations,
    embedding, recurrent ones, attention and transformer encoders, dropout, pooling, activations,
    ``Sequential``. Arrays are copied and keep their type; call ``module.double()`` first to measure
    curvature in float64. What does not require a gradient is frozen; each layer keeps its mode.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    Module
        Weights of linear and recurrent layers are the transposes of PyTorch's. Masks of attention
        are True where a position may be looked at, the opposite of PyTorch's.

    Raises
    ------
    NotImplementedError
        For layers that are not here, and for settings that layers here do not have: all of them, by
        name and class. :func:`from_onnx` takes other programs.
    ImportError
        Without PyTorch.

    See Also
    --------
    from_onnx : a model's graph of operators.

    Notes
    -----
    Dropout draws other masks than PyTorch. A layer that is called twice, or an array that two
    layers share, is refused: here they would be trained apart.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh())  # doctest: +SKIP
    >>> io.from_torch(net)  # doctest: +SKIP
    Sequential(
      layers=[Linear(weight=float32(3,2), bias=float32(2,)), Lambda(function=tanh)],
    )  # 8 parameters
    """
    torch = require("from_torch", "torch")
    what = "a module of PyTorch, such as torch.nn.Linear(3, 2)"
    arguments.instance("from_torch", "module", module, torch.nn.Module, what)
    reader = _Reader()
    reader.find_shared(module)
    with torch.inference_mode(False), torch.enable_grad():  # where a view tells what is trained
        made = reader.read(module, "")
    refuse(
        "from_torch",
        reader.found,
        "Write them as a Module of tinygrad_hess.nn, or export the model, torch.onnx.export(...), "
        "and read it by from_onnx.",
    )
    return made


class _Reader:
    """Reads modules, and notes what is not supported."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.names: dict[int, str] = {}
        self.rng = np.random.default_rng(0)

    def find_shared(self, module: Theirs) -> None:
        first: dict[int, str] = {}
        for name, parameter in module.named_parameters(remove_duplicate=False):
            other = first.setdefault(id(parameter), name)
            if other != name:
                self.found.append(f"{name!r} is the same array as {other!r}")

    def read(self, module: Theirs, name: str) -> Any:
        """Our layer; where there is none, one that stands for it until all is read."""
        self.names[id(module)] = name
        try:
            made = _rule_of(module)(self, module)
        except UnsupportedError as error:
            self.found.append(named(name, module, error))
            return nn.Lambda(_identity)
        if not module.training:
            made.__dict__["training"] = False
        return made

    def inside(self, module: Theirs, name: str) -> Any:
        """A layer of a layer that is read."""
        return self.read(module.get_submodule(name), self.name_inside(module, name))

    def name_inside(self, module: Theirs, name: str) -> str:
        """What PyTorch calls it, from the whole model on."""
        parent = self.names[id(module)]
        return f"{parent}.{name}" if parent else name

    def put(self, made: nn.Module, **arrays: Theirs) -> None:
        """Give our layer copies of PyTorch's arrays, frozen where those are."""
        for field, theirs in arrays.items():
            if theirs is None:
                setattr(made, field, None)
                continue
            array = np.array(_numbers(theirs), order="C")
            frozen = not theirs.requires_grad and field not in made.__dict__.get("_buffers", ())
            setattr(made, field, nn.Frozen(array) if frozen else array)


def _numbers(theirs: Theirs) -> Any:
    if theirs.is_meta or theirs.is_quantized:
        raise UnsupportedError("its arrays hold no floating-point numbers yet, or none any more")
    try:
        return to_array("from_torch", "an array", theirs.detach().cpu())
    except TypeError as error:  # such as bfloat16
        raise UnsupportedError(
            f"{theirs.dtype} is no type of NumPy's; call .float() first"
        ) from error


def _rule_of(module: Theirs) -> Rule:
    kind: Any = type(module)
    if hasattr(module, "parametrizations"):
        raise UnsupportedError("its weights are parametrized; remove that first")
    if module._forward_hooks or module._forward_pre_hooks:
        raise UnsupportedError("it has forward hooks")
    for base in kind.__mro__:
        if base.__module__.startswith("torch.nn.") and base.__name__ in RULES:
            if kind.forward is not base.forward:
                raise UnsupportedError(f"a {base.__name__} with a forward of its own")
            return RULES[base.__name__]
    raise UnsupportedError


def _only(module: Theirs, **allowed: Any) -> None:
    """Refuse settings other than these."""
    for name, value in allowed.items():
        given = getattr(module, name)
        each = given if isinstance(given, tuple) else (given,)
        if any(v != value for v in each):
            raise UnsupportedError(f"{name}={given!r}")


def _dtype(theirs: Theirs) -> Any:
    return _numbers(theirs).dtype


def _identity(x: Any) -> Any:
    return x


# ---- linear maps --------------------------------------------------------------------------------


def _linear(reader: _Reader, m: Theirs) -> nn.Module:
    made = nn.Linear(
        m.in_features, m.out_features, m.bias is not None, init=zeros, dtype=_dtype(m.weight)
    )
    reader.put(made, weight=m.weight.T, bias=m.bias)
    return made


def _convolution(kind: Callable[..., nn.Module], reader: _Reader, m: Theirs) -> nn.Module:
    return _kernel(kind, reader, m, padding_mode=m.padding_mode)


def _transposed(kind: Callable[..., nn.Module], reader: _Reader, m: Theirs) -> nn.Module:
    _only(m, padding_mode="zeros")
    return _kernel(kind, reader, m, output_padding=m.output_padding)


def _kernel(
    kind: Callable[..., nn.Module], reader: _Reader, m: Theirs, **settings: Any
) -> nn.Module:
    """A convolution or its transpose; ``settings`` are those of one of them alone."""
    made = kind(
        m.in_channels,
        m.out_channels,
        m.kernel_size,
        m.stride,
        m.padding,
        dilation=m.dilation,
        groups=m.groups,
        bias=m.bias is not None,
        init=zeros,
        dtype=_dtype(m.weight),
        **settings,
    )
    reader.put(made, weight=m.weight, bias=m.bias)
    return made


def _embedding(reader: _Reader, m: Theirs) -> nn.Module:
    _only(m, max_norm=None, scale_grad_by_freq=False)
    if m.padding_idx is not None and bool(m.weight[m.padding_idx].any()):
        raise UnsupportedError(f"row {m.padding_idx}, the padding, is not zero")
    made = nn.Embedding(
        m.num_embeddings, m.embedding_dim, m.padding_idx, init=zeros, dtype=_dtype(m.weight)
    )
    reader.put(made, weight=m.weight)
    return made


# ---- normalisation ------------------------------------------------------------------------------


def _affine(reader: _Reader, m: Theirs, made: nn.Module) -> nn.Module:
    """Weight and bias, as floating-point arrays of their own type."""
    reader.put(made, weight=m.weight, bias=m.bias)
    return made


def _batch_norm(kind: Callable[..., nn.Module], reader: _Reader, m: Theirs) -> nn.Module:
    dtype = next((_dtype(a) for a in (m.weight, m.running_mean) if a is not None), np.float32)
    tracks = m.running_mean is not None
    made: Any = kind(m.num_features, m.eps, m.momentum, m.affine, tracks, dtype)
    if tracks:
        reader.put(
            made,
            running_mean=m.running_mean,
            running_var=m.running_var,
            batches=m.num_batches_tracked,
        )
    return _affine(reader, m, made)


def _layer_norm(reader: _Reader, m: Theirs) -> nn.Module:
    return _affine(reader, m, nn.LayerNorm(m.normalized_shape, m.eps, affine=False))


def _rms_norm(reader: _Reader, m: Theirs) -> nn.Module:
    dtype = np.float32 if m.weight is None else _dtype(m.weight)
    made = nn.RMSNorm(m.normalized_shape, m.eps, affine=False, dtype=dtype)
    reader.put(made, weight=m.weight)
    return made


def _group_norm(reader: _Reader, m: Theirs) -> nn.Module:
    return _affine(reader, m, nn.GroupNorm(m.num_groups, m.num_channels, m.eps, affine=False))


# ---- recurrent layers ---------------------------------------------------------------------------


def _fill_cell(reader: _Reader, cell: nn.Module, m: Theirs, suffix: str) -> None:
    weights = {
        "input_weight": getattr(m, f"weight_ih{suffix}").T,
        "hidden_weight": getattr(m, f"weight_hh{suffix}").T,
    }
    if m.bias:
        weights["input_bias"] = getattr(m, f"bias_ih{suffix}")
        weights["hidden_bias"] = getattr(m, f"bias_hh{suffix}")
    reader.put(cell, **weights)


def _cell(kind: Callable[..., nn.Module], reader: _Reader, m: Theirs) -> nn.Module:
    if hasattr(m, "nonlinearity"):
        _only(m, nonlinearity="tanh")
    made = kind(m.input_size, m.hidden_size, m.bias, seed=reader.rng, dtype=_dtype(m.weight_ih))
    _fill_cell(reader, made, m, "")
    return made


def _sequence(kind: Callable[..., nn.Module], reader: _Reader, m: Theirs) -> nn.Module:
    _only(m, proj_size=0)
    if hasattr(m, "nonlinearity"):
        _only(m, nonlinearity="tanh")
    made: Any = kind(
        m.input_size,
        m.hidden_size,
        m.num_layers,
        bidirectional=m.bidirectional,
        batch_first=m.batch_first,
        bias=m.bias,
        dropout=m.dropout,
        seed=reader.rng,
        dtype=_dtype(m.weight_ih_l0),
    )
    for n, cells in enumerate(made.cells):
        for cell, way in zip(cells, ("", "_reverse")):
            _fill_cell(reader, cell, m, f"_l{n}{way}")
    return made.train(m.training)


# ---- attention ----------------------------------------------------------------------------------


class StepsFirst(nn.Module):
    """A layer of (N, T, width) for sequences whose steps are the first axis, (T, N, width)."""

    layer: Any

    def __call__(self, x: Any, *context: Any, **options: Any) -> Any:
        """(T, N, width) to the same shape; (T, width) as it is."""
        if np.ndim(x) < 3:
            return self.layer(x, *context, **options)
        turned = [ops.swapaxes(y, 0, 1) for y in (x, *context)]
        return ops.swapaxes(self.layer(*turned, **options), 0, 1)


def _attention(reader: _Reader, m: Theirs) -> Any:
    _only(m, add_zero_attn=False, bias_k=None, bias_v=None, kdim=m.embed_dim, vdim=m.embed_dim)
    weight, bias = m.in_proj_weight, m.in_proj_bias
    made = nn.MultiHeadAttention(
        m.embed_dim,
        m.num_heads,
        bias=bias is not None,
        dropout=m.dropout,
        init=zeros,
        seed=reader.rng,
        dtype=_dtype(weight),
    )
    layers = made.query, made.key, made.value
    for layer, rows in zip(layers, weight.chunk(3)):
        reader.put(layer, weight=rows.T)
    if bias is not None:
        for layer, rows in zip(layers, bias.chunk(3)):
            reader.put(layer, bias=rows)
    made.train(m.training)
    made.out = reader.inside(m, "out_proj")
    return made if m.batch_first else StepsFirst(made)


def _encoder_layer(reader: _Reader, m: Theirs) -> nn.Module:
    names = {"relu": ops.relu, "gelu": ops.gelu}
    name = getattr(m.activation, "__name__", type(m.activation).__name__.lower())
    if name not in names or getattr(m.activation, "approximate", "none") != "none":
        raise UnsupportedError(f"activation={name}")
    if hasattr(m.activation, "_forward_hooks"):
        _rule_of(m.activation)
    for part in ("dropout", "dropout1", "dropout2"):
        reader.inside(m, part)  # which notes what is not supported of it
    if not m.dropout.p == m.dropout1.p == m.dropout2.p:
        raise UnsupportedError("its dropouts differ")
    made = nn.TransformerBlock(
        m.self_attn.embed_dim,
        m.self_attn.num_heads,
        m.linear1.out_features,
        activation=names[name],
        norm_first=m.norm_first,
        dropout=m.dropout.p,
        seed=reader.rng,
    )
    made.train(m.training)
    attention = reader.inside(m, "self_attn")
    made.attention = attention.layer if isinstance(attention, StepsFirst) else attention
    for field, theirs in (
        ("first", "linear1"),
        ("second", "linear2"),
        ("attention_norm", "norm1"),
        ("forward_norm", "norm2"),
    ):
        setattr(made, field, reader.inside(m, theirs))
    batch_first = m.self_attn.batch_first
    return made if batch_first else StepsFirst(made)


def _encoder(reader: _Reader, m: Theirs) -> nn.Module:
    layers = [reader.inside(m, f"layers.{i}") for i in range(len(m.layers))]
    if m.norm is not None:
        layers.append(reader.inside(m, "norm"))
    return nn.Sequential(*layers)


# ---- the rest -----------------------------------------------------------------------------------


def _sequential(reader: _Reader, m: Theirs) -> nn.Module:
    made = nn.Sequential()
    layers = {name: reader.inside(m, name) for name in m._modules}
    numbered = [*layers] == [str(i) for i in range(len(layers))]
    made.layers = [*layers.values()] if numbered else layers
    return made


def _dropout(reader: _Reader, m: Theirs) -> nn.Module:
    if m.p == 1:
        raise UnsupportedError("p=1 leaves nothing")
    return nn.Dropout(m.p, seed=reader.rng)


def _flatten(reader: _Reader, m: Theirs) -> nn.Module:
    _only(m, end_dim=-1)
    return nn.Flatten(m.start_dim)


def _max_pool(kind: Callable[..., nn.Module], reader: _Reader, m: Theirs) -> nn.Module:
    _only(m, dilation=1, ceil_mode=False, return_indices=False)
    return kind(m.kernel_size, m.stride, m.padding)


def _avg_pool(kind: Callable[..., nn.Module], reader: _Reader, m: Theirs) -> nn.Module:
    _only(m, ceil_mode=False)
    if getattr(m, "divisor_override", None) is not None:
        raise UnsupportedError(f"divisor_override={m.divisor_override}")
    if not m.count_include_pad:
        _only(m, padding=0)
    return kind(m.kernel_size, m.stride, m.padding)


def _adaptive(kind: Callable[..., nn.Module], reader: _Reader, m: Theirs) -> nn.Module:
    size = m.output_size if isinstance(m.output_size, tuple) else (m.output_size,)
    if None in size or getattr(m, "return_indices", False):
        raise UnsupportedError(f"output_size={m.output_size}, or return_indices")
    return kind(m.output_size)


def _scaled_softplus(x: Any, beta: float) -> Any:
    return ops.softplus(beta * x) / beta


def _activation(
    function: Callable[[Theirs], Callable[[Any], Any]], reader: _Reader, m: Theirs
) -> nn.Module:
    return nn.Lambda(function(m))


def _along(function: Callable[..., Any], m: Theirs) -> Callable[[Any], Any]:
    if m.dim is None:
        raise UnsupportedError("dim=None")
    return functools.partial(function, axis=m.dim)


def _gelu(m: Theirs) -> Callable[[Any], Any]:
    return ops.gelu if m.approximate == "none" else functools.partial(ops.gelu, approximate=True)


def _softplus(m: Theirs) -> Callable[[Any], Any]:
    return ops.softplus if m.beta == 1 else functools.partial(_scaled_softplus, beta=m.beta)


_ACTIVATIONS: dict[str, Callable[[Theirs], Callable[[Any], Any]]] = {
    "Identity": lambda m: _identity,
    "ReLU": lambda m: ops.relu,
    "Tanh": lambda m: ops.tanh,
    "Sigmoid": lambda m: ops.sigmoid,
    "SiLU": lambda m: ops.silu,
    "GELU": _gelu,
    "Softplus": _softplus,
    "ELU": lambda m: functools.partial(ops.elu, alpha=m.alpha),
    "CELU": lambda m: functools.partial(activation.celu, alpha=m.alpha),
    "SELU": lambda m: activation.selu,
    "LeakyReLU": lambda m: functools.partial(ops.leaky_relu, slope=m.negative_slope),
    "Hardtanh": lambda m: functools.partial(ops.clip, a_min=m.min_val, a_max=m.max_val),
    "ReLU6": lambda m: activation.relu6,
    "Hardsigmoid": lambda m: activation.hard_sigmoid,
    "Hardswish": lambda m: activation.hard_swish,
    "Mish": lambda m: activation.mish,
    "Softsign": lambda m: activation.softsign,
    "LogSigmoid": lambda m: activation.log_sigmoid,
    "Softmax": functools.partial(_along, ops.softmax),
    "LogSoftmax": functools.partial(_along, ops.log_softmax),
}

RULES: dict[str, Rule] = {
    "Linear": _linear,
    "Embedding": _embedding,
    "LayerNorm": _layer_norm,
    "RMSNorm": _rms_norm,
    "GroupNorm": _group_norm,
    "MultiheadAttention": _attention,
    "TransformerEncoderLayer": _encoder_layer,
    "TransformerEncoder": _encoder,
    "Sequential": _sequential,
    "Dropout": _dropout,
    "Flatten": _flatten,
    **{name: functools.partial(_activation, f) for name, f in _ACTIVATIONS.items()},
    **{
        kind.__name__: functools.partial(rule, kind)
        for rule, kinds in (
            (_convolution, (nn.Conv1d, nn.Conv2d)),
            (_transposed, (nn.ConvTranspose1d, nn.ConvTranspose2d)),
            (_batch_norm, (nn.BatchNorm1d, nn.BatchNorm2d)),
            (_cell, (nn.RNNCell, nn.GRUCell, nn.LSTMCell)),
            (_sequence, (nn.RNN, nn.GRU, nn.LSTM)),
            (_max_pool, (nn.MaxPool1d, nn.MaxPool2d)),
            (_avg_pool, (nn.AvgPool1d, nn.AvgPool2d)),
            (
                _adaptive,
                (
                    nn.AdaptiveAvgPool1d,
                    nn.AdaptiveAvgPool2d,
                    nn.AdaptiveMaxPool1d,
                    nn.AdaptiveMaxPool2d,
                ),
            ),
        )
        for kind in kinds
    },
}
"""For each class of ``torch.nn``, by its name, how a layer here is made of one."""
