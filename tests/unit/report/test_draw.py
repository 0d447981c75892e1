from __future__ import annotations

from dataclasses import replace

import pytest

from checking import good, net
from dnac.ir.form import form
from dnac.ir.graph import Apply, Embed, Graph, Head, Join, Member, ModuleSet, Part, Route
from dnac.report import words
from dnac.report.diagram import Box, Diagram, Frame
from dnac.report.draw import draw
from graphs import tiny_text, transformer


def frames(diagram: Diagram) -> dict[str, Frame]:
    """All frames by role; the last one of a role wins."""
    found: dict[str, Frame] = {}
    stack: list[Box | Frame] = list(diagram.items)
    while stack:
        item = stack.pop()
        if isinstance(item, Frame):
            found[item.role] = item
            stack.extend(item.items)
    return found


def test_a_pool_is_drawn_once_with_its_multiplicity():
    diagram = draw(tiny_text(steps=24, blocks=72, skips=2, k=2))
    boxes = {b.title: b for b in diagram.boxes()}
    assert (boxes["block"].count, boxes["skip"].count) == (72, 2)
    assert boxes["skip"].role == "identity"
    assert len(list(diagram.boxes())) == 9  # input, embed, backbone, router, two groups, plus, head, logits


def test_the_frame_says_how_many_steps_and_routers_there_are():
    step = frames(draw(tiny_text(steps=24)))["step"]
    assert step.title == "hop · 24 routing steps"
    assert step.lines[0].startswith("24 routers")


def test_a_shared_router_is_said_to_be_one():
    graph = tiny_text(steps=3)
    nodes = tuple(replace(n, router="hop[0]") if isinstance(n, Route) else n for n in graph.nodes)
    step = frames(draw(replace(graph, nodes=nodes)))["step"]
    assert step.lines[0].startswith("one router, 3 uses")


def test_pools_inside_a_loop_are_said_to_be_many():
    graph = tiny_text(steps=2, skips=0)
    sets = tuple(ModuleSet(f"nodes[{t}].block", 4, transformer()) for t in range(2))
    nodes = tuple(
        replace(n, candidates=tuple(Member(f"nodes[{n.step}].block", c.index) for c in n.candidates))
        if isinstance(n, Route)
        else n
        for n in graph.nodes
    )
    pool = frames(draw(replace(graph, modules=(graph.modules[0], *sets), nodes=nodes)))["pool"]
    assert pool.lines == ("own modules in each of 2 turns",)


def test_measured_shares_stand_on_the_edges_and_in_the_cells():
    graph = tiny_text(steps=2, blocks=3, skips=1)
    diagram = draw(graph, (), {"hop[0]": [0.5, 0.1, 0.0, 0.4], "hop[1]": [0.3, 0.1, 0.4, 0.2]})
    shares = {e.head: e.share for e in diagram.edges if e.role == "choice"}
    assert shares == {"h2.nodes.block": pytest.approx(0.7), "h2.nodes.skip": pytest.approx(0.3)}
    block = next(b for b in diagram.boxes() if b.title == "block")
    assert block.loads == pytest.approx((0.4, 0.1, 0.2))


def test_turns_with_their_own_weights_are_a_stack_and_shared_ones_a_loop():
    assert _two_turns(("a[0]", "a[1]")) == ((2, ("attention, 2 heads", "mlp, gelu 64")), [])
    (count, lines), again = _two_turns(("a", "a"))
    assert (count, lines) == (1, ("attention, 2 heads", "mlp, gelu 64"))
    assert again == ["2 times, same weights"]


def _two_turns(names: tuple[str, str]) -> tuple[tuple[int, tuple[str, ...]], list[str]]:
    graph = tiny_text()
    nodes = [Apply(f"h{i + 1}", f"h{i}", f"h{i}", Member(n), site=f"a[{i}]") for i, n in enumerate(names)]
    sets = tuple(ModuleSet(n, None, transformer()) for n in dict.fromkeys(names))
    whole = replace(graph, modules=sets, nodes=(Embed("h0", "embed"), *nodes, Head("logits", "h2", "lm")), routers=())
    diagram = draw(whole)
    box = next(b for b in diagram.boxes() if b.title == "a")
    return (box.count, box.lines), [e.label for e in diagram.edges if e.role == "again"]


def test_branches_of_a_parallel_join_in_one_point():
    diagram = draw(parallel())
    assert frames(diagram)["parallel"].title == "parallel"
    plus = next(b.id for b in diagram.boxes() if b.role == "combine")
    assert sorted(e.tail for e in diagram.edges if e.head == plus) == ["h1", "h2"]
    assert [e.head for e in diagram.edges if e.tail == "h0"] == ["h1", "h2"]


def parallel() -> Graph:
    """`parallel { left; right }`"""
    graph = tiny_text()
    sets = tuple(ModuleSet(n, None, transformer()) for n in ("left", "right"))
    applies = tuple(Apply(f"h{i}", "h0", "h0", Member(n), site=n) for i, n in enumerate(("left", "right"), 1))
    join = Join("h3", "h0", (("h1",), ("h2",)))
    nodes = (Embed("h0", "embed"), *applies, join, Head("logits", "h3", "lm"))
    return replace(graph, modules=sets, nodes=nodes, routers=())


