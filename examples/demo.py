"""`make demo`: check, plan, train, eval, generate and draw two small nets, and say what they learned.

    python examples/demo.py [--out demo] [--steps N]

Everything is done by the commands that are printed, so each line can be tried by hand.
"""

from __future__ import annotations

import json
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
    args = parser.parse_args()
    started = time.monotonic()
    out: Path = args.out
    out.mkdir(exist_ok=True)
    pictures = ("svg", "html") if is_installed() else ("html",)
    results = {name: tour(spec, fresh(out / name), pictures, args.steps) for name, spec in SPECS.items()}
    text = out / "text"
    dnac("generate", str(text), "--prompt", "def main(", "--tokens", "160", "--temperature", "0.7", "--seed", "1")
    report(results, out, time.monotonic() - started)


def tour(spec: str, run: Path, pictures: tuple[str, ...], steps: int | None) -> dict[str, Any]:
    """Check, plan, train, evaluate and draw one net; what `dnac eval --json` says."""
    changes = () if steps is None else ("--set", f"train.length=steps({steps})")
    dnac("check", spec)
    dnac("plan", spec)
    dnac("train", spec, "--out", str(run), *changes)
    answer = dnac("eval", str(run), "--json")
    dnac("viz", str(run), *(word for form in pictures for word in ("-o", f"{run}.{form}")))
    return json.loads(answer)["results"][0]


def dnac(*words: str) -> str:
    """Run one command as a person would; its result is shown, and returned where it is JSON."""
    print(f"\n$ dnac {' '.join(w if w.replace('-', '').isalnum() or '/' in w else repr(w) for w in words)}", flush=True)
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
  pictures     {out}/text.html, {out}/digits.html (open them in a browser; beside them .svg where Graphviz is installed)
  metrics      {out}/text/metrics.jsonl, {out}/digits/metrics.jsonl
  checkpoints  {out}/text/checkpoints/, {out}/digits/checkpoints/
  go on with   dnac train {SPECS["text"]} --set train.length='steps(5000)'   (minutes to an hour)
"""
    )


if __name__ == "__main__":
    main()
