"""Trajectories of a hundred steps beside PyTorch's and Optax's, where they have the rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_hess import optim

pytestmark = pytest.mark.peers

STEPS = 100
SHAPES = ((4, 3), (5,), ())

BESIDE_TORCH: list[tuple[Any, str, dict[str, Any], dict[str, Any]]] = [
    (optim.SGD, "SGD", {"lr": 0.02, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}, {}),
    (optim.AdaGrad, "Adagrad", {"lr": 0.1, "weight_decay": 0.1}, {}),
    (optim.AdaGrad, "Adagrad", {"lr": 0.1}, {"initial": 0.3}),
    (optim.RMSProp, "RMSprop", {"lr": 0.01, "weight_decay": 0.1}, {}),
    (optim.RMSProp, "RMSprop", {"lr": 0.01, "momentum": 0.9, "centered": True}, {}),
    (optim.Adadelta, "Adadelta", {"lr": 1.0, "rho": 0.9, "eps": 1e-6, "weight_decay": 0.1}, {}),
    (optim.Adam, "Adam", {"lr": 0.01, "betas": (0.8, 0.99), "weight_decay": 0.1}, {}),
    (optim.AdamW, "AdamW", {"lr": 0.01, "weight_decay": 0.1}, {}),
    (optim.NAdam, "NAdam", {"lr": 0.01, "weight_decay": 0.1}, {}),
    (optim.NAdam, "NAdam", {"lr": 0.01, "betas": (0.7, 0.9), "momentum_decay": 0.1}, {}),
]


def gradients() -> list[list[Any]]:
    rng = np.random.default_rng(1)
    return [[0.2 + np.asarray(rng.normal(size=s)) for s in SHAPES] for _ in range(STEPS)]


def start() -> list[Any]:
    rng = np.random.default_rng(0)
    return [np.asarray(rng.normal(size=s)) for s in SHAPES]


def trajectory(opt: Any) -> list[list[Any]]:
    params, found = start(), []
    state = opt.init(params)
    for grads in gradients():
        params, state = opt.update(params, grads, state)
        found.append(params)
    return found


def close(found: list[list[Any]], expected: list[list[Any]]) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("make", "name", "settings", "more"), BESIDE_TORCH, ids=[c[1] for c in BESIDE_TORCH]
)
def test_trajectories_equal_pytorch(
    torch: Any,
    monkeypatch: pytest.MonkeyPatch,
    make: Any,
    name: str,
    settings: dict[str, Any],
    more: dict[str, Any],
) -> None:
    leaves = [torch.tensor(p, requires_grad=True) for p in start()]
    monkeypatch.setattr(torch, "get_default_dtype", lambda: torch.float64)  # NAdam's product is
    words = {"initial": "initial_accumulator_value"}
    theirs = getattr(torch.optim, name)(
        leaves, **settings, **{words[k]: v for k, v in more.items()}
    )
    expected = []
    for grads in gradients():
        for leaf, g in zip(leaves, grads, strict=True):
            leaf.grad = torch.tensor(g)
        theirs.step()
        expected.append([leaf.detach().numpy().copy() for leaf in leaves])
    close(trajectory(make(**settings, **more)), expected)


def test_clipping_and_groups_equal_pytorch(torch: Any) -> None:
    leaves = [torch.tensor(p, requires_grad=True) for p in start()]
    theirs = torch.optim.Adam(
        [{"params": leaves[:1]}, {"params": leaves[1:], "lr": 0.1, "weight_decay": 0.5}], lr=0.01
    )
    expected = []
    for grads in gradients():
        for leaf, g in zip(leaves, grads, strict=True):
            leaf.grad = torch.tensor(g)
        torch.nn.utils.clip_grad_norm_(leaves, 2.0)
        theirs.step()
        expected.append([leaf.detach().numpy().copy() for leaf in leaves])
    groups = {r"\[[12]\]": {"lr": 0.1, "weight_decay": 0.5}}
    found = trajectory(optim.Adam(lr=0.01, groups=groups, max_norm=2.0))
    for ours, other in zip(found, expected, strict=True):  # PyTorch adds 1e-6 to the norm
        for a, b in zip(ours, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("nesterov", [False, True])
def test_muon_equals_pytorch_in_double_precision(
    torch: Any, monkeypatch: pytest.MonkeyPatch, nesterov: bool
) -> None:
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("this PyTorch has no Muon")
    monkeypatch.setattr(
        torch.Tensor, "bfloat16", lambda x: x.clone()
    )  # else they iterate in 8 bits
    settings: dict[str, Any] = {"lr": 0.02, "weight_decay": 0.1, "nesterov": nesterov}
    leaf = torch.tensor(start()[0].T, requires_grad=True)  # outputs first
    theirs = torch.optim.Muon([leaf], **settings)
    params, opt = start()[:1], optim.Muon(**settings)
    state = opt.init(params)
    for grads in gradients():
        leaf.grad = torch.tensor(grads[0].T)
        theirs.step()
        params, state = opt.update(params, grads[:1], state)
        close([params], [[leaf.detach().numpy().T]])


def test_muon_is_near_pytorch_in_half_precision(torch: Any) -> None:
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("this PyTorch has no Muon")
    leaf = torch.tensor(start()[0].T, requires_grad=True)  # outputs first
    theirs = torch.optim.Muon([leaf], lr=0.02, weight_decay=0.1)
    params = start()[:1]
    opt = optim.Muon(lr=0.02, weight_decay=0.1)
    state = opt.init(params)
    for grads in gradients()[:20]:
        leaf.grad = torch.tensor(grads[0].T)
        theirs.step()
        params, state = opt.update(params, grads[:1], state)
    # they iterate in bfloat16, of 8 bits: 20 steps of 0.02
    np.testing.assert_allclose(params[0], leaf.detach().numpy().T, atol=20 * 0.02 * 2**-5)


# ---- Optax --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def optax(jax: Any) -> Any:
    return pytest.importorskip("optax")


def by_optax(jax: Any, rule: Any) -> list[list[Any]]:
    import optax

    params, found = [jax.numpy.asarray(p) for p in start()], []
    state = rule.init(params)
    for grads in gradients():
        updates, state = rule.update([jax.numpy.asarray(g) for g in grads], state, params)
        params = optax.apply_updates(params, updates)
        found.append([np.asarray(p) for p in params])
    return found


BESIDE_OPTAX: list[tuple[Any, Any]] = [
    (optim.Lion(lr=0.01, weight_decay=0.1), lambda o: o.lion(0.01, weight_decay=0.1)),
    (
        optim.AdaGrad(lr=0.1, initial=0.1, eps=0.0),
        lambda o: o.adagrad(0.1, initial_accumulator_value=0.1, eps=0.0),
    ),
    (optim.SGD(lr=0.02, momentum=0.9, nesterov=True), lambda o: o.sgd(0.02, 0.9, nesterov=True)),
    (optim.AdamW(lr=0.01, weight_decay=0.1), lambda o: o.adamw(0.01, weight_decay=0.1)),
    (
        optim.RMSProp(lr=0.01, decay=0.9),
        lambda o: o.rmsprop(0.01, decay=0.9, eps=1e-8, eps_in_sqrt=False),
    ),
    (optim.Adadelta(lr=0.9), lambda o: o.adadelta(0.9)),
    (
        optim.SGD(lr=0.1, max_norm=0.5),
        lambda o: o.chain(o.clip_by_global_norm(0.5), o.sgd(0.1)),
    ),
]


@pytest.mark.parametrize(("ours", "theirs"), BESIDE_OPTAX, ids=[repr(c[0]) for c in BESIDE_OPTAX])
def test_trajectories_equal_optax(jax: Any, optax: Any, ours: Any, theirs: Any) -> None:
    close(trajectory(ours), by_optax(jax, theirs(optax)))


def test_muon_equals_optax_on_matrices(jax: Any, optax: Any) -> None:
    rule = optax.contrib.muon(0.02, beta=0.95, nesterov=False, eps=0.0)  # theirs corrects the bias
    params = [jax.numpy.asarray(start()[0])]
    state, ours = rule.init(params), start()[:1]
    opt = optim.Muon(lr=0.02, nesterov=False)
    own = opt.init(ours)
    for grads in gradients():
        updates, state = rule.update([jax.numpy.asarray(grads[0])], state, params)
        params = optax.apply_updates(params, updates)
        ours, own = opt.update(ours, grads[:1], own)
        close([ours], [[np.asarray(params[0])]])


def test_sam_equals_optax(jax: Any, optax: Any) -> None:
    weights, targets = np.arange(1.0, 5.0), np.random.default_rng(2).normal(size=(STEPS, 4))
    loss = lambda w, y: (weights * (w - y) ** 4).sum() / 10
    rule = optax.contrib.sam(
        optax.sgd(0.01), optax.chain(optax.contrib.normalize(), optax.sgd(0.05)), sync_period=2,
        opaque_mode=True,
    )  # fmt: skip
    theirs = jax.numpy.zeros(4)
    state, gradient = rule.init(theirs), jax.grad(loss)
    opt = optim.SAM(optim.SGD(lr=0.01), rho=0.05)
    step, ours = opt.stepper(loss), np.zeros(4)
    own = opt.init(ours)
    for y in targets:
        updates, state = rule.update(
            gradient(theirs, y), state, theirs, grad_fn=lambda p, _, y=y: gradient(p, y)
        )
        theirs = optax.apply_updates(theirs, updates)
        _, ours, own = step(ours, own, y)
        np.testing.assert_allclose(ours, np.asarray(theirs), rtol=1e-10, atol=1e-10)
