"""Causal and row-independent are proven from the net, and what a file claims about them is checked."""

from dataclasses import replace

import pytest

from checking import POOL, ROUTER, checked, codes, good, image_net, messages, net
from dnac.kinds.choose.top import KIND as TOP
from dnac.semantics import words

LOOK = "look: attention(heads = 2, causal = false)"


def test_a_text_net_of_causal_parts_is_causal_in_both_programs() -> None:
    found = good(net(POOL + f"transformer(heads = 2)\nhop: route nodes by {{ {ROUTER} }}\nassert causal")).verdicts
    assert {p: (v.causal, v.row_independent) for p, v in found.items()} == {
        "train": (True, True),
        "generate": (True, True),
    }


def test_images_have_no_causal_verdict() -> None:
    verdict = good(image_net("transformer(heads = 2)")).verdicts["train"]
    assert (verdict.causal, verdict.row_independent) == (None, True)
    assert codes(image_net("transformer(heads = 2)\nassert causal")) == ["DNA513"]


def test_a_part_that_looks_ahead_is_named_with_its_place() -> None:
    assert messages(net(LOOK)) == ["DNA512 5:7 this net is not causal: `attention` of `look` looks at later tokens"]


def test_what_the_file_admits_is_no_fault_but_a_verdict() -> None:
    verdict = good(net(LOOK + "\nassert not_causal(look)")).verdicts["train"]
    assert verdict.causal is False
    assert verdict.breaks == ("`attention` of `look` looks at later tokens (x.dna:5:7)",)


def test_every_break_must_be_admitted() -> None:
    text = net(LOOK + "\nmore: attention(heads = 2, causal = false)\nassert not_causal(look)")
    assert messages(text) == ["DNA512 6:7 this net is not causal: `attention` of `more` looks at later tokens"]


@pytest.mark.parametrize("label", ["hop", "p", "p.ahead"])
def test_a_routed_part_is_admitted_by_its_route_its_pool_or_its_member(label: str) -> None:
    body = f"pool p {{ ahead[2] = {LOOK[6:]}; skip = identity() }}\nrepeat 2 {{ hop: route p by {{ {ROUTER} }} }}\n"
    assert codes(net(body)) == ["DNA512"]
    assert codes(net(body + f"assert not_causal({label})")) == []


def test_a_member_that_never_runs_breaks_nothing_only_if_it_is_no_candidate() -> None:
    body = "pool p { ahead = attention(heads = 2, causal = false); b = mlp(gelu, 1x); skip = identity() }\n"
    assert "DNA512" not in codes(net(body + f"route [p.b, p.skip] by {{ {ROUTER} }}"))


def test_a_choice_that_looks_at_other_tokens_or_sequences_breaks_both_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    looking, known = replace(TOP, is_causal=False, is_row_independent=False), words.kind
    monkeypatch.setattr(words, "kind", lambda of, word: looking if word == "top" else known(of, word))
    text = net(POOL + f"hop: route nodes by {{ {ROUTER} }}\nassert not_causal(hop)")
    verdict = good(text).verdicts["generate"]
    assert (verdict.causal, verdict.row_independent) == (False, False)
    assert codes(text.replace("assert", "assert row_independent\n assert")) == ["DNA513"]


def test_a_claim_about_a_causal_step_is_a_fault() -> None:
    assert codes(net("look: attention(heads = 2)\nassert not_causal(look)")) == ["DNA514"]
    assert codes(net("assert causal\n" + LOOK)) == ["DNA513"]


def test_asserts_on_costs_are_handed_on_with_their_place() -> None:
    result = checked(net("mlp(gelu, 1x)\nassert 50M > params\nassert flops_per_token.max <= 2 * 1G"))
    (made,) = result.nets
    assert [str(a) for a in made.asserts] == ["params < 50000000", "flops_per_token.max <= 2000000000"]
    assert [a.span.line for a in made.asserts] == [6, 7]
    assert made.graph.asserts == ("params < 50000000", "flops_per_token.max <= 2000000000")


def test_asserts_on_values_are_decided_here() -> None:
    head = "dna 1\nparam width = 16\nparam heads = 3\n"
    text = net("attention(heads = 2)\nmlp(gelu, width * heads)\nassert width == 4 * heads\nassert width >= heads")
    assert messages(text.replace("dna 1\n", head)) == ["DNA319 9:8 `assert width == 4 * heads` does not hold"]
