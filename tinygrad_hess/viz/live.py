"""``live``: training runs on a page, while they go on."""

from __future__ import annotations

import html
import os
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core import arguments
from ..core.display import frame
from ..core.files import replace_whole
from ..core.text import visible
from . import pages
from .serving import Answer, Server

if TYPE_CHECKING:
    from ..curvature.training.monitor import Monitor
    from ..curvature.training.records import Records


def live(*runs: str | os.PathLike[str] | Monitor | Records, title: str = "") -> Live:
    """Follow training runs on a page: loss, eigenvalues against their threshold, and the rest.

    A server on this machine alone (127.0.0.1, at a free port) serves the page and the records, and
    nothing else; a token in the address keeps other users and pages of the web away. It ends with
    the process, or with ``close``.

    Parameters
    ----------
    *runs : path-like, Monitor or Records
        A file that a :class:`tinygrad_hess.curvature.Monitor` writes (``path=``), of this process
        or another; it need not be there yet. Or the monitor, or its records. Several are shown side
        by side.
    title : str
        By default the names of the files.

    Returns
    -------
    Live
        Its ``url`` is the address; ``open()`` shows it in a browser; ``save(path)`` writes what is
        known now as a page that needs no server; a notebook shows that.

    Raises
    ------
    TypeError
        For no run, or something else in place of one.
    ValueError
        For a file that no monitor wrote.

    Notes
    -----
    Eigenvalues of the Hessian and of the preconditioned Hessian are drawn apart, each against its
    own threshold. A run that was resumed with ``Monitor(..., resume=True)`` is one line.

    The page carries uPlot (MIT licence, 53 kB) with it.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> monitor = tg.curvature.Monitor(lambda w: (w**2).sum(), every=1)
    >>> monitor(0, np.ones(2), 2.0)
    >>> with tg.viz.live(monitor) as page:
    ...     page
    <Live: 1 run at http://127.0.0.1:.../.../>
    """
    arguments.instance("live", "title", title, str, "text")
    if not runs:
        raise TypeError("live: give the path of a file that Monitor(path=...) writes, or a monitor")
    return Live([_Run(run) for run in runs], title)


class Live:
    """A page of training runs, as :func:`live` makes it.

    Attributes
    ----------
    url : str
        Where it is served.
    """

    def __init__(self, runs: list[_Run], title: str):
        self._runs = runs
        self.title = title or ", ".join(run.name for run in runs)
        self._server = Server({"": self._page, "records": self._records})
        self.url = self._server.url

    def open(self) -> None:
        """Show it in the default browser."""
        webbrowser.open(self.url)

    def save(self, path: str | Path) -> Path:
        """Write what is known now, as one page that needs no server; whole or not at all.

        Raises
        ------
        ValueError
            When the suffix is not ``.html``.
        """
        path = arguments.path("Live.save", path)
        if path.suffix.lower() != ".html":
            raise ValueError(f"Live.save: cannot write {path.name!r}: the suffix must be .html")
        return replace_whole(path, self._html(live=False).encode())

    def close(self) -> None:
        """End the server; the page stays as it is in the browser."""
        self._server.close()

    def __enter__(self) -> Live:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        count = len(self._runs)
        return f"<Live: {count} run{'' if count == 1 else 's'} at {self.url}>"

    def _repr_html_(self) -> str:
        """For notebooks: the page as it is now, below a link to the one that goes on."""
        name = html.escape(visible(self.title))
        link = f'<p><a href="{self.url}" target="_blank" rel="noreferrer">Follow {name}</a></p>'
        return link + frame(self._html(live=False), self.title, height=620)

    def _html(self, live: bool) -> str:
        data = {"title": self.title, "live": live, "runs": [run.since("") for run in self._runs]}
        return pages.page(
            "live.html", self.title, POLICY=pages.POLICY + ("; connect-src 'self'" if live else ""),
            DATA=pages.as_json(data), PROGRAM=pages.shipped("uplot.js"),
            STYLE=pages.shipped("uplot.css"), NOTICE=pages.notice(),
        )  # fmt: skip

    def _page(self, query: dict[str, str]) -> Answer:
        return Answer("text/html", self._html(live=True))

    def _records(self, query: dict[str, str]) -> Answer:
        known = query.get("known", "").split(",")
        known += [""] * len(self._runs)
        runs = [run.since(k) for run, k in zip(self._runs, known, strict=False)]
        return Answer("application/json", pages.as_json(runs))


class _Run:
    """One run, and which of its records a page has already."""

    def __init__(self, source: Any):
        from ..curvature.training.monitor import Monitor
        from ..curvature.training.records import Records

        if isinstance(source, Monitor):
            self.name, self._records = "this run", lambda: source.records
        elif isinstance(source, Records):
            self.name, self._records = "these records", lambda: source
        else:
            what = "a path of a file that Monitor(path=...) writes, a Monitor or Records"
            arguments.instance("live", "a run", source, (str, os.PathLike), what)
            self.name, path = os.fspath(source), Path(source)
            self._records = lambda: self._read(path)
        self._seen: tuple[int, int] | None = None
        self._file = Records()
        self._known: list[dict[str, Any]] = []
        self._version = 0
        self._lock = threading.Lock()  # several pages may ask
        self._records()  # a file of another kind is told now

    def since(self, known: str) -> dict[str, Any]:
        """Records after those in ``known``, ``version:count``; all when others came before them."""
        with self._lock:
            found = self._records()
            records = list(found.records)
            if records[: len(self._known)] != self._known:  # another run, or one that was resumed
                self._version += 1
            self._known = records
            version, _, count = known.partition(":")
            same = version == str(self._version) and count.isdecimal()
            first = min(int(count), len(records)) if same else 0
            return {
                "name": self.name,
                "about": found.about,
                "version": self._version,
                "first": first,
                "records": records[first:],
            }

    def _read(self, path: Path) -> Records:
        """A file's records, read anew when it has changed."""
        from ..curvature.training.records import Records

        try:
            status = path.stat()
        except FileNotFoundError:  # the training has not begun
            self._seen, self._file = None, Records()
            return self._file
        seen = (status.st_size, status.st_mtime_ns)
        if seen != self._seen:
            self._file, self._seen = Records.read(path), seen
        return self._file
