"""What `dnac eval` prints of routers: skips, ways out, and what a budget spent."""

from __future__ import annotations

from dnac.cli.commands.eval import _one

FOUND = {
    "loss": 1.0, "bits_per_byte": None, "perplexity": None, "accuracy": 0.5, "exact_match": None,
    "as_trained_loss": None, "skip_share": 0.25, "active_flops_per_token": 1234,
    "by_difficulty": [], "depth_follows_difficulty": None, "depth_follows_steps": None,
    "budgets": {"money": {"reached": 0.3026, "target": 0.6, "over": 0.01, "soft": 0.5}},
    "routers": {
        "hop": {"skip_share": 0.25, "exit_share": 0.0, "empty_share": 0.0, "load": [0.5, 0.25, 0.25]},
        "leave": {"skip_share": 0.0, "exit_share": 0.125, "empty_share": 0.875, "load": [0.125]},
        "none": {"skip_share": 0.0, "exit_share": 0.0, "empty_share": 1.0, "load": [0.0]},
        "ways": {"skip_share": 0.125, "exit_share": 0.5, "empty_share": 0.0, "load": [0.375, 0.125, 0.5]},
        "whole": {"skip_share": 0.0, "exit_share": 0.0, "empty_share": 0.0, "load": [1.0]},
    },
}  # fmt: skip


def test_each_router_says_what_its_choices_came_to() -> None:
    lines = [" ".join(line.split()) for line in _one(FOUND).splitlines()]
    assert "budget money 30.26% spent, target 60.00%, 1.00% above it" in lines
    assert "hop 25.00% skipped, largest load 50.00%" in lines
    assert "leave 12.50% of the tokens still here left" in lines
    assert "none 0.00% of the tokens still here left" in lines
    assert "ways 12.50% skipped, 50.00% left, largest load 50.00%" in lines
    assert "whole 0.00% skipped, largest load 100.00%" in lines


def test_what_is_not_known_has_no_line() -> None:
    assert "perplexity" not in _one(FOUND) and "difficulty" not in _one(FOUND)
