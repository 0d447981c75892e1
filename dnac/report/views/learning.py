"""Loss, skip share and entropy over training, from `metrics.jsonl`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dnac.ir.graph import Tap
from dnac.ir.traits import unrolled
from dnac.report.base import Material, View
from dnac.report.charts import Axis, Line, lines

TRAINING = "training"
_CHARTS = (
    ("loss, nats", (("loss", TRAINING), ("valid_loss", "held-out")), None),
    ("skip share", (("skip_share", "skipped"),), 0.0),
    ("gate entropy, nats", (("entropy", "mean over routers"),), 0.0),
)


def _render(material: Material) -> str | None:
    charts: list[str] = []
    for label, fields, low in _CHARTS:
        series = [Line(_said(name, material), _points(material, key)) for key, name in fields]
        series = [s for s in series if s.points]
        if series:
            charts.append(lines(series, Axis("train step"), Axis(label, low=low), width=320, height=210))
    return f'<div class="row">{"".join(charts)}</div>' if any(charts) else None


def _said(name: str, material: Material) -> str:
    """Losses inside the net count while training alone, so that the two lines are not of one kind."""
    has_taps = any(isinstance(node, Tap) for node in unrolled(material.graph.nodes))
    return f"{name}, with taps" if name == TRAINING and has_taps else name


def _points(material: Material, key: str) -> list[tuple[float, float]]:
    pairs = ((line.get("step"), _value(line, key)) for line in material.metrics)
    return [(float(x), float(y)) for x, y in pairs if isinstance(x, (int, float)) and isinstance(y, (int, float))]


def _value(line: Mapping[str, Any], key: str) -> Any:
    """A field of the line itself, or the mean of that field over its routers."""
    if key in line:
        return line[key]
    found = [entry[key] for entry in line.get("routing", {}).values() if key in entry]
    return sum(found) / len(found) if found else None


VIEW = View("learning", "Training", 30, _render)
