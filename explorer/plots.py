"""Plots: pure functions from numbers to HoloViews elements, all in one quiet style.

No function here knows a session or a widget. Colours of text, axes and background are left to the page's theme, so
that every plot follows it from light to dark. Hovering names the point; `nearest` tells which point a click meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import holoviews as hv
import holoviews.plotting.bokeh
import numpy as np
from bokeh.models import HoverTool
from numpy.typing import NDArray

from potscope.explorer import style

if TYPE_CHECKING:
    from potscope.core._types import Array, IntArray

hv.Store.set_current_backend("bokeh")

MEV = 1000.0
"""Milli-electronvolts in an electronvolt."""

MOST_POINTS = 12_000
"""As many points as a browser draws without effort."""

MOST_GROUPS = 20
"""As many bars as have room for their names."""

CLICK_REACH = 0.03
"""How far from a point a click may be, as a fraction of the axes."""

Element = hv.Element | hv.Overlay


def nearest(
    x: float, y: float, x_n: Array, y_n: Array, x_span: float, y_span: float, reach: float = CLICK_REACH
) -> int | None:
    """The point that a click meant, or None where it was far from any.

    Parameters
    ----------
    x, y
        Where the click was, in the units of the axes.
    x_n, y_n
        The points.
    x_span, y_span
        How much of each axis is in view.
    reach
        How far away a point may be, as a fraction of the axes in view.
    """
    if not len(x_n) or not x_span or not y_span:
        return None
    distance2_n = ((x_n - x) / x_span) ** 2 + ((y_n - y) / y_span) ** 2
    if np.isnan(distance2_n).all():
        return None
    found = int(np.nanargmin(distance2_n))
    return found if distance2_n[found] <= reach**2 else None


def thin_out(error_n: Array, most: int = MOST_POINTS, seed: int = 0) -> IntArray:
    """Which points to draw when there are too many: the worst tenth of `most`, and a fair sample of the others.

    Parameters
    ----------
    error_n
        How much each point matters.
    most
        How many points may be drawn.
    seed
        Seed of the sample.

    Returns
    -------
    numpy.ndarray of shape (at most `most`,)
        Sorted indices.
    """
    if len(error_n) <= most:
        return np.arange(len(error_n))
    order = np.argsort(-np.abs(error_n), kind="stable")
    worst, others = order[: most // 10], order[most // 10 :]
    sample = np.random.default_rng(seed).choice(others, most - len(worst), replace=False)
    return np.sort(np.concatenate([worst, sample]))


# -- the common style --------------------------------------------------------------------------------------------


def _without_logo(plot: Any, _: hv.Element) -> None:
    """HoloViews hook: no logo, and a toolbar that shows only while the mouse is over the plot."""
    plot.state.toolbar.logo = None
    plot.state.toolbar.autohide = True


def _hover(*tooltips: tuple[str, str]) -> Any:
    """HoloViews hook: a hover tool for this element alone, that names one point at a time."""

    def add(plot: Any, element: hv.Element) -> None:
        renderer = plot.handles["glyph_renderer"]
        # HoloViews sends what is drawn, and more only for hover tools of its own making
        missing = [one for one in element.dimensions() if one.name not in renderer.data_source.data]
        renderer.data_source.data.update({one.name: element.dimension_values(one) for one in missing})
        if not any(isinstance(tool, HoverTool) and renderer in tool.renderers for tool in plot.state.tools):
            plot.state.add_tools(
                HoverTool(renderers=[renderer], tooltips=list(tooltips), limit=1, point_policy="snap_to_data")
            )

    return add


def frame(**options: Any) -> dict[str, Any]:
    """Options that every plot shares: it fills the room it is given, with a faint grid and few tools."""
    common = {
        "responsive": True,
        "default_tools": [],
        "tools": ["pan", "wheel_zoom", "box_zoom", "reset", "save"],
        "active_tools": ["pan", "wheel_zoom"],
        "toolbar": "right",
        "show_grid": True,
        "gridstyle": {"minor_xgrid_line_color": None},
        "hooks": [_without_logo],
        "padding": 0.06,
        "show_title": False,
        "show_legend": False,
        "min_height": 160,
        "min_width": 160,
    }
    return {**common, **options}


def marker(x: float | None, y: float | None) -> hv.Points:
    """A ring around what is selected; nothing where it has no place in the plot."""
    known = x is not None and y is not None and np.isfinite(x) and np.isfinite(y)
    return hv.Points([(x, y)] if known else [], ["x", "y"]).opts(
        size=17,
        marker="circle",
        fill_alpha=0.0,
        line_color=style.SELECTION,
        line_width=3.0,
        apply_ranges=False,
        axiswise=False,
    )


# -- the map -----------------------------------------------------------------------------------------------------


def structure_map(
    xy_sc: Array,
    ids: Sequence[str],
    groups: Sequence[str],
    energies_s: Array,
    errors_s: Array | None = None,
    values_s: Array | None = None,
    value_name: str = "",
) -> hv.Points:
    """The map of the structures, coloured by group or by a number.

    Parameters
    ----------
    xy_sc
        Place of each structure, shape (structures, 2).
    ids, groups
        Name and group of each structure.
    energies_s
        Energy of each structure, eV/atom.
    errors_s
        Error of that energy, meV/atom, where there is a fit.
    values_s, value_name
        A number for each structure to colour it by, and its name with its unit. Without it the group is the colour.
    """
    data: dict[str, Any] = {
        "x": xy_sc[:, 0],
        "y": xy_sc[:, 1],
        "id": np.asarray(ids, dtype=object),
        "group": np.asarray(groups, dtype=object),
        "energy": energies_s,
    }
    tooltips = [("id", "@id"), ("group", "@group"), ("energy", "@energy{0.0000} eV/atom")]
    if errors_s is not None:
        data["error"] = errors_s
        tooltips.append(("energy error", "@error{0.0} meV/atom"))
    options: dict[str, Any] = {}
    if values_s is None:
        colours, markers = style.group_colours(groups), style.group_markers(groups)
        data["colour"] = np.array([colours[group] for group in groups], dtype=object)
        data["shape"] = np.array([markers[group] for group in groups], dtype=object)
        options = {"color": "colour", "marker": "shape"}
    else:
        data["value"] = values_s
        tooltips.append((value_name.split(" (")[0], "@value{0.0000}"))
        options = {
            "color": "value",
            "cmap": list(style.SEQUENTIAL),
            "colorbar": True,
            "clabel": value_name,
            "clim": _limits(values_s),
            "colorbar_opts": {"width": 12, "padding": 4},
            "clipping_colors": {"NaN": style.NEUTRAL},
        }
    points = hv.Points(data, ["x", "y"], [name for name in data if name not in ("x", "y")])
    return points.opts(
        **frame(
            size=8,
            line_color=None,
            alpha=0.85,
            xlabel="principal component 1",
            ylabel="principal component 2",
            hooks=[_without_logo, _hover(*tooltips)],
            **options,
        )
    )


def _limits(values_n: Array, quantile: float = 0.99) -> tuple[float, float]:
    """A colour range that one outlier does not stretch."""
    known_n = values_n[np.isfinite(values_n)]
    if not len(known_n):
        return 0.0, 1.0
    low, high = float(known_n.min()), float(np.quantile(known_n, quantile))
    return (low, high) if high > low else (low, low + 1.0)


# -- parity ------------------------------------------------------------------------------------------------------


def _parity(data: dict[str, Any], tooltips: Sequence[tuple[str, str]], unit: str, size: float) -> hv.Overlay:
    """Predicted against reference, with the diagonal; the test points lie over the training points."""
    colours = np.where(data["test"], style.TEST, style.TRAIN).astype(object)
    order = np.argsort(data["test"], kind="stable")
    columns = {name: np.asarray(values)[order] for name, values in data.items()}
    columns["colour"] = colours[order]
    columns["set"] = np.where(columns.pop("test"), "test", "train").astype(object)
    points = hv.Points(columns, ["reference", "predicted"], [c for c in columns if c not in ("reference", "predicted")])
    both = np.concatenate([data["reference"], data["predicted"]])
    both = both[np.isfinite(both)]
    low, high = (float(both.min()), float(both.max())) if len(both) else (0.0, 1.0)
    margin = 0.05 * (high - low or 1.0)
    limits = (low - margin, high + margin)
    return hv.Slope(1.0, 0.0).opts(color=style.NEUTRAL, line_width=1.2, line_dash="dashed") * points.opts(
        **frame(
            size=size,
            color="colour",
            line_color=None,
            alpha=0.75,
            xlim=limits,
            ylim=limits,
            xticks=4,
            xlabel=f"reference ({unit})",
            ylabel=f"predicted ({unit})",
            hooks=[_without_logo, _hover(*tooltips, ("set", "@set"))],
        )
    )


def energy_parity(
    reference_s: Array, predicted_s: Array, is_test_s: NDArray[np.bool_], ids: Sequence[str], groups: Sequence[str]
) -> hv.Overlay:
    """Predicted against reference energies, eV/atom, one point a structure; `order` is the structure's index."""
    data = {
        "reference": reference_s,
        "predicted": predicted_s,
        "test": np.asarray(is_test_s),
        "id": np.asarray(ids, dtype=object),
        "group": np.asarray(groups, dtype=object),
        "error": MEV * (predicted_s - reference_s),
    }
    tooltips = [
        ("id", "@id"),
        ("group", "@group"),
        ("energy", "@reference{0.0000} eV/atom"),
        ("error", "@error{+0.0} meV/atom"),
    ]
    return _parity(data, tooltips, "eV/atom", size=7)


