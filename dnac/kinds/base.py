"""What a kind is, declared without torch: params, weights, cost, and the formula as a function.

A word of the language (`attention`, `top`, `skip_target`, ...) is one file in one catalogue. The
file exports `KIND`, an instance of one of the classes below. Its `Params` says which arguments the
word takes; `semantics.bind` turns the text of a spec into a checked `Form` with their help.
Functions that compute import torch inside, so that the front end never loads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict

from dnac.ir.form import Form

if TYPE_CHECKING:
    from torch import Tensor


# --- how a Params field is read from the text -------------------------------------------------


@dataclass(frozen=True)
class From:
    """The field holds a word of this catalogue, as a `Form`."""

    catalogue: str


@dataclass(frozen=True)
class SizeUnit:
    """An integer that may be written `4x`: times the width of the stream."""


@dataclass(frozen=True)
class ShareUnit:
    """A fraction that may be written `30%`; `of` says of what, for messages and docs."""

    of: str


@dataclass(frozen=True)
class Scheduled:
    """A real number that may be `schedule(start, shape(target, until), ...)`."""


@dataclass(frozen=True)
class MemberName:
    """The name of a member (group) of the pool that is routed, as text."""


Size = Annotated[int, SizeUnit()]
Real = Annotated[float | Form, Scheduled()]


class Params(BaseModel):
    """Arguments of a word: frozen, strict, nothing extra. Positional arguments follow field order."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", arbitrary_types_allowed=True)

    def form(self, name: str) -> Form:
        """These params as the form `name{...}`, complete."""
        return Form(name, tuple((k, getattr(self, k)) for k in type(self).model_fields))


class NoParams(Params):
    """A word without arguments."""


@lru_cache(maxsize=4096)
def params_of(kind: Kind, form: Form) -> Any:
    """The typed params of a form. A form in a graph is valid, so this cannot fail on user input."""
    return kind.Params(**dict(form.args))


# --- where a module stands --------------------------------------------------------------------


@dataclass(frozen=True)
class Site:
    """What a kind may know about the place it stands in."""

    width: int
    """D of the residual stream."""
    tokens: int
    """T per sequence."""
    causal: bool
    """Whether tokens are in a causal order (text) or not (image)."""
    positions: Form = Form("none")
    """Positions that the embed hands to attention (`rope{...}`), else `none`."""


@dataclass(frozen=True)
class WeightSpec:
    """One weight of one module: shape without any stacking, initial values, weight decay."""

    name: str
    shape: tuple[int, ...]
    init: Form
    """A word of the `init` catalogue: normal{std}, zeros, ones, constant{value}."""
    decays: bool
    """Whether weight decay applies (matrices and routers yes; gains, biases, positions no)."""


@dataclass(frozen=True)
class Fault:
    """A kind's complaint about its own params; `semantics` gives it a code and a place."""

    field: str
    message: str
    help: str = ""


# --- kinds ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Kind:
    """The common part: a word, one line of documentation with its source, its arguments."""

    name: str
    summary: str
    Params: type[Params] = NoParams


@dataclass(frozen=True, eq=False)
class ModuleKind(Kind):
    """A module. Either `expand` (it is made of other kinds) or `weights` and `forward` (a leaf).

    resolve(params, site): fill what depends on the site; the result has no open field.
    check(params, site): faults between fields (heads must divide width), after `resolve`.
    expand(params, site): (part name, kind form) for composed kinds.
    weights(params, site): the declared weights of a leaf.
    forward(params, weights, x, ops): the increment f(x), x and result [..., D].
    flops(params, site, keys): forward FLOPs for one token that attends to `keys` tokens on average
        (2 per multiply-add; norms and activations not counted).
    """

    resolve: Callable[[Any, Site], Any] = lambda params, site: params
    check: Callable[[Any, Site], Iterable[Fault]] = lambda params, site: ()
    expand: Callable[[Any, Site], tuple[tuple[str, Form], ...]] | None = None
    weights: Callable[[Any, Site], tuple[WeightSpec, ...]] = lambda params, site: ()
    forward: Callable[[Any, Any, Tensor, Ops], Tensor] | None = None
    flops: Callable[[Any, Site, float], float] = lambda params, site, keys: 0.0
    mixes_tokens: bool = False
    """Whether a token's increment depends on other tokens (attention)."""
    is_causal: Callable[[Any], bool] = lambda params: True
    """Whether it looks only at earlier tokens."""


