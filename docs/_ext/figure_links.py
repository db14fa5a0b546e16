"""Figures of lessons are links to the picture itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FIGURE = re.compile(
    r'<img [^>]*?src="(?P<small>[^"]+)"[^>]*?class="[^"]*sphx-glr-(?:single|multi)-img[^"]*"[^>]*>'
)


def linked(body: str) -> str:
    """The page with each figure in a link, to its larger version if there is one."""

    def link(match: re.Match[str]) -> str:
        larger = re.search(r"(\S+) 2\.00x", match[0])
        target = larger[1] if larger else match["small"]
        return f'<a class="figure" href="{target}">{match[0]}</a>'

    return FIGURE.sub(link, body)


def rewrite(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    if "body" in context:
        context["body"] = linked(context["body"])


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("html-page-context", rewrite)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
