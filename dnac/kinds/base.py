"""What a kind is, declared without torch: params, weights, cost, and the formula as a function.

A word of the language (`attention`, `top`, `skip_target`, ...) is one file in one catalogue. The
file exports `KIND`, an instance of one of the classes below. Its `Params` says which arguments the
word takes; `semantics.bind` turns the text of a spec into a checked `Form` with their help.
Functions that compute import torch inside, so that the front end never loads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from dnac.ir.form import Form
from dnac.kinds.facts import Fault as Fault
from dnac.kinds.facts import RouteFacts as RouteFacts
from dnac.kinds.facts import Site as Site
from dnac.kinds.facts import WeightSpec as WeightSpec
from dnac.kinds.ops import Ops as Ops
from dnac.kinds.ops import RouterOps as RouterOps
from dnac.kinds.params import EmbedName as EmbedName
from dnac.kinds.params import From as From
from dnac.kinds.params import HeadName as HeadName
from dnac.kinds.params import MemberName as MemberName
from dnac.kinds.params import NoParams as NoParams
from dnac.kinds.params import Params as Params
from dnac.kinds.params import Real as Real
from dnac.kinds.params import Scheduled as Scheduled
from dnac.kinds.params import ShareUnit as ShareUnit
from dnac.kinds.params import Size as Size
from dnac.kinds.params import SizeUnit as SizeUnit

if TYPE_CHECKING:
    from torch import Generator, Tensor

Weights: TypeAlias = "Mapping[str, Tensor]"
"""The weights of one part, embed, head or score, by the name of their `WeightSpec`."""


@lru_cache(maxsize=4096)
def params_of(kind: Kind, form: Form) -> Any:
    """The typed params of a form. A form in a graph is valid, so this cannot fail on user input."""
    whole: type[Params] | None = getattr(kind, "Resolved", None)
    return (whole or kind.Params)(**dict(form.args))


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
    has_keys: bool = True
    """Whether tokens mix through keys (`ops.attend`), which may go along to later routing steps; else those of
    one step and one module mix at once (`ops.neighbours`, `ops.together`)."""
    is_causal: Callable[[Any], bool] = lambda params: True
    """Whether it looks only at earlier tokens."""
    keys: Callable[[Any, int], float] = lambda params, tokens: 0.0
    """Mean number of keys a token sees among `tokens` tokens that all run here (0: sees none)."""
    key_flops: Callable[[Any, Site], float] = lambda params, site: 0.0
    """The part of `flops` that makes one token's keys and values."""


@dataclass(frozen=True, eq=False)
class ReadKind(Kind):
    """One of the views that a router reads: the stream (raw or normed), or features that stand beside it.

    width(params, size) -> features that it adds, over `size` candidates.
    features(params, ops, dtype) -> [B, T, width] in that dtype, without gradient.
    """

    is_stream: bool = False  # whether it is the stream itself, or made of it by `mix`, of width D
    mix: Callable[[Tensor, Tensor | None, RouterOps], Tensor] | None = None  # (stream [B, T, D], here [B, T] or None)
    is_causal: bool = True  # whether `mix` looks at no later token
    width: Callable[[Any, int], int] = lambda params, size: 0
    features: Callable[[Any, RouterOps, Any], Tensor] | None = None
    carries: tuple[str, ...] = ()  # what it needs to know that goes along with each token from step to step: `last`


@dataclass(frozen=True, eq=False)
class ScoreKind(Kind):
    """How a router scores: `scores(params, weights, view, ops) -> [B, T, M]`, in the wider of float32 and the view's.

    `learns(params)`: whether training can change what it says, by its weights (unless `frozen`) or the stream.
    """

    weights: Callable[[Any, int, int], tuple[WeightSpec, ...]] = lambda params, width, size: ()
    """(params, width of the view, candidates) to declared weights."""
    scores: Callable[[Any, Any, Tensor, RouterOps], Tensor] | None = None
    flops: Callable[[Any, int, int], float] = lambda params, width, size: 0.0
    learns: Callable[[Any], bool] = lambda params: True
    is_blind: bool = False
    """Whether it is the same for every token of every input."""
    is_chance: bool = False
    """Whether a score is a chance already, so that a halting step needs no gate."""
    head: Callable[[Any], str | None] = lambda params: None  # whose logits it asks for (`ops.logits`)
    foretells: Callable[[Any], float | None] = lambda params: None  # what its loss on agreement with the end counts
    sees_before: bool = False  # whether it asks for the stream at the halting step before (`ops.before`)
    has_table: bool = False  # whether its weights hold `table` [V], a number for each token id, counted from data
    check: Callable[[Any, int], Iterable[Fault]] = lambda params, size: ()  # (params, candidates)
    carries: Callable[[Any], tuple[str, ...]] = lambda params: ()  # what goes along with each token: `last`
    written: Callable[[Any], tuple[float, ...] | None] = lambda params: None
    """The scores, where the file itself says them, so that they never vary."""


