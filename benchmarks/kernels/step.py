"""Where the time of one train step goes: a net of `benchmarks/bars/`, its choices uniform, with a profile.

    python benchmarks/kernels/step.py top1 depth=4 --lowering grouped --profile [--skip 0.25] [--out FILE]

Times are medians of 20 CUDA-event timings of forward, backward and fused AdamW; choices are redrawn
each step. Weights float32, products and stream bfloat16.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn import functional as F

import dnac
import dnac.lowering.network

SPECS = Path(__file__).parents[1] / "bars"


def choices(steps: int, shape: tuple[int, int], size: int, k: int, skip: float) -> list[torch.Tensor]:
    """Uniform choices of k different modules; with chance `skip` the last candidate, an identity."""
    made = []
    for _ in range(steps):
        free = size - (skip > 0)
        ids = torch.randint(free, (*shape, 1), device="cuda")
        if k > 1:
            ids = (
                ids + torch.arange(k, device="cuda") * torch.randint(1, free // k, (*shape, 1), device="cuda")
            ) % free
        drop = torch.rand(shape, device="cuda") < skip
        ids[..., 0] = torch.where(drop, size - 1, ids[..., 0])
        made.append(ids)
    return made


def median(run: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median milliseconds of one call, and its quartile range."""
    times = []
    for _ in range(rounds):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end))
    times.sort()
    return times[rounds // 2], times[3 * rounds // 4] - times[rounds // 4]


def main() -> None:
    """Measure one net."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("net")
    parser.add_argument("settings", nargs="*")
    parser.add_argument("--lowering", default="grouped")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--skip", type=float, default=0.0)
    parser.add_argument("--eager", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--choices", default="")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    torch.manual_seed(0)
    spec = dnac.load(SPECS / f"{args.net}.dna", settings=args.settings)
    chosen = dict(pair.split("=") for pair in args.choices.split(",") if pair)
    net = dnac.lowering.network.Network(
        spec.graph, args.lowering, "cuda", compile=not args.eager, stream="bfloat16", choices=chosen
    ).train()
    B, T, V = args.batch, spec.graph.tokens, int(spec.graph.input["vocabulary"])
    x, y = (torch.randint(V, (B, T), device="cuda") for _ in range(2))
    routers = [r for r in spec.graph.routers]
    k = 1 if not routers else int(routers[0].fields["choose"].get("k") or 1)
    optimizer = torch.optim.AdamW(net.parameters(), 1e-4, fused=True)

    def loss_of(logits: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(logits.float().flatten(0, 1), y.flatten())

    loss_fn = loss_of if args.eager else torch.compile(loss_of)

    def step() -> torch.Tensor:
        forced = choices(len(net.steps), (B, T), routers[0].size, k, args.skip) if routers else None
        with torch.autocast("cuda", torch.bfloat16):
            logits = net(x, routes=forced).logits
        loss = loss_fn(logits)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss

    begin = time.time()
    for _ in range(3):
        loss = step()
    torch.cuda.synchronize()
    warm = time.time() - begin
    torch.cuda.reset_peak_memory_stats()
    ms, spread = median(step, 20)
    found = {
        "net": args.net, "settings": args.settings, "skip": args.skip, "ms": ms, "quartiles": spread, "warm_s": warm,
        "peak_GiB": torch.cuda.max_memory_allocated() / 2**30, "loss": float(loss),
    }  # fmt: skip
    print(json.dumps(found), flush=True)
    if args.profile:
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
            for _ in range(3):
                step()
            torch.cuda.synchronize()
        rows = sorted(profile.key_averages(), key=lambda e: -e.device_time_total)[:45]
        for e in rows:
            print(f"{e.device_time_total / 3000:8.3f} ms  {e.count / 3:6.0f} x  {e.key[:110]}")
    if args.out:
        args.out.write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
