from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

from dnac import __version__, catalogue
from dnac.cli.base import Command
from dnac.cli.main import main
from dnac.cli.usage import WrongUse
from dnac.text.diagnostic import Bag, Diagnostic, Faults, InternalError
from dnac.text.source import Source, Span

Act = Callable[[Namespace], int]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Act], None]:
    """Makes `dnac probe FILE` run a given function."""

    def install(act: Act) -> None:
        def arguments(parser: ArgumentParser) -> None:
            parser.add_argument("file")

        probe = Command("probe", "a command of the tests", arguments, act)
        monkeypatch.setattr(catalogue, "names", lambda kind: ("probe",))
        monkeypatch.setattr(catalogue, "get", lambda kind, name: probe)

    return install


def fail_with(error: BaseException) -> Act:
    def act(args: Namespace) -> int:
        raise error

    return act


def fault(text: str = "no such module") -> Diagnostic:
    source = Source("net.dna", "dna 1\nnet a { blok }\n")
    return Diagnostic("DNA201", text, Span(source, 14, 18), help="did you mean `block`?")


def test_the_exit_code_of_a_command_is_ours(command: Callable[[Act], None]):
    command(lambda args: 0)
    assert main(["probe", "x.dna"]) == 0
    command(lambda args: 1)
    assert main(["probe", "x.dna"]) == 1


def test_faults_are_rendered_on_stderr_and_exit_1(command: Callable[[Act], None], capsys: pytest.CaptureFixture[str]):
    command(fail_with(Faults(Bag([fault(), fault("unused name")]))))
    assert main(["probe", "x.dna"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "error[DNA201]: no such module" in err
    assert "net.dna:2:9" in err
    assert err.endswith("2 errors\n")


def test_faults_are_json_on_stdout_where_json_was_asked_for(
    command: Callable[[Act], None], capsys: pytest.CaptureFixture[str]
):
    command(fail_with(Faults(fault())))
    assert main(["probe", "x.dna", "--json"]) == 1
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert (answer["version"], answer["ok"]) == (1, False)
    assert answer["diagnostics"][0]["code"] == "DNA201"
    assert err == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["prob"], "did you mean `dnac probe`?"),
        (["zzzzzz"], "`dnac --help` lists all commands"),
        (["--bogus"], "the command comes first"),
        (["probe"], "the following arguments are required: file"),
        (["probe", "x", "--nope"], "unrecognized arguments: --nope"),
        (["probe", "x", "--kinds", "/no/such/folder"], "no such folder"),
        (["probe", "x", "--format", "xml"], "invalid choice"),
    ],
)
def test_wrong_use_exits_2_and_says_what_to_do(
    words: list[str], said: str, command: Callable[[Act], None], capsys: pytest.CaptureFixture[str]
):
    command(lambda args: 0)
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.startswith("error: ")


def test_wrong_use_found_by_a_command_exits_2(command: Callable[[Act], None], capsys: pytest.CaptureFixture[str]):
    command(fail_with(WrongUse("which net?", "say x.dna:a")))
    assert main(["probe", "x.dna"]) == 2
    assert capsys.readouterr().err == "error: which net?\n  = help: say x.dna:a\n"


@pytest.mark.parametrize(
    ("error", "first_line"),
    [
        (InternalError("passes", "a node has no input"), "internal error in passes: "),
        (ZeroDivisionError("division by zero"), "internal error in cli: ZeroDivisionError: division by zero"),
        (FileNotFoundError("no file name known"), "internal error in cli: FileNotFoundError"),
    ],
)
def test_our_own_faults_exit_3_and_leave_a_dump(
    error: Exception, first_line: str, command: Callable[[Act], None], capsys: pytest.CaptureFixture[str]
):
    command(fail_with(error))
    assert main(["probe", "x.dna"]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(first_line)
    dump = Path(lines[-1].removeprefix("  = details: "))
    text = dump.read_text()
    dump.unlink()
    assert "command: dnac probe x.dna" in text
    assert "Traceback" in text


def test_a_path_that_cannot_be_used_is_wrong_use(
    tmp_path: Path, command: Callable[[Act], None], capsys: pytest.CaptureFixture[str]
):
    def act(args: Namespace) -> int:
        (tmp_path / "no" / "folder.txt").write_text("x")
        return 0

    command(act)
    assert main(["probe", "x.dna"]) == 2
    assert "no such file or directory" in capsys.readouterr().err


def test_an_interrupt_exits_130(command: Callable[[Act], None], capsys: pytest.CaptureFixture[str]):
    command(fail_with(KeyboardInterrupt()))
    assert main(["probe", "x.dna"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]):
    assert main([]) == main(["--help"]) == main(["-h"]) == 0
    out = capsys.readouterr().out
    for name in catalogue.names("command"):
        assert f"\n  {name}" in out


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"dnac {__version__}\n"


def test_a_reader_that_leaves_is_no_fault():
    run = subprocess.Popen(
        [sys.executable, "-m", "dnac", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    assert run.stdout is not None
    assert run.stderr is not None
    run.stdout.close()
    assert run.wait() == 141
    assert run.stderr.read() == b""
    run.stderr.close()


def test_colour_is_off_without_a_terminal_and_can_be_asked_for(
    command: Callable[[Act], None], capsys: pytest.CaptureFixture[str]
):
    command(fail_with(Faults(fault())))
    main(["probe", "x.dna"])
    assert "\x1b[" not in capsys.readouterr().err
    main(["probe", "x.dna", "--color", "always"])
    assert "\x1b[" in capsys.readouterr().err


def test_python_m_dnac_is_the_command():
    run = subprocess.run(
        [sys.executable, "-m", "dnac", "--version"], capture_output=True, text=True, cwd=Path(__file__).parents[3],
        env=os.environ, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stdout) == (0, f"dnac {__version__}\n")


def test_a_command_of_other_tools_is_told_by_its_name_here(capsys: pytest.CaptureFixture[str]):
    assert main(["diagram", "net.dna"]) == 2
    assert "did you mean `dnac viz`?" in capsys.readouterr().err
