"""`halt by`: tokens that leave a loop one by one, what they give out on the way, and losses inside the net."""

from __future__ import annotations

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

from dnac.ir.graph import Graph
from dnac.lowering.network import Network
from dnac.semantics.check import check
from dnac.text.source import Source
from dnac.train.losses import summed_loss, whole_loss
from lowered import error, gradients

ACT = """dna 1
net pondering {
  input text(context = 8, vocabulary = 11)
  embed tokens(16, positions = learned)
  head lm = unembed(tied = true)
  module body = transformer(heads = 2)
  router pond {
    read = [h]; gate = sigmoid; choose = accumulate(0.99); weight = halting; balance = [ponder(0.5)]; sees = SEES
  }
  repeat 5 {
    body
    halt by pond
  }
}
"""
PONDER = """dna 1
net pondering {
  input text(context = 8, vocabulary = 11)
  embed tokens(16, positions = learned)
  head lm = unembed(tied = true)
  module body = transformer(heads = 2)
  router pond { read = [h]; choose = threshold(0.5); balance = [kl_geometric(0.3, 0.1)]; when = eval }
  repeat 4 {
    body
    halt by pond
    tap lm(loss = halting)
  }
}
"""


def graph_of(text: str) -> Graph:
    checked = check(Source("t.dna", text))
    assert not checked.bag.has_errors, checked.bag
    return checked.nets[0].graph


def network(text: str, lowering: str = "portable", **more: object) -> Network:
    net = Network(graph_of(text), lowering, dtype="float64", seed=3, **more)  # type: ignore[arg-type]
    with torch.no_grad():
        for name, p in net.named_parameters():
            p.mul_(30 if name.startswith("pond") else 4 if p.dim() > 1 else 1)
    return net


def inputs() -> torch.Tensor:
    return torch.arange(16).reshape(2, 8) * 7 % 11


@pytest.mark.parametrize("text", [ACT.replace("SEES", "copied"), ACT.replace("SEES", "peers"), PONDER])
@pytest.mark.parametrize("training", [False, True])
def test_the_lowerings_agree_where_tokens_halt(text: str, training: bool) -> None:
    reference, portable = network(text, "reference").train(training), network(text).train(training)
    expected, found = reference(inputs(), record=True), portable(inputs(), record=True)
    assert all(torch.equal(a.ids, b.ids) for a, b in zip(expected.record, found.record, strict=True))
    assert error(found.logits, expected.logits) < 1e-10
    assert error(found.router_loss, expected.router_loss) < 1e-10
    for a, b in zip(expected.taps, found.taps, strict=True):
        assert error(b.logits, a.logits) < 1e-10
    wanted = gradients(reference, expected)
    assert all(error(g, wanted[name]) < 1e-8 for name, g in gradients(portable, found).items())


