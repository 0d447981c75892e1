"""From a prepared run to its end: network, optimizer, run folder, session."""

from __future__ import annotations

import os
from contextlib import ExitStack
from copy import copy
from dataclasses import asdict
from pathlib import Path
from shutil import rmtree
from typing import Any

import torch

from dnac import catalogue
from dnac.data.base import Dataset
from dnac.importing.initial import begin
from dnac.kinds.base import PrecisionKind
from dnac.lowering.compile import compile_network
from dnac.lowering.knobs import knobs
from dnac.lowering.network import Network
from dnac.schedule.plan import plan
from dnac.text.diagnostic import Faults
from dnac.train import checkpoint, errors, identity
from dnac.train.active import ActiveFlops
from dnac.train.alerts import Alerts
from dnac.train.compiling import is_recorded, is_worth_compiling, why_not_recorded
from dnac.train.distill import Place, teachers, weight_of_task
from dnac.train.evaluate import evaluate
from dnac.train.events import Listener
from dnac.train.files import publish
from dnac.train.frequencies import fill_tables
from dnac.train.loop import Training, knob_values
from dnac.train.losses import compiled_loss, summed_loss, tap_weights
from dnac.train.metrics import MetricsFile, cut_back
from dnac.train.optim import build_optimizer
from dnac.train.prepare import Prepared
from dnac.train.provenance import provenance
from dnac.train.reward import reward
from dnac.train.run import CHECKPOINTS, FORMAT, Run, write_folder
from dnac.train.session import Evaluate, Session
from dnac.train.settings import Settings
from dnac.train.tensorboard import TensorBoard, require_package
from dnac.train.way import Way, way_of

SCORES = (
    "loss", "bits_per_byte", "perplexity", "accuracy", "exact_match", "skip_share", "active_flops_per_token",
    "as_trained_loss",
)  # fmt: skip
"""Scores on held-out data that go into the metrics, where the net has them."""


def train(prepared: Prepared, listener: Listener, *, tensorboard: bool = False) -> Run:
    """Train to the end, in a new run folder or from the latest good checkpoint of an old one.

    Raises:
        Faults: TensorBoard is asked for and missing, no checkpoint can be used, or the run stopped because of
            its numbers, its memory or its disk.
        Stopped: Ctrl-C or SIGTERM; all is saved.
    """
    if tensorboard:
        require_package()
    is_compiled, way = decide_compile(prepared), way_of(prepared, pick_device(prepared.options.device))
    session = build_session(prepared, listener, way, is_compiled=is_compiled)
    run = prepared.run or _begun(prepared, session, way, is_compiled)
    if prepared.run:
        _continue(run, session)
    session.folder = run.checkpoints
    session.sinks = [MetricsFile(run.metrics_path), *([TensorBoard(run.path / "tensorboard")] if tensorboard else [])]
    try:
        session.run(prepared.dataset)
    finally:
        for sink in session.sinks:
            sink.close()
    return run


def build_session(prepared: Prepared, listener: Listener, way: Way, *, is_compiled: bool) -> Session:
    """Network, optimizer and everything that measures them, before the first update."""
    settings, graph, device = prepared.settings, prepared.checked.graph, pick_device(prepared.options.device)
    precision = precision_of(settings)
    dtype = getattr(torch, precision.dtype)
    network = Network(
        graph, way.lowering, device, dtype, settings.init_seed, stream=precision.stream, choices=way.choices
    )
    if way.why and device.type != "cpu":
        chosen = ", ".join(f"{group} {name}" for group, name in way.choices.items())
        listener.note(f"computed by {way.lowering}{f' ({chosen})' if chosen else ''}: {way.why}")
    if prepared.run is None:
        begin(network, prepared.root)
        fill_tables(network, prepared.dataset)
    uncompiled = copy(network)  # the same weights; an evaluation is not worth compiling
    if is_compiled:
        recorded = decide_cuda_graphs(prepared, listener)
        compile_network(network, compile_by(prepared), cuda_graphs=recorded)
    for note in network.notes:
        listener.note(note)
    training = Training(
        network,
        graph,
        build_optimizer(network, graph, settings.train),
        settings,
        knobs=tuple(schedule for _, _, schedule in knobs(graph)),
        autocast=getattr(torch, precision.autocast) if precision.autocast else None,
        dtype=dtype,
        device=device,
        task_weight=weight_of_task(settings.train),
        teachers=teachers(settings.train, graph, _place(prepared), listener.warn, device=device, dtype=dtype),
        reward=reward(graph, settings.train.label_smoothing),
        taps=tap_weights(graph),
        # a loss of its own graph would hold the logits in float32 too
        summed=compiled_loss(cuda_graphs=network.cuda_graphs) if network.is_compiled else summed_loss,
    )
    return Session(
        training,
        listener,
        Alerts(graph),
        _evaluation(training, uncompiled, prepared.valid),
        ActiveFlops(graph),
        digest=identity.digest(prepared.identity),
    )


