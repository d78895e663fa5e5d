"""The top line: which data and which fitted model everything on the screen is about, and the job that runs."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import panel as pn

from potscope.explorer.session import MEV, Session
from potscope.explorer.views.jobs import JobProgress
from potscope.explorer.views.layout import html, number

LINE = """
:host { color: #ffffff; font-size: 14px; }
b { font-weight: 600; }
.quiet { opacity: 0.75; }
.words { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
"""


class HeaderView(pn.viewable.Viewer):
    """Data, fitted model, and progress of whatever runs."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self.session = session
        self.words = html(stylesheets=[LINE], align="center")
        self.progress = JobProgress(session, compact=True)
        session.param.watch(lambda *_: self._follow(), ["dataset", "fit"])
        self._follow()

    def _follow(self) -> None:
        data, fit = self.session.dataset, self.session.fit
        name = self.session.title
        contents = f"{len(data):,} structures of {' '.join(data.species)}"
        words = f"<b>{escape(name)}</b>&ensp;<span class='quiet'>{contents}</span>"
        if fit is not None:
            words += f"&emsp;<b>{escape(fit.label)}</b>&ensp;<span class='quiet'>{_errors(fit)}</span>"
        self.words.object = f'<span class="words">{words}</span>'

    def __panel__(self) -> pn.viewable.Viewable:
        return pn.Row(
            pn.Spacer(width=14),
            self.words,
            self.progress,
            sizing_mode="stretch_width",
            margin=0,
        )


def _errors(fit: Any) -> str:
    """The test errors of a fit in a few words; those of the training set where nothing else is here."""
    errors = fit.test_errors or fit.train_errors
    words = [
        number(scale * errors[key], digits, unit)
        for key, scale, digits, unit in (("energy_rmse", MEV, 1, "meV/atom"), ("force_rmse", 1.0, 3, "eV/Å"))
        if np.isfinite(errors.get(key, np.nan))
    ]
    return f"{fit.judged_by[0]} RMSE {', '.join(words)}"
