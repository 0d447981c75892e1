"""Measure what a schedule asks and the cost table lacks, once on this device.

Each candidate runs on random data of exactly the shapes asked for. Times are medians, by CUDA events
or by the clock. What cannot run here is told with its reason, never left out silently.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor

from dnac.ir.graph import Graph
from dnac.lowering.candidates import MAKERS, Bench, NotHere, Trial
from dnac.lowering.device import present
from dnac.passes.pipeline import optimize
from dnac.schedule import errors
from dnac.schedule.build import build_schedule
from dnac.schedule.candidates import CANDIDATES
from dnac.schedule.choices import Choices, choose, recommend
from dnac.schedule.cost_table import Cost, CostTable, Key, load, place
from dnac.schedule.device import DeviceFacts
from dnac.schedule.questions import Asked, questions
from dnac.schedule.types import Types
from dnac.text.diagnostic import Diagnostic

RUNS, WARM_UP = 10, 3
LONG, FEW = 1.0, 3
"""A run of more seconds than `LONG` is measured `FEW` times."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Tuned:
    """What was measured, what was there already, and what could not be measured."""

    table: CostTable
    choices: Choices
    measured: tuple[tuple[Key, Cost], ...]
    known: int
    skipped: tuple[tuple[str, str, str], ...]
    """(group, candidate, reason)."""
    note: Diagnostic | None
    """A table that was there and could not be used."""
    path: Path | None
    """Where the table was kept; None where nothing was measured, or there is no safe folder."""


def advise(graph: Graph, device: torch.device, types: Types, sequences: int, level: str = "O2") -> Choices:
    """What to run here, by the cost table as it is; measures nothing."""
    lowered = optimize(graph, level)
    table, _ = load(present(device))
    return choose(lowered, build_schedule(lowered), table.device, types, table, sequences)


def tune(  # noqa: PLR0913 - each is a choice of its own
    graph: Graph,
    device: torch.device,
    types: Types,
    sequences: int,
    *,
    level: str = "O2",
    contested: bool = False,
    tell: Tell = lambda text: None,
) -> Tuned:
    """Measure for one net and batch; with `contested`, only where there is something to choose.

    A table that cannot be written is a note; what was measured then serves this process alone.
    """
    lowered = optimize(graph, level)
    schedule = build_schedule(lowered)
    table, note = load(present(device))
    asked = questions(lowered, schedule, sequences)
    wanted, skipped = _wanted(asked, table.device, types, contested=contested)
    measured: list[tuple[Key, Cost]] = []
    lacking = [entry for entry in wanted if not _is_known(table, entry[0])]
    try:
        if lacking:
            table.device = replace(table.device, ceiling=_ceilings(table.device, device, types.work))
        for key, asking in lacking:
            tell(f"measuring {key.group} {key.candidate}: {key.shape}")
            found = _try(key, asking, device)
            if isinstance(found, Cost):
                table.entries[key] = found
                measured.append((key, found))
            else:
                skipped.append((key.group, key.candidate, found))
    finally:
        path, unwritten = _save(table) if lacking else (None, None)
    choices = choose(lowered, schedule, table.device, types, table, sequences)
    known = len(wanted) - len(lacking)
    return Tuned(table, choices, tuple(measured), known, tuple(dict.fromkeys(skipped)), note or unwritten, path)


def _save(table: CostTable) -> tuple[Path | None, Diagnostic | None]:
    """Beside what another process has measured meanwhile."""
    table.entries = load(table.device)[0].entries | table.entries
    try:
        return table.save(), None
    except OSError as failed:
        where = place(table.device.name) or Path(table.device.name)
        return None, errors.table_ignored(where, f"it cannot be written ({failed.strerror or failed})")


