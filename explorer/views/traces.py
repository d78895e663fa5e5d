"""What a simulation does to energies, temperature, acceptance and volume, frame by frame as it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import holoviews as hv
import numpy as np
import panel as pn
import panel_material_ui as pmui
import param

from potscope.core import dynamics
from potscope.core.dynamics import Frame
from potscope.core.monte_carlo import MonteCarloFrame
from potscope.explorer import plots
from potscope.explorer.session import MEV, SIMULATIONS, Session
from potscope.explorer.views.layout import GRID_ONLY, chip, html, number
from potscope.explorer.views.plot import area, pane

MOST_POINTS = 2000

ACCEPTANCE, VOLUME = "acceptance", "volume"

LAYOUT = """
:host { display: grid !important; grid-template: minmax(0, 1fr) / minmax(0, 1fr) minmax(0, 1fr); gap: 8px 14px; }
@container (max-width: 760px) {
  :host { grid-template: none / minmax(0, 1fr); grid-auto-rows: minmax(230px, auto); }
}
"""


class Traces(pn.viewable.Viewer):
    """Numbers of the frames so far, as curves with headings; `kind` are the frames that they are of."""

    kind: ClassVar[type[Frame]]
    rows: ClassVar[int]

    numbers = param.Array(doc="One row for each quantity, one column for each frame.")

    def __init__(self, session: Session, **params: Any) -> None:
        self._first: Frame | None = None
        super().__init__(numbers=np.empty((self.rows, 0)), **params)
        self.session = session
        stream = hv.streams.Params(self, ["numbers"])
        self.headings = html(), html()
        self.plots = tuple(area(pane(hv.DynamicMap(draw, streams=[stream]))) for draw in self.drawings())
        stretch: dict[str, Any] = {"sizing_mode": "stretch_both", "margin": 0}
        columns = [pn.Column(*panel, stylesheets=[GRID_ONLY], **stretch) for panel in self.panels()]
        self.area = pn.Column(*columns, stylesheets=[LAYOUT, GRID_ONLY], **stretch)
        session.param.watch(lambda *_: self.take(), "trajectory")
        session.jobs.param.watch(lambda *_: self.describe(), "title")
        self.describe()

    def panels(self) -> list[tuple[Any, ...]]:
        """What stands in each column."""
        return list(zip(self.headings, self.plots, strict=True))

    def drawings(self) -> tuple[Any, ...]:
        """Functions of the numbers that draw the plots."""
        raise NotImplementedError

    def row(self, frame: Any) -> tuple[float, ...]:
        """The numbers of a frame."""
        raise NotImplementedError

    def describe(self) -> None:
        """Write the headings: which curve is which, and what the numbers come to."""
        raise NotImplementedError

    @property
    def frames(self) -> Sequence[Frame]:
        """Those of the trajectory, if it is of this kind."""
        found: list[Frame] = self.session.trajectory
        return found if found and type(found[0]) is self.kind else []

    @property
    def running(self) -> bool:
        """Whether more frames are to come."""
        return self.session.jobs.title in SIMULATIONS

    def take(self) -> None:
        """Add the numbers of the frames that have come."""
        frames = self.frames
        same_run = bool(frames) and frames[0] is self._first and len(frames) >= self.numbers.shape[1]
        known = self.numbers if same_run else np.empty((self.rows, 0))
        self._first = frames[0] if frames else None
        new = np.array([self.row(frame) for frame in frames[known.shape[1] :]], dtype=float)
        self.numbers = np.hstack([known, new.reshape(-1, self.rows).T])
        self.describe()

    def __panel__(self) -> pn.viewable.Viewable:
        return self.area


class DynamicsTraces(Traces):
    """Energies and temperature of molecular dynamics over time."""

    kind = Frame
    rows = 4

    def drawings(self) -> tuple[Any, ...]:
        """Functions of the numbers that draw the plots."""
        return (
            lambda numbers: plots.energy_traces(*thinned(numbers)[:3]),
            lambda numbers: plots.temperature_trace(*thinned(numbers)[[0, 3]]),
        )

    def row(self, frame: Frame) -> tuple[float, ...]:
        """Time (fs), potential and total energy (meV/atom) and temperature (K)."""
        scale = MEV / len(frame.atoms)
        return frame.time, scale * frame.potential_energy, scale * frame.total_energy, frame.temperature

    def describe(self) -> None:
        """Write the headings: which curve is which, the drift at constant energy, the mean temperature."""
        temperature_f = self.numbers[3]
        curves = "".join(chip(colour, name) for name, colour in plots.ENERGY_COLOURS.items())
        drift = temperature = ""
        if len(self.frames) > 2 and not self.running and self.session.ran.get("ensemble") == "nve":
            slope = number(dynamics.energy_drift(list(self.frames)), 2, "meV/atom/ps", sign=True)
            drift = f'<span class="chip quiet number">drift of the total {slope}</span>'
        if len(temperature_f) > 2:
            mean, spread = temperature_f.mean(), temperature_f.std()
            temperature = f'<span class="chip quiet number">{mean:.0f} ± {spread:.0f} K</span>'
        energies, temperatures = self.headings
        energies.object = f'<div class="chips"><span class="title">Energy</span>{curves}{drift}</div>'
        temperatures.object = f'<div class="chips"><span class="title">Temperature</span>{temperature}</div>'


class WalkTraces(Traces):
    """Energy and acceptance of a Monte Carlo walk over its sweeps; the volume where that changes."""

    kind = MonteCarloFrame
    rows = 6

    def __init__(self, session: Session, **params: Any) -> None:
        self.second = pmui.RadioButtonGroup(
            options=[ACCEPTANCE, VOLUME], value=ACCEPTANCE, label="", size="small", margin=(2, 0), visible=False,
            sizing_mode="stretch_width",
        )  # fmt: skip
        super().__init__(session, **params)
        self.second.param.watch(lambda *_: self.describe(), "value")

    def drawings(self) -> tuple[Any, ...]:
        """Functions of the numbers that draw the plots."""
        return (
            lambda numbers: plots.walk_energy_trace(*thinned(numbers)[:2]),
            lambda numbers: plots.acceptance_traces(thinned(numbers)[0], thinned(numbers)[2:5]),
            lambda numbers: plots.volume_trace(*thinned(numbers)[[0, 5]]),
        )

    def panels(self) -> list[tuple[Any, ...]]:
        """What stands in each column; acceptance and volume share one."""
        energy, acceptance, volume = self.plots
        return [(self.headings[0], energy), (self.second, self.headings[1], acceptance, volume)]

    def row(self, frame: MonteCarloFrame) -> tuple[float, ...]:
        """Sweep, potential energy (meV/atom), accepted shares of each kind of trial, volume (Å³/atom)."""
        n_atoms, periodic = len(frame.atoms), frame.atoms.pbc.all()
        accepted = (frame.acceptance.get(move, np.nan) for move in plots.MOVE_COLOURS)
        volume = frame.volume / n_atoms if periodic else np.nan
        return frame.time, MEV * frame.potential_energy / n_atoms, *accepted, volume

    def describe(self) -> None:
        """Write the headings: the mean energy, what was accepted of each kind of trial, and the mean volume."""
        frames = [frame for frame in self.frames if isinstance(frame, MonteCarloFrame)]
        counted_f = np.array([not frame.equilibrating for frame in frames], dtype=bool)
        sampled = self.numbers[:, counted_f] if len(frames) == self.numbers.shape[1] else self.numbers[:, :0]
        changes = "pressure" in self.session.ran
        self.second.visible = changes
        shows_volume = changes and self.second.value == VOLUME
        self.plots[1].visible, self.plots[2].visible = not shows_volume, shows_volume
        energy = ""
        if sampled.shape[1] > 2:
            energy = f'<span class="chip quiet number">± {sampled[1].std():.1f} meV/atom after equilibration</span>'
        words = [chip(colour, move, _percent(frames, move)) for move, colour in plots.MOVE_COLOURS.items()]
        shown = "".join(words[:1] + words[1:2] * ("swaps" in self.session.ran) + words[2:] * changes)
        steps = ""
        if frames:
            steps = f'<span class="chip quiet number">steps up to {frames[-1].displacement:.2g} Å</span>'
        title = "Accepted"
        if shows_volume:
            title, shown, steps = "Volume", "", ""
        if shows_volume and sampled.shape[1] > 2:
            mean, spread = sampled[5].mean(), sampled[5].std()
            steps = f'<span class="chip quiet number">{mean:.2f} ± {spread:.2f} Å³/atom after equilibration</span>'
        first, second = self.headings
        first.object = f'<div class="chips"><span class="title">Energy</span>{energy}</div>'
        second.object = f'<div class="chips"><span class="title">{title}</span>{shown}{steps}</div>'


def _percent(frames: Sequence[MonteCarloFrame], move: str) -> str:
    share = frames[-1].acceptance.get(move) if frames else None
    return "" if share is None else f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def thinned(numbers: np.ndarray) -> np.ndarray:
    """As many frames as a curve on the screen can show."""
    return numbers[:, :: max(1, numbers.shape[1] // MOST_POINTS)]
