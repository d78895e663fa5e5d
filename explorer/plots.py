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

SETS = ("train", "test")
"""What structures are called that a model was fitted to, and those that were kept for testing."""

LETTERS = {"labels": "13px", "ticks": "12px"}
"""Height of letters along axes."""

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


def quiet(plot: Any, _: hv.Element) -> None:
    """HoloViews hook: no logo, and a toolbar that shows only while the mouse is over the plot."""
    plot.state.toolbar.logo = None
    plot.state.toolbar.autohide = True


def hover(*tooltips: tuple[str, str]) -> Any:
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
        "hooks": [quiet],
        "fontsize": LETTERS,
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
            "colorbar_opts": {
                "width": 12,
                "padding": 4,
                "title_text_font_size": LETTERS["ticks"],
                "major_label_text_font_size": LETTERS["ticks"],
            },
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
            hooks=[quiet, hover(*tooltips)],
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


def _parity(
    data: dict[str, Any], tooltips: Sequence[tuple[str, str]], unit: str, size: float, sets: tuple[str, str]
) -> hv.Overlay:
    """Predicted against reference, with the diagonal; the test points lie over the training points."""
    colours = np.where(data["test"], style.TEST, style.TRAIN).astype(object)
    order = np.argsort(data["test"], kind="stable")
    columns = {name: np.asarray(values)[order] for name, values in data.items()}
    columns["colour"] = colours[order]
    columns["set"] = np.where(columns.pop("test"), sets[1], sets[0]).astype(object)
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
            xticks=3,
            xlabel=f"reference ({unit})",
            ylabel=f"predicted ({unit})",
            hooks=[quiet, hover(*tooltips, ("set", "@set"))],
        )
    )


def energy_parity(
    reference_s: Array,
    predicted_s: Array,
    is_test_s: NDArray[np.bool_],
    ids: Sequence[str],
    groups: Sequence[str],
    sets: tuple[str, str] = SETS,
) -> hv.Overlay:
    """Predicted against reference energies, eV/atom, one point a structure; see `force_parity`."""
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
    return _parity(data, tooltips, "eV/atom", 7, sets)


def force_parity(
    reference_p: Array,
    predicted_p: Array,
    is_test_p: NDArray[np.bool_],
    ids: Sequence[str],
    groups: Sequence[str],
    structure_p: IntArray,
    atom_p: IntArray,
    sets: tuple[str, str] = SETS,
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
    sets
        What structures are called that are not for testing, and those that are.
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
    return _parity(data, tooltips, "eV/Å", 4, sets)


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
            hooks=[quiet, hover(("group", "@group"), (label.split(" (")[0], "@error{0.000}"))],
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
            hooks=[quiet, hover(("neighbour", "@name"), ("contribution", "@value{+0.0000}"))],
        )
    )


def diverging_colours(values_n: Array) -> list[str]:
    """Colours of numbers of either sign; the largest has the end of the palette."""
    largest = np.abs(values_n).max(initial=0.0) or 1.0
    place_n = np.rint((values_n / largest + 1) / 2 * (len(style.DIVERGING) - 1)).astype(int)
    return [style.DIVERGING[place] for place in place_n]


# -- simulations ------------------------------------------------------------------------------------------


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


MOVE_COLOURS = {
    "displacement": style.CATEGORICAL[0],
    "swap": style.CATEGORICAL[3],
    "volume": style.CATEGORICAL[2],
}
"""Which curve of `acceptance_traces` is which kind of trial."""


def walk_energy_trace(sweep_f: Array, potential_f: Array) -> hv.Curve:
    """Potential energy of a Monte Carlo walk, meV/atom from the first."""
    reference = potential_f[0] if len(potential_f) else 0.0
    curve = hv.Curve((sweep_f, potential_f - reference), "sweep", "potential energy (meV/atom)")
    return curve.opts(color=ENERGY_COLOURS["potential"], line_width=2, **_trace_frame())


def acceptance_traces(sweep_f: Array, accepted_kf: Array) -> hv.Overlay:
    """Share of the trials of each kind, in the order of `MOVE_COLOURS`, that was accepted; NaN where none were made."""
    return hv.Overlay(
        [
            hv.Curve((sweep_f, accepted_f), "sweep", "accepted share", label=move).opts(
                color=MOVE_COLOURS[move], line_width=2, **_trace_frame(ylim=(0.0, 1.0), yticks=5)
            )
            for move, accepted_f in zip(MOVE_COLOURS, accepted_kf, strict=True)
        ]
    ).opts(framewise=True, show_legend=False)


def volume_trace(sweep_f: Array, volume_f: Array) -> hv.Curve:
    """Volume of the cell of a Monte Carlo walk, Å³/atom."""
    curve = hv.Curve((sweep_f, volume_f), "sweep", "volume (Å³/atom)")
    return curve.opts(color=style.CATEGORICAL[2], line_width=2, **_trace_frame())


def _trace_frame(**options: Any) -> dict[str, Any]:
    return frame(framewise=True, active_tools=["pan"], min_height=110, **options)
