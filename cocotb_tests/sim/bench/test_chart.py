"""The chart is SVG, and a value is where its axis says."""

from xml.etree import ElementTree

import pytest

from sim.bench.chart import Panel, chart_svg

__all__: list[str] = []

_SVG = "{http://www.w3.org/2000/svg}"
SIZES = [1 << 20, 2 << 20, 4 << 20]
PANELS = [Panel("one & two", {"1": [0.81, 0.75, 0.7], "2": [0.99, 0.9, 0.8]}), Panel("three", {"1": [1.0, 0.9, 0.9]})]


def test_points_are_where_the_axis_says() -> None:
    root = ElementTree.fromstring(chart_svg("a < b", "words:", SIZES, PANELS))
    first, second = root.findall(f"{_SVG}g")
    assert [title.text for title in first.iter(f"{_SVG}title")][:3] == ["1, 1 MiB: 0.8100", "1, 2 MiB: 0.7500", "1, 4 MiB: 0.7000"]
    heights = {text.text: float(text.get("y", "nan")) for text in first.findall(f"{_SVG}text")}
    dots = [float(dot.get("cy", "nan")) for dot in first.findall(f"{_SVG}circle")]
    assert dots[2] + 4 == pytest.approx(heights["0.70"]) and dots[4] + 4 == pytest.approx(heights["0.90"], abs=0.1)
    assert min(heights, key=lambda name: -heights[name]) == "0.70", "the axis ends at the least value"
    assert len(second.findall(f"{_SVG}polyline")) == 1


def test_what_cannot_be_drawn_is_an_error() -> None:
    with pytest.raises(ValueError, match="3 values"):
        chart_svg("", "", SIZES, [Panel("", {"1": [0.5]})])
    with pytest.raises(ValueError, match="rise"):
        chart_svg("", "", SIZES[::-1], PANELS)
