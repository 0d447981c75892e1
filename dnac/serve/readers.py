"""Ways to the logits behind a text: from a whole window each time, or from what earlier tokens left.

There are two of the latter: one follows what routers chose, one costs the same launches whatever they choose.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from dnac.lowering.base import Call
from dnac.lowering.decode.cache import Cache
from dnac.lowering.decode.captured import Stepper
from dnac.lowering.decode.decoder import Decoder
from dnac.lowering.decode.steady import SteadyDecoder
from dnac.lowering.network import Network


class Reader(Protocol):
    """Gives logits for texts, each of which mostly is the one before and a token more."""

    def logits(self, ids: Sequence[int]) -> Tensor:
        """[V] behind the last of 1 to `context` tokens."""
        ...


class Windows:
    """The definition: one static window [1, context], the text padded on the right, whatever was computed before."""

    def __init__(self, network: Network, **given: Any) -> None:
        """`given` goes to forward."""
        self.network, self.given = network, given

    @torch.no_grad()
    def logits(self, ids: Sequence[int]) -> Tensor:
        """[V] behind the last token."""
        window = torch.zeros((1, self.network.graph.tokens), dtype=torch.int64)
        window[0, : len(ids)] = torch.tensor(ids)
        output = self.network(window.to(_device(self.network)), samples=_one(self.network), **self.given)
        return output.logits[0, len(ids) - 1]


class Behind(ABC):
    """The newest tokens alone, as long as the text goes on from the one before; a window that slid begins anew: its
    tokens stand at other positions, so it is left to `Windows`.
    """

    def __init__(self, network: Network, *, seeds: Tensor | None = None, decode: bool = False) -> None:
        self.network, self.read = network, list[int]()
        self.windows = Windows(network, seeds=seeds, decode=decode)
        knobs = network.final_knobs.to(_device(network))
        self.call = Call(torch.empty(0), seeds=seeds, samples=_one(network), knobs=knobs, decode=decode)

    def logits(self, ids: Sequence[int]) -> Tensor:
        """[V] behind the last token."""
        known = len(self.read)
        if list(ids[:known]) != self.read or len(ids) == known:
            return self.windows.logits(ids)
        new = torch.tensor([ids[known:]], device=_device(self.network))
        self.read = list(ids)
        return self.behind(new)[0]

    @abstractmethod
    def behind(self, new: Tensor) -> Tensor:
        """[1, V] behind new tokens [1, n]."""


class Cached(Behind):
    """Each module on the tokens that chose it: little work, and the host asks what was chosen (`decode.decoder`)."""

    def __init__(self, network: Network, *, seeds: Tensor | None = None, decode: bool = False) -> None:
        super().__init__(network, seeds=seeds, decode=decode)
        self.cache, self.weights = Cache(), network.weights()
        self.decoder = Decoder(network.optimized, network.schedule)

    def behind(self, new: Tensor) -> Tensor:
        """Through the modules that were chosen."""
        return self.decoder.read(self.weights, self.call._replace(inputs=new), self.cache)


class Fixed(Behind):
    """Fixed shapes and no question to the host: on a GPU a token is one recorded program (`decode.captured`)."""

    def __init__(
        self, network: Network, *, seeds: Tensor | None = None, decode: bool = False, compiled: bool = False
    ) -> None:
        super().__init__(network, seeds=seeds, decode=decode)
        decoder = SteadyDecoder(network.optimized, network.schedule)
        self.stepper = Stepper(decoder, network.weights(), self.call, compiled=compiled)

    def behind(self, new: Tensor) -> Tensor:
        """Through all launches."""
        return self.stepper.read(new)


def _device(network: Network) -> torch.device:
    return next(network.parameters()).device


def _one(network: Network) -> Tensor:
    return torch.zeros(1, dtype=torch.int64, device=_device(network))
