"""The table of a model: layers, outputs, what is trained and what is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import nn


def net() -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.relu, nn.Flatten(), nn.Dropout(0.5),
        nn.Linear(4 * 36, 10),
    )  # fmt: skip


def test_counts_and_shapes() -> None:
    model = nn.freeze(net(), "layers[0]")
    found = model.summary(np.ones((5, 1, 8, 8)))
    by_name = {layer.name: layer for layer in found.layers}
    kinds = [(layer.kind, layer.output) for layer in found.layers]
    assert kinds == [
        ("Conv2d", "(5, 4, 6, 6)"), ("BatchNorm2d", "(5, 4, 6, 6)"), ("Flatten", "(5, 144)"),
        ("Dropout", "(5, 144)"), ("Linear", "(5, 10)"),
    ]  # fmt: skip
    assert by_name["layers[0]"].frozen == 4 * 9 + 4 and by_name["layers[0]"].parameters == 0
    assert by_name["layers[1]"].buffers == 4 + 4 + 1
    assert found.output == "(5, 10)"
    assert found.parameters == nn.count_parameters(model) == 8 + 1440 + 10
    assert found.frozen == 40


def test_a_summary_leaves_the_model_as_it_is() -> None:
    model = net()
    before = [np.array(x) for x in tg.core.trees.leaves(model.state_dict())]
    model.summary(np.ones((5, 1, 8, 8)))
    after = tg.core.trees.leaves(model.state_dict())
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_without_inputs_and_printed() -> None:
    model = nn.MLP([3, 4, 2])
    lines = str(model).splitlines()
    assert lines[0] == "MLP: 26 parameters; in training"
    assert [line.split() for line in lines[1:]] == [
        ["layer", "kind", "parameters"], ["layers[0]", "Linear", "16"],
        ["layers[1]", "Linear", "10"],
    ]  # fmt: skip
    assert "evaluation" in str(model.eval())
    assert "<table>" in model._repr_html_() and "layers[1]" in model._repr_html_()


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_layer_that_scans_cells_has_its_output(dropout: float) -> None:
    net = nn.Sequential(nn.Embedding(7, 3), nn.LSTM(3, 4, layers=2, dropout=dropout))
    rows = {layer.name: layer for layer in net.summary(np.zeros((5, 6), int)).layers}
    assert rows["layers[1]"].kind == "LSTM"
    assert rows["layers[1]"].output == "(5, 6, 4), (2, 5, 4), (2, 5, 4)"
    assert rows["layers[1].cells[1][0]"].parameters == 2 * (4 * 16 + 16)
    block = nn.Sequential(nn.TransformerBlock(4, 2)).summary(np.ones((2, 3, 4)))
    assert "layers[0]" not in [layer.name for layer in block.layers]  # its layers are called


def test_layers_by_name_are_listed_in_their_order() -> None:
    net = nn.Sequential(stem=nn.Linear(2, 3), act=nn.relu, body=nn.Linear(3, 4), a=nn.Linear(4, 1))
    for model in (net, tg.core.trees.map(lambda w: 2 * w, net)):
        names = [layer.name for layer in model.summary().layers]
        assert names == ["layers['stem']", "layers['body']", "layers['a']"]


def test_what_is_shared_counts_once() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            self.first = nn.Linear(3, 3)
            self.second = nn.Linear(3, 3)
            self.second.weight = self.first.weight
            self.scale = np.ones(2)

        def __call__(self, x: Any) -> Any:
            return self.second(self.first(x)) * self.scale[0], x

    found = Tied().summary(np.ones((1, 3)))
    assert [(x.name, x.kind, x.parameters) for x in found.layers] == [
        ("(itself)", "Tied", 2), ("first", "Linear", 12), ("second", "Linear", 3),
    ]  # fmt: skip
    assert found.parameters == nn.count_parameters(Tied())
    assert found.output == "(1, 3), (1, 3)"


def test_define_by_run_and_an_odd_name() -> None:
    model = nn.MLP([3, 4, 2])
    model.parameters()
    assert model.summary().parameters == 26
    model.layers[0].weight.requires_grad_(False)
    assert model.summary().frozen == 12

    class Odd(nn.Module):
        def __init__(self) -> None:
            self.parts = {"a\n<b>": nn.Linear(2, 2)}

    assert "\\n<b>" in str(Odd()) and "<b>'" not in Odd()._repr_html_()


def test_a_call_that_fails_leaves_nothing_watching() -> None:
    model = nn.MLP([3, 4, 2])
    with pytest.raises(ValueError, match="last axis"):
        model.summary(np.ones((5, 7)))
    assert nn.layer_table.watcher.get() is None
