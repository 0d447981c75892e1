"""The part of a plan that is about a device, for people: batch, times, cost of each instruction, choices."""

from __future__ import annotations

from dnac.schedule.memory import USABLE
from dnac.schedule.outlook import ADAMW, Outlook
from dnac.schedule.words import bytes_text, count_text, ms_text, table

KEYS = {"attention": "attention", "product": "products", "weight_gradient": "weight gradients", "order": "order"}


def device_block(view: Outlook) -> list[str]:
    """The device, the batch, and the time of a step."""
    rows = [
        ("batch", f"{view.sequences} sequences, {view.tokens:,} tokens{_fits(view)}"),
        ("step", _step(view)),
        ("", _measured(view)),
    ]
    return [_device(view), *table([row for row in rows if row[1]], indent=2)]


def instruction_block(view: Outlook) -> list[str]:
    """A row per instruction, over all its turns: what it computes, moves, keeps, and how long that takes."""
    lives = view.memory.lives()
    rows = [("", "turns", "FLOPs/token", "moved", "value", "kept", "predicted", "measured", "value lives until")]
    for cost in view.costs:
        times, life = view.times[cost.out], lives.get(cost.out, {"value": 0, "kept": 0, "until": ""})
        moved = cost.moved.total(view.tokens)
        rows.append((
            f"{'  ' * cost.depth}{cost.out}",
            str(cost.turns),
            f"{round(cost.flops.expected):,}" if cost.flops.expected else "",
            bytes_text(moved) if moved else "",
            bytes_text(int(life["value"])) if life["value"] else "",
            bytes_text(int(life["kept"])) if life["kept"] else "",
            _ms(times.training if moved else None),
            _ms(times.measured_training),
            str(life["until"]),
        ))  # fmt: skip
    loss = int(lives.get("loss", {}).get("kept", 0))
    rows.append(("loss", "1", "", bytes_text(view.loss_bytes), "", bytes_text(loss), _ms(view.loss_ms), "", ""))
    touched = bytes_text(ADAMW * view.memory.weights["parameters"])
    rows.append(("AdamW", "1", "", touched, "", "", _ms(view.optimizer_ms), "", ""))
    title = [
        "cost of each instruction over all turns",
        "  (FLOPs and bytes moved in a forward pass, times of a train step; memory of one sequence: its value,",
        "  and what is kept for the backward pass)",
    ]
    return [*title, *table(rows, indent=2, left=1)]


def choice_block(view: Outlook) -> list[str]:
    """What will run, and why."""
    choices = view.choices
    rows = [("lowering", choices.lowering, choices.why_lowering)]
    for group, words in KEYS.items():
        mine = [c for c in choices.each if c.group == group]
        if mine:
            rows.append((words, mine[0].candidate, mine[0].reason))
    return [f"what will run on {view.device.name}", *table(rows, indent=2)]


def _device(view: Outlook) -> str:
    device, work = view.device, view.types.work
    known: list[str] = []
    if device.memory:
        known.append(f"{bytes_text(device.memory)} memory")
    rate = device.rate(work)
    if rate:
        peak = device.peak.get(work)
        source = "measured" if work in device.ceiling else "assumed"
        known.append(f"{work} at {count_text(rate)}FLOP/s {source}" + (f" of {count_text(peak)}" if peak else ""))
    if device.flow:
        known.append(f"{count_text(device.flow)}B/s {'measured' if 'bytes' in device.ceiling else 'assumed'}")
    return f"on {device}: " + (", ".join(known) or "nothing is known of its memory and speed")


def _fits(view: Outlook) -> str:
    if view.fits is None:
        return ""
    return (
        f"; {view.fits:,} sequences fit, if weights, gradients, AdamW and their activations"
        f" may take {USABLE:.0%} of the memory"
    )


def _step(view: Outlook) -> str:
    forward, both, loss, adamw = view.forward_ms, view.training_ms, view.loss_ms, view.optimizer_ms
    if forward is None or both is None or loss is None or adamw is None:
        return "no prediction (`dnac tune` measures what it needs)"
    whole = both + loss + adamw
    rate = view.tokens / whole * 1e3 if whole else 0.0
    return (
        f"about {ms_text(whole)} ms: {ms_text(forward)} forward, {ms_text(both - forward)} backward,"
        f" {ms_text(loss)} loss, {ms_text(adamw)} AdamW; {count_text(rate)}tokens/s"
        " (a prediction by roofline, not a measurement)"
    )


def _measured(view: Outlook) -> str:
    found = [t.measured_training for t in view.times.values() if t.measured_training is not None]
    return f"measured: {ms_text(sum(found))} ms in attention, products and orders, each by itself" if found else ""


def _ms(value: float | None) -> str:
    text = ms_text(value)
    return f"{text} ms" if text else ""
