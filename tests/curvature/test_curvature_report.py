"""The report: what it says, that it keeps to its budget, and the page it writes."""

from __future__ import annotations

import csv
import json
import re
import time
import xml.dom.minidom
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import nn, optim
from tinygrad_hess.curvature import (
    HessianOperator,
    Monitor,
    layer_blocks,
    layer_shares,
    layer_traces,
    report,
)
from tinygrad_hess.curvature.reports import parts as report_parts
from tinygrad_hess.curvature.reports.comparison import Change
from tinygrad_hess.curvature.reports.html import page
from tinygrad_hess.curvature.reports.report import seconds_of
from tinygrad_hess.curvature.reports.svg import PALETTE, SIZE
from tinygrad_hess.curvature.reports.text import unfinished

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 6))
Y = np.tanh(X @ RNG.normal(size=(6, 3)))
PARTS = [
    "eigenpairs", "alignment", "layers", "model", "point", "traces", "slices", "density",
    "condition", "blocks", "sharpness", "data",
]  # fmt: skip


def loss(model: Any, batch: Any) -> Any:
    x, y = batch
    return ((model(x) - y) ** 2).sum() / (2 * len(x))


@pytest.fixture(scope="module")
def trained() -> tuple[Any, Monitor]:
    monitor = Monitor(loss, (X, Y), optimizer=optim.SGD(lr=0.2), k=3, every=20)
    model = nn.MLP([6, 8, 3], nn.tanh, seed=0)
    fitted = optim.fit(loss, model, (X, Y), optim.SGD(lr=0.2), epochs=101, callback=monitor)
    return fitted.params, monitor


@pytest.fixture(scope="module")
def found(trained: tuple[Any, Monitor]) -> Any:
    model, monitor = trained
    return report(loss, model, (X, Y), budget="60s", monitor=monitor, title="A <small> net")


def dense(model: Any) -> Any:
    return HessianOperator(loss, model, (X, Y)).to_dense()


# ---- what it finds -------------------------------------------------------------------------------


def test_all_parts_in_their_order(found: Any) -> None:
    assert list(found.parts) == PARTS
    assert [(n, p.why) for n, p in found.parts.items() if p.result is None] == []
    assert unfinished(found) == []


def test_its_numbers_are_those_of_the_dense_hessian(
    found: Any, trained: tuple[Any, Monitor]
) -> None:
    H = dense(trained[0])
    values = np.linalg.eigvalsh(H)
    np.testing.assert_allclose(found["eigenpairs"].values, values[::-1][:10], rtol=1e-6)
    np.testing.assert_allclose(found["traces"].total.value, np.trace(H), rtol=0.05)
    assert found["point"].index == ((values < -found["point"].zero).sum(),) * 2
    positive = values[values > found["condition"].inertia.threshold]
    np.testing.assert_allclose(found["condition"].value, values[-1] / positive[0], rtol=1e-6)
    g = HessianOperator(loss, trained[0], (X, Y)).gradient
    np.testing.assert_allclose(found["model"].gradient_curvature, g @ H @ g / (g @ g), rtol=1e-9)
    np.testing.assert_allclose(found.gradient_norm, np.linalg.norm(g))
    assert found.parameters == len(H) == sum(found.layers.values())


def test_what_it_says(found: Any, trained: tuple[Any, Monitor]) -> None:
    largest = np.linalg.eigvalsh(dense(trained[0]))[-1]
    said = dict(found.findings)
    assert f"largest eigenvalue is {largest:.5g} ±" in said["Sharpness"]
    assert f"2/λ = {2 / largest:.4g}" in said["Safe rate"]
    assert f"rate in use, 0.2, is {0.1 * largest:.2f} × 2/λ" in said["Safe rate"]
    assert said["The point"].startswith("Not a critical point")
    assert "parameters" in said["Layers"] and "jackknife" in said["How sure"]
    lines = found.text.splitlines()
    assert lines[0].startswith("A <small> net: 83 parameters, loss ")
    assert 8 <= len(lines) <= 20 and max(map(len, lines)) <= 100


def test_the_same_seed_the_same_report(trained: tuple[Any, Monitor], found: Any) -> None:
    again = report(loss, trained[0], (X, Y), budget="60s", rate=0.2)
    ours = [pair for pair in found.findings if pair[0] != "Cost"]
    assert [pair for pair in again.findings if pair[0] != "Cost"] == ours


