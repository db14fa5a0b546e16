"""Optimisers against their formulas written out, both ways to drive them, schedules, clipping."""

import gc
import math
import tracemalloc

import numpy as np
import optree
import pytest

import tinygrad_hess as tg
from tinygrad_hess import nn, optim


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# ---- the formulas, as plainly as they can be written --------------------------------------------


def sgd(p, grads, lr, *, momentum=0.0, nesterov=False, weight_decay=0.0):
    v = 0.0
    for g in grads:
        d = g + weight_decay * p
        v = momentum * v + d
        p = p - lr * (d + momentum * v if nesterov else v)
    return p


def adam(p, grads, lr, *, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=False):
    m = v = 0.0
    for t, g in enumerate(grads, start=1):
        d = g if decoupled else g + weight_decay * p
        if decoupled:
            p = p - lr * weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * d
        v = betas[1] * v + (1 - betas[1]) * d**2
        m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
        p = p - lr * m_hat / (np.sqrt(v_hat) + eps)
    return p


CASES = [
    (optim.SGD, sgd, {"lr": 0.1}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.5, "nesterov": True, "weight_decay": 0.1}),
    (optim.SGD, sgd, {"lr": 0.1, "weight_decay": 0.1}),
    (optim.Adam, adam, {"lr": 0.01}),
    (optim.Adam, adam, {"lr": 0.1, "betas": (0.5, 0.0), "eps": 0.1, "weight_decay": 0.2}),
    (optim.Adam, adam, {"lr": 0.1, "betas": (0.0, 0.9)}),
    (optim.AdamW, lambda *a, **k: adam(*a, decoupled=True, **k), {"lr": 0.1, "weight_decay": 0.3}),
]


@pytest.mark.parametrize(("make", "formula", "settings"), CASES)
def test_both_ways_follow_the_formula(rng, make, formula, settings):
    start, grads = rng.normal(size=(3, 4)), rng.normal(size=(10, 3, 4))
    expected = formula(start, grads, **settings)

    opt = make(**settings)
    params = {"w": start.copy()}
    state = opt.init(params)
    for g in grads:
        params, state = opt.update(params, {"w": g}, state)
    np.testing.assert_allclose(params["w"], expected, rtol=1e-12)
    assert state.step == 10

    w = tg.tensor(start, requires_grad=True)
    bound = make([w], **settings)
    for g in grads:
        (w * g).sum().backward()
        bound.step()
        bound.zero_grad()
        assert w.grad is None
    np.testing.assert_allclose(w.numpy(), expected, rtol=1e-12)
    np.testing.assert_array_equal(w.numpy(), params["w"])


def test_adamw_decays_by_default():
    p = np.ones(2)
    opt = optim.AdamW(lr=0.5)
    np.testing.assert_allclose(opt.update(p, 0 * p, opt.init(p))[0], 1 - 0.5 * 0.01)


@pytest.mark.parametrize(
    "opt",
    [optim.SGD(lr=0.1, momentum=0.9, weight_decay=0.1), optim.Adam(lr=0.1, weight_decay=0.1)],
)
def test_updates_are_pure(rng, opt):
    params = [rng.normal(size=3), rng.normal(size=(2, 2))]
    grads = [rng.normal(size=3), rng.normal(size=(2, 2))]
    state = opt.init(params)
    params, state = opt.update(params, grads, state)
    kept = optree.tree_map(np.copy, (params, grads, state))
    for array in optree.tree_leaves((params, grads, state)):
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
    first = opt.update(params, grads, state)
    second = opt.update(params, grads, state)
    for a, b in zip(optree.tree_leaves(first), optree.tree_leaves(second), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(
        optree.tree_leaves((params, grads, state)), optree.tree_leaves(kept), strict=True
    ):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam, optim.AdamW])
