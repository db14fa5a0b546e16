"""Modules as pytrees, layers, initialisations and losses."""

import copy
import dataclasses
import functools
import math
import pickle

import numpy as np
import optree
import pytest
from scipy import special

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.core.tape import Tape


@pytest.fixture
def rng():
    return np.random.default_rng(0)


class Affine(nn.Module):
    """Declared by annotated fields alone."""

    scale: np.ndarray
    shift: np.ndarray | None = None
    power: int = 1
    name: str = "affine"

    def __call__(self, x):
        y = self.scale * x**self.power
        return y if self.shift is None else y + self.shift


class Mixed(nn.Module):
    """A plain class: static things stand between the children of one list."""

    def __init__(self, rng):
        self.parts = [nn.Linear(3, 3, seed=rng), tg.ops.tanh, "note", 7, np.ones(3)]
        self.named = {"b": (np.zeros(3), None), "a": np.arange(3)}
        self.order = np.array([2, 0, 1])

    def __call__(self, x):
        x = self.parts[1](self.parts[0](x)) * self.parts[4] + self.named["b"][0]
        return x[..., self.order]


class Pair(nn.Module):
    def __init__(self, rng):
        self.left, self.right = nn.Linear(2, 3, seed=rng), nn.Linear(2, 1, seed=rng)

    def __call__(self, x):
        return self.left(x), {"right": self.right(x), "input": x}


def squares(model, x):
    return (model(x) ** 2).sum()


# ---- pytrees ----------------------------------------------------------------------------------


def test_children_are_arrays_and_modules_and_the_rest_is_static():
    leaves, spec = optree.tree_flatten(Affine(np.ones(2), power=3))
    assert len(leaves) == 1
    back = optree.tree_unflatten(spec, leaves)
    assert (back.power, back.name, back.shift) == (3, "affine", None)
    assert back.scale is leaves[0]


def test_unflattening_does_not_run_init():
    class Once(nn.Module):
        runs = 0

        def __init__(self):
            Once.runs += 1
            self.w = np.ones(2)

    model = Once()
    copied = optree.tree_map(np.copy, model)
    assert Once.runs == 1
    assert copied.w is not model.w


def test_static_fields_are_compared_by_equality(rng):
    def spec(m):
        return optree.tree_structure(m)

    one = np.ones(2)
    assert spec(Affine(one)) == spec(Affine(2 * one))
    assert spec(Affine(one)) != spec(Affine(one, power=2))
    assert spec(Affine(one)) != spec(Affine(one, shift=one))
    assert spec(nn.Lambda(nn.relu)) == spec(nn.Lambda(nn.relu))
    assert spec(nn.Lambda(nn.relu)) != spec(nn.Lambda(nn.tanh))
    a, b = Mixed(rng), Mixed(rng)
    assert spec(a) == spec(b)
    assert hash(spec(a)) == hash(spec(b))
    b.order = np.array([0, 1, 2])
    assert spec(a) != spec(b)


def test_functions_with_numbers_filled_in_are_compared_by_these():
    layer = lambda lo, hi=6.0: nn.Lambda(functools.partial(np.clip, a_min=lo, a_max=np.array([hi])))
    structure = lambda model: tg.core.trees.structure(nn.Sequential(nn.Linear(2, 2), model))
    assert structure(layer(0.0)) == structure(layer(0.0))
    assert structure(layer(0.0)) != structure(layer(0.5))
    assert structure(layer(0.0)) != structure(layer(0.0, 7.0))
    flat = lambda *args: nn.Lambda(functools.partial(np.clip, *args))
    assert structure(flat(0.0, 1.0)) == structure(flat(0.0, 1.0)) != structure(flat(0.0))
    runs = []
    jitted = tg.jit(lambda model, x: (runs.append(1), model(x))[1])
    for seed in (0, 1):  # two models of one kind share a plan
        jitted(nn.Sequential(nn.Linear(2, 2, seed=seed), layer(0.0)), np.ones(2))
    found = len(runs)
    jitted(nn.Sequential(nn.Linear(2, 2, seed=2), layer(0.0)), np.ones(2))
    assert len(runs) == found


