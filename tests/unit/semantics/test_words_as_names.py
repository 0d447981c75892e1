"""All but modules may be called as a word of the language, so that a new word takes no name from old files.

A field keeps its own words, and refuses a place where a param of that name would fit too.
"""

from __future__ import annotations

import re

import pytest

from checking import POOL, ROUTER, checked, codes, good, graph, net
from dnac.ir.graph import Graph
from dnac.ir.printer import print_graph
from dnac.ir.reader import read_graph

BODY = f"{POOL}  hop: route nodes by {{ {ROUTER} }}"
WORDS = ("history", "one", "own", "peers", "silu", "both", "layer", "step", "mlp", "attention", "tokens", "graph_conv")
NAMED = """dna 1
param wide = 16
def router kind_of(rate) { choose = top(1); weight = raw; sees = history; balance = skip_target(rest, 9%, rate = rate) }
net n {
  input text(context = 8, vocabulary = 16)
  embed table = tokens(wide, positions = learned)
  head last_head = unembed(table, norm = layer)
  budget money = flops(50%, per = batch, by = bias(1e-3))
  pool nodes { rest = identity(); some[2] = transformer(heads = 2); out = exit() }
  router hub { choose = top(1); weight = raw; balance = []; read = [h, step]; score = linear }
  repeat 2 as turn {
    first: route [nodes.rest, nodes.some] by kind_of(rate = 1)
    second: route nodes by { choose = top(2 - turn); weight = raw; balance = []; sees = peers; gate = softmax }
    route nodes.some by hub
  }
  after: mlp(silu, wide / 2, norm = layer)
}
train n {
  data = stdlib_text(split = train); valid = stdlib_text(split = valid)
  batch = sequences(4); length = steps(9); lr = 1
}
"""
MINE = ("wide", "kind_of", "rate", "table", "last_head", "money", "nodes", "rest", "some", "out", "hub", "turn",
        "first", "second", "after", "n")  # fmt: skip


def renamed(text: str, name: str, word: str) -> str:
    """The text with one of its names changed; `rate` is an argument of `skip_target` too, which keeps its name."""
    return re.sub(rf"\b{name}\b", word, text.replace("rate = rate", "~ = rate")).replace("~", "rate")


def printed(found: Graph, word: str) -> str:
    """A graph's text without its columns, with one word as `zzz`."""
    return re.sub(rf"\b{word}\b", "zzz", re.sub(" +", " ", print_graph(found)))


@pytest.mark.parametrize("name", MINE)
@pytest.mark.parametrize("word", WORDS)
def test_a_name_may_be_a_word_and_every_field_keeps_its_own(name: str, word: str) -> None:
    """The graph is the one of any other name: no word of a field has lost its meaning."""
    other = good(renamed(NAMED, name, "zzz")).graph
    found = good(renamed(NAMED, name, word)).graph
    assert printed(found, word) == printed(other, word)
    assert print_graph(read_graph(print_graph(found))) == print_graph(found)


@pytest.mark.parametrize("word", ["mlp", "attention", "none", "schedule", "true", "repeat"])
def test_a_module_may_not_be_called_as_a_kind_nor_as_a_word_of_all_fields(word: str) -> None:
    assert "DNA205" in codes(net(f"  module {word} = conv(3)\n  {word}")) or word == "repeat"
    assert codes(net("  a()").replace("net n", f"def module {word}() {{ conv(3) }}\nnet n"))


def test_what_a_reserved_name_lacks_as_a_word_is_not_told_as_well() -> None:
    assert codes(net("  module conv = mlp(gelu, 2x)\n  conv")) == ["DNA205"]


@pytest.mark.parametrize("what", ["param repeat = 1\n", "param none = 1\n", "pool train { a = mlp(gelu, 2x) }"])
def test_nothing_may_be_called_as_a_word_of_the_grammar(what: str) -> None:
    text = net(BODY)
    text = text.replace("net n", f"{what}net n") if what.startswith("param") else net(f"  {what}\n{BODY}")
    assert "DNA205" in codes(text)


@pytest.mark.parametrize(
    ("declared", "field"),
    [
        ("layer = rms", "norm = layer"),  # a word of a catalogue
        ("learned = 0.5", "noise = normal(std = learned)"),  # a number or a word
        ("peers = module", "sees = peers"),
        ("batch = sequence", "balance = [aux(1, per = batch)]"),  # a word that takes no arguments
        ("token = network", "scope = token; score = constant"),
    ],
)
def test_a_param_that_would_fit_where_its_name_is_a_word_is_refused(declared: str, field: str) -> None:
    assert codes(with_field(declared, field)) == ["DNA221"]
    name = declared.split(" ", 1)[0]
    assert good(with_field(declared.replace(name, "mine", 1), re.sub(rf"\b{name}(?=[\]);]|$)", "mine", field)))


def with_field(declared: str, field: str) -> str:
    """A file with a param, and a net in which one field takes what is given."""
    text = net(BODY).replace("net n", f"param {declared}\nnet n")
    if field.startswith("norm"):
        return text.replace("2x)", f"2x, {field})")
    return text.replace("balance = []", field if "balance" in field else f"balance = []; {field}")


@pytest.mark.parametrize(("declared", "field"), [("layer = 2", "norm = layer"), ("aux = 0.5", "balance = [aux(aux)]")])
def test_a_number_that_could_not_stand_there_competes_with_nothing(declared: str, field: str) -> None:
    used = "mlp(gelu, 8 * layer)" if declared.startswith("layer") else "mlp(gelu, 2x)"
    assert good(with_field(declared, field).replace("  head", f"  {used}\n  head"))


def test_the_message_shows_both_places_and_names_a_way_out() -> None:
    text = net("  mlp(gelu, 2x, norm = layer)").replace("net n", "param layer = rms\nnet n")
    (fault,) = checked(text).bag
    assert fault.span is not None
    assert (fault.span.line, [label.span.line for label in fault.labels]) == (6, [2])
    assert "my_layer" in fault.help
    assert "norm=rms" in print_graph(graph(text.replace("layer", "my_layer")))


def test_a_net_named_like_a_quantity_hides_none() -> None:
    first = net(BODY).replace("net n {", "net paths {")
    second = net(f"{BODY}\n  assert paths < 9").removeprefix("dna 1\n")
    assert codes(first + second) == []


def test_a_declared_net_leaves_params_below_it_their_words() -> None:
    text = net(BODY).replace("net n {", "net gelu {")
    other = net("  mlp(act, 2x)").removeprefix("dna 1\n")
    found = good(f"{text}param act = gelu\n{other}", name="n").graph
    assert found.modules[0].parts[0].kind["activation"].name == "gelu"  # type: ignore[union-attr]
