"""Pages that the extensions write before Sphinx reads them."""

from __future__ import annotations

from pathlib import Path


def heading(text: str) -> str:
    """A title of reStructuredText."""
    return f"{text}\n{'=' * len(text)}\n"


def write(target: Path, text: str) -> None:
    """Write a file; one that has not changed keeps its time, so that it is not read again."""
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        target.write_text(text, encoding="utf-8")


def write_all(folder: Path, pattern: str, texts: dict[str, str]) -> None:
    """Write files by their names; others that match the pattern are of an earlier build, and go."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(pattern):
        if old.name not in texts:
            old.unlink()
    for name, text in texts.items():
        write(folder / name, text)
