"""Fitting: which model on which descriptor, with what settings, and how well it came out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui

from potscope.core._types import IntArray
from potscope.core.descriptors import REGISTRY as DESCRIPTORS
from potscope.explorer import style
from potscope.explorer.session import FIT_JOB, MEV, Session
from potscope.explorer.views.code import CodeButton
from potscope.explorer.views.controls import SettingsControls
from potscope.explorer.views.groups import GroupsView
from potscope.explorer.views.jobs import JobProgress
from potscope.explorer.views.layout import GRID_ONLY, chip, duration, html, number, save_name
from potscope.explorer.work import Fit

LAYOUT = """
:host { display: grid !important; grid-template-columns: minmax(0, 1fr) minmax(260px, 340px); gap: 14px 28px;
        padding: 14px; align-content: start; overflow-y: auto; }
@container (max-width: 760px) { :host { grid-template-columns: minmax(0, 1fr); } }
"""

ERRORS = (
    ("energy", "energy_mae", "energy_rmse", MEV, 2, "meV/atom"),
    ("forces", "force_mae", "force_rmse", 1.0, 3, "eV/Å"),
    ("stress", "stress_mae", "stress_rmse", MEV, 2, "meV/Å³"),
)

FORCES_ARE_A_TEST = "This model learns from energies alone; all forces are a test of it."


class FitView(pn.viewable.Viewer):
    """Settings, one button, and the errors of the result."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self.session = session
        self.model = SettingsControls(session.model, "Model")
        self.base = SettingsControls(session.base, "Stands on")
        self.descriptor = SettingsControls(session.descriptor, "Descriptor")
        self.groups = GroupsView(session)
        self.button = pmui.Button(
            label="Fit potential", variant="contained", color="primary", margin=0, sizing_mode="stretch_width",
            on_click=lambda _: session.start_fit(),
        )  # fmt: skip
        self.progress = JobProgress(session, FIT_JOB)
        self.words = html()
        self.download = pmui.FileDownload(
            callback=self._saved, filename="model.potscope", label="Save the potential", size="small", margin=0,
            visible=False, auto=True,
        )  # fmt: skip
        self.download.variant = "outlined"  # given above, it would be taken for the deprecated `button_style` too
        self.code = CodeButton(session, "fit")
        session.param.watch(lambda *_: self._follow(), ["fit", "dataset", "test_fraction", "split_by"])
        session.jobs.param.watch(lambda *_: self._follow(), ["title", "waiting"])
        for settings in (session.model, session.base, session.descriptor):
            settings.param.watch(lambda *_: self._follow(), ["choice", "values", "suggested", "problems"])
        self._follow()

    def _follow(self) -> None:
        session = self.session
        problem = session.fit_problem()
        for controls in (self.model, self.base, self.descriptor):
            controls.mark(problem)
        self.descriptor.area.visible = session.takes_descriptor
        running = session.jobs.title == FIT_JOB or FIT_JOB in session.jobs.waiting
        self.button.param.update(
            visible=not running,
            disabled=bool(problem),
            label="Fit potential" if session.fit is None else "Fit again",
        )
        self.download.visible = session.fit is not None
        if session.fit is not None:
            self.download.filename = f"{save_name(session.dataset.name)}-{save_name(session.fit.label)}.potscope"
        if running:
            self.words.object = ""
        elif problem:
            self.words.object = f'<span class="worse">Cannot be fitted: {escape(problem)}</span>'
        elif session.fit is not None:
            self.words.object = self._results(session.fit)
        else:
            train, test = session.split()
            self.words.object = _split(session.dataset.groups, train, test) + self._cautions()

    def _cautions(self) -> str:
        """What a fit of these data will cost, and whether they belong together."""
        session, model = self.session, self.session.build_model()
        words = []
        if session.takes_descriptor:
            scope = DESCRIPTORS[session.descriptor.choice].scope
            words = [f"{session.descriptor.title}: {session.n_features():,} features of each {scope}."]
        if not model.learns_forces and session.dataset.n_forces:
            words.append(FORCES_ARE_A_TEST)
        key = session.dataset.keys.energy or ""
        if getattr(model, "target", "") == "atomisation" and not re.search("atomi[sz]ation", key, re.IGNORECASE):
            words.append(
                f"Atomisation energies are to be learnt, but the energies are from {escape(key) or 'elsewhere'}."
            )
        if session.energy_zero.several_methods:
            words.append(
                "The energies of the groups have no common zero, as if computed by several methods; one potential "
                "can hardly follow all of them."
            )
        return "".join(f'<div class="note">{words_}</div>' for words_ in words)

    def _results(self, fit: Fit) -> str:
        rows = []
        sets = zip(fit.sets, (fit.train_errors, fit.test_errors), strict=True)
        known = {name: errors for name, errors in sets if errors}
        for name, mae, rmse, scale, digits, unit in ERRORS:
            cells = [
                f'<td class="number">{number(scale * errors.get(key, float("nan")), digits)}</td>'
                for errors in known.values()
                for key in (mae, rmse)
            ]
            if any("–" not in cell for cell in cells):
                rows.append(f'<tr><td>{name}</td>{"".join(cells)}<td class="quiet">{unit}</td></tr>')
        kept = f"; {fit.model.kept}" if fit.model.kept else ""
        if fit.model.groups_:
            kept += f"; settings of its own for {', '.join(fit.model.groups_)}"
        headings = "".join(
            f'<th class="number">{name} MAE</th><th class="number">RMSE</th>' for name, errors in known.items()
        )
        return (
            f"<b>{escape(fit.label)}</b> <span class='quiet'>{_origin(fit)}{escape(kept)}</span>"
            f"<table><tr><th></th>{headings}<th></th></tr>"
            + "".join(rows)
            + "</table>"
            + (
                ""
                if fit.model.learns_forces or not fit.dataset.n_forces
                else f'<div class="note">{FORCES_ARE_A_TEST}</div>'
            )
        )

    def _saved(self) -> Any:
        return self.session.saved_model()

    def __panel__(self) -> pn.viewable.Viewable:
        stretch: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
        controls = pn.Column(self.model, self.base, self.groups, self.descriptor, styles={"gap": "18px"}, **stretch)
        action = pn.Column(
            self.button,
            self.progress,
            self.words,
            pn.Row(self.download, self.code, **stretch),
            styles={"gap": "10px"},
            **stretch,
        )
        return pn.Column(controls, action, sizing_mode="stretch_both", margin=0, stylesheets=[LAYOUT, GRID_ONLY])


