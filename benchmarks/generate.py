"""Milliseconds a token of generating, by each way to the logits, for nets with fresh weights.

    python benchmarks/generate.py FILE[:NET] ... [--set NAME=VALUE] [--device cpu] [--dtype float32]
        [--prompts 64,512] [--tokens 32] [--ways windows,cached,fixed] [--texts 1]

- `windows`: the whole window anew for each token. `recorded_windows` (CUDA): the same as one CUDA graph.
- `cached`: the newest token through the modules that it chose; the host asks what was chosen.
- `fixed`: shapes that never change; on CUDA one graph a token, else launched operator by operator.
- `fixed_compiled`: the same, compiled by torch first (long).

Each net and prompt length is one line of JSON: seconds of reading the prompt and the median milliseconds of a token
behind it by each way, bytes kept, and how far the logits are from those of `windows`, relative to the largest one. All
ways read the same tokens, in turns; the first two tokens are not timed (a graph is recorded there: `record_s`).
`--texts 8` reads as many texts at once, by `fixed` alone; milliseconds are then those of a token of each.
Rounding can turn a router's choice over, so the check is made first, in float32 (`check`): the largest difference, and
behind how many tokens it was above 1e-3.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch import Tensor

import dnac
from dnac.ir.graph import Graph
from dnac.lowering.network import Network
from dnac.serve.generate import reader
from dnac.serve.readers import Cached, Fixed, Windows

WARM = 2
"""Tokens behind the prompt that are not timed."""
FAR = 1e-3


class RecordedWindows:
    """A window as one CUDA graph: what a whole window costs when the host does not set the pace."""

    def __init__(self, network: Network) -> None:
        self.network = network
        device = next(network.parameters()).device
        self.window = torch.zeros((1, network.graph.tokens), dtype=torch.int64, device=device)
        self.samples = torch.zeros(1, dtype=torch.int64, device=device)
        self.knobs = network.final_knobs.to(device)
        self.graph: torch.cuda.CUDAGraph | None = None
        self.made: Tensor | None = None

    @torch.no_grad()
    def logits(self, ids: Sequence[int]) -> Tensor:
        """[V] behind the last token."""
        text = torch.zeros_like(self.window, device="cpu")
        text[0, : len(ids)] = torch.tensor(ids)
        self.window.copy_(text)
        if self.graph is None:
            self._record()
        assert self.graph is not None and self.made is not None
        self.graph.replay()
        return self.made[0, len(ids) - 1].clone()

    def _run(self) -> Tensor:
        return self.network(self.window, samples=self.samples, knobs=self.knobs, decode=self.network.decodes).logits

    def _record(self) -> None:
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(3):
                self._run()
        torch.cuda.current_stream().wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.made = self._run()
        self.graph = graph


def main() -> None:
    """All nets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nets", nargs="+", metavar="FILE[:NET]")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--prompts", default="64,512")
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--ways", default="windows,cached,fixed")
    parser.add_argument("--texts", type=int, default=1, help="texts at once (default 1; more: `fixed` alone)")
    parser.add_argument("--check", type=int, default=8, help="tokens that are checked in float32 (default 8; 0: none)")
    args = parser.parse_args()
    prompts, names = [int(each) for each in args.prompts.split(",")], args.ways.split(",")
    for target in args.nets:
        path, _, name = target.partition(":")
        graph = dnac.load(path, name or None, tuple(args.settings)).graph
        checked = checks(graph, args.device, prompts[0], args.check) if args.check else {}
        lowering = "grouped" if args.device.startswith("cuda") else "portable"
        network = Network(graph, lowering, args.device, args.dtype).eval()
        for prompt in prompts:
            found = measured(network, prompt, args.tokens, names, args.texts)
            found = {"net": target, "prompt": prompt, "texts": args.texts, **checked, **found}
            print(json.dumps(found), flush=True)


class Together:
    """Several texts at once, here all the same."""

    def __init__(self, by: Fixed) -> None:
        self.by, self.stepper = by, by.stepper

    def logits(self, ids: Sequence[int]) -> Tensor:
        """[V] behind the last token of the first text."""
        return self.by.of_all([ids] * self.by.texts)[0]


