"""The page that follows a training: its server, what it draws, its controls and keys."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from browser import browser, driven, run, visit

import tinygrad_hess as tg
from tinygrad_hess.curvature import Monitor
from tinygrad_hess.curvature.training.records import FORMAT
from tinygrad_hess.viz.live import Live

BAD = "</script><b>x</b>&\"' \u202eRTL שלום"


def loss(w: Any) -> Any:
    return (np.array([3.0, 1.0]) * w**2).sum() / 2


def record(step: int, preconditioned: bool = False, **more: Any) -> dict[str, Any]:
    """As a monitor writes it: eigenvalues that grow, below a threshold of 20."""
    scale = 100.0 if preconditioned else 1.0
    return {
        "step": step, "loss": 1 / (1 + step), "rate": 0.1, "threshold": 20.0 * scale,
        "preconditioned": preconditioned, "seconds": 0.01,
        "top_eigenvalues": {"values": [scale * (10 + step / 10), scale], "converged": True},
        "gradient_norm": 0.5,
        "alignment": {"share": 0.25, "values": [77.0, 1.0]},
        "trace": {"value": 11.0 * scale, "interval": [10.0 * scale, 12.0 * scale]},
        "layer_shares": {"names": ["first", BAD], "values": [0.7, 0.3]},
        **more,
    }  # fmt: skip


def written(path: Path, records: list[dict[str, Any]], **about: Any) -> Path:
    lines = [{"format": FORMAT, "every": 10, **about}, *records]
    path.write_text("".join(json.dumps(x) + "\n" for x in lines))
    return path


def get(url: str, method: str = "GET", **headers: str) -> tuple[int, str, dict[str, str]]:
    at = urlsplit(url)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=10)
    try:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, at.path + (f"?{at.query}" if at.query else ""), headers=names)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), dict(answer.getheaders())
    finally:
        connection.close()


# ---- the server ----------------------------------------------------------------------------------


@pytest.fixture
def page(tmp_path: Path) -> Any:
    path = written(tmp_path / "run.jsonl", [record(0), record(10)])
    with tg.viz.live(path) as live:
        yield live


def test_it_serves_one_page_and_the_records(page: Live) -> None:
    status, text, headers = get(page.url)
    assert status == 200 and headers["Content-Type"] == "text/html; charset=utf-8"
    assert "connect-src 'self'" in text and headers["X-Frame-Options"] == "DENY"
    status, text, headers = get(page.url + "records?known=")
    assert status == 200 and headers["Cache-Control"] == "no-store"
    (found,) = json.loads(text)
    assert [r["step"] for r in found["records"]] == [0, 10] and found["about"]["every"] == 10


@pytest.mark.parametrize(
    "headers, status",
    [
        ({"Host": "evil.example"}, 403),  # a name bound to 127.0.0.1
        ({"Host": "127.0.0.1:1"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "cors"}, 403),
        ({"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "no-cors"}, 403),
        ({"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Mode": "cors"}, 200),
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}, 200),  # a link
    ],
)
def test_requests_of_other_origins_are_refused(
    page: Live, headers: dict[str, str], status: int
) -> None:
    found, text, _ = get(page.url + "records", **headers)
    assert found == status
    assert ("top_eigenvalues" in text) == (status == 200)


def test_there_is_nothing_else(page: Live) -> None:
    root = page.url.removesuffix(page.url.rsplit("/", 2)[1] + "/")
    wrong = page.url[:-2] + ("A" if page.url[-2] != "A" else "B") + "/"
    others = ("pages.py", "../", "%2e%2e/etc/passwd", "records/", "templates/live.html")
    for url in (root, root + "records", wrong, *(page.url + name for name in others)):
        assert get(url)[0] == 404, url
    assert get(page.url, "POST")[0] == 501
    assert urlsplit(page.url).hostname == "127.0.0.1"


def test_each_has_its_own_token_and_ends_when_closed(tmp_path: Path) -> None:
    with tg.viz.live(tmp_path / "a.jsonl") as one, tg.viz.live(tmp_path / "a.jsonl") as two:
        assert urlsplit(one.url).path != urlsplit(two.url).path
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", urlsplit(one.url).port or 0), 5)


def test_only_new_records_are_sent_and_all_of_another_run(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with tg.viz.live(path) as page:

        def ask(known: str) -> Any:
            return json.loads(get(f"{page.url}records?known={known}")[1])[0]

        assert ask("")["records"] == []  # no file yet
        written(path, [record(0), record(10)])
        first = ask("")
        with path.open("a") as file:
            file.write(json.dumps(record(20)) + '\n{"step": 30, "lo')
        new = ask(f"{first['version']}:2")
        assert new["first"] == 2 and [r["step"] for r in new["records"]] == [20]
        assert ask(f"{new['version']}:3")["records"] == []
        written(path, [record(0), record(10), record(15)])  # resumed from step 10
        again = ask(f"{new['version']}:3")
        assert again["first"] == 0 and [r["step"] for r in again["records"]] == [0, 10, 15]
        assert len(ask("what:ever")["records"]) == len(ask("9:99")["records"]) == 3
        path.write_text("of another kind\n")
        status, text, _ = get(page.url + "records?known=")
        assert status == 500 and "no file that a Monitor" in text


def test_numbers_that_are_not_finite_are_null(tmp_path: Path) -> None:
    path = written(
        tmp_path / "run.jsonl", [record(0, loss=float("inf"), gradient_norm=float("nan"))]
    )
    with tg.viz.live(path) as page:
        (found,) = json.loads(get(page.url + "records")[1], parse_constant=pytest.fail)
        assert found["records"][0]["loss"] is found["records"][0]["gradient_norm"] is None


def test_what_live_refuses(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"live: give the path"):
        tg.viz.live()
    with pytest.raises(TypeError, match=r"live: a run must be a path .*, got 3"):
        tg.viz.live(3)  # type: ignore[arg-type]
    (tmp_path / "x").write_text("hello\n")
    with pytest.raises(ValueError, match=r"x is no file that a Monitor"):
        tg.viz.live(tmp_path / "x")
    with tg.viz.live(tmp_path / "later") as page, pytest.raises(ValueError, match=r"\.html"):
        page.save(tmp_path / "page.txt")


# ---- the monitor ---------------------------------------------------------------------------------


def test_a_monitor_shows_itself(capsys: pytest.CaptureFixture[str]) -> None:
    monitor = Monitor(loss, optimizer=0.1, every=1, k=1, live=True)
    with monitor.page as page:
        assert page.url in capsys.readouterr().err
        monitor(0, np.ones(2), 2.0)
        (found,) = json.loads(get(page.url + "records")[1])
        assert found["records"][0]["top_eigenvalues"]["values"] == pytest.approx([3])
        assert f'href="{page.url}"' in page._repr_html_() and "srcdoc" in page._repr_html_()


def test_a_resumed_run_goes_on_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    first = Monitor(loss, every=2, k=1, path=path, resume=True)  # nothing to resume
    for step in range(7):
        first(step, np.ones(2))
    with path.open("a") as file:
        file.write('{"step": 8, "lo')  # killed
    again = Monitor(loss, every=2, k=1, path=path, resume=True)
    assert again.records.steps.tolist() == [0, 2, 4, 6]
    for step in range(4, 9):  # the checkpoint was written before step 4
        again(step, 2 * np.ones(2))
    read = Monitor.read(path)
    assert read.steps.tolist() == [0, 2, 4, 6, 8] and read.records == again.records.records
    np.testing.assert_allclose(
        read.series("gradient_norm"), np.sqrt(10) * np.array([1, 1, 2, 2, 2])
    )
    with pytest.raises(ValueError, match="resume needs the path="):
        Monitor(loss, resume=True)


def test_layer_shares_of_the_first_eigenvector() -> None:
    f = lambda p: (p["a"] ** 2).sum() * 0.5 + (p["a"] * p["b"]).sum()
    monitor = Monitor(f, quantities=("layer_shares",), k=1)
    record = monitor.measure(0, {"a": np.ones(1), "b": np.ones(1)})
    _, vectors = np.linalg.eigh(np.array([[1.0, 1.0], [1.0, 0.0]]))
    np.testing.assert_allclose(record["layer_shares"]["values"], vectors[:, -1] ** 2, rtol=1e-3)
    assert record["layer_shares"]["names"] == ["['a']", "['b']"]
    np.testing.assert_allclose(
        monitor.records.series("layer_shares")[0], vectors[:, -1] ** 2, rtol=1e-3
    )


def test_of_an_alignment_the_share_is_drawn() -> None:
    monitor = Monitor(loss, quantities=("alignment",), k=1, rtol=1e-8, dtype=None)
    monitor.measure(0, np.ones(2))
    np.testing.assert_allclose(monitor.records.series("alignment"), [9 / 10])  # gradient (3, 1)


# ---- in the browser ------------------------------------------------------------------------------


@browser
def test_controls_and_what_is_drawn(tmp_path: Path) -> None:
    mixed = [record(s, s >= 20, failed={BAD: BAD}) for s in range(0, 60, 10)]
    mixed.append(record(60))  # plain again: the gap stays a gap
    one = written(tmp_path / "one.jsonl", mixed, optimizer=BAD)
    two = written(tmp_path / "two.jsonl", [record(s) for s in range(5, 40, 10)])
    with tg.viz.live(one, two, title=BAD) as live:
        path = live.save(tmp_path / "live.html")
    found = run(
        path,
        """
        const out = {};
        await painted(1);
        const titles = () => all("figure h2").map(e => e.textContent);
        const lines = title => {
          const { plot } = charts.find(c => c.panel.title === title);
          return plot.data.slice(1).map(y => plot.data[0].map((x, i) => [x, y[i] ?? null]).filter(p => p[1] !== null));
        };
        const gaps = title => charts.find(c => c.panel.title === title).plot.data[1].map(y => y === null);
        out.titles = titles();
        out.plain = lines("Eigenvalues");
        out.gaps = gaps("Eigenvalues");
        out.scaled = lines("Eigenvalues, preconditioned");
        out.shares = lines("Share of the gradient in the top eigenspace")[0];
        out.labels = all("figure [role=img]").map(e => e.getAttribute("aria-label"));
        out.count = $("count").textContent;
        key(document.body, "ArrowLeft"); $("back").click(); out.back = $("count").textContent;
        out.following = $("follow").getAttribute("aria-pressed");
        out.told = $("values").textContent;
        key(document.body, "Home"); out.home = $("count").textContent;
        $("next").click(); key(document.body, "ArrowRight"); out.next = $("count").textContent;
        $("step").value = 3; $("step").dispatchEvent(new Event("input")); out.slid = $("count").textContent;
        $("follow").click(); out.end = $("count").textContent;
        key(document.body, "Home"); key(document.body, "End"); out.key = $("count").textContent;
        const x = () => { const s = charts[0].plot.scales; return [s.x.min, s.x.max]; };
        out.whole = x();
        $("window").value = ".5"; $("window").dispatchEvent(new Event("change"));
        await wait(() => x()[0] > 0); out.half = x();
        out.log = charts[0].plot.scales.y.distr;
        $("log").click(); out.linear = charts[0].plot.scales.y.distr;
        const boxes = all("#runs input"); boxes[0].click(); out.left = titles();
        boxes[0].click(); out.all = titles().length;
        const before = document.documentElement.dataset.theme;
        $("theme").click(); out.themes = [before, document.documentElement.dataset.theme];
        out.title = [$("title").textContent, document.title];
        out.bold = all("b").length;
        out.text = document.body.innerText;
        return out;
        """,
    )
    assert found["titles"] == [
        "Loss", "Eigenvalues", "Eigenvalues, preconditioned", "Gradient norm", "Trace",
        "Trace, preconditioned", "Share of the gradient in the top eigenspace",
        "Share of the gradient in the top eigenspace, preconditioned",
        *[f"Layers of the first eigenvector{of}: {name}"
          for of, name in (("", one), ("", two), (", preconditioned", one))],
    ]  # fmt: skip
    plain, scaled = found["plain"], found["scaled"]
    assert plain[0] == [[0, 10], [10, 11], [60, 16]]  # largest of the first run
    assert found["gaps"][-1] is False and any(found["gaps"])
    assert plain[2] == [[0, 20], [10, 20], [60, 20]]  # its threshold
    assert plain[3] == [[s, 10 + s / 10] for s in (5, 15, 25, 35)]
    assert scaled[0] == [[s, 1000 + 10 * s] for s in (20, 30, 40, 50)]
    assert scaled[2] == [[s, 2000] for s in (20, 30, 40, 50)]
    assert found["shares"] == [[0, 0.25], [10, 0.25], [60, 0.25]]
    assert (
        found["labels"][1].startswith("Eigenvalues. ") and "16, 1 at step 60" in found["labels"][1]
    )
    assert found["count"] == found["end"] == found["key"] == "step 60"
    assert found["back"] == "step 40" and found["following"] == "false"
    assert "eigenvalues, preconditioned1400, 100" in found["told"] and "35" in found["told"]
    assert [found[k] for k in ("home", "next", "slid")] == ["step 0", "step 10", "step 15"]
    assert found["whole"] == [0, 60] and found["half"] == [30, 60]
    assert found["log"] == 3 and found["linear"] == 1
    assert len(found["left"]) == 6 and found["all"] == len(found["titles"])
    assert sorted(found["themes"]) == ["dark", "light"]
    shown = BAD.replace("\u202e", "\\u202e")
    assert found["title"] == [shown, shown] and found["bold"] == 0
    assert shown in found["text"]


@browser
def test_it_follows_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are written between the requests of the page."""
    path = written(tmp_path / "run.jsonl", [record(0)])
    script = """
        await wait(() => steps.length === 3);
        const rest = runs[0].records.map(r => r.step);
        await wait(() => steps.length === 2);
        return [rest, runs[0].records.map(r => r.step), $("count").textContent, $("status").textContent];
    """
    answer, html = Live._records, Live._html
    stages = iter([[0], [0, 10], [0, 10, 20], [0, 15]])  # the last one after a restart

    def records(live: Live, query: dict[str, str]) -> Any:
        if (stage := next(stages, None)) is not None:
            written(path, [record(s) for s in stage])
        return answer(live, query)

    monkeypatch.setattr(Live, "_records", records)
    monkeypatch.setattr(Live, "_html", lambda page, **which: driven(html(page, **which), script))
    with tg.viz.live(path) as live:
        found, requests = visit(live.url, tmp_path / "profile")
    assert found == [[0, 10, 20], [0, 15], "step 15", ""]
    assert requests and all(name.startswith(live.url + "records?") for name in requests)
