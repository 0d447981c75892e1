"""A diagram as Graphviz: DOT text always; SVG and PNG where the program `dot` is installed."""

from __future__ import annotations

import html
import re
import shutil
from typing import Literal

import graphviz

from dnac.report.diagram import Box, Diagram, Edge, Frame
from dnac.report.palette import EDGE, FILL, INK, LINE, PAPER, SOFT, WASH, ramp
from dnac.report.words import percent

FONT = "Helvetica"
CELLS = 144
"""Up to so many modules of one make are drawn as cells, one each."""
_LEFT = '<br align="left"/>'


def is_installed() -> bool:
    """Whether the program `dot` can be run."""
    return shutil.which("dot") is not None


def source(diagram: Diagram) -> str:
    """The diagram as DOT text."""
    return _digraph(diagram).source


def render(diagram: Diagram, form: Literal["svg", "png"]) -> bytes:
    """The diagram drawn by `dot` (see `is_installed`); PNG at 192 dots per inch."""
    digraph = _digraph(diagram)
    if form == "png":
        digraph.attr(dpi="192")
    return digraph.pipe(format=form)


def _digraph(diagram: Diagram) -> graphviz.Digraph:
    graph = graphviz.Digraph(re.sub(r"\W", "_", diagram.name))
    gap = '<br/><font point-size="4"> </font>'
    caption = "".join(f'<br/><font point-size="10" color="{SOFT}">{_text(line)}</font>' for line in diagram.caption)
    graph.attr(
        rankdir="LR", bgcolor=PAPER, fontname=FONT, fontsize="15", fontcolor=INK, labelloc="t", pad="0.25",
        nodesep="0.28", ranksep="0.42", splines="true", compound="true",
        label=f"<<b>{_text(diagram.name)}</b>{gap}{caption}{gap}>",
    )  # fmt: skip
    graph.attr("node", fontname=FONT, fontsize="11", fontcolor=INK, margin="0.12,0.07", penwidth="1.2", height="0.3")
    graph.attr("edge", fontname=FONT, fontsize="10", fontcolor=SOFT, color=INK, arrowsize="0.65", penwidth="1.2")
    for item in diagram.items:
        _item(graph, item)
    for edge in diagram.edges:
        _edge(graph, edge)
    return graph


def _item(graph: graphviz.Digraph, item: Box | Frame) -> None:
    if isinstance(item, Box):
        _box(graph, item)
        return
    inner = graphviz.Digraph(f"cluster_{item.id}")
    lines = "".join(f'<font point-size="9.5" color="{SOFT}">{_text(line)}</font>{_LEFT}' for line in item.lines)
    style = {"step": "rounded,filled", "loop": "rounded", "pool": "rounded,filled", "parallel": "rounded,dashed"}
    fill = {"step": WASH, "pool": PAPER}.get(item.role, PAPER)
    inner.attr(
        label=f"<<b>{_text(item.title)}</b>{_LEFT}{lines}>", style=style[item.role], fillcolor=fill, color=LINE,
        fontname=FONT, fontsize="11", fontcolor=INK, margin="12", labeljust="l", penwidth="1.1",
    )  # fmt: skip
    for thing in item.items:
        _item(inner, thing)
    graph.subgraph(inner)


def _box(graph: graphviz.Digraph, box: Box) -> None:
    color = {"color": EDGE[_paint(box)], "fillcolor": FILL[_paint(box)]}
    match box.role:
        case "router":
            label = "\n".join(graphviz.escape(line) for line in (box.title, *box.lines))
            graph.node(box.id, label, shape="diamond", style="filled", margin="0.01,0.01", fontsize="10.5", **color)
        case "combine":
            graph.node(
                box.id, "+", shape="circle", style="filled", fixedsize="true", width="0.26", fontsize="13", **color
            )
        case "input" | "output":
            graph.node(box.id, _label(box), shape="plaintext", margin="0.04,0.04")
        case "identity" | "reference":
            dashes = "dashed" if box.role == "identity" else "dotted"
            graph.node(box.id, _label(box), shape="box", style=f"rounded,filled,{dashes}", **color)
        case _:
            graph.node(box.id, _label(box), shape="box", style="rounded,filled", **color)


def _paint(box: Box) -> str:
    return "io" if box.role in ("input", "output") else box.role


def _label(box: Box) -> str:
    """An HTML-like label: title with multiplicity, lines, and one cell per module."""
    times = f' <font color="{EDGE[_paint(box)]}">×{box.count}</font>' if box.count > 1 else ""
    rows = [f"<tr><td><b>{_text(box.title)}</b>{times}</td></tr>"]
    rows += [f'<tr><td><font point-size="9.5" color="{SOFT}">{_text(line)}</font></td></tr>' for line in box.lines]
    if 1 < box.count <= CELLS:
        rows.append(f"<tr>{_cells(box)}</tr>")
    return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="1.5">{"".join(rows)}</table>>'


def _cells(box: Box) -> str:
    """A table cell with one small square per module, darker the more of its router's choices it took."""
    across = min(box.count, 12 if box.count > 24 else 8)
    most = max(box.loads, default=0.0) or 1.0
    plain = PAPER if box.role == "identity" else "#bcd9ee"
    fills = [ramp(load / most) for load in box.loads] or [plain] * box.count
    border = EDGE[_paint(box)]
    cell = '<td width="9" height="9" fixedsize="true" bgcolor="{}" color="{}"></td>'
    rows = [
        "".join(cell.format(fill, border) for fill in fills[start : start + across])
        for start in range(0, box.count, across)
    ]
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    size = f'width="{across * 11 + 6}" height="{len(rows) * 11 + 6}"'  # fixed, or Graphviz spreads the cells
    table = f'<table border="0" cellborder="1" cellspacing="2" cellpadding="0">{body}</table>'
    return f'<td fixedsize="true" {size}>{table}</td>'


def _edge(graph: graphviz.Digraph, edge: Edge) -> None:
    label = edge.label
    attributes: dict[str, str] = {}
    if edge.share is not None:
        label = f"{percent(edge.share)} {label}".strip()
        attributes |= {"penwidth": f"{0.8 + 4.2 * edge.share:.2f}", "fontcolor": INK}
    match edge.role:
        case "choice":
            attributes.setdefault("penwidth", "1.2")
            attributes |= {"color": EDGE["router"]}
        case "again":
            attributes |= {"style": "dashed", "color": SOFT, "constraint": "false", "dir": "forward"}
        case "tied":
            attributes |= {"style": "dotted", "color": EDGE["embed"], "constraint": "false", "dir": "none"}
        case _:
            pass
    if label:
        attributes["label"] = f" {graphviz.escape(label)} "
    graph.edge(_port(edge.tail), _port(edge.head), **attributes)


def _port(id: str) -> str:
    """Graphviz takes `:` in a name for a port; names of ours hold none."""
    return id.replace(":", "_")


def _text(text: str) -> str:
    """Text inside an HTML-like label: escaped, and without characters that XML forbids."""
    return html.escape("".join(c if c.isprintable() or c == "\N{NO-BREAK SPACE}" else " " for c in text), quote=False)
