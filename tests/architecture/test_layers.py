from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINT = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"


def test_imports_go_down_only_and_the_front_end_knows_no_torch():
    run = subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False,
        env=os.environ | {"COLUMNS": "160"},
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-3000:]
    assert "2 kept, 0 broken" in run.stdout


def test_a_plugin_folder_holds_plugins_only():
    """Listing the folder is the registry, so nothing else may lie there."""
    from dnac import catalogue

    for folder, constant in catalogue.CATALOGUES.values():
        for path in sorted((ROOT / "dnac" / folder).glob("*.py")):
            if not path.stem.startswith("_"):
                assert f"\n{constant} = " in path.read_text() or f"\n{constant}: " in path.read_text(), path
