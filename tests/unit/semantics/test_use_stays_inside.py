"""`use` reads nothing outside of the folder of the main file, whatever the path looks like."""

import os
import sys
from pathlib import Path

import pytest

from checking import checked, net
from dnac.semantics import files
from dnac.text.limits import MOST_DEPTH

SECRET = "dna 1\ndef module block() { mlp(gelu, 2x) }\n"
OPENED: list[str] = []
WATCHING = [False]


def watch(event: str, args: tuple[object, ...]) -> None:
    if WATCHING[0] and event == "open" and isinstance(args[0], str):
        OPENED.append(os.path.realpath(args[0]))


sys.addaudithook(watch)


@pytest.fixture(autouse=True)
def what_is_opened_step_by_step_is_seen_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hook hears the last part of a path alone where the folder is open already."""
    real = os.fdopen

    def opened(descriptor: int, *args: str) -> object:
        if WATCHING[0]:
            OPENED.append(os.path.realpath(f"/proc/self/fd/{descriptor}"))
        return real(descriptor, *args)

    monkeypatch.setattr(os, "fdopen", opened)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with links of all sorts that lead to a folder beside it."""
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    (outside / "deep").mkdir(parents=True)
    (inside / "sub").mkdir(parents=True)
    for folder in (outside, outside / "deep"):
        (folder / "secret.dna").write_text(SECRET)
    (inside / "here.dna").write_text(SECRET)
    (inside / "link.dna").symlink_to(outside / "secret.dna")
    (inside / "relative.dna").symlink_to("../outside/secret.dna")
    (inside / "chain.dna").symlink_to("link.dna")
    (inside / "folder").symlink_to(outside)
    (inside / "sub" / "up").symlink_to("../..")
    (inside / "ring.dna").symlink_to("ring.dna")
    (inside / "gone.dna").symlink_to("nothing.dna")
    (inside / "zero.dna").symlink_to("/dev/zero")
    (inside / "directory.dna").mkdir()
    os.mkfifo(inside / "pipe.dna")
    return inside


PATHS = (
    "../outside/secret.dna", "sub/../../outside/secret.dna", "./../outside/secret.dna", "sub/./../../outside/x.dna",
    "..", "../", ".", "./", "sub/..", "sub/", "/", "//", "/etc/passwd", "//etc/passwd", "/dev/zero",
    "/proc/self/environ", "~/secret.dna", "~root/secret.dna", "$HOME/secret.dna", "${HOME}/secret.dna",
    "%HOME%/secret.dna", "C:/secret.dna",
    "c:secret.dna", "..\\\\outside\\\\secret.dna", "\\\\\\\\server\\\\share\\\\secret.dna", "file:///etc/passwd",
    "http://localhost/secret.dna", "https://example.org/x.dna", "std/../../outside/secret.dna", "std/../../../x.dna",
    "link.dna", "relative.dna", "chain.dna", "folder/secret.dna", "folder/deep/secret.dna", "sub/up/outside/secret.dna",
    "ring.dna", "gone.dna", "zero.dna", "directory.dna", "pipe.dna", "pipe.dna/x.dna", "here.dna/x.dna", "here.dna\\t",
    "here.dna\\n", " here.dna", "HERE.DNA", "here", "*.dna", "[h]ere.dna", "-", "|ls", "`ls`.dna", "$(ls).dna", "",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_nothing_outside_is_read(project: Path, path: str) -> None:
    text = f'dna 1\nuse "{path}" as l\n' + net("l.block()")[6:]
    OPENED.clear()
    WATCHING[0] = True
    try:
        bag = checked(text, path=project / "x.dna").bag
    finally:
        WATCHING[0] = False
    assert [d.code for d in bag if d.severity == "error"], path
    beside = os.path.realpath(project.parent / "outside")
    assert not [name for name in OPENED if name.startswith((beside, "/etc/passwd", "/dev/zero", "/proc/self/environ"))]


def test_the_watch_sees_what_is_read(project: Path) -> None:
    text = 'dna 1\nuse "here.dna" as l\n' + net("l.block()")[6:]
    OPENED.clear()
    WATCHING[0] = True
    try:
        assert not checked(text, path=project / "x.dna").bag.has_errors
    finally:
        WATCHING[0] = False
    assert os.path.realpath(project / "here.dna") in OPENED


def test_a_link_inside_of_the_project_is_followed(project: Path) -> None:
    (project / "near.dna").symlink_to("here.dna")
    text = 'dna 1\nuse "near.dna" as l\n' + net("l.block()")[6:]
    assert not checked(text, path=project / "x.dna").bag.has_errors


def test_a_file_with_a_second_name_is_refused(project: Path) -> None:
    os.link(project.parent / "outside" / "secret.dna", project / "hard.dna")
    OPENED.clear()
    found = checked('dna 1\nuse "hard.dna" as l\n' + net("l.block()")[6:], path=project / "x.dna").bag
    (fault,) = [d for d in found if d.severity == "error"]
    assert fault.code == "DNA211" and "hard link" in fault.label


@pytest.mark.parametrize("swapped", ["the file", "its folder"])
def test_what_is_swapped_for_a_link_after_the_check_is_not_read(
    project: Path, swapped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "sub" / "secret.dna").write_text("dna 1\ndef module block() { mlp(gelu, 8x) }\n")
    look = files._is_file

    def swap(path: Path) -> bool:
        there = look(path)
        if path.name == "secret.dna" and swapped == "the file":
            path.unlink()
            path.symlink_to(project.parent / "outside" / "secret.dna")
        elif path.name == "secret.dna":
            path.parent.rename(project / "moved")
            (project / "sub").symlink_to(project.parent / "outside")
        return there

    monkeypatch.setattr(files, "_is_file", swap)
    text = 'dna 1\nuse "sub/secret.dna" as l\n' + net("l.block()")[6:]
    found = checked(text, path=project / "x.dna").bag
    assert [d.code for d in found if d.severity == "error"] == ["DNA211"]


def test_a_file_in_a_folder_below_is_read(project: Path) -> None:
    (project / "sub" / "deep").mkdir()
    (project / "sub" / "deep" / "b.dna").write_text(SECRET)
    (project / "sub" / "a.dna").write_text('dna 1\nuse "deep/b.dna" as n\ndef module block() { n.block() }\n')
    text = 'dna 1\nuse "sub/a.dna" as l\n' + net("l.block()")[6:]
    assert not checked(text, path=project / "x.dna").bag.has_errors


def test_a_chain_of_files_ends(project: Path) -> None:
    for i in range(MOST_DEPTH + 4):
        (project / f"c{i}.dna").write_text(f'dna 1\nuse "c{i + 1}.dna" as n\ndef module block() {{ n.block() }}\n')
    bag = checked('dna 1\nuse "c0.dna" as l\n' + net("l.block()")[6:], path=project / "x.dna").bag
    assert "DNA213" in {d.code for d in bag}


def test_a_file_that_leaves_its_folder_from_below_is_refused(project: Path) -> None:
    (project / "sub" / "a.dna").write_text(
        'dna 1\nuse "../../outside/secret.dna" as n\ndef module block() { n.block() }\n'
    )
    bag = checked('dna 1\nuse "sub/a.dna" as l\n' + net("l.block()")[6:], path=project / "x.dna").bag
    assert "DNA211" in {d.code for d in bag}
