"""Charts: names beside dots do not lie on one another, intervals stay inside, and a file of its own can be opened."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from dnac.report.charts import Axis, Line, bars, lines, standing
from dnac.report.squares import heat

SVG = "{http://www.w3.org/2000/svg}"


def texts(chart: str) -> dict[str, tuple[float, float]]:
    """Where each text begins."""
    found = re.findall(r'<text x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]+)</text>', chart)
    return {text: (float(x), float(y)) for x, y, text in found}


def test_names_of_neighbouring_dots_stand_below_one_another():
    series = [Line(name, [(5.0, 1.0 + n / 1000)], dots=True, is_named=True) for n, name in enumerate("abc")]
    chart = lines([Line("line", [(0, 0), (10, 2)]), *series], Axis("x"), Axis("y"))

    heights = sorted(texts(chart)[name][1] for name in "abc")
    assert all(above + 10 <= below for above, below in pairwise(heights))


def test_an_axis_that_says_where_it_ends_leaves_room_for_names_behind_the_last_points():
    line = Line("a_long_name", [(0, 0), (10, 2)], is_named=True)
    beside = [texts(lines([line], Axis("x", high=high), Axis("y")))["a_long_name"][0] for high in (13.0, None)]
    assert beside[0] == pytest.approx(56 + 490 * 10.65 / 13.65 + 6, abs=0.1), "behind its point; 0.65: the rim at 0"
    assert beside[1] + 6.2 * len(line.name) < 56 + 490 * 10.5 / 11, "no room: in front of it"


def test_a_name_at_the_right_edge_stands_to_the_left_of_its_dot():
    long = Line("a_long_name", [(10.0, 1.0)], dots=True, is_named=True)
    chart = lines([Line("line", [(0, 0), (10, 2)]), long], Axis("x"), Axis("y"), width=560)

    circle = re.search(r'<circle cx="([\d.]+)"', chart)
    assert circle is not None
    assert texts(chart)["a_long_name"][0] + 6.2 * len("a_long_name") < float(circle[1])


def test_an_interval_is_inside_the_picture_even_where_no_point_is():
    chart = lines([Line("a", [(1, 1), (2, 2)], reach=[(0.0, 9.0), (2.0, 2.0)])], Axis("x"), Axis("y"), height=260)

    ends = [tuple(map(float, m)) for m in re.findall(r'<path d="M[\d.]+ (-?[\d.]+)V(-?[\d.]+)"', chart)]
    assert len(ends) == 2 and all(14 <= end <= 220 for pair in ends for end in pair)
    assert abs(ends[0][0] - ends[0][1]) > 100, "from 0 to 9 is nearly the whole height"


def test_an_interval_goes_with_its_point_where_an_axis_cannot_hold_it():
    chart = lines([Line("a", [(0, 1), (2, 2), (3, 2)], reach=[(0, 9), (1, 3), (1, 3)])], Axis("x", log=True), Axis("y"))

    assert len(re.findall(r"V[\d.]+\"", chart)) == 2


def test_a_logarithmic_axis_of_less_than_ten_has_ticks():
    chart = lines([Line("a", [(2.9e6, 1), (1.34e7, 2)])], Axis("x", log=True), Axis("y"))

    assert {"3M", "5M", "10M"} <= set(texts(chart))


def test_a_picture_of_its_own_is_xml_with_its_name_space():
    chart = lines([Line("a", [(1, 1), (2, 2)])], Axis("x"), Axis("y"))

    root = ElementTree.fromstring(standing(560, 260, chart))
    assert root.tag == f"{SVG}svg" and root.find(f"{SVG}svg/{SVG}path") is not None


def test_columns_of_one_member_have_its_name_below_their_middle():
    columns = ["wide[0]", "wide[1]", "wide[2]", "shared[0]", "shared[1]", "skip"]
    found = texts(heat([[0.1] * 6], ["hop[0]"], columns))
    assert set(found) == {"hop[0]", "wide", "shared", "skip"}
    assert found["wide"][0] < found["shared"][0] < found["skip"][0]
    gap = (found["shared"][0] - found["wide"][0]) / 2.5  # middles of columns 0..2 and 3..4
    assert gap * 1 >= 6.4 * len("skip"), "a name is not wider than its columns"


def test_columns_without_room_or_of_one_make_are_counted():
    assert "0" in texts(heat([[0.1] * 3], ["a"], ["e[0]", "e[1]", "e[2]"]))
    assert "0" in texts(heat([[0.1] * 2], ["a"], ["a_very_long_name_of_a_member", "b"]))


def test_long_names_of_bars_are_aslant_and_end_inside_the_picture():
    names = [f"{word}[{n}]" for n in range(5) for word in ("hop", "leave")]
    chart = bars([0.1] * 10, names, "skipped", width=430)
    assert chart.count("rotate(-40") == 10
    height = float(re.search(r'height="([\d.]+)" role', chart)[1])
    lowest = 0.65 * 6.2 * max(map(len, names)) + 174
    assert height >= lowest and all(name in chart for name in names)
    assert "rotate(-40" not in bars([0.1] * 4, ["hop[0]", "hop[1]", "halt[0]", "halt[1]"], "skipped", width=430)


def test_names_of_many_rows_do_not_overlap_and_columns_say_what_they_count() -> None:
    chart = heat([[0.5] * 64] * 3, [f"hop[{n}]: nodes.block[1].attention" for n in range(3)], ["token"] * 64, x="token")
    places = [float(y) for y in re.findall(r'y="([\d.]+)" text-anchor="end"', chart)]
    assert len(places) == 3 and min(b - a for a, b in pairwise(places)) >= 13
    assert ">token</text>" in chart and ">token</text>" not in heat([[0.5] * 64], ["a"], ["t"] * 64)
