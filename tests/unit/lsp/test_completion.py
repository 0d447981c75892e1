from __future__ import annotations

import pytest

from dnac import catalogue
from dnac.lsp.completion import Item, complete
from editing import SPEC, in_net, with_cursor

MODULES = list(catalogue.names("module"))
CHOICES, BALANCES = list(catalogue.names("choose")), list(catalogue.names("balance"))


def items(statement: str) -> list[Item]:
    """What is offered at the cursor of a statement in the net."""
    return complete(*in_net(statement))


def labels(statement: str) -> list[str]:
    """Their labels."""
    return [item.label for item in items(statement)]


@pytest.mark.parametrize(
    "statement", ["|", "tr|", "x: |", "repeat 3 { |", "module m = |", "pool p { a = |", "route [|"]
)
def test_kinds_stand_where_a_module_may(statement: str):
    assert labels(statement)[: len(MODULES)] == MODULES
    assert "blk" in labels(statement)


def test_a_statement_may_also_be_a_declaration_or_a_name():
    found = labels("|")
    assert {"router", "repeat", "route", "tail"} <= set(found)
    assert "nodes" not in found
    assert "net" not in found


@pytest.mark.parametrize(
    ("statement", "wanted"),
    [
        ("embed |", ["patches", "tokens"]),
        ("head h = |", ["classify", "unembed"]),
        ("mlp(|", ["geglu", "gelu", "relu", "silu", "swiglu"]),
        ("attention(heads = 4, norm = |", ["layer", "none", "rms"]),
        ("attention(heads = 4, causal = |)", ["true", "false"]),
        ("route nodes by { choose = |", CHOICES),
        ("route nodes by { balance = [|] }", BALANCES),
        ("route nodes by { balance = [skip_target(|", ["big", "skip"]),
        ("route nodes by { always = |", ["big", "skip"]),
        ("route nodes.|", ["big", "skip"]),
        ("route |", ["nodes"]),
        ("route nodes by lib.|", ["dna_eq1", "dna_code", "switch"]),
    ],
)
def test_the_values_of_a_field_come_first(statement: str, wanted: list[str]):
    assert labels(statement)[: len(wanted)] == wanted


def test_fields_that_are_given_are_not_offered_again():
    found = labels("attention(heads = 4, |)")
    assert "heads" not in found
    assert found[:2] == ["kv_heads", "norm"]
    inside = labels("route nodes by { choose = top(1); |; weight = raw }")
    assert "score" in inside
    assert not {"choose", "weight"} & set(inside)


def test_a_field_is_written_with_its_equals_sign_and_explained():
    (item,) = [i for i in items("attention(|)") if i.label == "heads"]
    assert (item.insert, item.detail) == ("heads = ", "whole number")
    assert "number of query heads" in item.text


def test_arguments_of_a_recipe_are_offered():
    assert labels("blk(|)")[0] == "hidden"


def test_names_are_offered_below_their_declaration_only():
    assert "tail" in labels("|")
    text = SPEC.replace("<here>", "").replace("  module tail", "  |\n  module tail")
    assert "tail" not in [i.label for i in complete(*with_cursor(text))]


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ("hop.|", {"choose", "weight", "balance"}),
        ("hop.choose = |", {"top", "all"}),
        ("|", {"hop", "nodes", "final", "tail"}),
        ("train.|", {"lr", "batch"}),
    ],
)
def test_a_derivation_offers_what_its_base_has(settings: str, wanted: set[str]):
    text = SPEC.replace("<here>", "").replace("hop.scale = 2", settings)
    assert wanted <= {i.label for i in complete(*with_cursor(text))}


def test_a_train_block_offers_its_fields_and_their_values():
    text = SPEC.replace("<here>", "")
    assert "eval_every" in [i.label for i in complete(*with_cursor(text + "train a { | }"))]
    assert [i.label for i in complete(*with_cursor(text + "train a { idle = | }"))][:2] == ["hold", "decay"]
    lr = [i.label for i in complete(*with_cursor(text + "train a { lr = schedule(0, |"))]
    assert lr[:5] == ["cosine", "exponential", "hold", "linear", "step"]


def test_a_file_begins_with_items():
    found = [i.label for i in complete(*with_cursor("dna 1\n|"))]
    assert found == ["use", "param", "def", "net", "train"]


def test_a_use_offers_files_in_place_of_the_text():
    (item,) = [i for i in complete(*with_cursor('dna 1\nuse "st|"\n')) if i.label == '"std/routers.dna"']
    assert item.replaces is not None
    assert item.replaces.text == '"st"'


@pytest.mark.parametrize("statement", ["# a |", "repeat 12|", 'tap "x|"'])
def test_nothing_is_offered_in_comments_numbers_and_texts(statement: str):
    assert items(statement) == []


def test_no_place_of_a_text_or_of_its_beginnings_is_too_much():
    text = SPEC.replace("<here>", "")
    for end in range(0, len(text), 7):
        complete(*with_cursor(text[:end] + "|"))
        complete(*with_cursor(text[:end] + "|" + text[end:]))