def force_parity(
    reference_p: Array,
    predicted_p: Array,
    is_test_p: NDArray[np.bool_],
    ids: Sequence[str],
    groups: Sequence[str],
    structure_p: IntArray,
    atom_p: IntArray,
) -> hv.Overlay:
    """Predicted against reference components of the forces, eV/Å, one point a component.

    Parameters
    ----------
    reference_p, predicted_p
        The components, as many as are to be drawn: see `thin_out`.
    is_test_p
        Whether each belongs to a structure kept for testing.
    ids, groups
        Name and group of each *structure*.
    structure_p, atom_p
        Which structure each component belongs to, and which atom in it.
    """
    data = {
        "reference": reference_p,
        "predicted": predicted_p,
        "test": np.asarray(is_test_p),
        "id": np.asarray(ids, dtype=object)[structure_p],
        "group": np.asarray(groups, dtype=object)[structure_p],
        "atom": atom_p,
        "error": predicted_p - reference_p,
    }
    tooltips = [
        ("id", "@id, atom @atom"),
        ("group", "@group"),
        ("force", "@reference{0.000} eV/Å"),
        ("error", "@error{+0.000} eV/Å"),
    ]
    return _parity(data, tooltips, "eV/Å", size=4)


def errors_by_group(errors: Mapping[str, Mapping[str, float]], colours: Mapping[str, str]) -> hv.Bars:
    """Root-mean-square error of the force components in each group, the worst on top; of many groups the worst alone.

    Parameters
    ----------
    errors
        By group, the summary of `potscope.core.metrics`.
    colours
        By group, its colour in the map.
    """
    kind = (
        "force_rmse"
        if any(np.isfinite(error.get("force_rmse", np.nan)) for error in errors.values())
        else "energy_rmse"
    )
    scale, label = (1.0, "force RMSE (eV/Å)") if kind == "force_rmse" else (MEV, "energy RMSE (meV/atom)")
    rows = sorted(((scale * error.get(kind, np.nan), group) for group, error in errors.items()), key=lambda row: row[0])
    rows = rows[-MOST_GROUPS:]
    data = {
        "group": [group for _, group in rows],
        "error": [value for value, _ in rows],
        "colour": [colours.get(group, style.NEUTRAL) for _, group in rows],
    }
    return hv.Bars(data, ["group"], ["error", "colour"]).opts(
        **frame(
            color="colour",
            line_color=None,
            bar_width=0.7,
            invert_axes=True,
            xlabel="",
            ylabel=label,
            padding=(0.0, (0.0, 0.06)),
            active_tools=[],
            hooks=[_without_logo, _hover(("group", "@group"), (label.split(" (")[0], "@error{0.000}"))],
        )
    )


