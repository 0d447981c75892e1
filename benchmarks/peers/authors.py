"""The DNA authors' vision code beside ours and a compiled dense ViT: their two models, a train step each.

    git clone https://github.com/ablghtianyi/dna_vision .peers/dna_vision
    python benchmarks/peers/authors.py --code .peers/dna_vision --out OUT
    python benchmarks/peers/authors.py --warm 3                        # first compile all, three processes at a time
    python benchmarks/peers/authors.py --tiny --device cpu --lowering portable --no-compile --exact

Their code runs as it is, eager as their trainer runs it, with autocast to bfloat16; only xformers' attention is
replaced by torch's on the same segments (`stub_xformers.py`). Ours gets their first weights, so the first losses agree
(`--exact`: to rounding). OUT/authors.json is written after each program.

top2: width 256, 24 modules, 12 steps, two modules a token (their `dna_linear_nested_tf.yaml`).
top1: width 384, one block, then 11 steps over 18 modules, one a token (the 34.46M model of arXiv 2506.22389).
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import stub_xformers  # noqa: E402
import torch  # noqa: E402
from packages import bare  # noqa: E402
from timing import Bench, Program, compile_side_by_side, facts_of, out_folder, use_cache  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

PATCH, CHANNELS, CLASSES = 16, 3, 1000


@dataclass(frozen=True)
class Model:
    """Sizes of one of their models."""

    name: str
    spec: str
    width: int
    heads: int
    modules: int
    k: int
    depth: int
    """Routing steps."""
    first: int = 0
    """Blocks before them."""
    side: int = 224
    batch: int = 256

    @property
    def patches(self) -> int:
        """Tokens of an image."""
        return (self.side // PATCH) ** 2

    @property
    def passes(self) -> int:
        """Blocks that each token goes through."""
        return self.first + self.k * self.depth

    @property
    def flops(self) -> float:
        """Of the blocks' linear layers in one train step; attention and ends are not counted."""
        return 3.0 * self.batch * self.patches * self.passes * 24 * self.width**2

    def settings(self) -> tuple[str, ...]:
        """Of our spec; the weights enter where their code puts them (`in_block_rescale`)."""
        names = ("width", "heads", "side", "modules", "depth")
        return (*(f"{name}={getattr(self, name)}" for name in names), "hop.combine=in_branch")

    def config(self, **other: Any) -> SimpleNamespace:
        """As their yaml says it."""
        given = {
            "model_type": "dna_linear_nested_tf", "image_size": self.side, "patch_size": PATCH,
            "in_channels": CHANNELS, "embed_dim": self.width, "num_heads": self.heads, "max_path_len": self.depth,
            "n_tf": self.modules, "n_attn": 0, "n_mlp": 0, "module_top_k": self.k, "mlp_ratio": 4.0,
            "num_classes": CLASSES, "module_temperature": None, "bias_u": 0.0, "skip_factor": 0.0, "use_bias": False,
            "early_exit": False, "hard_exit": False, "use_id": False, "in_block_rescale": True,
            "start_node_depth": self.first,
        }  # fmt: skip
        return SimpleNamespace(**{**given, **other})


MODELS = {
    "top2": Model("top2", "vision_top2.dna", 256, 4, 24, 2, 12),
    "top1": Model("top1", "vision_top1.dna", 384, 6, 18, 1, 11, first=1),
}


