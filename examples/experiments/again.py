"""What a second run of the experiments says differently: `python examples/experiments/again.py runs`.

RUNS holds what `all.py` wrote, whole or in part. Of each experiment the runs that both have are compared, figure by
figure; then the claims, over the same arms and seeds, and those are shown whose verdict is another.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from series import Series

HERE = Path(__file__).resolve().parent
Results = dict[tuple[str, int], dict[str, Any]]
"""Result files by arm and seed."""
LITTLE = 1e-3
NORMS = "_norms"


def main(argv: Sequence[str]) -> int:
    """Both tables."""
    pairs = [
        (name, *pair) for name in sorted(p.name for p in Path(argv[0]).iterdir()) for pair in both(Path(argv[0]), name)
    ]
    print("| experiment | runs in both | every figure equal | within 0.001 | further apart | other |")
    print("|---|---|---|---|---|---|")
    for name, new, kept in pairs:
        print(f"| {name} | {' | '.join(map(str, counted(new, kept)))} | {', '.join(other(new, kept))} |")
    print()
    print("| experiment | claim | kept | now |")
    print("|---|---|---|---|")
    for name, new, kept in pairs:
        for claim, *cells in changed(series_of(name), new, kept):
            print(f"| {name} | {claim} | {' | '.join(cells)} |")
    return 0


def both(runs: Path, name: str) -> Iterator[tuple[Results, Results]]:
    """The runs that RUNS and the repository have, both in the same order."""
    home, suffix = HERE / name.removesuffix(NORMS), NORMS if name.endswith(NORMS) else ""
    new, kept = read(runs / name / "results"), read(home / f"results{suffix}")
    shared = sorted(new.keys() & kept.keys())
    if shared:
        yield {key: new[key] for key in shared}, {key: kept[key] for key in shared}


def read(folder: Path) -> Results:
    """What a folder holds."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    return {(result["arm"], result["seed"]): result for result in found}


def counted(new: Results, kept: Results) -> tuple[int, int, int, int]:
    """How many runs there are; of how many all figures are equal, nearly equal, further apart."""
    gaps = [apart(new[key]["figures"], kept[key]["figures"]) for key in new]
    equal, near = (sum(gap <= most for gap in gaps) for most in (0.0, LITTLE))
    return len(gaps), equal, near - equal, len(gaps) - near


def apart(new: Any, kept: Any) -> float:
    """The largest difference of two figures that both have."""
    if isinstance(new, Mapping) and isinstance(kept, Mapping):
        return max((apart(new[key], kept[key]) for key in new.keys() & kept.keys()), default=0.0)
    if isinstance(new, list) and isinstance(kept, list):
        return max((apart(a, b) for a, b in zip(new, kept, strict=False)), default=0.0)
    if isinstance(new, int | float) and isinstance(kept, int | float):
        return 0.0 if new == kept or (new != new and kept != kept) else abs(new - kept)
    return 0.0


def other(new: Results, kept: Results) -> list[str]:
    """What else differs: the text that was read, the spec, the version of torch."""
    named = {"data_sha256": "data", "spec_sha256": "spec", "torch": "torch"}
    pairs = [(new[key], kept[key]) for key in new]
    return [word for key, word in named.items() if any(a.get(key) != b.get(key) for a, b in pairs)]


def changed(series: Series, new: Results, kept: Results) -> Iterator[tuple[str, str, str]]:
    """Claims with another verdict: what was kept, what is now."""
    now, before = (claims_in(series.text([*results.values()])) for results in (new, kept))
    for claim in (claim for claim in now if claim in before):
        if now[claim][1] != before[claim][1]:
            yield claim, "; ".join(before[claim]), "; ".join(now[claim])


def claims_in(text: str) -> dict[str, tuple[str, str]]:
    """From a series' table: the difference over seeds and the verdict of each claim."""
    # other lines stay as rows of one empty cell: they end a table
    lines = [line[1:-1] if line.startswith("|") else "" for line in text.splitlines()]
    rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    heads = [n for n, row in enumerate(rows) if row[0] == "claim"]
    found = {}
    for head in heads:
        over, verdict = (next(i for i, cell in enumerate(rows[head]) if word in cell) for word in ("over", "verdict"))
        for row in rows[head + 2 :]:
            if len(row) != len(rows[head]):
                break
            found[row[0]] = row[over], row[verdict]
    return found


def series_of(name: str) -> Series:
    """Of an experiment's script."""
    path = HERE / name.removesuffix(NORMS) / "run.py"
    spec = importlib.util.spec_from_file_location(f"again_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.SERIES


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
