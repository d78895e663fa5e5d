"""The table: every structure in a line, to be sorted by anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import panel as pn
import param

from potscope.explorer.session import Session

STYLE = """
.box { height: 100%; overflow: auto; position: relative; outline: none; color: var(--panel-on-surface-color);
       font: 13px var(--bokeh-base-font, sans-serif); font-variant-numeric: tabular-nums; }
.line { display: grid; grid-template-columns: var(--columns); height: 26px; line-height: 26px; }
.body { position: relative; }
.body .line { position: absolute; left: 0; right: 0; cursor: pointer; }
.line.odd { background: rgba(128, 138, 150, 0.08); }
.body .line:hover { background: rgba(128, 138, 150, 0.2); }
.body .line.selected { background: var(--panel-primary-color); color: var(--panel-on-primary-color); }
.head { position: sticky; top: 0; z-index: 1; height: 30px; line-height: 30px; background: var(--panel-surface-color);
        border-bottom: 1px solid rgba(128, 138, 150, 0.4); }
.box.wrapped .head { height: 40px; line-height: 16px; font-size: 12px; align-items: end; padding-bottom: 3px; }
.box.wrapped .head .cell { white-space: normal; padding: 0 4px; }
.box.wrapped .body .cell { padding: 0 4px; }
.cell { padding: 0 12px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; text-align: left; }
.cell.number { text-align: right; }
button.cell { font: inherit; font-weight: 600; color: inherit; background: none; border: none; cursor: pointer; }
"""


class Column:
    """A column of the table: its heading, and how its numbers are written; no digits for texts."""

    def __init__(self, title: str, digits: int | None = None, sign: bool = False, by_size: bool = False) -> None:
        self.title, self.digits, self.sign, self.by_size = title, digits, sign, by_size


COLUMNS = {
    "id": Column("structure"),
    "group": Column("group"),
    "formula": Column("formula"),
    "set": Column("used for"),
    "atoms": Column("atoms", 0),
    "energy": Column("energy (eV/atom)", 4),
    "energy_error": Column("energy error (meV/atom)", 1, sign=True, by_size=True),
    "energy_std": Column("± (meV/atom)", 1),
    "force_error": Column("largest force error (eV/Å)", 3),
}


class Table(pn.custom.JSComponent):
    """Columns of equal length, of which one line is selected."""

    columns = param.List(default=[], doc="name, title, digits and sign of each column")
    data = param.Dict(default={}, doc="values by column name")
    n_lines = param.Integer(default=0)
    by_size = param.List(default=[], doc="columns that are sorted without regard to the sign")
    sort_by = param.String(default="")
    falling = param.Boolean(default=True)
    wrapped = param.Boolean(default=False, doc="whether headings have two lines, where there is little room")
    selected = param.Integer(default=0)

    _esm: ClassVar[Any] = Path(__file__).parent / "table.js"
    _stylesheets: ClassVar[list[str]] = [STYLE]


class TableView(pn.viewable.Viewer):
    """All structures; a click on a line shows one. The worst stand on top once there is a fit."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self.session = session
        self.table = Table(sizing_mode="stretch_both", margin=0, min_height=150, selected=session.selected)
        self._fill()
        self.table.param.watch(self._choose, "selected")
        session.param.watch(lambda *_: self._fill(), ["dataset", "fit"])
        session.param.watch(lambda event: self.table.param.update(selected=event.new), "selected")

    def _fill(self) -> None:
        rows = self.session.table()
        shown = {name: column for name, column in COLUMNS.items() if name in rows}
        had_fit = "force_error" in self.table.data
        update: dict[str, Any] = {
            "columns": [
                {"name": name, "title": column.title, "digits": column.digits, "sign": column.sign}
                for name, column in shown.items()
            ],
            "by_size": [name for name, column in shown.items() if column.by_size],
            "n_lines": len(rows),
            "data": {name: _plain(rows[name].to_numpy()) for name in shown},
        }
        if not had_fit or self.table.sort_by not in shown:
            update["sort_by"] = "force_error" if "force_error" in shown else ""
        self.table.param.update(**update)

    def _choose(self, event: Any) -> None:
        if event.new != self.session.selected:
            self.session.select(int(event.new))

    def __panel__(self) -> pn.viewable.Viewable:
        return self.table


def _plain(values: np.ndarray) -> list[Any]:
    """Values that JSON has: None for NaN."""
    return [None if value != value else value for value in values.tolist()]