# -- contributions -----------------------------------------------------------------------------------------------

MOST_NAMED_BARS = 26
"""As many bars as have room for a name each."""


def contributions(
    symbols: Sequence[str], distances_j: Array, shares_j: Array, baseline: float, marked: int | None, label: str
) -> hv.Rectangles:
    """What each neighbour of an atom contributes, in the order given, and before them what the atom has alone.

    Parameters
    ----------
    symbols, distances_j
        Element of each neighbour and how far it is away, Å.
    shares_j, baseline
        What each contributes; what there is without any.
    marked
        Which of them is marked.
    label
        What is shared out.
    """
    values_k = np.concatenate([[baseline], shares_j])
    position_k = np.concatenate([[-2], np.arange(len(shares_j))])
    names = ["alone", *(f"{symbol} {r:.2f}" for symbol, r in zip(symbols, distances_j, strict=True))]
    data = {
        "x0": position_k - 0.4,
        "y0": np.minimum(values_k, 0.0),
        "x1": position_k + 0.4,
        "y1": np.maximum(values_k, 0.0),
        "value": values_k,
        "name": np.array([names[0], *(f"{name} Å" for name in names[1:])], dtype=object),
        "colour": np.array([style.NEUTRAL, *diverging_colours(shares_j)], dtype=object),
        "edge": np.array([style.SELECTION if k == marked else style.NEUTRAL for k in position_k], dtype=object),
        "width": np.array([3.0 if k == marked else 0.5 for k in position_k]),
    }
    step = 1 + len(shares_j) // MOST_NAMED_BARS
    ticks = [(int(k), name) for k, name in zip(position_k, names, strict=True) if k < 0 or k % step == 0]
    bars = hv.Rectangles(data, ["x0", "y0", "x1", "y1"], ["value", "name", "colour", "edge", "width"])
    return bars.opts(
        **frame(
            color="colour",
            line_color="edge",
            line_width="width",
            xticks=ticks,
            xrotation=55,
            xlabel="neighbours, by their distance (Å)",
            ylabel=label,
            active_tools=[],
            hooks=[_without_logo, _hover(("neighbour", "@name"), ("contribution", "@value{+0.0000}"))],
        )
    )


