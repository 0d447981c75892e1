"""Token by token, from what earlier tokens left, a network gives the logits that it gives for the whole text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

import graphs
from checking import graph as graph_of
from checking import net as text_net
from decoding import in_pieces, shrunk, whole
from dnac.ir.form import Form, form
from dnac.ir.graph import Graph, Part
from dnac.lowering.base import Call
from dnac.lowering.decode.cache import Cache
from dnac.lowering.decode.decoder import Decoder
from dnac.lowering.decode.serves import why_not, why_unsteady
from dnac.lowering.network import Network
from dnac.serve.generate import Wish, generate, reader, samples
from dnac.serve.readers import Fixed
from dnac.serve.sampling import Sampling
from lowered import ATTENTION, BLOCK, LEARNED, MLP, SKIP, TOKENS, error, lively, network, routed
from random_graphs import random_graph

SIXTEEN = "context = 16, vocabulary = 32"


def require_alike(graph: Graph, lengths: Sequence[int] = (3, 1, 2, 1, 1), batch: int = 2, device: str = "cpu") -> Cache:
    """Pieces of any length give the logits of the whole text, to rounding."""
    net = lively(Network(graph, "reference", dtype=torch.float64), 4.0).to(device)
    vocabulary = int(str(graph.input["vocabulary"]))
    ids = torch.randint(vocabulary, (batch, sum(lengths)), generator=torch.Generator().manual_seed(3)).to(device)
    wanted = whole(net, ids)
    found, cache = in_pieces(net, ids, lengths)
    ends = torch.tensor(lengths).cumsum(0) - 1
    for end, logits in zip(ends.tolist(), found, strict=True):
        assert error(logits, wanted[:, end]) < 1e-10, f"behind token {end}"
    return cache


@pytest.mark.parametrize("sees", ["peers", "module", "first", "everyone", "history"])
@pytest.mark.parametrize("k", [1, 2])
def test_whatever_tokens_see(sees: str, k: int) -> None:
    require_alike(routed(steps=3, backbone=graphs.transformer(), sees=form(sees), choose=form("top", k=k)))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
@pytest.mark.parametrize("sees", ["peers", "history"])
def test_on_a_gpu(sees: str) -> None:
    graph = routed(steps=3, backbone=graphs.transformer(), sees=form(sees), choose=form("top", k=2))
    require_alike(graph, device="cuda")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
@pytest.mark.parametrize("sees", ["none", "peers", "everyone", "history", "module"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_a_recorded_token_on_a_gpu(sees: str, dtype: torch.dtype) -> None:
    """One CUDA graph is replayed for 8 tokens behind a prompt, and for 8 more behind another one."""
    text = text_net("repeat 3 { transformer(heads = 2) }").replace("context = 8, vocabulary = 16", SIXTEEN)
    graph = graph_of(text)
    if sees != "none":
        choose = form("top", k=2)
        graph = routed(steps=3, backbone=graphs.transformer(), choose=choose, tokens=16, sees=form(sees))
    net = lively(Network(graph, "reference", dtype=dtype), 2.0).to("cuda").eval()
    by = reader(net)[0]
    assert isinstance(by, Fixed)
    for seed in (3, 4):
        ids = torch.randint(32, (1, 12), generator=torch.Generator().manual_seed(seed)).cuda()
        wanted = whole(net, ids)[0]
        for end in range(4, 13):
            found = by.stepper.read(ids[:, :4] if end == 4 else ids[:, end - 1 : end])[0]
            assert error(found, wanted[end - 1]) < (1e-10 if dtype == torch.float64 else 1e-4), f"behind token {end}"
        assert by.stepper.is_recorded
        by.stepper.forget()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
@pytest.mark.parametrize("sees", ["peers", "history"])
def test_several_texts_are_one_recorded_token_on_a_gpu(sees: str) -> None:
    graph = routed(steps=3, backbone=graphs.transformer(), choose=form("top", k=2), tokens=16, sees=form(sees))
    net = lively(Network(graph, "reference", dtype=torch.float64), 2.0).to("cuda").eval()
    by = reader(net, texts=3)[0]
    assert isinstance(by, Fixed)
    wish = Wish(9, Sampling(temperature=5.0), seed=4)
    wanted = [list(generate(net, [3, 4], replace(wish, seed=seed))) for seed in (4, 5, 6)]
    for _ in range(2):
        assert samples(net, [3, 4], wish, 3, by) == wanted
    assert by.stepper.is_recorded


@pytest.mark.parametrize("combine", ["delta", "in_branch"])
def test_however_increments_are_weighed(combine: str) -> None:
    require_alike(routed(steps=2, choose=form("top", k=2), combine=form(combine)))


@pytest.mark.parametrize("positions", [LEARNED, form("rope", base=100.0), form("sinusoid"), form("none")], ids=str)
def test_wherever_tokens_stand(positions: Any) -> None:
    require_alike(routed(steps=2, backbone=graphs.transformer(), positions=positions))


def test_a_window_of_attention_and_fewer_heads_of_keys() -> None:
    narrow = (Part("attention", graphs.attention(window=2, kv_heads=1)),)
    require_alike(routed([("att", 3, narrow), SKIP], steps=3))


@pytest.mark.parametrize("kind", ["conv", "linear_attention"])
def test_modules_that_mix_tokens_without_keys(kind: str) -> None:
    made = "conv(size = 3)" if kind == "conv" else f"{kind}(heads = 2)"
    pool = f"pool nodes {{ a[2] = {made}; b[2] = attention(heads = 2); skip = identity() }}"
    hop = "hop: route nodes by { choose = top(2); weight = raw; balance = [] }"
    require_alike(graph_of(text_net(f"{pool}\n  repeat 3 {{ {hop} }}")))


def test_tokens_that_leave_for_good() -> None:
    pool = "pool nodes { block[3] = transformer(heads = 2); out = exit() }"
    hop = "hop: route nodes by { choose = top(1); weight = raw; balance = [] }"
    require_alike(graph_of(text_net(f"{pool}\n  repeat 3 {{ {hop} }}\n  transformer(heads = 2)")))


def test_modules_that_choose_tokens_go_by_what_foresees_them() -> None:
    choose = form("top_tokens", share=0.25, member=None, per="sequence", takers=(0, 1, 2), rest=3)
    decode = form("predictor", score=form("linear", init=form("normal", std=0.02)), loss=0.5)
    require_alike(routed([BLOCK, SKIP], steps=3, gate=form("none"), choose=choose, decode=decode))


@pytest.mark.parametrize(
    "name",
    [
        "early_exit", "universal_act", "pondernet", "pondernet:pondernet_drawn", "mixture_of_recursions",
        "mixture_of_recursions:mor_shared_keys",
        "mixture_of_recursions:mor_token_choice", "radial", "radial:radial_module", "hash_routing",
        "frozen_routing", "dna_shared:with_path", "dna_node_level",
        "deepseek_moe", "sparsity_moves:moe_glu",
    ],
)  # fmt: skip
def test_every_routing_system(name: str) -> None:
    graph = shrunk(name)
    assert not why_not(graph)
    require_alike(graph, (4, 1, 3, 1, 1, 1))


@pytest.mark.parametrize("score", ["saturation", "confidence(lm, entropy)"])
def test_tokens_that_leave_when_they_are_sure(score: str) -> None:
    halt = f"halt by {{ score = {score}; choose = threshold(0.5); when = eval; sees = copied }}"
    body = f"head lm = unembed()\n  repeat 3 {{ transformer(heads = 2); {halt} }}"
    text = text_net(body).replace("\n  head lm = unembed()\n}", "\n}")
    require_alike(graph_of(text))


@pytest.mark.parametrize("seed", range(25))
def test_random_graphs(seed: int) -> None:
    graph = random_graph(seed)
    limits = [entry.fields["limit"] for entry in graph.routers]
    if any(isinstance(limit, Form) and limit.get("order") == "gate" for limit in limits):
        pytest.skip("a limit by gates looks at later tokens: it does not generate")
    assert not why_not(graph)
    require_alike(graph, (2, 1, 1, 2))


def test_rows_are_kept_for_the_modules_that_ran_alone() -> None:
    cache = require_alike(routed([("att", 3, ATTENTION), SKIP], steps=2), (5, 1), batch=1)
    assert 0 < sum(kept.length for kept in cache.kept.values()) <= 2 * 6, "two steps of six tokens, one module each"


def test_a_net_without_attention_keeps_nothing() -> None:
    cache = require_alike(routed([("ff", 3, MLP), SKIP], steps=2))
    assert cache.bytes == 0


def test_a_text_longer_than_the_context_is_refused() -> None:
    net = network(routed([BLOCK, SKIP]), "reference")
    with pytest.raises(ValueError, match="exceed the context"):
        in_pieces(net, torch.zeros(1, TOKENS + 1, dtype=torch.int64), (TOKENS, 1))


@pytest.mark.parametrize("factor", [0.5, 1.0])
@pytest.mark.parametrize(("k", "per"), [(1, "sequence"), (2, "sequence"), (2, "batch")])
def test_limits_count_the_tokens_before(factor: float, k: int, per: str) -> None:
    limit = form("capacity", factor=factor, overflow="pass", order="position", per=per)
    require_alike(routed([BLOCK, SKIP], steps=3, choose=form("top", k=k), limit=limit))


def test_what_waits_for_other_tokens_is_named() -> None:
    (why,) = {line.split(" (")[0] for line in why_not(routed([BLOCK, SKIP], scope=form("sequence")))}
    assert "scope = sequence" in why


def test_shared_keys_are_kept_once_and_not_with_static_shapes() -> None:
    """Three steps leave the rows of one: as many as a net of one step. Static shapes refuse by name."""
    graphs_of = [routed([BLOCK], steps=n, sees=form("first"), choose=form("all")) for n in (1, 3)]
    sizes = []
    for graph in graphs_of:
        net, cache = Network(graph, "portable", dtype="float64", seed=3).eval(), Cache()
        decoder = Decoder(net.optimized, net.schedule)
        ids = torch.arange(6)[None] % 11
        decoder.read(net.weights(), Call(ids), cache)
        sizes.append(cache.bytes)
    assert sizes[0] == sizes[1] > 0
    assert any("sees = first" in why for why in why_unsteady(graphs_of[1]))