def test_static_things_may_stand_between_children(rng):
    model = Mixed(rng)
    assert [np.shape(x) for x in optree.tree_leaves(model)] == [(3, 3), (3,), (3,), (3,)]
    back = optree.tree_map(lambda x: x, model)
    assert back.parts[1:4] == [tg.ops.tanh, "note", 7]
    assert isinstance(back.named["b"], tuple)
    x = rng.normal(size=(4, 3))
    np.testing.assert_array_equal(back(x), model(x))
    gradient = tg.grad(squares)(model, x)
    assert isinstance(gradient, Mixed)
    assert gradient.parts[4].shape == (3,)


def test_mapping_to_other_things_keeps_the_structure():
    model = nn.MLP([3, 4, 2])
    spec = optree.tree_structure(model)
    for f in (np.size, str, lambda x: float(x.sum()), lambda x: x > 0):
        mapped = optree.tree_map(f, model)
        assert optree.tree_structure(mapped) == spec
        assert len(optree.tree_leaves(mapped)) == 4
    assert optree.tree_leaves(optree.tree_map(np.size, model)) == [12, 4, 8, 2]
    pairs = optree.tree_map(lambda x: (x, x), model)
    assert spec.is_prefix(optree.tree_structure(pairs))
    assert optree.tree_leaves(optree.tree_map(lambda x: None, model)) == []


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copy", "pickle"]
)
def test_modules_survive_deepcopy_and_pickle(rng, copied):
    model = nn.MLP([3, 4, 2], seed=rng)
    x = rng.normal(size=(5, 3))
    other = copied(model)
    np.testing.assert_array_equal(other(x), model(x))
    assert optree.tree_structure(other) == optree.tree_structure(model)


def test_explicit_dataclasses_and_subclasses_work():
    @dataclasses.dataclass(frozen=True)
    class Frozen(nn.Module):
        w: np.ndarray
        k: int = 2

        def __call__(self, x):
            return self.w * x * self.k

    class Child(Affine):
        extra: float = 0.5

    model = Frozen(np.array([1.0, 2.0]))
    gradient = tg.grad(lambda m: m(np.array([3.0, 4.0])).sum())(model)
    np.testing.assert_array_equal(gradient.w, [6.0, 8.0])
    assert all(p.requires_grad for p in model.parameters())
    child = Child(np.ones(2), extra=2.0)
    assert child.extra == 2.0
    assert child.power == 1
    assert len(optree.tree_leaves(child)) == 1


def test_slots_are_refused():
    with pytest.raises(TypeError, match="drop __slots__"):

        class Slotted(nn.Module):
            __slots__ = ("w",)


def test_gradient_and_hvp_are_models(rng):
    model = nn.MLP([3, 4, 2], seed=rng)
    x = rng.normal(size=(5, 3))
    gradient = tg.grad(squares)(model, x)
    assert isinstance(gradient, nn.MLP)
    flat, spec = optree.tree_flatten(model)
    v = optree.tree_unflatten(spec, [rng.normal(size=p.shape) for p in flat])
    product = tg.hvp(squares, model, v, x)
    h = 1e-5

    def shifted(t):
        return tg.grad(squares)(optree.tree_map(lambda p, d: p + t * d, model, v), x)

    difference = optree.tree_map(lambda a, b: (a - b) / (2 * h), shifted(h), shifted(-h))
    for a, b in zip(optree.tree_leaves(product), optree.tree_leaves(difference), strict=True):
        assert isinstance(a, np.ndarray)
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-7)


def test_scalar_parameters_stay_children_after_a_gradient():
    class Slope(nn.Module):
        k: np.ndarray

        def __call__(self, x):
            return self.k * x

    gradient = tg.grad(lambda m: m(3.0) ** 2)(Slope(np.array(2.0)))
    assert optree.tree_structure(gradient) == optree.tree_structure(Slope(np.array(2.0)))
    assert gradient.k == 36.0


def test_per_example_gradients_by_vmap(rng):
    model = nn.MLP([3, 4, 2], seed=rng)
    x, y = rng.normal(size=(5, 3)), rng.integers(0, 2, 5)

    def loss(m, xi, yi):
        return nn.cross_entropy(m(xi), yi)

    each = tg.vmap(tg.grad(loss), in_axes=(None, 0, 0))(model, x, y)
    for i in range(5):
        one = tg.grad(loss)(model, x[i], y[i])
        for a, b in zip(optree.tree_leaves(each), optree.tree_leaves(one), strict=True):
            np.testing.assert_allclose(a[i], b, atol=1e-14)


# ---- parameters -------------------------------------------------------------------------------


