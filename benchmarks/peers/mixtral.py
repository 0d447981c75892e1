"""A Mixtral's train step, ours beside those of others: same sizes, same first weights, same data, same optimizer.

    python benchmarks/peers/mixtral.py --out OUT                       # all peers, bf16 weights and fp32 masters
    python benchmarks/peers/mixtral.py --only hf,liger --weights bf16
    python benchmarks/peers/mixtral.py --warm 2                        # first compile all, two processes at a time
    python benchmarks/peers/mixtral.py --tiny --device cpu --lowering portable --no-compile

Each peer is measured in turn with ours, in this process; OUT/mixtral.json is written after each. A peer that fails is
recorded with its message. `first_loss` is of the same weights on the same ids: all of them must agree.

Masters: weights, gradients and AdamW in float32, products in bfloat16 (`torch.autocast`), the residual stream in
float32, on both sides. The packages of the peers must be on the path; none of them is part of dnac.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import torch  # noqa: E402
from experts import Liger, Loop, Plain, Scatter, Titan  # noqa: E402
from shape import FULL, TINY, Shape  # noqa: E402
from skeleton import Decoder, Experts  # noqa: E402
from timing import Bench, Program, compile_side_by_side, facts_of, out_folder, use_cache  # noqa: E402
from torch import Tensor  # noqa: E402

PEERS = ("hf", "titan", "titan_around", "liger", "scatter", "plain")
"""Measured unless told otherwise. More: hf_eager, hf_loop, titan_eager, liger_eager, scatter_eager, loop."""


class Setting:
    """What all programs of one run share."""

    def __init__(self, args: argparse.Namespace, weights: str) -> None:
        self.shape: Shape = TINY if args.tiny else FULL
        if args.batch:
            self.shape = Shape(**{**vars(self.shape), "batch": args.batch})
        self.device = torch.device(args.device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.compiles = not args.no_compile
        low = torch.float32 if args.exact else torch.bfloat16
        self.compute = low
        self.weights = torch.float32 if weights == "fp32" else low
        self.autocast = None if self.weights == self.compute else self.compute
        self.state: dict[str, Tensor] = self.shape.weights(self.device)
        self.args = args

    def within(self) -> torch.autocast:
        """Autocast, where weights are wider than products."""
        return torch.autocast(self.device.type, self.autocast, enabled=self.autocast is not None)

    def draw(self) -> tuple[Tensor, Tensor]:
        """Random ids and the ids that follow them."""
        ids = torch.randint(self.shape.vocabulary, (self.shape.batch, self.shape.context + 1), device=self.device)
        return ids[:, :-1].contiguous(), ids[:, 1:].contiguous()


def ours(setting: Setting) -> Program:
    """Our net as `dnac bench` runs it, with the wanted lowering, the weights imported."""
    from dnac.bench import ours as bench
    from dnac.bench.base import Task, Types
    from dnac.importing.llama import load_into
    from dnac.semantics.check import check
    from dnac.text.files import read_source
    from dnac.text.source import Source

    args, shape = setting.args, setting.shape
    source = Source("tiny.dna", shape.spec()) if args.tiny else read_source(HERE.parents[1] / "specs/mixtral_small.dna")
    (net,) = check(source).nets
    stream = getattr(torch, args.stream) if args.stream else setting.weights
    chosen = dict(text.split("=", 1) for text in args.choices.split(",") if text)
    task = Task(
        net.graph, shape.batch, setting.device, Types(setting.weights, setting.compute, stream), setting.compiles,
        args.lowering, choices=chosen or None,
    )  # fmt: skip
    program = bench.program(task)
    load_into(program.module, shape.config(), setting.state)
    facts = {"lowering": args.lowering, "stream": str(stream), "choices": chosen, "notes": program.notes}
    return Program("dnac", program.module, partial(program.loss, routes=None), facts)


def hugging_face(setting: Setting, *, experts: str = "grouped_mm", compiles: bool = True) -> Program:
    """transformers' MixtralForCausalLM with one of its implementations of experts."""
    import transformers

    shape = setting.shape
    given = {k: v for k, v in shape.config().items() if k not in ("model_type", "rope_theta")}
    config = transformers.MixtralConfig(
        **given, output_router_logits=False, use_cache=False,
        rope_parameters={"rope_type": "default", "rope_theta": shape.base},
    )  # fmt: skip
    model = transformers.MixtralForCausalLM._from_config(
        config, dtype=setting.weights, attn_implementation="sdpa", experts_implementation=experts
    ).to(setting.device)
    model.load_state_dict(setting.state, strict=True)
    if setting.autocast is not None and experts == "grouped_mm":
        for layer in model.model.layers:
            layer.mlp.experts.forward = partial(_narrow_experts, layer.mlp.experts, setting.autocast)
    run = torch.compile(model, dynamic=False) if compiles and setting.compiles else model

    def loss(ids: Tensor, targets: Tensor) -> Tensor:
        with setting.within():
            return run(input_ids=ids, labels=targets, shift_labels=targets).loss

    return Program("hf", model, loss, {"transformers": transformers.__version__, "experts": experts})