def _place(prepared: Prepared) -> Place:
    """Where the run's teachers are found."""
    file, options = prepared.file.source.path, prepared.options
    return Place(Path(file), tuple(options.settings), prepared.root, prepared.settings.init_seed)


def _evaluation(training: Training, network: Network, valid: Dataset) -> Evaluate:
    """Loss and scores on a part of the held-out data, as `dnac eval` computes them."""
    size, batches = training.settings.micro_batch, training.settings.train.eval_batches

    seeds = torch.tensor([training.settings.routing_seed, 0], device=training.device)

    def measure() -> dict[str, float]:
        given = {"seeds": seeds, "knobs": knob_values(training, max(training.step, 1))}
        found = evaluate(network, valid, size, batches=batches, autocast=training.autocast, **given)
        return {f"valid_{name}": found[name] for name in SCORES if found[name] is not None}

    return measure


def precision_of(settings: Settings) -> PrecisionKind:
    """Types of weights and of autocast."""
    return catalogue.get("precision", settings.train.precision.name)


def pick_device(name: str) -> torch.device:
    """`auto` is the GPU where there is one.

    Raises:
        Faults: this machine, or this build of torch, has no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    counts = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if (device.index or 0) >= counts.get(device.type, 1):
        raise Faults(errors.device_missing(name))
    return device


def decide_compile(prepared: Prepared) -> bool:
    """Whether to compile: as asked, else as the run began, else where it is long enough to pay for it."""
    if prepared.options.compile is not None:
        return prepared.options.compile
    if prepared.run:
        return bool(prepared.run.resolved["compile"])
    return is_worth_compiling(prepared.settings, plan(prepared.checked), pick_device(prepared.options.device))


def compile_by(prepared: Prepared) -> str:
    """What is compiled as one graph: as asked, else as the run began, else all."""
    began = prepared.run.resolved.get("compile_by") if prepared.run else None
    return prepared.options.compile_by or began or "whole"


def decide_cuda_graphs(prepared: Prepared, listener: Listener | None = None) -> bool:
    """Whether a compiled train step is replayed as CUDA graphs: as asked, else as the run began, else where it is
    small. What was asked for and cannot be is noted.
    """
    settings, asked = prepared.settings, prepared.options.cuda_graphs
    if asked is None and prepared.run:
        asked = prepared.run.resolved.get("cuda_graphs")
    hindrance = why_not_recorded(settings.train.accumulate, pick_device(prepared.options.device), compile_by(prepared))
    note = listener.note if listener is not None else lambda text: None
    return is_recorded(asked, hindrance, lambda: plan(prepared.checked), settings.tokens_per_step, note)


def _begun(prepared: Prepared, session: Session, way: Way, is_compiled: bool) -> Run:
    """A new run folder with its checkpoint of step 0, published whole."""
    out, file = prepared.out, prepared.file
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}.making")
    temporary.mkdir()
    with ExitStack() as last:
        last.callback(rmtree, temporary, ignore_errors=True)  # once published it is not there any more
        write_folder(temporary, file.source, file.used, _resolved(prepared, way, is_compiled), plan(prepared.checked))
        session.folder = temporary / CHECKPOINTS
        session.save()
        publish(temporary, out)
    return Run.open(out)


def _continue(run: Run, session: Session) -> None:
    """Take up the latest good checkpoint; forget lines of metrics after it."""
    checkpoint.clean(run.checkpoints)
    found = run.latest(session.listener.warn)
    session.restore(found)
    cut_back(run.metrics_path, found.step)
    session.listener.note(f"going on from {found.name} in {run.path}")


def _resolved(prepared: Prepared, way: Way, is_compiled: bool) -> dict[str, Any]:
    settings, options = prepared.settings, prepared.options
    return {
        "format": FORMAT,
        "net": prepared.checked.name,
        "source": str(Path(prepared.file.source.path).resolve()),
        "root": str(prepared.root),
        "settings": list(options.settings),
        "kinds": [str(Path(k).resolve()) for k in options.kinds],
        "identity": prepared.identity,
        "digest": identity.digest(prepared.identity),
        "spec": identity.spec_digest(prepared.identity),
        "seeds": {"init": settings.init_seed, "data": settings.data_seed, "routing": settings.routing_seed},
        "steps": settings.total_steps,
        "batch": settings.batch,
        "micro_batch": settings.micro_batch,
        "tokens_per_step": settings.tokens_per_step,
        "eval_every": settings.eval_every,
        "save_every": settings.save_every,
        "data": {"train": asdict(prepared.dataset.card), "valid": asdict(prepared.valid.card)},
        "device": str(pick_device(options.device)),
        "lowering": way.lowering,
        "choices": way.choices,
        "dtype": precision_of(settings).dtype,
        "autocast": precision_of(settings).autocast,
        "stream": precision_of(settings).stream,
        "compile": is_compiled,
        "compile_by": compile_by(prepared) if is_compiled else None,
        "cuda_graphs": is_compiled and decide_cuda_graphs(prepared),
        **provenance(prepared.root, options.command),
    }
