"""Looking rows up in a table: torch's values and gradients, as one operator of the backward graph."""

from __future__ import annotations

import torch
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional

from dnac.lowering.look_up import looked_up


def test_a_look_up_has_torchs_values_and_gradients() -> None:
    torch.manual_seed(0)
    table, ids = torch.randn(7, 5, dtype=torch.float64, requires_grad=True), torch.randint(6, (3, 4))
    upstream = torch.randn(3, 4, 5, dtype=torch.float64)
    found, wanted = looked_up(table, ids), functional.embedding(ids, table)
    assert torch.equal(found, wanted)
    gradients = [torch.autograd.grad(each, table, upstream)[0] for each in (found, wanted)]
    assert torch.equal(*gradients)
    assert (gradients[0][6] == 0).all()


def test_a_compiler_sees_one_operator_and_no_additions_of_its_own() -> None:
    table, ids = torch.randn(7, 5, requires_grad=True), torch.randint(7, (12,))
    traced = make_fx(lambda t: torch.autograd.grad(looked_up(t, ids).sum(), t)[0])(table)
    targets = {node.target for node in traced.graph.nodes}
    assert torch.ops.dnac.table_gradient.default in targets
    assert torch.ops.aten.embedding_dense_backward.default not in targets