def _wanted(
    asked: list[Asked], device: DeviceFacts, types: Types, *, contested: bool
) -> tuple[list[tuple[Key, Asked]], list[tuple[str, str, str]]]:
    """What to measure, each once, and who does not serve, with the reason."""
    lowering, _ = recommend(device, types)
    found: dict[Key, Asked] = {}
    skipped: list[tuple[str, str, str]] = []
    for a in asked:
        able = [c for c in CANDIDATES[a.question.group] if not c.why_not(a, types.work, device)]
        used = [c for c in able if lowering in c.lowerings]
        used = [] if used and used[0].is_fused else used  # a rule decides
        for candidate in CANDIDATES[a.question.group]:
            reason = candidate.why_not(a, types.work, device)
            if reason:
                skipped.append((a.question.group, candidate.name, reason))
            elif not contested or (len(used) > 1 and candidate in used):
                found.setdefault(Key(a.question.group, candidate.name, a.question.key, types.work), a)
    return [*found.items()], skipped


def _is_known(table: CostTable, key: Key) -> bool:
    """Whether a time is there, of this torch."""
    cost = table.entries.get(key)
    return cost is not None and cost.torch == torch.__version__


def _try(key: Key, asked: Asked, device: torch.device) -> Cost | str:
    """The cost of a candidate, or why it has none."""
    try:
        trial = MAKERS[key.group, key.candidate](Bench(asked.question, device, getattr(torch, key.dtype)))
        forward, training = times(trial, device)
    except NotHere as reason:
        return str(reason)
    except torch.OutOfMemoryError:
        return f"it does not fit on the device ({key.shape})"
    except (RuntimeError, ValueError, TypeError) as failed:
        # a kernel that refuses a shape, as each version of torch does in its own way
        return f"it failed: {(str(failed).strip() or type(failed).__name__).splitlines()[0][:160]}"
    when = datetime.now(UTC).isoformat(timespec="seconds")
    return Cost(forward, training, when, torch.__version__)


def times(trial: Trial, device: torch.device) -> tuple[float, float]:
    """Milliseconds of a forward pass, and of forward and backward."""

    def forward() -> object:
        with torch.no_grad():
            return trial.run(*trial.inputs)

    if not trial.has_backward:
        alone = median_ms(forward, device)
        return alone, alone
    learns = [x for x in trial.inputs if x.requires_grad]
    like = torch.randn_like(forward())  # type: ignore[arg-type]

    def both() -> tuple[Tensor, ...]:
        return torch.autograd.grad(trial.run(*trial.inputs), learns, like)

    return median_ms(forward, device), median_ms(both, device)


def median_ms(run: Callable[[], object], device: torch.device) -> float:
    """The median of ten runs after warm-up; of fewer where one takes longer than a second."""
    first = next(_timed(run, device, 1))
    few = first > 1e3 * LONG
    for _ in _timed(run, device, 0 if few else WARM_UP - 1):
        pass
    return statistics.median(_timed(run, device, FEW if few else RUNS))


def _timed(run: Callable[[], object], device: torch.device, count: int) -> Iterator[float]:
    for _ in range(count):
        if device.type == "cuda":
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            run()
            end.record()
            end.synchronize()
            yield begin.elapsed_time(end)
        else:
            start = time.perf_counter()
            run()
            if device.type == "mps":
                torch.mps.synchronize()
            yield 1e3 * (time.perf_counter() - start)


def _ceilings(facts: DeviceFacts, device: torch.device, dtype: str) -> dict[str, float]:
    """FLOP/s of a large product in a type and bytes per second of a large copy; measured once each."""
    found = dict(facts.ceiling)
    is_gpu = device.type == "cuda"
    if dtype not in found:
        side = 8192 if is_gpu else 1024
        a, b = (torch.randn(side, side, device=device).to(getattr(torch, dtype)) for _ in range(2))
        found[dtype] = 2.0 * side**3 / (1e-3 * median_ms(lambda: a @ b, device))
    if "bytes" not in found:
        count = 2**28 if is_gpu else 2**24
        source = torch.randn(count, device=device)
        target = torch.empty_like(source)
        found["bytes"] = 8.0 * count / (1e-3 * median_ms(lambda: target.copy_(source), device))
    return found
