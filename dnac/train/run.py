"""A run folder: everything a run is made of and made, enough to use it without its first file.

spec.dna       the file as it was read, with the files it uses beside it under their own names
resolved.json  what was decided: settings, versions, seeds, data, command
plan.json      what `dnac plan --json` prints
metrics.jsonl  one line for each logged train step
checkpoints/   step_N/, each whole and verified
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dnac
from dnac import catalogue
from dnac.ir.form import Form
from dnac.schedule.errors import computed_otherwise
from dnac.semantics.run_files import CHECKPOINTS, RESOLVED, SPEC
from dnac.text.diagnostic import Faults
from dnac.text.source import Source
from dnac.train import checkpoint, errors
from dnac.train.events import Line
from dnac.train.files import canonical, write_file
from dnac.train.metrics import NAME as METRICS
from dnac.train.metrics import read_metrics

if TYPE_CHECKING:
    from dnac.driver import Spec
    from dnac.lowering.network import Network

FORMAT = 1
PLAN = "plan.json"


@dataclass(frozen=True)
class Run:
    """An opened run folder."""

    path: Path
    resolved: Mapping[str, Any]

    @classmethod
    def open(cls, path: Path) -> Run:
        """Read a run folder.

        Raises:
            Faults: it is none, or a later dnac made it.
        """
        for name in (RESOLVED, SPEC):
            if not (path / name).is_file():
                raise Faults(errors.not_a_run(path, name))
        resolved = json.loads((path / RESOLVED).read_bytes())
        if resolved["format"] > FORMAT:
            raise Faults(errors.newer_format(f"run {path}", resolved["format"], FORMAT))
        return cls(path, resolved)

    @staticmethod
    def is_run(path: Path) -> bool:
        """Whether a path looks like a run folder."""
        return (path / RESOLVED).is_file()

    @property
    def root(self) -> Path:
        """The folder of the first file: relative paths of data start there."""
        return Path(self.resolved["root"])

    @property
    def plan(self) -> Mapping[str, Any]:
        """The saved `plan.json`."""
        return json.loads((self.path / PLAN).read_bytes())

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints."""
        return self.path / CHECKPOINTS

    @property
    def metrics_path(self) -> Path:
        """`metrics.jsonl`"""
        return self.path / METRICS

    def metrics(self) -> list[Line]:
        """All lines of metrics."""
        return read_metrics(self.metrics_path)

    @cached_property
    def spec(self) -> Spec:
        """The run's net, from its own spec and settings."""
        return self.spec_with(())

    def spec_with(self, settings: Iterable[str]) -> Spec:
        """The run's net with more settings (`hop.choose=top(1)`), as `--set` would give them.

        Raises:
            Faults: a setting does not fit, or the spec uses kinds that are not there.
        """
        texts = (*self.resolved["settings"], *settings)
        return dnac.load(self.path / SPEC, net=self.resolved["net"], settings=texts, pretrained=False)

    @property
    def train(self) -> Form:
        """The `train{...}` form of the run."""
        train = self.spec.train
        if train is None:
            raise Faults(errors.no_train_block(self.resolved["net"], str(self.path / SPEC)))
        return train

    def latest(self, tell: checkpoint.Tell) -> checkpoint.Checkpoint:
        """The latest checkpoint that verifies; damaged newer ones are told of.

        Raises:
            Faults: there is none, or it belongs to another run.
        """
        found = checkpoint.load_latest(self.checkpoints, tell)
        if found.state["digest"] != self.resolved["digest"]:
            raise Faults(errors.run_differs(self.path, [f"checkpoint {found.name} belongs to another run"]))
        return found

    def load_into(self, network: Network, tell: checkpoint.Tell) -> int:
        """Give a network of this run's spec the weights and biases of the latest checkpoint; its step.

        Raises:
            Faults: no checkpoint verifies, or it holds other tensors.
        """
        from dnac.train.culprit import places

        found = self.latest(tell)
        found.load("weights", network.state_dict(), places(network.graph))
        return found.step

    def network(
        self,
        tell: checkpoint.Tell,
        *,
        settings: Iterable[str] = (),
        device: str = "cpu",
        lowering: str | None = None,
        autocast: str | None = None,
    ) -> Network:
        """The trained network, ready to evaluate; `settings` may change what has no weights (k, a share).

        It is computed by `lowering`, else as in training, else (with a note) by the portable lowering. `autocast`
        is what the caller runs it under.

        Raises:
            Faults: as `latest` and `spec_with`; the changed net has other weights.
        """
        spec, own = self.spec_with(settings), self.resolved["lowering"]
        reason = "" if lowering else _why_not_here(own, device, self.resolved["dtype"], autocast)
        if reason:
            tell(computed_otherwise(own, "portable", reason))
        network = spec.build(
            device=device,
            dtype=self.resolved["dtype"],
            lowering=lowering or ("portable" if reason else own),
            seed=self.resolved["seeds"]["init"],
            stream=self.resolved.get("stream"),
            choices=None if reason or lowering else self.resolved.get("choices"),
        )
        self.load_into(network, tell)
        return network.eval()


def _why_not_here(lowering: str, device: str, dtype: str, autocast: str | None) -> str:
    """Why a trained run cannot be computed as in training, on another device or without its autocast."""
    kind, entry = str(device).partition(":")[0], catalogue.get("lowering", lowering)
    if kind not in entry.devices:
        return f"it does not run on {kind}"
    if lowering == "grouped" and "bfloat16" not in (dtype, autocast):
        return "its products are in bfloat16, and here they are not"
    return ""


def write_folder(
    folder: Path, source: Source, used: Iterable[Source], resolved: Mapping[str, Any], plan: Mapping[str, Any]
) -> None:
    """The files of a new run, all but metrics and checkpoints.

    Raises:
        Faults: a used file has the name that the main one gets.
    """
    write_file(folder / SPEC, [source.text.encode()])
    for name, text in _beside(source, used):
        if name.parts[0] in (SPEC, RESOLVED, PLAN, METRICS, CHECKPOINTS):
            raise Faults(errors.used_file_clashes(str(name)))
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_file(folder / name, [text.encode()])
    write_file(folder / RESOLVED, [canonical(dict(resolved))])
    write_file(folder / PLAN, [canonical(dict(plan))])


def _beside(source: Source, used: Iterable[Source]) -> list[tuple[Path, str]]:
    """Files of the user's own, by their place relative to the main file; `std/` comes with dnac."""
    home = Path(source.path).resolve().parent
    std = Path(dnac.__file__).resolve().parent / "std"
    paths = {Path(u.path).resolve(): u.text for u in used if Path(u.path).is_file()}
    return [(p.relative_to(home), t) for p, t in paths.items() if p.is_relative_to(home) and not p.is_relative_to(std)]
