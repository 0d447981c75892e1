"""`sequential(member)`: a router starts as the sequential network: its modules one after the other, then the way out.

    z'[t] = z[t] + margin * onehot(next of what t has just left)        by = last
    z'[t] = z[t] + margin * onehot(member[turn of the router])          by = step

The paper on Radial Networks (arXiv 2404.04900) trains "post-training from sequential models" and does not say how the
first routes come about; this table is ours (`docs/decisions/0010-sequential-starts.md`). The matrix that makes z starts
at zero. With `weight = raw` the gate must be 1 to float32, which a margin of 20 makes it, and then nothing teaches the
router: a schedule lowers the margin while training, or `weight = one` with `grad = ste` needs no large one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from dnac.kinds.base import Fault, MemberName, Params, Real, RouteFacts, RouterOps
from dnac.kinds.starts import StartKind
from dnac.kinds.tables import number, table

if TYPE_CHECKING:
    from torch import Tensor


class SequentialParams(Params):
    """Arguments of `sequential`."""

    member: Annotated[str, MemberName()]
    """Whose modules stand one after the other."""
    then: Annotated[str, MemberName()] | None = None
    """Where a token goes behind the last one: an `exit()` or an identity. Unsaid: the only one of the pool."""
    margin: Real = 20.0
    """By how much the wanted module's score stands above the others at the start; may be a schedule."""
    by: Literal["last", "step"] = "last"
    """What says which module is next: the one just left, or the router's turn."""


class ResolvedSequential(SequentialParams):
    """With the slots that the names stand for."""

    rows: tuple[int, ...] = ()
    """The wanted slot: for each module just left and for none yet, or for each turn."""
    modules: int = 0
    """How many stand one after the other."""
    ends: bool = False
    """Whether there is a way out behind them."""


def resolve(params: ResolvedSequential, facts: RouteFacts) -> ResolvedSequential:
    """The wanted slot of each row."""
    line, behind = facts.slots(params.member), _behind(params, facts)
    after = [*line[1:], line[-1] if behind is None else behind]
    known = {"modules": len(line), "ends": behind is not None}
    if params.by == "step":
        return params.model_copy(update={**known, "rows": (*line, after[-1])})
    following = dict(zip(line, after, strict=True))
    rows = [following.get(slot, slot) for slot in range(len(facts.members))]
    return params.model_copy(update={**known, "rows": (*rows, line[0])})


def fits(params: ResolvedSequential, facts: RouteFacts) -> Iterator[Fault]:
    """The names stand for modules and a way out, and what follows each candidate is known."""
    line = facts.slots(params.member)
    if not line or set(line) & set(facts.identities):
        yield Fault(
            "member", f"`{params.member}` has no modules to run one after the other", "name a member of modules"
        )
        return
    ways = tuple(dict.fromkeys(facts.members[slot] for slot in facts.identities))
    if params.then is not None and params.then not in ways:
        yield Fault("then", f"`{params.then}` is no way out", "name an `exit()` or an identity")
    if params.then is None and len(ways) > 1:
        names = " or ".join(f"`then = {name}`" for name in ways)
        yield Fault("then", "a token could go two ways behind the last module", f"write {names}")
    behind = _behind(params, facts)
    others = [m for slot, m in enumerate(facts.members) if slot not in line and slot != behind]
    if params.by == "last" and others:
        message = f"behind `{others[0]}` no module is next"
        yield Fault("by", message, "write `by = step`, or leave that member out")


def _behind(params: SequentialParams, facts: RouteFacts) -> int | None:
    """The slot behind the last module."""
    named = [slot for slot in facts.identities if params.then in (None, facts.members[slot])]
    return named[0] if named else None


def prefers(params: ResolvedSequential, ops: RouterOps) -> Tensor:
    """The wanted slot of each token."""
    rows = table(params.rows, ops.token_ids().device)
    if params.by == "last":
        return rows[ops.last()]
    turn = number(ops.turn(), rows.device).clamp(max=len(params.rows) - 1)
    return rows.index_select(0, turn[None])[0]  # a scalar index would be read by the host


KIND = StartKind(
    name="sequential",
    summary="The modules of a member one after the other, then the way out (for Radial Networks, arXiv 2404.04900).",
    Params=SequentialParams,
    Resolved=ResolvedSequential,
    prefers=prefers,
    resolve=resolve,
    fits=fits,
    length=lambda params: (params.modules, params.ends),
    by_step=lambda params: params.by == "step",
    carries=lambda params: ("last",) if params.by == "last" else (),
)
