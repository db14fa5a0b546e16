"""Hooks of tensors, and gradients of computed ones: against closed forms and PyTorch."""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.transforms import hooks
from tinygrad_hess.transforms.hooks import HookHandle


class TestRetainGrad:
    def test_gradients_of_computed_tensors(self) -> None:
        x = tg.tensor([1.0, 2.0], requires_grad=True)
        y, z = x * x, np.sin(x)
        y.retain_grad()
        (y * z).sum().backward()
        np.testing.assert_allclose(y.grad.numpy(), np.sin([1.0, 2.0]), rtol=1e-15)
        assert z.grad is None
        np.testing.assert_allclose(
            x.grad.numpy(),
            [2 * v * np.sin(v) + v * v * np.cos(v) for v in (1.0, 2.0)],
            rtol=1e-14,
        )

    def test_they_add_up_and_can_be_differentiated(self) -> None:
        x = tg.tensor(3.0, requires_grad=True)
        y = x * x
        y.retain_grad()
        z = y**3
        z.backward(create_graph=True)
        assert y.grad.item() == 3 * 9.0**2
        slope = y.grad
        y.grad = x.grad = None
        slope.backward()
        assert y.grad.item() == 6 * 9.0
        assert x.grad.item() == 6 * 9.0 * 6.0

    def test_of_a_leaf_and_of_a_constant(self) -> None:
        x = tg.tensor(3.0, requires_grad=True)
        x.retain_grad()
        (x * 2).backward()
        assert x.grad.item() == 2
        with pytest.raises(tg.NonDifferentiableError, match=r"retain_grad\(\).*not on any tape"):
            tg.tensor(1.0).retain_grad()

    def test_where_no_gradient_arrives_it_is_zero_as_of_leaves(self) -> None:
        x = tg.tensor([1.0, 2.0], requires_grad=True)
        y = 3 * x
        y.retain_grad()
        (np.floor(y).sum() + x.sum()).backward()
        assert y.grad.tolist() == [0, 0] and x.grad.tolist() == [1, 1]


