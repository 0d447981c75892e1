from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from dnac.ir.form import form
from dnac.lowering.network import Network
from dnac.report.charts import Axis, Line, bars, lines
from dnac.report.record import Record, StepTrace, _trace, load, save
from dnac.report.squares import heat
from dnac.report.views.paths import tail_of, told
from dnac.report.words import balance, choice, count, paths, percent
from dnac.train.path_laws import laws
from dnac.train.routing import routing_steps
from graphs import tiny_text


def step(ids: list[list[list[int]]], site: str = "hop[0]") -> StepTrace:
    """One sequence (or more) of chosen slots among two blocks and one identity."""
    array = np.array(ids, dtype=np.int16)
    return StepTrace(site, ("n.b[0]", "n.b[1]", "n.skip"), (2,), array, np.ones(array.shape, np.float32), 0.5)


def test_loads_are_parts_of_all_choices_and_empty_slots_belong_to_none():
    assert step([[[0, 2], [0, 1], [0, -1]]]).loads == pytest.approx([3 / 6, 1 / 6, 1 / 6])


def test_the_skip_share_counts_identities_only():
    assert step([[[0, 2], [2, 1]]]).skip_share == pytest.approx(0.5)


def test_a_path_is_the_set_of_choices_of_each_step_in_any_order():
    record = Record((step([[[0, 2], [2, 0], [1, 0]]]), step([[[1, 0], [0, 1], [1, 0]]], "hop[1]")))
    assert record.paths() == {(0, 2, 0, 1): 2, (0, 1, 0, 1): 1}
    assert record.tokens == 3


def test_the_law_that_is_drawn_passes_through_paths_that_follow_one():
    counts = sorted((int(20 * u**-0.5) for u in np.linspace(0.002, 1, 500)), reverse=True)  # exponent 3
    found = laws(counts)
    assert found is not None and found.alpha == pytest.approx(3, abs=0.2)
    drawn = tail_of(found, counts[0])
    assert [rank for rank, _ in drawn] == sorted(rank for rank, _ in drawn)
    assert drawn[-1] == (pytest.approx(found.tail), found.xmin) and drawn[0][1] == counts[0]
    for rank, size in drawn[5:]:
        assert sum(n >= size for n in counts) == pytest.approx(rank, rel=0.25, abs=2)


def test_the_words_for_a_target_stand_above_all_bars():
    drawn = bars([0.26, 0.25], ["a", "b"], "y", target=0.25)
    words = float(re.search(r'y="([\d.]+)"[^>]*>target', drawn)[1])  # type: ignore[index]
    tops = [float(y) for y in re.findall(r'<rect x="[\d.]+" y="([\d.]+)"', drawn)]
    assert words < min(tops)


def test_a_chart_leaves_out_what_has_no_place():
    drawn = lines([Line("a", [(1, math.nan), (2, 1.0), (3, math.inf), (4, 2.0)])], Axis("x"), Axis("y"))
    assert drawn.count("L") == 1
    assert "nan" not in drawn
    assert "inf" not in drawn
    assert lines([Line("a", [(0, 1.0)])], Axis("x", log=True), Axis("y")) == ""


@pytest.mark.parametrize("values", [[0.0, 0.0], [1.0], [0.25] * 30])
def test_bars_stand_for_any_values(values: list[float]):
    assert bars(values, [f"hop[{i}]" for i in range(len(values))], "y", target=0.3).count("<rect") == len(values) + 1


def test_a_heat_map_has_a_square_for_each_value_and_says_its_numbers():
    drawn = heat([[0.0, 1.0], [0.5, 0.25]], ["a", "<b>"], ["m[0]", "m[1]"])
    assert drawn.count("<rect") == 5
    assert "&lt;b&gt;, m[1]: 0.250" in drawn


def test_equal_values_make_a_chart_too():
    assert "<path" in lines([Line("a", [(1, 2.0), (2, 2.0)])], Axis("x", log=True), Axis("y", log=True))


def test_words_are_short():
    assert count(12_345_678) == "12.3M"
    assert count(999) == "999"
    assert percent(0.3012) == "30\N{NO-BREAK SPACE}%"
    assert percent(0.0042) == "0.4\N{NO-BREAK SPACE}%"
    assert paths(18**11) == "6.4 × 10¹³"
    assert paths(24) == "24"
    assert choice(form("top", k=2), 74) == "top 2 of 74"
    assert balance(form("aux", weight=0.01)) == "aux 0.01"


def test_the_law_of_paths_is_told_by_likelihood_or_not_at_all():
    from dnac.report.views.paths import said

    assert "too few" in said(laws([5, 4, 3]))
    draw = np.random.default_rng(0)
    text = said(laws(np.ceil(draw.pareto(1.2, 3000) + 1).astype(int).tolist()))
    assert (
        "power law of exponent 2.1" in text
        or "power law of exponent 2.2" in text
        or "power law of exponent 2.3" in text
    )
    assert "Vuong's z" in text


def test_choices_that_follow_the_token_are_told_by_it_and_not_by_the_token_before(tmp_path: Path):
    draw = np.random.default_rng(0)
    ids = draw.integers(0, 6, (50, 40))
    by_token = StepTrace("hop[0]", ("a", "b"), (), (ids % 2)[..., None].astype(np.int16), np.ones((50, 40, 1)), 0.0)
    record = Record((by_token,), inputs=ids.astype(np.int32))
    assert "<th>hop[0]</th><td>100\N{NO-BREAK SPACE}%</td><td></td>" in told(record)
    many = Record((by_token,) * 13, inputs=ids.astype(np.int32))
    assert "<svg" in told(many) and "<table>" not in told(many)
    save(record, tmp_path / "record.npz")
    again = load(tmp_path / "record.npz").inputs
    assert again is not None and (again == ids).all()
    assert told(Record((by_token,))) == ""


def test_the_entropy_of_gates_that_sum_to_no_one_is_that_of_their_shares():
    """Sigmoid gates of 0.5 each are no more unsure than softmax gates over as many."""
    net = Network(
        tiny_text(steps=1, blocks=3, skips=1, gate=form("sigmoid")), device="cpu", dtype=torch.float64, seed=0
    )
    with torch.no_grad():
        record = net.eval()(torch.zeros(1, 12, dtype=torch.long), record=True).record
    traced = _trace(routing_steps(net.graph)[0], record)
    assert traced.entropy == pytest.approx(math.log(4), abs=1e-2) and traced.entropy <= math.log(4)
