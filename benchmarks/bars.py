"""Fixed nets held to bars: how fast they train beside dense, floor and naive programs, row by row.

    python benchmarks/bars.py OUT                          # all rows on this device; OUT/ROW.json as each is done
    python benchmarks/bars.py OUT --rows top1_16,skip --lowering portable
    python benchmarks/bars.py OUT --together               # first compile all rows side by side, then measure
    python benchmarks/bars.py OUT --tiny --no-compile      # a rehearsal with tiny nets, on a CPU too

Every row is measured in a fresh process, one after the other. OUT may be left out where $OUT says it. A row that
fails leaves OUT/ROW.json with its error and does not stop the others.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
TINY = ("width=32", "heads=2")
TINY_TEXT = (*TINY, "vocabulary=64", "context=32")
TINY_IMAGE = (*TINY, "side=64")


@dataclass(frozen=True)
class Row:
    """One row: a spec, what it stands beside, and which figures of the result are held to which bars."""

    spec: str
    batch: int = 32
    settings: tuple[str, ...] = ()
    tiny: tuple[str, ...] = TINY_TEXT
    against: tuple[str, ...] = ("dense",)
    loads: tuple[str, ...] = ("uniform",)
    skips: tuple[float, ...] = ()
    learns: bool = False
    """Whether `--learn` adds the routers' own choice."""
    steps: int = 20
    bars: dict[str, tuple[Callable[[dict[str, Any]], float | None], float, float | None]] = field(default_factory=dict)
    """What is held to a bar: how to find it in the result, the bar, the stretch goal. Memory and time: at most."""
    cpu: bool = False
    """A row for the CPU in float32."""
    authors_ms: float | None = None
    """The DNA authors' own code on one H200, as measured before."""


def faster(case: str, than: str) -> Callable[[dict[str, Any]], float | None]:
    """By how much a case is faster than a baseline."""
    return lambda result: _case(result, case)["against"].get(than, {}).get("time", {}).get("median")


def saved(share: int) -> Callable[[dict[str, Any]], float | None]:
    """The share of what skipping could save that was saved."""
    return lambda result: _case(result, f"dnac uniform skip {share}%")["saving"]


def zipf_to_uniform(result: dict[str, Any]) -> float:
    """Time under uniform loads over time under Zipf loads."""
    return _ms(result, "dnac uniform") / _ms(result, "dnac zipf")


def memory(result: dict[str, Any]) -> float | None:
    """Peak memory over dense, without weights and moments of the modules that dense has not."""
    return _case(result, "dnac uniform")["against"]["dense"]["memory_without_surplus"]


def dense_of_peak(result: dict[str, Any]) -> float | None:
    """Share of the device's peak that the dense baseline reaches."""
    return _case(result, "dense")["of_peak"]


def _case(result: dict[str, Any], name: str) -> dict[str, Any]:
    return next(case for case in result["cases"] if case["name"] == name)


def _ms(result: dict[str, Any], name: str) -> float:
    return _case(result, name)["ms"]["median"]


ALL = ("uniform", "zipf", "one")
ROWS = {
    "top1_16": Row(
        "top1",
        against=("dense", "floor"),
        loads=ALL,
        learns=True,
        bars={
            "throughput against dense": (faster("dnac uniform", "dense"), 0.95, 1.0),
            "zipf against uniform": (zipf_to_uniform, 0.95, None),
            "peak memory against dense": (memory, 1.15, 1.0),
            "dense baseline's share of peak": (dense_of_peak, 0.43, None),
        },
    ),
    "top1_64": Row(
        "top1",
        settings=("modules=64",),
        against=("dense", "floor"),
        loads=ALL,
        learns=True,
        bars={
            "throughput against dense": (faster("dnac uniform", "dense"), 0.80, 0.88),
            "zipf against uniform": (zipf_to_uniform, 0.95, None),
        },
    ),
    "top2_24": Row(
        "top2",
        loads=("uniform", "zipf"),
        bars={
            "throughput against dense": (faster("dnac uniform", "dense"), 0.90, 1.0),
            "zipf against uniform": (zipf_to_uniform, 0.95, None),
        },
    ),
    "skip": Row(
        "skip",
        against=("dense", "floor"),
        skips=(0.25, 0.5),
        bars={"saving at 25 %": (saved(25), 0.85, 0.95), "saving at 50 %": (saved(50), 0.85, 0.95)},
    ),
    "fixed": Row("fixed", bars={"throughput against dense": (faster("dnac", "dense"), 0.97, 1.0)}),
    "naive": Row(
        "top1",
        against=("dense", "naive"),
        bars={"against the naive eager loop": (faster("dnac uniform", "naive"), 20.0, None)},
    ),
    "medium": Row("medium", bars={"throughput against dense": (faster("dnac uniform", "dense"), 0.90, 1.0)}),
    "vision_top2": Row(
        "vision_top2",
        batch=256,
        tiny=TINY_IMAGE,
        authors_ms=1564.0,
        bars={"against the authors' code (1564 ms)": (lambda r: 1564.0 / _ms(r, "dnac uniform"), 18.0, 30.0)},
    ),
    "vision_top1": Row(
        "vision_top1",
        batch=256,
        tiny=TINY_IMAGE,
        authors_ms=1056.0,
        bars={"against the authors' code (1056 ms)": (lambda r: 1056.0 / _ms(r, "dnac uniform"), 18.0, 30.0)},
    ),
    "memory": Row("top1", steps=4, bars={"peak memory against dense": (memory, 1.15, 1.0)}),
    "cpu_24": Row(
        "cpu",
        batch=8,
        cpu=True,
        against=("dense", "naive"),
        bars={"against the naive eager loop": (faster("dnac uniform", "naive"), 3.0, None)},
    ),
    "cpu_8": Row(
        "cpu",
        batch=8,
        cpu=True,
        settings=("modules=8",),
        against=("dense", "naive"),
        bars={"against the naive eager loop": (faster("dnac uniform", "naive"), 3.0, None)},
    ),
}
AT_MOST = ("memory", "compile")
SHORT, LONG = 6, 24
"""Routing steps whose cold compile times are compared (row `compile`)."""
ON_GPU = (*(name for name, row in ROWS.items() if not row.cpu), "compile")