def diverging_colours(values_n: Array) -> list[str]:
    """Colours of numbers of either sign; the largest has the end of the palette."""
    largest = np.abs(values_n).max(initial=0.0) or 1.0
    place_n = np.rint((values_n / largest + 1) / 2 * (len(style.DIVERGING) - 1)).astype(int)
    return [style.DIVERGING[place] for place in place_n]


# -- comparison --------------------------------------------------------------------------------------------------


def accuracy_and_cost(
    names: Sequence[str],
    cost_m: Array,
    error_m: Array,
    front: Sequence[str],
    colours: Sequence[str],
    marked: str,
    labels: tuple[str, str],
) -> hv.Overlay:
    """Error against cost of some models, both on logarithmic axes, with a line through those that none beats at both.

    Parameters
    ----------
    names, cost_m, error_m
        Of each model.
    front
        Names of those that no other beats at both, the cheapest first.
    colours
        Of each model.
    marked
        Name of the one that has a ring.
    labels
        What the cost is and what the error is, with units.
    """
    known_m = np.isfinite(cost_m) & np.isfinite(error_m) & (cost_m > 0) & (error_m > 0)
    place = {name: (cost_m[m], error_m[m]) for m, name in enumerate(names) if known_m[m]}
    line = np.array([place[name] for name in front if name in place]).reshape(-1, 2)
    data = {
        "cost": cost_m[known_m],
        "error": error_m[known_m],
        "name": np.asarray(names, dtype=object)[known_m],
        "colour": np.asarray(colours, dtype=object)[known_m],
    }
    cost, error = (label.split(" (")[0] for label in labels)
    hover = _hover(("model", "@name"), (cost, "@cost{0.0000}"), (error, "@error{0.0000}"))
    curve = hv.Curve((line[:, 0], line[:, 1]), "cost", "error").opts(color=style.NEUTRAL, line_dash="dashed")
    points = hv.Points(data, ["cost", "error"], ["name", "colour"])
    points = points.opts(color="colour", size=13, line_color=None, hooks=[_without_logo, hover])
    ring = marker(*place.get(marked, (None, None))).redim(x="cost", y="error")
    return (curve * points * ring).opts(**_log_frame(data["cost"], data["error"], xlabel=labels[0], ylabel=labels[1]))


