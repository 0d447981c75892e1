"""What one routing step is given from outside: weights, the caller's wishes, present numbers, what earlier steps left.

B sequences, T tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from dnac.ir.traits import is_identity
from dnac.kinds.declared import has_table, key_of
from dnac.kinds.limits import Room
from dnac.kinds.router import router_weights
from dnac.lowering.modules import asked
from dnac.lowering.routing import Given
from dnac.lowering.turns import Turn, turn_of
from dnac.passes.facts import fixed_choice
from dnac.schedule import instructions as do

if TYPE_CHECKING:
    from dnac.lowering.interpret import Interpreter

Logits = Callable[[Tensor, Turn], Tensor]
"""A head as a function of a stream."""


def giver(
    run: Interpreter, i: do.Route, head: Logits | None
) -> Callable[[Mapping[str, Any], Turn, Tensor | None], Given]:
    """A function of the values so far, the turn, and the candidate that each token has just left [B, T], if asked.

    head: the one that the router's score asks.
    """
    outside, numbers = _outside(run, i), _numbers(run, i)
    is_fixed = fixed_choice(run.graph.router[i.router]) is not None

    def given(values: Mapping[str, Any], turn: Turn, last: Tensor | None) -> Given:
        place, x_BTD = turn.names.steps[i.step], values[i.x]
        found = outside(turn)._replace(turn=turn.names.words[turn_of(i.site)], last=last, **numbers(turn))
        if i.away:
            found = found._replace(here=values[i.away] == 0)
        if i.tally:
            found = found._replace(given_out=values[i.tally].total, before=values[i.tally].stream)
        if head is not None:
            found = found._replace(logits=lambda x, head=head: asked(head, x, x_BTD, turn))
        if is_fixed:  # a pass may have left no code for another choice
            found = found._replace(forced=None, mask=None)
        return found._replace(
            purses=run.budgets.purses(place, turn.results.spent, x_BTD, turn.call.knobs),
            gates_are_read=run.weighs or bool(run.budgets.at(place)),
        )

    return given


def _outside(run: Interpreter, i: do.Route) -> Callable[[Turn], Given]:
    """Weights of the router at a turn, and what the caller asks of this step."""
    specs = router_weights(run.graph.router[i.router].fields, run.graph.width, len(i.candidates))
    keys = {spec.name: key_of(i.router, spec.name) for spec in specs}
    if has_table(run.graph.router[i.router]):
        keys["table"] = key_of(i.router, "table")
    bias = key_of(i.router, "bias") if i.router in run.biased else None
    skips = tuple(slot for slot, member in enumerate(i.candidates) if is_identity(run.graph, member))
    room = Room(run.graph.tokens, i.k, skips)

    def outside(turn: Turn) -> Given:
        place, call = turn.names.steps[i.step], turn.call
        return Given(
            turn.names.words[i.site],
            {name: turn.weights[key] for name, key in keys.items()},
            None if bias is None else turn.weights[bias],
            *(None if each is None else each[place] for each in (call.routes, call.route_masks, call.module_gates)),
            room=room,
        )

    return outside


def _numbers(run: Interpreter, i: do.Route) -> Callable[[Turn], dict[str, Tensor]]:
    """The router's scheduled numbers, as they are at this train step: by field of `Given`."""
    places = dict(run.numbers.get(i.router, {}))
    if i.router in run.margins:
        places["margin"] = run.margins[i.router]

    def numbers(turn: Turn) -> dict[str, Tensor]:
        knobs = turn.call.knobs
        return {} if knobs is None else {name: knobs[at] for name, at in places.items()}

    return numbers
