"""Which module took how many of the choices at which routing step."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from dnac.report.base import Material, View
from dnac.report.fold import stem
from dnac.report.record import StepTrace
from dnac.report.squares import heat
from dnac.report.words import percent


def _render(material: Material) -> str | None:
    if material.record is None or not material.record.steps:
        return None
    groups: dict[tuple[str, ...], list[StepTrace]] = {}
    for step in material.record.steps:
        groups.setdefault(tuple(stem(c) for c in step.candidates), []).append(step)
    choosing = [steps for steps in groups.values() if len(steps[0].candidates) > len(steps[0].exits)]
    return "".join(_group(steps) for steps in choosing) or None


def _group(steps: Sequence[StepTrace]) -> str:
    rows = [[float(x) for x in step.loads] for step in steps]
    columns = [_short(name) for name in steps[0].candidates]
    totals = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    idle = [name for name, total in zip(columns, totals, strict=True) if total == 0]
    most = max(range(len(totals)), key=totals.__getitem__)
    shown = f"columns the {len(columns)} candidates" if len(columns) > 1 else "the column is the one candidate"
    text = f"Rows are routing steps, {shown}; darker took more. "
    text += f"The busiest, {columns[most]}, took {percent(totals[most])} of all choices"
    text += f"; an even load is {percent(1 / len(columns))}. " if len(columns) > 1 else ". "
    text += f"Never chosen: {len(idle)}{' (' + ', '.join(idle[:12]) + ')' if idle else ''}."
    return f"<p>{escape(text)}</p>{heat(rows, [step.site for step in steps], columns)}"


def _short(name: str) -> str:
    """`nodes.block[3]` is `block[3]`."""
    return name.rsplit(".", 1)[-1]


VIEW = View("load", "Load of each module", 50, _render)