def _log_frame(x_n: Array, y_n: Array, **options: Any) -> dict[str, Any]:
    """A frame with logarithmic axes that reach a little beyond positive numbers, and few numbers at each."""
    for name, values_n in (("x", x_n), ("y", y_n)):
        if len(values_n):
            limits = float(values_n.min()) / 1.5, float(values_n.max()) * 1.5
            options |= {f"{name}lim": limits, f"{name}ticks": log_ticks(*limits)}
    return frame(logx=True, logy=True, **options)


def log_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Round numbers on a logarithmic axis: powers of ten, and where these are few, twice and five times them too.

    Examples
    --------
    >>> [words for _, words in log_ticks(3, 120)]
    ['5', '10', '20', '50', '100']
    >>> [words for _, words in log_ticks(0.003, 200)]
    ['0.01', '0.1', '1', '10', '100']
    """
    steps = (1, 2, 5) if high / low < MANY_DECADES else (1,)
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    values = [float(f"{step}e{power}") for power in powers for step in steps]
    return [(value, f"{value:g}") for value in values if low <= value <= high]


MOST_SPREAD = 1000.0
"""Errors so much larger than the least are beyond the edge: those of one structure or two tell nothing."""

MANY_DECADES = 300.0
"""Where the ends of a logarithmic axis differ by more, powers of ten are enough."""


def learning_curves(
    curves: Mapping[str, tuple[Array, Array, Array]], colours: Mapping[str, str], label: str
) -> hv.Overlay:
    """Errors against the number of structures learnt from, on logarithmic axes.

    Parameters
    ----------
    curves
        By model: numbers of structures, means and standard deviations of the error.
    colours
        By model.
    label
        What the error is, with its unit.
    """
    parts: list[hv.Element] = []
    for name, (sizes, mean_k, spread_k) in curves.items():
        low_k = np.maximum(mean_k - spread_k, mean_k / 3)  # a logarithm has no room for less
        bars = hv.Segments((sizes, low_k, sizes, mean_k + spread_k), ["x", "y", "x1", "y1"])
        parts.append(bars.opts(color=colours[name], line_width=1.5))
        parts.append(hv.Curve((sizes, mean_k), "x", "y").opts(color=colours[name], line_width=2))
        points = hv.Points(
            {"x": sizes, "y": mean_k, "name": np.full(len(sizes), name, dtype=object)}, ["x", "y"], "name"
        )
        hover = _hover(("model", "@name"), ("structures", "@x"), (label.split(" (")[0], "@y{0.0000}"))
        parts.append(points.opts(color=colours[name], size=7, hooks=[_without_logo, hover]))
    sizes_n, errors_n = (np.concatenate([curve[k] for curve in curves.values()]) for k in (0, 1))
    errors_n = errors_n[np.isfinite(errors_n) & (errors_n > 0)]
    shown_n = errors_n[errors_n < MOST_SPREAD * errors_n.min(initial=np.inf)]
    return hv.Overlay(parts).opts(**_log_frame(sizes_n, shown_n, xlabel="structures learnt from", ylabel=label))


def reliability(curves: Mapping[str, tuple[Array, Array]], colours: Mapping[str, str]) -> hv.Overlay:
    """Fraction of the errors within the interval of each confidence; above the diagonal too wide, below too narrow.

    Parameters
    ----------
    curves
        By name: confidence levels, and the fraction within the interval of each.
    colours
        By name.
    """
    parts: list[hv.Element] = [hv.Slope(1.0, 0.0).opts(color=style.NEUTRAL, line_width=1.2, line_dash="dashed")]
    parts += [
        hv.Curve((expected_k, observed_k), "x", "y").opts(color=colours[name], line_width=2)
        for name, (expected_k, observed_k) in curves.items()
    ]
    return hv.Overlay(parts).opts(
        **frame(xlim=(0, 1), ylim=(0, 1), xticks=5, yticks=5, xlabel="confidence", ylabel="errors within")
    )


def errors_and_deviations(
    std_s: Array, error_s: Array, is_test_s: NDArray[np.bool_], ids: Sequence[str], groups: Sequence[str]
) -> hv.Overlay:
    """Size of the energy error against its predicted standard deviation, with lines at one and two deviations.

    Parameters
    ----------
    std_s, error_s
        Of each structure, meV/atom.
    is_test_s, ids, groups
        Whether it was kept for testing, its name and group.
    """
    order = np.argsort(is_test_s, kind="stable")
    columns = {
        "std": std_s, "error": np.abs(error_s), "id": np.asarray(ids, dtype=object),
        "group": np.asarray(groups, dtype=object),
        "colour": np.where(is_test_s, style.TEST, style.TRAIN).astype(object),
        "set": np.where(is_test_s, "test", "train").astype(object),
    }  # fmt: skip
    data = {name: values[order] for name, values in columns.items()}
    tooltips = (
        ("id", "@id"),
        ("group", "@group"),
        ("error", "@error{0.0} meV/atom"),
        ("±", "@std{0.0} meV/atom"),
        ("set", "@set"),
    )
    points = hv.Points(data, ["std", "error"], ["id", "group", "colour", "set"])
    lines = [
        hv.Slope(slope, 0.0).opts(color=style.NEUTRAL, line_width=1.2, line_dash=dash)
        for slope, dash in ((1.0, "dashed"), (2.0, "dotted"))
    ]
    most = [float(np.nanmax(values, initial=0.0)) or 1.0 for values in (std_s, np.abs(error_s))]
    return hv.Overlay(
        [
            *lines,
            points.opts(
                **frame(
                    size=7,
                    color="colour",
                    line_color=None,
                    alpha=0.75,
                    xlim=(0, 1.05 * most[0]),
                    ylim=(0, 1.05 * most[1]),
                    xlabel="predicted ± (meV/atom)",
                    ylabel="size of the error (meV/atom)",
                    hooks=[_without_logo, _hover(*tooltips)],
                )
            ),
        ]
    )


# -- molecular dynamics ------------------------------------------------------------------------------------------


ENERGY_COLOURS = {"potential": style.CATEGORICAL[1], "total": style.CATEGORICAL[0]}
"""Which curve of `energy_traces` is which."""


def energy_traces(time_f: Array, potential_f: Array, total_f: Array) -> hv.Overlay:
    """Potential and total energy over time, meV/atom from the first total energy."""
    reference = total_f[0] if len(total_f) else 0.0
    label = "energy (meV/atom)"
    return hv.Overlay(
        [
            hv.Curve((time_f, values_f - reference), "time (fs)", label, label=name).opts(
                color=ENERGY_COLOURS[name], line_width=2, **_trace_frame()
            )
            for name, values_f in (("potential", potential_f), ("total", total_f))
        ]
    ).opts(framewise=True, show_legend=False)


def temperature_trace(time_f: Array, temperature_f: Array) -> hv.Curve:
    """Temperature over time."""
    curve = hv.Curve((time_f, temperature_f), "time (fs)", "temperature (K)")
    return curve.opts(color=style.CATEGORICAL[2], line_width=2, **_trace_frame())


def _trace_frame(**options: Any) -> dict[str, Any]:
    return frame(framewise=True, active_tools=["pan"], min_height=110, **options)
