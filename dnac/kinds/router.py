"""The fields of a router: one question each, every answer a word of its own catalogue.

score(read) + noise -> gate over all candidates -> select on gate + bias -> limit -> weight x scale
-> combine (`docs/numerics.md`, "The step"). What changes the meaning has no default: `choose`
always, and `weight` and `balance` for a router that chooses fewer than all (`semantics.routing`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dnac.ir.form import Form, form
from dnac.kinds.base import From, MemberName, Params
from dnac.kinds.params import NORMAL


class RouterParams(Params):
    """Arguments of `route ... by { ... }` and of `router name { ... }`."""

    read: Annotated[Form, From("read")] = form("raw_stream")
    """What the router sees: `[h]` the raw stream, `normed` the pool's own norm of it."""
    score: Annotated[Form, From("score")] = form("linear", init=NORMAL)
    """How it scores the candidates."""
    frozen: bool = False
    """Whether the score's weights stay as initialised."""
    scope: Literal["token"] = "token"
    """For whom one decision is made."""
    gate: Annotated[Form, From("gate")] = form("softmax")
    """How scores become probabilities, over all candidates, in float32 or wider."""
    tau: float = Field(default=1.0, gt=0)
    """Temperature: scores are divided by it before the gate."""
    noise: Annotated[Form, From("noise")] = form("none")
    """Noise on what the router reads or on scores, while training."""
    choose: Annotated[Form, From("choose")]
    """Which candidates run."""
    always: tuple[Annotated[str, MemberName()], ...] = ()
    """Members that run for every token with weight one and are not scored (shared experts)."""
    limit: Annotated[Form, From("limit")] = form("none")
    """Capacity."""
    weight: Annotated[Form, From("weight")] | None = None
    """What multiplies an output. No default where fewer than all are chosen."""
    scale: float = 1.0
    """A constant factor on all weights."""
    combine: Annotated[Form, From("combine")] = form("delta")
    """How outputs join the stream."""
    grad: Annotated[Form, From("grad")] = form("soft")
    """How the choice is trained."""
    balance: tuple[Annotated[Form, From("balance")], ...] | None = None
    """Terms that shape the load; `[]` for none. No default where fewer than all are chosen."""
    sees: Annotated[Form, From("sees")] = form("peers")
    """Which keys a routed attention module sees."""
    when: Literal["both"] = "both"
    """Whether the router acts in training, evaluation or both."""
