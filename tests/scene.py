"""Looking at the 3D view's real pixels, and asking where its atoms are; also inside shadow roots.

Every function takes a Playwright page; `which` numbers the views on it, in the order of the page.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

WHITE = (255, 255, 255)

_VIEWS = """
const views = [];
const walk = (node) => { for (const child of node.querySelectorAll('*')) {
  if (child.classList.contains('sv-box')) views.push(child);
  if (child.shadowRoot) walk(child.shadowRoot);
} };
walk(document);
const box = views[which];
const stage = box?.structureStage;
"""

_PIXELS = """
const source = box?.querySelector('canvas');
if (!source?.width) return null;
stage?.stage.viewer.render();
const copy = document.createElement('canvas');
copy.width = source.width; copy.height = source.height;
const painter = copy.getContext('2d');
painter.fillStyle = getComputedStyle(source).backgroundColor;  // NGL's own background is transparent
painter.fillRect(0, 0, copy.width, copy.height);
painter.drawImage(source, 0, 0);
const bytes = painter.getImageData(0, 0, copy.width, copy.height).data;
let text = '';
for (let k = 0; k < bytes.length; k += 32768) text += String.fromCharCode.apply(null, bytes.subarray(k, k + 32768));
return [copy.height, copy.width, btoa(text)];
"""


def ask(page: Any, javascript: str, which: int = 0, **values: Any) -> Any:
    """Run JavaScript that sees `box` and `stage` of a view, and `values`; its returned value."""
    names = ", ".join(["which", *values])
    return page.evaluate(f"async ({{ {names} }}) => {{ {_VIEWS} {javascript} }}", {"which": which, **values})


def wait_for(page: Any, condition: str, which: int = 0, timeout: float = 30, **values: Any) -> None:
    """Wait until JavaScript that sees what it sees in `ask` returns true; `timeout` in seconds."""
    names = ", ".join(["which", *values])
    function = f"({{ {names} }}) => {{ {_VIEWS} return Boolean({condition}); }}"
    page.wait_for_function(function, arg={"which": which, **values}, timeout=1000 * timeout)


def wait_drawn(page: Any, view: Any = None, which: int = 0, timeout: float = 30) -> None:
    """Wait until a structure is on the screen: the one `view`, a `StructureView`, holds now, or any."""
    wanted = view.scene["id"] if view is not None else None
    wait_for(page, "stage?.scene && (wanted === null || stage.scene.id === wanted)", which, timeout, wanted=wanted)


def pixels(page: Any, which: int = 0) -> NDArray[np.uint8]:
    """What the view shows, as RGB, height × width × 3."""
    answer = ask(page, _PIXELS, which)
    assert answer is not None, "the view has no canvas, or one without size"
    height, width, text = answer
    return np.frombuffer(base64.b64decode(text), dtype=np.uint8).reshape(height, width, 4)[..., :3]


def ink(page: Any, background: tuple[int, int, int] = WHITE, which: int = 0) -> float:
    """The fraction of the view that is not background."""
    difference = np.abs(pixels(page, which).astype(int) - np.array(background)).sum(axis=-1)
    return float((difference > 30).mean())


def n_colours(page: Any, which: int = 0) -> int:
    """How many different colours the view shows: few for a flat fill, hundreds for a shaded scene."""
    return len(np.unique(pixels(page, which).reshape(-1, 3), axis=0))


def colour_at_atom(page: Any, drawn_index: int, which: int = 0) -> tuple[int, int, int]:
    """The colour in the middle of an atom, if nothing hides it."""
    x, y = ask(page, _PLACE + "return [place.x, rect.height - place.y].map(Math.round);", which, index=drawn_index)
    red, green, blue = pixels(page, which)[y, x]
    return int(red), int(green), int(blue)


def atom_place(page: Any, drawn_index: int, which: int = 0) -> tuple[float, float]:
    """Where on the page an atom is, in pixels; images follow the atoms of the original cell."""
    x, y = ask(page, _PLACE + "return [rect.x + place.x, rect.y + rect.height - place.y];", which, index=drawn_index)
    return x, y


def atom_positions(page: Any, which: int = 0) -> NDArray[np.float64]:
    """Positions of all that is drawn, Å."""
    store = "const { x, y, z, count } = stage.component.structure.atomStore;"
    return np.array(ask(page, store + "return [x, y, z].map((q) => [...q.slice(0, count)]);", which)).T


def click_atom(page: Any, drawn_index: int, which: int = 0) -> None:
    """Move to an atom and click it."""
    x, y = atom_place(page, drawn_index, which)
    page.mouse.move(x - 3, y)
    page.mouse.move(x, y)
    page.mouse.click(x, y)


_PLACE = """
const rect = box.querySelector('canvas').getBoundingClientRect();
const atom = stage.component.structure.getAtomProxy(index);
const place = stage.stage.viewerControls.getPositionOnCanvas(atom.positionToVector3());
"""
