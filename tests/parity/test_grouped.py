"""The grouped lowering against the reference: on a GPU in bfloat16, or in float32 under Triton's interpreter."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest
import torch

import graphs
from dnac import catalogue
from dnac.ir.form import form
from dnac.ir.graph import Graph, Part
from dnac.text.diagnostic import Faults
from lowered import MLP, SKIP, error, gradients, ids, inputs_for, network, routed

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"

pytestmark = [
    *([] if INTERPRETED else [pytest.mark.gpu]),
    pytest.mark.skipif(not (INTERPRETED or torch.cuda.is_available()), reason="no CUDA device on this machine"),
]

DEVICE, DTYPE = ("cpu", torch.float32) if INTERPRETED else ("cuda", torch.bfloat16)
ROPE = form("rope", base=100.0)


def wide(**changes: object) -> Part:
    """Attention whose heads the kernel serves."""
    return Part("attention", graphs.attention(**{"width": 64, **changes}))


BLOCK = ("x", 3, (wide(), Part("mlp", graphs.mlp())))
UNLIKE = [BLOCK, ("a", 2, (wide(window=3, bias=True),)), ("m", 2, (Part("mlp", graphs.mlp(bias=True)),)), SKIP]

CASES: dict[str, dict[str, Any]] = {
    "top1": {"groups": [BLOCK, SKIP]},
    "top2": {"groups": [BLOCK, SKIP], "choose": form("top", k=2)},
    "in_branch": {"groups": [BLOCK, SKIP], "choose": form("top", k=2), "combine": form("in_branch")},
    "unlike": {"groups": UNLIKE, "choose": form("top", k=3)},
    "all": {"groups": UNLIKE, "choose": form("all")},
    "bidirectional": {"groups": [("x", 2, (wide(causal=False, positions=ROPE, kv_heads=1), *MLP)), SKIP], "steps": 3},
    "narrow heads": {"groups": [("x", 2, (Part("attention", graphs.attention()), *MLP)), SKIP]},
    "pool norm": {"groups": [("m", 4, MLP)], "norm": form("rms"), "choose": form("top", k=2)},
    "sees module": {"groups": [BLOCK, SKIP], "sees": form("module")},
    "sees first": {"groups": [BLOCK, SKIP], "sees": form("first")},
    "sees everyone": {"groups": [BLOCK, SKIP], "sees": form("everyone")},
    "sees history": {"groups": [BLOCK, SKIP], "sees": form("history")},
    "fixed": {"groups": [BLOCK], "choose": form("fixed", index=1), "weight": form("one"), "grad": form("none")},
    "backbone": {"groups": [BLOCK, SKIP], "backbone": (wide(positions=ROPE), *MLP)},
    "odd": {"groups": [BLOCK, SKIP], "tokens": 7, "choose": form("top", k=2), "shared_router": True},
}


@pytest.mark.parametrize("case", list(CASES))
def test_it_errs_at_most_twice_as_much_as_the_reference_in_the_same_type(case: str) -> None:
    graph = routed(**CASES[case])
    require_close(graph, inputs_for(graph))


def require_close(graph: Graph, inputs: torch.Tensor, routes: list[torch.Tensor] | None = None) -> None:
    """Values and every gradient beside float64, with the same choices; at most twice the reference's own error."""
    truth = network(graph, "reference")
    for parameter in truth.parameters():
        parameter.data.copy_(parameter.to(DTYPE))
    expected = truth(inputs, record=True, routes=routes)
    wanted = gradients(truth, expected)
    errors: dict[str, dict[str, float]] = {}
    for lowering, device in (("reference", "cpu"), ("grouped", DEVICE)):
        net = network(graph, lowering, DTYPE, device=device)
        net.load_state_dict(truth.state_dict())
        found = net(inputs.to(device), record=True, routes=[step.to(device) for step in ids(expected)])
        errors[lowering] = {name: error(g.cpu(), wanted[name]) for name, g in gradients(net, found).items()}
        errors[lowering]["logits"] = error(found.logits.cpu(), expected.logits)
    floor = 1e-5 if torch.float32 == DTYPE else 0.02
    for name, found_error in errors["grouped"].items():
        assert found_error < 2 * max(errors["reference"][name], floor), name


