"""Which tensors the state dict of a graph holds: keys and shapes, known without torch."""

from __future__ import annotations

from dnac.ir.graph import Graph
from dnac.kinds.declared import buffers, declared

Shape = tuple[int, ...]


def state_shapes(graph: Graph) -> dict[str, Shape]:
    """State-dict keys (`nodes.block.mlp.up`, `hop.17.weight`) with the shapes of their tensors."""
    return {each.key: each.shape for each in declared(graph)} | {key: (size,) for key, size in buffers(graph)}
