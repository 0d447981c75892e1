"""Tokens per second of generating, with what earlier tokens left and without, for nets with fresh weights.

    python benchmarks/generate.py FILE[:NET] ... [--set NAME=VALUE] [--device cpu] [--dtype float32]
        [--prompts 64,512] [--tokens 32]

For each net and prompt length one line of JSON: seconds of reading the prompt, the median milliseconds of a token
behind it by each way, bytes that are kept, and the largest difference of the logits of both ways relative to the
largest logit. Both ways read the same tokens, in turns.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

import dnac
from dnac.lowering.network import Network
from dnac.serve.generate import reader


def main() -> None:
    """All nets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nets", nargs="+", metavar="FILE[:NET]")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--prompts", default="64,512")
    parser.add_argument("--tokens", type=int, default=32)
    args = parser.parse_args()
    for target in args.nets:
        path, _, name = target.partition(":")
        spec = dnac.load(path, name or None, tuple(args.settings))
        lowering = "grouped" if args.device.startswith("cuda") else "portable"
        network = Network(spec.graph, lowering, args.device, args.dtype).eval()
        for prompt in map(int, args.prompts.split(",")):
            print(json.dumps({"net": target, "prompt": prompt, **measured(network, prompt, args.tokens)}), flush=True)


def measured(network: Network, prompt: int, tokens: int) -> dict[str, Any]:
    """One prompt length."""
    device = next(network.parameters()).device
    vocabulary = int(str(network.graph.input["vocabulary"]))
    ids = torch.randint(vocabulary, (prompt + tokens,), generator=torch.Generator().manual_seed(0)).tolist()
    (cached, reasons), (windows, _) = reader(network), reader(network, cached=False)
    if reasons:
        return {"no_cache": list(reasons)}
    if len(ids) > network.graph.tokens:
        return {"too_long": f"{len(ids)} tokens, and the context is {network.graph.tokens}"}
    windows.logits(ids[:prompt])
    read, _ = timed(lambda: cached.logits(ids[:prompt]), device)
    ms: dict[str, list[float]] = {"cached": [], "windows": []}
    worst = 0.0
    for end in range(prompt + 1, prompt + tokens + 1):
        found = {}
        for name, by in (("cached", cached), ("windows", windows)):
            seconds, found[name] = timed(lambda by=by, end=end: by.logits(ids[:end]), device)
            ms[name].append(1000 * seconds)
        gap = (found["cached"] - found["windows"]).abs().max() / found["windows"].abs().max()
        worst = max(worst, float(gap))
    median = {f"{name}_ms": round(statistics.median(values), 3) for name, values in ms.items()}
    return {
        "prompt_s": round(read, 4),
        **median,
        "times": round(median["windows_ms"] / median["cached_ms"], 2),
        "kept_bytes": cached.cache.bytes,  # type: ignore[attr-defined]
        "difference": worst,
        "torch": torch.__version__,
    }


def timed(act: Callable[[], torch.Tensor], device: torch.device) -> tuple[float, torch.Tensor]:
    """Seconds until the result is there, and the result."""
    begin = time.perf_counter()
    found = act()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - begin, found


if __name__ == "__main__":
    main()
