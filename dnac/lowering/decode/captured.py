"""One token of a steady decoder: launched by the host kernel by kernel, or as one CUDA graph.

B sequences, V outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from dnac.lowering.base import Call
from dnac.lowering.decode.steady import SteadyDecoder
from dnac.lowering.decode.stores import Stores

WARM = 3
"""Runs of a token before it is recorded: libraries make their workspaces in them. Each leaves the same rows."""


class Stepper:
    """A text [B, ...] as it grows: pieces of any length, and then one token of each sequence at a time."""

    def __init__(
        self,
        decoder: SteadyDecoder,
        weights: Mapping[str, Tensor],
        call: Call,
        batch: int = 1,
        *,
        compiled: bool = False,
    ) -> None:
        """`call` says all but its inputs. On CUDA the first single token is recorded, and all later ones replayed.
        `compiled`: torch compiles a token first, which takes long and leaves fewer launches.
        """
        self.decoder, self.weights, self.call = decoder, decoder.widened(weights), call
        self.stores = Stores(decoder.graph.tokens)
        self.tokens = 0
        """How many tokens of each sequence have been read."""
        device = next(iter(weights.values())).device
        self.ids = torch.zeros((batch, 1), dtype=torch.int64, device=device)
        self.at = torch.zeros(1, dtype=torch.int64, device=device)
        self.captures = device.type == "cuda"
        self.step: Callable[[], Tensor] = (
            torch.compile(self._step, fullgraph=True, dynamic=False) if compiled else self._step
        )
        """One token in `ids` at the position in `at`."""
        self._graph: torch.cuda.CUDAGraph | None = None
        self._logits: Tensor | None = None

    def read(self, ids: Tensor) -> Tensor:
        """Logits [B, V] behind the last of new tokens [B, n].

        Raises:
            ValueError: the sequence would be longer than the context.
        """
        if self.tokens + ids.shape[1] > self.stores.context:
            raise ValueError(f"{self.tokens} + {ids.shape[1]} tokens exceed the context of {self.stores.context}")
        self.at.fill_(self.tokens)
        self.tokens += ids.shape[1]
        if ids.shape[1] > 1:
            return self.decoder.read(
                self.weights, self.call._replace(inputs=ids.to(self.at.device)), self.at, self.stores
            )
        self.ids.copy_(ids)
        if not self.stores.families:
            self._step()  # makes room, before anything is compiled or recorded
        if not self.captures:
            return self.step()
        if self._graph is None:
            self._record()
        assert self._graph is not None and self._logits is not None
        self._graph.replay()
        return self._logits.clone()

    def _step(self) -> Tensor:
        return self.decoder.read(self.weights, self.call._replace(inputs=self.ids), self.at, self.stores)

    @property
    def is_recorded(self) -> bool:
        """Whether tokens are replayed."""
        return self._graph is not None

    def forget(self) -> None:
        """Begin anew, with the same rooms and the same program."""
        self.tokens = 0
        self.stores.forget()

    def _record(self) -> None:
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(WARM):
                self.step()
        torch.cuda.current_stream().wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._logits = self.step()
        self._graph = graph
