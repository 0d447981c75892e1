"""`docs/cli.md` lists all commands, in their own words, and all keys of `dnac check --json`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from dnac import catalogue
from dnac.cli.main import main

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `dnac (\w+)[^|]*\| ([^|]+) \|", PAGE, re.MULTILINE))


def test_the_table_lists_every_command_in_its_own_words():
    commands = {name: catalogue.get("command", name).help for name in catalogue.names("command")}
    assert set(ROWS) == set(commands)
    assert not {name: text for name, text in ROWS.items() if not text.startswith(commands[name])}


def test_every_key_of_check_stands_on_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    bad = tmp_path / "bad.dna"
    bad.write_text("dna 1\nnet a { }\n")
    assert main(["check", "--json", str(bad), str(ROOT / "specs" / "dna_tiny_text.dna")]) == 1
    missing = {key for key in keys(json.loads(capsys.readouterr().out)) if f"`{key}" not in written()}
    assert not missing


def written() -> str:
    """The page with every dotted path split into its words."""
    return re.sub(r"(\[\])?\.", " `", PAGE)


def keys(value: object) -> set[str]:
    """All keys of a JSON value, at any depth."""
    if isinstance(value, dict):
        return set(value) | {key for inner in value.values() for key in keys(inner)}
    return {key for inner in value for key in keys(inner)} if isinstance(value, list) else set()
