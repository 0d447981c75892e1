"""A file with faults: what only follows from a syntax error is not told, and nets without faults are still known."""

from __future__ import annotations

import pytest

from checking import POOL, checked, codes, net

GOOD = net("mlp(gelu, 2x)")[6:]
"""Without its first line."""


def other(name: str, body: str = "mlp(gelu, 2x)") -> str:
    return net(body)[6:].replace("net n", f"net {name}")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (net("mlp(gelu, 2x)").replace("context = 8, vocabulary", "context = 8 vocabulary"), ["DNA119"]),
        (net("mlp(gelu, 2x)").replace("head lm = unembed()", "head lm unembed()"), ["DNA114"]),
        (net("mlp(gelu, 2x)").replace("embed tokens(", "embed tokens 3("), ["DNA114"]),
        (net("module a = mlp(gelu 2x)\na; a"), ["DNA119"]),
        (net("module a = mlp(gelu, 2x)\nrepeat 2 [ a ]"), ["DNA125"]),
        ("dna 1\nparam w = 16\n" + net("mlp(gelu, (w)")[6:], ["DNA110"]),
        (net(POOL + "route nodes by { choose = top(1); weight raw; balance = [] }"), ["DNA114"]),
    ],
)  # fmt: skip
def test_a_syntax_error_is_told_without_what_follows_from_it(text: str, found: list[str]) -> None:
    assert codes(text) == found


def test_other_faults_beside_a_syntax_error_are_told_in_the_same_run() -> None:
    text = net("mlp(gelu 2x)\nattention(heads = 3)\nmlpp(gelu, 2x)\nx: mlp(gellu, 2x)")
    assert codes(text) == ["DNA119", "DNA401", "DNA202", "DNA308"]


def test_a_name_that_the_broken_line_does_not_hold_is_still_unknown() -> None:
    assert codes(net("module a = mlp(gelu 2x)\na\nother")) == ["DNA119", "DNA202"]


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (
            "dna 1\n" + other("a", "mlp(gellu, 2x)") + other("b") + "net c = b with { }\nnet d = a with { }\n",
            ["b", "c"],
        ),
        ("dna 1\n" + other("a", "mlp(gelu 2x)") + other("b") + "net c = b with { }\nnet d = a with { }\n", ["b", "c"]),
        ("dna 1\n" + other("a", "mlp(gelu, 3 x)\nmlp(gelu, 2x)") + other("b"), ["b"]),
        ("dna 1\nparam w = \n" + other("a") + other("b"), []),
        ("dna 1\ndef module m() { mlp(gelu 2x) }\n" + other("a", "m()") + other("b"), []),
        ("dna 1\nparam w = 3\n" + other("a") + other("b"), ["a", "b"]),
        ('dna 1\nuse "gone.dna" as g\n' + other("a", "g.m()") + other("b"), ["b"]),
    ],
)
def test_nets_without_faults_are_known_in_a_file_with_faults(text: str, known: list[str]) -> None:
    found = checked(text)
    assert found.bag.has_errors
    assert [n.name for n in found.nets] == known
    assert set(found.declared) >= {"a", "b"}
