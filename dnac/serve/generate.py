"""Text from a trained network, one token at a time.

A net that is not proven causal is refused. Each token is computed from what earlier ones left, or, where that is not
possible or not wanted, from one static window [1, context]: the tokens so far, padded on the right, which in a causal
net changes nothing to its left. A text longer than the context goes on from its last `context` tokens, by windows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from dnac.data.base import Tokenizer
from dnac.ir.graph import Graph
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


def way_of(
    graph: Graph, *, on_gpu: bool, cached: bool | None = None, fixed: bool | None = None
) -> tuple[type[Windows | Cached | Fixed], tuple[str, ...]]:
    """The way to read a net, and what keeps it from a faster one; `reader` says what is asked."""
    if cached is False:
        return Windows, ()
    if reasons := why_not(graph):
        return Windows, reasons
    if not (on_gpu if fixed is None else fixed):
        return Cached, ()
    reasons = why_unsteady(graph)
    if not reasons:
        return Fixed, ()
    return (Windows if on_gpu and cached is None else Cached), reasons


def reader(
    network: Network,
    *,
    cached: bool | None = None,
    seeds: Tensor | None = None,
    fixed: bool | None = None,
    texts: int = 1,
) -> tuple[Reader, tuple[str, ...]]:
    """How to read the network, and what keeps it from being read in a faster way, each with its place in the file.

    Unsaid, it is what was fastest for a token where the net is (docs/performance.md): on a GPU `Fixed`, and windows for
    a net that `Fixed` does not serve; on a CPU `Cached`. With `cached` such a net is read by `Cached` on a GPU too;
    without it, by windows anywhere. `fixed` asks for static shapes on a CPU, or for none on a GPU. `seeds` [2] int64
    are those of draws, where the net draws while it generates. `texts`: how many `samples` will ask for, which `Fixed`
    reads at once.
    """
    way, reasons = way_of(network.graph, on_gpu=next(network.parameters()).is_cuda, cached=cached, fixed=fixed)
    given: dict[str, Any] = {"texts": texts} if way is Fixed else {}
    return way(network, seeds=seeds, decode=network.decodes, **given), reasons


def generate(network: Network, prompt: Sequence[int], wish: Wish, by: Reader | None = None) -> Iterator[int]:
    """New token ids after a prompt of at least one token. A reader `by` (of `reader`) serves any number of texts, one
    after another.

    The network is put into evaluation mode. Check it with `require_causal` first.

    Raises:
        Faults: DNA644, the network gives numbers that are not finite.
    """
    by = reader(network)[0] if by is None else by
    by.begin()
    for (token,) in _in_step(network, prompt, wish, 1, lambda texts: by.logits(texts[0])[None]):
        if token is not None:
            yield token


def samples(network: Network, prompt: Sequence[int], wish: Wish, count: int, by: Reader) -> list[list[int]]:
    """New token ids of `count` texts behind one prompt, text n as `generate` gives it with the seed `wish.seed + n`.

    At once by a `Fixed` that was made for as many `texts`, else one after another.

    Raises:
        Faults: as `generate`.
        ValueError: the reader was made for another number of texts.
    """
    if not isinstance(by, Fixed) or by.texts == 1:
        wishes = [replace(wish, seed=wish.seed + n) for n in range(count)]
        return [list(generate(network, prompt, each, by)) for each in wishes]
    by.begin()
    steps = _in_step(network, prompt, wish, count, by.of_all)
    return [[token for token in text if token is not None] for text in zip(*steps, strict=True)] or [[]] * count


def _in_step(
    network: Network, prompt: Sequence[int], wish: Wish, count: int, logits_of: Callable[[list[list[int]]], Tensor]
) -> Iterator[list[int | None]]:
    """The next token of each text, None behind its end; until all have ended."""
    network.eval()
    context = network.graph.tokens
    random = [torch.Generator().manual_seed(wish.seed + n) for n in range(count)]
    texts, ended = [list(prompt)[-context:]] * count, [False] * count
    for _ in range(wish.tokens):
        logits_BV = logits_of(texts).cpu()
        if logits_BV.isnan().any() or not logits_BV.isfinite().any(-1).all():
            raise Faults(errors.logits_not_finite(network.graph.name))
        drawn = [draw(logits, wish.sampling, each) for logits, each in zip(logits_BV, random, strict=True)]
        ended = [was or token == wish.stop_at for was, token in zip(ended, drawn, strict=True)]
        if all(ended):
            return
        yield [None if is_over else token for is_over, token in zip(ended, drawn, strict=True)]
        texts = [[*ids, token][-context:] for ids, token in zip(texts, drawn, strict=True)]


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
