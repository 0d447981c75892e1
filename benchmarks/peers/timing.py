"""Train steps timed in pairs, in one process, and results written as they come.

A program is measured beside another: they take turns, a few steps at a time, and the ratio is taken turn by turn,
because a machine's speed drifts. A step is forward, backward and AdamW on random data drawn before the clock starts.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

WARM_UP = 3


@dataclass
class Program:
    """One thing to measure."""

    name: str
    module: nn.Module
    loss: Callable[[Tensor, Tensor], Tensor]
    """Inputs and targets to a scalar."""
    facts: dict[str, Any] = field(default_factory=dict)
    fused: bool = True
    optimizer: torch.optim.Optimizer | None = None

    def step(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """One train step; the loss before it."""
        if self.optimizer is None:
            cuda = inputs.device.type == "cuda"
            trained = [p for p in self.module.parameters() if p.requires_grad]
            self.optimizer = torch.optim.AdamW(trained, lr=1e-4, fused=cuda and self.fused)
        loss = self.loss(inputs, targets)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.detach()


@dataclass
class Bench:
    """Where results go, and how much is measured."""

    out: Path
    device: torch.device
    draw: Callable[[], tuple[Tensor, Tensor]]
    flops: float
    """Of one train step."""
    rounds: int = 10
    in_turn: int = 2
    results: dict[str, Any] = field(default_factory=dict)
    first: tuple[Tensor, Tensor] | None = None
    """The batch of everybody's first step, so that losses can be compared."""

    def say(self, text: str) -> None:
        """A line for whoever waits."""
        print(text, flush=True)

    def warm(self, program: Program) -> dict[str, Any]:
        """First steps: compiles, and finds the first loss, the time it took and the peak memory."""
        facts: dict[str, Any] = {"params": sum(p.numel() for p in program.module.parameters()), **program.facts}
        if self.first is None:
            self.first = self.draw()
        begin = time.perf_counter()
        loss = program.step(*self.first)
        self.wait()
        facts["first_step_s"], facts["first_loss"] = time.perf_counter() - begin, float(loss)
        for _ in range(WARM_UP - 1):
            program.step(*self.draw())
        self.wait()
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            program.step(*self.draw())
            self.wait()
            facts["peak_gib_over_resident"] = (torch.cuda.max_memory_allocated() - before) / 2**30
            facts["held_gib"] = held(program) / 2**30
        self.say(f"  {program.name}: first step {facts['first_step_s']:.0f} s, loss {facts['first_loss']:.4f}")
        return facts

    def pair(self, ours: Program | None, peer: Program) -> dict[str, Any]:
        """Milliseconds of both, and the peer's over ours turn by turn: above 1, ours is faster."""
        programs = [peer] if ours is None else [ours, peer]
        turns: dict[str, list[float]] = {p.name: [] for p in programs}
        for turn in range(self.rounds):
            for program in programs if turn % 2 else programs[::-1]:
                turns[program.name].append(self._turn(program))
        found = {name: self._figures(ms) for name, ms in turns.items()}
        if ours is not None:
            ratios = [b / a for a, b in zip(turns[ours.name], turns[peer.name], strict=True)]
            found["ratio"] = {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios)}
        return found

    def _turn(self, program: Program) -> float:
        """Mean milliseconds of a few steps, after one untimed step that fills the device's queue."""
        batches = [self.draw() for _ in range(self.in_turn + 1)]
        program.step(*batches[0])
        begin = self.mark()
        for batch in batches[1:]:
            program.step(*batch)
        end = self.mark()
        self.wait()
        return self.between(begin, end) / self.in_turn

    def _figures(self, ms: list[float]) -> dict[str, Any]:
        middle = statistics.median(ms)
        return {
            "ms": middle,
            "min": min(ms),
            "max": max(ms),
            "turns": [round(m, 4) for m in ms],
            "tflops": self.flops / middle / 1e9,
        }

    def mark(self) -> Any:
        """This moment of the device."""
        if self.device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def between(self, begin: Any, end: Any) -> float:
        """Milliseconds."""
        return begin.elapsed_time(end) if self.device.type == "cuda" else (end - begin) * 1e3

    def wait(self) -> None:
        """Until the device has done its work."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def keep(self, name: str, found: dict[str, Any]) -> None:
        """Add a result and write all."""
        self.results[name] = found
        self.out.parent.mkdir(parents=True, exist_ok=True)
        self.out.write_text(json.dumps(self.results, indent=1))

    @contextmanager
    def attempt(self, name: str) -> Iterator[None]:
        """A peer that fails is recorded as failed, with its message, and the next one is tried."""
        try:
            yield
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # a peer may fail in any way, exits among them
            where = traceback.format_exc().splitlines()[-12:]
            self.say(f"  {name}: FAILED {type(error).__name__}: {str(error)[:300]}")
            self.keep(name, {"failed": f"{type(error).__name__}: {str(error)[:2000]}", "trace": where})
        finally:
            gc.collect()  # no reset of dynamo: ours stays compiled from one peer to the next
            if self.device.type == "cuda":
                torch.cuda.empty_cache()


def compile_side_by_side(script: str, jobs: list[str], at_once: int) -> None:
    """Run `script ... --compile-only JOB` for all jobs, several processes at a time: they share a cache on disk."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    waiting, running = list(jobs), dict[str, subprocess.Popen[bytes]]()
    begin = time.perf_counter()
    while waiting or running:
        while waiting and len(running) < at_once:
            command = [sys.executable, script, *sys.argv[1:], "--compile-only", waiting[0]]
            running[waiting.pop(0)] = subprocess.Popen(command, **quiet)
        time.sleep(0.5)
        for job in [job for job, process in running.items() if process.poll() is not None]:
            code = running.pop(job).returncode
            how = "compiled" if code == 0 else f"exit {code}, measured all the same"
            print(f"  {job}: {how}, {time.perf_counter() - begin:.0f} s", flush=True)


def use_cache() -> None:
    """A folder for compiled code that processes share, unless the environment names one."""
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Path(tempfile.gettempdir()) / "dnac_peers_inductor"))


def held(program: Program) -> int:
    """Bytes of weights and optimizer state."""
    kept = {id(t): t for t in (*program.module.parameters(), *program.module.buffers())}
    if program.optimizer is not None:
        for state in program.optimizer.state.values():
            kept |= {id(t): t for t in state.values() if isinstance(t, Tensor)}
    return sum(t.nbytes for t in kept.values())


def facts_of(device: torch.device) -> dict[str, Any]:
    """What it was measured on."""
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"{torch.get_num_threads()} CPU threads"
    return {"torch": torch.__version__, "device": name}


def out_folder(given: str | None) -> Path:
    """The argument, else $OUT, else here."""
    return Path(given or os.environ.get("OUT") or ".")