def test_a_model_is_a_pytree_of_parameters(rng, make):
    x, y = rng.normal(size=(20, 3)), rng.integers(0, 2, 20)

    def loss(m):
        return nn.cross_entropy(m(x), y)

    model = nn.MLP([3, 8, 2], seed=0)
    bound = nn.MLP([3, 8, 2], seed=0)
    opt, other = make(lr=0.05), make(bound, lr=0.05)
    state = opt.init(model)
    before = loss(model)
    for _ in range(20):
        model, state = opt.update(model, tg.grad(loss)(model), state)
        loss(bound).backward()
        other.step()
        other.zero_grad()
    assert loss(model) < before
    arrays = bound.arrays()
    for a, b in zip(optree.tree_leaves(model), optree.tree_leaves(arrays), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


@pytest.mark.parametrize(
    "make",
    [
        lambda *p: optim.SGD(*p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
        lambda *p: optim.Adam(*p, lr=lambda t: np.float64(0.1), weight_decay=0.1),
        lambda *p: optim.AdamW(*p, lr=0.1),
    ],
)
def test_float32_stays_float32(make):
    p = np.ones(3, np.float32)
    opt = make()
    for g in (np.ones(3, np.float32), np.ones(3)):
        new, state = opt.update(p, g, opt.init(p))
        assert {a.dtype for a in (new, *state.slots[0])} == {np.dtype(np.float32)}
    w = tg.tensor(p, requires_grad=True)
    (w * w).sum().backward()
    make([w]).step()
    assert w.dtype == np.float32


def test_scalars_tensors_and_views_are_parameters_too(rng):
    opt = optim.Adam(lr=0.1)
    matrix = rng.normal(size=(4, 3))
    params = {"a": np.float64(1.0), "b": tg.tensor([2.0]), "c": matrix.T, "d": np.array(3.0)}
    grads = {"a": 1.0, "b": np.ones(1), "c": np.ones((3, 4)), "d": np.float64(-1.0)}
    new, _ = opt.update(params, grads, opt.init(params))
    assert isinstance(new["a"], np.float64)
    assert isinstance(new["b"], tg.Tensor)
    assert isinstance(new["d"], np.ndarray)
    np.testing.assert_allclose(new["a"], 0.9)
    np.testing.assert_allclose(new["b"].numpy(), 1.9)
    np.testing.assert_allclose(new["c"], matrix.T - 0.1, atol=1e-8)
    np.testing.assert_allclose(new["d"], 3.1)


# ---- define by run ------------------------------------------------------------------------------


def test_step_binds_a_new_array():
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    old = w.value
    loss = (w**3).sum()
    loss.backward(retain_graph=True)
    first = w.grad.numpy()
    optim.SGD([w], lr=0.1).step()
    assert w.value is not old
    np.testing.assert_array_equal(old, [1.0, 2.0])
    w.grad = None
    loss.backward()  # of the old tape: at the old values
    np.testing.assert_array_equal(w.grad.numpy(), first)


def test_parameters_without_gradient_are_skipped(rng):
    used, unused = (tg.tensor(rng.normal(size=3), requires_grad=True) for _ in range(2))
    opt = optim.Adam([used, unused], lr=0.1, weight_decay=0.5)
    before = unused.value
    for _ in range(3):
        (used**2).sum().backward()
        opt.step()
        opt.zero_grad()
    assert unused.value is before
    # its own count starts with its own first gradient, as in PyTorch
    expected = adam(before, [np.ones(3)], 0.1, weight_decay=0.5)
    unused.sum().backward()
    opt.step()
    np.testing.assert_allclose(unused.numpy(), expected, rtol=1e-12)


def test_gradients_accumulate_until_zeroed():
    w = tg.tensor([1.0], requires_grad=True)
    opt = optim.SGD([w, w], lr=0.1)
    (2 * w).sum().backward()
    (3 * w).sum().backward()
    opt.step()
    np.testing.assert_allclose(w.numpy(), [0.5])


@pytest.mark.parametrize("form", ["dict", "nested", "generator"])
def test_tensors_in_any_pytree_are_parameters(rng, form):
    start = rng.normal(size=(2, 3))
    a, b = (tg.tensor(x, requires_grad=True) for x in start)
    trees = {"dict": {"a": a, "b": b}, "nested": [{"a": a}, (b, a)], "generator": iter([a, b])}
    opt = optim.SGD(trees[form], lr=0.1)
    (2 * a.sum() + (b * b).sum()).backward()
    opt.step()
    np.testing.assert_allclose(a.numpy(), start[0] - 0.2, rtol=1e-15)
    np.testing.assert_allclose(b.numpy(), start[1] - 0.2 * start[1], rtol=1e-15)


def test_parameters_of_a_dictionary_have_groups_by_name():
    tree = {name: tg.tensor([1.0], requires_grad=True) for name in ("weight", "bias")}
    opt = optim.SGD(tree, lr=0.1, groups={"bias": {"lr": 0.5}})
    (tree["weight"] + tree["bias"]).sum().backward()
    opt.step()
    assert tree["weight"].item() == 0.9 and tree["bias"].item() == 0.5
    value = opt.step(lambda tree: (tree["weight"] * tree["bias"]).sum())
    assert value == pytest.approx(0.45)
    assert tree["weight"].item() == pytest.approx(0.9 - 0.1 * 0.5)


def test_groups_as_in_pytorch_are_told_how_they_go_here():
    with pytest.raises(TypeError, match=r"groups=\{'bias'"):
        optim.SGD([{"params": [tg.tensor([1.0], requires_grad=True)], "lr": 0.1}])


def test_wrong_parameters_are_refused():
    leaf = tg.tensor([1.0], requires_grad=True)
    with pytest.raises(TypeError, match=r"got float. Name the rate, as in Adam\(lr=1e-3\)"):
        optim.Adam(1e-3)
    with pytest.raises(TypeError, match="must be a list of tensors or a Module"):
        optim.SGD(leaf)
    for bad in (leaf * 2, tg.tensor([1.0]), np.ones(2)):
        with pytest.raises(TypeError, match="leaf tensor with requires_grad=True"):
            optim.SGD([bad])
    with pytest.raises(ValueError, match="no parameters"):
        optim.SGD([])
    with pytest.raises(ValueError, match=r"SGD.step: no parameters were given"):
        optim.SGD(lr=0.1).step()
    with pytest.raises(ValueError, match="zero_grad"):
        optim.SGD(lr=0.1).zero_grad()


def test_wrong_gradients_are_refused():
    opt = optim.SGD(lr=0.1)
    p = {"w": np.ones(3)}
    state = opt.init(p)
    with pytest.raises(ValueError, match="params and grads differ in structure"):
        opt.update(p, {"v": np.ones(3)}, state)
    with pytest.raises(ValueError, match=r"gradient float64\(2,\) for parameter float64\(3,\)"):
        opt.update(p, {"w": np.ones(2)}, state)
    with pytest.raises(ValueError, match="state is for 1 arrays, but params hold 2"):
        opt.update({"w": np.ones(3), "v": np.ones(2)}, {"w": np.ones(3), "v": np.ones(2)}, state)
    with pytest.raises(TypeError, match="real floating-point arrays, got int64"):
        opt.init({"w": np.arange(3)})
    w = tg.tensor(np.ones(3), requires_grad=True)
    w.grad = tg.tensor(np.ones(2))
    with pytest.raises(ValueError, match=r"SGD.step: gradient float64\(2,\)"):
        optim.SGD([w], lr=0.1).step()


def test_updates_do_not_lose_a_gradient_silently():
    opt = optim.SGD(lr=0.1)

    def through(p):
        return opt.update(p, np.ones(2), opt.init(np.ones(2)))[0].sum()

    with pytest.raises(tg.NonDifferentiableError, match="updates are not differentiated"):
        tg.grad(through)(np.ones(2))


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (optim.SGD, {"lr": -1.0}, "lr must be at least 0, got -1"),
        (optim.SGD, {"lr": math.nan}, "lr must be at least 0"),
        (optim.SGD, {"momentum": 1.0}, r"momentum must be in \[0, 1\)"),
        (optim.SGD, {"nesterov": True}, "positive for nesterov"),
        (optim.SGD, {"weight_decay": -0.1}, "weight_decay must be at least 0"),
        (optim.Adam, {"betas": (0.9, 1.0)}, r"betas must be 2 numbers in \[0, 1\)"),
        (optim.Adam, {"betas": (-0.1, 0.9)}, "betas"),
        (optim.Adam, {"betas": (0.9,)}, "betas"),
        (optim.Adam, {"eps": -1e-8}, "eps must be at least 0"),
        (optim.AdamW, {"weight_decay": -1}, "AdamW: weight_decay"),
    ],
)
def test_hyperparameters_are_checked(make, settings, message):
    with pytest.raises(ValueError, match=message):
        make(**settings)


