"""Before a run: its options, its data, its numbers, and whether its folder is free. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dnac import data
from dnac.data.base import Dataset
from dnac.ir.form import Form
from dnac.kinds.train import TrainParams
from dnac.semantics.result import CheckedFile, CheckedNet
from dnac.text.diagnostic import Faults
from dnac.train import errors, identity
from dnac.train.places import at
from dnac.train.run import Run
from dnac.train.settings import Settings, resolve


@dataclass(frozen=True)
class Options:
    """What the command line decides, and the file does not."""

    out: Path | None = None
    """The run folder; None: `runs/NET-SPEC-sSEED`."""
    resume: bool = False
    device: str = "auto"
    lowering: str | None = None
    """None: that of the run that goes on, else what the schedule chooses on this device."""
    compile: bool | None = None
    """None: where the run is long enough to pay."""
    compile_by: str | None = None
    """`whole` or `steps` (`lowering.compile`), where it is compiled. None: as the run began, else whole."""
    cuda_graphs: bool | None = None
    """Whether a compiled train step is replayed. None: as the run began, else where its work is small."""
    settings: tuple[str, ...] = ()
    """The texts of `--set`, kept with the run."""
    command: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    """Folders of kinds of the user's own: recorded, never loaded from the record."""
    dry_run: bool = False


@dataclass(frozen=True)
class Prepared:
    """Everything but the run folder."""

    checked: CheckedNet
    file: CheckedFile
    options: Options
    settings: Settings
    dataset: Dataset
    valid: Dataset
    identity: dict[str, str]
    root: Path
    """The folder of the spec, where relative paths of data start."""

    out: Path
    """The run folder."""
    run: Run | None
    """The run that goes on, else None."""


Opened = dict[tuple[Form, Form, Path], Dataset]
"""Data sets by what they were opened for: the form, the net's input, the folder of the spec."""


def prepare(
    checked: CheckedNet, file: CheckedFile, options: Options, root: Path | None = None, opened: Opened | None = None
) -> Prepared:
    """Open the data and work out the run; nothing is written. Runs that share `opened` share their data sets.

    Raises:
        Faults: no train block, a folder that is taken or no run of this spec, data that cannot be used,
            amounts that make no run.
    """
    if checked.train is None:
        with at(checked.places, "net"):
            raise Faults(errors.no_train_block(checked.name, file.source.path))
    train = TrainParams.model_validate(dict(checked.train.args))
    whole = identity.spec_identity(checked.graph, checked.train)
    out = options.out or default_folder(whole, train.seed)
    run = _required_folder(out, options)
    home = root or Path(file.source.path).resolve().parent
    dataset, valid = _open(checked, home, {} if opened is None else opened)
    whole |= identity.data_identity(dataset, valid)
    if run and (changed := identity.differences(run.resolved["identity"], whole)):
        raise Faults(errors.run_differs(run.path, changed))
    with at(checked.places):
        settings = resolve(train, checked.graph, dataset.samples)
    return Prepared(checked, file, options, settings, dataset, valid, whole, home, out, run)


def _open(checked: CheckedNet, home: Path, opened: Opened) -> tuple[Dataset, Dataset]:
    """Training and held-out data; a fault stands at its field."""
    assert checked.train is not None
    forms = {field: checked.train[field] for field in ("data", "valid")}
    found = dict[str, Dataset]()
    for field, form in forms.items():
        assert isinstance(form, Form)
        key = (form, checked.graph.input, home)
        with at(checked.places, field):
            found[field] = opened[key] if key in opened else data.load(*key)
        opened[key] = found[field]
    with at(checked.places, "valid"):
        data.require_pair(found["data"], found["valid"], str(getattr(forms["data"], "name", "")))
    return found["data"], found["valid"]


def default_folder(of: identity.Identity, seed: int) -> Path:
    """`runs/NET-SPEC-sSEED`: runs of one spec stand side by side."""
    return Path("runs") / f"{of['net']}-{identity.spec_digest(of)[:8]}-s{seed}"


def _required_folder(out: Path, options: Options) -> Run | None:
    """The run to go on with; a new run never writes into a folder that holds anything."""
    if options.resume:
        return Run.open(out)
    if not options.dry_run and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise Faults(errors.run_exists(out))
    return None
