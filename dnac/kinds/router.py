"""The fields of a router: one question each, every answer a word of its own catalogue.

score(read) + noise -> gate over all candidates -> select on gate + bias -> limit -> weight x scale
-> combine (`docs/numerics.md`, "The step"). What changes the meaning has no default: `choose`
always, and `weight` and `balance` for a router that chooses fewer than all (`semantics.routing`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from dnac import catalogue
from dnac.ir.form import Form, form
from dnac.kinds.base import From, MemberName, Params, ReadKind, Scheduled, ScoreKind, WeightSpec, params_of
from dnac.kinds.limits import DecodeKind
from dnac.kinds.noises import NoiseKind
from dnac.kinds.params import NORMAL, ZEROS
from dnac.kinds.starts import StartKind, start_of


class RouterParams(Params):
    """Arguments of `route ... by { ... }` and of `router name { ... }`."""

    read: Annotated[Form, From("read")] = form("raw_stream")
    """What the router sees: `[h]` the raw stream, `normed` the pool's own norm of it, or several views side by
    side: `[h, step, last]`."""
    score: Annotated[Form, From("score")] = form("linear", init=NORMAL, per=None)
    """How it scores the candidates."""
    frozen: bool = False
    """Whether the score's weights stay as initialised."""
    scope: Annotated[Form, From("scope")] = form("token")
    """For whom one decision is made."""
    gate: Annotated[Form, From("gate")] = form("softmax")
    """How scores become probabilities, over all candidates, in float32 or wider."""
    tau: Annotated[Annotated[float, Field(gt=0)] | Form, Scheduled()] = 1.0
    """Temperature: scores are divided by it before the gate."""
    noise: Annotated[Form, From("noise")] = form("none")
    """Noise on what the router reads or on scores, while training."""
    choose: Annotated[Form, From("choose")]
    """Which candidates run."""
    always: tuple[Annotated[str, MemberName()], ...] = ()
    """Members that run for every token with weight one and are not scored (shared experts)."""
    limit: Annotated[Form, From("limit")] = form("none")
    """Capacity."""
    decode: Annotated[Form, From("decode")] = form("none")
    """How to choose while generating, where the choice of training looks at later tokens."""
    weight: Annotated[Form, From("weight")] | None = None
    """What multiplies an output. No default where fewer than all are chosen."""
    scale: Annotated[float | Form, Scheduled()] = 1.0
    """A constant factor on all weights."""
    combine: Annotated[Form, From("combine")] = form("delta")
    """How outputs join the stream."""
    grad: Annotated[Form, From("grad")] = form("soft")
    """How the choice is trained."""
    balance: tuple[Annotated[Form, From("balance")], ...] | None = None
    """Terms that shape the load; `[]` for none. No default where fewer than all are chosen."""
    sees: Annotated[Form, From("sees")] = form("peers")
    """Which keys a routed attention module sees."""
    start: Annotated[Form, From("start")] = form("none")
    """The routes with which training begins."""
    when: Literal["both", "train", "eval"] = "both"
    """When a halting step lets tokens leave."""


NOISE = "noise"
"""What the names of a noise's weights begin with."""
DECODE = "decode"
"""What the names of a decode word's weights begin with."""


def views(fields: Form) -> tuple[Form, ...]:
    """The views that a router reads, side by side."""
    read = fields["read"]
    assert isinstance(read, Form)
    several = read.get("views")
    return tuple(v for v in several if isinstance(v, Form)) if isinstance(several, tuple) else (read,)


def view_width(fields: Form, width: int, size: int) -> int:
    """Features that a router reads, from a stream of `width` and over `size` candidates."""
    kinds: list[tuple[ReadKind, Form]] = [(catalogue.get("read", view.name), view) for view in views(fields)]
    return sum(width if kind.is_stream else kind.width(params_of(kind, view), size) for kind, view in kinds)


def carries(fields: Form) -> tuple[str, ...]:
    """What a router needs to know that goes along with each token from step to step."""
    readers: list[ReadKind] = [catalogue.get("read", view.name) for view in views(fields)]
    found = dict.fromkeys(state for kind in readers for state in kind.carries)
    for score in (fields["score"], decode_score(fields)):
        if isinstance(score, Form):
            kind: ScoreKind = catalogue.get("score", score.name)
            found |= dict.fromkeys(kind.carries(params_of(kind, score)))
    start = start_of(fields)
    if start is not None:
        found |= dict.fromkeys(start_kind(start).carries(params_of(start_kind(start), start)))
    return tuple(found)


def start_kind(start: Form) -> StartKind:
    """The kind behind a router's start."""
    return catalogue.get("start", start.name)


def score_weights(fields: Form, width: int, size: int) -> tuple[WeightSpec, ...]:
    """The weights of a router's score, over `size` candidates."""
    score = fields["score"]
    assert isinstance(score, Form)
    kind: ScoreKind = catalogue.get("score", score.name)
    specs = kind.weights(params_of(kind, score), view_width(fields, width, size), size)
    if start_of(fields) is None or not specs:
        return specs
    return (*specs[:-1], replace(specs[-1], init=ZEROS))  # what makes the scores: the start alone decides at first


def decode_weights(fields: Form, width: int, size: int) -> tuple[WeightSpec, ...]:
    """The weights of what a router decodes by: `decode.up`. They train even where the score is frozen."""
    score = decode_score(fields)
    if score is None:
        return ()
    kind: ScoreKind = catalogue.get("score", score.name)
    specs = kind.weights(params_of(kind, score), view_width(fields, width, size), size)
    return tuple(replace(spec, name=f"{DECODE}.{spec.name}") for spec in specs)


def decode_score(fields: Form) -> Form | None:
    """The score by which a router chooses while generating; None: as in training."""
    decode = fields.get("decode")
    if not isinstance(decode, Form):
        return None
    kind: DecodeKind = catalogue.get("decode", decode.name)
    return kind.score(params_of(kind, decode))


def noise_weights(fields: Form, width: int, size: int) -> tuple[WeightSpec, ...]:
    """The weights of a router's noise: `noise.weight`."""
    noise = fields["noise"]
    assert isinstance(noise, Form)
    kind: NoiseKind = catalogue.get("noise", noise.name)
    specs = kind.weights(params_of(kind, noise), view_width(fields, width, size), size)
    return tuple(replace(spec, name=f"{NOISE}.{spec.name}") for spec in specs)


def router_weights(fields: Form, width: int, size: int) -> tuple[WeightSpec, ...]:
    """All weights that a router declares."""
    own = (score_weights(fields, width, size), noise_weights(fields, width, size), decode_weights(fields, width, size))
    return tuple(spec for specs in own for spec in specs)
