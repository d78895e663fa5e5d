"""A potential from a file: what it is, what it was trained on, and a button that makes the page about it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui

from potscope.core.hyperparameters import Declared, Species, declared
from potscope.core.models import Potential
from potscope.explorer.opened import OPEN_JOB, PREDICT_JOB, Opened, TrainedOn, parts_of
from potscope.explorer.session import Session
from potscope.explorer.texts import as_text
from potscope.explorer.views.jobs import JobProgress
from potscope.explorer.views.layout import html

SUFFIX = ".potscope"
MOST_BYTES = 200 * 1024**2


class PotentialView(pn.viewable.Viewer):
    """Opens what *Save the potential* has saved; where a file is at fault, says why and leaves all as it is."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self.session, self.opening = session, session.opening
        wide: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
        self.upload = pmui.FileInput(
            label="Open a potential", accept=SUFFIX, variant="outlined", size="small", max_file_size=MOST_BYTES, **wide
        )
        self.reading = JobProgress(session, OPEN_JOB, jobs=session.reading)
        self.predicting = JobProgress(session, PREDICT_JOB)
        self.problem = pmui.Alert(severity="error", closeable=True, visible=False, **wide)
        self.words = html()
        self.button = pmui.Button(
            label="Use it on these data",
            variant="outlined",
            size="small",
            on_click=lambda _: self.opening.use(),
            **wide,
        )
        self.upload.param.watch(self._uploaded, "value")
        self.opening.param.watch(lambda *_: self._follow(), ["opened", "refused"])
        session.param.watch(lambda *_: self._follow(), "fit")
        session.jobs.param.watch(lambda *_: self._follow(), ["title", "waiting"])
        self._follow()

    def _uploaded(self, event: Any) -> None:
        if event.new:
            self.opening.start(*self.session.kept({self.upload.filename: event.new}))

    def _follow(self) -> None:
        opened, refused = self.opening.opened, self.opening.refused
        self.problem.param.update(object=str(refused or ""), visible=refused is not None)
        self.words.param.update(object=description(opened) if opened else "", visible=opened is not None)
        jobs = self.session.jobs
        busy = PREDICT_JOB in (jobs.title, *jobs.waiting)
        self.button.visible = opened is not None and not self.opening.in_use and not busy

    def __panel__(self) -> pn.viewable.Viewable:
        return pn.Column(
            html('<span class="title">Saved potential</span>'),
            self.upload,
            self.reading,
            self.problem,
            self.words,
            self.predicting,
            self.button,
            sizing_mode="stretch_width",
            margin=0,
            styles={"gap": "12px", "padding": "0 14px 14px"},
        )


def description(opened: Opened) -> str:
    """Family, descriptors, what it was trained on, and all settings for those who want them."""
    parts = list(parts_of(opened.model))
    titles = [_title(part) for part in parts]
    others = [title for title in dict.fromkeys(titles[1:]) if title]
    on = f'<div class="quiet">on {escape(", ".join(others))}</div>' if others else ""
    tables = "".join(_table(part, title) for part, title in zip(parts, titles, strict=True))
    return (
        f"<b>{escape(opened.label)}</b><div>{escape(titles[0])}</div>{on}"
        f'<div class="note">{_trained_on(opened.trained_on)}</div>'
        f"<details><summary>settings</summary>{tables}</details>"
    )


def _title(part: Declared) -> str:
    """The name of a part in the field; that of its class where it has none, as kernels."""
    return str(getattr(part, "title", type(part).__name__))


def _table(part: Declared, title: str) -> str:
    rows = "".join(
        f'<tr><td class="quiet">{escape(name)}</td><td>{escape(text)}</td></tr>' for name, text in _settings(part)
    )
    return f"<div><b>{escape(title)}</b></div><table>{rows}</table>" if rows else ""


def _settings(part: Declared) -> Iterator[tuple[str, str]]:
    """Names with units, and values, of the hyperparameters of a part, and the settings of groups of its fit."""
    for name, item in declared(part).items():
        value = getattr(part, name)
        words = " ".join(value) if item.type is Species else value if isinstance(value, str) else as_text(value)
        if isinstance(value, bool):
            words = "yes" if value else "no"
        label = name.replace("_", " ")
        yield (f"{label} ({item.unit})" if item.unit else label), str(words)
    if isinstance(part, Potential) and part.fitted:
        for group, settings in part.groups_.items():
            yield f"group {group}", str(settings)


def _trained_on(data: TrainedOn | None) -> str:
    if data is None:
        return "The file does not say what it was trained on."
    groups = ", ".join(f"{escape(group)} {count}" for group, count in data.groups.items())
    elements = escape(" ".join(data.species))
    return f"Trained on {len(data.structures):,} structures of {elements} from {escape(data.name)}: {groups}."
