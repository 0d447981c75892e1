"""Formulas, weights and costs of module kinds, against torch's own modules and numbers by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

import kind_ops
from dnac import catalogue
from dnac.ir.form import form
from dnac.kinds.base import Site, params_of

D, T = 16, 6
SITE = Site(width=D, tokens=T, causal=True)


def stream(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("causal", [True, False])
def test_attention_is_torch_multihead_attention_of_the_normed_stream(causal):
    x = stream(2, T, D)
    _, _, specs = kind_ops.module("attention", SITE, heads=4, causal=causal)
    weights = kind_ops.draw(specs)
    theirs = nn.MultiheadAttention(D, 4, bias=False, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(weights["qkv"].T)
        theirs.out_proj.weight.copy_(weights["out"].T)
    normed = functional.layer_norm(x, (D,))
    mask = torch.ones(T, T, dtype=torch.bool).triu(1) if causal else None
    expected = theirs(normed, normed, normed, attn_mask=mask, need_weights=False)[0]
    got = kind_ops.apply("attention", x, weights=weights, heads=4, causal=causal)
    assert torch.allclose(got, expected, atol=1e-12)


def test_grouped_keys_are_those_of_the_query_heads_that_share_them():
    x = stream(2, T, D)
    _, _, specs = kind_ops.module("attention", SITE, heads=4, kv_heads=2)
    weights = kind_ops.draw(specs)
    q, k, v = weights["qkv"].split((D, D // 2, D // 2), dim=1)
    wide = [part.unflatten(1, (2, D // 4)).repeat_interleave(2, dim=1).flatten(1) for part in (k, v)]
    same = {**weights, "qkv": torch.cat((q, *wide), dim=1)}
    grouped = kind_ops.apply("attention", x, weights=weights, heads=4, kv_heads=2)
    assert torch.allclose(grouped, kind_ops.apply("attention", x, weights=same, heads=4), atol=1e-12)


def test_a_window_hides_what_is_further_away_and_nothing_else():
    x = stream(1, T, D)
    near = kind_ops.apply("attention", x, heads=2, window=2)
    moved = x.clone()
    moved[:, 0] *= -1.0
    after = kind_ops.apply("attention", moved, heads=2, window=2)
    assert not torch.allclose(near[:, 1], after[:, 1])
    assert torch.equal(near[:, 2:], after[:, 2:])


@pytest.mark.parametrize(
    ("activation", "function"),
    [
        ("gelu", lambda x: functional.gelu(x, approximate="tanh")),
        ("relu", functional.relu),
        ("silu", functional.silu),
    ],
)
def test_mlp_is_two_linear_layers_around_its_activation(activation, function):
    x = stream(2, T, D)
    _, _, specs = kind_ops.module("mlp", SITE, activation=form(activation, hidden=None), hidden=8)
    weights = kind_ops.draw(specs)
    expected = function(functional.layer_norm(x, (D,)) @ weights["up"]) @ weights["down"]
    got = kind_ops.apply("mlp", x, weights=weights, activation=form(activation, hidden=None), hidden=8)
    assert torch.allclose(got, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("activation", "function"),
    [("swiglu", functional.silu), ("geglu", lambda x: functional.gelu(x, approximate="tanh"))],
)
def test_gated_mlp_gates_with_the_first_half(activation, function):
    x = stream(2, T, D)
    args = {"activation": form(activation, hidden=None), "hidden": 8, "norm": form("rms")}
    _, _, specs = kind_ops.module("mlp", SITE, **args)
    weights = kind_ops.draw(specs)
    assert weights["up"].shape == (D, 16)
    normed = functional.rms_norm(x, (D,), eps=1e-5)
    gate, up = (normed @ weights["up"]).chunk(2, dim=-1)
    got = kind_ops.apply("mlp", x, weights=weights, **args)
    assert torch.allclose(got, (function(gate) * up) @ weights["down"], atol=1e-12)


def test_biases_are_added_where_they_are_asked_for():
    x = stream(1, T, D)
    for name, args in (("mlp", {"hidden": 8}), ("attention", {"heads": 2})):
        _, _, specs = kind_ops.module(name, SITE, bias=True, **args)
        weights = kind_ops.draw(specs)
        plain = kind_ops.apply(name, x, weights=weights, bias=True, **args)
        last = "down_bias" if name == "mlp" else "out_bias"
        moved = kind_ops.apply(name, x, weights={**weights, last: weights[last] + 3.0}, bias=True, **args)
        assert torch.allclose(moved, plain + 3.0)
        assert {s.name for s in specs if s.name.endswith("bias")} == {last, "up_bias" if name == "mlp" else "qkv_bias"}


@pytest.mark.parametrize("name", ["attention", "mlp", "transformer"])
def test_resolve_leaves_nothing_open_and_changes_nothing_twice(name):
    kind = catalogue.get("module", name)
    site = Site(width=D, tokens=T, causal=False, positions=form("rope", base=10000.0))
    params = kind.Params(**({} if name == "mlp" else {"heads": 2}))
    once = kind.resolve(params, site)
    assert kind.resolve(once, site) == once
    open_fields = {k for k, v in once.form(name) if v is None}
    assert open_fields == ({"window"} if name != "mlp" else set())
    if name != "mlp":
        assert once.causal is False and once.positions == site.positions


def test_attention_without_positions_in_a_net_with_rope_has_none():
    site = Site(width=D, tokens=T, causal=True, positions=form("rope", base=10000.0))
    _, said, _ = kind_ops.module("attention", site, heads=2, positions=form("none"))
    _, unsaid, _ = kind_ops.module("attention", site, heads=2)
    assert (said.positions.name, unsaid.positions.name) == ("none", "rope")


def test_hidden_may_stand_in_the_activation_or_beside_it():
    kind = catalogue.get("module", "mlp")
    inside = kind.resolve(kind.Params(activation=form("swiglu", hidden=24)), SITE)
    beside = kind.resolve(kind.Params(activation=form("swiglu", hidden=None), hidden=24), SITE)
    assert inside == beside
    assert beside.hidden == 24
    both = kind.resolve(kind.Params(activation=form("swiglu", hidden=24), hidden=32), SITE)
    assert [fault.field for fault in kind.check(both, SITE)] == ["hidden"]


def test_transformer_is_an_attention_and_an_mlp():
    kind = catalogue.get("module", "transformer")
    params = kind.resolve(kind.Params(heads=2, norm=form("rms"), mlp=form("swiglu", hidden=24), window=3), SITE)
    (first, attention), (second, mlp) = kind.expand(params, SITE)
    assert (first, second) == ("attention", "mlp")
    whole = catalogue.get("module", "attention")
    assert params_of(whole, attention).form("attention") == attention
    assert (attention["window"], attention["norm"], attention["positions"]) == (3, form("rms"), form("none"))
    assert (mlp["hidden"], mlp["activation"], mlp["norm"]) == (24, form("swiglu", hidden=None), form("rms"))


def test_identity_has_no_parts():
    kind = catalogue.get("module", "identity")
    assert kind.expand(kind.Params(), SITE) == ()


@pytest.mark.parametrize(
    ("args", "field"),
    [
        ({"heads": 3}, "heads"),
        ({"heads": 4, "kv_heads": 3}, "kv_heads"),
        ({"heads": 16, "positions": form("rope", base=10000.0)}, "heads"),
        ({"heads": 2, "positions": form("learned")}, "positions"),
    ],
)
def test_heads_that_do_not_fit_are_a_fault(args, field):
    for name in ("attention", "transformer"):
        kind = catalogue.get("module", name)
        faults = list(kind.check(kind.resolve(kind.Params(**args), SITE), SITE))
        assert [fault.field for fault in faults] == [field]
        assert all(fault.help and not fault.message[0].isupper() for fault in faults)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("window", [None, 1, 2, 4, 9])
def test_the_mean_number_of_keys_is_what_the_mask_lets_through(causal, window):
    kind, params, _ = kind_ops.module("attention", SITE, heads=2, causal=causal, window=window)
    at = torch.arange(T)
    ahead = at[None, :] - at[:, None]
    seen = (ahead <= 0) if causal else torch.ones_like(ahead, dtype=torch.bool)
    if window is not None:
        seen &= ahead.abs() < window
    assert kind.keys(params, T) == pytest.approx(seen.sum().item() / T)


def test_flops_are_two_per_multiply_add_by_hand():
    kind, params, _ = kind_ops.module("attention", SITE, heads=4, kv_heads=2)
    # qkv: 16 x (16 + 2 * 8), out: 16 x 16; 5 keys: scores and values over 16 features
    assert kind.flops(params, SITE, 5) == 2 * (16 * 32 + 16 * 16) + 2 * 2 * 5 * 16
    for activation, matrices in (("gelu", 2), ("swiglu", 3)):
        kind, params, _ = kind_ops.module("mlp", SITE, activation=form(activation, hidden=None), hidden=40)
        assert kind.flops(params, SITE, 5) == 2 * matrices * 16 * 40


def test_matrices_decay_and_gains_and_biases_do_not():
    for name, args in (("mlp", {"hidden": 8}), ("attention", {"heads": 2})):
        _, _, specs = kind_ops.module(name, SITE, bias=True, **args)
        assert {s.name for s in specs if s.decays} == {s.name for s in specs if len(s.shape) == 2}
        assert {s.init.name for s in specs if not s.decays} == {"ones", "zeros"}


@pytest.mark.compiles
def test_formulas_trace_without_a_break():
    torch._dynamo.reset()
    site = Site(width=D, tokens=T, causal=True, positions=form("rope", base=10000.0))
    parts = [
        kind_ops.module("attention", site, heads=4, kv_heads=2, norm=form("rms"), window=3),
        kind_ops.module("mlp", site, activation=form("swiglu", hidden=None)),
    ]
    weights = [kind_ops.draw(specs) for _, _, specs in parts]
    at = torch.arange(T).expand(2, T)

    def run(x: torch.Tensor) -> torch.Tensor:
        for (kind, params, _), own in zip(parts, weights, strict=True):
            x = x + kind.forward(params, own, x, kind_ops.PlainOps(at))
        return x

    x = stream(2, T, D)
    assert torch.allclose(torch.compile(run, fullgraph=True, backend="eager")(x), run(x), atol=1e-12)
