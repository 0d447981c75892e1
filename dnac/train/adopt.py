"""A run folder for weights that were trained elsewhere, so that `eval`, `generate` and `viz` can use them."""

from __future__ import annotations

import os
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from typing import Any

from dnac.ir.form import Form
from dnac.kinds.train import TrainParams
from dnac.lowering.network import Network
from dnac.schedule.plan import plan
from dnac.semantics.result import CheckedFile, CheckedNet
from dnac.text.diagnostic import Faults
from dnac.train import checkpoint, errors, identity
from dnac.train.files import canonical, publish
from dnac.train.prepare import Options
from dnac.train.provenance import provenance
from dnac.train.run import CHECKPOINTS, FORMAT, Run, write_folder

MICRO_BATCH = 8
"""Samples that `eval` takes at once, where no training said how many."""


def adopt(checked: CheckedNet, file: CheckedFile, network: Network, options: Options) -> Run:
    """Publish a new run folder `options.out` whose only checkpoint, of step 0, holds the network's weights.

    Raises:
        Faults: the folder is taken, or the disk is full.
    """
    out = options.out
    if out is None:
        raise ValueError("adopt needs options.out")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise Faults(errors.run_exists(out))
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}.making")
    temporary.mkdir()
    with ExitStack() as last:
        last.callback(rmtree, temporary, ignore_errors=True)  # once published it is not there any more
        resolved = _resolved(checked, file, network, options)
        write_folder(temporary, file.source, file.used, resolved, plan(checked))
        state = {"digest": resolved["digest"]}
        checkpoint.save(temporary / CHECKPOINTS, 0, {"weights": network.state_dict()}, state)
        publish(temporary, out)
    return Run.open(out)


def _resolved(checked: CheckedNet, file: CheckedFile, network: Network, options: Options) -> dict[str, Any]:
    """The keys of a trained run's `resolved.json` that its readers use."""
    home = Path(file.source.path).resolve().parent
    seed = TrainParams.model_validate(dict(checked.train.args)).seed if checked.train else 0
    whole = identity.spec_identity(checked.graph, checked.train or Form("train")) | {"weights": _hash(network)}
    return {
        "format": FORMAT,
        "net": checked.name,
        "source": str(Path(file.source.path).resolve()),
        "root": str(home),
        "settings": list(options.settings),
        "kinds": [str(Path(k).resolve()) for k in options.kinds],
        "identity": whole,
        "digest": identity.digest(whole),
        "spec": identity.spec_digest(whole),
        "seeds": {"init": seed, "data": seed, "routing": seed},
        "steps": 0,
        "micro_batch": MICRO_BATCH,
        "lowering": network.lowering,
        "dtype": "float32",
        "autocast": None,
        "compile": False,
        "cuda_graphs": False,
        **provenance(home, options.command),
    }


def _hash(network: Network) -> str:
    """SHA-256 of all weights, in the order of their names."""
    digest = sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(canonical([name, str(tensor.dtype), list(tensor.shape)]))
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
