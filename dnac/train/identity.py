"""What makes two runs the same run: net, weights' meaning, training settings, seeds, data.

Its hash names the default run folder and is written into every checkpoint; on resume it is compared
field by field, so that a run never goes on as another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from dnac.data.base import Dataset
from dnac.ir.form import Form
from dnac.ir.graph import Graph
from dnac.ir.printer import print_graph, print_value
from dnac.train.files import canonical

SEEDS = ("seed", "init_seed", "data_seed", "routing_seed")

Identity = Mapping[str, str]
"""Field to text."""


def spec_identity(graph: Graph, train: Form) -> dict[str, str]:
    """The part that the file decides: the graph's text by its SHA-256, and each training setting."""
    text = sha256(print_graph(graph).encode()).hexdigest()
    return {"net": graph.name, "graph": text, **{f"train.{k}": print_value(v) for k, v in train}}


def data_identity(dataset: Dataset, valid: Dataset) -> dict[str, str]:
    """The samples themselves, by their SHA-256."""
    return {"data": dataset.fingerprint, "valid": valid.fingerprint}


def digest(identity: Identity) -> str:
    """SHA-256 of an identity: goes into every checkpoint of the run."""
    return sha256(canonical(dict(identity))).hexdigest()


def spec_digest(identity: Identity) -> str:
    """SHA-256 of the spec alone: runs that differ in their seeds, or in the data's content, share it."""
    left_out = ("data", "valid", *(f"train.{s}" for s in SEEDS))
    return digest({k: v for k, v in identity.items() if k not in left_out})


def differences(then: Identity, now: Identity) -> list[str]:
    """In words, what changed since the run began."""
    fields = [k for k in {**then, **now} if then.get(k) != now.get(k)]
    return [_words(field, then.get(field), now.get(field)) for field in fields]


def _words(field: str, then: str | None, now: str | None) -> str:
    match field:
        case "graph":
            return "the net has changed"
        case "data" | "valid":
            return f"the samples of `{field}` have changed"
        case _:
            return f"{field.removeprefix('train.')} was {then}, is now {now}"
