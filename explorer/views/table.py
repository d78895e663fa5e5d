"""The table: every structure in a line, to be sorted by anything."""

from __future__ import annotations

from typing import Any

import panel as pn
from bokeh.models.widgets.tables import NumberFormatter

from ..session import Session

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


class TableView(pn.viewable.Viewer):
    """All structures; a click on a line shows one. The worst stand on top once there is a fit."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self.session = session
        self.table = pn.widgets.Tabulator(
            session.table(),
            titles=TITLES,
            formatters={
                name: NumberFormatter(format=text, nan_format="–", text_align="right") for name, text in FORMATS.items()
            },
            show_index=False,
            disabled=True,
            selectable=1,
            pagination="local",
            page_size=100,
            layout="fit_data_stretch",
            sizing_mode="stretch_both",
            margin=0,
            min_height=150,
        )
        self.table.param.watch(self._choose, "selection")
        session.param.watch(lambda *_: self._fill(), ["dataset", "fit"])
        session.param.watch(lambda *_: self._mark(), "selected")
        self._mark()

    def _fill(self) -> None:
        table = self.session.table()
        worst = [{"field": "force_error", "dir": "desc"}] if "force_error" in table else []
        self.table.param.update(value=table, sorters=worst, selection=[self.session.selected])

    def _choose(self, event: Any) -> None:
        if event.new and event.new[0] != self.session.selected:
            self.session.select(int(event.new[0]))

    def _mark(self) -> None:
        if self.table.selection != [self.session.selected]:
            self.table.selection = [self.session.selected]

    def __panel__(self) -> pn.viewable.Viewable:
        return self.table
