"""`transformer`: a pre-norm block, attention and then mlp: the two parts `attention` and `mlp`.

First x' = x + attention(x), then x'' = x' + mlp(x'); the module's increment is x'' - x.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from dnac.ir.form import Form
from dnac.kinds.base import Fault, From, ModuleKind, Params, Site
from dnac.kinds.module import attention, mlp
from dnac.kinds.params import INHERIT, NORMAL, ShareUnit, SizeUnit
from dnac.kinds.rates import Rate


class TransformerParams(Params):
    """Arguments of `transformer`."""

    heads: int = Field(gt=0)
    """H, the number of query heads."""
    kv_heads: Annotated[int, Field(gt=0)] | None = None
    """G, heads of keys and values, each shared by H / G query heads. Unsaid: H."""
    norm: Annotated[Form, From("norm")] = Form("layer")
    """Norm of what each part reads."""
    mlp: Annotated[Form, From("activation")] = Form("gelu", (("hidden", None),))
    """The mlp, as an activation and its hidden units: `swiglu(1536)`, `gelu(4x)`."""
    positions: Annotated[Form, From("positions")] = INHERIT
    """`rope(base)` or `none`. Unsaid: what the embed hands on."""
    causal: bool | None = None
    """Whether a token sees earlier tokens and itself only. Unsaid: yes for text, no for images."""
    window: Annotated[int, Field(gt=0)] | None = None
    """A token sees keys less than `window` positions away; `none` for all."""
    bias: bool = False
    """Whether the projections add a bias."""
    dropout: Annotated[float, ShareUnit("the features of each part's result"), Field(ge=0, lt=1)] = 0.0
    """Share of each part's features that is dropped while training."""
    width: Annotated[int, SizeUnit(), Field(gt=0)] | None = None
    """H * E, width inside the attention. Unsaid: the width of the stream."""
    init: Annotated[Form, From("init")] = NORMAL
    """Initial values of the projections."""
    layer_dropout: Rate = 0.0
    """Share of the sequences that pass the block by while training (LayerSkip, arXiv 2404.16710)."""
    frozen: bool = False
    """Whether its weights stay as they begin: drawn, or from `init NAME = ...`."""


def resolve(params: TransformerParams, site: Site) -> TransformerParams:
    """Fill what the site decides, as the parts would."""
    inner = attention.resolve(_attention(params), site)
    hidden = params.mlp.get("hidden") or 4 * site.width
    shared = ("kv_heads", "positions", "causal", "width")
    return params.model_copy(
        update={"mlp": params.mlp.replace(hidden=hidden), **{name: getattr(inner, name) for name in shared}}
    )


def check(params: TransformerParams, site: Site) -> Iterator[Fault]:
    """Faults of the attention inside; an mlp alone has none."""
    yield from attention.check(_attention(params), site)


def expand(params: TransformerParams, site: Site) -> tuple[tuple[str, Form], ...]:
    """The two parts, complete."""
    inner = mlp.MlpParams(
        activation=params.mlp,
        norm=params.norm,
        bias=params.bias,
        dropout=params.dropout,
        layer_dropout=params.layer_dropout,
        init=params.init,
        frozen=params.frozen,
    )
    return (
        ("attention", attention.resolve(_attention(params), site).form("attention")),
        ("mlp", mlp.resolve(inner, site).form("mlp")),
    )


def _attention(params: TransformerParams) -> attention.AttentionParams:
    return attention.AttentionParams(**{name: getattr(params, name) for name in attention.AttentionParams.model_fields})


KIND = ModuleKind(
    name="transformer",
    summary="A pre-norm block: attention, then mlp, each with its own norm (GPT-2; the DNA papers' module).",
    Params=TransformerParams,
    resolve=resolve,
    check=check,
    expand=expand,
)
