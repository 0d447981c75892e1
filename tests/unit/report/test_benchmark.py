"""The picture of a benchmark: bars as long as their times."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from dnac.report.benchmark import draw

SVG = "{http://www.w3.org/2000/svg}"


def case(name: str, ms: float, **more: Any) -> dict[str, Any]:
    spread = {"median": ms, "q1": ms * 0.9, "q3": ms * 1.1, "n": 20}
    return {"name": name, "program": name.split()[0], "skip": 0.0, "ms": spread, "against": {}, **more}


def net(name: str, *cases: dict[str, Any]) -> dict[str, Any]:
    shape = {"batch": 2, "tokens": 8, "lowering": "portable", "types": {"compute": "float32"}}
    return {"net": name, "cases": list(cases), **shape}


def test_bars_are_as_long_as_times_and_say_the_ratio():
    ours = case("dnac uniform", 40.0, against={"dense": {"time": {"median": 0.5}}})
    root = ElementTree.fromstring(draw([net("small", ours, case("dense", 20.0))]))
    bars = {e[0].text: float(e.attrib["width"]) for e in root.iter(f"{SVG}rect") if len(e)}
    assert set(bars) == {"dnac uniform: 40", "dense: 20"}
    assert bars["dnac uniform: 40"] == pytest.approx(2 * bars["dense: 20"], rel=0.01)
    texts = [e.text for e in root.iter(f"{SVG}text")]
    assert "40 ms, 0.50x dense" in texts
    assert "20 ms" in texts
    assert "small: 2 x 8 tokens, portable, float32" in texts


def test_every_net_has_a_chart_below_the_one_before():
    root = ElementTree.fromstring(
        draw([net("a", case("dense", 1.0)), net("b", case("dense", 1.0), case("floor", 0.1))])
    )
    downs = [e.attrib["transform"] for e in root if e.tag == f"{SVG}g"]
    assert downs[0] == "translate(0 0)"
    assert 0 < int(downs[1].split()[1].rstrip(")")) < int(root.attrib["height"])


def test_nothing_sticks_out_at_the_right():
    root = ElementTree.fromstring(draw([net("a", case("dnac uniform skip 25%", 123.456), case("dense", 20.0))]))
    width = float(root.attrib["width"])
    words = [e for e in root.iter(f"{SVG}text") if e.attrib.get("text-anchor") == "start"]
    assert words
    assert all(float(e.attrib["x"]) + 6.2 * len(e.text or "") <= width for e in words)