@pytest.mark.parametrize(
    ("f", "w", "says"),
    [
        (lambda w: (w**2).sum() / 2, np.zeros(3), "A minimum: all curvature is positive"),
        (lambda w: w[0] * w[1], np.zeros(2), "A saddle: there is curvature of both signs"),
        (lambda w: -(w**2).sum(), np.zeros(2), "A maximum"),
        (lambda w: w.sum(), np.ones(2), "none of 2 directions curves down"),
    ],
)
def test_kinds_of_points(f: Any, w: Any, says: str) -> None:
    found = report(f, w, budget=20)
    assert says in dict(found.findings)["The point"]
    assert found.data == "no data" and "to leave out" in found.parts["data"].why


def test_a_notebook_shows_a_point_without_layers_or_data() -> None:
    shown = report(lambda w: (w**2).sum() / 2, np.zeros(3), budget=20)._repr_html_()
    assert shown.startswith("<iframe srcdoc=") and "&lt;" not in shown.split("<")[0]
    assert shown.count("Could not be drawn") == 0 and shown.count("<") == 2


def test_many_batches_and_a_sum(trained: tuple[Any, Monitor]) -> None:
    whole = lambda model, batch: ((model(batch[0]) - batch[1]) ** 2).sum() / 2
    batches = [(X[:40], Y[:40]), (X[40:], Y[40:])]
    found = report(whole, trained[0], batches, reduction="sum", budget=60)
    largest = 60 * np.linalg.eigvalsh(dense(trained[0]))[-1]
    np.testing.assert_allclose(found["eigenpairs"].values[0], largest, rtol=1e-6)
    assert found.data == "2 batches" and len(found["data"].sizes) == 2


# ---- the budget ----------------------------------------------------------------------------------


def test_a_small_budget_leaves_out_what_is_worth_less(trained: tuple[Any, Monitor]) -> None:
    """Products on a clock of our own: each takes 10 ms."""
    found = report(Slow(trained[0], 0.01), budget=1.5)
    done = [name for name, part in found.parts.items() if part.result is not None]
    assert done[:5] == PARTS[:5] and "sharpness" not in done
    why = found.parts["sharpness"].why
    assert "were left of the budget of 1.5 s" in why
    assert "without: " in found.text and "measures of sharpness" in " ".join(found.text.split())
    assert found.seconds < 1.2 * 1.5 + 0.5


