"""`conv` and `linear_attention`: their formulas against torch's own convolutions and a sum written out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from dnac import catalogue
from dnac.ir.form import form
from dnac.kinds.base import Site, params_of
from dnac.kinds.module.conv import neighbours
from dnac.kinds.module.linear_attention import mixed
from dnac.lowering.base import Call
from dnac.lowering.frame import frame_of
from dnac.lowering.ops_dense import DenseOps, mix_all
from kind_ops import draw

D, T = 8, 12
TEXT = Site(width=D, tokens=T, causal=True)
IMAGE = Site(width=D, tokens=T + 1, causal=False, grid=(3, 4))


def made(word: str, site: Site, here: Tensor | None = None, **args: object) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """(x, f(x), weights) of one module on all tokens, or on those that are here."""
    kind = catalogue.get("module", word)
    params = kind.resolve(kind.Params(**args), site)
    assert not list(kind.check(params, site))
    weights = draw(kind.weights(params, site))
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(2, site.tokens, D, generator=generator, dtype=torch.float64)
    inputs = torch.zeros(2, site.tokens, dtype=torch.int64)
    frame = frame_of(Call(inputs), tokens=site.tokens, is_text=True, training=False, record=False)
    return x, kind.forward(params, weights, x, DenseOps(frame, 0, 0, "", mix_all, here)), weights


@pytest.mark.parametrize("size", [1, 3, 4])
def test_a_causal_convolution_is_torch_s_own_over_the_tokens_before(size: int):
    x, y, weights = made("conv", TEXT, size=size)
    normed = functional.pad(functional.layer_norm(x, (D,)).transpose(1, 2), (size - 1, 0))
    kernel = weights["kernel"].unflatten(0, (size, D)).permute(2, 1, 0)
    assert torch.allclose(y, functional.conv1d(normed, kernel).transpose(1, 2), atol=1e-12)


@pytest.mark.parametrize("depthwise", [False, True])
def test_a_convolution_looks_to_both_sides_where_it_is_not_causal(depthwise: bool):
    x, y, weights = made("conv", TEXT, size=5, causal=False, depthwise=depthwise)
    normed = functional.layer_norm(x, (D,)).transpose(1, 2)
    if depthwise:
        seen = functional.conv1d(normed, weights["kernel"].t()[:, None], padding=2, groups=D).transpose(1, 2)
        assert torch.allclose(y, seen @ weights["out"], atol=1e-12)
    else:
        kernel = weights["kernel"].unflatten(0, (5, D)).permute(2, 1, 0)
        assert torch.allclose(y, functional.conv1d(normed, kernel, padding=2).transpose(1, 2), atol=1e-12)


@pytest.mark.parametrize("depthwise", [False, True])
def test_an_image_is_a_grid_and_a_class_token_has_no_neighbours(depthwise: bool):
    x, y, weights = made("conv", IMAGE, size=3, depthwise=depthwise)
    normed = functional.layer_norm(x, (D,))
    patches = normed[:, 1:].transpose(1, 2).unflatten(2, (3, 4))
    if depthwise:
        kernel = weights["kernel"].t().unflatten(1, (3, 3))[:, None]
        seen = functional.conv2d(patches, kernel, padding=1, groups=D).flatten(2).transpose(1, 2)
        expected, alone = seen @ weights["out"], (normed[:, 0] * weights["kernel"][4]) @ weights["out"]
    else:
        kernel = weights["kernel"].unflatten(0, (3, 3, D)).permute(3, 2, 0, 1)
        expected = functional.conv2d(patches, kernel, padding=1).flatten(2).transpose(1, 2)
        alone = normed[:, 0] @ weights["kernel"].unflatten(0, (9, D))[4]
    assert torch.allclose(y[:, 1:], expected, atol=1e-12) and torch.allclose(y[:, 0], alone, atol=1e-12)


def test_tokens_that_are_not_here_are_zeros_to_their_neighbours():
    here = torch.rand(2, T, generator=torch.Generator().manual_seed(1)) < 0.5
    x, y, weights = made("conv", TEXT, here, size=3)
    normed = functional.layer_norm(x, (D,)) * here[..., None]
    kernel = weights["kernel"].unflatten(0, (3, D)).permute(2, 1, 0)
    expected = functional.conv1d(functional.pad(normed.transpose(1, 2), (2, 0)), kernel).transpose(1, 2)
    assert torch.allclose(y[here], expected[here], atol=1e-12)


def test_a_kernel_knows_its_neighbours_by_their_place():
    kind = catalogue.get("module", "conv")
    params = kind.resolve(kind.Params(size=3), IMAGE)
    found = neighbours(params, torch.arange(T + 1))
    assert found[0].tolist() == [-1] * 4 + [0] + [-1] * 4
    assert found[1].tolist() == [-1, -1, -1, -1, 1, 2, -1, 5, 6]
    assert found[6].tolist() == [1, 2, 3, 5, 6, 7, 9, 10, 11]


@pytest.mark.parametrize("causal", [True, False])
def test_linear_attention_is_its_sum_written_out(causal: bool):
    x, y, weights = made("linear_attention", TEXT, heads=2, causal=causal)
    q, k, v = ((functional.layer_norm(x, (D,)) @ weights["qkv"]).unflatten(-1, (6, 4))).split(2, dim=2)
    phi = lambda a: torch.where(a > 0, a + 1, a.exp())
    expected = torch.zeros(2, T, 2, 4, dtype=torch.float64)
    for i in range(T):
        seen = range(i + 1) if causal else range(T)
        shares = torch.stack([(phi(q[:, i]) * phi(k[:, j])).sum(-1) for j in seen])
        values = torch.stack([v[:, j] for j in seen])
        expected[:, i] = (shares[..., None] * values).sum(0) / shares.sum(0)[..., None]
    assert torch.allclose(y, expected.flatten(2) @ weights["out"], atol=1e-12)


def test_summing_first_is_the_same_as_weighing_each():
    packed = torch.randn(2, T, 3 * D, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    everyone = torch.ones(1, T, T, dtype=torch.bool)
    assert torch.allclose(mixed(packed, None, 2), mixed(packed, everyone, 2), atol=1e-12)


def test_costs_are_those_of_the_products():
    def flops(word: str, site: Site, **args: object) -> float:
        kind = catalogue.get("module", word)
        params = kind.resolve(kind.Params(**args), site)
        return kind.flops(params_of(kind, params.form(word)), site, 5.0)

    assert flops("conv", TEXT, size=4) == 2 * 4 * D * D
    assert flops("conv", IMAGE, size=3, depthwise=True) == 2 * 9 * D + 2 * D * D
    assert flops("linear_attention", TEXT, heads=2) == 2 * D * 4 * D + 2 * 2 * D * (D // 2)


@pytest.mark.parametrize(
    ("word", "args", "site", "field"),
    [
        ("conv", {"size": 4, "causal": False}, TEXT, "size"),
        ("conv", {"size": 2}, IMAGE, "size"),
        ("conv", {"size": 3, "causal": True}, IMAGE, "causal"),
        ("conv", {"size": 3, "grid": (3, 3)}, IMAGE, "grid"),
        ("linear_attention", {"heads": 3}, TEXT, "heads"),
    ],
)
def test_what_does_not_fit_its_place_is_named(word: str, args: dict[str, object], site: Site, field: str):
    kind = catalogue.get("module", word)
    assert [f.field for f in kind.check(kind.resolve(kind.Params(**args), site), site)] == [field]


def test_a_depthwise_kernel_is_no_matrix_of_its_layer():
    kind = catalogue.get("module", "conv")
    specs = {s.name: s for s in kind.weights(kind.resolve(kind.Params(size=3, depthwise=True), TEXT), TEXT)}
    assert not specs["kernel"].is_product and specs["out"].is_product
    assert specs["kernel"].init == form("constant", value=1 / 3)
