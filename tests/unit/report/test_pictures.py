from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from checking import POOL, ROUTER, checked, image_net, net
from dnac.ir.form import form
from dnac.ir.graph import Tap
from dnac.report import charts, dot, html, mermaid
from dnac.report.base import Material
from dnac.report.draw import draw
from dnac.report.record import Record, StepTrace, load, save
from dnac.report.sketch import sketch
from dnac.report.views import learning, skip, summary
from dnac.report.views import load as load_view
from dnac.report.views.load import _group
from dnac.report.write import caption, diagram_of, write
from dnac.schedule.plan import plan
from graphs import tiny_text

needs_dot = pytest.mark.skipif(not dot.is_installed(), reason="the program dot is not installed")

HOSTILE = "</text></script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\x00\u202e"
PLAN = {
    "params": {"total": 603_185_664, "active_min": 1000, "active_expected": 2_000_000, "active_max": 433_279_488},
    "flops_per_token": {"min": 10, "expected": None, "max": 10},
    "routing_steps": 2,
    "modules": 5,
    "paths": "123456789012345678901",
    "causal": True,
    "row_independent": False,
}


def material(pieces: tuple[tuple[str, ...], ...] = (("a", " b", "c", "\n"),), k: int = 2, tokens: int = 4) -> Material:
    """A run of two steps over three blocks and one identity."""
    draws = np.random.default_rng(0)
    names = (*(f"nodes.block[{i}]" for i in range(3)), "nodes.skip")
    steps = tuple(
        StepTrace(
            f"hop[{s}]", names, (3,), np.argsort(draws.random((2, tokens, 4)), axis=-1)[..., :k].astype(np.int16),
            draws.random((2, tokens, k)).astype(np.float32), 1.0 + s,
        )
        for s in range(2)
    )  # fmt: skip
    metrics = tuple(
        {"step": s, "loss": 5.0 - s, "skip_share": 0.2, "routing": {"hop[0]": {"entropy": 1.0}}} for s in range(3)
    )
    graph = tiny_text(steps=2, blocks=3, k=k)
    return Material(graph, PLAN, "runs/a", metrics, Record(steps, pieces, None, "2 samples of toy"))


