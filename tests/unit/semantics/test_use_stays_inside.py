"""`use` reads nothing outside of the folder of the main file, whatever the path looks like."""

import os
import sys
from pathlib import Path

import pytest

from checking import checked, net
from dnac.text.limits import MOST_DEPTH

SECRET = "dna 1\ndef module block() { mlp(gelu, 2x) }\n"
OPENED: list[str] = []
WATCHING = [False]


def watch(event: str, args: tuple[object, ...]) -> None:
    if WATCHING[0] and event == "open" and isinstance(args[0], str):
        OPENED.append(os.path.realpath(args[0]))


sys.addaudithook(watch)


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
