"""Colours and page theme: one categorical and one sequential palette, safe for the colour-blind, in both themes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

CATEGORICAL = ("#2a82c9", "#e8930c", "#12a078", "#c869a6", "#db5c1f", "#6fb7e6", "#9a86d8", "#9aa13a")
"""Okabe and Ito's colours, a little shifted so that each stands out from white and from near-black alike."""

MARKERS = ("circle", "square", "triangle", "diamond", "inverted_triangle", "hex", "star", "plus")
"""Taken in turn after each round of colours, so that more groups than colours stay distinguishable."""

SELECTION = "#e0218a"
"""The ring around what is selected, in every plot: a hue that no palette here has."""

TRAIN, TEST = CATEGORICAL[0], CATEGORICAL[1]
"""Structures the model was fitted to, and structures kept for testing."""

NEUTRAL = "#8a929c"
"""Diagonals, zero lines and what is unknown."""

# Viridis without its two ends: the first is lost on a dark page, the last on a white one.
_VIRIDIS_STOPS = ("#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#e2d326")


def interpolate(stops: Sequence[str], n_colours: int) -> list[str]:
    """Colours at equal steps between the given ones.

    Parameters
    ----------
    stops
        Hexadecimal colours, as in ``"#46327e"``.
    n_colours
        How many colours to return.
    """
    rgb_sc = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in stops], dtype=float)
    position_k = np.linspace(0, len(stops) - 1, n_colours)
    channels = [np.interp(position_k, np.arange(len(stops)), rgb_sc[:, c]) for c in range(3)]
    return ["#{:02x}{:02x}{:02x}".format(*(round(value) for value in rgb)) for rgb in zip(*channels, strict=True)]


SEQUENTIAL = tuple(interpolate(_VIRIDIS_STOPS, 256))

DIVERGING = tuple(interpolate(("#1a5ba6", "#6ba1d4", "#c6cacf", "#e6a05a", "#b9540c"), 255))
"""For numbers of either sign: blue below zero, grey at zero, orange above."""

LIGHT = {
    "background": "#f4f6f8",
    "surface": "#ffffff",
    "scene": "#ffffff",
    "text": "#1c2530",
    "icon": "#4a5561",
    "header": "#17344f",
}
DARK = {
    "background": "#12171d",
    "surface": "#1a2129",
    "scene": "#1a2129",
    "text": "#e4e9ee",
    "icon": "#aeb8c2",
    "header": "#10161d",
}


def group_colours(groups: Sequence[str]) -> dict[str, str]:
    """A colour for each distinct group, in order of first appearance."""
    distinct = list(dict.fromkeys(groups))
    return {group: CATEGORICAL[i % len(CATEGORICAL)] for i, group in enumerate(distinct)}


def group_markers(groups: Sequence[str]) -> dict[str, str]:
    """A marker for each distinct group; it changes after each round of the colours."""
    distinct = list(dict.fromkeys(groups))
    return {group: MARKERS[(i // len(CATEGORICAL)) % len(MARKERS)] for i, group in enumerate(distinct)}


def _theme(colours: dict[str, str], primary: str) -> dict[str, Any]:
    """Material theme of one mode: quiet surfaces, a low dark bar, sentence case, small controls."""
    plain = {"textTransform": "none"}
    bar = {"backgroundColor": colours["header"], "backgroundImage": "none", "color": "#ffffff", "boxShadow": "none"}

    def root(rules: dict[str, str]) -> dict[str, Any]:
        return {"styleOverrides": {"root": rules}}

    return {
        "palette": {
            "primary": {"main": primary},
            "background": {"default": colours["background"], "paper": colours["surface"]},
            "text": {"primary": colours["text"]},
            "default": {"main": colours["text"], "dark": colours["icon"]},
        },
        "typography": {"h3": {"fontSize": "1.25rem", "fontWeight": 700}, "fontSize": 13},
        "components": {
            "MuiAppBar": root(bar),
            "MuiToolbar": {"styleOverrides": {"root": {"minHeight": "48px !important"}}},
            "MuiTabs": root({"minHeight": "40px"}),
            "MuiTab": root({**plain, "minHeight": "40px", "fontSize": "14px"}),
            "MuiToggleButton": root({**plain, "paddingTop": "4px", "paddingBottom": "4px"}),
            "MuiInputLabel": root({"fontSize": "13px"}),
            "MuiInputBase": root({"fontSize": "14px"}),
            "MuiAccordionSummary": {"styleOverrides": {"content": {"margin": "6px 0"}, "root": {"minHeight": "32px"}}},
        },
    }


THEME: dict[str, Any] = {"light": _theme(LIGHT, "#1668ac"), "dark": _theme(DARK, "#5aa9e6")}
"""Configuration of the page's Material theme, for each of the two modes."""
