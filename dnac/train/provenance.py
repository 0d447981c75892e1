"""Where a run came from: versions, machine, commit, command."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy
import safetensors
import torch

from dnac import __version__


def provenance(root: Path, command: Sequence[str]) -> dict[str, Any]:
    """Facts about this process, for `resolved.json`."""
    return {
        "versions": {
            "dnac": __version__,
            "torch": torch.__version__,
            "numpy": numpy.__version__,
            "safetensors": safetensors.__version__,
            "python": platform.python_version(),
        },
        "machine": {"system": platform.platform(), "threads": torch.get_num_threads()},
        "commit": _commit(root),
        "command": list(command),
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _commit(root: Path) -> str | None:
    """The git commit of the folder that holds the spec; None outside git."""
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