@dataclass(frozen=True, eq=False)
class ScoreKind(Kind):
    """How a router scores: `scores(params, weights, view, ops) -> [B, T, M]` in the gate's dtype.

    `learns`: whether weights of it take part in training unless frozen.
    """

    weights: Callable[[Any, int, int], tuple[WeightSpec, ...]] = lambda params, width, size: ()
    """(params, width of the view, candidates) to declared weights."""
    scores: Callable[[Any, Any, Tensor, RouterOps], Tensor] | None = None
    flops: Callable[[Any, int, int], float] = lambda params, width, size: 0.0
    learns: bool = True


@dataclass(frozen=True, eq=False)
class GateKind(Kind):
    """How scores become gates: `gate(params, scores [B,T,M]) -> [B,T,M]`, over all candidates."""

    gate: Callable[[Any, Tensor], Tensor] | None = None


@dataclass(frozen=True, eq=False)
class ChooseKind(Kind):
    """Which candidates: `choose(params, gates + bias [B,T,M]) -> ids [B,T,K]`, -1 for an empty slot.

    `k(params, size)` is static. `fixed(params, size)` gives the slots if the choice never varies.
    """

    k: Callable[[Any, int], int] = lambda params, size: size
    choose: Callable[[Any, Tensor], Tensor] | None = None
    fixed: Callable[[Any, int], tuple[int, ...] | None] = lambda params, size: None
    check: Callable[[Any, int], Iterable[Fault]] = lambda params, size: ()
    is_causal: bool = True
    is_row_independent: bool = True


@dataclass(frozen=True, eq=False)
class WeightKind(Kind):
    """What multiplies an output: `weigh(chosen gates [B,T,K], valid [B,T,K]) -> [B,T,K]`.

    `trains_router(k)`: whether the router gets a gradient through it.
    """

    weigh: Callable[[Tensor, Tensor], Tensor] | None = None
    trains_router: Callable[[int], bool] = lambda k: True


@dataclass(frozen=True, eq=False)
class CombineKind(Kind):
    """How outputs join: `scales(w [B,T,K], k) -> (inner or None, outer)`, both [B,T,K].

    `inner` multiplies the last part's increment inside a module, `outer` the module's increment.
    """

    scales: Callable[[Tensor, int], tuple[Tensor | None, Tensor]] | None = None


@dataclass(frozen=True)
class BalanceContext:
    """What `update` of a balance term may know about one train step of one router.

    Counts are sums over micro-batches, ranks and all routing steps of the router (a shared router
    pools its turns). M candidates.
    """

    counts: Tensor
    """[M] int64: choices per candidate."""
    empty: Tensor
    """int64 scalar: choice slots that stayed empty."""
    member: Tensor
    """[M] bool: candidates of the member that the term names (none where it names none)."""
    network: Tensor
    """[2] int64: choices on `member`, and all choices, over all routers with an equal term."""
    value: Callable[[float | Form], float]
    """The present value of a number that may be a schedule."""


@dataclass(frozen=True, eq=False)
class BalanceKind(Kind):
    """One term that shapes a router's load.

    loss(params, scores, gates, ids, valid) -> scalar: added to the training loss (None: no loss).
    update(params, context: BalanceContext) -> bias change [M] float32: called once per train step,
        outside autograd (`train.balance`); None: no bias.
    target(params) -> declared share of skipped choices, or None.
    """

    loss: Callable[..., Tensor] | None = None
    update: Callable[..., Any] | None = None
    target: Callable[[Any], float | None] = lambda params: None
    member: Callable[[Any], str | None] = lambda params: None
    check: Callable[[Any, Any], Iterable[Fault]] = lambda params, route: ()


