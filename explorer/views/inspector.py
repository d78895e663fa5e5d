"""The inspector: the selected structure, or the trajectory, in three dimensions, and what is known of it."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
import param
from ase import Atoms

from potscope.core.monte_carlo import MonteCarloFrame
from potscope.explorer import style
from potscope.explorer.colours import (
    ELEMENT,
    EXTRAPOLATION,
    FORCE,
    FORCE_ERROR,
    FORCE_STD,
    LOCAL_ENERGY,
    LOCAL_STD,
    AtomColours,
)
from potscope.explorer.session import MEV, SIMULATIONS, Session
from potscope.explorer.structure_view import StructureView
from potscope.explorer.views.layout import card, chip, facts, header, html, number

COLOURS = {
    ELEMENT: "element",
    FORCE: "reference force",
    FORCE_ERROR: "force error",
    LOCAL_ENERGY: "local energy",
    FORCE_STD: "force ±",
    LOCAL_STD: "local energy ±",
    EXTRAPOLATION: "extrapolation",
}

USES = {"train": " · for training", "test": " · for testing", "all": ""}
"""What a structure was for, by what its set is called; see `Fit.sets`."""

FEW_ATOMS = 8
NARROW = {"minWidth": "0", "paddingLeft": "6px", "paddingRight": "6px"}


def images(atoms: Atoms) -> tuple[int, int, int]:
    """How often a cell is drawn: one of few atoms twice along each vector, as otherwise no crystal is seen."""
    return (2, 2, 2) if len(atoms) < FEW_ATOMS else (1, 1, 1)


def _coloured(colours: AtomColours | None) -> dict[str, Any]:
    """What the 3D view needs to know of colours; None for those of the elements."""
    if colours is None:
        return {"scalars": None, "palette": list(style.SEQUENTIAL)}
    return {
        "palette": list(style.SEQUENTIAL),
        "scalars": colours.values_n,
        "scalar_name": colours.name,
        "scalar_unit": colours.unit,
        "clim": colours.limits,
    }


class InspectorView(pn.viewable.Viewer):
    """What is selected anywhere appears here."""

    dark = param.Boolean(default=False, doc="Whether the page is dark.")

    def __init__(self, session: Session, **params: Any) -> None:
        self.structure = StructureView(
            sizing_mode="stretch_both", margin=0, min_height=150, palette=list(style.SEQUENTIAL), keep_camera=False
        )
        super().__init__(**params)
        self.session = session
        self._run: Any = None
        self._first_scene = 0
        self._offering = False
        self.heading = html(sizing_mode="stretch_width")
        self.facts = html(styles={"padding": "6px 14px 10px"})
        small: dict[str, Any] = {"variant": "text", "size": "small", "margin": 0, "sx": NARROW}
        self.previous = pmui.Button(label="Previous", on_click=lambda _: session.step(-1), **small)
        self.next = pmui.Button(label="Next", on_click=lambda _: session.step(+1), **small)
        self.worst = pmui.Button(label="Worst", on_click=lambda _: session.select_worst(), visible=False, **small)
        self.colour = pmui.Select(label="atoms coloured by", size="small", width=135, margin=0)
        self.player = pmui.Player(
            start=0, end=1, value=0, interval=60, loop_policy="loop", show_value=False, show_loop_controls=False,
            visible_buttons=["first", "previous", "pause", "play", "next", "last"], sizing_mode="stretch_width",
            size="small", margin=(0, 14), visible=False,
        )  # fmt: skip
        self.player.jslink(self.structure, value="frame")  # the browser moves the atoms without asking Python
        self.player.param.watch(self._play, "value")
        self.colour.param.watch(self._choose_colour, "value")
        self.structure.param.watch(self._picked, "picked")
        session.param.watch(
            lambda *_: self._show(), ["selected", "dataset", "showing", "trajectory", "trajectory_colour"]
        )
        session.param.watch(lambda *_: self._colour(), ["colour_by", "fit", "of_atoms"])
        session.param.watch(lambda *_: self._mark(), "selected_atom")
        session.param.watch(lambda *_: self._describe(), ["selected_atom", "fit", "frame", "of_atoms"])
        session.jobs.param.watch(lambda *_: self._show_whole_trajectory(), "title")
        session.environment.param.watch(lambda *_: self._show(), ["shown", "explained"])
        session.environment.param.watch(lambda *_: self._colour_environment(), ["quantity", "neighbour"])
        self._show()

    @param.depends("dark", watch=True, on_init=True)
    def _follow_theme(self) -> None:
        scene = (style.DARK if self.dark else style.LIGHT)["scene"]
        self.structure.param.update(dark=self.dark, bgcolor=scene)

    # -- what is drawn -------------------------------------------------------------------------------------------

    @property
    def _live(self) -> bool:
        """Whether frames are coming in: then the last one is drawn alone, as sending all of them takes too long."""
        return self.session.jobs.title in SIMULATIONS

    def _show(self) -> None:
        session, view = self.session, self.structure
        if session.showing == "trajectory" and session.trajectory:
            frames = session.trajectory[-1:] if self._live else session.trajectory
            frame = 0 if self._live else min(session.frame, len(frames) - 1)
            # the camera stays where it is once the browser has seen a frame of this very run
            view.keep_camera = self._run is session.trajectory[0] and view.drawn >= self._first_scene
            view.param.update(
                object=[one.atoms for one in frames], repeat=(1, 1, 1), frame=frame, selected=[],
                **_coloured(session.trajectory_colours(frames)),
            )  # fmt: skip
            if self._run is not session.trajectory[0]:
                self._run, self._first_scene = session.trajectory[0], view.scene["id"]
        elif self._environment_shown:
            self._run, view.keep_camera = None, False
            view.param.update(object=session.environment.atoms, repeat=(1, 1, 1), frame=0, **self._contributions())
        else:
            self._run = None
            view.keep_camera = False
            view.param.update(
                object=session.atoms,
                repeat=images(session.atoms),
                frame=0,
                selected=self._marked(),
                **self._colouring(),
            )
        self._offer_player()
        self._offer_colours()
        self._describe()

    @property
    def _environment_shown(self) -> bool:
        """Whether the atom in question is drawn with its neighbours alone."""
        session = self.session
        explained = session.environment.explained
        current = explained is not None and explained.place == session.environment.place
        return session.showing == "structure" and session.environment.shown and current

    def _contributions(self) -> dict[str, Any]:
        """Colours by what each neighbour contributes, and a mark on one of them."""
        environment = self.session.environment
        largest = float(np.nanmax(np.abs(environment.values_n), initial=0.0)) or 1.0
        return {
            "scalars": environment.values_n,
            "scalar_name": "contribution",
            "scalar_unit": "",
            "clim": (-largest, largest),
            "palette": list(style.DIVERGING),
            "selected": [] if environment.neighbour is None else [environment.neighbour + 1],
        }

    def _colour_environment(self) -> None:
        if self._environment_shown:
            self.structure.param.update(**self._contributions())

    def _offer_player(self) -> None:
        last = len(self.session.trajectory) - 1
        self.player.visible = self.session.showing == "trajectory" and last > 0 and not self._live
        if self.player.visible and (self.player.end, self.player.value) != (last, self.session.frame):
            self.player.param.update(end=last, value=min(self.session.frame, last))

    def _play(self, event: Any) -> None:
        if self.session.showing == "trajectory" and event.new < len(self.session.trajectory):
            self.session.frame = event.new

    def _show_whole_trajectory(self) -> None:
        """Once the last frame has come, all of them can be played."""
        if not self._live and self.session.showing == "trajectory" and self.session.trajectory:
            self._show()

    def _marked(self) -> list[int]:
        atom = self.session.selected_atom
        return [] if atom is None or self.session.showing == "trajectory" else [atom]

    def _mark(self) -> None:
        if self._marked() != self.structure.selected and self._structure_shown:
            self.structure.selected = self._marked()

    @property
    def _structure_shown(self) -> bool:
        return self.session.showing == "structure" and not self._environment_shown

    def _colouring(self) -> dict[str, Any]:
        return _coloured(self.session.atom_colours())

    def _colour(self) -> None:
        if self._structure_shown:
            self.structure.param.update(**self._colouring())
        self._offer_colours()

    def _offer_colours(self) -> None:
        session = self.session
        name = "trajectory_colour" if session.showing == "trajectory" else "colour_by"
        offered = session.param[name].objects
        words = {**COLOURS, FORCE: "force"} if name == "trajectory_colour" else COLOURS
        self._offering = True
        self.colour.param.update(options={words[one]: one for one in offered}, value=getattr(session, name))
        self._offering = False
        self.colour.visible = not self._environment_shown
        self.worst.visible = session.worst() is not None

    def _choose_colour(self, event: Any) -> None:
        if not self._offering and event.new is not None:
            name = "trajectory_colour" if self.session.showing == "trajectory" else "colour_by"
            self.session.param.update(**{name: event.new})

    def _picked(self, event: Any) -> None:
        index = event.new.get("index")
        if self._environment_shown:
            # the atom in the middle is drawn first, then its neighbours
            self.session.environment.neighbour = index - 1 if index else None
        elif self.session.showing == "structure":
            self.session.selected_atom = index

    # -- what is written -----------------------------------------------------------------------------------------

    def _describe(self) -> None:
        if self.session.showing == "trajectory" and self.session.trajectory:
            self._describe_frame()
        else:
            self._describe_structure()

    def _describe_frame(self) -> None:
        session = self.session
        frame = session.trajectory[min(session.frame, len(session.trajectory) - 1)]
        n_atoms, walk = len(frame.atoms), isinstance(frame, MonteCarloFrame)
        what = "Monte Carlo" if walk else "dynamics"
        self.heading.object = (
            f'<span class="title">{frame.atoms.get_chemical_formula()}</span> '
            f'<span class="quiet">{what} with {escape(session.fit.label if session.fit else "")}</span>'
        )
        potential = ("potential energy", number(frame.potential_energy / n_atoms, 4, "eV/atom"))
        if walk:
            rows = [("sweep", f"{frame.step}{' (equilibration)' if frame.equilibrating else ''}"), potential]
            rows += [("volume", number(frame.volume / n_atoms, 3, "Å³/atom"))] * bool(frame.atoms.pbc.all())
        else:
            total = ("total energy", number(frame.total_energy / n_atoms, 4, "eV/atom"))
            time = ("time", number(frame.time, 0, "fs"))
            rows = [time, ("temperature", number(frame.temperature, 0, "K")), potential, total]
        self.facts.object = facts(rows)

    def _describe_structure(self) -> None:
        session, index = self.session, self.session.selected
        data, fit = session.dataset, session.fit
        group = data.groups[index]
        colour, marker = style.group_colours(data.groups)[group], style.group_markers(data.groups)[group]
        used = "" if fit is None else USES[fit.sets[int(fit.is_test_s[index])]]
        place = chip(colour, group, f"· {index + 1} of {len(data)}{used}", marker)
        self.heading.object = f'<span class="title">{escape(data.ids[index])}</span>&ensp;{place}'
        rows = [
            ("formula", session.atoms.get_chemical_formula()),
            ("energy", number(float(data.energies[index] / data.n_atoms[index]), 4, "eV/atom")),
            *self._shown_energy(),
        ]
        if fit is not None:
            error = number(MEV * float(fit.energy_error_s[index]), 1, sign=True)
            std = fit.prediction.energy_std
            spread = "" if std is None else f" ± {MEV * std[index] / data.n_atoms[index]:.1f}"
            rows.append(("energy error", f"{error}{spread} meV/atom"))
            if data.n_forces:
                rows.append(("largest force error", number(float(fit.max_force_error_s[index]), 3, "eV/Å")))
        if session.selected_atom is not None:
            rows.append((f"atom {session.selected_atom}", self._atom(session.selected_atom)))
        self.facts.object = facts(rows)

    def _shown_energy(self) -> list[tuple[str, str]]:
        """The energy as the plots show it, where that is not the total."""
        session = self.session
        if not session.energy_zero.words:
            return []
        return [("less its elements", number(float(session.shown_energies_s[session.selected]), 4, "eV/atom"))]

    def _atom(self, atom: int) -> str:
        symbol = self.session.atoms.get_chemical_symbols()[atom]
        colours = self.session.atom_colours()
        if colours is None:
            return symbol
        return f"{symbol}, {colours.name} {number(float(colours.values_n[atom]), 3, colours.unit)}"

    def __panel__(self) -> pn.viewable.Viewable:
        buttons = pn.Row(self.previous, self.next, self.worst, margin=0)
        return card(header(self.heading, buttons, self.colour), self.structure, self.player, self.facts)