def test_parameters_are_the_same_tensors_each_time(rng):
    model = nn.Sequential(nn.Linear(3, 4, seed=rng), nn.relu, nn.Linear(4, 2, seed=rng))
    first, second = model.parameters(), model.parameters()
    assert [id(p) for p in first] == [id(p) for p in second]
    assert model.layers[0].weight is first[0]
    assert list(model.named_parameters()) == [
        "layers[0].weight",
        "layers[0].bias",
        "layers[2].weight",
        "layers[2].bias",
    ]


def test_backward_on_parameters_equals_the_functional_gradient(rng):
    model = nn.MLP([3, 4, 2], seed=rng)
    x = rng.normal(size=(5, 3))
    expected = tg.grad(squares)(model, x)
    parameters = model.parameters()
    squares(model, x).backward()
    for p, g in zip(parameters, optree.tree_leaves(expected), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), g, rtol=1e-14)
    back = model.arrays()
    assert all(isinstance(p, np.ndarray) for p in optree.tree_leaves(back))
    back.layers[0].weight[:] = 0
    assert model.layers[0].weight.numpy().any()


def test_an_array_in_two_places_becomes_one_tensor():
    class Tied(nn.Module):
        def __init__(self):
            self.encode = np.ones((3, 2))
            self.decode = {"w": self.encode}

    model = Tied()
    (only,) = model.parameters()
    assert model.encode is only
    assert model.decode["w"] is only
    assert nn.count_parameters(model) == 6


def test_constants_are_frozen_parameters(rng):
    model = nn.Linear(3, 2, seed=rng)
    model.weight = tg.tensor(model.weight)
    assert list(model.named_parameters()) == ["bias"]


# ---- marks for pictures -----------------------------------------------------------------------


def test_outputs_carry_the_modules_that_made_them(rng):
    net = nn.Sequential(nn.Linear(3, 4, seed=rng), nn.relu, nn.Lambda(nn.tanh))
    seen = []

    def loss(m, x):
        hidden = m[0](x)
        seen.append((hidden, m(x)))
        return seen[-1][1].sum() + hidden.sum()

    tg.grad(loss)(net, rng.normal(size=(2, 3)))
    hidden, out = seen[0]
    assert [mark[0] for mark in hidden._scope] == ["Linear"]
    assert [mark[0] for mark in out._scope] == ["tanh", "Sequential"]
    (_, inner_first, inner_last), (_, outer_first, outer_last) = out._scope
    assert outer_first < inner_first < out.time < inner_last < outer_last
    made = [n for n in Tape([out]).nodes if outer_first < n.time < outer_last]
    assert {n.prim.name for n in made} >= {"matmul", "add", "relu", "tanh"}


def test_what_a_module_passes_through_is_not_marked(rng):
    model = Pair(rng)
    model.parameters()
    x = tg.tensor(np.ones((1, 2)), requires_grad=True)
    left, rest = model(x)
    assert left._scope[-1][0] == rest["right"]._scope[-1][0] == "Pair"
    assert not hasattr(x, "_scope")
    assert rest["input"] is x


def test_arrays_in_give_unmarked_arrays_out(rng):
    out = nn.MLP([3, 4, 2], seed=rng)(np.ones((5, 3)))
    assert isinstance(out, np.ndarray)


# ---- layers -----------------------------------------------------------------------------------


def test_linear_is_affine_and_batched(rng):
    layer = nn.Linear(3, 2, seed=rng)
    x = rng.normal(size=(4, 5, 3))
    np.testing.assert_allclose(layer(x), x @ layer.weight + layer.bias, rtol=1e-14)
    assert nn.Linear(3, 2, bias=False).bias is None
    bare = nn.Linear(3, 2, bias=False, seed=0)
    np.testing.assert_array_equal(bare(np.eye(3)), bare.weight)


def test_linear_refuses_other_widths():
    with pytest.raises(ValueError, match=r"Linear: the last axis.*length 3.*float64\(5, 4\)"):
        nn.Linear(3, 2)(np.ones((5, 4)))
    with pytest.raises(ValueError, match="in_features must be an integer of at least 1, got 0"):
        nn.Linear(0, 2)


@pytest.mark.parametrize("make", [nn.Linear, lambda i, o, **k: nn.Conv2d(i, o, 3, **k)])
def test_default_bounds_are_one_over_root_fan_in(make):
    layer = make(50, 40, seed=0)
    fan_in = layer.weight.size // 40
    bound = 1 / math.sqrt(fan_in)
    for a in (layer.weight, layer.bias):
        assert np.abs(a).max() <= bound
        assert np.abs(a).max() > 0.8 * bound


