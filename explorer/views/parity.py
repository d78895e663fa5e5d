"""Parity: predicted against reference energies and forces, and the error of each group."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from potscope.explorer import comparison_plots, plots, style
from potscope.explorer.colours import FORCE_ERROR
from potscope.explorer.session import MEV, Session
from potscope.explorer.views.layout import GRID_ONLY, chip, html, number
from potscope.explorer.views.plot import ClickablePlot, area, pane
from potscope.explorer.work import Fit

LAYOUT = """
:host { display: grid !important; grid-template: minmax(0, 1fr) / repeat(3, minmax(0, 1fr));
        gap: 4px 12px; padding: 10px 10px 4px; box-sizing: border-box; }
@container (max-width: 760px) {
  :host { grid-template: none / minmax(0, 1fr); grid-auto-rows: 340px; overflow-y: auto; }
}
"""

GROUPS, DEVIATIONS, RELIABILITY = "groups", "error and ±", "reliability"


class ParityView(pn.viewable.Viewer):
    """Plots of one fit; a click shows the structure, coloured by its force errors."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self.session = session
        self.energies = ClickablePlot(lambda index: session.select(index, colour_by=FORCE_ERROR))
        self.forces = ClickablePlot(self._clicked_force)
        self.groups = pane()
        self.groups_area = area(self.groups)
        self.deviations = ClickablePlot(session.select)
        self.third = pmui.RadioButtonGroup(
            options=[GROUPS],
            value=GROUPS,
            label="",
            size="small",
            margin=(2, 0),
            sizing_mode="stretch_width",
            visible=False,
        )
        self.third.param.watch(lambda *_: self._draw_third(), "value")
        self.energy_words, self.force_words, self.group_words = html(), html(), html()
        self._structure_p = self._atom_p = np.empty(0, dtype=int)
        self._drawn_forces = np.empty((0, 2))
        session.param.watch(lambda *_: self._draw(), "fit")
        session.param.watch(lambda *_: self._draw_third(), "of_atoms")
        session.param.watch(lambda *_: self._mark(), ["selected", "selected_atom"])
        self._draw()

    def _draw(self) -> None:
        fit = self.session.fit
        if fit is None:
            return
        data = fit.dataset
        reference_s, predicted_s = self._energies(fit)
        self.energies.show(
            plots.energy_parity(reference_s, predicted_s, fit.is_test_s, data.ids, data.groups, fit.sets),
            reference_s,
            predicted_s,
        )
        zero = self.session.energy_zero.words
        zero = f'<div class="quiet" style="padding:0 4px">{zero}</div>' if zero else ""
        self.energy_words.object = _words("Energy", "energy", MEV, 1, "meV/atom", fit) + zero
        self._draw_forces(fit)
        options = [GROUPS] + [DEVIATIONS, RELIABILITY] * (fit.prediction.energy_std is not None)
        self.third.param.update(
            options=options, value=self.third.value if self.third.value in options else GROUPS, visible=len(options) > 1
        )
        self._draw_third()
        self._mark()

    def _draw_third(self) -> None:
        fit, what = self.session.fit, self.third.value
        if fit is None:
            return
        self.groups_area.visible, self.deviations.area.visible = what != DEVIATIONS, what == DEVIATIONS
        {GROUPS: self._draw_groups, DEVIATIONS: self._draw_deviations, RELIABILITY: self._draw_reliability}[what](fit)

    def _draw_deviations(self, fit: Fit) -> None:
        std_s, error_s = fit.energy_std_s, np.abs(fit.energy_error_s)
        if std_s is None:
            return
        which, judged = fit.judged_by
        z_s = (error_s / np.where(std_s > 0, std_s, np.nan))[judged]
        within = np.mean(z_s[np.isfinite(z_s)] <= 1) if np.isfinite(z_s).any() else np.nan
        share = number(100 * float(within), 0, "%")
        self.group_words.object = (
            '<span class="title">Uncertainty</span> '
            f'<span class="quiet">{share} of {which} errors within ±, expected 68</span>'
        )
        data = fit.dataset
        self.deviations.show(
            comparison_plots.errors_and_deviations(
                MEV * std_s, MEV * error_s, fit.is_test_s, data.ids, data.groups, fit.sets
            ),
            MEV * std_s,
            MEV * error_s,
        )

    def _draw_reliability(self, fit: Fit) -> None:
        which, judged = fit.judged_by
        known = fit.calibrations(judged, self.session.of_atoms)
        colours = dict(zip(("energy", "force"), (style.CATEGORICAL[0], style.CATEGORICAL[2]), strict=True))
        curves = {q: (one.expected, one.observed) for q, one in known.items()}
        self.groups.object = comparison_plots.reliability(curves, colours)
        areas = {q: f"area {one.miscalibration_area:.2f}" for q, one in known.items()}
        for q, one in fit.recalibrations(judged, self.session.of_atoms).items():
            areas[q] += f", once scaled {one.miscalibration_area:.2f}"
        words = "".join(chip(colours[q], q, area) for q, area in areas.items())
        self.group_words.object = (
            f'<div class="chips"><span class="title">Reliability</span>{words}'
            f'<span class="chip quiet">{which} errors; below the line: too sure</span></div>'
        )

    def _energies(self, fit: Fit) -> tuple[np.ndarray, np.ndarray]:
        """Reference and predicted energies as they are shown, eV/atom."""
        zero_s, n_atoms = self.session.energy_zero.zero_s, fit.dataset.n_atoms
        return fit.dataset.energies / n_atoms - zero_s, fit.prediction.energies / n_atoms - zero_s

    def _draw_forces(self, fit: Fit) -> None:
        reference_p, predicted_p, structure_p, atom_p = fit.force_components()
        shown = plots.thin_out(predicted_p - reference_p)
        self._structure_p, self._atom_p = structure_p[shown], atom_p[shown]
        self._drawn_forces = np.column_stack([reference_p[shown], predicted_p[shown]])
        words = _words("Forces", "force", 1.0, 3, "eV/Å", fit)
        if not fit.model.learns_forces:
            words += '<div class="quiet" style="padding:0 4px">not fitted: a test, in the training structures too</div>'
        if len(shown) < len(reference_p):
            drawn = f"{len(shown):,} of {len(reference_p):,} components drawn, the worst among them"
            words += f' <span class="quiet">{drawn}</span>'
        self.force_words.object = (
            words if len(shown) else '<span class="title">Forces</span> <span class="quiet">no references</span>'
        )
        self.forces.area.visible = bool(len(shown))
        if len(shown):
            element = plots.force_parity(
                reference_p[shown], predicted_p[shown], fit.is_test_s[self._structure_p],
                fit.dataset.ids, fit.dataset.groups, self._structure_p, self._atom_p, fit.sets,
            )  # fmt: skip
            self.forces.show(element, reference_p[shown], predicted_p[shown])

    def _draw_groups(self, fit: Fit) -> None:
        colours = style.group_colours(fit.dataset.groups)
        which, _ = fit.judged_by
        many = len(fit.errors_by_group)
        worst = f", the worst {plots.MOST_GROUPS} of {many} groups" if many > plots.MOST_GROUPS else ""
        words = f'<span class="title">Groups</span> <span class="quiet">{which} structures{worst}</span>'
        self.group_words.object = words
        self.groups.object = plots.errors_by_group(fit.errors_by_group, colours)

    def _clicked_force(self, point: int) -> None:
        self.session.select(int(self._structure_p[point]), int(self._atom_p[point]), FORCE_ERROR)

    def _mark(self) -> None:
        """Ring the selected structure's energy, and the worst force of it or of its selected atom."""
        fit, index, atom = self.session.fit, self.session.selected, self.session.selected_atom
        if fit is None:
            return
        reference_s, predicted_s = self._energies(fit)
        self.energies.ring = (reference_s[index], predicted_s[index])
        if fit.energy_std_s is not None:
            self.deviations.ring = (MEV * fit.energy_std_s[index], MEV * abs(fit.energy_error_s[index]))
        mine = np.flatnonzero(self._structure_p == index)
        if atom is not None:
            mine = mine[self._atom_p[mine] == atom]
        if len(mine):
            worst = mine[np.argmax(np.abs(np.diff(self._drawn_forces[mine], axis=1)))]
            self.forces.ring = tuple(self._drawn_forces[worst])
        else:
            self.forces.ring = (None, None)

    def __panel__(self) -> pn.viewable.Viewable:
        def panel(words: pn.viewable.Viewable, plot: Any) -> pn.Column:
            return pn.Column(words, plot, sizing_mode="stretch_both", margin=0)

        return pn.Column(
            panel(self.energy_words, self.energies),
            panel(self.force_words, self.forces),
            pn.Column(
                self.third, self.group_words, self.groups_area, self.deviations, sizing_mode="stretch_both", margin=0
            ),
            sizing_mode="stretch_both",
            margin=0,
            stylesheets=[LAYOUT, GRID_ONLY],
        )


def _words(name: str, key: str, scale: float, digits: int, unit: str, fit: Fit) -> str:
    """The heading of a parity plot, which is its legend too: the errors of what was fitted and of what was not."""
    parts = [f'<span class="title">{name}</span>']
    for label, colour, errors in zip(
        fit.sets, (style.TRAIN, style.TEST), (fit.train_errors, fit.test_errors), strict=True
    ):
        if errors:
            mae, rmse = (number(scale * errors[f"{key}_{kind}"], digits) for kind in ("mae", "rmse"))
            parts.append(chip(colour, label, f"{mae} / {rmse}"))
    parts.append(f'<span class="chip quiet">MAE / RMSE, {unit}</span>')
    return f'<div class="chips" style="padding:2px 4px">{"".join(parts)}</div>'
