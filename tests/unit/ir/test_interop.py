"""The networkx view: its paths are the ways a token can take."""

from __future__ import annotations

import networkx as nx

from dnac.ir.graph import Graph
from dnac.ir.interop import SINK, SOURCE, count_paths, to_networkx
from dnac.ir.reader import read_graph
from dnac.passes.pipeline import optimize
from dnac.schedule.paths import paths
from graphs import tiny_text


def test_ways_through_a_top_1_net_are_its_paths() -> None:
    graph = tiny_text(steps=3, blocks=4, skips=1)
    assert count_paths(to_networkx(graph)) == paths(graph) == 5**3


def test_a_rolled_graph_has_the_same_ways_and_modules() -> None:
    graph = tiny_text(steps=3)
    written, rolled = to_networkx(graph), to_networkx(optimize(graph))
    assert count_paths(rolled) == count_paths(written)
    assert modules(rolled) == modules(written)
    assert nx.is_directed_acyclic_graph(rolled)


def test_a_join_is_a_way_past_its_branches_too() -> None:
    graph = read_graph(
        "net j width=8 tokens=6\ninput text{context=6, vocabulary=11}\nembed e = tokens\nhead lm = unembed\n"
        "module a = mlp: mlp\nmodule b = mlp: mlp\n"
        "h0 = embed(inputs) by e : f[B,T,8]\nh1 = apply(h0) by a : f[B,T,8]\nh2 = apply(h0) by b : f[B,T,8]\n"
        "h3 = join(h0) [h1] [h2] : f[B,T,8]\nout = head(h3) by lm : f[B,T,11]\n"
    )
    assert count_paths(to_networkx(graph)) == 3


def test_nodes_say_what_they_are() -> None:
    view = to_networkx(tiny_text(steps=1))
    assert view.nodes[SOURCE]["kind"] == "inputs" and view.nodes[SINK]["kind"] == "logits"
    assert view.nodes["h2.4"] == {"kind": "module", "name": "nodes.skip[0]", "step": 0, "origin": None}


def modules(view: nx.DiGraph) -> list[str]:
    return sorted(found["name"] for _, found in view.nodes(data=True) if found["kind"] == "module")


def test_every_node_lies_between_inputs_and_logits() -> None:
    graph: Graph = tiny_text()
    view = to_networkx(graph)
    assert nx.descendants(view, SOURCE) | {SOURCE} == set(view) == nx.ancestors(view, SINK) | {SINK}
