"""The part of a plan's JSON that is about a device, and the instructions with their costs."""

from __future__ import annotations

from typing import Any

from dnac.schedule.memory import USABLE
from dnac.schedule.outlook import Outlook
from dnac.schedule.quantities import cases


def device_json(view: Outlook) -> dict[str, Any]:
    """Device, batch, predicted times of a step, and what will run; null where something is not known."""
    device, work, choices = view.device, view.types.work, view.choices
    forward, both = view.forward_ms, view.training_ms
    return {
        "device": {
            "name": device.name,
            "kind": device.kind,
            "capability": list(device.capability) if device.capability else None,
            "memory_bytes": device.memory,
            "dtype": work,
            "peak_flops": device.peak.get(work),
            "flops_per_second": device.rate(work),
            "bytes_per_second": device.flow,
            "is_measured": work in device.ceiling and "bytes" in device.ceiling,
        },
        "batch": {"sequences": view.sequences, "tokens": view.tokens, "fits": view.fits, "usable_memory": USABLE},
        "predicted_ms": {
            "forward": _ms(forward),
            "backward": None if both is None or forward is None else _ms(both - forward),
            "loss": _ms(view.loss_ms),
            "optimizer": _ms(view.optimizer_ms),
            "step": _ms(view.step_ms),
        },
        "choices": {"lowering": choices.lowering, "why": choices.why_lowering, **choices.summary},
    }


def schedule_json(view: Outlook) -> list[dict[str, Any]]:
    """One entry per instruction, as printed; costs are of all its turns."""
    lives = view.memory.lives()
    nothing = {"value": 0, "until": None, "kept": 0}
    return [
        {
            "out": cost.out,
            "op": cost.op,
            "text": cost.text,
            "turns": cost.turns,
            "flops_per_token": cases(cost.flops),
            "bytes": {"weights": round(cost.moved.weights), "per_token": round(cost.moved.per_token)},
            "memory": lives.get(cost.out, nothing),
            "ms": {name: _ms(ms) for name, ms in view.times[cost.out]._asdict().items()},
            "choices": [
                {
                    "group": choice.group,
                    "candidate": choice.candidate,
                    "reason": choice.reason,
                    "predicted_ms": _ms(choice.predicted_ms),
                    "measured_ms": _ms(choice.measured_ms),
                }
                for choice in view.choices.each
                if choice.out == cost.out
            ],
        }
        for cost in view.costs
    ]


def _ms(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")
