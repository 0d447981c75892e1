"""What the schedule may know of a device: plain facts, without torch.

Peaks are those of the makers' data sheets, for dense products (no sparsity). float32 is float32:
networks run with TF32 off. What is not in the table is not known, and nothing is predicted from it;
`dnac tune` measures ceilings on the device itself and keeps them in its cost table.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PRODUCTS, MEMORY = 0.75, 0.85
"""Shares of a peak that large products and large copies reach, where nothing was measured."""


@dataclass(frozen=True)
class DeviceFacts:
    """One device. `name` is what `--device` says, and the name of its cost table."""

    kind: str
    """cpu or cuda."""
    name: str
    model: str = ""
    """As the device calls itself; tells two CPUs apart."""
    capability: tuple[int, int] | None = None
    memory: int | None = None
    """Bytes."""
    peak: Mapping[str, float] = field(default_factory=dict[str, float])
    """FLOP/s by type of the product."""
    bandwidth: float | None = None
    """Bytes per second."""
    ceiling: Mapping[str, float] = field(default_factory=dict[str, float])
    """Measured FLOP/s by type, and bytes per second under `bytes`."""

    def rate(self, dtype: str) -> float | None:
        """FLOP/s that large products reach: measured, else a share of the peak."""
        peak = self.peak.get(dtype)
        return self.ceiling.get(dtype) or (peak * PRODUCTS if peak else None)

    @property
    def flow(self) -> float | None:
        """Bytes per second that large copies reach: measured, else a share of the peak."""
        return self.ceiling.get("bytes") or (self.bandwidth * MEMORY if self.bandwidth else None)

    def __str__(self) -> str:
        sm = f" sm_{self.capability[0]}{self.capability[1]}" if self.capability else ""
        return f"{self.name} ({self.kind}{sm})" if self.name != self.kind else self.name


def _gpu(name: str, capability: tuple[int, int], gib: float, tflops: tuple[float, float], tbytes: float) -> DeviceFacts:
    half, single = tflops
    peak = {"bfloat16": half * 1e12, "float16": half * 1e12, "float32": single * 1e12}
    return DeviceFacts("cuda", name, "", capability, int(gib * 2**30), peak, tbytes * 1e12)


KNOWN = {
    facts.name: facts
    for facts in (
        _gpu("h200", (9, 0), 139, (989, 67), 4.8),
        _gpu("h100", (9, 0), 79, (989, 67), 3.35),
        _gpu("b200", (10, 0), 178, (2250, 75), 8.0),
        _gpu("a100", (8, 0), 79, (312, 19.5), 2.04),
        _gpu("l40s", (8, 9), 44, (362, 91.6), 0.864),
        _gpu("rtx4090", (8, 9), 23.5, (165, 82.6), 1.008),
        DeviceFacts("cuda", "cuda"),
    )
}
"""GPUs by name; `cuda` is one of which nothing is known. Memory as torch sees it, rounded down."""


def this_cpu() -> DeviceFacts:
    """The processor of this machine: its name and the threads that a program may use."""
    threads = os.environ.get("OMP_NUM_THREADS", "")
    count = threads if threads.isdigit() else str(os.cpu_count() or 1)
    return DeviceFacts("cpu", "cpu", f"{_processor()}, {count} threads", memory=_memory())


def find(name: str) -> DeviceFacts | None:
    """The facts of a device that `--device` names, or None for an unknown one."""
    if name == "cpu":
        return this_cpu()
    if name == "mps":
        return DeviceFacts("mps", "mps")
    return KNOWN.get(name.partition(":")[0].lower().replace("-", "").removeprefix("nvidia"))


def of_gpu(model: str, capability: tuple[int, int], memory: int) -> DeviceFacts:
    """The facts of a GPU that is there, with what the table knows of one by that name."""
    plain = "".join(c for c in model.lower() if c.isalnum())
    known = next((k for k in KNOWN.values() if k.name != "cuda" and k.name in plain), None)
    slug = "-".join(word for word in "".join(c if c.isalnum() else " " for c in model.lower()).split())
    if known is None:
        return DeviceFacts("cuda", slug or "cuda", model, capability, memory)
    return DeviceFacts("cuda", known.name, model, capability, memory, known.peak, known.bandwidth)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return named or platform.processor() or platform.machine()


def _memory() -> int | None:
    """Bytes of main memory, where the system tells."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
