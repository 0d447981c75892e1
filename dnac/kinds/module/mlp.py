"""`mlp`: two linear layers with an activation between them, with its own pre-norm.

    f(x) = act(norm(x) Wup) Wdown        x [..., D], Wup [D, hidden] or [D, 2 hidden] if gated

(Vaswani et al., arXiv 1706.03762; gated: Shazeer, arXiv 2002.05202.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from dnac.ir.form import Form
from dnac.kinds.base import Fault, From, ModuleKind, Ops, Params, Site, Weights, WeightSpec
from dnac.kinds.params import NORMAL, ONES, ZEROS, ShareUnit, SizeUnit
from dnac.kinds.rates import Rate, rate_faults
from dnac.kinds.words import word

if TYPE_CHECKING:
    from torch import Tensor


class MlpParams(Params):
    """Arguments of `mlp`."""

    activation: Annotated[Form, From("activation")] = Form("gelu", (("hidden", None),))
    """What stands between the two projections."""
    hidden: Annotated[int, SizeUnit(), Field(gt=0)] | None = None
    """Units between the two projections, `4x` for times the width. Unsaid: `4x`."""
    norm: Annotated[Form, From("norm")] = Form("layer")
    """Norm of what it reads. Unsaid in a pool that owns the norm: `none`."""
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


def resolve(params: MlpParams, site: Site) -> MlpParams:
    """`mlp(swiglu(1536))` and `mlp(swiglu, 1536)` become one form; unsaid is four times the width."""
    within = params.activation.get("hidden")
    if not isinstance(within, int):
        return params.model_copy(update={"hidden": params.hidden or 4 * site.width})
    if params.hidden not in (None, within):
        return params  # `check` has something to say
    return params.model_copy(update={"hidden": within, "activation": params.activation.replace(hidden=None)})


def check(params: MlpParams, site: Site) -> Iterator[Fault]:
    """Faults between fields, after `resolve`."""
    yield from rate_faults(params.layer_dropout)
    within = params.activation.get("hidden")
    if within is not None:
        message = f"hidden is {within} in `{params.activation.name}` and {params.hidden} here"
        yield Fault("hidden", message, "write it once")


def weights(params: MlpParams, site: Site) -> tuple[WeightSpec, ...]:
    """`norm` [D], `up` [D, hidden] (gated: [D, 2 hidden], gate half first), `down` [hidden, D]."""
    hidden = _hidden(params, site)
    word("norm", params.norm)
    up = 2 * hidden if word("activation", params.activation).is_gated else hidden
    specs = (
        WeightSpec("norm", (site.width,), ONES, decays=False),
        WeightSpec("up", (site.width, up), params.init, decays=True),
        WeightSpec("up_bias", (up,), ZEROS, decays=False),
        WeightSpec("down", (hidden, site.width), params.init, decays=True),
        WeightSpec("down_bias", (site.width,), ZEROS, decays=False),
    )
    absent = {name for name in ("norm",) if params.norm.name == "none"}
    absent |= set() if params.bias else {"up_bias", "down_bias"}
    return tuple(spec for spec in specs if spec.name not in absent)


def forward(params: MlpParams, weights: Weights, x: Tensor, ops: Ops) -> Tensor:
    """The increment f(x), x and result [..., D]."""
    made = ops.feed_forward(x, params.norm, weights, params.activation)
    return ops.drop_layer(ops.dropout(made, params.dropout, "mlp"), params.layer_dropout)


def flops(params: MlpParams, site: Site, keys: float) -> float:
    """Both projections."""
    ups = 2 if word("activation", params.activation).is_gated else 1
    return 2.0 * site.width * _hidden(params, site) * (ups + 1)


def _hidden(params: MlpParams, site: Site) -> int:
    return params.hidden or 4 * site.width


KIND = ModuleKind(
    name="mlp",
    summary="Two linear layers around an activation, with its own pre-norm (arXiv 1706.03762; gated: 2002.05202).",
    Params=MlpParams,
    resolve=resolve,
    check=check,
    weights=weights,
    forward=forward,
    flops=flops,
)
