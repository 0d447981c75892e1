"""Token by token with static shapes, and never asking the host, a network gives the logits of the whole text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import dnac
import graphs
from checking import graph as graph_of
from checking import net as text_net
from decoding import SPECS, in_pieces, shrunk, whole
from dnac.ir.form import form
from dnac.ir.graph import Graph, Part
from dnac.lowering.attention import turned
from dnac.lowering.base import Call
from dnac.lowering.decode.assignment import places_of
from dnac.lowering.decode.captured import Stepper
from dnac.lowering.decode.serves import why_unsteady
from dnac.lowering.decode.steady import SteadyDecoder
from dnac.lowering.decode.steady_frame import SteadyFrame, turned_by
from dnac.lowering.decode.stores import Stores
from dnac.lowering.frame import frame_of
from dnac.lowering.network import Network
from dnac.serve.generate import reader
from dnac.serve.readers import Cached, Fixed
from lowered import ATTENTION, LEARNED, MLP, SKIP, TOKENS, error, lively, routed
from random_graphs import random_graph

HUB = """pool bank { block[3] = transformer(heads = 2); one = transformer(heads = 2); out = exit() }
  router hub {
    read = [h, step, last]; score = linear; choose = top(1); weight = one; grad = ste; balance = []; start = START
  }
  repeat 4 { hop: route bank by hub }"""
PIECES = (3, 1, 1, 2, 1)


def stepper(net: Network, batch: int = 2) -> Stepper:
    """A reader of a batch of texts."""
    decoder = SteadyDecoder(net.optimized, net.schedule)
    call = Call(torch.empty(0), knobs=net.final_knobs.to(next(net.parameters()).device), decode=net.decodes)
    return Stepper(decoder, net.weights(), call, batch)


def ids_of(graph: Graph, tokens: int, batch: int = 2) -> Tensor:
    vocabulary = int(str(graph.input["vocabulary"]))
    return torch.randint(vocabulary, (batch, tokens), generator=torch.Generator().manual_seed(3))


def require_alike(graph: Graph, lengths: Sequence[int] = PIECES) -> Stepper:
    """Pieces of any length give the logits of whole windows, and of the decoder whose shapes follow the choices."""
    assert not why_unsteady(graph)
    net = lively(Network(graph, "reference", dtype=torch.float64), 4.0)
    ids = ids_of(graph, sum(lengths))
    wanted, (kept, _), by, end = whole(net, ids), in_pieces(net, ids, lengths), stepper(net), 0
    for length, other in zip(lengths, kept, strict=True):
        found = by.read(ids[:, end : end + length])
        end += length
        assert error(found, wanted[:, end - 1]) < 1e-10, f"behind token {end}"
        assert error(found, other) < 1e-10, f"behind token {end}"
    return by


@pytest.mark.parametrize("sees", ["peers", "module", "everyone", "history"])
@pytest.mark.parametrize("k", [1, 2])
def test_whatever_tokens_see(sees: str, k: int) -> None:
    require_alike(routed(steps=3, backbone=graphs.transformer(), sees=form(sees), choose=form("top", k=k)))


@pytest.mark.parametrize("sees", ["peers", "module", "everyone", "history"])
def test_pools_of_unlike_modules(sees: str) -> None:
    made = "pool nodes { a[2] = transformer(heads = 2); b[2] = attention(heads = 2); c = mlp(); skip = identity() }"
    hop = f"hop: route nodes by {{ choose = top(2); weight = raw; sees = {sees}; balance = [] }}"
    require_alike(graph_of(text_net(f"{made}\n  repeat 3 {{ {hop} }}")))


@pytest.mark.parametrize("combine", ["delta", "in_branch"])
@pytest.mark.parametrize("sees", ["peers", "everyone"])
def test_however_increments_are_weighed(combine: str, sees: str) -> None:
    require_alike(routed(steps=2, choose=form("top", k=2), combine=form(combine), sees=form(sees)))


@pytest.mark.parametrize("positions", [LEARNED, form("rope", base=100.0), form("sinusoid"), form("none")], ids=str)
def test_wherever_tokens_stand(positions: Any) -> None:
    require_alike(routed(steps=2, backbone=graphs.transformer(), positions=positions, choose=form("top", k=2)))


def test_a_window_of_attention_and_fewer_heads_of_keys() -> None:
    narrow = (Part("attention", graphs.attention(window=2, kv_heads=1)),)
    require_alike(routed([("att", 3, narrow), SKIP], steps=3, backbone=narrow))


@pytest.mark.parametrize("sees", ["peers", "copied", "module", "history", "everyone"])
def test_tokens_that_leave_for_good(sees: str) -> None:
    pool = "pool nodes { block[3] = transformer(heads = 2); out = exit() }"
    hop = f"hop: route nodes by {{ choose = top(1); weight = raw; sees = {sees}; balance = [] }}"
    require_alike(graph_of(text_net(f"{pool}\n  repeat 3 {{ {hop} }}\n  transformer(heads = 2)")))


STARTS = [
    "sequential(block, margin = 2.0)",
    "sequential(block, by = step, margin = 2.0)",
    "each_turn(one, but = [1], margin = 2.0)",
]


@pytest.mark.parametrize("start", STARTS)
def test_routers_that_start_with_a_table(start: str) -> None:
    test_a_token_never_asks_the_host(
        graph := graph_of(
            text_net(HUB.replace("START", start).replace("one = transformer(heads = 2); " * (start[0] == "s"), ""))
        )
    )
    require_alike(graph)


@pytest.mark.parametrize("shared", [False, True])
def test_routers_of_their_own_and_one_for_all_steps(shared: bool) -> None:
    require_alike(routed([("att", 3, ATTENTION), ("ff", 2, MLP), SKIP], steps=3, shared_router=shared))


@pytest.mark.parametrize(
    "name",
    [
        "early_exit", "universal_act", "pondernet", "pondernet:pondernet_drawn",
        "mixture_of_recursions:mor_token_choice", "radial", "radial:radial_module", "hash_routing", "frozen_routing",
        "dna_shared:with_path", "dna_node_level", "deepseek_moe", "sparsity_moves:moe_glu",
    ],
)  # fmt: skip
def test_every_routing_system(name: str) -> None:
    require_alike(shrunk(name), (4, 1, 3, 1, 1, 1))


@pytest.mark.parametrize("score", ["saturation", "confidence(lm, entropy)"])
def test_tokens_that_leave_when_they_are_sure(score: str) -> None:
    halt = f"halt by {{ score = {score}; choose = threshold(0.5); when = eval; sees = copied }}"
    body = f"head lm = unembed()\n  repeat 3 {{ transformer(heads = 2); {halt} }}"
    require_alike(graph_of(text_net(body).replace("\n  head lm = unembed()\n}", "\n}")))


@pytest.mark.parametrize("seed", range(25))
def test_random_graphs(seed: int) -> None:
    graph = random_graph(seed)
    if why_unsteady(graph):
        pytest.skip("another decoder reads it")
    require_alike(graph, (2, 1, 1, 2))


class Asks(TorchDispatchMode):
    """Every operator's name; it fails at one that needs the host: a value that Python reads, or that makes a shape."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.name().removeprefix("aten::").split(".")[0]
        asks = ("_local_scalar_dense", "nonzero", "_unique", "masked_select", "is_nonzero", "equal", "lift_fresh")
        assert not any(name.startswith(word) for word in asks if name != "equal_"), f"{name} asks the host"
        if name in ("index", "index_put", "index_put_"):
            assert not any(each is not None and each.dtype == torch.bool for each in args[1]), "a mask makes a shape"
        self.seen.append(name)
        return func(*args, **(kwargs or {}))


