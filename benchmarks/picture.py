"""The main contest as bars, in SVG. Pure: the same results give the same picture."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from benchmarks.figures import Line

COLOURS = {"limit": "#9aa0a6", "ours": "#1a73e8", "hand-written": "#f29900", "peer": "#8f5bb5"}
WORDS = {
    "limit": "only counts",
    "ours": "ingest consume",
    "hand-written": "loop written by hand",
    "peer": "another tool",
}
WIDTH, BAR, GAP, LEFT, RIGHT, TOP = 900, 16, 8, 330, 90, 56
TEXT = 'font-family="system-ui, sans-serif" font-size="12" fill="#3c4043"'


def picture(lines: Sequence[Line], title: str) -> str:
    """A bar for each contestant that has a rate, the quickest first."""
    shown = sorted((one for one in lines if "rate" in one), key=lambda one: -one["rate"])
    height = TOP + len(shown) * (BAR + GAP) + GAP
    most = max((one["rate"] for one in shown), default=1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{GAP}" y="20" {TEXT} font-weight="bold">{escape(title)}</text>',
        *_legend(),
        *(part for place, one in enumerate(shown) for part in _bar(one, place, most)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _legend() -> list[str]:
    parts = []
    for place, (kind, colour) in enumerate(COLOURS.items()):
        x = LEFT + place * 140
        parts.append(f'<rect x="{x}" y="32" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{x + 14}" y="41" {TEXT}>{WORDS[kind]}</text>')
    return parts


def _bar(one: Line, place: int, most: float) -> list[str]:
    y = TOP + place * (BAR + GAP)
    width = (WIDTH - LEFT - RIGHT) * one["rate"] / most
    rows = f", {one['rows'] // 1000}k {one['compression']}" if one["rows"] else ""
    far = {"s3": ", S3 API", "s3 far": ", S3 API, 150 ms"}.get(one["place"], "")
    return [
        f'<text x="{LEFT - 8}" y="{y + 12}" {TEXT} text-anchor="end">{escape(one["name"] + rows + far)}</text>',
        f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{COLOURS[one["kind"]]}"/>',
        f'<text x="{LEFT + width + 6:.1f}" y="{y + 12}" {TEXT}>{one["rate"]:,}/s</text>',
    ]
