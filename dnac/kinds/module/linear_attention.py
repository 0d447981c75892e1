"""`linear_attention`: attention without a softmax, whose work does not grow with the number of tokens seen.

    q, k, v = split(norm(x) Wqkv);  phi(a) = elu(a) + 1
    f(x)_i  = concat_h [ sum_j phi(q_i).phi(k_j) v_j / sum_j phi(q_i).phi(k_j) ] Wout

(Katharopoulos et al., arXiv 2006.16236.) j runs over the tokens of the sequence that are in this module at this
routing step, no later ones if causal. There are no positions in it: the embed's, or the order of a causal sequence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from dnac.ir.form import Form
from dnac.kinds.base import Fault, From, ModuleKind, Ops, Params, Site, Weights, WeightSpec
from dnac.kinds.params import NORMAL, ONES, ShareUnit, SizeUnit
from dnac.kinds.words import word

if TYPE_CHECKING:
    from torch import Tensor


class LinearAttentionParams(Params):
    """Arguments of `linear_attention`."""

    heads: int = Field(gt=0)
    """H, the number of heads."""
    norm: Annotated[Form, From("norm")] = Form("layer")
    """Norm of what it reads. Unsaid in a pool that owns the norm: `none`."""
    causal: bool | None = None
    """Whether a token sees earlier tokens and itself only. Unsaid: yes for text, no for images."""
    width: Annotated[int, SizeUnit(), Field(gt=0)] | None = None
    """H * E, width inside the attention. Unsaid: the width of the stream."""
    dropout: Annotated[float, ShareUnit("the features of the result"), Field(ge=0, lt=1)] = 0.0
    """Share of the result's features that is dropped while training."""
    init: Annotated[Form, From("init")] = NORMAL
    """Initial values of the projections."""
    frozen: bool = False
    """Whether its weights stay as they begin: drawn, or from `init NAME = ...`."""


def resolve(params: LinearAttentionParams, site: Site) -> LinearAttentionParams:
    """Fill what the site decides."""
    causal = site.causal if params.causal is None else params.causal
    return params.model_copy(update={"causal": causal, "width": params.width or site.width})


def check(params: LinearAttentionParams, site: Site) -> Iterator[Fault]:
    """Heads divide the width."""
    width = params.width or site.width
    if width % params.heads:
        fitting = [n for n in range(1, width + 1) if width % n == 0]
        near = sorted(sorted(fitting, key=lambda n: abs(n - params.heads))[:2])
        help_ = f"try {' or '.join(map(str, near))}"
        yield Fault("heads", f"{params.heads} heads do not divide the width {width}", help_)


def weights(params: LinearAttentionParams, site: Site) -> tuple[WeightSpec, ...]:
    """`norm` [D], `qkv` [D, 3 H E], `out` [H E, D]."""
    word("norm", params.norm)
    inner = params.width or site.width
    norm = () if params.norm.name == "none" else (WeightSpec("norm", (site.width,), ONES, decays=False),)
    return (
        *norm,
        WeightSpec("qkv", (site.width, 3 * inner), params.init, decays=True),
        WeightSpec("out", (inner, site.width), params.init, decays=True),
    )


def forward(params: LinearAttentionParams, weights: Weights, x: Tensor, ops: Ops) -> Tensor:
    """The increment f(x), x and result [..., D]."""
    packed = ops.normed_linear(x, params.norm, weights, "qkv")
    seen = ops.together(packed, lambda rows, visible: mixed(rows, visible, params.heads), causal=bool(params.causal))
    return ops.dropout(ops.linear(seen, weights["out"]), params.dropout, "linear_attention")


def mixed(packed: Tensor, visible: Tensor | None, heads: int) -> Tensor:
    """Queries, keys and values side by side, [B, J, 3 H E], to [B, J, H E], in float32 or wider.

    Where all see all, keys and values are summed first: the work is that of J rows times E, not of J times J.
    """
    import torch

    with torch.autocast(packed.device.type, enabled=False):
        wide = packed.to(torch.promote_types(packed.dtype, torch.float32))
        q, k, v = (part.unflatten(-1, (heads, -1)) for part in wide.chunk(3, dim=-1))
        # elu + 1; torch's own elu has a gradient whose strides a traced program gets wrong
        q, k = (torch.where(part > 0, part + 1, part.clamp(max=0).exp()) for part in (q, k))
        if visible is None:
            over = torch.einsum("bihe,bhef->bihf", q, torch.einsum("bjhe,bjhf->bhef", k, v))
            under = torch.einsum("bihe,bhe->bih", q, k.sum(1))
        else:
            near = torch.where(visible[:, None], torch.einsum("bihe,bjhe->bhij", q, k), 0)
            over = torch.einsum("bhij,bjhf->bihf", near, v)
            under = near.sum(-1).transpose(1, 2)
        # phi is above zero, so only a row that sees nothing has no share to give
        return (over / under.clamp_min(1e-30)[..., None]).flatten(-2).to(packed.dtype)


def flops(params: LinearAttentionParams, site: Site, keys: float) -> float:
    """Projections; then a key times a value into the sum, and a query times the sum."""
    inner = params.width or site.width
    return 8.0 * site.width * inner + 4.0 * inner * (inner // params.heads)


def key_flops(params: LinearAttentionParams, site: Site) -> float:
    """Keys and values of one token, and their product."""
    inner = params.width or site.width
    return 4.0 * site.width * inner + 2.0 * inner * (inner // params.heads)


KIND = ModuleKind(
    name="linear_attention",
    summary="Attention without a softmax: a running sum of keys times values (arXiv 2006.16236).",
    Params=LinearAttentionParams,
    resolve=resolve,
    check=check,
    weights=weights,
    forward=forward,
    flops=flops,
    mixes_tokens=True,
    has_keys=False,
    is_causal=lambda params: bool(params.causal),
    key_flops=key_flops,
)