ASKED = [
    routed(steps=2, choose=form("top", k=2)),
    routed(steps=2, backbone=graphs.transformer(), positions=form("rope", base=100.0), sees=form("everyone")),
    routed(steps=2, sees=form("history")),
    routed(steps=2, sees=form("module"), choose=form("top", k=2)),
    routed([("att", 3, ATTENTION), ("ff", 2, MLP), SKIP], steps=3, shared_router=True),
]


@pytest.mark.parametrize("graph", ASKED, ids=range(len(ASKED)))
def test_a_token_never_asks_the_host(graph: Graph) -> None:
    by = stepper(Network(graph, "reference", dtype=torch.float64))
    by.read(ids_of(graph, 3))
    by.read(ids_of(graph, 1))
    with Asks() as asks:
        by.step()
    assert "index_copy_" in asks.seen


@pytest.mark.parametrize("name", ["radial", "early_exit", "universal_act", "mixture_of_recursions:mor_token_choice"])
def test_no_routing_system_asks_the_host(name: str) -> None:
    test_a_token_never_asks_the_host(shrunk(name))


def test_what_asks_is_seen() -> None:
    x = torch.ones(3)
    for ask in (lambda: x[x > 0], lambda: float(x.sum()), lambda: x.unique(), lambda: torch.tensor([1, 2])):
        with Asks(), pytest.raises(AssertionError):
            ask()


