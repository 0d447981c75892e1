"""Residual ratios: as their formula says, alike for a step and for a member of a pool, and the table that is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import dnac
from dnac.cli.main import main
from dnac.report.base import Material
from dnac.report.views.residuals import VIEW
from dnac.train.profile import least, profile

SPEC = """dna 1
net dense {
  input text(context = 8, vocabulary = 256, tokenizer = bytes)
  embed tokens(16, positions = none)
  repeat 2 { block: mlp(gelu, 2x) }
  head lm = unembed()
}
net routed {
  input text(context = 8, vocabulary = 256, tokenizer = bytes)
  embed tokens(16, positions = none)
  pool layers { block[2] = mlp(gelu, 2x); out = exit() }
  router hub {
    read = [h, last]; choose = top(1); weight = one; grad = ste; balance = []; start = sequential(block, margin = 4)
  }
  repeat 3 { hop: route layers by hub }
  head lm = unembed()
}
train dense {
  data = stdlib_text(split = "train"); valid = stdlib_text(split = "valid")
  batch = sequences(2); length = steps(1); lr = 1e-3
}
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("profile") / "p.dna"
    file.write_text(SPEC)
    return file


def ids() -> torch.Tensor:
    return torch.randint(0, 256, (2, 8), generator=torch.Generator().manual_seed(2))


def test_the_ratio_is_that_of_the_increment_to_the_stream(path: Path) -> None:
    network = dnac.load(path, net="dense").build(level="O1", dtype="float64", seed=1)
    found = profile(network, [ids()])
    state = network.state_dict()
    x = state["embed.table"][ids()]
    for layer, row in enumerate(found.rows()):
        normed = torch.nn.functional.layer_norm(x, (16,)) * state[f"block.{layer}.mlp.norm"]
        d = (
            torch.nn.functional.gelu(normed @ state[f"block.{layer}.mlp.up"], approximate="tanh")
            @ state[f"block.{layer}.mlp.down"]
        )
        ratios = (d.norm(dim=-1) / x.norm(dim=-1)).flatten()
        assert row["name"] == f"block[{layer}].mlp" and row["tokens"] == 16
        assert row["mean"] == pytest.approx(float(ratios.mean()), rel=1e-5)
        assert row["median"] == pytest.approx(float(ratios.sort().values[round(0.5 * 15)]), rel=1e-5)
        assert found.tokens()[row["name"]] == pytest.approx(ratios[:8].tolist(), rel=1e-5)
        x = x + d
        share = (d.norm(dim=-1) / x.norm(dim=-1)).flatten().sort().values[round(0.5 * 15)]
        assert row["share"] == pytest.approx(float(share), rel=1e-5)


def test_members_of_a_pool_have_the_ratios_of_their_tokens(path: Path) -> None:
    dense, pool = (dnac.load(path, net=name).build(level="O1", seed=1) for name in ("dense", "routed"))
    state = pool.state_dict()
    with torch.no_grad():
        for name in ("norm", "up", "down"):
            state[f"layers.block.mlp.{name}"].copy_(
                torch.stack([dense.state_dict()[f"block.{i}.mlp.{name}"] for i in range(2)])
            )
        state["embed.table"].copy_(dense.state_dict()["embed.table"])
    one, two = profile(dense, [ids()]).rows(), profile(pool, [ids()]).rows()
    assert [row["name"] for row in two] == ["hop[0]: layers.block[0].mlp", "hop[1]: layers.block[1].mlp"]
    for a, b in zip(one, two, strict=True):
        assert a["median"] == pytest.approx(b["median"], rel=1e-5) and a["tokens"] == b["tokens"]
    routes = [torch.zeros(2, 8, 1, dtype=torch.int64), torch.full((2, 8, 1), 2), torch.full((2, 8, 1), -1)]
    routes[0][0, :3] = 1
    split = profile(pool, [ids()], routes=tuple(routes))
    assert {row["name"]: row["tokens"] for row in split.rows()} == {
        "hop[0]: layers.block[0].mlp": 13, "hop[0]: layers.block[1].mlp": 3,
    }  # fmt: skip
    assert [r is None for r in split.tokens()["hop[0]: layers.block[0].mlp"]] == [True] * 3 + [False] * 5
    own = profile(dense, [ids()]).tokens()["block[0].mlp"]
    assert split.tokens()["hop[0]: layers.block[0].mlp"][3:] == pytest.approx(own[3:], rel=1e-5)


def test_a_token_with_several_choices_has_one_ratio_a_branch(path: Path) -> None:
    two = ["hub.choose=top(2)", "hub.read=[h]", "hub.start=none"]
    network = dnac.load(path, net="routed", settings=two).build(level="O1", seed=1)
    routes = torch.full((2, 8, 2), -1)
    routes[0, 2] = torch.tensor([1, 0])
    routes[0, 5, 1] = 1
    found = profile(
        network, [ids()], routes=(routes, torch.full_like(routes, -1), torch.full_like(routes, -1))
    ).tokens()
    ran = {name: [at for at, ratio in enumerate(row) if ratio is not None] for name, row in found.items()}
    assert ran == {"hop[0]: layers.block[0].mlp": [2], "hop[0]: layers.block[1].mlp": [2, 5]}
    assert {len(row) for row in found.values()} == {8}


def test_the_least_layers_are_those_of_the_smallest_sum() -> None:
    rows = [{"site": s, "median": m} for s, m in (("a", 0.1), ("a", 0.5), ("b", 0.3), ("c", 0.4))]
    assert list(least(rows, 2)) == ["b", "c"]


def test_the_command_shows_a_table_json_and_a_picture(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["profile", f"{path}:dense", "--batches", "1", "--batch-size", "2", "--device", "cpu"]
    assert main([*given, "-o", str(tmp_path / "p.html")]) == 0
    table = capsys.readouterr().out
    assert "|increment| / |stream|" in table and "block[1]" in table
    assert "What each layer changes" in (tmp_path / "p.html").read_text()
    assert main([*given, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in found["branches"]] == ["block[0].mlp", "block[1].mlp"]
    assert VIEW.render(Material(dnac.load(path, net="dense").graph)) is None
    assert main(["profile", f"{path}:routed"]) == 2