def test_a_tied_head_is_bound_to_its_embed():
    graph = tiny_text()
    head = replace(graph.nodes[-1], table="embed")
    tied = [e for e in draw(replace(graph, nodes=(*graph.nodes[:-1], head))).edges if e.role == "tied"]
    assert [(e.tail, e.head) for e in tied] == [("h0", "logits")]


def test_a_second_use_of_a_pool_refers_to_it():
    graph = tiny_text(steps=2)
    nodes = tuple(replace(n, site="last", router="last") if isinstance(n, Route) and n.step else n for n in graph.nodes)
    fields = graph.routers[0].fields.replace(tau=2.0)
    routers = (graph.routers[0], replace(graph.routers[1], name="last", fields=fields))
    diagram = draw(replace(graph, nodes=nodes, routers=routers))
    blocks = [(b.role, b.count) for b in diagram.boxes() if b.title == "block"]
    assert blocks == [("module", 4), ("reference", 4)]
    assert frames(diagram)["pool"].title == "pool nodes"


def test_a_second_use_of_a_module_refers_to_it():
    graph = tiny_text()
    nodes = [Apply(f"h{i + 1}", f"h{i}", f"h{i}", Member(n), site=n) for i, n in enumerate("aba")]
    sets = (ModuleSet("a", None, transformer()), ModuleSet("b", None, ()))
    whole = replace(graph, modules=sets, nodes=(Embed("h0", "embed"), *nodes, Head("logits", "h3", "lm")), routers=())
    assert [b.role for b in draw(whole).boxes() if b.title in "ab"] == ["module", "identity", "reference"]


def test_every_edge_ends_at_boxes_that_are_drawn():
    for graph in (tiny_text(), parallel(), tiny_text(steps=1, skips=0, always=())):
        diagram = draw(graph)
        ids = {b.id for b in diagram.boxes()}
        assert {end for e in diagram.edges for end in (e.tail, e.head)} <= ids
        assert len(ids) == len(list(diagram.boxes()))


def test_balance_is_said_in_words():
    term = form("skip_target", member="skip", share=0.3, per="step", rate=1e-3)
    assert frames(draw(tiny_text(balance=(term,))))["step"].lines[1] == "balance skip 30\N{NO-BREAK SPACE}% per step"


def test_a_part_and_a_lone_way_out_are_told_by_what_matters_of_them():
    def conv(depthwise: bool) -> Part:
        return Part("c", form("conv", size=3, depthwise=depthwise, grid=0))

    assert [words.part(conv(deep), 16) for deep in (True, False)] == ["conv 3 depthwise", "conv 3"]
    assert words.part(Part("p", form("position", turn=7)), 16) == "position"
    assert words.choice(form("threshold", over=0.9), 1) == "threshold 0.9"
    assert words.choice(form("threshold", over=0.9), 3) == "threshold of 3"


def test_attention_says_its_width_where_it_is_not_that_of_the_stream():
    (attention, _) = transformer()
    assert attention.kind["width"] == 16
    assert [words.part(attention, width) for width in (16, 32)] == [
        "attention, 2 heads", "attention, 2 heads, width 16",
    ]  # fmt: skip


def test_what_is_not_usual_of_a_router_is_said():
    views = form("joined", views=(form("raw_stream"), form("step", turns=3)))
    limit = form("capacity", factor=1.25, overflow="pass", order="position", per="sequence")
    lines = frames(draw(tiny_text(read=views, sees=form("copied"), limit=limit)))["step"].lines
    assert lines[-1].startswith("reads h, step · sees copied · limit capacity 1.25")
    assert not words.special(tiny_text().routers[0].fields)


HALTING = """  head lm = unembed()
  module body = mlp(gelu, 2x)
  repeat 3 { body; leave: halt by { score = confidence(lm, top); choose = threshold(0.5); when = eval } }"""


def test_a_halting_step_is_called_one_and_has_one_way_out_without_a_pool():
    text = net(HALTING).replace("\n  head lm = unembed()\n}", "\n}")
    diagram = draw(good(text).graph)
    assert frames(diagram)["step"].title == "leave · halting step"
    assert "pool" not in frames(diagram) and frames(diagram)["loop"].title == "repeat 3"
    assert "at evaluation alone" in " ".join(frames(diagram)["step"].lines)
    assert [(e.role, e.label) for e in diagram.edges].count(("choice", "")) == 1
    assert [e.label for e in diagram.edges if e.role == "again"] == [""], "the frame says how often"


def test_what_one_decision_is_for_is_said():
    text = net("  pool p { a[2] = mlp(gelu, 2x) }\n  hop: route p by { choose = top(1); weight = raw; balance = []; "
               "scope = network; score = constant }")  # fmt: skip
    assert "scope network" in " ".join(frames(draw(good(text).graph))["step"].lines)


@pytest.mark.parametrize(
    ("limit", "said"), [("capacity(1.25)", "limit capacity 1.25"), ("capacity(2, order = gate)", "capacity 2 gate")]
)
def test_a_limit_says_what_is_not_usual_of_it(limit: str, said: str):
    router = f"choose = top(1); weight = raw; balance = []; limit = {limit}"
    text = net(f"  pool p {{ a[2] = mlp(gelu, 2x) }}\n  hop: route p by {{ {router} }}\n  assert not_causal(hop)")
    text = text if "gate" in limit else text.replace("  assert not_causal(hop)", "")
    assert frames(draw(good(text).graph))["step"].lines[-1].endswith(said)
