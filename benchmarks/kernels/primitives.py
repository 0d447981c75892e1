"""What torch's own primitives cost at the shapes of one routed step: N = 32 x 1024 rows, width 768.

Grouped products against plain ones, sorts, and attention among rows of one module. Times are medians of
20 CUDA-event timings on random bf16 data, in milliseconds.

    python benchmarks/kernels/primitives.py [--out FILE]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn import functional as F

N, D, B, T, H = 32 * 1024, 768, 32, 1024, 12
LAYERS = {"qkv": (D, 3 * D), "out": (D, D), "up": (D, 4 * D), "down": (4 * D, D)}


def ms(run: Callable[[], object], rounds: int = 20) -> float:
    """Median time of one call."""
    for _ in range(3):
        run()
    times = []
    flush = torch.empty(64 * 2**20, device="cuda")
    for _ in range(rounds):
        flush.zero_()
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end))
    return sorted(times)[rounds // 2]


def rand(*shape: int) -> torch.Tensor:
    """Random bf16 on the device."""
    return torch.randn(*shape, device="cuda", dtype=torch.bfloat16)


def products(M: int) -> dict[str, float]:
    """Forward, input gradient and weight gradient of each layer, grouped by M modules; M = 1: plain."""
    ids = torch.randint(M, (N,), device="cuda")
    ends = torch.bincount(ids, minlength=M).cumsum(0).to(torch.int32)
    found = {}
    for name, (i, o) in LAYERS.items():
        x, y, w = rand(N, i), rand(N, o), rand(M, i, o)
        if M == 1:
            v = w[0]
            found[f"{name} fwd"] = ms(lambda: x @ v)
            found[f"{name} dx"] = ms(lambda: y @ v.t())
            found[f"{name} dw"] = ms(lambda: x.t() @ y)
        else:
            found[f"{name} fwd"] = ms(lambda: F.grouped_mm(x, w, offs=ends))
            found[f"{name} dx"] = ms(lambda: F.grouped_mm(y, w.mT, offs=ends))
            found[f"{name} dw"] = ms(lambda: F.grouped_mm(x.t(), y, offs=ends))
    found["fwd"] = sum(v for k, v in found.items() if k.endswith("fwd"))
    found["dx"] = sum(v for k, v in found.items() if k.endswith("dx"))
    found["dw"] = sum(v for k, v in found.items() if k.endswith("dw"))
    return found


def sorts(M: int) -> dict[str, float]:
    """Ways to bring rows of a module together."""
    ids = torch.randint(M, (N,), device="cuda")
    small, wide = ids.to(torch.uint8), (ids * B + torch.arange(N, device="cuda") // T).to(torch.int16)
    edges = torch.arange(M + 1, device="cuda", dtype=torch.uint8)
    done = torch.sort(small, stable=True)
    h, w = rand(N, D), torch.randn(D, M, device="cuda")
    return {
        "sort uint8": ms(lambda: torch.sort(small, stable=True)),
        "sort int16": ms(lambda: torch.sort(wide, stable=True)),
        "searchsorted": ms(lambda: torch.searchsorted(done[0], edges)),
        "gather rows": ms(lambda: h[done[1]]),
        "copy rows": ms(lambda: h.clone()),
        "scores fp32": ms(lambda: h.float() @ w),
        "scores bf16 out fp32": ms(lambda: torch.mm(h, w.bfloat16(), out_dtype=torch.float32)),
    }


def main() -> None:
    """Print and write all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    out = parser.parse_args().out
    torch.manual_seed(0)
    found = {"torch": torch.__version__, "device": torch.cuda.get_device_name()}
    found |= {f"products {M}": products(M) for M in (1, 16, 64)} | {f"sorts {M}": sorts(M) for M in (16, 64)}
    found["square 8192"] = ms(lambda a=rand(8192, 8192): a @ a)
    print(json.dumps(found, indent=1))
    if out:
        out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
