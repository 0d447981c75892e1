"""Controls: each replaces the choices as it says and nothing else, and the network comes back as it was."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import dnac
from dnac import data
from dnac.cli.commands.controls import as_text
from dnac.cli.main import main
from dnac.data.base import IGNORED
from dnac.ir.form import form
from dnac.lowering.network import Network
from dnac.train.assess import Opened
from dnac.train.controls import SUMMARIES, Forced, Seen, controls
from dnac.train.routing import routing_steps

SPEC = """dna 1
net routed {
  input text(context = 16, vocabulary = 11, tokenizer = none)
  embed tokens(16, positions = learned, init = normal(0.5))
  pool nodes { block[3] = transformer(heads = 2, init = normal(0.3)); skip[2] = identity() }
  repeat 2 {
    hop: route nodes by {
      score = linear(init = normal(0.5)); choose = top(2); weight = raw
      balance = [skip_target(skip, 30%, per = step, rate = 1e-3)]
    }
  }
  head lm = unembed(tied = false, norm = layer)
}
net gated {
  input text(context = 16, vocabulary = 11, tokenizer = none)
  embed tokens(16, positions = learned, init = normal(0.5))
  repeat 2 {
    pool depth { block = transformer(heads = 2); wide = mlp(gelu, 1x); keep = identity() }
    hop: route depth by {
      score = linear(init = normal(0.5)); gate = relu_tanh(0.5); choose = nonzero; weight = raw; balance = []
    }
  }
  head lm = unembed(tied = false, norm = layer)
}
net taking {
  input text(context = 16, vocabulary = 11, tokenizer = none)
  embed tokens(16, positions = learned, init = normal(0.5))
  pool deep { block = transformer(heads = 2); skip = identity() }
  hop: route deep by { gate = none; choose = top_tokens(25%, member = block); weight = raw; balance = [] }
  head lm = unembed(tied = false, norm = layer)
  assert not_causal(hop)
}
net halting {
  input text(context = 16, vocabulary = 11, tokenizer = none)
  embed tokens(16, positions = learned, init = normal(0.5))
  router pond {
    score = linear(init = normal(0.07)); gate = sigmoid(0.5); choose = accumulate(0.9); weight = halting; sees = copied
    balance = []
  }
  repeat 8 { transformer(heads = 2, init = normal(0.3)); halt by pond }
  head lm = unembed(tied = false, norm = layer)
}
net dense {
  input text(context = 16, vocabulary = 11, tokenizer = none)
  embed tokens(16, positions = learned)
  transformer(heads = 2)
  head lm = unembed(tied = false)
}
train routed {
  data = lookups(train, depth = 2, values = 5, tables = 5, samples = 20)
  valid = lookups(valid, depth = 2, values = 5, tables = 5, samples = 20)
  batch = sequences(8); length = steps(3); lr = 1e-2; seed = 1
}
train dense {
  data = lookups(train, depth = 2, values = 5, tables = 5, samples = 20)
  valid = lookups(valid, depth = 2, values = 5, tables = 5, samples = 20)
  batch = sequences(8); length = steps(1); lr = 1e-2; seed = 1
}
"""
WORDS = form("lookups", split="valid", depth=2, values=5, tables=5, copies=2, samples=20, seed=0)


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("controls") / "nets.dna"
    path.write_text(SPEC)
    return path


@pytest.fixture
def held(spec: Path) -> Opened:
    """A net that was not trained, with biases that shift its choices."""
    network: Network = dnac.load(spec, net="routed").build(device="cpu", dtype="float64", lowering="portable", seed=3)
    for name, buffer in network.named_buffers():
        if name.endswith(".bias"):
            buffer.copy_(torch.linspace(0.2, -0.2, len(buffer)))
    dataset = data.load(WORDS, network.graph.input, spec.parent)
    return Opened(network.eval(), dataset, 20, None, None, torch.zeros(2, dtype=torch.int64))


def choices(held: Opened, name: str) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """The first batch: what the routers want, what the control makes of it, and the token ids."""
    batch = next(held.dataset.sequential(8))
    wanted = tuple(step.wanted for step in held.network(batch.inputs, record=True, samples=batch.samples).record)
    seen = Seen(held, routing_steps(held.network.graph))
    return list(wanted), list(seen.maker(name)(batch.inputs, batch.samples, wanted)), batch.inputs


@torch.no_grad()
def test_forced_with_the_learned_choices_is_the_learned_network(held: Opened) -> None:
    batch = next(held.dataset.sequential(8))
    same = Forced(held.network, lambda inputs, samples, wanted: wanted)
    plain = held.network(batch.inputs, samples=batch.samples).logits
    assert torch.equal(same(batch.inputs, samples=batch.samples).logits, plain)


@torch.no_grad()
def test_what_was_seen_of_a_batch_is_not_asked_again(held: Opened) -> None:
    seen = Seen(held, routing_steps(held.network.graph))
    asked: list[int] = []
    watch = held.network.register_forward_pre_hook(lambda *_: asked.append(1))
    with_and_without = [
        replace(held, network=Forced(held.network, seen.maker("shuffled"), known)).measure()
        for known in (seen.known, None)
    ]
    watch.remove()
    assert with_and_without[0] == with_and_without[1]
    batches = len(list(held.dataset.sequential(held.batch_size)))
    assert len(asked) == batches + 2 * batches
    shorter = replace(held, batch_size=held.batch_size // 2)  # these begin with the same sample, and are other batches
    made = [Forced(held.network, seen.maker("shuffled"), known) for known in (seen.known, None)]
    assert replace(shorter, network=made[0]).measure() == replace(shorter, network=made[1]).measure()


def test_random_choices_differ_within_a_token_and_are_even(held: Opened) -> None:
    _, made, _ = choices(held, "random")
    assert all((m[..., 0] != m[..., 1]).all() for m in made)
    loads = torch.bincount(torch.cat([m.flatten() for m in made]), minlength=5)
    assert loads.min() > 0.75 * loads.float().mean() and loads.max() < 1.25 * loads.float().mean()
    assert not torch.equal(made[0], made[1]), "steps are drawn apart"


def test_shuffled_choices_keep_the_load_of_every_step(held: Opened) -> None:
    wanted, made, _ = choices(held, "shuffled")
    for before, after in zip(wanted, made, strict=True):
        assert Counter(map(tuple, before.flatten(0, 1).tolist())) == Counter(map(tuple, after.flatten(0, 1).tolist()))
        assert not torch.equal(before, after)


def test_a_hash_gives_equal_ids_equal_choices(held: Opened) -> None:
    _, made, ids = choices(held, "hash")
    table: dict[int, set[tuple[int, ...]]] = {}
    for token, row in zip(ids.flatten().tolist(), made[0].flatten(0, 1).tolist(), strict=True):
        table.setdefault(token, set()).add(tuple(row))
    assert all(len(rows) == 1 for rows in table.values()) and len({*map(tuple, table.values())}) > 3


def test_the_constant_path_is_the_one_that_most_tokens_take(held: Opened) -> None:
    paths: Counter[tuple[int, ...]] = Counter()
    for batch in held.dataset.sequential(20):
        record = held.network(batch.inputs, record=True, samples=batch.samples).record
        rows = torch.cat([step.wanted.sort(-1).values for step in record], -1).flatten(0, 1)
        paths.update(map(tuple, rows.tolist()))
    _, made, _ = choices(held, "constant")
    assert torch.cat(made, -1).flatten(0, 1).unique(dim=0).tolist() == [list(paths.most_common(1)[0][0])]


def test_the_choice_by_token_is_that_of_most_of_its_tokens(held: Opened) -> None:
    _, made, ids = choices(held, "token")
    per: dict[int, Counter[tuple[int, ...]]] = {}
    for batch in held.dataset.sequential(20):
        step = held.network(batch.inputs, record=True, samples=batch.samples).record[1]
        for token, row in zip(batch.inputs.flatten().tolist(), step.wanted.flatten(0, 1).tolist(), strict=True):
            per.setdefault(token, Counter())[tuple(sorted(row))] += 1
    for token, row in zip(ids.flatten().tolist(), made[1].flatten(0, 1).tolist(), strict=True):
        assert per[token][tuple(row)] == max(per[token].values())


def test_all_controls_are_measured_and_the_network_is_as_it_was(held: Opened, spec: Path) -> None:
    before = {key: value.clone() for key, value in held.network.state_dict().items()}
    fresh = dnac.load(spec, net="routed").build(device="cpu", dtype="float64", lowering="portable", seed=9).state_dict()
    found = controls(held, fresh)
    rows = {row["control"]: row for row in found["controls"]}
    assert list(rows) == list(SUMMARIES) and rows["learned"]["loss_change"] == 0
    assert rows["learned"]["loss"] == pytest.approx(held.measure()["loss"])
    whole = 20 * 16
    assert found["paths"]["tokens"] == whole
    assert all(torch.equal(before[key], value) for key, value in held.network.state_dict().items())
    for key in fresh:
        if key.startswith("hop"):
            held.network.state_dict()[key].copy_(fresh[key])
    assert held.measure()["loss"] == pytest.approx(rows["untrained"]["loss"], rel=1e-12)


@pytest.mark.parametrize("net", ["gated", "taking"])
def test_where_a_token_takes_any_number_random_choices_keep_the_loads(spec: Path, net: str) -> None:
    network: Network = dnac.load(spec, net=net).build(device="cpu", dtype="float64", lowering="portable", seed=3)
    dataset = data.load(WORDS, network.graph.input, spec.parent)
    held = Opened(network.eval(), dataset, 20, None, None, torch.zeros(2, dtype=torch.int64))
    batch = next(dataset.sequential(20))
    wanted = tuple(step.wanted for step in network(batch.inputs, record=True, samples=batch.samples).record)
    seen = Seen(held, routing_steps(network.graph))
    made = seen.maker("random")(batch.inputs, batch.samples, wanted)
    for before, after in zip(wanted, made, strict=True):
        learned, drawn = (
            torch.stack([(ids == slot).any(-1) for slot in range(before.max() + 1)]).double() for ids in (before, after)
        )
        assert (learned.mean((1, 2)) - drawn.mean((1, 2))).abs().max() < 0.08
        assert 0.05 < learned.mean() < 0.95 and not torch.equal(learned, drawn)
    hashed = seen.maker("hash")(batch.inputs, batch.samples, wanted)[0]
    rows = {(int(t), tuple(row)) for t, row in zip(batch.inputs.flatten(), hashed.flatten(0, 1).tolist(), strict=True)}
    assert len(rows) == len(batch.inputs.unique()), "one set of modules for each id"


def test_tokens_that_halt_are_dealt_out_with_their_whole_paths(spec: Path) -> None:
    """Each token leaves where another did, no one is asked behind that, and steps that none reaches stay empty."""
    network: Network = dnac.load(spec, net="halting").build(device="cpu", dtype="float64", lowering="portable", seed=3)
    dataset = data.load(WORDS, network.graph.input, spec.parent)
    held = Opened(network.eval(), dataset, 20, None, None, torch.zeros(2, dtype=torch.int64))
    batch = next(dataset.sequential(20))
    wanted = tuple(step.wanted for step in network(batch.inputs, record=True, samples=batch.samples).record)
    assert (wanted[-1] == -2).all() and any(len(w.unique()) == 3 for w in wanted), "all leave, not all at once"
    seen = Seen(held, routing_steps(network.graph))
    made = {name: seen.maker(name)(batch.inputs, batch.samples, wanted) for name in ("shuffled", "token", "random")}
    paths = Counter(map(tuple, torch.cat(wanted, -1).flatten(0, 1).tolist()))
    dealt = torch.cat(made["shuffled"], -1)
    assert Counter(map(tuple, dealt.flatten(0, 1).tolist())) == paths and not torch.equal(dealt, torch.cat(wanted, -1))
    assert set(map(tuple, torch.cat(made["token"], -1).flatten(0, 1).tolist())) <= set(paths)
    assert (made["random"][-1] == -1).all()
    forced = network(batch.inputs, record=True, routes=made["shuffled"]).record
    for step, dealt_out in zip(forced, made["shuffled"], strict=True):
        assert torch.equal(step.ids == 0, dealt_out == 0), "who leaves is who was told to"


def test_paths_before_training_are_those_of_the_first_weights(held: Opened, spec: Path) -> None:
    fresh = dnac.load(spec, net="routed").build(device="cpu", dtype="float64", lowering="portable", seed=9)
    found = controls(held, fresh.state_dict(), ["constant"])
    alone = Opened(fresh.eval(), held.dataset, 20, None, None, torch.zeros(2, dtype=torch.int64))
    assert found["paths_initial"] == Seen(alone, routing_steps(fresh.graph)).statistics()
    assert found["paths_initial"]["entropy"] != found["paths"]["entropy"]
    assert "before training" in as_text({**found, "data": "d", "data_sha256": "0" * 64, "step": 1})


def test_a_record_of_padding_is_not_what_is_measured(held: Opened) -> None:
    batch = next(held.dataset.sequential(20))
    found: dict[str, Any] = held.measure()
    assert found["targets"] == int((batch.targets != IGNORED).sum())


def test_the_command_prints_a_table_or_json_and_refuses_a_net_without_routers(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for net in ("routed", "dense"):
        words = ["train", f"{spec}:{net}", "--out", str(tmp_path / net), "--plain", "--no-compile", "--device", "cpu"]
        assert main(words) == 0
    capsys.readouterr()
    assert main(["controls", str(tmp_path / "routed"), "--device", "cpu", "--json", "--only", "constant"]) == 0
    found = json.loads(capsys.readouterr().out)
    learned, constant = found["controls"]
    assert (learned["control"], constant["control"]) == ("learned", "constant")
    assert constant["loss_change"] == constant["loss"] - learned["loss"]
    assert len(found["paths"]["steps"]) == 2
    text = as_text(found)
    assert "nats" in text and SUMMARIES["constant"] in text
    assert main(["controls", str(tmp_path / "dense"), "--device", "cpu"]) == 2
    assert "no routing step" in capsys.readouterr().err