def _narrow_experts(module: Any, dtype: torch.dtype, x: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
    """Its grouped_mm experts with their masters cast to the type of products: autocast does not know grouped_mm, and
    with float32 weights it falls back to a loop of float32 products.
    """
    from types import SimpleNamespace

    from transformers.integrations.moe import grouped_mm_experts_forward

    view = SimpleNamespace(
        num_experts=module.num_experts, has_gate=module.has_gate, has_bias=module.has_bias,
        is_transposed=module.is_transposed, _apply_gate=module._apply_gate, act_fn=module.act_fn,
        gate_up_proj=module.gate_up_proj.to(dtype), down_proj=module.down_proj.to(dtype),
    )  # fmt: skip
    return grouped_mm_experts_forward(view, x.to(dtype), ids, weights)


def skeleton(setting: Setting, *, experts: Experts, how: str) -> Program:
    """The common decoder with a layer of experts, compiled `whole`, in `layers`, `around` the experts, or not."""
    with torch.device(setting.device):
        net = Decoder(setting.shape, setting.weights, setting.compute, experts)
    net.load(setting.state)
    if setting.compiles and how != "eager":
        {"whole": net.compile_whole, "layers": net.compile_layers, "around": net.compile_around}[how]()

    def loss(ids: Tensor, targets: Tensor) -> Tensor:
        with setting.within():
            return net(ids, targets)

    return Program("skeleton", net, loss, {"compiled": how if setting.compiles else "no"})


def peers(compiles: bool) -> dict[str, Callable[[Setting], Program]]:
    """All that can be measured, by name."""
    liger, scatter = partial(Liger, compiles=compiles), partial(Scatter, compiles=compiles)
    return {
        "hf": hugging_face,
        "hf_eager": partial(hugging_face, compiles=False),
        "hf_loop": partial(hugging_face, experts="eager", compiles=False),
        "titan": partial(skeleton, experts=Titan, how="layers"),
        "titan_around": partial(skeleton, experts=Titan, how="around"),
        "titan_eager": partial(skeleton, experts=Titan, how="eager"),
        "liger": partial(skeleton, experts=liger, how="around"),
        "liger_eager": partial(skeleton, experts=partial(Liger, compiles=False), how="eager"),
        "scatter": partial(skeleton, experts=scatter, how="around"),
        "scatter_eager": partial(skeleton, experts=partial(Scatter, compiles=False), how="eager"),
        "plain": partial(skeleton, experts=Plain, how="whole"),
        "loop": partial(skeleton, experts=Loop, how="eager"),
    }


def measure(args: argparse.Namespace) -> None:
    """All wanted pairs."""
    file = out_folder(args.out) / f"mixtral{args.suffix}.json"
    bench: Bench | None = None
    for weights in args.weights.split(","):
        setting = Setting(args, weights)
        if bench is None:
            bench = Bench(file, setting.device, setting.draw, setting.shape.flops, args.rounds, args.in_turn)
            bench.keep("about", {**facts_of(setting.device), **vars(setting.shape), "argv": sys.argv[1:]})
        bench.draw = setting.draw
        bench.say(f"{weights} weights")
        mine = None
        if "dnac" not in args.without.split(","):
            with bench.attempt(f"dnac {weights}"):
                program = ours(setting)
                bench.keep(f"dnac {weights}", bench.warm(program))
                mine = program
        makers = peers(setting.compiles)
        for name in [n for n in args.only.split(",") if n]:
            with bench.attempt(f"{name} {weights}"):
                _one(bench, mine, f"{name} {weights}", partial(makers[name], setting))
        if mine is not None and not args.only:
            with bench.attempt(f"dnac {weights} alone"):
                bench.keep(f"dnac {weights} alone", bench.pair(None, mine))
        mine = program = None
    assert bench is not None
    _print(bench)


def _one(bench: Bench, mine: Program | None, name: str, make: Callable[[], Program]) -> None:
    program = make()
    program.name = name
    found = bench.warm(program)
    bench.keep(name, {**found, **bench.pair(mine, program)})


def compile_only(args: argparse.Namespace, name: str, weights: str) -> None:
    """One program's first forward and backward, to fill the cache of compiled code."""
    setting = Setting(args, weights)
    program = ours(setting) if name == "dnac" else peers(setting.compiles)[name](setting)
    program.loss(*setting.draw()).backward()


def jobs(args: argparse.Namespace) -> list[str]:
    """What there is to compile; ScatterMoE and torchtitan share what stands around Liger's experts."""
    names = [n for n in ("dnac", *args.only.split(",")) if n and not n.endswith(("eager", "loop"))]
    names = [n for n in names if "liger" not in names or n not in ("scatter", "titan_around")]
    names = [n for n in names if n not in args.without.split(",")]
    return [f"{name},{weights}" for weights in args.weights.split(",") for name in names]


def _print(bench: Bench) -> None:
    print(f"\n{'program':22} {'ms/step':>9} {'TFLOP/s':>8} {'ours ms':>9} {'ratio':>7}  held GiB  peak over it")
    for name, found in bench.results.items():
        mine, ratio = found.get("dnac"), found.get("ratio", {}).get("median")
        own = found.get(name) or mine
        if own is None:
            continue
        columns = [f"{name:22} {own['ms']:9.2f} {own['tflops']:8.1f}"]
        columns += [f"{mine['ms']:9.2f} {ratio:7.3f}"] if mine and ratio else [" " * 17]
        columns += [f"{found.get('held_gib', 0):9.1f} {found.get('peak_gib_over_resident', 0):9.1f}"]
        print(*columns)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", help="folder for mixtral.json (default: $OUT, else here)")
    parser.add_argument("--suffix", default="", help="added to the file's name")
    parser.add_argument("--only", default=",".join(PEERS), help="peers, with commas")
    parser.add_argument("--without", default="", help="dnac: measure the peers alone")
    parser.add_argument("--weights", default="bf16,fp32", help="bf16, fp32 (masters under autocast) or both")
    parser.add_argument("--lowering", default="grouped" if torch.cuda.is_available() else "portable")
    parser.add_argument("--stream", help="type of our residual stream, e.g. bfloat16 (default: that of the weights)")
    parser.add_argument("--choices", default="", help="of our lowering, e.g. product=aten,order=count")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--in-turn", type=int, default=2)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--device")
    parser.add_argument("--tiny", action="store_true", help="sizes for a CPU")
    parser.add_argument("--exact", action="store_true", help="products in float32 too, to compare losses")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--warm", type=int, default=0, metavar="N", help="first compile all, N processes at a time")
    parser.add_argument("--compile-only", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """As the docstring says."""
    args = arguments()
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    torch._dynamo.config.recompile_limit = 64
    use_cache()
    if args.compile_only:
        compile_only(args, *args.compile_only.split(","))
        return
    if args.warm:
        compile_side_by_side(__file__, jobs(args), args.warm)
    measure(args)


if __name__ == "__main__":
    main()