def test_float32_stays_float32(rng):
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3, dtype=np.float32, seed=rng),
        nn.relu,
        nn.MaxPool2d(2),
        nn.AvgPool2d(1),
        nn.Flatten(),
        nn.LayerNorm(18, dtype=np.float32),
        nn.MLP([18, 4, 3], dtype=np.float32, seed=rng),
    )
    x, y = rng.normal(size=(2, 1, 8, 8)).astype(np.float32), np.array([0, 2])
    value, gradient = tg.value_and_grad(lambda m: nn.cross_entropy(m(x), y))(net)
    assert value.dtype == np.float32
    assert {g.dtype for g in optree.tree_leaves(gradient)} == {np.dtype(np.float32)}


def _direct_convolution(x, w, b, *, stride, padding, dilation, groups):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    n, o, (h, k) = len(x), len(w), w.shape[2:]
    rows = (x.shape[2] - dilation * (h - 1) - 1) // stride + 1
    columns = (x.shape[3] - dilation * (k - 1) - 1) // stride + 1
    out = np.zeros((n, o, rows, columns))
    per = w.shape[1]
    for f in range(o):
        first = (f // (o // groups)) * per
        for i in range(rows):
            for j in range(columns):
                r, c = i * stride, j * stride
                window = x[
                    :,
                    first : first + per,
                    r : r + dilation * (h - 1) + 1 : dilation,
                    c : c + dilation * (k - 1) + 1 : dilation,
                ]
                out[:, f, i, j] = (window * w[f]).sum(axis=(1, 2, 3)) + b[f]
    return out


@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups"), [(1, 0, 1, 1), (2, 1, 1, 2), (1, 2, 2, 1)]
)
def test_conv2d_equals_its_definition(rng, stride, padding, dilation, groups):
    layer = nn.Conv2d(4, 6, (3, 2), stride, padding, dilation=dilation, groups=groups, seed=rng)
    assert layer.weight.shape == (6, 4 // groups, 3, 2)
    x = rng.normal(size=(2, 4, 7, 6))
    expected = _direct_convolution(
        x,
        layer.weight,
        layer.bias,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
    np.testing.assert_allclose(layer(x), expected, atol=1e-12)
    tg.check_grads(lambda m: nn.mse(m(x), np.zeros_like(expected)), (layer,), order=2)


def test_conv1d_is_conv2d_of_height_one(rng):
    layer = nn.Conv1d(2, 3, 3, stride=2, padding="same", seed=rng)
    x = rng.normal(size=(4, 2, 9))
    flat = nn.Conv2d(2, 3, (1, 3), stride=(1, 2), padding="same", seed=rng)
    flat.weight, flat.bias = layer.weight[:, :, None], layer.bias
    np.testing.assert_allclose(layer(x), flat(x[:, :, None])[:, :, 0], atol=1e-13)


def test_convolutions_check_their_arguments():
    with pytest.raises(ValueError, match="groups=2 must divide in_channels=3"):
        nn.Conv2d(3, 4, 3, groups=2)
    with pytest.raises(ValueError, match="stride=0 must be 2 integers of at least 1"):
        nn.Conv2d(2, 4, 3, stride=0)
    with pytest.raises(ValueError, match="padding='full' is not integers, 'same' or 'valid'"):
        nn.Conv2d(2, 4, 3, padding="full")
    with pytest.raises(ValueError, match="1 integers"):
        nn.Conv1d(2, 4, (3, 3))


def test_pools_and_flatten(rng):
    x = rng.normal(size=(2, 3, 6, 6))
    blocks = x.reshape(2, 3, 3, 2, 3, 2)
    np.testing.assert_array_equal(nn.MaxPool2d(2)(x), blocks.max(axis=(3, 5)))
    np.testing.assert_allclose(nn.AvgPool2d(2)(x), blocks.mean(axis=(3, 5)), atol=1e-15)
    line = x[:, :, 0]
    np.testing.assert_array_equal(nn.MaxPool1d(3)(line), line.reshape(2, 3, 2, 3).max(-1))
    np.testing.assert_allclose(nn.AvgPool1d(3)(line), line.reshape(2, 3, 2, 3).mean(-1), atol=1e-15)
    assert nn.Flatten()(x).shape == (2, 108)
    assert nn.Flatten(2)(x).shape == (2, 3, 36)
    assert nn.Flatten()(np.zeros((0, 3, 6))).shape == (0, 18)


def test_layer_norm_normalises(rng):
    x = rng.normal(2.0, 3.0, size=(5, 4, 6))
    out = nn.LayerNorm((4, 6), eps=0.0)(x)
    np.testing.assert_allclose(out.mean(axis=(1, 2)), 0, atol=1e-14)
    np.testing.assert_allclose(out.std(axis=(1, 2)), 1, rtol=1e-13)
    layer = nn.LayerNorm(6)
    layer.weight, layer.bias = rng.normal(size=6), rng.normal(size=6)
    tg.check_grads(lambda m, z: (m(z) ** 3).sum(), (layer, x[0]), order=2)
    assert nn.LayerNorm(6, affine=False).weight is None
    with pytest.raises(ValueError, match=r"must end in the axes \(5,\)"):
        nn.LayerNorm(5)(x)


def test_mlp_is_its_formula(rng):
    net = nn.MLP([3, 4, 5, 2], nn.relu, final=nn.sigmoid, seed=rng)
    x = rng.normal(size=(6, 3))
    h = x
    for layer in net.layers[:-1]:
        h = np.maximum(h @ layer.weight + layer.bias, 0)
    last = net.layers[-1]
    np.testing.assert_allclose(net(x), special.expit(h @ last.weight + last.bias), rtol=1e-13)
    with pytest.raises(ValueError, match="at least input and output"):
        nn.MLP([3])


def test_sequential_is_a_list_of_layers():
    net = nn.Sequential(nn.Linear(3, 2), nn.relu)
    assert len(net) == 2
    assert net[1] is nn.relu
    assert list(net) == net.layers
    with pytest.raises(TypeError, match="layer 1 must be a layer or a function, got 3"):
        nn.Sequential(nn.relu, 3)
    with pytest.raises(TypeError, match="function must be a layer or a function, got 3"):
        nn.Lambda(3)


def test_small_conv_net_has_exact_curvature(rng):
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3, seed=rng),
        nn.tanh,
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(8, 3, seed=rng),
    )
    x, y = rng.normal(size=(4, 1, 6, 6)), np.array([0, 1, 2, 1])
    tg.check_grads(lambda m: nn.cross_entropy(m(x), y), (net,), order=2)


