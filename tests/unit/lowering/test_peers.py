"""Attention among peers by segments: what a mask gives, in values and gradients, wherever rows went."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import graphs
from dnac.ir.form import form
from dnac.ir.graph import Part
from dnac.lowering import peers
from dnac.lowering.attention import by_sdpa
from lowered import SKIP, error, gradients, inputs_for, network, routed

B, T, M, H, E = 3, 20, 4, 2, 4


def rows(modules: Tensor) -> tuple[Tensor, Tensor, int]:
    """Segments and positions of sorted rows, and how many are live, from modules [B, T] (-1: none)."""
    key = torch.where(modules < 0, M, modules).flatten()
    order = torch.sort(key, stable=True).indices
    segment = key * B + torch.arange(B).repeat_interleave(T)
    return segment[order], (torch.arange(B * T) % T)[order], int((modules >= 0).sum())


def choices(kind: str) -> Tensor:
    """Modules [B, T]."""
    if kind == "one module":
        return torch.full((B, T), 2)
    found = torch.randint(-1, M, (B, T), generator=torch.Generator().manual_seed(0))
    if kind == "one row":
        found[:] = -1
        found[1, 3] = 0
    return found


@pytest.mark.parametrize("kind", ["any", "one module", "one row"])
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("window", [0, 3])
def test_segments_see_what_a_mask_shows(kind: str, causal: bool, window: int) -> None:
    segment, position, live = rows(choices(kind))
    q, k, v, slope = torch.randn(4, B * T, H, E, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    given = [x.clone().requires_grad_() for x in (q, k, v)]
    places = peers.Places(segment, position, torch.tensor([live], dtype=torch.int32), causal, window)
    found = peers.attended(*given, places)
    gap = position[:, None] - position
    seen = (segment[:, None] == segment) & ((gap >= 0) | (not causal)) & ((gap.abs() < window) | (window == 0))
    wanted_from = [x.clone().requires_grad_() for x in (q, k, v)]
    wanted = by_sdpa(*(x[None, :live] for x in wanted_from), seen[None, :live, :live])[0]
    assert error(found[:live], wanted) < 1e-12 and (found[live:] == 0).all()
    slope[live:] = float("nan")
    there = torch.autograd.grad(wanted, wanted_from, slope[:live])
    assert all(error(a, b) < 1e-12 for a, b in zip(torch.autograd.grad(found, given, slope), there, strict=True))


def test_what_torch_is_told_about_the_operators_is_true() -> None:
    segment, position, live = rows(choices("any"))
    q = torch.randn(3, B * T, H, E)
    given = (segment, position, torch.tensor([live], dtype=torch.int32), True, 0)
    torch.library.opcheck(peers.peers, (*q, *given), test_utils=("test_schema", "test_faketensor"))
    seen, sums = peers.peers(*q, *given)
    torch.library.opcheck(
        peers.peers_backward, (seen, *q, seen, sums, *given), test_utils=("test_schema", "test_faketensor")
    )


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("more", [{}, {"window": 3}, {"kv_heads": 1}, {"causal": False}])
def test_a_net_by_segments_agrees_with_the_reference(monkeypatch: pytest.MonkeyPatch, k: int, more: dict) -> None:
    monkeypatch.setattr(peers, "LONG", 1)
    calls: list[int] = []
    attended = peers.attended
    monkeypatch.setattr(peers, "attended", lambda *given: calls.append(1) or attended(*given))
    graph = routed([("b", 3, (Part("a", graphs.attention(**more)),)), SKIP], choose=form("top", k=k))
    reference, portable = network(graph, "reference"), network(graph)
    inputs = inputs_for(graph)
    wanted, found = reference(inputs), portable(inputs)
    assert calls and error(found.logits, wanted.logits) < 1e-10
    slopes = gradients(reference, wanted)
    assert all(error(g, slopes[name]) < 1e-8 for name, g in gradients(portable, found).items())
