"""Draw quality against mean depth, from the result files: `quality.svg` beside this script.

python examples/experiments/radial_pretrained/picture.py [RESULTS] [-o PICTURE]
"""

from __future__ import annotations

import json
import statistics
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dnac.report.charts import Axis, Line, lines, standing
from dnac.train.intervals import estimate

HERE = Path(__file__).resolve().parent
DENSE = (5.0, 0.0)
"""Layers of the net that all start from, and what it costs over itself."""
SHOWN = {
    "layers left out for good, by residual ratio": ("static4", "static3"),
    "skips told by residual ratios": ("apiece4", "apiece3"),
    "skips learned from the loss": ("skip4", "skip3"),
}
SIZE = {"width": 640, "height": 320}


def drawn(results: Sequence[dict[str, Any]]) -> str:
    """Cost in nats over the dense net against layers a token: means over seeds, and 95 % intervals of the cost."""
    series = []
    for name, arms in SHOWN.items():
        own = [[r["figures"] for r in results if r["arm"] == arm] for arm in arms]
        at = [(statistics.fmean(f["depth"] for f in rows), estimate([f["cost"] for f in rows])) for rows in own if rows]
        reach = [(c.mean if c.low is None else c.low, c.mean if c.high is None else c.high) for _, c in at]
        points = [(depth, cost.mean) for depth, cost in at]
        series.append(Line(name, [DENSE, *points], reach=[(0.0, 0.0), *reach]))
    return standing(*SIZE.values(), lines(series, Axis("layers a token"), Axis("nats over the dense net"), **SIZE))


def main() -> int:
    """The command line."""
    parser = ArgumentParser(description="Quality against mean depth, from result files.")
    parser.add_argument("results", nargs="?", type=Path, default=HERE / "results")
    parser.add_argument("-o", "--out", type=Path, default=HERE / "quality.svg")
    args = parser.parse_args()
    results = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(args.results.glob("*.json"))]
    args.out.write_text(drawn(results) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
