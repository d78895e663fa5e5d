"""The 3D view of atomic structures: NGL inside a Panel component.

    view = StructureView(atoms, dark=True, repeat=(2, 2, 1))
    view.color_by(np.linalg.norm(error_nc, axis=1), "force error", unit="eV/Å")
    view.param.watch(lambda event: print(event.new), "picked")

The browser does what must be smooth: frames, colours, picking, bonds. Python turns structures into a *scene*
(`structure_scene.py`) and values into a *colouring*, each of which reaches the browser whole or not at all. The
JavaScript is in `javascript/`, one file a subject; they are joined into one module, as Panel hands the browser one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import panel as pn
import param
from ase import Atoms
from bokeh.palettes import Viridis256
from numpy.typing import ArrayLike, NDArray

from potscope.explorer.ngl import ngl_source, ngl_url
from potscope.explorer.structure_scene import as_trajectory, make_scene

REPRESENTATIONS = ("ball+stick", "spacefill", "licorice", "line", "hyperball", "point")
CAMERAS = ("perspective", "orthographic")

_JAVASCRIPT = ("ngl.js", "geometry.js", "overlay.js", "stage.js", "structure_view.js")
_PYTHON_ONLY = -1  # a parameter of negative precedence is no property of the browser's model
_KEPT_IN_PYTHON = ("object", "repeat", "scalars", "scalar_name", "scalar_unit", "clim", "palette")


class _Structures(param.Parameter[Any]):
    """`ase.Atoms`, a list of them made of the same atoms, or None; refused before it is stored."""

    def _validate(self, val: Any) -> None:
        super()._validate(val)
        as_trajectory(val)


class _Repeat(param.Parameter[Any]):
    """Three positive whole numbers."""

    def _validate(self, val: Any) -> None:
        super()._validate(val)
        is_whole = isinstance(val, tuple) and all(isinstance(n, int | np.integer) and n >= 1 for n in val)
        if not is_whole or len(val) != 3:
            raise ValueError(f"`repeat` must be a tuple of three whole numbers, each at least 1, not {val!r}")


def _module() -> str:
    folder = Path(__file__).parent / "javascript"
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in _JAVASCRIPT)


class StructureView(pn.custom.JSComponent):
    """One structure, or a trajectory, in three dimensions.

    Setting `object` without setting `scalars`, `selected` or `frame` in the same `param.update` clears those three:
    they belong to the structure before. Structures are read when they are set; one changed in place must be set again.
    """

    object = _Structures(
        default=None, precedence=_PYTHON_ONLY, doc="ase.Atoms, a list of ase.Atoms of the same atoms, or None"
    )
    frame = param.Integer(
        default=0,
        bounds=(0, None),
        doc="which frame is drawn; beyond the last, the last: a player linked in the browser may run ahead of Python",
    )
    repeat = _Repeat(
        default=(1, 1, 1),
        precedence=_PYTHON_ONLY,
        doc="how often the cell is drawn along each vector; directions that are not periodic are drawn once",
    )
    representation: Any = param.Selector(default="ball+stick", objects=list(REPRESENTATIONS))
    show_cell = param.Boolean(default=True, doc="whether the edges of the cell are drawn")
    show_legend = param.Boolean(default=True, doc="whether the elements, or the colour bar, are explained in the view")

    scalars = param.Array(
        default=None,
        precedence=_PYTHON_ONLY,
        doc="values to colour by, shape (atoms,) or (frames, atoms); NaN is grey; None colours by element",
    )
    scalar_name = param.String(default="value", precedence=_PYTHON_ONLY)
    scalar_unit = param.String(default="", precedence=_PYTHON_ONLY)
    clim = param.Range(
        default=None, allow_None=True, precedence=_PYTHON_ONLY, doc="values at the ends of the palette; None: extremes"
    )
    palette = param.List(default=list(Viridis256), item_type=str, precedence=_PYTHON_ONLY, doc="colours as '#rrggbb'")

    selected = param.List(default=[], item_type=int, doc="indices of the atoms to highlight")
    picked = param.Dict(
        default={},
        doc="the last click: 'index' of the atom in `object` (None beside all atoms), 'element', the periodic 'image' "
        "as three whole numbers, and 'click', which counts so that a second click on one atom is an event too",
    )

    dark = param.Boolean(default=False, doc="whether the view is drawn for a dark page")
    bgcolor = param.Color(default=None, allow_None=True, doc="background; None: white, or near black if `dark`")
    camera: Any = param.Selector(default="perspective", objects=list(CAMERAS))
    keep_camera = param.Boolean(default=False, doc="whether a new structure is seen from where the last one was")
    caption = param.String(default="", doc="text at the top left of the view")

    status = param.String(default="", doc="'drawn', 'empty', or 'failed: ...' with the reason; set by the browser")
    drawn = param.Integer(default=0, doc="`scene['id']` of what is on the screen; set by the browser")
    scene = param.Dict(default={}, doc="what is drawn, made from `object` and `repeat`; see `make_scene`")
    colouring = param.Dict(default={}, doc="how it is coloured, made from `scalars` and its companions")
    ngl_url = param.String(default="", doc="where the browser finds NGL")

    _esm: ClassVar[str] = _module()
    _rename: ClassVar[dict[str, str | None]] = dict.fromkeys(_KEPT_IN_PYTHON)
    _inputs: ClassVar[list[str]] = [*_KEPT_IN_PYTHON, "frame", "selected"]

    def __init__(self, object: Atoms | list[Atoms] | None = None, **params: Any) -> None:  # noqa: A002  (Panel's word)
        self._deriving = False
        super().__init__(object=object, **{"ngl_url": ngl_url()} | params)
        self._derive(set(self._inputs))
        # onlychanged=False: a value set together with `object` counts as set even if it is the same as before.
        self.param.watch(self._on_input, self._inputs, onlychanged=False)

    @property
    def frames(self) -> tuple[Atoms, ...]:
        """The structures of `object`, one a frame."""
        return as_trajectory(self.object)

    def color_by(
        self,
        values: ArrayLike | None,
        name: str = "value",
        clim: tuple[float, float] | None = None,
        palette: Sequence[str] | None = None,
        unit: str = "",
    ) -> None:
        """Colour the atoms by a value each, with a colour bar in the view; None goes back to the elements.

        Parameters
        ----------
        values
            Shape (atoms,), or (frames, atoms) for values that change along the trajectory. NaN is drawn grey.
        name, unit
            What the colour bar says.
        clim
            Values at the two ends of the palette; the extremes of `values` if not given.
        palette
            Colours as '#rrggbb', low to high; the one in use if not given.
        """
        self.param.update(
            scalars=None if values is None else np.asarray(values, dtype=float),
            scalar_name=name,
            scalar_unit=unit,
            clim=clim,
            palette=self.palette if palette is None else list(palette),
        )

    def _on_input(self, *events: param.parameterized.Event) -> None:
        if not self._deriving:
            self._derive({event.name for event in events})

    def _derive(self, changed: set[str]) -> None:
        """Bring scene and colouring up to date, all in one message to the browser."""
        frames = self.frames
        update: dict[str, Any] = {}
        if "object" in changed:
            update |= {name: blank for name, blank in _blank().items() if name not in changed}
        self._check(frames, {"selected", "scalars", "palette"} - update.keys())
        if changed & {"object", "repeat"}:
            update["scene"] = make_scene(frames, self.repeat)
        if changed - {"frame", "selected", "repeat"}:
            update["colouring"] = self._colouring(update.get("scalars", self.scalars))
        with self._quietly():
            self.param.update(**update)

    def _check(self, frames: Sequence[Atoms], names: set[str]) -> None:
        """Refuse what does not fit the structure or cannot be drawn, leaving the view without it."""
        n_atoms = len(frames[0]) if frames else 0
        problems = {
            "selected": _selection_problem(self.selected, n_atoms),
            "scalars": _scalars_problem(self.scalars, len(frames), n_atoms),
            "palette": _palette_problem(self.palette),
        }
        for name in sorted(names):
            if problems[name]:
                with self._quietly():
                    self.param.update(**_after_refusal(name))
                raise ValueError(problems[name])

    def _colouring(self, values: NDArray[np.float64] | None) -> dict[str, Any]:
        if values is None:
            return {}
        finite = values[np.isfinite(values)]
        low, high = self.clim or ((float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0))
        return {
            "values": np.ascontiguousarray(values, dtype=np.float32).ravel(),
            "name": self.scalar_name,
            "unit": self.scalar_unit,
            "low": float(low),
            "high": float(high),
            "palette": self.palette,
        }

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        self._deriving = True
        try:
            yield
        finally:
            self._deriving = False

    def _handle_msg(self, data: Any) -> None:
        """Send NGL over the channel itself where the page's server doesn't serve it, as in a notebook."""
        if isinstance(data, dict) and data.get("need") == "ngl":
            self._send_msg({"ngl_source": ngl_source()})


def _blank() -> dict[str, Any]:
    return {"frame": 0, "selected": [], "scalars": None}


def _after_refusal(name: str) -> dict[str, Any]:
    if name == "selected":
        return {"selected": []}
    return {"scalars": None, "colouring": {}, "palette": list(Viridis256)}


def _palette_problem(palette: list[str]) -> str:
    wrong = next((colour for colour in palette if not re.fullmatch("#[0-9a-fA-F]{6}", colour)), None)
    if palette and wrong is None:
        return ""
    return f"`palette` must hold at least one colour as '#rrggbb', not {wrong!r}"


def _selection_problem(selected: list[int], n_atoms: int) -> str:
    outside = [index for index in selected if not 0 <= index < n_atoms]
    return f"`selected` must hold atom indices from 0 to {n_atoms - 1}, not {outside[0]}" if outside else ""


def _scalars_problem(scalars: NDArray[Any] | None, n_frames: int, n_atoms: int) -> str:
    if scalars is None or scalars.shape in {(n_atoms,), (n_frames, n_atoms)}:
        return ""
    expected = f"({n_atoms},)" + (f" or ({n_frames}, {n_atoms})" if n_frames > 1 else "")
    return f"`scalars` must have shape {expected}, not {scalars.shape}"
