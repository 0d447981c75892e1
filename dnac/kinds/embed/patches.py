"""`patches`: an image cut into squares, each projected to the width, plus positions (arXiv 2010.11929).

h_0[t] = flatten(patch_t) Wprojection + positions[t]. Patches are in raster order; a patch's values
are in the order row, column, channel. A class token, where asked for, comes first (t = 0).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from dnac.ir.form import Form
from dnac.kinds.base import EmbedKind, Fault, From, Ops, Params, Weights, WeightSpec
from dnac.kinds.input.image import ImageParams
from dnac.kinds.params import NORMAL, ZEROS, ShareUnit
from dnac.kinds.words import word

if TYPE_CHECKING:
    from torch import Tensor


class PatchesParams(Params):
    """Arguments of `patches`."""

    width: int = Field(gt=0)
    """D, the width of the residual stream."""
    size: int = Field(gt=0)
    """Height and width of a patch in pixels."""
    positions: Annotated[Form, From("positions")]
    """`learned`, `sinusoid`, `rope(base)` over the raster order, or `none`."""
    class_token: bool = False
    """Whether a learned token is put before the patches, for `classify(pool = class_token)`."""
    bias: bool = False
    """Whether the projection adds a bias."""
    dropout: Annotated[float, ShareUnit("the embedding's features"), Field(ge=0, lt=1)] = 0.0
    """Share of the features that is dropped while training."""
    init: Annotated[Form, From("init")] = NORMAL
    """Initial values of the projection and of the class token."""


def _divisors(pixels: int, size: int) -> str:
    """Sizes next to the one that does not fit."""
    fitting = [n for n in range(1, pixels + 1) if pixels % n == 0]
    near = sorted(sorted(fitting, key=lambda n: abs(n - size))[:2])
    return " or ".join(map(str, near))


def check(params: PatchesParams, source: ImageParams) -> Iterator[Fault]:
    """Patches must tile the image."""
    height, width = source.size
    sides = {"height and width": height} if height == width else {"height": height, "width": width}
    for side, pixels in sides.items():
        if pixels % params.size:
            message = f"patches of {params.size} pixels do not divide the image's {side} of {pixels}"
            yield Fault("size", message, f"try {_divisors(pixels, params.size)}")


def tokens(params: PatchesParams, source: ImageParams) -> int:
    """T: the patches, and the class token."""
    return _patches(params, source) + params.class_token


def weights(params: PatchesParams, source: ImageParams) -> tuple[WeightSpec, ...]:
    """`projection` [size * size * channels, D], `bias` [D], `class_token` [D], `positions` [T, D]."""
    width, pixels = params.width, params.size**2 * source.channels
    specs = [WeightSpec("projection", (pixels, width), params.init, decays=True)]
    if params.bias:
        specs.append(WeightSpec("bias", (width,), ZEROS, decays=False))
    if params.class_token:
        specs.append(WeightSpec("class_token", (width,), params.init, decays=False))
    return (*specs, *word("positions", params.positions).weights(tokens(params, source), width))


def forward(params: PatchesParams, weights: Weights, inputs: Tensor, source: ImageParams, ops: Ops) -> Tensor:
    """Images [B, height, width, channels] to [B, T, D]."""
    import torch

    p, (rows, columns) = params.size, (side // params.size for side in source.size)
    patches = inputs.to(weights["projection"].dtype).unflatten(2, (columns, p)).unflatten(1, (rows, p))
    patches = patches.transpose(2, 3).flatten(3).flatten(1, 2)  # [B, rows, columns, p, p, c] to [B, n, p * p * c]
    x = ops.linear(patches, weights["projection"], weights.get("bias"))
    if params.class_token:
        first = weights["class_token"].to(x.dtype).expand(len(x), 1, -1)
        x = torch.cat((first, x), dim=1)
    add = word("positions", params.positions).add
    if add is not None:
        x = x + add(weights, x.shape[1], x)
    return ops.dropout(x, params.dropout, "embed")


def flops(params: PatchesParams, source: ImageParams) -> float:
    """The projection; a class token needs none."""
    n = _patches(params, source)
    return 2.0 * params.size**2 * source.channels * params.width * n / tokens(params, source)


def _patches(params: PatchesParams, source: ImageParams) -> int:
    return (source.size[0] // params.size) * (source.size[1] // params.size)


KIND = EmbedKind(
    name="patches",
    summary="An image cut into squares, each projected to the width, plus positions (arXiv 2010.11929).",
    Params=PatchesParams,
    accepts="image",
    width=lambda params: params.width,
    tokens=tokens,
    grid=lambda params, source: (source.size[0] // params.size, source.size[1] // params.size),
    hands_on=lambda params: (
        params.positions if word("positions", params.positions).angles is not None else Form("none")
    ),
    check=check,
    weights=weights,
    forward=forward,
    flops=flops,
)
