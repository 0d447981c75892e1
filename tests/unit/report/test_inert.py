"""No text that a file, a path or a data set can bring makes a page run or load anything."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from dnac.report import html, mermaid
from dnac.report.base import Material
from dnac.report.record import Record, StepTrace
from dnac.report.sketch import sketch
from dnac.report.write import diagram_of
from graphs import tiny_text

PLAN = {
    "params": {"total": 10, "active_min": 1, "active_expected": 2, "active_max": 3},
    "flops_per_token": {"min": 10, "expected": None, "max": 10}, "routing_steps": 2, "modules": 4, "paths": "9",
    "causal": True, "row_independent": False,
}  # fmt: skip
CALLS = ("alert(1)", "fetch('//example.org')", "top.location='javascript:1'")
FRAMES = (
    "<script>{}</script>",
    "</script><script>{}</script>",
    "<ScRiPt>{}</sCrIpT>",
    "<script src=data:,{}></script>",
    "<img src=x onerror={}>",
    '"><img src=x onerror={}>',
    "'><svg onload={}>",
    "<svg/onload={}>",
    "</title><svg onload={}>",
    "</style><script>{}</script>",
    "</text><script>{}</script>",
    "]]><script>{}</script>",
    "--><script>{}</script>",
    "<!--><script>{}</script>",
    "<iframe srcdoc='<script>{}</script>'>",
    "<object data=javascript:{}>",
    "<a href=javascript:{}>x</a>",
    '<a xlink:href="javascript:{}">x</a>',
    "<base href=//example.org onclick={}>",
    "<link rel=stylesheet href=//example.org onload={}>",
    "<meta http-equiv=refresh content='0;url=javascript:{}'>",
    "<form action=javascript:{}><input type=submit>",
    "<details open ontoggle={}>",
    "<body onload={}>",
    "<math><mi xlink:href=javascript:{}>",
    "<style>@import 'javascript:{}'</style>",
    "<div style=background:url({})>",
    "<video><source onerror={}></video>",
    "<input autofocus onfocus={}>",
    "<marquee onstart={}>",
    '" onmouseover={} x="',
    "' onmouseover={} x='",
    "` onmouseover={} `",
    "&lt;script&gt;{}&lt;/script&gt;",
    "&#60;script&#62;{}&#60;/script&#62;",
    "%3Cscript%3E{}%3C/script%3E",
    "\\u003cscript\\u003e{}",
    "\x00<script>{}</script>",
    "<scr\x00ipt>{}</script>",
    "\u202e<script>{}</script>",
    "\ufeff<script>{}</script>",
    "<\tscript>{}</script>",
    "<script\x0c>{}</script>",
    "<script/x>{}</script>",
    "<<script>{}//<</script>",
    'click a "javascript:{}"',
    '"]; click n call {}; a["',
    "%%{{init: {{'securityLevel': 'loose'}}}}%% {}",
    "\n</pre><script>{}</script>",
    "<textarea><script>{}</script>",
    '<noscript><p title="</noscript><script>{}</script>">',
    "<template><script>{}</script></template>",
    "<svg><animate onbegin={} attributeName=x>",
    "<svg><foreignObject><script>{}</script></foreignObject>",
    "<svg><use href=data:image/svg+xml,{}>",
    "<embed src=javascript:{}>",
    "<portal src=javascript:{}>",
    "<isindex action=javascript:{}>",
    "<table background=javascript:{}>",
    "<x contenteditable onblur={}>",
    "<audio src onloadstart={}>",
    "<button formaction=javascript:{}>x",
    "<keygen autofocus onfocus={}>",
    "<frameset onload={}>",
    "<applet code={}>",
    "<bgsound src=javascript:{}>",
    "<layer src=javascript:{}>",
)
PAYLOADS = tuple(frame.replace("{}", call) for frame in FRAMES for call in CALLS)


class Seen(HTMLParser):
    """All tags and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(name, value or "") for name, value in attrs}


def material(text: str) -> Material:
    """A run in which everything that a user can name is called `text`."""
    graph = tiny_text(steps=1, blocks=2, skips=1, k=1)
    graph = replace(graph, name=text, routers=tuple(graph.routers))
    trace = StepTrace(
        text, (text, "nodes.block[1]", "nodes.skip"), (2,), np.zeros((1, 3, 1), np.int16),
        np.ones((1, 3, 1), np.float32), 1.0,
    )  # fmt: skip
    metrics = tuple({"step": s, "loss": 5.0, "skip_share": 0.2, "routing": {text: {"entropy": 1.0}}} for s in range(3))
    return Material(graph, PLAN, text, metrics, Record((trace,), ((text, text, text),), None, text))


def test_there_are_two_hundred_payloads() -> None:
    assert len(set(PAYLOADS)) >= 200


@pytest.mark.parametrize("first", range(0, len(PAYLOADS), 30))
def test_a_page_runs_and_loads_nothing(first: int) -> None:
    harmless = Seen(html.page(material("harmless"), diagram_of(material("harmless"))))
    for payload in PAYLOADS[first : first + 30]:
        each = material(payload)
        seen = Seen(html.page(each, diagram_of(each)))
        assert seen.tags <= harmless.tags, payload
        names = {name for name, _ in seen.attributes}
        assert names <= {name for name, _ in harmless.attributes}, payload
        targets = [v for n, v in seen.attributes if n in ("src", "href", "xlink:href", "action", "style")]
        assert not [v for v in targets if "javascript:" in v or "//example.org" in v], payload


@pytest.mark.parametrize("first", range(0, len(PAYLOADS), 30))
def test_pictures_without_a_page_are_inert_too(first: int) -> None:
    for payload in PAYLOADS[first : first + 30]:
        diagram = diagram_of(material(payload))
        assert not Seen(sketch(diagram)).tags & {"script", "img", "iframe", "a", "foreignobject", "use", "image"}, (
            payload
        )
        source = mermaid.source(diagram)
        assert "<script" not in source.lower(), payload
        assert not [row for row in source.splitlines() if row.lstrip().startswith(("click", "%%{"))], payload
