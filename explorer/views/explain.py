"""The environment of one atom: what each neighbour contributes to a feature of it, or to a kernel."""

from __future__ import annotations

from html import escape
from typing import Any

import holoviews as hv
import numpy as np
import panel as pn
import panel_material_ui as pmui

from potscope.explorer import plots
from potscope.explorer.environment import EXPLAIN_JOB, KERNEL, Place
from potscope.explorer.session import Session
from potscope.explorer.views.code import CodeButton
from potscope.explorer.views.jobs import JobProgress
from potscope.explorer.views.layout import GRID_ONLY, facts, html, number
from potscope.explorer.views.plot import area, pane

LAYOUT = """
:host { display: grid !important; grid-template: minmax(0, 1fr) / minmax(280px, 400px) minmax(0, 1fr);
        gap: 8px 18px; padding: 10px 14px 4px; box-sizing: border-box; }
@container (max-width: 760px) {
  :host { grid-template: none / minmax(0, 1fr); grid-auto-rows: minmax(230px, auto); overflow-y: auto; }
}
"""

KERNEL_NAME = "kernel with the reference"
FEATURE_NAME = "one feature"


class ExplainView(pn.viewable.Viewer):
    """Bars of what the neighbours contribute; the same colours are on the atoms in the 3D view."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self.session = session
        self.environment = environment = session.environment
        self._filling = False
        small: dict[str, Any] = {"size": "small", "margin": 0, "sizing_mode": "stretch_width"}
        self.what = pmui.RadioButtonGroup(
            options={KERNEL_NAME: KERNEL, FEATURE_NAME: FEATURE_NAME}, value=KERNEL, label="", **small
        )
        self.feature = pmui.AutocompleteInput(
            label="", placeholder="name of a feature", min_characters=1, restrict=True, search_strategy="includes",
            case_sensitive=False, **small,
        )  # fmt: skip
        self.reference = pmui.Button(label="Take this atom as the reference", variant="outlined", **small)
        self.go = pmui.Button(label="Go to this neighbour", variant="outlined", **small)
        self.progress = JobProgress(session, EXPLAIN_JOB, jobs=environment.jobs)
        self.words, self.problem = html(), html()
        self.code = CodeButton(session, "explain")
        self.plot = pane()
        self.area = area(self.plot)
        self._order_j = np.empty(0, dtype=int)
        self.what.param.watch(self._choose, "value")
        self.feature.param.watch(self._choose, "value")
        self.reference.on_click(lambda _: environment.take_as_reference())
        self.go.on_click(lambda _: environment.go_to_neighbour())
        session.model.param.watch(lambda *_: self._follow(), ["choice", "values"])  # the power of the kernel is there
        environment.param.watch(lambda *_: self._follow(), ["explained", "quantity", "problem", "neighbour"])
        self._follow()

    def _choose(self, _: Any) -> None:
        if self._filling:
            return
        if self.what.value == KERNEL:
            self.environment.quantity = KERNEL
        elif self.environment.explained is not None:
            # the largest feature first, as something to begin with
            explanation = self.environment.explained.explanation
            largest = explanation.names[int(np.abs(explanation.values_f).argmax())]
            self.environment.quantity = self.feature.value or largest

    def _follow(self) -> None:
        environment, explained = self.environment, self.environment.explained
        self.problem.param.update(
            object=f'<span class="worse">{escape(environment.problem)}</span>', visible=bool(environment.problem)
        )
        self.area.visible = self.words.visible = self.what.visible = explained is not None
        self.code.button.visible = explained is not None
        self.go.visible = environment.neighbour is not None
        self._fill()
        if explained is not None:
            self.words.object = self._describe()
            self._draw()

    def _fill(self) -> None:
        """Show what is chosen; the names of the features are sent where one is looked for."""
        environment, explained = self.environment, self.environment.explained
        by_feature = environment.quantity != KERNEL
        self._filling = True
        self.what.value = FEATURE_NAME if by_feature else KERNEL
        self.feature.visible = by_feature and explained is not None
        self.reference.visible = not by_feature and explained is not None
        if by_feature and explained is not None:
            names = list(explained.explanation.names)
            if self.feature.options != names:
                self.feature.options = names
            self.feature.value = environment.quantity
        self._filling = False

    def _describe(self) -> str:
        environment, explained, shares = self.environment, self.environment.explained, self.environment.shares()
        if explained is None or shares is None:
            return ""
        explanation = explained.explanation
        what = environment.quantity or f"kernel, ζ = {environment.zeta:g}"
        rows = [
            (what, number(shares.total, 4)),
            ("the atom alone", number(shares.baseline, 4)),
            (f"{len(explanation.D_jc)} neighbours", number(float(shares.neighbours_j.sum()), 4, sign=True)),
        ]
        if environment.neighbour is not None:
            j = environment.neighbour
            symbol = self._symbols()[j]
            distance = number(float(np.linalg.norm(explanation.D_jc[j])), 3, "Å")
            rows.append((f"{symbol} at {distance}", number(float(shares.neighbours_j[j]), 4, sign=True)))
        other = "itself" if explained.reference == explained.place else self._name(explained.reference)
        compared = "" if environment.quantity else f"compared with {other}"
        return (
            f"<div>Environment of {self._name(explained.place)} "
            f'<span class="quiet">{compared}</span></div><div style="height:6px"></div>{facts(rows)}'
        )

    def _name(self, place: Place) -> str:
        data, (index, atom) = self.session.dataset, place
        symbol = data.structures[index].get_chemical_symbols()[atom]
        return f"<b>{symbol} {atom}</b> of {escape(data.ids[index])}"

    def _symbols(self) -> list[str]:
        return self.environment.atoms.get_chemical_symbols()[1:]

    def _draw(self) -> None:
        environment, explained, shares = self.environment, self.environment.explained, self.environment.shares()
        if explained is None or shares is None:
            return
        distances_j = np.linalg.norm(explained.explanation.D_jc, axis=1)
        self._order_j = np.argsort(distances_j, kind="stable")
        symbols = self._symbols()
        marked = np.flatnonzero(self._order_j == (-1 if environment.neighbour is None else environment.neighbour))
        bars = plots.contributions(
            [symbols[j] for j in self._order_j],
            distances_j[self._order_j],
            shares.neighbours_j[self._order_j],
            shares.baseline,
            int(marked[0]) if len(marked) else None,
            "contribution to the " + ("feature" if environment.quantity else "kernel"),
        )
        hv.streams.Tap(source=bars).add_subscriber(lambda x, y: self._tapped(x))  # noqa: ARG005  (by these names)
        self.plot.object = bars

    def _tapped(self, x: float | None) -> None:
        """A click anywhere above or below a bar means it."""
        if x is not None and -0.5 <= x < len(self._order_j) - 0.5:
            self.environment.neighbour = int(self._order_j[round(x)])

    def __panel__(self) -> pn.viewable.Viewable:
        left = pn.Column(
            self.what, self.feature, self.problem, self.words, self.progress, self.reference, self.go, self.code,
            styles={"gap": "10px", "overflow-y": "auto"}, sizing_mode="stretch_both", margin=0,
        )  # fmt: skip
        return pn.Column(left, self.area, sizing_mode="stretch_both", margin=0, stylesheets=[LAYOUT, GRID_ONLY])
