"""What goes along with each token from routing step to routing step, beside the stream.

`last`: the candidate that a token has just left, [B, T] int64; -1 for none yet. A routing step over the same
candidates reads it and then changes it: the chosen candidate with the largest gate, ties to the first slot of
the choice. A token whose every slot is empty keeps what it had. No gradient passes.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from dnac.lowering.base import Call
from dnac.lowering.routing import Routing
from dnac.schedule import instructions as do


def value_name(state: str) -> str:
    """The name under which a state stands among the values of a program."""
    return f"carried {state}"


def states(instructions: Iterable[do.AnyInstruction]) -> tuple[str, ...]:
    """All states that instructions carry, in order of first use."""
    found: dict[str, None] = {}
    for i in instructions:
        if isinstance(i, do.Route):
            found |= dict.fromkeys(i.carries)
        elif isinstance(i, do.Repeat):
            found |= dict.fromkeys(states(i.body))
    return tuple(found)


def initial(call: Call, tokens: int, is_text: bool) -> Tensor:
    """[B, T] int64: nothing yet. `tokens` is T of images; a text may be shorter than its context."""
    length = call.inputs.shape[1] if is_text else tokens
    return torch.full((call.inputs.shape[0], length), -1, dtype=torch.int64, device=call.inputs.device)


def left(routing: Routing, before: Tensor) -> Tensor:
    """The candidate that each token has left once this step is done: [B, T] int64."""
    ids_BTK = routing.ids
    if ids_BTK.shape[-1] == 1:
        chosen = ids_BTK[..., 0]
    else:
        gates_BTM = routing.load.gates.detach()
        gates_BTK = torch.gather(gates_BTM, -1, ids_BTK.clamp(min=0)).masked_fill(ids_BTK < 0, -torch.inf)
        best = gates_BTK.argmax(-1, keepdim=True)
        chosen = torch.gather(ids_BTK, -1, best)[..., 0]
        # a slot that holds a choice whose gate is -inf must not lose to an empty one
        chosen = torch.where(chosen < 0, ids_BTK.amax(-1), chosen)
    return torch.where(chosen < 0, before, chosen)
