"""What candidates cost on one device, measured once and kept: a JSON file for each device.

The file lies in the user's private cache folder, or in the folder that `DNAC_COSTS` names. It is
written whole by one rename. A file that is damaged, or was made on another device, is ignored with
one note: the choice then falls back to the rule, and says so.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, cast

from dnac.schedule import errors
from dnac.schedule.device import DeviceFacts, find
from dnac.syntax.cache import private_file
from dnac.text.diagnostic import Diagnostic

VERSION = 1
LARGEST = 16 * 2**20
"""Bytes of a file that is read at all."""


class Key(NamedTuple):
    """What was measured: `attention`, `flex`, `sequences=32 tokens=1024 ...`, `bfloat16`."""

    group: str
    candidate: str
    shape: str
    dtype: str


class Cost(NamedTuple):
    """Milliseconds of one run, medians; `when` in UTC, `torch` the version that ran it."""

    forward_ms: float
    training_ms: float
    """Forward and backward."""
    when: str = ""
    torch: str = ""


@dataclass
class CostTable:
    """All measurements of one device."""

    device: DeviceFacts
    entries: dict[Key, Cost] = field(default_factory=dict[Key, Cost])

    def find(self, group: str, candidate: str, shape: str, dtype: str) -> Cost | None:
        """A measurement, or None."""
        return self.entries.get(Key(group, candidate, shape, dtype))

    def save(self) -> Path | None:
        """Publish the table by one rename; None where there is no safe folder.

        Raises:
            OSError: the folder cannot be written.
        """
        path = place(self.device.name)
        if path is None:
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [{**key._asdict(), **cost._asdict()} for key, cost in sorted(self.entries.items())]
        whole = {"version": VERSION, "device": asdict(self.device), "entries": rows}
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as draft:
            try:
                json.dump(whole, draft, indent=1)
                draft.flush()
                os.fsync(draft.fileno())
                Path(draft.name).replace(path)
            except BaseException:
                Path(draft.name).unlink(missing_ok=True)
                raise
        return path


def place(name: str) -> Path | None:
    """Where the table of a device lies, whether it is there or not; None where there is no safe folder."""
    file = f"costs-{name}.json"
    named = os.environ.get("DNAC_COSTS", "")
    return Path(named) / file if named else private_file(file)


def load(device: DeviceFacts) -> tuple[CostTable, Diagnostic | None]:
    """The table of a device, empty if there is none; a note where a file was there and cannot be used."""
    path, empty = place(device.name), CostTable(device)
    if path is None or not path.is_file():
        return empty, None
    try:
        found = _read(path)
    except (OSError, ValueError, KeyError, TypeError) as wrong:
        return empty, errors.table_ignored(path, f"it is damaged ({_one_line(wrong)})")
    if found is None:
        return empty, errors.table_ignored(path, "another version of dnac wrote it")
    if not _is_of(found.device, device):
        return empty, errors.table_ignored(path, f"it was measured on {found.device.model or found.device.name}")
    known = replace(found.device, **{k: v for k, v in _given(device).items() if v})
    return CostTable(replace(known, ceiling=found.device.ceiling), found.entries), None


def target(name: str | None) -> tuple[CostTable, Diagnostic | None] | None:
    """The table of the device that `--device` names, or None where there is no such device.

    Without a name: the device whose table was written last, else this machine's processor. `cuda`
    is the GPU whose table was written last, else one of which nothing is known.
    """
    made = tuple(_tables())
    if name is None:
        name = made[0].name if made else "cpu"
    if name.partition(":")[0] == "cuda":
        name = next((device.name for device in made if device.kind == "cuda"), "cuda")
    device = find(name) or next((device for device in made if device.name == name), None)
    return None if device is None else load(device)


def _tables() -> Iterator[DeviceFacts]:
    """Devices of all tables that can be read, the one written last first."""
    path = place("any")
    if path is None or not path.parent.is_dir():
        return
    for table in sorted(path.parent.glob("costs-*.json"), key=_age):
        try:
            found = _read(table)
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if found is not None and found.device.name == table.stem.removeprefix("costs-"):
            yield found.device


def _age(path: Path) -> float:
    return -path.stat().st_mtime


def _given(device: DeviceFacts) -> dict[str, Any]:
    return {
        "capability": device.capability,
        "memory": device.memory,
        "peak": device.peak,
        "bandwidth": device.bandwidth,
    }


def _is_of(made: DeviceFacts, device: DeviceFacts) -> bool:
    """Whether a table is this device's; facts without a model are those of a device that is not here."""
    same = (made.kind, made.name) == (device.kind, device.name)
    return same and (not device.model or made.model == device.model)


def _read(path: Path) -> CostTable | None:
    """The table in a file, or None if it is of another version.

    Raises:
        ValueError, KeyError, TypeError: it is no table.
    """
    if path.stat().st_size > LARGEST:
        raise ValueError("it is too large")
    whole = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(whole, dict):
        raise TypeError("it holds no object")
    table = cast("dict[str, Any]", whole)
    if table["version"] != VERSION:
        return None
    entries = [_entry(row) for row in table["entries"]]
    return CostTable(_device(table["device"]), dict(entries))


def _device(made: Mapping[str, Any]) -> DeviceFacts:
    major_minor = made["capability"]
    capability = None if major_minor is None else (int(major_minor[0]), int(major_minor[1]))
    numbers = {name: {str(k): _positive(v) for k, v in made[name].items()} for name in ("peak", "ceiling")}
    return DeviceFacts(
        kind=_word(made["kind"]),
        name=_word(made["name"]),
        model=str(made["model"]),
        capability=capability,
        memory=None if made["memory"] is None else int(made["memory"]),
        bandwidth=None if made["bandwidth"] is None else _positive(made["bandwidth"]),
        **numbers,
    )


def _entry(row: Mapping[str, Any]) -> tuple[Key, Cost]:
    key = Key(*(_word(row[name]) for name in Key._fields))
    return key, Cost(_time(row["forward_ms"]), _time(row["training_ms"]), str(row["when"]), str(row["torch"]))


def _word(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError("a name is no text")
    return value


def _time(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise ValueError("a time is no number")
    return float(value)


def _positive(value: object) -> float:
    found = _time(value)
    if not found:
        raise ValueError("a rate is 0")
    return found


def _one_line(wrong: Exception) -> str:
    return str(wrong).splitlines()[0][:120] if str(wrong) else type(wrong).__name__
