"""The compiler on one page: read, check, optimize, schedule, lower.

    path --read_source--> Source --check--> CheckedNet --optimize--> Graph --build_schedule--> Schedule
         --Network--> torch.nn.Module

`load` is the door for Python, the commands use the same five calls. Torch is imported by `build` alone, and passes and
schedule only where they are asked for, so that `check` starts in a moment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnac.ir.form import Form
from dnac.ir.graph import Graph
from dnac.semantics import errors_values as errors
from dnac.semantics.check import check as check_meaning
from dnac.semantics.numbers import COMPARE
from dnac.semantics.result import CheckedFile, CheckedNet, Verdict
from dnac.semantics.weight_files import check_weights
from dnac.syntax.ast import Setting
from dnac.syntax.parser import parse_setting
from dnac.text.diagnostic import Bag, Faults
from dnac.text.files import read_source
from dnac.text.source import Source

if TYPE_CHECKING:
    import torch

    from dnac.lowering.network import Network
    from dnac.schedule.instructions import Schedule

_TARGET = re.compile(r"(?P<path>.+):(?P<net>[A-Za-z_]\w*)")


@dataclass(frozen=True)
class Spec:
    """One checked net of a file: what it says, what it costs, and the way to a network."""

    source: Source
    net: CheckedNet
    pretrained: bool = True
    """Whether weights start as the checkpoints that the file names."""

    @property
    def name(self) -> str:
        """The net's name."""
        return self.net.name

    @property
    def graph(self) -> Graph:
        """The typed graph, before any pass."""
        return self.net.graph

    @property
    def schedule(self) -> Schedule:
        """What a lowering runs at the highest level."""
        from dnac.passes.pipeline import optimize
        from dnac.schedule.build import build_schedule

        return build_schedule(optimize(self.graph))

    @property
    def train(self) -> Form | None:
        """How the net is trained, with all defaults filled; None where the file does not say."""
        return self.net.train

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """Proven facts, by program: `train` and `generate`."""
        return self.net.verdicts

    def plan(self) -> dict[str, Any]:
        """What `dnac plan --json` prints."""
        from dnac.schedule.plan import plan

        return plan(self.net)

    def build(  # noqa: PLR0913 - each is a choice of its own, and all are optional
        self,
        device: torch.device | str = "cpu",
        dtype: torch.dtype | str = "float32",
        lowering: str = "portable",
        seed: int = 0,
        compile: bool = False,
        level: str = "O2",
        stream: torch.dtype | str | None = None,
        choices: Mapping[str, str] | None = None,
    ) -> Network:
        """A `torch.nn.Module` with this net's weights, freshly drawn from `seed`.

        `compile` compiles it when it is first called; `stream` is the type of the residual stream under
        autocast, where it is not that of the weights; `choices` names candidates by group (`dnac plan` lists them).

        Raises:
            Faults: the lowering does not serve this device or type, or a checkpoint that the file starts from is gone.
        """
        from dnac.importing.initial import begin
        from dnac.lowering.network import Network

        network = Network(self.graph, lowering, device, dtype, seed, level, compile, stream=stream, choices=choices)
        if self.pretrained:
            begin(network, Path(self.source.path).parent)
        return network


def load(
    path: str | Path, net: str | None = None, settings: Sequence[str | Setting] = (), *, pretrained: bool = True
) -> Spec:
    """Check a file and return one of its nets.

    Args:
        path: a `.dna` file, or `FILE:net`.
        net: which net; may be left out where the file has one.
        settings: changes as with `--set`, e.g. `["width=512"]`.
        pretrained: whether weights start as the checkpoints that the file names; else those need not be there.

    Raises:
        Faults: the file has faults, with all of them.
        ValueError: the file has several nets and none was named, or none of that name.
    """
    path, named = split_target(str(path))
    wanted = net or named
    parsed = tuple(parse_setting(s, "settings") if isinstance(s, str) else s for s in settings)
    checked = check(read_source(path), parsed, wanted, pretrained=pretrained)
    if checked.bag.has_errors:
        raise Faults(checked.bag)
    return Spec(checked.source, _chosen(checked, wanted), pretrained)


def check(
    source: Source, settings: Sequence[Setting] = (), net: str | None = None, *, pretrained: bool = True
) -> CheckedFile:
    """Everything that can be known of a file without torch: its meaning, its asserts on the plan's numbers, and whether
    the checkpoints that it starts from are there (`pretrained`) and fit.
    """
    checked = check_meaning(source, settings, net)
    for each in checked.nets:
        check_asserts(each, checked.bag)
        if pretrained and each.graph.pretrained:
            check_weights(each, Path(source.path).parent, checked.bag)
    return checked


def check_asserts(net: CheckedNet, bag: Bag) -> None:
    """Add a fault for each assert that the plan's numbers do not keep."""
    if not net.asserts:
        return
    from dnac.schedule.quantities import Quantities

    known = Quantities(net)
    for claim in net.asserts:
        found = known[claim.quantity]
        if not COMPARE[claim.op](found, claim.bound):
            bag.add(errors.assert_false(claim.span.text, claim.span, f"{claim.quantity} is {found:,}"))


def split_target(target: str) -> tuple[Path, str | None]:
    """`small.dna:a` is (small.dna, "a"); a file whose own name holds the colon wins."""
    match = _TARGET.fullmatch(target)
    if match is None or Path(target).exists():
        return Path(target), None
    return Path(match["path"]), match["net"]


def _chosen(checked: CheckedFile, name: str | None) -> CheckedNet:
    nets = {net.name: net for net in checked.nets}
    if name is None and len(nets) == 1:
        return next(iter(nets.values()))
    if name is None or name not in nets:
        raise ValueError(f"{checked.source.path} has the nets {', '.join(nets) or '(none)'}; name one of them")
    return nets[name]
