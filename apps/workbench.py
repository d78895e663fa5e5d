"""The workbench: one page on which a dataset is looked at, fitted, tested and set in motion.

    panel serve apps/workbench.py

serves it with the bundled silicon; the `potscope` command does the same and takes files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui
from bokeh.document import Document
from panel.io.state import set_curdoc

from potscope import sample_data
from potscope.core import Dataset
from potscope.explorer import style, work
from potscope.explorer.opened import Opened
from potscope.explorer.session import Session
from potscope.explorer.views import (
    CompareView,
    DataView,
    DynamicsView,
    ExplainView,
    FitView,
    HeaderView,
    InspectorView,
    MapView,
    ParityView,
    PotentialView,
    ProblemView,
    TableView,
)
from potscope.explorer.views.data import Source
from potscope.explorer.views.layout import GRID_ONLY, card

FIRST_SET = "silicon"
FIT_TAB, PARITY_TAB, TABLE_TAB, COMPARE_TAB, EXPLAIN_TAB, DYNAMICS_TAB = range(6)

LAYOUT = """
:host {
  display: grid !important;
  grid-template: "map inspector" minmax(0, 1fr) "work work" clamp(345px, 36vh, 460px) / minmax(0, 1fr) minmax(0, 1fr);
  gap: 10px;
  padding: 10px;
  box-sizing: border-box;
  height: 100%;
  background: var(--panel-background-color);
}
:host > .problem {
  position: absolute;
  z-index: 10;
  top: 10px;
  left: 50%;
  transform: translateX(-50%);
  width: min(760px, 92%);
}
:host > .map { grid-area: map; }
:host > .inspector { grid-area: inspector; }
:host > .work { grid-area: work; }
:host > * { min-width: 0; min-height: 0 !important; }
@media (max-width: 1150px) {
  :host {
    grid-template: "map" 400px "inspector" 460px "work" 520px / minmax(0, 1fr);
    overflow-y: auto;
  }
}
@media (min-width: 1151px) and (max-height: 760px) {
  :host { grid-template-rows: 400px 380px; overflow-y: auto; }
}
"""


# A page that is being drawn may be seen, but not yet used: until the browser reports that all of it is there, Panel
# takes every change for part of the first drawing and does not send it.
PAGE = "#loader { background: none; cursor: progress; }"


# Panel adds up the least heights of what lies side by side in the tabs
TABS = ":host, :host > .tabs { min-height: 0 !important; }"


@cache
def bundled(name: str) -> Dataset:
    """A bundled dataset, read once for all sessions."""
    return sample_data.load(name)


def bundled_first() -> Dataset:
    """The dataset that a newcomer sees."""
    return bundled(FIRST_SET)


def sources() -> list[Source]:
    """The bundled datasets, that of the newcomer first."""
    entries = sorted(sample_data.list(), key=lambda entry: (entry.name != FIRST_SET, entry.title))
    return [
        Source(entry.name, entry.title, entry.description, entry.method, partial(bundled, entry.name))
        for entry in entries
    ]


def workbench(
    dataset: Dataset | None = None,
    files: Sequence[str | Path] = (),
    keys: Mapping[str, str] | None = None,
    potential: Opened | None = None,
) -> pmui.Page:
    """The page of one browser session.

    Parameters
    ----------
    dataset
        What to open; the bundled silicon without it.
    files, keys
        Where it was read from, and the keys that `Dataset.read` was asked to use.
    potential
        One to look at the data with.
    """
    if dataset is None or (not files and dataset is bundled_first()):
        return open_page(new_session(bundled_first(), sample=FIRST_SET), potential)
    return open_page(new_session(dataset, files, keys), potential)


def new_session(
    dataset: Dataset, files: Sequence[str | Path] = (), keys: Mapping[str, str] | None = None, sample: str = ""
) -> Session:
    """A session whose jobs report to the page that is being made, if one is."""
    document = served_document()
    post = None if document is None else poster(document)
    return Session(dataset, post=post, files=[Path(file) for file in files], keys=dict(keys or {}), sample=sample)


def open_page(session: Session, potential: Opened | None = None) -> pmui.Page:
    """The page of a session, with its map where that is known; else the map follows once the page is there.

    So does what a potential says of the data.
    """
    session.structure_map = work.known_map(session.dataset, session.build_map_descriptor(), session.build_map_kernel())
    page = lay_out(session)
    if served_document() is not None:
        if session.structure_map is None:
            pn.state.onload(session.start_map)
        if potential is not None:
            pn.state.onload(lambda: session.opening.take(potential))
        pn.state.on_session_destroyed(lambda _: session.close())
    return page


def prepare(dataset: Dataset) -> None:
    """Compute the map that the first page will show, while the browser still loads it."""
    session = Session(dataset)
    work.compute_map(dataset, session.build_map_descriptor(), session.build_map_kernel())


def served_document() -> Document | None:
    """The document of the page that is being made; None in scripts and tests without a server."""
    document = pn.state.curdoc
    return document if document is not None and document.session_context is not None else None


def poster(document: Document) -> Callable[[Callable[[], None]], Any]:
    """A function that makes calls on a document's own thread, with the document set as Panel's current one.

    Once the page is gone it makes none.
    """

    def post(call: Callable[[], None]) -> None:
        if document.session_context is None or document.session_context.destroyed:
            return

        def in_document() -> None:
            with set_curdoc(document):
                call()

        document.add_next_tick_callback(in_document)

    return post


def lay_out(session: Session) -> pmui.Page:
    """The views of a session, on one page."""
    inspector = InspectorView(session)
    tabs = pmui.Tabs(
        ("Fit", FitView(session)),
        ("Parity", ParityView(session)),
        ("Table", TableView(session)),
        ("Compare", CompareView(session)),
        ("Neighbours", ExplainView(session)),
        ("Simulation", DynamicsView(session)),
        sizing_mode="stretch_both",
        stylesheets=[TABS],
        margin=0,
    )
    areas = {
        "problem": pn.Column(ProblemView(session), sizing_mode="stretch_width", margin=0),
        "map": MapView(session).__panel__(),
        "inspector": inspector.__panel__(),
        "work": card(tabs),
    }
    for name, area in areas.items():
        area.css_classes = [name]
    page = pmui.Page(
        title="potscope",
        header=[HeaderView(session)],
        sidebar=[DataView(session, sources()), PotentialView(session)],
        sidebar_width=290,
        main=[pn.Column(*areas.values(), sizing_mode="stretch_both", margin=0, stylesheets=[LAYOUT, GRID_ONLY])],
        theme_config=style.THEME,
        theme_toggle=True,
        busy_indicator=None,
        raw_css=[PAGE],
    )
    _connect(session, page, tabs, inspector)
    return page


def _connect(session: Session, page: pmui.Page, tabs: pmui.Tabs, inspector: InspectorView) -> None:
    """What happens between views: tabs that have something to show open, the theme reaches the 3D view."""

    def follow_fit(*_: Any) -> None:
        tabs.disabled = [PARITY_TAB, DYNAMICS_TAB] if session.fit is None else []
        tabs.active = FIT_TAB if session.fit is None else PARITY_TAB

    def follow_tab(*_: Any) -> None:
        session.environment.shown = tabs.active == EXPLAIN_TAB
        if tabs.active == EXPLAIN_TAB:
            session.showing = "structure"
        elif tabs.active == DYNAMICS_TAB and session.trajectory:
            session.showing = "trajectory"

    session.param.watch(follow_fit, "fit")
    tabs.param.watch(follow_tab, "active")
    follow_fit()
    page.link(inspector, dark_theme="dark")
    inspector.dark = page.dark_theme


if pn.state.served:
    workbench().servable()
