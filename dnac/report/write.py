"""Write a picture in the form that the file's name asks for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dnac.report import dot, html, mermaid
from dnac.report.base import Material
from dnac.report.diagram import Diagram
from dnac.report.draw import draw
from dnac.report.words import count, paths

FORMS = (".svg", ".png", ".dot", ".mmd", ".html")
NEEDS_DOT = (".svg", ".png")


def diagram_of(material: Material) -> Diagram:
    """The diagram of a net, with its size below the name and, for a run, measured shares."""
    loads = None if material.record is None else material.record.loads()
    return draw(material.graph, caption(material.plan), loads)


def caption(plan: Mapping[str, Any]) -> tuple[str, ...]:
    """`603.2M parameters, 433.3M active at most` and `24 routing steps, 1.5 × 10^82 paths`."""
    if not plan:
        return ()
    params = plan["params"]
    size = f"{count(params['total'])} parameters"
    if params["active_max"] != params["total"]:
        size += f", at most {count(params['active_max'])} active for a token"
    steps = plan["routing_steps"]
    routing = f"{steps} routing step{'s' * (steps != 1)}, {paths(plan['paths'])} paths" if steps else "no routing"
    return (f"{size} · {routing}",)


def write(material: Material, path: Path) -> None:
    """Write the picture; the suffix is one of `FORMS`, and `NEEDS_DOT` ones need the program `dot`."""
    diagram = diagram_of(material)
    match path.suffix:
        case ".svg":
            path.write_bytes(dot.render(diagram, "svg"))
        case ".png":
            path.write_bytes(dot.render(diagram, "png"))
        case ".dot":
            path.write_text(dot.source(diagram), encoding="utf-8")
        case ".mmd":
            path.write_text(mermaid.source(diagram), encoding="utf-8")
        case _:
            path.write_text(html.page(material, diagram), encoding="utf-8")
