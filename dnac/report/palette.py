"""Colours that survive print and colour blindness: Okabe and Ito's hues, tints of them, one ramp."""

from __future__ import annotations

INK = "#1f2933"
SOFT = "#5f6b76"
LINE = "#9aa5b1"
PAPER = "#ffffff"
WASH = "#f5f7fa"

BLUE, ORANGE, GREEN, PINK, SKY, VERMILION, YELLOW = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442",
)  # fmt: skip
SERIES = (BLUE, VERMILION, GREEN, PINK, ORANGE, SKY, INK)
"""Lines of a chart, in order."""

FILL = {
    "module": "#dcebf7",
    "router": "#fdebc8",
    "identity": "#ffffff",
    "reference": "#ffffff",
    "embed": "#d9f0e6",
    "head": "#d9f0e6",
    "io": "#ffffff",
    "combine": "#ffffff",
}
EDGE = {
    "module": BLUE,
    "router": "#b87d00",
    "identity": SOFT,
    "reference": BLUE,
    "embed": "#00785a",
    "head": "#00785a",
    "io": SOFT,
    "combine": INK,
}

_RAMP = ("#f3f7fb", "#c9dff0", "#8fc0e0", "#4f9bcb", "#1f74b1", "#0b4f8a", "#08306b")


def ramp(share: float) -> str:
    """A colour for a value in [0, 1]: nearly white to dark blue, monotone in lightness."""
    at = min(max(share, 0.0), 1.0) * (len(_RAMP) - 1)
    low = min(int(at), len(_RAMP) - 2)
    return _mix(_RAMP[low], _RAMP[low + 1], at - low)


def hue(index: int) -> str:
    """A fill for category `index`: Okabe and Ito's hues first, then golden-angle hues, all light enough for text."""
    base = ("#9fcbe8", "#f6c98b", "#8fd3bd", "#e6b8d2", "#f4a582", "#c7d9a0", "#d0c4e8", "#f2e394")
    if index < len(base):
        return base[index]
    return f"hsl({(index * 137.508) % 360:.0f} 55% {76 - 8 * (index // 24 % 3)}%)"


def _mix(low: str, high: str, part: float) -> str:
    pairs = ((int(low[i : i + 2], 16), int(high[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in pairs)
