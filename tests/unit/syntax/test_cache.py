"""What is kept between runs is read only from a place that nobody else can write to."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from dnac.syntax.cache import private_file

pytestmark = pytest.mark.skipif(not hasattr(os, "getuid"), reason="file owners cannot be checked here")


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    return tmp_path


def test_the_folder_is_made_for_this_user_alone(base: Path):
    assert private_file("x") == base / "dnac" / "x"
    assert (base / "dnac").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o702, 0o720, 0o777])
def test_a_folder_that_others_can_write_to_is_not_used(base: Path, mode: int):
    (base / "dnac").mkdir()
    (base / "dnac").chmod(mode)
    assert private_file("x") is None


@pytest.mark.parametrize("mode", [0o602, 0o620, 0o666])
def test_a_file_that_others_can_write_to_is_not_used(base: Path, mode: int):
    path = private_file("x")
    assert path is not None
    path.touch()
    assert private_file("x") == path
    path.chmod(mode)
    assert private_file("x") is None


def test_links_are_not_followed(base: Path, tmp_path_factory: pytest.TempPathFactory):
    path = private_file("x")
    assert path is not None
    path.symlink_to(tmp_path_factory.mktemp("else") / "y")
    assert private_file("x") is None
    (base / "dnac" / "x").unlink()
    (base / "dnac").rename(base / "real")
    (base / "dnac").symlink_to(base / "real")
    assert private_file("x") is None


def test_what_another_user_owns_is_not_used(base: Path, monkeypatch: pytest.MonkeyPatch):
    path = private_file("x")
    assert path is not None
    path.touch()
    monkeypatch.setattr(os, "getuid", lambda: path.stat().st_uid + 1)
    assert private_file("x") is None
