"""One decision for a sequence, a batch or the network: the mean of scores decides, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

import dnac
from checking import codes
from dnac.ir.graph import Graph
from dnac.semantics.check import check
from dnac.text.diagnostic import Faults
from dnac.text.source import Source
from dnac.train.losses import whole_loss
from leaving import NETS
from lowered import network, require_equal


def spec(folder: Path, scope: str) -> Path:
    admits = "" if scope == "token" or ("chunk" in scope and "mean" not in scope) else "assert not_causal(hop)"
    path = folder / f"{scope}.dna"
    path.write_text(NETS.format(field=f"scope = {scope}", admits=admits))
    return path


def graph(folder: Path, scope: str, net: str) -> Graph:
    return dnac.load(spec(folder, scope), net).graph


def patches(seed: int = 0) -> torch.Tensor:
    return torch.rand(5, 6, 6, 1, generator=torch.Generator().manual_seed(seed)).double()


@torch.no_grad()
def recorded(folder: Path, scope: str, inputs: torch.Tensor):
    """The routing record of the image net, with the same weights for every scope."""
    return network(graph(folder, scope, "pictures")).eval()(inputs, record=True).record


@pytest.mark.parametrize(("scope", "axes"), [("sequence", (1,)), ("batch", (0, 1))])
def test_gates_are_those_of_the_mean_score(tmp_path: Path, scope: str, axes: tuple[int, ...]) -> None:
    """A softmax forgets a constant, so the logarithm of a token's gates is its scores, for this purpose."""
    own, shared = (recorded(tmp_path, word, patches())[0] for word in ("token", scope))
    expected = own.gates.log().mean(axes, keepdim=True).softmax(-1).expand_as(own.gates)
    assert torch.allclose(shared.gates, expected, atol=1e-12)
    assert not torch.allclose(own.gates, expected, atol=1e-3)
    for step in recorded(tmp_path, scope, patches()):
        assert torch.equal(step.ids, step.ids[:, :1].expand_as(step.ids)), "all tokens of an image go one way"
        if scope == "batch":
            assert torch.equal(step.ids, step.ids[:1].expand_as(step.ids))


def test_images_do_not_decide_for_each_other_unless_by_batch(tmp_path: Path) -> None:
    inputs, other = patches(), patches(1)
    other[0] = inputs[0]
    for scope, alike in (("sequence", True), ("batch", False)):
        first, second = (recorded(tmp_path, scope, x)[0].gates[0] for x in (inputs, other))
        assert torch.equal(first, second) == alike


def test_tokens_that_have_left_do_not_count() -> None:
    from dnac.kinds.present import mean_scores

    scores = torch.tensor([[[1.0, 0.0], [3.0, 2.0], [100.0, -50.0]], [[7.0, 7.0], [8.0, 8.0], [9.0, 9.0]]])
    here = torch.tensor([[True, True, False], [False, False, False]])
    assert mean_scores(scores, here, (1,))[:, 0].tolist() == [[2.0, 1.0], [0.0, 0.0]]
    assert mean_scores(scores, here, (0, 1))[1, 2].tolist() == [2.0, 1.0]
    assert mean_scores(scores, None, (1,))[1, 0].tolist() == [8.0, 8.0]


@torch.no_grad()
def test_a_step_behind_ways_out_asks_those_that_are_still_here(tmp_path: Path) -> None:
    nets = [network(graph(tmp_path, word, "leaving")).eval() for word in ("token", "sequence")]
    (way, own), (_, shared) = (net(patches(), record=True).record for net in nets)
    here = way.ids[..., :1] == 0
    assert here.any(1).all() and not here.all(1).any(), "of every image some have left"
    scores = own.gates.log().where(here, 0)
    expected = (scores.sum(1, keepdim=True) / here.sum(1, keepdim=True)).softmax(-1).expand_as(own.gates)
    assert torch.allclose(shared.gates[here[..., 0]], expected[here[..., 0]], atol=1e-12)


@pytest.mark.parametrize("scope", ["sequence", "batch"])
@pytest.mark.parametrize("net", ["pictures", "words"])
def test_every_lowering_agrees_in_values_and_gradients(tmp_path: Path, scope: str, net: str) -> None:
    inputs = patches() if net == "pictures" else torch.randint(32, (3, 12), generator=torch.Generator().manual_seed(0))
    require_equal(graph(tmp_path, scope, net), inputs=inputs)


