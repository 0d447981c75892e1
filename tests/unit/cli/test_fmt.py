"""`dnac fmt`: what it writes, what it leaves alone, and its exit codes."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from dnac.cli.main import main

UNTIDY, TIDY = "dna 1\nparam a=1 # one\n", "dna 1\nparam a = 1  # one\n"


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "a.dna"
    path.write_text(UNTIDY, encoding="utf-8")
    return path


def test_a_file_is_written_in_place_and_then_left_alone(spec: Path, capsys: pytest.CaptureFixture[str]):
    spec.chmod(0o640)
    assert main(["fmt", str(spec)]) == 0
    assert spec.read_text(encoding="utf-8") == TIDY
    assert spec.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in spec.parent.iterdir()] == ["a.dna"]
    assert capsys.readouterr().err == f"{spec}: formatted\n"
    stamp = spec.stat().st_mtime_ns
    assert main(["fmt", str(spec)]) == 0
    assert spec.stat().st_mtime_ns == stamp
    assert capsys.readouterr() == ("", "")


def test_check_writes_nothing_and_exits_1(spec: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["fmt", "--check", str(spec)]) == 1
    assert spec.read_text(encoding="utf-8") == UNTIDY
    assert capsys.readouterr().err == f"{spec}: not in canonical form\n"
    spec.write_text(TIDY, encoding="utf-8")
    assert main(["fmt", "--check", str(spec)]) == 0


def test_diff_prints_what_would_change(spec: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["fmt", "--diff", str(spec)]) == 0
    assert spec.read_text(encoding="utf-8") == UNTIDY
    assert "-param a=1 # one\n+param a = 1  # one\n" in capsys.readouterr().out


def test_line_ends_and_a_byte_order_mark_count_as_changes(spec: Path):
    spec.write_bytes(b"\xef\xbb\xbf" + TIDY.replace("\n", "\r\n").encode())
    assert main(["fmt", "--check", str(spec)]) == 1
    assert main(["fmt", str(spec)]) == 0
    assert spec.read_bytes() == TIDY.encode()


def test_a_dash_reads_stdin_and_writes_stdout(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(UNTIDY.encode())))
    assert main(["fmt", "-"]) == 0
    assert capsys.readouterr().out == TIDY


def test_a_file_with_faults_is_left_alone_and_the_others_are_formatted(spec: Path, capsys: pytest.CaptureFixture[str]):
    broken = spec.parent / "b.dna"
    broken.write_text("dna 1\nparam a 1\n", encoding="utf-8")
    assert main(["fmt", str(broken), str(spec), str(spec.parent / "none.dna")]) == 1
    assert broken.read_text(encoding="utf-8") == "dna 1\nparam a 1\n"
    assert spec.read_text(encoding="utf-8") == TIDY
    error = capsys.readouterr().err
    assert "error[DNA114]" in error
    assert "error[DNA001]" in error


def test_json_lists_the_files(spec: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["fmt", "--check", "--json", str(spec)]) == 1
    listed = json.loads(capsys.readouterr().out)
    assert listed == {"version": 1, "ok": False, "files": [{"path": str(spec), "changed": True}]}


def test_a_dash_among_files_is_wrong_use(spec: Path):
    assert main(["fmt", "-", str(spec)]) == 2


def test_a_link_stays_a_link(spec: Path):
    link = spec.parent / "link.dna"
    link.symlink_to(spec)
    assert main(["fmt", str(link)]) == 0
    assert link.is_symlink()
    assert spec.read_text(encoding="utf-8") == TIDY
