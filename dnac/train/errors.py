"""Faults of training: settings of a run (DNA650 to DNA659), numbers while it runs (DNA720 to DNA729),
run folders and checkpoints (DNA730 to DNA739).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dnac.ir.graph import Origin
from dnac.text.diagnostic import Diagnostic, Severity
from dnac.train.routing import RoutingStep


def _fault(
    code: str, message: str, help: str = "", notes: Sequence[str] = (), severity: Severity = "error"
) -> Diagnostic:
    return Diagnostic(code, message, None, help=help, notes=tuple(notes), severity=severity)


# --- settings --------------------------------------------------------------------------------


def no_train_block(net: str, path: str) -> Diagnostic:
    """Nothing says how to train the net."""
    return _fault("DNA650", f"`{net}` has no train block in {path}", f"add `train {net} {{ data = ...; valid = ... }}`")


def batch_does_not_split(batch: int, accumulate: int) -> Diagnostic:
    """Micro-batches would differ in size."""
    fitting = max(1, round(batch / accumulate)) * accumulate
    return _fault(
        "DNA651",
        f"a batch of {batch} sequences does not split into {accumulate} equal micro-batches",
        f"set batch = sequences({fitting}), or another `accumulate`",
    )


def amount_is_nothing(field: str, amount: str) -> Diagnostic:
    """An amount that rounds to zero."""
    return _fault("DNA652", f"`{field} = {amount}` comes to nothing", f"give a larger `{field}`")


def unit_does_not_fit(field: str, unit: str, known: Sequence[str]) -> Diagnostic:
    """`batch = steps(3)`."""
    return _fault("DNA653", f"`{field}` cannot be given in `{unit}`", "use " + " or ".join(f"{u}(n)" for u in known))


def tensorboard_missing() -> Diagnostic:
    """`--tensorboard` without the package."""
    return _fault("DNA654", "`--tensorboard` needs the package `tensorboard`", 'pip install "dnac-lang[tensorboard]"')


def teacher_differs(name: str, theirs: object, ours: object) -> Diagnostic:
    """A teacher of other outputs."""
    return _fault(
        "DNA655",
        f"the teacher `{name}` has {theirs} outputs, the net {ours}",
        "name a teacher with the same vocabulary or classes",
    )


def residuals_differ(name: str, what: str) -> Diagnostic:
    """A teacher of other layers than the net has routing steps; `what`: how they differ."""
    return _fault(
        "DNA656",
        f"the layers of the teacher `{name}` are not the net's routing steps: {what}",
        "name a teacher without routers that has one module for each routing step, each with an identity to skip by",
    )


# --- numbers while it runs -------------------------------------------------------------------


def loss_not_finite(step: int, value: float, first: str = "") -> Diagnostic:
    """The task loss; `first`: the module whose output is the first that is not finite, if it was found."""
    return _fault(
        "DNA720",
        f"train step {step}: the loss is {value}, so training stopped before this update",
        "lower `lr`, lengthen its warm-up, or set `clip`",
        (*([f"first in the output of {first}"] if first else []), "weights are those after the step before"),
    )


def gradient_not_finite(step: int, value: float, weight: str, origin: Origin | None) -> Diagnostic:
    """The norm of all gradients, or one weight's gradient."""
    return _fault(
        "DNA721",
        f"train step {step}: the gradient norm is {value}, so training stopped before this update",
        "lower `lr`, lengthen its warm-up, or use precision = fp32",
        (f"first in the gradient of `{weight}`{_declared(origin)}", "weights are those after the step before"),
    )


def score_not_finite(step: int, where: RoutingStep, first: str) -> Diagnostic:
    """A router's scores: masked in the choice, never hidden; `first`: a module before it that gave no number."""
    return _fault(
        "DNA722",
        f"train step {step}: router `{where.router}` gave a score that is not a finite number, "
        "so training stopped before this update",
        "lower `lr` or `router_lr`, or lengthen the warm-up",
        (
            f"at `{where.site}` (routing step {where.step}){_declared(where.origin)}",
            *([f"before it, in the output of {first}"] if first else []),
            "weights are those after the step before",
        ),
    )


def weights_not_finite(step: int, weight: str, value: float, origin: Origin | None) -> Diagnostic:
    """An update overflowed; such weights are never saved."""
    return _fault(
        "DNA723",
        f"train step {step}: `{weight}` holds {value} after the update, so it was not saved",
        "lower `lr`, or lengthen its warm-up",
        (*([f"`{weight}`{_declared(origin)}"] if origin else []), "earlier checkpoints are as they were"),
    )


