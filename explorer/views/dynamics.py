"""Molecular dynamics with the fitted model: settings, a button, a player, and the traces."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import numpy as np
import panel as pn
import panel_material_ui as pmui
import param

from potscope.core import dynamics
from potscope.explorer import plots
from potscope.explorer.session import DYNAMICS_JOB, MEV, DynamicsSettings, Session
from potscope.explorer.structure_view import StructureView
from potscope.explorer.views.code import CodeButton
from potscope.explorer.views.controls import GRID
from potscope.explorer.views.jobs import JobProgress
from potscope.explorer.views.layout import chip, html, number
from potscope.explorer.views.plot import pane

LAYOUT = """
:host { display: grid !important; grid-template-columns: minmax(280px, 400px) minmax(0, 1fr) minmax(0, 1fr);
        grid-template-rows: minmax(0, 1fr); grid-auto-rows: 0; gap: 8px 14px; padding: 6px 14px 4px; box-sizing: border-box; height: 100%; }
@container (max-width: 760px) {
  :host { grid-template-columns: minmax(0, 1fr); grid-template-rows: none; grid-auto-rows: minmax(230px, auto); overflow-y: auto; }
}
"""

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
    """Runs from the selected structure; frames appear in the 3D view as they come and can be played afterwards."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self.session = session
        self.controls = {name: control(session.dynamics, name) for name in CONTROLS}
        self.button = pmui.Button(
            label="Run", variant="contained", color="primary", margin=0, sizing_mode="stretch_width",
            on_click=lambda _: session.start_dynamics(),
        )  # fmt: skip
        self.words = html()
        self.progress = JobProgress(session, DYNAMICS_JOB)
        self.player = pmui.Player(
            start=0, end=1, value=0, interval=60, loop_policy="loop", show_value=False, show_loop_controls=False,
            visible_buttons=["first", "previous", "pause", "play", "next", "last"], sizing_mode="stretch_width",
            size="small", margin=0, visible=False,
        )  # fmt: skip
        self.code = CodeButton(session, "dynamics")
        self.energy_words, self.temperature_words = html(), html()
        self.energies, self.temperatures = self._traces()
        self.player.param.watch(self._play, "value")
        session.param.watch(lambda *_: self._follow(), ["trajectory", "fit", "selected", "dataset"])
        session.dynamics.param.watch(lambda *_: self._follow(), ["repeats", "ensemble", "steps", "timestep"])
        session.jobs.param.watch(lambda *_: self._follow(), ["title", "waiting"])
        self._follow()

    def play_in(self, structure: StructureView) -> None:
        """Let the browser move the frames of a 3D view with the player, without asking Python."""
        self.player.jslink(structure, value="frame")

    def _traces(self) -> tuple[pn.pane.HoloViews, pn.pane.HoloViews]:
        frames = hv.streams.Params(self.session, ["trajectory"])
        energies = hv.DynamicMap(lambda trajectory: plots.energy_traces(*_columns(trajectory)[:3]), streams=[frames])
        temperatures = hv.DynamicMap(
            lambda trajectory: plots.temperature_trace(_columns(trajectory)[0], _columns(trajectory)[3]),
            streams=[frames],
        )
        return pane(energies), pane(temperatures)

    def _play(self, event: Any) -> None:
        if event.new < len(self.session.trajectory):
            self.session.param.update(frame=event.new, showing="trajectory")

    def _follow(self) -> None:
        session, settings = self.session, self.session.dynamics
        running = session.jobs.title == DYNAMICS_JOB or DYNAMICS_JOB in session.jobs.waiting
        frames = len(session.trajectory)
        self.button.param.update(visible=not running, disabled=session.fit is None)
        self.controls["friction"].visible = settings.ensemble == "langevin"
        self.player.visible = frames > 1 and not running
        if self.player.visible and self.player.end != frames - 1:
            self.player.param.update(end=frames - 1, value=frames - 1)
        if session.fit is None:
            self.words.object = '<span class="quiet">Fit a potential first: the dynamics runs with it.</span>'
        else:
            atoms = len(session.start_atoms())
            time = settings.steps * settings.timestep / 1000
            self.words.object = (
                f'<span class="quiet">From <b>{session.dataset.ids[session.selected]}</b>: {atoms} atoms, '
                f"{time:g} ps with {session.fit.label}.</span>"
            )
        self._describe()

    def _describe(self) -> None:
        time_f, _, _, temperature_f = _columns(self.session.trajectory)
        drift = ""
        if len(time_f) > 2 and self.session.dynamics.ensemble == "nve":
            slope = number(dynamics.energy_drift(self.session.trajectory), 2, "meV/atom/ps", sign=True)
            drift = f'<span class="chip quiet number">drift of the total {slope}</span>'
        self.energy_words.object = (
            '<div class="chips"><span class="title">Energy</span>'
            + "".join(chip(colour, name) for name, colour in plots.ENERGY_COLOURS.items())
            + f"{drift}</div>"
        )
        self.temperature_words.object = '<span class="title">Temperature</span>'
        if len(time_f) < 3:
            return
        mean, spread = np.mean(temperature_f), np.std(temperature_f)
        self.temperature_words.object += f' <span class="quiet number">{mean:.0f} ± {spread:.0f} K</span>'

    def __panel__(self) -> pn.viewable.Viewable:
        stretch: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
        left = pn.Column(
            pn.Column(*self.controls.values(), stylesheets=[GRID], **stretch),
            self.words,
            self.button,
            self.progress,
            self.player,
            self.code,
            styles={"gap": "10px", "overflow-y": "auto", "padding": "8px 0"},
            sizing_mode="stretch_both",
            margin=0,
        )
        plots_ = [
            pn.Column(words, plot, sizing_mode="stretch_both", margin=0)
            for words, plot in ((self.energy_words, self.energies), (self.temperature_words, self.temperatures))
        ]
        return pn.Column(left, *plots_, sizing_mode="stretch_both", margin=0, stylesheets=[LAYOUT])


def _columns(trajectory: list[Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Times (fs), potential and total energies (meV/atom), temperatures (K) of the frames."""
    if not trajectory:
        return np.empty(0), np.empty(0), np.empty(0), np.empty(0)
    n_atoms = len(trajectory[0].atoms)
    time_f = np.array([frame.time for frame in trajectory])
    potential_f = np.array([frame.potential_energy for frame in trajectory]) * MEV / n_atoms
    kinetic_f = np.array([frame.kinetic_energy for frame in trajectory]) * MEV / n_atoms
    return time_f, potential_f, potential_f + kinetic_f, np.array([frame.temperature for frame in trajectory])
