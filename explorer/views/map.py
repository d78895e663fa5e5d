"""The map of the structures."""

from __future__ import annotations

from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui

from potscope.explorer import plots, style
from potscope.explorer.colours import FORCE_ERROR
from potscope.explorer.session import ENERGY, ENERGY_ERROR, GROUP, MAP_JOB, MEV, Session
from potscope.explorer.views.code import CodeButton
from potscope.explorer.views.controls import SettingsControls
from potscope.explorer.views.layout import card, chips, header, html, title
from potscope.explorer.views.plot import ClickablePlot

COLOURS = {GROUP: "group", ENERGY: "energy per atom", ENERGY_ERROR: "energy error", FORCE_ERROR: "largest force error"}


class MapView(pn.viewable.Viewer):
    """Every structure as a point, near to those it resembles; a click shows it."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self.session = session
        self.plot = ClickablePlot(session.select)
        self.colour = pmui.Select(label="coloured by", size="small", width=135, margin=0)
        self.redraw = pmui.Button(
            label="Redraw", variant="contained", size="small", margin=0, on_click=lambda _: session.start_map()
        )  # fmt: skip
        self.descriptor = SettingsControls(session.map_descriptor, "Descriptor of the map")
        self.kernel = SettingsControls(session.map_kernel, "Kernel between structures")
        self.same = pmui.Switch(
            label="the descriptor of the fit", value=session.same_descriptor, margin=(0, 0, 14, 0), size="small"
        )
        self.same.param.watch(lambda event: session.param.update(same_descriptor=event.new), "value")
        self.problem = html(visible=False)
        self.choose = pmui.Button(
            variant="text", size="small", margin=0, on_click=lambda _: self.settings.param.update(open=True)
        )
        self.draw = pmui.Button(
            label="Draw", variant="contained", margin=(12, 0, 0, 0), on_click=lambda _: self._redraw()
        )
        self.settings: pmui.Dialog = pmui.Dialog(
            self.same, self.descriptor, pn.Spacer(height=16), self.kernel, self.problem, self.draw,
            title="What the map compares", open=False,
            width_option="md", close_on_click=True, show_close_button=True,
        )  # fmt: skip
        self.chooser = pn.Row(self.choose, self.settings, margin=0)
        self.legend = html(styles={"padding": "2px 14px 4px"})
        self.waiting = html(styles={"padding": "20px 14px"})
        self.code = CodeButton(session, "map")
        self.colour.param.watch(lambda event: session.param.update(map_colour=event.new), "value")
        session.param.watch(lambda *_: self._draw(), ["structure_map", "map_colour", "fit", "dataset"])
        session.param.watch(lambda *_: self._mark(), ["selected", "structure_map"])
        session.jobs.param.watch(lambda *_: self._say_what_is_awaited(), ["title", "message", "outcome"])
        session.param.watch(lambda *_: self._offer_redraw(), "structure_map")
        for settings in (session.descriptor, session.map_descriptor, session.map_kernel):
            settings.param.watch(lambda *_: self._follow_descriptor(), ["choice", "values", "problems", "suggested"])
        session.param.watch(lambda *_: self._follow_descriptor(), "same_descriptor")
        session.param.watch(lambda *_: self._follow_descriptor(), "dataset")
        self._draw()
        self._follow_descriptor()
        self._say_what_is_awaited()

    def _draw(self) -> None:
        session = self.session
        self.colour.param.update(
            options={COLOURS[name]: name for name in session.param["map_colour"].objects}, value=session.map_colour
        )
        placed = session.structure_map
        self.plot.area.visible = self.legend.visible = placed is not None
        self.waiting.visible = placed is None
        if placed is None:
            return
        data, coloured = session.dataset, session.map_values()
        self.legend.object = "" if coloured else self._groups()
        element = plots.structure_map(
            placed.xy_sc,
            data.ids,
            data.groups,
            session.shown_energies_s,
            None if session.fit is None else MEV * session.fit.energy_error_s,
            *(coloured or ()),
        )
        self.plot.show(element, placed.xy_sc[:, 0], placed.xy_sc[:, 1])
        self._mark()

    def _groups(self) -> str:
        sizes = self.session.dataset.group_sizes
        colours, markers = style.group_colours(list(sizes)), style.group_markers(list(sizes))
        return chips((colours[group], group, str(size), markers[group]) for group, size in sizes.items())

    def _mark(self) -> None:
        placed = self.session.structure_map
        if placed is not None:
            x, y = placed.xy_sc[self.session.selected]
            self.plot.ring = (float(x), float(y))

    def _redraw(self) -> None:
        self.settings.open = False
        self.session.start_map()

    def _follow_descriptor(self) -> None:
        session = self.session
        settings = session.descriptor if session.same_descriptor else session.map_descriptor
        one_row = settings.chosen.scope == "structure"  # of features for each structure: kernels do not differ
        usual = one_row or session.map_kernel.choice == next(iter(session.map_kernel.registry))
        self.choose.label = f"by {settings.choice}" + ("" if usual else f", {session.map_kernel.title}")
        self.kernel.area.visible = not one_row
        self.chooser.width = 24 + 7 * len(self.choose.label)  # the window beside the button has a width of its own
        self.same.value = session.same_descriptor
        self.descriptor.area.visible = not session.same_descriptor
        problem = session.map_problem()
        self.descriptor.mark(problem)
        self.kernel.mark(problem)
        self.draw.disabled = bool(problem)
        self.problem.param.update(object=f'<span class="worse">{escape(problem)}</span>', visible=bool(problem))
        self._say_what_is_awaited()

    def _offer_redraw(self) -> None:
        jobs = self.session.jobs
        missing = self.session.structure_map is None and jobs.last_title == MAP_JOB and not jobs.busy
        possible = not self.session.map_problem()
        self.redraw.visible = possible and (missing or self.session.map_is_stale())

    def _say_what_is_awaited(self) -> None:
        jobs, problem = self.session.jobs, self.session.map_problem()
        if problem:
            words = f"The map cannot be drawn: {escape(problem)}"
        elif jobs.title == MAP_JOB:
            words = f"Drawing the map: {jobs.message}" if jobs.message else "Drawing the map"
        elif MAP_JOB in jobs.waiting:
            words = f"The map waits for: {jobs.title}"
        elif jobs.last_title == MAP_JOB and jobs.outcome in ("cancelled", "failed"):
            words = "The map was not drawn."
        else:
            words = "Drawing the map"
        self._offer_redraw()
        self.waiting.object = f'<span class="quiet">{words}</span>'

    def __panel__(self) -> pn.viewable.Viewable:
        return card(
            header(
                title("Map"),
                pn.Spacer(sizing_mode="stretch_width"),
                self.redraw,
                self.chooser,
                self.code,
                self.colour,
            ),
            self.legend,
            self.waiting,
            self.plot,
        )