def test_the_mean_carries_the_gradient_of_every_token_to_the_router(tmp_path: Path) -> None:
    """d loss / d W of a linear score is that of one row, the mean of all: rank 1 in what is read."""
    net = network(graph(tmp_path, "sequence", "pictures")).train()
    output = net(patches()[:1], record=True)
    output.record[0].gates[..., 0].sum().backward()
    weight = next(p for name, p in net.named_parameters() if name.startswith("hop") and "weight" in name)
    assert weight.grad is not None and weight.grad.abs().sum() > 0
    assert torch.linalg.matrix_rank(weight.grad.flatten(1), atol=1e-10) == 1


def test_a_text_that_is_read_as_a_whole_cannot_be_generated(tmp_path: Path) -> None:
    from dnac.serve.generate import require_causal

    loaded = dnac.load(spec(tmp_path, "sequence"), "words")
    verdict = loaded.net.verdicts["generate"]
    assert not verdict.causal and verdict.row_independent
    with pytest.raises(Faults, match="not causal"):
        require_causal(loaded.build(), verdict)
    assert not dnac.load(spec(tmp_path, "batch"), "words").net.verdicts["train"].row_independent


CHUNKS = ("chunk(3)", "chunk(3, by = mean)")


@pytest.mark.parametrize("scope", CHUNKS)
def test_chunks_go_one_way_by_their_first_token_or_their_mean(tmp_path: Path, scope: str) -> None:
    """Nine patches in chunks of four: the last one holds one."""
    scope = scope.replace("3", "4")
    own, shared = (recorded(tmp_path, word, patches())[0] for word in ("token", scope))
    logs, pieces = own.gates.log(), (slice(0, 4), slice(4, 8), slice(8, 9))
    by = [logs[:, c].mean(1, keepdim=True) if "mean" in scope else logs[:, c][:, :1] for c in pieces]
    expected = torch.cat([s.expand_as(logs[:, c]) for s, c in zip(by, pieces, strict=True)], 1).softmax(-1)
    assert torch.allclose(shared.gates, expected, atol=1e-12)
    assert not torch.allclose(own.gates, expected, atol=1e-3)
    assert len({tuple(shared.gates[0, t].tolist()) for t in range(9)}) == 3


@pytest.mark.parametrize("scope", CHUNKS)
@pytest.mark.parametrize("net", ["pictures", "leaving", "words"])
def test_every_lowering_agrees_on_chunks(tmp_path: Path, scope: str, net: str) -> None:
    inputs = torch.randint(32, (3, 11), generator=torch.Generator().manual_seed(0)) if net == "words" else patches()
    require_equal(graph(tmp_path, scope, net), inputs=inputs)


def test_in_a_chunk_those_that_have_left_neither_decide_nor_count() -> None:
    from dnac.kinds.scope.chunk import ChunkParams, pool

    scores = torch.arange(5.0)[None, :, None].expand(1, 5, 2) + 1
    here = torch.tensor([[False, True, True, False, True]])
    first, mean = (pool(ChunkParams(n=3, by=by), scores, here)[0, :, 0].tolist() for by in ("first", "mean"))
    assert first == [2.0, 2.0, 2.0, 5.0, 5.0] and mean == [2.5, 2.5, 2.5, 5.0, 5.0]
    assert pool(ChunkParams(n=3), scores, None)[0, :, 0].tolist() == [1.0, 1.0, 1.0, 4.0, 4.0]
    assert pool(ChunkParams(n=9), scores[:, :2], None)[0, :, 0].tolist() == [1.0, 1.0]


@torch.no_grad()
def test_no_later_token_reaches_an_earlier_one_through_its_chunk(tmp_path: Path) -> None:
    """By the first token nothing flows back, for every place; by the mean it does."""
    ids = torch.randint(32, (1, 12), generator=torch.Generator().manual_seed(1))
    for scope, leaks in (("chunk(4)", False), ("chunk(4, by = mean)", True)):
        net = network(graph(tmp_path, scope, "words")).eval()
        whole, moved = net(ids).logits, False
        for t in range(1, 12):
            other = ids.clone()
            other[:, t:] = (other[:, t:] + 7) % 32
            moved |= not torch.equal(net(other).logits[:, :t], whole[:, :t])
        assert moved == leaks


