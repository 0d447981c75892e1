from __future__ import annotations

import pytest

from dnac.lsp.definition import definition
from dnac.lsp.document import Document
from dnac.lsp.hover import hover
from editing import ROOT, SPEC, at_word

TEXT = SPEC.replace("<here>", "")


def text(word: str, number: int = 1, spec: str = TEXT) -> str:
    """What is shown for the n-th `word`."""
    found = hover(*at_word(spec, word, number))
    assert found is not None
    return found.text


def test_a_pool_member_shows_kind_shape_parameters_and_flops():
    spec = (ROOT / "specs" / "dna_lm_top2_skip.dna").read_text()
    found = text("block", 1, spec)
    assert "block[72] = transformer(heads = 12)" in found
    assert "`[B, 1024, 768]` to `[B, 1024, 768]`" in found
    assert "7,079,424 parameters each, 509,718,528 in all; 15,730,176 FLOPs per token" in found
    assert "`attention.qkv [768, 2304]`" in found


def test_a_route_shows_what_it_chooses_and_costs():
    found = text("hop")
    assert "each token takes 1 of 5, scores `[B, 64, 5]`" in found
    assert "router `hop[0]`: 160 parameters" in found
    assert "FLOPs per token and step" in found


def test_a_net_shows_the_figures_of_the_plan():
    from dnac.schedule.quantities import Quantities

    document = Document("spec.dna", TEXT)
    (net, _) = document.checked.nets
    assert f"{Quantities(net)['params']:,} parameters" in text("a {")


def test_a_declared_module_is_shown_where_it_is_used():
    assert "8,224 parameters" in text("tail", 2)


def test_a_kind_shows_its_meaning_its_fields_and_the_cost_of_this_place():
    found = text("transformer")
    assert "A pre-norm block" in found
    assert "`heads`: whole number, must be written. H, the number of query heads." in found
    assert "`norm`: a word of `norm`, default `layer`" in found
    assert "12,352 parameters each, 49,408 in all" in found


@pytest.mark.parametrize(
    ("word", "number", "wanted"),
    [
        ("top(", 1, "The k largest of gate + bias"),
        ("choose", 1, "Which candidates run."),
        ("positions", 1, "must be written"),
        ("raw", 1, "*(weight)*"),
        ("scale", 1, "A constant factor on all weights."),  # in `with`
        ("repeat", 1, "repeat 12 as t { ... }"),
        ("blk", 2, "A block of our own."),
        ("width", 2, "param width = 32"),
        ("dna_eq1", 1, "DNA, arXiv 2506.22389, eq. 1"),
        ("unembed", 1, "to `[B, 64, 256]`; 8,192 parameters; 16,384 FLOPs per token"),
    ],
)
def test_a_word_is_explained(word: str, number: int, wanted: str):
    assert wanted in text(word, number)


def test_a_word_means_what_it_means_at_its_place():
    """`none` and `linear` are words of several catalogues."""
    spec = TEXT.replace("choose = top(1);", "score = linear; choose = top(1);") + (
        "train a { lr = schedule(0, linear(1e-3, 2%)) }\n"
    )
    assert "*(score)*" in text("linear", 1, spec)
    assert "*(shape)*" in text("linear", 2, spec)


def test_nets_that_agree_are_named_together():
    assert text("transformer").count("parameters each") == 1
    assert "in `a`, `b`:" in text("transformer")


def test_a_faulty_text_still_explains_words():
    assert "A pre-norm block" in text("transformer", 1, TEXT.replace("heads = 4", "heds = 4"))


def test_comments_numbers_and_spaces_show_nothing():
    for word in ("our own", "64", "{ choose"):
        assert hover(*at_word(TEXT, word)) is None


NAMED = """dna 1
net n {
  input text(context = 64, vocabulary = 256)
  embed tokens(32, positions = learned)
  pool mlp { history[4] = transformer(heads = 4); rest = identity() }
  layer: route [mlp] by { choose = top(1); weight = raw; balance = [aux(0.1, per = sequence)]; sees = history }
  sequence: mlp(gelu, 2x, norm = layer)
  head lm = unembed()
}
"""


@pytest.mark.parametrize(
    ("word", "number", "wanted"),
    [
        ("history", 1, "member history[4]"),
        ("history", 2, "*(sees)*"),
        ("layer", 1, "layer: route"),
        ("layer", 2, "*(norm)*"),
        ("mlp", 1, "pool mlp"),
        ("mlp", 2, "pool mlp"),
        ("mlp", 3, "mlp(activation, hidden"),
        ("sequence", 2, "sequence: mlp"),
    ],
)
def test_a_word_of_a_field_is_not_the_name_of_something_else(word: str, number: int, wanted: str):
    assert wanted in text(word, number, NAMED)


def test_nor_does_it_lead_to_a_declaration():
    assert definition(*at_word(NAMED, "history", 2)) is None
    assert definition(*at_word(NAMED, "sequence", 1)) is None
    assert definition(*at_word(NAMED, "mlp", 2)) is not None
