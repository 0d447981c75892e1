"""What the modules of a graph know about the place they stand in."""

from __future__ import annotations

from dnac import catalogue
from dnac.ir.graph import Graph
from dnac.kinds.base import EmbedKind, Site, params_of


def site_of(graph: Graph) -> Site:
    """Width, tokens, causal order, and the positions that the embed hands on."""
    embed = next((s for s in graph.shared if s.role == "embed"), None)
    if embed is None:
        return Site(graph.width, graph.tokens, graph.is_text)
    kind: EmbedKind = catalogue.get("embed", embed.kind.name)
    return Site(graph.width, graph.tokens, graph.is_text, kind.hands_on(params_of(kind, embed.kind)))
