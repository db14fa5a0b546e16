"""Pictures of tapes: what they show, that they stay small and the same, how they are written."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.dom import minidom

import numpy as np
import pytest

import tinygrad_hess as tg
import tinygrad_hess.viz
from tinygrad_hess import nn
from tinygrad_hess.core import trees
from tinygrad_hess.core.tape import Tape
from tinygrad_hess.core.tensor import tick
from tinygrad_hess.ops.elementwise.identity import seed
from tinygrad_hess.viz import plots, rendering
from tinygrad_hess.viz.collapse import by_kind, by_module, by_run, by_sweep
from tinygrad_hess.viz.phases import sweeps
from tinygrad_hess.viz.reading import describe_value, read
from tinygrad_hess.viz.trace import trace

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"


def loss(params, batch):
    x, y = batch
    h = np.tanh(x @ params["W1"] + params["b1"])
    return ((h @ params["W2"] - y) ** 2).mean()


@pytest.fixture
def params():
    rng = np.random.default_rng(0)
    return {"W1": rng.normal(size=(4, 5)), "b1": np.zeros(5), "W2": rng.normal(size=(5, 3))}


@pytest.fixture
def batch():
    rng = np.random.default_rng(1)
    return rng.normal(size=(7, 4)), rng.normal(size=(7, 3))


def nodes(graph):
    """Label and attributes of each vertex, by id."""
    found = re.findall(r"^\s*(n\d+) \[label=<(.*)> ?([^\n]*)\]$", graph.source, re.M)
    found.sort(key=lambda node: int(node[0][1:]))
    return {name: (label, look) for name, label, look in found}


def text(label):
    """A label without its markup: lines."""
    return re.sub(r"<[^>]*>", "", label.replace("<br/>", "\n")).split("\n")


def titles(graph):
    return [text(label)[0] for label, _ in nodes(graph).values()]


def edges(graph):
    return re.findall(r"(n\d+) -> (n\d+)", graph.source)


def picture_of(*outputs):
    return read([("output", y) for y in outputs], {}, {}, True)


class TestFunction:
    def test_nodes_and_edges_are_the_tape(self):
        g = tg.viz.graph(lambda x: np.tanh(2 * x).sum(), np.ones(3))
        assert titles(g) == ["x", "2 ×", "tanh", "sum", "output"]
        assert edges(g) == [("n0", "n1"), ("n1", "n2"), ("n2", "n3"), ("n3", "n4")]

    def test_shapes_and_dtypes(self):
        g = tg.viz.graph(lambda x: np.exp(x).sum(axis=1), np.ones((2, 3), np.float32))
        said = [text(label)[1:] for label, _ in nodes(g).values()]
        assert said == [["2×3 float32"], ["2×3 float32"], ["axis -1", "2 float32"], ["2 float32"]]

    def test_parameters_inputs_and_constants_differ(self, params, batch):
        g = tg.viz.graph(loss, params, batch)
        look = {text(label)[0]: look for label, look in nodes(g).values()}
        assert {"params['W1']", "params['b1']", "batch[0]", "batch[1]"} <= set(look)
        h = tg.viz.graph(lambda params: loss(params, batch), params)
        constant = next(look for label, look in nodes(h).values() if text(label)[0] == "constant")
        fills = [re.search('fillcolor="(.*?)"', s)[1] for s in
                 (look["params['W1']"], look["batch[0]"], constant)]  # fmt: skip
        assert len(set(fills)) == 3

    def test_argnums_leave_inputs_off_the_tape_but_named(self, params, batch):
        g = tg.viz.graph(loss, params, batch, argnums=0)
        assert {"batch[0]", "batch[1]"} <= set(titles(g))
        assert "constant" not in titles(g)

    def test_integer_arguments_are_inputs(self):
        g = tg.viz.graph(lambda x, i: x[i].sum(), np.ones(4), np.array([2, 0]))
        assert "i" in titles(g)

    def test_constants_can_be_left_out(self, params, batch):
        g = tg.viz.graph(lambda params: loss(params, batch), params, constants=False)
        assert "constant" not in titles(g)

    def test_numbers_stand_in_the_operation(self):
        g = tg.viz.graph(lambda x: np.maximum(1 - x / 3, 0.25), 2.0)
        assert titles(g)[1:-1] == ["÷ 3", "1 -", "max(·, 0.25)"]

    def test_operands_are_numbered_where_their_order_matters(self):
        g = tg.viz.graph(lambda a, b: (a @ b) + (b @ a), np.eye(2), np.eye(2))
        labels = re.findall(r"(n\d) -> (n\d) \[.*?headlabel=(\d)", g.source)
        assert labels == [
            ("n0", "n2", "1"),
            ("n1", "n2", "2"),
            ("n1", "n3", "1"),
            ("n0", "n3", "2"),
        ]

    def test_outputs_are_named_by_path(self, params, batch):
        g = tg.viz.graph(tg.grad(loss), params, batch)
        assert [t for t in titles(g) if t.startswith("output")] == [
            "output['W1']", "output['W2']", "output['b1']",
        ]  # fmt: skip

    def test_vmap_shows_the_hidden_axis(self):
        seen = []

        def f(x):
            y = np.sin(x)
            seen.append(describe_value(y))
            return y

        g = tg.viz.graph(tg.vmap(f), np.ones((6, 2)))
        assert seen == ["[6] 2 float64"]
        assert any("[6] 2 float64" in text(label) for label, _ in nodes(g).values())

    def test_composites_are_one_node(self):
        block = tg.checkpoint(lambda x: (np.sin(x), np.cos(x)))
        g = tg.viz.graph(lambda x: np.multiply(*block(x)), np.ones(3))
        assert titles(g) == [
            "x",
            "<lambda>".replace("<", "&lt;").replace(">", "&gt;"),
            "×",
            "output",
        ]
        assert "[0]" in g.source and "[1]" in g.source
        assert (
            len(titles(tg.viz.graph(tg.grad(lambda x: np.multiply(*block(x)).sum()), np.ones(3))))
            > 4
        )

    def test_labels_are_escaped(self):
        g = tg.viz.graph(lambda d: (d["<b>&\\n"] > 0) * d["<b>&\\n"], {"<b>&\\n": 1.0})
        assert "&lt;b&gt;&amp;" in g.source
        assert rendering._run(rendering._program("svg"), "svg", g.source, 60)

    def test_bad_arguments(self):
        with pytest.raises(ValueError, match="nothing to draw"):
            tg.viz.graph(lambda x: 3.0, np.ones(2))
        with pytest.raises(ValueError, match="rankdir"):
            tg.viz.graph(np.sin, 1.0, rankdir="down")
        with pytest.raises(ValueError, match="max_nodes"):
            tg.viz.graph(np.sin, 1.0, max_nodes=0)
        with pytest.raises(ValueError, match="argnums names argument 3"):
            tg.viz.graph(np.sin, 1.0, argnums=3)
        with pytest.raises(TypeError, match="not a function"):
            tg.viz.graph(tg.tensor(1.0, requires_grad=True), 1.0)


class TestTensor:
    def test_draws_its_tape(self):
        x = tg.tensor([1.0, 2.0], requires_grad=True)
        x.name = "weights"
        assert titles(tg.viz.graph((x * x).sum())) == ["weights", "×", "sum", "output"]

    def test_several_roots(self):
        x = tg.tensor([1.0, 2.0], requires_grad=True)
        g = tg.viz.graph({"s": np.sin(x), "c": np.cos(x)})
        assert titles(g)[-2:] == ["output['c']", "output['s']"]

    def test_constant_is_an_error(self):
        with pytest.raises(ValueError, match="nothing to draw"):
            tg.viz.graph(tg.tensor([1.0]))

    def test_released_tape(self):
        x = tg.tensor(2.0, requires_grad=True)
        y = x * x
        y.backward()
        assert "multiply (released)" in titles(tg.viz.graph(y))


class TestPhases:
    def kinds(self, f, *args):
        starts = [tg.tensor(a, requires_grad=True) for a in args]
        out = f(*starts)
        tape = Tape(tg.core.trees.leaves(out)).nodes
        return [s.kind for s in sweeps(tape)], [n.prim.name for n in tape]

    def test_gradient_has_forward_and_reverse(self):
        kinds, names = self.kinds(tg.grad(lambda x: np.sin(x) * x), 1.0)
        at = names.index("seed")
        assert set(kinds[:at]) == {"forward"} and set(kinds[at:]) == {"reverse"}

    def test_hvp_has_all_three(self, params, batch):
        v = {k: np.ones_like(a) for k, a in params.items()}
        g = tg.viz.graph(lambda p: tg.hvp(loss, p, v, batch), params)
        for name, colour in (("forward", BLUE), ("reverse", ORANGE), ("tangent", GREEN)):
            assert f">{name}<" in g.source
            assert sum(f'color="{colour}"' in look for _, look in nodes(g).values()) > 2
        gradient = tg.viz.graph(tg.grad(loss), params, batch).source
        assert ">reverse<" in gradient and ">tangent<" not in gradient
        assert ">reverse<" not in tg.viz.graph(loss, params, batch).source

    def test_after_the_sweep_comes_forward_again(self):
        kinds, names = self.kinds(lambda x: np.sin(tg.grad(lambda x: x**3)(x)), 2.0)
        assert names[-1] == "sin" and kinds[-1] == "forward" and "reverse" in kinds

    def test_innermost_interval_wins(self):
        x = tg.tensor(1.0, requires_grad=True)
        a = seed(x, sweep="reverse", until=0)
        b = seed(a, sweep="tangent", until=0)
        outer, inner = a.params, b.params
        c = b * 2.0
        inner["until"] = tick()
        d = c * 2.0
        outer["until"] = tick()
        e = d * 2.0
        kinds = [s.kind for s in sweeps(Tape([e]).nodes)]
        assert kinds == ["forward", "reverse", "tangent", "tangent", "reverse", "forward"]

    def test_sweeps_of_one_kind_are_numbered(self):
        g = tg.viz.graph(tg.grad(tg.grad(lambda x: np.tanh(x) ** 3)), 0.3)
        assert ">reverse 1<" in g.source and ">reverse 2<" in g.source


class TestModules:
    def layered(self, depth, ops=2):
        """``depth`` modules inside one, each of ``ops`` operations."""
        x = tg.tensor(0.5, requires_grad=True)
        y, start = x, tick()
        for i in range(depth):
            first = tick()
            for _ in range(ops):
                y = np.sin(y)
            y._scope = ((f"Layer {i}", first, tick()),)
        y._scope = (*y._scope, ("Net", start, tick()))
        return np.cos(y)

    def test_clusters_nest(self):
        g = tg.viz.graph(self.layered(2))
        lines = [line.strip() for line in g.source.splitlines()]
        where = {}
        open_ = []
        for line in lines:
            if line.startswith("subgraph"):
                open_.append(None)
            elif line.startswith("graph [") and open_ and open_[-1] is None:
                open_[-1] = re.search(r'label=[<"]?([^">\]]*?)[>"]? ?(labeljust|$)', line)[
                    1
                ].strip()
            elif line == "}" and open_:
                open_.pop()
            elif m := re.match(r"(n\d+) \[", line):
                where[m[1]] = tuple(open_)
        assert where["n1"] == where["n2"] == ("Net", "Layer 0")
        assert where["n3"] == where["n4"] == ("Net", "Layer 1")
        assert where["n5"] == ()

    def test_only_what_leads_to_the_output_is_inside(self):
        x = tg.tensor(0.5, requires_grad=True)
        first = tick()
        beside = np.exp(x)
        y = np.sin(x)
        y._scope = (("Layer", first, tick()),)
        vertices = picture_of(y + beside).vertices
        assert {v.title: v.scope for v in vertices if v.kind == "op"} == {
            "exp": -1,
            "sin": 0,
            "+": -1,
        }

    def test_sweeps_stay_outside(self):
        def f(x):
            first = tick()
            y = tg.grad(lambda x: np.sin(x) * x)(x)
            if isinstance(y, tg.Tensor):
                y._scope = (("Layer", first, tick()),)
            return y

        x = tg.tensor(0.5, requires_grad=True)
        vertices = picture_of(f(x)).vertices
        inside = {v.phase.kind for v in vertices if v.scope == 0}
        assert inside == {"forward"}

    def test_what_sweeps_recorded_of_a_module_has_a_frame_of_its_own(self):
        """Each box by the sweep that its colour tells, in the module whose rule recorded it."""
        net, x = nn.MLP([3, 4, 2], seed=0), np.ones((5, 3))
        v = trees.unflatten(trees.flatten(net)[1], [np.ones_like(a) for a in trees.leaves(net)])
        loss = lambda net: (net(x) ** 2).mean()
        traced = trace("graph", lambda net: tg.hvp(loss, net, v), (net,), None)
        picture = read(traced.roots, traced.starts, traced.arrays, True)
        found = {}
        for v in picture.vertices:
            if v.kind == "op":
                names, scope = [], v.scope
                while scope >= 0:
                    names.append(picture.scopes[scope].name)
                    scope = picture.scopes[scope].outer
                found.setdefault(tuple(names), set()).add(v.phase.kind)
        layers = "layers[0] Linear", "layers[1] Linear"
        for layer in layers:
            assert found[layer, "net MLP"] == {"forward"}
            assert found[f"{layer}, tangent", "net MLP, tangent"] == {"tangent"}
            both = "reverse, tangent"
            assert found[f"{layer}, {both}", f"net MLP, {both}"] == {"tangent"}
        # of the reverse sweep, what the first layer's weights take is not differentiated again
        assert found["layers[1] Linear, reverse", "net MLP, reverse"] == {"reverse"}
        # the loss is outside the net, whichever sweep passes it
        assert found[()] == {"reverse", "tangent"}

    def test_several_outputs_of_one_call_are_one_cluster(self):
        x = tg.tensor(0.5, requires_grad=True)
        first = tick()
        a, b = np.sin(x), np.cos(x)
        a._scope, b._scope = (("Layer", first, tick()),), (("Layer", first, tick()),)
        picture = picture_of(a * b)
        assert len(picture.scopes) == 1
        assert [v.scope for v in picture.vertices if v.kind == "op"] == [0, 0, -1]

    def test_collapse_the_innermost_first(self):
        y = self.layered(4, ops=5)
        assert len(picture_of(y).vertices) == 23
        g = tg.viz.graph(y, max_nodes=10)
        assert titles(g) == ["Layer 0", "Layer 1", "Layer 2", "Layer 3", "cos", "output"]
        assert text(nodes(g)["n0"][0])[1] == "5 ops, 1 parameter"
        assert titles(tg.viz.graph(y, max_nodes=5)) == ["Net", "cos", "output"]
        assert "23 nodes drawn as 6" in g.source

    def test_nn(self):
        nn = pytest.importorskip("tinygrad_hess.nn")
        model = nn.MLP([3, 4, 2])
        g = tg.viz.graph(model, np.ones((5, 3)))
        assert {"mlp.layers[0].weight", "mlp.layers[1].bias", "x"} <= set(titles(g))
        assert g.source.count("subgraph cluster_") == 3


class TestSize:
    def chain(self, n):
        x = tg.tensor(0.5, requires_grad=True)
        for _ in range(n // 2):
            x = x * 0.99 + 0.1
        return x

    def test_chain_of_ten_thousand(self):
        g = tg.viz.graph(self.chain(10_000))
        assert titles(g) == ["parameter", "× 0.99", "+ 0.1", "output"]
        assert "5,000 steps × this body" in g.source
        assert "10,002 nodes drawn as 4" in g.source
        g = tg.viz.graph(self.chain(10_000), repeats=False)
        assert titles(g) == ["parameter", "10,000 ops", "output"]
        assert text(nodes(g)["n1"][0])[1] == "× (5,000), + (5,000)"
        assert "10,002 nodes drawn as 3" in g.source

    def test_gradient_of_a_long_chain(self):
        def f(x):
            for _ in range(2000):
                x = np.sin(x)
            return x

        g = tg.viz.graph(tg.grad(f), 0.5)
        assert len(nodes(g)) <= 300
        assert "nodes drawn as" in g.source

    def test_below_the_budget_nothing_is_collapsed(self):
        g = tg.viz.graph(self.chain(200), repeats=False)
        assert len(nodes(g)) == 202 and "drawn as" not in g.source

    @pytest.mark.parametrize("budget", [1, 2, 3, 5, 10, 20, 50, 100])
    def test_every_budget(self, params, batch, budget):
        g = tg.viz.graph(tg.grad(loss), params, batch, max_nodes=budget)
        assert len(nodes(g)) <= max(budget, 6)  # sweeps, parameters, inputs, seeds, outputs

    @pytest.mark.parametrize(
        "step",
        [lambda p: by_module(p, 1), by_run, by_kind, by_sweep],
        ids=["module", "run", "kind", "sweep"],
    )
    def test_no_operation_is_lost(self, step):
        x = tg.tensor(0.5, requires_grad=True)
        first = tick()
        y = np.sin(np.cos(x) * x)
        y._scope = (("Layer", first, tick()),)
        before = picture_of(np.exp(np.sin(y)) + y)
        after = step(before)
        count = lambda p: sum((v.ops for v in p.vertices), start=type(before.vertices[0].ops)())
        assert count(after) == count(before)
        assert count(before).total() == 6
        assert len(after.vertices) < len(before.vertices)
        assert all(0 <= i < j < len(after.vertices) for i, j, _ in after.edges) or step is by_kind

    def test_runs_do_not_hide_branches(self):
        x = tg.tensor(0.5, requires_grad=True)
        y = np.sin(x)
        picture = by_run(picture_of(np.exp(np.cos(y)) * np.tanh(np.sqrt(y)), y))
        assert [v.title for v in picture.vertices] == [
            "parameter",
            "sin",
            "5 ops",
            "output",
            "output",
        ]


class TestSameEveryRun:
    SCRIPT = """