def test_a_token_takes_as_many_operators_whatever_it_chooses() -> None:
    graph = routed(steps=4, choose=form("top", k=1))
    by, seen = stepper(Network(graph, "reference", dtype=torch.float64), 1), []
    by.read(ids_of(graph, 2, 1))
    for token in (1, 7, 20):
        by.read(torch.tensor([[token]]))
        with Asks() as asks:
            by.step()
        seen.append(asks.seen)
    assert seen[0] == seen[1] == seen[2]


def test_a_candidate_whose_score_is_no_number_is_never_chosen() -> None:
    graph = routed(steps=2, backbone=graphs.transformer(), choose=form("top", k=2))
    net, ids = lively(Network(graph, "reference", dtype=torch.float64), 4.0), ids_of(graph, 5)
    routers = [weight for name, weight in net.named_parameters() if weight.shape[-1] == graph.routers[0].size]
    assert len(routers) == 2
    with torch.no_grad():
        for weight in routers:
            weight[:, 1] = torch.nan
    by, wanted = stepper(net), whole(net, ids)
    assert wanted.isfinite().all()
    for end in range(1, 6):
        assert error(by.read(ids[:, end - 1 : end]), wanted[:, end - 1]) < 1e-10


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_queries_turn_to_the_last_bit_as_in_windows(dtype: torch.dtype) -> None:
    x = torch.randn((5, 3, 8), generator=torch.Generator().manual_seed(3)).to(dtype)
    call = Call(torch.zeros((1, 5), dtype=torch.int64))
    frame = frame_of(call, tokens=12, is_text=True, training=False, record=False)
    steady = SteadyFrame(**vars(frame), at=torch.tensor([4]), stores=Stores(12))
    rope = form("rope", base=100.0)
    table, turn = steady.table(rope, 8, dtype), steady.turn(rope, 8, dtype)
    assert table is not None and turn is not None
    assert torch.equal(turned_by(x, *turn), turned(x, *table))
    assert steady.turn(form("none"), 8, dtype) is None


def test_a_slot_is_its_place_where_a_bank_holds_all_candidates() -> None:
    assert places_of((0, 1, 2), 3) is None
    assert places_of((0, 1), 3) == (0, 1, -1, -1)
    assert places_of((2, 0), 3) == (1, -1, 0, -1)


def test_weights_of_routers_alone_are_made_wide() -> None:
    net = Network(routed(steps=2), dtype=torch.bfloat16)
    wide = {name for name, weight in stepper(net).weights.items() if weight.dtype == torch.float32}
    assert wide == {"hop.0.weight", "hop.1.weight"}


class Counts(TorchDispatchMode):
    """How many operators make something: launches on a GPU, but for those that its own libraries add."""

    def __init__(self) -> None:
        super().__init__()
        self.made = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.made += not (func.is_view or func.name() in ("aten::_unsafe_view", "aten::promote_types"))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("name", "most"), [("dense", 360), ("top1", 730), ("top2", 830), ("history", 915)])
