"""The data: which set, what was found in it, and what is kept for testing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui

from potscope.core import Dataset
from potscope.core._types import IntArray
from potscope.core.reading import UNITS
from potscope.core.references import KeyChoices, NoReferences
from potscope.explorer.session import Session
from potscope.explorer.session_data import READ_JOB
from potscope.explorer.views.jobs import JobProgress
from potscope.explorer.views.layout import html
from potscope.explorer.views.potential import SUFFIX

MOST_BYTES = 500 * 1024**2

QUANTITIES = {"energy": "energies", "forces": "forces", "stress": "stresses", "group": "groups"}
REFERENCES = ("energy", "forces", "stress")


@dataclass(frozen=True)
class Source:
    """A bundled set of data.

    Attributes
    ----------
    name, title, description, method
        As of `potscope.sample_data.SampleSet`.
    load
        Function that reads it.
    """

    name: str
    title: str
    description: str
    method: str
    load: Callable[[], Dataset]


class DataView(pn.viewable.Viewer):
    """The sidebar: choose or drop a dataset, see what is in it, set how it is split.

    Parameters
    ----------
    session
        The session.
    sources
        Bundled sets. The set the session starts with need not be among them.
    """

    def __init__(self, session: Session, sources: Sequence[Source], **params: Any) -> None:
        super().__init__(**params)
        self.session = session
        self._sources = {source.title: source for source in sources}
        self._filling = False
        self._unread: list[Path] = []
        self._asking = False
        wide: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0, "size": "small"}
        self.choice = pmui.Select(label="Data set", **wide)
        self.about = html()
        self.upload = pmui.FileInput(
            label="Open or drop a file", multiple=True, variant="outlined",
            max_file_size=MOST_BYTES, max_total_file_size=MOST_BYTES, **wide,
        )  # fmt: skip
        self.progress = JobProgress(session, READ_JOB, jobs=session.reading)
        self.problem = pmui.Alert(
            severity="error", closeable=True, visible=False, margin=(6, 0), sizing_mode="stretch_width"
        )
        self.keys = {name: pmui.Select(label=f"{name} from", **wide) for name in QUANTITIES}
        self.units = pmui.Select(label="units", options={"as the file tells": "", **{u: u for u in UNITS}}, **wide)
        self.key_choice = pn.Column(
            *self.keys.values(),
            self.units,
            sizing_mode="stretch_width",
            margin=0,
            styles={"gap": "12px"},
            visible=False,
        )
        self.show_keys = pmui.Button(label="Take the references from elsewhere", variant="text", margin=0, size="small")
        self.show_keys.on_click(lambda _: self.key_choice.param.update(visible=not self.key_choice.visible))
        self.atomise = pmui.Button(
            label="Take the atomisation energies", variant="text", margin=0, size="small", visible=False
        )
        self.atomise.on_click(lambda _: session.read_with_keys(energy_key=self._atomisation_key() or ""))
        self.test_fraction = pmui.FloatSlider.from_param(
            session.param.test_fraction, label="kept for testing", start=0.0, end=0.5, step=0.05, format="0%", **wide
        )
        self.split_by = pmui.RadioButtonGroup.from_param(
            session.param.split_by, options={"of each group": "group", "of the whole": "random"}, label="", **wide
        )
        self._show_source()
        self._show_keys()
        self.choice.param.watch(self._choose, "value")
        self.upload.param.watch(self._uploaded, "value")
        session.param.watch(lambda *_: self._opened(), "dataset")
        session.param.watch(lambda *_: self._show_refusal(), "refused")
        for name, widget in self.keys.items():
            widget.param.watch(lambda event, name=name: self._choose_key(name, event.new), "value")
        self.units.param.watch(self._choose_units, "value")

    # -- choosing ------------------------------------------------------------------------------------------------

    def _opened(self) -> None:
        self._unread, self._asking = [], False
        self._show_source()
        self._show_keys()

    def _source(self) -> Source | None:
        """The bundled set that is open, if one is."""
        return next((source for source in self._sources.values() if source.name == self.session.sample), None)

    def _show_source(self) -> None:
        """Name what is open in the menu, whether it is bundled or not."""
        source, known = self._source(), list(self._sources)
        here = source.title if source else self.session.title or "own data"
        with self._filling_in():
            self.choice.options = known if here in known else [here, *known]
            self.choice.value = here
        lines = [source.description, source.method] if source else []
        self.about.object = "".join(f'<div class="quiet">{escape(line)}</div>' for line in lines if line)
        self.about.visible = bool(lines)

    def _choose(self, event: Any) -> None:
        if not self._filling and event.new in self._sources:
            source = self._sources[event.new]
            self.session.start_reading(source.load, sample=source.name)

    def _uploaded(self, event: Any) -> None:
        if not event.new:
            return
        contents = event.new if isinstance(event.new, list) else [event.new]
        names = self.upload.filename if isinstance(self.upload.filename, list) else [self.upload.filename]
        files = self.session.kept(dict(zip(names, contents, strict=True)))
        if len(files) == 1 and files[0].suffix == SUFFIX:
            self.session.opening.start(files[0])
        else:
            self._read(files)

    def _read(self, files: Sequence[Path], **keys: str) -> None:
        self._unread, self._asking = list(files), False
        self.session.start_reading_files(files, **keys)

    def _choose_key(self, quantity: str, key: str | None) -> None:
        if self._filling:
            return
        if not self._unread:
            self.session.read_with_keys(**{f"{quantity}_key": key or ""})
        elif any(self.keys[name].value for name in REFERENCES):  # of files that were not understood yet
            chosen = {f"{name}_key": widget.value for name, widget in self.keys.items() if widget.value}
            self.session.start_reading_files(self._unread, **chosen)

    def _choose_units(self, event: Any) -> None:
        if self._filling:
            return
        if self._unread:
            self.session.start_reading_files(self._unread, **({"units": event.new} if event.new else {}))
        else:
            self.session.read_with_keys(units=event.new)

    def _show_refusal(self) -> None:
        """Say why data were not opened; where only the names of the references are missing, ask for them."""
        error = self.session.refused
        self.problem.param.update(object=str(error or ""), visible=error is not None)
        if error is None:
            return
        self._show_source()
        if isinstance(error, NoReferences) and self._unread:
            names = ", ".join(path.name for path in self._unread)
            self.problem.object = f"{names}: no reference energies or forces were recognised. Say below where they are."
            self._ask_for_keys(error.choices)
        elif self._unread and str(error).count("`units`"):
            self._ask_for_units()
        elif not self._asking:  # else what was chosen stays, to be changed
            self._unread = []
            self._show_keys()

    @contextmanager
    def _filling_in(self) -> Iterator[None]:
        """While the view itself changes its widgets, they mean nothing."""
        self._filling = True
        try:
            yield
        finally:
            self._filling = False

    # -- showing -------------------------------------------------------------------------------------------------

    def _ask_for_keys(self, choices: KeyChoices) -> None:
        """Offer the keys of files in which no references were recognised."""
        self._asking = True
        with self._filling_in():
            for name, widget in self.keys.items():
                options = {"none": "", **{key: key for key in getattr(choices, name)}}
                widget.param.update(options=options, value="", visible=True)
            self.units.visible = False
        self.show_keys.visible = self.atomise.visible = False
        self.key_choice.visible = True

    def _ask_for_units(self) -> None:
        """Offer the units of files that do not tell theirs."""
        self._asking = True
        for widget in self.keys.values():
            widget.visible = False
        self.show_keys.visible = self.atomise.visible = False
        self.units.visible = self.key_choice.visible = True

    def _show_keys(self) -> None:
        keys = self.session.dataset.keys
        with self._filling_in():
            for name, widget in self.keys.items():
                found, others = getattr(keys, name), getattr(keys.choices, name)
                options = {key: key for key in dict.fromkeys([*([found] if found else []), *others])}
                widget.param.update(options={**options, "none": ""}, value=found or "", visible=True)
            asked = self.session.keys.get("units", "")
            assumed = any(note.startswith("units:") for note in self.session.dataset.notes)
            self.units.param.update(value=asked, visible=bool(asked) or assumed)
        self.show_keys.visible = bool(self.session.files or self.session.sample)
        atomised = self._atomisation_key()
        self.atomise.visible = atomised is not None and atomised != keys.energy and self.show_keys.visible
        self.key_choice.visible = self.key_choice.visible and self.show_keys.visible

    def _atomisation_key(self) -> str | None:
        """Where atomisation energies are, if there are any."""
        names = self.session.dataset.keys.choices.energy
        return next((name for name in names if re.search("atomi[sz]ation", name, re.IGNORECASE)), None)

    @pn.depends("session.dataset")
    def _contents(self) -> pn.viewable.Viewable:
        data = self.session.dataset
        known = {"energy": data.n_energies, "forces": data.n_forces, "stress": data.n_stresses}
        rows = [
            ("structures", f"{len(data):,}", ""),
            ("atoms", f"{data.n_atoms.sum():,}", _range(data.n_atoms)),
            ("elements", " ".join(data.species), ""),
        ]
        for name, count in known.items():
            key = getattr(data.keys, name)
            rows.append((QUANTITIES[name], f"{count:,}", f"from {key}" if key else "none found"))
        cells = "".join(
            f'<tr><td class="quiet">{name}</td><td>{escape(value)}</td><td class="quiet">{escape(words)}</td></tr>'
            for name, value, words in rows
        )
        notes = "".join(f'<div class="note">{escape(note)}</div>' for note in data.notes)
        return html(f"<table>{cells}</table>{notes}")

    @pn.depends("session.dataset", "session.test_fraction", "session.split_by", "session.split_seed")
    def _split(self) -> pn.viewable.Viewable:
        train, test = self.session.split()
        return html(
            f'<span class="number">{len(train):,}</span> to fit, <span class="number">{len(test):,}</span> to test'
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return pn.Column(
            html('<span class="title">Data</span>'),
            self.choice,
            self.about,
            self.upload,
            self.progress,
            self.problem,
            self.atomise,
            self.show_keys,
            self.key_choice,
            self._contents,
            html('<span class="title">Training and test</span>', margin=(8, 0, 0, 0)),
            self.test_fraction,
            self.split_by,
            self._split,
            sizing_mode="stretch_width",
            margin=0,
            styles={"gap": "12px", "padding": "14px"},
        )


def _range(n_atoms: IntArray) -> str:
    """How large the structures are."""
    low, high = int(n_atoms.min()), int(n_atoms.max())
    return f"{low} in each" if low == high else f"{low}–{high} in each"