class TestHooks:
    def test_it_sees_the_whole_gradient_once(self) -> None:
        x = tg.tensor([0.5, 2.0], requires_grad=True)
        y = x**2
        seen: list[Any] = []
        y.register_hook(seen.append)
        (y * y + 3 * y).sum().backward()  # two uses
        assert len(seen) == 1 and isinstance(seen[0], tg.Tensor) and not seen[0].requires_grad
        np.testing.assert_allclose(seen[0].numpy(), 2 * np.array([0.25, 4.0]) + 3, rtol=1e-15)

    def test_what_it_returns_goes_on(self) -> None:
        x = tg.tensor([1.0, -2.0], requires_grad=True)
        y = x**3
        y.retain_grad()
        order: list[str] = []
        y.register_hook(lambda g: order.append("first") or g * 10)  # type: ignore[func-returns-value]
        y.register_hook(lambda g: order.append("second") or np.minimum(g, 12.0))  # type: ignore[func-returns-value]
        (y * [1.0, 2.0]).sum().backward()
        assert order == ["first", "second"]
        assert y.grad.tolist() == [10, 12]
        assert x.grad.tolist() == [10 * 3 * 1, 12 * 3 * 4]

    def test_of_leaves_and_of_the_loss(self) -> None:
        x = tg.tensor(2.0, requires_grad=True)
        loss = x * x
        x.register_hook(lambda g: g + 1)
        loss.register_hook(lambda g: 3 * g)
        loss.backward()
        assert x.grad.item() == 3 * 4 + 1
        (x * x).backward()  # its own hook stays, and acts on what this sweep adds
        assert x.grad.item() == 13 + 5

    def test_removed(self) -> None:
        x = tg.tensor(2.0, requires_grad=True)
        handle = x.register_hook(lambda g: -g)
        assert isinstance(handle, HookHandle) and "registered" in repr(handle)
        handle.remove()
        handle.remove()
        assert "removed" in repr(handle)
        (x * x).backward()
        assert x.grad.item() == 4
        x.grad = None
        with x.register_hook(lambda g: -g):
            (x * x).backward()
        (x * x).backward()
        assert x.grad.item() == -4 + 4

    def test_a_hook_may_remove_itself_and_others(self) -> None:
        x = tg.tensor(2.0, requires_grad=True)
        handles: list[HookHandle] = []

        def once(g: Any) -> Any:
            for handle in handles:
                handle.remove()
            return 5 * g

        handles += [x.register_hook(once), x.register_hook(once)]
        (x * x).backward()
        (x * x).backward()
        assert x.grad.item() == 25 * 4 + 4  # those that were there when it began are called

    def test_under_create_graph_it_is_differentiated(self) -> None:
        x = tg.tensor(3.0, requires_grad=True)
        y = x**2
        y.register_hook(lambda g: g * g)
        (y**2).backward(create_graph=True)  # dL/dy = 2 x**2, squared: x.grad = 4 x**4 * 2 x
        slope = x.grad
        assert slope.item() == 8 * 3.0**5
        x.grad = None
        slope.backward()
        # 8 y**2 x: the derivative by y, 16 y x, is squared by the hook, that by x is not
        assert x.grad.item() == (16 * 3.0**3) ** 2 * 2 * 3.0 + 8 * 3.0**4

    def test_of_what_was_before_an_assignment(self) -> None:
        x = tg.tensor([1.0, 2.0], requires_grad=True)
        y = 2 * x
        before: list[Any] = []
        after: list[Any] = []
        y.register_hook(before.append)
        y[0] = 5.0
        y.register_hook(after.append)
        (y * y).sum().backward()
        assert [g.tolist() for g in before] == [[0, 8]]
        assert [g.tolist() for g in after] == [[10, 8]]

    def test_a_leaf_keeps_its_hook_when_it_is_updated(self) -> None:
        w = tg.tensor([1.0, 2.0], requires_grad=True)
        w.register_hook(lambda g: np.clip(g, -1, 1))
        descent = tg.optim.SGD([w], lr=0.5)
        for _ in range(2):
            (w**2).sum().backward()
            descent.step()
            descent.zero_grad()
        assert w.tolist() == [0.0, 1.0]
        with tg.no_grad():
            w -= 1.0
        (5 * w).sum().backward()
        assert w.grad.tolist() == [1, 1]

    def test_parameters_of_a_module(self) -> None:
        net = nn.Linear(2, 1, seed=0)
        seen: list[str] = []
        for name, p in net.named_parameters().items():
            p.register_hook(lambda g, name=name: seen.append(f"{name} {g.shape}"))
        net(np.ones((3, 2))).sum().backward()
        assert sorted(seen) == ["bias (1,)", "weight (2, 1)"]

    def test_no_gradient_no_call(self) -> None:
        x = tg.tensor(2.0, requires_grad=True)
        y = np.floor(x)
        y.register_hook(lambda g: pytest.fail("called"))
        unused = x * 3
        unused.register_hook(lambda g: pytest.fail("called"))
        (x + 0 * tg.stop_gradient(y)).backward()
        assert x.grad.item() == 1

    def test_it_cannot_spoil_other_gradients(self) -> None:
        x, y = (tg.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))

        def spoil(g: Any) -> None:
            g[:] = 100.0

        x.register_hook(spoil)
        z = x + y
        (2 * z).sum().backward()
        assert y.grad.tolist() == [2, 2]

    def test_memory(self) -> None:
        x = tg.tensor(2.0, requires_grad=True)
        y = x * x
        handle = y.register_hook(lambda g: g)
        gone = weakref.ref(y)
        del y
        assert gone() is None and handle._hooks in hooks._EVERY
        known = weakref.ref(handle._hooks)
        del handle
        gc.collect()
        assert known() is None

    def test_copies_have_none(self) -> None:
        x = tg.tensor(2.0, requires_grad=True)
        x.register_hook(lambda g: 0 * g)
        y = copy.deepcopy(x)
        (y * y).backward()
        assert y.grad.item() == 4


