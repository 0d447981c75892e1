from __future__ import annotations

from pathlib import Path

import pytest

from dnac.lsp.definition import definition
from dnac.lsp.document import Document
from editing import SPEC, at_word

TEXT = SPEC.replace("<here>", "assert not_causal(hop)")


def declared(word: str, number: int, text: str = TEXT) -> str:
    """File, line and text of what the n-th `word` was declared as."""
    found = definition(*at_word(text, word, number))
    assert found is not None
    return f"{found.path.name}:{found.at.line}:{found.at.text}"


@pytest.mark.parametrize(
    ("word", "number", "line"),
    [
        ("width", 2, 3),  # a param
        ("hidden", 2, 6),  # a formal
        ("blk", 2, 6),  # a recipe
        ("nodes", 2, 12),  # a pool
        ("tail", 2, 11),  # a module
        ("hop", 2, 14),  # a label inside a repeat, from an assert
        ("hop", 3, 14),  # and from a derivation
        ("hop", 1, 14),  # the declaration itself
    ],
)
def test_a_name_leads_to_its_declaration(word: str, number: int, line: int):
    assert declared(word, number) == f"spec.dna:{line}:{word}"


def test_the_base_of_a_derivation_and_the_net_of_a_train_block():
    text = "dna 1\nnet first { }\nnet second = first with { }\ntrain second { }\n"
    assert declared("first", 2, text) == "spec.dna:2:first"
    assert declared("second", 2, text) == "spec.dna:3:second"


def test_a_member_is_found_behind_its_pool_and_by_its_bare_name():
    text = TEXT.replace("balance = []", "balance = skip_target(skip, 25%, per = step)")
    assert declared("skip", 3, text) == "spec.dna:12:skip"
    text = TEXT.replace("route nodes by {", "route [nodes.big] by {")
    assert declared("big", 2, text) == "spec.dna:12:big"


def test_of_two_pools_the_routed_one_has_the_member():
    text = TEXT.replace("  pool nodes", "  pool others { skip = identity() }\n  pool nodes")
    text = text.replace("balance = []", "balance = skip_target(skip, 25%, per = step)")
    assert declared("skip", 4, text) == "spec.dna:13:skip"


def test_a_recipe_of_a_used_file_and_its_argument():
    assert declared("dna_eq1", 1).startswith("routers.dna:8:dna_eq1")
    assert declared("k = 1", 1).startswith("routers.dna:8:k")


def test_a_use_leads_to_its_file():
    assert declared("std/routers", 1).startswith("routers.dna:1:")


def test_a_file_beside_this_one_is_found(tmp_path: Path):
    (tmp_path / "lib.dna").write_text("dna 1\ndef module two() { mlp(gelu, 4x); mlp(gelu, 4x) }\n")
    text = 'dna 1\nuse "lib.dna"\nnet a {\n  lib.two()\n}\n'
    found = definition(Document(str(tmp_path / "main.dna"), text), text.index("two"))
    assert found is not None
    assert (found.path, found.at.line, found.at.text) == ((tmp_path / "lib.dna").resolve(), 2, "two")


@pytest.mark.parametrize("word", ["transformer", "choose", "net", "64", "of our own"])
def test_what_nobody_declared_leads_nowhere(word: str):
    assert definition(*at_word(TEXT, word)) is None


def test_an_inner_name_hides_an_outer_one():
    text = "dna 1\nparam n = 4\ndef module f(n = 2) { repeat n { attention(heads = n) } }\n"
    assert declared("n)", 1, text) == "spec.dna:3:n"
    assert definition(*at_word(text, "n) }")).at.column == text.splitlines()[2].index("n = 2") + 1  # type: ignore[union-attr]
