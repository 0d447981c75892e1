"""The loop over modules that the bar "20 times a naive eager loop" was set for, beside ours, in one process.

    python benchmarks/peers/first_loop.py --out OUT
    python benchmarks/peers/first_loop.py --cpu [--modules 8]      # float32: width 256, 6 steps, 8 x 256 tokens
    python benchmarks/peers/first_loop.py --tiny --device cpu --lowering portable --no-compile

It is plainer than the naive baseline of `dnac bench`: a layer of torch for each matrix of each module, norms in float32
written out, tables of angles made anew at each call. Its routers choose by themselves; so do ours in the pair `own`,
while `uniform` forces ours to uniform choices. OUT/first_loop.json holds milliseconds and ratios turn by turn.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import torch  # noqa: E402
from timing import Bench, Program, facts_of, out_folder  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import dnac  # noqa: E402
from dnac.bench import ours as bench_ours  # noqa: E402
from dnac.bench.base import Task, Types  # noqa: E402

BF16 = torch.bfloat16
CPU = {"width": 256, "heads": 4, "vocabulary": 256, "modules": 24, "depth": 6}
GPU = {"width": 768, "heads": 12, "vocabulary": 50304, "modules": 16, "depth": 12}
TINY = {"width": 32, "heads": 2, "vocabulary": 64, "modules": 4, "depth": 2}


class Block(nn.Module):
    """Attention and an mlp."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)
        self.first, self.second = (nn.Parameter(torch.ones(width)) for _ in range(2))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """x [B, n, D] and the angles of its rows to x and its increment."""
        q, k, v = self.qkv(rms(x, self.first)).unflatten(-1, (3, self.heads, -1)).unbind(2)
        q, k = (turned(t, cos, sin).transpose(1, 2) for t in (q, k))
        seen = F.scaled_dot_product_attention(q, k, v.transpose(1, 2), is_causal=True)
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(rms(x, self.second)), approximate="tanh"))


class Loop(nn.Module):
    """All modules in turn, at every step."""

    def __init__(self, width: int, heads: int, vocabulary: int, modules: int, depth: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.table = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(modules))
        self.routers = nn.ParameterList(nn.Parameter(torch.randn(width, modules) * 0.02) for _ in range(depth))
        self.head, self.gain = nn.Linear(width, vocabulary, bias=False), nn.Parameter(torch.ones(width))
        nn.init.normal_(self.table.weight, std=0.02)
        self.per_head = width // heads

    def forward(self, ids: Tensor, targets: Tensor) -> Tensor:
        """The loss."""
        cos, sin = (t.to(self.dtype) for t in angles(ids.shape[1], self.per_head, ids.device))
        h = self.table(ids).to(self.dtype)
        for router in self.routers:
            gate, chosen = torch.softmax((h @ router.to(self.dtype)).float(), -1).max(-1)
            total = torch.zeros_like(h)
            for j, block in enumerate(self.blocks):
                here = chosen == j
                longest = int(here.sum(1).max())
                if longest == 0:
                    continue
                at = torch.argsort((~here).int(), dim=1, stable=True)[:, :longest]
                wide = at[..., None].expand(-1, -1, h.shape[-1])
                x = h.gather(1, wide)
                made = block(x, cos[at][:, :, None], sin[at][:, :, None])
                real = here.gather(1, at)[..., None]
                total = total.scatter_add(1, wide, torch.where(real, made - x, 0))
            h = h + (gate[..., None] * total).to(self.dtype)
        return F.cross_entropy(self.head(rms(h, self.gain)).float().flatten(0, 1), targets.flatten())


def rms(x: Tensor, gain: Tensor) -> Tensor:
    """RMS norm in float32."""
    return (F.rms_norm(x.float(), (x.shape[-1],)) * gain).to(x.dtype)


def turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotated by their positions."""
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


def angles(tokens: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """cos and sin, [T, width / 2]."""
    rates = 1.0 / 10000 ** (torch.arange(0, width, 2, device=device).float() / width)
    angle = torch.outer(torch.arange(tokens, device=device).float(), rates)
    return angle.cos(), angle.sin()


def measure(args: argparse.Namespace) -> None:
    """Both pairs."""
    device = torch.device("cpu" if args.cpu else args.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    sizes = dict(TINY if args.tiny else CPU if args.cpu else GPU)
    sizes["modules"] = args.modules or sizes["modules"]
    batch, context = (2, 32) if args.tiny else (8, 256) if args.cpu else (32, 1024)
    settings = (*(f"{name}={size}" for name, size in sizes.items()), f"context={context}")
    graph = dnac.load(HERE.parent / "bars" / "top1.dna", settings=settings).graph
    dtype = torch.float32 if args.cpu else BF16
    types = Types(torch.float32, dtype, dtype)
    program = bench_ours.program(
        Task(graph, batch, device, types, not args.no_compile, "portable" if args.cpu else args.lowering)
    )
    draw = lambda: tuple(torch.randint(sizes["vocabulary"], (batch, context), device=device) for _ in range(2))
    bench = Bench(out_folder(args.out) / "first_loop.json", device, draw, 0.0, rounds=args.rounds, in_turn=1)
    bench.keep("about", {**facts_of(device), "argv": sys.argv[1:]})
    with torch.device(device):
        loop = Loop(**sizes, dtype=dtype)

    def narrowed(ids: Tensor, targets: Tensor) -> Tensor:
        with torch.autocast(device.type, BF16, enabled=dtype == BF16):
            return loop(ids, targets)

    def forced(ids: Tensor, targets: Tensor) -> Tensor:
        routes = tuple(
            torch.randint(sizes["modules"], (batch, context, 1), device=device) for _ in range(sizes["depth"])
        )
        return program.loss(ids, targets, routes)

    theirs = Program("loop", loop, narrowed)
    bench.warm(theirs)
    for name, loss in (("uniform", forced), ("own", partial(program.loss, routes=None))):
        mine = Program("dnac", program.module, loss)
        bench.warm(mine)
        bench.keep(name, bench.pair(mine, theirs))
        bench.say(f"{name}: {bench.results[name]['ratio']}")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", help="folder for first_loop.json (default: $OUT, else here)")
    parser.add_argument("--lowering", default="grouped" if torch.cuda.is_available() else "portable")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device")
    parser.add_argument("--cpu", action="store_true", help="the sizes of the bar for a CPU, in float32")
    parser.add_argument("--modules", type=int)
    parser.add_argument("--tiny", action="store_true", help="sizes for a CPU")
    parser.add_argument("--no-compile", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    measure(arguments())
