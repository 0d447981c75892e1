"""One self-contained page about a net or a run: no scripts, no network, everything escaped."""

from __future__ import annotations

import re
from html import escape

from dnac import __version__, catalogue
from dnac.report import dot
from dnac.report.base import Material, View
from dnac.report.diagram import Diagram
from dnac.report.palette import BLUE, INK, LINE, PAPER, SOFT, WASH
from dnac.report.sketch import sketch

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE = f"""
body{{margin:0;background:{WASH};color:{INK};font:15px/1.5 Helvetica,Arial,sans-serif}}
main{{max-width:1060px;margin:0 auto;padding:28px 20px 60px}}
h1{{font-size:26px;margin:0}} h2{{font-size:17px;margin:0 0 10px}}
.from{{color:{SOFT};margin:2px 0 18px}}
section{{background:{PAPER};border:1px solid #e4e7eb;border-radius:8px;padding:16px 20px;margin:14px 0;overflow-x:auto}}
table{{border-collapse:collapse}}
th{{text-align:left;vertical-align:top;font-weight:normal;color:{SOFT};padding:2px 24px 2px 0;white-space:nowrap}}
td{{font-variant-numeric:tabular-nums}} p{{margin:0 0 10px;max-width:80ch}}
svg{{max-width:100%;height:auto}} svg.chart text{{font:11.5px Helvetica,Arial,sans-serif}}
.row{{display:flex;flex-wrap:wrap;gap:18px}} figure{{margin:0}} figcaption{{color:{SOFT};max-width:430px}}
pre.tokens{{white-space:pre-wrap;overflow-wrap:anywhere;font:13px/1.7 ui-monospace,Menlo,monospace;
border-left:3px solid {LINE};padding-left:12px}}
.key{{margin-right:14px;white-space:nowrap}} .key span{{display:inline-block;width:12px;height:12px;
margin-right:5px;border-radius:2px}}
footer{{color:{SOFT};font-size:13px}} a{{color:{BLUE}}}
@media print{{body{{background:{PAPER}}}section{{break-inside:avoid;border:0}}}}
"""


def page(material: Material, diagram: Diagram) -> str:
    """The whole page; the picture is Graphviz's where `dot` is installed, else a plain sketch."""
    views: list[View] = [catalogue.get("view", name) for name in catalogue.names("view")]
    sections = [_section("The net", picture(diagram))]
    for view in sorted(views, key=lambda v: v.rank):
        content = view.render(material)
        if content:
            sections.append(_section(view.title, content))
    origin = material.origin + (f" · measured on {material.record.source}" if material.record else "")
    name = escape(material.graph.name)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{name}</title><style>{_STYLE}</style></head><body><main>"
        f'<h1>{name}</h1><p class="from">{escape(origin)}</p>{"".join(sections)}'
        f"<footer>made by dnac {__version__}</footer></main></body></html>\n"
    )


def picture(diagram: Diagram) -> str:
    """The diagram as an inline `<svg>` element."""
    if not dot.is_installed():
        return sketch(diagram)
    svg = dot.render(diagram, "svg").decode("utf-8")
    svg = svg[svg.index("<svg") :]
    return re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"
