"""Charts: names beside dots do not lie on one another, intervals stay inside, and a file of its own can be opened."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

from dnac.report.charts import Axis, Line, lines, standing

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
