"""Controls made from declared hyperparameters: a new descriptor or model needs none of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui
from bokeh.models import PrintfTickFormatter

from potscope.core.hyperparameters import Hyperparameter, NumberList, NumberTable
from potscope.explorer.settings import Settings
from potscope.explorer.texts import as_text, from_text, is_typed
from potscope.explorer.views.layout import GRID_ONLY, html

MOST_AT_FIRST = 8
"""Of a class with more hyperparameters than these, the others are shown when asked for."""

GRID = """
:host {
  display: grid !important;
  grid-template-columns: repeat(auto-fill, minmax(max(148px, 22%), 1fr));
  gap: 10px 12px;
  align-content: start;
}
"""


LINE = ":host { grid-column: 1 / -1; flex-wrap: wrap; align-items: center; gap: 4px 14px; }"


def label(item: Hyperparameter) -> str:
    """The name of a hyperparameter with its unit, as a person reads it."""
    name = item.name.replace("_", " ")
    return f"{name} ({item.unit})" if item.unit else name


def tooltip(item: Hyperparameter) -> str:
    """What it means, and what it may be."""
    limits = (
        f" From {item.bounds[0]:g} to {item.bounds[1]:g}{' ' + item.unit if item.unit else ''}." if item.bounds else ""
    )
    how = ""
    if item.type in (NumberList, NumberTable):
        how = " Numbers apart by commas." if item.type is NumberList else " Rows of numbers, apart by semicolons."
    return f"{item.doc.rstrip('.')}.{limits}{how}"


def control(item: Hyperparameter, value: Any) -> pn.widgets.Widget:
    """The widget that sets one hyperparameter."""
    common: dict[str, Any] = {
        "value": value,
        "label": label(item),
        "description": tooltip(item),
        "sizing_mode": "stretch_width",
        "margin": 0,
        "size": "small",
    }
    if item.choices is not None:
        return pmui.Select(options=list(item.choices), **common)
    if item.type is bool:
        return pmui.Checkbox(**common)
    if item.type is str:
        return pmui.TextInput(**common)
    if item.type is NumberTable:
        whole_line = {"styles": {"grid-column": "1 / -1"}, "auto_grow": True, "rows": 1, "max_rows": 4}
        return pmui.TextAreaInput(**{**common, **whole_line, "value": as_text(value)})
    if is_typed(item):
        return pmui.TextInput(**{**common, "value": as_text(value)})
    start, end = item.bounds if item.bounds is not None else (None, None)
    if item.type is int:
        whole = {"start": None if start is None else int(start), "end": None if end is None else int(end)}
        return pmui.IntInput(step=1, **whole, **common)
    return float_input(start=start, end=end, step=step(float(value)), **common)


def float_input(**options: Any) -> pmui.FloatInput:
    """An input for a number that shows all of it that matters, however small it is."""
    return pmui.FloatInput(format=PrintfTickFormatter(format="%.8g"), **options)


def step(value: float) -> float:
    """A step for a number of this size: a tenth of its leading power of ten."""
    return float(f"1e{int(f'{abs(value):e}'.split('e')[1]) - 1}") if value else 0.1


class SettingsControls(pn.viewable.Viewer):
    """The choice among the classes of a registry, and the controls of the one chosen.

    What is typed and not allowed stays where it is, with the reason below it.

    Parameters
    ----------
    settings
        What is set.
    kind
        What the choice is called.
    """

    def __init__(self, settings: Settings, kind: str, **params: Any) -> None:
        super().__init__(**params)
        self.settings = settings
        self._filling = False
        self._all = False
        self.choice = pmui.Select(label=kind, size="small", width=320, margin=0)
        self.choice.param.watch(self._choose, "value")
        self.words = html(sizing_mode=None)
        self.line = pn.Row(self.choice, self.words, sizing_mode="stretch_width", margin=0, stylesheets=[LINE])
        self.more = pmui.Button(variant="text", size="small", margin=0, on_click=lambda _: self._show_all())
        self.widgets: dict[str, pn.widgets.Widget] = {}
        self.grid = pn.Column(sizing_mode="stretch_width", margin=0, stylesheets=[GRID, GRID_ONLY])
        # a column around it, as what is laid out as a grid cannot be hidden itself
        self.area = pn.Column(self.grid, sizing_mode="stretch_width", margin=0)
        settings.param.watch(lambda *_: self._fill(), "choice")
        settings.param.watch(lambda *_: self._fill(), "choice", what="objects")
        settings.param.watch(lambda *_: self._follow(), ["values", "suggested", "problems"])
        self._fill()

    def _fill(self) -> None:
        titles = self.settings.titles()
        with self._filling_in():
            self.choice.param.update(
                options={title: name for name, title in titles.items()}, value=self.settings.choice
            )
            items = self.settings.declared()
            self.widgets = {name: control(item, self.settings.value(name)) for name, item in items.items()}
        for name, widget in self.widgets.items():
            widget.param.watch(lambda event, name=name: self._set(name, event.new), "value")
        self.words.object = f'<span class="quiet">{escape(self.settings.explanation)}</span>'
        self._all = False
        self.grid.objects = [self.line, *self.widgets.values(), self.more]
        self.mark()

    def _show_all(self) -> None:
        self._all = not self._all
        self._show_some()

    def _show_some(self) -> None:
        """Show the first hyperparameters, and of the others those that were set or are wrong, unless all are wanted."""
        rest = list(self.widgets)[MOST_AT_FIRST:]
        for name in rest:
            marked = getattr(self.widgets[name], "error_state", False)
            self.widgets[name].visible = self._all or name in self.settings.values or bool(marked)
        self.more.param.update(
            visible=bool(rest), label="Fewer settings" if self._all else f"{len(rest)} more settings"
        )

    def _choose(self, event: Any) -> None:
        if not self._filling and event.new is not None:
            self.settings.choice = event.new

    def _set(self, name: str, value: Any) -> None:
        if value is None or self._filling:
            return
        item = self.settings.declared()[name]
        try:
            self.settings.set(**{name: from_text(value, item) if is_typed(item) else item.check(value)})
        except ValueError as error:
            self.settings.refuse(name, str(error))

    def _follow(self) -> None:
        """Show the values as they are; what was refused stays as it was typed."""
        items = self.settings.declared()
        with self._filling_in():
            for name, widget in self.widgets.items():
                if name in items and name not in self.settings.problems:
                    self._show(items[name], widget)
        self.mark()

    def _show(self, item: Hyperparameter, widget: pn.widgets.Widget) -> None:
        value = self.settings.value(item.name)
        if not is_typed(item):
            if widget.value != value:
                widget.value = value
        elif _meaning(widget.value, item) != value:
            widget.value = as_text(value)

    def mark(self, problem: str = "") -> None:
        """Mark the controls that hold what is not allowed, and the one that a problem of the whole names.

        Parameters
        ----------
        problem
            What the class itself says of its hyperparameters together; begins with the name of one in backticks.
        """
        named = re.match(r"`(\w+)`", problem)
        problems = {named[1]: problem, **self.settings.problems} if named else self.settings.problems
        for name, widget in self.widgets.items():
            if "error_state" in widget.param:
                words = problems.get(name, "").replace(f"`{name}`: ", "")
                widget.param.update(error_state=bool(words), helper_text=words)
        self._show_some()

    @contextmanager
    def _filling_in(self) -> Iterator[None]:
        """While the controls themselves change, that sets nothing."""
        before, self._filling = self._filling, True
        try:
            yield
        finally:
            self._filling = before

    def __panel__(self) -> pn.viewable.Viewable:
        return self.area


def _meaning(text: str, item: Hyperparameter) -> Any:
    """What a text means; None where it means nothing that is allowed."""
    try:
        return from_text(text, item)
    except ValueError:
        return None
