"""What differs between two nets in meaning, and what a checkpoint of one keeps in the other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import golden
from checking import graph
from dnac.cli.main import main
from dnac.ir.graph import Graph, Pretrained
from dnac.schedule.diff import diff
from dnac.schedule.diff_text import render_diff
from dnac.schedule.state import state_shapes

BASE = """dna 1
net a {
  input text(context = 8, vocabulary = 16)
  embed tokens(16, positions = learned)
  mlp(gelu, 4x)
  pool nodes { block[4] = transformer(heads = 2); skip[2] = identity() }
  repeat 3 { hop: route nodes by { choose = top(1); weight = raw; balance = [] } }
  head lm = unembed()
}
"""
B = BASE.replace("net a", "net b")
CASES = {
    "routers": B.replace("top(1)", "top(2)"),
    "sizes": B.replace("tokens(16", "tokens(32").replace("mlp(gelu, 4x)", "mlp(silu, 24)"),
    "members": B.replace("block[4]", "block[6]").replace("repeat 3", "repeat 5"),
    "modules": B.replace("mlp(gelu, 4x)", "front: attention(heads = 2); transformer(heads = 2)"),
    "input": B.replace("vocabulary = 16", "vocabulary = 32").replace("learned", "rope(10k)"),
}  # fmt: skip


def found(other: str) -> dict[str, object]:
    return diff(graph(BASE), graph(other))


@pytest.mark.parametrize("case", CASES)
def test_a_difference_reads_as_in_its_golden(case: str) -> None:
    golden.check(f"diff/{case}.txt", render_diff(found(CASES[case])))


def test_the_json_is_the_golden_one() -> None:
    golden.check("diff/members.json", json.dumps(found(CASES["members"]), indent=2) + "\n")


def test_a_net_equals_itself_whatever_it_is_called_and_however_it_is_written() -> None:
    same = BASE.replace("net a", "net other").replace("\n  mlp(gelu, 4x)", "  # a comment\n\n\n  mlp( gelu , 64)")
    assert found(same)["equal"]
    assert render_diff(found(same)) == "a -> other: equal\n"


@pytest.mark.parametrize("case", CASES)
def test_what_is_added_one_way_is_removed_the_other(case: str) -> None:
    there, back = diff(graph(BASE), graph(CASES[case])), diff(graph(CASES[case]), graph(BASE))
    assert not there["equal"]
    for table in ("shared", "modules", "routers"):
        assert there[table]["added"] == back[table]["removed"]
        assert list(there[table]["changed"]) == list(back[table]["changed"])
    assert there["weights"]["only_a"] == back["weights"]["only_b"]
    assert set(there["weights"]["kept"]) == set(back["weights"]["kept"])


def test_a_checkpoint_keeps_what_keeps_its_name_and_shape() -> None:
    weights = diff(graph(BASE), graph(CASES["members"]))["weights"]
    assert "embed.table" in weights["kept"] and "mlp.mlp.up" in weights["kept"]
    assert weights["reshaped"]["nodes.block.mlp.up"] == [[4, 16, 64], [6, 16, 64]]
    assert weights["reshaped"]["hop.2.weight"] == [[16, 6], [16, 8]]
    assert weights["only_b"] == ["hop.3.weight", "hop.4.weight"] and not weights["only_a"]


def test_the_command_exits_as_diff_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.dna").write_text(BASE)
    (tmp_path / "b.dna").write_text(CASES["routers"])
    a, b = str(tmp_path / "a.dna"), str(tmp_path / "b.dna:b")
    assert main(["diff", a, a]) == 0
    assert main(["diff", a, b]) == 1
    assert "choose top{k=1, groups=-, from_groups=-} -> top{k=2, groups=-, from_groups=-}" in capsys.readouterr().out
    assert main(["diff", a, b, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["equal"] is False
    assert main(["diff", a, str(tmp_path / "none.dna")]) == 1


def networks() -> list[Graph]:
    from random_graphs import random_graph

    return [graph(BASE), *(graph(text) for text in CASES.values()), *(random_graph(seed) for seed in range(20))]


def test_the_shapes_are_those_of_the_state_dict() -> None:
    from dnac.lowering.network import Network

    for each in networks():
        state = Network(each).state_dict()
        assert state_shapes(each) == {key: tuple(tensor.shape) for key, tensor in state.items()}


def test_other_first_weights_are_a_difference() -> None:
    plain = graph(BASE)
    started = replace(plain, pretrained=(Pretrained("nodes.block", "m.gguf", (0, 1, 2, 3)),))
    found = diff(plain, started)
    assert not found["equal"] and found["modules"]["changed"]["nodes.block"]["start"][1].startswith("m.gguf")
    assert diff(started, started)["equal"]
