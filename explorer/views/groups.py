"""What the fit takes for single groups of the data: a table of a line for each, out of the way until it is wanted."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any, ClassVar

import panel as pn
import panel_material_ui as pmui
import param

from potscope.explorer import style
from potscope.explorer.session import Session
from potscope.explorer.texts import as_text
from potscope.explorer.views.layout import html

STYLE = f"""
.groups {{ max-height: 210px; overflow: auto; color: var(--panel-on-surface-color);
          font: 13px var(--bokeh-base-font, sans-serif); }}
table {{ border-collapse: collapse; width: 100%; max-width: 620px; }}
th {{ position: sticky; top: 0; background: var(--panel-surface-color); font-weight: normal; font-size: 11px;
     text-align: left; padding: 2px 8px 2px 0; opacity: 0.8; }}
td {{ padding: 1px 8px 1px 0; }}
td:first-child {{ max-width: 150px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }}
i {{ display: inline-block; width: 9px; height: 9px; border-radius: 50%; margin-right: 5px; }}
input {{ width: 100%; min-width: 60px; box-sizing: border-box; font: inherit; color: inherit; background: none;
        border: 1px solid rgba(128, 138, 150, 0.45); border-radius: 4px; padding: 2px 7px; }}
input:focus {{ outline: 2px solid {style.CATEGORICAL[0]}; outline-offset: -1px; }}
input::placeholder {{ color: inherit; opacity: 0.5; }}
"""

SHOW, HIDE = "Settings of groups", "Hide the settings of groups"


class GroupTable(pn.custom.JSComponent):
    """A line for each group, an input for each number."""

    rows = param.List(default=[], doc="name and colour of each group")
    columns = param.List(default=[], doc="name, title, and what is used where nothing is typed")
    values = param.Dict(default={}, doc="texts by group and column")
    disabled = param.Boolean(default=False)
    edited = param.Dict(default={}, doc="what was typed last: group, field, text")

    _esm: ClassVar[Any] = Path(__file__).parent / "group_table.js"
    _stylesheets: ClassVar[list[str]] = [STYLE]


class GroupsView(pn.viewable.Viewer):
    """Nothing for families that take no settings of groups, nor for data of a single group."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self.session = session
        self.toggle = pmui.Button(variant="text", size="small", margin=0, on_click=lambda _: self._turn())
        self.table = GroupTable(sizing_mode="stretch_width", margin=0, visible=False)
        self.problem = html(visible=False)
        self.area = pn.Column(self.toggle, self.problem, self.table, sizing_mode="stretch_width", margin=0)
        self.table.param.watch(self._edited, "edited")
        session.groups.param.watch(lambda *_: self._follow(), ["values", "problem"])
        session.model.param.watch(lambda *_: self._follow(), ["choice", "values"])
        session.param.watch(lambda *_: self._follow(), "dataset")
        self._follow()

    def _turn(self) -> None:
        self.table.visible = not self.table.visible
        self._follow()

    def _edited(self, event: Any) -> None:
        if event.new:
            self.session.groups.set(event.new["group"], event.new["field"], event.new["text"])

    def _follow(self) -> None:
        groups, data = self.session.groups, self.session.dataset
        self.area.visible = groups.kind is not None and len(data.group_sizes) > 1
        if not self.area.visible:
            return
        colours, defaults = style.group_colours(data.groups), groups.defaults()
        units = {name: item.unit if item else "" for name, item in groups.fields().items()}
        set_ = len(groups.values)
        self.toggle.label = (HIDE if self.table.visible else SHOW) + (f" ({set_} set)" if set_ else "")
        self.table.param.update(
            rows=[{"name": group, "colour": colour} for group, colour in colours.items()],
            columns=[
                {
                    "name": name,
                    "title": f"{name} {groups.word} ({unit})" if unit else f"{name} {groups.word}",
                    "fallback": as_text(defaults[name]),
                }
                for name, unit in units.items()
            ],
            values={
                group: {name: as_text(value) for name, value in numbers.items()}
                for group, numbers in groups.values.items()
            },
        )
        self.table.param.trigger("values")  # also what was refused is drawn as it is set
        words = f'<span class="worse">{escape(groups.problem)}</span>'
        self.problem.param.update(object=words, visible=bool(groups.problem))

    def __panel__(self) -> pn.viewable.Viewable:
        return self.area
