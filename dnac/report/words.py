"""Short phrases for people: a form, a number, a share."""

from __future__ import annotations

from dnac.ir.form import Form, Value
from dnac.ir.graph import ModuleSet, Part, turns_of
from dnac.kinds.budgets import end_of
from dnac.kinds.params import values_of

BY_TURN = ("turn", "layer_dropout")
"""Arguments whose value is a matter of the turn, so that turns with different ones are still turns of one loop."""
_QUIET = {"init", "causal", "width", "bias", "dropout", "layer_dropout", "frozen"}
"""Arguments that a picture leaves out where they have their usual value."""


def count(number: float) -> str:
    """12345678 is `12.3M`."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:g}"


def percent(share: float) -> str:
    """0.3012 is `30 %`, 0.0042 is `0.4 %`."""
    return f"{100 * share:.{0 if share >= 0.0995 or share == 0 else 1}f}\N{NO-BREAK SPACE}%"


def module(entry: ModuleSet, width: int) -> tuple[str, ...]:
    """One phrase per part of a module; one word for what has no work. width: that of the stream."""
    if turns_of(entry.parts, None) is not None:
        after = entry.parts[0].kind["after"]
        return (f"exit after {'1, 2, ...' if after == 'place' else after} turns",)
    if entry.exits:
        return ("exit of the loop" if entry.exits == "loop" else "exit of the net",)
    return tuple(part(p, width) for p in entry.parts) or ("identity",)


def part(entry: Part, width: int) -> str:
    """`attention, 12 heads`, `mlp, gelu 3072`; attention of another width than the stream's says it."""
    return _computed(entry.kind, width) + (", frozen" if entry.kind.get("frozen") else "")


def _computed(kind: Form, width: int) -> str:
    match kind.name:
        case "attention":
            words = [f"{kind['heads']} heads"]
            if kind.get("width") not in (None, width):
                words.append(f"width {kind['width']}")
            if kind.get("kv_heads") not in (None, kind["heads"]):
                words.append(f"{kind['kv_heads']} kv")
            positions = kind.get("positions")
            if isinstance(positions, Form) and positions.name != "none":
                words.append(positions.name)
            if kind.get("window") is not None:
                words.append(f"window {kind['window']}")
            return ", ".join(["attention", *words])
        case "mlp":
            activation = kind["activation"]
            return f"mlp, {activation.name if isinstance(activation, Form) else activation} {kind['hidden']}"
        case _:
            return phrase(Form(kind.name, tuple((k, v) for k, v in kind.args if v and k not in BY_TURN)))


def phrase(value: Value) -> str:
    """A form in few words: its name and its plain arguments, `skip_target skip 30 %` rather than all of it."""
    match value:
        case Form(name, args):
            shown = [(k, v) for k, v in args if k not in _QUIET and isinstance(v, (int, float, str)) and v is not False]
            return " ".join([name, *(k if v is True else phrase(v) for k, v in shown[:3])])
        case float():
            return f"{value:g}"
        case tuple():
            return ", ".join(phrase(v) for v in value)
        case _:
            return str(value)


def choice(chosen: Form, size: int) -> str:
    """`top 2 of 74`, `all 8`."""
    match chosen.name:
        case "top":
            k = chosen["k"]
            said = ", ".join(f"{v:g}" for v in values_of(k)) if isinstance(k, Form) else phrase(k)
            return f"top {said} of {size}"
        case "all":
            return f"all {size}"
        case "fixed":
            return f"fixed, {size}"
        case _:
            return f"{chosen.name} of {size}" if size > 1 else phrase(chosen)


def target_of(term: Form) -> float:
    """The share of a `skip_target`; that of the end, under a schedule."""
    share = term["share"]
    assert isinstance(share, (float, Form))
    return end_of(share)


def balance(term: Form) -> str:
    """`skip 30 % per step`, `aux 0.01`."""
    if term.name == "skip_target":
        per, until = term.get("per"), "" if isinstance(term.get("share"), float) else "up to "
        text = f"skip {until}{percent(target_of(term))}"
        return f"{text} per {per}" if per else text
    numbers = [phrase(v) for _, v in term if isinstance(v, float) or (isinstance(v, Form) and v.name == "schedule")]
    return " ".join([term.name, *numbers[:1]])


_USUAL = {
    "read": "raw_stream", "scope": "token", "noise": "none", "sees": "peers", "grad": "soft", "limit": "none",
    "decode": "none", "start": "none",
}  # fmt: skip
"""What goes without saying of a router."""


def special(fields: Form) -> list[str]:
    """What a router says beside its choice: `reads h, step`, `sees copied`, `limit capacity 1.25`."""
    said: list[str] = []
    for field, usual in _USUAL.items():
        value = fields.get(field)
        if not isinstance(value, Form) or value.name == usual:
            continue
        views = value.get("views")
        if field == "read":
            each = [v.name for v in views if isinstance(v, Form)] if isinstance(views, tuple) else [value.name]
            said.append("reads " + ", ".join("h" if name == "raw_stream" else name for name in each))
        else:
            said.append(f"sees {value.name}" if field == "sees" else f"{field} {phrase(_short(value))}")
    when = fields.get("when")
    return [*said, f"at {'evaluation' if when == 'eval' else 'training'} alone"] if when in ("train", "eval") else said


def _short(value: Form) -> Form:
    """A form without the words that go without saying: `capacity 1.25`, not `capacity 1.25 pass position`."""
    usual = {"overflow": "pass", "order": "position", "per": "sequence"}
    return Form(value.name, tuple((k, v) for k, v in value.args if usual.get(k) != v))


def paths(number: int | str) -> str:
    """An exact count of paths, in full where it is short, else `6.4 × 10¹³`."""
    digits = str(number)
    if len(digits) <= 9:
        return f"{int(digits):,}"
    exponent = str(len(digits) - 1).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{digits[0]}.{digits[1]} × 10{exponent}"
