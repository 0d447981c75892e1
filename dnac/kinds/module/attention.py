"""`attention`: multi-head attention of a token over the tokens it sees, with its own pre-norm.

    q, k, v = split(norm(x) Wqkv)        x [..., D], q [..., H, E], k and v [..., G, E]
    f(x)    = concat_h softmax(q_h K_h^T / sqrt(E)) V_h  Wout

(Vaswani et al., arXiv 1706.03762; grouped keys and values: Ainslie et al., arXiv 2305.13245.) Which
tokens are seen is the lowering's business (`sees`): `ops.attend` is the one place where they mix.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from dnac.ir.form import Form
from dnac.kinds.base import Fault, From, ModuleKind, Ops, Params, Site, Weights, WeightSpec
from dnac.kinds.ops import Heads
from dnac.kinds.params import INHERIT, NORMAL, ONES, ZEROS, ShareUnit, SizeUnit
from dnac.kinds.rates import Rate, rate_faults
from dnac.kinds.words import word

if TYPE_CHECKING:
    from torch import Tensor


class AttentionParams(Params):
    """Arguments of `attention`."""

    heads: int = Field(gt=0)
    """H, the number of query heads."""
    kv_heads: Annotated[int, Field(gt=0)] | None = None
    """G, heads of keys and values, each shared by H / G query heads. Unsaid: H."""
    norm: Annotated[Form, From("norm")] = Form("layer")
    """Norm of what it reads. Unsaid in a pool that owns the norm: `none`."""
    positions: Annotated[Form, From("positions")] = INHERIT
    """`rope(base)` or `none`. Unsaid: what the embed hands on."""
    causal: bool | None = None
    """Whether a token sees earlier tokens and itself only. Unsaid: yes for text, no for images."""
    window: Annotated[int, Field(gt=0)] | None = None
    """A token sees keys less than `window` positions away; `none` for all."""
    width: Annotated[int, SizeUnit(), Field(gt=0)] | None = None
    """H * E, width inside the attention. Unsaid: the width of the stream."""
    bias: bool = False
    """Whether the projections add a bias."""
    dropout: Annotated[float, ShareUnit("the features of the result"), Field(ge=0, lt=1)] = 0.0
    """Share of the result's features that is dropped while training."""
    init: Annotated[Form, From("init")] = NORMAL
    """Initial values of the projections."""
    layer_dropout: Rate = 0.0
    """Share of the sequences that pass by while training; nothing is scaled (LayerSkip, arXiv 2404.16710)."""
    frozen: bool = False
    """Whether its weights stay as they begin: drawn, or from `init NAME = ...`."""


def resolve(params: AttentionParams, site: Site) -> AttentionParams:
    """Fill what the site decides."""
    return params.model_copy(
        update={
            "kv_heads": params.kv_heads or params.heads,
            "positions": _positions(params, site),
            "causal": site.causal if params.causal is None else params.causal,
            "width": params.width or site.width,
        }
    )


def check(params: AttentionParams, site: Site) -> Iterator[Fault]:
    """Faults between fields, after `resolve`."""
    yield from rate_faults(params.layer_dropout)
    width, kv_heads = params.width or site.width, params.kv_heads or params.heads
    positions = _positions(params, site)
    if width % params.heads:
        near = _divisors(width, params.heads)
        yield Fault("heads", f"{params.heads} heads do not divide the width {width}", f"try {near}")
    if params.heads % kv_heads:
        near = _divisors(params.heads, kv_heads)
        yield Fault("kv_heads", f"{kv_heads} key and value heads do not divide {params.heads} heads", f"try {near}")
    if positions.name == "none":
        return
    if word("positions", positions).angles is None:
        help_ = "write `rope()` or `none` here, and these positions on the embed"
        yield Fault("positions", f"`{positions.name}` positions are added by the embed, not by attention", help_)
    elif (width // params.heads) % 2:
        help_ = "choose heads so that width / heads is even"
        yield Fault("heads", f"rope needs an even head width, and this one is {width // params.heads}", help_)


def weights(params: AttentionParams, site: Site) -> tuple[WeightSpec, ...]:
    """`norm` [D], `qkv` [D, (H + 2 G) E], `out` [H E, D], and biases if asked for."""
    inner, total = _inner(params, site)
    for catalogue, form in (("norm", params.norm), ("positions", _positions(params, site))):
        word(catalogue, form)
    specs = (
        WeightSpec("norm", (site.width,), ONES, decays=False),
        WeightSpec("qkv", (site.width, total), params.init, decays=True),
        WeightSpec("qkv_bias", (total,), ZEROS, decays=False),
        WeightSpec("out", (inner, site.width), params.init, decays=True),
        WeightSpec("out_bias", (site.width,), ZEROS, decays=False),
    )
    absent = {name for name in ("norm",) if params.norm.name == "none"}
    absent |= set() if params.bias else {"qkv_bias", "out_bias"}
    return tuple(spec for spec in specs if spec.name not in absent)


def forward(params: AttentionParams, weights: Weights, x: Tensor, ops: Ops) -> Tensor:
    """The increment f(x), x and result [..., D]."""
    assert params.kv_heads is not None and params.width is not None
    H, G, E = params.heads, params.kv_heads, params.width // params.heads

    def project(rows: Tensor, ops: Ops) -> Tensor:
        return ops.normed_linear(rows, params.norm, weights, "qkv")

    seen = ops.attend(
        x, project, Heads(H, G, E), positions=params.positions, causal=bool(params.causal), window=params.window
    )
    y = ops.linear(seen.flatten(-2), weights["out"], weights.get("out_bias"))
    return ops.drop_layer(ops.dropout(y, params.dropout, "attention"), params.layer_dropout)


def flops(params: AttentionParams, site: Site, keys: float) -> float:
    """Projections, then scores and weighted values with `keys` keys."""
    inner, total = _inner(params, site)
    return 2.0 * site.width * (total + inner) + 4.0 * keys * inner


def key_flops(params: AttentionParams, site: Site) -> float:
    """Keys and values of one token."""
    inner, total = _inner(params, site)
    return 2.0 * site.width * (total - inner)


def keys(params: AttentionParams, tokens: int) -> float:
    """Mean number of keys a token sees among `tokens` tokens, itself among them."""
    reach = min(params.window or tokens, tokens)
    before = reach * tokens - reach * (reach - 1) // 2  # sum over i of min(i + 1, reach)
    return before / tokens if params.causal else (2 * before - tokens) / tokens


def _positions(params: AttentionParams, site: Site) -> Form:
    return site.positions if params.positions == INHERIT else params.positions


def _inner(params: AttentionParams, site: Site) -> tuple[int, int]:
    """H E, and (H + 2 G) E."""
    inner = params.width or site.width
    return inner, inner + 2 * (params.kv_heads or params.heads) * (inner // params.heads)


def _divisors(whole: int, near: int) -> str:
    """The two divisors of `whole` nearest to `near`, for a help line."""
    found = sorted((n for n in range(1, whole + 1) if whole % n == 0), key=lambda n: abs(n - near))
    return " or ".join(str(n) for n in sorted(found[:2]))


KIND = ModuleKind(
    name="attention",
    summary="Multi-head attention with its own pre-norm (arXiv 1706.03762; grouped: arXiv 2305.13245).",
    Params=AttentionParams,
    resolve=resolve,
    check=check,
    weights=weights,
    forward=forward,
    flops=flops,
    mixes_tokens=True,
    is_causal=lambda params: bool(params.causal),
    keys=keys,
    key_flops=key_flops,
)
