"""`conv`: a convolution over neighbouring tokens, with its own pre-norm: in a line, or on the grid of an image.

    u = norm(x), and 0 for tokens that are not in this module at this routing step
    depthwise:  f(x)_i = (sum_o k_o * u_{i+o}) Wout         k [n, D] feature by feature, Wout [D, D]
    else:       f(x)_i = sum_o u_{i+o} W_o                  W [n D, D]

o runs over n neighbours: in text the `size` last tokens, this one among them (causal), or those around it; in images
the size x size patches around it. Neighbours are neighbours in the sequence, never in the rank among those that
chose the module; a class token is nobody's neighbour. (Depthwise and pointwise: MobileNets, arXiv 1704.04861; as a
mixer of tokens: ConvMixer, arXiv 2201.09792.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from dnac.ir.form import Form
from dnac.kinds.base import Fault, From, ModuleKind, Ops, Params, Site, Weights, WeightSpec
from dnac.kinds.params import NORMAL, ONES, ShareUnit
from dnac.kinds.words import word

if TYPE_CHECKING:
    from torch import Tensor


class ConvParams(Params):
    """Arguments of `conv`."""

    size: int = Field(gt=0)
    """Tokens along one side that an output sees: of a line for text, of a square for images."""
    depthwise: bool = False
    """Whether each feature has a kernel of its own, with one matrix behind them all."""
    norm: Annotated[Form, From("norm")] = Form("layer")
    """Norm of what it reads. Unsaid in a pool that owns the norm: `none`."""
    causal: bool | None = None
    """Whether it sees earlier tokens and itself only. Unsaid: yes for text, no for images."""
    grid: tuple[int, int] | None = None
    """Rows and columns of the last tokens of an image. Unsaid: those of the image's patches."""
    first: int | None = Field(default=None, ge=0)
    """Tokens before the grid, which have no neighbours. Unsaid: those that are no patches."""
    dropout: Annotated[float, ShareUnit("the features of the result"), Field(ge=0, lt=1)] = 0.0
    """Share of the result's features that is dropped while training."""
    init: Annotated[Form, From("init")] = NORMAL
    """Initial values of the matrix; the kernel of a depthwise one starts as a mean over its neighbours."""
    frozen: bool = False
    """Whether its weights stay as they begin: drawn, or from `init NAME = ...`."""


def resolve(params: ConvParams, site: Site) -> ConvParams:
    """Fill what the site decides."""
    grid = params.grid or site.grid
    found = {
        "causal": (site.causal and grid is None) if params.causal is None else params.causal,
        "grid": grid,
        "first": params.first if params.first is not None else _before(grid, site),
    }
    return params.model_copy(update=found)


def check(params: ConvParams, site: Site) -> Iterator[Fault]:
    """Faults between fields, after `resolve`."""
    if not params.causal and params.size % 2 == 0:
        help_ = f"write {params.size - 1} or {params.size + 1}"
        yield Fault("size", f"{params.size} tokens have no middle, and this one looks to both sides", help_)
    if params.grid is None:
        return
    rows, columns = params.grid
    if rows < 1 or columns < 1 or rows * columns + (params.first or 0) != site.tokens:
        message = f"a grid of {rows} x {columns} behind {params.first} tokens is not {site.tokens} tokens"
        yield Fault("grid", message, "leave `grid` and `first` out")
    if params.causal:
        yield Fault("causal", "patches of an image have no order in which to be causal", "leave `causal` out")


def weights(params: ConvParams, site: Site) -> tuple[WeightSpec, ...]:
    """`norm` [D]; depthwise `kernel` [n, D] and `out` [D, D], else `kernel` [n D, D]."""
    word("norm", params.norm)
    n, D = _reach(params), site.width
    norm = () if params.norm.name == "none" else (WeightSpec("norm", (D,), ONES, decays=False),)
    if not params.depthwise:
        return (*norm, WeightSpec("kernel", (n * D, D), params.init, decays=True))
    mean = Form("constant", (("value", 1.0 / n),))
    kernel = WeightSpec("kernel", (n, D), mean, decays=True, is_product=False)
    return (*norm, kernel, WeightSpec("out", (D, D), params.init, decays=True))


def forward(params: ConvParams, weights: Weights, x: Tensor, ops: Ops) -> Tensor:
    """The increment f(x), x and result [..., D]."""
    u = ops.norm(x, params.norm, weights.get("norm"))
    near = ops.neighbours(u, lambda positions: neighbours(params, positions))
    kernel = weights["kernel"]
    if params.depthwise:
        weighed = ops.own(near.flatten(-2), kernel.flatten(-2)).view(near.shape)
        y = ops.linear(weighed.sum(-2), weights["out"])
    else:
        y = ops.linear(near.flatten(-2), kernel)
    return ops.dropout(y, params.dropout, "conv")


def neighbours(params: ConvParams, positions: Tensor) -> Tensor:
    """Positions [T] to those [T, n] that each looks at, in order of the kernel; -1 for none."""
    import torch

    half = 0 if params.causal else params.size // 2
    steps = torch.arange(params.size, device=positions.device) - (params.size - 1 - half)
    if params.grid is None:
        return positions[:, None] + steps
    (rows, columns), first = params.grid, params.first or 0
    place = positions - first
    row = (place // columns)[:, None, None] + steps[:, None]
    column = (place % columns)[:, None, None] + steps
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns) & (place >= 0)[:, None, None]
    found = torch.where(inside, first + row * columns + column, -1).flatten(1)
    itself = torch.arange(found.shape[1], device=positions.device) == found.shape[1] // 2
    return torch.where((place < 0)[:, None] & itself, positions[:, None], found)


def flops(params: ConvParams, site: Site, keys: float) -> float:
    """The kernel, and the matrix behind a depthwise one; neighbours that are missing count too."""
    n, D = _reach(params), site.width
    return 2.0 * n * D + 2.0 * D * D if params.depthwise else 2.0 * n * D * D


def _reach(params: ConvParams) -> int:
    """n, the neighbours of a token, itself among them."""
    return params.size if params.grid is None else params.size**2


def _before(grid: tuple[int, int] | None, site: Site) -> int:
    return site.tokens - grid[0] * grid[1] if grid is not None and grid == site.grid else 0


KIND = ModuleKind(
    name="conv",
    summary="A convolution over neighbouring tokens, or over the patches of an image (arXiv 1704.04861).",
    Params=ConvParams,
    resolve=resolve,
    check=check,
    weights=weights,
    forward=forward,
    flops=flops,
    mixes_tokens=True,
    has_keys=False,
    is_causal=lambda params: bool(params.causal),
)
