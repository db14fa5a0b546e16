"""What reports and comparisons share: they become a page, Markdown, figures or JSON."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from ...core import arguments
from ...core.display import frame
from ...core.files import replace_whole
from ..estimates.result import Result
from ..training.records import for_json
from .document import Document
from .files import save_figures, save_markdown
from .html import page
from .markdown import markdown


class Documented(Result):
    """A result that has a document."""

    _frame_title: ClassVar[str]
    """Of the frame in a notebook."""

    @cached_property
    def document(self) -> Document:
        """What the page and the Markdown are made of; its figures are drawn when asked for."""
        raise NotImplementedError

    def to_dict(self, vectors: bool = False) -> dict[str, Any]:
        """Plain Python values, for JSON; None where a number is not finite."""
        return for_json(super().to_dict(vectors))

    def save_json(self, path: str | Path) -> Path:
        """Write everything as JSON; a file that is there is replaced whole."""
        data = json.dumps(self.to_dict(), indent=1, allow_nan=False, ensure_ascii=False)
        return replace_whole(self._path("save_json", path), data.encode())

    def save_html(self, path: str | Path) -> Path:
        """Write one self-contained page with figures; a file that is there is replaced whole.

        Without matplotlib it has no figures, and says so.
        """
        whole = page(self.document).encode()
        return replace_whole(self._path("save_html", path), whole)

    def to_markdown(self) -> str:
        """Words and tables as Markdown; :meth:`save_markdown` has figures too."""
        return markdown(self.document)

    def save_markdown(self, path: str | Path) -> Path:
        """Write Markdown, and the figures and their data into a folder beside it.

        The folder has the name of the file and ``_figures``; see :meth:`save_figures`. Without
        matplotlib there is the text alone.
        """
        return save_markdown(self.document, self._path("save_markdown", path))

    def save_figures(self, folder: str | Path) -> list[Path]:
        """Write each figure as SVG, and what it shows as CSV and as JSON, into a folder.

        Raises
        ------
        ImportError
            When matplotlib is not installed.
        """
        return save_figures(self.document, folder, f"{type(self).__name__}.save_figures")

    def _path(self, method: str, path: str | Path) -> Path:
        return arguments.path(f"{type(self).__name__}.{method}", path)

    def _repr_html_(self) -> str:
        """For notebooks: the page in a frame of its own, so that styles do not mix."""
        return frame(page(self.document), self._frame_title, height=720)
