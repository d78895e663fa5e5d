"""A button that shows the Python of what is on the screen."""

from __future__ import annotations

from typing import Any

import panel as pn
import panel_material_ui as pmui

from potscope.explorer.code import code
from potscope.explorer.session import Session

MONOSPACE = {"& textarea": {"fontFamily": "monospace", "fontSize": "13px", "lineHeight": 1.5, "whiteSpace": "pre"}}


class CodeButton(pn.viewable.Viewer):
    """Opens a window with the program that reproduces a view, to be copied.

    Parameters
    ----------
    session
        The session.
    what
        As of `potscope.explorer.code.code`.
    """

    def __init__(self, session: Session, what: str, **params: Any) -> None:
        super().__init__(**params)
        self.session, self._what = session, what
        self.button = pmui.Button(
            label="Show code", variant="text", size="small", margin=0, on_click=lambda _: self.open()
        )
        self.text = pmui.TextAreaInput(rows=18, max_rows=30, sizing_mode="stretch_width", margin=0, sx=MONOSPACE)
        self.copy = pmui.Button(label="Copy", variant="contained", size="small", margin=(10, 0, 0, 0))
        self.copy.js_on_click(args={"text": self.text}, code="navigator.clipboard.writeText(text.data.value)")
        self.window = pmui.Dialog(
            self.text, self.copy, title="The same in Python", open=False, width_option="md",
            close_on_click=True, show_close_button=True,
        )  # fmt: skip

    def open(self) -> None:
        """Show the program as it is now."""
        self.text.value = code(self.session, self._what)
        self.window.open = True

    def __panel__(self) -> pn.viewable.Viewable:
        return pn.Row(self.button, self.window, margin=0, width=92)
