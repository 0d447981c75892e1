"""Weights taken from a run of dnac: what is equal is copied to the bit, and what is not the same thing is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import dnac
from dnac.driver import check
from dnac.ir.printer import print_graph
from dnac.ir.reader import read_graph
from dnac.lowering.network import Network
from dnac.text.diagnostic import Faults
from dnac.text.files import read_source
from dnac.train.adopt import adopt
from dnac.train.prepare import Options

NET = """dna 1
net {name} {{
  input text(context = 8, vocabulary = 32, tokenizer = none)
  embed tokens(16, positions = learned)
{body}
  head lm = unembed(norm = layer)
}}
"""
DENSE = "  repeat 2 { transformer(heads = 2) }"
ROUTE = "  repeat 2 { hop: route nodes by { choose = top(1); weight = raw; balance = [] } }"
POOL = "  pool nodes { a[2] = transformer(heads = 2); b[2] = transformer(heads = 2); skip = identity() }\n" + ROUTE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two dense runs, `first` and `second`, and one of a pool, `routed`."""
    for seed, (name, body) in enumerate({"first": DENSE, "second": DENSE, "routed": POOL}.items()):
        path = tmp_path / f"{name}.dna"
        path.write_text(NET.format(name=name, body=body), encoding="utf-8")
        file = check(read_source(path))
        network = Network(file.nets[0].graph, seed=seed)
        with torch.no_grad():  # gains and biases too are those of this run alone
            for weight in network.parameters():
                weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed)) * 0.1)
        adopt(file.nets[0], file, network, Options(out=tmp_path / name))
    return tmp_path


def written(folder: Path, body: str) -> Path:
    path = folder / "n.dna"
    path.write_text(NET.format(name="n", body=body), encoding="utf-8")
    return path


def started(folder: Path, *inits: str, body: str = POOL) -> Path:
    path = written(folder, body)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.removesuffix("}\n") + "".join(f"  init {i}\n" for i in inits) + "}\n", encoding="utf-8")
    return path


def state(folder: Path, run: str) -> dict[str, Tensor]:
    from dnac.train.run import Run

    network = Run.open(folder / run).network(tell=print)
    return dict(network.state_dict())


def faults(path: Path) -> list[tuple[str, str]]:
    return [(d.code, d.message) for d in check(read_source(path)).bag]


def test_layers_of_two_runs_become_one_pool(folder: Path) -> None:
    inits = ('nodes.a = run("first", of = "transformer")', 'nodes.b = run("second", of = "transformer")')
    made = dnac.load(started(folder, *inits, 'embed = run("first")', 'lm = run("second")')).build(seed=9).state_dict()
    one, two = state(folder, "first"), state(folder, "second")
    for member, source in (("a", one), ("b", two)):
        keys = [key for key in made if key.startswith(f"nodes.{member}.")]
        assert len(keys) == 6
        for key in keys:
            rest = key.removeprefix(f"nodes.{member}.")
            layers = [source[f"transformer.{turn}.{rest}"] for turn in range(2)]
            assert torch.equal(made[key], torch.stack(layers))
    assert torch.equal(made["embed.positions"], one["embed.positions"])
    assert torch.equal(made["lm.norm"], two["lm.norm"]) and torch.equal(made["lm.weight"], two["lm.weight"])


@pytest.mark.parametrize(
    ("of", "taken"), [("nodes.b", [0, 1]), ("nodes.b[1]", [1, 1]), ("nodes.b[0:2]", [0, 1]), ("nodes.b[0:1]", [0, 0])]
)
def test_modules_go_in_order_and_a_single_one_into_all(folder: Path, of: str, taken: list[int]) -> None:
    made = dnac.load(started(folder, f'nodes.a = run("routed", of = "{of}")')).build(seed=9).state_dict()
    source, key = state(folder, "routed"), "mlp.up"
    assert torch.equal(made[f"nodes.a.{key}"], source[f"nodes.b.{key}"][taken])
    untouched = dnac.load(written(folder, POOL)).build(seed=9).state_dict()
    assert all(torch.equal(made[k], untouched[k]) for k in made if not k.startswith("nodes.a."))