def ways(network: Network, names: Sequence[str], texts: int = 1) -> dict[str, Any]:
    """The ways that this network can be read, by their names."""
    made: dict[str, Any] = {}
    for name in names:
        if texts > 1 and name != "fixed":
            continue
        if name == "recorded_windows":
            if next(network.parameters()).is_cuda:
                made[name] = RecordedWindows(network)
            continue
        by, _ = reader(network, cached=name != "windows", fixed=name.startswith("fixed"), texts=texts)
        if name == "fixed_compiled" and isinstance(by, Fixed):
            made[name] = Fixed(network, decode=network.decodes, compiled=True)
            continue
        if isinstance(by, {"windows": Windows, "cached": Cached, "fixed": Fixed}[name]):
            made[name] = Together(by) if isinstance(by, Fixed) and texts > 1 else by
    return made


def checks(graph: Graph, device: str, prompt: int, tokens: int) -> dict[str, Any]:
    """In float32: how far each way is from windows behind each token."""
    network = Network(graph, "portable", device, "float32").eval()
    ids = text_of(graph, prompt + tokens)
    made = ways(network, ("windows", "cached", "fixed"))
    made["windows"].logits(ids[:prompt])
    gaps: dict[str, list[float]] = {name: [] for name in made if name != "windows"}
    for end in range(prompt, len(ids) + 1):
        wanted = made["windows"].logits(ids[:end])
        for name, found in gaps.items():
            found.append(gap(made[name].logits(ids[:end]), wanted))
    return {
        "check": {name: {"largest": max(g), "far": sum(x > FAR for x in g), "of": len(g)} for name, g in gaps.items()}
    }


def measured(network: Network, prompt: int, tokens: int, names: Sequence[str], texts: int = 1) -> dict[str, Any]:
    """One prompt length."""
    device = next(network.parameters()).device
    ids = text_of(network.graph, prompt + WARM + tokens)
    if len(ids) > network.graph.tokens:
        return {"too_long": f"{len(ids)} tokens, and the context is {network.graph.tokens}"}
    made = ways(network, names, texts)
    failed: dict[str, str] = {}
    # the device's libraries are loaded once, by others than those that are measured
    for name, by in ways(network, [name for name in names if name != "fixed_compiled"], texts).items():
        try:
            by.logits(ids[:prompt])
            by.logits(ids[: prompt + 1])
        except RuntimeError as fault:  # what asks the host cannot be recorded
            failed[name] = str(fault).splitlines()[0]
            made.pop(name)
    read = {name: timed(lambda by=by: by.logits(ids[:prompt]), device)[0] for name, by in made.items()}
    first = {name: timed(lambda by=by: by.logits(ids[: prompt + 1]), device)[0] for name, by in made.items()}
    ms: dict[str, list[float]] = {name: [] for name in made}
    worst = {name: 0.0 for name in made if name != "windows" and "windows" in made}
    for end in range(prompt + 2, len(ids) + 1):
        found: dict[str, Tensor] = {}
        for name, by in made.items():
            seconds, found[name] = timed(lambda by=by, end=end: by.logits(ids[:end]), device)
            if end > prompt + WARM:
                ms[name].append(1000 * seconds)
        for name in worst:
            worst[name] = max(worst[name], gap(found[name], found["windows"]))
    median = {name: round(statistics.median(values), 3) for name, values in ms.items()}
    return {
        "prompt_s": {name: round(seconds, 4) for name, seconds in read.items()},
        "ms": median,
        "times": {n: round(median["windows"] / m, 2) for n, m in median.items() if "windows" in median},
        "record_s": {name: round(s, 3) for name, s in first.items() if name not in ("windows", "cached")},
        "kept_bytes": {name: kept(by) for name, by in made.items() if kept(by)},
        "difference": worst,
        "missing": [name for name in names if name not in made],
        "failed": failed,
        "torch": torch.__version__,
    }


def text_of(graph: Graph, tokens: int) -> list[int]:
    """Random ids, always the same."""
    vocabulary = int(str(graph.input["vocabulary"]))
    return torch.randint(vocabulary, (tokens,), generator=torch.Generator().manual_seed(0)).tolist()


def gap(found: Tensor, wanted: Tensor) -> float:
    """The largest difference, relative to the largest logit."""
    return float((found.float() - wanted.float()).abs().max() / wanted.float().abs().max())


def kept(by: Any) -> int:
    """Bytes that a way keeps."""
    match by:
        case Cached():
            return by.cache.bytes
        case Fixed() | Together():
            return by.stepper.stores.bytes
        case _:
            return 0


def timed(act: Callable[[], Tensor], device: torch.device) -> tuple[float, Tensor]:
    """Seconds until the result is there, and the result."""
    begin = time.perf_counter()
    found = act()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - begin, found


if __name__ == "__main__":
    main()
