"""A tiny run with everything in it that a resume could lose: dropout, router noise, biases, moments,
accumulation, an idle rule, a schedule, epochs that end within the run. Shared by the tests of `train`.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from dnac.train.metrics import TIMES

SPEC = """dna 1
net tiny {
  input text(context = 8, vocabulary = 256, tokenizer = bytes)
  embed tokens(16, positions = learned)
  pool nodes { block[3] = transformer(heads = 2, dropout = 10%); skip = identity() }
  repeat 2 {
    hop: route nodes by {
      choose = top(1); weight = raw; noise = jitter(5%)
      balance = [skip_target(skip, 25%, per = step, rate = 2e-2), aux(schedule(0.1, linear(0.01, 100%)))]
    }
  }
  head lm = unembed(tied = false, norm = layer)
}
train tiny {
  data = text("train.txt")
  valid = text("valid.txt")
  batch = sequences(6)
  accumulate = 2
  length = steps(12)
  lr = schedule(0, linear(1e-2, 10%), cosine(1e-3, 100%))
  label_smoothing = 5%
  idle = hold
  save_every = steps(5)
  eval_every = steps(6)
  eval_batches = 2
  log_every = 2
  seed = 1
}
"""


def write_spec(folder: Path, **changes: str) -> Path:
    """The spec and its two small texts, with some lines of the train block changed."""
    text = SPEC
    for field, value in changes.items():
        line = next((x for x in text.splitlines() if x.strip().startswith(f"{field} =")), None)
        added = f"  {field} = {value}"
        text = text.replace(line, added) if line else text.replace("  seed = 1", f"{added}\n  seed = 1")
    folder.mkdir(exist_ok=True)
    (folder / "train.txt").write_text("to be, or not to be, that is the question. " * 6)
    (folder / "valid.txt").write_text("whether 'tis nobler in the mind to suffer the slings. " * 4)
    (folder / "tiny.dna").write_text(text)
    return folder / "tiny.dna"


def trace(run: Path, step: int) -> dict[str, Any]:
    """What must be equal to the bit: tensors of the last checkpoint, and metrics without times."""
    folder = run / "checkpoints" / f"step_{step}"
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return {
        **{f.name: sha256(f.read_bytes()).hexdigest() for f in folder.glob("*.safetensors")},
        "metrics": [{k: v for k, v in line.items() if k not in TIMES} for line in lines],
    }
