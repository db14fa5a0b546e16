"""Check a built site: ``python tools/check_site.py docs/_build/html``.

Links inside lead to files and anchors that exist, and nothing is loaded from another host.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"img": "src", "script": "src", "iframe": "src", "source": "src", "link": "href"}
"""Elements that a browser loads by itself, and the attribute that says from where."""

UNLOADED = {"canonical", "next", "prev", "index", "search", "author", "copyright"}
"""Relations of a ``link`` that is only told."""


@dataclass
class Page(HTMLParser):
    """The anchors of a page, where it links to, and what it loads."""

    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value is not None}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        target = given.get(LOADED.get(tag, ""))
        if target and not {*given.get("rel", "").split()} & UNLOADED:
            self.loaded.append(target)


def read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def problems(folder: Path) -> list[str]:
    """What is wrong with a site: a line for each link."""
    folder = folder.resolve()
    static = folder / "_static"  # of the theme; it holds templates
    paths = [path for path in sorted(folder.rglob("*.html")) if static not in path.parents]
    pages = {path: read(path) for path in paths}
    found = []
    for path, page in pages.items():
        name = path.relative_to(folder)
        found += [f"{name} loads {t}" for t in page.loaded if urlsplit(t).netloc]
        for target in [*page.links, *page.loaded]:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            if not file.exists():
                found.append(f"{name}: there is no {target}")
            elif anchor and file in pages and anchor not in pages[file].anchors:
                found.append(f"{name}: there is no anchor {target}")
    return found


def main() -> None:
    folder = Path(sys.argv[1])
    found = sorted({*problems(folder)})
    print(
        f"{sum(1 for _ in folder.rglob('*.html'))} pages, {len(found)} wrong links",
        *found,
        sep="\n",
    )
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