def corner(name: str, shape: tuple[int, ...], size: int) -> torch.Tensor:
    """Choices [B, T, 2] that a router would not make by itself."""
    B, T, _ = shape
    first = torch.arange(B * T).reshape(B, T)
    none = torch.full_like(first, -1)
    made = {
        "all to one": [torch.zeros_like(first), none],
        "all identity": [torch.full_like(first, size - 1), none],
        "all empty": [none, none],
        "a module without tokens": [first % 2, torch.full_like(first, size - 1)],
        "one token": [torch.where(first == 3, 1, -1), none],
        "every other token": [torch.where(first % 2 == 0, 2, size - 1), torch.where(first % 3 == 0, 0, -1)],
    }
    return torch.stack(made[name], -1)


@pytest.mark.parametrize(
    "name",
    ["all to one", "all identity", "all empty", "a module without tokens", "one token", "every other token"],
)
def test_forced_corners_err_no_more_than_the_reference(name: str) -> None:
    graph = routed([BLOCK, ("m", 2, MLP), SKIP], choose=form("top", k=2), tokens=7, steps=2)
    require_close(graph, inputs_for(graph), [corner(name, (2, 7, 2), 6)] * 2)


def test_a_kind_may_go_on_with_what_an_mlp_gave_it(monkeypatch: pytest.MonkeyPatch) -> None:
    get = catalogue.get

    def doubled(params: Any, weights: Any, x: torch.Tensor, ops: Any) -> torch.Tensor:
        return 2 * get("module", "mlp").forward(params, weights, x, ops)

    def patched(of: str, name: str) -> Any:
        return replace(get(of, name), forward=doubled) if (of, name) == ("module", "mlp") else get(of, name)

    monkeypatch.setattr(catalogue, "get", patched)
    graph = routed([BLOCK, SKIP], choose=form("top", k=2))
    require_close(graph, inputs_for(graph))


def test_inputs_that_are_not_contiguous_change_nothing() -> None:
    graph = routed([BLOCK, SKIP], choose=form("top", k=2))
    net = network(graph, "grouped", DTYPE, device=DEVICE)
    inputs = inputs_for(graph, batch=4).to(DEVICE)
    strided = torch.stack((inputs, inputs), -1)[..., 0]
    assert not strided.is_contiguous()
    assert torch.equal(net(inputs).logits, net(strided).logits)


def test_a_choice_that_cannot_be_made_is_refused_and_slower_ways_are_said() -> None:
    graph = routed([("x", 2, (Part("attention", graphs.attention()), *MLP))])
    with pytest.raises(Faults, match="DNA762"):
        network(graph, "grouped", DTYPE, device=DEVICE, choices={"attention": "flux"})
    if not INTERPRETED:
        assert any("token order" in note for note in network(graph, "grouped", DTYPE, device=DEVICE).notes)


