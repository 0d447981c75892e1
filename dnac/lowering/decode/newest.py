"""What both decoders do alike: modules pick their rows themselves, and only the last token is read out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping

from torch import Tensor

from dnac.ir.form import Form
from dnac.kinds.words import word
from dnac.lowering.interpret import Bound, Interpreter, Values
from dnac.lowering.modules import PartPlan
from dnac.lowering.ops_dense import Mix, mix_all
from dnac.lowering.turns import Turn
from dnac.lowering.weights import Stack
from dnac.schedule import instructions as do

Weigh = Callable[[PartPlan], Mapping[str, Tensor]]
"""The weights of one part of a module."""


class OfNewest(Interpreter):
    """One network, for the newest tokens of a text alone."""

    mix = staticmethod(mix_all)

    def run_all(self, turn: Turn) -> Tensor:
        """Logits [B, V] behind the last new token."""
        values: Values = {}
        for act in self.bound:
            act(values, turn)
        return values[self.result][:, -1]

    def weigh(self, turn: Turn, keys: Mapping[str, Mapping[str, Stack]]) -> Weigh:
        """The weights of a single module's parts, of which `keys` say where they are found."""
        return lambda plan: {name: self._one(turn, stack) for name, stack in keys[plan.name].items()}

    @abstractmethod
    def embed_behind(self, embed: Bound, i: do.Embed, values: Values, turn: Turn) -> None:
        """The embed of new tokens where positions are added: it counts them from the first token of its input on."""

    def mix_of(self, here_BT: Tensor) -> Mix:
        """Never asked: attention goes to what is kept."""
        raise AssertionError("a decoder gives modules rows, not tokens under a mask")

    def sort(self, i: do.Sort) -> Bound:
        """Nothing is sorted."""
        return lambda values, turn: None

    def gather(self, i: do.Gather) -> Bound:
        """Banks pick their rows themselves."""

        def act(values: Values, turn: Turn) -> None:
            values[i.out] = values[i.x]

        return act

    def _embed(self, i: do.Embed) -> Bound:
        embed, form = super()._embed(i), self.graph.weights[i.weights].kind
        positions = form.get("positions")
        if isinstance(positions, Form) and word("positions", positions).add is None:
            return embed
        return lambda values, turn: self.embed_behind(embed, i, values, turn)

    def _head(self, i: do.Head) -> Bound:
        head = self._logits(i.weights, i.table)

        def act(values: Values, turn: Turn) -> None:
            values[i.out] = head(values[i.x][:, -1:], turn)

        return act