# ---- seeds and initialisations ----------------------------------------------------------------


def test_seeds_decide_the_weights():
    a, b = nn.MLP([3, 4, 4, 2], seed=1), nn.MLP([3, 4, 4, 2], seed=1)
    for p, q in zip(optree.tree_leaves(a), optree.tree_leaves(b), strict=True):
        np.testing.assert_array_equal(p, q)
    assert (nn.MLP([3, 4], seed=2).layers[0].weight != a.layers[0].weight).any()
    shared = np.random.default_rng(1)
    first, second = nn.Linear(4, 4, seed=shared), nn.Linear(4, 4, seed=shared)
    assert (first.weight != second.weight).any()


def test_without_a_seed_layers_differ_and_runs_repeat():
    nn.manual_seed(5)
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    assert (first.weight != second.weight).any()
    nn.manual_seed(5)
    np.testing.assert_array_equal(nn.Linear(4, 4).weight, first.weight)


def test_fans():
    assert nn.init.fans((7, 3)) == (7, 3)
    assert nn.init.fans((8, 2, 3, 5)) == (30, 120)
    assert nn.init.fans((8, 2, 3)) == (6, 24)
    with pytest.raises(ValueError, match="at least two axes"):
        nn.init.fans((3,))


SHAPES = [(300, 200), (40, 30, 5, 3)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("init", "variance"),
    [
        (nn.init.xavier_uniform, lambda i, o: 2 / (i + o)),
        (nn.init.xavier_normal, lambda i, o: 2 / (i + o)),
        (nn.init.he_uniform, lambda i, o: 2 / i),
        (nn.init.he_normal, lambda i, o: 2 / i),
        (nn.init.lecun_normal, lambda i, o: 1 / i),
        (nn.init.default, lambda i, o: 1 / (3 * i)),
    ],
)
def test_variances_of_initial_weights(init, variance, shape):
    w = init(shape, 0)
    assert w.shape == shape
    expected = variance(*nn.init.fans(shape))
    # the relative standard error of a sample variance is at most sqrt(2 / n)
    assert abs(w.var() / expected - 1) < 5 * math.sqrt(2 / w.size)
    assert abs(w.mean()) < 5 * math.sqrt(expected / w.size)
    np.testing.assert_array_equal(w, init(shape, np.random.default_rng(0)))


