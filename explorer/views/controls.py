"""Controls made from declared hyperparameters: a new descriptor or model needs none of its own."""

from __future__ import annotations

from typing import Any

import panel as pn
import panel_material_ui as pmui

from potscope.core.hyperparameters import Hyperparameter
from potscope.explorer.settings import Settings
from potscope.explorer.views.layout import GRID_ONLY

GRID = """
:host {
  display: grid !important;
  grid-template-columns: repeat(auto-fill, minmax(max(148px, 22%), 1fr));
  gap: 10px 12px;
  align-content: start;
}
"""


def label(item: Hyperparameter) -> str:
    """The name of a hyperparameter with its unit, as a person reads it."""
    name = item.name.replace("_", " ")
    return f"{name} ({item.unit})" if item.unit else name


def tooltip(item: Hyperparameter) -> str:
    """What it means, and what it may be."""
    limits = (
        f" From {item.bounds[0]:g} to {item.bounds[1]:g}{' ' + item.unit if item.unit else ''}." if item.bounds else ""
    )
    return f"{item.doc.rstrip('.')}.{limits}"


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
    start, end = item.bounds if item.bounds is not None else (None, None)
    if item.type is int:
        whole = {"start": None if start is None else int(start), "end": None if end is None else int(end)}
        return pmui.IntInput(step=1, **whole, **common)
    return pmui.FloatInput(start=start, end=end, step=step(float(value)), **common)


def step(value: float) -> float:
    """A step for a number of this size: a tenth of its leading power of ten."""
    return float(f"1e{int(f'{abs(value):e}'.split('e')[1]) - 1}") if value else 0.1


class SettingsControls(pn.viewable.Viewer):
    """The choice among the classes of a registry, and the controls of the one chosen.

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
        self.choice = pmui.Select(
            label=kind,
            options=list(settings.param["choice"].objects),
            value=settings.choice,
            size="small",
            sizing_mode="stretch_width",
            margin=0,
        )
        self.choice.param.watch(lambda event: settings.param.update(choice=event.new), "value")
        self.widgets: dict[str, pn.widgets.Widget] = {}
        self.grid = pn.Column(sizing_mode="stretch_width", margin=0, stylesheets=[GRID, GRID_ONLY])
        settings.param.watch(lambda _: self._fill(), "choice")
        settings.param.watch(lambda _: self._fill(), "choice", what="objects")
        settings.param.watch(lambda _: self._follow(), "values")
        self._fill()

    def _fill(self) -> None:
        self.choice.param.update(
            options=list(self.settings.param["choice"].objects),
            value=self.settings.choice,
            description=self.settings.title,
        )
        items = self.settings.declared()
        self.widgets = {name: control(item, self.settings.value(name)) for name, item in items.items()}
        for name, widget in self.widgets.items():
            widget.param.watch(lambda event, name=name: self._set(name, event.new), "value")
        self.grid.objects = [self.choice, *self.widgets.values()]

    def _set(self, name: str, value: Any) -> None:
        if value is not None:
            self.settings.set(**{name: value})

    def _follow(self) -> None:
        for name, widget in self.widgets.items():
            if name in self.settings.declared() and widget.value != self.settings.value(name):
                widget.value = self.settings.value(name)

    def __panel__(self) -> pn.viewable.Viewable:
        return self.grid