def routing_collapsed(
    step: int, site: str, what: str, origin: Origin | None, *, is_balanced: bool = True
) -> Diagnostic:
    """An alert, not a fault: training goes on. `is_balanced`: a balance term is there, and could be stronger."""
    return _fault(
        "DNA724",
        f"train step {step}: routing at `{site}` has collapsed: {what}",
        "raise the balance term's rate or weight, or lower `router_lr`"
        if is_balanced
        else "give its router a term such as `balance = [aux(0.01)]`, or lower `router_lr`",
        [f"`{site}`{_declared(origin)}"] if origin else (),
        severity="warning",
    )


def not_reached(step: int, names: Sequence[str], of: int, is_compiled: bool) -> Diagnostic:
    """An alert, not a fault: training goes on."""
    shown = ", ".join(f"`{name}`" for name in names[:4]) + (", ..." if len(names) > 4 else "")
    compiled = "; try `--no-compile`: if they get one then, it is a fault of ours" if is_compiled else ""
    return _fault(
        "DNA726",
        f"train step {step}: no gradient reaches {shown} ({len(names)} of {of} weights), which learn nothing",
        f"look for a weight or an initial value of zero behind them, or let them be `frozen`{compiled}",
        severity="warning",
    )


def out_of_memory(step: int, micro_batch: int, accumulate: int, where: str) -> Diagnostic:
    """The device's memory is used up; `where`: the module that was computed, if that is known."""
    return _fault(
        "DNA725",
        f"train step {step}: out of memory with {micro_batch} sequences in a micro-batch",
        f"set accumulate = {accumulate * 2}: the same batch in smaller parts",
        [f"at {where}"] if where else (),
    )


# --- run folders and checkpoints -------------------------------------------------------------


def no_checkpoint(folder: Path) -> Diagnostic:
    """`--resume` with nothing to go on from: never a fresh start by accident."""
    return _fault(
        "DNA730",
        f"no usable checkpoint in {folder}",
        "to train from the beginning, choose a new folder with --out",
    )


def checkpoint_damaged(name: str, problems: Sequence[str], used: str | None) -> Diagnostic:
    """One checkpoint does not verify; the one before it is used, in plain sight."""
    return _fault(
        "DNA731",
        f"checkpoint {name} is damaged: {problems[0]}",
        f"going on from {used}" if used else "",
        problems[1:],
        "warning" if used else "error",
    )


def run_exists(folder: Path) -> Diagnostic:
    """The folder of a new run is taken."""
    return _fault("DNA732", f"{folder} exists already", "go on with --resume, or choose another folder with --out")


def not_a_run(folder: Path, missing: str) -> Diagnostic:
    """A folder that no training made."""
    return _fault("DNA733", f"{folder} is no run folder: it has no {missing}", "give the folder that `dnac train` made")


def checkpoint_does_not_fit(name: str, problems: Sequence[str]) -> Diagnostic:
    """Names, shapes or types of tensors differ from the network's."""
    more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
    return _fault(
        "DNA734",
        f"checkpoint {name} does not fit the net: {problems[0]}{more}",
        "use the run with the spec and the version of dnac that made it",
        problems[1:6],
    )


def run_differs(folder: Path, differences: Sequence[str]) -> Diagnostic:
    """`--resume` with another spec, other settings or other samples."""
    return _fault(
        "DNA735",
        f"{folder} was trained otherwise: {differences[0]}",
        "undo the change, or start a new run with --out",
        differences[1:],
    )


def newer_format(what: str, found: object, known: int) -> Diagnostic:
    """Written by a later dnac."""
    return _fault("DNA736", f"{what} has format {found}; this dnac reads up to {known}", "update dnac")


def cannot_write(path: Path, reason: str, needed: int, free: int) -> Diagnostic:
    """A full disk, a quota, a read-only folder."""
    return _fault(
        "DNA737",
        f"cannot write {path}: {reason}",
        "make room, then go on with --resume",
        (f"{needed:,} bytes needed, {free:,} free", "earlier checkpoints are as they were"),
    )


def used_file_clashes(name: str) -> Diagnostic:
    """A file that the spec uses has a name of the run folder's own."""
    return _fault("DNA738", f"the used file `{name}` has a name that run folders need", "rename the file")


def device_missing(name: str) -> Diagnostic:
    """`--device` names what this machine, or this build of torch, does not have."""
    return _fault("DNA739", f"this machine has no device `{name}`", "leave --device out: the best one here is taken")


def _declared(origin: Origin | None) -> str:
    return f", declared at {origin}" if origin else ""