import numpy as np, tinygrad_hess as tg, tinygrad_hess.viz
p = {"W": np.arange(6.0).reshape(2, 3), "b": np.zeros(3)}
f = lambda p, x: (np.tanh(x @ p["W"] + p["b"]) ** 2).mean()
print(tg.viz.graph(lambda p, v: tg.hvp(f, p, v, np.ones((4, 2))), p, p).source)
"""

    def test_in_one_process(self, params, batch):
        once, again = (tg.viz.graph(tg.grad(loss), params, batch).source for _ in range(2))
        assert once == again
        assert list(nodes(tg.viz.graph(np.tanh, 1.0))) == ["n0", "n1", "n2"]

    def test_in_two_processes(self):
        run = lambda seed: subprocess.run(
            [sys.executable, "-c", self.SCRIPT], capture_output=True, check=True, text=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(tg.__file__).parents[1])},
        ).stdout  # fmt: skip
        assert run("1") == run("2") != ""

    def test_rendered_bytes(self, tmp_path):
        g = tg.viz.graph(np.sin, 1.0)
        a = tg.viz.render(g, tmp_path / "a.svg").read_bytes()
        assert a == tg.viz.render(g, tmp_path / "b.svg").read_bytes()


class TestRender:
    graph = staticmethod(lambda: tg.viz.graph(lambda x: np.where(x <= 0, x / 2, x * x), np.ones(2)))

    def test_formats(self, tmp_path):
        for suffix, start in ((".svg", b"<?xml"), (".png", b"\x89PNG"), (".dot", b"digraph")):
            path = tg.viz.render(self.graph(), str(tmp_path / f"g{suffix}"))
            assert path == tmp_path / f"g{suffix}"
            assert path.read_bytes().startswith(start)
        svg = (tmp_path / "g.svg").read_text()
        assert "where" in svg and "÷ 2" in svg and "≤ 0" in svg

    def test_file_is_replaced_whole(self, tmp_path):
        path = tmp_path / "g.svg"
        path.write_text("old")
        with pytest.raises(RuntimeError, match=r"syntax error"):
            tg.viz.render("digraph { a -> ", path)
        assert path.read_text() == "old"
        tg.viz.render(self.graph(), path)
        assert [p.name for p in tmp_path.iterdir()] == ["g.svg"]

    def test_unknown_suffix(self, tmp_path):
        with pytest.raises(ValueError, match=r"g\.jpg.*must be .svg"):
            tg.viz.render(self.graph(), tmp_path / "g.jpg")

    def fake(self, tmp_path, monkeypatch, body):
        program = tmp_path / "graphviz-pure"
        program.write_text(f"#!{sys.executable}\n{body}")
        program.chmod(0o755)
        monkeypatch.setattr(rendering.sysconfig, "get_path", lambda name: str(tmp_path))

    def test_scripts_beside_the_interpreter_come_first(self, tmp_path, monkeypatch):
        self.fake(tmp_path, monkeypatch, "print('<svg mine>')")
        assert tg.viz.render(self.graph(), tmp_path / "g.svg").read_text() == "<svg mine>\n"

    def test_failure_carries_what_the_program_said(self, tmp_path, monkeypatch):
        self.fake(tmp_path, monkeypatch, "import sys; sys.exit('out of ink')")
        with pytest.raises(RuntimeError, match=r"graphviz-pure failed with code 1.*out of ink"):
            tg.viz.render(self.graph(), tmp_path / "g.svg")

    def test_timeout(self, tmp_path, monkeypatch):
        self.fake(tmp_path, monkeypatch, "import time; time.sleep(60)")
        with pytest.raises(TimeoutError, match=r"longer than 0\.2 s.*max_nodes"):
            tg.viz.render(self.graph(), tmp_path / "g.svg", timeout=0.2)

    def test_falls_back_to_system_dot(self, tmp_path, monkeypatch):
        (tmp_path / "bin").mkdir()
        dot = tmp_path / "bin" / "dot"
        dot.write_text(f"#!{sys.executable}\nimport sys; print('drawn', sys.argv[1])")
        dot.chmod(0o755)
        monkeypatch.setattr(rendering.sysconfig, "get_path", lambda name: str(tmp_path / "none"))
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
        assert tg.viz.render(self.graph(), tmp_path / "g.svg").read_text() == "drawn -Tsvg\n"
        assert tg.viz.render(self.graph(), tmp_path / "g.pdf").read_text() == "drawn -Tpdf\n"

    def test_without_any_program_it_writes_a_page(self, tmp_path, monkeypatch):
        monkeypatch.setattr(rendering, "_program", lambda kind: None)
        with pytest.warns(RuntimeWarning, match=r"g\.html.*tinygrad-hess\[viz\]"):
            path = tg.viz.render(self.graph(), tmp_path / "g.svg")
        page = path.read_text()
        assert path.name == "g.html" and "digraph" in page and "Viz.js" in page
        assert "Eclipse Public License" in page and "Expat" in page
        with pytest.raises(RuntimeError, match="system Graphviz"):
            tg.viz.render(self.graph(), tmp_path / "g.pdf")

    def test_text_cannot_end_the_script(self, tmp_path):
        path = tg.viz.render('digraph { a [label="</script><b>@PROGRAM@"] }', tmp_path / "g.html")
        page = path.read_text()
        assert page.count("</script>") == 3 and page.count("Viz.js 3") == 1

    @pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the page's program")
    def test_the_program_in_the_page_draws(self, tmp_path):
        source = tmp_path / "g.dot"
        tg.viz.render(self.graph(), source)
        program = Path(rendering.__file__).with_name("viz-global.js")
        script = (
            f"const Viz = require({str(program)!r}); const fs = require('fs');"
            f"Viz.instance().then(v => console.log(v.renderString("
            f"fs.readFileSync({str(source)!r}, 'utf8'), {{format: 'svg'}})))"
        )
        done = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
        assert "<svg" in done.stdout and "where" in done.stdout


class TestPlots:
    def test_loss_and_sharpness(self, tmp_path):
        steps = np.arange(50)
        figure = plots.loss_and_sharpness(
            steps, np.exp(-steps / 9), np.linspace(1, 4.2, 10), 0.5,
            sharpness_steps=steps[::5], title="digits",
        )  # fmt: skip
        above, below = figure.axes
        assert above.get_yscale() == "log" and above.get_shared_x_axes().joined(above, below)
        np.testing.assert_allclose(below.lines[1].get_ydata(), 4.0)
        assert below.texts[0].get_text() == "2 / rate = 4"
        assert below.get_ylim()[1] > 4.2
        assert (
            plots.save(figure, tmp_path / "a.svg").read_bytes()
            == plots.save(figure, tmp_path / "b.svg").read_bytes()
        )
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a.svg", "b.svg"]

    def test_gaps(self):
        sharpness = [1.0, np.nan, 2.0]
        figure = plots.loss_and_sharpness([0, 1, 2], [1.0, 0.0, 0.5], sharpness, 0.1)
        assert list(figure.axes[0].lines[0].get_xdata()) == [0, 2]
        assert list(figure.axes[1].lines[0].get_xdata()) == [0, 2]

    def test_spectrum(self, tmp_path):
        rng = np.random.default_rng(0)
        values = np.concatenate([rng.normal(size=200) * 1e-3, [0.5, 4.0]])
        figure = plots.spectrum(values, top=[4.0, 0.5], intervals=[[3.9, 4.1], [0.45, 0.6]])
        above, below = figure.axes
        assert below.get_xscale() == "symlog"
        assert sum(p.get_height() for p in above.patches) == len(values)
        low, high = below.get_xlim()
        assert low < values.min() and high > 4.1
        ends = below.containers[0].lines[2][0].get_segments()
        np.testing.assert_allclose([s[:, 0] for s in ends], [[3.9, 4.1], [0.45, 0.6]])
        assert plots.save(figure, tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")

    @pytest.mark.parametrize(
        "values", [[0.0], [0.0, 0.0], [1.0], [-2.0, -1.0], [1e-12, 1e12], [3.0, 3.0]]
    )
    def test_odd_spectra(self, values, tmp_path):
        figure = plots.spectrum(values, top=values[:1], intervals=[0.0])
        assert sum(p.get_height() for p in figure.axes[0].patches) == len(values)
        plots.save(figure, tmp_path / "s.svg")

    def test_bad_input(self, tmp_path):
        with pytest.raises(ValueError, match="2 losses for 3 steps"):
            plots.loss_and_sharpness([0, 1, 2], [1.0, 2.0], [1.0, 1.0, 1.0], 0.1)
        with pytest.raises(ValueError, match="rate must be positive"):
            plots.loss_and_sharpness([0], [1.0], [1.0], 0.0)
        with pytest.raises(ValueError, match="finite eigenvalues"):
            plots.spectrum([1.0, np.nan])
        with pytest.raises(ValueError, match=r"intervals must have shape \(2, 2\)"):
            plots.spectrum([1.0, 2.0], top=[2.0, 1.0], intervals=[[1.0, 2.0]])
        with pytest.raises(ValueError, match=r"s\.xyz"):
            plots.save(plots.spectrum([1.0]), tmp_path / "s.xyz")

    def test_without_matplotlib(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(ImportError, match=r"extra 'viz'"):
            plots.spectrum([1.0])

    @pytest.mark.parametrize("module", ["matplotlib", "tinygrad_hess.curvature"])
    def test_is_imported_late(self, module):
        code = f"import sys, tinygrad_hess.viz; assert {module!r} not in sys.modules"
        subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(tg.__file__).parents[1])


class TestNamesThatAreNoNames:
    """Control characters, markup, escapes of DOT and of formulas: all are shown as they are."""

    BAD = 'a\x00b\x1b[31m$x_$ <b>&"\\N \n\t\ud800\u200bé'

    def graphs(self):
        bad = self.BAD

        class Odd(nn.Module):
            def __init__(self):
                self.w = np.ones(2)

            def _label(self):
                return bad

            def __call__(self, x):
                return np.tanh(self.w * x)

        x = tg.tensor(np.ones(2), requires_grad=True)
        x.name = bad
        yield tg.viz.graph((Odd()(x) * x).sum(), title=bad)
        yield tg.viz.graph(lambda p: (p[bad] * 2).sum(), {bad: np.ones(2)})
        yield tg.viz.graph(lambda p: {bad: p * 2}, np.ones(2))

    def test_graphs(self, tmp_path):
        for graph in self.graphs():
            assert graph.source.replace("\n", "").replace("\t", "").isprintable()
            assert "x00b" in graph.source and "<b>&" not in graph.source.replace("&amp;", "")
            for suffix in (".svg", ".html", ".dot"):
                assert tg.viz.render(graph, tmp_path / f"g{suffix}").stat().st_size
            text = minidom.parse(str(tmp_path / "g.svg")).toxml()
            assert "x1b[31m$x_$" in text

    def test_a_backslash_in_the_name_of_a_module(self):
        graph = next(self.graphs())
        (line,) = [x for x in graph.source.splitlines() if "label=" in x and "cluster" not in x
                   and "\\\\N" in x and "<<" not in x][:1]  # fmt: skip
        assert "\\\\N" in line

    @pytest.mark.slow
    def test_plots(self, tmp_path):
        for title in (self.BAD.replace("\ud800", ""), "costs $5_ to $7", r"$\bad$", "$x"):
            for figure in (
                plots.spectrum([0.0, 1.0], title=title),
                plots.loss_and_sharpness([0, 1], [1.0, 0.5], [1.0, 1.0], 0.1, title=title),
            ):
                minidom.parse(str(plots.save(figure, tmp_path / "p.svg")))
                assert figure.get_suptitle().startswith(title[:1])

    def test_a_module_without_its_input(self):
        with pytest.raises(
            TypeError, match=r"graph: the function Linear\(x\).*0 arguments.*graph\(f"
        ):
            tg.viz.graph(nn.Linear(2, 2))

    def test_a_folder_that_is_not_there(self, tmp_path):
        for write in (
            lambda path: tg.viz.render("digraph { a }", path),
            lambda path: plots.save(plots.spectrum([1.0, 2.0]), path),
        ):
            with pytest.raises(FileNotFoundError, match=r"no folder.*gone.*mkdir"):
                write(tmp_path / "gone" / "x.svg")
            with pytest.raises(IsADirectoryError, match="is a folder; name a file"):
                write(tmp_path)
