"""Embeds and heads that a changed value names are those of the net that is changed, which stand above the place."""

from __future__ import annotations

from pathlib import Path

import pytest

import dnac
from dnac.ir.form import Form
from dnac.text.diagnostic import Faults

SPEC = """dna 1
{above}
net base {{
  input text(context = 8, vocabulary = 256, tokenizer = bytes)
  embed table = tokens(16, positions = learned)
  head lm = unembed(tied = false)
  repeat 2 {{
    transformer(heads = 2)
    way: halt by {{ score = confidence(lm); choose = threshold(0.5); when = eval }}
  }}
}}
{below}
"""


def load(folder: Path, net: str, *settings: str, above: str = "", below: str = "") -> dnac.Spec:
    (folder / "n.dna").write_text(SPEC.format(above=above, below=below))
    return dnac.load(folder / "n.dna", net, settings)


def score(spec: dnac.Spec) -> Form:
    found = spec.graph.routers[0].fields["score"]
    assert isinstance(found, Form)
    return found


def test_a_derived_net_and_a_setting_name_a_head(tmp_path: Path) -> None:
    derived = "net taught = base with { way.score = agreement(lm) }"
    for spec in (
        load(tmp_path, "taught", below=derived),
        load(tmp_path, "base", "way.score=agreement(lm)", below=derived),
    ):
        assert score(spec).name == "agreement" and score(spec)["head"] == "lm"


def test_a_derived_net_and_a_setting_name_an_embed(tmp_path: Path) -> None:
    derived = "net again = base with { lm.table = table }"
    plain, tied, set_ = (
        load(tmp_path, "base", below=derived),
        load(tmp_path, "again", below=derived),
        load(tmp_path, "base", "lm.table=table", below=derived),
    )
    heads = [spec.graph.shared[-1].kind for spec in (plain, tied, set_)]
    assert heads[0]["table"] is None and heads[1]["table"] == heads[2]["table"] is not None


def test_a_word_that_is_no_head_of_it_is_told_with_the_heads_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(Faults) as told:
        load(tmp_path, "base", "way.score=agreement(lx)")
    assert [(d.code, d.help) for d in told.value.bag] == [("DNA558", "name `lm`")]


def test_a_value_of_the_file_with_that_name_is_what_the_file_means(tmp_path: Path) -> None:
    above, below = "param lm = 3", "net taught = base with { way.score = agreement(lm) }"
    with pytest.raises(Faults) as told:
        load(tmp_path, "taught", above=above, below=below)
    assert "DNA558" in {d.code for d in told.value.bag}
