"""Train steps that are replayed as CUDA graphs: when they are, and that they compute the same."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from torch import Tensor

import dnac
from dnac.cli.commands import train as train_command
from dnac.data.base import Batch
from dnac.ir.form import form
from dnac.kinds.train import TrainParams
from dnac.lowering import warm
from dnac.lowering.compile import compile_network
from dnac.lowering.knobs import knobs
from dnac.lowering.network import Network
from dnac.train import start
from dnac.train.compiling import GRAPH_FLOPS, PASSES, is_worth_recording, why_not_recorded
from dnac.train.loop import Training, train_step
from dnac.train.losses import compiled_loss, summed_loss, tap_weights
from dnac.train.optim import build_optimizer
from dnac.train.prepare import Options, Prepared
from dnac.train.settings import Settings, resolve
from graphs import tiny_text

CUDA = torch.device("cuda")
GIVEN = {
    "data": form("x"),
    "valid": form("y"),
    "batch": form("sequences", n=8),
    "length": form("steps", n=50),
    "lr": 1e-2,
}


def settings(**changes: object) -> Settings:
    return resolve(TrainParams(**{**GIVEN, **changes}), tiny_text(), samples=64)  # type: ignore[arg-type]


def test_steps_of_little_work_are_recorded_and_larger_ones_are_not() -> None:
    plan = {"flops_per_token": {"expected": GRAPH_FLOPS / PASSES / 1000}}
    assert is_worth_recording(plan, 1000) and not is_worth_recording(plan, 1001)


def test_what_hinders_is_said() -> None:
    assert why_not_recorded(1, CUDA, "whole") == ""
    assert "GPU" in why_not_recorded(1, torch.device("cpu"), "whole")
    assert "steps" in why_not_recorded(1, CUDA, "steps")
    assert "micro-batches" in why_not_recorded(4, CUDA, "whole")


@pytest.mark.parametrize(
    ("asked", "began", "is_small"), list(product((None, True, False), (None, True, False), (0, 1)))
)
def test_as_asked_else_as_begun_else_by_the_rule(
    asked: bool | None, began: bool | None, is_small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "pick_device", lambda name: CUDA)
    monkeypatch.setattr(start, "plan", lambda checked: {"flops_per_token": {"expected": 1 if is_small else 1e15}})
    run = None if began is None else SimpleNamespace(resolved={"cuda_graphs": began})
    options = SimpleNamespace(cuda_graphs=asked, device="auto", compile_by=None)
    prepared: Any = SimpleNamespace(settings=settings(), options=options, run=run, checked=None)
    wanted = asked if asked is not None else began if began is not None else bool(is_small)
    assert start.decide_cuda_graphs(prepared) is wanted


def test_asked_for_in_vain_it_is_noted() -> None:
    notes: list[str] = []
    options = SimpleNamespace(cuda_graphs=True, device="cpu", compile_by=None)
    prepared: Any = SimpleNamespace(settings=settings(), options=options, run=None)
    assert not start.decide_cuda_graphs(prepared, SimpleNamespace(note=notes.append))  # type: ignore[arg-type]
    assert notes == ["no CUDA graphs: CUDA graphs run on a GPU, not on cpu"]


@pytest.mark.parametrize("asked", [None, True, False])
@pytest.mark.parametrize("made", [True, False])
def test_a_run_that_starts_from_a_compiled_folder_runs_as_it_was_compiled(
    asked: bool | None, made: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would compile anew, without a word."""
    monkeypatch.setattr(warm, "start_from", lambda folder, graph: "")
    (tmp_path / warm.REPORT).write_text(json.dumps({"by": "whole", "cuda_graphs": made}))
    prepared = Prepared(
        Mock(), Mock(), Options(cuda_graphs=asked), settings(), Mock(), Mock(), {}, tmp_path, tmp_path, None
    )
    options = train_command._started_from(tmp_path, prepared).options
    assert (options.compile, options.compile_by) == (True, "whole")
    assert options.cuda_graphs is (made if asked is None else asked)


def test_a_net_on_a_cpu_or_compiled_by_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="on a GPU"):
        compile_network(Network(tiny_text()), cuda_graphs=True)
    with pytest.raises(ValueError, match="whole"):
        compile_network(Network(tiny_text(), device="meta"), "steps", cuda_graphs=True)