def test_parameters_of_initialisations():
    shape = (30, 20)
    np.testing.assert_allclose(
        nn.init.xavier_normal(shape, 0, gain=3.0), 3 * nn.init.xavier_normal(shape, 0)
    )
    np.testing.assert_allclose(
        nn.init.he_normal(shape, 0, mode="out"),
        nn.init.he_normal(shape, 0) * math.sqrt(30 / 20),
    )
    np.testing.assert_allclose(
        nn.init.he_uniform(shape, 0, slope=1.0), nn.init.he_uniform(shape, 0) / math.sqrt(2)
    )
    with pytest.raises(ValueError, match="'in' or 'out'"):
        nn.init.he_normal(shape, 0, mode="fan")
    assert nn.init.gain("leaky_relu", 0.0) == nn.init.gain("relu")
    with pytest.raises(ValueError, match="no gain for 'cubic'"):
        nn.init.gain("cubic")


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (3, 2, 2, 2), (9, 2, 2, 2)])
def test_orthogonal(shape):
    w = nn.init.orthogonal(shape, 0, gain=2.0).reshape(shape[0], -1)
    product = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    np.testing.assert_allclose(product, 4 * np.eye(min(w.shape)), atol=1e-13)


def test_constant_initialisations():
    assert (nn.init.zeros((2, 3)) == 0).all()
    assert (nn.init.ones((2, 3)) == 1).all()
    assert (nn.init.constant((2, 3), value=0.5) == 0.5).all()
    layer = nn.Linear(3, 2, init=nn.init.ones)
    assert (layer.weight == 1).all()
    assert (layer.bias == 0).all()
    assert (nn.Linear(3, 2, bias_init=nn.init.ones).bias == 1).all()
    with pytest.raises(ValueError, match=r"shape \(2, 3\), but \(3, 2\) is needed"):
        nn.Linear(3, 2, init=lambda shape, rng: np.ones(shape[::-1]))


# ---- printing ---------------------------------------------------------------------------------


def test_repr_shows_layers_shapes_and_size():
    text = repr(nn.Sequential(nn.Linear(3, 2), nn.relu, nn.Linear(2, 1, bias=False)))
    assert text == (
        "Sequential(\n"
        "  layers=[\n"
        "    Linear(weight=float64(3,2), bias=float64(2,)),\n"
        "    relu,\n"
        "    Linear(weight=float64(2,1), bias=None),\n"
        "  ],\n"
        ")  # 10 parameters"
    )
    assert repr(Affine(np.ones(1))).endswith("# 1 parameter")
    model = nn.Linear(3, 2)
    before = repr(model)
    model.parameters()
    assert repr(model) == before
    assert repr(optree.tree_map(lambda x: x, model)) == before
    assert "Linear" in repr(optree.tree_structure(model))


def test_count_parameters():
    assert nn.count_parameters(nn.MLP([64, 32, 10])) == 64 * 32 + 32 + 32 * 10 + 10
    assert nn.count_parameters({"a": np.ones((2, 3)), "b": 1.0}) == 6


# ---- losses -----------------------------------------------------------------------------------


def test_cross_entropy_equals_its_definition(rng):
    x, y = 3 * rng.normal(size=(6, 4)), rng.integers(0, 4, 6)
    each = -special.log_softmax(x, axis=-1)[np.arange(6), y]
    np.testing.assert_allclose(nn.cross_entropy(x, y, reduction="none"), each, rtol=1e-13)
    np.testing.assert_allclose(nn.cross_entropy(x, y), each.mean(), rtol=1e-13)
    np.testing.assert_allclose(nn.cross_entropy(x, y, reduction="sum"), each.sum(), rtol=1e-13)
    one_hot = np.eye(4)[y]
    np.testing.assert_allclose(nn.cross_entropy(x, one_hot), each.mean(), rtol=1e-13)
    for s in (0.1, 1.0):
        smoothed = (1 - s) * one_hot + s / 4
        expected = -(smoothed * special.log_softmax(x, axis=-1)).sum(-1).mean()
        for labels in (y, one_hot):
            found = nn.cross_entropy(x, labels, label_smoothing=s)
            np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_cross_entropy_gradient_and_hessian_are_closed_forms(rng):
    x, y = rng.normal(size=(6, 4)), rng.integers(0, 4, 6)
    p = special.softmax(x, axis=-1)
    np.testing.assert_allclose(tg.grad(nn.cross_entropy)(x, y), (p - np.eye(4)[y]) / 6, atol=1e-15)
    v = rng.normal(size=x.shape)
    expected = (p * v - p * (p * v).sum(-1, keepdims=True)) / 6
    np.testing.assert_allclose(tg.hvp(nn.cross_entropy, x, v, y), expected, atol=1e-15)


