"""A net may be called as a word that some field takes, since no field takes nets; nothing else may."""

from __future__ import annotations

import pytest

from checking import POOL, ROUTER, codes, good, net

BODY = f"{POOL}  hop: route nodes by {{ {ROUTER} }}"


@pytest.mark.parametrize("word", ["history", "one", "own", "peers", "silu"])
def test_a_net_may_be_called_as_a_word_of_a_field(word: str) -> None:
    text = net(BODY).replace("net n {", f"net {word} {{")
    assert good(text).name == word
    derived = f"{text}net other = {word} with {{ hop.sees = history }}\n"
    assert good(derived, name="other").graph.routers[0].fields["sees"].name == "history"


@pytest.mark.parametrize("word", ["mlp", "attention", "embed", "route"])
def test_not_as_a_kind_of_module_nor_as_a_word_of_statements(word: str) -> None:
    assert codes(net(BODY).replace("net n {", f"net {word} {{"))


@pytest.mark.parametrize("what", ["param history = 1\n", "pool history { a = mlp(gelu, 2x) }"])
def test_nothing_else_may(what: str) -> None:
    text = net(BODY)
    text = text.replace("net n", f"{what}net n") if what.startswith("param") else net(f"  {what}\n{BODY}")
    assert "DNA205" in codes(text)