class TestRefused:
    def test_what_is_on_no_tape_and_no_function(self) -> None:
        with pytest.raises(tg.NonDifferentiableError, match=r"register_hook\(\).*not on any tape"):
            tg.tensor(1.0).register_hook(print)
        x = tg.tensor(1.0, requires_grad=True)
        with pytest.raises(TypeError, match="hook must be a function of the gradient, got str"):
            x.register_hook("print")

    @pytest.mark.parametrize("given", [np.ones(3), 1.0, np.ones(2, np.float32), "much"])
    def test_a_gradient_of_another_shape_or_type(self, given: Any) -> None:
        x = tg.tensor([1.0, 2.0], requires_grad=True)
        x.register_hook(lambda g: given)
        with pytest.raises(ValueError, match=r"hook of a float64\(2,\) tensor returned"):
            (x * x).sum().backward()
        assert x.grad is None

    @pytest.mark.parametrize("method", ["register_hook", "retain_grad"])
    @pytest.mark.parametrize(
        "transform",
        [
            tg.grad,
            tg.value_and_grad,
            tg.jacobian,
            tg.hessian,
            lambda f: tg.jit(tg.grad(f)),
            tg.jit,
            lambda f: lambda x: tg.vmap(lambda row: f(row))(x[None]),
            lambda f: lambda x: tg.jvp(f, (x,), (x,)),
            lambda f: lambda x: tg.hvp(f, x, x),
        ],
    )  # fmt: skip
    def test_inside_a_transform(self, transform: Callable[..., Any], method: str) -> None:
        def f(x: Any) -> Any:
            y = tg.numpy.multiply(x, x)
            getattr(y, method)(*([print] if method == "register_hook" else []))
            return y.sum()

        with pytest.raises(tg.NonDifferentiableError, match=rf"{method}\(\) on a .* recording"):
            transform(f)(np.ones(2))

    def test_what_a_transform_gave_has_hooks(self) -> None:
        x = tg.tensor(3.0, requires_grad=True)
        slope = tg.grad(lambda x: x**3)(x)  # on the tape of x
        slope.register_hook(lambda g: 2 * g)
        slope.backward()
        assert x.grad.item() == 2 * 6 * 3.0

    def test_transforms_call_none(self) -> None:
        x = tg.tensor([1.0, 2.0], requires_grad=True)
        x.register_hook(lambda g: pytest.fail("called"))
        f = lambda x: (x**3).sum()
        assert tg.grad(f)(x).tolist() == [3, 12]
        assert tg.hvp(f, x, np.ones(2)).tolist() == [6, 12]


@pytest.mark.peers
def test_as_in_pytorch() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    values, weights = rng.standard_normal(5), rng.standard_normal((5, 3))

    def run(tensor: Callable[[Any], Any], tanh: Any) -> list[list[float]]:
        seen: list[Any] = []
        x = tensor(values)
        hidden = tanh(x @ tensor(weights))
        hidden.retain_grad()
        hidden.register_hook(seen.append)
        hidden.register_hook(lambda g: g * (g > 0))
        removed = hidden.register_hook(lambda g: 0 * g)
        x.register_hook(lambda g: 2 * g)
        x.register_hook(seen.append)
        removed.remove()
        ((hidden**2).sum() + hidden.sum()).backward()
        return [g.detach().tolist() for g in (*seen, x.grad, hidden.grad)]

    ours = run(lambda a: tg.tensor(a, requires_grad=True), np.tanh)
    theirs = run(lambda a: torch.tensor(a, requires_grad=True), torch.tanh)
    assert len(ours) == len(theirs) == 4
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
