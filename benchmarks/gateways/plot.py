"""Horizontal bars as one SVG file: a panel for each figure, a bar for each gateway."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

WIDTH, LABEL, BAR, GAP, HEAD = 760, 300, 18, 6, 34
INK, OURS, OTHERS = "#1c2128", "#0a58ca", "#9aa4b2"


class Panel(NamedTuple):
    """One figure of all gateways."""

    title: str
    values: Mapping[str, float]


def write_bars(path: Path, panels: Sequence[Panel]) -> None:
    """Bars of toolgate's own lines stand out; the number stands behind its bar."""
    parts, top = [], 0
    for panel in panels:
        parts.append(_text(0, top + HEAD - 14, panel.title, weight="600"))
        top += HEAD
        most = max(panel.values.values())
        for name, value in panel.values.items():
            parts.append(_bar(top, name, value, value / most))
            top += BAR + GAP
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" '
        f'font-family="system-ui, sans-serif" font-size="13" fill="{INK}">'
        f'<rect width="{WIDTH}" height="{top}" fill="#fff"/>{"".join(parts)}</svg>\n',
        "utf-8",
    )


def _bar(top: int, name: str, value: float, share: float) -> str:
    width = max(1.0, share * (WIDTH - LABEL - 70))
    paint = OURS if name.startswith("toolgate") else OTHERS
    return (
        _text(0, top + BAR - 5, name)
        + f'<rect x="{LABEL}" y="{top}" width="{width:.1f}" height="{BAR}" fill="{paint}"/>'
        + _text(LABEL + width + 6, top + BAR - 5, f"{value:.1f}")
    )


def _text(x: float, y: float, text: str, *, weight: str = "400") -> str:
    return f'<text x="{x:.1f}" y="{y}" font-weight="{weight}">{escape(text)}</text>'