@dataclass(frozen=True, eq=False)
class GateKind(Kind):
    """How scores become gates: `gate(params, scores [B,T,M]) -> [B,T,M]`, over all candidates.

    Scores are divided by tau already, and NaN is -inf already; softmax and sigmoid give those 0.
    """

    gate: Callable[[Any, Tensor], Tensor] | None = None
    openness: Callable[[Any, Tensor], Tensor] | None = None
    """(params, scores) to [..., M] in (0, 1), whose gradient a budget uses for "it runs"; None: the gate itself."""
    closes: bool = False
    """Whether a gate can be exactly zero. Such a candidate is never chosen."""
    starts: Callable[[Any], Iterable[Fault]] = lambda params: ()
    """What is wrong with the gates that scores around 0 give."""
    at_zero: Callable[[Any, int], float] = lambda params, size: 0.0
    """(params, candidates) to the gate of scores of 0: where gates start."""


@dataclass(frozen=True, eq=False)
class ChooseKind(Kind):
    """Which candidates: `choose(params, gates + bias [B,T,M]) -> ids [B,T,K]`, -1 for an empty slot.

    A score of NaN or -inf comes as -inf, never chosen. k is static. `fixed(params, size)`: slots that never vary.
    """

    k: Callable[[Any, int], int] = lambda params, size: size
    choose: Callable[[Any, Tensor], Tensor] | None = None
    fixed: Callable[[Any, int], tuple[int, ...] | None] = lambda params, size: None
    filled: Callable[[Any], Form | None] = lambda params: None
    """A schedule of how many of the k slots are filled."""
    takes_highest: Callable[[Any], bool] = lambda params: False
    """Whether it takes the k highest scores, the first of equal ones."""
    sets: Callable[[Any, int], int] | None = None
    """How many different sets of candidates a token can choose; None: C(size, k)."""
    perturb: Callable[[Any, Tensor, RouterOps], Tensor] | None = None
    """(params, scores [B, T, M], ops) to the scores that gates are made of."""
    draw: Callable[[Any, Tensor, RouterOps], Tensor] | None = None
    """(params, gates + bias [B, T, M], ops) to what `choose` is given, where the choice is drawn."""
    may_pass: bool = False
    """Whether a token chooses as many candidates as it likes, none too: k is only the most."""
    over: Callable[[Any], float | None] = lambda params: None
    """What a gate must exceed for its candidate to run, where the choice has such a line."""
    check: Callable[[Any, int], Iterable[Fault]] = lambda params, size: ()
    is_causal: bool = True
    is_row_independent: bool | Callable[[Any], bool] = True
    Resolved: type[Params] | None = None
    """The params with what `resolve` adds, where it adds anything."""
    resolve: Callable[[Any, RouteFacts], Any] = lambda params, facts: params
    """(params, facts) to params that know the slots of the members they name."""
    fits: Callable[[Any, RouteFacts], Iterable[Fault]] = lambda params, facts: ()
    """(params as written, facts) to faults, before `resolve`."""
    shares: Callable[[Any, int, int], tuple[float, ...] | None] = lambda params, size, tokens: None
    """(params, candidates, T) to the part of all tokens that each slot takes, where modules choose their tokens."""
    is_share_of_all: Callable[[Any], bool] = lambda params: False
    """Whether `shares` count tokens that have left too."""
    of_taken: Callable[[Any, Tensor], Tensor] | None = None
    """(params, taken [B, T, K] bool) to ids [B, T, K]: the choice that a `decode` word made instead."""
    taken: Callable[[Any, Tensor], Tensor] | None = None
    """(params, ids [B, T, K]) to [B, T, K] bool: what a `decode` word shall foresee."""
    leaves: Callable[[Any, Tensor, Tensor], Tensor] | None = None
    """(params, gates [B, T], given out before [B, T]) to [B, T] bool, of a halting step whose gates are parts of
    one whole that its steps give out; None: each gate is the chance to leave at that step."""
    takers: Callable[[Any], tuple[int, ...]] = lambda params: ()
    """The slots of the modules that choose their tokens, one for each of the k."""


