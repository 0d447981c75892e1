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

    def begin(self) -> None:
        """Forget the text: another one comes."""


class Windows:
    """The definition: one static window [1, context], the text padded on the right, whatever was computed before."""

    def __init__(self, network: Network, **given: Any) -> None:
        """`given` goes to forward."""
        self.network, self.given = network, given

    def begin(self) -> None:
        """Nothing is kept."""

    @torch.no_grad()
    def logits(self, ids: Sequence[int]) -> Tensor:
        """[V] behind the last token."""
        window = torch.zeros((1, self.network.graph.tokens), dtype=torch.int64)
        window[0, : len(ids)] = torch.tensor(ids)
        output = self.network(window.to(_device(self.network)), samples=_zeros(self.network, 1), **self.given)
        return output.logits[0, len(ids) - 1]


class Behind(ABC):
    """The newest tokens alone, as long as a text goes on from the one before; a window that slid begins anew: its
    tokens stand at other positions, so it is left to `Windows`.
    """

    def __init__(self, network: Network, *, seeds: Tensor | None = None, decode: bool = False, texts: int = 1) -> None:
        """`seeds` [2] int64 are those of draws; `decode`: whether routers choose as while generating; `texts`: how many
        are read at once, each as it would be alone.
        """
        self.network, self.texts = network, texts
        self.read = [list[int]() for _ in range(texts)]
        """What is known of each text."""
        self.windows = Windows(network, seeds=seeds, decode=decode)
        knobs = network.final_knobs.to(_device(network))
        self.call = Call(torch.empty(0), seeds=seeds, samples=_zeros(network, texts), knobs=knobs, decode=decode)

    def logits(self, ids: Sequence[int]) -> Tensor:
        """[V] behind the last token of the one text."""
        return self.of_all([ids])[0]

    def of_all(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """[B, V] behind the last token of each text; all are of one length, at most the context.

        Raises:
            ValueError: they are not as many as this reader is for.
        """
        if len(texts) != self.texts:
            raise ValueError(f"this reader is for {self.texts} texts at once, not {len(texts)}")
        known = len(self.read[0])
        if len(texts[0]) == known or any(list(t[:known]) != was for t, was in zip(texts, self.read, strict=True)):
            return torch.stack([self.windows.logits(ids) for ids in texts])
        self.read = [list(ids) for ids in texts]
        return self.behind(torch.tensor([ids[known:] for ids in texts], device=_device(self.network)))

    def begin(self) -> None:
        """Forget the texts: others come."""
        self.read = [[] for _ in range(self.texts)]

    @abstractmethod
    def behind(self, new: Tensor) -> Tensor:
        """[B, V] behind new tokens [B, n]."""


class Cached(Behind):
    """Each module on the tokens that chose it: little work, and the host asks what was chosen (`decode.decoder`)."""

    def __init__(self, network: Network, *, seeds: Tensor | None = None, decode: bool = False) -> None:
        """As `Behind`, one text."""
        super().__init__(network, seeds=seeds, decode=decode)
        self.cache, self.weights = Cache(), network.weights()
        self.decoder = Decoder(network.optimized, network.schedule)

    def behind(self, new: Tensor) -> Tensor:
        """Through the modules that were chosen."""
        return self.decoder.read(self.weights, self.call._replace(inputs=new), self.cache)

    def begin(self) -> None:
        """Forget the text and what it left."""
        super().begin()
        self.cache = Cache()


class Fixed(Behind):
    """Fixed shapes and no question to the host: on a GPU a token is one recorded program (`decode.captured`)."""

    def __init__(
        self,
        network: Network,
        *,
        seeds: Tensor | None = None,
        decode: bool = False,
        texts: int = 1,
        compiled: bool = False,
    ) -> None:
        """As `Behind`; `compiled`: torch compiles a token first, which takes long."""
        super().__init__(network, seeds=seeds, decode=decode, texts=texts)
        decoder = SteadyDecoder(network.optimized, network.schedule)
        self.stepper = Stepper(decoder, network.weights(), self.call, texts, compiled=compiled)

    def behind(self, new: Tensor) -> Tensor:
        """Through all launches."""
        return self.stepper.read(new)

    def begin(self) -> None:
        """Forget the texts; rooms and program stay."""
        super().begin()
        self.stepper.forget()


def _device(network: Network) -> torch.device:
    return next(network.parameters()).device


def _zeros(network: Network, count: int) -> Tensor:
    """Each text is the first sample of its own: it is drawn as alone."""
    return torch.zeros(count, dtype=torch.int64, device=_device(network))