def main() -> int:
    """Parent: a process for each row. Child: one row."""
    args = _arguments()
    if args.child:
        return _child(args)
    rows = args.rows.split(",") if args.rows else list(ON_GPU)
    if unknown := [row for row in rows if row not in (*ROWS, "compile")]:
        sys.exit(f"no row {', '.join(unknown)}; there are {', '.join((*ROWS, 'compile'))}")
    args.out.mkdir(parents=True, exist_ok=True)
    done = _together(args, [row for row in rows if row != "compile"]) if args.together else {}
    for row in rows:
        if row not in done:
            _show(row, _compile_row(args) if row == "compile" else _spawned(args, row))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=Path, default=os.environ.get("OUT"), help="folder for the JSON files")
    parser.add_argument("--rows", default="", help=f"of {','.join((*ROWS, 'compile'))}; default: all for the GPU")
    parser.add_argument("--device", default="", help="default: cuda where there is one")
    parser.add_argument("--lowering", default="", help="default: grouped on cuda, portable on the CPU")
    parser.add_argument("--precision", default="", help="default: bf16_stream on cuda, fp32 on the CPU")
    parser.add_argument("--choices", default="", help="candidates for the lowering: attention=segments,product=aten")
    parser.add_argument("--batch", type=int, default=0, help="sequences of a batch, instead of the row's own")
    parser.add_argument("--steps", type=int, default=0, help="timed steps of each program")
    parser.add_argument("--learn", type=int, default=0, help="train so many steps, then measure learned routing too")
    parser.add_argument("--loads", default="", help="instead of the row's own: uniform,zipf,one,learned")
    parser.add_argument("--against", default="", help="instead of the row's own: dense,floor,naive")
    parser.add_argument("--together", action="store_true", help="compile all rows side by side before measuring")
    parser.add_argument("--jobs", type=int, default=4, help="rows that compile side by side with --together")
    parser.add_argument("--profile", action="store_true", help="OUT/ROW.profile.txt: kernels by time")
    parser.add_argument("--no-compile", dest="compile", action="store_false")
    parser.add_argument("--tiny", action="store_true", help="tiny nets, two steps")
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    parser.add_argument("--wait", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--only-warm", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--depth", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.out is None:
        parser.error("name a folder, or set OUT")
    args.out = Path(args.out)
    return args


# --- the parent ----------------------------------------------------------------------------------


def _command(args: argparse.Namespace, row: str, *more: str) -> list[str]:
    words = [sys.executable, str(Path(__file__).resolve()), str(args.out), "--child", row, *more]
    for name in ("device", "lowering", "precision", "choices", "batch", "steps", "learn", "loads", "against"):
        if getattr(args, name):
            words += [f"--{name}", str(getattr(args, name))]
    flags = {"--no-compile": not args.compile, "--tiny": args.tiny, "--profile": args.profile}
    return [*words, *(flag for flag, is_on in flags.items() if is_on)]


def _spawned(args: argparse.Namespace, row: str, *more: str, cache: Path | None = None) -> dict[str, Any]:
    path = args.out / f"{row}.json"
    path.unlink(missing_ok=True)
    log = args.out / f"{row}.log"
    with log.open("w") as told:
        run = subprocess.run(_command(args, row, *more), env=_environment(cache), stderr=told, check=False)
    if not path.exists():
        path.write_text(json.dumps({"row": row, "error": log.read_text()[-3000:], "code": run.returncode}))
    return json.loads(path.read_text())


def _environment(cache: Path | None, beside: int = 1) -> dict[str, str]:
    """Caches of compiled code in one folder, which all processes of a run share."""
    folder = cache or Path(os.environ.get("DNAC_BARS_CACHE", Path(tempfile.gettempdir()) / "dnac_bars_cache"))
    threads = {"TORCHINDUCTOR_COMPILE_THREADS": str(max(2, (os.cpu_count() or 2) // beside))} if beside > 1 else {}
    return (
        os.environ
        | threads
        | {
            "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor"),
            "TRITON_CACHE_DIR": str(folder / "triton"),
            "TORCHINDUCTOR_FX_GRAPH_CACHE": "1",
        }
    )


def _together(args: argparse.Namespace, rows: list[str]) -> dict[str, dict[str, Any]]:
    """All rows build and compile side by side, `--jobs` at a time; once all are ready, one after another measures.

    A row that fails, such as for want of memory beside the others, is not in the result.
    """
    waiting, running, begun = list(rows), {}, time.perf_counter()
    ready: list[str] = []
    while waiting or running:
        while waiting and len(running) < args.jobs:
            row = waiting.pop(0)
            for ending in ("json", "ready", "go"):
                (args.out / f"{row}.{ending}").unlink(missing_ok=True)
            log = (args.out / f"{row}.log").open("w")
            running[row] = subprocess.Popen(
                _command(args, row, "--wait"), env=_environment(None, args.jobs), stderr=log
            )
        for row, process in list(running.items()):
            state = "ready" if (args.out / f"{row}.ready").exists() else process.poll()
            if state is not None:
                print(f"{row}: {state if state == 'ready' else f'failed ({state})'} after {_since(begun)}", flush=True)
                ready += [row] if state == "ready" else []
                WAITING[row] = running.pop(row)
        time.sleep(0.2)
    found: dict[str, dict[str, Any]] = {}
    for row in ready:
        (args.out / f"{row}.go").touch()
        WAITING[row].wait()
        for ending in ("ready", "go"):
            (args.out / f"{row}.{ending}").unlink(missing_ok=True)
        if (args.out / f"{row}.json").exists():
            found[row] = json.loads((args.out / f"{row}.json").read_text())
            print(f"measured after {_since(begun)}")
            _show(row, found[row])
    return found


WAITING: dict[str, subprocess.Popen[bytes]] = {}


def _since(begun: float) -> str:
    return f"{time.perf_counter() - begun:.0f} s"


def _compile_row(args: argparse.Namespace) -> dict[str, Any]:
    """Seconds of a cold compile for few and many routing steps, each with empty caches; then again, warm."""
    seconds: dict[str, float] = {}
    out, args = args.out, argparse.Namespace(**{**vars(args), "out": args.out / "compile"})
    args.out.mkdir(exist_ok=True)
    for depth in (SHORT, LONG):
        with tempfile.TemporaryDirectory() as folder:
            for state in ("cold", "warm"):
                name = f"compile_{depth}_{state}"
                found = _spawned(args, "top1_16", "--only-warm", "--depth", str(depth), cache=Path(folder))
                if "error" in found:
                    return {"row": "compile", **found}
                seconds[name] = _case(found, "dnac uniform")["compile_seconds"]
                print(f"{name}: {seconds[name]:.1f} s", flush=True)
    short, long = (seconds[f"compile_{depth}_cold"] for depth in (SHORT, LONG))
    ratio = long / short if short else None
    found = {"row": "compile", "seconds": seconds, "bars": [_held("cold compile of 24 against 6", ratio, 1.3, 1.1)]}
    (out / "compile.json").write_text(json.dumps(found, indent=1))
    return found


def _show(row: str, found: dict[str, Any]) -> None:
    if "error" in found:
        print(f"{row}: FAILED\n{found['error'][-800:]}", flush=True)
        return
    print(f"{row}:", flush=True)
    for case in found.get("cases", []):
        against = ", ".join(f"{o} {v['time']['median']:.3f}x" for o, v in case["against"].items())
        peak = f"{case['peak_bytes'] / 2**30:6.1f} GiB" if case["peak_bytes"] else ""
        spread = f"[{case['ms']['q1']:.2f} {case['ms']['q3']:.2f}]"
        compiled = f"compiled {case['compile_seconds']:.0f} s" if case["compile_seconds"] is not None else ""
        print(
            f"  {case['name']:26}{case['ms']['median']:9.2f} ms {spread:18}{case['tflops']:7.1f} TFLOP/s"
            f"{peak} {compiled} {against}"
        )
    for name, value in found.get("seconds", {}).items():
        print(f"  {name:26}{value:9.1f} s")
    for bar in found["bars"]:
        value = "not measured" if bar["value"] is None else f"{bar['value']:.3f}"
        print(f"  {bar['what']}: {value}, bar {bar['bar']}: {bar['verdict']}", flush=True)
    for note in found.get("notes", []):
        print(f"  note: {note}")


def _held(what: str, value: float | None, bar: float, stretch: float | None) -> dict[str, Any]:
    """A figure beside its bar."""
    verdict = "not measured"
    if value is not None:
        sign = -1 if any(word in what for word in AT_MOST) else 1
        verdict = "met" if sign * value >= sign * bar else "missed"
        if stretch is not None and sign * value >= sign * stretch:
            verdict = "stretch met"
    return {"what": what, "value": value, "bar": bar, "stretch": stretch, "verdict": verdict}


# --- the child -----------------------------------------------------------------------------------


def _child(args: argparse.Namespace) -> int:
    import torch

    from dnac.bench import bench

    row = ROWS[args.child]
    task, wanted = _task(args, row), _wanted(args, row)
    tell = lambda text: print(f"{time.strftime('%X')} {text}", file=sys.stderr, flush=True)
    if args.only_warm:
        found = {"row": args.child, **bench.compiled(task, wanted, tell)}
    else:
        ready, keep = (lambda: _wait(args)) if args.wait else (lambda: None), lambda cases: _keep(args, cases)
        found = {"row": args.child, **bench.bench([task], wanted, tell, ready, keep)[0]}
        found["bars"] = [_held(what, _got(get, found), *bars) for what, (get, *bars) in row.bars.items()]
    found |= bench.facts(task.device) | {"peak_of_process": _peak_of_process(torch, task.device)}
    (args.out / f"{args.child}.json").write_text(json.dumps(found, indent=1))
    return 0


def _wait(args: argparse.Namespace) -> None:
    """Give back memory that is not held, say that all is compiled, and wait to be called."""
    import torch

    torch.cuda.empty_cache()
    parent = os.getppid()
    (args.out / f"{args.child}.ready").touch()
    while not (args.out / f"{args.child}.go").exists():
        time.sleep(0.05)
        if os.getppid() != parent:
            sys.exit("the parent is gone")


def _keep(args: argparse.Namespace, cases: list[Any]) -> None:
    if args.profile:
        from dnac.bench.profile import profiles

        (args.out / f"{args.child}.profile.txt").write_text(profiles(cases))


def _got(get: Callable[[dict[str, Any]], float | None], found: dict[str, Any]) -> float | None:
    """A figure of the result, or None where its case was not measured."""
    try:
        return get(found)
    except (StopIteration, KeyError):
        return None


def _task(args: argparse.Namespace, row: Row) -> Any:
    import torch

    import dnac
    from dnac import catalogue
    from dnac.bench.base import Task, Types

    device = torch.device("cpu" if row.cpu else args.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    on_gpu = device.type == "cuda"
    depth = (f"depth={args.depth or 2}",) if args.depth or args.tiny else ()
    settings = (*row.settings, *(row.tiny if args.tiny else ()), *depth)
    return Task(
        graph=dnac.load(HERE / "bars" / f"{row.spec}.dna", settings=settings).graph,
        batch=args.batch or (2 if args.tiny else row.batch),
        device=device,
        types=Types.of(catalogue.get("precision", args.precision or ("bf16_stream" if on_gpu else "fp32"))),
        compile=args.compile,
        lowering=args.lowering or ("grouped" if on_gpu else "portable"),
        choices=dict(pair.split("=") for pair in args.choices.split(",")) if args.choices else None,
    )


def _wanted(args: argparse.Namespace, row: Row) -> Any:
    from dnac.bench.bench import Wanted

    loads = tuple(args.loads.split(",")) if args.loads else row.loads
    learned = ("learned",) if row.learns and args.learn and "learned" not in loads else ()
    return Wanted(
        against=()
        if args.only_warm and args.depth
        else tuple(args.against.split(","))
        if args.against
        else row.against,
        loads=("uniform",) if args.only_warm and args.depth else (*loads, *learned),
        skips=row.skips,
        steps=args.steps or (4 if args.tiny else row.steps),
        learn=args.learn,
    )


def _peak_of_process(torch: Any, device: Any) -> int | None:
    return torch.cuda.max_memory_reserved(device) if device.type == "cuda" else None


if __name__ == "__main__":
    sys.exit(main())
