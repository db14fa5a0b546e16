"""Pages in headless Chromium, from files: controls, keys, hostile names, no requests, no errors."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import browser, run

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.viz.outline import MOST, outline
from tinygrad_hess.viz.pages import as_json, page
from tinygrad_hess.viz.picture import Picture, Vertex
from tinygrad_hess.viz.scopes import Scope

BAD = "</script><b>x</b>&\"'\\N \\x $x_$ \u202eRTL שלום \n\t\x00\x1b[31m -> n0; }"
LONG = "q" * 2000


class Odd(nn.Module):
    def __init__(self) -> None:
        self.w = np.ones(2)

    def _label(self) -> str:
        return BAD

    def __call__(self, x: Any) -> Any:
        return np.tanh(self.w * x)


def hostile(d: Any, model: Any) -> Any:
    y = model(d[BAD])
    y.name = BAD
    return (y * d[LONG]).sum()


ARGUMENTS = {BAD: np.ones(2), LONG: np.ones(2)}, Odd()

SHOWN = "</script><b>x</b>&\"'\\N \\x $x_$ \\u202eRTL שלום \\x00\\x1b[31m -> n0; }"


def plain(text: str) -> str:
    return " ".join(text.split())


@browser
class TestView:
    def test_controls(self, tmp_path: Path) -> None:
        model = nn.MLP([3, 4, 2])
        f = tg.jit(tg.grad(lambda model, x: (model(x) ** 2).mean()))
        path = tg.viz.view(f, model, np.ones((5, 3)), title="a net").save(tmp_path / "v.html")
        found = run(
            path,
            """
            const out = {}, boxes = () => all("g.node").length, at = () => d3.zoomTransform(svg);
            await painted(1);
            out.whole = boxes();
            $("close").click(); await painted(2);
            out.closed = boxes();
            const box = all("g.node").find(g => g.getAttribute("aria-label").includes("MLP"));
            box.focus(); key(box, " "); await painted(3);
            out.opened = boxes();
            out.expanded = document.activeElement.getAttribute("aria-expanded");
            $("open").click(); await painted(4);
            out.more = boxes();
            $("open").click(); await painted(5);
            out.every = boxes();
            $("close").click(); await painted(6);
            $("search").value = "tanh"; $("search").dispatchEvent(new Event("input"));
            out.hits = all(".results button").length;
            key($("search"), "Enter"); await painted(7);
            out.told = $("panel").textContent;
            out.bars = all(".bars span").length;
            out.selected = all("g.selected").length;
            $("phases").querySelector("[data-phase=reverse]").click();
            out.dimmed = all("g.node.other").length;
            $("phases").querySelector("[data-phase=all]").click();
            out.undimmed = all("g.node.other").length;
            const k = at().k;
            $("in").click(); key(document.body, "+"); out.zoomed = at().k / k;
            key(document.body, "-"); $("out").click(); out.back = at().k / k;
            const x = at().x; key(document.body, "ArrowLeft"); out.moved = at().x - x;
            key(document.body, "0"); $("fit").click();
            key(document.body, "/"); out.searching = document.activeElement.id;
            key($("search"), "Escape"); out.emptied = $("search").value;
            const before = document.documentElement.dataset.theme;
            $("theme").click(); out.themes = [before, document.documentElement.dataset.theme];
            out.graphs = [...$("graphs").options].map(o => o.textContent);
            $("graphs").value = 1; $("graphs").dispatchEvent(new Event("change")); await painted(8);
            out.program = all("g.node").map(g => g.getAttribute("aria-label"));
            out.times = all("table td").length;
            key(document.body, "Escape");
            return out;
            """,
        )
        # what the gradient recorded of the net opens like the net, a level at a time
        assert found["closed"] < found["opened"] < found["more"] < found["every"] == found["whole"]
        assert found["expanded"] == "true"
        assert found["hits"] == 2 and found["selected"] == 1  # tanh, and its derivative
        assert all(word in found["told"] for word in ("tanh", "1 - (y × y)", "flops", "test_pages"))
        assert found["bars"] == 12
        assert found["dimmed"] > 0 == found["undimmed"]
        assert found["zoomed"] == pytest.approx(1.96) and found["back"] == pytest.approx(1)
        assert found["moved"] == pytest.approx(60)
        assert found["searching"] == "search" and found["emptied"] == ""
        assert sorted(found["themes"]) == ["dark", "light"]
        assert found["graphs"][0] == "Computation graph"
        assert found["graphs"][1].startswith("Program as recorded: ")
        assert {"model.layers[0].weight", "tanh"} <= set(found["program"])
        assert found["times"] > 4

    def test_hostile_names_are_text(self, tmp_path: Path) -> None:
        path = tg.viz.view(hostile, *ARGUMENTS, title=BAD).save(tmp_path / "v.html")
        found = run(
            path,
            """
            await painted(1);
            const n = graph.nodes.findIndex(v => v.title.endsWith("= tanh"));
            select("n" + n);
            return { title: $("title").textContent, head: document.title, bold: all("b").length,
              heading: $("panel").querySelector("h2").textContent,
              boxes: all("#drawing text").map(t => t.textContent) };
            """,
        )
        assert plain(found["title"]) == plain(found["head"]) == plain(SHOWN)
        assert plain(found["heading"]) == plain(f"{SHOWN} = tanh")
        assert found["bold"] == 0
        assert plain(SHOWN) in [plain(t.replace("\xa0", " ")) for t in found["boxes"]]  # the frame
        assert any(t.startswith("d['qqqq") and len(t) < 100 for t in found["boxes"])


@browser
class TestStepsPage:
    def test_controls(self, tmp_path: Path) -> None:
        steps = tg.viz.steps(lambda x, y: x * y + np.sin(x), 2.0, 3.0, title="x*y + sin(x)")
        found = run(
            steps.save(tmp_path / "s.html"),
            """
            const out = { places: [] }, place = () => out.places.push($("count").textContent);
            await wait(() => all("g.node").length);
            const grads = () => all('#drawing text[fill="#a03c00"]:not(.unknown)').length;
            out.first = [$("heading").textContent, all("g.later").length, grads()];
            place();
            $("next").click(); place();
            key(document.body, "ArrowRight"); place();
            key(document.body, "ArrowLeft"); place();
            $("back").click(); place();
            key(document.body, "End"); place();
            out.last = [$("heading").textContent, all("g.later").length, grads()];
            out.off = $("next").disabled && $("last").disabled;
            key(document.body, "Home"); place();
            $("last").click(); place();
            $("first").click(); place();
            $("slider").value = 7; $("slider").dispatchEvent(new Event("input")); place();
            out.lines = all("#lines p").map(p => p.textContent);
            out.active = all("g.active text").map(t => t.textContent);
            out.lit = all("g.edge.lit").length;
            $("phases").querySelector("[data-phase=tangent]").click(); place();
            out.phase = $("phase").textContent;
            $("first").click();
            key(document.body, " "); out.playing = $("play").textContent;
            await wait(() => $("play").textContent === "Play"); place();
            $("play").click(); $("play").click(); out.paused = $("play").textContent;
            $("theme").click();
            return out;
            """,
        )
        assert found["places"] == [
            f"{n} / 12" for n in (1, 2, 3, 2, 1, 12, 1, 12, 1, 8, 9, 12)
        ]  # fmt: skip
        assert found["first"] == ["What is given", 4, 0]
        assert found["last"] == ["dv3, the tangent of v3", 0, 5]  # the output's is white
        assert found["off"] and found["phase"] == "tangent"
        assert found["lines"][0] == "∂v1/∂x = y = 3" and len(found["lines"]) == 5
        assert "v1 = ×" in found["active"] and found["lit"] == 2
        assert found["playing"] == "Pause" and found["paused"] == "Play"

    @pytest.mark.slow
    def test_hostile_names_and_a_page_that_draws_itself(
        self, tmp_path: Path, monkeypatch: Any
    ) -> None:
        from tinygrad_hess.viz import rendering

        monkeypatch.setattr(rendering, "_program", lambda kind: None)
        path = tg.viz.steps(hostile, *ARGUMENTS, title=BAD).save(tmp_path / "s.html")
        found = run(
            path,
            """
            await wait(() => all("g.node").length);
            $("last").click();
            return { title: $("title").textContent, bold: all("b").length,
              boxes: all("#drawing text").map(t => t.textContent) };
            """,
            "--force-prefers-reduced-motion",
        )
        assert plain(found["title"]) == plain(SHOWN)
        assert found["bold"] == 0
        assert plain(SHOWN) in [plain(t.replace("\xa0", " ")) for t in found["boxes"]]


@browser
@pytest.mark.slow
def test_ten_thousand_boxes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    functions = [np.sin, np.tanh, np.cos, np.arctan, lambda x: x * 1.01, lambda x: x + 0.1]

    def f(x: Any) -> Any:
        ys = [x]
        for k in range(9000):
            ys.append(functions[rng.integers(6)](ys[-1]))
            if k % 7 == 6:
                ys[-1] = ys[-1] + ys[-4]
        return ys[-1]

    made = tg.viz.view(f, 0.5, repeats=False)
    assert len(made.data["graphs"][0]["nodes"]) > 10_000
    found = run(
        made.save(tmp_path / "v.html"),
        """
        const out = {};
        await painted(1);
        out.shown = all("g.node").length;
        $("open").click(); await painted(2);
        out.more = all("g.node").length;
        reveal(7777); await wait(() => document.getElementById("box-n7777"));
        out.told = $("panel").querySelector("h2").textContent;
        return out;
        """,
    )
    assert found["shown"] <= 150 < found["more"] <= 400
    assert found["told"] == made.data["graphs"][0]["nodes"][7777]["title"]


class TestOutline:
    def test_no_scope_has_many_members(self) -> None:
        scopes = [Scope("outer", -1, 1), Scope("inner", 0, 2)]
        vertices = [Vertex("op", f"op {i}", scope=(i % 3) - 1) for i in range(5000)]
        found = outline(Picture(vertices, [], scopes))
        members = [v.scope for v in found.vertices] + [s.outer for s in found.scopes]
        assert max(map(members.count, set(members))) <= MOST
        assert [v.title for v in found.vertices] == [v.title for v in vertices]
        names = {s.name for s in found.scopes}
        assert {"outer", "inner"} <= names
        for v, old in zip(found.vertices, vertices, strict=True):  # still inside what it was inside
            around, scope = set(), v.scope
            while scope >= 0:
                around.add(found.scopes[scope].name)
                scope = found.scopes[scope].outer
            assert ("outer" in around) == (old.scope >= 0) and ("inner" in around) == (
                old.scope == 1
            )

    def test_calls_in_steps_that_are_drawn_as_one_go(self) -> None:
        layers = [nn.Linear(2, 2) for _ in range(12)]

        def f(layers: Any, x: Any) -> Any:
            for layer in layers:
                x = np.tanh(layer(x))
            return x.sum()

        for g in (f, tg.grad(f)):
            (graph,) = tg.viz.view(g, layers, np.ones((1, 2))).data["graphs"]
            inside = {v["scope"] for v in graph["nodes"]} | {s["outer"] for s in graph["scopes"]}
            assert inside >= {*range(len(graph["scopes"]))}
            assert sum("this body" in s["title"] for s in graph["scopes"]) == 1 + (g is not f)

    def test_small_pictures_stay(self) -> None:
        picture = Picture([Vertex("op", "a"), Vertex("op", "b")], [(0, 1, "")], [])
        assert outline(picture).scopes == []


class TestPage:
    def test_data_cannot_end_the_script(self) -> None:
        assert "<" not in as_json({"a": "</script>", "b": ["<!--"]})
        assert json.loads(as_json(["a\u2028\x00\n"])) == ["a \\x00\n"]

    def test_nothing_is_loaded_from_elsewhere(self) -> None:
        made = tg.viz.view(np.sin, 1.0).html
        assert "default-src 'none'" in made and "MIT" in made and "ISC" in made
        assert not re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="(?!data:)', made)

    @browser
    def test_split_into_lines_it_still_draws(self, tmp_path: Path) -> None:
        """As sites and notebooks do with what an object shows, by Python's ends of lines."""
        made = tg.viz.view(np.sin, 1.0).html
        path = tmp_path / "v.html"
        path.write_text("\n".join(line.rstrip() for line in made.splitlines()), encoding="utf-8")
        assert run(path, 'await painted(1); return all("g.node").length;') == 3

    def test_parts_that_look_like_names_stay(self) -> None:
        made = page("graph.html", "@DATA@", DATA=as_json("@TITLE@"), PROGRAM="", NOTICE="")
        assert "<title>@DATA@</title>" in made and '"@TITLE@"' in made

    def test_errors(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"View\.save: cannot write 'a\.svg'"):
            tg.viz.view(np.sin, 1.0).save(tmp_path / "a.svg")
        with pytest.raises(TypeError, match=r"view: the function sin"):
            tg.viz.view(np.sin)
        with pytest.raises(TypeError, match="view: arguments were given"):
            tg.viz.view(tg.tensor(1.0, requires_grad=True), 1.0)
