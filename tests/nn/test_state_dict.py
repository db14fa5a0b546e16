"""The arrays of a model by name, and other arrays in their place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import nn, optim

X, Y = np.random.default_rng(0).normal(size=(5, 3)), np.ones((5, 1))


class Net(nn.Module):
    """Arrays wherever a module can have them, and static values between them."""

    def __init__(self, seed: int):
        rng = np.random.default_rng(seed)
        self.scale = rng.normal(size=3)
        self.blocks = [nn.Linear(3, 4, seed=rng), nn.tanh, {"norm": nn.BatchNorm1d(4)}]
        self.mean = nn.Buffer(rng.normal(size=3))
        self.extra = {"shift": rng.normal(size=3), "name": "shift", "list": (rng.normal(size=1), 3)}
        self.head = nn.Linear(4, 1, seed=rng)

    def __call__(self, x: Any) -> Any:
        linear, act, more = self.blocks
        x = self.scale * (x - self.mean) + self.extra["shift"]
        return self.head(more["norm"](act(linear(x)))) * self.extra["list"][0]


def test_names_are_those_of_parameters_and_what_is_not_trained() -> None:
    net = nn.freeze(Net(0), "head.weight")
    names = list(net.state_dict())
    trained = list(Net(0).named_parameters())
    assert set(names) == {
        *trained, "mean", "blocks[2]['norm'].running_mean", "blocks[2]['norm'].running_var",
        "blocks[2]['norm'].batches",
    }  # fmt: skip
    assert "head.weight" in names
    net.state_dict()["scale"][:] = 9.0
    assert (net.scale != 9.0).all(), "copies are given"


@pytest.mark.parametrize("as_tensors", [False, True])
def test_loaded_arrays_are_in_the_same_modules_and_tensors(as_tensors: bool) -> None:
    source, net = Net(0), Net(1)
    head, blocks = net.head, net.blocks[0]
    parameters = net.parameters() if as_tensors else []
    assert net.load_state_dict(source.state_dict()) == ((), ())
    assert net.head is head and net.blocks[0] is blocks and net.extra["name"] == "shift"
    out, expected = net.eval()(X), source.eval()(X)
    np.testing.assert_array_equal(out.numpy() if as_tensors else out, expected)
    if as_tensors:
        assert all(p is q for p, q in zip(net.parameters(), parameters, strict=True))
        opt = optim.SGD(net, lr=0.1)
        nn.mse(net(X), Y).backward()
        opt.step()
        g = tg.grad(lambda m: nn.mse(m(X), Y))(source.eval())
        np.testing.assert_allclose(net.scale.numpy(), source.scale - 0.1 * g.scale, rtol=1e-12)


def test_frozen_tensors_and_buffers_in_lists_are_loaded_too() -> None:
    class Held(nn.Module):
        def __init__(self, value: float):
            self.items = [nn.Buffer(np.full(2, value)), np.full(2, value)]
            self.w = tg.tensor(np.full(2, value))

    net = Held(1.0)
    net.w.requires_grad_(False)
    buffer, w = net.items[0], net.w
    net.load_state_dict(Held(2.0).state_dict())
    assert net.items[0] is buffer and net.w is w
    for x in (buffer.value, net.items[1], w.numpy()):
        np.testing.assert_array_equal(x, [2.0, 2.0])


def test_all_names_that_do_not_fit_are_in_one_error_and_nothing_changes() -> None:
    net = Net(0)
    before = net.state_dict()
    given = Net(1).state_dict()
    given["old"], given["scale"] = np.ones(1), np.ones(4)
    del given["mean"], given["head.bias"]
    with pytest.raises(ValueError) as caught:
        net.load_state_dict(given)
    assert str(caught.value) == (
        "load_state_dict: the arrays do not fit:\n  missing: mean, head.bias\n  unexpected: old\n"
        "  misshapen: scale is float64(4,), not float64(3,)"
    )
    with pytest.raises(ValueError, match="misshapen: scale"):
        net.load_state_dict(given, strict=False)
    for name, x in net.state_dict().items():
        np.testing.assert_array_equal(x, before[name])
    given["scale"] = np.ones(3, np.float32)
    found = net.load_state_dict(given, strict=False)
    assert (found.missing, found.unexpected) == (("mean", "head.bias"), ("old",))
    assert net.scale.dtype == np.float64
    np.testing.assert_array_equal(net.mean, before["mean"])
    np.testing.assert_array_equal(net.head.weight, given["head.weight"])
