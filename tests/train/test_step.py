"""One train step: what it changes, what it must never change."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from dnac.data.base import Batch
from dnac.ir.form import form
from dnac.ir.graph import Graph
from dnac.kinds.train import TrainParams
from dnac.lowering.compile import compile_network
from dnac.lowering.network import Network
from dnac.text.diagnostic import Faults
from dnac.train.loop import Training, train_step
from dnac.train.optim import build_optimizer
from dnac.train.settings import resolve
from graphs import tiny_text

SKIP = (form("skip_target", member="skip", share=0.25, per="step", rate=1e-5),)


def training(
    graph: Graph | None = None, dtype: torch.dtype = torch.float32, device: str = "cpu", **changes: object
) -> Training:
    given: dict[str, object] = {
        "data": form("x"),
        "valid": form("y"),
        "batch": form("sequences", n=8),
        "length": form("steps", n=50),
        "lr": 1e-2,
    }
    graph = graph or tiny_text(balance=SKIP)
    settings = resolve(TrainParams(**{**given, **changes}), graph, samples=64)  # type: ignore[arg-type]
    network = Network(graph, dtype=dtype, seed=1, device=device)
    optimizer = build_optimizer(network, graph, settings.train)
    return Training(network, graph, optimizer, settings, dtype=dtype, device=torch.device(device))


def batch(seed: int = 0, ignored: int = 0) -> Batch:
    draw = torch.Generator().manual_seed(seed)
    tokens = torch.randint(0, 256, (8, 13), generator=draw)
    targets = tokens[:, 1:].clone()
    targets[:3, :ignored] = -100
    return Batch(tokens[:, :-1], targets, torch.arange(8) + 8 * seed)


def state(run: Training) -> dict[str, Tensor]:
    moments = {
        f"{key}/{name}": value.clone()
        for name, p in run.network.named_parameters()
        for key, value in run.optimizer.state.get(p, {}).items()
    }
    return {n: t.clone() for n, t in run.network.state_dict().items()} | moments


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> list[str]:
    """Names that differ."""
    return sorted(k for k in a.keys() | b.keys() if k not in a or k not in b or not torch.equal(a[k], b[k]))


def test_the_loss_falls_and_the_report_is_true() -> None:
    run = training()
    updates = [train_step(run, batch()) for _ in range(25)]
    assert updates[-1].loss < updates[0].loss - 1
    assert [u.step for u in updates[:3]] == [1, 2, 3] and run.step == 25 and run.position == 200
    assert sum(int(c) for c in updates[0].counts[0]) == 8 * 12


@pytest.mark.parametrize("ignored", [0, 5])
def test_accumulation_makes_the_update_of_the_big_batch(ignored: int) -> None:
    runs = [training(dtype=torch.float64, accumulate=n) for n in (1, 4)]
    losses = [[train_step(run, batch(i, ignored)).loss for i in range(3)] for run in runs]
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)
    whole, parts = (state(run) for run in runs)
    assert all(torch.allclose(whole[k], parts[k], rtol=1e-9, atol=1e-12) for k in whole)


def test_router_losses_are_averaged_over_micro_batches() -> None:
    graph = tiny_text(balance=(form("aux", weight=0.5),))
    few = batch()
    same_four_times = Batch(few.inputs[:2].repeat(4, 1), few.targets[:2].repeat(4, 1), few.samples)
    runs = [training(graph, dtype=torch.float64, accumulate=n) for n in (1, 4)]
    updates = [train_step(run, same_four_times) for run in runs]
    assert updates[0].router_loss == pytest.approx(updates[1].router_loss, rel=1e-9) != 0
    whole, parts = (state(run) for run in runs)
    assert all(torch.allclose(whole[k], parts[k], rtol=1e-9, atol=1e-12) for k in whole)


def test_biases_move_once_per_update_and_never_at_evaluation() -> None:
    run = training(accumulate=4)
    train_step(run, batch())
    biases = [b for n, b in run.network.named_buffers() if n.endswith("bias")]
    moved = sorted({round(abs(x), 9) for b in biases for x in b.tolist()} - {0.0})
    assert moved == [1e-5], "four micro-batches, one move"
    before = state(run)
    run.network.eval()
    with torch.no_grad():
        run.network(batch().inputs)
    assert same(before, state(run)) == []


def test_clipping_bounds_the_gradient_and_reports_the_norm_before() -> None:
    free, tight = training(clip=None), training(clip=1e-3)
    assert train_step(free, batch()).gradient_norm == train_step(tight, batch()).gradient_norm > 1e-2
    norm = torch.nn.utils.get_total_norm([p.grad for p in tight.network.parameters() if p.grad is not None])
    assert float(norm) == pytest.approx(1e-3, rel=1e-3)


def test_weights_decay_as_they_declare_and_routers_learn_at_their_own_rate() -> None:
    warm_up = form("linear", target=1.0, until=form("steps", n=10))
    run = training(router_lr=0.25, lr=form("schedule", start=0.0, pieces=(warm_up,)))
    train_step(run, batch())
    names = {id(p): n for n, p in run.network.named_parameters()}
    groups = {names[id(p)]: (g["lr"], g["weight_decay"]) for g in run.optimizer.param_groups for p in g["params"]}
    assert groups["nodes.block.mlp.up"] == (0.1, 0.1)
    assert groups["nodes.block.mlp.norm"] == (0.1, 0.0)
    assert groups["hop.0.weight"] == (0.025, 0.1)
    assert set(groups) == {n for n, p in run.network.named_parameters() if p.requires_grad}


def test_routers_whose_rate_is_scheduled_to_nothing_stay_as_they_are_while_the_rest_learns() -> None:
    until = form("step", target=0.0, until=form("steps", n=2))
    run = training(router_lr=form("schedule", start=0.5, pieces=(until,)), length=form("steps", n=4))
    seen = [state(run)]
    for n in range(4):
        train_step(run, batch(n))
        seen.append(state(run))
    routers = [key for key in run.network.router_parameters if key in seen[0]]
    moved = [[key for key in routers if not torch.equal(a[key], b[key])] for a, b in pairwise(seen)]
    assert moved[0] == routers and not moved[2] and not moved[3]
    assert "nodes.block.mlp.up" in same(seen[3], seen[4])


def test_all_but_routers_can_stay_as_they_are_while_routers_learn() -> None:
    until = form("step", target=0.5, until=form("steps", n=2))
    run = training(body_lr=form("schedule", start=0.0, pieces=(until,)), length=form("steps", n=4))
    seen = [state(run)]
    for n in range(4):
        train_step(run, batch(n))
        seen.append(state(run))
    weights = [name for name, p in run.network.named_parameters() if p.requires_grad]
    body = [name for name in weights if name not in run.network.router_parameters]
    moved = [[key for key in weights if not torch.equal(a[key], b[key])] for a, b in pairwise(seen)]
    assert moved[0] and not set(moved[0]) & set(body)
    assert "nodes.block.mlp.up" in moved[3] and "hop.0.weight" in moved[3]
    rates = {group["of_router"]: group["lr"] for group in run.optimizer.param_groups}
    assert rates[False] == rates[True] / 2


def starve(run: Training, slot: int) -> None:
    """Make one module unattractive to every router."""
    for name, buffer in run.network.named_buffers():
        if name.endswith("bias"):
            buffer[slot] = -1e9


@pytest.mark.parametrize("idle", ["hold", "decay"])
def test_an_idle_module_rests_or_decays_as_the_file_says(idle: str) -> None:
    run = training(idle=idle)
    train_step(run, batch())
    starve(run, 2)
    before = state(run)
    tokens = torch.stack(train_step(run, batch(1)).counts)[:, :4].sum(0).tolist()
    after = state(run)
    stacked = [k for k in before if "nodes.block." in k and not k.startswith("step/")]
    rested = [sum(torch.equal(before[k][i], after[k][i]) for k in stacked) for i in range(4)]
    assert len(stacked) == 18 and tokens[2] == 0 and max(tokens) > 0
    assert rested == [18 if idle == "hold" and n == 0 else 0 for n in tokens]


def test_holding_changes_nothing_where_no_module_is_idle() -> None:
    runs = [training(idle=idle) for idle in ("hold", "decay")]
    for run in runs:
        assert all(int(c[:-1].min()) > 0 for c in train_step(run, batch()).counts)
    assert same(state(runs[0]), state(runs[1])) == []


def poison_input(run: Training) -> None:
    run.network.get_parameter("embed.table").data[:, 0] = float("nan")


def poison_module(run: Training) -> None:
    run.network.get_parameter("nodes.block.mlp.down").data[:, 0, 0] = float("inf")


def poison_router(run: Training) -> None:
    run.network.get_parameter("hop.1.weight").data[3, 0] = float("nan")


def poison_head(run: Training) -> None:
    run.network.get_parameter("lm.weight").data[0, 0] = float("-inf")


def poison_gradient(run: Training) -> None:
    def spoil(grad: Tensor) -> Tensor:
        return grad.index_fill(0, torch.tensor([1]), float("inf"))

    run.network.get_parameter("transformer.mlp.up").register_hook(spoil)


SITES: dict[str, tuple[Callable[[Training], None], str, str]] = {
    "embedding": (poison_input, "DNA722", "hop[0]"),
    "module": (poison_module, "DNA7", ""),
    "router": (poison_router, "DNA722", "hop[1]"),
    "head": (poison_head, "DNA720", ""),
    "gradient": (poison_gradient, "DNA721", "transformer.mlp.up"),
}


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("accumulate", [1, 4])
def test_what_is_not_finite_never_reaches_weights_moments_or_biases(site: str, accumulate: int) -> None:
    run = training(accumulate=accumulate)
    train_step(run, batch())
    poison, code, where = SITES[site]
    poison(run)
    before = state(run)
    with pytest.raises(Faults, match=code) as caught:
        train_step(run, batch(1))
    diagnostic: Any = next(iter(caught.value.bag))
    assert "train step 2" in diagnostic.message
    assert where in f"{diagnostic.message} {diagnostic.notes}"
    after = state(run)
    assert [k for k in before if not torch.equal(before[k].nan_to_num(7), after[k].nan_to_num(7))] == []
    assert run.step == 1


def test_bf16_keeps_masters_moments_and_gates_in_float32() -> None:
    run = training()
    run.autocast = torch.bfloat16
    first = train_step(run, batch()).loss
    assert {t.dtype for t in state(run).values()} == {torch.float32}
    exact = train_step(training(), batch()).loss
    assert first != exact and first == pytest.approx(exact, rel=2e-2)


def test_the_same_run_twice_is_the_same_to_the_bit() -> None:
    graph = tiny_text(balance=SKIP, noise=form("jitter", share=0.1))
    states = []
    for _ in range(2):
        run = training(graph)
        for i in range(4):
            train_step(run, batch(i))
        states.append(state(run))
    assert same(*states) == []


@pytest.mark.gpu
@pytest.mark.compiles
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_on_a_gpu_a_train_step_waits_for_the_device_once() -> None:
    run = training(device="cuda")
    run.autocast = torch.bfloat16
    compile_network(run.network)
    before = run.network.state_dict()["hop.0.bias"].clone()
    for seed in range(3):
        train_step(run, batch(seed))
    with warnings.catch_warnings(record=True) as waited:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            train_step(run, batch(3))
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert not torch.equal(run.network.state_dict()["hop.0.bias"], before), "the bias moves"
    places = [str(each.message) for each in waited if "called a synchronizing" in str(each.message)]
    assert len(places) == 1, [f"{each.filename}:{each.lineno}" for each in waited]
