"""How much each routing step skips, and how sure its router is."""

from __future__ import annotations

from html import escape

from dnac.ir.form import Form
from dnac.report.base import Material, View
from dnac.report.charts import bars
from dnac.report.words import percent, target_of


def _render(material: Material) -> str | None:
    record = material.record
    if record is None or not record.steps:
        return None
    names = [step.site for step in record.steps]
    charts: list[str] = []
    skipping = [step for step in record.steps if step.skips]
    if skipping:
        shares, sites = [step.skip_share for step in skipping], [step.site for step in skipping]
        text = f"Skipped on average: {percent(sum(shares) / len(shares))} of the choices."
        charts.append(f"<figure>{bars(shares, sites, 'skip share', target=_target(material), width=430)}"
                      f"<figcaption>{escape(text)}</figcaption></figure>")  # fmt: skip
    entropies = [step.entropy for step in record.steps]
    text = "Entropy of a token's gates: 0 is a sure choice, the logarithm of the pool's size none at all."
    charts.append(f"<figure>{bars(entropies, names, 'entropy, nats', width=430)}"
                  f"<figcaption>{escape(text)}</figcaption></figure>")  # fmt: skip
    return f'<div class="row">{"".join(charts)}</div>'


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