@dataclass(frozen=True, eq=False)
class WeightKind(Kind):
    """What multiplies an output: `weigh(chosen gates [B,T,K], valid [B,T,K]) -> [B,T,K]`.

    `trains_router(k)`: whether the router gets a gradient through it.
    """

    weigh: Callable[[Tensor, Tensor], Tensor] | None = None
    by_slots: bool = False  # whether it divides by the number of slots
    of_halting: bool = False
    """Whether it weighs streams at halting steps, not outputs of modules."""
    trains_router: Callable[[int], bool] = lambda k: True


@dataclass(frozen=True, eq=False)
class GradKind(Kind):
    """How the choice is trained: `through(weights, gates, valid) -> weights`, all [B,T,K]: the same
    values, with the gradient that the word says. Applied after `weigh`, before `scale`.

    `needs_weight`: whether the router learns through the weight only, so that a weight that does
    not depend on the gates is an error.
    """

    through: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None
    needs_weight: bool = True
    teaches_router: bool = True
    """Whether the task's loss reaches the router; else balance losses alone do."""


@dataclass(frozen=True, eq=False)
class CombineKind(Kind):
    """How outputs join: `scales(w [B,T,K], k) -> (inner or None, outer)`, both [B,T,K].

    `inner` multiplies the last part's increment inside a module, `outer` the module's increment.
    """

    scales: Callable[[Tensor, int | Tensor], tuple[Tensor | None, Tensor]] | None = None


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
    """[2] int64: choices on `member`, and all choices (empty too), over all routers with an equal term."""
    value: Callable[[float | Form], float]
    """The present value of a number that may be a schedule."""
    skips: Tensor | None = None
    """[M] bool: candidates that are identities; None where there are none."""


@dataclass(frozen=True, eq=False)
class BalanceKind(Kind):
    """One term that shapes a router's load.

    loss(params, scores, gates, ids, valid) -> scalar: added to the training loss (None: no loss).
        A scheduled number in `params` has been replaced by a scalar tensor.
    update(params, context) -> bias change [M] float32: called once per train step, outside
        autograd (`train.balance`); None: no bias.
    target(params) -> declared share of skipped choices, or None.
    check(params, facts) -> faults.
    """

    loss: Callable[[Any, Tensor, Tensor, Tensor, Tensor], Tensor] | None = None
    of_takers: bool = False
    """Whether its loss is about modules that choose their tokens: scores and gates are theirs alone, and `valid` says
    whom each took."""
    of_chance: bool = False
    """Whether `valid` is, for its loss, the chance [B, T, M] of each candidate to be chosen under the noise."""
    over_steps: bool = False
    """Whether its loss is over all steps of a halting router: then the tensors have a first axis, the steps."""
    is_pull: bool = False
    """Whether it lowers what gates cost without a target."""
    update: Callable[[Any, BalanceContext], Tensor] | None = None
    target: Callable[[Any], float | None] = lambda params: None
    member: Callable[[Any], str | None] = lambda params: None
    check: Callable[[Any, RouteFacts], Iterable[Fault]] = lambda params, facts: ()


@dataclass(frozen=True, eq=False)
class ShapeKind(Kind):
    """A piece of a schedule: `value(params, start, x) -> float`, x in [0, 1] within the piece.

    `start` is the end value of the piece before. A piece covers [its begin, `until`); at `until`
    the next one begins, with `value(params, start, 1)`, and after the last one that value stays.
    """

    value: Callable[[Any, float, float], float] = lambda params, start, x: start
    check: Callable[[Any, float], Iterable[Fault]] = lambda params, start: ()
    """(params, the value before) to faults."""


