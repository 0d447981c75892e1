"""A diagram as Mermaid text, for READMEs and notebooks that draw it themselves."""

from __future__ import annotations

import re

from dnac.report.diagram import Box, Diagram, Edge, Frame
from dnac.report.palette import EDGE, FILL, INK
from dnac.report.words import percent

_SHAPE = {
    "input": ("([", "])"),
    "output": ("([", "])"),
    "router": ("{", "}"),
    "combine": ("((", "))"),
}
_ARROW = {"stream": "-->", "choice": "==>", "result": "-->", "again": "-.->", "tied": "-.-"}


def source(diagram: Diagram) -> str:
    """The diagram as a Mermaid flow chart."""
    lines = ["---", f"title: {_plain(diagram.name)}", "---", "flowchart LR"]
    for item in diagram.items:
        lines += _item(item, "  ")
    lines += [f"  {_edge(edge)}" for edge in diagram.edges]
    for role in ("module", "identity", "reference", "router", "embed", "head", "combine"):
        dashes = (
            ",stroke-dasharray:5 3" if role == "identity" else ",stroke-dasharray:1 3" if role == "reference" else ""
        )
        lines.append(f"  classDef {role} fill:{FILL[role]},stroke:{EDGE[role]},color:{INK}{dashes}")
    lines.append("  classDef bare fill:none,stroke:none")
    return "\n".join(lines) + "\n"


def _item(item: Box | Frame, indent: str) -> list[str]:
    if isinstance(item, Box):
        return [indent + _box(item)]
    title = "<br/>".join(_quoted(line) for line in (item.title, *item.lines))
    inner = [line for thing in item.items for line in _item(thing, indent + "  ")]
    return [f'{indent}subgraph {_id(item.id)}["{title}"]', *inner, f"{indent}end"]


def _box(box: Box) -> str:
    start, end = _SHAPE.get(box.role, ("[", "]"))
    title = f"<b>{_quoted(box.title)}</b>" + (f" ×{box.count}" if box.count > 1 else "")
    label = "<br/>".join([title, *(_quoted(line) for line in box.lines)])
    style = "bare" if box.role in ("input", "output") else box.role
    return f'{_id(box.id)}{start}"{label}"{end}:::{style}'


def _edge(edge: Edge) -> str:
    words = f"{percent(edge.share)} {edge.label}".strip() if edge.share is not None else edge.label
    label = f'|"{_quoted(words)}"|' if words else ""
    return f"{_id(edge.tail)} {_ARROW[edge.role]}{label} {_id(edge.head)}"


def _id(id: str) -> str:
    """Mermaid takes word characters only, and `end` is a keyword."""
    return "n_" + re.sub(r"\W", "_", id)


def _plain(text: str) -> str:
    return re.sub(r"[^\w .:-]", " ", text)


def _quoted(text: str) -> str:
    """Text inside quotes: Mermaid decodes `#` entities, so these four cannot end the label or be a tag."""
    table = {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;"}
    return "".join(table.get(c, c) if c.isprintable() else " " for c in text)
