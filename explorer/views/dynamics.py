"""Molecular dynamics with the fitted model: settings, a button, and the traces."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import holoviews as hv
import numpy as np
import panel as pn
import panel_material_ui as pmui
import param

from potscope.core import dynamics
from potscope.core.dynamics import Frame
from potscope.explorer import plots
from potscope.explorer.session import DYNAMICS_JOB, MEV, Session
from potscope.explorer.settings import DynamicsSettings
from potscope.explorer.views.code import CodeButton
from potscope.explorer.views.controls import GRID
from potscope.explorer.views.jobs import JobProgress
from potscope.explorer.views.layout import GRID_ONLY, chip, html, number
from potscope.explorer.views.plot import pane

LAYOUT = """
:host { display: grid !important; grid-template-columns: minmax(280px, 400px) minmax(0, 1fr) minmax(0, 1fr);
        grid-template-rows: minmax(0, 1fr); gap: 8px 14px; padding: 6px 14px 4px; box-sizing: border-box; }
@container (max-width: 760px) {
  :host { grid-template: none / minmax(0, 1fr); grid-auto-rows: minmax(230px, auto); overflow-y: auto; }
}
"""

MOST_POINTS = 2000

CONTROLS = ("ensemble", "temperature", "timestep", "steps", "every", "repeats", "friction", "seed")
LABELS = {
    "temperature": "temperature (K)",
    "timestep": "time step (fs)",
    "every": "steps a frame",
    "friction": "friction (1/fs)",
    "repeats": "repeat the cell",
}


def control(settings: DynamicsSettings, name: str) -> pn.widgets.Widget:
    """The widget of one of the settings."""
    parameter = settings.param[name]
    common: dict[str, Any] = {
        "label": LABELS.get(name, name),
        "description": parameter.doc,
        "size": "small",
        "margin": 0,
        "sizing_mode": "stretch_width",
    }
    if isinstance(parameter, param.Selector):
        return pmui.Select.from_param(parameter, **common)
    if isinstance(parameter, param.Integer):
        return pmui.IntInput.from_param(parameter, **common)
    return pmui.FloatInput.from_param(parameter, **common)


class DynamicsView(pn.viewable.Viewer):
    """Runs from the selected structure; frames appear in the 3D view as they come."""

    traces = param.Array(
        default=np.empty((4, 0)), doc="Times, potential and total energies, temperatures of the frames."
    )

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self.session = session
        self._first: Frame | None = None
        self._ensemble = session.dynamics.ensemble
        self.controls = {name: control(session.dynamics, name) for name in CONTROLS}
        self.button = pmui.Button(
            label="Run", variant="contained", color="primary", margin=0, sizing_mode="stretch_width",
            on_click=lambda _: self._run(),
        )  # fmt: skip
        self.words = html()
        self.progress = JobProgress(session, DYNAMICS_JOB)
        self.code = CodeButton(session, "dynamics")
        self.energy_words, self.temperature_words = html(), html()
        self.energies, self.temperatures = self._plots()
        session.param.watch(lambda *_: self._take_frames(), "trajectory")
        session.param.watch(lambda *_: self._offer(), ["fit", "selected", "dataset"])
        session.dynamics.param.watch(lambda *_: self._offer(), ["repeats", "ensemble", "steps", "timestep"])
        session.jobs.param.watch(lambda *_: self._offer(), ["title", "waiting"])
        self._offer()

    def _plots(self) -> tuple[pn.pane.HoloViews, pn.pane.HoloViews]:
        stream = hv.streams.Params(self, ["traces"])
        energies = hv.DynamicMap(lambda traces: plots.energy_traces(*_thinned(traces)[:3]), streams=[stream])
        temperatures = hv.DynamicMap(
            lambda traces: plots.temperature_trace(*_thinned(traces)[[0, 3]]), streams=[stream]
        )
        return pane(energies), pane(temperatures)

    @property
    def _running(self) -> bool:
        jobs = self.session.jobs
        return jobs.title == DYNAMICS_JOB or DYNAMICS_JOB in jobs.waiting

    def _take_frames(self) -> None:
        """Add the numbers of the frames that have come to the traces."""
        frames = self.session.trajectory
        same_run = bool(frames) and frames[0] is self._first and len(frames) >= self.traces.shape[1]
        known = self.traces if same_run else np.empty((4, 0))
        self._first = frames[0] if frames else None
        self.traces = np.hstack([known, _numbers(frames[known.shape[1] :])])
        self._describe()

    def _offer(self) -> None:
        """What can be done now: run or cancel."""
        session, settings, running = self.session, self.session.dynamics, self._running
        self.button.param.update(visible=not running, disabled=session.fit is None)
        self.controls["friction"].visible = settings.ensemble == "langevin"
        if session.fit is None:
            self.words.object = '<span class="quiet">Fit a potential first: the dynamics runs with it.</span>'
        elif not running:
            time = settings.steps * settings.timestep / 1000
            self.words.object = (
                f'<span class="quiet">From <b>{escape(session.dataset.ids[session.selected])}</b>: '
                f"{len(session.start_atoms())} atoms, {time:g} ps with {session.fit.label}.</span>"
            )
        self._describe()

    def _describe(self) -> None:
        """The headings of the plots: which curve is which, and what the numbers come to."""
        frames, temperature_f = self.session.trajectory, self.traces[3]
        curves = "".join(chip(colour, name) for name, colour in plots.ENERGY_COLOURS.items())
        drift = temperature = ""
        if len(frames) > 2 and not self._running and self._ensemble == "nve":
            slope = number(dynamics.energy_drift(frames), 2, "meV/atom/ps", sign=True)
            drift = f'<span class="chip quiet number">drift of the total {slope}</span>'
        if len(temperature_f) > 2:
            mean, spread = temperature_f.mean(), temperature_f.std()
            temperature = f'<span class="chip quiet number">{mean:.0f} ± {spread:.0f} K</span>'
        self.energy_words.object = f'<div class="chips"><span class="title">Energy</span>{curves}{drift}</div>'
        self.temperature_words.object = f'<div class="chips"><span class="title">Temperature</span>{temperature}</div>'

    def _run(self) -> None:
        self._ensemble = self.session.dynamics.ensemble
        self.session.start_dynamics()

    def __panel__(self) -> pn.viewable.Viewable:
        stretch: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
        left = pn.Column(
            pn.Column(*self.controls.values(), stylesheets=[GRID, GRID_ONLY], **stretch),
            self.words,
            self.button,
            self.progress,
            self.code,
            styles={"gap": "10px", "overflow-y": "auto", "padding": "8px 0"},
            sizing_mode="stretch_both",
            margin=0,
        )
        plots_ = [
            pn.Column(words, plot, sizing_mode="stretch_both", margin=0)
            for words, plot in ((self.energy_words, self.energies), (self.temperature_words, self.temperatures))
        ]
        return pn.Column(left, *plots_, sizing_mode="stretch_both", margin=0, stylesheets=[LAYOUT, GRID_ONLY])


def _numbers(frames: Sequence[Frame]) -> np.ndarray:
    """Time (fs), potential and total energy (meV/atom) and temperature (K) of each frame, shape (4, frames)."""
    rows = [
        (frame.time, MEV * frame.potential_energy / len(frame.atoms), MEV * frame.total_energy / len(frame.atoms),
         frame.temperature)
        for frame in frames
    ]  # fmt: skip
    return np.array(rows, dtype=float).reshape(-1, 4).T


def _thinned(traces: np.ndarray) -> np.ndarray:
    """As many frames as a curve on the screen can show."""
    return traces[:, :: max(1, traces.shape[1] // MOST_POINTS)]
