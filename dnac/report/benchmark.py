"""The times of `dnac bench` as one SVG picture: a bar for each program, with the quartiles of its steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dnac.report.charts import Bar, across, standing
from dnac.report.palette import BLUE, SKY, SOFT

WIDTH = 760


def draw(nets: Sequence[Mapping[str, Any]]) -> str:
    """One chart for each net of the result."""
    charts = [_chart(net) for net in nets]
    heights = [TITLE + int(chart.split('height="')[1].split('"')[0]) for chart in charts]
    body, down = [], 0
    for net, chart, height in zip(nets, charts, heights, strict=True):
        body.append(
            f'<g transform="translate(0 {down})">{_title(net)}<g transform="translate(0 {TITLE})">{chart}</g></g>'
        )
        down += height
    return standing(WIDTH, down, "".join(body))


TITLE = 26


def _title(net: Mapping[str, Any]) -> str:
    # names of nets are words of the language, and hold nothing that XML minds
    text = f"{net['net']}: {net['batch']} x {net['tokens']} tokens, {net['lowering']}, {net['types']['compute']}"
    return f'<text x="14" y="18" font-size="13">{text}</text>'


def _chart(net: Mapping[str, Any]) -> str:
    return across([_bar(case) for case in net["cases"]], "milliseconds per train step", width=WIDTH)


def _bar(case: Mapping[str, Any]) -> Bar:
    ms, dense = case["ms"], case["against"].get("dense")
    ratio = f", {dense['time']['median']:.2f}x dense" if dense else ""
    color = SOFT if case["program"] != "dnac" else SKY if case["skip"] else BLUE
    return Bar(case["name"], ms["median"], ms["q1"], ms["q3"], f"{ms['median']:.4g} ms{ratio}", color)
