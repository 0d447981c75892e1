"""A folder that keeps what the compiler made, so that a later process starts without compiling.

torch's own cache artefacts hold its generated sources alone, and a CPU program would be built again
from them. So the whole of the compiler's cache stays in the folder: generated code and built libraries.
Like any program, a folder is to be used only by those who trust its maker.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from dnac.ir.graph import Graph
from dnac.ir.printer import print_graph

CACHE, REPORT = "cache", "compiled.json"
_VARIABLE = "TORCHINDUCTOR_CACHE_DIR"


def keep_in(folder: Path) -> None:
    """From now on, what is compiled is kept in `folder`."""
    os.environ[_VARIABLE] = str((folder / CACHE).resolve())


def start_from(folder: Path, graph: Graph) -> str:
    """Use what `dnac compile -o folder` left. Returns why it cannot be used, or an empty text.

    A folder made for another net, torch or processor is no use, and does no harm: then the net is
    compiled anew, elsewhere.
    """
    try:
        made = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return f"{folder} is no folder that `dnac compile -o` wrote"
    now = {"graph": fingerprint(graph), **machine()}
    other = [name for name in now if made.get(name) != now[name]]
    if other:
        return f"{folder} was compiled for another {' and '.join(other)}"
    keep_in(folder)
    return ""


def made_by(folder: Path) -> tuple[str | None, bool | None]:
    """How a folder that `start_from` took was compiled: `whole` or by `steps`, and whether for CUDA graphs."""
    report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    return report.get("by"), report.get("cuda_graphs")


def write_report(folder: Path, graph: Graph, report: Mapping[str, Any]) -> None:
    """Publish the report, which says for what the folder is good; last, and whole."""
    whole = {"version": 1, "graph": fingerprint(graph), **machine(), **report}
    partial = folder / f".{REPORT}.partial"
    partial.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    partial.replace(folder / REPORT)


def fingerprint(graph: Graph) -> str:
    """SHA-256 of the printed graph."""
    return sha256(print_graph(graph).encode()).hexdigest()


def machine() -> dict[str, str]:
    """What built code depends on."""
    return {"torch": torch.__version__, "processor": f"{platform.system()} {platform.machine()}"}
