"""Where the points of a Bokeh plot are on a Playwright page, and what the page says, also inside shadow roots."""

from __future__ import annotations

from typing import Any

_FIGURE = """
const models = [...Bokeh.documents].flatMap((document) => [...document._all_models.values()]);
const figure = models.find((model) => model.type === "Figure"
  && [...model.below, ...model.left].some((axis) => axis.axis_label === label));
const view = figure && Bokeh.index.find_one_by_id(figure.id);
"""


def wait_for_plot(page: Any, label: str, timeout: float = 30) -> None:
    """Wait until a plot with such an axis label is drawn; `timeout` in seconds."""
    ready = "view && view.frame && view.el.isConnected && view.frame.bbox.width > 0"
    page.wait_for_function(f"(label) => {{ {_FIGURE} return Boolean({ready}); }}", arg=label, timeout=1000 * timeout)


def place_in_plot(page: Any, label: str, x: float, y: float) -> tuple[float, float]:
    """Where on the page, in pixels, a point of the plot with such an axis label is."""
    code = """
    const rect = view.canvas_view.el.getBoundingClientRect();
    return [rect.x + view.frame.x_scale.compute(x), rect.y + view.frame.y_scale.compute(y)];
    """
    left, top = page.evaluate(f"([label, x, y]) => {{ {_FIGURE} {code} }}", [label, x, y])
    return left, top


def click_in_plot(page: Any, label: str, x: float, y: float) -> None:
    """Click a point of a plot, once the page no longer moves it."""
    left, top = place_in_plot(page, label, x, y)
    while True:
        page.wait_for_timeout(250)
        before, (left, top) = (left, top), place_in_plot(page, label, x, y)
        if before == (left, top):
            break
    page.mouse.move(left, top)
    page.mouse.click(left, top)


def colours_of_plot(page: Any, label: str) -> dict[str, str]:
    """Colours of background and axis labels of a plot."""
    code = "return {background: figure.background_fill_color, text: figure.below[0].axis_label_text_color};"
    return dict(page.evaluate(f"(label) => {{ {_FIGURE} {code} }}", label))
