"""Every file of a catalogue is a word: its constant has the file's name and obeys the catalogue's protocol."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dnac import catalogue
from dnac.kinds.base import Kind

PAIRS = [(c, n) for c in catalogue.CATALOGUES for n in catalogue.names(c)]
NEEDS_TORCH = {"lowering", "baseline"}


@pytest.mark.parametrize(("kind", "name"), [p for p in PAIRS if p[0] not in NEEDS_TORCH])
def test_the_constant_has_the_files_name(kind: str, name: str):
    entry = catalogue.get(kind, name)
    assert entry.name == name
    if kind in ("command", "view", "rewrite"):
        return
    assert isinstance(entry, Kind)
    assert entry.summary
    assert all(field.islower() for field in entry.Params.model_fields)


def test_planned_words_are_not_built():
    from dnac.kinds.planned import PLANNED

    built = [pair for pair in PLANNED if pair in PAIRS]
    assert not built
    assert all(sentence and not sentence.endswith(".") for sentence in PLANNED.values())


def test_commands_say_what_they_do_in_one_line():
    for name in catalogue.names("command"):
        help = catalogue.get("command", name).help
        assert help
        assert "\n" not in help
        assert not help.endswith(".")
        assert help[0].islower() or help.split()[0].isupper()


def test_a_folder_given_twice_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(catalogue, "_extra", [])
    (tmp_path / "module").mkdir()
    (tmp_path / "module" / "mine.py").write_text("KIND = 1\n")
    catalogue.add_folder(tmp_path)
    catalogue.add_folder(tmp_path)
    assert catalogue.names("module").count("mine") == 1
    assert catalogue.get("module", "mine") == 1
    sys.modules.pop("dnac_user_module_mine")


def test_a_folder_may_not_take_a_built_in_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(catalogue, "_extra", [])
    (tmp_path / "module").mkdir()
    (tmp_path / "module" / "mlp.py").write_text("KIND = 1\n")
    with pytest.raises(ValueError, match="the module `mlp` exists already"):
        catalogue.add_folder(tmp_path)
