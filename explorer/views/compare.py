"""Several potentials side by side: errors, what they cost, how far their uncertainties can be trusted."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from potscope.core.comparison import Comparison
from potscope.explorer import comparison_plots, style
from potscope.explorer.comparing import COMPARE_JOB
from potscope.explorer.session import MEV, Session
from potscope.explorer.views.code import CodeButton
from potscope.explorer.views.jobs import JobProgress
from potscope.explorer.views.layout import GRID_ONLY, chip, html, save_name
from potscope.explorer.views.plot import area, pane
from potscope.explorer.views.table import Column, Table

LAYOUT = """
:host { display: grid !important; gap: 8px 14px; padding: 10px 14px 4px; box-sizing: border-box;
        grid-template: minmax(0, 1fr) / clamp(152px, 15cqw, 190px) minmax(0, 2.4fr) minmax(225px, 1fr); }
@container (max-width: 900px) {
  :host { grid-template: none / minmax(0, 1fr); grid-auto-rows: minmax(300px, auto); overflow-y: auto; }
}
"""

NAMES = {
    "& .MuiCheckbox-root": {"padding": "2px 6px 2px 8px"},
    "& .MuiFormControlLabel-root": {"marginRight": 0},
    "& .MuiFormControlLabel-label": {"fontSize": "13px", "overflowWrap": "anywhere"},
}
"""The checklist of models: the longest name has its room in a narrow page, others are broken."""

COST, LEARNING, RELIABILITY = "cost", "learning curves", "reliability"

COLUMNS = {
    "model": Column("model"),
    "energy_rmse": Column("energy (meV/atom)", 2),
    "force_rmse": Column("forces (eV/Å)", 3),
    "fit_seconds": Column("fit (s)", 2),
    "step_microseconds": Column("step (µs/atom)", 1),
    "n_parameters": Column("para- meters", 0),
    "energy_miscalibration_area": Column("miscali- bration", 3),
    "energy_recalibrated_area": Column("once scaled", 3),
}
"""Of `Comparison.table`, what the table shows; errors are root mean squares of the test structures."""

SCALES = {"energy_rmse": MEV}


class CompareView(pn.viewable.Viewer):
    """What is to be compared, one button, a table and a plot."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self.session, self.comparing = session, session.comparing
        self._filling = False
        small: dict[str, Any] = {"size": "small", "margin": 0, "sizing_mode": "stretch_width"}
        self.choice = pmui.CheckBoxGroup(inline=False, margin=0, sizing_mode="stretch_width", sx=NAMES)
        self.curves = pmui.Switch(label="learning curves (longer)", value=False, size="small", margin=(0, 0, 0, 2))
        self.button = pmui.Button(
            label="Compare", variant="contained", color="primary", on_click=lambda _: self.comparing.start(),
            margin=0, sizing_mode="stretch_width",
        )  # fmt: skip
        self.progress = JobProgress(session, COMPARE_JOB)
        self.words, self.failures, self.legend = html(), html(visible=False), html()
        self.download = pmui.FileDownload(
            callback=self.comparing.saved, filename="comparison.json", label="Save as JSON", size="small", margin=0,
            visible=False, auto=True,
        )  # fmt: skip
        self.download.variant = "outlined"
        self.code = CodeButton(session, "compare")
        self.table = Table(sizing_mode="stretch_both", margin=0, min_height=120, visible=False, wrapped=True)
        self.after = pn.Row(self.download, self.code, sizing_mode="stretch_width", margin=0)
        self.what = pmui.RadioButtonGroup(options=[COST], value=COST, label="", visible=False, **small)
        self.plot = pane()
        self.area = area(self.plot)
        self.choice.param.watch(self._choose, "value")
        self.curves.param.watch(lambda event: self.comparing.param.update(curves=event.new), "value")
        self.what.param.watch(lambda *_: self._draw(), "value")
        self.table.param.watch(lambda *_: self._draw(), "selected")
        self.comparing.param.watch(lambda *_: self._offer(), ["chosen", "fits", "curves"])
        self.comparing.param.watch(lambda *_: self._show(), "comparison")
        session.jobs.param.watch(lambda *_: self._offer(), ["title", "waiting"])
        session.param.watch(lambda *_: self._offer(), ["dataset", "test_fraction", "split_by"])
        for settings in (session.model, session.base, session.descriptor, session.map_descriptor):
            settings.param.watch(lambda *_: self._offer(), ["choice", "values", "problems", "suggested"])
        self._offer()
        self._show()

    # -- choosing ------------------------------------------------------------------------------------------------

    def _choose(self, event: Any) -> None:
        if not self._filling:
            self.comparing.chosen = list(event.new)

    def _offer(self) -> None:
        session, comparing = self.session, self.comparing
        offered = {self._name(name): name for name in comparing.offered()}
        self._filling = True
        if self.choice.options != offered:
            self.choice.param.update(options=offered, value=[])
        self.choice.value = [name for name in offered.values() if name in comparing.chosen]
        self.curves.value = comparing.curves
        self._filling = False
        running = session.jobs.title == COMPARE_JOB or COMPARE_JOB in session.jobs.waiting
        problem = comparing.problem()
        self.button.param.update(visible=not running, disabled=bool(problem))
        train, test = session.split()
        text = f"Each is fitted to {len(train):,} structures, tested on {len(test):,}."
        notes = "".join(f'<div class="note">{escape(words)}</div>' for words in comparing.cautions())
        self.words.object = (
            f'<span class="worse">{escape(problem)}</span>' if problem else f'<span class="quiet">{text}</span>{notes}'
        )

    def _name(self, name: str) -> str:
        """What a choice is called: the family with its present settings, or what was fitted."""
        return f"{name}, as set" if name == self.session.model.choice else name

    # -- showing -------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        found = self.comparing.comparison
        self.table.visible = self.what.visible = self.download.visible = found is not None
        self.area.visible = self.legend.visible = found is not None
        self.failures.visible = False
        if found is None:
            return
        rows = found.table()
        columns = {
            name: column for name, column in COLUMNS.items() if any(_known(row.get(name)) for row in rows)
        }  # what no model has is left out
        self.table.param.update(
            columns=[
                {"name": name, "title": column.title, "digits": column.digits, "sign": column.sign}
                for name, column in columns.items()
            ],
            data={
                name: [row.get(name) if name == "model" else _scaled(row.get(name), name) for row in rows]
                for name in columns
            },
            n_lines=len(rows),
            selected=0,
            sort_by="force_rmse" if "force_rmse" in columns else "energy_rmse",
            falling=False,
        )
        failed = [f"{escape(row.model)}: {escape(row.error)}" for row in found.rows if row.error]
        self.failures.param.update(
            object="".join(f'<div class="worse">{words}</div>' for words in failed), visible=bool(failed)
        )
        self.download.filename = f"{save_name(self.session.dataset.name)}-comparison.json"
        options = [COST]
        options += [LEARNING] * any(row.learning_curve is not None for row in found.rows)
        options += [RELIABILITY] * any(row.calibrations for row in found.rows)
        self.what.param.update(options=options, value=self.what.value if self.what.value in options else COST)
        self.what.visible = len(options) > 1
        self._draw()

    def _draw(self) -> None:
        found = self.comparing.comparison
        if found is None:
            return
        colours = dict(zip((row.model for row in found.rows), _cycle(len(found.rows)), strict=True))
        draw = {COST: self._cost, LEARNING: self._learning, RELIABILITY: self._reliability}[self.what.value]
        drawn, words = draw(found, colours)
        self.legend.object = (
            f'<div class="chips">{"".join(chip(colours[name], name) for name in drawn)}'
            f'<span class="chip quiet">{words}</span></div>'
        )

    def _cost(self, found: Comparison, colours: dict[str, str]) -> tuple[list[str], str]:
        error, label, scale = self._measure(found)
        rows = {row["model"]: row for row in found.table() if not row["error"]}
        names = [str(name) for name in rows]
        self.plot.object = comparison_plots.accuracy_and_cost(
            names,
            np.array([float(rows[name]["step_microseconds"]) for name in names]),
            scale * np.array([float(rows[name][error]) for name in names]),
            found.front(error),
            [colours[name] for name in names],
            str(found.rows[self.table.selected].model),
            ("step with forces (µs/atom)", label),
        )
        return names, "dashed: unbeaten at both"

    def _learning(self, found: Comparison, colours: dict[str, str]) -> tuple[list[str], str]:
        error, label, scale = self._measure(found)
        curves = {
            row.model: (
                row.learning_curve.sizes.astype(float),
                scale * row.learning_curve.mean(error),
                scale * row.learning_curve.spread(error),
            )
            for row in found.rows
            if row.learning_curve is not None
        }
        self.plot.object = comparison_plots.learning_curves(curves, colours, label)
        return list(curves), "bars: spread between draws"

    def _reliability(self, found: Comparison, colours: dict[str, str]) -> tuple[list[str], str]:
        known = {row.model: row.calibrations["energy"] for row in found.rows if "energy" in row.calibrations}
        curves = {name: (one.expected, one.observed) for name, one in known.items()}
        self.plot.object = comparison_plots.reliability(curves, colours)
        return list(curves), "energies; below the diagonal: too sure"

    def _measure(self, found: Comparison) -> tuple[str, str, float]:
        """The error that is drawn: that of the forces, or of the energies where no forces are known."""
        if any(np.isfinite(row.errors.get("force_rmse", np.nan)) for row in found.rows):
            return "force_rmse", "force RMSE (eV/Å)", 1.0
        return "energy_rmse", "energy RMSE (meV/atom)", MEV

    def __panel__(self) -> pn.viewable.Viewable:
        stretch: dict[str, Any] = {"sizing_mode": "stretch_both", "margin": 0}
        left = pn.Column(
            self.button, self.progress, self.words, self.choice, self.curves,
            styles={"gap": "9px", "overflow-y": "auto"}, **stretch,
        )  # fmt: skip
        middle = pn.Column(self.table, self.failures, self.after, styles={"gap": "6px"}, **stretch)
        right = pn.Column(self.what, self.legend, self.area, styles={"gap": "6px"}, **stretch)
        return pn.Column(left, middle, right, stylesheets=[LAYOUT, GRID_ONLY], **stretch)


def _cycle(count: int) -> list[str]:
    return [style.CATEGORICAL[k % len(style.CATEGORICAL)] for k in range(count)]


def _known(value: Any) -> bool:
    return isinstance(value, str) or (value is not None and bool(np.isfinite(value)))


def _scaled(value: Any, name: str) -> float | None:
    """A number as the table shows it; None for what is unknown."""
    return SCALES.get(name, 1.0) * float(value) if _known(value) else None