def test_optimisers_print_their_settings():
    assert repr(optim.SGD(lr=0.1)) == "SGD(lr=0.1, momentum=0.0, nesterov=False, weight_decay=0.0)"
    assert repr(optim.AdamW()).startswith("AdamW(lr=0.001, betas=(0.9, 0.999)")


def test_memory_of_a_training_loop_is_flat(rng):
    model = nn.MLP([4, 16, 3], seed=0)
    x, y = rng.normal(size=(32, 4)), rng.integers(0, 3, 32)
    opt = optim.Adam(model.parameters(), lr=1e-3)

    def train(steps):
        for _ in range(steps):
            nn.cross_entropy(model(x), y).backward()
            opt.step()
            opt.zero_grad()
        gc.collect()

    train(20)
    tracemalloc.start()
    train(20)
    first = tracemalloc.get_traced_memory()[0]
    train(200)
    grown = tracemalloc.get_traced_memory()[0] - first
    tracemalloc.stop()
    assert grown < 20_000


# ---- schedules ----------------------------------------------------------------------------------


def test_a_schedule_sets_the_rate_of_each_update():
    rates = [0.1, 0.2, 0.3]
    opt = optim.SGD(lr=lambda t: rates[t])
    p = np.zeros(1)
    state = opt.init(p)
    for _ in range(3):
        p, state = opt.update(p, np.ones(1), state)
    np.testing.assert_allclose(p, -0.6)
    w = tg.tensor([0.0], requires_grad=True)
    bound = optim.SGD([w], lr=lambda t: rates[t])
    for _ in range(3):
        w.sum().backward()
        bound.step()
        bound.zero_grad()
    np.testing.assert_allclose(w.numpy(), -0.6)
    assert bound.steps == 3
    with pytest.raises(
        ValueError, match="the schedule's rate at step 0 must be at least 0, got -1"
    ):
        optim.SGD(lr=lambda t: -1.0).rate(0)