@dataclass(frozen=True, eq=False)
class ShapeKind(Kind):
    """A piece of a schedule: `value(params, start, x) -> float`, x in [0, 1] within the piece."""

    value: Callable[[Any, float, float], float] = lambda params, start, x: start


@dataclass(frozen=True, eq=False)
class InputKind(Kind):
    """What comes in. `tokens(params, embed form)` is T; `causal`: whether order is causal."""

    causal: bool = False
    outputs: Callable[[Any], int] = lambda params: 0
    """How many logits a head gives: the vocabulary, or the classes."""


@dataclass(frozen=True, eq=False)
class EmbedKind(Kind):
    """Inputs to the stream. forward(params, weights, inputs, input_params) -> [B, T, D]."""

    accepts: str = "text"
    width: Callable[[Any], int] = lambda params: 0
    tokens: Callable[[Any, Any], int] = lambda params, source: 0
    hands_on: Callable[[Any], Form] = lambda params: Form("none")
    """Positions that attention takes over (rope), else `none`."""
    check: Callable[[Any, Any], Iterable[Fault]] = lambda params, source: ()
    weights: Callable[[Any, Any], tuple[WeightSpec, ...]] = lambda params, source: ()
    forward: Callable[[Any, Any, Tensor, Any], Tensor] | None = None
    flops: Callable[[Any, Any], float] = lambda params, source: 0.0
    """Per token."""


@dataclass(frozen=True, eq=False)
class HeadKind(Kind):
    """Stream to logits. forward(params, weights, x [B,T,D], ops, table or None) -> logits."""

    accepts: str = "text"
    ties: Callable[[Any], bool] = lambda params: False
    weights: Callable[[Any, int, int], tuple[WeightSpec, ...]] = lambda params, width, outputs: ()
    """(params, width, number of outputs) to declared weights."""
    forward: Callable[..., Tensor] | None = None
    flops: Callable[[Any, int, int, int], float] = lambda params, width, outputs, tokens: 0.0
    """(params, width, outputs, T) to FLOPs per token."""


# --- what a lowering gives to kinds ------------------------------------------------------------


class Ops(Protocol):
    """Operations on rows, given by a lowering. Kinds use these and nothing else of a lowering, so
    one `forward` serves one module on every token (reference) and a bank of modules on sorted rows.
    """

    training: bool

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """[..., I] times the row's own module's weight [I, O], plus its bias."""
        ...

    def norm(self, x: Tensor, kind: Form, gain: Tensor | None) -> Tensor:
        """Layer, rms or no norm over the last axis, times the row's own module's gain."""
        ...

    def attend(self, x: Tensor, project: Callable[[Tensor, Ops], tuple[Tensor, Tensor, Tensor]],
               *, causal: bool, window: int | None) -> Tensor:
        """The one seam through which tokens mix. `project(rows, ops) -> q [...,H,E], k, v [...,G,E]`.
        The lowering decides which rows give keys and values (`sees`, a cache) and returns
        [..., H, E] for the rows of x.
        """
        ...

    def dropout(self, x: Tensor, rate: float, branch: str) -> Tensor:
        """Drop features while training; drawn per (seed, step, site, module, sample, position)."""
        ...

    def positions(self) -> Tensor:
        """Position in its sequence of each row: int64, shape of the rows without features."""
        ...


class RouterOps(Protocol):
    """What a score may use besides the view: token ids, and counter-based random numbers."""

    training: bool

    def token_ids(self) -> Tensor:
        """Token id (text) or position (image) of each token: [B, T] int64."""
        ...

    def uniform(self, last: int, purpose: str) -> Tensor:
        """[B, T, last] in (0, 1), float64-exact, drawn per (seed, train step, router, sample, position)."""
        ...
