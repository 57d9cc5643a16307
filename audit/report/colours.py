"""The page's colours, light and dark; a test computes that each text on each ground keeps WCAG AA."""

from __future__ import annotations

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "page": "#ffffff",
    "card": "#f4f6f9",
    "text": "#16202c",
    "soft": "#4a5766",
    "line": "#c9d1da",
    "edge": "#7b8794",
    "link": "#0b57c4",
    "good": "#146c2e",
    "watch": "#855300",
    "bad": "#b3151c",
    "CRITICAL": "#8e1022",
    "HIGH": "#c8501e",
    "MEDIUM": "#a87400",
    "LOW": "#2c78b8",
    "INFO": "#77808b",
    "plain": "#2c78b8",
    "heat-0": "#eef1f5",
    "heat-1": "#cfe3f5",
    "heat-2": "#9cc6ea",
    "heat-3": "#5ba0d8",
    "heat-4": "#1f6cae",
    "heat-5": "#0d3f73",
    "heat-1-text": "#16202c",
    "heat-2-text": "#16202c",
    "heat-3-text": "#0b1520",
    "heat-4-text": "#ffffff",
    "heat-5-text": "#ffffff",
}
DARK: Mapping[str, str] = {
    "page": "#11161d",
    "card": "#1a222c",
    "text": "#e8edf3",
    "soft": "#aab5c2",
    "line": "#384453",
    "edge": "#7b8899",
    "link": "#7fb6ff",
    "good": "#6fd08c",
    "watch": "#f0b429",
    "bad": "#ff8a85",
    "CRITICAL": "#ff6b78",
    "HIGH": "#ff9a5c",
    "MEDIUM": "#e6b740",
    "LOW": "#5ea9e6",
    "INFO": "#8d98a6",
    "plain": "#5ea9e6",
    "heat-0": "#1a222c",
    "heat-1": "#17334f",
    "heat-2": "#1d4b76",
    "heat-3": "#2767a1",
    "heat-4": "#5ea9e6",
    "heat-5": "#b5dcff",
    "heat-1-text": "#e8edf3",
    "heat-2-text": "#ffffff",
    "heat-3-text": "#ffffff",
    "heat-4-text": "#0b1520",
    "heat-5-text": "#0b1520",
}
# Text on its ground: 4.5 to 1 (WCAG 2.2, 1.4.3); what is drawn: 3 to 1 (1.4.11).
TEXT_ON_GROUND = (
    *((text, ground) for text in ("text", "soft", "link", "good", "watch", "bad") for ground in ("page", "card")),
    *((f"heat-{step}-text", f"heat-{step}") for step in range(1, 6)),
)
DRAWN_ON_GROUND = tuple(
    (drawn, ground)
    for drawn in ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO", "plain", "edge")
    for ground in ("page", "card")
)


def css(colours: Mapping[str, str]) -> str:
    """As custom properties."""
    return " ".join(f"--{name}: {value};" for name, value in colours.items())


def contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio of two "#rrggbb"."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
