"""The graph as a networkx view, for reports and for questions that want a graph algorithm.

The only importer of networkx. Nodes are `inputs`, one per use of a module (value, slot), one per
value of the stream, and `logits`; an edge is a way that a token's stream can take.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dnac.ir import traits
from dnac.ir.graph import Apply, Embed, Graph, Head, Join, Node, Norm, Presence, Region, Route, Settle, Tally, Tap

if TYPE_CHECKING:
    import networkx as nx

SOURCE, SINK = "inputs", "logits"


def to_networkx(graph: Graph) -> nx.DiGraph[Any]:
    """A directed acyclic graph from `inputs` to `logits`.

    Node attributes: `kind` (`inputs`, `stream`, `module`, `router`, `logits`), `name` (of the weights),
    `step` (of the routing step, where it belongs to one), `origin` (where it was declared).
    Rolled regions are written out, one turn after the other.
    """
    import networkx as nx

    view: nx.DiGraph[Any] = nx.DiGraph(name=graph.name)
    view.add_node(SOURCE, kind="inputs", name=graph.input.name, step=None, origin=None)
    builder = _View(view)
    for node in graph.nodes:
        builder.add(node, "")
    return view


def count_paths(view: nx.DiGraph[Any], source: str = SOURCE, sink: str = SINK) -> int:
    """How many ways lead from `source` to `sink`, exactly. Where each token chooses one module this is
    the number of paths a token can take; with k choices a step, the ways of one of its k shares.
    """
    import networkx as nx

    ways = {source: 1}
    for node in nx.topological_sort(view):
        ways.setdefault(node, sum(ways.get(before, 0) for before in view.predecessors(node)))
    return ways.get(sink, 0)


class _View:
    """Streams by the name of the value that holds them, as nodes of the view."""

    def __init__(self, view: nx.DiGraph[Any]) -> None:
        self.view = view
        self.streams: dict[str, str] = {}

    def add(self, node: Node, turn: str) -> None:
        """One node of one turn (`@3`; empty outside of regions)."""
        name = f"{node.id}{turn}"
        match node:
            case Embed():
                self._link(SOURCE, self._node(name, "stream", node.weights, node))
            case Norm() | Presence() | Tally() | Tap():
                return
            case Settle():
                self._link(self.streams[node.x], self._node(name, "stream", "", node))
            case Head():
                name = self._node(SINK, "logits", node.weights, node)
                self._link(self.streams[node.x], name)
            case Apply():
                stream = self._node(name, "stream", "", node)
                self._way(node.x, f"{name}.0", str(node.module), node, stream)
            case Route():
                self._route(node, name)
            case Join():
                stream = self._node(name, "stream", "", node)
                self._link(self.streams[node.x], stream)
                for branch in node.branches:
                    self._link(self.streams[branch[-1]], stream)
            case Region():
                name = self._region(node)
        self.streams[node.id] = name

    def _region(self, node: Region) -> str:
        before = self.streams[node.x]
        for t, body in enumerate(traits.turns(node)):
            for inner in body:
                self.add(inner, f"@{t}")
            self.streams[node.x] = self.streams[traits.last_stream(body).id]
        last, self.streams[node.x] = self.streams[node.x], before
        return last

    def _route(self, node: Route, name: str) -> None:
        stream = self._node(name, "stream", "", node)
        for slot in (*node.runs, *node.skips):
            self._way(node.x, f"{name}.{slot}", str(node.candidates[slot]), node, stream)
        for i, member in enumerate(node.always):
            self._way(node.x, f"{name}.always{i}", str(member), node, stream)
        if not (node.runs or node.skips or node.always):
            self._link(self.streams[node.x], stream)

    def _way(self, x: str, use: str, module: str, node: Apply | Route, stream: str) -> None:
        self._link(self.streams[x], self._node(use, "module", module, node))
        self._link(use, stream)

    def _node(self, key: str, kind: str, name: str, node: Node) -> str:
        step = node.step if isinstance(node, Route) else None
        self.view.add_node(key, kind=kind, name=name, step=step, origin=node.origin)
        return key

    def _link(self, before: str, after: str) -> None:
        self.view.add_edge(before, after)
