"""Loss on held-out data against train steps, training FLOPs and time, as one SVG picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dnac.report.charts import Axis, Line, lines, standing

WIDTH, HEIGHT = 560, 260
_ACROSS = (("step", "train steps"), ("flops", "training FLOPs"), ("seconds", "seconds of training"))


def draw(curves: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Three charts below one another; `curves` as `train.compare.compare` gives them."""
    charts = [
        lines(
            [Line(name, [(p[key], p["loss"]) for p in points]) for name, points in curves.items()],
            Axis(label),
            Axis("loss on held-out data"),
            width=WIDTH,
            height=HEIGHT,
        )
        for key, label in _ACROSS
    ]
    body = "".join(f'<g transform="translate(0 {i * HEIGHT})">{chart}</g>' for i, chart in enumerate(charts))
    whole = HEIGHT * len(charts)
    return standing(WIDTH, whole, body)
