"""The door for Python: load a file, choose a net, change settings, keep its asserts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import dnac
from dnac.text.diagnostic import Faults

TEXT = """dna 1
param width = 16
net first {
  input text(context = 8, vocabulary = 256)
  embed tokens(width, positions = none)
  pool nodes { block[4] = transformer(heads = 2); skip = identity() }
  repeat 2 { hop: route nodes by { choose = top(1); weight = raw; balance = [] } }
  head lm = unembed(tied = false)
  assert params < 22k
  assert flops_per_token.max < 100k
}
net second = first with { hop.choose = top(2) }
"""


PARAMS_OF_WIDTH_32 = 2 * 256 * 32 + 4 * (12 * 32 * 32 + 2 * 32) + 2 * 32 * 5
"""Embed and head, four blocks, two routers over five candidates."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "two.dna"
    path.write_text(TEXT)
    return path


def test_a_net_is_named_in_the_path_or_beside_it(file: Path) -> None:
    assert dnac.load(f"{file}:second").graph == dnac.load(file, net="second").graph
    assert dnac.load(file, "first").graph != dnac.load(file, "second").graph


def test_several_nets_without_a_choice_are_named(file: Path) -> None:
    with pytest.raises(ValueError, match="has the nets first, second"):
        dnac.load(file)


def test_a_file_whose_name_holds_a_colon_can_be_loaded(tmp_path: Path) -> None:
    path = tmp_path / "a:b"
    path.write_text(TEXT)
    assert dnac.load(str(path), "first").name == "first"


def test_settings_change_the_net(file: Path) -> None:
    spec = dnac.load(f"{file}:first", settings=["hop.choose=top(3)"])
    assert spec.plan()["paths"] == 10**2


def test_an_assert_that_fails_shows_the_number(file: Path) -> None:
    with pytest.raises(Faults) as raised:
        dnac.load(f"{file}:first", settings=["width=32"])
    (fault, *_) = raised.value.bag
    assert fault.code == "DNA319"
    assert fault.span is not None and fault.span.text == "params < 22k"
    assert fault.label == f"params is {PARAMS_OF_WIDTH_32:,}"


def test_faults_are_raised_together(tmp_path: Path) -> None:
    path = tmp_path / "bad.dna"
    path.write_text(TEXT.replace("weight = raw", "weight = raww").replace("tied = false", "tied = 3"))
    with pytest.raises(Faults) as raised:
        dnac.load(path, "first")
    assert len(raised.value.bag.items) >= 2


def test_a_spec_knows_its_schedule_verdicts_and_training(file: Path) -> None:
    spec = dnac.load(f"{file}:first")
    assert spec.schedule.name == "first"
    assert spec.verdicts["train"].causal is True
    assert spec.train is None


def test_loading_and_planning_need_no_torch(file: Path) -> None:
    heavy = "[m for m in ('torch', 'numpy', 'networkx') if m in sys.modules]"
    program = f"import sys, dnac; dnac.load({str(file)!r}, 'first').plan(); print({heavy})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
