"""Simulations with the fitted model, molecular dynamics or Monte Carlo: settings, a button, and the traces."""

from __future__ import annotations

from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param

from potscope.explorer.session import DYNAMICS_JOB, MONTE_CARLO_JOB, SIMULATIONS, Session
from potscope.explorer.views.code import CodeButton
from potscope.explorer.views.controls import GRID
from potscope.explorer.views.jobs import JobProgress
from potscope.explorer.views.layout import GRID_ONLY, html
from potscope.explorer.views.traces import DynamicsTraces, WalkTraces

LAYOUT = """
:host { display: grid !important; grid-template: minmax(0, 1fr) / minmax(280px, 400px) minmax(0, 1fr);
        gap: 8px 14px; padding: 6px 14px 4px; box-sizing: border-box; }
@container (max-width: 760px) {
  :host { grid-template: none / minmax(0, 1fr); grid-auto-rows: minmax(230px, auto); overflow-y: auto; }
}
"""

CONTROLS = {
    DYNAMICS_JOB: ("ensemble", "temperature", "timestep", "steps", "every", "repeats", "friction", "seed"),
    MONTE_CARLO_JOB: (
        "temperature", "sweeps", "equilibration", "displacement", "swaps", "volume", "pressure", "volume_step",
        "every", "repeats", "seed",
    ),
}  # fmt: skip
LABELS = {
    "temperature": "temperature (K)",
    "timestep": "time step (fs)",
    "friction": "friction (1/fs)",
    "repeats": "repeat the cell",
    "displacement": "step length (Å)",
    "swaps": "share of exchanges",
    "volume": "volume changes",
    "pressure": "pressure (GPa)",
    "volume_step": "step of ln V",
}
EVERY = {DYNAMICS_JOB: "steps a frame", MONTE_CARLO_JOB: "sweeps a frame"}


def label(kind: str, name: str) -> str:
    """What one of the settings is called."""
    return EVERY[kind] if name == "every" else LABELS.get(name, name)


def control(parameter: param.Parameter, name: str) -> pn.widgets.Widget:
    """The widget of one of the settings."""
    common: dict[str, Any] = {
        "label": name,
        "description": parameter.doc,
        "size": "small",
        "margin": 0,
        "sizing_mode": "stretch_width",
    }
    if isinstance(parameter, param.Selector):
        return pmui.Select.from_param(parameter, **common)
    if isinstance(parameter, param.Boolean):
        return pmui.Checkbox.from_param(parameter, **common)
    if isinstance(parameter, param.Integer):
        return pmui.IntInput.from_param(parameter, **common)
    return pmui.FloatInput.from_param(parameter, **common)


class DynamicsView(pn.viewable.Viewer):
    """Runs from the selected structure; frames appear in the 3D view as they come."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self.session = session
        self.choice = pmui.RadioButtonGroup.from_param(
            session.param.simulation, label="", size="small", margin=0, sizing_mode="stretch_width"
        )
        self._settings = {DYNAMICS_JOB: session.dynamics, MONTE_CARLO_JOB: session.monte_carlo}
        self.controls = {
            kind: {name: control(self._settings[kind].param[name], label(kind, name)) for name in names}
            for kind, names in CONTROLS.items()
        }
        self.grids = {
            kind: pn.Column(
                pn.Column(*controls.values(), stylesheets=[GRID, GRID_ONLY], sizing_mode="stretch_width", margin=0),
                sizing_mode="stretch_width",
                margin=0,
            )
            for kind, controls in self.controls.items()
        }
        self.button = pmui.Button(
            label="Run", variant="contained", color="primary", margin=0, sizing_mode="stretch_width",
            on_click=lambda _: session.start_simulation(),
        )  # fmt: skip
        self.words = html()
        self.progress = [JobProgress(session, kind) for kind in SIMULATIONS]
        self.code = CodeButton(session, "dynamics")
        self.traces = {DYNAMICS_JOB: DynamicsTraces(session), MONTE_CARLO_JOB: WalkTraces(session)}
        self.areas = {
            kind: pn.Column(traces, sizing_mode="stretch_both", margin=0, stylesheets=[GRID_ONLY])
            for kind, traces in self.traces.items()
        }
        session.param.watch(lambda *_: self._offer(), ["fit", "selected", "dataset", "simulation"])
        for settings in self._settings.values():
            settings.param.watch(lambda *_: self._offer(), list(settings.param))
        session.jobs.param.watch(lambda *_: self._offer(), ["title", "waiting"])
        self._offer()

    @property
    def _running(self) -> bool:
        jobs = self.session.jobs
        return any(kind in (jobs.title, *jobs.waiting) for kind in SIMULATIONS)

    def _offer(self) -> None:
        """What can be set, and what can be done now: run or cancel."""
        session, running = self.session, self._running
        for kind in SIMULATIONS:
            self.grids[kind].visible = self.areas[kind].visible = kind == session.simulation
        self.choice.disabled = running
        self.button.param.update(visible=not running, disabled=session.fit is None)
        self.controls[DYNAMICS_JOB]["friction"].visible = session.dynamics.ensemble == "langevin"
        walk, allowed = self.controls[MONTE_CARLO_JOB], session.monte_carlo.moves(session.atoms)
        for name, kind in (("swaps", "swaps"), ("volume", "volume"), ("pressure", "volume"), ("volume_step", "volume")):
            changes = name in ("swaps", "volume") or session.monte_carlo.volume
            walk[name].visible = allowed[kind] and changes
        if session.fit is None:
            self.words.object = '<span class="quiet">Fit a potential first: the simulation runs with it.</span>'
        elif not running:
            self.words.object = (
                f'<span class="quiet">From <b>{escape(session.dataset.ids[session.selected])}</b>: '
                f"{len(session.start_atoms())} atoms, {self._length()} with {escape(session.fit.label)}.</span>"
            )

    def _length(self) -> str:
        """How long the simulation will be, in words."""
        if self.session.simulation == DYNAMICS_JOB:
            return f"{self.session.dynamics.steps * self.session.dynamics.timestep / 1000:g} ps"
        settings = self.session.monte_carlo
        return f"{settings.equilibration} + {settings.sweeps} sweeps"

    def __panel__(self) -> pn.viewable.Viewable:
        left = pn.Column(
            self.choice,
            self.button,
            *self.progress,
            pn.Row(self.words, self.code, sizing_mode="stretch_width", margin=0),
            *self.grids.values(),
            styles={"gap": "10px", "overflow-y": "auto", "padding": "8px 0"},
            sizing_mode="stretch_both",
            margin=0,
        )
        right = pn.Column(*self.areas.values(), sizing_mode="stretch_both", margin=0, stylesheets=[GRID_ONLY])
        return pn.Column(left, right, sizing_mode="stretch_both", margin=0, stylesheets=[LAYOUT, GRID_ONLY])
