"""Texts that try to run or load something when they stand in a page, and a run in which everything is called so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dnac.report.base import Material
from dnac.report.record import Record, StepTrace
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
