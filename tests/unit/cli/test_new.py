"""`dnac new` writes specs that check, are in canonical form, and can train at once."""

import json
from pathlib import Path

import pytest

from checking import good
from dnac.cli.commands.new import KINDS, TEMPLATES
from dnac.cli.main import main
from dnac.syntax.formatter import format_file
from dnac.syntax.parser import parse
from dnac.text.diagnostic import Bag
from dnac.text.source import Source


def written(path: Path, kind: str, name: str = "tiny") -> str:
    assert main(["new", name, "--kind", kind, "--out", str(path)]) == 0
    return path.read_text(encoding="utf-8")


def test_every_kind_has_its_template_and_no_template_is_without_kind() -> None:
    assert {p.stem for p in TEMPLATES.glob("*.dna")} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_spec_checks_without_a_word(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path / "tiny.dna", kind)
    capsys.readouterr()
    assert main(["check", str(tmp_path / "tiny.dna")]) == 0
    shown = capsys.readouterr()
    assert "tiny: ok" in shown.out and not shown.err


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_spec_is_formatted_to_itself_and_trains_on_embedded_data(kind: str, tmp_path: Path) -> None:
    text = written(tmp_path / "tiny.dna", kind)
    tree = parse(Source("tiny.dna", text), Bag())
    assert tree is not None and format_file(tree) == text
    net = good(text)
    assert net.train is not None
    assert net.train["data"].name in ("stdlib_text", "digits")  # type: ignore[union-attr]
    assert "NAME" not in text and "FILE" not in text


def test_a_new_spec_is_named_as_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "my_net", "--kind", "moe"]) == 0
    assert good((tmp_path / "my_net.dna").read_text(encoding="utf-8")).name == "my_net"


def test_a_file_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.dna").write_text("mine")
    assert main(["new", "a", "--out", str(tmp_path / "a.dna")]) == 2
    assert (tmp_path / "a.dna").read_text() == "mine"
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "2x", "a b", "a.b", "net", "repeat", "none", "\u00fc", "a{", "x" * 200])
def test_what_cannot_name_a_net_is_refused(name: str, tmp_path: Path) -> None:
    assert main(["new", name, "--out", str(tmp_path / "a.dna")]) == 2
    assert not (tmp_path / "a.dna").exists()


def test_json_and_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "a", "--out", str(tmp_path / "a.dna"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "dna-text"
    assert main(["new", "a", "--kind", "dense", "--out", "-"]) == 0
    assert good(capsys.readouterr().out).name == "a"