def test_schedules_follow_their_formulas():
    t = np.arange(30)

    def values(schedule):
        return [schedule(int(k)) for k in t]

    np.testing.assert_allclose(values(optim.constant(0.3)), 0.3)
    np.testing.assert_allclose(values(optim.step_decay(2.0, 7, 0.5)), 2 * 0.5 ** (t // 7))
    np.testing.assert_allclose(values(optim.exponential_decay(2.0, 7, 0.5)), 2 * 0.5 ** (t / 7))
    np.testing.assert_allclose(
        values(optim.linear_warmup(2.0, 10)), 2 * np.minimum((t + 1) / 10, 1)
    )
    np.testing.assert_allclose(
        values(optim.piecewise([5, 11], [3.0, 2.0, 1.0])), 3.0 - (t >= 5) - (t >= 11)
    )
    u = np.clip((t - 5) / 15, 0, 1)
    fall = 0.1 + (2 - 0.1) * (1 + np.cos(np.pi * u)) / 2
    np.testing.assert_allclose(
        values(optim.cosine(2.0, 20, warmup=5, final=0.1)), np.where(t < 5, 2 * (t + 1) / 5, fall)
    )


def test_schedules_print_as_they_are_written():
    made = [
        optim.cosine(0.1, steps=10),
        optim.cosine(0.1, steps=10, warmup=3, final=0.01),
        optim.linear_warmup(0.1, steps=4),
        optim.linear_warmup(optim.step_decay(0.1, every=3), steps=2),
        optim.piecewise([2, 5], [0.1, 0.2, 0.3]),
        optim.exponential_decay(0.1, every=7.5),
        optim.constant(0.1),
    ]
    names = {name: getattr(optim, name) for name in dir(optim) if name[0] != "_"}
    for schedule in made:
        again = eval(repr(schedule), names)
        assert [again(t) for t in range(20)] == [schedule(t) for t in range(20)]


def test_warmup_goes_before_any_schedule():
    after = optim.step_decay(1.0, 3, 0.1)
    schedule = optim.linear_warmup(after, 4)
    assert [schedule(t) for t in range(4)] == [0.25, 0.5, 0.75, 1.0]
    assert [schedule(t + 4) for t in range(9)] == [after(t) for t in range(9)]
    assert optim.linear_warmup(after, 0)(0) == after(0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.constant(-1), "at least 0, got -1"),
        (lambda: optim.step_decay(1.0, 0), "every must be an integer of at least 1"),
        (lambda: optim.exponential_decay(1.0, 0), "every must be positive"),
        (lambda: optim.linear_warmup(1.0, -1), "steps must be an integer of at least 0"),
        (lambda: optim.cosine(1.0, 5, warmup=5), "steps must be an integer of at least 6"),
        (lambda: optim.piecewise([1, 2], [1.0, 0.1]), "2 boundaries need 3 values, got 2"),
        (lambda: optim.piecewise([2, 1], [1.0, 0.1, 0.1]), "must increase"),
    ],
)
def test_schedules_check_their_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# ---- clipping -----------------------------------------------------------------------------------


