"""A corpus of faulty files: each is rejected with the right code, line and column, and with help that helps.

`tests/faulty/CODE_what.dna` ends in lines that say what must be found: `# expect CODE LINE:COLUMN`,
`# --set NAME=VALUE` for a setting of the command line (whose faults stand at `--set:1:COLUMN`), and `# help WORDS`
that the first help holds. Among them are the mistakes that other tools for networks were given: a misspelt argument, a
misspelt kind or word, a name that is not there, sizes that do not fit, a value out of range, punctuation and counts.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from dnac.driver import check
from dnac.syntax.parser import parse_setting
from dnac.text.diagnostic import Diagnostic
from dnac.text.files import read_source
from dnac.text.render import render

FOLDER = Path(__file__).parents[2] / "faulty"
FILES = sorted(FOLDER.glob("*.dna"))
MOST_OF_ONE_CODE = 4
"""More files of one code would only look like breadth."""


def said(path: Path, word: str) -> list[str]:
    """What the comments of a file say."""
    return re.findall(rf"^# {word} (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)


def found(path: Path) -> list[Diagnostic]:
    settings = [parse_setting(text) for text in said(path, "--set")]
    return [d for d in check(read_source(path), settings).bag if d.severity != "note"]


def shown(fault: Diagnostic, path: Path) -> str:
    assert fault.span is not None
    where = "" if fault.span.source.path == str(path) else f"{fault.span.source.path}:"
    return f"{fault.code} {where}{fault.span.line}:{fault.span.column}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_it_is_found_at_its_place(path: Path) -> None:
    faults = found(path)
    assert sorted(shown(fault, path) for fault in faults) == sorted(said(path, "expect"))
    wanted = "warning" if "warned" in path.stem else "error"
    assert {fault.severity for fault in faults} == {wanted}
    for help_ in said(path, "help"):
        assert help_ in faults[0].help
    for fault in faults:
        text = render(fault, colour=False)
        assert fault.help and "^" in text and f":{fault.span.line}:{fault.span.column}" in text  # type: ignore[union-attr]


def test_the_corpus_is_broad_and_has_no_code_too_often() -> None:
    codes = Counter(path.stem.split("_")[0] for path in FILES)
    del codes["several"]
    assert {code: count for code, count in codes.items() if count > MOST_OF_ONE_CODE} == {}
    assert len(codes) > 55 and len(FILES) > 120
    expected = [said(path, "expect")[0].split()[0] for path in FILES if not path.stem.startswith("several")]
    assert expected == [path.stem.split("_")[0] for path in FILES if not path.stem.startswith("several")]


def test_faults_that_only_a_setting_brings_are_in_the_corpus() -> None:
    assert sum(bool(said(path, "--set")) for path in FILES) >= 8
    assert sum(" with {" in path.read_text(encoding="utf-8") for path in FILES) >= 4
    assert sum(len(said(path, "expect")) > 1 for path in FILES) >= 4