@dataclass(frozen=True, eq=False)
class InputKind(Kind):
    """What comes in. `causal`: whether tokens are in a causal order."""

    causal: bool = False
    outputs: Callable[[Any], int] = lambda params: 0
    """How many logits a head gives: the vocabulary, or the classes."""


@dataclass(frozen=True, eq=False)
class EmbedKind(Kind):
    """Inputs to the stream. forward(params, weights, inputs, source, ops) -> [B, T, D], with
    `source` the params of the input (context and vocabulary, or size, channels and classes).
    """

    accepts: str = "text"
    width: Callable[[Any], int] = lambda params: 0
    tokens: Callable[[Any, Any], int] = lambda params, source: 0
    grid: Callable[[Any, Any], tuple[int, int] | None] = lambda params, source: None
    """Rows and columns of the patches, which are the last tokens."""
    hands_on: Callable[[Any], Form] = lambda params: Form("none")
    """Positions that attention takes over (rope), else `none`."""
    check: Callable[[Any, Any], Iterable[Fault]] = lambda params, source: ()
    weights: Callable[[Any, Any], tuple[WeightSpec, ...]] = lambda params, source: ()
    forward: Callable[[Any, Weights, Tensor, Any, Ops], Tensor] | None = None
    flops: Callable[[Any, Any], float] = lambda params, source: 0.0
    """Per token of the stream."""


@dataclass(frozen=True, eq=False)
class HeadKind(Kind):
    """Stream to logits. forward(params, weights, x [B,T,D], ops, table or None) -> logits."""

    accepts: str = "text"
    ties: Callable[[Any], bool] = lambda params: False
    check: Callable[[Any, Form], Iterable[Fault]] = lambda params, embed: ()
    """(params, the embed's form) to faults."""
    weights: Callable[[Any, int, int], tuple[WeightSpec, ...]] = lambda params, width, outputs: ()
    """(params, width, number of outputs) to declared weights."""
    forward: Callable[[Any, Weights, Tensor, Ops, Tensor | None], Tensor] | None = None
    flops: Callable[[Any, int, int, int], float] = lambda params, width, outputs, tokens: 0.0
    """(params, width, outputs, T) to FLOPs per token."""


@dataclass(frozen=True, eq=False)
class PositionsKind(Kind):
    """How a token knows where it stands: on the embed, or on queries and keys.

    weights(tokens, width): weights of the embed, named `positions`.
    add(weights, tokens, like) -> [T, D] added to the embedding, in the dtype and device of `like`.
    angles(form, E, positions [...]) -> [..., E / 2] by how much each pair (i, i + E / 2) of a head's
    features turns; float32, or wider where the positions are.
    """

    weights: Callable[[int, int], tuple[WeightSpec, ...]] = lambda tokens, width: ()
    add: Callable[[Weights, int, Tensor], Tensor] | None = None
    at: Callable[[Tensor, Tensor], Tensor] | None = None
    """(positions [...], like [..., D]) to [..., D]: those of any positions, where they are fixed."""
    angles: Callable[[Form, int, Tensor], Tensor] | None = None


@dataclass(frozen=True, eq=False)
class ActivationKind(Kind):
    """`activate(x) -> x` after the up-projection; gated ones take [..., 2 hidden], gate half first."""

    activate: Callable[[Tensor], Tensor] | None = None
    is_gated: bool = False


@dataclass(frozen=True, eq=False)
class NormKind(Kind):
    """`normalise(x) -> x` over the last axis, before the gain; None: x as it is, and no gain."""

    normalise: Callable[[Tensor], Tensor] | None = None


@dataclass(frozen=True, eq=False)
class InitKind(Kind):
    """Initial values: `draw(params, shape, generator) -> [shape] float32 on the CPU`."""

    draw: Callable[[Any, tuple[int, ...], Generator], Tensor] | None = None


@dataclass(frozen=True, eq=False)
class OptimizerKind(Kind):
    """`make(params, groups) -> torch.optim.Optimizer`; a group's own lr and weight_decay win."""

    make: Callable[[Any, Any], Any] | None = None


@dataclass(frozen=True, eq=False)
class PrecisionKind(Kind):
    """Types by their torch names: of weights and optimiser state, and of autocast if any."""

    dtype: str = "float32"
    autocast: str | None = None
    stream: str | None = None
    """Type of the residual stream under autocast; None: that of the weights."""
