"""Where the time of a step goes, kernel by kernel."""

from __future__ import annotations

from collections.abc import Sequence

from torch.profiler import ProfilerActivity, profile

from dnac.bench.clock import wait
from dnac.bench.measure import Case

STEPS, ROWS = 3, 40


def profiles(cases: Sequence[Case]) -> str:
    """A table for each case: the kernels that took most of three steps."""
    return "\n".join(f"{case.name}: {STEPS} steps\n{_table(case)}\n" for case in cases)


def _table(case: Case) -> str:
    device = case.task.device
    activities = [ProfilerActivity.CUDA if device.type == "cuda" else ProfilerActivity.CPU]
    drawn = [case.draw() for _ in range(STEPS)]
    wait(device)
    with profile(activities=activities, acc_events=True) as found:
        for each in drawn:
            case.runner.step(*each)
        wait(device)
    by = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
    return found.key_averages().table(sort_by=by, row_limit=ROWS, max_name_column_width=90)
