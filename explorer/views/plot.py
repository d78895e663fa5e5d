"""A plot that can be clicked: what was clicked is found among the points, and a ring marks what is selected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import holoviews as hv
import numpy as np
import panel as pn
import param

from potscope.explorer import plots


def pane(plot: Any = None) -> pn.pane.HoloViews:
    """A plot that fills its room and shares no axis with any other on the page.

    The page's theme has letters in units of those around the plot: they are as large as `plots.LETTERS` whether it is
    the theme that has the last word or the plot.
    """
    return pn.pane.HoloViews(
        plot, sizing_mode="stretch_both", margin=0, linked_axes=False, styles={"font-size": plots.LETTERS["labels"]}
    )


def area(plot: pn.pane.HoloViews) -> pn.Column:
    """A plot in a column of its own, which can be hidden: a plot that is drawn cannot."""
    return pn.Column(plot, sizing_mode="stretch_both", margin=0)


class ClickablePlot(pn.viewable.Viewer):
    """Points with a ring around the selected one.

    Parameters
    ----------
    on_click
        Called with the position, among the points given to `show`, of the one that was clicked.
    """

    ring = param.Parameter(default=(None, None), doc="Where the ring is, or a pair of None.")

    def __init__(self, on_click: Callable[[int], None], **params: Any) -> None:
        super().__init__(**params)
        self._on_click = on_click
        self._x_n = self._y_n = np.empty(0)
        self._ranges: hv.streams.RangeXY | None = None
        self.pane = pane()
        self.area = area(self.pane)

    def show(self, element: hv.Element | hv.Overlay, x_n: np.ndarray, y_n: np.ndarray) -> None:
        """Draw other points.

        Parameters
        ----------
        element
            What to draw.
        x_n, y_n
            Where the points are that can be clicked.
        """
        self._x_n, self._y_n = np.asarray(x_n, dtype=float), np.asarray(y_n, dtype=float)
        ring = hv.DynamicMap(lambda ring: plots.marker(*ring), streams=[hv.streams.Params(self, ["ring"])])
        self._ranges = hv.streams.RangeXY(source=ring)
        hv.streams.Tap(source=ring).add_subscriber(self._clicked)
        self.pane.object = element * ring

    def _clicked(self, x: float | None, y: float | None) -> None:
        if x is None or y is None or self._ranges is None:
            return
        found = plots.nearest(x, y, self._x_n, self._y_n, *self._spans())
        if found is not None:
            self._on_click(found)

    def _spans(self) -> tuple[float, float]:
        """How much of each axis is in view: what the browser last said, or else all of the points."""
        spans = []
        for view, values_n in ((self._ranges.x_range, self._x_n), (self._ranges.y_range, self._y_n)):  # type: ignore[union-attr]
            spans.append(abs(view[1] - view[0]) if view else float(np.ptp(values_n[np.isfinite(values_n)])) * 1.1)
        return spans[0], spans[1]

    def __panel__(self) -> pn.viewable.Viewable:
        return self.area
