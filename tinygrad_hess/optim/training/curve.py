"""Losses over steps as a small picture for notebooks, light and dark: SVG that loads nothing."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 420, 130, 52, 20, 8
POINTS = 400
"""A longer curve is drawn by the least and the largest value of each of half as many parts."""

COLORS = (("#0072b2", "#56b4e9"), ("#d55e00", "#f0883e"))
"""Of each curve, on a light page and on a dark one."""


def _style(theme: int) -> str:
    colors = [pair[theme] for pair in COLORS]
    return " ".join(f".tgh-{i} {{ stroke: {c}; fill: {c} }}" for i, c in enumerate(colors))


_STYLE = f"{_style(0)} @media (prefers-color-scheme: dark) {{ {_style(1)} }}"


def curve(series: Mapping[str, tuple[Array, Array]]) -> str:
    """An SVG element; empty where there is nothing to draw.

    Parameters
    ----------
    series : mapping of str to (steps, values)
        At most two curves, by name. The axis is logarithmic, and says so, where values are positive
        and span more than a decade.

    Examples
    --------
    >>> picture = curve({"loss": (np.arange(3), np.array([3.0, 2.0, 1.0]))})
    >>> picture[:4], picture.count("polyline")
    ('<svg', 1)
    >>> curve({"loss": (np.arange(0), np.array([]))})
    ''
    """
    finite = {}
    for name, (x, y) in series.items():
        if np.isfinite(y).any():
            finite[name] = x[np.isfinite(y)].astype(float), y[np.isfinite(y)]
    if not finite:
        return ""
    values = np.concatenate([y for _, y in finite.values()])
    is_log = values.min() > 0 and values.max() > 10 * values.min()
    scale = np.log10 if is_log else np.asarray
    low, high = float(scale(values.min())), float(scale(values.max()))
    last = max(float(x[-1]) for x, _ in finite.values())
    across = (WIDTH - LEFT - 10) / (last or 1.0)
    down = (HEIGHT - TOP - BOTTOM) / ((high - low) or 1.0)
    parts = []
    for i, (name, (x, y)) in enumerate(finite.items()):
        x, y = _thinned(x, y)
        at = zip(LEFT + across * x, TOP + down * (high - scale(y)), strict=True)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in at)
        parts.append(
            f'<polyline class="tgh-{i}" style="fill:none" stroke-width="1.4" points="{points}"/>'
            f'<text class="tgh-{i}" stroke="none" style="stroke:none" x="{WIDTH - 10}" '
            f'y="{TOP + 10 + 13 * i}" text-anchor="end">{html.escape(name)}</text>'
        )
    base = HEIGHT - BOTTOM
    parts += [
        f'<path d="M{LEFT},{TOP}V{base}H{WIDTH - 10}" fill="none" stroke="currentColor" '
        'stroke-opacity="0.35"/>',
        _text(LEFT - 5, TOP + 8, "end", f"{values.max():.3g}"),
        _text(LEFT - 5, base, "end", f"{values.min():.3g}"),
        *([_text(LEFT - 5, (TOP + base) // 2 + 4, "end", "log")] if is_log else []),
        _text(LEFT, HEIGHT - 6, "start", "0"),
        _text(WIDTH - 10, HEIGHT - 6, "end", f"step {last:,.0f}"),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" role="img" style="display:block;font:11px sans-serif">'
        f"<style>{_STYLE}</style>{''.join(parts)}</svg>"
    )


def _text(x: float, y: float, anchor: str, text: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="currentColor">{text}</text>'


def _thinned(x: Array, y: Array) -> tuple[Array, Array]:
    """The extremes of each of a few parts, so that no peak is lost."""
    if len(x) <= POINTS:
        return x, y
    size = math.ceil(2 * len(x) / POINTS)
    chosen = []
    for start in range(0, len(x), size):
        part = y[start : start + size]
        chosen += sorted({start + int(part.argmin()), start + int(part.argmax())})
    return x[chosen], y[chosen]