def _origin(fit: Fit) -> str:
    """Where a fit is from, and what the structures are to it."""
    took, n_train, n_test = duration(fit.seconds), len(fit.train_indices), len(fit.test_indices)
    if fit.source is None:
        return f"fitted in {took} to {n_train} structures, {n_test} for testing"
    if fit.source.trained_on is None:
        return f"from {escape(fit.source.path.name)}, which does not say what it was trained on"
    of = f"{n_train} of these structures are among the {len(fit.source.trained_on.structures)} it was trained on"
    return f"from {escape(fit.source.path.name)}; {of}"


MOST_GROUPS = 8


def _split(groups: Sequence[str], train: IntArray, test: IntArray) -> str:
    """What there is to learn from and what is kept for testing, by group."""
    counts = [Counter(groups[index] for index in indices) for indices in (train, test)]
    colours, markers = style.group_colours(groups), style.group_markers(groups)
    most = len(colours) if len(colours) == MOST_GROUPS + 1 else MOST_GROUPS
    rows = [
        f"<tr><td>{chip(colours[group], group, marker=markers[group])}</td>"
        + "".join(f'<td class="number">{count[group]}</td>' for count in counts)
        + "</tr>"
        for group in list(colours)[:most]
    ]
    if len(colours) > most:
        rows.append(f'<tr><td class="quiet" colspan="3">and {len(colours) - most} more groups</td></tr>')
    total = f"<tr><td>all</td>{''.join(f'<td class=number>{len(indices)}</td>' for indices in (train, test))}</tr>"
    heading = '<tr><th>group</th><th class="number">to fit</th><th class="number">to test</th></tr>'
    return f"<table>{heading}{''.join(rows)}{total}</table>"
