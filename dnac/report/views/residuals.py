"""How much each branch changes the stream: medians with their spread, and token by token."""

from __future__ import annotations

from html import escape

from dnac.report.base import Material, View
from dnac.report.charts import Axis, Line, lines
from dnac.report.squares import heat

_TOKENS = 96


def _render(material: Material) -> str | None:
    found = material.profile
    if not found or not found["branches"]:
        return None
    rows = found["branches"]
    series = [
        Line(name, [(float(at), row[key]) for at, row in enumerate(rows)], dashed=key != "median")
        for key, name in (("median", "median"), ("low", "10 %"), ("high", "90 %"))
    ]
    chart = lines(series, Axis("branch, in the order of running"), Axis("ratio", log=True), width=760)
    text = "|increment| / |stream|: the median over tokens, and where a tenth lies below and above."
    figures = [f"<figure>{chart}<figcaption>{escape(text)}</figcaption></figure>"]
    tokens = found["tokens"]
    names = [row["name"] for row in rows if row["name"] in tokens]
    if names:
        table = [[min(value or 0.0, 2.0) for value in tokens[name][:_TOKENS]] for name in names]
        columns = [f"token {at}" for at in range(len(table[0]))]
        text = "The tokens of one sequence: dark is a ratio of 2 and more, white none, or a token that did not run."
        squares = heat(table, names, columns, x="token")
        figures.append(f"<figure>{squares}<figcaption>{escape(text)}</figcaption></figure>")
    return "".join(figures)


VIEW = View("residuals", "What each layer changes", 65, _render)