@pytest.mark.parametrize("shape", [(4,), (6, 4), (2, 3, 4), (0, 4)])
def test_cross_entropy_of_any_leading_axes(rng, shape):
    x, y = rng.normal(size=shape), rng.integers(0, 4, shape[:-1])
    each = nn.cross_entropy(x, y, reduction="none")
    picked = np.take_along_axis(x, np.asarray(y)[..., None], -1)[..., 0]
    np.testing.assert_allclose(each, special.logsumexp(x, axis=-1) - picked, atol=1e-14)
    tg.check_grads(lambda z: nn.cross_entropy(z, y, reduction="sum"), (x,), order=2)


def test_cross_entropy_does_not_overflow():
    x = np.array([[1e4, 0.0, -1e4], [0.0, -np.inf, 0.0]])
    value, gradient = tg.value_and_grad(nn.cross_entropy)(x, np.array([0, 2]), reduction="sum")
    np.testing.assert_allclose(value, math.log(2))
    np.testing.assert_allclose(gradient, [[0, 0, 0], [0.5, 0, -0.5]])


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (np.array([0, 4, 1]), ValueError, "from 0 to 3.*values from 0 to 4"),
        (np.array([0, -1, 1]), ValueError, "from 0 to 3.*values from -1 to 1"),
        (np.array([[0], [1], [2]]), ValueError, r"int64\(3, 1\).*shape \(3,\)"),
        (np.array([0, 1]), ValueError, r"shape \(3,\), one for each example"),
        (np.array([0.0, 1.0, 2.0]), TypeError, r"labels.astype\(int\)"),
        (np.array([True, False, True]), TypeError, "must be integers"),
        (np.full((3, 4), 0.5), ValueError, "must sum to 1, one sum is off by 1"),
        (np.array([[-1.0, 2.0, 0, 0]] * 3), ValueError, "must not be negative"),
    ],
)
def test_cross_entropy_refuses_wrong_labels(labels, error, message):
    with pytest.raises(error, match=f"cross_entropy.*{message}"):
        nn.cross_entropy(np.zeros((3, 4)), labels)


def test_other_wrong_arguments():
    x, y = np.zeros((3, 4)), np.zeros(3, int)
    with pytest.raises(ValueError, match="cross_entropy: reduction='avg' is not 'mean'"):
        nn.cross_entropy(x, y, reduction="avg")
    with pytest.raises(ValueError, match="label_smoothing"):
        nn.cross_entropy(x, y, label_smoothing=1.5)
    with pytest.raises(ValueError, match="last axis of classes"):
        nn.cross_entropy(np.float64(0), y)
    with pytest.raises(ValueError, match=r"mse.*float64\(3, 1\).*float64\(3,\).*differ"):
        nn.mse(np.zeros((3, 1)), np.zeros(3))
    with pytest.raises(ValueError, match="delta must be positive"):
        nn.huber(x, x, delta=0)
    with pytest.raises(ValueError, match=r"targets must be in \[0, 1\]"):
        nn.binary_cross_entropy_with_logits(x, x + 2)
    with pytest.raises(ValueError, match="labels must be -1 or 1"):
        nn.hinge(x, x)
    with pytest.raises(ValueError, match="from 0 to 3"):
        nn.accuracy(x, y + 4)


