"""Several potentials on the same data, as a session compares them: which, and what came of it."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import param

from potscope.core.comparison import Comparison, compare
from potscope.core.descriptors import REGISTRY as DESCRIPTORS
from potscope.core.refitting import unfitted
from potscope.explorer.defaults import from_data, suggested

if TYPE_CHECKING:
    from potscope.core._types import IntArray
    from potscope.core.progress import Progress
    from potscope.explorer.opened import Opened
    from potscope.explorer.session import Session
    from potscope.explorer.work import Fit

COMPARE_JOB = "Comparison"
REPEATS = 2
"""Draws of each size in a learning curve."""

FEW = 2
"""How many families are chosen at first."""


@dataclass(frozen=True)
class Candidate:
    """A potential that can be compared, and what its fit takes for groups of the data.

    It is fitted to the structures that all are fitted to, unless it was read from a file: then it is tested as it is,
    and `seen` are the structures of the dataset that it was trained on, if its file says so.
    """

    model: Any
    groups: Mapping[str, Any] = field(default_factory=dict)
    source: Opened | None = None
    seen: IntArray | None = None


class Comparing(param.Parameterized):
    """Families with their usual settings, and what was fitted in this session, on the split of the session.

    Parameters
    ----------
    session
        The session.
    """

    chosen = param.List(default=[], item_type=str, doc="Names of what is to be compared.")
    curves = param.Boolean(default=False, doc="Whether learning curves are made, which takes some more fits of each.")
    comparison = param.ClassSelector(class_=Comparison, doc="What came of it.")
    fits = param.Dict(default={}, doc="What was fitted to these data, by its label.")

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        session.param.watch(lambda event: self._keep(event.new), "fit")
        session.param.watch(lambda *_: self._forget(), "dataset")
        self._choose_first()

    def _forget(self) -> None:
        self.param.update(fits={}, comparison=None)
        self._choose_first()

    def _choose_first(self) -> None:
        """A few that stand on the descriptor of the fit, or on none."""
        scopes, models = (DESCRIPTORS[self.session.descriptor.choice].scope, "none"), self.session.model.registry
        self.chosen = [name for name in self.families() if models[name].descriptor_scope in scopes][:FEW]

    def _keep(self, fit: Fit | None) -> None:
        if fit is None or fit.dataset is not self.session.dataset:
            return
        if fit.source is None:
            candidate = Candidate(unfitted(fit.model), dict(fit.model.groups_))
            own = type(getattr(fit.model, "correction", fit.model)).__name__
            others = [name for name in self.chosen if name != own]
        else:
            seen = fit.train_indices if fit.source.trained_on else None
            candidate, others = Candidate(fit.model, source=fit.source, seen=seen), self.chosen
        self.fits = {**self.fits, fit.label: candidate}
        self.chosen = [*(name for name in others if name != fit.label), fit.label]

    def families(self) -> list[str]:
        """The families that there is a descriptor for."""
        offered = self.session.map_descriptor.param["choice"].objects
        scopes = {"none", *(DESCRIPTORS[name].scope for name in offered)}
        return [name for name, cls in self.session.model.registry.items() if cls.descriptor_scope in scopes]

    def offered(self) -> list[str]:
        """Names of all that can be compared: what was fitted, and the families."""
        return [*self.fits, *self.families()]

    def candidate(self, name: str) -> Candidate:
        """What is compared under a name.

        Raises
        ------
        ValueError, TypeError
            If it cannot be made with the settings of the session.
        """
        if name in self.fits:
            kept: Candidate = self.fits[name]
            return kept
        session = self.session
        if name == session.model.choice:  # as it is set
            train, _ = session.split()
            groups = session.groups.of(session.dataset.groups[index] for index in train)
            return Candidate(session.build_model(), groups)
        cls = session.model.registry[name]
        if cls.descriptor_scope == "none":
            return Candidate(cls())
        return Candidate(cls(self._descriptor(cls.descriptor_scope)))

    def _descriptor(self, scope: str) -> Any:
        """That of the fit where the scope is its, that of the map likewise, or the first there is."""
        session = self.session
        for settings in (session.descriptor, session.map_descriptor):
            if settings.chosen.scope == scope:
                return settings.build(species=session.dataset.species)
        names = session.map_descriptor.param["choice"].objects
        cls = DESCRIPTORS[next(name for name in names if DESCRIPTORS[name].scope == scope)]
        return cls(**from_data(cls, session.dataset), **suggested(cls, session.dataset))

    def problem(self) -> str:
        """Why nothing can be compared now; empty if something can."""
        if not self.session.dataset.n_energies:
            return "no reference energies in these data"
        if not self.chosen:
            return "nothing is chosen"
        if not len(self.session.split()[1]):
            return "no structures are kept for testing"
        try:
            for name in self.chosen:
                self.candidate(name)
        except (ValueError, TypeError) as error:
            return str(error)
        return ""

    def cautions(self) -> list[str]:
        """What has to be known of potentials that are not fitted here, a sentence each."""
        _, test = self.session.split()
        words = []
        for name in self.chosen:
            if name not in self.fits or self.fits[name].source is None:
                continue
            seen = self.fits[name].seen
            if seen is None:
                words.append(f"{name} is tested as it is; its file does not say what it was trained on.")
            else:
                count = int(np.isin(test, seen).sum())
                words.append(
                    f"{name} is tested as it is; it was trained on {count} of the {len(test)} test structures."
                )
        return words

    def start(self) -> None:
        """Fit and test what is chosen, one after the other, as a job."""
        data, (train, test) = self.session.dataset, self.session.split()
        candidates = {name: self.candidate(name) for name in self.offered() if name in self.chosen}
        repeats = REPEATS if self.curves else 0

        def run(progress: Progress) -> Comparison:
            return compare(
                {name: candidate.model for name, candidate in candidates.items()},
                data[train],
                data[test],
                groups={name: candidate.groups for name, candidate in candidates.items() if candidate.groups},
                repeats=repeats,
                as_they_are=[name for name, candidate in candidates.items() if candidate.source],
                progress=progress,
            )

        self.session.jobs.start(COMPARE_JOB, run, lambda result: self.param.update(comparison=result))

    def saved(self) -> io.BytesIO:
        """The file of the comparison, as `Comparison.save` writes it."""
        if self.comparison is None:
            raise ValueError("`comparison`: expected one to save, got None")
        with tempfile.TemporaryDirectory() as folder:
            return io.BytesIO(self.comparison.save(Path(folder) / "comparison.json").read_bytes())
