"""Noisy top-k gating (arXiv 1701.06538): noise on the scores while training, and losses on importance and load."""

from __future__ import annotations

import pytest
import torch

from dnac import catalogue
from dnac.ir.graph import Graph
from dnac.lowering.network import Network
from dnac.lowering.routing import Noise, _chance
from dnac.schedule.sizes import Sizes
from dnac.semantics.check import check
from dnac.text.source import Source
from lowered import FAST, INTERPRETED, error, gradients

TEXT = """dna 1
net noisy {
  input text(context = 8, vocabulary = 11)
  embed tokens(16, positions = learned)
  pool experts { e[5] = mlp(gelu, 2x); skip = identity() }
  repeat 2 { moe: route experts by { noise = NOISE; choose = top(2); weight = renormalised; balance = [BALANCE] } }
  head lm = unembed(tied = true)
  assert causal
  assert row_independent
}
"""
DTYPE, CLOSE = (torch.float32, 2e-4) if INTERPRETED else (torch.float64, 1e-10)
SEEDS = torch.tensor([3, 4])


def text(noise: str = "normal", balance: str = "cv2(0.1, load = 0.2)") -> str:
    return TEXT.replace("NOISE", noise).replace("BALANCE", balance)


def graph_of(spec: str) -> Graph:
    checked = check(Source("t.dna", spec))
    assert not checked.bag.has_errors, list(checked.bag)
    return checked.nets[0].graph


def network(spec: str, lowering: str = FAST) -> Network:
    net = Network(graph_of(spec), lowering, dtype=DTYPE, seed=3)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, p in net.named_parameters():
            noise = torch.randn(p.shape, generator=generator, dtype=torch.float64).to(p)
            p.mul_(4 if p.dim() > 1 else 1).add_(0.3 * noise if "noise" in name else 0.0)
    return net


def inputs(rows: int = 2) -> torch.Tensor:
    return torch.arange(rows * 8).reshape(rows, 8) * 7 % 11


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("noise", ["normal", "normal(0.5)"])
def test_the_lowerings_agree(noise: str, training: bool) -> None:
    reference, fast = (network(text(noise), name).train(training) for name in ("reference", FAST))
    expected = reference(inputs(), record=True, seeds=SEEDS)
    found = fast(inputs(), record=True, seeds=SEEDS, routes=[step.wanted for step in expected.record])
    assert error(found.logits, expected.logits) < CLOSE
    assert error(found.router_loss, expected.router_loss) < CLOSE
    wanted = gradients(reference, expected)
    assert all(error(g, wanted[name], 1e-5) < 100 * CLOSE for name, g in gradients(fast, found).items())


def clean_and_std(net: Network) -> tuple[torch.Tensor, torch.Tensor]:
    state = net.state_dict()
    x = state["embed.table"][inputs(64)] + state["embed.positions"]
    return x @ state["moe.0.weight"], torch.nn.functional.softplus(x @ state["moe.0.noise.weight"])


def test_scores_get_normal_noise_of_the_learned_size_while_training_alone() -> None:
    net = network(text())
    clean, std = clean_and_std(net)
    noisy = net.train()(inputs(64), record=True, seeds=SEEDS).record[0].gates.log()
    plain = net.eval()(inputs(64), record=True, seeds=SEEDS).record[0].gates
    assert error(plain, clean.softmax(-1)) < CLOSE
    # gates tell scores up to one number for each token
    drawn = (noisy - noisy[..., :1]) - (clean - clean[..., :1])
    scale = (std.square() + std[..., :1].square()).sqrt()
    z = (drawn / scale)[..., 1:].detach().flatten()
    assert abs(float(z.mean())) < 0.1 and abs(float(z.var()) - 1) < 0.1
    assert abs(float((z.abs() < 1).double().mean()) - 0.683) < 0.03


def test_the_noise_starts_alike_for_all() -> None:
    net = Network(graph_of(text()), "portable", seed=3)
    assert not net.get_parameter("moe.0.noise.weight").any()
    assert Sizes(net.graph).total_params == sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_chance_is_how_often_a_candidate_is_chosen_when_its_own_noise_is_drawn_again(k: int) -> None:
    generator = torch.Generator().manual_seed(1)
    clean, std = (
        torch.randn(1, 1, 5, generator=generator).double(),
        torch.rand(1, 1, 5, generator=generator).double() + 0.2,
    )
    noisy = clean + std * torch.randn(1, 1, 5, generator=generator).double()
    found = _chance(noisy, torch.zeros(1, 1, k, dtype=torch.int64), Noise(clean, std))[0, 0]
    for i in range(5):
        again = clean[0, 0, i] + std[0, 0, i] * torch.randn(40_000, generator=generator).double()
        others = torch.cat((noisy[0, 0, :i], noisy[0, 0, i + 1 :])).sort(descending=True).values
        assert float(found[i]) == pytest.approx(float((again > others[k - 1]).double().mean()), abs=0.01)


def test_without_noise_or_with_all_candidates_a_choice_counts_one() -> None:
    scores, chosen = torch.randn(1, 2, 3), torch.tensor([[[0, 2], [1, -1]]])
    assert _chance(scores, chosen, None).tolist() == [[[1, 0, 1], [0, 1, 0]]]
    everyone = torch.tensor([[[0, 1, 2]]])
    assert _chance(scores[:, :1], everyone, Noise(scores[:, :1], torch.ones(1, 1, 3))).tolist() == [[[1, 1, 1]]]


def test_the_losses_are_those_of_the_paper() -> None:
    """Squared coefficients of variation, by hand; a token that has left counts for neither."""
    gates = torch.tensor([[[0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.9, 0.05, 0.05]]], dtype=torch.float64)
    chance = torch.tensor([[[0.9, 0.8, 0.3], [0.2, 0.9, 0.9], [0.5, 0.5, 0.5]]], dtype=torch.float64)
    ids = torch.tensor([[[0, 1], [1, 2], [-2, -2]]])
    importance = [0.5 / 0.8, 0.3 / 0.8 + 0.6 / 0.9, 0.3 / 0.9]
    load = [1.1, 1.7, 1.2]

    def cv2(of: list[float]) -> float:
        mean = sum(of) / 3
        return sum((x - mean) ** 2 for x in of) / 3 / mean**2

    kind = catalogue.get("balance", "cv2")
    found = kind.loss(kind.Params(importance=0.1, load=0.2), gates, gates, ids, chance)
    assert float(found) == pytest.approx(0.1 * cv2(importance) + 0.2 * cv2(load))


def test_the_load_teaches_the_noise() -> None:
    made = {}
    for balance in ("cv2(0.1)", "cv2(0.1, load = 5)"):
        net = network(text(balance=balance)).train()
        made[balance] = gradients(net, net(inputs(), seeds=SEEDS))["moe.0.noise.weight"]
    assert all(g.abs().max() > 1e-8 for g in made.values())
    assert error(made["cv2(0.1)"], made["cv2(0.1, load = 5)"]) > 0.01


def test_a_load_without_noise_is_refused() -> None:
    assert "DNA506" in [d.code for d in check(Source("t.dna", text(noise="none"))).bag]
    assert "DNA506" in [d.code for d in check(Source("t.dna", text(noise="jitter(1%)"))).bag]
    assert "DNA506" not in [d.code for d in check(Source("t.dna", text(noise="none", balance="cv2(0.1)"))).bag]
