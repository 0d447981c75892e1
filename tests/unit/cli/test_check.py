"""`dnac check`: text, JSON and exit codes."""

import json
from pathlib import Path

import pytest

from checking import POOL, ROUTER, image_net, net
from dnac.cli.main import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.dna").write_text(net(POOL + f"hop: route nodes by {{ {ROUTER} }}\nassert params < 1M"))
    (tmp_path / "image.dna").write_text(image_net("transformer(heads = 2)"))
    (tmp_path / "bad.dna").write_text(net("mlpp(gelu)\nattention(heads = 3)"))
    return tmp_path


def test_a_good_file_gets_a_line_with_its_verdicts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "good.dna"]) == 0
    out, err = capsys.readouterr()
    assert out == "good.dna:n: ok, causal, rows independent\n" and err == ""


def test_faults_go_to_stderr_and_the_exit_code_is_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "good.dna", "bad.dna"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("good.dna:n: ok") and "bad.dna" not in out
    assert "error[DNA202]" in err and "error[DNA401]" in err and err.endswith("bad.dna: 2 errors\n")


def test_json_is_as_documented(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--format", "json", "good.dna", "image.dna", "bad.dna"]) == 1
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert err == "" and found["version"] == 1
    assert [(f["path"], f["ok"]) for f in found["files"]] == [
        ("good.dna", True),
        ("image.dna", True),
        ("bad.dna", False),
    ]
    (text,), (image,) = found["files"][0]["nets"], found["files"][1]["nets"]
    assert (text["name"], text["causal"], text["row_independent"]) == ("n", True, True)
    assert set(text["programs"]) == {"train", "generate"}
    assert image["causal"] is None
    first, second = found["files"][2]["diagnostics"]
    assert first == {
        "code": "DNA202", "severity": "error", "message": "unknown module kind `mlpp`", "file": "bad.dna", "line": 5,
        "column": 1, "end_line": 5, "end_column": 5, "help": "did you mean `mlp`?",
    }  # fmt: skip
    assert (second["code"], second["line"], second["column"], second["end_column"]) == ("DNA401", 6, 19, 20)


def test_a_missing_file_is_a_fault_in_json_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", "none.dna"]) == 1
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert (file["ok"], file["nets"], len(file["diagnostics"])) == (False, [], 1)


def test_an_assert_on_costs_is_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "big.dna").write_text(net("mlp(gelu, 1x)\nassert params < 10"))
    assert main(["check", "big.dna"]) == 1
    assert "DNA319" in capsys.readouterr().err


def test_settings_and_a_net_can_be_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "good.dna:n", "--set", "hop.choose=top(2)"]) == 0
    assert main(["check", "good.dna", "--set", "hop.choose=top(9)"]) == 1
    assert main(["check", "good.dna:m"]) == 1
    assert main(["check"]) == 2
    capsys.readouterr()


def test_warnings_are_shown_and_are_no_faults(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = net(POOL + "hop: route nodes by { choose = fixed(0); weight = raw; balance = [] }")
    (folder / "warned.dna").write_text(text)
    assert main(["check", "warned.dna"]) == 0
    out, err = capsys.readouterr()
    assert "warning[DNA509]" in err and out.startswith("warned.dna:n: ok")
