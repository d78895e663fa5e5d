from __future__ import annotations

import re
from typing import Any

import holoviews as hv
import numpy as np
import pytest
from bokeh.document import Document
from bokeh.models import HoverTool

from potscope.explorer import plots, style

N = 40


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def structures(rng):
    return {
        "xy_sc": rng.normal(size=(N, 2)),
        "ids": [f"s-{k}" for k in range(N)],
        "groups": [["solid", "liquid"][k % 2] for k in range(N)],
        "energies_s": rng.normal(-107, 0.1, N),
    }


def points_of(element: hv.Element | hv.Overlay) -> hv.Points:
    return element if isinstance(element, hv.Points) else next(part for part in element if isinstance(part, hv.Points))


def drawn(element: hv.Element | hv.Overlay) -> Any:
    """The Bokeh figure, in a document of its own.

    Bokeh's current document is one for all threads, and may at any moment be that of a server that is closing;
    HoloViews passes over `doc` for it in every mode but that of a server.
    """
    return hv.renderer("bokeh").instance(mode="server").get_plot(element, doc=Document()).state


def every_plot(rng) -> dict[str, hv.Element | hv.Overlay]:
    e = rng.normal(size=N)
    is_test = np.arange(N) % 4 == 0
    ids, groups = [f"s-{k}" for k in range(N)], ["a"] * N
    index = np.arange(N)
    return {
        "map": plots.structure_map(np.column_stack([e, e]), ids, groups, e),
        "map by number": plots.structure_map(np.column_stack([e, e]), ids, groups, e, e, e, "energy (eV/atom)"),
        "energies": plots.energy_parity(e, e + 0.1, is_test, ids, groups),
        "forces": plots.force_parity(e, e + 0.1, is_test, ids, groups, index, index),
        "groups": plots.errors_by_group({"a": {"force_rmse": 0.1}, "b": {"force_rmse": 0.3}}, {"a": "#112233"}),
        "energy traces": plots.energy_traces(index * 1.0, e, e + 1),
        "temperature": plots.temperature_trace(index * 1.0, e),
    }


PLOTS = ("map", "map by number", "energies", "forces", "groups", "energy traces", "temperature")


@pytest.mark.parametrize("name", PLOTS)
def test_every_plot_is_drawn_in_the_common_style(rng, name):
    figure = drawn(every_plot(rng)[name])
    assert figure.toolbar.logo is None
    assert figure.sizing_mode == "stretch_both"
    labels = [axis.axis_label for axis in (figure.xaxis[0], figure.yaxis[0])]
    quantities = [label for label in labels if label and not label.startswith("principal")]
    assert all("(" in label for label in quantities), f"axes without a unit: {labels}"
    hovers = [tool for tool in figure.tools if isinstance(tool, HoverTool)]
    assert all(tool.limit == 1 for tool in hovers)
    assert len(hovers) == (0 if "trace" in name or name == "temperature" else 1)


@pytest.mark.parametrize("name", PLOTS)
def test_what_hovering_names_is_sent_to_the_browser(rng, name):
    figure = drawn(every_plot(rng)[name])
    for tool in figure.tools:
        if isinstance(tool, HoverTool):
            (renderer,) = tool.renderers
            named = {re.match(r"@(\w+)", text).group(1) for _, text in tool.tooltips}
            assert named <= set(renderer.data_source.data), "the tooltip would say ???"


def test_the_list_of_plots_is_complete(rng):
    assert tuple(every_plot(rng)) == PLOTS


def test_map_points_are_coloured_by_group(structures):
    points = plots.structure_map(**structures)
    colours = style.group_colours(structures["groups"])
    assert list(points["colour"]) == [colours[group] for group in structures["groups"]]
    assert list(points["id"]) == structures["ids"]


def test_the_map_names_the_error_only_where_there_is_one(structures, rng):
    def tooltips(element):
        return [name for tool in drawn(element).tools if isinstance(tool, HoverTool) for name, _ in tool.tooltips]

    assert tooltips(plots.structure_map(**structures)) == ["id", "group", "energy"]
    assert tooltips(plots.structure_map(**structures, errors_s=rng.normal(size=N)))[-1] == "energy error"


def test_colours_of_a_number_are_not_stretched_by_one_outlier(structures):
    values_s = np.append(np.linspace(0, 1, N - 1), 1e6)
    points = plots.structure_map(**structures, values_s=values_s, value_name="energy error (meV/atom)")
    low, high = hv.Store.lookup_options("bokeh", points, "plot").kwargs["clim"]
    assert low == 0
    assert high < 1e6


@pytest.mark.parametrize("values", [np.full(N, 2.0), np.full(N, np.nan)])
def test_equal_or_unknown_numbers_still_make_a_map(structures, values):
    assert drawn(plots.structure_map(**structures, values_s=values, value_name="energy (eV/atom)"))


