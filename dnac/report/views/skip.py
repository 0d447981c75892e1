"""How much each routing step skips, where tokens leave, and how sure each router is."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from dnac.ir.form import Form
from dnac.report.base import Material, View
from dnac.report.charts import bars
from dnac.report.record import StepTrace
from dnac.report.words import percent, target_of


def _render(material: Material) -> str | None:
    record = material.record
    if record is None or not record.steps:
        return None
    charts: list[str] = []
    skipping = [step for step in record.steps if set(step.skips) - set(step.exits)]
    if skipping:
        shares = [step.skip_share for step in skipping]
        text = f"Skipped on average: {percent(sum(shares) / len(shares))} of the choices."
        charts.append(_figure(bars(shares, _sites(skipping), "skip share", target=_target(material), width=430), text))
    leaving = [step for step in record.steps if step.exits]
    if leaving:
        shares = [step.exit_share for step in leaving]
        text = f"Left before the end: {percent(sum(shares))} of all tokens."
        charts.append(_figure(bars(shares, _sites(leaving), "part of all tokens that leave", width=430), text))
    choosing = [step for step in record.steps if len(step.candidates) > 1]
    if choosing:
        text = "Entropy of a token's gates: 0 is a sure choice, the logarithm of the pool's size none at all."
        entropies = [step.entropy for step in choosing]
        charts.append(_figure(bars(entropies, _sites(choosing), "entropy, nats", width=430), text))
    return f'<div class="row">{"".join(charts)}</div>' if charts else None


def _sites(steps: Sequence[StepTrace]) -> list[str]:
    return [step.site for step in steps]


def _figure(chart: str, text: str) -> str:
    return f"<figure>{chart}<figcaption>{escape(text)}</figcaption></figure>"


def _target(material: Material) -> float | None:
    """The declared skip share (that of the end, under a schedule), where all routers declare the same."""
    found: set[float] = set()
    for router in material.graph.routers:
        terms = router.fields.get("balance")
        for term in terms if isinstance(terms, tuple) else ():
            if isinstance(term, Form) and term.name == "skip_target":
                found.add(target_of(term))
    return found.pop() if len(found) == 1 else None


VIEW = View("skip", "Skipping and certainty", 60, _render)
