"""What a notebook shows of an object is never its address in memory."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import nn, optim
from tinygrad_hess.optim import schedules


def fit() -> Any:
    loss = lambda w, x: ((x @ w) ** 2).mean()
    return optim.fit(loss, np.ones(3), np.ones((4, 3)), optim.SGD(lr=0.1), epochs=2, progress=False)


def optimizers() -> list[Any]:
    kinds = [kind for _, kind in inspect.getmembers(optim, inspect.isclass)]
    made = []
    for kind in kinds:
        if issubclass(kind, optim.Optimizer) and kind is not optim.Optimizer:
            parameters = inspect.signature(kind).parameters.values()
            if all(p.default is not p.empty or p.kind is p.VAR_KEYWORD for p in parameters):
                made.append(kind())
    return made


OBJECTS = {
    "graph": lambda: tg.viz.graph(np.sin, 1.0),
    "view": lambda: tg.viz.view(np.sin, 1.0),
    "steps": lambda: tg.viz.steps(np.sin, 1.0),
    "jit": lambda: tg.jit(np.sin),
    "primitive": lambda: tg.ops.sin.primitive,
    "tensor": lambda: tg.tensor([1.0], requires_grad=True),
    "at": lambda: tg.tensor([1.0]).at[0],
    "hook": lambda: tg.tensor(1.0, requires_grad=True).register_hook(print),
    "schedules": lambda: [
        schedules.cosine(0.1, 10, warmup=3),
        schedules.step_decay(0.1, 5),
        schedules.piecewise([2], [0.1, 0.2]),
        optim.Adam(lr=schedules.exponential_decay(0.1, 5)),
    ],
    "optimizers": optimizers,
    "state": lambda: optim.Adam().init(np.ones(2)),
    "module": lambda: nn.MLP([3, 4, 2]),
    "digits": tg.data.digits,
    "operator": lambda: tg.curvature.HessianOperator(lambda w: (w**4).sum(), np.ones(3)),
    "fit": fit,
}


@pytest.mark.parametrize("name", OBJECTS)
def test_no_address(name: str) -> None:
    made = OBJECTS[name]()
    shown = made if isinstance(made, list) else [made]
    assert shown
    for one in shown:
        text = repr(one)
        assert " at 0x" not in text and "functools" not in text
        if hasattr(one, "_repr_html_"):
            assert " at 0x" not in one._repr_html_()
