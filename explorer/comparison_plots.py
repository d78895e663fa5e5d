"""Plots that hold potentials against each other, and errors against their uncertainty; as pure as those of `plots`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import holoviews as hv
import numpy as np
from numpy.typing import NDArray

from potscope.explorer import plots, style

if TYPE_CHECKING:
    from potscope.core._types import Array


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
    hover = plots.hover(("model", "@name"), (cost, "@cost{0.0000}"), (error, "@error{0.0000}"))
    curve = hv.Curve((line[:, 0], line[:, 1]), "cost", "error").opts(color=style.NEUTRAL, line_dash="dashed")
    points = hv.Points(data, ["cost", "error"], ["name", "colour"])
    points = points.opts(color="colour", size=13, line_color=None, hooks=[plots.quiet, hover])
    ring = plots.marker(*place.get(marked, (None, None))).redim(x="cost", y="error")
    return (curve * points * ring).opts(**_log_frame(data["cost"], data["error"], xlabel=labels[0], ylabel=labels[1]))


def _log_frame(x_n: Array, y_n: Array, **options: Any) -> dict[str, Any]:
    """A frame with logarithmic axes that reach a little beyond positive numbers, and few numbers at each."""
    for name, values_n in (("x", x_n), ("y", y_n)):
        if len(values_n):
            limits = float(values_n.min()) / 1.5, float(values_n.max()) * 1.5
            options |= {f"{name}lim": limits, f"{name}ticks": log_ticks(*limits)}
    return plots.frame(logx=True, logy=True, **options)


def log_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Round numbers on a logarithmic axis: powers of ten, and where these are few, multiples of them too.

    Examples
    --------
    >>> [words for _, words in log_ticks(3, 120)]
    ['5', '10', '20', '50', '100']
    >>> [words for _, words in log_ticks(0.003, 200)]
    ['0.01', '0.1', '1', '10', '100']
    >>> [words for _, words in log_ticks(0.58, 1.77)]
    ['0.6', '0.8', '1', '1.5']
    """
    steps: tuple[float, ...] = (1, 2, 5) if high / low < MANY_DECADES else (1,)
    if high / low < HALF_A_DECADE:
        steps = (1, 1.5, 2, 3, 4, 6, 8)
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    values = [float(f"{step * 10.0**power:.2g}") for power in powers for step in steps]
    return [(value, f"{value:g}") for value in values if low <= value <= high]


MOST_SPREAD = 1000.0
"""Errors so much larger than the least are beyond the edge: those of one structure or two tell nothing."""

MANY_DECADES, HALF_A_DECADE = 300.0, 4.0
"""Where the ends of a logarithmic axis differ by more, powers of ten are enough; by less, they are too few."""


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
        hover = plots.hover(("model", "@name"), ("structures", "@x"), (label.split(" (")[0], "@y{0.0000}"))
        parts.append(points.opts(color=colours[name], size=7, hooks=[plots.quiet, hover]))
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
        **plots.frame(xlim=(0, 1), ylim=(0, 1), xticks=5, yticks=5, xlabel="confidence", ylabel="errors within")
    )


def errors_and_deviations(
    std_s: Array,
    error_s: Array,
    is_test_s: NDArray[np.bool_],
    ids: Sequence[str],
    groups: Sequence[str],
    sets: tuple[str, str] = plots.SETS,
) -> hv.Overlay:
    """Size of the energy error against its predicted standard deviation, with lines at one and two deviations.

    Parameters
    ----------
    std_s, error_s
        Of each structure, meV/atom.
    is_test_s, ids, groups
        Whether it was kept for testing, its name and group.
    sets
        What structures are called that are not for testing, and those that are.
    """
    order = np.argsort(is_test_s, kind="stable")
    columns = {
        "std": std_s, "error": np.abs(error_s), "id": np.asarray(ids, dtype=object),
        "group": np.asarray(groups, dtype=object),
        "colour": np.where(is_test_s, style.TEST, style.TRAIN).astype(object),
        "set": np.where(is_test_s, sets[1], sets[0]).astype(object),
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
                **plots.frame(
                    size=7,
                    color="colour",
                    line_color=None,
                    alpha=0.75,
                    xlim=(0, 1.05 * most[0]),
                    ylim=(0, 1.05 * most[1]),
                    xlabel="predicted ± (meV/atom)",
                    ylabel="size of the error (meV/atom)",
                    hooks=[plots.quiet, plots.hover(*tooltips)],
                )
            ),
        ]
    )
