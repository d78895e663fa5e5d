"""Long work on the screen: how far it is, a way to stop it, and what went wrong."""

from __future__ import annotations

from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui

from potscope.explorer.jobs import Jobs
from potscope.explorer.session import Session
from potscope.explorer.views.layout import html

ON_DARK = """
:host { color: #ffffff; font-size: 13px; white-space: nowrap; text-align: right; font-variant-numeric: tabular-nums; }
.bar { display: inline-block; width: 110px; height: 6px; margin: 0 8px; border-radius: 3px; background: #ffffff40; }
.bar i { display: block; height: 100%; border-radius: 3px; background: #ffffff; transition: width 0.15s linear; }
"""


class JobProgress(pn.viewable.Viewer):
    """Progress and cancel of the running job, or of the jobs of one title; nothing while there is none.

    Parameters
    ----------
    session
        The session.
    title
        Title of the jobs to show; all of them without it.
    compact
        On one line, for the dark bar at the top of the page.
    jobs
        Which jobs; the session's long work without it.
    """

    def __init__(
        self,
        session: Session,
        title: str | None = None,
        compact: bool = False,
        jobs: Jobs | None = None,
        **params: Any,
    ) -> None:
        super().__init__(**params)
        self.session, self._title, self._compact = session, title, compact
        self._jobs = jobs = jobs or session.jobs
        self.bar = pmui.LinearProgress(value=0, max=100, sizing_mode="stretch_width", margin=0, variant="determinate")
        self.words = html()
        self.cancel = pmui.Button(
            label="Cancel", variant="outlined", size="small", color="error", margin=0,
            on_click=lambda _: jobs.cancel(title),
        )  # fmt: skip
        self.area = self._one_line() if compact else self._two_lines()
        jobs.param.watch(lambda *_: self._follow(), ["title", "fraction", "message", "cancelling", "waiting"])
        self._follow()

    def _two_lines(self) -> pn.Column:
        stretch: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
        line = pn.Row(self.words, self.cancel, styles={"align-items": "center"}, **stretch)
        return pn.Column(self.bar, line, styles={"gap": "6px"}, **stretch)

    def _one_line(self) -> pn.Row:
        self.words.param.update(sizing_mode=None, width=280, stylesheets=[ON_DARK], align="center")
        self.cancel.param.update(color="light", variant="text", align="center")
        return pn.Row(self.words, self.cancel, margin=0, align="center", styles={"gap": "10px"})

    def _follow(self) -> None:
        jobs = self._jobs
        mine = bool(jobs.title) if self._title is None else jobs.title == self._title
        waits = self._title in jobs.waiting
        self.area.visible = mine or waits
        self.cancel.disabled = jobs.cancelling
        percent = f"{100 * jobs.fraction:.0f}"
        words = escape("stopping" if jobs.cancelling else jobs.title if self._compact else jobs.message)
        if self._compact:
            self.words.object = f'{words}<span class="bar"><i style="width:{percent}%"></i></span>{percent} %'
        elif mine:
            # until the work says how far it is, the bar says only that it goes on
            known = jobs.fraction > 0
            self.bar.param.update(variant="determinate" if known else "indeterminate", value=round(100 * jobs.fraction))
            shown = f'<span class="number">{percent} %</span> ' if known else ""
            self.words.object = f'{shown}<span class="quiet">{words or escape(jobs.title)}</span>'
        elif waits:
            self.bar.param.update(variant="determinate", value=0)
            self.words.object = f'<span class="quiet">waits for: {escape(jobs.title)}</span>'

    def __panel__(self) -> pn.viewable.Viewable:
        return self.area


class ProblemView(pn.viewable.Viewer):
    """What went wrong with the last job, with the traceback for those who want it."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self.session = session
        self.details = html(styles={"max-height": "300px", "overflow": "auto"})
        self.alert = pmui.Alert(
            self.details, severity="error", closeable=True, visible=False, margin=0, sizing_mode="stretch_width"
        )
        session.jobs.param.watch(lambda *_: self._follow(), "error")

    def _follow(self) -> None:
        jobs = self.session.jobs
        self.alert.param.update(
            title=f"{jobs.last_title} failed: {jobs.error}" if jobs.error else "", visible=bool(jobs.error)
        )
        self.details.object = f"<details><summary>Traceback</summary><pre>{escape(jobs.details)}</pre></details>"

    def __panel__(self) -> pn.viewable.Viewable:
        return self.alert
