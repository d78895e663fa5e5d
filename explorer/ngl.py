"""Where the NGL viewer's JavaScript is: in the installed nglview wheel, so no page asks the network for it."""

from __future__ import annotations

from pathlib import Path

from bokeh.embed.bundle import extension_dirs
from jupyter_core.paths import jupyter_path

EXTENSION = "nglview-js-widgets"


def ngl_folder() -> Path:
    """The folder that holds NGL's `index.js`.

    Raises
    ------
    FileNotFoundError
        If nglview, or the browser part of it, isn't installed.
    """
    for folder in jupyter_path("nbextensions"):
        candidate = Path(folder) / EXTENSION
        if (candidate / "index.js").is_file():
            return candidate
    raise FileNotFoundError(
        f"NGL's JavaScript was not found: no {EXTENSION}/index.js in any Jupyter nbextensions folder. "
        "Is nglview installed in this environment?"
    )


def ngl_url() -> str:
    """The address of NGL on every page that Bokeh or Panel serves, relative to the application's root.

    Bokeh serves each folder in `extension_dirs` under `static/extensions`, with or without a URL prefix.
    """
    extension_dirs.setdefault(EXTENSION, ngl_folder())
    return f"static/extensions/{EXTENSION}/index.js"


def ngl_source() -> str:
    """NGL itself, for pages that no Bokeh server serves, such as notebooks."""
    return (ngl_folder() / "index.js").read_text(encoding="utf-8")
