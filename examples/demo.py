"""`make demo`: check, plan, train, eval, generate and draw two small nets, and say what they learned.

    python examples/demo.py [--out demo] [--steps N]

Everything is done by the commands that are printed, so each line can be tried by hand. The two nets
train side by side, each on half of the machine's cores; the second one's lines are shown at the end.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from yardsticks import of_run

from dnac.report.dot import is_installed

ROOT = Path(__file__).parents[1]
SPECS = {"text": "specs/dna_tiny_text.dna", "digits": "specs/dna_tiny_digits.dna"}


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder for runs and pictures (default: demo)")
    parser.add_argument("--steps", type=int, help="train steps of each net, instead of what its file says")
    parser.add_argument("--only", choices=tuple(SPECS), help="the tour of one net, without the summary")
    args = parser.parse_args()
    started = time.monotonic()
    out: Path = args.out.absolute()
    out.mkdir(exist_ok=True)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, min(4, (os.cpu_count() or 2) // 2))))
    if args.only:
        tour(args.only, out, args.steps)
        return
    with (out / "digits.log").open("w+") as log:
        again = [sys.executable, __file__, *sys.argv[1:], "--only", "digits"]
        with subprocess.Popen(again, stdout=log, stderr=subprocess.STDOUT) as digits:
            tour("text", out, args.steps)
        log.seek(0)
        print(log.read())
        if digits.returncode:
            sys.exit(digits.returncode)
    report({name: json.loads((out / f"{name}.json").read_text()) for name in SPECS}, out, time.monotonic() - started)


def tour(name: str, out: Path, steps: int | None) -> None:
    """Check, plan, train, evaluate, draw and (text) go on from a prompt; `eval` is left in NAME.json."""
    spec, run = SPECS[name], fresh(out / name)
    pictures = ("svg", "html") if is_installed() else ("html",)
    changes = () if steps is None else ("--set", f"train.length=steps({steps})")
    dnac("check", spec)
    dnac("plan", spec)
    dnac("train", spec, "--out", str(run), *changes)
    answer = dnac("eval", str(run), "--json")
    Path(f"{run}.json").write_text(json.dumps(json.loads(answer)["results"][0]))
    dnac("viz", str(run), *(word for form in pictures for word in ("-o", f"{run}.{form}")))
    if name == "text":
        dnac("generate", str(run), "--prompt", "def main(", "--tokens", "160", "--temperature", "0.7", "--seed", "1")


def dnac(*words: str) -> str:
    """Run one command as a person would; its result is shown, and returned where it is JSON."""
    print(f"\n$ dnac {shlex.join(words)}", flush=True)
    wanted = subprocess.PIPE if "--json" in words else None
    done = subprocess.run([sys.executable, "-m", "dnac", *words], cwd=ROOT, stdout=wanted, text=True, check=False)
    if done.returncode:
        sys.exit(f"dnac {words[0]} ended with exit code {done.returncode}")
    return done.stdout or ""


def fresh(run: Path) -> Path:
    """A folder name that is free: an earlier demo's run is put aside."""
    if run.exists():
        run.rename(next(p for n in range(1, 10_000) if not (p := run.with_name(f"{run.name}-earlier-{n}")).exists()))
    return run


def report(results: dict[str, dict[str, Any]], out: Path, seconds: float) -> None:
    """What was learned, against models that are fitted in a second, and where everything lies."""
    here = Path(os.path.relpath(out))
    bits, (_, trigram) = results["text"]["bits_per_byte"], of_run(out / "text")
    right, (_, ridge) = results["digits"]["accuracy"], of_run(out / "digits")
    skipped = {name: found["skip_share"] for name, found in results.items()}
    print(
        f"""
What was learned in {seconds:.0f} seconds, on held-out data
                                     this net   yardstick
  text    bits per byte (less is      {bits:7.3f}    {trigram:7.3f}  interpolated 3-gram model, same training text
          better; 8 = knows nothing)
  digits  accuracy                    {right:7.1%}    {ridge:7.1%}  ridge regression on pixels
  skipped choices (target 25 %)       {skipped["text"]:7.1%} on text, {skipped["digits"]:.1%} on digits

Where things are
  pictures     {here}/text.html, {here}/digits.html (for a browser; .svg beside them, with Graphviz)
  metrics      {here}/text/metrics.jsonl, {here}/digits/metrics.jsonl
  checkpoints  {here}/text/checkpoints/, {here}/digits/checkpoints/
  go on with   dnac train {SPECS["text"]} --set train.length='steps(5000)'   (minutes to an hour)
"""
    )


if __name__ == "__main__":
    main()