def act_by_hand(net: Network, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Graves' equations 5 to 12 with `n` in a Python loop: logits, ponder cost, steps of each token."""
    body = {name: p for name, p in net.state_dict().items() if name.startswith("body")}
    w = net.get_parameter("pond.weight")[:, 0]
    table = net.get_parameter("embed.table")
    h = table[ids] + net.get_parameter("embed.positions")[: ids.shape[1]]
    total = torch.zeros(ids.shape, dtype=h.dtype)
    steps, rest, mean = torch.zeros_like(total), torch.ones_like(total), torch.zeros_like(h)
    left = torch.zeros_like(total)
    for n in range(5):
        here = total < 0.99
        h = torch.where(here[..., None], block(h, body), h)
        p = torch.sigmoid(h @ w)
        last = (total + p >= 0.99) | (n == 4)
        p = torch.where(here, torch.where(last, rest, p), 0)
        mean = mean + p[..., None] * h
        steps = steps + here
        left = left + torch.where(here & last, rest, 0)
        rest, total = rest - p, torch.where(here, torch.where(last, 1.0, total + p), total)
    logits = head(net, mean)
    return logits, (steps + left).mean(), steps


def block(h: torch.Tensor, w: dict[str, torch.Tensor]) -> torch.Tensor:
    """A pre-norm block of two heads, causal, among all tokens."""
    B, T, D = h.shape
    q, k, v = (norm(h, w["body.attention.norm"]) @ w["body.attention.qkv"]).split(D, dim=-1)
    q, k, v = (x.reshape(B, T, 2, D // 2).transpose(1, 2) for x in (q, k, v))
    mask = torch.ones(T, T, dtype=torch.bool).tril()
    seen = ((q @ k.mT) / (D // 2) ** 0.5).masked_fill(~mask, -torch.inf).softmax(-1) @ v
    h = h + seen.transpose(1, 2).reshape(B, T, D) @ w["body.attention.out"]
    up = norm(h, w["body.mlp.norm"]) @ w["body.mlp.up"]
    return h + torch.nn.functional.gelu(up, approximate="tanh") @ w["body.mlp.down"]


def norm(x: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.layer_norm(x, x.shape[-1:], eps=1e-5) * gain


def head(net: Network, x: torch.Tensor) -> torch.Tensor:
    gain = dict(net.named_parameters()).get("lm.norm")
    return (x if gain is None else norm(x, gain)) @ net.get_parameter("embed.table").T


@pytest.mark.parametrize("lowering", ["reference", "portable"])
def test_adaptive_computation_time_is_that_of_the_paper(lowering: str) -> None:
    net = network(ACT.replace("SEES", "copied"), lowering)
    logits, cost, steps = act_by_hand(net, inputs())
    output = net(inputs())
    assert error(output.logits, logits) < 1e-10
    assert error(output.router_loss, 0.5 * cost) < 1e-10
    assert len(steps.unique()) > 1
    assert [int(s.left) for s in output.stats] == [int((steps <= n).sum()) for n in range(5)]


def test_what_a_token_gives_out_adds_up_to_one() -> None:
    """The mean of equal streams is the stream: with a body that does nothing, halting changes nothing."""
    net = network(ACT.replace("SEES", "peers"))
    with torch.no_grad():
        for name, p in net.named_parameters():
            if name.endswith(("attention.out", "mlp.down")):
                p.zero_()
    x = net.get_parameter("embed.table")[inputs()] + net.get_parameter("embed.positions")[:8]
    assert error(net(inputs()).logits, head(net, x)) < 1e-12


def test_pondernet_trains_on_the_expected_loss_over_turns() -> None:
    """Sum over turns of p_n L_n, with what is left at the last one; and the prior's divergence (eq. 5)."""
    net = network(PONDER).train()
    output = net(inputs(), record=True)
    targets = (inputs() + 1) % 11
    gates = torch.stack([r.gates[..., 0] for r in output.record])
    stays = torch.cat([torch.ones_like(gates[:1]), (1 - gates[:-1]).cumprod(0)])
    p = stays * torch.cat([gates[:-1], torch.ones_like(gates[-1:])])
    cross = torch.nn.functional.cross_entropy
    losses = [cross(t.logits.flatten(0, 1), targets.flatten(), reduction="none") for t in output.taps]
    wanted = sum((p[n].flatten() * losses[n]).sum() for n in range(4)) / 16
    found = whole_loss(output, targets, label_smoothing=0.0, count=16)
    assert error(found, wanted) < 1e-10
    prior = 0.3 * 0.7 ** torch.arange(4, dtype=torch.float64)
    prior = prior / prior.sum()
    kl = (p * (p / prior[:, None, None]).log()).sum(0).mean()
    assert error(output.router_loss, 0.1 * kl) < 1e-10


def test_nobody_leaves_while_training_where_the_file_says_eval() -> None:
    net = network(PONDER)
    assert all(int(s.left) == 0 for s in net.train()(inputs()).stats)
    assert int(net.eval()(inputs()).stats[-1].left) > 0
    assert not net.eval()(inputs()).taps


def test_taps_with_a_number_are_added_to_the_loss() -> None:
    text = PONDER.replace("loss = halting", "loss = 0.25")
    text = text.replace("balance = [kl_geometric(0.3, 0.1)]; ", "frozen = true; ")
    net = network(text).train()
    output, targets = net(inputs()), (inputs() + 1) % 11
    parts = [summed_loss(t.logits, targets, 0.0) / 16 for t in output.taps]
    wanted = summed_loss(output.logits, targets, 0.0) / 16 + 0.25 * sum(parts)
    assert error(whole_loss(output, targets, label_smoothing=0.0, count=16), wanted) < 1e-12


LATE = "def module late() { mlp(gelu, 2x); attention(heads = 2); mlp(gelu, 2x) }"
POOL = "pool two { a = attention(heads = 2); b = attention(heads = 2); stay = identity() }"
STEPS = {
    "plain": ("", "", "transformer(heads = 2)"),
    "later": (LATE, "", "late()"),
    "routed": ("", POOL, "route two by { choose = top(1); weight = raw; balance = []; sees = copied }"),
}


def seen_by(step: str, sees: str = "copied") -> str:
    """A net whose tokens may leave before one step in which tokens mix."""
    recipe, pool, mixing = STEPS[step]
    return f"""dna 1
{recipe}
net seen {{
  input text(context = 8, vocabulary = 11)
  embed tokens(16, positions = learned)
  {pool}
  repeat 1 {{
    halt by {{ choose = threshold(0.5); frozen = true; sees = copied }}
    {mixing}
  }}
  head lm = unembed(tied = true)
}}
""".replace("sees = copied", f"sees = {sees}")


@pytest.mark.parametrize("lowering", ["reference", "portable"])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("is_seen", [True, False])
def test_whether_those_who_left_are_seen_is_said_by_sees(lowering: str, step: str, is_seen: bool) -> None:
    """Token 1 leaves and differs in two runs: later tokens notice where it leaves keys behind."""
    net = network(seen_by(step, "copied" if is_seen else "peers"), lowering)
    out = torch.full((2, 8, 1), -1)
    out[:, 1] = 0
    routes = [out] + ([(torch.arange(8) % 3).expand(2, 8)[..., None]] if step == "routed" else [])
    other = inputs()
    other[:, 1] = (other[:, 1] + 3) % 11
    a, b = (net(ids, routes=routes).logits for ids in (inputs(), other))
    assert torch.equal(a[:, 2:], b[:, 2:]) != is_seen
    h = net.get_parameter("embed.table")[inputs()] + net.get_parameter("embed.positions")[:8]
    assert error(a[:, 1], head(net, h)[:, 1]) < 1e-12


@pytest.mark.parametrize("step", STEPS)
def test_the_lowerings_agree_on_keys_of_tokens_that_left(step: str) -> None:
    text = seen_by(step)
    reference, portable = network(text, "reference"), network(text)
    expected, found = reference(inputs(), record=True), portable(inputs(), record=True)
    assert 0 < int((expected.record[0].ids >= 0).sum()) < 16
    assert error(found.logits, expected.logits) < 1e-10
    wanted = gradients(reference, expected)
    assert all(error(g, wanted[name]) < 1e-8 for name, g in gradients(portable, found).items())


@pytest.mark.parametrize("text", [ACT.replace("SEES", "copied"), PONDER])
@pytest.mark.parametrize("training", [False, True])
def test_turn_by_turn_it_is_the_same_program(text: str, training: bool) -> None:
    """Who is here, what was given out and the losses of taps go from piece to piece (`compile --by steps`)."""
    whole, stepped = network(text).train(training), network(text).train(training)
    assert stepped.stepped is not None and not stepped.stepped.why_not
    stepped.run = stepped.stepped.program(lambda piece: piece)
    a, b = whole(inputs(), record=True), stepped(inputs(), record=True)
    assert torch.equal(a.logits, b.logits) and torch.equal(a.router_loss, b.router_loss)
    assert len(a.taps) == len(b.taps) == (4 if training and text is PONDER else 0)
    assert all(
        torch.equal(x.logits, y.logits) and torch.equal(x.share, y.share) for x, y in zip(a.taps, b.taps, strict=True)
    )
    assert [int(s.left) for s in a.stats] == [int(s.left) for s in b.stats]
    wanted = gradients(whole, a)
    assert all(torch.equal(g, wanted[name]) for name, g in gradients(stepped, b).items())


@pytest.mark.compiles
def test_a_net_whose_tokens_halt_is_one_graph_or_one_program_for_all_turns_but_the_first() -> None:
    net = network(PONDER).float().train()
    expected = net(inputs())
    one, pieces = CompileCounterWithBackend("aot_eager"), CompileCounterWithBackend("aot_eager")
    whole, stepped = network(PONDER).float().train(), network(PONDER).float().train()
    whole.run = torch.compile(whole.run, backend=one, fullgraph=True, dynamic=False)
    assert stepped.stepped is not None
    stepped.run = stepped.stepped.program(lambda p: torch.compile(p, backend=pieces, fullgraph=True, dynamic=False))
    assert error(whole(inputs()).logits, expected.logits) < 1e-4
    assert error(stepped(inputs()).logits, expected.logits) < 1e-4
    # before, all turns, behind; and the first turn, whose chances have no gradient yet
    assert (one.frame_count, pieces.frame_count) == (1, 4)
