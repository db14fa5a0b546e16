"""Web pages that hold all they need, made of the files in ``templates/``.

page : template, parts -> HTML     opened from a file, without a network
"""

from __future__ import annotations

import html
import json
import math
import re
from importlib import resources
from typing import Any

from ..core.text import visible

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'wasm-unsafe-eval'"
)
"""Of a page's content: nothing is loaded from anywhere."""


def page(template: str, title: str, **parts: str) -> str:
    """Fill ``@NAME@`` of a template; @CSS@ and @JS@ are what all pages share."""
    known = {
        "TITLE": html.escape(visible(title)[:200]),
        "POLICY": POLICY,
        "CSS": read("base.css"),
        "JS": read("base.js"),
        **parts,
    }
    return re.sub("@([A-Z]+)@", lambda match: known.get(match[1], match[0]), read(template))


def read(name: str) -> str:
    """A template."""
    return resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


def as_json(data: Any) -> str:
    """Data for a script element, which no text in it can end; control characters are escapes, and
    numbers that are not finite null.
    """
    return json.dumps(_shown(data), allow_nan=False).replace("<", "\\u003c")


def _shown(data: Any) -> Any:
    if isinstance(data, str):
        return data if data.isprintable() else visible(data, keep="\n\t")
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, dict):
        return {key: _shown(x) for key, x in data.items()}
    return [_shown(x) for x in data] if isinstance(data, (list, tuple)) else data


def shipped(name: str) -> str:
    """A program: ``viz-global.js`` draws DOT text, ``d3-zoom.js`` pans and zooms, ``uplot.js`` with
    ``uplot.css`` draws curves.

    Where Python ends lines and JavaScript does not, the characters are escaped, as they can be in
    the strings that hold a program's bytes: notebooks and sites split what they take of a page.
    """
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    for end in "\x1c\x1d\x1e\x85":
        text = text.replace(end, f"\\x{ord(end):02x}")
    return text


def notice() -> str:
    """The notices of these programs, for a comment."""
    return shipped("NOTICE").replace("--", "- -")  # two hyphens would end the comment
