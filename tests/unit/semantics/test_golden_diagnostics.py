"""What a user sees for each fault: `golden/diagnostics/CODE_condition.dna` and `.txt`, reviewed together.

Lines `# --set a=b` at the top of a case are settings of the command line. `make goldens` writes the texts.
"""

import importlib
import inspect
import re

import pytest

import golden
from checking import checked
from dnac.text.render import render_all

FOLDER = golden.FOLDER / "diagnostics"
OURS = re.compile(r"DNA([2-5]\d\d|60\d|901)_|check_")
CASES = sorted(p.stem for p in FOLDER.glob("*.dna") if OURS.match(p.stem))
MODULES = [
    importlib.import_module(f"dnac.semantics.errors_{m}")
    for m in ("names", "values", "shapes", "candidates", "routing", "verdicts", "train", "starts", "budgets")
]


def shown(case: str) -> str:
    path = FOLDER / f"{case}.dna"
    text = path.read_text(encoding="utf-8")
    settings = re.findall(r"^# --set (.*)$", text, re.MULTILINE)
    result = checked(text, *settings, path=path)
    return render_all(result.bag).replace(f"{FOLDER}/", "") + f"\n\nexit code {int(result.bag.has_errors)}\n"


@pytest.mark.parametrize("case", CASES)
def test_the_user_sees(case: str) -> None:
    text = shown(case)
    golden.check(f"diagnostics/{case}.txt", text)
    assert case.split("_")[0] in text or not case.startswith("DNA")


def test_every_constructor_of_a_fault_is_seen_in_a_golden(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, wanted = set[str](), set[str]()
    for module in MODULES:
        for name, make in inspect.getmembers(module, inspect.isfunction):
            if make.__module__ != module.__name__ or name in ("did_you_mean", "listed"):
                continue
            key = f"{module.__name__}.{name}"
            wanted.add(key)

            def noting(*args: object, _make: object = make, _key: str = key, **named: object) -> object:
                seen.add(_key)
                return _make(*args, **named)  # type: ignore[operator]

            monkeypatch.setattr(module, name, noting)
    for case in CASES:
        shown(case)
    assert sorted(wanted - seen) == []


def test_no_golden_text_is_without_its_case() -> None:
    texts = [p for p in FOLDER.glob("*.txt") if OURS.match(p.stem)]
    assert [p.name for p in texts if not p.with_suffix(".dna").exists()] == []


def test_the_folder_holds_cases() -> None:
    assert len(CASES) > 90 and (FOLDER / "files" / "ring.dna").exists()