def test_how_many_operators_a_token_takes(name: str, most: int) -> None:
    """The nets of `benchmarks/generate.py`, narrower: the numbers of docs/performance.md, here with some room."""
    sizes = ("width=48", "context=64", "vocabulary=64")
    graph = dnac.load(SPECS.parent / "benchmarks" / "generate.dna", name, sizes).graph
    by, counts = stepper(Network(graph, dtype=torch.float64), 1), Counts()
    by.read(ids_of(graph, 3, 1))
    by.read(ids_of(graph, 1, 1))
    with counts:
        by.step()
    assert 0 < counts.made <= most


def test_a_text_begins_anew_in_the_same_rooms() -> None:
    graph = routed(steps=2, backbone=graphs.transformer(), choose=form("top", k=2))
    net = lively(Network(graph, "reference", dtype=torch.float64), 4.0)
    by, long, short = stepper(net, 1), ids_of(graph, 6, 1), ids_of(graph, 8, 1)[:, 6:]
    by.read(long)
    size = by.stores.bytes
    by.forget()
    found = [by.read(short[:, n : n + 1]) for n in range(2)]
    assert error(found[1], whole(net, short)[:, -1]) < 1e-10
    assert by.stores.bytes == size > 0


def test_a_text_longer_than_the_context_is_refused() -> None:
    by = stepper(Network(routed(), "reference"), 1)
    with pytest.raises(ValueError, match="exceed the context"):
        by.read(torch.zeros(1, TOKENS + 1, dtype=torch.int64))


CAPACITY = form("capacity", factor=1.0, overflow="pass", order="position", per="sequence")
TAKERS = form("top_tokens", share=0.25, member=None, per="sequence", takers=(0, 1, 2), rest=3)
PREDICTOR = form("predictor", score=form("linear", init=form("normal", std=0.02)), loss=0.5)
CONV = "pool p { a[2] = conv(size = 3) }\n  hop: route p by { choose = top(1); weight = raw; balance = [] }"


@pytest.mark.parametrize(
    ("graph", "why"),
    [
        (routed(limit=CAPACITY), "`limit = capacity` asks what earlier tokens chose"),
        (routed(gate=form("none"), choose=TAKERS, decode=PREDICTOR), "`choose = top_tokens` reads a list"),
        (routed(sees=form("first")), "`sees = first` looks at some of the keys"),
        (routed(scope=form("sequence")), "`scope = sequence` decides for many tokens at once"),
        (
            graph_of(text_net(CONV)),
            "`conv` mixes",
        ),
        (graph_of(text_net("linear_attention(heads = 2)")), "`linear_attention` mixes tokens without keys"),
    ],
)
def test_what_another_decoder_must_read_is_named(graph: Graph, why: str) -> None:
    assert any(why in line for line in why_unsteady(graph))
    by, reasons = reader(Network(graph), fixed=True)
    assert not isinstance(by, Fixed)
    assert any(why in line for line in reasons)


def test_on_a_cpu_shapes_follow_the_choices() -> None:
    net = Network(routed(backbone=graphs.transformer()), dtype=torch.float64)
    assert isinstance(reader(net)[0], Cached)
    fixed, windows = reader(net, fixed=True)[0], reader(net, cached=False)[0]
    assert isinstance(fixed, Fixed)
    for ids in ([1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4, 5], [2, 3, 4], [1, 2, 3, 4, 5, 6]):
        assert torch.allclose(fixed.logits(ids), windows.logits(ids), atol=1e-9)


def test_a_token_is_traced_in_one_piece() -> None:
    """`Stepper(compiled=True)` asks for this of torch's compiler; here it only traces."""
    graph = routed(steps=1, choose=form("top", k=1), sees=form("everyone"))
    by, ids = stepper(lively(Network(graph, "reference", dtype=torch.float64), 4.0), 1), ids_of(graph, 6, 1)
    by.read(ids[:, :3])
    eager, by.step = by.step, torch.compile(by.step, backend="eager", fullgraph=True, dynamic=False)
    for end in range(4, 7):
        assert torch.equal(by.read(ids[:, end - 1 : end]), eager())
