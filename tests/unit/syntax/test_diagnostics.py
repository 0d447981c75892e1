"""What a user sees for each broken file: source and message are reviewed together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import golden
from dnac.syntax import errors as syntax_errors
from dnac.syntax.parser import parse
from dnac.text import errors as text_errors
from dnac.text import files
from dnac.text.diagnostic import Bag, Diagnostic, Faults
from dnac.text.limits import LARGEST_FILE, MOST_ITEMS, MOST_WORDS
from dnac.text.render import render_all

FOLDER = golden.FOLDER / "diagnostics"
CASES = sorted(path.stem for path in FOLDER.glob("DNA[01]*.dna"))


def seen(path: str) -> Bag:
    bag = Bag()
    try:
        parse(files.read_source(path), bag)
    except Faults as faults:
        return faults.bag
    return bag


@pytest.mark.parametrize("case", CASES)
def test_a_broken_file_is_answered_as_in_its_golden(case: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(FOLDER)
    bag = seen(f"{case}.dna")
    assert case[:6] in [d.code for d in bag]
    golden.check(f"diagnostics/{case}.txt", render_all(bag) + "\n")


def test_a_missing_file_a_folder_and_a_huge_file_are_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("folder.dna").mkdir()
    Path("huge.dna").write_text("dna 1\n" + "#" * LARGEST_FILE, encoding="utf-8")
    shown = [render_all(seen(path)) for path in ("none.dna", "folder.dna", "a\0b.dna")]
    golden.check("diagnostics/DNA001_cannot_read.txt", "\n\n".join(shown) + "\n")
    golden.check("diagnostics/DNA006_too_large.txt", render_all(seen("huge.dna")) + "\n")
    Path("long.dna").write_text("dna 1\n" + "param a = 1\n" * (MOST_ITEMS + 1), encoding="utf-8")
    Path("wide.dna").write_text("dna 1\nparam a = [" + "1, " * MOST_WORDS + "1]\n", encoding="utf-8")
    golden.check("diagnostics/DNA006_too_much.txt", render_all([*seen("long.dna"), *seen("wide.dna")]) + "\n")


def test_messages_keep_the_house_style():
    for case in CASES:
        for d in seen(str(FOLDER / f"{case}.dna")):
            assert not d.message.endswith("."), d
            assert d.message[0].islower() or d.message[0] == "`", d
            assert not any(
                word in d.message.lower().replace("unexpected", "")
                for word in ("lexeme", "expected", "parse", "none ", "rule")
            ), d
            assert d.help, d


def test_every_constructor_is_reached_by_a_golden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    reached: set[str] = set()

    def watch(module: ModuleType, name: str) -> None:
        made: Callable[..., Diagnostic] = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, **named: (reached.add(name), made(*args, **named))[1])

    public = {
        (module, name)
        for module in (syntax_errors, text_errors)
        for name, value in vars(module).items()
        if callable(value) and not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
    }
    for module, name in public:
        watch(module, name)
    huge = tmp_path / "huge.dna"
    huge.write_bytes(b"#" * (LARGEST_FILE + 1))
    long = tmp_path / "long.dna"
    long.write_text("dna 1\n" + "param a = 1\n" * (MOST_ITEMS + 1))
    for path in [*(str(FOLDER / f"{case}.dna") for case in CASES), str(tmp_path / "none"), str(huge), str(long)]:
        seen(path)
    assert sorted({name for _, name in public} - reached) == []