def test_parity_has_equal_axes_and_tells_train_from_test():
    reference, predicted = np.array([0.0, 1.0, 2.0]), np.array([0.5, 1.0, 4.0])
    is_test = np.array([True, False, False])
    element = plots.energy_parity(reference, predicted, is_test, ["a", "b", "c"], ["g"] * 3)
    figure = drawn(element)
    assert (figure.x_range.start, figure.x_range.end) == (figure.y_range.start, figure.y_range.end)
    assert figure.x_range.start < 0
    assert figure.x_range.end > 4
    points = points_of(element)
    assert list(points["set"]) == ["train", "train", "test"]  # the test points lie on top
    assert list(points["colour"]) == [style.TRAIN, style.TRAIN, style.TEST]
    assert points["error"][-1] == pytest.approx(500.0)
    assert any(isinstance(part, hv.Slope) for part in element)


def test_unknown_energies_leave_the_axes_finite():
    reference = np.array([np.nan, 1.0, 2.0])
    figure = drawn(plots.energy_parity(reference, reference + 0.1, np.zeros(3, bool), ["a", "b", "c"], ["g"] * 3))
    assert np.isfinite([figure.x_range.start, figure.x_range.end]).all()


def test_the_worst_group_is_on_top():
    bars = plots.errors_by_group({"a": {"force_rmse": 0.1}, "b": {"force_rmse": 0.3}, "c": {"force_rmse": 0.2}}, {})
    assert list(bars["group"]) == ["a", "c", "b"]


def test_groups_without_forces_show_their_energies():
    nan = float("nan")
    bars = plots.errors_by_group({"a": {"force_rmse": nan, "energy_rmse": 0.002}}, {})
    assert list(bars["error"]) == [2.0]


def test_traces_start_at_zero_total_energy():
    overlay = plots.energy_traces(np.arange(3.0), np.array([-5.0, -4.0, -6.0]), np.array([-3.0, -3.1, -3.0]))
    total = overlay.get(1)
    assert total.label == "total"
    np.testing.assert_allclose(total.dimension_values(1), [0.0, -0.1, 0.0])


def test_the_ring_has_no_place_where_there_is_none():
    assert len(plots.marker(1.0, 2.0)) == 1
    assert len(plots.marker(None, None)) == 0
    assert len(plots.marker(float("nan"), 0.0)) == 0


# -- clicking ---------------------------------------------------------------------------------------------------------


def test_a_click_finds_the_nearest_point_as_the_eye_sees_it():
    x_n, y_n = np.array([0.0, 10.0]), np.array([0.0, 0.001])
    assert plots.nearest(0.1, 0.0, x_n, y_n, 10, 0.01) == 0
    assert plots.nearest(9.9, 0.00102, x_n, y_n, 10, 0.01) == 1


def test_a_click_far_from_all_points_means_none():
    x_n = y_n = np.array([0.0, 10.0])
    assert plots.nearest(5.0, 5.0, x_n, y_n, 10, 10) is None


@pytest.mark.parametrize(("x_n", "span"), [(np.empty(0), 1.0), (np.array([np.nan]), 1.0), (np.array([1.0]), 0.0)])
def test_a_click_on_nothing_means_none(x_n, span):
    assert plots.nearest(1.0, 1.0, x_n, x_n, span, span) is None


def test_thinning_keeps_few_points_and_the_worst_among_them(rng):
    error_n = rng.normal(size=5000)
    kept = plots.thin_out(error_n, most=500)
    assert len(kept) == len(set(kept)) == 500
    assert set(np.argsort(-np.abs(error_n))[:50]) <= set(kept)
    assert list(plots.thin_out(error_n, most=5000)) == list(range(5000))


# -- colours ----------------------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    """Relative luminance of sRGB, as WCAG defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    light, dark = sorted([luminance(first), luminance(second)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [style.LIGHT, style.DARK])
@pytest.mark.parametrize("colour", [*style.CATEGORICAL, style.SELECTION])
def test_colours_stand_out_in_both_themes(theme, colour):
    assert contrast(colour, theme["surface"]) > 1.9


@pytest.mark.parametrize("theme", [style.LIGHT, style.DARK])
def test_text_is_readable_in_both_themes(theme):
    assert contrast(theme["text"], theme["surface"]) > 7


def test_the_sequential_palette_rises_in_lightness():
    steps = np.diff([luminance(colour) for colour in style.SEQUENTIAL[::8]])
    assert (steps > 0).all()


def test_many_groups_are_told_apart_by_their_markers():
    groups = [f"g{k}" for k in range(20)]
    colours, markers = style.group_colours(groups), style.group_markers(groups)
    assert len({(colours[group], markers[group]) for group in groups}) == 20
