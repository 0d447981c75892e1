"""What runs, in order: goldens of schedules, and laws that every schedule keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest

import golden
from dnac.ir.form import form
from dnac.ir.graph import Apply, Head, Join, Member
from dnac.ir.reader import read_graph
from dnac.passes.pipeline import LEVELS, optimize
from dnac.schedule import instructions as do
from dnac.schedule.build import build_schedule
from dnac.schedule.printer import print_schedule
from dnac.schedule.verify import reads
from graphs import tiny_text
from random_graphs import random_graph

ROUTED = """
net parts width=8 tokens=6
input text{context=6, vocabulary=11, tokenizer=-}
embed embed = tokens
norm pool.norm = rms
head lm = unembed
module one = mlp: mlp
module pool.a x 2 = mlp: mlp
module pool.t x 2 = attention: attention + mlp: mlp
module pool.skip x 2 = identity
router r of 6 = router{FIELDS}
h0 = embed(inputs) by embed : f[B,T,8]
h1 = apply(h0) by pool.a[0] at left : f[B,T,8]
h2 = apply(h1) by pool.a[1] at left2 : f[B,T,8]
h3 = apply(h0) by one at right : f[B,T,8]
h4 = join(h0) [h1 h2] [h3] : f[B,T,8]
n5 = norm(h4) by pool.norm : f[B,T,8]
h5 = route(h4, n5) by r at hop step 0 over (MEMBERS) always (one) runs 0:2,4:6 skips 2:4 : f[B,T,8] ids[B,T,2]
logits = head(h5) by lm : f[B,T,11]
""".replace("MEMBERS", "pool.a[0:2] pool.skip[0:2] pool.t[0:2]").replace(
    "FIELDS", "read=normed, choose=top{k=2}, weight=raw, scale=1.0, combine=delta, limit=none, balance=[], sees=peers"
)


@pytest.mark.parametrize("level", ["O0", "O2"])
def test_a_small_net_gives_this_schedule(level: str) -> None:
    graph = optimize(tiny_text(k=2, skips=2), level)
    golden.check(f"schedule/tiny_text_{level}.txt", print_schedule(build_schedule(graph)))


def test_norms_joins_shared_members_and_two_banks_give_this_schedule() -> None:
    golden.check("schedule/parts.txt", print_schedule(build_schedule(optimize(read_graph(ROUTED)))))


def test_a_router_reads_the_raw_stream_unless_it_says_normed() -> None:
    def routed(read: str) -> tuple[str, str]:
        made = build_schedule(read_graph(ROUTED.replace("read=normed", f"read={read}"))).instructions
        return next(i.x for i in made if isinstance(i, do.Route)), next(i.x for i in made if isinstance(i, do.Gather))

    assert routed("normed") == ("n5", "n5")
    assert routed("raw_stream") == ("h4", "n5")


def test_a_folded_choice_keeps_its_router_as_a_gate() -> None:
    graph = tiny_text(steps=2, choose=form("fixed", index=1))
    golden.check("schedule/gated.txt", print_schedule(build_schedule(optimize(graph))))


def test_a_choice_that_never_varies_leaves_no_routing_code() -> None:
    graph = optimize(tiny_text(choose=form("fixed", index=1), weight=form("one")))
    kinds = {type(i) for i in flat(build_schedule(graph).instructions)}
    assert kinds <= {do.Embed, do.Dense, do.Add, do.Head, do.Repeat}


def test_a_route_among_identities_alone_is_counted_and_changes_nothing() -> None:
    graph = tiny_text(steps=1, blocks=1, skips=2)
    idle = (Member("nodes.skip", 0), Member("nodes.skip", 1))
    route = replace(graph.nodes[2], candidates=idle, runs=(), skips=(0, 1))  # type: ignore[type-var]
    routers = (replace(graph.routers[0], size=2),)
    alone = replace(graph, nodes=(*graph.nodes[:2], route, graph.nodes[3]), routers=routers)
    schedule = build_schedule(alone)
    assert [type(i) for i in schedule.instructions[-2:]] == [do.Route, do.Head]
    assert schedule.instructions[-1].x == "h1"  # type: ignore[union-attr]


def test_a_stream_that_nobody_reads_is_not_made() -> None:
    graph = tiny_text(steps=1)
    branch = Apply("b", "h1", "h1", Member("nodes.block", 0))
    nodes = (*graph.nodes[:2], branch, Join("j", "h1", (("b",),)), Head("logits", "j", "lm"))
    made = [i.out for i in build_schedule(replace(graph, nodes=nodes)).instructions]
    assert "b.increment" in made and "b" not in made


@pytest.mark.parametrize("level", LEVELS)
def test_no_work_is_done_that_nobody_reads(level: str) -> None:
    for seed in range(25):
        schedule = build_schedule(optimize(random_graph(seed), level))
        everything = flat(schedule.instructions)
        read = {v for i in everything for v in reads(i)} | {schedule.result}
        read |= {i.result for i in everything if isinstance(i, do.Repeat)}
        assert [i.out for i in everything if i.out not in read and not isinstance(i, (do.Route, do.Add))] == []


def flat(instructions: tuple[do.AnyInstruction, ...]) -> list[do.AnyInstruction]:
    """All instructions, bodies of repeats too."""
    return [inner for i in instructions for inner in ((i, *flat(i.body)) if isinstance(i, do.Repeat) else (i,))]