def test_turns_of_a_repeat_take_the_modules_of_a_pool(folder: Path) -> None:
    path = started(folder, 'transformer = run("routed", of = "nodes.a")', body=DENSE)
    made, source = dnac.load(path).build(seed=9).state_dict(), state(folder, "routed")
    for turn in range(2):
        assert torch.equal(made[f"transformer.{turn}.attention.qkv"], source["nodes.a.attention.qkv"][turn])


def test_a_run_is_part_of_the_graph(folder: Path) -> None:
    graph = dnac.load(started(folder, 'nodes.a = run("first", of = "transformer")', 'lm = run("first")')).graph
    assert [(p.set, p.file, p.of, p.layers) for p in graph.pretrained] == [
        ("nodes.a", "first", "transformer", (0, 1)),
        ("lm", "first", "lm", ()),
    ]
    assert read_graph(print_graph(graph)) == graph


@pytest.mark.parametrize(
    ("init", "code", "told"),
    [
        ('nodes.a = run("elsewhere")', "DNA754", "there is no such folder"),
        ('nodes.a = run(".")', "DNA754", "no folder that `dnac train` made"),
        ('nodes.a = run("first")', "DNA755", "nothing in it is called `nodes.a`; it has `transformer`, `embed`, `lm`"),
        ('nodes.a = run("routed", of = "nodes.b[1:3]")', "DNA755", "nothing in it is called `nodes.b[1:3]`"),
        ('nodes.a = run("first", of = "lm")', "DNA755", "`lm` is no module"),
        ('nodes.a = run("routed", of = "nodes.skip")', "DNA755", "`nodes.skip` is an identity"),
        ('lm = run("first", of = "embed")', "DNA755", "`embed` is `tokens`, and `lm` is `unembed`"),
        ('transformer = run("first")', "DNA562", "no weights are called `transformer`"),
        ('nodes.a = checkpoint("first", layers = range(0, 2))', "DNA754", "it has no config.json"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_place(folder: Path, init: str, code: str, told: str) -> None:
    path = started(folder, init)
    ((found, message),) = faults(path)
    assert found == code and told in message
    with pytest.raises(Faults):
        dnac.load(path)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            "  pool nodes { a[2] = transformer(heads = 4) }\n",
            "`heads` of `transformer[0].attention` is 2, in the net 4",
        ),
        ("  pool nodes { a[2] = transformer(heads = 2, mlp = relu) }\n", "is gelu, in the net relu"),
        ("  pool nodes { a[2] = transformer(heads = 2, norm = rms) }\n", "is layer, in the net rms"),
        ("  pool nodes { a[2] = attention(heads = 2) }\n", "`attention` and `mlp`, and `nodes.a` `attention`"),
        ("  pool nodes { a[3] = transformer(heads = 2) }\n", "it has 2 of `transformer`, and 3 start from them"),
    ],
)
def test_shapes_alone_do_not_make_modules_alike(folder: Path, body: str, told: str) -> None:
    ((code, message),) = faults(started(folder, 'nodes.a = run("first", of = "transformer")', body=body + ROUTE))
    assert code == "DNA755" and told in message


def test_dropout_and_initial_values_may_differ(folder: Path) -> None:
    body = "  pool nodes { a[2] = transformer(heads = 2, dropout = 10%, init = normal(0.5)) }\n" + ROUTE
    assert not faults(started(folder, 'nodes.a = run("first", of = "transformer")', body=body))


def test_a_wrong_word_for_a_run_is_told_the_right_one(folder: Path) -> None:
    (found,) = check(read_source(started(folder, 'lm = checkpoint("first")'))).bag
    assert found.help == 'it is a run of dnac: write `run("first", of = "...")`'


def test_a_damaged_checkpoint_is_not_used(folder: Path) -> None:
    path = started(folder, 'embed = run("first")')
    weights = folder / "first" / "checkpoints" / "step_0" / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    with pytest.raises(Faults) as raised:
        dnac.load(path).build()
    assert [d.code for d in raised.value.bag] == ["DNA750"]


def test_an_empty_text_starts_from_nothing(folder: Path) -> None:
    assert dnac.load(started(folder, 'embed = run("")')).graph.pretrained == ()