def test_losses_equal_their_definitions(rng):
    a, b = 2 * rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    d = a - b
    np.testing.assert_allclose(nn.mse(a, b), (d**2).mean())
    np.testing.assert_allclose(nn.mse(a, b, "sum", half=True), (d**2).sum() / 2)
    np.testing.assert_allclose(nn.l1(a, b, "none"), np.abs(d))
    np.testing.assert_allclose(nn.huber(a, b, 0.7, "none"), special.huber(0.7, d))
    t = rng.random((5, 3))
    s = special.expit(a)
    expected = -(t * np.log(s) + (1 - t) * np.log(1 - s))
    np.testing.assert_allclose(
        nn.binary_cross_entropy_with_logits(a, t, "none"), expected, rtol=1e-12
    )
    sign = np.where(b > 0, 1, -1)
    np.testing.assert_allclose(nn.hinge(a, sign, "none"), np.maximum(0, 1 - sign * a))
    p = special.softmax(b, axis=-1)
    q = special.softmax(a, axis=-1)
    np.testing.assert_allclose(nn.kl_div(a, p, "none"), special.rel_entr(p, q).sum(-1), rtol=1e-12)


def test_kl_div_of_a_certain_target_is_cross_entropy(rng):
    x, y = rng.normal(size=(5, 3)), rng.integers(0, 3, 5)
    certain = np.eye(3)[y]
    np.testing.assert_allclose(nn.kl_div(x, certain), nn.cross_entropy(x, y), rtol=1e-13)
    np.testing.assert_allclose(
        tg.grad(nn.kl_div)(x, certain), tg.grad(nn.cross_entropy)(x, y), atol=1e-15
    )


@pytest.mark.parametrize(
    "loss", [nn.mse, nn.l1, nn.huber, nn.binary_cross_entropy_with_logits, nn.kl_div]
)
def test_losses_to_second_order_in_predictions(rng, loss):
    a = rng.normal(size=(4, 3))
    b = special.softmax(rng.normal(size=(4, 3)), axis=-1)
    tg.check_grads(lambda x: loss(x, b), (a,), order=2)


def test_losses_to_second_order_in_targets_that_are_computed(rng):
    a = rng.normal(size=(4, 3))
    for loss in (nn.mse, nn.kl_div, nn.cross_entropy):
        tg.check_grads(lambda z, f=loss: f(a, tg.ops.softmax(z)), (a + 1,), order=2)


def test_binary_cross_entropy_at_extremes():
    x = np.array([1e3, -1e3, 0.0])
    f = nn.binary_cross_entropy_with_logits
    np.testing.assert_allclose(f(x, np.array([0, 1, 0.5]), "none"), [1e3, 1e3, math.log(2)])
    np.testing.assert_allclose(tg.grad(f)(x, np.array([0, 1, 0.5]), "sum"), [1, -1, 0])


def test_targets_take_the_precision_of_predictions():
    x = np.ones((3, 2), np.float32)
    for loss in (nn.mse, nn.l1, nn.huber, nn.binary_cross_entropy_with_logits, nn.hinge):
        for target in (np.ones((3, 2)), np.ones((3, 2), int), np.ones((3, 2), bool)):
            value, gradient = tg.value_and_grad(loss)(x, target)
            assert value.dtype == gradient.dtype == np.float32
    assert nn.cross_entropy(x, np.full((3, 2), 0.5)).dtype == np.float32
    assert nn.cross_entropy(x, np.zeros(3, int), label_smoothing=0.1).dtype == np.float32


def test_labels_may_be_tensors(rng):
    x, y = rng.normal(size=(5, 3)), rng.integers(0, 3, 5)
    expected = nn.cross_entropy(x, y)
    assert nn.cross_entropy(tg.tensor(x), tg.tensor(y)).item() == pytest.approx(expected, rel=1e-15)


def test_accuracy():
    x = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0], [0.0, 3.0]])
    assert nn.accuracy(x, np.array([0, 1, 1, 1])) == 0.75
    leaf = tg.tensor(x, requires_grad=True)
    assert nn.accuracy(leaf * 2, tg.tensor([0, 1, 0, 1])) == 1.0
    with pytest.raises(ValueError, match="no examples"):
        nn.accuracy(np.zeros((0, 2)), np.zeros(0, int))


def test_activations_are_the_operations():
    for name in (
        *("relu", "leaky_relu", "elu", "gelu", "silu"),
        *("softplus", "sigmoid", "tanh", "softmax", "log_softmax"),
    ):
        assert getattr(nn, name) is getattr(tg.ops, name)


def test_forward_is_what_a_call_does() -> None:
    """PyTorch's name for it."""

    class Net(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(3, 2, seed=0)

        def forward(self, x: np.ndarray) -> np.ndarray:
            return nn.tanh(self.layer(x))

    net = Net()
    np.testing.assert_array_equal(net(np.ones((4, 3))), np.tanh(net.layer(np.ones((4, 3)))))