def test_an_eigenvalue_that_was_not_found_is_a_lower_bound(
    trained: tuple[Any, Monitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    search = report_parts.top_eigenpairs
    few = lambda op, k, **options: search(op, k, max_matvecs=4, seed=options["seed"])
    monkeypatch.setattr(report_parts, "top_eigenpairs", few)
    found = report(loss, trained[0], (X, Y), budget=60)
    top, said = found["eigenpairs"], dict(found.findings)
    largest = np.linalg.eigvalsh(dense(trained[0]))[-1]
    assert not top.converged and top.values[0] < largest * (1 + 1e-12)
    assert top.residuals[0] > 0.02 * top.values[0]
    assert f"largest eigenvalue is at least {top.values[0]:.3g}" in said["Sharpness"]
    assert f"unstable above {2 / top.values[0]:.3g}" in said["Safe rate"]
    assert "by its residual" not in said.get("How sure", "")


class Slow(HessianOperator):
    """A Hessian whose products take time."""

    def __init__(self, model: Any, seconds: float):
        super().__init__(loss, model, (X, Y))
        self.delay = seconds

    def _matvec(self, x: Any) -> Any:
        time.sleep(self.delay)
        return super()._matvec(x)

    def _matmat(self, X: Any) -> Any:
        time.sleep(self.delay * X.shape[1])
        return super()._matmat(X)


def test_a_part_that_fails_says_so_and_leaves_the_others(
    trained: tuple[Any, Monitor], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def failing(*args: Any, **options: Any) -> Any:
        raise RuntimeError("no <luck>")

    for name in ("spectral_density", "top_eigenpairs"):
        monkeypatch.setattr(report_parts, name, failing)
    found = report(loss, trained[0], (X, Y), budget=60)
    assert found.parts["density"].failed and found["density"] is None
    assert found.parts["density"].why == "RuntimeError: no <luck>"
    assert found.parts["alignment"].why == "there are no eigenpairs"
    assert found["point"].parameters == 83 and found["traces"] is not None
    page = found.save_html(tmp_path / "r.html").read_text(encoding="utf-8")
    assert "failed: RuntimeError: no &lt;luck&gt;" in page
    assert ("Spectral density", "failed: RuntimeError: no <luck>") in unfinished(found)


@pytest.mark.parametrize(
    ("function", "before", "at"), [("quadratic_model", "layers", 3), ("layer_traces", "point", 5)]
)
def test_ctrl_c_leaves_what_there_is(
    trained: tuple[Any, Monitor],
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    before: str,
    at: int,
) -> None:
    def interrupted(*args: Any, **options: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(report_parts, function, interrupted)
    found = report(loss, trained[0], (X, Y), budget=60)
    assert found[before] is not None
    assert {found.parts[n].why for n in PARTS[at:]} == {"interrupted (Ctrl-C)"}


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("1.5 min", 90), ("2h", 7200), (3, 3)])
def test_budgets(text: Any, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-3s", "0", "3 weeks", "nan", "1.2.3s", "inf"])
def test_bad_budgets(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time; write '30s'"):
        report(lambda w: (w**2).sum(), np.ones(2), budget=text)


def test_a_loss_that_is_not_finite() -> None:
    with pytest.raises(ValueError, match="so there is no curvature"):
        report(lambda w: (w**2).sum() * np.inf, np.ones(2))


# ---- what it writes ------------------------------------------------------------------------------


class Page(HTMLParser):
    """Checks that elements are closed in order, and collects what is asked about."""

    EMPTY = ("meta", "br")

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.tags.append(tag)
        if tag not in self.EMPTY:
            self.open.append(tag)
        self._look(attributes)

    def handle_startendtag(self, tag: str, attributes: Any) -> None:
        self.tags.append(tag)
        self._look(attributes)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def _look(self, attributes: Any) -> None:
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src", "xlink:href") or "url(" in (value or ""):
                self.references.append(value)


def test_the_page_is_whole_and_needs_nothing_else(found: Any, tmp_path: Path) -> None:
    path = found.save_html(tmp_path / "report.html")
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert page.tags.count("svg") == page.tags.count("figure") == 8
    for reference in page.references:
        assert re.search(r"(^|url\()#", reference) or reference.startswith("data:"), reference
    for used in re.findall(r'(?:xlink:href="|url\()#([^")]+)', text):
        assert used in page.ids
    clips = [i for i in page.ids if re.fullmatch(r"[pm][0-9a-f]{10}", i)]
    assert clips and len(clips) == len(set(clips))  # the figures don't share names
    assert "A &lt;small&gt; net" in text and "<small>" not in text
    assert "prefers-color-scheme: dark" in text and 'name="viewport"' in text
    svgs = "".join(re.findall("<svg.*?</svg>", text, re.DOTALL))
    assert not re.search("fill: #|stroke: #", svgs)  # all colours are the page's, light or dark
    assert "var(--ink)" in svgs and "var(--blue)" in svgs
    assert "Could not be drawn" not in text
    for heading in ("In words", "In figures", "Largest eigenvalues", "Layers", "How it was comp"):
        assert f"<h2>{heading}" in text
    assert f"tinygrad_hess {tg.__version__}" in text and "seed 0" in text
    assert "\\u2060" not in text  # no character of its own labels is escaped


def test_json_is_plain_and_whole(found: Any, tmp_path: Path) -> None:
    read = json.loads(
        found.save_json(tmp_path / "r.json").read_text(encoding="utf-8"), parse_constant=pytest.fail
    )
    assert read["parameters"] == 83 and list(read["parts"]) == PARTS
    assert read["parts"]["eigenpairs"]["result"]["values"] == found["eigenpairs"].values.tolist()
    assert len(read["parts"]["slices"]["result"]) == 2
    assert read["monitor"]["records"][-1]["step"] == 100
    assert read["findings"] == [list(pair) for pair in found.findings]


def test_files_are_replaced_whole(
    found: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r.json"
    path.write_text("old")
    write = Path.write_bytes

    def full(self: Path, data: Any) -> int:
        write(self, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        found.save_json(path)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_without_matplotlib_the_page_says_so(
    found: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    text = found.save_html(tmp_path / "r.html").read_text(encoding="utf-8")
    assert "matplotlib is not installed" in text and "<svg" not in text


def test_markdown_with_figures_and_their_data_beside_it(found: Any, tmp_path: Path) -> None:
    text = found.save_markdown(tmp_path / "r.md").read_text(encoding="utf-8")
    assert text.startswith("# A \\<small\\> net\n")
    for name, said in found.findings:
        assert f"- **{name}**: " in text and said[:20] in text
    assert "u2060" not in text
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert len(tables) == 4
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
    linked = set(re.findall(r"\(<([^>]*)>\)", text))
    wrote = {p.relative_to(tmp_path).as_posix() for p in (tmp_path / "r_figures").iterdir()}
    assert linked == wrote and len(wrote) == 3 * 8
    for path in (tmp_path / "r_figures").glob("*.svg"):
        drawn = xml.dom.minidom.parse(str(path)).documentElement
        assert drawn.getAttribute("role") == "img"
        assert len(drawn.getAttribute("aria-label").split()) > 5
        assert "prefers-color-scheme: dark" in path.read_text(encoding="utf-8")


def test_the_data_of_figures(found: Any, tmp_path: Path) -> None:
    found.save_figures(tmp_path)
    columns = {}
    for path in tmp_path.glob("*.csv"):
        rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
        whole = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        read = {name: list(column) for name, *column in zip(*rows, strict=True)}
        columns[path.stem] = read
        as_text = lambda x: "" if x is None else str(x)
        assert read == {k: [as_text(x) for x in v] for k, v in whole["columns"].items()}
    assert set(columns) == {
        "training", "spectrum_by_magnitude", "spectrum", "gradient", "loss_along_eigenvector",
        "loss_along_gradient", "layers", "blocks",
    }  # fmt: skip
    shares = np.array(columns["layers"]["eigenvector_1"], float)
    np.testing.assert_allclose(shares.sum(), 1)
    drawn = columns["spectrum"]
    x, y = (
        np.array([v for v, kind in zip(drawn[name], drawn["kind"], strict=True) if kind == "bulk"])
        for name in ("eigenvalue", "density")
    )
    bulk = np.trapezoid(y.astype(float), x.astype(float))
    rest = sum(float(v) for v in drawn["share"] if v)
    np.testing.assert_allclose(bulk + rest, 1, rtol=1e-2)  # bulk, atoms and zeros are all


def test_frozen_parameters_and_the_mode() -> None:
    model = nn.freeze(nn.MLP([6, 8, 3], nn.tanh, seed=0), "layers[0]").eval()
    found = report(loss, model, (X, Y), budget=20)
    assert (found.frozen, found.parameters, found.mode) == (56, 27, "evaluation")
    said = dict(found.findings)["The model"]
    assert said.startswith("56 parameters are frozen") and "evaluation mode" in said
    assert "27 parameters, 56 more frozen; float64; model in evaluation" in found.to_markdown()
    model.layers[1].train()
    assert report(loss, model, (X, Y), budget=0.1).mode == "training in part"
    plain = report(lambda w: (w**2).sum(), np.ones(2), budget=1)
    assert (plain.frozen, plain.mode) == (0, "") and "The model" not in dict(plain.findings)


# ---- figures that are hard to draw ---------------------------------------------------------------


def overlap(one: Any, other: Any) -> bool:
    """Whether two boxes share more than an edge."""
    return (
        min(one.x1, other.x1) - max(one.x0, other.x0) > 1
        and min(one.y1, other.y1) - max(one.y0, other.y0) > 1
    )


def test_no_legend_lies_over_its_axes(found: Any) -> None:
    from matplotlib.figure import Figure

    legends = 0
    for figure in found.document.figures:
        canvas = Figure(SIZE, layout="constrained")
        ax = canvas.add_subplot()
        figure.draw(ax)
        canvas.draw_without_rendering()
        if ax.get_legend():
            legends += 1
            assert not overlap(ax.get_legend().get_window_extent(), ax.get_window_extent())
    assert legends >= 6


@pytest.mark.parametrize("count", [2, 11, 60])
def test_numbers_of_blocks_only_where_they_fit(count: int) -> None:
    from matplotlib.figure import Figure

    squares = np.square(np.geomspace(1e-3, 3, count * count).reshape(count, count))
    names = tuple(f"layers[{i}].weight" for i in range(count))
    blocks = tg.curvature.LayerBlocks(names, (1,) * count, squares, 0 * squares, 0, 0)
    canvas = Figure(SIZE, layout="constrained")
    ax = canvas.add_subplot()
    blocks.plot(ax)
    canvas.draw_without_rendering()
    assert len(ax.texts) == (4 if count == 2 else 0)  # numbers, else a scale
    assert len(canvas.axes) == (1 if count == 2 else 2)
    written = [*ax.texts, *(t for axis in (ax.xaxis, ax.yaxis) for t in axis.get_ticklabels())]
    boxes = [t.get_window_extent() for t in written if t.get_text()]
    assert not any(overlap(a, b) for i, a in enumerate(boxes) for b in boxes[:i])


@pytest.mark.parametrize(
    ("values", "stems"),
    [(np.ones(50), [1.0]), (np.zeros(50), [0.0]), (np.r_[0.0, 0.0, 1.0, 1.0, -2.0], [0, 1, -2])],
)
def test_spectra_without_a_bulk(values: Any, stems: Any) -> None:
    density = tg.curvature.spectral_density(np.diag(values))
    ax = density.plot()
    low, high = ax.get_ylim()
    assert low == 0 and 0.3 < high < 1.2 and ax.get_yscale() == "linear"
    drawn = {float(line.get_xdata()[0]): float(line.get_ydata()[1]) for line in ax.lines}
    assert drawn == pytest.approx({s: (values == s).mean() for s in stems})
    assert (density.plot(scale="log").get_xscale() == "log") == values.any()


def test_a_spectrum_with_many_that_stand_out() -> None:
    bulk, out = np.linspace(0.5, 1, 300), np.geomspace(30, 60, 35)
    density = tg.curvature.spectral_density(np.diag(np.r_[bulk, out]))
    ax = density.plot()
    assert density.outliers == 35 and ax.get_xscale() == "symlog"
    ax.figure.draw_without_rendering()
    to_pixels = lambda x: ax.transData.transform([[x, 1.0]])[0, 0]
    width = to_pixels(1.0) - to_pixels(0.0)
    assert width > 0.15 * ax.get_window_extent().width  # the bulk is seen
    assert "35 that stand out" in [t.get_text() for t in ax.get_legend().get_texts()]
    ticks = [t.get_window_extent() for t in ax.get_xticklabels() if t.get_text()]
    assert not any(overlap(a, b) for i, a in enumerate(ticks) for b in ticks[:i])


# ---- two reports ---------------------------------------------------------------------------------


def test_two_reports_side_by_side(found: Any, trained: tuple[Any, Monitor], tmp_path: Path) -> None:
    model, monitor = trained
    thrice = lambda m, b: 3 * loss(m, b)
    one, two = found, report(thrice, model, (X, Y), budget=60, monitor=monitor, title=found.title)
    found = one.compare(two, ("once", "thrice"))
    largest = np.linalg.eigvalsh(dense(model))[-1]
    change = {c.quantity: c for c in found.changes}
    for quantity in ("loss", "gradient norm", "largest eigenvalue", "trace"):
        np.testing.assert_allclose(change[quantity].ratio, 3, rtol=1e-6)
        assert change[quantity].differs
    between = change["share of ‖H‖² between layers"]
    np.testing.assert_allclose(between.ratio, 1, rtol=1e-6)
    said = dict(found.findings)["Sharpness"]
    assert said == (
        f"The largest eigenvalue rises from {largest:.4g} to {3 * largest:.4g} (3 times)."
    )
    whole = Page(found.save_html(tmp_path / "c.html").read_text(encoding="utf-8"))
    assert (
        whole.open == [] and whole.tags.count("svg") == whole.tags.count("figure") == 2
    )  # a run by itself is not compared
    read = json.loads(found.save_json(tmp_path / "c.json").read_text(encoding="utf-8"))
    assert read["names"] == ["once", "thrice"] and read["changes"][0]["quantity"] == "loss"
    assert "once" in found.save_markdown(tmp_path / "c.md").read_text(encoding="utf-8")
    assert (tmp_path / "c_figures" / "spectra.csv").exists()
    assert repr(found).startswith("<Comparison of once and thrice: ")
    same = one.compare(one)
    assert not any(c.differs for c in same.changes) and "stays at" in same.text


def test_two_points_within_their_error_do_not_differ() -> None:
    change = Change("trace", 10.0, 10.4, (0.3, 0.2))
    assert not change.differs and change.said() == "goes from 10 to 10.4, no more than its error"
    assert Change("trace", 10.0, 10.6, (0.3, 0.2)).differs


@pytest.mark.parametrize("names", [("a", "a"), ("a",), "ab", None])
def test_bad_names_of_two_reports(names: Any, found: Any) -> None:
    with pytest.raises(ValueError, match="must be two different names"):
        found.compare(found, names)
    with pytest.raises(TypeError, match="another report"):
        found.compare("other")


# ---- blocks between layers -----------------------------------------------------------------------


def test_blocks_between_layers(trained: tuple[Any, Monitor]) -> None:
    op = HessianOperator(loss, trained[0], (X, Y))
    H, places = op.to_dense(), list(op.layers.values())
    norms = np.array([[np.square(H[np.ix_(a, b)]).sum() for b in places] for a in places])
    exact = layer_blocks(op, probes=100)
    np.testing.assert_allclose(exact.squares, norms, rtol=1e-10)
    assert exact.exact and exact.matvecs == len(H)
    many = [layer_blocks(op, probes=8, seed=100 * s) for s in range(60)]
    mean = np.mean([m.squares for m in many], axis=0)
    spread = np.std([m.squares for m in many], axis=0, ddof=1)
    np.testing.assert_array_less(abs(mean - norms), 4 * spread / np.sqrt(60))
    claimed = np.sqrt(np.mean([m.standard_errors**2 for m in many], axis=0))
    np.testing.assert_allclose(claimed, spread, rtol=0.5)
    expected = 1 - np.trace(norms) / norms.sum()
    assert exact.between == pytest.approx(expected)


def test_blocks_refuse_what_has_no_layers() -> None:
    with pytest.raises(TypeError, match="ndarray names no layers"):
        layer_blocks(np.eye(3))
    with pytest.raises(ValueError, match="at least 2, got 1"):
        layer_blocks(HessianOperator(lambda w: (w**2).sum(), np.ones(2)), probes=1)


def test_names_with_dollar_signs_and_control_characters() -> None:
    params = {"a$x$\n<b>&": np.ones((2, 2)), "c$\x00$": np.ones(3)}
    op = HessianOperator(lambda p: sum((x**4).sum() for x in p.values()), params)
    found = report(op, budget=5)
    text = page(found.document)
    assert "\x00" not in text and "<b>&" not in text
    assert "a$x$\\n&lt;b&gt;&amp;" in text
    assert "\\<b\\>\\&" in found.to_markdown() and "<b>" not in found.to_markdown()
    for svg in re.findall("<svg.*?</svg>", text, re.DOTALL):
        xml.dom.minidom.parseString(svg)
    for result in (layer_traces(op), layer_blocks(op), layer_shares(op, np.ones(7))):
        ax = result.plot()
        ax.figure.draw_without_rendering()
        assert any(r"\$x\$" in tick.get_text() for tick in ax.get_yticklabels())


def luminance(rgb: Any) -> Any:
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_numbers_on_shades_have_contrast_in_light_and_dark() -> None:
    """Of WCAG at least 4.5; in the dark behind the page's filter, by the matrices of its standard."""
    import matplotlib

    from tinygrad_hess.core.plotting import _is_dark

    (brightness,) = re.findall(r"invert\(1\) hue-rotate\(180deg\) brightness\(([.\d]+)\)", PALETTE)
    turn = 2 * np.outer(np.ones(3), [0.213, 0.715, 0.072]) - np.eye(3)
    colours = matplotlib.colormaps["Blues"](np.linspace(0, 1, 256))[:, :3]
    filtered = np.clip(float(brightness) * np.clip((1 - colours) @ turn.T, 0, 1), 0, 1)
    white = np.array([_is_dark(c) for c in colours])
    for shades, is_white in ((colours, white), (filtered, ~white)):
        light = luminance(shades)
        contrast = np.where(is_white, 1.05 / (light + 0.05), (light + 0.05) / 0.05)
        assert contrast.min() >= 4.5
