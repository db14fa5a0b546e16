"""Pages in headless Chromium: a script at their end tells what it finds."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

HELPERS = """
const wait = async test => { while (!test()) await new Promise(done => setTimeout(done, 20)); };
const painted = n => wait(() => +document.body.dataset.drawn >= n);
const key = (target, name) => target.dispatchEvent(
  new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
const all = selector => [...document.querySelectorAll(selector)];
"""


def driven(page: str, script: str, library: str = "") -> str:
    """The page with a script at its end, whose result is kept in the document."""
    added = f"<script>{library}</script>" if library else ""
    return page.replace(
        "</body>",
        f"{added}<script>{HELPERS} (async () => {{ let result; try {{ result = await (async () => {{"
        f"{script}}})(); }} catch (error) {{ result = 'failed: ' + error.stack; }}"
        "document.documentElement.dataset.result = JSON.stringify({ result, requests: "
        "performance.getEntriesByType('resource').map(e => e.name) }); })();</script></body>",
    )


def visit(url: str, profile: Path, *options: str, notes: str = "") -> tuple[Any, list[str]]:
    """Open a driven page: its script's result, and what was requested; no error may be logged.

    Lines that hold ``notes`` are no errors.
    """
    assert CHROMIUM
    done = subprocess.run(
        [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1200,800",
         f"--user-data-dir={profile}", "--enable-logging=stderr",
         "--virtual-time-budget=60000", *options, "--dump-dom", url],
        capture_output=True, text=True, timeout=150, check=True,
    )  # fmt: skip
    logged = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert not [line for line in logged if not notes or notes not in line]
    (found,) = re.findall(r'<html[^>]* data-result="([^"]*)"', done.stdout) or [done.stdout[-3000:]]
    found = json.loads(html.unescape(found))
    return found["result"], found["requests"]


def run(path: Path, script: str, *options: str, library: str = "") -> Any:
    """Open a page's file, run a script at its end, and return what that gives; nothing is loaded."""
    text = driven(path.read_text(encoding="utf-8"), script, library)
    path = path.with_name(f"driven-{path.name}")
    path.write_text(text, encoding="utf-8")
    result, requests = visit(path.as_uri(), path.parent / "profile", *options)
    assert requests == []
    return result