def test_a_text_of_chunks_by_their_first_token_is_causal_and_read_by_windows(tmp_path: Path) -> None:
    from dnac.lowering.decode.serves import why_not

    by_first, by_mean = (dnac.load(spec(tmp_path, scope), "words") for scope in ("chunk(4)", "chunk(4, by = mean)"))
    assert by_first.net.verdicts["generate"].causal and by_first.net.verdicts["generate"].row_independent
    assert not by_mean.net.verdicts["generate"].causal
    assert "`scope = chunk`" in why_not(by_first.graph)[0]


def test_one_decision_for_the_network_needs_a_score_that_looks_at_no_token() -> None:
    body = """dna 1
net n {{
  input text(context = 12, vocabulary = 32, tokenizer = none)
  embed tokens(16, positions = learned)
  pool nodes {{ block[3] = mlp(gelu, 1x) }}
  hop: route nodes by {{ scope = network; {score}choose = top(1); weight = raw; balance = [] }}
  head lm = unembed()
}}
"""
    assert codes(body.format(score="score = constant; ")) == []
    assert codes(body.format(score="")) == ["DNA534"]
    assert codes(body.format(score="score = hash; ")) == ["DNA534"]


PONDER = """dna 1
net pondering {{
  input image([8, 8], channels = 1, classes = 4)
  embed patches(16, size = 2, positions = learned, init = normal(0.5))
  head cls = classify(pool = mean, init = normal(0.5))
  module block = transformer(heads = 2, init = normal(0.5))
  router pond {{
    scope = sequence; read = [h]; score = linear(init = normal(0.5)); gate = sigmoid; {choose}
    balance = [kl_geometric(0.3, 1e-2)]
  }}
  repeat 4 {{
    block
    halt by pond
    {tap}
  }}
}}
"""
THRESHOLD = PONDER.format(choose="choose = threshold(0.5); when = eval", tap="tap cls(loss = halting)")
ACT = PONDER.format(choose="choose = accumulate(0.99); weight = halting", tap="")


def images() -> torch.Tensor:
    scale = torch.linspace(-3, 3, 5, dtype=torch.float64)[:, None, None, None]
    return scale * torch.rand(5, 8, 8, 1, generator=torch.Generator().manual_seed(0)).double()


def pondering(text: str) -> Graph:
    checked = check(Source("t.dna", text))
    assert not checked.bag.has_errors, checked.bag
    return checked.nets[0].graph


@pytest.mark.parametrize("text", [THRESHOLD, ACT], ids=["threshold", "accumulate"])
@pytest.mark.parametrize("lowering", ["reference", "portable"])
def test_a_sample_halts_as_a_whole(text: str, lowering: str) -> None:
    """By the mean of its tokens' scores: all of its tokens leave at one step, and samples at different ones."""
    net = network(pondering(text), lowering).eval()
    with torch.no_grad():
        record = net(images(), record=True).record
    leaves = torch.stack([(step.ids[..., 0] == 0) for step in record])
    assert (leaves == leaves[..., :1]).all()
    when = torch.where(leaves[..., 0].any(0), leaves[..., 0].double().argmax(0), len(record))
    assert len(when.unique()) > 1
    gates = record[0].gates[..., 0]
    assert (gates == gates[:, :1]).all() and gates[:, 0].std() > 0


def test_the_expected_loss_of_a_sample_is_over_its_own_chances() -> None:
    net, classes = network(pondering(THRESHOLD)).train(), torch.arange(5) % 4
    output = net(images(), record=True)
    rest, wanted = torch.ones(5, dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    for tap, step in zip(output.taps, output.record, strict=True):
        chance = step.gates[:, 0, 0]
        wanted = wanted + (rest * chance * cross_entropy(tap.logits, classes, reduction="none")).sum()
        rest = rest * (1 - chance)
    wanted = wanted + (rest * cross_entropy(output.logits, classes, reduction="none")).sum()
    found = whole_loss(output, classes, label_smoothing=0.0, count=5)
    assert abs((found - wanted / 5).item()) < 1e-10


def test_lowerings_agree_on_samples_that_halt() -> None:
    require_equal(pondering(THRESHOLD))
    require_equal(pondering(ACT))


def test_a_draw_for_each_token_is_no_decision_of_a_sample() -> None:
    assert "DNA534" in [
        d.code for d in check(Source("t.dna", THRESHOLD.replace("threshold(0.5)", "by_chance"))).bag.items
    ]
