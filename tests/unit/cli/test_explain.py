"""`dnac explain`: one page, or the list of all."""

from __future__ import annotations

import json

import pytest

from dnac.cli.main import main
from dnac.text import explain


def test_a_page_is_printed_as_it_stands(capsys: pytest.CaptureFixture[str]):
    assert main(["explain", "dna112"]) == 0
    assert capsys.readouterr().out == explain.page("DNA112")


def test_without_a_code_all_are_listed(capsys: pytest.CaptureFixture[str]):
    assert main(["explain"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(explain.codes())


def test_json_holds_code_and_page(capsys: pytest.CaptureFixture[str]):
    assert main(["explain", "112", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"version": 1, "code": "DNA112", "page": explain.page("DNA112")}


def test_an_unknown_code_is_wrong_use_with_the_nearest_one(capsys: pytest.CaptureFixture[str]):
    assert main(["explain", "DNX112"]) == 2
    assert "did you mean `DNA112`?" in capsys.readouterr().err