@pytest.mark.slow
def test_forty_steps_of_training_stay_beside_the_reference() -> None:
    graph = routed([BLOCK, ("m", 2, MLP), SKIP], choose=form("top", k=2), tokens=16)
    losses = {}
    for lowering in ("reference", "grouped"):
        net = network(graph, lowering, torch.float32, device=DEVICE).train()
        optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
        made = []
        for step in range(40):
            whole = inputs_for(graph, batch=4, tokens=17, seed=step % 4).to(DEVICE)
            with torch.autocast("cuda", torch.bfloat16, enabled=DEVICE == "cuda"):
                output = net(whole[:, :-1])
            loss = torch.nn.functional.cross_entropy(output.logits.float().flatten(0, 1), whole[:, 1:].flatten())
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            made.append(float(loss.detach()))
        losses[lowering] = torch.tensor(made)
    assert losses["reference"][-4:].mean() < losses["reference"][:4].mean() - 0.5
    gap = (losses["grouped"] - losses["reference"]).abs()
    assert float(gap.max()) < (1e-3 if INTERPRETED else 0.15)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.skipif(
    INTERPRETED, reason="the compiler's graph runs grouped products in bfloat16 alone, the interpreter does not"
)
@pytest.mark.parametrize(
    ("lowering", "dtype"),
    [("portable", DTYPE), ("grouped", DTYPE), ("grouped", torch.float32)],
    ids=["portable", "grouped", "grouped with a stream in float32"],
)
def test_compiled_and_eager_agree_at_many_rows_and_modules(lowering: str, dtype: torch.dtype) -> None:
    parts = (wide(positions=ROPE), Part("mlp", graphs.mlp()))
    graph = routed([("x", 16, parts), ("m", 3, MLP), SKIP], tokens=256, steps=3, choose=form("top", k=2))
    inputs = inputs_for(graph, batch=8).cuda()
    eager, compiled = (network(graph, lowering, dtype, device=DEVICE, compile=c) for c in (False, True))
    with torch.autocast(DEVICE, torch.bfloat16, enabled=dtype == torch.float32):
        expected = eager(inputs, record=True)
        found = compiled(inputs, record=True, routes=ids(expected))
    assert error(found.logits, expected.logits) < 0.02
    wanted, made = gradients(eager, expected), gradients(compiled, found)
    for name, gradient in made.items():
        assert float((gradient - wanted[name]).norm() / wanted[name].norm()) < 0.03, name


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.skipif(INTERPRETED, reason="a host sync is a matter of CUDA")
def test_a_step_never_waits_for_the_device_and_no_routing_compiles_anything_new() -> None:
    name, _, parts = BLOCK
    graph = routed([(name, 12, parts), SKIP], choose=form("top", k=2))  # a compiler writes short lists into its code
    net = network(graph, "grouped", DTYPE, device=DEVICE, compile=True)
    inputs = inputs_for(graph).cuda()
    shape = (*inputs.shape, 2)
    routes = [torch.randint(12, shape).cuda(), torch.zeros(shape, dtype=torch.long).cuda(), torch.full(shape, 3).cuda()]
    routes += [torch.full(shape, -1).cuda()]
    net(inputs, routes=[routes[0]] * 2).logits.float().square().mean().backward()
    torch._dynamo.config.error_on_recompile = True
    torch.cuda.set_sync_debug_mode("error")
    try:
        for made in routes:
            net(inputs, routes=[made] * 2).logits.float().square().mean().backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
        torch._dynamo.config.error_on_recompile = False
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.skipif(INTERPRETED, reason="memory is poisoned on the device")
@pytest.mark.parametrize("compiled", [False, True])
def test_poisoned_memory_never_reaches_a_result(compiled: bool) -> None:
    graph = routed(UNLIKE, choose=form("top", k=2), tokens=64)
    net = network(graph, "grouped", DTYPE, device=DEVICE, compile=compiled)
    inputs = inputs_for(graph, batch=4).cuda()
    routes = [torch.where(torch.rand(4, 64, 2) < 0.6, 7, torch.randint(7, (4, 64, 2))).cuda() for _ in net.steps]
    results = []
    for _ in range(3):
        poison = [torch.full((2**k,), torch.nan, device="cuda") for k in range(10, 24) for _ in range(4)]
        del poison  # what is allocated next finds NaN
        output = net(inputs, routes=routes)
        results.append({"logits": output.logits.detach(), **gradients(net, output)})
    for name, first in results[0].items():
        assert torch.isfinite(first).all(), name
        assert all(torch.equal(first, later[name]) for later in results[1:]), name