@pytest.mark.parametrize("cuda_graphs", [True, False])
def test_the_compiler_is_told(cuda_graphs: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(torch, "compile", lambda run, **options: told.append(options["options"]) or run)
    compiled_loss(cuda_graphs=cuda_graphs)
    assert told == [{"triton.cudagraphs": True} if cuda_graphs else None]


# --- on a GPU ------------------------------------------------------------------------------------

FRONT = """dna 1
net n {
  input text(context = 32, vocabulary = 256, tokenizer = none)
  embed tokens(64, positions = rope(10k))
  head lm = unembed(tied = true, norm = layer)
"""
NETS = {
    "skips": """
  pool nodes { block[8] = transformer(heads = 2); skip[2] = identity() }
  repeat 4 {
    hop: route nodes by {
      choose = top(2); weight = raw; balance = skip_target(skip, 25%, per = step, rate = 1e-2)
    }
  }
}""",
    "experts": """
  repeat 2 {
    attention(heads = 2)
    pool experts(norm = rms) { ffn[8] = mlp(gelu, 4x) }
    moe: route experts by {
      read = normed; noise = jitter(1%); choose = top(1); limit = capacity(1.25, overflow = pass)
      weight = raw; balance = [aux(0.01)]
    }
  }
}""",
    "chosen tokens": """
  repeat 2 {
    transformer(heads = 2)
    pool deep { block = transformer(heads = 2); skip = identity() }
    depth: route deep by {
      gate = none; choose = top_tokens(25%, member = block, per = sequence)
      decode = predictor(linear, loss = 0.01); weight = raw; balance = []
    }
  }
  assert not_causal(depth)
}""",
    "taps": """
  repeat 3 {
    transformer(heads = 2, dropout = 0.1, layer_dropout = 20%)
    tap lm(loss = schedule(0.5, linear(0.1, 100%)))
  }
  transformer(heads = 2)
}""",
}


def trained(
    name: str, folder: Path, *, compiled: bool = True, cuda_graphs: bool = False
) -> tuple[list[float], dict[str, Tensor]]:
    """Losses and weights of a few updates, each from a batch of its own."""
    torch.compiler.reset()
    (folder / "n.dna").write_text(FRONT + NETS[name], encoding="utf-8")
    graph = dnac.load(folder / "n.dna").graph
    numbers = resolve(TrainParams(**GIVEN), graph, samples=64)  # type: ignore[arg-type]
    device = CUDA if compiled else torch.device("cpu")
    network = Network(graph, "grouped" if compiled else "portable", device, seed=1)
    if compiled:
        compile_network(network, cuda_graphs=cuda_graphs)
    run = Training(
        network,
        graph,
        build_optimizer(network, graph, numbers.train),
        numbers,
        knobs=tuple(schedule for _, _, schedule in knobs(graph)),
        autocast=torch.bfloat16,
        device=device,
        taps=tap_weights(graph),
        summed=compiled_loss(cuda_graphs=cuda_graphs) if compiled else summed_loss,
    )
    draw, losses = torch.Generator().manual_seed(0), []
    for step in range(6 if compiled else 2):
        tokens = torch.randint(0, 256, (8, graph.tokens + 1), generator=draw)
        batch = Batch(tokens[:, :-1], tokens[:, 1:], torch.arange(8) + 8 * step)
        losses.append(train_step(run, batch).loss)
    return losses, {key: value.clone() for key, value in network.state_dict().items()}


@pytest.mark.parametrize("name", NETS)
def test_the_nets_below_train_at_all(name: str, tmp_path: Path) -> None:
    losses, weights = trained(name, tmp_path, compiled=False)
    assert losses[0] != losses[1] and all(bool(value.isfinite().all()) for value in weights.values())


@pytest.mark.gpu
@pytest.mark.parametrize("name", NETS)
def test_a_replayed_step_computes_the_same_to_the_last_bit(name: str, tmp_path: Path) -> None:
    from torch._dynamo.utils import counters

    losses, weights = trained(name, tmp_path)
    counters.clear()
    found, made = trained(name, tmp_path, cuda_graphs=True)
    assert counters["inductor"]["cudagraph_skips"] == 0
    assert counters["inductor"]["cudagraph_recorded_non_static_inputs"] > 0, "nothing was recorded"
    assert found == losses and len(set(losses)) == len(losses)
    assert [key for key in weights if not torch.equal(weights[key], made[key])] == []