class Tags(HTMLParser):
    """Collects tags and attributes, and complains of a tag left open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes += attrs
        if tag not in ("meta", "br", "img", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_has_a_section_for_all_that_was_measured():
    page = html.page(material(), diagram_of(material()))
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert titles == [
        "The net", "In numbers", "Training", "Load of each module", "Flow of tokens", "Skipping and certainty",
        "Paths", "Tokens by path",
    ]  # fmt: skip


def test_the_page_of_a_file_has_no_measured_section():
    only_file = Material(tiny_text(), PLAN, "tiny.dna")
    assert re.findall(r"<h2>(.*?)</h2>", html.page(only_file, diagram_of(only_file))) == ["The net", "In numbers"]


def test_the_page_is_whole_html_that_loads_nothing_and_runs_nothing():
    page = html.page(material(), diagram_of(material()))
    tags = Tags(page)
    assert tags.open == []
    assert not tags.seen & {"script", "link", "iframe", "object", "embed", "form", "base"}
    assert not [a for a in tags.attributes if a[0].startswith("on")]
    targets = [v or "" for n, v in tags.attributes if n in ("src", "href", "xlink:href", "action")]
    assert all(v.startswith("data:image/png;base64,") for v in targets)
    assert "default-src 'none'" in page
    assert "http" not in re.sub(r'http-equiv|xmlns(:xlink)?="http[^"]*"', "", page)


def test_hostile_text_stays_text():
    base = material(pieces=((HOSTILE, "b", "c", "d"),))
    graph = replace(base.graph, name=HOSTILE)
    hostile = replace(base, graph=graph, origin=HOSTILE)
    page = html.page(hostile, diagram_of(hostile))
    tags = Tags(page)
    assert tags.open == []
    assert not tags.seen & {"script", "img"}
    assert "<script>alert" not in mermaid.source(diagram_of(hostile)).lower()
    assert "<script>" not in sketch(diagram_of(hostile))


@needs_dot
def test_hostile_text_is_drawn_by_dot():
    hostile = replace(tiny_text(), name='a"b<b>&\\N')
    assert b"<svg" in dot.render(draw(hostile), "svg")


def test_the_page_of_a_long_run_stays_small():
    big = material(pieces=(tuple("x" * 1024), tuple("y" * 1024)), tokens=1024)
    graph = tiny_text(steps=2, blocks=72, skips=2)
    big = replace(big, graph=graph, record=replace(big.record, steps=_wide(74)))  # type: ignore[arg-type]
    assert len(html.page(big, diagram_of(big)).encode()) < 300_000


def _wide(candidates: int) -> tuple[StepTrace, ...]:
    draws = np.random.default_rng(1)
    names = (*(f"nodes.block[{i}]" for i in range(candidates - 2)), "nodes.skip[0]", "nodes.skip[1]")
    return tuple(
        StepTrace(
            f"hop[{s}]", names, (candidates - 2, candidates - 1),
            draws.integers(0, candidates, (16, 1024, 2)).astype(np.int16),
            draws.random((16, 1024, 2)).astype("f4"), 3.0,
        )
        for s in range(2)
    )  # fmt: skip


def test_images_are_shown_with_their_patches():
    base = material()
    embed, head = base.graph.shared
    image = form("image", size=(4, 4), channels=1, classes=2)
    shared = (replace(embed, kind=embed.kind.replace(size=2)), head)
    graph = replace(base.graph, input=image, tokens=4, shared=shared)
    images = np.arange(32, dtype=np.uint8).reshape(2, 4, 4, 1)
    page = html.page(
        replace(base, graph=graph, record=replace(base.record, pieces=(), images=images)),  # type: ignore[arg-type]
        draw(graph),
    )
    assert page.count("data:image/png;base64,") == 4
    assert Tags(page).open == []


@needs_dot
def test_every_form_of_picture_is_written(tmp_path: Path):
    for suffix, begin in (
        (".svg", b"<?xml"),
        (".png", b"\x89PNG"),
        (".dot", b"digraph"),
        (".mmd", b"---\ntitle"),
        (".html", b"<!doctype"),
    ):
        path = tmp_path / f"net{suffix}"
        write(material(), path)
        assert path.read_bytes().startswith(begin)


def test_without_dot_the_page_holds_a_sketch(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    page = html.page(material(), diagram_of(material()))
    assert Tags(page).open == []
    assert "block ×3" in page
    assert re.search(r"\d+\s% of the choices", page)


def test_pictures_do_not_change_from_run_to_run():
    assert dot.source(diagram_of(material())) == dot.source(diagram_of(material()))
    assert html.page(material(), diagram_of(material())) == html.page(material(), diagram_of(material()))


def test_mermaid_draws_the_same_boxes_and_edges():
    diagram = diagram_of(material())
    text = mermaid.source(diagram)
    assert text.count("subgraph ") == text.count("\n  end") + text.count("\n    end") == 2
    for box in diagram.boxes():
        assert f"n_{re.sub(r'[^0-9A-Za-z_]', '_', box.id)}" in text
    assert sum(arrow in line for line in text.splitlines() for arrow in (" -->", " ==>", " -.->")) == len(diagram.edges)


def test_the_caption_gives_size_and_paths():
    assert caption(PLAN) == ("603M parameters, at most 433M active for a token · 2 routing steps, 1.2 × 10²⁰ paths",)


def test_a_record_is_kept_without_pickle_and_read_back(tmp_path: Path):
    record = material().record
    assert record is not None
    save(record, tmp_path / "r.npz")
    again = load(tmp_path / "r.npz")
    assert again.pieces == record.pieces
    assert [s.site for s in again.steps] == ["hop[0]", "hop[1]"]
    assert all((a.ids == b.ids).all() for a, b in zip(again.steps, record.steps, strict=True))


def test_a_page_says_what_a_budget_allows():
    body = "  pool p { block[4] = mlp(gelu, 4x); keep = identity() }\n"
    body += "  hop: route p by { choose = top(1); weight = raw; balance = [] }\n"
    (net,) = checked(image_net(body + "  budget b = flops(40%, per = token, by = hard)")).nets
    material = Material(net.graph, plan(net), "x.dna")
    page = html.page(material, diagram_of(material))
    assert "<th>budget b</th><td>40% of the dearest choices (1.64k of 4.1k FLOPs per token)" in page
    assert "per token, by hard</td>" in page


def test_bars_of_several_names_are_named_in_whole_and_nothing_is_drawn_for_zeros():
    alone = charts.bars([0.1, 0.2], ["hop[0]", "hop[1]"], "share")
    assert ">hop[1]<" not in alone and ">turn of hop<" in alone
    several = charts.bars([0.0, 0.0], ["moe[0]", "mod[0]"], "share")
    assert ">moe[0]<" in several and ">mod[0]<" in several and ">1<" in several and "e-" not in several


def test_a_pool_of_one_is_told_in_the_singular():
    text = _group([replace(_wide(3)[0], candidates=("p.block",), skips=(), ids=np.zeros((16, 1024, 1), np.int16))])
    assert "the column is the one candidate" in text and "even load" not in text


def test_a_way_out_is_shown_by_who_leaves_and_not_as_a_skip():
    """A halting step has one candidate: its load and the entropy of its gates say nothing."""
    ids = np.where(np.arange(8).reshape(2, 4, 1) < 2, 0, -1).astype(np.int16)
    halt = StepTrace("leave[0]", ("leave[0].exit",), (0,), ids, np.ones((2, 4, 1), np.float32), 0.2, (0,))
    one = StepTrace("hop[0]", ("a", "b"), (), np.zeros((2, 4, 1), np.int16), np.ones((2, 4, 1), np.float32), 0.5)
    shown = skip.VIEW.render(replace(material(), record=Record((one, halt))))
    assert shown is not None and "Left before the end: 25\N{NO-BREAK SPACE}% of all tokens" in shown
    assert "skip share" not in shown
    assert shown.count("leave") == 1 + shown.count("that leave") + shown.count("turn of leave")
    loads = load_view.VIEW.render(replace(material(), record=Record((one, halt))))
    assert loads is not None and "leave" not in loads
    assert load_view.VIEW.render(replace(material(), record=Record((halt,)))) is None


def test_a_run_says_what_it_reached_beside_what_its_plan_expects():
    line = {"step": 20, "loss": 2.0, "valid_loss": 1.25, "valid_accuracy": 0.5, "valid_active_flops_per_token": 1234}
    shown = summary.VIEW.render(replace(material(), metrics=(line, {"step": 30, "loss": 1.0})))
    assert shown is not None and "1.2500 nats after 20 steps" in shown
    assert "50.00%" in shown and "FLOPs per token, measured</th><td>1.23k" in shown
    assert "measured" not in (summary.VIEW.render(replace(material(), metrics=())) or "")


def test_a_loss_with_taps_is_not_drawn_as_if_it_were_the_held_out_one():
    run = replace(material(), metrics=tuple({"step": s, "loss": 5.0 - s, "valid_loss": 2.0 - s} for s in range(3)))
    tapped = replace(run.graph, nodes=(*run.graph.nodes, Tap("tap0", run.graph.nodes[1].id, "lm", 1.0)))
    assert "training, with taps" in (learning.VIEW.render(replace(run, graph=tapped)) or "")
    assert "taps" not in (learning.VIEW.render(run) or "")


def test_a_run_says_what_it_spent_of_a_budget():
    text = net("  budget money = flops(40%, per = batch, by = bias(1e-3))\n"
               f"{POOL}  hop: route nodes by {{ {ROUTER} }}")  # fmt: skip
    planned = plan(checked(text).nets[0])
    run = Material(
        tiny_text(), planned, "runs/a", ({"step": 1, "loss": 1.0, "budgets": {"money": {"reached": 0.3026}}},)
    )
    assert "; 30% spent at the last train step" in (summary.VIEW.render(run) or "")
    assert "spent" not in (summary.VIEW.render(replace(run, metrics=())) or "")
