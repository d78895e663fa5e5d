"""What the views share: cards, small texts, and the sheets of style that make them one page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import Any

import panel as pn

from potscope.explorer import style

GRID_ONLY = ":host { min-height: 0 !important; } :host > .scroll-button { display: none; }"
"""For columns laid out as grids: the button that Panel adds to every column would be one of the cells, and the least
height that it reckons is that of a column."""

CARD = """
:host {
  background: var(--panel-surface-color);
  border: 1px solid rgba(128, 138, 150, 0.28);
  border-radius: 8px;
  overflow: hidden;
  min-height: 0;
  min-width: 0;
  container-type: inline-size;
}
"""

HEADER = """
:host { align-items: center; gap: 10px; padding: 10px 10px 2px 14px; min-height: 40px; flex-wrap: wrap; }
"""

HTML = f"""
:host {{ color: var(--panel-on-surface-color); font-family: var(--bokeh-base-font, sans-serif); font-size: 13px; }}
.title {{ font-size: 15px; font-weight: 600; white-space: nowrap; }}
.quiet {{ opacity: 0.68; }}
.number {{ font-variant-numeric: tabular-nums; white-space: nowrap; }}
.chips {{ display: flex; flex-wrap: wrap; gap: 2px 12px; line-height: 20px; }}
.chip {{ white-space: nowrap; }}
.dot {{ display: inline-block; width: 9px; height: 9px; border-radius: 50%; margin-right: 5px; }}
.facts {{ display: flex; flex-wrap: wrap; gap: 6px 22px; }}
.fact .name {{ display: block; font-size: 11px; opacity: 0.68; line-height: 14px; }}
.fact .value {{ font-size: 15px; line-height: 20px; font-variant-numeric: tabular-nums; white-space: nowrap; }}
.worse {{ color: {style.TEST}; }}
.note {{ margin: 4px 0; padding-left: 8px; border-left: 3px solid {style.CATEGORICAL[5]}; line-height: 17px; }}
table {{ border-collapse: collapse; width: 100%; line-height: 21px; }}
td, th {{ padding: 0 10px 0 0; text-align: left; vertical-align: top; font-weight: normal; }}
td.number, th.number {{ text-align: right; }}
th {{ font-size: 11px; opacity: 0.68; }}
code {{ font-size: 12px; }}
pre {{ margin: 0; font-size: 12px; line-height: 17px; white-space: pre-wrap; }}
"""


def html(text: str = "", **params: Any) -> pn.pane.HTML:
    """A small text in the page's own type."""
    defaults: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0, "stylesheets": [HTML]}
    return pn.pane.HTML(text, **{**defaults, **params})


def title(text: str) -> pn.pane.HTML:
    """The heading of a card."""
    return html(f'<span class="title">{escape(text)}</span>', sizing_mode=None)


def header(*objects: Any) -> pn.Row:
    """The line at the top of a card; it wraps where it has no room."""
    return pn.Row(*objects, sizing_mode="stretch_width", margin=0, stylesheets=[HEADER])


def card(*objects: Any, **params: Any) -> pn.Column:
    """A framed part of the page that fills the room it is given."""
    defaults: dict[str, Any] = {"sizing_mode": "stretch_both", "margin": 0, "stylesheets": [CARD]}
    return pn.Column(*objects, **{**defaults, **params})


SHAPES = {
    "square": "border-radius: 0",
    "triangle": "border-radius: 0; clip-path: polygon(50% 0, 100% 100%, 0 100%)",
    "diamond": "border-radius: 0; clip-path: polygon(50% 0, 100% 50%, 50% 100%, 0 50%)",
    "inverted_triangle": "border-radius: 0; clip-path: polygon(0 0, 100% 0, 50% 100%)",
}
"""How a dot is given the shape of a marker; others stay round."""


def chip(colour: str, name: str, words: str = "", marker: str = "circle") -> str:
    """A dot, or another marker, and a name, and perhaps a few quiet words."""
    quiet = f' <span class="quiet number">{escape(words)}</span>' if words else ""
    shape = f"; {SHAPES[marker]}" if marker in SHAPES else ""
    dot = f'<span class="dot" style="background:{colour}{shape}"></span>'
    return f'<span class="chip">{dot}{escape(name)}{quiet}</span>'


def chips(entries: Iterable[tuple[str, ...]], most: int = 14) -> str:
    """A legend: a dot, a name and a few quiet words each.

    Parameters
    ----------
    entries
        The arguments of `chip` for each.
    most
        How many are shown, or one more; of the others only the number is.
    """
    entries = list(entries)
    most = len(entries) if len(entries) == most + 1 else most
    shown = [chip(*entry) for entry in entries[:most]]
    if len(entries) > most:
        shown.append(f'<span class="chip quiet">and {len(entries) - most} more</span>')
    return f'<div class="chips">{"".join(shown)}</div>'


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """Names and values side by side."""
    cells = (
        f'<span class="fact"><span class="name">{escape(name)}</span><span class="value">{escape(value)}</span></span>'
        for name, value in rows
    )
    return f'<div class="facts">{"".join(cells)}</div>'


def save_name(text: str) -> str:
    """A text as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower()


def number(value: float, digits: int, unit: str = "", sign: bool = False) -> str:
    """A number with its unit, and a dash for what is unknown."""
    if value != value:
        return "–"
    text = f"{value:{'+' if sign else ''}.{digits}f}".replace("-", "−")
    return f"{text}\N{NO-BREAK SPACE}{unit}" if unit else text


def duration(seconds: float) -> str:
    """A time with as many digits as mean something."""
    if seconds < 10:
        return f"{seconds:.2g} s" if seconds >= 0.01 else f"{1000 * seconds:.2g} ms"
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"
