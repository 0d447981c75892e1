"""Embeds, positions, heads, norms and initial values."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

import kind_ops
from dnac import catalogue
from dnac.ir.form import form
from dnac.kinds.base import params_of
from dnac.lowering.attention import rotary_table, turned

OPS = kind_ops.PlainOps(torch.zeros(0))


def kind_and_params(of: str, name: str, **args):
    kind = catalogue.get(of, name)
    return kind, kind.Params(**args)


def test_patches_are_a_convolution_with_stride_in_raster_order():
    embed, params = kind_and_params("embed", "patches", width=8, size=2, positions=form("none"), bias=True)
    source = catalogue.get("input", "image").Params(size=(4, 6), channels=3, classes=10)
    weights = kind_ops.draw(embed.weights(params, source))
    weights["bias"] += torch.arange(8)
    images = torch.randn(2, 4, 6, 3, dtype=torch.float64)
    kernel = weights["projection"].unflatten(0, (2, 2, 3)).permute(3, 2, 0, 1)
    expected = functional.conv2d(images.permute(0, 3, 1, 2), kernel, weights["bias"], stride=2).flatten(2).mT
    got = embed.forward(params, weights, images, source, OPS)
    assert torch.allclose(got, expected, atol=1e-12)
    assert embed.tokens(params, source) == 6


def test_the_class_token_comes_first_and_has_a_position():
    embed, params = kind_and_params("embed", "patches", width=8, size=2, positions=form("learned"), class_token=True)
    source = catalogue.get("input", "image").Params(size=(4, 4), channels=1, classes=10)
    weights = kind_ops.draw(embed.weights(params, source))
    got = embed.forward(params, weights, torch.zeros(3, 4, 4, 1, dtype=torch.float64), source, OPS)
    assert embed.tokens(params, source) == got.shape[1] == 5
    assert torch.equal(got[:, 0], (weights["class_token"] + weights["positions"][0]).expand(3, -1))
    assert torch.equal(got[:, 1:], weights["positions"][1:].expand(3, -1, -1))


def test_patches_that_do_not_tile_the_image_are_a_fault():
    embed, params = kind_and_params("embed", "patches", width=8, size=5, positions=form("none"))
    source = catalogue.get("input", "image").Params(size=(10, 12), channels=1, classes=2)
    (fault,) = embed.check(params, source)
    assert fault.field == "size" and "width of 12" in fault.message


def test_tokens_are_rows_of_the_table_plus_positions():
    embed, params = kind_and_params("embed", "tokens", width=8, positions=form("learned"))
    source = catalogue.get("input", "text").Params(context=5, vocabulary=11)
    weights = kind_ops.draw(embed.weights(params, source))
    ids = torch.tensor([[3, 3, 10]])
    got = embed.forward(params, weights, ids, source, OPS)
    assert torch.equal(got, weights["table"][ids] + weights["positions"][:3])


def test_sinusoids_are_vaswani_s():
    embed, params = kind_and_params("embed", "tokens", width=6, positions=form("sinusoid"))
    source = catalogue.get("input", "text").Params(context=5, vocabulary=2)
    weights = {"table": torch.zeros(2, 6, dtype=torch.float64)}
    got = embed.forward(params, weights, torch.zeros(1, 5, dtype=torch.int64), source, OPS)[0]
    assert embed.weights(params, source)[1:] == ()
    assert got[3, 4].item() == pytest.approx(math.sin(3 / 10000 ** (4 / 6)))
    assert got[3, 5].item() == pytest.approx(math.cos(3 / 10000 ** (4 / 6)))


def test_only_rope_is_handed_on_to_attention():
    source = catalogue.get("input", "text").Params(context=5, vocabulary=2)
    for name in ("none", "learned", "sinusoid", "rope"):
        positions = kind_ops.complete("positions", name)
        embed, params = kind_and_params("embed", "tokens", width=6, positions=positions)
        assert embed.hands_on(params) == (positions if name == "rope" else form("none"))
        assert len(embed.weights(params, source)) == (2 if name == "learned" else 1)


def test_rope_turns_as_complex_numbers_do_and_depends_on_distance_only():
    rope, at = kind_ops.complete("positions", "rope", base=100.0), torch.arange(7)
    q, k = torch.randn(2, 1, 1, 8, dtype=torch.float64).expand(2, 7, 1, 8)
    table = rotary_table(rope, 8, at.double())
    assert table is not None
    turned_q = turned(q, *table)
    whole = torch.complex(q[..., :4], q[..., 4:])
    angle = at[:, None, None] * 100.0 ** (-torch.arange(4, dtype=torch.float64) / 4)
    expected = torch.view_as_real(whole * torch.polar(torch.ones_like(angle), angle)).unbind(-1)
    assert torch.allclose(turned_q, torch.cat(expected, -1), atol=1e-12)
    products = (turned_q @ turned(k, *table).permute(1, 2, 0))[:, 0]
    assert torch.allclose(products[1:, 1:], products[:-1, :-1])


def test_a_tied_head_multiplies_by_the_transposed_table():
    head, params = kind_and_params("head", "unembed", tied=True, bias=True)
    table, x = torch.randn(11, 8), torch.randn(2, 3, 8)
    specs = head.weights(params, 8, 11)
    assert [s.name for s in specs] == ["bias"]
    assert torch.allclose(head.forward(params, {"bias": torch.ones(11)}, x, OPS, table), x @ table.T + 1)
    assert head.ties(params) and head.ties(head.Params(table="embed")) and not head.ties(head.Params())


def test_a_head_norms_before_its_matrix():
    head, params = kind_and_params("head", "unembed", norm=form("rms"))
    weights = kind_ops.draw(head.weights(params, 8, 11))
    x = torch.randn(2, 3, 8, dtype=torch.float64)
    expected = functional.rms_norm(x, (8,), eps=1e-5) @ weights["weight"]
    assert torch.allclose(head.forward(params, weights, x, OPS, None), expected)


@pytest.mark.parametrize("pool", ["mean", "class_token"])
def test_a_classifier_reads_the_mean_or_the_class_token(pool):
    head, params = kind_and_params("head", "classify", pool=pool)
    weights = kind_ops.draw(head.weights(params, 8, 4))
    x = torch.randn(2, 3, 8, dtype=torch.float64)
    expected = (x.mean(1) if pool == "mean" else x[:, 0]) @ weights["weight"]
    assert torch.allclose(head.forward(params, weights, x, OPS, None), expected)


def test_a_class_token_must_exist_to_be_read():
    head, params = kind_and_params("head", "classify", pool="class_token")
    without = kind_ops.complete("embed", "patches", width=8, size=2, positions=form("none"))
    assert [fault.field for fault in head.check(params, without)] == ["pool"]
    assert not list(head.check(params, without.replace(class_token=True)))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_norms_are_torch_s(dtype):
    x = torch.randn(5, 16, dtype=torch.float64).mul(3).add(2).to(dtype)
    tolerance = {torch.float64: 1e-12, torch.float32: 1e-6, torch.bfloat16: 1e-2}[dtype]
    for name, theirs in (("layer", functional.layer_norm), ("rms", functional.rms_norm)):
        got = catalogue.get("norm", name).normalise(x)
        assert got.dtype == dtype
        assert torch.allclose(got.double(), theirs(x.double(), (16,), eps=1e-5), atol=tolerance, rtol=tolerance)


def test_normal_is_torch_s_trunc_normal_with_absolute_limits():
    kind = catalogue.get("init", "normal")

    def draw(std: float) -> torch.Tensor:
        return kind.draw(kind.Params(std=std), (40_000,), torch.Generator().manual_seed(0))

    small, large = draw(0.02), draw(3.0)
    assert small.dtype == torch.float32
    assert small.std().item() == pytest.approx(0.02, rel=0.02)
    assert small.abs().max() > 3 * 0.02, "nothing is cut at 2 standard deviations"
    assert large.abs().max() <= 2.0


def test_the_other_initial_values_are_what_they_say():
    for form_, value in ((form("zeros"), 0.0), (form("ones"), 1.0), (form("constant", value=0.5), 0.5)):
        kind = catalogue.get("init", form_.name)
        drawn = kind.draw(params_of(kind, form_), (2, 3), torch.Generator())
        assert torch.equal(drawn, torch.full((2, 3), value))
