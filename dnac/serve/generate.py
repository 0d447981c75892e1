"""Text from a trained network, one token at a time.

A net that is not proven causal is refused. Each token is computed from what earlier ones left, or, where that is not
possible or not wanted, from one static window [1, context]: the tokens so far, padded on the right, which in a causal
net changes nothing to its left. A text longer than the context goes on from its last `context` tokens, by windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dnac.data.base import Tokenizer
from dnac.lowering.decode.serves import why_not, why_unsteady
from dnac.lowering.network import Network
from dnac.semantics.result import Verdict
from dnac.serve import errors
from dnac.serve.readers import Cached, Fixed, Reader, Windows
from dnac.serve.sampling import Sampling, draw
from dnac.text.diagnostic import Faults

_TORN = "\ufffd"


_PLAIN = Sampling()


@dataclass(frozen=True)
class Wish:
    """What is asked of the network."""

    tokens: int
    """At most so many new ones."""
    sampling: Sampling = _PLAIN
    seed: int = 0
    stop_at: int | None = None
    """The token that ends the text; it is not given out."""


def require_causal(network: Network, verdict: Verdict) -> None:
    """Refuse a net that cannot be read from left to right; `verdict` is that of its generate program.

    Raises:
        Faults: DNA641.
    """
    graph = network.graph
    if not graph.is_text:
        raise Faults(errors.not_text(graph.name))
    if not verdict.causal:
        raise Faults(errors.not_causal(graph.name, verdict.breaks))


def reader(
    network: Network, *, cached: bool | None = None, seeds: Tensor | None = None, fixed: bool | None = None
) -> tuple[Reader, tuple[str, ...]]:
    """How to read the network, and what keeps it from being read by a cache where one was wanted.

    `cached` unsaid: on a CPU. On a GPU a whole window took less time than what follows the choices, and shapes that
    never change have not been measured there (docs/performance.md). `fixed`: whether with such shapes, where the net
    can be; unsaid: on a GPU, where the host would set the pace.
    """
    given: dict[str, Any] = {"seeds": seeds, "decode": network.decodes}
    on_gpu = next(network.parameters()).is_cuda
    wants_cache = not on_gpu if cached is None else cached
    reasons = why_not(network.graph) if wants_cache else ()
    if reasons or not wants_cache:
        return Windows(network, **given), reasons
    wants_fixed = on_gpu if fixed is None else fixed
    notes = why_unsteady(network.graph) if wants_fixed else ()
    if wants_fixed and not notes:
        return Fixed(network, **given), ()
    by = Cached(network, **given)
    by.notes = notes
    return by, ()


def generate(network: Network, prompt: Sequence[int], wish: Wish, by: Reader | None = None) -> Iterator[int]:
    """New token ids after a prompt of at least one token, read `by` a cache where the network can be.

    The network is put into evaluation mode. Check it with `require_causal` first.

    Raises:
        Faults: DNA644, the network gives numbers that are not finite.
    """
    network.eval()
    context = network.graph.tokens
    by = reader(network)[0] if by is None else by
    random = torch.Generator().manual_seed(wish.seed)
    ids = list(prompt)[-context:]
    for _ in range(wish.tokens):
        last_V = by.logits(ids)
        if not last_V.isfinite().any() or last_V.isnan().any():
            raise Faults(errors.logits_not_finite(network.graph.name))
        chosen = draw(last_V, wish.sampling, random)
        if chosen == wish.stop_at:
            return
        yield chosen
        ids = [*ids, chosen][-context:]


def prompt_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    """The ids of a prompt; an empty one begins a document.

    Raises:
        Faults: DNA642, it is empty and the tokenizer has no token that ends (and so begins) a document.
    """
    (ids,) = tokenizer.encode([text])
    if len(ids):
        return ids.tolist()
    if tokenizer.end is None:
        raise Faults(errors.empty_prompt())
    return [tokenizer.end]


def pieces(tokenizer: Tokenizer, ids: Iterator[int]) -> Iterator[str]:
    """The text of ids as it grows, in whole characters; what never becomes one is shown as U+FFFD."""
    held: list[int] = []
    shown = ""
    for token in ids:
        held.append(token)
        text = tokenizer.decode(held).decode(errors="replace")
        whole = text.rstrip(_TORN)
        if len(text) - len(whole) > 3:
            whole = text
        if len(whole) > len(shown):
            yield whole[len(shown) :]
            shown = whole
    rest = tokenizer.decode(held).decode(errors="replace")[len(shown) :]
    if rest:
        yield rest