class Setting:
    """What all programs of one model share."""

    def __init__(self, args: argparse.Namespace, model: Model) -> None:
        self.model = replace(model, width=32, heads=2, side=64, batch=2, modules=4, depth=2) if args.tiny else model
        if args.batch:
            self.model = replace(self.model, batch=args.batch)
        self.args = args
        self.device = torch.device(args.device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.compiles = not args.no_compile
        self.autocast = None if args.exact else torch.bfloat16

    def within(self) -> torch.autocast:
        """Products in bfloat16, as their trainer has it."""
        return torch.autocast(self.device.type, self.autocast, enabled=self.autocast is not None)

    def draw(self) -> tuple[Tensor, Tensor]:
        """Random images, channels last, and classes."""
        B, S = self.model.batch, self.model.side
        return torch.randn(B, S, S, CHANNELS, device=self.device), torch.randint(CLASSES, (B,), device=self.device)


def theirs(setting: Setting) -> Program:
    """Their model, as it is."""
    torch.manual_seed(setting.args.seed)
    net = build(setting.model.config()).to(setting.device).train()
    if setting.model.first:
        nn.init.zeros_(net.pos_embed)  # they add positions behind the first block, we before it: equal while zero
    return Program("authors", net, partial(image_loss, setting, net))


def vit(setting: Setting) -> Program:
    """Their dense ViT of as many block passes, compiled."""
    net = build(setting.model.config(model_type="vit", max_path_len=setting.model.passes)).to(setting.device).train()
    run = torch.compile(net, fullgraph=True, dynamic=False) if setting.compiles else net
    return Program("vit", net, partial(image_loss, setting, run))


def image_loss(setting: Setting, run: Any, images: Tensor, classes: Tensor) -> Tensor:
    """For models that take channels first."""
    with setting.within():
        return F.cross_entropy(run(images.permute(0, 3, 1, 2)).float(), classes)


def ours(setting: Setting, first: Mapping[str, Tensor] | None = None, *, uniform: bool = False) -> Program:
    """Our net as `dnac bench` runs it, with their first weights.

    uniform: with forced choices, all modules alike likely, drawn anew at each step.
    """
    import dnac
    from dnac.bench import ours as bench
    from dnac.bench.base import Task, Types

    args, model = setting.args, setting.model
    graph = dnac.load(HERE.parent / "bars" / model.spec, settings=model.settings()).graph
    stream = getattr(torch, args.stream) if args.stream else torch.float32
    types = Types(torch.float32, setting.autocast or torch.float32, stream)
    chosen = dict(text.split("=", 1) for text in args.choices.split(",") if text)
    task = Task(graph, model.batch, setting.device, types, setting.compiles, args.lowering, choices=chosen or None)
    program = bench.program(task)
    if first is not None:
        take(program.module, first, model)

    def loss(images: Tensor, classes: Tensor) -> Tensor:
        return program.loss(images, classes, choices(setting) if uniform else None)

    facts = {"lowering": args.lowering, "stream": str(stream), "choices": chosen, "notes": program.notes}
    return Program("dnac", program.module, loss, facts)


def choices(setting: Setting) -> tuple[Tensor, ...]:
    """k different modules for each token and step."""
    model, shape = setting.model, (setting.model.batch, setting.model.patches)
    draws = (torch.rand(*shape, model.modules, device=setting.device) for _ in range(model.depth))
    return tuple(draw.topk(model.k, -1).indices for draw in draws)


@torch.no_grad()
def take(network: nn.Module, theirs: Mapping[str, Tensor], model: Model) -> None:
    """Their weights into ours: [out, in] to [in, out], modules stacked, pixels in the order row, column, channel."""
    ours = network.state_dict()

    def block(at: str) -> dict[str, Tensor]:
        names = {"attention.norm": "norm1", "attention.qkv": "attn.to_qkv", "attention.out": "attn.out",
                 "mlp.norm": "norm2", "mlp.up": "mlp.fc1", "mlp.down": "mlp.fc2"}  # fmt: skip
        return {name: theirs[f"{at}.{old}.weight"].t() for name, old in names.items()}

    blocks = [block(f"module_tokenizer.tf_{i}") for i in range(model.modules)]
    new = {f"nodes.block.{name}": torch.stack([b[name] for b in blocks]) for name in blocks[0]}
    if model.first:
        new |= {f"transformer.{k}": v for k, v in block("patch_embed.encoder.entf_0").items()}
    new |= {f"hop.{i}.weight": theirs[f"router_collection.routers.{i}.router.weight"].t() for i in range(model.depth)}
    new["embed.projection"] = theirs["patch_embed.proj.weight"].permute(2, 3, 1, 0).flatten(0, 2)
    new["embed.positions"] = theirs["pos_embed"][0]
    new["cls.weight"] = theirs["head.weight"].t()
    if ours.keys() != new.keys():
        raise KeyError(f"weights differ in {sorted(ours.keys() ^ new.keys())}")
    for key, tensor in new.items():
        ours[key].copy_(tensor)


def build(config: SimpleNamespace) -> nn.Module:
    """`dna.models.build_model` of their code; the package's own front would import its readers of data sets."""
    bare("dna")
    return importlib.import_module("dna.models").build_model(config)


def measure(args: argparse.Namespace) -> None:
    """Both models."""
    code = Path(args.code).resolve()
    if not (code / "dna").is_dir():
        raise SystemExit(f"their code is not in {code}; see --help")
    stub_xformers.install()
    sys.path.insert(0, str(code))
    if args.compile_only:
        compile_only(args, *args.compile_only.split(","))
        return
    if args.warm:
        parts = ("dnac", "vit") if args.own_routes_alone else ("dnac", "uniform", "vit")
        compile_side_by_side(__file__, [f"{m},{p}" for m in args.models.split(",") for p in parts], args.warm)
    file = out_folder(args.out) / f"authors{args.suffix}.json"
    bench: Bench | None = None
    for name in args.models.split(","):
        setting = Setting(args, MODELS[name])
        if bench is None:
            bench = Bench(file, setting.device, setting.draw, 0.0, in_turn=args.in_turn)
            bench.keep("about", {**facts_of(setting.device), "argv": sys.argv[1:]})
        bench.draw, bench.flops, bench.first = setting.draw, setting.model.flops, None
        _model(bench, setting, name)
    assert bench is not None
    _print(bench)


def compile_only(args: argparse.Namespace, name: str, part: str) -> None:
    """One program's first forward and backward, to fill the cache of compiled code."""
    setting = Setting(args, MODELS[name])
    program = vit(setting) if part == "vit" else ours(setting, uniform=part == "uniform")
    program.loss(*setting.draw()).backward()


def _model(bench: Bench, setting: Setting, name: str) -> None:
    bench.say(f"{name}: {setting.model}")
    args, mine, first = setting.args, None, None
    authors = None
    with bench.attempt(f"authors {name}"):
        authors = theirs(setting)
        authors.name = f"authors {name}"
        first = {k: v.detach().clone() for k, v in authors.module.state_dict().items()}
    with bench.attempt(f"dnac {name}"):
        program = ours(setting, first)
        bench.keep(f"dnac {name}", bench.warm(program))
        mine = program
    pairs = {"authors": (authors and (lambda: authors), args.rounds), "vit": (partial(vit, setting), args.rounds * 2)}
    if not args.own_routes_alone:
        pairs["dnac uniform"] = (partial(ours, setting, first, uniform=True), args.rounds * 2)
    for peer, (make, rounds) in pairs.items():
        if make is None:
            continue
        with bench.attempt(f"{peer} {name}"):
            program: Program = make()
            program.name = f"{peer} {name}"
            bench.rounds = rounds
            found = bench.warm(program)
            bench.keep(program.name, {**found, **bench.pair(mine, program)})
        if peer == "authors":
            authors = None


def _print(bench: Bench) -> None:
    print(f"\n{'program':24} {'ms/step':>9} {'ours ms':>9} {'ratio':>8}  first loss")
    for name, found in bench.results.items():
        if name not in found:
            continue
        mine, ratio = found.get("dnac", {}).get("ms"), found.get("ratio", {}).get("median")
        columns = f"{mine:9.2f} {ratio:8.3f}" if mine and ratio else " " * 18
        print(f"{name:24} {found[name]['ms']:9.2f} {columns}  {found['first_loss']:.5f}")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--code", default=str(HERE.parents[1] / ".peers" / "dna_vision"), help="their repository")
    parser.add_argument("--out", help="folder for authors.json (default: $OUT, else here)")
    parser.add_argument("--suffix", default="", help="added to the file's name")
    parser.add_argument("--models", default="top2,top1")
    parser.add_argument("--lowering", default="grouped" if torch.cuda.is_available() else "portable")
    parser.add_argument("--stream", help="type of our residual stream, e.g. bfloat16 (default: float32, as theirs)")
    parser.add_argument("--choices", default="", help="of our lowering, e.g. attention=varlen")
    parser.add_argument("--own-routes-alone", action="store_true", help="leave out the pair with forced choices")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--in-turn", type=int, default=1)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device")
    parser.add_argument("--tiny", action="store_true", help="sizes for a CPU")
    parser.add_argument("--exact", action="store_true", help="float32 without autocast (CPU)")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--warm", type=int, default=0, metavar="N", help="first compile all, N processes at a time")
    parser.add_argument("--compile-only", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_float32_matmul_precision("high")
    torch._dynamo.config.recompile_limit = 64
    use_cache()
    measure(arguments())
