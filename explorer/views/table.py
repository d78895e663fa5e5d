"""The table: every structure in a line, to be sorted by anything."""

from __future__ import annotations

from typing import Any

import panel as pn
import param
from bokeh.models.widgets.tables import NumberFormatter

from potscope.explorer.session import Session

TITLES = {
    "id": "structure",
    "group": "group",
    "formula": "formula",
    "atoms": "atoms",
    "energy": "energy (eV/atom)",
    "set": "used for",
    "energy_error": "energy error (meV/atom)",
    "energy_std": "± (meV/atom)",
    "force_error": "largest force error (eV/Å)",
}
FORMATS = {
    "energy": "0.0000",
    "energy_error": "+0.0",
    "energy_std": "0.0",
    "force_error": "0.000",
}


COMPACT = """
.tabulator, .tabulator .tabulator-cell, .tabulator .tabulator-col-title { font-size: 13px !important; }
.tabulator .tabulator-col-title { white-space: normal !important; line-height: 16px; }
.tabulator-row, .tabulator-cell, .tabulator-header .tabulator-col-content { min-height: 0 !important; }
.tabulator .tabulator-row .tabulator-cell { padding: 3px 10px !important; height: 26px; }
.tabulator .tabulator-header .tabulator-col .tabulator-col-content { padding: 5px 24px 5px 10px !important; }
"""


class TableView(pn.viewable.Viewer):
    """All structures; a click on a line shows one. The worst stand on top once there is a fit."""

    shown = param.Boolean(default=False, doc="Whether the table is in sight.")

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self.session = session
        self.area = pn.Column(sizing_mode="stretch_both", margin=0)
        self.table: pn.widgets.Tabulator | None = None
        session.param.watch(lambda *_: self._fill(), ["dataset", "fit"])
        session.param.watch(lambda *_: self._mark(), "selected")

    @param.depends("shown", watch=True)
    def _fill(self) -> None:
        """Make the table anew: one that is out of sight must not be changed, its script has nothing to change."""
        self.table = self._table() if self.shown else None
        self.area.objects = [self.table] if self.table else []

    def _table(self) -> pn.widgets.Tabulator:
        session = self.session
        worst = [{"field": "force_error", "dir": "desc"}] if session.fit is not None else []
        table = pn.widgets.Tabulator(
            session.table(),
            titles=TITLES,
            formatters={
                name: NumberFormatter(format=text, nan_format="–", text_align="right") for name, text in FORMATS.items()
            },
            text_align={"atoms": "right"},
            sorters=worst,
            selection=[session.selected],
            show_index=False,
            disabled=True,
            selectable=1,
            layout="fit_columns",
            sizing_mode="stretch_both",
            margin=0,
            min_height=150,
            stylesheets=[COMPACT],
        )
        table.param.watch(self._choose, "selection")
        return table

    def _choose(self, event: Any) -> None:
        if event.new and event.new[0] != self.session.selected:
            self.session.select(int(event.new[0]))

    def _mark(self) -> None:
        if self.table is not None and self.table.selection != [self.session.selected]:
            self.table.selection = [self.session.selected]

    def __panel__(self) -> pn.viewable.Viewable:
        return self.area
