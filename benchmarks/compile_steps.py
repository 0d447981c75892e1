"""Cold compile and speed by number of routing steps: compiled whole, and by steps.

    python benchmarks/compile_steps.py                     # 6 and 24 steps, tiny, on the CPU
    python benchmarks/compile_steps.py --device cuda --lowering grouped --autocast bfloat16 --batch 32
        --set width=768 --set heads=12 --set context=1024 --set vocabulary=50304 --set modules=16

Every figure comes from a process of its own with an empty cache folder, one after the other. One line of JSON each:
`wall` and `cpu` seconds of the first forward and backward pass less a warm one (CPU: of the process and of the
compilers that it starts), `graphs`, passes per second (median of `--passes`), peak memory, and at the end the ratios.
Wall seconds mean something on an idle machine only.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
SPEC = """dna 1
param width = 32
param heads = 2
param context = 16
param vocabulary = 64
param modules = 4
param turns = 6

net sized {
  input text(context, vocabulary, tokenizer = none)
  embed tokens(width, positions = rope(10k))
  pool nodes { block[modules] = transformer(heads); skip[1] = identity() }
  repeat turns {
    hop: route nodes by { choose = top(1); weight = raw; balance = aux(0.01) }
  }
  head lm = unembed(tied = false, norm = layer)
}
"""


def main() -> None:
    """All figures, or those of one process."""
    args = _arguments()
    if args.child:
        by, steps = args.child.split(":")
        print(json.dumps(measured(args, by, int(steps))))
        return
    found = [_child(args, by, steps) for by in args.by.split(",") for steps in map(int, args.steps.split(","))]
    for by in args.by.split(","):
        rows = sorted((row for row in found if row["by"] == by), key=lambda row: row["steps"])
        few, many = rows[0], rows[-1]
        ratios = {name: round(many[name] / few[name], 3) for name in ("wall", "cpu")}
        print(json.dumps({"by": by, "steps": [few["steps"], many["steps"]], **ratios}), flush=True)


def measured(args: argparse.Namespace, by: str, steps: int) -> dict[str, Any]:
    """Compile one net and run it."""
    import torch

    import dnac
    from dnac.lowering.compile import compile_network

    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "sized.dna"
        spec.write_text(SPEC)
        net = dnac.load(spec, settings=[*args.settings, f"turns={steps}"])
    network = net.build(args.device, "float32", args.lowering)
    if by != "no":
        compile_network(network, by)
    ids = torch.randint(net.graph.input["vocabulary"], (args.batch, net.graph.tokens), device=args.device)
    autocast = getattr(torch, args.autocast) if args.autocast else None

    def one() -> None:
        with torch.autocast(args.device, autocast, enabled=autocast is not None):
            output = network(ids)
        (output.logits.float().square().mean() + output.router_loss).backward()
        if args.device == "cuda":
            torch.cuda.synchronize()

    first = _timed(one)
    warm = [_timed(one) for _ in range(args.passes)]
    wall, cpu = (first[n] - statistics.median(times[n] for times in warm) for n in range(2))
    counted = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    return {
        "by": by,
        "steps": steps,
        "wall": round(wall, 2),
        "cpu": round(cpu, 2),
        "graphs": counted,
        "passes_per_second": round(1 / statistics.median(times[0] for times in warm), 2),
        "passes_per_cpu_second": round(1 / statistics.median(times[1] for times in warm), 2),
        "peak_mib": _peak(args.device),
        "torch": torch.__version__,
        "notes": list(network.notes),
    }


def _child(args: argparse.Namespace, by: str, steps: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as cache:
        env = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": cache, "TRITON_CACHE_DIR": f"{cache}/triton"}
        command = [sys.executable, __file__, *sys.argv[1:], "--child", f"{by}:{steps}"]
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    print(done.stdout, end="", flush=True)
    return json.loads(done.stdout)


def _timed(run: Any) -> tuple[float, float]:
    """Wall and CPU seconds."""
    start, before = time.perf_counter(), _cpu()
    run()
    return time.perf_counter() - start, _cpu() - before


def _cpu() -> float:
    """Of this process, and of those that it started and that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def _peak(device: str) -> float:
    import torch

    if device == "cuda":
        return round(torch.cuda.max_memory_allocated() / 2**20, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10, 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", default="6,24", help="numbers of routing steps")
    parser.add_argument("--by", default="steps,whole", help="of whole, steps, no (not compiled)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--lowering", default="portable")
    parser.add_argument("--autocast", help="type of products, such as bfloat16")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--passes", type=int, default=20)
    parser.add_argument("--set", dest="settings", action="append", default=[], help="a param of the net, as NAME=VALUE")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
