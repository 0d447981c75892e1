"""Balanced hashes: ids are counted in the training data, the emptiest candidate takes the next most frequent one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import dnac
import lowered
from decoding import in_pieces, whole
from dnac import data
from dnac.cli.main import main
from dnac.ir.form import form
from dnac.kinds.declared import tables
from dnac.kinds.score.hash import numbers
from dnac.lowering.network import Network
from dnac.train import assess
from dnac.train.frequencies import assigned, counted, fill_tables
from dnac.train.run import Run
from lowered import error, gradients, network

SPEC = """dna 1
net balanced {
  input text(context = 16, vocabulary = 256, tokenizer = bytes)
  embed tokens(16, positions = learned)
  pool nodes { block[4] = mlp(gelu, 1x) }
  repeat 2 as i {
    hop: route nodes by { score = balanced_hash(seed = i); choose = top(2); weight = uniform; balance = [] }
  }
  head lm = unembed(tied = false, norm = layer)
}
net plain = balanced with { hop.score = hash(seed = 0) }
net pictures {
  input image([8, 8], channels = 1, classes = 10)
  embed patches(16, size = 2, positions = learned)
  pool nodes { block[4] = mlp(gelu, 1x) }
  hop: route nodes by { score = balanced_hash; choose = top(1); weight = one; balance = [] }
  head cls = classify(pool = mean)
}
train balanced {
  data = text("words.txt", split = train); valid = text("words.txt", split = valid)
  batch = sequences(4); length = steps(4); lr = 1e-2; seed = 1; save_every = steps(2)
}
"""


TEXT = form(
    "text",
    path="words.txt",
    split="train",
    valid=0.1,
    packing="stream",
    separator=None,
    field="text",
    pattern="*.txt",
    licence="none",
)


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    draw = torch.Generator().manual_seed(0)
    letters = torch.multinomial(1 / torch.arange(1.0, 41.0), 6000, replacement=True, generator=draw) + 48
    (tmp_path / "words.txt").write_bytes(bytes(letters.tolist()))
    path = tmp_path / "nets.dna"
    path.write_text(SPEC)
    return path


def test_the_next_most_frequent_id_goes_to_the_emptiest_candidate() -> None:
    counts = torch.tensor([3, 10, 0, 4, 4, 1])
    hashes = torch.zeros(6, 3, dtype=torch.int64)
    hashes[1] = torch.tensor([1, 2, 9])  # all are empty: the hash decides
    hashes[3] = torch.tensor([5, 3, 9])  # 2 is not, so 0
    # loads: id 1 -> 2 (10); id 3 -> 0 (4); id 4 -> 1 (4); id 0 -> 0, the first of equals (7); id 5 -> 1 (5)
    assert assigned(counts, hashes).tolist() == [1, 3, 0, 1, 2, 2]


def test_loads_are_more_even_than_those_of_a_hash(spec: Path) -> None:
    net = dnac.load(spec, net="balanced")
    dataset = data.load(TEXT, net.graph.input, spec.parent)
    own = net.build(device="cpu", dtype="float64", lowering="portable", seed=3)
    counts = counted(dataset, 256, is_text=True)
    seen = torch.cat([batch.inputs.flatten() for batch in dataset.sequential(1000)])
    assert counts.tolist() == torch.bincount(seen, minlength=256).tolist()
    fill_tables(own, dataset)
    state = own.state_dict()
    loads = {}
    for key, _ in tables(own.graph):
        table = state[key].long()
        assert ((table > 0) == (counts > 0)).all()
        loads[key] = torch.zeros(5, dtype=torch.int64).index_add(0, table, counts)[1:].double()
    hashed = numbers(0, torch.arange(256), 4).argmax(-1)
    plain = torch.zeros(4, dtype=torch.int64).index_add(0, hashed, counts).double()
    assert len(loads) == 2 and all(load.max() / load.mean() < 1.02 for load in loads.values())
    assert plain.max() / plain.mean() > 1.2
    inputs = next(dataset.sequential(4)).inputs
    with torch.no_grad():
        record = own.eval()(inputs, record=True).record
    for key, step in zip(loads, record, strict=True):
        assert torch.equal(step.ids[..., 0], state[key].long()[inputs] - 1), "the table chooses"


@torch.no_grad()
def test_a_net_that_was_not_trained_and_ids_that_were_not_seen_go_by_the_hash(spec: Path) -> None:
    inputs = torch.randint(256, (3, 16), generator=torch.Generator().manual_seed(0))
    own, plain = (dnac.load(spec, net=name).build(lowering="portable", seed=3) for name in ("balanced", "plain"))
    first, expected = (net(inputs, record=True).record[0].ids for net in (own, plain))
    assert torch.equal(first, expected)


@pytest.mark.parametrize("net", ["balanced", "pictures"])
def test_every_lowering_agrees_with_a_filled_table(spec: Path, net: str) -> None:
    graph = dnac.load(spec, net=net).graph
    inputs = torch.randint(256, (3, 16)) if net == "balanced" else torch.rand(3, 8, 8, 1).double()
    nets = [filled(network(graph, name)) for name in ("reference", lowered.FAST)]
    expected, found = (each(inputs, record=True) for each in nets)
    assert error(found.logits, expected.logits) < 1e-10
    assert all(torch.equal(a.ids, b.ids) for a, b in zip(found.record, expected.record, strict=True))
    wanted = gradients(nets[0], expected)
    assert all(error(own, wanted[name]) < 1e-8 for name, own in gradients(nets[1], found).items())


def filled(own: Network) -> Network:
    """With some table: a part of the ids not seen."""
    for key, size in tables(own.graph):
        own.state_dict()[key].copy_(torch.arange(size) % 5)
    return own


@torch.no_grad()
def test_generating_keeps_to_the_table(spec: Path) -> None:
    own = filled(network(dnac.load(spec, net="balanced").graph)).eval()
    inputs = torch.randint(256, (2, 12), generator=torch.Generator().manual_seed(2))
    read, _ = in_pieces(own, inputs, (5, 1, 6))
    for logits, end in zip(read, (5, 6, 12), strict=True):
        assert error(logits, whole(own, inputs)[:, end - 1]) < 1e-10


@torch.no_grad()
def test_tables_stay_exact_in_any_type(spec: Path) -> None:
    own = filled(dnac.load(spec, net="balanced").build(lowering="portable", seed=3)).to(torch.bfloat16)
    assert {own.state_dict()[key].dtype for key, _ in tables(own.graph)} == {torch.float32}


def test_places_of_images_are_dealt_out_evenly(spec: Path) -> None:
    net = dnac.load(spec, net="pictures")
    own = net.build(lowering="portable", seed=3)
    fill_tables(own, data.load(form("digits", split="train"), net.graph.input, spec.parent))
    [(key, size)] = tables(own.graph)
    assert size == 16 and torch.bincount(own.state_dict()[key].long()).tolist() == [0, 4, 4, 4, 4]


def test_a_run_counts_once_and_keeps_its_table(spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed = ["--plain", "--no-compile", "--device", "cpu", "--lowering", "portable"]
    assert main(["train", f"{spec}:balanced", "--out", str(tmp_path / "run"), *fixed]) == 0
    run = Run.open(tmp_path / "run")
    found = assess.opened(run, (), assess.Exam(), lambda diagnostic: None).network.state_dict()
    fresh = run.spec.build(device="cpu", lowering="portable")
    fill_tables(fresh, data.load(TEXT, fresh.graph.input, spec.parent))
    assert all(found[key].any() and torch.equal(found[key], fresh.state_dict()[key]) for key, _ in tables(fresh.graph))
    # what goes on counts no more: another text changes nothing
    monkeypatch.setattr("dnac.train.start.fill_tables", lambda *_: pytest.fail("counted again"))
    assert main(["train", f"{spec}:balanced", "--out", str(tmp_path / "run"), *fixed, "--resume"]) == 0
