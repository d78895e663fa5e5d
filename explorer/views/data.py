"""The data: which set, what was found in it, and what is kept for testing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui

from potscope.core import Dataset
from potscope.explorer.session import Session
from potscope.explorer.views.layout import html

FORMATS = ".xyz,.extxyz,.gz,.db,.json,.traj,.cif,.vasp,.pdb,.out,.xml,.cfg,.lammpstrj,.nc"
MOST_BYTES = 500 * 1024**2

Sources = Mapping[str, Callable[[], Dataset]]

QUANTITIES = {"energy": "energies", "forces": "forces", "stress": "stresses", "group": "groups"}


class DataView(pn.viewable.Viewer):
    """The sidebar: choose or drop a dataset, see what is in it, set how it is split.

    Parameters
    ----------
    session
        The session.
    sources
        Bundled sets by title: functions that load them. The set the session starts with need not be among them.
    """

    def __init__(self, session: Session, sources: Sources, **params: Any) -> None:
        super().__init__(**params)
        self.session = session
        self._sources = dict(sources)
        self._filling = False
        wide: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0, "size": "small"}
        self.choice = pmui.Select(label="Data set", **wide)
        self.upload = pmui.FileInput(
            label="Open or drop a file", accept=FORMATS, multiple=True, variant="outlined",
            max_file_size=MOST_BYTES, max_total_file_size=MOST_BYTES, **wide,
        )  # fmt: skip
        self.problem = pmui.Alert(
            severity="error", closeable=True, visible=False, margin=(6, 0), sizing_mode="stretch_width"
        )
        self.keys = {name: pmui.Select(label=f"{name} from", **wide) for name in QUANTITIES}
        self.key_choice = pn.Column(
            *self.keys.values(), sizing_mode="stretch_width", margin=0, styles={"gap": "12px"}, visible=False
        )
        self.show_keys = pmui.Button(
            label="Take the references from other keys", variant="text", margin=0, size="small"
        )
        self.show_keys.on_click(lambda _: self.key_choice.param.update(visible=not self.key_choice.visible))
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
        session.param.watch(lambda _: self._show_source(), "dataset")
        session.param.watch(lambda _: self._show_keys(), "dataset")
        for name, widget in self.keys.items():
            widget.param.watch(lambda event, name=name: self._choose_key(name, event.new), "value")

    # -- choosing ------------------------------------------------------------------------------------------------

    def _show_source(self) -> None:
        """Name what is open in the menu, whether it is bundled or not."""
        name = self.session.dataset.name
        known = list(self._sources)
        title = next((title for title in known if title.lower().startswith(name.lower())), None)
        files = ", ".join(path.name for path in self.session.files)
        here = title if title and not self.session.files else files or name
        with self._filling_in():
            self.choice.options = known if here in known else [here, *known]
            self.choice.value = here

    def _choose(self, event: Any) -> None:
        if self._filling or event.new not in self._sources:
            return
        self._open(lambda: self.session.open(self._sources[event.new]()))

    def _uploaded(self, event: Any) -> None:
        if not event.new:
            return
        contents = event.new if isinstance(event.new, list) else [event.new]
        names = self.upload.filename if isinstance(self.upload.filename, list) else [self.upload.filename]
        self._open(lambda: self.session.read_contents(dict(zip(names, contents, strict=True))))

    def _choose_key(self, quantity: str, key: str | None) -> None:
        if not self._filling:
            self._open(lambda: self.session.read_with_keys(**{f"{quantity}_key": key or ""}))

    def _open(self, action: Callable[[], None]) -> None:
        """Do what opens a dataset; where the data are at fault, say so and keep what is open."""
        try:
            action()
        except (ValueError, TypeError, OSError) as error:
            self.problem.param.update(object=str(error), visible=True)
            self._show_source()
            self._show_keys()
        else:
            self.problem.visible = False

    @contextmanager
    def _filling_in(self) -> Iterator[None]:
        """While the view itself changes its widgets, they mean nothing."""
        self._filling = True
        try:
            yield
        finally:
            self._filling = False

    # -- showing -------------------------------------------------------------------------------------------------

    def _show_keys(self) -> None:
        keys = self.session.dataset.keys
        with self._filling_in():
            for name, widget in self.keys.items():
                found, others = getattr(keys, name), getattr(keys.choices, name)
                options = {key: key for key in dict.fromkeys([*([found] if found else []), *others])}
                widget.options = {**options, "none": ""}
                widget.value = found or ""
        self.show_keys.visible = bool(self.session.files)
        self.key_choice.visible = self.key_choice.visible and self.show_keys.visible

    @pn.depends("session.dataset")
    def _contents(self) -> pn.viewable.Viewable:
        data = self.session.dataset
        known = {"energy": data.n_energies, "forces": data.n_forces, "stress": data.n_stresses}
        rows = [
            ("structures", f"{len(data):,}", ""),
            ("atoms", f"{data.n_atoms.sum():,}", f"{data.n_atoms.min()}–{data.n_atoms.max()} in each"),
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
            self.upload,
            self.problem,
            self._contents,
            self.show_keys,
            self.key_choice,
            html('<span class="title">Training and test</span>', margin=(8, 0, 0, 0)),
            self.test_fraction,
            self.split_by,
            self._split,
            sizing_mode="stretch_width",
            margin=0,
            styles={"gap": "12px", "padding": "14px"},
        )
