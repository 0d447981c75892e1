"""`dnac limits` prints every budget of the language."""

import json

import pytest

import golden
from dnac.cli.main import main
from dnac.text.explain import codes


def test_the_budgets_are_the_golden_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["limits"]) == 0
    golden.check("cli/limits.txt", capsys.readouterr().out)


def test_the_json_names_each_budget_with_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["limits", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["limits"]}
    assert rows["params"]["value"] == 10**12
    assert {row["code"] for row in rows.values()} <= set(codes())
