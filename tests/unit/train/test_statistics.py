"""Routing metrics, alerts, losses and measured FLOPs, by hand-computed numbers."""

from __future__ import annotations

import math

import pytest
import torch

from dnac.ir.form import Form, form
from dnac.lowering.base import StepStats
from dnac.schedule.cost import Costs
from dnac.train.active import ActiveFlops
from dnac.train.alerts import Alerts
from dnac.train.losses import counted, task_loss
from dnac.train.statistics import mean_weights, routing_statistics
from graphs import tiny_text


def stats(counts: tuple[int, ...], weight: float = 0.25, entropy: float = 1.0) -> StepStats:
    return StepStats(
        torch.tensor(counts),
        torch.zeros(len(counts) - 1),
        torch.tensor(weight),
        torch.tensor(entropy),
        torch.tensor(True),
    )


def test_routing_metrics_say_load_skips_dead_modules_and_mean_weight() -> None:
    graph = tiny_text(steps=2, blocks=3, skips=1)
    one, two = stats((6, 2, 0, 8, 0), 0.25), stats((0, 8, 0, 4, 4), 0.5)
    found = routing_statistics(graph, [one.counts, two.counts], [(one, two), (one, two)])
    assert found["skip_share"] == 12 / 32
    assert found["dead_modules"] == ["nodes.block[2]"]
    assert found["routing"]["hop[1]"] == {
        "router": "hop[1]",
        "load": [0, 0.5, 0, 0.25],
        "entropy": 1.0,
        "mean_weight": 0.5,
        "skip_share": 0.25,
        "empty_share": 0.25,
        "dead": ["nodes.block[0]", "nodes.block[2]"],
    }


def line(step: int, *loads: list[float]) -> dict[str, object]:
    routing = {
        f"hop[{i}]": {"load": load, "dead": [str(j) for j, x in enumerate(load) if not x]}
        for i, load in enumerate(loads)
    }
    return {"step": step, "routing": routing}


def test_an_alert_comes_after_three_lines_once_and_again_after_recovery() -> None:
    alerts = Alerts(tiny_text(steps=1, blocks=3, skips=1))
    collapsed, sound = [0.97, 0.03, 0.0, 0.0], [0.4, 0.3, 0.2, 0.1]
    loads = [collapsed] * 5 + [sound] + [collapsed] * 3
    raised = [len(alerts.watch(line(i, load))) for i, load in enumerate(loads)]
    assert raised == [0, 0, 1, 0, 0, 0, 0, 0, 1]


def test_an_alert_survives_a_resume() -> None:
    graph = tiny_text(steps=1, blocks=3, skips=1)
    first = Alerts(graph)
    for i in range(2):
        first.watch(line(i, [1.0, 0.0, 0.0, 0.0]))
    found = Alerts(graph, first.state).watch(line(2, [1.0, 0.0, 0.0, 0.0]))
    assert [d.code for d in found] == ["DNA724"]
    assert "`hop[0]` has collapsed: `nodes.block[0]` is chosen for 100%" in found[0].message
    assert found[0].severity == "warning"


def test_most_candidates_dead_is_a_collapse_and_choosing_all_is_none() -> None:
    graph = tiny_text(steps=1, blocks=7, skips=1)
    alerts = Alerts(graph)
    assert [len(alerts.watch(line(i, [0.5, 0.5, 0, 0, 0, 0, 0, 0]))) for i in range(3)] == [0, 0, 1]
    every = Alerts(tiny_text(steps=1, blocks=1, skips=0, choose=form("all")))
    assert [len(every.watch(line(i, [1.0]))) for i in range(3)] == [0, 0, 0]


def test_label_smoothing_gives_its_share_evenly_to_all_outputs() -> None:
    logits = torch.tensor([[2.0, 0.0, -1.0]])
    log = logits.log_softmax(-1)[0]
    wanted = -(0.9 * log[0] + 0.1 * log.mean())
    found = task_loss(logits, torch.tensor([0]), label_smoothing=0.1, count=1)
    assert float(found) == pytest.approx(float(wanted), rel=1e-6)


def test_ignored_targets_do_not_count_in_text() -> None:
    targets = torch.tensor([[1, -100, 2, -100]])
    logits = torch.zeros(1, 4, 8, dtype=torch.bfloat16)
    loss = task_loss(logits, targets, label_smoothing=0.0, count=counted(targets))
    assert counted(targets) == 2
    assert loss.dtype == torch.float32
    assert float(loss) == pytest.approx(math.log(8))


def test_measured_flops_are_the_least_where_all_skip_and_the_most_where_one_module_takes_all() -> None:
    graph = tiny_text(steps=2, blocks=2, skips=1)
    costs, measure = Costs(graph).flops, ActiveFlops(graph)
    idle, full = torch.tensor([0, 0, 24, 0]), torch.tensor([24, 0, 0, 0])
    assert measure.per_token([idle, idle]) == pytest.approx(costs.min)
    assert measure.per_token([full, full]) == pytest.approx(costs.max)
    assert costs.min < measure.per_token([idle, full]) < costs.max


@pytest.mark.parametrize(
    ("balance", "said"), [((), "give its router a term"), ((form("aux", weight=0.1),), "raise the")]
)
def test_the_way_out_of_a_collapse_is_a_term_where_there_is_none(balance: tuple[Form, ...], said: str) -> None:
    alerts = Alerts(tiny_text(steps=1, blocks=3, skips=1, balance=balance))
    found = [d for i in range(3) for d in alerts.watch(line(i, [1.0, 0.0, 0.0, 0.0]))]
    assert said in found[0].help


@pytest.mark.parametrize("router", [{"scope": form("network"), "score": form("constant")}, {"scope": form("batch")}])
def test_one_choice_for_all_tokens_is_no_collapse_where_the_file_asks_for_it(router: dict[str, Form]) -> None:
    alerts = Alerts(tiny_text(steps=1, blocks=3, skips=1, **router))
    assert [len(alerts.watch(line(i, [1.0, 0.0, 0.0, 0.0]))) for i in range(4)] == [0] * 4


def test_a_step_at_which_nobody_chose_has_no_mean_weight() -> None:
    """A halting step of evaluation alone chooses nothing while training: it does not begin at weight 0."""
    routing = {
        "hop[0]": {"mean_weight": 0.2, "empty_share": 0.5},
        "leave[0]": {"mean_weight": 0.0, "empty_share": 1.0},
    }
    assert mean_weights({"routing": routing}) == {"hop[0]": 0.2}