def test_clipping_scales_to_the_norm(rng):
    grads = {"a": rng.normal(size=(3, 2)), "b": [rng.normal(size=4), None]}
    flat = np.concatenate([g.ravel() for g in optree.tree_leaves(grads)])
    clipped, norm = optim.clip_by_global_norm(grads, 0.5)
    np.testing.assert_allclose(norm, np.linalg.norm(flat), rtol=1e-14)
    np.testing.assert_allclose(optim.global_norm(clipped), 0.5, rtol=1e-14)
    np.testing.assert_allclose(clipped["a"], grads["a"] * 0.5 / norm, rtol=1e-14)
    same, _ = optim.clip_by_global_norm(grads, 2 * norm)
    assert same is grads


@pytest.mark.parametrize("scale", [1e-200, 1e200, 1.0])
def test_norms_neither_overflow_nor_underflow(scale):
    grads = [np.array([3.0]) * scale, np.array([4.0]) * scale]
    np.testing.assert_allclose(optim.global_norm(grads), 5 * scale, rtol=1e-14)
    big = np.full(4, 1e30, np.float32)
    np.testing.assert_allclose(optim.global_norm([big]), 2e30, rtol=1e-6)
    assert optim.global_norm([np.zeros(3)]) == 0.0
    assert optim.global_norm([]) == 0.0


def test_clipping_for_define_by_run():
    w, unused = (tg.tensor(np.full(4, 2.0, np.float32), requires_grad=True) for _ in range(2))
    (w**2).sum().backward()
    before = w.grad
    assert optim.clip_grad_norm([w, unused], 1.0) == 8.0
    np.testing.assert_allclose(w.grad.numpy(), 0.5)
    assert w.grad.dtype == np.float32
    assert w.grad is not before
    assert unused.grad is None
    model = nn.Linear(2, 1, seed=0)
    model.parameters()
    model(np.ones((1, 2))).sum().backward()
    assert optim.clip_grad_norm(model, 10.0) == pytest.approx(math.sqrt(3))


def test_gradients_that_are_not_finite_are_named():
    with pytest.raises(FloatingPointError, match=r"\['b'\] is not finite"):
        optim.clip_by_global_norm({"a": np.ones(2), "b": np.array([1.0, np.nan])}, 1.0)
    with pytest.raises(FloatingPointError, match="not finite"):
        optim.clip_by_global_norm(np.array([np.inf]), 1.0)
    with pytest.raises(ValueError, match="max_norm must be positive"):
        optim.clip_by_global_norm(np.ones(2), 0.0)
    with pytest.raises(tg.NonDifferentiableError, match="on a tape"):
        tg.grad(lambda x: optim.clip_by_global_norm(x, 1.0)[0].sum())(np.ones(2))


# ---- against PyTorch ----------------------------------------------------------------------------


@pytest.mark.peers
@pytest.mark.parametrize(("name", "settings"), [(c[0].__name__, c[2]) for c in CASES])
def test_updates_equal_pytorch(rng, name, settings):
    torch = pytest.importorskip("torch")
    start, grads = rng.normal(size=(3, 4)), rng.normal(size=(25, 3, 4))
    theirs = torch.tensor(start, requires_grad=True)
    their_opt = getattr(torch.optim, name)([theirs], **settings)
    ours = tg.tensor(start, requires_grad=True)
    opt = getattr(optim, name)([ours], **settings)
    for g in grads:
        theirs.grad, ours.grad = torch.tensor(g), tg.tensor(g)
        their_opt.step()
        opt.step()
    np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy(), rtol=1e-12)
